"""Real DICOM files by python3-pydicom: small, always the same for the same UIDs, and thousands of them quickly.

pydicom writes one file of each form; the images of that form are copies of it with UIDs and numbers of their own.
"""

import functools
import hashlib
import io
import random
import struct
import sys
import zlib

from . import realdata
from .content import Bytes, Content

SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1", "implicit": "1.2.840.10008.1.2", "deflated": "1.2.840.10008.1.2.1.99",
    "big-endian": "1.2.840.10008.1.2.2", "encapsulated": "1.2.840.10008.1.2.4.70"}
CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4", "PT": "1.2.840.10008.5.1.4.1.1.128",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4", "SR": "1.2.840.10008.5.1.4.1.1.88.33",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1", "CR": "1.2.840.10008.5.1.4.1.1.1",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3"}
_ROOT = "1.3.6.1.4.1.14519.5.2.1."


def import_pydicom():
    """The module, from wherever Debian's package lies; its lack is an error that says what to do."""
    try:
        import pydicom
    except ImportError:
        package = realdata.package_folder("python3-pydicom")
        sys.path += ["/usr/lib/python3/dist-packages"]
        sys.path += [str(package / "usr/lib/python3/dist-packages")] if package is not None else []
        try:
            import pydicom
        except ImportError:
            raise RuntimeError("These origins need pydicom. Type: apt-get install python3-pydicom") from None
    return pydicom


def make_uid(*parts, digits=39):
    """A UID that stands for PARTS: the same ones give the same; of TCIA's root, 62 characters unless DIGITS says else."""
    number = int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest(), "big")
    text = str(number)[:digits]
    return _ROOT + (text if text[0] != "0" else "1" + text[1:])


class Image(Content):
    """One DICOM file: what it says of itself, and its bytes, made whenever they are read.

    SIDE: pixels a side. NUMBER: the instance's. SYNTAX: one of SYNTAXES.
    """

    def __init__(self, sop, series, study, patient="P-1", modality="CT", syntax="explicit", side=64, number=1):
        self.sop, self.series, self.study, self.patient = sop, series, study, patient
        self.modality, self.syntax, self.side, self.number = modality, syntax, side, number
        self._size = self._md5 = None

    def bytes(self):
        form = _form(self.modality, self.syntax, self.side, len(self.sop), len(self.series), len(self.study),
                     len(self.patient))
        return form.fill(self.sop, self.series, self.study, self.patient, self.number)

    def read(self, start, end):
        return self.bytes()[start:end]

    def blocks(self, start=0, end=None, step=256 * 1024):
        data = self.bytes()
        end = len(data) if end is None else end
        for at in range(start, end, step):
            yield at, data[at:min(end, at + step)]

    def _measure(self):
        data = self.bytes()
        self._size, self._md5 = len(data), hashlib.md5(data).hexdigest()

    def assume_size(self, size):
        """What size will be, where somebody knows it already."""
        self._size = size

    @property
    def size(self):
        if self._size is None:
            self._measure()
        return self._size

    @property
    def md5(self):
        """32 lower-case hex digits, as the archive's database has them."""
        if self._md5 is None:
            self._measure()
        return self._md5

    @property
    def syntax_uid(self):
        return SYNTAXES[self.syntax]

    @property
    def sop_class(self):
        return CLASSES[self.modality]


class RealImage(Bytes):
    """A file that somebody else made; HEAD: pydicom's data set of it."""

    def __init__(self, data, sop, head):
        super().__init__(data)
        self.sop, self.number = sop, int(head.get("InstanceNumber") or 1)
        self.md5 = hashlib.md5(data).hexdigest()
        self.sop_class, self.syntax_uid = str(head.SOPClassUID), str(head.file_meta.TransferSyntaxUID)

    def assume_size(self, size):
        assert size == self.size


class _Form:
    """A file of one form, in pieces between the places where images differ."""

    def __init__(self, data, places, deflated_from):
        self.deflated_from = deflated_from
        self.pieces = []
        at = 0
        found = sorted((match, name) for name, mark in places.items() for match in _finds(data, mark))
        for match, name in found:
            self.pieces += [data[at:match], name]
            at = match + len(places[name])
        self.pieces.append(data[at:])

    def fill(self, sop, series, study, patient, number):
        values = {"sop": sop.encode(), "series": series.encode(), "study": study.encode(), "patient": patient.encode(),
                  "number": b"%06d" % (number % 1000000), "pixels": hashlib.sha256(sop.encode()).digest()}
        data = b"".join(values[piece] if at % 2 else piece for at, piece in enumerate(self.pieces))
        if self.deflated_from:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = packer.compress(data[self.deflated_from:]) + packer.flush()
            data = data[:self.deflated_from] + packed + bytes(len(packed) % 2)
        return data


def _finds(data, mark):
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + len(mark))


@functools.lru_cache(maxsize=256)
def _form(modality, syntax, side, *lengths):
    """What pydicom wrote of this form, with marks of these lengths in place of what images say of themselves."""
    sop, series, study, patient = lengths
    marks = {"sop": _mark(9, sop), "series": _mark(8, series), "study": _mark(7, study), "patient": "~" * patient}
    # The deflated form is deflated anew for each image; that it is what pydicom makes of it is a test of its own.
    written = "explicit" if syntax == "deflated" else syntax
    data = _write(modality, written, side, marks)
    start = 0
    if syntax == "deflated":
        plain, data = data, _write(modality, "deflated", side, marks)
        start = _end_of_meta(data)
        data = data[:start] + plain[_end_of_meta(plain):]
    places = {name: mark.encode() for name, mark in marks.items()}
    return _Form(data, {**places, "number": b"424242", "pixels": _PIXEL_MARK}, start)


_PIXEL_MARK = bytes(range(200, 232))


def _mark(digit, length):
    """LENGTH characters that occur nowhere else: a UID of one digit."""
    return (f"{digit}." + f"{digit}" * length)[:length]


def _end_of_meta(data):
    """Where the data set begins: behind the group whose length (0002,0000) says."""
    return 144 + struct.unpack_from("<I", data, 140)[0]


def _write(modality, syntax, side, marks):
    pydicom = import_pydicom()
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CLASSES[modality]
    meta.MediaStorageSOPInstanceUID = marks["sop"]
    meta.TransferSyntaxUID = SYNTAXES[syntax]
    meta.ImplementationClassUID = "1.2.40.0.13.1.1.1"
    meta.ImplementationVersionName = "ORIGINS"
    image = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    image.is_little_endian, image.is_implicit_VR = syntax != "big-endian", syntax == "implicit"
    image.SpecificCharacterSet = "ISO_IR 100"
    image.SOPClassUID, image.SOPInstanceUID = CLASSES[modality], marks["sop"]
    image.StudyDate = image.SeriesDate = "20000101"
    image.Modality, image.Manufacturer = modality, "Origin Instruments"
    image.StudyDescription, image.SeriesDescription = "CHEST", f"{modality} of tests"
    image.PatientName, image.PatientID, image.PatientIdentityRemoved = marks["patient"], marks["patient"], "YES"
    image.StudyInstanceUID, image.SeriesInstanceUID = marks["study"], marks["series"]
    image.StudyID = "1"
    image.SeriesNumber, image.InstanceNumber, image.AcquisitionNumber = "1", "424242", "1"
    image.add_new(0x00130010, "LO", "CTP")
    image.add_new(0x00131010, "LO", "Collection of tests")
    _add_references(image, Dataset, modality)
    if modality not in ("SR", "RTSTRUCT"):
        _add_pixels(pydicom, image, modality, syntax, side)
    out = io.BytesIO()
    pydicom.dcmwrite(out, image, write_like_original=False)
    return out.getvalue()


def _add_references(image, Dataset, modality):
    """What other objects are spoken of: nested UIDs before and behind the image's own, of both kinds of length."""
    other = Dataset()
    other.ReferencedSOPClassUID, other.ReferencedSOPInstanceUID = CLASSES["CT"], "1.2.3.4.5"
    other.SOPInstanceUID = "1.2.3.4.6"
    image.ReferencedImageSequence = [other]
    if modality in ("SEG", "SR", "RTSTRUCT"):
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedInstanceSequence = "1.2.3.4.7", [other]
        series.is_undefined_length_sequence_item = True
        image.ReferencedSeriesSequence = [series]
        image["ReferencedSeriesSequence"].is_undefined_length = True
    if modality == "SR":
        words = Dataset()
        words.ValueType, words.TextValue = "TEXT", _PIXEL_MARK.decode("latin-1")
        image.ContentSequence = [words]
        image.ValueType, image.ContinuityOfContent = "CONTAINER", "SEPARATE"


def _add_pixels(pydicom, image, modality, syntax, side):
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = side
    image.PixelRepresentation = 0
    if modality == "SEG":
        image.BitsAllocated = image.BitsStored = 1
        image.HighBit, image.NumberOfFrames = 0, "8"
        pixels = bytes(side * side)
    else:
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        # Half of it noise, half of it air: a zip of it is some 60 % of its size.
        noise = random.Random(f"{modality}/{side}").randbytes(side * side)
        pixels = noise + bytes(side * side)
    pixels = _PIXEL_MARK + pixels[len(_PIXEL_MARK):]
    if syntax == "encapsulated":
        image.PixelData = pydicom.encaps.encapsulate([pixels[:len(pixels) // 2]])
        image["PixelData"].is_undefined_length = True
    else:
        image.PixelData = pixels
    image["PixelData"].VR = "OB" if syntax == "encapsulated" or modality == "SEG" else "OW"
