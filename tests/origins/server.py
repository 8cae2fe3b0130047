"""The HTTP/1.1 server of an origin: a thread a connection, static files as nginx sends them, faults on demand."""

import email.utils
import gzip
import http.client
import http.server
import json
import re
import select
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from . import faults as fault_makers
from .content import Altered, AlteredStream, Bytes, as_content
from .faults import GATEWAY_PAGE, Faults
from .record import Entry, Record

# A Monday in January 2024: when everything was changed that nobody dates otherwise.
DEFAULT_MTIME = 1704164640


def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


def nginx_etag(mtime, size):
    return f'"{int(mtime):x}-{size:x}"'


def nginx_page(code):
    """The page that nginx sends with an error."""
    words = http.client.responses.get(code, "Error").encode()
    return GATEWAY_PAGE % (code, words, code, words)


@dataclass
class Request:
    method: str
    target: str
    path: str
    query: dict
    headers: dict
    secure: bool
    host: str
    body: bytes = b""


@dataclass
class Response:
    """What a site answers. A body without a size is sent chunked; STATIC ones are ranged and conditional."""

    status: int = 200
    body: object = b""
    headers: list = field(default_factory=list)
    type: str = None
    static: bool = False
    mtime: float = DEFAULT_MTIME
    etag: str = None
    chunked: bool = False
    renew: object = None  # called with the answer once a fault has made its body another one

    def __post_init__(self):
        self.body = as_content(self.body)


def static_file(content, mtime=DEFAULT_MTIME, type="application/octet-stream", headers=(), etag=None):
    content = as_content(content)
    return Response(200, content, list(headers), type, static=True, mtime=mtime,
                    etag=etag or nginx_etag(mtime, content.size))


def html(text, status=200, headers=()):
    return Response(status, text, list(headers), "text/html; charset=utf-8")


def json_answer(value, status=200, headers=()):
    return Response(status, json.dumps(value), list(headers), "application/json")


def error_page(code, headers=()):
    return Response(code, nginx_page(code), list(headers), "text/html")


def redirect(location, code=302, headers=()):
    return Response(code, nginx_page(code), [("Location", location), *headers], "text/html")


class Site:
    """What an origin serves. Subclasses answer."""

    server = "nginx/1.22.1"

    def answer(self, request):
        raise NotImplementedError


class RateLimit:
    """One bucket for all connections of an origin."""

    def __init__(self, rate):
        self.rate = rate
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def wait(self, amount, closed):
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now - 0.05) + amount / self.rate
            until = self._next
        if until > now:
            closed.wait(until - now)


@dataclass
class Delivery:
    """How one answer is sent: the answer, and what the faults make of it."""

    response: Response
    start: int = 0
    end: int = None
    declared: int = None
    chunked: bool = False
    until_close: bool = False
    cut_after: int = None
    cut_how: str = "close"
    cut_in_headers: bool = False
    stall_after: int = None
    stall_seconds: float = 0
    rate: int = None
    content_range: str = None


class _Ended(Exception):
    """The connection is over."""


def _parse_range(text, size):
    """[start, end) of a single range; None: not one that is obeyed; False: cannot be satisfied."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else False
    start, end = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return (start, end) if start < size else False


def _is_fresh(request, response):
    """TRUE where a conditional request is answered with 304."""
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        return wanted.strip() == "*" or response.etag in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]
    since = request.headers.get("if-modified-since")
    return since is not None and since == http_date(response.mtime)


def _range_is_allowed(request, response):
    condition = request.headers.get("if-range")
    return condition is None or condition in (response.etag, http_date(response.mtime))


def _split(block, marks):
    """BLOCK in parts that end at MARKS; no part is empty."""
    at = 0
    for mark in [*marks, len(block)]:
        if at < mark <= len(block):
            yield block[at:mark]
            at = mark


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(30)
            self.request.do_handshake()
        super().setup()
        self.origin = self.server.origin
        self.connection_number = self.origin.record.new_connection()

    def log_message(self, *arguments):
        pass

    def handle_expect_100(self):
        return True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self):
        request = self._read_request()
        if request.path.startswith("/_control/"):
            response = self.origin.control(request, self._read_body())
            self._send(request, Delivery(response, end=response.body.size), None)
            return
        entry = Entry(request.method, request.target, request.path, urllib.parse.urlsplit(request.target).query,
                      request.headers, self.connection_number, time.monotonic())
        self.origin.record.add(entry)
        request.body = entry.body = self._read_body()
        try:
            met = self.origin.faults.take(request)
            entry.faults = [fault.kind for fault in met]
            self._send(request, self._plan(request, met), entry)
        except (_Ended, ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _read_request(self):
        target = self.path
        if target.startswith("//"):
            target = "/" + target.lstrip("/")
        parts = urllib.parse.urlsplit(target)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, urllib.parse.unquote(parts.path, errors="surrogateescape"),
                       dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)), headers,
                       isinstance(self.connection, ssl.SSLSocket), headers.get("host", ""))

    def _read_body(self):
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length else b""

    def _plan(self, request, met):
        response = None
        for fault in met:
            if fault.kind == "no_answer":
                raise _Ended
            if fault.kind == "status":
                body = fault.body if fault.body is not None else nginx_page(fault.code)
                response = Response(fault.code, body, [], fault.type)
                if fault.retry_after is not None:
                    response.headers.append(("Retry-After", str(fault.retry_after)))
            elif fault.kind == "page":
                response = Response(fault.code, fault.body, list(fault.value.get("headers", ())),
                                    "text/html; charset=utf-8")
            elif fault.kind == "redirect":
                response = redirect(fault.to.replace("{path}", request.target), fault.code)
        if response is None:
            response = self.origin.site.answer(request)
        return self._spoil(request, response, met)

    def _spoil(self, request, response, met):
        ranges = response.static
        shift = 0
        delivery = Delivery(response)
        for fault in met:
            if fault.kind == "changed" and response.static:
                response.body = as_content(fault.content) if fault.content is not None \
                    else Altered(response.body, response.body.size // 2)
                if not fault.same_etag:
                    response.mtime += 86400
                    response.etag = nginx_etag(response.mtime, response.body.size)
                    if response.renew is not None:
                        response.renew(response)
            elif fault.kind == "corrupt":
                altered = Altered if response.body.size is not None else AlteredStream
                response.body = altered(response.body, fault.at)
            elif fault.kind == "no_validators":
                response.etag = response.mtime = None
            elif fault.kind == "ignore_ranges":
                ranges = False
            elif fault.kind == "wrong_content_range":
                shift = fault.shift
            elif fault.kind == "no_length":
                ranges = False
                response.static = False
                delivery.chunked = fault.how == "chunked"
                delivery.until_close = fault.how == "close"
            elif fault.kind == "gzip_trap":
                ranges = False
                response.body = Bytes(gzip.compress(response.body.bytes(), mtime=0))
                response.headers.append(("Content-Encoding", "gzip"))
            elif fault.kind == "cut":
                delivery.cut_after, delivery.cut_how = fault.after, fault.how
            elif fault.kind == "cut_in_headers":
                delivery.cut_in_headers = True
            elif fault.kind == "stall":
                delivery.stall_after, delivery.stall_seconds = fault.after, fault.seconds
            elif fault.kind == "drip":
                delivery.rate = fault.rate
        self._apply_ranges(request, delivery, ranges, shift)
        for fault in met:
            if fault.kind == "lie_about_length" and delivery.end is not None:
                delivery.declared = max(0, delivery.end - delivery.start + fault.by)
        return delivery

    def _apply_ranges(self, request, delivery, ranges, shift):
        response = delivery.response
        size = response.body.size
        delivery.end = size
        delivery.chunked = not delivery.until_close and (delivery.chunked or response.chunked or size is None)
        if not response.static or response.status != 200 or request.method not in ("GET", "HEAD"):
            return
        if response.mtime is not None and _is_fresh(request, response):
            response.status = 304
            delivery.end = 0
            return
        wanted = request.headers.get("range")
        if not ranges or wanted is None or not _range_is_allowed(request, response):
            return
        taken = _parse_range(wanted, size)
        if taken is None:
            return
        if taken is False:
            response.status, response.body, response.type = 416, Bytes(nginx_page(416)), "text/html"
            response.static = False
            delivery.end = response.body.size
            delivery.content_range = f"bytes */{size}"
            return
        response.status = 206
        delivery.start, delivery.end = taken
        if shift is not None:
            delivery.content_range = f"bytes {taken[0] + shift}-{taken[1] - 1 + shift}/{size}"

    def _headers(self, delivery, method):
        response = delivery.response
        lines = [f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, 'Status')}",
                 f"Server: {self.origin.site.server}", f"Date: {http_date(time.time())}"]
        if response.type and response.status != 304:
            lines.append(f"Content-Type: {response.type}")
        if response.status != 304:
            if delivery.chunked:
                lines.append("Transfer-Encoding: chunked")
            elif delivery.until_close:
                lines.append("Connection: close")
                self.close_connection = True
            else:
                length = delivery.end - delivery.start if delivery.declared is None else delivery.declared
                lines.append(f"Content-Length: {length}")
        if response.static:
            if response.mtime is not None:
                lines.append(f"Last-Modified: {http_date(response.mtime)}")
            if response.etag:
                lines.append(f"ETag: {response.etag}")
            if response.status == 200:
                lines.append("Accept-Ranges: bytes")
        if delivery.content_range:
            lines.append(f"Content-Range: {delivery.content_range}")
        lines += [f"{name}: {value}" for name, value in response.headers]
        if self.close_connection and not delivery.until_close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "surrogateescape")

    def _send(self, request, delivery, entry):
        head = self._headers(delivery, request.method)
        if entry is not None:
            entry.status = delivery.response.status
            entry.total = delivery.response.body.size
        if delivery.cut_in_headers:
            self._write(head[:head.index(b"\r\n") + 9])
            self._end("close")
        if delivery.stall_after is not None and delivery.stall_after < 0:
            self._stall(delivery.stall_seconds)
        if request.method == "HEAD" or delivery.response.status == 304:
            self._write(head)
        else:
            self._send_body(head, delivery, entry)
        if entry is not None:
            entry.complete = True

    def _send_body(self, head, delivery, entry):
        marks = sorted(mark for mark in (delivery.cut_after, delivery.stall_after) if mark is not None)
        rate = delivery.rate or (self.origin.rate_limit and self.origin.rate_limit.rate)
        step = max(512, min(64 * 1024, int(rate) // 20)) if rate else self.origin.block
        limit = delivery.declared
        sent, pending = 0, head
        for _, block in delivery.response.body.blocks(delivery.start, delivery.end, step):
            if limit is not None:
                block = block[:limit - sent]
            for part in _split(block, [mark - sent for mark in marks]):
                if sent in marks:
                    self._write(pending)
                    pending = b""
                    self._pass_mark(delivery, sent)
                self._throttle(len(part), delivery.rate)
                self._write(pending + (b"%x\r\n%s\r\n" % (len(part), part) if delivery.chunked else part))
                pending = b""
                sent += len(part)
                if entry is not None:
                    entry.sent = sent
        if pending:
            self._write(pending)
        self._pass_mark(delivery, sent)
        if delivery.chunked:
            self._write(b"0\r\n\r\n")
        if limit is not None and limit > sent:
            self._end("close")

    def _pass_mark(self, delivery, sent):
        if sent == delivery.stall_after:
            delivery.stall_after = None
            self._stall(delivery.stall_seconds)
        if sent == delivery.cut_after:
            self._end(delivery.cut_how)

    def _write(self, data):
        self.connection.sendall(data)

    def _throttle(self, amount, rate):
        if rate:
            self.origin.closed.wait(amount / rate)
        limit = self.origin.rate_limit
        if limit is not None:
            limit.wait(amount, self.origin.closed)

    def _stall(self, seconds):
        """Silent until the time is over, the peer hangs up or the origin closes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.origin.closed.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable and not self._peer_is_there():
                raise _Ended
        if self.origin.closed.is_set():
            raise _Ended

    def _peer_is_there(self):
        if isinstance(self.connection, ssl.SSLSocket):
            return True
        return bool(self.connection.recv(1, socket.MSG_PEEK))

    def _end(self, how):
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Ended


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, origin, tls_context):
        self.origin = origin
        self.tls_context = tls_context
        super().__init__(("127.0.0.1", 0), Handler)

    def server_bind(self):
        # HTTPServer asks the name service for the host's name here, which takes seconds where there is none.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self):
        connection, address = super().get_request()
        if self.tls_context is not None:
            connection = self.tls_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def shutdown_request(self, request):
        linger = request.fileno() >= 0 and request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        if linger and struct.unpack("ii", linger)[0]:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError, ssl.SSLError, _Ended, OSError)):
            self.origin.errors.append(error)
            super().handle_error(request, client_address)


class Origin:
    """A site on a port of 127.0.0.1, for as long as the `with` lasts (or until close())."""

    block = 256 * 1024

    def __init__(self, site, tls=None, rate=None):
        self.site = site
        self.record = Record()
        self.faults = Faults()
        self.closed = threading.Event()
        self.errors = []
        self.rate_limit = RateLimit(rate) if rate else None
        self._server = Server(self, tls)
        self.port = self._server.server_address[1]
        self.scheme = "https" if tls is not None else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self):
        """The base address, without a slash at its end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def url_by_name(self):
        """The same origin under another host name."""
        return f"{self.scheme}://localhost:{self.port}"

    def limit_rate(self, rate):
        """Bytes a second for all connections together; None: no limit."""
        self.rate_limit = RateLimit(rate) if rate else None

    def control(self, request, body):
        """POST /_control/faults {"kind": ..., options}, DELETE /_control/faults, GET /_control/record."""
        if request.path == "/_control/faults" and request.method == "POST":
            options = json.loads(body)
            self.faults.add(fault_makers.BY_NAME[options.pop("kind")](**options))
            return json_answer({"ok": True})
        if request.path == "/_control/faults" and request.method == "DELETE":
            self.faults.clear()
            return json_answer({"ok": True})
        if request.path == "/_control/record" and request.method in ("GET", "DELETE"):
            entries = self.record.clear() if request.method == "DELETE" else self.record.entries()
            return json_answer([entry.as_json() for entry in entries])
        return error_page(404)

    def close(self):
        if not self.closed.is_set():
            self.closed.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


__all__ = ["DEFAULT_MTIME", "Origin", "Request", "Response", "Site", "error_page", "html", "http_date",
           "json_answer", "nginx_etag", "redirect", "static_file"]
