"""Few members of a large Kaggle archive: fetched by themselves, noted as a part, and gone on with by wider pulls."""

import json
import shutil
import time
import unittest

from journey import Journey, NOWHERE
from origins import Bytes, KaggleDataset, KaggleSite, KaggleVersion, faults, kaggle
from origins.kaggle_access import Limit
from origins.kaggle_storage import Expiry
from origins.large import Pages, make_large_zip
from origins.plain import PlainSite

REF = "kaggle/ana/heart-images"


def files():
    many = {f"images/{number:03}.png": Pages(300_000, number) for number in range(90)}
    return {**many, "labels.csv": Bytes(b"id,label\n" + b"1,2\n" * 50_000), "notes/a b.txt": Bytes("a\n")}


class WithArchive(Journey):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = KaggleVersion(1, files())

    def setUp(self):
        super().setUp()
        self.site = KaggleSite()
        self.files = self.version.files
        self.heart = self.site.add(KaggleDataset("ana", "heart-images", "Heart Images", [self.version]))
        self.server, self.storage = kaggle.start(self.site)
        self.addCleanup(self._close_origin, self.server)
        self.addCleanup(self._close_origin, self.storage)
        self.endpoints["kaggle"] = self.server.url
        self.endpoints["kaggle-rpc"] = NOWHERE
        self.size = self.heart.current.archive.size

    def some(self, *names):
        return {name: content for name, content in self.files.items() if name in names or name.startswith(names)}

    def downloads(self):
        return [entry for entry in self.server.record.entries() if "/download/" in entry.target and "croissant" not in
                entry.target]

    def lock(self, path):
        with open(f"{path}.lock.jsonl", encoding="utf-8") as lock:
            return [json.loads(line) for line in lock]

    def sent(self):
        sent = self.storage.record.bytes_sent()
        self.storage.record.clear()
        return sent


class Members(WithArchive):
    def test_one(self):
        path, result = self.pull(REF, "--include", "labels.csv")
        self.assert_arrived(path, self.some("labels.csv"), result)
        self.assertLess(self.sent(), self.size / 50)
        self.assertEqual(len(self.downloads()), 1, "One signed address serves all ranges.")
        lock = self.lock(path)
        self.assertGreater(lock[0]["skipped"], 0)
        states = {line["file"]: line["state"] for line in lock if "file" in line}
        self.assertEqual(states["labels.csv"], "have")
        self.assertEqual({states[name] for name in self.files if name != "labels.csv"}, {"skipped"})
        self.assertNotIn("X-Goog", json.dumps(lock))
        self.assert_explains(self.medmirror("path", "--complete", REF, expect=7), "part")
        self.medmirror("verify", REF)

    def test_wider(self):
        path, _ = self.pull(REF, "--include", "labels.csv")
        self.sent()
        again, result = self.pull(REF, "--include", "images/00*")
        self.assertEqual(again, path)
        self.assert_arrived(path, self.some("labels.csv", "images/00"), result)
        self.assertLess(self.sent(), self.size / 4)
        path, result = self.pull(REF)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(self.lock(path)[0]["skipped"], 0)
        self.medmirror("path", "--complete", REF)
        self.medmirror("verify", REF)

    def test_most_of_it_comes_whole(self):
        path, result = self.pull(REF, "--include", "images/*")
        self.assert_arrived(path, self.some("images/"), result)
        self.assertIn("declared", {line.get("trust") for line in self.lock(path) if "download" in line})

    def test_dry_run(self):
        result = self.medmirror("pull", "--json", "--dry-run", REF, "--include", "labels.csv")
        plan, = [event for event in map(json.loads, result.lines) if event["event"] == "plan"]
        self.assertLess(plan["fetch"]["value"], self.size / 50)
        self.assertEqual(plan["files"]["value"], 1)
        self.assertEqual(plan["on_disk"]["value"], self.files["labels.csv"].size)

    def test_nothing_of_it(self):
        result = self.medmirror("pull", REF, "--include", "lables.csv", expect=7)
        self.assert_explains(result, f"medmirror files {REF}")
        self.assertLess(self.sent(), self.size / 50)

    def test_required(self):
        path, result = self.pull(REF, "--include", "labels.csv", "--require", "declared")
        self.assert_arrived(path, self.some("labels.csv"), result)
        self.assertGreaterEqual(self.sent(), self.size)

    def test_expired(self):
        self.site.storage.expiry = Expiry(requests=1, signatures=1)
        path, result = self.pull(REF, "--include", "images/00*")
        self.assert_arrived(path, self.some("images/00"), result)
        self.assertEqual(len(self.downloads()), 2)

    def test_repair(self):
        path, _ = self.pull(REF, "--include", "labels.csv", "--include", "images/001.png")
        self.sent()
        self.flip(path / "labels.csv")
        self.medmirror("verify", "--repair", REF)
        self.assert_tree(path, self.some("labels.csv", "images/001.png"))
        self.assertLess(self.sent(), self.size / 50)

    def test_private(self):
        self.heart.private = ("ana",)
        self.medmirror("pull", REF, "--include", "labels.csv", expect=4)
        path, result = self.pull(REF, "--include", "labels.csv", env={"KAGGLE_API_TOKEN": self.site.accounts["ana"].token})
        self.assert_arrived(path, self.some("labels.csv"), result, mode=0o400)
        self.assertLess(self.sent(), self.size / 50)

    def test_killed(self):
        chosen = ("images/00", "images/01", "images/02", "images/030", "images/031", "images/032", "images/033")
        wanted = [word for name in chosen for word in ("--include", name + "*")]
        running = self.start("pull", REF, *wanted, "--limit-rate", "3M")
        self.storage.record.wait_for(count=3)
        running.kill()
        self.storage.record.clear()
        path, result = self.pull(REF, *wanted)
        self.assert_arrived(path, self.some(*chosen), result)
        self.assertLess(self.sent(), 5_000_000, "Members that stand are not fetched again.")


class LargeMember(WithArchive):
    """A member of many pieces is gone on with where it was broken off."""

    NAME = "volumes/1.nii"
    SIZE = 64 << 20

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.version = KaggleVersion(1, {f"volumes/{number}.nii": Pages(cls.SIZE, number) for number in range(3)})

    def half(self):
        """The file that holds the member's bytes, once some pieces of it are there."""
        for _ in range(600):
            for path in self.mirror.glob(".medmirror/partial/*/*-member-*"):
                if path.stat().st_size > self.SIZE // 3:
                    return path
            time.sleep(0.05)
        return self.fail("No file of the member.")

    def test_killed(self):
        running = self.start("pull", REF, "--include", self.NAME, "--limit-rate", "20M")
        path = self.half()
        running.kill()
        stood = path.stat().st_size
        self.sent()
        path, result = self.pull(REF, "--include", self.NAME)
        self.assert_arrived(path, self.some(self.NAME), result)
        self.assertLess(self.sent(), self.SIZE - stood + 1_000_000)
        self.assertFalse(list(self.mirror.glob(".medmirror/partial/*/*-member-*")))

    def test_cut(self):
        self.site.storage.cut_every = 30 << 20
        path, result = self.pull(REF, "--include", self.NAME)
        self.assert_arrived(path, self.some(self.NAME), result)
        self.assertLess(self.sent(), self.SIZE * 2, "A cut costs a piece of 16 MiB at most.")

    def test_interrupted_and_changed(self):
        running = self.start("pull", REF, "--include", self.NAME, "--limit-rate", "20M")
        path = self.half()
        running.kill()
        with open(path, "r+b") as damaged:
            damaged.seek(1_000_000)
            damaged.write(b"x")
        path, result = self.pull(REF, "--include", self.NAME)
        self.assert_arrived(path, self.some(self.NAME), result)


class Singles(WithArchive):
    """An archive that its storage does not give in parts: few files come each by itself."""

    def setUp(self):
        super().setUp()
        self.storage.faults.add(faults.ignore_ranges("*archive.zip*"))

    def asked(self):
        """Files that were asked for by themselves."""
        return [entry.target for entry in self.downloads() if entry.target.split("?")[0].count("/") > 6
                or "fileName=" in entry.target]

    def test_few(self):
        path, result = self.pull(REF, "--include", "labels.csv", "--include", "images/00*")
        self.assert_arrived(path, self.some("labels.csv", "images/00"), result)
        self.assertIn("one by one", result.err)
        self.assertEqual(len(self.asked()), 11)
        self.assertLess(self.sent(), self.size / 4)
        lock = self.lock(path)
        states = {line["file"]: line["state"] for line in lock if "file" in line}
        self.assertEqual({states[name] for name in self.files if name not in self.some("labels.csv", "images/00")},
                         {"skipped"})
        self.assert_explains(self.medmirror("path", "--complete", REF, expect=7), "part")
        self.medmirror("verify", REF)
        path, result = self.pull(REF)
        self.assert_arrived(path, self.files, result)
        self.medmirror("path", "--complete", REF)

    def test_zipped(self):
        self.site.zipped_from = 1
        path, result = self.pull(REF, "--include", "labels.csv")
        self.assert_arrived(path, self.some("labels.csv"), result)

    def test_many_come_whole(self):
        path, result = self.pull(REF, "--include", "images/0[0-5]*")
        self.assert_arrived(path, self.some(*[f"images/0{n}" for n in range(6)]), result)
        self.assertFalse(self.asked())

    def test_not_by_itself(self):
        self.heart.unsplit = ("labels.csv",)
        path, result = self.pull(REF, "--include", "labels.csv")
        self.assert_arrived(path, self.some("labels.csv"), result)
        self.assertIn("comes whole", result.err)

    def test_too_many_requests(self):
        self.site.limits["file"] = Limit(3, retry_after=3600)
        result = self.medmirror("pull", REF, "--include", "images/00*", expect=5)
        self.assertIn("left alone", result.err)
        self.assert_explains(result, f"medmirror pull {REF}")
        self.assertLessEqual(self.site.limits["file"].refused, 3)
        self.site.limits.clear()
        self.sent()
        path, result = self.pull(REF, "--include", "images/00*")
        self.assert_arrived(path, self.some("images/00"), result)
        self.assertEqual(len({*self.asked()}), 10)
        singles = [entry.path for entry in self.storage.record.entries() if "archive.zip" not in entry.path]
        self.assertLessEqual(len(singles), 7, "Three of the ten came before.")

    def test_no_archive(self):
        self.storage.faults.clear()
        self.server.faults.add(faults.status(404, "*/datasets/download/ana/heart-images?*", body=b"", type="text/plain"))
        path, result = self.pull(REF, "--include", "labels.csv")
        self.assert_arrived(path, self.some("labels.csv"), result)


class Hashes(WithArchive):
    """What the storage sends with the bytes decides."""

    def download(self, path):
        line, = [line for line in self.lock(path) if "download" in line]
        return line

    def test_spellings(self):
        for style in ("comma", "comma-space", "lines"):
            with self.subTest(style):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.site.storage.hash_style = style
                self.heart.croissant = None
                path, result = self.pull(REF)
                self.assert_arrived(path, self.files, result)
                line = self.download(path)
                self.assertEqual(line["trust"], "declared")
                self.assertEqual(line["seen"]["md5"], self.heart.current.archive.digest("md5"))
                self.assertIn("crc32c", line["seen"])

    def test_the_listing_is_wrong(self):
        self.heart.croissant = "wrong"
        result = self.medmirror("pull", "--json", REF)
        told, = [event for event in map(json.loads, result.lines) if event["event"] == "declared-differs"]
        path = self.mirror / "kaggle" / "ana" / "heart-images" / "1"
        line = self.download(path)
        self.assertEqual(line["seen"]["md5"], self.heart.current.archive.digest("md5"))
        self.assertEqual((told["listed"], told["sent"]), (line["declared"]["md5"], line["seen"]["md5"]))
        self.assertNotEqual(line["declared"]["md5"], line["seen"]["md5"])
        self.assert_tree(path, self.files)
        self.sent()
        self.pull(REF)
        self.medmirror("verify", REF)
        self.assertLess(self.sent(), 100_000, "It is not fetched again for that.")

    def test_wrong_bytes(self):
        self.heart.croissant = None
        self.storage.faults.add(faults.corrupt(1_000_000, times=1))
        path, result = self.pull(REF)
        self.assert_arrived(path, self.files, result)
        self.assertGreater(self.sent(), self.size * 1.5)


class Elsewhere(Journey):
    """The same of an archive at a plain address."""

    def setUp(self):
        super().setUp()
        self.site = PlainSite()
        self.server = self.origin(self.site)
        self.archive = make_large_zip(files())
        self.site.add("/data/heart.zip", self.archive)
        self.ref = f"{self.server.url}/data/heart.zip"

    def test_ranges(self):
        path, result = self.pull(self.ref, "--include", "labels.csv")
        self.assert_arrived(path, {"labels.csv": files()["labels.csv"]}, result)
        self.assertLess(self.server.record.bytes_sent("/data/heart.zip"), self.archive.size / 50)

    def test_no_ranges(self):
        self.server.faults.add(faults.ignore_ranges("/data/heart.zip"))
        path, result = self.pull(self.ref, "--include", "labels.csv")
        self.assert_arrived(path, {"labels.csv": files()["labels.csv"]}, result)
        self.assertIn("it comes whole", result.err)
        self.assertIn("does not serve the ranges", result.err)

    def test_nothing_new(self):
        path, _ = self.pull(self.ref, "--include", "labels.csv")
        self.server.record.clear()
        again, result = self.pull(self.ref, "--include", "labels.csv")
        self.assertEqual(again, path)
        self.assertLess(self.server.record.bytes_sent("/data/heart.zip"), 100_000, "Nothing is new.")


if __name__ == "__main__":
    unittest.main()
