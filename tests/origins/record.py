"""What an origin was asked: one entry a request, for tests to judge by."""

import fnmatch
import re
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Entry:
    method: str
    target: str
    path: str
    query: str
    headers: dict
    connection: int
    began: float
    status: int = 0
    sent: int = 0
    total: int = None
    complete: bool = False
    faults: list = field(default_factory=list)
    body: bytes = b""

    @property
    def range(self):
        """The bytes [first, last + 1) that were asked for; an open end is None; None where no range was."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("range", "").strip())
        if not match:
            return None
        first, last = match.groups()
        if not first:
            return (-int(last), None)
        return (int(first), int(last) + 1 if last else None)

    def asked(self, size):
        """The bytes [first, end) of a file of SIZE that this request asked for."""
        if self.range is None:
            return (0, size)
        first, end = self.range
        if first < 0:
            return (max(0, size + first), size)
        return (first, size if end is None else min(end, size))

    def as_json(self):
        return {key: getattr(self, key) for key in
                ("method", "target", "path", "headers", "connection", "status", "sent", "complete", "faults")}


class Record:
    """All entries of one origin, in the order in which the requests came."""

    def __init__(self):
        self._lock = threading.Lock()
        self._entries = []
        self._connections = 0

    def new_connection(self):
        with self._lock:
            self._connections += 1
            return self._connections

    def add(self, entry):
        with self._lock:
            self._entries.append(entry)

    def clear(self):
        """Forgets all; returns what was there."""
        with self._lock:
            entries, self._entries = self._entries, []
            return entries

    @property
    def connections(self):
        """How many connections were made since the origin began."""
        with self._lock:
            return self._connections

    def entries(self, pattern="*", method=None):
        """The entries whose path matches the fnmatch(3) pattern."""
        with self._lock:
            entries = list(self._entries)
        return [entry for entry in entries
                if fnmatch.fnmatchcase(entry.path, pattern) and method in (None, entry.method)]

    def __len__(self):
        with self._lock:
            return len(self._entries)

    def bytes_sent(self, pattern="*"):
        return sum(entry.sent for entry in self.entries(pattern))

    def wait_for(self, pattern="*", count=1, seconds=30, sent=0):
        """Waits until COUNT requests of the pattern came and SENT bytes of them were sent; else fails."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            entries = self.entries(pattern)
            if len(entries) >= count and sum(entry.sent for entry in entries) >= sent:
                return entries
            time.sleep(0.005)
        raise AssertionError(f"in {seconds} s there were not {count} requests of {pattern} with {sent} bytes sent")
