"""Signatures of Amazon's fourth version, checked as S3 does: the canonical request is built from what arrived."""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

_SKEW = 15 * 60
_LIFE = 7 * 86400


class Refused(Exception):
    """STATUS and what goes into the error's XML."""

    def __init__(self, status, code, message, **more):
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more


def _encode(text):
    return urllib.parse.quote(text, safe="-_.~", errors="surrogateescape")


def canonical_query(query):
    """Sorted by name and value, each of them encoded; QUERY is what stood behind the question mark."""
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        pairs.append(tuple(_encode(urllib.parse.unquote(text, errors="surrogateescape")) for text in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def canonical_path(path):
    """Each byte but the unreserved ones and the slash encoded, once; nothing is tidied."""
    return "/".join(_encode(urllib.parse.unquote(part, errors="surrogateescape")) for part in path.split("/")) or "/"


def _sign(secret, day, region, service, text):
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _time_of(stamp):
    try:
        return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise Refused(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None


def _parse_header(request):
    text = request.headers["authorization"]
    match = re.fullmatch(r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})",
                         text)
    if not match:
        raise Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed")
    stamp = request.headers.get("x-amz-date")
    if stamp is None:
        raise Refused(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise Refused(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return *match.groups(), stamp, payload, request.headers.get("x-amz-security-token")


def _parse_query(request, now):
    query = request.query
    try:
        found = (query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], query["X-Amz-Signature"], query["X-Amz-Date"])
        life = int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise Refused(400, "AuthorizationQueryParametersError",
                      "Query-string authentication needs all of its parameters") from None
    if not 0 < life <= _LIFE:
        raise Refused(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds)")
    if now > _time_of(found[3]) + life:
        raise Refused(403, "AccessDenied", "Request has expired")
    return *found, "UNSIGNED-PAYLOAD", query.get("X-Amz-Security-Token")


def check_signature(request, keys, tokens, region, now):
    """The access key that signed REQUEST; None where nobody did. Refused: why it is not let in.

    KEYS: {access key: secret}; TOKENS: {access key: session token}; REGION: the bucket's, None: any.
    """
    in_query = "X-Amz-Algorithm" in request.query or "X-Amz-Signature" in request.query
    if "authorization" in request.headers and in_query:
        raise Refused(400, "InvalidArgument", "Only one auth mechanism allowed")
    if not in_query and "authorization" not in request.headers:
        return None
    credential, names, signature, stamp, payload, token = _parse_query(request, now) if in_query \
        else _parse_header(request)
    access, day, asked, service, end = (credential.split("/") + [""] * 5)[:5]
    if (service, end) != ("s3", "aws4_request") or day != stamp[:8]:
        raise Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the scope is wrong")
    if access not in keys:
        raise Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
                      AWSAccessKeyId=access)
    if region is not None and asked != region:
        raise Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region "
                      f"'{asked}' is wrong; expecting '{region}'", Region=region)
    if not in_query and abs(now - _time_of(stamp)) > _SKEW:
        raise Refused(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too "
                      "large.", RequestTime=stamp, MaxAllowedSkewMilliseconds=str(_SKEW * 1000))
    if token != tokens.get(access):
        raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    _check_payload(request, payload, in_query)
    text = _canonical_request(request, names, payload)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{day}/{asked}/s3/aws4_request\n{digest}"
    if not hmac.compare_digest(_sign(keys[access], day, asked, "s3", to_sign), signature):
        raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature "
                      "you provided. Check your key and signing method.", AWSAccessKeyId=access, StringToSign=to_sign,
                      CanonicalRequest=text)
    return access


def _check_payload(request, payload, in_query):
    if in_query or payload == "UNSIGNED-PAYLOAD":
        return
    if payload != hashlib.sha256(request.body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch",
                      "The provided 'x-amz-content-sha256' header does not match what was computed.")


def _canonical_request(request, names, payload):
    signed = names.split(";")
    if signed != sorted(signed) or "host" not in signed:
        raise Refused(403, "AccessDenied", "There were headers present in the request which were not signed",
                      HeadersNotSigned="host")
    loose = [name for name in request.headers if name.startswith("x-amz-") and name not in signed]
    if loose:
        raise Refused(403, "AccessDenied", "There were headers present in the request which were not signed",
                      HeadersNotSigned=", ".join(loose))
    lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    path, _, query = request.target.partition("?")
    return "\n".join((request.method, canonical_path(path), canonical_query(query), lines, names, payload))
