"""A Kaggle archive of 2 GiB: its signature expires on the way, its connection is cut again and again, it is unpacked while it
arrives, and nothing is fetched twice."""

import json
import time
import unittest

from journey import NOWHERE, SANITIZED, Journey
from origins import Bytes, KaggleDataset, KaggleSite, KaggleVersion, kaggle
from origins.kaggle_storage import Expiry
from origins.large import Pages

REF = "kaggle/ana/brain-volumes"
MIB = 1 << 20
CUT = 200 * 1000 * 1000
BUFFERS = 8 * MIB  # of both ends of a connection


class Large(Journey):
    def setUp(self):
        super().setUp()
        volumes = {f"volumes/{number:02}.nii": Pages(64 * MIB, number) for number in range(32)}
        self.files = {**volumes, "labels.csv": Bytes(b"id,label\n1,2\n")}
        self.site = KaggleSite()
        self.brain = self.site.add(KaggleDataset("ana", "brain-volumes", "Brain Volumes", [KaggleVersion(1, self.files)]))
        self.server, self.storage = kaggle.start(self.site)
        self.addCleanup(self._close_origin, self.server)
        self.addCleanup(self._close_origin, self.storage)
        self.endpoints["kaggle"] = self.server.url
        self.endpoints["kaggle-rpc"] = NOWHERE
        self.size = self.brain.current.archive.size

    def member_is_there(self):
        return any(path.stat().st_size == 64 * MIB for path in self.mirror.glob(".medmirror/stage/**/volumes/*.nii"))

    def asked(self):
        """The requests for the archive's bytes that were answered, in the order in which they came."""
        answered = [entry for entry in self.storage.record.entries() if entry.status == 206]
        return sorted(answered, key=lambda entry: entry.began)

    def assert_asked_once(self):
        """What a connection that ended had brought was not asked for again, but for what was in its buffers then."""
        requests = self.asked()
        for number, before in enumerate(requests):
            first = before.asked(self.size)[0]
            stood = first + before.sent - BUFFERS
            for after in requests[number + 1:]:
                begin, end = after.asked(self.size)
                self.assertFalse(begin < stood and end > first,
                                 f"{before.range} of which {before.sent} were sent, then {after.range}")

    def test_expires_and_is_cut(self):
        self.site.storage.expiry = Expiry(share=0.4, signatures=1, cut=True)
        self.site.storage.cut_every = CUT
        running = self.start("pull", "--json", REF, measure=True)
        while_it_came = False
        while running.is_running and not while_it_came:
            while_it_came = self.member_is_there() and self.site.storage.sent < self.size
            time.sleep(0.05)
        result = running.wait(400)
        self.assert_status(result, 0)
        self.assertTrue(while_it_came, "Members are unpacked while the archive arrives.")
        path = self.mirror / "kaggle" / "ana" / "brain-volumes" / "1"
        self.assertEqual({name: (path / name).stat().st_size for name in self.files},
                         {name: content.size for name, content in self.files.items()})
        self.assertEqual(self.site.storage.signatures(), 2, "One signature, and one when it had expired.")
        self.assertGreater(self.site.storage.sent, self.size - MIB)
        answer = next(event for event in map(json.loads, result.lines) if event["event"] == "result")
        self.assertLess(answer["received"], self.size + 2 * MIB, "No byte was received twice.")
        self.assert_asked_once()
        self.assertFalse([entry for entry in self.storage.record.entries() if "authorization" in entry.headers])
        self.assertTrue([entry for entry in self.storage.record.entries() if entry.status == 400])
        lock = (path.parent / "1.lock.jsonl").read_text(encoding="utf-8")
        self.assertNotIn("X-Goog", lock + result.out + result.err)
        self.assertIn(self.brain.current.archive.digest("md5"), lock)
        if not SANITIZED:
            self.assertLess(result.peak, 64 * 1024, "kB")

    def test_one_member(self):
        path, result = self.pull(REF, "--include", "labels.csv")
        self.assert_arrived(path, {"labels.csv": self.files["labels.csv"]}, result)
        self.assertLess(self.storage.record.bytes_sent(), self.size / 100)
        self.assertFalse([entry for entry in self.storage.record.entries() if "authorization" in entry.headers])


if __name__ == "__main__":
    unittest.main()
