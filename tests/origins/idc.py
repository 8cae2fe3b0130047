"""The Imaging Data Commons: its API v3, which tells where series lie, and the buckets in which they do."""

import json
import re
import sqlite3
import threading
import uuid

from .content import Bytes
from .s3 import Bucket, Object
from .server import Response, Site, json_answer, redirect
from .tcia_data import IDC_LICENCES

# Amazon's buckets, and what Google's are called.
BUCKETS = {"idc-open-data": "idc-open-data", "idc-open-data-two": "idc-open-idc1", "idc-open-data-cr": "idc-open-cr"}
_COLUMNS = (
    "collection_id", "analysis_result_id", "PatientID", "SeriesInstanceUID", "StudyInstanceUID", "source_DOI",
    "PatientAge", "PatientSex", "StudyDate", "StudyDescription", "BodyPartExamined", "Modality", "SOPClassUID",
    "sop_class_name", "TransferSyntaxUID", "transfer_syntax_name", "PhotometricInterpretation", "PixelRepresentation",
    "Manufacturer", "ManufacturerModelName", "SeriesDate", "SeriesDescription", "SeriesNumber", "instanceCount",
    "license_short_name", "series_init_idc_version", "series_revised_idc_version", "aws_bucket", "crdc_series_uuid",
    "series_aws_url", "series_size_MB")
_ROW = ("collection_id", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription",
        "instanceCount", "series_size_MB", "aws_bucket", "crdc_series_uuid", "series_aws_url")
_PRIOR = ("collection_id", "PatientID", "SeriesInstanceUID", "StudyInstanceUID", "Modality", "gcs_bucket",
          "crdc_series_uuid", "series_size_MB", "series_aws_url", "aws_bucket", "min_idc_version", "max_idc_version")
_TERMS = ("collection_id", "analysis_result_id", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "source_DOI",
          "PatientSex", "BodyPartExamined", "Modality", "SOPClassUID", "Manufacturer", "ManufacturerModelName",
          "license_short_name", "aws_bucket", "crdc_series_uuid")
_COUNTS = ("count(DISTINCT PatientID) patients, count(DISTINCT StudyInstanceUID) studies, "
           "count(DISTINCT SeriesInstanceUID) series, coalesce(sum(instanceCount), 0) instances, "
           "round(coalesce(sum(series_size_MB), 0) / 1e6, 3) size_TB")
_ORDER = "collection_id, PatientID, StudyInstanceUID, SeriesInstanceUID"


class SeriesBucket(Bucket):
    """Series as IDC has them: FOLDER/INSTANCE.dcm. Objects are made a folder at a time, when one of them is asked for.

    PART_SIZE: objects above it came in parts.
    """

    def __init__(self, part_size=None, **more):
        super().__init__(**more)
        self.part_size = part_size
        self._series = {}
        self._many = []
        self._made = {}

    def add_series(self, series, crdc=None):
        self._series[crdc or series.crdc_uuid] = series

    def add_many(self, collection):
        self._many.append(collection)

    def folder(self, name):
        """{key: Object} of one series; tests may change what it holds."""
        made = self._made.get(name)
        if made is None:
            series = self._series.get(name)
            for collection in self._many if series is None else ():
                series = series or collection.find_crdc(name)
            if series is None:
                return {}
            made = {}
            for image in series.images:
                key = f"{name}/{series.crdc_name(image)}"
                parts = self.part_size if self.part_size and image.size > self.part_size else None
                made[key] = Object(image, parts, type="application/dicom")
            if name in self._series:
                self._made[name] = made
        return made

    def find(self, key):
        folder, _, name = key.partition("/")
        found = self.folder(folder).get(key) if name else None
        return found or super().find(key)

    def keys_from(self, prefix, after):
        folder, slash, _ = prefix.partition("/")
        folders = [folder] if slash else sorted(name for name in self._series if name.startswith(prefix))
        for name in folders:
            for key in sorted(self.folder(name)):
                if key.startswith(prefix) and key > (after or ""):
                    yield key
        yield from super().keys_from(prefix, after)


class IdcSite(Site):
    """The API. VERSIONS: what successive questions for the version are told, the last one from then on. GONE: the status
    of every answer, once it is switched off. STRICT: a filter that takes everything is refused for manifests, and counts
    say what was filtered, as later builds do. ROWS_AS: "objects" or "lists" of /sql. TEXT_CAP, SQL_CAP: lines of
    manifest.txt and rows of /sql at most."""

    server = "Google Frontend"

    def __init__(self, versions=("v25",), strict=False, rows_as="objects", text_cap=100_000, sql_cap=10_000):
        self.versions, self.strict, self.rows_as = list(versions), strict, rows_as
        self.text_cap, self.sql_cap = text_cap, sql_cap
        self.gone = None
        self._lock = threading.Lock()
        self._base = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._base.execute(f"CREATE TABLE idc_index ({', '.join(_COLUMNS)})")
        self._base.execute(f"CREATE TABLE prior_versions_index ({', '.join(_PRIOR)})")
        self._base.execute("CREATE INDEX by_series ON idc_index (SeriesInstanceUID)")
        self._base.execute(f"CREATE INDEX by_order ON idc_index ({_ORDER})")
        self._counted = {}

    def add_series(self, collection_id, series, bucket="idc-open-data", crdc=None, count=None, size=None):
        """COUNT, SIZE in bytes: what the index says; as the series is, where they are None."""
        self._insert([self._row(collection_id, series, bucket, crdc, count, size)])

    def add_many(self, collection, bucket="idc-open-data"):
        self._insert(self._row(collection.idc_id, series, bucket) for series in collection.series())

    def add_prior(self, collection_id, series, crdc, bucket="idc-open-data", first=1, last=24):
        """A series as it was in older releases."""
        values = (collection_id, series.patient, series.uid, series.study, series.modality, BUCKETS[bucket], crdc,
                  series.size / 1e6, f"s3://{bucket}/{crdc}/*", bucket, first, last)
        with self._lock:
            self._base.execute(f"INSERT INTO prior_versions_index VALUES ({', '.join('?' * len(_PRIOR))})", values)

    def remove(self, uid):
        self._counted.clear()
        with self._lock:
            self._base.execute("DELETE FROM idc_index WHERE SeriesInstanceUID = ?", (uid,))

    def _insert(self, rows):
        self._counted.clear()
        marks = ", ".join("?" * len(_COLUMNS))
        with self._lock:
            self._base.execute("BEGIN")
            self._base.executemany(f"INSERT INTO idc_index VALUES ({marks})", rows)
            self._base.execute("COMMIT")

    def _row(self, collection_id, series, bucket, crdc=None, count=None, size=None):
        full, crdc = series.row(), crdc or series.crdc_uuid
        image = series.images[0]
        date = "{:04d}-{:02d}-{:02d}".format(*full["StudyDate"])
        result = "results-of-others" if series.third_party else None
        return (collection_id, result, series.patient, series.uid, series.study, series.doi.partition("doi.org/")[2].lower(),
                full["PatientAge"], full["PatientSex"], date, full["StudyDesc"], full["BodyPartExamined"],
                series.modality, image.sop_class, None, image.syntax_uid, None, None, None, full["Manufacturer"],
                full["ManufacturerModelName"], date, full["SeriesDescription"],
                None if full["SeriesNumber"] is None else str(full["SeriesNumber"]),
                len(series.images) if count is None else count, IDC_LICENCES.get(series.licence), 1, 1, bucket, crdc,
                f"s3://{bucket}/{crdc}/*", (series.size if size is None else size) / 1e6)

    def _all(self, sql, values=()):
        with self._lock:
            cursor = self._base.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor]

    def answer(self, request):
        if self.gone is not None:
            return Response(self.gone, "<html><body>Not here any more.</body></html>", [], "text/html")
        path = request.path.removeprefix("/v3") or "/"
        if request.method == "GET":
            return self._get(path)
        if request.method == "POST" and path in ("/cohort/counts", "/cohort/manifest", "/cohort/manifest.txt", "/sql",
                                                 "/licenses"):
            try:
                return self._post(path, json.loads(request.body))
            except ValueError as error:
                return _unprocessable(str(error))
            except _Refused as refused:
                return refused.answer
        return json_answer({"detail": "Not Found" if request.method != "POST" else "Method Not Allowed"},
                           404 if request.method != "POST" else 405)

    def _get(self, path):
        if path == "/":
            return redirect("/v3/docs", 307)
        if path == "/version":
            with self._lock:
                version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
            return json_answer({"idc_version": version, "idc_index_data_version": f"{version[1:]}.0.5",
                                "api_version": "3.0.0b5", "build": "a1b2c3d"})
        if path == "/health":
            return json_answer({"status": "ok"})
        if path == "/openapi.json":
            return json_answer({"openapi": "3.1.0", "info": {"title": "IDC API", "version": "3.0.0b5"}, "paths": {}})
        if path == "/stats":
            counts = self._all(f"SELECT count(DISTINCT collection_id) collections, {_COUNTS} FROM idc_index")[0]
            return json_answer({"idc_version": self.versions[0], "analysis_results": 0, **counts})
        if path == "/collections":
            return json_answer([self._collection(row["collection_id"]) for row in
                                self._all("SELECT DISTINCT collection_id FROM idc_index ORDER BY 1")])
        if path.startswith("/collections/"):
            found = self._collection(path.removeprefix("/collections/"), True)
            return json_answer(found) if found["series"] else _error(404, "not_found", "There is no such collection")
        return json_answer({"detail": "Not Found"}, 404)

    def _collection(self, name, in_full=False):
        where, values = "collection_id = ?", (name,)
        row = {"collection_id": name, "collection_name": name, "cancer_types": None, "tumor_locations": None,
               "species": "Human", "supporting_data": None, "description": "A collection of tests."}
        counts = self._all(f"SELECT {_COUNTS} FROM idc_index WHERE {where}", values)[0]
        row["subjects"] = counts["patients"]
        if in_full:
            modalities = self._all(f"SELECT DISTINCT Modality m FROM idc_index WHERE {where} ORDER BY 1", values)
            row.update(counts, modalities=[one["m"] for one in modalities], licenses=self._licences(where, values))
        return row

    def _licences(self, where, values):
        return self._all("SELECT license_short_name, count(*) series, round(sum(series_size_MB) / 1e6, 3) size_TB "
                         f"FROM idc_index WHERE {where} GROUP BY 1 ORDER BY 2 DESC", values)

    def _post(self, path, body):
        if not isinstance(body, dict):
            return _unprocessable("Input should be a valid dictionary")
        if path == "/sql":
            return self._sql(body)
        is_bare = path in ("/cohort/counts", "/licenses")
        filters = body if is_bare else body.get("filters", {})
        where, values, applied = self._compile(filters)
        if path == "/licenses":
            return json_answer({"licenses": self._licences(where, values)})
        if self.strict and not applied and not is_bare:
            return _error(400, "invalid_query", "A manifest needs a filter; none of what was sent is one.")
        counts = dict(self._count(where, values))
        if self.strict:
            counts.update(filters_applied={"terms": applied, "ranges": {}},
                          warnings=[] if applied else ["No filter was applied."])
        if path == "/cohort/counts":
            return json_answer(counts)
        return self._page(body, where, values, counts) if path == "/cohort/manifest" else \
            self._text(body, where, values)

    def _count(self, where, values):
        """Counts of what a filter takes, made once: each page tells them."""
        key = (where, *values)
        if key not in self._counted:
            self._counted[key] = self._all(f"SELECT {_COUNTS} FROM idc_index WHERE {where}", values)[0]
        return self._counted[key]

    def _compile(self, filters):
        """Unknown keys are dropped, and with them what they meant; so is a term without values."""
        terms = filters.get("terms", {}) if isinstance(filters, dict) else None
        if not isinstance(terms, dict) or not all(
                isinstance(some, list) and all(isinstance(value, str) for value in some) for some in terms.values()):
            raise _Refused(_unprocessable("Input should be a valid dictionary of lists of strings"))
        clauses, values, applied = [], [], {}
        for name, some in terms.items():
            if name not in _TERMS:
                raise _Refused(_error(400, "invalid_query", f"Unknown or non-term filter attribute: {name!r}."))
            if some:
                clauses.append(f"{name} IN (SELECT value FROM json_each(?))")
                values.append(json.dumps(some))
                applied[name] = some
        return " AND ".join(clauses) or "1", values, applied

    def _page(self, body, where, values, counts):
        page, size = body.get("page", 0), body.get("page_size")
        size = 100 if size is None else size
        if not isinstance(page, int) or not isinstance(size, int):
            return _unprocessable("Input should be a valid integer")
        page, size = max(0, page), max(1, min(size, 5000))
        rows = []
        if body.get("include_rows", True):
            rows = self._all(f"SELECT {', '.join(_ROW)} FROM idc_index WHERE {where} ORDER BY {_ORDER} "
                             f"LIMIT {size} OFFSET {page * size}", values)
        preview = [row["series_aws_url"] for row in rows[:5]]
        return json_answer({
            "counts": counts, "page": page, "page_size": size, "returned": len(rows), "total_series": counts["series"],
            "series": rows, "download": {
                "total_series": counts["series"], "size_TB": counts["size_TB"],
                "idc_commands": ["idc download-from-manifest idc_manifest.txt --download-dir ./idc-data"],
                "manifest_preview": preview, "manifest_truncated": counts["series"] > self.text_cap, "note": ""}})

    def _text(self, body, where, values):
        source, limit = body.get("source", "aws"), body.get("limit")
        if source not in ("aws", "gcs"):
            return Response(500, "Internal Server Error", [], "text/plain; charset=utf-8")
        limit = self.text_cap if limit is None else int(limit)
        lines = [row["series_aws_url"] for row in
                 self._all(f"SELECT series_aws_url FROM idc_index WHERE {where} ORDER BY 1 LIMIT {limit}", values)]
        if source == "gcs":
            lines = [re.sub("^s3://([^/]*)", lambda match: f"s3://{BUCKETS[match[1]]}", line) for line in lines]
        return Response(200, "".join(line + "\n" for line in lines), [], "text/plain; charset=utf-8")

    def _sql(self, body):
        sql, most = body.get("sql"), body.get("max_rows")
        if not isinstance(sql, str) or not isinstance(most, (int, type(None))):
            return _unprocessable("Field required")
        most = min(5000 if most is None else most, self.sql_cap)
        if not re.match(r"\s*(select|with)\b", sql, re.I):
            return _error(400, "invalid_query", "Only a single SELECT is allowed.")
        # The table's name is a word of SQLite's.
        sql = re.sub(r'\b(from|join)\s+"?index"?(?=[\s;)]|$)', r"\1 idc_index", sql.strip().rstrip(";"), flags=re.I)
        with self._lock:
            self._base.execute("PRAGMA query_only = ON")
            try:
                cursor = self._base.execute(sql)
                names = [column[0] for column in cursor.description]
                rows = cursor.fetchmany(most + 1)
            except sqlite3.Error as error:
                return _error(400, "invalid_query", str(error))
            finally:
                self._base.execute("PRAGMA query_only = OFF")
        kept = rows[:most]
        shaped = [list(row) for row in kept] if self.rows_as == "lists" else [dict(zip(names, row)) for row in kept]
        return json_answer({"columns": names, "rows": shaped, "row_count": len(kept), "truncated": len(rows) > most,
                            "max_rows": most})


class _Refused(Exception):
    def __init__(self, answer):
        super().__init__("refused")
        self.answer = answer


def _error(status, code, message):
    return json_answer({"error": {"code": code, "message": message}}, status)


def query_timeout():
    """The body of a 504: faults.status(504, "*/cohort/*", method="POST", body=idc.query_timeout())."""
    return json.dumps({"error": {"code": "query_timeout", "message": "The query took longer than 30 s."}}).encode()


def _unprocessable(text):
    return json_answer({"detail": [{"type": "value_error", "loc": ["body"], "msg": text, "input": None}]}, 422)


def index_bucket():
    """The published index, for those who can read parquet: stand-ins with the SHA-256 file beside each."""
    bucket = Bucket()
    for version in ("current", "25.0.5"):
        for name in ("idc_index", "prior_versions_index"):
            content = Bytes(b"PAR1" + uuid.uuid5(uuid.NAMESPACE_OID, name).bytes * 1000 + b"PAR1")
            key = f"{version}/release_artifacts/{name}.parquet"
            bucket.add(key, content)
            bucket.add(key + ".sha256", Bytes(content.digest() + "\n"))
    return bucket


__all__ = ["BUCKETS", "IdcSite", "SeriesBucket", "index_bucket", "query_timeout"]
