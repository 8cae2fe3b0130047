"""PhysioNet: files, pages, API and zips of its projects as the service's own code answers, and the bucket beside it."""

import array
import hashlib
import html as html_text
import urllib.parse
from dataclasses import dataclass, field

from . import archives, listings, realdata
from .content import Bytes, Noise, as_content
from .physionet_access import (CREDENTIALED, HTTP_AUTH_AGENTS, OPEN, POLICIES, RESTRICTED, REVIEW, Door, User, may_read,
                               page_403)
from .plain import Tree
from .server import Response, Site, error_page, html, json_answer, redirect, static_file

LICENCES = ("Open Data Commons Attribution License v1.0", "PhysioNet Restricted Health Data License 1.5.0",
            "PhysioNet Credentialed Health Data License 1.5.0", "PhysioNet Contributor Review Health Data License 1.5.0")
_TYPES = {"dat": "application/octet-stream", "hea": "application/octet-stream", "atr": "application/octet-stream",
          "mat": "application/octet-stream", "edf": "application/octet-stream", "gz": "application/gzip",
          "html": "text/html", "pdf": "application/pdf", "csv": "text/csv", "zip": "application/zip"}


@dataclass
class Version:
    """One published version. SUMS: "sorted", "unsorted", "missing"; WRONG_SUMS: paths listed with a wrong digest.

    READERS: names of users who may read it, whatever their account says. LOGIN_REQUIRED: open, and for those alone who
    are logged in; GUARDED: so are these of its files. The files of one that is EMBARGOED, DEPRECATED, whose downloads are not allowed, or that the asking
    address may not have (REFUSED_REGION), are nobody's; its page is there all the same.
    """

    slug: str
    version: str
    title: str
    files: dict
    policy: int = OPEN
    sums: str = "sorted"
    wrong_sums: tuple = ()
    has_zip: bool = True
    downloads_allowed: bool = True
    login_required: bool = False
    embargoed: bool = False
    deprecated: bool = False
    refused_region: bool = False
    guarded: tuple = ()
    readers: tuple = ()
    published: str = "2005-02-24"
    tree: Tree = field(default_factory=Tree)

    def __post_init__(self):
        self.tree.add("LICENSE.txt", Bytes(self.licence + "\n"))
        for path, content in self.files.items():
            self.tree.add(path, content)
        if self.sums != "missing":
            self.tree.add("SHA256SUMS.txt", Bytes(self.checksum_list()))

    def checksum_list(self):
        """Hex, one space, path; every file but the list itself, in byte order (older lists: in none)."""
        paths = sorted((path for path in self.tree.files if path != "SHA256SUMS.txt"), key=str.encode)
        if self.sums == "unsorted":
            paths = paths[1::2] + paths[::2]
        lines = []
        for path in paths:
            digest = hashlib.sha256(b"wrong").hexdigest() if path in self.wrong_sums \
                else self.tree.files[path][0].digest()
            lines.append(f"{digest} {path}\n")
        return "".join(lines)

    @property
    def licence(self):
        return LICENCES[self.policy]

    @property
    def is_public(self):
        """Does it lie where the web server itself hands it out?"""
        return self.policy == OPEN and may_read(self, None)

    @property
    def is_in_bucket(self):
        """What not everybody may have was moved out of the open bucket; closed downloads mean the service's own."""
        return self.policy == OPEN and not (self.login_required or self.refused_region or self.embargoed)

    @property
    def zip_name(self):
        return f"{self.title.lower().replace(' ', '-')}-{self.version}.zip"

    def make_zip(self):
        top = self.zip_name.removesuffix(".zip") + "/"
        return archives.make_zip(dict(sorted(self.tree.below("").items(), key=lambda item: item[0].encode())), top=top)

    @property
    def size(self):
        return sum(content.size for content, _ in self.tree.files.values())

    def describe(self, is_latest):
        return {"slug": self.slug, "version": self.version, "core_doi": "10.13026/AAAA", "version_doi": "10.13026/BBBB",
                "is_latest_version": is_latest, "short_description": "Signals.", "publish_date": self.published,
                "title": self.title, "abstract": "<p>Signals.</p>",
                "license": {"name": self.licence},
                "dua": {"name": self.licence.replace("License", "Data Use Agreement")} if self.policy != OPEN else None,
                "main_storage_size": self.size, "compressed_storage_size": self.size // 2 if self.has_zip else 0,
                "resource_type": "Database", "access_policy": POLICIES[self.policy], "topics": ["ecg"],
                "source_url": f"https://physionet.org/content/{self.slug}/{self.version}/"}


def version_key(version):
    return [int(part) for part in version.split(".") if part.isdigit()]


class PhysioNetSite(Site):
    """The service. USERS: {name: password}, or User objects; INDEX: "nginx" or "physionet-development";
    API_LIMIT: requests an hour."""

    server = "nginx"

    def __init__(self, versions=None, users=None, index="nginx", api_limit=None, require_tls=False):
        self.projects = {}
        for version in (versions if versions is not None else standard_versions()):
            self.add(version)
        self.door = Door(users or {}, require_tls)
        self.index = index
        self.api_limit = api_limit
        self.api_asked = 0
        self.maintenance = False
        self._zips = {}

    def add(self, version):
        self.projects.setdefault(version.slug, {})[version.version] = version

    def latest(self, slug):
        versions = self.projects.get(slug, {})
        return versions[max(versions, key=version_key)] if versions else None

    def answer(self, request):
        if self.maintenance:
            return html("<html><head><title>PhysioNet</title></head><body>Maintenance</body></html>", 503)
        # Passwords count for files and zips alone.
        is_guarded = request.path.startswith("/files/") or "/get-zip/" in request.path
        request.user, set_cookie = self.door.enter(request) if is_guarded else (None, [])
        answer = self._answer(request)
        answer.headers += set_cookie
        return answer

    def _answer(self, request):
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        parts = request.path.lstrip("/").split("/")
        table = {"files": self._files, "content": self._content, "static": self._static, "api": self._api,
                 "physiobank": self._physiobank, "rest": self._rest, "sign-dua": self._login_first,
                 "request-access": self._login_first}
        if request.path == "/robots.txt":
            return Response(200, "User-Agent: *\\Allow: /", [], "text/plain")
        if parts[0] in table:
            return table[parts[0]](request, parts[1:])
        return _page_404()

    def _find(self, slug, version):
        return self.projects.get(slug, {}).get(version)

    def _files(self, request, parts):
        version = self._find(parts[0], parts[1]) if len(parts) >= 2 else None
        if version is None:
            return _page_404()
        refused = self._refuse(request, version, "/".join(parts[2:]))
        if refused is not None:
            return refused
        return self._serve(request, version, "/".join(parts[2:]), len(parts) > 2, self.index)

    def _serve(self, request, version, path, has_slash, style):
        if path in version.tree.files:
            content, mtime = version.tree.files[path]
            name = path.rpartition("/")[2]
            kind = "attachment" if "download" in request.query else "inline"
            headers = [("Content-Disposition", f"{kind}; filename={name}")]
            if not name.endswith(".pdf"):
                headers.append(("Content-Security-Policy", "sandbox; default-src 'self'"))
            return static_file(content, mtime, _TYPES.get(name.rpartition(".")[2], "text/plain"), headers)
        if not version.tree.is_folder(path):
            return _page_404()
        if not (path.endswith("/") or (path == "" and has_slash)):
            return redirect(request.target.partition("?")[0] + "/")
        entries = [entry for entry in version.tree.entries(path) if not entry[0].startswith(".")]
        return Response(200, b"".join(listings.STYLES[style](request.path, entries)), [], "text/html")

    def _refuse(self, request, version, path=""):
        """None for who may read; else the answer. Who may read decides before what is there."""
        return None if may_read(version, request.user, path) else self.door.refusal(request, request.user)

    def _login_first(self, request, parts):
        """What is signed or asked for is so by a person in a browser."""
        if len(parts) != 3 or parts[2] != "" or self._find(parts[0], parts[1]) is None:
            return _page_404()
        return redirect("/login/?next=" + urllib.parse.quote(request.path))

    def _content(self, request, parts):
        slug = parts[0]
        if slug not in self.projects:
            return _page_404()
        if len(parts) == 1:
            return redirect(request.path + "/", 301)
        if parts[1] == "":
            return redirect(f"/content/{slug}/{self.latest(slug).version}/")
        if parts[1] == "get-zip" and len(parts) > 2:
            return self._get_zip(request, slug, parts[2])
        if parts[1] in ("view-license", "view-dua", "view-required-training") and len(parts) > 2:
            version = self._find(slug, parts[2])
            return html(f"<!DOCTYPE html><html><body><h1>{version.licence}</h1></body></html>") if version else _page_404()
        version = self._find(slug, parts[1])
        if version is None:
            return _page_404()
        path = "/".join(parts[2:])
        if path and path not in version.tree.files and not version.tree.is_folder(path):
            return _page_404()
        if path and not version.is_public:
            return page_403()
        title = html_text.escape(version.title)
        return html(f"<!DOCTYPE html><html><head><title>{title} v{version.version}</title></head><body><h1>{title}</h1>"
                    f"<p>{html_text.escape(path)}</p><a href=\"/files/{slug}/{version.version}/\">Files</a></body></html>")

    def _zip(self, version):
        key = (version.slug, version.version)
        if key not in self._zips:
            self._zips[key] = Bytes(version.make_zip())
        return self._zips[key]

    def _get_zip(self, request, slug, number):
        version = self._find(slug, number)
        if version is None:
            return _page_404()
        refused = self._refuse(request, version)
        if refused is not None:
            return refused
        if not version.has_zip:
            return _page_404()
        return static_file(self._zip(version), type="application/zip",
                           headers=[("Content-Disposition", f"attachment; filename={version.zip_name}")])

    def _static(self, request, parts):
        """Open projects alone, straight from the web server: its own listing, its own 404."""
        if len(parts) < 3 or parts[0] != "published-projects":
            return error_page(404)
        version = self._find(parts[1], parts[2])
        if version is None:
            for one in self.projects.get(parts[1], {}).values():
                if parts[2:] == [one.zip_name] and one.is_public and one.has_zip:
                    return static_file(self._zip(one), type="application/zip")
        if version is None or not version.is_public:
            return error_page(404)
        answer = self._serve(request, version, "/".join(parts[3:]), len(parts) > 3, "nginx")
        if answer.status == 404:
            return error_page(404)
        answer.headers = [header for header in answer.headers if header[0] == "Location"]
        return answer

    def _physiobank(self, request, parts):
        if parts == ["database", ""]:
            return redirect("/data/", 301)
        if len(parts) == 3 and parts[0] == "database" and parts[2] == "":
            return redirect(f"/content/{parts[1]}/") if parts[1] in self.projects else error_page(404)
        if len(parts) > 3 and parts[0] == "database":
            return self._static(request, ["published-projects", *parts[1:]])
        return error_page(404)

    def _all(self):
        return [version for versions in self.projects.values() for version in versions.values()]

    def _rest(self, request, parts):
        if parts != ["database-list", ""]:
            return _page_404()
        keys = ("slug", "title", "abstract", "license", "dua", "main_storage_size", "compressed_storage_size")
        return json_answer([{key: version.describe(True)[key] for key in keys} for version in self._all()])

    def _api(self, request, parts):
        """Both spellings of the paths: project/published and projects/..., as old and new answer."""
        if parts[:1] != ["v1"] or parts[-1] != "":
            return _page_404()
        if self.api_limit is not None:
            self.api_asked += 1
            if self.api_asked > self.api_limit:
                return json_answer({"detail": "Request was throttled. Expected available in 3600 seconds."}, 429,
                                   [("Retry-After", "3600")])
        rest = parts[1:-1]
        if rest in (["project", "published"], ["projects", "published"]):
            return json_answer([self._describe(version) for version in self._all()])
        if rest in (["project", "published", "search"], ["projects", "search"]):
            return self._search(request)
        if rest[:2] == ["project", "published"]:
            return self._versions(rest[2:])
        if len(rest) >= 3 and rest[0] == "projects" and rest[2] == "versions":
            return self._versions([rest[1], *rest[3:]])
        if len(rest) >= 5 and rest[:2] == ["projects", "published"]:
            return self._version_file(request, rest[2], rest[3], rest[4:])
        return _page_404()

    def _describe(self, version):
        return version.describe(version is self.latest(version.slug))

    def _search(self, request):
        kind = request.query.get("resource_type", "all")
        if kind not in ("all", "0", "Database", "Software", "Challenge", "Model"):
            return json_answer({"error": "Invalid resource_type"}, 400)
        word = request.query.get("search_term", "").lower()
        return json_answer([self._describe(version) for version in self._all() if word in version.title.lower()])

    def _versions(self, rest):
        versions = self.projects.get(rest[0], {})
        if len(rest) == 1 and versions:
            keys = ("slug", "title", "version", "abstract")
            return json_answer([{key: self._describe(versions[number])[key] for key in keys}
                                for number in sorted(versions, key=version_key)])
        if len(rest) == 2 and rest[1] in versions:
            described = self._describe(versions[rest[1]])
            return json_answer({**described, "project_home_page": None, "publish_datetime": described["publish_date"],
                                "doi": described["version_doi"], "citation": "Somebody (2005). Signals. PhysioNet."})
        return json_answer({"detail": "Not found."}, 404)

    def _version_file(self, request, slug, number, rest):
        version = self._find(slug, number)
        if version is None:
            return json_answer({"detail": "Not found."}, 404)
        if rest == ["sha256sums"]:
            if not version.is_public:
                return Response(401, b"", [], "application/json")
            if "SHA256SUMS.txt" not in version.tree.files:
                return json_answer({"error": "SHA256SUMS.txt not found for this project"}, 404)
            return Response(200, version.tree.files["SHA256SUMS.txt"][0],
                            [("Content-Disposition", "attachment; filename=SHA256SUMS.txt")], "text/plain")
        if rest[0] == "files":
            return json_answer({"error": "Invalid or missing token"}, 403)
        return _page_404()


def _page_404():
    return html("<!DOCTYPE html><html><head><title>404: Page Not Found</title></head><body><h1>Page Not Found (404)</h1>"
                "</body></html>", 404)


class PhysioNetBucket(Site):
    """The open bucket: only some of the open projects lie there."""

    server = "AmazonS3"

    def __init__(self, main, slugs):
        self.main = main
        self.slugs = tuple(slugs)

    def answer(self, request):
        slug, _, rest = request.path.lstrip("/").partition("/")
        number, _, path = rest.partition("/")
        version = self.main.projects.get(slug, {}).get(number) if slug in self.slugs else None
        if version is not None and version.is_in_bucket and path in version.tree.files:
            content, mtime = version.tree.files[path]
            # Objects were uploaded in parts: their ETag is no digest.
            tag = hashlib.md5(f"{slug}/{number}/{path}".encode()).hexdigest()
            return static_file(content, mtime, "binary/octet-stream", etag=f'"{tag}-2"')
        return Response(404, '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified '
                             f"key does not exist.</Message><Key>{html_text.escape(slug)}</Key></Error>", [],
                        "application/xml")


def wfdb_record(name, samples=5000, signals=2):
    """A record in format 16 with its header: the checksum and first value of each signal are right."""
    words = array.array("h", Noise(samples * signals * 2, f"wfdb/{name}").bytes())
    lines = [f"{name} {signals} 360 {samples}"]
    for signal in range(signals):
        values = words[signal::signals]
        checksum = (sum(values) + 0x8000) % 0x10000 - 0x8000
        lines.append(f"{name}.dat 16 200 16 0 {values[0]} {checksum} 0 lead{signal}")
    return {f"{name}.hea": Bytes("\r\n".join(lines) + "\r\n"), f"{name}.dat": Bytes(words.tobytes()),
            f"{name}.atr": Noise(900, f"atr/{name}")}


def make_mitdb():
    """mitdb 1.0.0: record 100 is the real one where it is there; the others are made."""
    files = {}
    for name in ("100.hea", "100.dat", "100.atr"):
        path = realdata.shared(f"physionet/mitdb/1.0.0/{name}")
        if path is not None:
            files[name] = as_content(path)
    records = ["100"] if files else []
    for number in ("102", "103", "104"):
        files.update(wfdb_record(number))
        records.append(number)
    files["RECORDS"] = Bytes("".join(f"{record}\n" for record in records))
    files["ANNOTATORS"] = Bytes("atr\treference beat, rhythm, and signal quality annotations\n")
    files["mitdbdir/intro.htm"] = Bytes("<html><head><title>Introduction</title></head><body>Records</body></html>\n")
    files["mitdbdir/samples/x100.txt"] = Noise(3000, "x100")
    return Version("mitdb", "1.0.0", "MIT-BIH Arrhythmia Database", files)


def make_demo(slug, version, **options):
    """A project of compressed tables, which stay as they are."""
    files = {f"{folder}/{name}.csv.gz": Bytes(archives.gzip(Noise(2000, name).bytes()))
             for folder, name in (("hosp", "admissions"), ("hosp", "patients"), ("icu", "icustays"))}
    return Version(slug, version, "A Demo of Tables", {**files, "README.txt": Bytes("Tables.\n")}, **options)


def make_clinical(slug, version, policy=CREDENTIALED, **options):
    """A closed project of tables that are large enough to be shared, were they anybody's."""
    files = {f"{folder}/{name}.csv.gz": Bytes(archives.gzip(Noise(9000, name).bytes()))
             for folder, name in (("hosp", "admissions"), ("hosp", "patients"), ("icu", "icustays"),
                                  ("icu", "chartevents"), ("note", "discharge"))}
    return Version(slug, version, "Clinical Tables", files, policy=policy, **options)


def standard_users():
    """One for each reason to be let in or not. All know the same word."""
    both = {("clinical", "1.4"), ("agreed", "2.0")}
    return [
        User("Ana", "pässword: 1", "ana@example.org", credentialed=True, signed=both, approved={("reviewed", "1.1")}),
        User("newcomer", "pässword: 1"),
        User("unsigned", "pässword: 1", credentialed=True),
        User("untrained", "pässword: 1", credentialed=True, trained=False, signed=both),
    ]


def standard_versions():
    """The projects that tests and the quick start pull."""
    return [
        make_mitdb(),
        Version("growing", "1.4", "A Growing Project", wfdb_record("r01")),
        Version("growing", "1.10.0", "A Growing Project", {**wfdb_record("r01"), **wfdb_record("r02")}),
        Version("growing", "1.9.2", "A Growing Project", wfdb_record("r01", 4000)),
        make_demo("tables-demo", "2.2", sums="unsorted"),
        Version("listless", "1.0.0", "A Project Without a List", wfdb_record("a01"), sums="missing", has_zip=False),
        Version("wrong-list", "1.0.0", "A Project With a Wrong List", wfdb_record("a01"), wrong_sums=("a01.atr",)),
        Version("secret", "1.0", "Clinical Notes", {"notes.csv.gz": Noise(5000, "notes")}, policy=CREDENTIALED,
                readers=("reader",)),
        make_clinical("mimiciii", "1.4"),
        make_clinical("clinical", "1.4"),
        make_clinical("clinical", "1.5"),
        Version("agreed", "2.0", "A Restricted Project", wfdb_record("g01"), policy=RESTRICTED),
        Version("reviewed", "1.1", "A Reviewed Project", wfdb_record("v01"), policy=REVIEW),
        Version("login-open", "1.0.0", "Open to Those Logged In", wfdb_record("l01"), login_required=True),
        Version("elsewhere", "1.0.0", "Open, Not From Here", wfdb_record("e01"), refused_region=True),
        Version("embargoed", "1.0.0", "Files That Come Later", wfdb_record("b01"), embargoed=True),
        Version("clouds-only", "1.0.0", "Files in Clouds", wfdb_record("c01"), downloads_allowed=False),
    ]
