"""Where Kaggle's bytes lie: a cloud store behind signed addresses, which need neither cookie nor header and get none."""

import base64
import secrets
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from .content import Content, as_content
from .crc import google_crc32c
from .large import Remembered
from .server import DEFAULT_MTIME, Response, Site, error_page, static_file

HASH_STYLES = ("comma", "comma-space", "lines")
_CREDENTIAL = "gcp-kaggle-com@kaggle-161607.iam.gserviceaccount.com"
_V2_ACCOUNT = "web-data@kaggle-161607.iam.gserviceaccount.com"


@dataclass
class Expiry:
    """When a signed address dies before its time: after so many requests, bytes, or a share of its object (0 to 1).

    CUT: transfers under way end there too. SIGNATURES: that many addresses of an object die so, the later ones live
    (None: each dies).
    """

    requests: int = None
    bytes: int = None
    share: float = None
    cut: bool = False
    signatures: int = None


@dataclass
class StoredObject:
    """COMPOSITE: made of parts, so that nobody knows its MD5. MD5: a wrong one, in base64, in place of its own."""

    content: Content
    type: str = "application/zip"
    mtime: float = DEFAULT_MTIME
    generation: int = 0
    composite: bool = False
    hash_style: str = None
    md5: str = None
    expiry: Expiry = None

    def __post_init__(self):
        self.content = self.content if isinstance(self.content, Remembered) else Remembered(as_content(self.content))

    def own_md5(self):
        return base64.b64encode(bytes.fromhex(self.content.digest("md5"))).decode()

    @property
    def etag(self):
        if self.composite:
            return f'"-{base64.b64encode(self.generation.to_bytes(8, "big")).decode()}"'
        return f'"{self.content.digest("md5")}"'


@dataclass
class _Signed:
    """What one signature was given for, and what came of it."""

    path: str
    query: str
    until: float
    expiry: Expiry = None
    requests: int = 0
    bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_over(self, size):
        rule = self.expiry
        if rule is None:
            return False
        share = None if rule.share is None else int(rule.share * size)
        return any(limit is not None and count >= limit for count, limit in
                   ((self.requests, rule.requests), (self.bytes, rule.bytes), (self.bytes, share)))


class _Metered(Content):
    """An object on its way: what leaves is counted, and the connection ends where the store says so."""

    def __init__(self, store, signed, content):
        self._store, self._signed, self._content = store, signed, content
        self.size = content.size
        self.is_counted = True

    def read(self, start, end):
        if self.is_counted:
            self._store.count(self._signed, end - start, self.size)
        return self._content.read(start, end)


def _xml(status, code, message, details=""):
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>"
    if details:
        text += f"<Details>{details}</Details>"
    return Response(status, text + "</Error>", [], "application/xml; charset=UTF-8")


def _stamp(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


class KaggleStorage(Site):
    """The store. BASE: its own address as redirects name it, with its port.

    HASH_STYLE: how x-goog-hash is written, one of HASH_STYLES; HEAD: are requests for the headers answered?; EXPIRY: of
    addresses signed from now on; EXPIRED_STATUS: of addresses that are no longer good; LIFETIME: seconds an address is good
    for; CUT_EVERY: each time so many bytes have left, by whatever connections, the one that sends them ends;
    ESCAPE_SLASHES: in the names of signed addresses.
    An Authorization header here is a leak of somebody's secret: it fails the test (as an error of the origin), and the
    record shows it.
    """

    server = "UploadServer"

    def __init__(self, base=None):
        self.base = base
        self.objects = {}
        self.hash_style = "comma"
        self.head = False
        self.expiry = None
        self.expired_status = 400
        self.lifetime = 259200
        self.cut_every = None
        self.escape_slashes = False
        self.sent = 0
        self._signed = {}
        self._expiring = {}
        self._generation = 1704164640_000000
        self._lock = threading.Lock()

    def put(self, path, content, **options):
        """Stores an object (or another one in its place: its generation, ETag and hashes are new). PATH: /BUCKET/NAME."""
        with self._lock:
            self._generation += 1
            stored = StoredObject(content, generation=self._generation, **options)
            self.objects[path] = stored
        return stored

    def sign(self, path, v2=False):
        """An address of the object at PATH that is good for a while."""
        now = time.time()
        stored = self.objects[path]
        expiry = stored.expiry or self.expiry
        with self._lock:
            count = self._expiring[path] = self._expiring.get(path, 0) + 1
            if expiry is not None and expiry.signatures is not None and count > expiry.signatures:
                expiry = None
            signature = secrets.token_hex(256) if not v2 else base64.b64encode(secrets.token_bytes(256)).decode()
            query = self._query_v2(path, now, signature) if v2 else self._query_v4(now, signature)
            self._signed[signature] = _Signed(path, query, now + self.lifetime, expiry)
        bucket, _, name = path.lstrip("/").partition("/")
        return f"{self.base}/{bucket}/{urllib.parse.quote(name, safe='' if self.escape_slashes else '/')}?{query}"

    def _query_v4(self, now, signature):
        date = _stamp(now)
        return urllib.parse.urlencode({
            "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
            "X-Goog-Credential": f"{_CREDENTIAL}/{date[:8]}/auto/storage/goog4_request",
            "X-Goog-Date": date, "X-Goog-Expires": self.lifetime, "X-Goog-SignedHeaders": "host",
            "X-Goog-Signature": signature})

    def _query_v2(self, path, now, signature):
        name = path.rpartition("/")[2]
        return urllib.parse.urlencode({
            "GoogleAccessId": _V2_ACCOUNT, "Expires": int(now) + self.lifetime, "Signature": signature,
            "response-content-disposition": f"attachment; filename={name}"}, quote_via=urllib.parse.quote)

    def signatures(self, pattern=""):
        """How many addresses were signed for objects whose path contains PATTERN."""
        with self._lock:
            return sum(pattern in signed.path for signed in self._signed.values())

    def expire_all(self):
        """Every address that was ever signed is dead from now on."""
        with self._lock:
            for signed in self._signed.values():
                signed.until = 0

    def count(self, signed, amount, size):
        """AMOUNT bytes are about to leave; raises where the connection ends instead."""
        with signed.lock:
            if signed.expiry is not None and signed.expiry.cut and signed.is_over(size):
                raise ConnectionAbortedError("the signature has expired")
            signed.bytes += amount
        with self._lock:
            before, self.sent = self.sent, self.sent + amount
        if self.cut_every and before // self.cut_every != (before + amount) // self.cut_every:
            raise ConnectionAbortedError("cut")

    def answer(self, request):
        if "authorization" in request.headers:
            raise AssertionError(f"The storage host was sent an Authorization header with {request.path}.")
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        stored = self.objects.get(request.path)
        signature = request.query.get("X-Goog-Signature") or request.query.get("Signature")
        if signature is None:
            return _xml(403, "AccessDenied", "Access denied.", "Anonymous caller does not have storage.objects.get access.")
        signed = self._signed.get(signature)
        is_same = signed is not None and signed.path == request.path \
            and dict(urllib.parse.parse_qsl(signed.query)) == request.query
        if not is_same or (request.method == "HEAD" and not self.head):
            return _xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "
                        "provided. Check your Google secret key and signing method.")
        if stored is None:
            return _xml(404, "NoSuchKey", "The specified key does not exist.")
        with signed.lock:
            if signed.until < time.time() or signed.is_over(stored.content.size):
                return _xml(self.expired_status, "ExpiredToken", "The provided token has expired.",
                            f"Request signature expired at: {time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime())}")
            signed.requests += 1
        return self._deliver(request, stored, signed)

    def _deliver(self, request, stored, signed):
        metered = _Metered(self, signed, stored.content)
        answer = static_file(metered, stored.mtime, stored.type, self._headers(stored), stored.etag)
        disposition = request.query.get("response-content-disposition")
        if disposition:
            answer.headers.append(("Content-Disposition", disposition))

        def renew(response):
            metered.is_counted = False
            changed = StoredObject(response.body, stored.type, response.mtime, stored.generation + 1, stored.composite,
                                   stored.hash_style)
            response.etag = changed.etag
            response.headers[:] = self._headers(changed)
            metered.is_counted = True

        answer.renew = renew
        return answer

    def _headers(self, stored):
        headers = [("x-guploader-uploadid", secrets.token_urlsafe(60)), ("x-goog-generation", str(stored.generation)),
                   ("x-goog-metageneration", "1"), ("x-goog-stored-content-encoding", "identity"),
                   ("x-goog-stored-content-length", str(stored.content.size)), ("x-goog-storage-class", "MULTI_REGIONAL")]
        hashes = [f"crc32c={google_crc32c(stored.content)}"]
        if not stored.composite:
            hashes.append(f"md5={stored.md5 or stored.own_md5()}")
        style = stored.hash_style or self.hash_style
        if style not in HASH_STYLES:
            raise ValueError(f"{style} is none of {HASH_STYLES}")
        if style == "lines":
            headers += [("x-goog-hash", one) for one in hashes]
        else:
            headers.append(("x-goog-hash", (", " if style == "comma-space" else ",").join(hashes)))
        return headers
