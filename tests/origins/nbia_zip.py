"""NBIA's zips, made while they are sent as its Java does: names, order, data descriptors, and what goes wrong in them.

All entries are deflated, with sizes and CRC behind the data; entry times are now, so that no two answers are alike.
"""

import random
import struct
import time
import zlib
from dataclasses import dataclass, field

from .content import Altered

LIST_NAME = "md5hashes.csv"


class ZipStream:
    """A zip in blocks. WIDE: descriptors of 64-bit sizes although no header speaks of them, as Java's are above 4 GiB."""

    def __init__(self, wide=False):
        self.wide = wide
        self._entries = []
        self._at = 0
        now = time.localtime()
        self._time = (now.tm_hour << 11 | now.tm_min << 5 | now.tm_sec // 2, (now.tm_year - 1980) << 9 |
                      now.tm_mon << 5 | now.tm_mday)

    def entry(self, name, data):
        """The bytes of one entry."""
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        crc, encoded = zlib.crc32(data), name.encode()
        head = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0x0808, 8, *self._time, 0, 0, 0, len(encoded), 0) + encoded
        sizes = struct.pack("<QQ" if self.wide else "<II", len(packed), len(data))
        self._entries.append((encoded, crc, len(packed), len(data), self._at))
        block = head + packed + struct.pack("<II", 0x08074B50, crc) + sizes
        self._at += len(block)
        return block

    def end(self):
        """The central directory and the end record; 22 bytes where there is no entry."""
        parts = [struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0x0808, 8, *self._time, crc, packed, size,
                             len(name), 0, 0, 0, 0, 0, at) + name
                 for name, crc, packed, size, at in self._entries]
        directory = b"".join(parts)
        count = len(self._entries)
        wide = b""
        if count > 0xFFFF:  # as Java's does: the 64-bit end record, where it lies, and 0xFFFF in the old one
            wide = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(directory), self._at)
            wide += struct.pack("<IIQI", 0x07064B50, 0, self._at + len(directory), 1)
            count = 0xFFFF
        return directory + wide + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), self._at, 0)


@dataclass
class Trouble:
    """One way in which an image request goes wrong, for TIMES of them (None: all) after SKIP, of SERIES (None: any) by
    REQUEST ("getImageWithMD5Hash", ...; None: any). Made by the functions below."""

    kind: str
    series: str = None
    times: int = None
    skip: int = 0
    request: str = None
    value: dict = field(default_factory=dict)
    met: int = 0

    def meets(self, series, request):
        return self.series in (None, series) and self.request in (None, request)


def _make(kind, limits, **value):
    return Trouble(kind, value=value, **limits)


def missing_image(at=1, **limits):
    """Image AT (from 0) is not on the server's disk: the zip ends in good order before it, without its list."""
    return _make("missing_image", limits, at=at)


def null_digest(**limits):
    """A digest is NULL in the database: with a list asked for, the zip is valid and empty."""
    return _make("null_digest", limits)


def header_only(**limits):
    """The query found no images or no rights: a list of its heading alone."""
    return _make("header_only", limits)


def no_licence(**limits):
    """There is no licence text: getImage's zip has nothing in it."""
    return _make("no_licence", limits)


def empty_zip(**limits):
    """22 bytes, whatever was asked."""
    return _make("empty_zip", limits)


def lost_images(count=1, **limits):
    """The last COUNT images are neither in the zip nor in its list."""
    return _make("lost_images", limits, count=count)


def corrupt_image(at=0, offset=-40, **limits):
    """A byte of image AT is wrong (an OFFSET below 0 counts from its end); the list is right, and so is the zip's CRC."""
    return _make("corrupt_image", limits, at=at, offset=offset)


def wrong_digest(at=0, **limits):
    """The list says another digest of image AT."""
    return _make("wrong_digest", limits, at=at)


def foreign_image(image, at=0, **limits):
    """IMAGE, of another series, stands in the place of image AT, and the list says so."""
    return _make("foreign_image", limits, image=image, at=at)


def unlisted_image(at=0, **limits):
    """Image AT is in the zip and not in its list."""
    return _make("unlisted_image", limits, at=at)


def only_listed_image(at=0, **limits):
    """Image AT is in the list and not in the zip."""
    return _make("only_listed_image", limits, at=at)


def doubled_image(at=0, **limits):
    """Image AT is in the zip twice, under two numbers, and in the list twice."""
    return _make("doubled_image", limits, at=at)


def no_list(**limits):
    """All images, and no list."""
    return _make("no_list", limits)


def no_end(**limits):
    """The chunked body ends as it should, the zip does not: its directory and end record are missing."""
    return _make("no_end", limits)


def not_public(**limits):
    """400 and a sentence: hidden, controlled or elsewhere."""
    return _make("not_public", limits)


def server_error(message="null", code=500, **limits):
    """500 and 48 bytes of text; MESSAGE follows the sentence, and may be a stack trace."""
    return _make("server_error", limits, message=message, code=code)


def saved_page(body=None, **limits):
    """200 and an HTML page of a 500 in the place of the zip."""
    return _make("saved_page", limits, body=body)


class Listed:
    """What a zip will hold, before troubles: pairs of name and image, the list's lines, and what else there is."""

    def __init__(self, images, names, shuffle):
        images = list(images)
        if shuffle is not None:
            shuffle.shuffle(images)
        self.entries = list(zip(names(images), images))
        self.lines = [[name, image.md5] for name, image in self.entries]
        self.rest = shuffle or random.Random(0)
        self.has_list, self.ends = True, True
        self.has_licence = True

    def apply(self, trouble):
        kind, value = trouble.kind, trouble.value
        at = min(value.get("at", 0), len(self.entries) - 1)
        if kind == "missing_image":
            self.entries, self.has_list = self.entries[:at], False
        elif kind in ("null_digest", "empty_zip", "no_licence"):
            self.entries, self.has_list, self.has_licence = [], False, False
        elif kind == "header_only":
            self.entries, self.lines = [], []
        elif kind == "lost_images":
            self.entries = self.entries[:-value["count"]]
            self.lines = self.lines[:-value["count"]]
        elif kind == "corrupt_image":
            name, image = self.entries[at]
            self.entries[at] = name, Altered(image, value["offset"] % image.size)
        elif kind == "wrong_digest":
            self.lines[at][1] = self.lines[at][1][::-1]
        elif kind == "foreign_image":
            name, image = self.entries[at][0], value["image"]
            self.entries[at], self.lines[at] = (name, image), [name, image.md5]
        elif kind == "unlisted_image":
            del self.lines[at]
        elif kind == "only_listed_image":
            del self.entries[at]
        elif kind == "doubled_image":
            name, image = "99999999.dcm", self.entries[at][1]
            self.entries.append((name, image))
            self.lines.append([name, image.md5])
        elif kind == "no_list":
            self.has_list = False
        elif kind == "no_end":
            self.ends = False

    def blocks(self, licence, with_list, more, wide):
        """The zip: LICENCE (text or None) first, the images, the list where it was asked for, then {name: data} MORE."""
        out = ZipStream(wide)
        if licence is not None and self.has_licence:
            yield out.entry("LICENSE", licence.encode())
        for name, image in self.entries:
            yield out.entry(name, image.bytes())
        if with_list and self.has_list:
            self.rest.shuffle(self.lines)
            text = "".join(f"{name},{digest}\n" for name, digest in self.lines)
            yield out.entry(LIST_NAME, f"Filename,MD5Hash\n{text}".encode())
        for name, data in more.items():
            yield out.entry(name, data)
        if self.ends:
            yield out.end()


def eight_digits(images):
    return [f"{number:08d}.dcm" for number in range(1, len(images) + 1)]


def by_acquisition(images):
    """A-N.dcm: one acquisition, numbered in the order of the instances, padded to the digits of the count."""
    order = sorted(range(len(images)), key=lambda at: images[at].number)
    digits = len(str(len(images)))
    names = [None] * len(images)
    for number, at in enumerate(order, 1):
        names[at] = f"1-{number:0{digits}d}.dcm"
    return names
