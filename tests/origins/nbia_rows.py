"""How NBIA words what its database has: keys and dates of each API, and the formats of answers."""

import csv
import html
import io
import itertools
import json

from .content import Generated
from .server import Response
from .tcia_data import DATES, V1_KEYS, V4_KEYS

FORMATS = {"json": "application/json", "csv": "text/csv", "xml": "application/xml", "html": "text/html"}
STUDY_KEYS = ("StudyInstanceUID", "StudyDate", "StudyDescription", "AdmittingDiagnosesDescription", "StudyID",
              "PatientAge", "PatientID", "PatientName", "PatientSex", "EthnicGroup", "Collection", "SeriesCount",
              "LongitudinalTemporalEventType", "LongitudinalTemporalOffsetFromEvent")
PATIENT_KEYS = ("PatientId", "PatientName", "PatientSex", "EthnicGroup", "Collection", "Phantom", "SpeciesCode",
                "SpeciesDescription")
METADATA_KEYS = (
    "PatientID", "PatientName", "PatientSex", "EthnicGroup", "Phantom", "SpeciesCode", "SpeciesDescription",
    "StudyInstanceUID", "StudyDate", "StudyDesc", "AdmittingDiagnosisDescription", "StudyID", "PatientAge",
    "LongitudinalTemporalEventType", "LongitudinalTemporalOffsetFromEvent", "SeriesInstanceUID", "Collection", "Site",
    "Modality", "ProtocolName", "SeriesDate", "SeriesDescription", "BodyPartExamined", "SeriesNumber",
    "AnnotationsFlag", "Manufacturer", "ManufacturerModelName", "PixelSpacing(mm)-Row", "SliceThickness(mm)",
    "SoftwareVersions", "ImageCount", "MaxSubmissionTimestamp", "LicenseName", "LicenseURI", "DataDescriptionURI",
    "FileSize", "ReleasedStatus", "DateReleased", "ThirdPartyAnalysis", "Authorized")
# v1's getSeriesMetaData: its columns with blanks, and where each comes from.
META_DATA_KEYS = {
    "Series UID": "SeriesInstanceUID", "Collection": "Collection", "3rd Party Analysis": "ThirdPartyAnalysis",
    "Data Description URI": "DataDescriptionURI", "Subject ID": "PatientID", "Study UID": "StudyInstanceUID",
    "Study Description": "StudyDesc", "Study Date": "StudyDate", "Series Description": "SeriesDescription",
    "Manufacturer": "Manufacturer", "Modality": "Modality", "SOP Class UID": "SOPClassUID",
    "Number of Images": "ImageCount", "File Size": "FileSize", "File Location": "StudyID",
    "Series Number": "SeriesNumber", "License Name": "LicenseName", "License URL": "LicenseURI",
    "Annotation Size": "AnnotationSize", "Date Released": "DateReleased", "Series Date": "SeriesDate",
    "Protocol Name": "ProtocolName", "Body Part Examined": "BodyPartExamined", "Annotations Flag": "AnnotationsFlag",
    "Manufacturer Model Name": "ManufacturerModelName", "Software Versions": "SoftwareVersions",
    "TimeStamp": "MaxSubmissionTimestamp"}


def v1_date(date):
    return "{:04d}-{:02d}-{:02d} 00:00:00.0".format(*date)


def v4_date(date):
    return "{1:02d}-{2:02d}-{0:04d}".format(*date)


def series_row(series, version, types="native"):
    """The row of getSeries in v1 or v4, NULLs left out. TYPES: "native", "string", or "mixed" (numbers in every second
    row are strings): nobody has shown which of them v4 sends."""
    full = series.row()
    spell = v4_date if version == 4 else v1_date
    keys = zip(V4_KEYS, V4_KEYS) if version == 4 else V1_KEYS.items()
    row = {}
    for key, source in keys:
        value = full[source]
        if value is None:
            continue
        if source in DATES and isinstance(value, tuple):
            value = spell(value)
        row[key] = value
    if types == "string" or (types == "mixed" and series.uid[-1] in "13579"):
        row = as_strings(row)
    return row


def as_strings(row):
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in row.items()}


def clean(text):
    """Descriptions of getSeriesMetaData: letters, digits, blank, point and minus."""
    return "".join(letter for letter in text if letter.isalnum() or letter in " .-")


def one_by_one(rows, escape):
    """A JSON array in blocks, never held."""
    yield b"["
    comma, pending = "", []
    for row in rows:
        text = json.dumps(row)
        pending.append(comma + (text.replace("/", "\\/") if escape else text))
        comma = ","
        if len(pending) == 100:
            yield "".join(pending).encode()
            pending = []
    yield "".join(pending).encode() + b"]"


def _csv_lines(keys, rows):
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        writer.writerow(["" if row.get(key) is None else row[key] for key in keys])
        if out.tell() > 50000:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _xml_lines(rows):
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<resultSet>'
    for row in rows:
        fields = "".join(f'<column name="{html.escape(key)}">{html.escape(str(value))}</column>'
                         for key, value in row.items())
        yield f"<row>{fields}</row>".encode()
    yield b"</resultSet>"


def _html_lines(keys, rows):
    yield b"<html><body><table><tr>" + "".join(f"<th>{html.escape(key)}</th>" for key in keys).encode() + b"</tr>"
    for row in rows:
        yield ("<tr>" + "".join(f"<td>{html.escape(str(row.get(key, '')))}</td>" for key in keys) + "</tr>").encode()
    yield b"</table></body></html>"


def answer_rows(rows, keys, format="json", escape=True, headers=()):
    """ROWS (any iterable of objects) as an answer: nothing found is 200 without body and type, a wrong format 500."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return Response(200, b"")
    rows = itertools.chain([first], rows)
    if format not in FORMATS:
        return server_error()
    make = {"json": lambda: one_by_one(rows, escape), "csv": lambda: _csv_lines(keys, rows),
            "xml": lambda: _xml_lines(rows), "html": lambda: _html_lines(keys, rows)}[format]
    return Response(200, Generated(make), list(headers), FORMATS[format], chunked=True)


def server_error(message="null", code=500):
    """What an error that nobody caught becomes: 48 bytes with `null`."""
    return Response(code, f"Server was not able to process your request\n{message}", [], "text/plain")


def sentence(text, code=400):
    """A refusal: it says JSON and is none."""
    return Response(code, text, [], "application/json")


def plain(text, code=200, type="text/plain"):
    return Response(code, text, [], type)
