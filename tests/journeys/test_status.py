"""After a night: what is unfinished and how it goes on, what lies around, what is proven and how long ago."""

import json
import random
import re
import signal
import time
import unittest

import json_events
from journey import INTERRUPT, Journey
from origins import Noise, PhysioNetSite, faults, physionet

MEGABYTE = 1_000_000


class WithAPlainSite(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.members = {name: Noise(size, name) for name, size in
                        (("a1.bin", 12 * MEGABYTE), ("a2.bin", 9000), ("b1.bin", 9000), ("b2.bin", 9000))}
        for name, content in self.members.items():
            self.server.site.add("d/" + name, content)
        self.url = self.server.url + "/d/"

    def some(self, letters):
        return {name: content for name, content in self.members.items() if name[0] in letters}

    def begin(self, *options, number=INTERRUPT):
        """A pull that is stopped when half of the largest file is there; its result."""
        self.server.limit_rate(4 * MEGABYTE)
        running = self.start("pull", self.url, *options)
        self.server.record.wait_for("/d/a1.bin", sent=6 * MEGABYTE)
        result = running.kill() if number is None else (running.send(number), running.wait())[1]
        self.server.limit_rate(None)
        return result

    def events(self, *arguments, **options):
        result = self.medmirror(*arguments, "--json", **options)
        self.assertEqual(json_events.faults(arguments, result.status, result.out), [])
        return [json.loads(line) for line in result.lines]


class Resume(WithAPlainSite):
    def test_goes_on_with_the_options_it_had(self):
        result = self.begin("--include", "a*")
        self.assertEqual(result.status, 130, str(result))
        self.assertTrue(result.err.endswith(f"medmirror pull --resume --mirror {self.mirror} {self.url}\n"), str(result))
        self.server.record.clear()
        path, result = self.pull("--resume", self.url)
        self.assertRegex(result.err, r"going on     \S+ --include 'a\*', begun \d\d:\d\d by you on this machine; "
                                     r"\S+ MB kept")
        self.assert_arrived(path, self.some("a"), result)
        self.assertTrue(any(entry.range and entry.range[0] > 0 for entry in self.server.record.entries("/d/a1.bin")))
        self.assertRegex(self.medmirror("list").out, "part")

    def test_a_kill_keeps_them_too(self):
        self.begin("--exclude", "b*", number=None)
        path, result = self.pull("--resume")
        self.assert_arrived(path, self.some("a"), result)

    def test_every_option_is_kept(self):
        names = self.folder / "tmp" / "names"
        names.write_text("a1.bin\nc9.bin\n")
        self.begin("--files-from", names, "--only", "--keep-archives", "--allow-incomplete")
        names.unlink()
        self.assertIn("--only --keep-archives --allow-incomplete", self.medmirror("status").out)
        result = self.medmirror("pull", "--resume", expect=7)
        self.assert_explains(result, "c9.bin")
        self.assert_tree(self.medmirror("path", self.url).lines[0], {"a1.bin": self.members["a1.bin"]})

    def test_required_trust_is_kept(self):
        self.begin("--require", "declared")
        result = self.medmirror("pull", "--resume", expect=5)
        self.assertIn("--require declared", result.err)
        self.assertIn("a1.bin", result.err)
        self.assert_nothing_installed()

    def test_all_that_is_unfinished(self):
        self.begin("--include", "a*")
        self.server.site.add("e/scan.bin", Noise(12 * MEGABYTE, "scan"))
        self.server.limit_rate(4 * MEGABYTE)
        running = self.start("pull", self.server.url + "/e/")
        self.server.record.wait_for("/e/scan.bin", sent=3 * MEGABYTE)
        running.send(INTERRUPT)
        running.wait()
        self.server.limit_rate(None)
        result = self.medmirror("pull", "--resume")
        self.assertEqual(len(result.lines), 2, str(result))
        self.assertNotIn("unfinished", self.medmirror("status").out)

    def test_when_nothing_is_unfinished(self):
        self.assertIn("Nothing is unfinished", self.medmirror("pull", "--resume").err)
        self.assertFalse(self.mirror.exists())
        path, _ = self.pull(self.url, "--include", "b*")
        self.assertIn("Nothing is unfinished", self.medmirror("pull", "--resume").err)
        again, _ = self.pull("--resume", self.url)
        self.assertEqual(again, path)
        result = self.medmirror("pull", "--resume", self.server.url + "/other/", expect=7)
        self.assert_explains(result, f"medmirror pull {self.server.url}/other/")

    def test_other_options_are_refused(self):
        for option in ("--include=a*", "--exclude=b*", "--only", "--no-unpack", "--keep-archives", "--refresh",
                       "--allow-incomplete", "--require=declared", "--files-from=x"):
            with self.subTest(option):
                self.assertIn("--resume", self.medmirror("pull", "--resume", option, expect=2).err)

    def test_the_origin_failed_and_comes_back(self):
        self.server.faults.add(faults.status(500, "/d/b1.bin"))
        result = self.medmirror("pull", self.url, expect=5)
        self.assertTrue(result.err.endswith(f"medmirror pull --resume --mirror {self.mirror} {self.url}\n"), str(result))
        self.server.faults.clear()
        self.server.record.clear()
        path, result = self.pull("--resume", self.url)
        self.assert_arrived(path, self.members, result)
        self.assertEqual([entry.path for entry in self.server.record.entries("/d/*.bin", "GET")], ["/d/b1.bin"])

    def test_what_was_asked_for_is_lost(self):
        self.begin()
        for file in (self.mirror / ".medmirror" / "stage").rglob("request.json"):
            file.write_text("{")
        self.assert_explains(self.medmirror("pull", "--resume", expect=3), self.url, "medmirror pull")
        self.assert_explains_in_status()
        path, result = self.pull(self.url)
        self.assert_arrived(path, self.members, result)

    def assert_explains_in_status(self):
        self.assertIn(f"medmirror pull --mirror {self.mirror} {self.url}", self.medmirror("status").out)


class Status(WithAPlainSite):
    def test_unfinished_comes_first_with_why_and_how_to_go_on(self):
        self.begin("--include", "a*")
        out = self.medmirror("status").out
        self.assertRegex(out.splitlines()[1], rf"^unfinished   {re.escape(self.url)}   --include 'a\*'   \d\d %, "
                                              r"\S+ MB kept   stopped \d{4}-\d\d-\d\d \d\d:\d\d$")
        self.assertIn("Interrupted", out)
        self.assertRegex(out, r"needs \S+ \S+ more, and there is room for")
        self.assertIn(f"medmirror pull --resume --mirror {self.mirror} {self.url}", out)

    def test_killed(self):
        self.begin(number=None)
        out = self.medmirror("status").out
        self.assertIn("killed", out)
        self.assertIn(f"medmirror pull --resume --mirror {self.mirror} {self.url}", out)

    def test_a_kill_after_an_interrupt_is_a_kill(self):
        self.begin()
        self.server.limit_rate(MEGABYTE)
        running = self.start("pull", "--resume")
        self.server.record.clear()
        self.server.record.wait_for("/d/a1.bin", sent=MEGABYTE // 2)
        running.kill()
        out = self.medmirror("status").out
        self.assertIn("killed", out)
        self.assertNotIn("Interrupted", out)

    def test_running_leftovers_space_proofs_holds(self):
        self.configure(mirror={"max-size": 500 * MEGABYTE, "max-files": 1000, "reserve": 0})
        path, _ = self.pull(self.url)
        label = f"{path.parent.relative_to(self.mirror)}@{path.name}"
        orphan = self.mirror / ".medmirror" / "partial" / "nobody%2Fknows"
        orphan.mkdir()
        (orphan / "1").write_bytes(b"x" * 100_000)
        self.medmirror("hold", label, "--note", "paper")
        out = self.medmirror("status").out
        self.assertRegex(out, r"leftovers    .*partial of no known pull \S+ kB: medmirror prune")
        self.assertRegex(out, r"space        12\.\d MB of 500\.0 MB: versions 12\.0 MB")
        self.assertIn("files        4 of 1000", out)
        self.assertRegex(out, rf"proven       {re.escape(label)}: \d+ s ago")
        self.assertIn("oldest proof", out)
        self.assertRegex(out, rf"held         {re.escape(label)}: .*paper")
        self.server.site.add("e/scan.bin", Noise(12 * MEGABYTE, "scan"))
        self.server.limit_rate(4 * MEGABYTE)
        running = self.start("pull", self.server.url + "/e/")
        self.server.record.wait_for("/e/scan.bin", sent=3 * MEGABYTE)
        out = self.medmirror("status").out
        self.assertRegex(out, rf"running      pull \S+/e by \S+ on \S+ \(process {running.process.pid}")
        self.assertNotIn("unfinished", out)
        running.kill()
        self.medmirror("prune")
        self.assertNotIn("medmirror prune", self.medmirror("status").out)

    def test_json(self):
        self.begin("--include", "a*")
        self.pull(self.server.url + "/d/b1.bin")
        events = self.events("status")
        unfinished = [event for event in events if event["event"] == "unfinished"]
        self.assertEqual([(event["ref"], event["options"], event["resumes"]) for event in unfinished],
                         [(self.url, "--include 'a*'", True)])
        self.assertGreater(unfinished[0]["bytes"], 5 * MEGABYTE)
        self.assertGreater(unfinished[0]["needs"], 2 * MEGABYTE)
        names = [event["event"] for event in events]
        self.assertEqual(names, ["unfinished", "leftovers", "space", "proof", "summary"])
        events = self.events("pull", "--resume")
        self.assertEqual(events[0]["event"], "resume")
        self.assertEqual((events[0]["ref"], events[0]["options"]), (self.url, "--include 'a*'"))

    def test_takes_no_lock_and_needs_no_network(self):
        self.pull(self.url)
        private = self.mirror / ".medmirror"
        before = sorted(str(path) for path in private.rglob("*"))
        self.medmirror("status", no_network=True)
        self.assertEqual(sorted(str(path) for path in private.rglob("*")), before)


class VerifyFor(Journey):
    def setUp(self):
        super().setUp()
        self.site = PhysioNetSite([])
        self.server = self.origin(self.site, "physionet")

    def add(self, slug, sizes=(9000, 9000, 9000)):
        files = {f"{number}.bin": Noise(size, f"{slug}{number}") for number, size in enumerate(sizes)}
        self.site.add(physionet.Version(slug, "1.0.0", slug, files))
        return self.pull(f"physionet/{slug}")[0]

    @property
    def proofs(self):
        text = (self.mirror / ".medmirror" / "proofs.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def write(self, lines):
        (self.mirror / ".medmirror" / "proofs.jsonl").write_text(
            "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def age(self, slug, day):
        """As if SLUG had been proven on that day of 2026, and never since."""
        lines = [line for line in self.proofs if line["folder"] != f"physionet/{slug}"]
        stamp = f"2026-01-{day:02}T03:00:00Z"
        lines.append({"when": stamp, "begun": stamp, "folder": f"physionet/{slug}", "version": "1.0.0",
                      "fingerprint": "mm1:0", "by": "pull", "quick": False, "files": 5, "bytes": 5,
                      "damaged": 0, "missing": 0, "foreign": 0})
        self.write(lines)

    def read(self, result):
        return re.findall(r"^(?:proven|read so far|not proven) +physionet/(\w+)@", result.err, re.MULTILINE)

    def test_the_longest_unproven_come_first(self):
        for slug, day in (("a", 20), ("b", 10), ("c", 15)):
            self.add(slug)
            self.age(slug, day)
        self.add("d")
        result = self.medmirror("verify", "--for", "30s")
        self.assertEqual(self.read(result), ["b", "c", "a", "d"], str(result))
        self.assertRegex(result.err, r"(?m)^\S+ kB of \S+ kB read in .*; every byte within \d+ s")
        for slug, day in (("a", 20), ("c", 15)):
            self.age(slug, day)
        self.assertEqual(self.read(self.medmirror("verify", "--for", "30s", "physionet/a", "physionet/c")), ["c", "a"])

    def test_a_proof_is_written_for_each_version_and_run(self):
        path = self.add("a")
        self.medmirror("verify", "--for", "30s")
        pulled, verified = self.proofs
        self.assertEqual((pulled["by"], verified["by"]), ("pull", "verify"))
        self.assertEqual((verified["folder"], verified["version"], verified["damaged"], verified["missing"]),
                         ("physionet/a", "1.0.0", 0, 0))
        files = [file for file in path.iterdir() if file.is_file()]
        self.assertEqual(verified["files"], len(files))
        self.assertEqual(verified["bytes"], sum(file.stat().st_size for file in files))
        self.assertRegex(verified["tool"], r"^medmirror/\d")
        self.assertNotIn("upto", verified)

    def slices(self, slug):
        return [(line.get("after"), line.get("upto")) for line in self.proofs
                if line["folder"] == f"physionet/{slug}" and line["by"] == "verify"]

    def test_a_version_is_gone_on_with_where_the_last_run_stopped(self):
        """An interrupted run stops behind a file; the next reads the rest and nothing twice."""
        path = self.add("a", [9000] * 5)
        fingerprint = self.proofs[0]["fingerprint"]
        lines = self.proofs
        lines.append({"when": "2026-11-01T03:00:00Z", "begun": "2026-11-01T02:00:00Z", "folder": "physionet/a",
                      "version": "1.0.0", "fingerprint": fingerprint, "by": "verify", "quick": False, "files": 3,
                      "bytes": 27000, "damaged": 0, "missing": 0, "foreign": 0, "upto": "2.bin"})
        self.write(lines)
        self.assertRegex(self.medmirror("status").out, "again since")
        self.flip(path / "0.bin")  # read already in this proof: not looked at
        result = self.medmirror("verify", "--for", "30s")
        last = self.proofs[-1]
        self.assertEqual((last["after"], last.get("upto"), last["begun"]), ("2.bin", None, "2026-11-01T02:00:00Z"))
        self.assertEqual(last["files"], len(self.digests(path)) - 3, str(result))
        self.assertIn("every byte within", result.err)
        # The next begins at the beginning, and sees it.
        self.assertIn("0.bin", self.medmirror("verify", "--for", "30s", expect=3).err)

    def test_a_version_that_has_grown_is_read_anew(self):
        self.add("a")
        lines = self.proofs
        lines.append({**lines[0], "by": "verify", "fingerprint": "mm1:another", "upto": "1.bin"})
        self.write(lines)
        self.medmirror("verify", "--for", "30s")
        self.assertEqual(self.slices("a")[-1], (None, None))

    def test_time_is_kept_and_the_runs_together_prove_all(self):
        """Many files and little time: each run proves some, all are proven in the end, none is read twice."""
        path = self.add("a", [100_000] * 1000)
        count, pulled = len(self.digests(path)), self.proofs
        chance = random.Random(20_261_124)
        for _ in range(60):
            self.write(pulled)
            # The second passes while the run stands still: whatever it has begun it ends, no more.
            while not self.slices("a") or self.slices("a")[-1][1] is not None:
                running = self.start("verify", "--for", "1s")
                time.sleep(chance.uniform(0.005, 0.1))
                running.send(signal.SIGSTOP)
                time.sleep(1.1)
                running.send(signal.SIGCONT)
                self.assert_status(running.wait(), 0)
            if len(self.slices("a")) > 2:
                break
        slices = self.slices("a")
        self.assertGreater(len(slices), 2, "No run was cut short.")
        self.assertEqual([upto for _, upto in slices[:-1]], [after for after, _ in slices[1:]])
        self.assertEqual((slices[0][0], slices[-1][1]), (None, None))
        lines = [line for line in self.proofs if line["by"] == "verify"]
        self.assertEqual(sum(line["files"] for line in lines), count)
        self.assertEqual(len({line["begun"] for line in lines}), 1)

    def test_damage_is_told_and_does_not_come_first_for_ever(self):
        path = self.add("a")
        self.add("b")
        self.age("a", 1)
        self.age("b", 2)
        self.flip(path / "1.bin")
        result = self.medmirror("verify", "--for", "30s", expect=3)
        self.assert_explains(result, "1.bin", "medmirror verify --repair")
        self.assertEqual(self.read(result), ["a", "b"])
        self.assertRegex(result.err, r"every byte within \d+ days \(the oldest proof is that of physionet/a@1.0.0\)")
        self.add("c")
        self.age("c", 3)
        self.assertEqual(self.read(self.medmirror("verify", "--for", "30s", expect=3))[0], "c")

    def test_damage_is_mended_on_the_way(self):
        path = self.add("a")
        self.flip(path / "1.bin")
        result = self.medmirror("verify", "--for", "30s", "--repair")
        self.assertIn("1 mended", result.err)
        self.assertEqual([line["by"] for line in self.proofs], ["pull", "verify", "repair"])
        self.assertRegex(result.err, r"every byte within \d+ s")
        self.medmirror("verify")

    def test_broken_lines_are_passed_over(self):
        self.add("a")
        file = self.mirror / ".medmirror" / "proofs.jsonl"
        with open(file, "ab") as stream:
            stream.write(b'{"when":"2026-11-0')
        self.medmirror("verify", "--for", "30s")
        self.assertEqual([line for line in file.read_bytes().splitlines() if not line.endswith(b"}")],
                         [b'{"when":"2026-11-0'])
        self.assertRegex(self.medmirror("status").out, r"proven       physionet/a@1.0.0: \d+ s ago")

    def test_without_its_index_and_its_proofs_it_begins_anew(self):
        self.add("a")
        for name in ("index.db", "proofs.jsonl"):
            (self.mirror / ".medmirror" / name).unlink(missing_ok=True)
        self.assertIn("1 version; read it", self.medmirror("status").out)
        self.medmirror("verify", "--for", "30s")
        self.assertEqual(self.slices("a"), [(None, None)])

    def test_wrong_use(self):
        self.add("a")
        for arguments in (["--for", "soon"], ["--for", "0s"], ["--for", "5m", "--quick"], ["--for", "5m", "./x"]):
            with self.subTest(arguments):
                self.assertIn("--for", self.medmirror("verify", *arguments, expect=2).err)
        self.assert_explains(self.medmirror("verify", "--for", "5m", "physionet/b", expect=7), "physionet/b")

    def test_json(self):
        self.add("a")
        result = self.medmirror("verify", "--for", "30s", "--json")
        self.assertEqual(json_events.faults(result.arguments, 0, result.out), [])
        events = [json.loads(line) for line in result.lines]
        self.assertEqual([event["event"] for event in events], ["verified", "proofs", "summary"])
        self.assertTrue(events[0]["complete"])
        self.assertEqual(events[1]["read"], events[1]["bytes"])
        self.assertEqual((events[1]["versions"], events[1]["unproven"]), (1, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
