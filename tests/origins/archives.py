"""Archives for tests: good ones of each format, and each kind that must be refused."""

import bz2
import io
import os
import pathlib
import stat
import struct
import subprocess
import tarfile
import tempfile
import warnings
import zipfile
import zlib

from .content import as_content
from .server import DEFAULT_MTIME

_ZIP_DATE = (2024, 1, 2, 3, 4, 0)


def _bytes_of(members):
    """(name, bytes) of a mapping of names to whatever can be a content."""
    return [(name, as_content(content).bytes()) for name, content in members.items()]


def make_zip(members, compress=True, top=""):
    """A zip as most tools write it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, data in _bytes_of(members):
            info = zipfile.ZipInfo(top + name, _ZIP_DATE)
            info.compress_type = archive.compression
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)
    return out.getvalue()


class _Unseekable(io.RawIOBase):
    """What zipfile takes for a pipe: it then writes sizes behind the data, as streaming servers do."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def make_streamed_zip(members):
    """A zip with data descriptors, as Java and streaming servers write it."""
    out = _Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _bytes_of(members):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return b"".join(out.parts)


def make_zip_of(entries):
    """A zip of (ZipInfo or name, bytes) as they are: doubled names, links, whatever."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of doubled names
        for name, data in entries:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name, _ZIP_DATE)
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def zip_link(name, target):
    """A zip entry that is a symbolic link."""
    info = zipfile.ZipInfo(name, _ZIP_DATE)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def make_tar(members):
    return make_tar_of([tar_file(name, data) for name, data in _bytes_of(members)])


def make_tar_of(entries):
    """A tar of (TarInfo, bytes or None) as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def tar_file(name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), DEFAULT_MTIME, 0o644
    return info, data


def tar_entry(name, type, target="", major=0, minor=0):
    """An entry without data: a link, a device, a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime, info.mode = type, target, DEFAULT_MTIME, 0o644
    info.devmajor, info.devminor = major, minor
    return info, None


def gzip(data):
    """A gzip file with no name and no time, so that the same data gives the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def make_tar_gz(members):
    return gzip(make_tar(members))


def filtered(tool, data):
    """DATA through a compressor of the system: "zstd", "xz", "bzip2", "compress"."""
    return subprocess.run([tool, "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def make_with_bsdtar(members, *options):
    """An archive as libarchive writes it, with bsdtar's options for format and filter."""
    with tempfile.TemporaryDirectory(prefix="origins-archive-") as folder:
        top = pathlib.Path(folder, "members")
        names = []
        for name, data in _bytes_of(members):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_bytes(data)
            os.utime(top / name, (DEFAULT_MTIME, DEFAULT_MTIME))
            names.append(name)
        target = pathlib.Path(folder, "archive")
        subprocess.run(["bsdtar", "-c", "-f", str(target), *options, "-C", str(top), "--", *names], check=True,
                       stdin=subprocess.DEVNULL)
        return target.read_bytes()


def make_tar_zst(members):
    return make_with_bsdtar(members, "--format", "pax", "--zstd")


def make_7z(members):
    return make_with_bsdtar(members, "--format", "7zip")


def compress_z(data):
    """DATA as Unix compress (.Z), by libarchive's filter."""
    with tempfile.TemporaryDirectory(prefix="origins-archive-") as folder:
        pathlib.Path(folder, "data").write_bytes(data)
        return subprocess.run(["bsdtar", "-c", "-f", "-", "--format", "raw", "--compress", "-C", folder, "data"],
                              check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout


def _dos_time(date):
    year, month, day, hour, minute, second = date
    return ((year - 1980) << 25) | (month << 21) | (day << 16) | (hour << 11) | (minute << 5) | (second // 2)


def _rar_block(kind, flags, rest):
    """One RAR 4 header block with its CRC: the low half of the CRC-32 of what follows the CRC."""
    body = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body


def make_rar(members):
    """A RAR 4 archive with the stored method: marker, archive header, a header and the data of each file, end."""
    parts = [b"Rar!\x1a\x07\x00", _rar_block(0x73, 0, bytes(6))]
    for name, data in _bytes_of(members):
        encoded = name.replace("/", "\\").encode()
        header = struct.pack("<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), _dos_time(_ZIP_DATE), 20, 0x30,
                             len(encoded), 0o100644) + encoded
        parts += [_rar_block(0x74, 0x8000, header), data]
    parts.append(_rar_block(0x7B, 0x4000, b""))
    return b"".join(parts)


def bomb_tar_bz2(size):
    """A tar of one file of SIZE zeros, more than a million times smaller: its streams are copies of one."""
    info, _ = tar_file("zeros", b"")
    info.size = size
    header = info.tobuf(tarfile.USTAR_FORMAT)
    step = 256 << 20
    block = bz2.compress(bytes(step))
    return bz2.compress(header) + block * (size // step) + bz2.compress(bytes(size % step + 10240))
