"""manifest check, new and fmt: proving, drafting and tidying what the catalogue is made of."""

import json
import os
import pathlib
import stat
import unittest

from catalogue import write_manifest, write_sought
from journey import HERE, Journey
from origins import Bytes, PhysioNetSite, UciSite

SHIPPED = HERE.parents[1] / "manifests" / "catalog"


class Manifests(Journey):
    def setUp(self):
        super().setUp()
        self.own = self.folder / "config" / "medmirror" / "manifests"
        self.own.mkdir()


class Check(Manifests):
    def test_the_shipped_ones_are_right_and_written_as_they_should_be(self):
        count = len(list(SHIPPED.glob("*.json")))
        self.assertGreaterEqual(count, 23)
        self.assertEqual(self.medmirror("manifest", "check", SHIPPED).lines, [f"{count} manifests are right."])
        self.assertEqual(self.medmirror("manifest", "fmt", "--check", SHIPPED).out, "")

    def test_without_arguments_the_catalogue(self):
        result = self.medmirror("manifest", "check", no_network=True)
        before = int(result.lines[0].split()[0])
        write_manifest(self.own, "one-more")
        write_manifest(self.own, "mitdb", title={"en": "mine hides the shipped one"})
        self.assertEqual(self.medmirror("manifest", "check").lines, [f"{before + 1} manifests are right."])

    def test_what_is_not_there(self):
        result = self.medmirror("manifest", "check", "nowhere.json", expect=2)
        self.assert_explains(result, "no file", "nowhere.json")
        self.assertIn("medmirror manifest check nowhere.json\n", result.err)

    def test_each_wrong_one_is_named_with_its_place(self):
        write_sought(self.own)
        wrong = {
            "syntax": ('{"id": "syntax",', ":1:"),
            "unknown-key": ('{"id": "unknown-key", "titel": {}}', ": /titel: "),
            "no-title": ('{"id": "no-title", "access": "open"}', "title"),
            "other-id": ('{"id": "adni", "title": {"en": "x"}, "access": "open"}', ": /id: "),
            "bad-locator": (json.dumps({"id": "bad-locator", "title": {"en": "x"}, "access": "open",
                                        "source": "physionet", "locator": {"projekt": "x"}}), ": /locator: "),
            "bad-word": ('{"id": "bad-word", "title": {"en": "x"}, "access": "opened"}', ": /access: "),
            "points-nowhere": (json.dumps({"id": "points-nowhere", "title": {"en": "x"}, "access": "open",
                                           "related": ["mitdb", "adnii"]}), ": /related/1: "),
            "points-to-itself": (json.dumps({"id": "points-to-itself", "title": {"en": "x"}, "access": "open",
                                             "related": ["points-to-itself"]}), ": /related/0: "),
            "no-below": (json.dumps({"id": "no-below", "kind": "series", "title": {"en": "x"}, "access": "open",
                                     "below": ["nonesuch-at-all"]}), ": /below/0: "),
            "no-alternative": (json.dumps({"id": "no-alternative", "title": {"en": "x"}, "access": "open",
                                           "alternatives": [{"id": "nonesuch-at-all", "same": "bytes"}]}),
                               ": /alternatives/0/id: "),
        }
        for name, (text, _) in wrong.items():
            (self.own / f"{name}.json").write_text(text)
        (self.own / "Odd Name.json").write_text("{}")
        result = self.medmirror("manifest", "check", expect=2, no_network=True)
        self.assertEqual(result.out, "")
        for name, (_, place) in wrong.items():
            self.assertRegex(result.err, rf"(?m)/{name}\.json\S*{place if place[0] == ':' else ''}.*")
            self.assertTrue(any(f"/{name}.json" in line and place in line for line in result.err.splitlines()), str(result))
        self.assertIn("Odd Name.json", result.err)
        self.assertIn('did you mean "adni"?', result.err)
        self.assert_explains(result, f"{len(wrong) + 1} of ")
        self.assertNotIn("lidc-idri.json", "".join(line for line in result.err.splitlines() if "note" not in line))

        events = [json.loads(line) for line in self.medmirror("--json", "manifest", "check", expect=2).lines]
        named = {pathlib.Path(event["path"]).stem for event in events if event["event"] == "wrong-manifest"}
        self.assertEqual(named, set(wrong) | {"Odd Name"})
        self.assertEqual((events[-1]["exit"], events[-1]["wrong"]), (2, len(wrong) + 1))

    def test_files_and_folders(self):
        good = write_manifest(self.folder / "some", "good-one")
        (self.folder / "some" / "bad-one.json").write_text("[]")
        self.medmirror("manifest", "check", good)
        self.medmirror("manifest", "check", self.folder / "some", expect=2)
        self.medmirror("manifest", "check", self.folder / "some" / "none.json", expect=2)
        twin = write_manifest(self.folder / "other", "good-one")
        self.assertIn("rename one of them", self.medmirror("manifest", "check", good, twin, expect=2).err)

    def test_what_may_be_meant_is_a_note(self):
        path = write_manifest(self.own, "typo", source="phisionet", locator={"project": "x"})
        result = self.medmirror("manifest", "check", path)
        self.assertIn('did you mean "physionet"?', result.err)
        write_manifest(self.own, "again", source="physionet", locator={"project": "mitdb"})
        self.assertIn("names the same dataset", self.medmirror("manifest", "check").err)


class New(Manifests):
    def draft(self, *arguments, **options):
        result = self.medmirror("manifest", "new", *arguments, **options)
        manifest = json.loads(result.out)
        path = self.own / f"{manifest['id']}.json"
        path.write_text(result.out, encoding="utf-8")
        self.medmirror("manifest", "check", path)
        self.medmirror("manifest", "fmt", "--check", path)
        return manifest, result, path

    def test_from_physionet(self):
        self.origin(PhysioNetSite(), "physionet")
        manifest, result, path = self.draft("https://physionet.org/content/growing/1.9.2/")
        self.assertEqual((manifest["id"], manifest["source"], manifest["locator"], manifest["access"]),
                         ("growing", "physionet", {"project": "growing"}, "open"))
        self.assertRegex(manifest["citation"], r"^10\.")
        self.assertGreater(manifest["size"], 0)
        self.assertNotEqual(manifest["title"]["en"], "growing")
        self.assertIn("manifest check", result.err)
        # It counts from now on, and can be pulled.
        self.assertIn(manifest["title"]["en"], self.medmirror("search", "growing").out)
        self.pull("growing")

    def test_from_uci(self):
        for name in ("uci", "uci-cdn"):
            self.origin(UciSite(), name)
        manifest, _, _ = self.draft("https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic")
        self.assertEqual((manifest["source"], manifest["locator"]["id"], manifest["access"]), ("uci", 17, "open"))
        self.assertIn("Wisconsin", manifest["title"]["en"])
        self.assertTrue(manifest["citation"].startswith("10.24432/"))
        self.assertTrue(manifest["id"].startswith("uci-breast-cancer"))

    def test_from_a_plain_address(self):
        server = self.origin()
        server.site.add("data/my_scans.tar.gz", Bytes("x" * 1000))
        manifest, _, path = self.draft(server.url + "/data/my_scans.tar.gz", "--id", "my-scans-2026")
        self.assertEqual((manifest["id"], manifest["source"], manifest["access"]), ("my-scans-2026", "http", "open"))
        self.assertEqual(manifest["title"]["en"], "my scans")

    def test_from_the_address_alone(self):
        for address, expected in (("https://physionet.org/content/mitdb/1.0.0/", ("mitdb", "physionet", {"project": "mitdb"})),
                                  ("https://archive.ics.uci.edu/dataset/45/heart+disease",
                                   ("uci-heart-disease", "uci", {"id": 45, "slug": "heart+disease"})),
                                  ("uci/53", ("uci-53", "uci", {"id": 53})),
                                  ("https://example.org/Big%20Data/", ("big-data", "http", {"url": "https://example.org/Big%20Data/"}))):
            with self.subTest(address):
                manifest, result, _ = self.draft(address, "--offline", no_network=True)
                self.assertEqual((manifest["id"], manifest["source"], manifest["locator"]), expected)
                self.assertEqual(manifest["access"], "unknown")
                self.assertIn("access", result.err)

    def test_what_is_none(self):
        self.origin(PhysioNetSite(), "physionet")
        for arguments, status in (((), 2), (("a", "b"), 2), (("nonesuch",), 7), (("ftp://example.org/x",), 2),
                                  (("physionet/nonesuch",), 7), (("https://physionet.org/content/mitdb/", "--id", "Not An Id"), 2)):
            with self.subTest(arguments):
                result = self.medmirror("manifest", "new", *arguments, expect=status)
                self.assertEqual(result.out, "")

    def test_a_source_that_does_not_answer(self):
        manifest, result, _ = self.draft("https://physionet.org/content/mitdb/")
        self.assertEqual(manifest["access"], "unknown")
        self.assertIn("could not be asked", result.err)

    def test_json(self):
        self.origin(PhysioNetSite(), "physionet")
        events = [json.loads(line) for line in self.medmirror("--json", "manifest", "new", "physionet/growing").lines]
        self.assertEqual([event["event"] for event in events if event["event"] in ("draft", "summary")], ["draft", "summary"])
        draft = next(event for event in events if event["event"] == "draft")
        self.assertEqual((draft["ref"], draft["manifest"]["id"]), ("physionet/growing", "growing"))


class Format(Manifests):
    def test_in_place(self):
        path = self.own / "some-set.json"
        path.write_text('{"access":"open","title":{"zh":"数据\\u96c6","en":"A"},\t"id":"some-set"}')
        path.chmod(0o640)
        link = self.folder / "some-set.json"
        link.symlink_to(path)
        self.assertEqual(self.medmirror("manifest", "fmt", "--check", link, expect=1).lines, [str(link)])
        self.assertIn("\t", path.read_text())
        self.assertEqual(self.medmirror("manifest", "fmt", link).lines, [str(link)])
        self.assertEqual(path.read_bytes().decode(), '{\n  "id": "some-set",\n  "title": {\n    "en": "A",\n'
                                                     '    "zh": "数据集"\n  },\n  "access": "open"\n}\n')
        self.assertTrue(link.is_symlink())
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
        before = path.stat().st_mtime_ns, path.stat().st_ino
        self.assertEqual(self.medmirror("manifest", "fmt", self.own).out, "")
        self.assertEqual((path.stat().st_mtime_ns, path.stat().st_ino), before)
        self.assertEqual(os.listdir(self.own), ["some-set.json"])

    def test_what_is_wrong_is_left_alone(self):
        good, bad = self.own / "good-one.json", self.own / "bad-one.json"
        good.write_text('{"access":"open","title":{"en":"A"},"id":"good-one"}')
        bad.write_text('{"id": "bad-one", "titel": 1}')
        result = self.medmirror("manifest", "fmt", self.own, expect=2)
        self.assertIn("/titel", result.err)
        self.assertEqual(bad.read_text(), '{"id": "bad-one", "titel": 1}')
        self.assertTrue(good.read_text().endswith("}\n"))

    def test_wrong_usage(self):
        for arguments in ((), ("chek",), ("fmt",), ("check", "--check"), ("fmt", "--id", "x", "y.json")):
            with self.subTest(arguments):
                self.assert_explains(self.medmirror("manifest", *arguments, expect=2))
        self.medmirror("manifest", "fmt", "none.json", expect=7)


if __name__ == "__main__":
    unittest.main()
