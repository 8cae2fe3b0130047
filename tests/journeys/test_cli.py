"""What a person types: helps, suggestions, statuses, and what goes to which stream."""

import json
import re
import unittest

from journey import NOWHERE, Journey
from origins import Bytes, Noise, PhysioNetSite, UciSite

VERBS = ("pull", "verify", "list", "status", "path", "show", "files", "versions", "unpack", "doctor")


class Help(Journey):
    def test_help_names_every_verb(self):
        result = self.medmirror("--help")
        for verb in VERBS:
            self.assertRegex(result.out, rf"(?m)^\s+{verb}\b", str(result))

    def test_each_verb_has_a_help_with_usage_and_two_examples(self):
        for verb in VERBS:
            with self.subTest(verb):
                result = self.medmirror(verb, "--help")
                self.assertIn(f"medmirror {verb}", result.out)
                self.assertGreaterEqual(len(re.findall(rf"(?m)^\s+medmirror {verb}\b", result.out)), 2, str(result))
                self.assertEqual(result.err, "")

    def test_version(self):
        self.assertRegex(self.medmirror("--version").out, r"medmirror \d+\.\d+")

    def test_nothing_typed(self):
        self.assertIn("pull", self.medmirror(expect=(0, 2)).err + self.medmirror(expect=(0, 2)).out)


class WrongWords(Journey):
    def test_wrong_verbs(self):
        for typed, meant in (("pul", "pull"), ("verfy", "verify"), ("lst", "list"), ("statsu", "status")):
            with self.subTest(typed):
                self.assertIn(f"medmirror {meant}", self.medmirror(typed, "x", expect=2).err)

    def test_verbs_of_other_tools(self):
        for typed, meant in (("download", "pull"), ("get", "pull"), ("check", "verify"), ("fsck", "verify"), ("ls", "list")):
            with self.subTest(typed):
                result = self.medmirror(typed, "--help", expect=(0, 2))
                self.assertIn(f"medmirror {meant}", result.err + result.out, str(result))

    def test_unknown_verb(self):
        self.assertIn("medmirror", self.medmirror("frobnicate", expect=2).err)

    def test_wrong_options(self):
        for arguments, meant in ((("pull", "uci/17", "--inclde", "a*"), "--include"),
                                 (("verify", "--repare"), "--repair"), (("pull", "uci/17", "--dryrun"), "--dry-run")):
            with self.subTest(arguments):
                result = self.medmirror(*arguments, expect=2)
                self.assertIn(meant, result.err, str(result))

    def test_option_of_a_later_issue_is_unknown(self):
        self.medmirror("pull", "uci/17", "--deadline", "12:00", expect=2)

    def test_wrong_values(self):
        for option in (("--jobs", "none"), ("--limit-rate", "fast"), ("--retries", "-3"), ("--endpoint", "uci"),
                       ("--endpoint", "ucy=http://127.0.0.1:1"), ("--endpoint", "uci=ftp://127.0.0.1/")):
            with self.subTest(option):
                result = self.medmirror("pull", "uci/17", *option, expect=2)
                self.assertIn(option[0], result.err, str(result))

    def test_options_without_effect(self):
        for options in (("--jobs", "0"), ("--only",), ("--no-unpack", "--keep-archives")):
            with self.subTest(options):
                result = self.medmirror("pull", "uci/17", *options, expect=2)
                self.assertIn(options[0], result.err, str(result))

    def test_options_of_other_tools(self):
        self.assertIn("goes on", self.medmirror("pull", "-c", "uci/17", expect=2).err)
        for line in (("pull", "--cli", "x.tcia"), ("pull", "-c", "x.tcia"), ("--cli", "x.tcia", "-d", "here")):
            self.assertIn("medmirror pull ", self.medmirror(*line, expect=2).err)
        self.assertIn("--layout classic", self.medmirror("copy", "--cd", "x", "y", expect=2).err)
        self.assertIn("--refresh", self.medmirror("pull", "--force", "uci/17", expect=2).err)
        for option in ("-o", "--output-dir=x"):
            self.assertIn("medmirror pull --to DIR", self.medmirror("pull", "uci/17", option, expect=2).err)
        self.assertIn("medmirror login", self.medmirror("login", "physionet", "--password", "x", expect=2).err)
        self.assertIn("'pull' has no option --zzzz.", self.medmirror("pull", "--zzzz", expect=2).err)
        self.assertIn("'pull' has no option -z.", self.medmirror("pull", "-z", expect=2).err)

    def test_unknown_source_suggests_the_nearest(self):
        self.assertIn("medmirror pull physionet/mitdb", self.medmirror("pull", "phsionet/mitdb", expect=7).err)
        result = self.medmirror("pull", "foo/bar", expect=7)
        for word in ("foo/bar", "uci", "physionet"):
            self.assertIn(word, result.err)

    def test_no_command_is_said(self):
        self.assertIn("no command", self.medmirror(expect=2).err)

    def test_pull_of_nothing(self):
        self.assert_explains(self.medmirror("pull", expect=2))

    def test_unknown_id_suggests_the_nearest(self):
        result = self.medmirror("pull", "mitdbb", expect=7)
        self.assertIn("mitdb", result.err.replace("mitdbb", ""), str(result))

    def test_unknown_key_of_the_configuration_is_an_error_with_its_line(self):
        file = self.folder / "config" / "medmirror" / "medmirror.conf"
        file.write_text("[network]\nretries=3\nretrys=4\n", encoding="utf-8")
        result = self.medmirror("list", expect=2)
        self.assertIn("retrys", result.err)
        for text, word in (("[mirror]\nkeep-archives=maybe\n", "yes or no"), ("[endpoints]\nucy=http://x\n", "[endpoints]"),
                           ("[network]\nlimit-rate=fast\n", "10M")):
            file.write_text(text, encoding="utf-8")
            self.assertIn(word, self.medmirror("list", expect=2).err)
        self.assertIn("3", result.err)
        self.assertIn("medmirror.conf", result.err)


class Answers(Journey):
    def setUp(self):
        super().setUp()
        self.physionet = self.origin(PhysioNetSite(), "physionet")

    def test_absent_mirror(self):
        for verb in ("list", "status"):
            self.medmirror(verb, expect=(0, 7))
        self.medmirror("path", "physionet/mitdb", expect=7)
        self.assertFalse(self.mirror.exists())

    def test_versions(self):
        self.pull("physionet/growing@1.4")
        result = self.medmirror("versions", "physionet/growing")
        places = [result.out.find(version) for version in ("1.10.0", "1.9.2", "1.4")]
        self.assertNotIn(-1, places, str(result))
        self.assertEqual(places, sorted(places), "Not newest first.")

    def test_files_before_and_after(self):
        before = self.medmirror("files", "physionet/mitdb@1.0.0")
        self.assertIn("102.dat", before.out)
        self.pull("physionet/mitdb@1.0.0")
        after = self.medmirror("files", "physionet/mitdb@1.0.0", no_network=True)
        self.assertIn("102.dat", after.out)

    def test_list_show_path(self):
        path, result = self.pull("physionet/mitdb@1.0.0")
        self.assertIn("mitdb@1.0.0", self.medmirror("list").out)
        shown = self.medmirror("show", "physionet/mitdb")
        for word in ("1.0.0", result.fingerprint):
            self.assertIn(word, shown.out + shown.err)
        self.assertEqual(self.medmirror("path", "physionet/mitdb").out, f"{path}\n")

    def test_several_versions_and_none_named(self):
        self.pull("physionet/growing@1.4")
        self.pull("physionet/growing@1.9.2")
        result = self.medmirror("path", "physionet/growing", expect=2)
        self.assertIn("1.4", result.err)
        self.assertIn("1.9.2", result.err)

    def test_json_is_lines_of_events_that_end_in_a_summary(self):
        result = self.medmirror("--json", "pull", "physionet/mitdb@1.0.0")
        events = [json.loads(line) for line in result.lines]
        self.assertTrue(all("event" in event for event in events))
        self.assertEqual(events[-1]["event"], "summary")

    def test_json_ends_in_a_summary_whatever_the_command_and_its_end(self):
        self.endpoints.update({name: self.physionet.url for name in ("physionet-s3", "uci", "uci-cdn")})
        self.pull("physionet/growing@1.4")
        for arguments, status in ((("list",), 0), (("status",), 0), (("path", "physionet/growing"), 0),
                                  (("show", "physionet/growing"), 0), (("files", "physionet/growing@1.4"), 0),
                                  (("versions", "physionet/growing"), 0), (("verify",), 0), (("doctor",), 0),
                                  (("path", "physionet/mitdb"), 7), (("pull",), 2), (("pull", "--nonsense", "mitdb"), 2),
                                  (("unpack", "nothing.zip", "there"), 7)):
            with self.subTest(arguments):
                result = self.medmirror("--json", *arguments, expect=status)
                events = [json.loads(line) for line in result.lines]
                self.assertEqual([event["event"] for event in events].count("summary"), 1, str(result))
                self.assertEqual((events[-1]["event"], events[-1]["exit"]), ("summary", status), str(result))
                self.assertEqual(any(event["event"] == "error" for event in events), status != 0, str(result))

    def test_list_of_one_version(self):
        self.pull("physionet/growing@1.4")
        self.pull("physionet/growing@1.9.2")
        self.assertEqual(len(self.medmirror("list", "physionet/growing").lines), 2)
        self.assertEqual(len(self.medmirror("list", "physionet/growing@1.4").lines), 1)
        result = self.medmirror("list", "physionet/growing@1.4", "physionet/mitdb", expect=7)
        self.assertEqual(len(result.lines), 1)
        self.assert_explains(result, "physionet/mitdb")

    def test_fingerprints(self):
        path, result = self.pull("physionet/growing@1.4")
        short = "physionet/growing@mm1:" + result.fingerprint[:12]
        self.assertEqual(self.medmirror("path", short).lines, [str(path)])
        self.assertEqual(self.medmirror("pull", short, no_network=True).lines, [str(path)])
        for verb in ("path", "pull", "verify"):
            wrong = self.medmirror(verb, "physionet/growing@mm1:000000000000", no_network=True, expect=7)
            self.assertIn("medmirror list physionet/growing", wrong.err)

    def test_citation_of_what_is_in_no_catalogue(self):
        self.pull("physionet/growing@1.9.2", "--exclude", "*.hea")
        _, result = self.pull("physionet/growing@1.9.2")
        shown = self.medmirror("show", "--cite", "physionet/growing").lines
        self.assertRegex(shown[0], r"^10\.\d+/\w+$")
        self.assertIn(shown[0], result.err)
        self.medmirror("show", "--cite", "uci/1", expect=7)

    def test_sizes_in_a_list_are_whole(self):
        self.pull("physionet/mitdb@1.0.0", "--include", "*.hea")
        self.assertRegex(self.medmirror("list").out, r"@1\.0\.0  \d+ bytes +\d+ files? ")

    def test_verify_of_a_folder_names_what_to_type(self):
        (self.folder / "some").mkdir()
        (self.folder / "file").write_text("x")
        self.assertIn("medmirror verify ./some", self.medmirror("verify", "some", expect=7).err)
        self.medmirror("verify", "./file", expect=2)

    def test_titles_in_the_language_that_was_chosen(self):
        chinese = self.medmirror("show", "mitdb", env={"LC_ALL": "zh_CN.UTF-8"}).lines
        english = self.medmirror("show", "mitdb").lines
        self.assertEqual(english[1].split("  ")[0], "MIT-BIH Arrhythmia Database")
        self.assertEqual(chinese[1].split("  ")[1], "MIT-BIH Arrhythmia Database")

    def test_line_that_mends_can_be_typed(self):
        server = self.origin()
        server.site.add("d/a.txt", Bytes("some text\n"))
        for ref in ("physionet/growing@1.4", server.url + "/d/"):
            path, _ = self.pull(ref)
            self.flip(next(file for file in sorted(path.rglob("*")) if file.is_file()))
            said = self.medmirror("verify", ref, expect=3).err
            line = re.search(r"medmirror (verify --repair \S+)$", said, re.M).group(1)
            self.medmirror(*line.split())
            self.medmirror("verify", ref)

    def test_quick_is_no_proof(self):
        self.pull("physionet/growing@1.4")
        result = self.medmirror("verify", "--quick", "physionet/growing")
        self.assertNotIn("proven", result.err)
        self.assertIn("unchanged", result.err)

    def test_wrong_names_end_in_a_pattern_of_the_right_one(self):
        self.assertIn("medmirror pull physionet/NAME", self.medmirror("pull", "physionet/nonesuch", expect=7).err)
        server = self.origin()
        self.assertIn("medmirror pull ADDRESS", self.medmirror("pull", server.url + "/none.zip", expect=7).err)

    def test_global_options_stand_before_or_after(self):
        self.medmirror("pull", "physionet/growing@1.4", "--quiet")
        self.medmirror("list", "--json")

    def test_quiet_says_errors_alone(self):
        result = self.medmirror("--quiet", "pull", "physionet/mitdb@1.0.0")
        self.assertEqual(result.err, "")
        self.assertEqual(len(result.lines), 1)

    def test_no_colours_and_no_cursor_where_nobody_watches(self):
        result = self.medmirror("pull", "physionet/mitdb@1.0.0")
        self.assertNotIn("\x1b", result.err + result.out)
        self.assertNotIn("\r", result.err)

    def test_summary_says_what_was_brought_and_how_to_cite(self):
        path, result = self.pull("physionet/mitdb@1.0.0")
        self.assertRegex(result.err, r"mm1:[0-9a-f]{64}")
        self.assertIn(str(path), result.err + result.out)

    def test_endpoint_as_an_option(self):
        self.endpoints["physionet"] = NOWHERE
        self.medmirror("pull", "physionet/growing@1.4", "--endpoint", f"physionet={self.physionet.url}")

    def test_doctor(self):
        for name in ("physionet-s3", "uci", "uci-cdn"):
            self.endpoints[name] = self.physionet.url
        result = self.medmirror("doctor")
        for name in ("physionet", "physionet-s3", "uci", "uci-cdn"):
            self.assertIn(name, result.out + result.err)

    def test_offline_asks_nobody(self):
        path, _ = self.pull("physionet/growing@1.4")
        result = self.medmirror("--offline", "pull", "physionet/growing@1.4", no_network=True)
        self.assertEqual(result.lines, [str(path)])
        self.medmirror("--offline", "pull", "physionet/mitdb", no_network=True, expect=(2, 5, 7))

    def test_require_declared(self):
        server = self.origin()
        server.site.add("d/a.txt", Bytes("a\n"))
        path, _ = self.pull("physionet/mitdb@1.0.0", "--require", "declared")
        self.assertTrue((path / "SHA256SUMS.txt").is_file())
        self.pull("physionet/mitdb@1.0.0", "--require", "declared")
        self.medmirror("verify", "--require", "declared", "physionet/mitdb")
        self.assertIn("a.txt", self.medmirror("pull", "--require", "declared", server.url + "/d/", expect=5).err)
        self.pull(server.url + "/d/")
        standing = self.medmirror("pull", "--require", "declared", server.url + "/d/", expect=5)
        self.assertEqual(standing.out, "")
        self.assert_explains(standing, "1 of its 1 file")
        self.medmirror("verify", "--require", "declared", server.url + "/d/", expect=3)

    def test_dead_source_and_a_version_here(self):
        path, _ = self.pull("physionet/growing@1.4")
        self.endpoints["physionet"] = NOWHERE
        result = self.medmirror("pull", "physionet/growing")
        self.assertEqual(result.lines, [str(path)])
        self.assertIn("is not known", result.err)
        self.assertNotIn("up to date", result.err)
        versions = self.medmirror("versions", "physionet/growing", expect=5)
        self.assertEqual(versions.lines, ["1.4  here"])
        self.assert_explains(versions, NOWHERE)

    def test_own_manifest_is_named_by_a_path_that_holds_anywhere(self):
        server = self.origin()
        server.site.add("d/a.txt", Bytes("a\n"))
        manifest = {"id": "mine", "title": {"en": "Mine"}, "source": "http", "locator": {"url": server.url + "/d/"},
                    "access": "open"}
        (self.folder / "mine.json").write_text(json.dumps(manifest), encoding="utf-8")
        path, _ = self.pull("./mine.json")
        self.assertEqual(path.parent, self.mirror / "local" / "mine")
        name = self.medmirror("list").out.split()[0]
        self.assertEqual(name, f"local/mine@{path.name}")
        for typed in (name, str(self.folder / "mine.json")):
            self.assertEqual(self.medmirror("path", typed).lines, [str(path)])

    def test_versions_of_an_address_can_be_named(self):
        server = self.origin()
        server.site.add("d/a.txt", Bytes("a\n"))
        first, _ = self.pull(server.url + "/d/")
        server.site.add("d/b.txt", Bytes("b\n"))
        second, _ = self.pull(server.url + "/d/")
        self.assertNotEqual(first, second)
        named = [line.split()[0] for line in self.medmirror("list").lines]
        self.assertEqual({self.medmirror("path", name).lines[0] for name in named}, {str(first), str(second)})
        self.assertIn(named[0], self.medmirror("path", server.url + "/d/", expect=2).err)
        self.medmirror("verify", named[1])
        self.assert_explains(self.medmirror("pull", named[1], expect=2), "medmirror show")
        self.assertIn("MEDMIRROR_ENDPOINT_PHYSIONT",
                      self.medmirror("list", expect=2, env={"MEDMIRROR_ENDPOINT_PHYSIONT": server.url}).err)

    def test_manifest_of_ones_own(self):
        self.origin(UciSite(), "uci")
        self.medmirror("files", "uci/296")

    def test_odd_bytes_in_a_reference(self):
        self.medmirror("pull", "physionet/naïve\udcff", expect=(2, 7))

    def test_paths_with_blanks(self):
        self.mirror = self.folder / "my mirror ü"
        server = self.origin()
        server.site.add("a b/c d.txt", Bytes("x\n"))
        path, result = self.pull(server.url + "/a%20b/")
        self.assert_arrived(path, {"c d.txt": Bytes("x\n")}, result)

    def test_limit_rate(self):
        server = self.origin()
        server.site.add("d/x.bin", Noise(2_000_000, "rate"))
        _, result = self.pull(server.url + "/d/", "--limit-rate", "1M")
        self.assertGreater(result.seconds, 1.2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
