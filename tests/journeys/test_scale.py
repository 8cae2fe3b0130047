"""Memory stays bounded, however many files and however large."""

import unittest

from journey import SANITIZED, Journey
from origins import Bytes, PhysioNetSite, Sparse, Version

LIMIT_KB = 64 * 1024


class Scale(Journey):
    def setUp(self):
        super().setUp()
        self.configure(first_byte_timeout=60_000, stall_timeout=60_000)

    def assert_small(self, result):
        """Sanitizers keep shadows of all memory: under them the peak is not the program's own."""
        if not SANITIZED:
            self.assertLess(result.peak, LIMIT_KB, str(result))
        self.assertGreater(result.peak, 0)

    def test_ten_thousand_small_files(self):
        files = {f"p{number // 500:02d}/r{number:05d}.hea": Bytes(f"r{number:05d} 2 360 5000\n" * 20)
                 for number in range(10_000)}
        physionet = self.origin(PhysioNetSite([Version("many", "1.0.0", "Many Files", files, has_zip=False)]), "physionet")
        path, result = self.pull("physionet/many@1.0.0", measure=True)
        self.assert_small(result)
        self.assert_arrived(path, physionet.site.projects["many"]["1.0.0"].tree.below(""), result)
        self.assert_small(self.medmirror("verify", "physionet/many@1.0.0", measure=True))
        physionet.record.clear()
        _, result = self.pull("physionet/many", measure=True)
        self.assert_small(result)
        self.assertEqual(physionet.record.entries("*.hea"), [])

    def test_four_gigabytes(self):
        size = (1 << 30) if SANITIZED else (4 << 30) + 12_345
        server = self.origin()
        content = Sparse(size, [(0, b"begin"), (size // 2, b"middle"), (size - 3, b"end")])
        server.site.add("volume.raw", content)
        path, result = self.pull(server.url + "/volume.raw", measure=True, seconds=400)
        self.assert_small(result)
        self.assert_arrived(path, {"volume.raw": content}, result)
        self.assertLess(server.record.bytes_sent(), size + (1 << 20))

    def million(self):
        server = self.origin()
        count = 100_000 if SANITIZED else 1_000_000
        server.site.add_many("many", count, Bytes("0123456789"))
        return server, count

    def test_files_of_a_million_names(self):
        server, count = self.million()
        result = self.medmirror("files", server.url + "/many/", measure=True)
        self.assert_small(result)
        self.assertEqual(sum(1 for line in result.lines if ".dat" in line), count)
        self.assertEqual(len(server.record.entries("*.dat")), 0)

    def test_plan_of_a_million_names(self):
        server, count = self.million()
        result = self.medmirror("pull", server.url + "/many/", "--dry-run", measure=True)
        self.assert_small(result)
        self.assertIn(str(count), (result.out + result.err).replace(",", "").replace("\u202f", ""), str(result))
        self.assertEqual(len(server.record.entries("*.dat")), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
