"""Tidying: versions are removed, held and released, leftovers pruned; nothing goes that somebody needs."""

import datetime
import json
import os
import pathlib
import pty
import select
import shutil
import subprocess
import time
import unittest

from journey import SLOWER, Journey
from origins import Noise, PhysioNetSite, Version

FILES = {"RECORDS": Noise(40, "list"), "data/100.dat": Noise(300_000, 1), "data/101.dat": Noise(200_000, 2)}
MORE = {**FILES, "data/102.dat": Noise(100_000, 3)}


class Tidying(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin(PhysioNetSite([Version("demo", "1.0.0", "Demo", FILES),
                                                 Version("demo", "1.1.0", "Demo", MORE),
                                                 Version("other", "1.0.0", "Other", FILES)]), "physionet")

    def members(self, name, version="1.0.0"):
        return self.server.site.projects[name][version].tree.below("")

    def pull_both(self):
        return (self.pull("physionet/demo@1.0.0")[0], self.pull("physionet/demo@1.1.0")[0])

    def listed(self):
        result = self.medmirror("list", "--json", expect=(0, 7))
        return {f"{event['ref']}@{event['version']}": event for event in map(json.loads, result.lines)
                if event["event"] == "dataset"}

    def events(self, result, name):
        return [event for event in map(json.loads, result.lines) if event["event"] == name]

    def assert_gone(self, path):
        for suffix in ("", ".lock.jsonl", ".sha256", ".archives"):
            self.assertFalse(os.path.lexists(str(path) + suffix), str(path) + suffix)

    def test_a_lock_that_cannot_be_read_is_damage_and_hides_nothing(self):
        old, new = self.pull_both()
        lock = old.with_name("1.0.0.lock.jsonl")
        whole = lock.read_bytes()
        lock.chmod(0o644)
        for data in (b"", whole[:40], whole[:-60]):
            lock.write_bytes(data)
            for options in ((), ("--for", "1h"), ("physionet/demo@1.0.0",)):
                result = self.medmirror("verify", *options, expect=3)
                self.assert_explains(result, "1.0.0.lock.jsonl", "medmirror pull physionet/demo@1.0.0")
            self.assertIn("proven       physionet/demo@1.1.0", self.medmirror("verify", expect=3).err)
            for arguments in (("remove", "physionet/demo@1.0.0"), ("copy", "physionet/demo@1.0.0", "out")):
                result = self.medmirror(*arguments, expect=3)
                self.assert_explains(result, "1.0.0.lock.jsonl", "medmirror pull physionet/demo@1.0.0")
            if len(data) < 60:
                result = self.medmirror("list", expect=3)
                self.assertEqual([line.split()[0] for line in result.lines], ["physionet/demo@1.1.0"])
                self.assertIn("1.0.0.lock.jsonl", result.err)
        # With no other version in the mirror.
        lock.write_bytes(b"")
        self.medmirror("remove", "physionet/demo@1.1.0")
        self.assertEqual(self.medmirror("verify", "--json", expect=3).status, 3)
        self.medmirror("path", "physionet/demo", expect=3)
        # What is said to be typed.
        lock.rename(self.folder / "away")
        again, result = self.pull("physionet/demo@1.0.0")
        self.assert_arrived(again, self.members("demo"), result)
        self.medmirror("verify")

    def test_a_folder_that_was_removed_by_hand_is_missed_and_brought_again(self):
        old, new = self.pull_both()
        shutil.rmtree(old)
        for arguments in (("path", "physionet/demo@1.0.0"), ("verify",), ("verify", "--repair"),
                          ("verify", "--for", "1h"), ("copy", "physionet/demo@1.0.0", "out")):
            result = self.medmirror(*arguments, expect=3)
            self.assert_explains(result, old, "medmirror pull physionet/demo@1.0.0")
            self.assertNotIn(str(old), result.out)
        again, result = self.pull("physionet/demo@1.0.0")
        self.assertEqual(again, old)
        self.assert_arrived(old, self.members("demo"), result)
        self.medmirror("verify")
        # The newest, by a sync.
        shutil.rmtree(new)
        self.medmirror("sync")
        self.assert_arrived(new, self.members("demo", "1.1.0"))
        shutil.rmtree(old)
        self.medmirror("remove", "physionet/demo@1.0.0")
        self.assert_gone(old)
        self.medmirror("verify")

    def test_a_folder_in_place_that_went_is_said(self):
        folder = self.folder / "theirs"
        for name, content in self.members("demo").items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content.bytes())
        self.medmirror("adopt", "--in-place", "physionet/demo@1.0.0", folder)
        folder.rename(self.folder / "elsewhere")
        for verb in ("path", "pull", "verify"):
            result = self.medmirror(verb, "physionet/demo@1.0.0", expect=3)
            self.assert_explains(result, folder, "medmirror remove physionet/demo@1.0.0")
            self.assertEqual(result.out, "")
        self.pull("physionet/demo")
        self.medmirror("sync")
        self.medmirror("remove", "physionet/demo@1.0.0")
        self.medmirror("verify")

    def test_a_removal_that_fails_says_what_to_type(self):
        old, _ = self.pull_both()
        private = self.mirror / ".medmirror"
        (private / "removed").write_text("in the way")
        result = self.medmirror("remove", "physionet/demo@1.0.0", expect=9)
        self.assert_explains(result, f"medmirror remove --mirror {self.mirror} physionet/demo@1.0.0")
        self.assertTrue(old.is_dir())
        (private / "removed").unlink()
        self.medmirror("remove", "physionet/demo@1.0.0")
        self.assert_gone(old)

    # remove

    def test_one_of_two_versions(self):
        old, new = self.pull_both()
        result = self.medmirror("remove", "physionet/demo@1.1.0")
        self.assertEqual(result.lines, ["physionet/demo@1.1.0"])
        self.assertIn("6 files", result.err)
        self.assertIn("shared with other versions", result.err)
        self.assert_gone(new)
        self.assert_arrived(old, self.members("demo"))
        self.assertEqual(os.readlink(old.parent / "latest"), "1.0.0")
        self.assertEqual(list(self.listed()), ["physionet/demo@1.0.0"])
        self.medmirror("verify")
        # It comes again, and shares what is here.
        again, _ = self.pull("physionet/demo@1.1.0")
        self.assert_arrived(again, self.members("demo", "1.1.0"))

    def test_figures(self):
        self.pull_both()
        result = self.medmirror("remove", "--json", "--dry-run", "physionet/demo@1.1.0")
        frees = self.events(result, "frees")[0]
        # Hard links or reflinks: what is said depends on the file system, and not on hope.
        if not frees["at_most"]:
            self.assertGreaterEqual(frees["freed_bytes"], 100_000)
            self.assertLess(frees["freed_bytes"], 200_000)
            self.assertEqual(frees["shared_files"], 2)
        whole = self.medmirror("remove", "--json", "--dry-run", "--all", "physionet/demo")
        self.assertEqual(self.events(whole, "frees")[0]["shared_files"], 0)
        self.assertGreaterEqual(self.events(whole, "frees")[0]["freed_bytes"], 600_000)
        self.assertEqual(len(self.listed()), 2)

    def test_several_and_none_named(self):
        paths = self.pull_both()
        result = self.medmirror("remove", "physionet/demo", expect=2)
        self.assert_explains(result, "1.0.0", "1.1.0", "--all")
        self.assertEqual(result.lines, [])
        self.assertEqual(len(self.listed()), 2)
        self.medmirror("remove", "--all", "physionet/demo@1.0.0", expect=2)
        result = self.medmirror("remove", "--all", "physionet/demo")
        self.assertEqual(sorted(result.lines), ["physionet/demo@1.0.0", "physionet/demo@1.1.0"])
        for path in paths:
            self.assert_gone(path)
        self.assert_nothing_installed()
        self.assertFalse((self.mirror / "physionet").exists())

    def test_only_one_needs_no_name(self):
        path, _ = self.pull("physionet/other")
        self.assertEqual(self.medmirror("remove", "physionet/other").lines, ["physionet/other@1.0.0"])
        self.assert_gone(path)
        result = self.medmirror("remove", "physionet/other", expect=7)
        self.assert_explains(result, "physionet/other")

    def test_one_that_is_wrong_keeps_all(self):
        self.pull_both()
        result = self.medmirror("remove", "physionet/demo@1.0.0", "physionet/demo@9", expect=7)
        self.assertIn("Nothing was removed", result.err)
        self.assertEqual(len(self.listed()), 2)

    def test_foreign_files_are_kept(self):
        path, _ = self.pull("physionet/other")
        (path / "masks").mkdir()
        (path / "masks" / "100.png").write_bytes(b"mine")
        (path / "读我.txt").write_bytes(b"too")
        dry = self.medmirror("remove", "-n", "physionet/other")
        self.assertEqual(dry.lines, ["physionet/other@1.0.0"])
        self.assertIn("masks/100.png", dry.err)
        self.assertTrue((path / "masks" / "100.png").exists())
        result = self.medmirror("remove", "physionet/other")
        self.assertIn("2 files", result.err)
        self.assertIn("读我.txt", result.err)
        extra = path.with_name("1.0.0.extra")
        self.assertEqual((extra / "masks" / "100.png").read_bytes(), b"mine")
        self.assertEqual((extra / "读我.txt").read_bytes(), b"too")
        self.assert_gone(path)
        self.assertEqual(self.medmirror("list", expect=7).lines, [])
        # The next version of that name is whole, and they stay.
        again, _ = self.pull("physionet/other")
        self.assert_arrived(again, self.members("other"))
        self.assertTrue((extra / "masks" / "100.png").exists())

    def test_absent_mirror_is_not_made(self):
        for verb in (("remove", "mitdb"), ("prune",), ("hold", "mitdb"), ("release", "mitdb"), ("copy", "mitdb", "x")):
            self.medmirror(*verb, expect=7)
            self.assertFalse(self.mirror.exists(), verb)

    def test_asks_on_a_terminal_alone(self):
        path, _ = self.pull("physionet/other")
        self.assertEqual(self.on_terminal("n\n", "remove", "physionet/other"), 1)
        self.assertTrue(path.is_dir())
        self.assertEqual(self.on_terminal("y\n", "remove", "physionet/other"), 0)
        self.assert_gone(path)
        path, _ = self.pull("physionet/other")
        self.assertEqual(self.on_terminal("", "remove", "--yes", "physionet/other"), 0)
        self.assert_gone(path)

    def on_terminal(self, answer, *arguments):
        main, other = pty.openpty()
        process = subprocess.Popen([self.program, "--mirror", str(self.mirror), *arguments], env=self.environment(),
                                   stdin=other, stdout=subprocess.DEVNULL, stderr=other, cwd=self.folder)
        os.close(other)
        said, end = b"", time.monotonic() + 60 * SLOWER
        asked = False
        while time.monotonic() < end:
            ready, _, _ = select.select([main], [], [], 0.1)
            try:
                said += os.read(main, 65536) if ready else b""
            except OSError:
                break
            if answer and not asked and b"Type y" in said:
                os.write(main, answer.encode())
                asked = True
            if process.poll() is not None and not ready:
                break
        os.close(main)
        status = process.wait(60 * SLOWER)
        self.assertEqual(asked, bool(answer), said)
        return status

    def test_kill_in_the_middle(self):
        """Whenever it dies: the version is here and whole, or gone, and the next run tidies up."""
        many = {f"d{index % 20}/{index}.dat": Noise(600, index) for index in range(800)}
        self.server.site.add(Version("many", "1.0.0", "Many", many))
        path, _ = self.pull("physionet/many")
        (path / "mine.txt").write_text("mine")
        keep = self.folder / "keep"
        shutil.copytree(self.mirror, keep, symlinks=True)
        private = self.mirror / ".medmirror"
        seen = set()
        for round in range(10):
            running = self.start("remove", "physionet/many")
            # At first before it has done anything, then ever later behind its intent.
            self.wait_until(lambda: round < 2 or list((private / "intents").glob("[!.]*")) or not running.is_running)
            time.sleep(0.002 * (round % 5))
            running.kill()
            begun = not (path.is_dir() and path.with_name("1.0.0.lock.jsonl").exists())
            seen.add(begun)
            # Reading shows whole versions alone.
            shown = self.medmirror("list", expect=(0, 7)).out
            self.assertEqual("physionet/many" in shown, not begun, shown)
            # Whoever writes next finishes what was begun.
            self.medmirror("prune")
            if path.is_dir():
                self.medmirror("verify", "physionet/many")
            else:
                self.assert_gone(path)
                self.assertEqual(path.with_name("1.0.0.extra").joinpath("mine.txt").read_text(), "mine")
            self.assertEqual(list((private / "intents").glob("[!.]*")), [])
            removed = private / "removed"
            self.assertEqual(list(removed.iterdir()) if removed.exists() else [], [])
            if not path.is_dir():
                shutil.rmtree(self.mirror)
                shutil.copytree(keep, self.mirror, symlinks=True)
        self.assertIn(True, seen)

    def test_waits_for_who_works_on_it(self):
        path, _ = self.pull("physionet/demo@1.0.0")
        self.server.limit_rate(60_000)
        pulling = self.start("pull", "physionet/demo@1.1.0")
        self.wait_until(lambda: list((self.mirror / ".medmirror" / "owners").glob("*.json")), what="The owner")
        result = self.medmirror("remove", "--no-wait", "physionet/demo@1.0.0", expect=8)
        self.assert_explains(result, pulling.process.pid)
        self.assertTrue(path.is_dir())
        pulling.kill()
        self.server.limit_rate(None)

    # hold, release

    def test_held_stays(self):
        old, new = self.pull_both()
        result = self.medmirror("hold", "physionet/demo@1.0.0", "--until", "2999-06-30", "--note", "MICCAI paper")
        self.assertIn("until 2999-06-30", result.err)
        for arguments in (("physionet/demo@1.0.0",), ("--all", "physionet/demo"), ("-n", "physionet/demo@1.0.0")):
            result = self.medmirror("remove", *arguments, expect=2)
            self.assert_explains(result, "held by", "MICCAI paper", "medmirror release physionet/demo@1.0.0")
        self.assert_arrived(old, self.members("demo"))
        self.assert_arrived(new, self.members("demo", "1.1.0"))
        self.assertIn("MICCAI paper", self.medmirror("list").out)
        held = self.listed()["physionet/demo@1.0.0"]["holds"]
        self.assertEqual([(hold["until"], hold["note"]) for hold in held], [("2999-06-30", "MICCAI paper")])
        self.assertEqual(self.listed()["physionet/demo@1.1.0"]["holds"], [])
        # The index is a cache, and holds are not in it.
        (self.mirror / ".medmirror" / "index.db").unlink()
        self.medmirror("remove", "physionet/demo@1.0.0", expect=2)
        # Of two versions one is held: it is the one that is meant.
        self.medmirror("release", "physionet/demo")
        self.medmirror("release", "physionet/demo", expect=7)
        self.medmirror("remove", "physionet/demo@1.0.0")
        self.assert_gone(old)

    def test_hold_of_another(self):
        path, _ = self.pull("physionet/other")
        self.medmirror("hold", "physionet/other")
        file, = (self.mirror / ".medmirror" / "holds").rglob("*.json")
        hold = json.loads(file.read_text())
        mine = hold["user"]
        file.with_name("bo.json").write_text(json.dumps({**hold, "user": "bo", "note": "thesis"}))
        self.medmirror("release", "physionet/other@1.0.0")
        result = self.medmirror("remove", "physionet/other", expect=2)
        self.assert_explains(result, "bo", "thesis")
        self.assertNotIn(f"held by {mine}", result.err)
        result = self.medmirror("release", "physionet/other", expect=2)
        self.assert_explains(result, "medmirror release --user bo")
        self.medmirror("release", "--user", "bo", "physionet/other")
        self.medmirror("remove", "physionet/other")
        self.assert_gone(path)

    def test_hold_that_is_over(self):
        self.pull("physionet/other")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        self.medmirror("hold", "physionet/other", "--until", str(today - datetime.timedelta(days=2)), expect=2)
        self.medmirror("hold", "physionet/other", "--until", "tomorrow", expect=2)
        self.medmirror("hold", "physionet/other", "--until", "2999-01-01")
        file, = (self.mirror / ".medmirror" / "holds").rglob("*.json")
        file.write_text(file.read_text().replace("2999-01-01", "2020-01-01"))
        self.assertNotIn("held", self.medmirror("list").out)
        self.medmirror("prune")
        self.assertFalse(file.exists())
        self.medmirror("remove", "physionet/other")

    def test_hold_needs_a_version_that_is_here(self):
        self.pull_both()
        self.medmirror("hold", "physionet/demo", expect=2)
        self.medmirror("hold", "physionet/demo@9", expect=7)
        self.medmirror("hold", expect=2)
        self.medmirror("hold", "--release", "--note", "x", "physionet/demo@1.0.0", expect=2)
        self.medmirror("hold", "physionet/demo@1.0.0")
        self.medmirror("hold", "--release", "physionet/demo@1.0.0")
        self.medmirror("remove", "physionet/demo@1.0.0")

    # prune

    def begin(self, ref="physionet/other"):
        """A pull that was killed when some of it was here."""
        self.server.limit_rate(100_000)
        running = self.start("pull", ref)
        self.server.record.wait_for("/files/other/1.0.0/data/100.dat", sent=60_000)
        time.sleep(0.3)
        running.kill()
        self.server.limit_rate(None)

    def test_unfinished_pulls_have_time(self):
        self.begin()
        result = self.medmirror("prune")
        self.assertEqual(result.lines, [])
        self.assert_explains(result, "unfinished", "medmirror pull physionet/other", "prune --unfinished")
        self.assertTrue(list((self.mirror / ".medmirror" / "stage").iterdir()))
        dry = self.medmirror("prune", "--older-than", "0d", "--dry-run")
        self.assertEqual(len(dry.lines), 1, dry)
        self.assertTrue(list((self.mirror / ".medmirror" / "stage").iterdir()))
        self.assertEqual(self.medmirror("prune", "--unfinished", "--older-than", "1h").lines, [])
        result = self.medmirror("prune", "--unfinished")
        self.assertEqual(len(result.lines), 1)
        self.assertIn("physionet/other", result.lines[0])
        for name in ("stage", "partial"):
            self.assertEqual(list((self.mirror / ".medmirror" / name).iterdir()), [])
        path, result = self.pull("physionet/other")
        self.assert_arrived(path, self.members("other"), result)

    def test_remove_of_an_unfinished_pull(self):
        self.begin()
        result = self.medmirror("remove", "physionet/other", expect=7)
        self.assert_explains(result, "medmirror remove --unfinished physionet/other")
        self.medmirror("remove", "--unfinished", "physionet/other")
        self.assertEqual(list((self.mirror / ".medmirror" / "stage").iterdir()), [])
        self.medmirror("remove", "--unfinished", "physionet/other", expect=7)

    def test_a_living_run_is_left_alone(self):
        self.server.limit_rate(100_000)
        running = self.start("pull", "physionet/other")
        self.server.record.wait_for("/files/other/1.0.0/data/100.dat", sent=60_000)
        result = self.medmirror("prune", "--unfinished", "--partial", "--evidence", "--older-than", "0d")
        self.assertEqual(result.lines, [])
        self.assertIn("another run works on it", result.err)
        self.server.limit_rate(None)
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 0)
        self.assert_arrived(result.lines[0], self.members("other"), result)

    def test_orphans_and_evidence(self):
        path, _ = self.pull("physionet/other")
        private = self.mirror / ".medmirror"
        for place in ("partial", "evidence"):
            folder = private / place / "physionet%2Fgone"
            folder.mkdir()
            (folder / "x.bin").write_bytes(bytes(70_000))
        dry = self.medmirror("prune", "-n")
        self.assertEqual([line.split()[0] for line in dry.lines], ["partial", "evidence"])
        self.assertIn("would free", dry.err)
        result = self.medmirror("prune", "--json", "--evidence")
        self.assertEqual([event["kind"] for event in self.events(result, "pruned")], ["evidence"])
        self.assertGreaterEqual(self.events(result, "freed")[0]["bytes"], 70_000)
        self.assertTrue((private / "partial" / "physionet%2Fgone").exists())
        self.assertEqual(len(self.medmirror("prune").lines), 1)
        self.assertEqual(self.medmirror("prune").lines, [])
        self.assert_arrived(path, self.members("other"))

    def test_archives_only_when_asked(self):
        path, _ = self.pull("physionet/other")
        archives = path.with_name("1.0.0.archives")
        archives.mkdir()
        (archives / "set.zip").write_bytes(bytes(50_000))
        self.assertEqual(self.medmirror("prune", "--older-than", "0d").lines, [])
        self.assertTrue(archives.exists())
        self.medmirror("hold", "physionet/other")
        result = self.medmirror("prune", "--archives", expect=2)
        self.assert_explains(result, "held")
        self.medmirror("release", "physionet/other")
        self.assertEqual(len(self.medmirror("prune", "--archives").lines), 1)
        self.assertFalse(archives.exists())
        self.medmirror("verify", "physionet/other")

    def test_wrong_usage(self):
        self.pull("physionet/other")
        self.medmirror("prune", "physionet/other", expect=2)
        self.medmirror("prune", "--older-than", "soon", expect=2)
        self.medmirror("remove", expect=2)
        self.medmirror("remove", "-n", "--yes", "physionet/other", expect=2)

    def test_in_place_is_only_forgotten(self):
        elsewhere = self.folder / "labmate"
        for name, content in self.members("other").items():
            (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
            (elsewhere / name).write_bytes(content.bytes())
        (elsewhere / "preprocess.py").write_text("mine")
        before = self.digests(elsewhere)
        result = self.medmirror("adopt", "physionet/other", elsewhere, "--in-place")
        path = pathlib.Path(result.lines[0])
        self.assertTrue(path.is_symlink() or path == elsewhere, result)
        dry = self.medmirror("remove", "--dry-run", "--json", "physionet/other")
        self.assertTrue(self.events(dry, "removal")[0]["in_place"])
        result = self.medmirror("remove", "physionet/other")
        self.assertIn("stay there", result.err)
        self.assertEqual(self.digests(elsewhere), before)
        self.assert_gone(self.mirror / "physionet" / "other" / "1.0.0")
        self.assertEqual(self.listed(), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
