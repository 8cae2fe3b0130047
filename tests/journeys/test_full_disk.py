"""A full disk: exit 6 with the figures, what stood there is untouched, and the next run goes on where this one stopped."""

import subprocess
import unittest

from journey import SLOWER, Journey
from origins import Bytes, Noise, PlainSite

MEGABYTE = 1 << 20


class FullDisk(Journey):
    def mount(self, options):
        self.mirror.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.mirror)], stderr=subprocess.PIPE)
        if done.returncode != 0:
            self.skipTest("Nothing can be mounted here: " + done.stderr.decode().partition("\n")[0])
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.mirror)], check=False)

    def remount(self, options):
        subprocess.run(["mount", "-o", "remount," + options, str(self.mirror)], check=True)

    def setUp(self):
        super().setUp()
        self.configure(mirror={"reserve": MEGABYTE})
        self.server = self.origin()
        self.first = {"a.bin": Noise(MEGABYTE, "a"), "b.bin": Noise(MEGABYTE, "b")}
        for name, content in self.first.items():
            self.server.site.add("first/" + name, content)

    def pull_first(self):
        path, result = self.pull(self.server.url + "/first/")
        self.assert_arrived(path, self.first, result)
        return path

    def assert_figures(self, result):
        """To fetch, on disk afterwards, peak, number of files."""
        for words in (r"(?m)^ *to fetch +.*\d", r"(?m)^ *on disk +.*\d.* afterwards", r"at the peak: .*\d", r"(?m)^ *files +.*\d"):
            self.assertRegex(result.err, words, str(result))
        self.assert_explains(result)

    def assert_first_untouched(self, path):
        self.assert_arrived(path, self.first)
        self.medmirror("verify", self.server.url + "/first/")

    def test_plan_that_does_not_fit_is_refused_before_the_first_byte(self):
        self.mount("size=24m")
        path = self.pull_first()
        for number in range(8):
            self.server.site.add(f"large/{number}.bin", Noise(5 * MEGABYTE, number))
        result = self.medmirror("pull", self.server.url + "/large/", expect=6)
        self.assert_figures(result)
        self.assertIn(str(self.mirror), result.err, str(result))
        self.assertEqual(self.server.record.bytes_sent("/large/*.bin"), 0)
        self.assert_first_untouched(path)

    def test_disk_that_fills_up_meanwhile(self):
        self.mount("size=64m")
        path = self.pull_first()
        contents = {f"{number:02d}.bin": Noise(2 * MEGABYTE, number) for number in range(16)}
        for name, content in contents.items():
            self.server.site.add("large/" + name, content)
        self.server.limit_rate(10 * MEGABYTE)
        running = self.start("pull", self.server.url + "/large/")
        self.server.record.wait_for("/large/*.bin", sent=10 * MEGABYTE)
        ballast = self.mirror / "ballast"
        try:
            with open(ballast, "wb", buffering=0) as file:
                while file.write(bytes(MEGABYTE)) == MEGABYTE:
                    pass
        except OSError:
            pass  # full, as it should be
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 6)
        self.assert_explains(result, str(self.mirror))
        self.server.limit_rate(None)
        sent = self.server.record.bytes_sent("/large/*.bin")
        ballast.unlink()
        self.assert_first_untouched(path)
        self.server.record.clear()
        large, result = self.pull(self.server.url + "/large/")
        self.assert_arrived(large, contents, result)
        again = self.server.record.bytes_sent("/large/*.bin")
        total = sum(content.size for content in contents.values())
        # Files below the size that is journalled may come twice; there are at most eight at a time.
        self.assertLess(again + sent, total + 8 * 2 * MEGABYTE + MEGABYTE, "It began anew.")

    def test_sizes_that_nobody_tells(self):
        self.mount("size=20m")
        path = self.pull_first()
        site = PlainSite("python")
        contents = {f"{number}.bin": Noise(4 * MEGABYTE, number) for number in range(8)}
        for name, content in contents.items():
            site.add("large/" + name, content)
        other = self.origin(site)
        result = self.medmirror("pull", other.url + "/large/", expect=6)
        self.assert_explains(result, str(self.mirror))
        self.assert_first_untouched(path)
        self.remount("size=200m")
        large, result = self.pull(other.url + "/large/")
        self.assert_arrived(large, contents, result)

    def test_no_inodes_left(self):
        self.mount("size=64m,nr_inodes=120")
        path = self.pull_first()
        contents = {f"{number:03d}.txt": Bytes(f"{number}\n" * 30) for number in range(300)}
        for name, content in contents.items():
            self.server.site.add("many/" + name, content)
        result = self.medmirror("pull", self.server.url + "/many/", expect=6)
        self.assert_figures(result)
        self.assert_first_untouched(path)
        self.remount("size=64m,nr_inodes=4000")
        many, result = self.pull(self.server.url + "/many/")
        self.assert_arrived(many, contents, result)

    def test_read_only_mirror(self):
        self.mount("size=24m")
        path = self.pull_first()
        self.remount("size=24m,ro")
        self.server.site.add("first/c.bin", Bytes("new\n"))
        result = self.medmirror("pull", self.server.url + "/first/", expect=6)
        self.assert_explains(result, str(self.mirror))
        self.assert_first_untouched(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
