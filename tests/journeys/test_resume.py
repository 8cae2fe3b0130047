"""A pull that is killed at any moment loses nothing: neither what was finished nor what had arrived."""

import json
import os
import random
import time
import unittest

from journey import INTERRUPT, SANITIZED, SLOWER, TERMINATE, Journey
from origins import Bytes, Noise, PlainSite, archives

MEGABYTE = 1 << 20
# What may come twice: the end of each running file.
ALLOWANCE = 8 * MEGABYTE


def extents(path):
    """[start, end) of every part of a file that holds data, as the file system tells."""
    found = []
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size, at = os.fstat(descriptor).st_size, 0
        while at < size:
            try:
                start = os.lseek(descriptor, at, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                break
            at = os.lseek(descriptor, start, os.SEEK_HOLE)
            found.append((start, min(at, size)))
    finally:
        os.close(descriptor)
    return found


def overlap(first, second):
    """How many bytes two lists of [start, end) share."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second)


class FiftyKills(Journey):
    SMALL, SMALL_SIZE, LARGE_SIZE, SECONDS, KILLS = 2000, 16_000, 300_000_000, 20, 50

    def setUp(self):
        super().setUp()
        self.configure(piece_size=8 * MEGABYTE)
        self.random = random.Random(20_261_123)
        site = PlainSite()
        self.members = {f"images/{number:04d}.dcm": Bytes(Noise(self.SMALL_SIZE, number).bytes())
                        for number in range(self.SMALL)}
        for name, content in self.members.items():
            site.add("d/" + name, content)
        # The listing's own archive is one of its files: a listing's archives are not unpacked.
        self.large = Bytes(Noise(self.LARGE_SIZE, "archive").bytes())
        site.add("d/volume.tar", self.large)
        self.members["volume.tar"] = self.large
        total = self.SMALL * self.SMALL_SIZE + self.LARGE_SIZE
        self.server = self.origin(site, rate=total / self.SECONDS)
        self.url = self.server.url + "/d/"

    def held_of_the_large_one(self):
        """The parts of the large file that stand in the private folder, wherever it keeps them."""
        held = []
        for path in (self.mirror / ".medmirror").rglob("*"):
            try:
                if path.is_file() and path.stat().st_size > 3 * MEGABYTE and not path.name.endswith((".db", "-wal")):
                    held += extents(path)
            except FileNotFoundError:
                continue
        return held

    def finished(self):
        """The files that stand finished in the stage, by their path in the dataset."""
        folders = [path for path in (self.mirror / ".medmirror").rglob("images") if path.is_dir()]
        return {f"images/{file.name}" for folder in folders for file in folder.iterdir()
                if file.name.endswith(".dcm") and file.stat().st_size == self.SMALL_SIZE}

    def assert_nothing_half(self):
        for file in self.installed():
            if file.suffix in (".sha256", ".jsonl"):
                continue
            name = str(file)[str(file).index("/d/") + 3:].partition("/")[2]
            self.assertEqual(file.stat().st_size, self.members[name].size, f"{file} stands half under its final name.")

    def assert_not_asked_again(self, entries, held, finished):
        again = {entry.path.removeprefix("/d/") for entry in entries if entry.method == "GET"} & finished
        self.assertEqual(again, set(), "Finished files were asked for again.")
        asked = [entry.asked(self.LARGE_SIZE) for entry in entries
                 if entry.path == "/d/volume.tar" and entry.method == "GET"]
        twice = overlap(asked, held)
        self.assertLessEqual(twice, ALLOWANCE, f"{twice} bytes that stood in a partial file were asked for again.")

    def test_fifty_kills(self):
        kills = rounds = judged = 0
        held, finished = [], set()
        self.server.record.clear()
        while kills < self.KILLS:
            running = self.start("pull", self.url)
            delay = self.random.uniform(0.05, (2 * self.SECONDS / self.KILLS + 0.2) * (2 if SANITIZED else 1))
            end = time.monotonic() + delay
            while running.is_running and time.monotonic() < end:
                time.sleep(0.002)
            ended = not running.is_running
            if not ended:
                running.kill()
                kills += 1
            self.assert_not_asked_again(self.server.record.clear(), held, finished)
            self.assert_nothing_half()
            if ended:
                result = running.wait()
                self.assert_status(result, 0)
                self.assert_arrived(result.lines[0], self.members, result)
                rounds += 1
                self.mirror.rename(self.folder / f"mirror-{rounds}")
                held, finished = [], set()
            else:
                held, finished = self.held_of_the_large_one(), self.finished()
                judged += bool(held and finished)
        self.assertGreater(judged, self.KILLS // 2, "Most kills left nothing to judge by.")
        self.server.limit_rate(None)
        path, result = self.pull(self.url)
        self.assert_not_asked_again(self.server.record.clear(), held, finished)
        self.assert_arrived(path, self.members, result)
        self.assertEqual([entry for entry in (self.mirror / ".medmirror").rglob("*.journal")], [])


class Stops(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.content = Noise(40_000_000, "stopped")
        self.server.site.add("scan.bin", self.content)
        self.url = self.server.url + "/scan.bin"

    def assert_stops(self, number, status):
        self.server.limit_rate(8_000_000)
        running = self.start("pull", self.url)
        self.server.record.wait_for("/scan.bin", sent=12_000_000)
        began = time.monotonic()
        running.send(number)
        result = running.wait(30 * SLOWER)
        self.assertLess(time.monotonic() - began, 5 * SLOWER)
        self.assert_status(result, status)
        self.assertTrue(result.err.endswith(f"medmirror pull --resume --mirror {self.mirror} {self.url}\n"), str(result))
        self.assert_nothing_installed()
        self.assertIn(self.url, self.medmirror("status").out)
        plan = next(event for event in map(json.loads, self.medmirror("pull", "--resume", "--dry-run", "--json").lines)
                    if event["event"] == "plan")
        self.assertEqual(plan["fetch"]["value"], self.content.size - plan["resume_bytes"])
        self.assertGreater(plan["resume_bytes"], 0)
        sent = sum(entry.sent for entry in self.server.record.clear())
        self.server.limit_rate(None)
        path, result = self.pull("--resume", self.url)
        self.assert_arrived(path, {"scan.bin": self.content}, result)
        self.assertLess(self.server.record.bytes_sent(), self.content.size - sent + 24 * MEGABYTE)
        self.assertTrue(any(entry.range and entry.range[0] > 0 for entry in self.server.record.entries()))

    def test_interrupt(self):
        self.assert_stops(INTERRUPT, 130)

    def test_terminate(self):
        self.assert_stops(TERMINATE, 143)

    def test_killed_while_it_unpacks(self):
        members = {f"m/{number:03d}.bin": Noise(200_000, number) for number in range(100)}
        data = archives.make_tar_gz(members)
        self.server.site.add("x.tar.gz", Bytes(data))
        url = self.server.url + "/x.tar.gz"
        self.server.limit_rate(10_000_000)
        for sent in (3_000_000, 8_000_000, 14_000_000):
            running = self.start("pull", url)
            self.server.record.wait_for("/x.tar.gz", sent=sent)
            running.kill()
            self.assert_nothing_installed()
        self.server.limit_rate(None)
        path, result = self.pull(url)
        self.assert_arrived(path, members, result)
        self.assertLess(self.server.record.bytes_sent("/x.tar.gz"), len(data) + 4 * 8 * MEGABYTE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
