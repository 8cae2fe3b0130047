"""NBIA's questions but those for images: parameters, which series they take, and the rows of the answers."""

import hashlib
import time
import urllib.parse

from . import tcia_manifests
from .nbia_rows import (META_DATA_KEYS, METADATA_KEYS, PATIENT_KEYS, STUDY_KEYS, answer_rows, as_strings, clean, plain,
                        sentence, series_row, v1_date, v4_date)
from .server import Response, error_page, json_answer
from .tcia_data import V1_KEYS, V4_KEYS, tree_digest

_FILTERS = ("Collection", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined",
            "Manufacturer", "ManufacturerModelName")
_ANY_CASE = {"Collection", "PatientID", "PatientId"}
_ANY_CASE_IN_V4 = {"Modality", "BodyPartExamined", "Manufacturer", "ManufacturerModelName"}
# {name: parameters that v4 knows}; what is needed stands with each answer.
PARAMETERS = {
    "getCollectionValues": (), "getPatient": ("Collection", "PatientId"),
    "getPatientStudy": ("Collection", "PatientID", "StudyInstanceUID"), "getSeries": _FILTERS,
    "getSeriesSize": ("SeriesInstanceUID",), "getSOPInstanceUIDs": ("SeriesInstanceUID",),
    "getModalityValues": ("Collection", "BodyPartExamined"), "getBodyPartValues": ("Collection", "Modality"),
    "getManufacturerValues": ("Collection", "Modality", "BodyPartExamined"),
    "getCollectionValuesAndCounts": (), "getModalityValuesAndCounts": ("Collection", "BodyPartExamined"),
    "getBodyPartValuesAndCounts": ("Collection", "Modality"),
    "getManufacturerValuesAndCounts": ("Collection", "Modality", "BodyPartExamined"),
    "getImage": ("SeriesInstanceUID", "NewFileNames", "IncludeMD5"), "getImageWithMD5Hash": ("SeriesInstanceUID",),
    "getDCMImage": ("SeriesInstanceUID", "IncludeAnnotation", "MD5Verification"),
    "getSingleImage": ("SeriesInstanceUID", "SOPInstanceUID"), "getMD5HashForImage": ("SOPInstanceUID",),
    "getUpdatedSeries": ("fromDate",), "NewPatientsInCollection": ("Collection", "fromDate"),
    "NewStudiesInPatientCollection": ("Collection", "PatientID", "fromDate"),
    "getCollectionDescriptions": ("collectionName",), "getDicomTags": ("SeriesUID",)}
_POSTED = ("getMD5Hierarchy", "getSeriesMetadata", "getManifestForCollection", "getManifestText",
           "getCollectionOrSeriesForDOI", "getSimpleSearch", "getManifestForSimpleSearch")
_CRITERIA = {"CollectionCriteria": "Collection", "ImageModalityCriteria": "Modality",
             "AnatomicalSiteCriteria": "BodyPartExamined", "ManufacturerCriteria": "Manufacturer",
             "PatientCriteria": "PatientID"}
_OLD = ("getM5HashForImage", "getSeriesMetaData", "getContentsByName", "getDeniedSeries", "getUserAgreementTxt",
        "getAllSOPClassDefinition", "status")
NO_IMAGES = hashlib.md5(b"").hexdigest()


def _parse_date(text, form):
    try:
        return time.strptime(text, form)[:3]
    except ValueError:
        return None


class Lists:
    """The answers of one site."""

    def __init__(self, site):
        self.site = site

    def allowed(self, name, version):
        if name == "getImage" and not (version == "v4" and self.site.include_md5):
            return ("SeriesInstanceUID", "NewFileNames")
        return PARAMETERS[name]

    def answer(self, request, version, name):
        is_known = name in PARAMETERS or name in _POSTED or (version != "v4" and name in _OLD)
        make = getattr(self, f"_{name}", None)
        if not is_known or make is None:
            return error_page(404)
        if request.method != ("POST" if name in _POSTED else "GET"):
            return error_page(405)
        query = request.query
        if name in _POSTED:
            query = dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        elif version == "v4":
            allowed = (*self.allowed(name, version), "format")
            unknown = [key for key in query if key not in allowed]
            if unknown:
                return sentence(f"{unknown[0]} is no parameter of {name}. Allowed are: {', '.join(allowed)}")
        return make({key: value for key, value in query.items() if value}, 4 if version == "v4" else 1)

    def _series(self, query, version):
        """The public series that QUERY takes, one by one."""
        wanted = []
        for key, value in query.items():
            key = "PatientID" if key == "PatientId" else key
            if key in _FILTERS:
                loose = key in _ANY_CASE or (version == 4 and key in _ANY_CASE_IN_V4)
                wanted.append((key, value.lower() if loose else value, loose))
        uid, name = query.get("SeriesInstanceUID"), query.get("Collection")
        for collection in self.site.collections:
            if name is not None and collection.name.lower() != name.lower():
                continue
            some = [collection.find(uid)] if uid is not None else collection.series()
            for series in some:
                if series is None or not series.is_public:
                    continue
                row = series.row() if wanted else {}
                if all(str(row[key]).lower() == value if loose else str(row[key]) == value
                       for key, value, loose in wanted):
                    yield series

    def _rows(self, rows, keys, query, few=True):
        """An answer of ROWS, in no order that can be relied on; FEW: they may be held."""
        shuffler = self.site.shuffler()
        if few and shuffler is not None:
            rows = list(rows)
            shuffler.shuffle(rows)
        return answer_rows(rows, keys, query.get("format", "json").lower(), self.site.escape)

    def _values(self, key, query, version, shown=None, counted=False):
        found = {}
        for series in self._series(query, version):
            found.setdefault(series.row()[key], set()).add(series.patient)
        if counted:
            return self._rows(({"criteria": str(value), "count": len(patients)} for value, patients in found.items()),
                              ("criteria", "count"), query)
        shown = shown or key
        return self._rows(({shown: value} if value is not None else {} for value in found), (shown,), query)

    def _getCollectionValues(self, query, version):
        return self._rows([{"Collection": one.name} for one in self.site.collections], ("Collection",), query)

    def _getModalityValues(self, query, version):
        return self._values("Modality", query, version)

    def _getBodyPartValues(self, query, version):
        return self._values("BodyPartExamined", query, version)

    def _getManufacturerValues(self, query, version):
        return self._values("Manufacturer", query, version)

    def _getCollectionValuesAndCounts(self, query, version):
        return self._values("Collection", query, version, counted=True)

    def _getModalityValuesAndCounts(self, query, version):
        return self._values("Modality", query, version, counted=True)

    def _getBodyPartValuesAndCounts(self, query, version):
        return self._values("BodyPartExamined", query, version, counted=True)

    def _getManufacturerValuesAndCounts(self, query, version):
        return self._values("Manufacturer", query, version, counted=True)

    def _patient_rows(self, chosen, version):
        seen = set()
        for series in chosen:
            if (series.collection, series.patient) in seen:
                continue
            seen.add((series.collection, series.patient))
            row = {"PatientId": series.patient, "PatientName": "", "PatientSex": series.row()["PatientSex"],
                   "EthnicGroup": None, "Collection": series.collection, "Phantom": "NO", "SpeciesCode": "337915000",
                   "SpeciesDescription": "Homo sapiens"}
            if version == 4:
                row["Authorized"] = 1
            yield {key: value for key, value in row.items() if value is not None}

    def _getPatient(self, query, version):
        more = ("Authorized",) if version == 4 else ("PatientBirthDate",)
        return self._rows(self._patient_rows(self._series(query, version), version), PATIENT_KEYS + more, query)

    def _study_rows(self, chosen, version):
        spell, studies = v4_date if version == 4 else v1_date, {}
        for series in chosen:
            studies.setdefault(series.study, []).append(series)
        for study, inside in studies.items():
            full = inside[0].row()
            row = {"StudyInstanceUID": study, "StudyDate": full["StudyDate"] and spell(full["StudyDate"]),
                   "StudyDescription": full["StudyDesc"], "PatientAge": full["PatientAge"],
                   "PatientID": full["PatientID"], "PatientName": "", "PatientSex": full["PatientSex"],
                   "Collection": full["Collection"], "SeriesCount": len(inside)}
            if version == 4:
                row["Authorized"] = 1
            yield {key: value for key, value in row.items() if value is not None}

    def _getPatientStudy(self, query, version):
        more = ("Authorized",) if version == 4 else ()
        return self._rows(self._study_rows(self._series(query, version), version), STUDY_KEYS + more, query)

    def _getSeries(self, query, version):
        types = self.site.types if version == 4 else "native"
        rows = (self.site.told(series, series_row(series, version, types)) for series in self._series(query, version))
        few = sum(len(collection) for collection in self.site.collections) <= 20_000
        return self._rows(rows, V4_KEYS if version == 4 else tuple(V1_KEYS), query, few)

    def _getSeriesSize(self, query, version):
        if "SeriesInstanceUID" not in query:
            return _lacks("SeriesInstanceUID")
        rows = [{"TotalSizeInBytes": series.row()["FileSize"], "ObjectCount": series.row()["ImageCount"]}
                for series in self._series(query, version)]
        return self._rows(rows, ("TotalSizeInBytes", "ObjectCount"), query)

    def _getSOPInstanceUIDs(self, query, version):
        if "SeriesInstanceUID" not in query:
            return _lacks("SeriesInstanceUID")
        rows = [{"SOPInstanceUID": image.sop} for series in self._series(query, version) for image in series.images
                if self.site.sop_lists]
        return self._rows(rows, ("SOPInstanceUID",), query)

    def _getUpdatedSeries(self, query, version):
        if "fromDate" not in query:
            return _lacks("fromDate")
        since = _parse_date(query["fromDate"], "%m-%d-%Y" if version == 4 else "%d/%m/%Y")
        if since is None:
            return plain("", type=None)
        keys = V4_KEYS if version == 4 else (*V4_KEYS[:15], "DateReleased")
        rows = (row for series in self._series({}, version) if (series.row()["DateReleased"] or ()) > since
                for row in [series_row(series, version)])
        return self._rows(({key: row[key] for key in keys if key in row} for row in rows), keys, query)

    def _new(self, query, needed, rows):
        for key in needed:
            if key not in query:
                return _lacks(key)
        since = _parse_date(query["fromDate"], "%m-%d-%Y")
        chosen = (series for series in self._series(query, 4)
                  if since is not None and (series.row()["DateReleased"] or ()) > since)
        return self._rows(rows(chosen, 4), PATIENT_KEYS, query)

    def _NewPatientsInCollection(self, query, version):
        return self._new(query, ("Collection", "fromDate"), self._patient_rows)

    def _NewStudiesInPatientCollection(self, query, version):
        return self._new(query, ("Collection", "PatientID", "fromDate"), self._study_rows)

    def _getCollectionDescriptions(self, query, version):
        name = query.get("collectionName", "").lower()
        rows = [{"id": number, "collectionName": one.name, "description": f"<p>{one.description}</p>",
                 "descriptionURI": next((series.doi for series in one.series()), "")}
                for number, one in enumerate(self.site.collections, 1) if name in ("", one.name.lower())]
        return self._rows(rows, ("id", "collectionName", "description", "descriptionURI"), query)

    def _getDicomTags(self, query, version):
        if "SeriesUID" not in query:
            return _lacks("SeriesUID")
        series = self.site.find(query["SeriesUID"])
        rows = [] if series is None else [
            {"element": "(0008,0018)", "name": "SOP Instance UID", "data": series.images[0].sop},
            {"element": "(0008,0060)", "name": "Modality", "data": series.modality},
            {"element": "(0020,000E)", "name": "Series Instance UID", "data": series.uid}]
        return self._rows(rows, ("element", "name", "data"), query)

    def _image_digest(self, sop):
        for series in self._series({}, 4):
            for image in series.images:
                if image.sop == sop:
                    return plain(image.md5)
        return plain("", type=None)

    def _getMD5HashForImage(self, query, version):
        return self._image_digest(query["SOPInstanceUID"]) if "SOPInstanceUID" in query else _lacks("SOPInstanceUID")

    def _getM5HashForImage(self, query, version):
        return self._image_digest(query["SOPInstanceUid"]) if "SOPInstanceUid" in query else _lacks("SOPInstanceUid")

    def _getMD5Hierarchy(self, query, version):
        """No rights check, hidden images count; a collection's was computed beforehand, or not."""
        def study_hashes(chosen):
            studies = {}
            for series in chosen:
                studies.setdefault((series.patient, series.study), []).append(series.hash)
            return {key: tree_digest(hashes) for key, hashes in studies.items()}

        def patient_hashes(chosen):
            patients = {}
            for (patient, _), digest in study_hashes(chosen).items():
                patients.setdefault(patient, []).append(digest)
            return [tree_digest(hashes) for hashes in patients.values()]

        everything = [collection for collection in self.site.collections]
        if "SeriesInstanceUID" in query:
            found = [one for one in (each.find(query["SeriesInstanceUID"]) for each in everything) if one is not None]
            digests = [series.hash for series in found if series.images or series.hidden]
        elif "StudyInstanceUID" in query:
            digests = list(study_hashes(self._series({"StudyInstanceUID": query["StudyInstanceUID"]}, 4)).values())
        elif "PatientID" in query:
            digests = patient_hashes(self._series(query, 4))
        elif "Collection" in query:
            hashes = patient_hashes(self._series(query, 4)) if self.site.collection_hash else []
            digests = [tree_digest(hashes)] if hashes else []
        else:
            return _lacks("SeriesInstanceUID, StudyInstanceUID, PatientID or Collection")
        return plain(digests[0] if digests else self.site.unknown_hash, type="text/plain")

    def _getSeriesMetadata(self, query, version):
        if "list" not in query:
            return _lacks("list")
        rows = []
        for uid in query["list"].split(","):
            for series in self._series({"SeriesInstanceUID": uid.strip()}, 4):
                full = series_row(series, 4)
                full.update({"PatientName": "", "Phantom": "NO", "SpeciesCode": "337915000",
                             "SpeciesDescription": "Homo sapiens"})
                rows.append({key: full[key] for key in METADATA_KEYS if key in full})
        format = query.get("format", "csv").lower()
        name = [("Content-Disposition", "attachment; filename=SeriesMetaData.csv")] if format == "csv" else []
        return answer_rows(rows, METADATA_KEYS, format, self.site.escape, name)

    def _getSeriesMetaData(self, query, version):
        if "SeriesInstanceUID" not in query:
            return _lacks("SeriesInstanceUID")
        for series in self._series({"SeriesInstanceUID": query["SeriesInstanceUID"]}, version):
            full = as_strings(series_row(series, 4))
            full.update({"SOPClassUID": series.images[0].sop_class, "AnnotationSize": "0", "StudyID": "1"})
            for key in ("StudyDesc", "SeriesDescription"):
                full[key] = clean(full.get(key, ""))
            full["Manufacturer"] = full.get("Manufacturer", "").replace(",", " ")
            if "SeriesNumber" in full:
                full["SeriesNumber"] += ".000000"
            row = {key: full[source] for key, source in META_DATA_KEYS.items() if source in full}
            return self._rows([row], tuple(META_DATA_KEYS), query)
        return Response(204)

    def _manifest(self, uids, annotation):
        name = f"manifest-{int(time.time() * 1000)}.tcia"
        text = tcia_manifests.tcia(uids, name).replace("includeAnnotation=true", f"includeAnnotation={annotation}")
        return Response(200, text, [("Content-Disposition", f"attachment; filename={name}")],
                        "application/x-nbia-manifest-file")

    def _getManifestForCollection(self, query, version):
        if "collection" not in query:
            return _lacks("collection")
        uids = [series.uid for series in self._series({"Collection": query["collection"]}, 4)]
        return self._manifest(uids, query.get("includeAnnotation", "true"))

    def _getManifestText(self, query, version):
        for key in ("list", "includeAnnotation"):
            if key not in query:
                return _lacks(key)
        return self._manifest(query["list"].split(","), query["includeAnnotation"])

    def _getCollectionOrSeriesForDOI(self, query, version):
        if "DOI" not in query:
            return _lacks("DOI")
        wanted, rows = query["DOI"].lower(), []
        for series in self._series({}, 4):
            if wanted in series.doi.lower():
                row = {"collection": series.collection, "thirdPartyAnanlysis": "YES" if series.third_party else "NO",
                       "authorized": "1"}
                if query.get("CollectionOrSeries") == "series":
                    row["seriesInstanceUID"] = series.uid
                if row not in rows:
                    rows.append(row)
        return self._rows(rows, ("collection", "seriesInstanceUID", "thirdPartyAnanlysis", "authorized"), query)

    def _searched(self, query):
        """The series that take one of the values of each criterion."""
        wanted = {}
        for name, kind in query.items():
            key = _CRITERIA.get(kind) if name.startswith("criteriaType") else None
            if key is not None:
                wanted.setdefault(key, set()).add(query.get("value" + name.removeprefix("criteriaType"), "").lower())
        return [series for series in self._series({}, 4)
                if all(str(series.row()[key]).lower() in values for key, values in wanted.items())]

    def _getSimpleSearch(self, query, version):
        patients = {}
        for series in self._searched(query):
            patients.setdefault((series.collection, series.patient), []).append(series)
        start, size = int(query.get("start", 0)), int(query.get("size", 10))
        rows = [{"subjectId": patient, "project": collection, "totalNumberOfSeries": len(some),
                 "totalNumberOfStudies": len({series.study for series in some}),
                 "seriesIdentifiers": [series.uid for series in some]}
                for (collection, patient), some in sorted(patients.items())]
        return json_answer({"totalPatients": len(rows), "resultSet": rows[start:start + size]}) if rows \
            else plain("", type=None)

    def _getManifestForSimpleSearch(self, query, version):
        return self._manifest([series.uid for series in self._searched(query)], "true")

    def _getContentsByName(self, query, version):
        """Carts: the name nbia-COLLECTION stands for all of that collection."""
        name = query.get("name", "").removeprefix("nbia-")
        keys = (*V4_KEYS[:15], "Date Released")
        rows = []
        for series in self._series({"Collection": name}, 1):
            row = series_row(series, 1)
            row["Date Released"] = row.get("DateReleased")
            rows.append({key: row[key] for key in keys if row.get(key) is not None})
        return self._rows(rows, keys, query)

    def _getDeniedSeries(self, query, version):
        denied = [uid for uid in query.get("seriesList", "").split(",") if uid and self.site.find(uid) is None]
        return plain(",".join(denied), type="text/csv") if denied else Response(204)

    def _getUserAgreementTxt(self, query, version):
        return plain("Cite what you use.\n")

    def _getAllSOPClassDefinition(self, query, version):
        return plain("1.2.840.10008.5.1.4.1.1.2=CT Image Storage\n")

    def _status(self, query, version):
        return plain("<html><body>up</body></html>", type="text/html")


def _lacks(key):
    return sentence(f"A parameter {key} is needed for this call")
