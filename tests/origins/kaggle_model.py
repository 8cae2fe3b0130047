"""What Kaggle has: accounts, datasets in versions, competitions, and the documents that describe them."""

import base64
import mimetypes
import secrets
from dataclasses import dataclass, field

from .content import Bytes, Noise, as_content
from .large import Remembered, make_large_zip

_DATE = "2026-03-27T15:16:05.7Z"
_SLOW = 64 << 20


@dataclass
class Account:
    """KEY: the legacy key; TOKENS: API tokens (sent as Bearer, prefix included). OAuth: a refresh token, and the access
    tokens that were made from it."""

    name: str
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    tokens: list = field(default_factory=list)
    refresh_token: str = None
    access_tokens: list = field(default_factory=list)
    phone_verified: bool = True

    def __post_init__(self):
        if not self.tokens:
            self.tokens = ["KGAT_" + secrets.token_hex(16)]

    @property
    def token(self):
        return self.tokens[0]

    def replace_key(self):
        """A new legacy key: the one before is worth nothing from now on."""
        self.key = secrets.token_hex(16)
        return self.key

    def make_access_token(self):
        self.access_tokens.append("KGAT_" + secrets.token_hex(24))
        return self.access_tokens[-1]


def extension(path):
    name = path.rpartition("/")[2]
    return "." + name.rpartition(".")[2] if "." in name else ""


def mixed(paths):
    """An order that is none, the same each time."""
    paths = sorted(paths)
    return paths[1::2] + paths[::2]


@dataclass
class KaggleVersion:
    """FILES: {path: content} as it is unpacked; ARCHIVE: its zip, made of them unless it is given."""

    number: int
    files: dict
    archive: object = None
    notes: str = "Initial release"
    created: str = _DATE
    status: str = "Ready"
    bundle: int = 0

    def __post_init__(self):
        self.files = {path: as_content(content) for path, content in self.files.items()}
        archive = make_large_zip(self.files) if self.archive is None else as_content(self.archive)
        self.archive = archive if isinstance(archive, Remembered) else Remembered(archive)
        if self.archive.size > _SLOW:
            self.archive.digest("md5")  # now, so that no request waits for it

    @property
    def size(self):
        return sum(content.size for content in self.files.values())


@dataclass
class KaggleDataset:
    """CROISSANT: "md5"; "old" (neither digest nor version); "wrong" (a digest of something else); "sets" (patterns in place
    of names); None (404). CONSENT: names of those who agreed, where one has to (None: nobody has to). PRIVATE: names of
    those who may see it. UNSPLIT: files that cannot be had one by one. STORED: options of the objects (see StoredObject)."""

    owner: str
    slug: str
    title: str
    versions: list
    id: int = 140939
    license: str = "CC0-1.0"
    subtitle: str = ""
    croissant: str = "md5"
    consent: tuple = None
    private: tuple = None
    unsplit: tuple = ()
    stored: dict = field(default_factory=dict)

    @property
    def ref(self):
        return f"{self.owner}/{self.slug}"

    @property
    def current(self):
        return max(self.versions, key=lambda version: version.number)

    def version(self, number=None):
        if number is None:
            return self.current
        return next((one for one in self.versions if one.number == number and one.status != "Deleted"), None)

    def add_version(self, files, **options):
        self.versions.append(KaggleVersion(self.current.number + 1, files, **options))
        return self.current

    def may_be_seen_by(self, account):
        return self.private is None or (account is not None and account.name in self.private)

    def may_be_had_by(self, account):
        agreed = self.consent is None or (account is not None and account.name in self.consent)
        return agreed and self.may_be_seen_by(account)

    def describe(self, account, is_view):
        """Search tells the size of the zip, the view that of what is in it, and 0 where this asker may not have it."""
        version = self.current
        size = version.size if is_view else version.archive.size
        facts = {
            "id": self.id, "ref": self.ref, "subtitle": self.subtitle, "creatorName": self.owner.title(),
            "creatorUrl": "" if is_view else self.owner,
            "totalBytes": size if not is_view or self.may_be_had_by(account) else 0,
            "url": "" if is_view else f"https://www.kaggle.com/datasets/{self.ref}", "lastUpdated": version.created,
            "downloadCount": 207, "isPrivate": self.private is not None, "isFeatured": False,
            "licenseName": self.license, "description": "", "ownerName": self.owner.title(), "ownerRef": self.owner,
            "kernelCount": 1, "title": self.title, "topicCount": 0, "viewCount": 3479, "voteCount": 2,
            "currentVersionNumber": version.number, "usabilityRating": 0.25,
            "tags": [{"ref": "health", "name": "health", "fullPath": "subject > health", "competitionCount": 0,
                      "datasetCount": 0, "scriptCount": 0, "totalCount": 0}],
            "thumbnailImageUrl": "https://storage.googleapis.com/kaggle-datasets-images/default.png"}
        if is_view:
            # The order of versions is nobody's promise, and the list of files is no list.
            facts["files"] = []
            facts["versions"] = [
                {"versionNumber": one.number, "creationDate": one.created, "creatorName": self.owner.title(),
                 "creatorRef": self.owner, "versionNotes": one.notes, "status": one.status}
                for one in mixed_versions(self.versions)]
        return facts

    def describe_metadata(self):
        return {"info": {
            "datasetId": self.id, "datasetSlug": self.slug, "ownerUser": self.owner, "usabilityRating": 0.25,
            "totalViews": 3479, "totalVotes": 2, "totalDownloads": 207, "title": self.title, "subtitle": self.subtitle,
            "description": "", "isPrivate": self.private is not None, "keywords": ["health"],
            "licenses": [{"name": self.license}], "collaborators": [], "data": []}, "errorMessage": None}

    def describe_file(self, version, path):
        return {"ref": path, "datasetRef": self.ref, "ownerRef": self.owner, "name": path,
                "creationDate": version.created, "description": "", "fileType": extension(path), "url": "",
                "totalBytes": version.files[path].size, "columns": []}

    def make_croissant(self):
        """The document, as the download address and the dataset's page have it."""
        version, address = self.current, f"https://www.kaggle.com/api/v1/datasets/download/{self.ref}"
        archive = {"@type": "cr:FileObject", "@id": "archive.zip", "name": "archive.zip", "contentUrl": address,
                   "contentSize": rounded(version.archive.size), "encodingFormat": "application/zip"}
        if self.croissant != "old":
            archive["contentUrl"] = f"{address}?datasetVersionNumber={version.number}"
            digest = "0" * 32 if self.croissant == "wrong" else version.archive.digest("md5")
            archive["md5"] = base64.b64encode(bytes.fromhex(digest)).decode()
        parts = self._file_sets(version) if self.croissant == "sets" else self._file_objects(version)
        return {"@context": {"@language": "en", "@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
                             "sc": "https://schema.org/"},
                "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": self.title,
                "description": "", "alternateName": self.subtitle, "url": f"https://www.kaggle.com/datasets/{self.ref}",
                "version": version.number, "isAccessibleForFree": True, "isLiveDataset": True, "includedInDataCatalog": {
                    "@type": "sc:DataCatalog", "name": "Kaggle", "url": "https://www.kaggle.com"},
                "license": {"@type": "sc:CreativeWork", "name": self.license, "url": "https://example.org/licence"},
                "datePublished": version.created, "dateModified": version.created,
                "distribution": [archive, *parts]}

    @staticmethod
    def _file_objects(version):
        return [{"@type": "cr:FileObject", "@id": f"{path.replace(' ', '+')}_fileobject", "name": path.rpartition("/")[2],
                 "contentUrl": path, "containedIn": {"@id": "archive.zip"},
                 "encodingFormat": mimetypes.guess_type(path)[0] or "application/octet-stream"}
                for path in mixed(version.files)]

    @staticmethod
    def _file_sets(version):
        return [{"@type": "cr:FileSet", "@id": f"{ending[1:] or 'none'}_fileset", "includes": f"*{ending}",
                 "containedIn": {"@id": "archive.zip"}} for ending in sorted({extension(path) for path in version.files})]


@dataclass
class Competition:
    """RULES: names of those who accepted them. It has no version: what it has may change (replace())."""

    slug: str
    title: str
    files: dict
    id: int = 5407
    rules: tuple = ()
    created: str = "2026-02-01T00:00:00Z"
    archive_name: str = "archive.zip"
    archive: object = None
    bundle: int = 0
    unsplit: tuple = ()
    stored: dict = field(default_factory=dict)

    def __post_init__(self):
        self.replace(self.files, self.archive)

    def replace(self, files, archive=None):
        version = KaggleVersion(1, files, archive)
        self.files, self.archive = version.files, version.archive
        self.bundle += 1

    @property
    def size(self):
        return sum(content.size for content in self.files.values())

    def describe(self, account):
        return {"id": self.id, "ref": f"https://www.kaggle.com/competitions/{self.slug}", "title": self.title,
                "url": f"https://www.kaggle.com/competitions/{self.slug}", "description": "", "organizationName": "",
                "organizationRef": "", "category": "Research", "reward": "Knowledge", "tags": [],
                "deadline": "2030-01-01T00:00:00Z", "kernelCount": 0, "teamCount": 1,
                "userHasEntered": account is not None and account.name in self.rules, "maxDailySubmissions": 5,
                "evaluationMetric": "", "awardsPoints": False, "isKernelsSubmissionsOnly": False,
                "submissionsDisabled": False, "hostName": ""}

    def describe_file(self, path):
        return {"ref": path, "name": path, "description": "", "totalBytes": self.files[path].size, "url": "",
                "creationDate": self.created}


def mixed_versions(versions):
    return versions[1::2] + versions[::2]


def rounded(size):
    """A size as a document tells it: three digits, a unit, and no word of its base."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3f} {unit}".replace(".000", "")
        size /= 1000
    return None


def standard_accounts():
    return [Account("ana", refresh_token="refresh-" + "a" * 40), Account("newcomer", phone_verified=False),
            Account("bystander")]


def standard_datasets():
    """Sets with folders and odd names, of several versions, gated, private, and one of a few large members."""
    table = Bytes("id,sex,age\n" + "".join(f"{number},F,{20 + number % 60}\n" for number in range(4000)))
    images = {f"images/{number:04d}.png": Noise(3000 + number, f"kaggle/{number}") for number in range(57)}
    return [
        KaggleDataset("pankajb64", "lanl-data", "LANL Data", [
            KaggleVersion(1, {"train.csv": Noise(2000, "old")}),
            KaggleVersion(2, {"train.csv": table, **images, "masks/a b/ünï+1.txt": Bytes("mask\n"), "LICENSE": Bytes("x\n")},
                          notes="More images")]),
        KaggleDataset("Microsoft", "chest-xrays", "Chest X-Rays", [
            KaggleVersion(4, {"labels.csv": table, "scans.bin": Noise(6_000_000, "scans"), "readme.md": Bytes("# Scans\n")})],
            id=721951, license="CC-BY-SA-4.0"),
        KaggleDataset("mayo", "consented-slides", "Slides With Consent", [
            KaggleVersion(1, {"slides/1.tif": Noise(40_000, "slide")})], id=900, consent=("ana",)),
        KaggleDataset("ana", "own-notes", "Private Notes", [
            KaggleVersion(1, {"notes.txt": Bytes("private\n")})], id=901, private=("ana",)),
    ]


def standard_competitions():
    return [
        Competition("rsna-bone-age", "Bone Age", {
            "train/1377.png": Noise(30_000, 1377), "train/1378.png": Noise(31_000, 1378),
            "train.csv": Bytes("id,boneage\n1377,180\n" * 3000), "sample_submission.csv": Bytes("id,boneage\n1,1\n")},
            rules=("ana", "newcomer")),
        Competition("closed-contest", "A Contest Without a Button", {"x.csv": Bytes("a\n1\n")}, id=5408),
    ]
