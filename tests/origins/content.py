"""What an origin serves: bytes that can be read from any offset, however large, without holding them."""

import hashlib
import os
import random

BLOCK = 256 * 1024


class Content:
    """Bytes with a length and random access."""

    size = 0

    def read(self, start, end):
        """The bytes [start, end), which are inside the content."""
        raise NotImplementedError

    def blocks(self, start=0, end=None, step=BLOCK):
        """Pairs of offset and bytes that together are [start, end)."""
        end = self.size if end is None else end
        while start < end:
            stop = min(end, start + step)
            yield start, self.read(start, stop)
            start = stop

    def digest(self, algorithm="sha256"):
        digest = hashlib.new(algorithm)
        for _, block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def bytes(self):
        return b"".join(block for _, block in self.blocks())


class Bytes(Content):
    def __init__(self, data):
        self.data = data.encode() if isinstance(data, str) else bytes(data)
        self.size = len(self.data)

    def read(self, start, end):
        return self.data[start:end]


class DiskFile(Content):
    """A file of the local disk, opened anew for each block so that no descriptor is kept."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.size = os.stat(self.path).st_size

    def read(self, start, end):
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)


class Noise(Content):
    """Bytes without a pattern, the same for the same seed: what cannot be compressed or guessed."""

    _page = 64 * 1024

    def __init__(self, size, seed=0):
        self.size = size
        self.seed = seed

    def read(self, start, end):
        parts = []
        while start < end:
            page, within = divmod(start, self._page)
            take = min(end - start, self._page - within)
            data = random.Random(f"{self.seed}/{page}").randbytes(self._page)
            parts.append(data[within:within + take])
            start += take
        return b"".join(parts)


class Sparse(Content):
    """Zeros with a few islands of other bytes: as large as one likes."""

    def __init__(self, size, islands=()):
        self.size = size
        self.islands = [(at, bytes(data)) for at, data in islands]
        self._zeros = bytes(BLOCK)

    def read(self, start, end):
        if not any(at < end and start < at + len(data) for at, data in self.islands):
            return self._zeros[:end - start] if end - start <= BLOCK else bytes(end - start)
        block = bytearray(end - start)
        for at, data in self.islands:
            low, high = max(start, at), min(end, at + len(data))
            if low < high:
                block[low - start:high - start] = data[low - at:high - at]
        return bytes(block)


class Altered(Content):
    """Another content with the byte at one offset changed."""

    def __init__(self, content, offset):
        self.content = content
        self.size = content.size
        self.offset = offset

    def read(self, start, end):
        block = self.content.read(start, end)
        if start <= self.offset < end:
            block = bytearray(block)
            block[self.offset - start] ^= 0x55
            block = bytes(block)
        return block


class Generated:
    """Blocks made while they are sent; nobody knows how many there will be."""

    size = None

    def __init__(self, make_blocks):
        self._make_blocks = make_blocks

    def blocks(self, start=0, end=None, step=BLOCK):
        offset = 0
        for block in self._make_blocks():
            yield offset, block
            offset += len(block)

    def bytes(self):
        return b"".join(block for _, block in self.blocks())


class AlteredStream(Generated):
    """What is made while it is sent, with the byte at one offset changed."""

    def __init__(self, content, offset):
        super().__init__(lambda: _alter(content, offset))


def _alter(content, offset):
    for start, block in content.blocks():
        if start <= offset < start + len(block):
            at = offset - start
            block = block[:at] + bytes([block[at] ^ 0x55]) + block[at + 1:]
        yield block


def as_content(data):
    """Bytes, text, a path or a content, as a content."""
    if isinstance(data, (Content, Generated)):
        return data
    if isinstance(data, os.PathLike):
        return DiskFile(data)
    return Bytes(data)
