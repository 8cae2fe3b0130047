"""A part of a dataset grows to the whole, and nothing is fetched twice on the way."""

import json
import unittest

from journey import Journey
from origins import Bytes, Noise, PhysioNetSite, archives


class Parts(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.members = {f"{letter}{number}.bin": Noise(20_000 + number, f"{letter}{number}")
                        for letter in "abc" for number in range(5)}
        for name, content in self.members.items():
            self.server.site.add("d/" + name, content)
        self.url = self.server.url + "/d/"

    def some(self, letters):
        return {name: content for name, content in self.members.items() if name[0] in letters}

    def events(self, *arguments):
        return [json.loads(line) for line in self.medmirror(*arguments, "--json").lines]

    def fetched(self):
        return [entry.path for entry in self.server.record.entries("/d/*.bin", "GET")]

    def test_names_that_are_nowhere_are_said(self):
        names = self.folder / "tmp" / "names"
        names.write_text("a1.bin\nc9.bin\nb2.bin\n")
        result = self.medmirror("pull", self.url, "--files-from", names, expect=7)
        self.assert_explains(result, "c9.bin")
        self.assertNotIn("b2.bin", result.err)
        path = self.medmirror("path", self.url).lines[0]
        self.assert_tree(path, {name: self.members[name] for name in ("a1.bin", "b2.bin")})

    def test_each_pull_adds_and_nothing_comes_twice(self):
        path, result = self.pull(self.url, "--include", "a*")
        self.assert_arrived(path, self.some("a"), result)
        self.assertRegex(self.medmirror("list").out, "(?i)part")
        self.assertRegex(self.medmirror("verify", self.url).err, "(?i)part")
        again, result = self.pull(self.url, "--include", "b*")
        self.assertEqual(again, path)
        self.assert_arrived(path, self.some("ab"), result)
        self.assertRegex(self.medmirror("list").out, "(?i)part")
        again, result = self.pull(self.url)
        self.assertEqual(again, path)
        self.assert_arrived(path, self.members, result)
        self.assertNotRegex(self.medmirror("list").out, r"(?i)\bpart\b")
        self.assertEqual(sorted(self.fetched()), sorted("/d/" + name for name in self.members))

    def test_exclude(self):
        path, result = self.pull(self.url, "--include", "a*", "--exclude", "*3.bin")
        wanted = {name: content for name, content in self.some("a").items() if name != "a3.bin"}
        self.assert_arrived(path, wanted, result)

    def test_only_makes_the_selection_all_there_is(self):
        self.pull(self.url)
        before = self.events("list")[0]["bytes"]
        gone = before - sum(content.size for content in self.some("c").values())
        told = self.events("pull", self.url, "--include", "c*", "--only", "--dry-run")
        self.assertEqual([(event["files"], event["bytes"]) for event in told if event["event"] == "goes"], [(10, gone)])
        path, result = self.pull(self.url, "--include", "c*", "--only")
        self.assert_arrived(path, self.some("c"), result)
        self.assertRegex(result.err, r"goes +10 files that are here")

    def test_a_pattern_that_takes_nothing_is_said_and_not_kept(self):
        for prepare in ([], ["--include", "a*"]):
            if prepare:
                self.pull(self.url, *prepare)
            result = self.medmirror("pull", self.url, "--include", "z*", expect=7)
            self.assert_explains(result, "'z*'", "medmirror files")
        self.assertNotIn("z*", self.medmirror("list").out)

    def test_files_from(self):
        names = self.folder / "names.txt"
        names.write_text("a1.bin\nc4.bin\n", encoding="utf-8")
        path, result = self.pull(self.url, "--files-from", names)
        self.assert_arrived(path, {name: self.members[name] for name in ("a1.bin", "c4.bin")}, result)

    def test_selection_that_takes_nothing_is_said(self):
        result = self.medmirror("pull", self.url, "--include", "zzz*", expect=(2, 7))
        self.assertIn("zzz*", result.err, str(result))
        self.assert_nothing_installed()

    def test_part_of_an_archive(self):
        members = {"train/a.bin": Noise(9000, 1), "train/b.bin": Noise(9000, 2), "test/c.bin": Noise(9000, 3)}
        self.server.site.add("x.zip", Bytes(archives.make_zip(members)))
        path, result = self.pull(self.server.url + "/x.zip", "--include", "train/*")
        wanted = {name: content for name, content in members.items() if name.startswith("train")}
        self.assert_arrived(path, wanted, result)
        path, result = self.pull(self.server.url + "/x.zip")
        self.assert_arrived(path, members, result)

    def test_part_of_a_physionet_project(self):
        physionet = self.origin(PhysioNetSite(), "physionet")
        path, result = self.pull("physionet/mitdb@1.0.0", "--include", "102.*")
        self.assertLessEqual({"102.dat", "102.hea", "102.atr"}, set(self.digests(path)))
        self.assertNotIn("103.dat", self.digests(path))
        self.assert_proven(path, result)
        path, result = self.pull("physionet/mitdb@1.0.0")
        self.assert_arrived(path, physionet.site.projects["mitdb"]["1.0.0"].tree.below(""), result)
        self.assertEqual(len(physionet.record.entries("*/102.dat", "GET")), 1)

    def test_dry_run_says_the_plan_and_fetches_nothing(self):
        result = self.medmirror("pull", self.url, "--dry-run")
        self.assertEqual(self.fetched(), [])
        self.assertIn("15", result.out + result.err)
        self.assert_nothing_installed()


if __name__ == "__main__":
    unittest.main(verbosity=2)
