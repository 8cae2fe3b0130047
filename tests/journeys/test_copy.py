"""copy REF DIR and pull --to DIR: a tree of one's own, whole or not there at all."""

import hashlib
import json
import os
import shutil
import stat
import unittest

from journey import SLOWER, TERMINATE, Journey
from origins import Noise, PhysioNetSite, PlainSite, Version

FILES = {"readme.txt": Noise(50, "readme"), "a/1.bin": Noise(200_000, 1), "a/b/2.bin": Noise(300_000, 2),
         "a/空 格.bin": Noise(5_000, 3)}


class Copy(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin(PlainSite())
        for name, content in FILES.items():
            self.server.site.add(f"set/{name}", content)
        self.place = self.folder / "mine"
        self.partial = self.folder / "mine.partial"

    @property
    def url(self):
        return f"{self.server.url}/set/"

    @property
    def ref(self):
        return f"http/127.0.0.1_{self.server.url.rpartition(':')[2]}/set"

    def test_copy_is_writable_and_ones_own(self):
        path, _ = self.pull(self.url)
        result = self.medmirror("copy", self.ref, self.place)
        self.assertEqual(result.lines, [str(self.place)])
        self.assert_tree(self.place, FILES)
        self.assertFalse(self.partial.exists())
        for file in self.place.rglob("*"):
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o755 if file.is_dir() else 0o644, file)
        # To change it changes nothing in the mirror.
        (self.place / "readme.txt").write_text("changed")
        (self.place / "a" / "1.bin").unlink()
        self.assert_arrived(path, FILES)
        self.medmirror("verify")

    def test_umask_is_asked(self):
        self.pull(self.url)
        before = os.umask(0o027)
        try:
            self.medmirror("copy", self.ref, self.place)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE((self.place / "a").stat().st_mode), 0o750)
        self.assertEqual(stat.S_IMODE((self.place / "a" / "1.bin").stat().st_mode), 0o640)

    def test_relative_and_deep(self):
        self.pull(self.url)
        result = self.medmirror("copy", self.ref, "new/deep/er")
        self.assertEqual(result.lines, [str(self.folder / "new/deep/er")])
        self.assert_tree(self.folder / "new/deep/er", FILES)

    def test_what_is_not_the_datasets_is_not_copied(self):
        path, _ = self.pull(self.url)
        (path / "mask.png").write_text("mine")
        self.medmirror("copy", self.ref, self.place)
        self.assert_tree(self.place, FILES)

    def test_an_empty_folder_will_do_and_no_other(self):
        self.pull(self.url)
        self.place.mkdir()
        self.medmirror("copy", self.ref, self.place)
        result = self.medmirror("copy", self.ref, self.place, expect=2)
        self.assert_explains(result, self.place, "not empty")
        (self.folder / "file").write_text("x")
        self.medmirror("copy", self.ref, self.folder / "file", expect=2)
        self.medmirror("copy", self.ref, self.mirror / "inside", expect=2)
        self.medmirror("copy", self.ref, expect=2)
        (self.folder / "link").symlink_to(self.folder / "elsewhere")
        self.medmirror("copy", self.ref, self.folder / "link", expect=2)
        # A folder of that name that no copy made is somebody's.
        other = self.folder / "x.partial"
        other.mkdir()
        (other / "thesis.tex").write_text("mine")
        result = self.medmirror("copy", self.ref, self.folder / "x", expect=2)
        self.assert_explains(result, other)
        self.assertEqual((other / "thesis.tex").read_text(), "mine")
        self.assert_tree(self.place, FILES)

    def test_damage_makes_no_copy(self):
        path, _ = self.pull(self.url)
        self.flip(path / "a" / "b" / "2.bin")
        (path / "readme.txt").unlink()
        result = self.medmirror("copy", self.ref, self.place, expect=3)
        self.assert_explains(result, "a/b/2.bin", "readme.txt", "verify --repair")
        self.assertEqual(result.lines, [])
        self.assertFalse(self.place.exists())
        self.assertFalse((self.partial / "a" / "b" / "2.bin").exists())
        self.medmirror("verify", "--repair", self.ref)
        self.medmirror("copy", self.ref, self.place)
        self.assert_tree(self.place, FILES)
        self.assertFalse(self.partial.exists())

    def test_interrupted_copy_goes_on(self):
        self.server.site.add("large/0.bin", Noise(60_000_000, "zero"))
        members = {"0.bin": Noise(60_000_000, "zero")}
        for index in range(1, 40):
            members[f"{index}.bin"] = Noise(100_000, index)
            self.server.site.add(f"large/{index}.bin", members[f"{index}.bin"])
        path, _ = self.pull(f"{self.server.url}/large/")
        ref = self.ref.replace("/set", "/large")
        for end in ("term", "kill"):
            shutil.rmtree(self.partial, ignore_errors=True)
            running = self.start("copy", ref, self.place)
            self.wait_until(lambda: not running.is_running or (self.partial / "0.bin").exists(), what="The copy")
            if end == "kill":
                running.kill()
            else:
                running.send(TERMINATE)
                result = running.wait(60 * SLOWER)
                self.assert_status(result, (0, 143))
                if result.status == 143:
                    self.assert_explains(result, f"medmirror copy {ref}")
            self.assertTrue(self.partial.exists() or self.digests(self.place) == self.digests(path))
            if self.place.exists():
                break
        if not self.place.exists():
            # What it left is looked at, and what is wrong in it is made anew.
            (self.partial / "1.bin").write_bytes(b"half")
            result = self.medmirror("copy", "--json", ref, self.place)
            self.assertEqual(json.loads(result.lines[-2])["event"], "copied")
        self.assert_tree(self.place, members)
        self.assertFalse(self.partial.exists())

    def test_partial_of_another_version_is_no_beginning(self):
        self.pull(self.url)
        self.partial.mkdir()
        (self.partial / ".medmirror-copy").write_text("mm1:" + "0" * 64)
        (self.partial / "stray.bin").write_text("of another version")
        self.medmirror("copy", self.ref, self.place)
        self.assert_tree(self.place, FILES)

    def test_absent_and_several(self):
        self.pull(self.url)
        self.medmirror("copy", "physionet/nothing", self.place, expect=7)
        self.assertFalse(self.place.exists())
        self.assertFalse(self.partial.exists())

    def test_needs_no_network_and_no_writable_mirror(self):
        self.pull(self.url)
        self.medmirror("copy", self.ref, self.place, no_network=True)
        self.assert_tree(self.place, FILES)

    # pull --to

    def test_pull_to(self):
        result = self.medmirror("pull", self.url, "--to", self.place)
        self.assertEqual(result.lines, [str(self.place)])
        self.assert_tree(self.place, FILES)
        installed = self.medmirror("path", self.ref).lines[0]
        self.assert_arrived(installed, FILES, result)
        # Again elsewhere: nothing is fetched.
        sent = self.server.record.bytes_sent("/set/a/1.bin")
        result = self.medmirror("pull", self.url, "--to", "again")
        self.assertEqual(result.lines, [str(self.folder / "again")])
        self.assertEqual(self.server.record.bytes_sent("/set/a/1.bin"), sent)
        self.assert_tree(self.folder / "again", FILES)

    def test_pull_to_a_folder_that_is_taken_fetches_nothing(self):
        self.place.mkdir()
        (self.place / "x").write_text("mine")
        result = self.medmirror("pull", self.url, "--to", self.place, expect=2)
        self.assert_explains(result, self.place)
        self.assertEqual(self.server.record.bytes_sent("/set/a/1.bin"), 0)
        self.medmirror("pull", self.url, f"{self.server.url}/other/", "--to", "y", expect=2)
        self.medmirror("pull", "--resume", "--to", "y", expect=2)

    def test_pull_to_that_fails_makes_nothing(self):
        result = self.medmirror("pull", f"{self.server.url}/nothing/", "--to", self.place, expect=7)
        self.assertEqual(result.lines, [])
        self.assertFalse(self.place.exists())
        self.medmirror("pull", "--dry-run", self.url, "--to", self.place)
        self.assertFalse(self.place.exists())

    def test_a_place_that_cannot_be_made_is_said_with_the_line_that_makes_the_copy(self):
        for arguments in (("pull", self.url, "--to", "/proc/nothing"), ("copy", self.ref, "/proc/nothing")):
            result = self.medmirror(*arguments, expect=6)
            self.assertRegex(result.err, f"medmirror copy --mirror {self.mirror} .*{self.ref}.* '/proc/nothing'")
            self.assertEqual(result.out, "")

    def test_pull_to_goes_on_by_resume(self):
        self.server.limit_rate(100_000)
        running = self.start("pull", self.url, "--to", self.place)
        self.server.record.wait_for("/set/a/b/2.bin", sent=50_000)
        running.send(TERMINATE)
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 143)
        self.assertFalse(self.place.exists())
        self.server.limit_rate(None)
        result = self.medmirror("pull", "--resume")
        self.assertEqual(result.lines, [str(self.place)])
        self.assert_tree(self.place, FILES)

    def test_part_is_said(self):
        self.pull(self.url, "--include", "a/*")
        result = self.medmirror("copy", self.ref, self.place)
        self.assertIn("part", result.err)
        self.assert_tree(self.place, {name: content for name, content in FILES.items() if name.startswith("a/")})


class Restricted(Journey):
    def test_restricted_copy_is_ones_own(self):
        site = PhysioNetSite([Version("closed", "1.0.0", "Closed", {"data.bin": Noise(9000, 1)})])
        self.origin(site, "physionet")
        path, _ = self.pull("physionet/closed")
        # As a puller of restricted data has it: for nobody else.
        lock = path.with_name("1.0.0.lock.jsonl")
        lines = lock.read_text().splitlines(keepends=True)
        header = json.loads(lines[0])
        header["access"] = "credentialed"
        lock.chmod(0o600)
        lock.write_text(json.dumps(header) + "\n" + "".join(lines[1:]))
        place = self.folder / "mine"
        before = os.umask(0)
        try:
            result = self.medmirror("copy", "physionet/closed", place)
        finally:
            os.umask(before)
        self.assertIn("readable by you alone", result.err)
        for found in (place, *place.rglob("*")):
            self.assertEqual(stat.S_IMODE(found.stat().st_mode), 0o700 if found.is_dir() else 0o600, found)
        content = Noise(9000, 1)
        self.assertEqual(hashlib.sha256((place / "data.bin").read_bytes()).hexdigest(), content.digest())


if __name__ == "__main__":
    unittest.main(verbosity=2)
