"""The data that is measured with: made anew for each run, the same bytes for the same seed."""

import concurrent.futures
import hashlib
import json
import os
import random
import struct
import zlib

BLOCK = 1 << 20


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Noise:
    """Bytes that look like those of images: 16-bit samples whose low byte is noisy and whose high byte rarely changes."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # How often a low byte comes is bell-shaped, as scanner noise is: some 5 bits of it are news.
        self.low = bytes(int(128 + 6 * (value.bit_count() - 4) + 8 * ((value * 37 % 256) / 256 - 0.5)) & 0xff
                         for value in range(256))
        self.high = bytes(4 if value < 128 else 5 for value in range(256))

    def image(self, size):
        """A slice of a CT: deflate makes some two fifths of it. A ninth is air around the body."""
        samples = bytearray(size)
        half = (size + 1) // 2
        samples[0::2] = self.random.randbytes(half).translate(self.low)
        tissue = self.random.randbytes(half // 64 + 1).translate(self.high)
        samples[1::2] = b"".join(bytes((value,)) * 64 for value in tissue)[:size - half]
        samples[:size // 9] = bytes(size // 9)
        return bytes(samples)

    def packed(self, size):
        """What is compressed already (JPEG, PNG): deflate gains nothing."""
        return self.random.randbytes(size)


def deflate(content):
    """Raw deflate, as zip has it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def write_zip(path, members):
    """A zip as Java writes it to a socket: sizes and checksum stand behind each member's data (APPNOTE 4.3.9)."""
    rows, at = [], 0
    with open(path, "wb") as file, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(members), 64):
            some = [(name, make()) for name, make in members[start:start + 64]]
            for (name, content), data in zip(some, pool.map(deflate, (content for _, content in some))):
                raw = name.encode()
                common = struct.pack("<HHHHH", 20, 8, 8, 0, 0x5a21)
                facts = struct.pack("<LLL", zlib.crc32(content), len(data), len(content))
                file.write(b"PK\3\4" + common + bytes(12) + struct.pack("<HH", len(raw), 0) + raw + data + b"PK\7\x08" + facts)
                rows.append(b"PK\1\2" + struct.pack("<H", 20) + common + facts +
                            struct.pack("<HHHHHLL", len(raw), 0, 0, 0, 0, 0, at) + raw)
                at = file.tell()
        file.write(b"".join(rows))
        file.write(b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, len(rows), len(rows), file.tell() - at, at, 0))


def make_image_zip(path, count, size, seed):
    """COUNT members of about SIZE bytes; every eighth is compressed already and smaller, as a JPEG beside its DICOM."""
    noise = Noise(seed)
    members = []
    for number in range(count):
        name = f"patient-{number // 100:03d}/slice-{number:05d}"
        if number % 8 == 7:
            members.append((name + ".jpg", lambda: noise.packed(size // 8)))
        else:
            members.append((name + ".dcm", lambda: noise.image(size)))
    write_zip(path, members)


def make_small_files(folder, count, least, most, seed):
    """COUNT files in folders of 500, with the list SHA256SUMS. Returns the paths below FOLDER."""
    noise = Noise(seed)
    paths, lines = [], []
    for number in range(count):
        path = f"r{number // 500:03d}/{number:06d}.dat"
        content = noise.image(noise.random.randint(least, most))
        os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(folder, path), "wb") as file:
            file.write(content)
        paths.append(path)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    with open(os.path.join(folder, "SHA256SUMS"), "w", encoding="ascii") as file:
        file.write("".join(lines))
    return [*paths, "SHA256SUMS"]


def add_large_files(folder, count, size, seed):
    """COUNT files of SIZE bytes more, and their lines in SHA256SUMS. Returns their paths."""
    block = Noise(seed).packed(BLOCK)
    paths = []
    with open(os.path.join(folder, "SHA256SUMS"), "a", encoding="ascii") as sums:
        for number in range(count):
            path = f"volume-{number}.raw"
            with open(os.path.join(folder, path), "wb") as file:
                for at in range(0, size, BLOCK):
                    file.write(struct.pack("<Q", at + number) + block[8:min(BLOCK, size - at)])
            sums.write(f"{digest(os.path.join(folder, path))}  {path}\n")
            paths.append(path)
    return paths


def make_many_tar(path, count):
    """A tar (ustar) of COUNT tiny files, a thousand a folder; Python's own writer takes minutes for a million."""
    with open(path, "wb", buffering=8 * BLOCK) as file:
        for number in range(count):
            name = f"many/{number // 1000:04d}/{number:07d}.txt".encode()
            content = b"%07d\n" % (number % 1000)
            header = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % len(content) +
                               b"14000000000\0" + b" " * 8 + b"0" + bytes(100) + b"ustar\00000" + bytes(247))
            header[148:156] = b"%06o\0 " % sum(header)
            file.write(header + content.ljust(512, b"\0"))
        file.write(bytes(1024))


def write_manifest(path, name, address, archive, rule):
    """A manifest of one's own that says where the archive is and what it must be."""
    manifest = {
        "id": name, "title": {"en": "Benchmark data"}, "source": "http", "locator": {"url": address}, "access": "open",
        "files": [{"path": os.path.basename(archive), "size": os.path.getsize(archive), "sha256": digest(archive),
                   "unpack": rule}],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(manifest, file)
