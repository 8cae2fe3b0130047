"""The archive's web site: what its collection manager says in JSON, and the uploads that it links."""

import base64
import json
from dataclasses import dataclass, field

from . import tcia_manifests
from .content import Bytes, Noise, as_content
from .server import DEFAULT_MTIME, Site, error_page, json_answer, static_file
from .tcia_data import CC_BY_4

_KINDS = ("collections", "analysis-results", "downloads", "citations", "versions")
RESTRICTED_LICENCE = "NIH Controlled Data Access Policy"
_HOST = "https://www.cancerimagingarchive.net"
_API_HOST = "https://cancerimagingarchive.net"


@dataclass
class Upload:
    """A file below /wp-content/uploads/."""

    name: str
    content: object
    mtime: float = DEFAULT_MTIME

    def __post_init__(self):
        self.content = as_content(self.content)


def aspera_link(package=1234, passcode="a1b2c3d4e5f6"):
    """An address of the external packages: its context is base64url of JSON."""
    context = {"resource": "packages", "type": "external_download_package", "id": str(package), "package_id": str(package),
               "passcode": passcode, "email": "help@cancerimagingarchive.net"}
    text = base64.urlsafe_b64encode(json.dumps(context).encode()).decode().rstrip("=")
    return f"https://faspex.cancerimagingarchive.net/aspera/faspex/public/package?context={text}"


@dataclass
class Download:
    """One download of a page: ADDRESS, or a FILE of the site (an Upload, told by its number in the media)."""

    title: str
    address: str = None
    file: Upload = None
    by_media: bool = True
    file_type: tuple = ("DICOM",)
    data_type: tuple = ("CT",)
    type: str = "Radiology Images"
    licence: str = "CC BY 3.0"
    access: str = "Public"
    requirements: str = "TCIA Data Retriever"
    size: object = 1.5
    unit: str = "gb"
    series: int = 0


@dataclass
class Page:
    """What the site tells of one collection (or analysis result)."""

    title: str
    short: str
    doi: str = "10.7937/K9/TCIA.2015.LO9QL9SX"
    kind: str = "collections"
    downloads: list = field(default_factory=list)
    accessibility: str = "Public"
    version: str = "3"
    hidden: bool = False
    more: dict = field(default_factory=dict)


class WordPressSite(Site):
    """PAGES, and one for each of COLLECTIONS (tcia_data) that has none. v1 answers with an array and a Link header, v2
    with an object that counts its pages. PAGE_LIMIT: rows a page at most. REAL_HOSTS: whether
    addresses in answers name the real host, as they do, or BASE, this origin's own."""

    server = "nginx"

    def __init__(self, collections=(), pages=None, page_limit=250, real_hosts=True):
        self.page_limit, self.real_hosts = page_limit, real_hosts
        # Rows a page at most, whatever was asked for; and whether pages are linked.
        self.rows_given, self.has_links = page_limit, True
        self.base = ""
        self.uploads = {}
        self._rows = {kind: [] for kind in _KINDS}
        self._media = {}
        self._number = 40_000
        pages = list(pages if pages is not None else standard_pages())
        named = {page.short for page in pages}
        pages += [_page_of(one) for one in collections if one.name not in named]
        for page in pages:
            self.add(page)

    def _next(self):
        self._number += 7
        return self._number

    def add_upload(self, upload):
        self.uploads[upload.name] = upload

    def add(self, page):
        """Returns the page's row, which tests may change."""
        ids = []
        for download in page.downloads:
            ids.append(self._add_download(download))
        citation, version = self._next(), self._next()
        slug = page.short.lower().replace(" ", "-")
        singular = "result" if page.kind == "analysis-results" else "collection"
        row = {
            "id": self._next(), "slug": slug, "link": f"{_HOST}/{singular}/{slug}/", "modified": "2025-05-06T12:00:00",
            f"{singular}_title": page.title, f"{singular}_short_title": page.short, f"{singular}_doi": page.doi,
            f"{singular}_status": "Complete", f"{singular}_page_accessibility": page.accessibility,
            f"{singular}_downloads": ids, "version_number": page.version, "versions": [version],
            "date_updated": "2025-05-06", "subjects": "2", "species": ["Human"], "cancer_types": ["Lung Cancer"],
            "cancer_locations": ["Lung"], "data_types": ["CT"], "related_analysis_results": [],
            "hide_from_browse_table": "1" if page.hidden else "0", "program": ["Community"],
            f"{singular}_summary": "<p>Images of tests.</p>", "citations": [citation], **page.more}
        self._rows[page.kind].append(row)
        self._rows["citations"].append({"id": citation, "title": {"rendered": f"{page.short} citation"},
                                        "citation_text": f"A. Tester (2025). {page.title}. https://doi.org/{page.doi}"})
        self._rows["versions"].append({"id": version, "version_number": page.version, "version_date": "2025-05-06",
                                       "version_downloads": ids})
        return row

    def _add_download(self, download):
        number, address = self._next(), download.address
        row = {"id": number, "download_title": download.title, "download_url": address or "",
               "download_size": str(download.size), "download_size_unit": download.unit,
               "file_type": list(download.file_type), "download_type": download.type,
               "data_type": list(download.data_type), "data_license": download.licence,
               "download_access": download.access, "download_requirements": download.requirements,
               "series_count": str(download.series or ""), "study_count": "", "image_count": "", "subjects": "",
               "search_url": "", "date_updated": "2025-05-06"}
        if download.file is not None:
            self.add_upload(download.file)
            if download.by_media:
                media = self._next()
                self._media[media] = download.file.name
                row["download_file"] = {"ID": media}
            else:
                row["download_url"] = self._upload_address(download.file.name)
        self._rows["downloads"].append(row)
        return number

    def _upload_address(self, name):
        """Written when it is asked for: the origin's own address is known only then."""
        return f"{{base}}/wp-content/uploads/{name}"

    def _filled(self, value):
        host = _HOST if self.real_hosts else self.base
        return json.loads(json.dumps(value).replace("{base}", host))

    def answer(self, request):
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        path = request.path
        if path.startswith("/wp-content/uploads/"):
            upload = self.uploads.get(path.removeprefix("/wp-content/uploads/"))
            if upload is None:
                return error_page(404)
            kind = "text/csv" if upload.name.endswith(".csv") else "application/octet-stream"
            return static_file(upload.content, upload.mtime, kind)
        if path.startswith("/api/wp/v2/media/"):
            return self._one_media(path.removeprefix("/api/wp/v2/media/").rstrip("/"))
        parts = path.strip("/").split("/")
        if len(parts) < 3 or parts[0] != "api" or parts[1] not in ("v1", "v2") or parts[2] not in _KINDS:
            return _no_route()
        rows = self._rows[parts[2]]
        if len(parts) == 4:
            found = [row for row in rows if str(row["id"]) == parts[3]]
            return json_answer(self._filled(found[0])) if found else _no_route("rest_post_invalid_id", "Invalid post ID.")
        return self._list(request, rows, parts[1])

    def _one_media(self, number):
        name = self._media.get(int(number)) if number.isdigit() else None
        if name is None:
            return _no_route("rest_post_invalid_id", "Invalid post ID.")
        return json_answer(self._filled({"id": int(number), "source_url": self._upload_address(name),
                                         "mime_type": "application/octet-stream"}))

    def _list(self, request, rows, version):
        query = request.query
        try:
            size, page = int(query.get("per_page", 10)), int(query.get("page", 1))
        except ValueError:
            return _bad("per_page, page")
        if not 1 <= size <= self.page_limit or page < 1:
            return _bad("per_page")
        size = min(size, self.rows_given)
        ids = query.get("include" if version == "v1" else "id")
        if ids is not None:
            wanted = {text.strip() for text in ids.split(",")}
            rows = [row for row in rows if str(row["id"]) in wanted]
        if "search" in query:
            wanted = query["search"].lower()
            rows = [row for row in rows if wanted in json.dumps(row).lower()]
        if "slug" in query:
            rows = [row for row in rows if row["slug"] == query["slug"]]
        pages = max(1, -(-len(rows) // size))
        if page > pages:
            return json_answer({"code": "rest_post_invalid_page_number", "message": "The page number requested is larger "
                                "than the number of pages available.", "data": {"status": 400}}, 400)
        shown = rows[(page - 1) * size:page * size]
        fields = query.get("_fields" if version == "v1" else "fields")
        if fields is not None:
            names = [name.strip() for name in fields.split(",")]
            shown = [{name: row[name] for name in names if name in row} for row in shown]
        if version == "v2":
            return json_answer(self._filled({"results": shown, "total": len(rows), "page": page, "per_page": size,
                                             "total_pages": pages}))
        headers = [("X-WP-Total", str(len(rows))), ("X-WP-TotalPages", str(pages)), *self._links(request, page, pages)]
        return json_answer(self._filled(shown), headers=headers)

    def _links(self, request, page, pages):
        """The Link header of v1: whole addresses of the pages beside this one."""
        path, _, text = request.target.partition("?")
        kept = [part for part in text.split("&") if part and not part.startswith("page=")]
        base = _API_HOST if self.real_hosts else self.base
        links = [f'<{base}{path}?{"&".join([*kept, f"page={number}"])}>; rel="{name}"'
                 for number, name in ((page - 1, "prev"), (page + 1, "next")) if 1 <= number <= pages]
        return [("Link", ", ".join(links))] if links and self.has_links else []


def _no_route(code="rest_no_route", message="No route was found matching the URL and request method."):
    return json_answer({"code": code, "message": message, "data": {"status": 404}}, 404)


def _bad(name):
    return json_answer({"code": "rest_invalid_param", "message": f"Invalid parameter(s): {name}",
                        "data": {"status": 400}}, 400)


def _page_of(collection):
    """A page with the downloads that most have: images, and a spreadsheet."""
    slug = collection.name.replace(" ", "-")
    uids = [series.uid for series in collection.series()] if len(collection) <= 10_000 else []
    licence = next((series.licence[0] for series in collection.series()), CC_BY_4[0])
    images = Download("Images", file=Upload(f"{slug}.tcia", Bytes(tcia_manifests.tcia(uids))), licence=licence,
                      series=len(collection))
    table = Download("Clinical data", file=Upload(f"{slug}_clinical.csv", Bytes("PatientID,Age\n1,60\n")), by_media=False,
                     file_type=("CSV",), data_type=("Clinical",), type="Other", licence=licence, requirements="",
                     size=0.03, unit="kb")
    doi = next((series.doi for series in collection.series()), "").partition("doi.org/")[2]
    return Page(f"Images of {collection.name}", collection.name, doi, downloads=[images, table])


def standard_pages():
    """One that is Aspera's alone, one that is controlled, one of both kinds, a result of others, one that is hidden."""
    aspera = Download("Slides", address=aspera_link(), file_type=("SVS",), data_type=("Histopathology",),
                      type="Pathology Images", licence=CC_BY_4[0], requirements="IBM Aspera", size=1.2, unit="tb")
    controlled = Download("Images", address="https://general-commons.datacommons.cancer.gov/#/study/phs004225",
                          licence=RESTRICTED_LICENCE, access="Limited", requirements="dbGaP")
    sheet = Download("Annotations", file=Upload("Mixed-Test_annotations.xlsx", Noise(5000, "sheet")),
                     file_type=("XLSX",), data_type=("Annotations",), type="Other", licence=CC_BY_4[0], requirements="")
    masks = Download("Masks", file=Upload("Lung-Masks.zip", Noise(9000, "masks")), by_media=False, file_type=("ZIP",),
                     data_type=("Segmentations",), type="Other", licence=CC_BY_4[0], requirements="", size=9, unit="kb")
    return [Page("Slides by another way", "Aspera-Test", downloads=[aspera]),
            Page("Heads that may not be seen", "Head-Test", downloads=[controlled], accessibility="Limited"),
            Page("Some of each", "Mixed-Test", downloads=[controlled, sheet]),
            Page("Masks of lungs", "Lung-Masks", kind="analysis-results", downloads=[masks], doi="10.7937/q1ee-j082"),
            Page("Nobody sees this", "Hidden-Test", hidden=True)]


__all__ = ["Download", "Page", "Upload", "WordPressSite", "aspera_link", "standard_pages"]
