"""Kaggle: one API with two faces (REST by GET, calls by POST), the documents beside it, and redirects to signed storage.

    site = KaggleSite()
    storage = Origin(site.storage)                 # a port of its own
    site.storage.base = storage.url_by_name        # as redirects name it: http://localhost:PORT
    kaggle = Origin(site)                          # endpoints `kaggle` and `kaggle-rpc` are kaggle.url

start(site) does all that. What each part answers can be chosen by the attributes of KaggleSite and KaggleStorage.
"""

import base64
import binascii
import json
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field

from . import kaggle_model
from . import kaggle_words as words
from .content import as_content
from .kaggle_access import Accounts, Limit, Refused, refuse
from .kaggle_model import extension, mixed
from .kaggle_storage import KaggleStorage
from .large import make_large_zip
from .server import Origin, Response, Site, html

# Each call: REST pattern, RPC name, purpose. The purpose names the method below that answers it, and its limit.
_NAME = r"([^/]+)"
_CALLS = [(re.compile(pattern + "$"), rpc, purpose) for pattern, rpc, purpose in (
    (r"datasets/list", "datasets.DatasetApiService/ListDatasets", "search"),
    (rf"datasets/view/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})", "datasets.DatasetApiService/GetDataset", "view"),
    (rf"datasets/metadata/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})",
     "datasets.DatasetApiService/GetDatasetMetadata", "metadata"),
    (rf"datasets/status/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})",
     "datasets.DatasetApiService/GetDatasetStatus", "status"),
    (rf"datasets/list/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})",
     "datasets.DatasetApiService/ListDatasetFiles", "files"),
    (rf"datasets/list-tree/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})",
     "datasets.DatasetApiService/ListTreeDatasetFiles", "tree"),
    (rf"datasets/files/summary/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})",
     "datasets.DatasetApiService/GetDatasetFilesSummary", "summary"),
    (rf"datasets/download/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})(/(?P<fileName>.+))?",
     "datasets.DatasetApiService/DownloadDataset", "download"),
    (rf"datasets/download-raw/(?P<ownerSlug>{_NAME})/(?P<datasetSlug>{_NAME})(/(?P<fileName>.+))?",
     "datasets.DatasetApiService/DownloadDatasetRaw", "raw"),
    (r"competitions/list", "competitions.CompetitionApiService/ListCompetitions", "competitions"),
    (rf"competitions/get/(?P<competitionName>{_NAME})", "competitions.CompetitionApiService/GetCompetition", "competition"),
    (rf"competitions/data/list/(?P<competitionName>{_NAME})",
     "competitions.CompetitionApiService/ListDataFiles", "competition_files"),
    (rf"competitions/(?P<competitionName>{_NAME})/data-tree/list/?",
     "competitions.CompetitionApiService/ListDataTreeFiles", "competition_tree"),
    (rf"competitions/data/summary/(?P<competitionName>{_NAME})",
     "competitions.CompetitionApiService/GetCompetitionDataFilesSummary", "competition_summary"),
    (rf"competitions/data/download-all/(?P<competitionName>{_NAME})",
     "competitions.CompetitionApiService/DownloadDataFiles", "competition_archive"),
    (rf"competitions/data/download/(?P<competitionName>{_NAME})/(?P<fileName>.+)",
     "competitions.CompetitionApiService/DownloadDataFile", "competition_file"),
    (r"hello", "api.v1.DiagnosticsService/Hello", "hello"),
    (r"access-tokens/generate", "users.AccountService/GenerateAccessToken", "generate_token"),
    (r"oauth2/introspect", "security.OAuthService/IntrospectToken", "introspect"))]
_BY_POST = ("generate_token", "introspect")
_BY_RPC = {rpc: purpose for _, rpc, purpose in _CALLS}
# Fields that REST answers three times.
_OPTIONAL = ("title", "subtitle", "creatorName", "creatorUrl", "totalBytes", "url", "licenseName", "description", "ownerName",
             "ownerRef", "currentVersionNumber", "usabilityRating", "thumbnailImageUrl", "creatorRef", "versionNotes", "status")
_LAST_PAGE = 500


@dataclass
class Call:
    purpose: str
    params: dict
    account: object
    is_rpc: bool
    request: object
    limits: list = field(default_factory=list)

    def text(self, name):
        value = self.params.get(name)
        # The program `kaggle` 1.6 writes None where it means nothing, and was served.
        return None if value in (None, "", "None") else str(value)

    def number(self, name, default=None):
        value = self.text(name)
        if value is None:
            return default
        return int(value) if value.isdigit() else refuse(400, f"Invalid value for {name}")


def _camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def triple(value):
    """Each optional field as xNullable, x and hasX, at every depth."""
    if isinstance(value, list):
        return [triple(one) for one in value]
    if not isinstance(value, dict):
        return value
    twins = {}
    for name, one in value.items():
        one = triple(one)
        if name in _OPTIONAL:
            twins.update({name + "Nullable": one, name: one, "has" + name[0].upper() + name[1:]: one is not None})
        else:
            twins[name] = one
    return twins


class KaggleSite(Site):
    """The API and the documents.

    PAGE_SIZE, PAGE_LIMIT: files a page, and at most; EMPTY_PAGES: numbers (from 0) of pages that come empty, with a token;
    ENDS_AFTER: pages after which a listing ends although files remain; LIMITS: {purpose: Limit}, the purposes being those
    of the calls above, "croissant", and "archive" and "file" of datasets; ZIPPED_FROM: files from this size on lie zipped;
    RAW_IS_PLAIN: raw=true gives them as they were uploaded; RAW_SLASH: is a slash in a file's name taken as it is in the
    path?; FORBIDDEN_FORM: "json", "plain" or "empty"; WRONG_SLUG: "permission" or "not-found"; PRIVATE_STATUS: of what one
    may not see; COMPETITION_LIST: "object" or "array"; STATUS_FORM: "text" or "object"; INTROSPECT_STATUS: for a token that
    is none; FILE_TWINS: has the file listing triple fields too?; V2_FOR_DATASETS: are their addresses signed as those of
    competitions are?
    """

    server = "Kestrel"

    def __init__(self, datasets=None, competitions=None, accounts=None):
        self.accounts = Accounts(kaggle_model.standard_accounts() if accounts is None else accounts)
        self.datasets, self.competitions = {}, {}
        for dataset in kaggle_model.standard_datasets() if datasets is None else datasets:
            self.add(dataset)
        for competition in kaggle_model.standard_competitions() if competitions is None else competitions:
            self.competitions[competition.slug] = competition
        self.storage = KaggleStorage()
        self.page_size, self.page_limit = 20, 200
        self.empty_pages, self.ends_after = (), None
        self.limits = {}
        self.zipped_from = 1_000_000
        self.raw_is_plain, self.raw_slash = True, False
        self.forbidden_form, self.wrong_slug, self.private_status = "json", "permission", 403
        self.competition_list, self.status_form = "object", "text"
        self.introspect_status = 404
        self.file_twins = False
        self.v2_for_datasets = False
        self._bundles = 1_160_000
        self._orders = {}

    def add(self, dataset):
        self.datasets[dataset.ref.lower()] = dataset
        return dataset

    def add_competition(self, competition):
        self.competitions[competition.slug] = competition
        return competition

    # What comes in.

    def answer(self, request):
        path = re.sub("/+", "/", request.target.partition("?")[0])
        try:
            if path.startswith("/api/v1/") or path.startswith("/v1/"):
                answer = self._api(request, path.partition("/v1/")[2])
            else:
                answer = self._document(request, urllib.parse.unquote(path))
        except Refused as refused:
            answer = refused.answer
        answer.headers += [("Set-Cookie", f"ka_sessionid={secrets.token_hex(16)}; max-age=2626560; path=/"),
                           ("Set-Cookie", f"GCLB={secrets.token_urlsafe(12)}; path=/; HttpOnly")]
        answer.chunked = answer.chunked or answer.type == words.JSON
        return answer

    def _api(self, request, rest):
        name = urllib.parse.unquote(rest)
        if request.method == "POST" and name in _BY_RPC:
            purpose, params = _BY_RPC[name], self._body(request)
        else:
            purpose, params = self._by_path(request, rest)
        call = Call(purpose, params, self.accounts.enter(request), name in _BY_RPC, request)
        self._take(purpose)
        value = getattr(self, "_" + purpose)(call)
        if isinstance(value, Response):
            return value
        return Response(200, words.dumps(value), [], words.JSON)

    def _body(self, request):
        if not request.headers.get("content-type", "").startswith(words.JSON):
            refuse(415, "Unsupported Media Type")
        try:
            body = json.loads(request.body or b"{}")
        except json.JSONDecodeError:
            body = None
        return body if isinstance(body, dict) else refuse(400, "Invalid request body")

    def _by_path(self, request, rest):
        for pattern, _, purpose in _CALLS:
            match = pattern.match(rest)
            if not match:
                continue
            if request.method != ("POST" if purpose in _BY_POST else "GET"):
                refuse(405, "Method not allowed")
            if purpose in _BY_POST:
                return purpose, self._body(request)
            found = {key: value for key, value in match.groupdict().items() if value}
            if "/" in found.get("fileName", "") and not self.raw_slash:
                break
            return purpose, {**{_camel(key): value for key, value in request.query.items()},
                             **{key: urllib.parse.unquote(value) for key, value in found.items()}}
        return refuse(404, words.NOT_FOUND)

    def _take(self, purpose):
        limit = self.limits.get(purpose)
        refused = limit.take() if limit is not None else None
        if refused is not None:
            raise Refused(refused)

    # Who may, and what there is.

    def _forbid(self):
        if self.forbidden_form == "json":
            refuse(403, words.FORBIDDEN)
        raise Refused(Response(403, words.FORBIDDEN if self.forbidden_form == "plain" else b"", [], "text/plain"))

    def _dataset(self, call):
        dataset = self.datasets.get(f"{call.text('ownerSlug')}/{call.text('datasetSlug')}".lower())
        if dataset is None:
            refuse(404, words.NOT_FOUND)
        if not dataset.may_be_seen_by(call.account):
            self._forbid() if self.private_status == 403 else refuse(self.private_status, words.NOT_FOUND)
        return dataset

    def _version(self, call, dataset):
        return dataset.version(call.number("datasetVersionNumber")) or refuse(404, words.NOT_FOUND)

    def _contest(self, call, needs_rules=True):
        self.accounts.require(call.account)
        contest = self.competitions.get(call.text("competitionName"))
        if contest is None:
            refuse(403, words.NO_PERMISSION) if self.wrong_slug == "permission" else refuse(404, words.NOT_FOUND)
        if needs_rules and call.account.name not in contest.rules:
            refuse(403, words.RULES)
        if needs_rules and not call.account.phone_verified:
            self._forbid()
        return contest

    # Pages.

    def _page(self, call, what, items):
        """(items of the page asked for, token of the next or ""). WHAT: a token is good for nothing else."""
        size = max(1, min(call.number("pageSize", self.page_size), self.page_limit))
        page, offset = self._read_token(call.text("pageToken"), what)
        taken = [] if page in self.empty_pages else items[offset:offset + size]
        offset += len(taken)
        is_over = offset >= len(items) or (self.ends_after is not None and page + 1 >= self.ends_after)
        return taken, "" if is_over else self._make_token(what, page + 1, offset)

    @staticmethod
    def _make_token(what, page, offset):
        return "CfDJ8" + base64.urlsafe_b64encode(json.dumps([what, page, offset]).encode()).decode()

    @staticmethod
    def _read_token(token, what):
        if token is None:
            return 0, 0
        try:
            kind, page, offset = json.loads(base64.urlsafe_b64decode(token.removeprefix("CfDJ8")))
        except (binascii.Error, ValueError):
            kind = None
        return (page, offset) if kind == what else refuse(400, "Invalid page token")

    def _order(self, key, files):
        """The paths in the order of the listing, which is none."""
        if self._orders.get(key, (None,))[0] is not files:
            self._orders[key] = (files, mixed(files))
        return self._orders[key][1]

    def _tree_page(self, call, what, files, describe):
        """One folder: those below it, then its files, a page at a time."""
        top = (call.text("path") or "").strip("/")
        prefix = top + "/" if top else ""
        folders, here = {}, []
        for path in files:
            if path.startswith(prefix):
                name, slash, rest = path[len(prefix):].partition("/")
                if slash:
                    folders.setdefault(name, []).append(rest)
                else:
                    here.append(path)
        if not folders and not here:
            refuse(404, words.NOT_FOUND)
        entries = [(name, True) for name in mixed(folders)] + [(path, False) for path in mixed(here)]
        taken, token = self._page(call, f"{what}/{top}", entries)
        directories = [{"name": name, "relativeUrl": f"{prefix}{name}", "totalFiles": sum("/" not in one for one in below),
                        "totalDirectories": len({one.partition("/")[0] for one in below if "/" in one}),
                        "totalChildren": len({one.partition("/")[0] for one in below})}
                       for name, below in ((name, folders[name]) for name, is_folder in taken if is_folder)]
        shown = [describe(path) for path, is_folder in taken if not is_folder]
        return {"directories": directories, "files": shown, "totalChildren": len(entries), "totalDirectories": len(folders),
                "totalFiles": len(here), "nextPageToken": token}

    @staticmethod
    def _summarize(files):
        kinds = {}
        for path, content in files.items():
            kind = kinds.setdefault(extension(path), {"extension": extension(path), "fileCount": 0, "totalSize": 0})
            kind["fileCount"] += 1
            kind["totalSize"] += content.size
        return {"fileSummaryInfo": {"totalFileCount": len(files), "fileTypes": list(kinds.values())},
                "columnSummaryInfo": {"totalColumnCount": 0, "columnTypes": []}}

    # The calls of datasets.

    def _search(self, call):
        word, user = (call.text("search") or "").lower(), (call.text("user") or "").lower()
        found = [dataset for dataset in self.datasets.values() if dataset.may_be_seen_by(call.account)
                 and word in f"{dataset.ref} {dataset.title}".lower() and user in ("", dataset.owner.lower())]
        size = call.number("pageSize", self.page_size) if call.is_rpc else self.page_size
        page, token = call.number("page", 1), call.text("pageToken")
        if token is not None:
            page = self._read_token(token, "search")[0] + 1
        taken = found[(page - 1) * size:page * size] if 1 <= page <= _LAST_PAGE else []
        shown = [dataset.describe(call.account, False) for dataset in taken]
        if not call.is_rpc:
            return triple([{**one, "files": [], "versions": []} for one in shown])
        return {"datasets": shown,
                "nextPageToken": self._make_token("search", page, 0) if page * size < len(found) else ""}

    def _view(self, call):
        facts = self._dataset(call).describe(call.account, True)
        return facts if call.is_rpc else triple(facts)

    def _metadata(self, call):
        return self._dataset(call).describe_metadata()

    def _status(self, call):
        status = self._dataset(call).current.status
        if call.is_rpc:
            return {"status": status.upper()}
        return status.lower() if self.status_form == "text" else {"status": status.lower()}

    def _files(self, call):
        dataset = self._dataset(call)
        version = self._version(call, dataset)
        what = f"{dataset.ref}/{version.number}"
        taken, token = self._page(call, what, self._order(what, version.files))
        files = [dataset.describe_file(version, path) for path in taken]
        return {"datasetFiles": triple(files) if self.file_twins and not call.is_rpc else files, "errorMessage": None,
                "nextPageToken": token}

    def _tree(self, call):
        dataset = self._dataset(call)
        version = self._version(call, dataset)
        return self._tree_page(call, f"tree/{dataset.ref}/{version.number}", version.files, lambda path: {
            "name": path.rpartition("/")[2], "creationDate": version.created, "totalBytes": version.files[path].size,
            "relativeUrl": path, "description": ""})

    def _summary(self, call):
        return self._summarize(self._version(call, self._dataset(call)).files)

    def _download(self, call):
        dataset = self._dataset(call)
        version = self._version(call, dataset)
        name = call.text("fileName")
        self._take("archive" if name is None else "file")
        if not dataset.may_be_had_by(call.account):
            self._forbid()
        if name is not None and (name not in version.files or name in dataset.unsplit):
            refuse(404, words.NOT_FOUND)
        top = f"/kaggle-data-sets/{dataset.id}/{self._bundle(version)}"
        is_raw = call.purpose == "raw" or str(call.params.get("raw", "")).lower() in ("true", "1")
        return self._redirect(top, version, name, is_raw, dataset.stored, self.v2_for_datasets)

    _raw = _download

    # The calls of competitions.

    def _competitions(self, call):
        self.accounts.require(call.account)
        word = (call.text("search") or "").lower()
        found = [contest for contest in self.competitions.values() if word in f"{contest.slug} {contest.title}".lower()]
        page = call.number("page", 1)
        taken = found[(page - 1) * self.page_size:page * self.page_size]
        shown = [contest.describe(call.account) for contest in taken]
        return {"competitions": shown, "nextPageToken": ""} if call.is_rpc else shown

    def _competition(self, call):
        return self._contest(call, needs_rules=False).describe(call.account)

    def _competition_files(self, call):
        contest = self._contest(call)
        what = f"c/{contest.slug}/{contest.bundle}"
        taken, token = self._page(call, what, self._order(what, contest.files))
        files = [contest.describe_file(path) for path in taken]
        if self.competition_list == "array" and not call.is_rpc:
            return files
        return {"files": files, "nextPageToken": token, "childrenFetchTimeMs": 0}

    def _competition_tree(self, call):
        contest = self._contest(call)
        return self._tree_page(call, f"tree/{contest.slug}/{contest.bundle}", contest.files, lambda path: {
            "name": path.rpartition("/")[2], "creationDate": contest.created, "totalBytes": contest.files[path].size,
            "relativeUrl": path, "description": ""})

    def _competition_summary(self, call):
        return self._summarize(self._contest(call).files)

    def _competition_archive(self, call):
        return self._competition_download(call, self._contest(call), None)

    def _competition_file(self, call):
        contest, name = self._contest(call), call.text("fileName")
        if name not in contest.files or name in contest.unsplit:
            refuse(404, words.NOT_FOUND)
        return self._competition_download(call, contest, name)

    def _competition_download(self, call, contest, name):
        top = f"/kaggle-competitions-data/kaggle-v2/{contest.id}/{contest.bundle}"
        return self._redirect(top, contest, name, False, contest.stored, True)

    # The calls of accounts.

    def _hello(self, call):
        return {"userName": self.accounts.require(call.account).name}

    def _generate_token(self, call):
        account, token = self.accounts.renew(call.text("refreshToken"))
        seconds = float((call.text("expirationDuration") or "43200s").rstrip("s"))
        return {"token": token, "expiresIn": int(seconds), "userName": account.name, "userId": 1}

    def _introspect(self, call):
        account = self.accounts.by_token(call.text("token") or "")
        if account is None:
            refuse(self.introspect_status, words.NOT_FOUND)
        return {"active": True, "username": account.name, "userId": 1, "scope": "", "clientId": "kagglesdk"}

    # Where the bytes are.

    def _bundle(self, version):
        if not version.bundle:
            self._bundles += 1
            version.bundle = self._bundles
        return version.bundle

    def _redirect(self, top, holder, name, is_raw, options, is_v2):
        """302 to what is asked for, which is put into the store when it is asked for first."""
        if name is None:
            path, content, kind = f"{top}/bundle/{getattr(holder, 'archive_name', 'archive.zip')}", holder.archive, "zip"
        else:
            path, content, kind = self._single(top, name, holder.files[name], is_raw)
        stored = self.storage.objects.get(path)
        if stored is None:
            self.storage.put(path, as_content(content()) if callable(content) else content,
                             type="application/zip" if kind == "zip" else "application/octet-stream", **options)
        return Response(302, b"", [("Location", self.storage.sign(path, is_v2)), ("Cache-Control", "private")])

    def _single(self, top, name, content, is_raw):
        if content.size < self.zipped_from or (is_raw and self.raw_is_plain):
            return f"{top}/{name}", content, extension(name)
        member = name.rpartition("/")[2]
        return f"{top}/compressed/{name}.zip", lambda: make_large_zip({member: content}, deflate_below=64 << 20), "zip"

    # The documents beside the API.

    def _document(self, request, path):
        parts = path.strip("/").split("/")
        if request.method != "GET":
            return Response(405, b"")
        if len(parts) == 5 and parts[0] == "datasets" and parts[3:] == ["croissant", "download"]:
            return self._croissant(request, f"{parts[1]}/{parts[2]}")
        if len(parts) >= 3 and parts[0] == "datasets" and f"{parts[1]}/{parts[2]}".lower() in self.datasets:
            return html(f"<!DOCTYPE html><html><head><title>{parts[2]} | Kaggle</title></head><body></body></html>")
        if len(parts) >= 2 and parts[0] in ("c", "competitions") and parts[1] in self.competitions:
            return html(f"<!DOCTYPE html><html><head><title>{parts[1]} | Kaggle</title></head><body></body></html>")
        return _page_404()

    def _croissant(self, request, ref):
        self._take("croissant")
        dataset = self.datasets.get(ref.lower())
        if dataset is None or dataset.croissant is None or not dataset.may_be_seen_by(self.accounts.enter(request)):
            return _page_404()
        return Response(200, json.dumps(dataset.make_croissant()), [], "application/json; charset=utf-8", chunked=True)


def _page_404():
    return html("<!DOCTYPE html><html><head><title>Kaggle: Your Home for Data Science</title></head><body>"
                "<h1>We can't find that page.</h1></body></html>", 404)


def start(site, **options):
    """(origin of the API, origin of the storage) of a site; close both."""
    storage = Origin(site.storage, **options)
    site.storage.base = storage.url_by_name
    return Origin(site, **options), storage


__all__ = ["KaggleSite", "Limit", "start"]
