"""The UCI Machine Learning Repository: its API, its zips without length or ranges, their twin in a cloud store
with both, and the legacy tree."""

import hashlib
import html as html_text
from dataclasses import dataclass, field

from . import archives, realdata
from .content import Bytes, Noise, as_content
from .server import Response, Site, error_page, html, json_answer, static_file

_LIST_FILTERS = ("python", "aim-ahead")


@dataclass
class UciSet:
    """One dataset: its number, its title, the slug made when it was donated, and what the donor gave."""

    id: int
    name: str
    slug: str
    members: dict = field(default_factory=dict)
    csv: object = None
    external_url: str = ""
    doi: str = None
    area: str = "Health and Medicine"
    legacy: str = None
    zip: object = None

    def __post_init__(self):
        if self.zip is None and self.members:
            self.zip = archives.make_zip(self.members)
        self.zip = as_content(self.zip) if self.zip is not None else None

    def describe(self, host="https://archive.ics.uci.edu"):
        """The `data` object of the API, with every key."""
        page = f"{host}/dataset/{self.id}/{self.slug}"
        data = {
            "uci_id": self.id, "name": self.name, "repository_url": page,
            "data_url": f"{host}/static/public/{self.id}/data.csv" if self.csv is not None else None,
            "abstract": f"{self.name}, as donated.\r\nText fields hold CRLF and \u00e2\u20ac\u0153mojibake\u00e2\u20ac.",
            "area": self.area, "tasks": ["Classification"], "characteristics": ["Multivariate"],
            "num_instances": 569, "num_features": None, "feature_types": ["Real"], "demographics": ["Age", "Sex"],
            "target_col": ["Diagnosis"], "index_col": None, "has_missing_values": "no",
            "missing_values_symbol": None, "year_of_dataset_creation": 1993, "last_updated": "Thu Aug 10 2023",
            "dataset_doi": self.doi, "creators": ["A. Donor", "B. Donor"],
            "intro_paper": {"ID": 230, "type": "NATIVE", "title": "On donated tables", "authors": "A. Donor, B. Donor",
                            "venue": "Electronic imaging", "year": 1993, "journal": None, "DOI": None, "URL": None,
                            "sha": None, "corpus": None, "arxiv": None, "mag": None, "acl": None, "pmid": None,
                            "pmcid": None},
            "additional_info": {"summary": "Measured.", "purpose": None, "funded_by": None,
                                "instances_represent": None, "recommended_data_splits": None, "sensitive_data": None,
                                "preprocessing_description": None, "variable_info": None, "citation": None},
            "variables": [{"name": "ID", "role": "ID", "type": "Categorical", "demographic": None,
                           "description": None, "units": None, "missing_values": "no"}],
        }
        if self.external_url:
            data["external_url"] = self.external_url
        return data


class UciSite(Site):
    """The main host. API_ERROR_STATUS: the HTTP status that goes with a JSON status that is not 200."""

    server = "nginx/1.29.5"

    def __init__(self, sets=None, api_error_status=200):
        self.sets = {dataset.id: dataset for dataset in (sets if sets is not None else standard_sets())}
        self.legacy = standard_legacy() if sets is None else {}
        self.api_error_status = api_error_status
        self.api_down = False

    def add(self, dataset):
        self.sets[dataset.id] = dataset

    def answer(self, request):
        if request.method != "GET":
            return error_page(405)
        path = request.path
        if path == "/api/dataset":
            return error_page(502) if self.api_down else self._describe(request)
        if path == "/api/datasets/list":
            return error_page(502) if self.api_down else self._list(request)
        if path.startswith("/static/public/"):
            return self._static(path.removeprefix("/static/public/"))
        if path.startswith("/ml/machine-learning-databases/"):
            content = self.legacy.get(path.removeprefix("/ml/machine-learning-databases/"))
            return _streamed(content) if content is not None else _not_found()
        if path.startswith("/dataset/"):
            return self._page(path.removeprefix("/dataset/"))
        return _not_found()

    def _api_error(self, status, message):
        return json_answer({"status": status, "statusText": "Error", "message": message},
                           200 if self.api_error_status == 200 else status)

    def _describe(self, request):
        number, name = request.query.get("id"), request.query.get("name")
        if (number is None) == (name is None):
            return self._api_error(400, "Exactly one of id and name is needed")
        found = None
        if number is not None and number.isdigit():
            found = self.sets.get(int(number))
        elif name is not None:
            found = next((dataset for dataset in self.sets.values() if name.lower() in dataset.name.lower()), None)
        if found is None:
            return self._api_error(404, "Dataset not found in repository")
        return json_answer({"status": 200, "statusText": "OK", "data": found.describe()})

    def _list(self, request):
        wanted = request.query.get("filter")
        if wanted is not None and wanted not in _LIST_FILTERS:
            return self._api_error(400, "Unknown filter")
        search = request.query.get("search", "").lower()
        return json_answer({"status": 200, "statusText": "OK", "data": [
            {"id": dataset.id, "name": dataset.name} for dataset in sorted(self.sets.values(), key=lambda one: one.name)
            if search in dataset.name.lower() and (wanted != "python" or dataset.csv is not None)]})

    def _static(self, rest):
        number, _, name = rest.partition("/")
        dataset = self.sets.get(int(number)) if number.isdigit() else None
        if dataset is None:
            return _not_found()
        if name == f"{dataset.slug}.zip" and dataset.zip is not None:
            return _streamed(dataset.zip)
        if name == "data.csv" and dataset.csv is not None:
            return _streamed(as_content(dataset.csv))
        return _not_found()

    def _page(self, rest):
        number = rest.partition("/")[0]
        if not number.isdigit() or int(number) not in self.sets:
            return _not_found()
        name = html_text.escape(self.sets[int(number)].name)
        return html(f"<!DOCTYPE html><html><head><title>{name} - UCI Machine Learning Repository</title></head><body>"
                    f"<h1>{name}</h1><p>This dataset is licensed under a Creative Commons Attribution 4.0 International "
                    "(CC BY 4.0) license.</p></body></html>")


def _streamed(content):
    """As the main host sends files since 2023: chunked, without type, length, ranges or validators."""
    return Response(200, content, chunked=True)


def _not_found():
    return html("<!DOCTYPE html><html><head><title>404</title></head><body>Page not found</body></html>", 404)


class UciCdnSite(Site):
    """The cloud store's twin of the zips: ranges, validators; a literal + is not the same name."""

    server = "AmazonS3"

    def __init__(self, main):
        self.main = main

    def answer(self, request):
        target = request.target.partition("?")[0]
        number, _, name = request.path.lstrip("/").partition("/")
        dataset = self.main.sets.get(int(number)) if number.isdigit() else None
        if "+" in target or dataset is None or dataset.zip is None or name != f"{dataset.slug}.zip":
            return Response(403, '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
                                 "<Message>Access Denied</Message></Error>", [], "application/xml")
        etag = '"' + hashlib.md5(dataset.zip.bytes()).hexdigest() + '"'
        return static_file(dataset.zip, type="application/zip", etag=etag)


def _shared_members(folder, names, fallback_size):
    """{name: content}: real tables where they are there, else generated ones of that name."""
    members = {}
    for number, name in enumerate(names):
        path = realdata.shared(f"uci/{folder}/{name}")
        members[name] = as_content(path) if path is not None else Noise(fallback_size + 97 * number, f"{folder}/{name}")
    return members


_HEART = ("Index", "WARNING", "costs/Index", "heart-disease.names", "processed.cleveland.data",
          "processed.hungarian.data", "processed.switzerland.data", "processed.va.data")


def standard_sets():
    """The sets that tests and the quick start pull: real tables where they are there."""
    table = realdata.breast_cancer_table()
    speech = {"train_data.txt": Noise(194_000, "train"), "test_data.txt": Noise(47_000, "test"),
              "readme.txt": Bytes("Recordings.\r\n")}
    student = archives.make_zip({"student-mat.csv": Bytes("a;b\r\n1;2\r\n" * 300), "student.txt": Bytes("x\n")})
    return [
        UciSet(17, "Breast Cancer Wisconsin (Diagnostic)", "breast+cancer+wisconsin+diagnostic",
               {"breast_cancer.csv": table, "breast_cancer.names": Bytes("569 instances, 30 features\r\n")},
               csv=table, doi="10.24432/C5DW2B"),
        UciSet(45, "Heart Disease", "heart+disease", _shared_members("heart-disease", _HEART, 4000),
               doi="10.24432/C52P4X", csv=Bytes("\ufeffage,sex\n63,1\n")),
        UciSet(60, "Liver Disorders", "liver+disorders", _shared_members("liver-disorders", ("bupa.data",), 7297),
               doi="10.24432/C54G67"),
        UciSet(14, "Breast Cancer", "breast+cancer", _shared_members("breast-cancer", ("breast-cancer.data",), 18654),
               doi="10.24432/C51P4M"),
        UciSet(174, "Parkinsons", "parkinsons", _shared_members("parkinsons", ("parkinsons.data",), 40697),
               doi="10.24432/C59C74"),
        UciSet(301, "Parkinson's Speech with Multiple Types of Sound Recordings",
               "parkinson+speech+dataset+with+multiple+types+of+sound+recordings",
               {"Parkinson_Multiple_Sound_Recording.rar": Bytes(archives.make_rar(speech))}),
        UciSet(470, "Parkinson's Disease Classification", "parkinson+s+disease+classification",
               {"pd_speech_features.rar": Bytes(archives.make_rar({"pd_speech_features.csv": Noise(250_000, 470)}))},
               doi="10.24432/C5MS4X"),
        UciSet(296, "Diabetes 130-US Hospitals for Years 1999-2008",
               "diabetes+130-us+hospitals+for+years+1999-2008",
               {"diabetic_data.csv": Noise(60_000, 296), "IDS_mapping.csv": Bytes("1,a\n")}),
        UciSet(320, "Student Performance", "student+performance",
               {"student.zip": Bytes(student), ".student.zip_old": Bytes(student), "__MACOSX/._student.zip": Bytes("x")}),
        UciSet(34, "Diabetes", "diabetes", {"diabetes-data/data-01": Bytes("04-21-1991\t9:09\t58\t100\n" * 50)}),
        UciSet(901, "A Set That Is Only Linked", "a+set+that+is+only+linked",
               external_url="https://elsewhere.example/data"),
    ]


def standard_legacy():
    """The legacy tree: word names and numbers, blanks and brackets, folders that several sets share."""
    files = {f"heart-disease/{name}": content
             for name, content in _shared_members("heart-disease", _HEART, 4000).items()}
    files.update({f"liver-disorders/{name}": content
                  for name, content in _shared_members("liver-disorders", ("bupa.data",), 7297).items()})
    files["00225/Indian Liver Patient Dataset (ILPD).csv"] = Noise(23_755, 225)
    files["breast-cancer-wisconsin/breast-cancer-wisconsin.data"] = Noise(19_889, 15)
    files["breast-cancer-wisconsin/wpbc.data"] = Noise(44_234, 16)
    files["breast-cancer-wisconsin/wdbc.data"] = Noise(124_103, 17)
    files["parkinsons/parkinsons.data"] = _shared_members("parkinsons", ("parkinsons.data",), 40697)["parkinsons.data"]
    files["parkinsons/telemonitoring/parkinsons_updrs.data"] = Noise(911_261, 189)
    return files
