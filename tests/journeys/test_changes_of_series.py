"""Pulls of series and of archives' members that are widened, narrowed, moved between back ends and met by a source that
changes or is away: nothing is lost, nothing is doubled, and the lock says who vouches."""

import os
import unittest

from test_kaggle_members import REF, WithArchive
from test_tcia_pull import Archive
from origins import faults  # (the path is set by now)
from origins.tcia_data import Collection, make_series


class Changes(Archive):
    def setUp(self):
        super().setUp()
        self.series = [make_series("Lung", f"P{number}", images=3, number=number) for number in range(1, 4)]
        self.collection = Collection("Lung", self.series)

    def versions(self):
        return {name for name in os.listdir(self.mirror / "tcia" / "Lung")
                if (self.mirror / "tcia" / "Lung" / f"{name}.lock.jsonl").exists() and name != "latest"}

    def test_a_day_without_the_archive_makes_no_version(self):
        world = self.world([self.collection])
        part = ("--where", "PatientID=P1,P2")
        path, _ = self.pull("tcia/Lung", *part)
        world.nbia.faults.add(faults.status(503, "*", method=None))
        self.assertEqual(self.pull("tcia/Lung", *part)[0], path)
        self.medmirror("sync", "tcia/Lung", expect=5)
        for options in ((), ("--prefer", "idc"), ("--refresh",)):
            self.assert_explains(self.medmirror("pull", "tcia/Lung", *options, expect=5), "503")
        self.assertEqual(self.versions(), {path.name})
        self.assert_arrived(path, self.members(*self.series[:2]))
        world.clear()
        again, result = self.pull("tcia/Lung")
        self.assertEqual(again, path)
        self.assert_arrived(path, self.members(*self.series), result)

    def test_what_is_not_there_is_not_stood_in_for(self):
        self.world([self.collection])
        result = self.medmirror("pull", "tcia/Lung@1999-01-01", expect=7)
        self.assert_explains(result, "1999-01-01", "2011-09-15", "medmirror pull tcia/Lung")
        self.assert_nothing_installed()

    def test_the_rest_of_a_version_that_the_source_has_no_more(self):
        world = self.world([self.collection])
        path, _ = self.pull("tcia/Lung", "--where", "PatientID=P1")
        revised = make_series("Lung", "P1", images=4, number=1)
        self.collection.add(revised)
        world.put_in_idc(self.collection, revised)
        result = self.medmirror("pull", f"tcia/Lung@{path.name}", expect=7)
        self.assert_explains(result, path.name, "has changed", "medmirror pull tcia/Lung")
        self.assert_arrived(path, self.members(self.series[0]))
        self.assertEqual(self.versions(), {path.name})

    def test_a_part_tells_as_much_of_the_whole(self):
        self.world([self.collection])
        path, _ = self.pull("tcia/Lung", "--where", "PatientID=P1")
        before = self.lock(path)[0]
        self.pull("tcia/Lung")
        after = self.lock(path)[0]
        for key in ("title", "licence", "citation", "homepage"):
            self.assertEqual(after.get(key), before.get(key), key)
        self.assertEqual(after["title"], "Images of Lung")

    def test_required_words_come_with_the_zips(self):
        world = self.world([self.collection])
        world.nbia.faults.add(faults.status(504, "*/getMD5Hierarchy", method=None))
        path, result = self.pull("tcia/Lung", "--require", "declared")
        self.assert_arrived(path, self.members(*self.series), result)
        self.assertEqual(self.trusts(path), {"declared"})
        self.assertEqual(len(self.zips(world)), 3)

    def test_what_stood_before_is_required_too(self):
        world = self.world([self.collection])
        world.nbia.faults.add(faults.status(504, "*/getMD5Hierarchy", method=None))
        self.pull("tcia/Lung", "--where", "PatientID=P1")
        world.clear()
        result = self.medmirror("pull", "tcia/Lung", "--require", "declared", expect=5)
        self.assert_explains(result, "3 of its 9 files")
        self.medmirror("pull", "tcia/Lung", "--require", "declared", expect=5)
        self.medmirror("pull", "tcia/Lung")

    def test_a_part_that_is_here_asks_for_the_list_alone(self):
        world = self.world([self.collection])
        path, _ = self.pull("tcia/Lung", "--where", "PatientID=P1,P2")
        world.clear()
        for command in (("pull", "tcia/Lung", "--where", "PatientID=P1,P2"), ("pull", "tcia/Lung/P2"), ("sync",)):
            self.assertEqual(self.medmirror(*command).lines, [str(path)])
        self.assertEqual(world.idc.record.entries() + world.www.record.entries() + world.pathdb.record.entries(), [])
        self.medmirror("pull", "tcia/Lung", "--where", "PatientID=NONE", expect=7)
        again, result = self.pull("tcia/Lung", "--where", "PatientID=P3")
        self.assertEqual(again, path)
        self.assert_arrived(path, self.members(*self.series), result)

    def test_globs_that_no_image_of_a_series_can_meet(self):
        world = self.world([self.collection])
        first = self.series[0]
        for glob in ("*P1*", "*P1/*", f"*/{first.uid}/*", "P1/*/*.dcm", f"*{first.uid}/*.dcm"):
            with self.subTest(glob):
                world.clear()
                self.mirror = self.folder / str(abs(hash(glob)))
                path, result = self.pull("tcia/Lung", "--include", glob)
                self.assert_arrived(path, self.members(first), result)
                self.assertEqual(len(self.objects(world)), 3)
                self.assertRegex(result.err, r"files +3 new")

    def test_narrowed_and_widened_again(self):
        self.world([self.collection])
        whole, _ = self.pull("tcia/Lung")
        lines = [line for line in self.lock(whole) if "file" in line]
        self.pull("tcia/Lung", "--only", "--where", "PatientID=P2")
        path, result = self.pull("tcia/Lung", "--prefer", "nbia")
        self.assertEqual(path, whole)
        self.assert_arrived(path, self.members(*self.series), result)
        self.assertEqual([line for line in self.lock(path) if "file" in line], lines)


class Vouching(WithArchive):
    def trusts(self, path):
        return {line["trust"] for line in self.lock(path) if line.get("file") and line["state"] == "have"}

    def test_who_vouches_for_the_archive_vouches_for_what_came_before(self):
        path, _ = self.pull(REF, "--include", "labels.csv")
        self.assertEqual(self.trusts(path), {"first use"})
        self.pull(REF)
        self.assertEqual(self.trusts(path), {"declared"})
        self.pull(REF, "--require", "declared")

    def test_a_crc_that_comes_with_the_bytes_decides(self):
        self.heart.croissant = "wrong"
        self.heart.stored = {"composite": True}
        path, result = self.pull(REF)
        self.assert_arrived(path, self.files, result)
        self.assertIn(self.heart.current.archive.digest("md5"), result.err)
        line, = [line for line in self.lock(path) if "download" in line]
        self.assertEqual(line["seen"]["md5"], self.heart.current.archive.digest("md5"))
        self.assertNotEqual(line["declared"]["md5"], line["seen"]["md5"])
        self.sent()
        self.assertEqual(self.pull(REF)[0], path)
        self.assertLess(self.sent(), 100_000)

    def test_a_lock_alone_vouches_for_nothing(self):
        self.heart.croissant = None
        self.heart.stored = {"composite": True}
        path, _ = self.pull(REF, "--include", "labels.csv")
        self.pull(REF)
        self.assertNotIn("locked", self.trusts(path))


if __name__ == "__main__":
    unittest.main()
