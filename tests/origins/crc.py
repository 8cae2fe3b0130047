"""CRC-32 (zip) and CRC-32C (x-goog-hash) of contents of any size: what is known of parts is combined, not read again."""

import base64
import functools
import zlib


class Crc:
    """A reflected CRC of 32 bits. Polynomials over GF(2) are written as zlib does: the top bit is x^0."""

    def __init__(self, polynomial, update=None):
        self._polynomial = polynomial
        self._table = [self._of_byte(byte) for byte in range(256)]
        self._update = update
        self._powers = [1 << 30]  # x^(2^n)
        for _ in range(63):
            self._powers.append(self._multiply(self._powers[-1], self._powers[-1]))
        self.shifter = functools.lru_cache(64)(self._make_shifter)

    def _of_byte(self, byte):
        for _ in range(8):
            byte = byte >> 1 ^ self._polynomial if byte & 1 else byte >> 1
        return byte

    def _multiply(self, a, b):
        product, bit = 0, 1 << 31
        while bit:
            if a & bit:
                product ^= b
            b = b >> 1 ^ self._polynomial if b & 1 else b >> 1
            bit >>= 1
        return product

    def of(self, data, crc=0):
        """The CRC of DATA behind what CRC is of."""
        if self._update is not None:
            return self._update(data, crc)
        crc ^= 0xFFFFFFFF
        table = self._table
        for byte in data:
            crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
        return crc ^ 0xFFFFFFFF

    def combine(self, first, second, length):
        """The CRC of two pieces, the second LENGTH bytes long, from those of each."""
        operator, bit = 1 << 31, 3
        while length:
            if length & 1:
                operator = self._multiply(self._powers[bit], operator)
            length >>= 1
            bit += 1
        return self._multiply(operator, first) ^ second

    def _make_shifter(self, length):
        """A function that does the first half of combine() for pieces of one length, by four tables."""
        columns = [self.combine(1 << bit, 0, length) for bit in range(32)]
        tables = []
        for byte in range(4):
            table = [0] * 256
            for value in range(1, 256):
                low = value & -value
                table[value] = table[value ^ low] ^ columns[8 * byte + low.bit_length() - 1]
            tables.append(table)
        one, two, three, four = tables
        return lambda crc: one[crc & 255] ^ two[crc >> 8 & 255] ^ three[crc >> 16 & 255] ^ four[crc >> 24]

    def of_content(self, content):
        """The CRC of a content, by its own knowledge where it has some."""
        known = getattr(content, "crc", None)
        if known is not None:
            return known(self)
        crc = 0
        for _, block in content.blocks():
            crc = self.of(block, crc)
        return crc


CRC32 = Crc(0xEDB88320, zlib.crc32)
CRC32C = Crc(0x82F63B78)


def google_crc32c(content):
    """As x-goog-hash has it: big-endian, base64."""
    return base64.b64encode(CRC32C.of_content(content).to_bytes(4, "big")).decode()
