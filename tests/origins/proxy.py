"""A forward proxy: plain requests and CONNECT; it lets pass, wants a password, or answers with its own page."""

import base64
import http.client
import http.server
import select
import socket
import socketserver
import threading
import time
import urllib.parse

from .record import Entry, Record

BLOCK_PAGE = (b"<html><head><title>Web Filter: Access Blocked</title></head><body><h1>Access Blocked</h1>"
              b"<p>The category of this page is not allowed here.</p></body></html>")
_PASSWORD_PAGE = b"<html><head><title>Proxy Authentication Required</title></head><body>Who are you?</body></html>"
_HOP_BY_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "upgrade"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.number = self.server.proxy.record.new_connection()

    def log_message(self, *arguments):
        pass

    def do_CONNECT(self):
        if self._is_refused():
            return
        host, _, port = self.server.proxy.names.get(self.path, self.path).rpartition(":")
        with socket.create_connection((host, int(port)), 10) as far:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._join(far)
        self.close_connection = True

    def do_GET(self):
        if self._is_refused():
            return
        parts = urllib.parse.urlsplit(self.path)
        far = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        far.request(self.command, urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")), headers=headers)
        answer = far.getresponse()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", "Via: 1.1 journeys", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in answer.getheaders()
                  if name.lower() not in _HOP_BY_HOP and name.lower() != "transfer-encoding"]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        while self.command != "HEAD" and (block := answer.read(65536)):
            self.connection.sendall(block)
        far.close()
        self.close_connection = True

    do_HEAD = do_GET

    def _is_refused(self):
        proxy = self.server.proxy
        headers = {name.lower(): value for name, value in self.headers.items()}
        proxy.record.add(Entry(self.command, self.path, self.path, "", headers, self.number, time.monotonic()))
        if proxy.password is not None:
            wanted = "Basic " + base64.b64encode(proxy.password.encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                self._answer(407, _PASSWORD_PAGE, "Proxy-Authenticate: Basic realm=\"Campus\"\r\n")
                return True
        if proxy.page is not None:
            self._answer(proxy.page_status, proxy.page)
            return True
        return False

    def _answer(self, code, body, more=""):
        self.close_connection = True
        self.connection.sendall((f"HTTP/1.1 {code} {http.client.responses[code]}\r\nServer: squid/5.7\r\n"
                                 f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\n{more}"
                                 "Connection: close\r\n\r\n").encode() + body)

    def _join(self, far):
        near = self.connection
        while not self.server.proxy.closed.is_set():
            readable, _, _ = select.select([near, far], [], [], 0.2)
            for end in readable:
                data = end.recv(65536)
                if not data:
                    return
                (far if end is near else near).sendall(data)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # a far end that is gone; the near one sees its connection end


class ForwardProxy:
    """PASSWORD: "user:password" that it wants; PAGE: what it answers to everything, with PAGE_STATUS. NAMES: where a
    CONNECT leads, "host:port" -> "host:port", so that origins of this machine stand for hosts of any name."""

    def __init__(self, password=None, page=None, page_status=403, names=()):
        self.names = dict(names)
        self.password, self.page, self.page_status = password, page, page_status
        self.record = Record()
        self.closed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

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
