"""Contents of many gigabytes that are quick to make and whose digests are known without reading them twice."""

import bisect
import functools
import hashlib
import itertools
import random
import struct
import threading
import zlib

from .content import Bytes, Content, as_content
from .crc import CRC32

PAGE = 64 * 1024
_MARK = 16
_LIMIT_32 = 0xFFFFFFFF
# 2 January 2024, 03:04:00, as zip has it.
_DOS_DATE, _DOS_TIME = (2024 - 1980) << 9 | 1 << 5 | 2, 3 << 11 | 4 << 5


@functools.cache
def _bodies():
    """What sixteen kinds of pages hold behind their mark."""
    return [random.Random(f"pages/{kind}").randbytes(PAGE - _MARK) for kind in range(16)]


@functools.cache
def _crcs_of_bodies(kind):
    return [kind.of(body) for body in _bodies()]


class Pages(Content):
    """Noise in pages of 64 KiB, each with a mark of its own: a page that lies where another belongs is noticed."""

    def __init__(self, size, seed=0):
        self.size = size
        self.seed = seed

    def _mark(self, number):
        return hashlib.blake2b(f"{self.seed}/{number}".encode(), digest_size=_MARK).digest()

    def read(self, start, end):
        parts = []
        while start < end:
            number, within = divmod(start, PAGE)
            page = self._mark(number) + _bodies()[number % 16]
            take = min(end - start, PAGE - within)
            parts.append(page if take == PAGE else page[within:within + take])
            start += take
        return b"".join(parts)

    def crc(self, kind):
        bodies, over_body, over_page = _crcs_of_bodies(kind), kind.shifter(PAGE - _MARK), kind.shifter(PAGE)
        whole, rest = divmod(self.size, PAGE)
        crc = 0
        for number in range(whole):
            crc = over_page(crc) ^ over_body(kind.of(self._mark(number))) ^ bodies[number % 16]
        return kind.of(self.read(self.size - rest, self.size), crc) if rest else crc


class Joined(Content):
    """Contents one behind the other."""

    def __init__(self, parts):
        self.parts = [as_content(part) for part in parts]
        self._ends = list(itertools.accumulate(part.size for part in self.parts))
        self.size = self._ends[-1] if self._ends else 0

    def read(self, start, end):
        found = []
        index = bisect.bisect_right(self._ends, start)
        while start < end:
            part = self.parts[index]
            begin = self._ends[index] - part.size
            stop = min(end, self._ends[index])
            if stop > start:
                found.append(part.read(start - begin, stop - begin))
            start, index = max(start, stop), index + 1
        return b"".join(found)

    def crc(self, kind):
        crc = 0
        for part in self.parts:
            crc = kind.combine(crc, kind.of_content(part), part.size)
        return crc


class Remembered(Content):
    """A content whose digests are computed once, whoever asks first; those of the same KEY have the same."""

    _of_key = {}

    def __init__(self, content, key=None):
        self.content = content
        self.size = content.size
        self._lock = threading.Lock()
        self._digests = {} if key is None else self._of_key.setdefault(key, {})

    def read(self, start, end):
        return self.content.read(start, end)

    def digest(self, algorithm="sha256"):
        with self._lock:
            if algorithm not in self._digests:
                self._digests[algorithm] = self.content.digest(algorithm)
            return self._digests[algorithm]

    def crc(self, kind):
        with self._lock:
            if kind not in self._digests:
                self._digests[kind] = kind.of_content(self.content)
            return self._digests[kind]


def _extra(*values):
    """The field that holds what 32 bits cannot."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _entry(name, content, packed):
    """(local header, data, what the directory says of it) of a member; deflated where PACKED is set."""
    crc = CRC32.of_content(content)
    data = content
    if packed:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = Bytes(packer.compress(content.bytes()) + packer.flush())
    flags = 0 if name.isascii() else 0x800
    is_long = max(content.size, data.size) >= _LIMIT_32
    sizes = (_LIMIT_32, _LIMIT_32) if is_long else (data.size, content.size)
    extra = _extra(content.size, data.size) if is_long else b""
    common = struct.pack("<HHHHH", 45 if is_long else 20, flags, 8 if packed else 0, _DOS_TIME, _DOS_DATE)
    encoded = name.encode()
    local = b"PK\3\4" + common + struct.pack("<IIIHH", crc, *sizes, len(encoded), len(extra)) + encoded + extra
    return local, data, (common, crc, encoded)


def _directory_entry(facts, data_size, size, offset):
    common, crc, encoded = facts
    long_values = [value for value in (size, data_size, offset) if value >= _LIMIT_32]
    extra = _extra(*long_values)
    shown = [min(value, _LIMIT_32) for value in (data_size, size)]
    return (b"PK\1\2" + struct.pack("<H", 3 << 8 | 45) + common
            + struct.pack("<IIIHHHHHII", crc, *shown, len(encoded), len(extra), 0, 0, 0, 0o100644 << 16,
                          min(offset, _LIMIT_32)) + encoded + extra)


def _end_of_directory(count, size, offset):
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, _LIMIT_32),
                                  min(offset, _LIMIT_32), 0)
    if count < 0xFFFF and size < _LIMIT_32 and offset < _LIMIT_32:
        return end
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)
    return record + b"PK\6\7" + struct.pack("<IQI", 0, offset + size, 1) + end


def make_large_zip(members, deflate_below=1 << 20):
    """A zip of {name: content} of any size, as a content that holds no more than its small members: those below
    DEFLATE_BELOW bytes are deflated, the others stored."""
    parts, directory, offset, count = [], [], 0, 0
    key = [deflate_below]
    for name, content in members.items():
        content = as_content(content)
        local, data, facts = _entry(name, content, 0 < content.size < deflate_below)
        directory.append(_directory_entry(facts, data.size, content.size, offset))
        parts += [Bytes(local), data]
        offset += len(local) + data.size
        count += 1
        key.append((name, content.size, facts[1]))
    listing = b"".join(directory)
    whole = Joined([*parts, Bytes(listing + _end_of_directory(count, len(listing), offset))])
    return Remembered(whole, tuple(key))
