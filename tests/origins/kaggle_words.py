"""What Kaggle's API says when it does not answer what was asked: bodies as they were seen, and faults that play them."""

import json

from . import faults
from .server import Response

UNAUTHENTICATED = "Unauthenticated"
UNAUTHORIZED = "Unauthorized"  # what stood there in 2018
RULES = "You must accept this competition's rules before you'll be able to download files."
FORBIDDEN = "Forbidden"
NO_PERMISSION = "Required permission 'competitions.get' was not satisfied"
NOT_FOUND = "Not found"
TOO_MANY = "TooManyRequests"
JSON = "application/json"
MAINTENANCE = "<!DOCTYPE html><html><head><title>Kaggle</title></head><body><h1>We'll be back soon</h1></body></html>"


def dumps(value):
    """JSON as the service writes it: what could be markup is escaped."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "'<>&+":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def error_body(code, message=None):
    return dumps({"code": code} if message is None else {"code": code, "message": message})


def throttled_body(shape="rest"):
    """SHAPE: "rest" has the code at the top, "rpc" below `error`."""
    if shape == "rpc":
        return dumps({"error": {"code": 429, "message": "Too many requests", "status": "RESOURCE_EXHAUSTED"}})
    return error_body(429, TOO_MANY)


def error(code, message=None, headers=(), status=None):
    """An answer with an error object; STATUS 200 hides it."""
    return Response(status or code, error_body(code, message), list(headers), JSON)


# Faults, for Origin.faults.add(). PATH is matched as theirs is; method="POST" for calls by RPC, None for both.

def throttled(path="*", shape="rest", retry_after=None, **limits):
    """429. RETRY_AFTER: seconds, a date's text, or None for no such header."""
    return faults.status(429, path, retry_after, throttled_body(shape), JSON, **limits)


def refused(message, path="*", code=403, **limits):
    """CODE with this message; None: no message at all; "": no body at all."""
    body = b"" if message == "" else error_body(code, message)
    return faults.status(code, path, None, body, JSON, **limits)


def refused_in_200(path="*", code=403, message=FORBIDDEN, **limits):
    """A status that says all is well, and a body that does not."""
    return faults.status(200, path, None, error_body(code, message), JSON, **limits)


def unavailable(path="*", code=503, is_html=True, **limits):
    return faults.status(code, path, None, MAINTENANCE if is_html else error_body(code, "Unavailable"),
                         "text/html; charset=utf-8" if is_html else JSON, **limits)
