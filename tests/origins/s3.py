"""Object stores, path style (BASE/BUCKET/KEY): Amazon's S3 and Google's twin of it, for everybody or behind signatures."""

import base64
import bisect
import hashlib
import html
import re
import time
import urllib.parse

from .content import as_content
from .crc import google_crc32c
from .server import DEFAULT_MTIME, Response, Site, static_file
from .sigv4 import Refused, check_signature

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XMLNS = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Object:
    """One object. PART_SIZE: it came in parts of so many bytes, and its ETag is no MD5; ETAG: any other ETag, without
    quotation marks. LATE: its content, where that is made when it is asked for."""

    def __init__(self, content=None, part_size=None, etag=None, mtime=DEFAULT_MTIME, late=None, type=None, headers=()):
        self._content, self._late = as_content(content) if late is None else None, late
        self.part_size, self._etag, self.mtime = part_size, etag, mtime
        self._sums = None
        self.type, self.headers = type or "binary/octet-stream", list(headers)

    @property
    def content(self):
        return self._content if self._late is None else as_content(self._late())

    @property
    def size(self):
        return self.content.size

    @property
    def etag(self):
        """Without quotation marks; MD5 in hex, or of the parts' MD5s with their number behind it."""
        if self._etag is None:
            content = self.content
            if self.part_size:
                parts = [hashlib.md5(content.read(at, min(content.size, at + self.part_size))).digest()
                         for at in range(0, content.size, self.part_size)] or [hashlib.md5().digest()]
                self._etag = f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"
            else:
                self._etag = getattr(content, "md5", None) or content.digest("md5")
        return self._etag

    @property
    def google_sums(self):
        """{algorithm: base64}, as x-goog-hash has them."""
        if self._sums is None:
            content = self.content
            self._sums = {"crc32c": google_crc32c(content),
                          "md5": base64.b64encode(bytes.fromhex(content.digest("md5"))).decode()}
        return self._sums


class Bucket:
    """Objects by key. PUBLIC: unsigned requests may read. LISTABLE: ... and list; where not, a missing key is 403."""

    def __init__(self, public=True, listable=True, region="us-east-1"):
        self.public, self.listable, self.region = public, listable, region
        self.objects = {}
        self._sorted = None

    def add(self, key, content, **more):
        """MORE: of Object."""
        self.objects[key] = content if isinstance(content, Object) else Object(content, **more)
        self._sorted = None

    def remove(self, key):
        del self.objects[key]
        self._sorted = None

    def find(self, key):
        return self.objects.get(key)

    def keys_from(self, prefix, after):
        """The keys that begin with PREFIX and come behind AFTER, in the order of their bytes."""
        if self._sorted is None:
            self._sorted = sorted(self.objects, key=str.encode)
        keys = self._sorted
        at = bisect.bisect_left(keys, prefix.encode(), key=str.encode)
        if after:
            at = max(at, bisect.bisect_right(keys, after.encode(), key=str.encode))
        while at < len(keys) and keys[at].startswith(prefix):
            yield keys[at]
            at += 1


class GeneratedBucket(Bucket):
    """COUNT objects below each of PREFIXES, of one content, made when they are asked for."""

    def __init__(self, prefixes, count, content, form="{:08d}.dcm", **more):
        super().__init__(**more)
        self.prefixes, self.count, self.form = list(prefixes), count, form
        self._object = Object(content)

    def find(self, key):
        prefix, _, name = key.rpartition("/")
        number = "".join(letter for letter in name if letter.isdigit())
        if prefix + "/" in self.prefixes and number and int(number) < self.count and self.form.format(int(number)) == name:
            return self._object
        return super().find(key)

    def keys_from(self, prefix, after):
        for folder in sorted(self.prefixes):
            for number in range(self.count) if folder.startswith(prefix) or prefix.startswith(folder) else ():
                key = folder + self.form.format(number)
                if key.startswith(prefix) and (not after or key > after):
                    yield key


class S3Site(Site):
    """BUCKETS: {name: Bucket}. KEYS: {access key: secret}, for whom signatures are checked; TOKENS: {access key: session
    token that must go with it}. FLAVOUR: "aws" or "gcs" (x-goog-hash, x-goog-generation); CLOCK: seconds by which its
    clock is ahead; PAGE_SIZE: keys a page at most; HASHES: what x-goog-hash has, and SPLIT_HASHES: in a header each;
    BARE_XML: no namespace, as some servers do. A bucket's name may also stand in the host (BUCKET.s3.amazonaws.com)."""

    def __init__(self, buckets=None, keys=None, tokens=None, flavour="aws", clock=0, page_size=1000,
                 hashes=("crc32c", "md5"), split_hashes=False, bare_xml=False):
        self.buckets = dict(buckets or {})
        self.keys, self.tokens = dict(keys or {}), dict(tokens or {})
        self.flavour, self.clock, self.page_size = flavour, clock, page_size
        self.hashes, self.split_hashes, self.xmlns = hashes, split_hashes, "" if bare_xml else _XMLNS

    @property
    def server(self):
        return "AmazonS3" if self.flavour == "aws" else "UploadServer"

    def bucket(self, name, **more):
        """The bucket of that name, made where it is not there. MORE: of Bucket."""
        return self.buckets.setdefault(name, Bucket(**more))

    def answer(self, request):
        target = request.target.partition("?")[0]
        host = re.fullmatch(r"(.+)\.s3[.-]([^:]*\.)?amazonaws\.com(:\d+)?", request.host)
        if host:
            target = f"/{host.group(1)}{target}"
        name, _, key = urllib.parse.unquote(target, errors="surrogateescape").lstrip("/").partition("/")
        bucket = self.buckets.get(name)
        try:
            signer = check_signature(request, self.keys, self.tokens, bucket.region if bucket else None,
                                     time.time() + self.clock)
        except Refused as refused:
            headers = [("x-amz-bucket-region", bucket.region)] if bucket else []
            return self.error(refused.status, refused.code, refused.message, refused.more, headers)
        if request.method not in ("GET", "HEAD"):
            return self.error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        if not name:
            return self._list_buckets() if signer else self.error(403, "AccessDenied", "Access Denied")
        if bucket is None:
            return self.error(404, "NoSuchBucket", "The specified bucket does not exist", {"BucketName": name})
        if key:
            return self._object(request, bucket, key, signer)
        if signer is None and not (bucket.public and bucket.listable):
            return self.error(403, "AccessDenied", "Access Denied")
        if request.method == "HEAD":
            return Response(200, b"", [("x-amz-bucket-region", bucket.region)], "application/xml")
        if "location" in request.query:
            region = "" if bucket.region == "us-east-1" else bucket.region
            return self._xml(f"<LocationConstraint{self.xmlns}>{region}</LocationConstraint>")
        return self._list(request, name, bucket)

    def error(self, status, code, message, more=None, headers=()):
        fields = "".join(f"<{key}>{html.escape(value)}</{key}>" for key, value in (more or {}).items())
        text = (f"<Error><Code>{code}</Code><Message>{html.escape(message)}</Message>{fields}"
                "<RequestId>0A49CE4060975EAC</RequestId><HostId>x</HostId></Error>")
        return Response(status, _HEAD + text, list(headers), "application/xml")

    def _xml(self, text):
        return Response(200, _HEAD + text, [], "application/xml", chunked=self.flavour == "aws")

    def _list_buckets(self):
        rows = "".join(f"<Bucket><Name>{name}</Name><CreationDate>2019-01-01T00:00:00.000Z</CreationDate></Bucket>"
                       for name in sorted(self.buckets))
        return self._xml(f"<ListAllMyBucketsResult{self.xmlns}><Owner><ID>x</ID></Owner><Buckets>{rows}</Buckets>"
                         "</ListAllMyBucketsResult>")

    def _object(self, request, bucket, key, signer):
        if signer is None and not bucket.public:
            return self.error(403, "AccessDenied", "Access Denied")
        found = bucket.find(key)
        if found is None:
            if signer is None and not bucket.listable:
                return self.error(403, "AccessDenied", "Access Denied")
            return self.error(404, "NoSuchKey", "The specified key does not exist.", {"Key": key})
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted.strip() not in ("*", self._tag(found), found.etag):
            return self.error(412, "PreconditionFailed",
                              "At least one of the pre-conditions you specified did not hold", {"Condition": "If-Match"})
        answer = static_file(found.content, found.mtime, found.type, self._more_headers(found), self._tag(found))

        def renew(response):
            changed = Object(response.body, found.part_size, None, response.mtime, None, found.type, found.headers)
            response.etag, response.headers[:] = self._tag(changed), self._more_headers(changed)

        answer.renew = renew
        return answer

    def _tag(self, found):
        """What it is told as; Google's of a composed object is no more than a mark."""
        return f'"-{found.etag}"' if self.flavour == "gcs" and found.part_size else f'"{found.etag}"'

    def _more_headers(self, found):
        if self.flavour == "aws":
            return [*found.headers, ("x-amz-request-id", "0A49CE4060975EAC"), ("x-amz-server-side-encryption", "AES256")]
        sums = found.google_sums
        # A composed object has no MD5.
        hashes = [f"{name}={sums[name]}" for name in self.hashes if name != "md5" or not found.part_size]
        headers = [*found.headers, ("x-goog-generation", str(int(found.mtime * 1e6))),
                   ("x-goog-stored-content-length", str(found.size))]
        return headers + [("x-goog-hash", text) for text in (hashes if self.split_hashes else [",".join(hashes)]) if text]

    def _list(self, request, name, bucket):
        query = request.query
        is_new = query.get("list-type") == "2"
        encode = (lambda text: urllib.parse.quote(text, safe="/~")) if query.get("encoding-type") == "url" else html.escape
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        try:
            most = int(query.get("max-keys", self.page_size))
        except ValueError:
            return self.error(400, "InvalidArgument", "Provided max-keys not an integer or within integer range")
        most = min(most, self.page_size)
        after = query.get("start-after" if is_new else "marker", "")
        if is_new and "continuation-token" in query:
            after = _open_token(query["continuation-token"])
            if after is None:
                return self.error(400, "InvalidArgument", "The continuation token provided is incorrect")
        rows, folders, last, more = [], [], after, False
        for key in bucket.keys_from(prefix, after):
            folder = prefix + key[len(prefix):].partition(delimiter)[0] + delimiter if delimiter else None
            is_folder = folder is not None and delimiter in key[len(prefix):]
            if is_folder and (folder == (folders[-1] if folders else None) or after.startswith(folder)):
                last = key
                continue
            if len(rows) + len(folders) >= most:
                more = True
                break
            last = key
            if is_folder:
                folders.append(folder)
                continue
            found = bucket.find(key)
            rows.append(f"<Contents><Key>{encode(key)}</Key><LastModified>{_stamp(found.mtime)}</LastModified>"
                        f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{found.size}</Size>"
                        "<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>")
        return self._xml(self._list_xml(name, query, is_new, encode, rows, folders, last if more else None, most))

    def _list_xml(self, name, query, is_new, encode, rows, folders, next_key, most):
        text = [f"<ListBucketResult{self.xmlns}><Name>{name}</Name><Prefix>{encode(query.get('prefix', ''))}</Prefix>"]
        if query.get("delimiter"):
            text.append(f"<Delimiter>{encode(query['delimiter'])}</Delimiter>")
        if is_new:
            if "continuation-token" in query:
                text.append(f"<ContinuationToken>{html.escape(query['continuation-token'])}</ContinuationToken>")
            if next_key is not None:
                text.append(f"<NextContinuationToken>{make_token(next_key)}</NextContinuationToken>")
            if "start-after" in query:
                text.append(f"<StartAfter>{encode(query['start-after'])}</StartAfter>")
            text.append(f"<KeyCount>{len(rows) + len(folders)}</KeyCount>")
        else:
            text.append(f"<Marker>{encode(query.get('marker', ''))}</Marker>")
            if next_key is not None and query.get("delimiter"):
                text.append(f"<NextMarker>{encode(next_key)}</NextMarker>")
        if query.get("encoding-type") == "url":
            text.append("<EncodingType>url</EncodingType>")
        text.append(f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(next_key is not None).lower()}</IsTruncated>")
        text += rows
        text += [f"<CommonPrefixes><Prefix>{encode(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        return "".join(text) + "</ListBucketResult>"


def _stamp(mtime):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(mtime))


def make_token(key):
    """Opaque, with letters that an address must have encoded: +, / and =."""
    return "1+/" + base64.b64encode(key.encode("utf-8", "surrogateescape")).decode() + "="


def _open_token(token):
    if not token.startswith("1+/") or not token.endswith("="):
        return None
    try:
        return base64.b64decode(token[3:-1], validate=True).decode("utf-8", "surrogateescape")
    except ValueError:
        return None


__all__ = ["Bucket", "GeneratedBucket", "Object", "S3Site", "make_token"]
