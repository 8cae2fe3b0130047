"""`sync`: every dataset of the mirror to its newest version; what cannot be is said in a line, and nothing old is lost."""

import json
import unittest

import json_events
from journey import INTERRUPT, Journey
from origins import Bytes, Noise, PhysioNetSite, archives, faults, physionet

MEGABYTE = 1_000_000


def files(slug, number, extra=()):
    """A small project: a file of its own in each version, one that stays as it is."""
    return {"same.bin": Noise(50_000, f"{slug}/same"), "data.csv": Bytes(f"{slug},{number}\n" * 100),
            f"only-{number}.txt": Bytes(number), **dict(extra)}


class Syncs(Journey):
    def setUp(self):
        super().setUp()
        self.site = PhysioNetSite([])
        self.server = self.origin(self.site, "physionet")

    def add(self, slug, number="1.0.0", extra=(), **options):
        self.site.add(physionet.Version(slug, number, f"The {slug} project", files(slug, number, extra), **options))

    def tree(self, slug, number):
        return self.site.projects[slug][number].tree.below("")

    def folder_of(self, slug, number):
        return self.mirror / "physionet" / slug / number

    def asked(self, pattern="/files/*", method="GET"):
        return [entry.path for entry in self.server.record.entries(pattern, method)]

    def sync(self, *arguments, **options):
        return self.medmirror("sync", *arguments, **options)

    def lines_of(self, result, ref):
        """The lines of the summary that speak of REF."""
        summary = result.err[result.err.rindex("\nsync ") if "\nsync " in result.err else 0:]
        return [line for line in summary.splitlines() if f" {ref}:" in line]


class TenDatasets(Syncs):
    def test_each_has_its_line_and_nothing_old_is_lost(self):
        self.configure(mirror={"max-size": 20 * MEGABYTE, "reserve": 0})
        slugs = [f"set{number}" for number in range(10)]
        for slug in slugs:
            self.add(slug)
            self.pull(f"physionet/{slug}")
        before = {slug: self.digests(self.folder_of(slug, "1.0.0")) for slug in slugs}
        self.add("set1", "1.1.0", {"added.bin": Noise(30_000, "added")})
        self.site.projects.pop("set3")
        self.add("set5", "2.0.0", policy=physionet.CREDENTIALED, readers=("reader",))
        self.add("set7", "2.0.0", {"huge.bin": Noise(40 * MEGABYTE, "huge")})
        self.server.record.clear()

        result = self.sync(expect=6)
        self.assertRegex(result.err, r"(?m)^sync \d{4}-\d\d-\d\d \d\d:\d\d–\S+.*10 datasets: 6 unchanged, 1 updated, "
                                     r"1 waits, 1 needs a person, 1 gone\s+exit 6$")
        for ref, words in (("set1", ["updated", "1.0.0 → 1.1.0", "2 new", "2 changed", "1 gone"]),
                           ("set3", ["gone", "1.0.0"]), ("set5", ["person", "medmirror"]),
                           ("set7", ["waits", "40.", "max-size", "1.0.0"])):
            lines = self.lines_of(result, f"physionet/{ref}")
            self.assertEqual(len(lines), 1, str(result))
            for word in words:
                self.assertIn(word, lines[0])
        for slug in ("set0", "set2", "set4", "set6", "set8", "set9"):
            self.assertEqual(self.lines_of(result, f"physionet/{slug}"), [])

        right = [self.folder_of(slug, "1.1.0" if slug == "set1" else "1.0.0")
                 for slug in slugs if slug not in ("set3", "set5", "set7")]
        self.assertEqual(result.lines, [str(path) for path in right])
        for slug in slugs:
            self.assertEqual(self.digests(self.folder_of(slug, "1.0.0")), before[slug])
            self.assert_proven(self.folder_of(slug, "1.0.0"))
        self.assert_arrived(self.folder_of("set1", "1.1.0"), self.tree("set1", "1.1.0"))
        self.assertEqual((self.folder_of("set1", "latest")).resolve(), self.folder_of("set1", "1.1.0"))
        self.assertFalse(self.folder_of("set7", "2.0.0").exists())
        self.assertEqual(self.asked("/files/set7/2.0.0/huge.bin"), [])
        # What did not change is the same file on disk, and was not fetched.
        same = [self.folder_of("set1", number) / "same.bin" for number in ("1.0.0", "1.1.0")]
        self.assertEqual(same[0].stat().st_ino, same[1].stat().st_ino)
        self.assertEqual(self.asked("/files/set1/1.1.0/same.bin"), [])
        # Nothing of what waits is left as if it were begun.
        self.assertNotIn("unfinished", self.medmirror("status").out)

    def test_one_that_fails_does_not_stop_the_others(self):
        for slug in ("a", "b", "c"):
            self.add(slug)
            self.pull(f"physionet/{slug}")
            self.add(slug, "1.1.0")
        self.server.faults.add(faults.status(500, "/files/b/*"))
        result = self.sync(expect=5)
        self.assertIn("failed", self.lines_of(result, "physionet/b")[0])
        for slug in ("a", "c"):
            self.assert_arrived(self.folder_of(slug, "1.1.0"), self.tree(slug, "1.1.0"))
        self.assert_proven(self.folder_of("b", "1.0.0"))
        self.server.faults.clear()
        result = self.sync()
        self.assertIn("2 unchanged, 1 updated", result.err)
        self.assert_arrived(self.folder_of("b", "1.1.0"), self.tree("b", "1.1.0"))

    def test_smallest_first_and_what_fits(self):
        """Two of three fit: the two smaller ones, whatever their names."""
        self.configure(mirror={"max-size": 12 * MEGABYTE, "reserve": 0})
        sizes = {"a": 8, "b": 3, "c": 5}
        for slug, size in sizes.items():
            self.add(slug)
            self.pull(f"physionet/{slug}")
            self.add(slug, "1.1.0", {"big.bin": Noise(size * MEGABYTE, slug)})
        self.server.record.clear()
        result = self.sync(expect=6)
        self.assertIn("waits", self.lines_of(result, "physionet/a")[0])
        asked = self.asked("*/big.bin")
        self.assertEqual(asked, sorted(asked))
        self.assertEqual({path.split("/")[2] for path in asked}, {"b", "c"})
        self.assertFalse(self.folder_of("a", "1.1.0").exists())


class Course(Syncs):
    def setUp(self):
        super().setUp()
        self.add("growing")
        self.pull("physionet/growing")
        self.server.record.clear()

    def test_nothing_new_asks_little(self):
        result = self.sync()
        self.assertIn("1 dataset: 1 unchanged", result.err)
        self.assertEqual(result.lines, [str(self.folder_of("growing", "1.0.0"))])
        self.assertEqual(self.asked("*.bin"), [])

    def test_a_listing_is_asked_for_once(self):
        self.add("growing", "1.1.0")
        self.sync()
        lists = self.asked("/files/growing/1.1.0/SHA256SUMS.txt")
        folders = self.asked("/files/growing/1.1.0/")
        self.assertLessEqual(len(folders), 1)
        self.assertLessEqual(len(lists), 2)  # as the list, and as a file

    def test_dry_run_changes_nothing(self):
        self.add("growing", "1.1.0")
        before = sorted(str(path) for path in self.mirror.rglob("*"))
        result = self.sync("--dry-run")
        self.assertIn("1 to be updated", result.err)
        self.assertEqual(sorted(str(path) for path in self.mirror.rglob("*")), before)
        self.assertEqual(self.asked("/files/growing/1.1.0/*.bin"), [])

    def test_a_part_stays_a_part(self):
        self.add("large", "1.0.0", {"a1.bin": Noise(9000, 1), "b1.bin": Noise(9000, 2)})
        self.pull("physionet/large", "--include", "a*")
        self.add("large", "1.1.0", {"a1.bin": Noise(9000, 1), "a2.bin": Noise(9000, 3), "b1.bin": Noise(9000, 4)})
        result = self.sync("physionet/large")
        path = self.folder_of("large", "1.1.0")
        self.assertEqual(set(self.digests(path)), {"a1.bin", "a2.bin"}, str(result))
        self.assertEqual(set(self.digests(self.folder_of("large", "1.0.0"))), {"a1.bin"})
        self.assertRegex(self.medmirror("list", "physionet/large@1.1.0").out, "part")

    def test_some_of_the_mirror(self):
        for slug in ("one", "two"):
            self.add(slug)
            self.pull(f"physionet/{slug}")
            self.add(slug, "1.1.0")
        result = self.sync("physionet/two")
        self.assertEqual(result.lines, [str(self.folder_of("two", "1.1.0"))])
        self.assertFalse(self.folder_of("one", "1.1.0").exists())

    def test_what_is_not_here_is_said(self):
        self.assert_explains(self.sync("physionet/elsewhere", expect=7), "physionet/elsewhere", "medmirror pull")
        self.assert_explains(self.sync("physionet/growing@1.0.0", expect=2), "1.0.0", "medmirror pull")
        self.assertIn("--offline", self.sync("--offline", expect=2).err)

    def test_an_empty_mirror_is_no_failure(self):
        self.mirror = self.folder / "another"
        self.assert_explains(self.sync(), self.mirror)

    def test_changed_at_the_source_is_said_and_not_touched(self):
        before = self.digests(self.folder_of("growing", "1.0.0"))
        self.add("growing", "1.0.0", {"data.csv": Bytes("other\n")})
        tree = self.site.projects["growing"]["1.0.0"].tree
        for path, (content, mtime) in list(tree.files.items()):
            tree.add(path, content, mtime + 3600)
        result = self.sync(expect=7)
        line = self.lines_of(result, "physionet/growing")[0]
        self.assertIn("changed", line)
        self.assertIn("medmirror pull --refresh", line)
        self.assertEqual(self.digests(self.folder_of("growing", "1.0.0")), before)

    def test_who_needs_a_person_is_named_once_then_weekly(self):
        self.add("growing", "2.0.0", policy=physionet.CREDENTIALED, readers=("reader",))
        self.assertEqual(len(self.lines_of(self.sync(expect=4), "physionet/growing")), 1)
        again = self.sync(expect=4)
        self.assertEqual(self.lines_of(again, "physionet/growing"), [])
        self.assertIn("1 needs a person", again.err)
        self.assertIn("sync --verbose", again.err)
        self.assertEqual(len(self.lines_of(self.sync("--verbose", expect=4), "physionet/growing")), 1)
        self.assertEqual(len(self.lines_of(self.sync("physionet/growing", expect=4), "physionet/growing")), 1)
        memory = self.mirror / ".medmirror" / "sync.json"
        known = json.loads(memory.read_text())
        known["person"]["physionet/growing"]["named"] -= 7 * 24 * 3600
        memory.write_text(json.dumps(known))
        self.assertEqual(len(self.lines_of(self.sync(expect=4), "physionet/growing")), 1)
        self.site.projects["growing"]["2.0.0"].policy = physionet.OPEN
        self.sync()
        self.assertNotIn("growing", memory.read_text())

    def test_interrupted_it_can_be_typed_again(self):
        self.add("growing", "1.1.0", {"big.bin": Noise(12 * MEGABYTE, "big")})
        self.add("other")
        self.pull("physionet/other")
        self.add("other", "1.1.0", {"bigger.bin": Noise(20 * MEGABYTE, "bigger")})
        self.server.limit_rate(4 * MEGABYTE)
        running = self.start("sync")
        self.server.record.wait_for("/files/growing/1.1.0/big.bin", sent=6 * MEGABYTE)
        running.send(INTERRUPT)
        result = running.wait()
        self.assert_status(result, 130)
        self.assert_explains(result, "medmirror sync")
        self.assertIn("2 left", result.err)
        self.server.limit_rate(None)
        self.server.record.clear()
        result = self.sync()
        self.assertIn("2 updated", result.err)
        self.assertTrue(any(entry.range and entry.range[0] > 0 for entry in self.server.record.entries("*/big.bin")))
        for slug in ("growing", "other"):
            self.assert_arrived(self.folder_of(slug, "1.1.0"), self.tree(slug, "1.1.0"))

    def test_what_a_person_began_is_left_alone(self):
        self.add("growing", "1.1.0", {"a.bin": Noise(12 * MEGABYTE, "a"), "b.bin": Noise(9000, "b")})
        self.server.limit_rate(4 * MEGABYTE)
        running = self.start("pull", "physionet/growing", "--include", "a*")
        self.server.record.wait_for("/files/growing/1.1.0/a.bin", sent=6 * MEGABYTE)
        running.send(INTERRUPT)
        running.wait()
        self.server.limit_rate(None)
        result = self.sync(expect=8)
        self.assertIn(f"medmirror pull --resume --mirror {self.mirror} physionet/growing", self.lines_of(result, "physionet/growing")[0])
        self.assertFalse(self.folder_of("growing", "1.1.0").exists())
        self.medmirror("pull", "--resume")
        self.assertEqual(set(self.digests(self.folder_of("growing", "1.1.0"))), {"a.bin"})

    def test_json(self):
        self.add("growing", "1.1.0")
        result = self.sync("--json")
        self.assertEqual(json_events.faults(result.arguments, 0, result.out), [])
        events = [json.loads(line) for line in result.lines]
        synced = [event for event in events if event["event"] == "synced"]
        self.assertEqual([(event["ref"], event["state"], event["before"], event["version"]) for event in synced],
                         [("physionet/growing", "updated", "1.0.0", "1.1.0")])
        self.assertEqual(events[-1]["event"], "summary")
        self.assertEqual((events[-1]["exit"], events[-1]["updated"], events[-1]["refs"]), (0, 1, 1))

    def test_absent_files_are_said_with_the_update(self):
        self.add("growing", "1.1.0", {"lost.bin": Noise(9000, "lost")})
        self.server.faults.add(faults.status(404, "*/growing/1.1.0/lost.bin"))
        result = self.sync(expect=7)
        line = self.lines_of(result, "physionet/growing")[0]
        self.assertIn("updated", line)
        self.assertIn("1 file is listed by the source and not there", line)
        self.assertNotIn("lost.bin", self.digests(self.folder_of("growing", "1.1.0")))
        self.assertIn("1 unchanged", self.sync().err)

    def test_a_manifest_that_is_gone_is_said_and_no_error(self):
        self.add("own")
        manifest = self.folder / "own.json"
        manifest.write_text(json.dumps({
            "id": "own-set", "kind": "dataset", "title": {"en": "Own"}, "source": "physionet",
            "locator": {"project": "own"}, "access": "open", "sharing": "unknown", "homepage": "https://example.org/",
            "modality": ["ecg"], "description": {"en": "Own."}}))
        self.pull(manifest)
        self.add("own", "1.1.0")
        self.assertIn("1 updated", self.sync(manifest).err)
        manifest.unlink()
        before = self.digests(self.mirror / "local")
        result = self.sync()
        self.assertIn("not asked", self.lines_of(result, manifest)[0])
        self.assertIn("2 datasets: 1 unchanged, 1 not asked", result.err)
        self.assertEqual(self.digests(self.mirror / "local"), before)

    def test_what_lies_in_place_is_said_and_not_touched(self):
        self.add("adopted")
        there = self.folder / "theirs"
        there.mkdir()
        for name, content in self.tree("adopted", "1.0.0").items():
            (there / name).write_bytes(content.bytes())
        self.medmirror("adopt", "--in-place", "physionet/adopted", there)
        self.add("adopted", "1.1.0")
        before = self.digests(there)
        result = self.sync()
        self.assertIn(f"in place at {there}", self.lines_of(result, "physionet/adopted")[0])
        self.assertEqual(self.digests(there), before)

    def test_what_was_adopted_is_gone_on_with(self):
        self.add("adopted")
        there = self.folder / "theirs"
        there.mkdir()
        for name, content in self.tree("adopted", "1.0.0").items():
            (there / name).write_bytes(content.bytes())
        self.medmirror("adopt", "physionet/adopted", there)
        self.assertIn("2 unchanged", self.sync().err)
        self.add("adopted", "1.1.0")
        self.assertIn("1 updated", self.sync().err)
        self.assert_arrived(self.folder_of("adopted", "1.1.0"), self.tree("adopted", "1.1.0"))

    def test_a_packed_version_stays_packed(self):
        server = self.origin()
        data = archives.make_zip({"one.bin": Noise(9000, 1)})
        server.site.add("set.zip", Bytes(data))
        url = server.url + "/set.zip"
        self.pull(url, "--no-unpack")
        server.site.add("set.zip", Bytes(archives.make_zip({"one.bin": Noise(9000, 2)})), mtime=1_700_000_000)
        result = self.sync(url)
        self.assertIn("1 updated", result.err)
        self.assertEqual([name.rpartition("/")[2] for name in self.digests(result.lines[0])], ["set.zip"])


class FullDisk(Syncs):
    """A disk that is full ends the run: the others would fail as well."""

    def test_a_mirror_that_cannot_be_written_ends_it(self):
        for slug in ("a", "b"):
            self.add(slug)
            self.pull(f"physionet/{slug}")
            self.add(slug, "1.1.0")
        (self.mirror / ".medmirror" / "stage" / "physionet%2Fa" / "spool.db").mkdir(parents=True)
        result = self.sync(expect=6)
        self.assertIn("1 failed, 1 left", result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
