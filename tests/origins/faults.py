"""Faults that an origin plays on demand: which requests they meet, and what they do to the answer."""

import email.utils
import fnmatch
import threading
import time
from dataclasses import dataclass, field

LOGIN_PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><title>Sign in</title></head>
<body><h1>Sign in</h1><form method="post" action="/login/">
<input name="username"><input name="password" type="password"><button>Log in</button></form></body></html>
"""
GATEWAY_PAGE = b"""<html>\r
<head><title>%d %s</title></head>\r
<body>\r
<center><h1>%d %s</h1></center>\r
<hr><center>nginx/1.29.5</center>\r
</body>\r
</html>\r
"""


@dataclass
class Fault:
    """One way to go wrong, for the requests whose path matches PATH.

    SKIP of them pass first, then TIMES of them meet it (None: all). ONLY: "ranges" or "whole" spares the
    others; so does QUERY, a pattern of what follows the question mark. Made by the functions below; what each field means stands there.
    """

    kind: str
    path: str = "*"
    times: int = None
    skip: int = 0
    only: str = None
    method: str = "GET"
    value: dict = field(default_factory=dict)
    met: int = 0
    query: str = None

    def matches(self, request):
        if self.method and request.method != self.method:
            return False
        if self.query is not None and not fnmatch.fnmatchcase(request.target.partition("?")[2], self.query):
            return False
        ranged = "range" in request.headers
        if (self.only == "ranges" and not ranged) or (self.only == "whole" and ranged):
            return False
        return fnmatch.fnmatchcase(request.path, self.path)

    def __getattr__(self, name):
        value = self.__dict__.get("value")
        if value is not None and name in value:
            return value[name]
        raise AttributeError(name)


def _make(kind, path, limits, **value):
    return Fault(kind, path, value=value, **limits)


def cut(after, path="*", how="close", **limits):
    """The connection ends after AFTER bytes of the body: "close" (FIN) or "reset" (RST)."""
    return _make("cut", path, limits, after=after, how=how)


def cut_in_headers(path="*", **limits):
    """The connection ends inside the header block."""
    return _make("cut_in_headers", path, limits)


def no_answer(path="*", **limits):
    """The connection is closed before any answer."""
    return _make("no_answer", path, limits)


def stall(after, path="*", seconds=3600, **limits):
    """After AFTER bytes of the body nothing comes for SECONDS, then the rest; AFTER -1: before the headers."""
    return _make("stall", path, limits, after=after, seconds=seconds)


def drip(rate, path="*", **limits):
    """No more than RATE bytes a second on each connection."""
    return _make("drip", path, limits, rate=rate)


def status(code, path="*", retry_after=None, body=None, type="text/html", **limits):
    """Answers with CODE. RETRY_AFTER: seconds (a number), or a text that is sent as it is."""
    return _make("status", path, limits, code=code, retry_after=retry_after, body=body, type=type)


def retry_date(seconds):
    """A Retry-After date SECONDS from now."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def ignore_ranges(path="*", **limits):
    """Every range is answered with 200 and the whole."""
    return _make("ignore_ranges", path, limits)


def wrong_content_range(path="*", shift=1, **limits):
    """A 206 whose Content-Range begins SHIFT bytes beside what was asked; SHIFT None: it has none."""
    return _make("wrong_content_range", path, limits, shift=shift)


def changed(path="*", content=None, same_etag=False, **limits):
    """The file is another one from now on: other bytes (CONTENT, or one byte altered) and another ETag."""
    return _make("changed", path, limits, content=content, same_etag=same_etag)


def lie_about_length(by, path="*", **limits):
    """Content-Length is BY bytes beside the truth: what is short is cut off, what is long never comes."""
    return _make("lie_about_length", path, limits, by=by)


def no_length(path="*", how="chunked", **limits):
    """No Content-Length, no ranges: "chunked", or "close" (the end of the connection is the end)."""
    return _make("no_length", path, limits, how=how)


def no_validators(path="*", **limits):
    """Neither ETag nor Last-Modified."""
    return _make("no_validators", path, limits)


def redirect(to, path="*", code=302, **limits):
    """A redirect to the address TO; {path} in it is replaced by the path asked for."""
    return _make("redirect", path, limits, to=to, code=code)


def redirect_loop(path="*", **limits):
    """A redirect to itself."""
    return _make("redirect", path, limits, to="{path}", code=302)


def login_page(path="*", **limits):
    """An HTML login page with 200."""
    return _make("page", path, limits, body=LOGIN_PAGE, code=200)


def page(body, path="*", code=200, headers=(), **limits):
    """An HTML page of one's own."""
    return _make("page", path, limits, body=body, code=code, headers=tuple(headers))


def corrupt(at, path="*", **limits):
    """The byte at offset AT of the file is wrong."""
    return _make("corrupt", path, limits, at=at)


def gzip_trap(path="*", **limits):
    """The body is gzipped although nobody asked for it, and says so."""
    return _make("gzip_trap", path, limits)


class Faults:
    """The faults of one origin."""

    def __init__(self):
        self._lock = threading.Lock()
        self._faults = []

    def add(self, *faults):
        with self._lock:
            self._faults.extend(faults)
        return faults[0] if len(faults) == 1 else faults

    def clear(self):
        with self._lock:
            self._faults.clear()

    def take(self, request):
        """The faults that this request meets; each counts it."""
        taken = []
        with self._lock:
            for fault in self._faults:
                if not fault.matches(request):
                    continue
                fault.met += 1
                if fault.met <= fault.skip:
                    continue
                if fault.times is None or fault.met <= fault.skip + fault.times:
                    taken.append(fault)
        return taken


# What the control address takes by name.
BY_NAME = {make.__name__: make for make in (
    cut, cut_in_headers, no_answer, stall, drip, status, ignore_ranges, wrong_content_range, changed,
    lie_about_length, no_length, no_validators, redirect, redirect_loop, login_page, page, corrupt, gzip_trap)}
