"""What the archive's origins serve: collections of patients, studies, series and images, all of it made by their names.

A Series is what getSeries tells of it, in the spelling of v4; a value that is None is a NULL of the database.
"""

import hashlib
import io
import pathlib
import uuid
import warnings
from dataclasses import dataclass, field

from .dicom import Image, RealImage, import_pydicom, make_uid

CC_BY_3 = ("Creative Commons Attribution 3.0 Unported License", "http://creativecommons.org/licenses/by/3.0/")
CC_BY_4 = ("Creative Commons Attribution 4.0 International License", "https://creativecommons.org/licenses/by/4.0/")
CC_BY_NC_4 = ("Creative Commons Attribution-NonCommercial 4.0 International License",
              "https://creativecommons.org/licenses/by-nc/4.0/")
RESTRICTED = ("TCIA Restricted License Agreement", "https://wiki.cancerimagingarchive.net/x/c4hF")
IDC_LICENCES = {CC_BY_3: "CC BY 3.0", CC_BY_4: "CC BY 4.0", CC_BY_NC_4: "CC BY-NC 4.0"}

V4_KEYS = (
    "SeriesInstanceUID", "StudyInstanceUID", "Modality", "ProtocolName", "SeriesDate", "SeriesDescription",
    "BodyPartExamined", "SeriesNumber", "AnnotationsFlag", "Collection", "PatientID", "Manufacturer",
    "ManufacturerModelName", "SoftwareVersions", "ImageCount", "Site", "PatientSex", "PatientAge",
    "AdmittingDiagnosisDescription", "MaxSubmissionTimestamp", "LicenseName", "LicenseURI", "DataDescriptionURI",
    "FileSize", "DateReleased", "StudyDesc", "StudyDate", "ReleasedStatus", "ThirdPartyAnalysis", "Authorized")
V1_KEYS = {
    **{key: key for key in V4_KEYS[:15]}, "TimeStamp": "MaxSubmissionTimestamp", "LicenseName": "LicenseName",
    "LicenseURI": "LicenseURI", "CollectionURI": "DataDescriptionURI", "FileSize": "FileSize",
    "DateReleased": "DateReleased", "StudyDesc": "StudyDesc", "StudyDate": "StudyDate",
    "ThirdPartyAnalysis": "ThirdPartyAnalysis"}
# Years, months and days, as the database has them; each answer spells them its own way.
DATES = ("SeriesDate", "StudyDate", "DateReleased", "MaxSubmissionTimestamp")


def tree_digest(digests):
    """The hash of a series over its images' MD5s, of a study over its series' hashes, and so on."""
    return hashlib.md5("".join(sorted(digests)).encode()).hexdigest()


@dataclass
class Series:
    """One series. FACTS: what differs from the usual in its row, by v4 key. HIDDEN: images that count in the series
    hash alone. CRDC: its folder in IDC's buckets, where that is not to follow from its content."""

    uid: str
    study: str
    patient: str
    collection: str
    modality: str = "CT"
    images: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    licence: tuple = CC_BY_3
    doi: str = "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX"
    third_party: bool = False
    is_public: bool = True
    hidden: list = field(default_factory=list)
    crdc: str = None

    @property
    def size(self):
        return sum(image.size for image in self.images)

    @property
    def hash(self):
        return tree_digest(image.md5 for image in [*self.images, *self.hidden])

    def row(self):
        """{v4 key: value}: all 30, None where the database has NULL."""
        row = {
            "SeriesInstanceUID": self.uid, "StudyInstanceUID": self.study, "Modality": self.modality,
            "ProtocolName": None, "SeriesDate": (2000, 1, 1), "SeriesDescription": f"{self.modality} of tests",
            "BodyPartExamined": "CHEST", "SeriesNumber": 1, "AnnotationsFlag": False, "Collection": self.collection,
            "PatientID": self.patient, "Manufacturer": "Origin Instruments", "ManufacturerModelName": "Tester 16",
            "SoftwareVersions": None, "ImageCount": len(self.images), "Site": None, "PatientSex": None,
            "PatientAge": None, "AdmittingDiagnosisDescription": None, "MaxSubmissionTimestamp": (2011, 6, 9),
            "LicenseName": self.licence[0], "LicenseURI": self.licence[1], "DataDescriptionURI": self.doi,
            "FileSize": self.size, "DateReleased": (2011, 9, 15), "StudyDesc": "CHEST", "StudyDate": (2000, 1, 1),
            "ReleasedStatus": "YES", "ThirdPartyAnalysis": "YES" if self.third_party else "NO", "Authorized": 1}
        row.update(self.facts)
        return row

    @property
    def crdc_uuid(self):
        """The series' folder in IDC's buckets: another content has another one."""
        return self.crdc or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.uid}/{self.hash}"))

    def crdc_key(self, image):
        """The key of one of its images there."""
        return f"{self.crdc_uuid}/{self.crdc_name(image)}"

    @staticmethod
    def crdc_name(image):
        """The same below its folder."""
        return f"{uuid.uuid5(uuid.NAMESPACE_OID, f'{image.sop}/{image.md5}')}.dcm"


class Collection:
    """A collection whose series are held. It can be walked and asked; ManySeries is one that is not held."""

    def __init__(self, name, series=(), description="A collection of tests."):
        self.name, self.description = name, description
        self._series = {}
        for one in series:
            self.add(one)

    def add(self, series):
        self._series[series.uid] = series

    def remove(self, uid):
        return self._series.pop(uid)

    def series(self):
        """All of them, one by one."""
        return iter(list(self._series.values()))

    def find(self, uid):
        return self._series.get(uid)

    def __len__(self):
        return len(self._series)

    @property
    def idc_id(self):
        return "".join("_" if letter in "-. " else letter for letter in self.name.lower())


class ManySeries(Collection):
    """COUNT series of IMAGES small images each, made when they are asked for and forgotten again."""

    def __init__(self, name, count, images=2, side=16):
        super().__init__(name)
        self.count, self.images, self.side = count, images, side
        # Twelve digits that come back as the series' number; the images of all are of one size.
        self._root = make_uid("many", name, digits=20)
        self._crdc = str(uuid.uuid5(uuid.NAMESPACE_OID, name))[:24]
        self._size = self._make(0).images[0].size

    def _make(self, number):
        uid, study = f"{self._root}.1{number:012d}", f"{self._root}.3{number // 4:012d}"
        patient = f"{self.name}-{number // 8:06d}"
        images = [Image(f"{self._root}.2{number:012d}.{index + 10}", uid, study, patient, "CT", "explicit", self.side,
                        index + 1) for index in range(self.images)]
        return Series(uid, study, patient, self.name, "CT", images, crdc=f"{self._crdc}{number:012d}")

    def find_crdc(self, folder):
        """The series of a folder in IDC's buckets."""
        digits = folder[-12:]
        is_ours = folder[:-12] == self._crdc and digits.isdigit() and int(digits) < self.count
        return self._make(int(digits)) if is_ours else None

    def series(self):
        for number in range(self.count):
            one = self._make(number)
            for image in one.images:
                image.assume_size(self._size)
            yield one

    def find(self, uid):
        head, _, digits = uid.rpartition(".1")
        if head != self._root or not digits.isdigit() or len(digits) != 12 or int(digits) >= self.count:
            return super().find(uid)
        return self._make(int(digits))

    def __len__(self):
        return self.count


def make_series(collection, patient, study=1, number=1, images=4, modality="CT", syntax="explicit", side=64, **more):
    """A series; MORE: of Series. The same arguments make the same bytes."""
    study_uid = make_uid(collection, patient, "study", study)
    uid = make_uid(collection, patient, study, "series", number, modality)
    content = [Image(make_uid(uid, "image", index), uid, study_uid, patient, modality, syntax, side + 2 * (index % 3),
                     index + 1) for index in range(images)]
    facts = {"SeriesNumber": number, **more.pop("facts", {})}
    return Series(uid, study_uid, patient, collection, modality, content, facts=facts, **more)


def make_collection(name, patients=2, studies=1, series=2, images=4, modalities=("CT", "MR", "SEG", "SR", "DX"),
                    syntaxes=("explicit", "implicit", "deflated"), side=64, **more):
    """A collection of PATIENTS * STUDIES * SERIES series of some IMAGES images, modalities and syntaxes in turn; an SR
    has one image. MORE: of Series."""
    collection, at = Collection(name), 0
    for patient in range(1, patients + 1):
        for study in range(1, studies + 1):
            for number in range(1, series + 1):
                modality = modalities[at % len(modalities)]
                count = 1 if modality in ("SR", "SEG") else max(1, images + at % 3 - 1)
                collection.add(make_series(name, f"{name.replace(' ', '-')}-{patient:04d}", study, number, count,
                                           modality, syntaxes[at % len(syntaxes)], side, **more))
                at += 1
    return collection


def standard_collections():
    """What journeys and the quick start pull: names with blanks, several licences, results of others, absent values."""
    lung = make_collection("Lung-Test", patients=2, studies=2, series=2)
    lung.add(make_series("Lung-Test", "Lung-Test-0001", 1, 9, 1, "SEG", third_party=True, licence=CC_BY_4,
                         doi="https://doi.org/10.7937/q1ee-j082"))
    rider = make_collection("RIDER Test CT", patients=2, series=1, modalities=("CT",), licence=CC_BY_4,
                            doi="https://doi.org/10.7937/TCIA.2019.TESTTEST")
    free = make_collection("Breast.NC", patients=1, series=2, modalities=("MR",), licence=CC_BY_NC_4)
    free.add(make_series("Breast.NC", "Odd / ID..", 1, 5, 2, "MR", facts={
        "SeriesDescription": "a/b \"c\", d;e", "BodyPartExamined": None, "Manufacturer": None,
        "DataDescriptionURI": None, "SeriesNumber": None}))
    return [lung, rider, free]


def nlst_collection(patients=2):
    return make_collection("NLST", patients=patients, series=2, modalities=("CT",), licence=CC_BY_4)


def real_series():
    """Series of pydicom's own test files: all those of one SeriesInstanceUID together."""
    pydicom, found = import_pydicom(), {}
    for path in sorted(pathlib.Path(pydicom.__file__).parent.rglob("test_files/**/*.dcm")):
        data = path.read_bytes()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some of them are wrong on purpose
                head = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
                uid, study, sop = (str(head[key].value) for key in
                                   ("SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID"))
        except (KeyError, EOFError, pydicom.errors.InvalidDicomError, NotImplementedError):
            continue
        if data[128:132] != b"DICM" or not uid or not sop:
            continue
        series = found.setdefault(uid, Series(uid, study, str(head.get("PatientID") or "NOBODY"), "Real-Test",
                                              str(head.get("Modality") or "OT")))
        if sop not in {image.sop for image in series.images}:
            series.images.append(RealImage(data, sop, head))
    return list(found.values())
