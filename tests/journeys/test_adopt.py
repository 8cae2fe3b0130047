"""Files that were downloaded by hand become a version: whatever layout they have, verified like any other, and nothing
of what a person has is lost."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import time
import unittest

import json_events
from journey import INTERRUPT, SLOWER, Journey
from origins import Bytes, Noise, PhysioNetSite, UciCdnSite, UciSite, archives, faults


def write_tree(folder, files):
    """{path: Content} as somebody's folder."""
    for name, content in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.bytes())
    return pathlib.Path(folder)


def snapshot(folder):
    """What must be the same afterwards, where nothing was to be touched."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns,
                                            path.lstat().st_ino)
            for path in sorted(pathlib.Path(folder).rglob("*"))}


def lock_lines(path):
    """The lock beside PATH: its header and its other lines."""
    lines = [json.loads(line) for line in path.with_name(path.name + ".lock.jsonl").read_text().splitlines()]
    return lines[0], lines[1:]


class Adoption(Journey):
    def adopt(self, ref, source, *options, **more):
        """Adopts; the path of the version."""
        result = self.medmirror("adopt", *options, ref, source, **more)
        self.assertEqual(len(result.lines), 1, str(result))
        return pathlib.Path(result.lines[0]), result

    def adopt_fails(self, status, ref, source, *options, **more):
        """Refused with STATUS: nothing is installed, nothing stays in the stage, SOURCE is as it was."""
        before = snapshot(source) if pathlib.Path(source).is_dir() else pathlib.Path(source).read_bytes()
        result = self.medmirror("adopt", *options, ref, source, expect=status, **more)
        after = snapshot(source) if pathlib.Path(source).is_dir() else pathlib.Path(source).read_bytes()
        self.assertEqual(after, before)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, r"medmirror [a-z-]+", f"No line to type next.\n{result}")
        self.assert_no_stage()
        return result

    def assert_no_stage(self):
        stage = self.mirror / ".medmirror" / "stage"
        self.assertEqual([path for path in stage.rglob("*")] if stage.exists() else [], [])


class FromPhysioNet(Adoption):
    """A source that lists every file with its digest."""

    def setUp(self):
        super().setUp()
        self.site = self.origin(PhysioNetSite(), "physionet")
        self.version = self.site.site.latest("mitdb")
        self.files = self.version.tree.below("")
        self.downloads = self.folder / "downloads"

    def data_requests(self):
        return [entry.path for entry in self.site.record.entries("/files/mitdb/*", "GET")
                if not entry.path.endswith(("SHA256SUMS.txt", "/"))]

    def pulled_fingerprint(self):
        """What a pull into another mirror would have given."""
        own, self.mirror = self.mirror, self.folder / "other-mirror"
        path, result = self.pull("mitdb")
        lines = lock_lines(path)[1]
        self.mirror = own
        return result.fingerprint, lines

    def test_a_tree_is_compared_with_the_sources_list_and_left_as_it_was(self):
        write_tree(self.downloads, self.files)
        before = snapshot(self.downloads)
        path, result = self.adopt("mitdb", self.downloads)
        self.assertEqual(path, self.mirror / "physionet" / "mitdb" / self.version.version)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(snapshot(self.downloads), before)
        self.assertEqual(self.data_requests(), [])
        header, lines = lock_lines(path)
        self.assertEqual((header["version_from"], header["failed"], header["access"]), ("source", 0, "open"))
        self.assertNotIn("in_place", header)
        fingerprint, pulled_lines = self.pulled_fingerprint()
        self.assertEqual(result.fingerprint, fingerprint)
        self.assertEqual([line for line in lines if "file" in line], [line for line in pulled_lines if "file" in line])
        self.medmirror("verify", "mitdb")
        self.site.record.clear()
        again, result = self.pull("mitdb")
        self.assertEqual(again, path)
        self.assertEqual(self.data_requests(), [])
        self.assertRegex(result.err, "up to date")

    def test_no_hard_link_of_what_its_owner_can_still_write(self):
        write_tree(self.downloads, self.files)
        path, _ = self.adopt("mitdb", self.downloads)
        self.assertEqual({file.stat().st_nlink for file in self.downloads.rglob("*") if file.is_file()}, {1})
        name = next(name for name in self.files if name.endswith(".dat"))
        (self.downloads / name).write_bytes(b"changed")
        self.assert_tree(path, self.files)

    def test_wgets_layout_tells_where_and_which_version(self):
        below = f"physionet.org/files/mitdb/{self.version.version}"
        write_tree(self.downloads / below, self.files)
        write_tree(self.downloads, {"physionet.org/robots.txt": Bytes("x"), "wget-log": Bytes("y"),
                                    f"{below}/index.html": Bytes("<html>")})
        result = self.medmirror("adopt", "physionet/mitdb", self.downloads)
        self.assertIn("3 files, left where they are", result.err, str(result))
        self.assert_arrived(pathlib.Path(result.lines[0]), self.files, result)

    def test_an_older_version_of_wgets_layout_is_that_version(self):
        old = self.site.site.projects["growing"]["1.9.2"]
        write_tree(self.downloads / "physionet.org/files/growing/1.9.2", old.tree.below(""))
        path, result = self.adopt("physionet/growing", self.downloads)
        self.assertEqual(path.name, "1.9.2")
        self.assert_arrived(path, old.tree.below(""), result)

    def test_another_version_is_caught_by_its_digests(self):
        old = self.site.site.projects["growing"]["1.9.2"].tree.below("")
        new = self.site.site.projects["growing"]["1.10.0"].tree.below("")
        write_tree(self.downloads, {**new, **old})
        result = self.adopt_fails(3, "physionet/growing", self.downloads)
        self.assertIn("VERSION", result.err)
        self.assert_nothing_installed()
        path, result = self.adopt("physionet/growing@1.9.2", self.downloads)
        self.assert_arrived(path, old, result)

    def test_the_zip_as_it_is_downloaded(self):
        archive = self.folder / self.version.zip_name
        archive.write_bytes(self.version.make_zip())
        before = archive.read_bytes()
        path, result = self.adopt("mitdb", archive)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(archive.read_bytes(), before)
        self.assertEqual(result.fingerprint, self.pulled_fingerprint()[0])
        self.assert_no_stage()

    def test_the_top_folder_of_the_zip_unpacked_by_hand(self):
        write_tree(self.downloads / self.version.zip_name.removesuffix(".zip"), self.files)
        path, result = self.adopt("mitdb", self.downloads)
        self.assert_arrived(path, self.files, result)

    def test_a_zip_in_a_folder(self):
        self.downloads.mkdir()
        (self.downloads / "any name.zip").write_bytes(self.version.make_zip())
        path, result = self.adopt("mitdb", self.downloads)
        self.assert_arrived(path, self.files, result)

    def test_a_truncated_zip(self):
        archive = self.folder / self.version.zip_name
        archive.write_bytes(self.version.make_zip()[:-2000])
        result = self.adopt_fails((3, 9), "mitdb", archive)
        self.assertIn(archive.name, result.err)
        self.assert_nothing_installed()

    def test_a_wrong_dataset(self):
        write_tree(self.downloads, {"faces/1.png": Noise(2000, 1), "faces/2.png": Noise(2000, 2)})
        result = self.adopt_fails(2, "mitdb", self.downloads)
        self.assertIn("faces/1.png", result.err)
        self.assertRegex(result.err, r"10[0-9]\.(atr|dat|hea)")
        self.assert_nothing_installed()

    def test_a_half_downloaded_and_a_wrong_file(self):
        write_tree(self.downloads, self.files)
        dats = sorted(name for name in self.files if name.endswith(".dat"))
        half, flipped = self.downloads / dats[0], self.downloads / dats[1]
        half.write_bytes(self.files[dats[0]].bytes()[:-100])
        data = bytearray(self.files[dats[1]].bytes())
        data[7] ^= 1
        flipped.write_bytes(data)
        result = self.adopt_fails(3, "mitdb", self.downloads)
        self.assertIn(hashlib.sha256(data).hexdigest(), result.err)
        self.assertIn(self.files[dats[1]].digest(), result.err)
        self.assertIn(str(half), result.err)
        self.assert_nothing_installed()
        path, result = self.adopt_incomplete(3)
        self.assert_tree(path, {name: content for name, content in self.files.items() if name not in dats[:2]})
        self.complete(path, dats[:2])

    def adopt_incomplete(self, status):
        result = self.medmirror("adopt", "--allow-incomplete", "mitdb", self.downloads, expect=status)
        self.assertIn("medmirror pull physionet/mitdb", result.err)
        self.assertNotIn("nothing was installed", result.err)
        self.assertRegex(self.medmirror("list", "mitdb").out, r"part: all but \d+ file")
        return pathlib.Path(self.medmirror("path", "mitdb").lines[0]), result

    def complete(self, path, names):
        """A pull fetches these and no others."""
        self.site.record.clear()
        again, result = self.pull("mitdb")
        self.assertEqual(again, path)
        self.assert_arrived(path, self.files, result)
        asked = {entry.rpartition(f"/mitdb/{self.version.version}/")[2] for entry in self.data_requests()}
        self.assertEqual(asked, set(names))

    def test_missing_files_are_refused_and_then_pulled(self):
        lacking = sorted(name for name in self.files if name.endswith(".atr"))[:2]
        write_tree(self.downloads, {name: content for name, content in self.files.items() if name not in lacking})
        result = self.adopt_fails(3, "mitdb", self.downloads)
        self.assertIn("--allow-incomplete", result.err)
        for name in lacking:
            self.assertIn(name, result.err)
        self.assert_nothing_installed()
        path, result = self.adopt_incomplete(0)
        self.assertEqual(lock_lines(path)[0]["failed"], len(lacking))
        self.complete(path, lacking)

    def test_a_selection_makes_a_part_that_a_pull_completes(self):
        part = {name: content for name, content in self.files.items() if name.endswith(".hea")}
        write_tree(self.downloads, part)
        path, result = self.adopt("mitdb", self.downloads, "--include", "*.hea")
        self.assert_arrived(path, part, result)
        self.assertIn("medmirror pull physionet/mitdb", result.err)
        self.complete(path, set(self.files) - set(part) - {"SHA256SUMS.txt"})

    def test_one_file_for_a_version_that_lacks_it(self):
        lacking = sorted(name for name in self.files if name.endswith(".atr"))[0]
        write_tree(self.downloads, {name: content for name, content in self.files.items() if name != lacking})
        path, _ = self.adopt_incomplete(0)
        given = write_tree(self.folder / "mail", {lacking: self.files[lacking]}) / lacking
        again, result = self.adopt("mitdb", given)
        self.assertEqual(again, path)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(lock_lines(path)[0]["failed"], 0)

    def test_what_a_pull_could_not_get_is_added_to_what_it_got(self):
        lacking = sorted(name for name in self.files if name.endswith(".dat"))[0]
        self.site.faults.add(faults.status(404, f"*/{lacking}"))
        self.medmirror("pull", "mitdb", expect=7)
        self.site.faults.clear()
        self.site.record.clear()
        write_tree(self.downloads, {lacking: self.files[lacking]})
        path, result = self.adopt("mitdb", self.downloads)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(self.data_requests(), [])

    def test_an_unfinished_pull_keeps_what_it_has(self):
        lacking = sorted(name for name in self.files if name.endswith(".dat"))[0]
        self.site.faults.add(faults.status(500, f"*/{lacking}"))
        self.medmirror("pull", "mitdb", expect=5)
        self.site.faults.clear()
        write_tree(self.downloads, {lacking: Bytes("wrong")})
        self.medmirror("adopt", "mitdb", self.downloads, expect=3)
        self.medmirror("adopt", "--in-place", "mitdb", self.downloads, expect=2)
        write_tree(self.downloads, {lacking: self.files[lacking]})
        self.site.record.clear()
        path, result = self.adopt("mitdb", self.downloads)
        self.assert_arrived(path, self.files, result)
        self.assertEqual(self.data_requests(), [])
        self.assert_no_stage()

    def test_by_move(self):
        write_tree(self.downloads, {**self.files, "mine/notes.txt": Bytes("mine")})
        inodes = {name: (self.downloads / name).stat().st_ino for name in self.files}
        path, result = self.adopt("mitdb", self.downloads, "--move")
        self.assert_arrived(path, self.files, result)
        self.assertEqual({name: (path / name).stat().st_ino for name in self.files}, inodes)
        left = [str(one.relative_to(self.downloads)) for one in self.downloads.rglob("*") if one.is_file()]
        self.assertEqual(left, ["mine/notes.txt"])
        self.medmirror("verify", "mitdb")

    def test_a_move_that_was_killed_after_its_install_is_finished(self):
        write_tree(self.downloads, self.files)
        path, _ = self.adopt("mitdb", self.downloads, "--move")
        # What a kill leaves before the first original goes, and later.
        names = sorted(self.files)
        for left in (names, names[3:]):
            write_tree(self.downloads, {"mine.txt": Bytes("mine")})
            for name in left:
                (self.downloads / "below" / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(path / name, self.downloads / "below" / name)
            changed = self.downloads / "below" / "changed.dat"
            changed.write_bytes(self.files[left[0]].bytes())
            self.adopt("mitdb", self.downloads)
            self.assertEqual(len(self.digests(self.downloads / "below")), len(left) + 1)
            again, result = self.adopt("mitdb", self.downloads, "--move")
            self.assertEqual(again, path)
            self.assertIn(f"{len(left)} originals are the mirror's now", result.err)
            self.assertEqual(set(snapshot(self.downloads)), {"below", "below/changed.dat", "mine.txt"})
            self.assertEqual({file.stat().st_nlink for file in path.rglob("*") if file.is_file()}, {1})
            self.assert_arrived(path, self.files, result)
            self.medmirror("verify", "--quick", "mitdb")

    def test_a_move_that_fails_moves_nothing(self):
        write_tree(self.downloads, self.files)
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        data = bytearray(self.files[name].bytes())
        data[0] ^= 1
        (self.downloads / name).write_bytes(data)
        self.adopt_fails(3, "mitdb", self.downloads, "--move")
        self.assertEqual({file.stat().st_nlink for file in self.downloads.rglob("*") if file.is_file()}, {1})
        self.assert_nothing_installed()

    def test_a_file_with_another_name_elsewhere_is_copied_by_a_move(self):
        write_tree(self.downloads, self.files)
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        twin = self.folder / "twin"
        os.link(self.downloads / name, twin)
        path, result = self.adopt("mitdb", self.downloads, "--move")
        self.assert_arrived(path, self.files, result)
        self.assertNotEqual((path / name).stat().st_ino, twin.stat().st_ino)
        self.assertFalse((self.downloads / name).exists())
        self.assertEqual(twin.read_bytes(), self.files[name].bytes())

    def test_in_place(self):
        tree = write_tree(self.downloads / "shared", {**self.files, "preprocess.py": Bytes("import x")})
        before = snapshot(tree)
        path, result = self.adopt("mitdb", tree, "--in-place")
        self.assertTrue(path.is_symlink())
        self.assertEqual(os.readlink(path), str(tree))
        self.assertEqual(snapshot(tree), before)
        header, _ = lock_lines(path)
        self.assertEqual(header["in_place"], str(tree))
        self.assertIn("in place", result.err)
        self.assertIn("1 file, left where it is: preprocess.py", result.err)
        self.assertEqual(result.fingerprint, self.pulled_fingerprint()[0])
        for arguments in (("list",), ("show", "mitdb"), ("versions", "mitdb"), ("path", "mitdb"), ("status",)):
            self.assertNotRegex(self.medmirror(*arguments).err, "refused|damaged")
        self.assertEqual(self.medmirror("path", "mitdb").lines, [str(path)])
        self.assertIn(f"in place: {tree}", self.medmirror("list").out)
        self.assertRegex(self.medmirror("status").out, r"space +0 bytes")
        self.assertIn(str(tree), self.medmirror("sync").err)
        self.medmirror("verify", "mitdb")
        self.assertRegex(self.pull("mitdb")[1].err, "up to date")
        again, result = self.adopt("mitdb", tree, "--in-place")
        self.assertEqual(again, path)
        self.assertEqual(snapshot(tree), before)
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        data = bytearray(self.files[name].bytes())
        data[3] ^= 1
        (tree / name).write_bytes(data)
        before = snapshot(tree)
        result = self.medmirror("verify", "mitdb", expect=3)
        self.assertIn(name, result.err)
        result = self.medmirror("verify", "--repair", "mitdb", expect=3)
        self.assertIn(str(tree), result.err)
        self.assertEqual(snapshot(tree), before)
        shutil.rmtree(tree)
        self.assert_explains(self.medmirror("verify", "mitdb", expect=3), tree, "medmirror remove")

    def test_in_place_is_forgotten_and_the_files_stay(self):
        tree = write_tree(self.downloads, self.files)
        before = snapshot(tree)
        path, _ = self.adopt("mitdb", tree, "--in-place")
        self.medmirror("remove", f"mitdb@{path.name}")
        self.assertEqual(snapshot(tree), before)
        self.assertFalse(os.path.lexists(path))
        self.assert_nothing_installed()
        again, result = self.adopt("mitdb", tree)
        self.assert_arrived(again, self.files, result)
        self.assertFalse(again.is_symlink())

    def test_in_place_shares_with_nobody(self):
        tree = write_tree(self.downloads, self.files)
        self.adopt("mitdb", tree, "--in-place")
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        site = self.origin()
        site.site.add("d/same.dat", self.files[name])
        self.medmirror("verify", "mitdb")
        path, _ = self.pull(site.url + "/d/same.dat")
        self.assertEqual((tree / name).stat().st_nlink, 1)
        self.assertEqual([file.stat().st_nlink for file in path.rglob("*") if file.is_file()], [1])

    def test_in_place_with_missing_files_is_never_filled(self):
        lacking = sorted(name for name in self.files if name.endswith(".atr"))[0]
        tree = write_tree(self.downloads,
                          {name: content for name, content in self.files.items() if name != lacking})
        before = snapshot(tree)
        self.medmirror("adopt", "--in-place", "--allow-incomplete", "mitdb", tree)
        result = self.medmirror("pull", "mitdb", expect=2)
        self.assert_explains(result, tree)
        self.assertEqual(snapshot(tree), before)

    def test_a_dry_run_takes_nothing(self):
        write_tree(self.downloads, self.files)
        before = snapshot(self.downloads)
        result = self.medmirror("adopt", "--dry-run", "mitdb", self.downloads)
        self.assertIn(f"{len(self.files)} files", result.err)
        self.assertEqual(result.out, "")
        self.assertFalse(self.mirror.exists())
        self.assertEqual(snapshot(self.downloads), before)

    def test_links_that_leave_the_folder_are_refused(self):
        write_tree(self.downloads, self.files)
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        outside = write_tree(self.folder / "outside", {"x.dat": self.files[name]}) / "x.dat"
        (self.downloads / name).unlink()
        (self.downloads / name).symlink_to(outside)
        result = self.adopt_fails(9, "mitdb", self.downloads)
        self.assertIn(name, result.err)
        inside = self.downloads / "store" / "object"
        inside.parent.mkdir()
        inside.write_bytes(outside.read_bytes())
        (self.downloads / name).unlink()
        (self.downloads / name).symlink_to("store/object")
        path, result = self.adopt("mitdb", self.downloads)
        self.assert_arrived(path, self.files, result)

    def test_events(self):
        write_tree(self.downloads, {**self.files, "mine": Bytes("x")})
        result = self.medmirror("--json", "adopt", "mitdb", self.downloads)
        self.assertEqual(json_events.faults(["adopt"], 0, result.out), [])
        events = [json.loads(line) for line in result.lines]
        names = [event["event"] for event in events]
        for name in ("looked", "adoption", "not-its-own", "result", "summary"):
            self.assertIn(name, names, str(result))
        self.assertEqual(names[-1], "summary")
        answer = next(event for event in events if event["event"] == "result")
        self.assertEqual((answer["files"], answer["foreign"], answer["list"], answer["exit"]),
                         (len(self.files), 1, "source", 0))
        self.assertEqual(answer["declared"] + answer["first_use"] + answer["hint"], len(self.files))

    def test_offline_a_list_that_came_with_the_files_is_used_and_not_believed(self):
        write_tree(self.downloads / self.version.zip_name.removesuffix(".zip"), self.files)
        write_tree(self.downloads, {"mine.py": Bytes("x")})
        connections = self.site.record.connections
        path, result = self.adopt("mitdb@1.0.0", self.downloads, "--offline", no_network=True)
        self.assertEqual(self.site.record.connections, connections)
        self.assert_arrived(path, self.files, result)
        self.assertIn("not known to be the publisher's", result.err)
        self.assertIn("mine.py", result.err)
        self.assertEqual(lock_lines(path)[0]["trust"]["declared"], 0)
        self.site.record.clear()
        again, result = self.pull("mitdb")
        self.assertEqual(again, path)
        self.assertEqual(self.data_requests(), [])
        self.assert_tree(path, self.files)

    def test_offline_a_file_that_differs_from_the_list_beside_it(self):
        write_tree(self.downloads, self.files)
        name = sorted(name for name in self.files if name.endswith(".dat"))[0]
        (self.downloads / name).write_bytes(b"other")
        result = self.adopt_fails(3, "mitdb@1.0.0", self.downloads, "--offline")
        self.assertIn(name, result.err)

    def test_offline_the_zip(self):
        archive = self.folder / self.version.zip_name
        archive.write_bytes(self.version.make_zip())
        path, result = self.adopt("mitdb@1.0.0", archive, "--offline")
        self.assert_arrived(path, self.files, result)

    def test_offline_a_part_that_stands_is_completed(self):
        path, _ = self.pull("mitdb", "--include", "*.hea")
        write_tree(self.downloads, self.files)
        again, result = self.adopt("mitdb", self.downloads, "--offline", no_network=True)
        self.assertEqual(again, path)
        self.assert_arrived(path, self.files, result)

    def test_a_source_that_does_not_answer_is_no_hindrance(self):
        write_tree(self.downloads, self.files)
        self.endpoints["physionet"] = "http://127.0.0.1:1"
        path, result = self.adopt("mitdb@1.0.0", self.downloads)
        self.assert_arrived(path, self.files, result)
        self.assertIn("the source does not tell", result.err)

    def test_restricted_data_is_its_owners_alone(self):
        secret = self.site.site.latest("mimiciii")
        write_tree(self.downloads, secret.tree.below(""))
        path, result = self.adopt("mimic-iii@" + secret.version, self.downloads)
        self.assert_tree(path, secret.tree.below(""))
        modes = {stat.S_IMODE(one.stat().st_mode) for one in path.rglob("*") if one.is_file()}
        self.assertEqual(modes, {0o400})
        for one in (path, path.parent):
            self.assertEqual(stat.S_IMODE(one.stat().st_mode) & 0o077, 0, one)
        for suffix in (".lock.jsonl", ".sha256"):
            self.assertEqual(stat.S_IMODE(path.with_name(path.name + suffix).stat().st_mode), 0o400)
        self.medmirror("verify", "mimic-iii")


class FromUci(Adoption):
    """A source that gives one zip and declares nothing."""

    def setUp(self):
        super().setUp()
        self.uci = self.origin(UciSite(), "uci")
        self.cdn = self.origin(UciCdnSite(self.uci.site), "uci-cdn")
        self.set = self.uci.site.sets[17]

    def pulled(self, ref):
        own, self.mirror = self.mirror, self.folder / "other-mirror"
        path, result = self.pull(ref)
        found = result.fingerprint, [line for line in lock_lines(path)[1] if "file" in line]
        self.mirror = own
        return found

    def zip_file(self, name=None):
        path = self.folder / (name or f"{self.set.slug}.zip")
        path.write_bytes(self.set.zip.bytes())
        return path

    def test_the_zip_is_unpacked_as_a_pull_would(self):
        archive = self.zip_file()
        path, result = self.adopt("uci/17", archive)
        self.assert_arrived(path, self.set.members, result)
        fingerprint, lines = self.pulled("uci/17")
        self.assertEqual(result.fingerprint, fingerprint)
        self.assertEqual([line for line in lock_lines(path)[1] if "file" in line], lines)
        self.assertEqual(archive.read_bytes(), self.set.zip.bytes())
        self.uci.record.clear()
        self.cdn.record.clear()
        again, _ = self.pull("uci/17")
        self.assertEqual(again, path)
        self.assertEqual(list(self.uci.record.entries("/static/*")) + list(self.cdn.record.entries("/17/*")), [])

    def test_an_archive_within_the_zip(self):
        self.set = self.uci.site.sets[470]
        path, result = self.adopt("uci/470", self.zip_file())
        self.assertEqual(result.fingerprint, self.pulled("uci/470")[0])
        self.assert_proven(path, result)

    def test_another_name_of_the_zip(self):
        path, result = self.adopt("uci/17", self.zip_file("download (1).zip"))
        self.assertRegex(result.err, re.escape(f"{self.set.slug}.zip") + " alone, and this file has another name")
        self.assert_arrived(path, self.set.members, result)

    def test_a_truncated_zip(self):
        archive = self.zip_file()
        archive.write_bytes(archive.read_bytes()[:-30])
        result = self.adopt_fails((3, 9), "uci/17", archive)
        self.assertIn(archive.name, result.err)
        self.assert_nothing_installed()

    def test_unpacked_by_hand(self):
        folder = write_tree(self.folder / "by hand", self.set.members)
        path, result = self.adopt("uci/17", folder)
        self.assert_arrived(path, self.set.members, result)
        self.assertEqual(result.fingerprint, self.pulled("uci/17")[0])
        self.assertIn("no digests to compare with", result.err)
        self.uci.record.clear()
        self.cdn.record.clear()
        again, _ = self.pull("uci/17")
        self.assertEqual(again, path)
        self.assertEqual(list(self.uci.record.entries("/static/*")) + list(self.cdn.record.entries("/17/*")), [])

        self.assertEqual([line for line in lock_lines(path)[1] if "file" in line], self.pulled("uci/17")[1])
        self.flip(path / "breast_cancer.csv")
        self.medmirror("verify", "uci/17", expect=3)
        self.medmirror("verify", "--repair", "uci/17")
        self.assert_tree(path, self.set.members)

    def test_unpacked_by_hand_where_digests_of_the_contents_are_recorded(self):
        own = self.folder / "config" / "medmirror" / "manifests"
        own.mkdir(parents=True)
        (own / "cells.json").write_text(json.dumps({
            "id": "cells", "kind": "dataset", "title": {"en": "Cells"}, "access": "open", "sharing": "free",
            "source": "uci", "locator": {"id": 17, "slug": self.set.slug}, "unpack": {"format": "zip"},
            "files": [{"path": name, "member_of": f"{self.set.slug}.zip", "size": content.size,
                       "sha256": content.digest()} for name, content in self.set.members.items()]}))
        folder = write_tree(self.folder / "by hand", {f"top/{name}": content
                                                      for name, content in self.set.members.items()})
        path, result = self.adopt("cells", folder)
        self.assert_arrived(path, self.set.members, result)
        self.assertEqual(lock_lines(path)[0]["trust"]["declared"], len(self.set.members))
        self.mirror = self.folder / "second-mirror"
        names = folder / "top" / "breast_cancer.names"
        data = bytearray(names.read_bytes())
        data[0] ^= 1
        names.write_bytes(data)
        self.assertIn(hashlib.sha256(data).hexdigest(), self.adopt_fails(3, "cells", folder).err)
        names.unlink()
        self.assertIn("breast_cancer.names", self.adopt_fails(3, "cells", folder).err)

    def test_in_place_takes_no_archive(self):
        folder = self.folder / "zips"
        folder.mkdir()
        self.zip_file().rename(folder / f"{self.set.slug}.zip")
        result = self.adopt_fails(2, "uci/17", folder, "--in-place")
        self.assertIn("archive", result.err)

    def test_with_checksums_of_the_zip(self):
        archive = self.zip_file()
        sums = self.folder / "SUMS"
        sums.write_text(f"{self.set.zip.digest()}  {archive.name}\n")
        path, result = self.adopt("uci/17", archive, "--checksums", sums)
        self.assertEqual(lock_lines(path)[0]["trust"]["declared"], len(self.set.members))
        sums.write_text(f"{'0' * 64}  {archive.name}\n")
        self.mirror = self.folder / "third-mirror"
        self.adopt_fails(3, "uci/17", archive, "--checksums", sums)


class WithoutASource(Adoption):
    """Datasets that no program can fetch, and manifests of one's own."""

    def setUp(self):
        super().setUp()
        self.files = {"ADNI/002_S_0413/MPRAGE/a.dcm": Noise(40_000, "a"), "ADNI/002_S_0413/MPRAGE/b.dcm": Noise(40_000, "b"),
                      "tables/DXSUM.csv": Bytes("RID,DX\n1,2\n"), "empty": Bytes(b"")}
        self.manifest = self.folder / "brains.json"
        self.manifest.write_text(json.dumps({
            "id": "brains", "kind": "dataset", "title": {"en": "Brains"}, "access": "application", "sharing": "none"}))
        self.downloads = write_tree(self.folder / "downloads", self.files)

    def assert_held(self, path, files):
        self.assert_tree(path, files)
        self.assertEqual({stat.S_IMODE(one.stat().st_mode) for one in path.rglob("*") if one.is_file()}, {0o400})

    def test_everything_is_taken_as_first_use(self):
        path, result = self.adopt(self.manifest, self.downloads)
        self.assert_held(path, self.files)
        self.assertEqual(path.parent, self.mirror / "local" / "brains")
        self.assertRegex(result.err, r"first use\s+4 files")
        self.assertEqual(lock_lines(path)[0]["trust"]["first use"], 4)
        self.medmirror("verify", path.parent.relative_to(self.mirror))
        again, result = self.adopt(self.manifest, self.downloads)
        self.assertEqual(again, path)
        self.assertIn("already", result.err)
        self.assertEqual(len(list(path.parent.glob("*.lock.jsonl"))), 1)

    def test_a_dataset_of_the_catalogue_that_a_person_must_grant(self):
        own = self.folder / "config" / "medmirror" / "manifests"
        own.mkdir(parents=True)
        shutil.copy(self.manifest, own)
        path, result = self.adopt("brains@2026", self.downloads)
        self.assert_held(path, self.files)
        self.assertEqual(path, self.mirror / "other" / "brains" / "2026")
        self.medmirror("verify", "brains")
        result = self.medmirror("pull", "brains", expect=4)
        self.assertNotIn("is not in the mirror", result.err)

    def test_given_checksums(self):
        sums = self.folder / "sums.md5"
        sums.write_text("".join(f"{content.digest('md5')}  ./{name}\n" for name, content in self.files.items()))
        write_tree(self.downloads, {"mine.txt": Bytes("x")})
        path, result = self.adopt(self.manifest, self.downloads, "--checksums", sums)
        self.assert_held(path, self.files)
        self.assertEqual(lock_lines(path)[0]["trust"]["declared"], 4)
        self.assertIn("mine.txt", result.err)
        self.mirror = self.folder / "second-mirror"
        name = "tables/DXSUM.csv"
        (self.downloads / name).write_bytes(b"RID,DX\n1,3\n")
        result = self.adopt_fails(3, self.manifest, self.downloads, "--checksums", sums)
        self.assertIn(self.files[name].digest("md5"), result.err)
        (self.downloads / name).unlink()
        result = self.adopt_fails(3, self.manifest, self.downloads, "--checksums", sums)
        self.assertIn(name, result.err)
        sums.write_text("")
        self.adopt_fails(2, self.manifest, self.downloads, "--checksums", sums)
        self.adopt_fails(7, self.manifest, self.downloads, "--checksums", self.folder / "nowhere")

    def test_a_list_among_the_files_is_a_hint(self):
        write_tree(self.downloads, {"MD5SUMS": Bytes("".join(
            f"{self.files[name].digest('md5')}  {name}\n" for name in list(self.files)[:2]))})
        path, result = self.adopt(self.manifest, self.downloads)
        trust = lock_lines(path)[0]["trust"]
        self.assertEqual((trust["hint"], trust["first use"]), (2, 3))
        self.mirror = self.folder / "second-mirror"
        (self.downloads / list(self.files)[0]).write_bytes(b"half")
        self.adopt_fails(3, self.manifest, self.downloads)

    def test_one_archive_is_unpacked(self):
        archive = self.folder / "ADNI.zip"
        archive.write_bytes(archives.make_zip(self.files))
        path, result = self.adopt(self.manifest, archive)
        self.assert_held(path, self.files)
        tarball = self.folder / "ADNI.tar.gz"
        tarball.write_bytes(archives.make_tar_gz(self.files))
        self.mirror = self.folder / "second-mirror"
        again, second = self.adopt(self.manifest, tarball)
        self.assert_held(again, self.files)
        self.assertEqual(second.fingerprint, result.fingerprint)

    def test_an_archive_that_would_escape(self):
        archive = self.folder / "evil.zip"
        archive.write_bytes(archives.make_zip_of([("../../evil", b"x")]))
        result = self.adopt_fails(9, self.manifest, archive)
        self.assertIn("evil", result.err)
        self.assertFalse((self.folder / "evil").exists())

    def test_what_no_dataset_can_have_is_refused_by_name(self):
        os.mkfifo(self.downloads / "pipe")
        result = self.adopt_fails(9, self.manifest, self.downloads)
        self.assertIn("pipe", result.err)
        (self.downloads / "pipe").unlink()
        (self.downloads / "out").symlink_to("/etc/passwd")
        self.assertIn("out", self.adopt_fails(9, self.manifest, self.downloads).err)
        (self.downloads / "out").unlink()
        (self.downloads / "TABLES").mkdir()
        (self.downloads / "TABLES" / "dxsum.CSV").write_bytes(b"x")
        result = self.adopt_fails(9, self.manifest, self.downloads)
        self.assertIn("dxsum.CSV", result.err)
        self.assert_nothing_installed()

    def test_in_place_of_what_nobody_lists(self):
        before = snapshot(self.downloads)
        path, result = self.adopt(self.manifest, self.downloads, "--in-place")
        self.assertEqual(os.readlink(path), str(self.downloads))
        self.medmirror("verify", path.parent.relative_to(self.mirror))
        self.assertEqual(snapshot(self.downloads), before)

    def test_nothing_that_lies_in_the_mirror(self):
        path, _ = self.adopt(self.manifest, self.downloads)
        result = self.medmirror("adopt", self.manifest, path, expect=2)
        self.assert_explains(result, "within")

    def test_words_of_other_tools_and_wrong_order(self):
        result = self.medmirror("import", self.manifest, self.downloads)
        self.assertIn("'import' is called 'adopt' here", result.err)
        result = self.medmirror("add", "--dry-run", self.manifest, self.downloads)
        self.assertIn("'add' is called 'adopt' here", result.err)
        self.assert_explains(self.medmirror("adopt", self.downloads, "mitdb", expect=2), "The dataset comes first")
        self.medmirror("adopt", "mitdb", expect=2)
        self.medmirror("adopt", "--move", "--in-place", self.manifest, self.downloads, expect=2)
        self.assert_explains(self.medmirror("adopt", self.manifest, self.folder / "nowhere", expect=2), "nowhere")


class Interrupted(Adoption):
    def setUp(self):
        super().setUp()
        self.manifest = self.folder / "large.json"
        self.manifest.write_text(json.dumps({
            "id": "large", "kind": "dataset", "title": {"en": "Large"}, "access": "open", "sharing": "free"}))
        self.files = {f"f{number:02}": Noise(300_000, number) for number in range(40)}
        self.downloads = write_tree(self.folder / "downloads", self.files)

    def test_killed_anywhere_it_can_be_typed_again(self):
        for options in ((), ("--move",), ("--in-place",)):
            self.mirror = self.folder / ("mirror" + "".join(options))
            shutil.rmtree(self.downloads)
            write_tree(self.downloads, self.files)
            for delay in range(1, 8):
                running = self.start("adopt", *options, self.manifest, self.downloads)
                time.sleep(0.01 * delay)
                if not running.is_running:
                    break
                running.kill()
                held = {**self.digests(self.downloads)}
                self.assertEqual(held, {name: content.digest() for name, content in self.files.items()}
                                 if not self.is_installed() else held)
            if not self.is_installed():
                self.medmirror("adopt", *options, self.manifest, self.downloads)
            path = pathlib.Path(self.medmirror("path", self.manifest).lines[0])
            self.assert_tree(path, self.files)
            self.medmirror("verify", path.parent.relative_to(self.mirror))

    def test_an_interruption_ends_soon_and_names_the_line_that_goes_on(self):
        with open(self.downloads / "large", "wb") as file:
            file.truncate(1 << 36)
        before = snapshot(self.downloads)
        for options in (("--in-place",), ("--move",)):
            running = self.start("adopt", *options, self.manifest, self.downloads)
            self.wait_until(lambda: "to adopt" in running.err_so_far())
            running.send(INTERRUPT)
            result = running.wait(30 * SLOWER)
            self.assert_status(result, 130)
            self.assertIn(f"medmirror adopt --mirror {self.mirror} {options[0]} {self.manifest} {self.downloads}", result.err)
            self.assertEqual(snapshot(self.downloads), before)
            self.assert_nothing_installed()
            self.assert_no_stage()

    def test_what_a_kill_left_is_gone_on_with_by_an_adoption(self):
        with open(self.downloads / "large", "wb") as file:
            file.truncate(1 << 36)
        running = self.start("adopt", "--move", self.manifest, self.downloads)
        self.wait_until(lambda: any((self.mirror / ".medmirror" / "stage").glob("*/tree/*")))
        running.kill()
        self.assertRegex(self.medmirror("status").out, r"Go on with: medmirror adopt .*--move ")
        self.medmirror("status", "--json")
        for refs in ((), (self.manifest,)):
            result = self.medmirror("pull", "--resume", *refs)
            self.assertRegex(result.err, r"Go on with: medmirror adopt .*--move .*medmirror pull ")
            self.assertEqual(result.out, "")
        (self.downloads / "large").unlink()
        self.medmirror("adopt", "--move", self.manifest, self.downloads)
        self.assertNotIn("unfinished", self.medmirror("status").out)

    def is_installed(self):
        return self.medmirror("path", self.manifest, expect=(0, 7)).status == 0


if __name__ == "__main__":
    unittest.main()
