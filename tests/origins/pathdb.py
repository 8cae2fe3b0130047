"""PathDB, the archive's slides: collections, pages of images until an empty one, and the files themselves."""

from dataclasses import dataclass, field

from .content import Bytes, Noise, as_content
from .server import Site, error_page, json_answer, static_file


@dataclass
class Slide:
    """One slide; PATH is below /system/files/wsi/."""

    path: str
    patient: str
    content: object
    id: int = 0
    width: int = 40000
    height: int = 30000
    changed: str = "2021-05-04T12:00:00+00:00"

    def __post_init__(self):
        self.content = as_content(self.content)


@dataclass
class SlideCollection:
    name: str
    tid: int
    slides: list = field(default_factory=list)


class PathDbSite(Site):
    """PAGE: rows of listofimages a page. SCHEME_TRAP: addresses begin with http://pathdb.cancerimagingarchive.net, as
    the service says them, and not with this origin's."""

    server = "nginx"

    def __init__(self, collections=None, page=10, scheme_trap=True):
        self.collections = list(collections if collections is not None else standard_slides())
        self.page, self.scheme_trap = page, scheme_trap
        self.base = ""
        number = 1000
        for collection in self.collections:
            for slide in collection.slides:
                number += 1
                slide.id = slide.id or number

    def answer(self, request):
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        path, query = request.path, request.query
        if path == "/collections" and query.get("_format") == "json":
            return json_answer([{"tid": [{"value": one.tid}], "name": [{"value": one.name}],
                                 "changed": [{"value": "2021-05-04T12:00:00+00:00", "format": "Y-m-d\\TH:i:sP"}]}
                                for one in self.collections])
        if path.startswith("/listofimages/") and query.get("_format") == "json":
            return self._images(path.removeprefix("/listofimages/"), query.get("page", "0"))
        if path.startswith("/system/files/wsi/"):
            for _, slide in self._slides():
                if slide.path == path.removeprefix("/system/files/wsi/"):
                    return static_file(slide.content, type="application/octet-stream")
        if path == "/system/files/collectionmetadata/202401/cohort_builder_v1_01-16-2024.csv":
            return static_file(Bytes(self._csv()), type="text/csv")
        return error_page(404)

    def _slides(self):
        return ((collection, slide) for collection in self.collections for slide in collection.slides)

    def _address(self, slide):
        base = "http://pathdb.cancerimagingarchive.net" if self.scheme_trap else self.base
        return f"{base}/system/files/wsi/{slide.path}"

    def _images(self, tid, page):
        found = next((one for one in self.collections if str(one.tid) == tid), None)
        if found is None or not page.isdigit():
            return json_answer([])
        first = int(page) * self.page
        return json_answer([{
            "studyid": [{"value": found.name}], "field_collection": [{"target_id": found.tid}],
            "imageid": [{"value": slide.path.rpartition("/")[2].rpartition(".")[0]}],
            "clinicaltrialsubjectid": [{"value": slide.patient}], "nid": [{"value": slide.id}],
            "field_wsiimage": [{"target_id": slide.id, "url": self._address(slide)}],
            "imagedvolumewidth": [{"value": slide.width}], "imagedvolumeheight": [{"value": slide.height}],
            "created": [{"value": "2021-05-04T12:00:00+00:00"}], "changed": [{"value": slide.changed}]}
            for slide in found.slides[first:first + self.page]])

    def _csv(self):
        lines = ["collection,collection_doi,patient_id,slide_id,view,camic_id,wsiimage_url,data_format,modality,update\n"]
        for collection, slide in self._slides():
            name = slide.path.rpartition("/")[2]
            lines.append(f"{collection.name},10.7937/test,{slide.patient},{name.rpartition('.')[0]},,{slide.id},"
                         f"{self._address(slide)},{name.rpartition('.')[2]},SM,2021-05-04\n")
        return "".join(lines)


def standard_slides():
    """Two collections: more than one page, and a name with blanks."""
    many = [Slide(f"Lung-Test/TEST-{number:03d}.svs", f"Lung-Test-{number:04d}", Noise(3000 + number, f"slide/{number}"))
            for number in range(1, 24)]
    few = [Slide("Slides of Tests/A 1.tiff", "A-0001", Noise(20_000, "slide/a"))]
    return [SlideCollection("Lung-Test", 21, many), SlideCollection("Slides of Tests", 22, few)]


__all__ = ["PathDbSite", "Slide", "SlideCollection", "standard_slides"]
