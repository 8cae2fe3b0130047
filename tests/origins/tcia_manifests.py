"""Files that name series, as the archive's server, its pages and people's editors make them."""

_HEAD = ("downloadServerUrl={server}\nincludeAnnotation=true\nnoOfrRetry=4\ndatabasketId={name}\nmanifestVersion={version}\n"
         "ListOfSeriesToDownload=\n")
_SERVER = "https://nbia.cancerimagingarchive.net/nbia-download/servlet/DownloadServlet"
_METADATA = ("Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,Study Description,"
             "Study Date,Series Description,Manufacturer,Modality,SOP Class Name,SOP Class UID,Number of Images,File Size,"
             "File Location,Download Timestamp")


def tcia(uids, name="manifest-1746549740123.tcia", server=_SERVER, version="3.0"):
    """A .tcia file in the server's own order of keys."""
    return _HEAD.format(server=server, name=name, version=version) + "".join(f"{uid}\n" for uid in uids)


def spoiled(uids, studies=()):
    """{form: bytes}: each of them names the series UIDS (STUDIES: what a generator wrote in their place), and those of
    the last three must be refused."""
    good = tcia(uids)
    head, rows = good.split("ListOfSeriesToDownload=\n")
    marked = head + "ListOfSeriesToDownload=\n"
    forms = {
        "no final newline": good.rstrip("\n"), "empty line at the end": good + "\n", "duplicates": good + rows,
        "commas": marked + "".join(f"{uid},\n" for uid in uids),
        "comments": "# made by hand\n" + marked + "# series\n" + rows, "byte order mark": "\ufeff" + good,
        "no header": rows, "title line": marked + "Series ID\n" + rows, "CRLF": good.replace("\n", "\r\n"),
        "blanks around": marked + "".join(f"  {uid}\t\n" for uid in uids),
        "marker in other case": good.replace("ListOfSeriesToDownload", "listofseriestodownload"),
        "no basket": good.replace("databasketId=manifest-1746549740123.tcia\n", ""),
        "old host": tcia(uids, server=_SERVER.replace("nbia.", "public.", 1)),
        "foreign host": tcia(uids, server="https://archive.example/nbia-download/servlet/DownloadServlet"),
        "no number of format": good.replace("manifestVersion=3.0\n", ""),
        "study UIDs": marked + "".join(f"{uid}\n" for uid in studies)}
    forms["version 1"] = f"manifestVersion=1.0\ndownloadServerUrl={_SERVER}\ntempLoc=/tmp\ndatabasketId=basket-1-x\n"
    forms["version 2"] = forms["version 1"].replace("1.0", "2.0")
    forms["version 9"] = tcia(uids, version="9.0")
    return {name: text.encode() for name, text in forms.items()}


def s5cmd(places, source="aws"):
    """PLACES: pairs of bucket and folder. As the portal exports it."""
    host = "https://s3.amazonaws.com" if source == "aws" else "https://storage.googleapis.com"
    lines = "".join(f"cp s3://{bucket}/{folder}/* .\n" for bucket, folder in places)
    return f"# To download the files in this manifest, install s5cmd, and run it with\n# --endpoint-url {host}\n\n{lines}"


def spreadsheet(series, column="SeriesInstanceUID", separator=","):
    """A table with a row for each series; COLUMN: what names it."""
    lines = [separator.join(("PatientID", column, "Modality"))]
    lines += [separator.join((one.patient, one.uid, one.modality)) for one in series]
    return "\n".join(lines) + "\n"


def retriever_metadata(series, separator="/"):
    """The Data Retriever's metadata.csv: CRLF, nothing quoted, sizes rounded."""
    lines = [_METADATA]
    for one in series:
        size = f"{one.size / 1000:.2f} KB" if one.size < 1_000_000 else f"{one.size / 1_000_000:.2f} MB"
        place = separator.join((".", one.collection, one.patient, one.study, one.uid))
        lines.append(",".join((
            one.uid, one.collection, "YES" if one.third_party else "NO", one.doi, one.patient, one.study, "CHEST",
            "01-01-2000", f"{one.modality} of tests", "Origin Instruments", one.modality, f"{one.modality} Image Storage",
            one.images[0].sop_class, str(len(one.images)), size, place, "2025-12-08T12:48:56.929")))
    return "".join(line + "\r\n" for line in lines)
