"""Damage in the mirror is found by name, and repaired by fetching no more than what is damaged."""

import hashlib
import shutil
import subprocess
import unittest

from journey import Journey
from origins import Bytes, Noise, PhysioNetSite, archives


class Files(Journey):
    """A version whose files are files of the source."""

    def setUp(self):
        super().setUp()
        self.physionet = self.origin(PhysioNetSite(), "physionet")
        self.ref = "physionet/mitdb@1.0.0"
        self.path, self.pulled = self.pull(self.ref)
        self.physionet.record.clear()

    def test_flipped_byte_is_found_and_that_file_alone_fetched(self):
        before = self.digests(self.path)
        self.flip(self.path / "102.dat")
        result = self.medmirror("verify", self.ref, expect=3)
        self.assert_explains(result, "102.dat")
        self.assertNotIn("103.dat", result.err)
        self.assertEqual(len(self.physionet.record), 0)
        self.medmirror("verify", "--repair", self.ref)
        asked = {entry.path for entry in self.physionet.record.entries("/files/*", "GET")}
        self.assertEqual(asked - {"/files/mitdb/1.0.0/SHA256SUMS.txt"}, {"/files/mitdb/1.0.0/102.dat"})
        self.medmirror("verify", self.ref)
        self.assertEqual(self.digests(self.path), before)
        self.assert_proven(self.path)

    def test_every_flipped_bit_is_found(self):
        for name, offset in (("102.hea", 0), ("103.atr", 899), ("RECORDS", 1), ("SHA256SUMS.txt", 3)):
            with self.subTest(name):
                self.flip(self.path / name, offset)
                self.assertIn(name, self.medmirror("verify", self.ref, expect=3).err)
                self.flip(self.path / name, offset)
                self.medmirror("verify", self.ref)

    def test_missing_file(self):
        (self.path / "103.hea").unlink()
        self.assertIn("103.hea", self.medmirror("verify", self.ref, expect=3).err)
        self.medmirror("verify", "--repair", self.ref)
        self.assert_proven(self.path)

    def test_quick_says_that_nothing_was_read(self):
        result = self.medmirror("verify", "--quick", self.ref)
        self.assertIn("contents not read", result.err)
        self.assertNotIn("0 files", result.err)

    def test_shortened_file_is_seen_by_quick(self):
        file = self.path / "104.dat"
        file.chmod(0o644)
        with open(file, "r+b") as stream:
            stream.truncate(100)
        self.assertIn("104.dat", self.medmirror("verify", "--quick", self.ref, expect=3).err)
        self.medmirror("verify", "--repair", self.ref)
        self.medmirror("verify", "--quick", self.ref)

    def test_files_of_somebody_else_stay(self):
        (self.path / "my masks").mkdir()
        (self.path / "my masks" / "mask.nii").write_bytes(b"mine")
        self.flip(self.path / "102.dat")
        self.medmirror("verify", "--repair", self.ref)
        self.assertEqual((self.path / "my masks" / "mask.nii").read_bytes(), b"mine")

    def test_source_that_lost_the_bytes(self):
        self.flip(self.path / "102.dat")
        damaged = self.digests(self.path)
        self.physionet.site.projects["mitdb"]["1.0.0"].tree.remove("102.dat")
        result = self.medmirror("verify", "--repair", self.ref, expect=3)
        self.assertIn("102.dat", result.err)
        self.assertEqual(self.digests(self.path), damaged)

    def test_index_is_only_a_cache(self):
        index = self.mirror / ".medmirror" / "index.db"
        for spoil in (lambda: index.unlink(missing_ok=True), lambda: index.write_bytes(b"no database" * 1000)):
            for file in index.parent.glob("index.db-*"):
                file.unlink()
            spoil()
            self.assertIn("physionet/mitdb", self.medmirror("list").out)
            self.assertEqual(self.medmirror("path", self.ref).lines, [str(self.path)])
            self.medmirror("show", self.ref)
            self.medmirror("files", self.ref)
            self.medmirror("status")
            self.medmirror("verify", self.ref)
            again, _ = self.pull(self.ref)
            self.assertEqual(again, self.path)
            self.assertEqual(self.physionet.record.entries("*.dat"), [])

    def test_coreutils_agree_and_the_fingerprint_is_the_lists_digest(self):
        self.assert_proven(self.path, self.pulled)
        shown = self.medmirror("verify", self.ref)
        self.assertEqual(shown.fingerprint, self.pulled.fingerprint, str(shown))

    def test_verify_without_a_reference_proves_everything(self):
        self.pull("physionet/growing@1.4")
        self.medmirror("verify")
        self.flip(self.mirror / "physionet" / "growing" / "1.4" / "r01.dat")
        self.assertIn("r01.dat", self.medmirror("verify", expect=3).err)

    def test_mirror_that_was_moved(self):
        moved = self.folder / "moved"
        shutil.move(self.mirror, moved)
        self.mirror = moved
        self.medmirror("verify", self.ref, no_network=True)

    def test_reading_verbs_open_no_socket(self):
        for arguments in (("list",), ("path", self.ref), ("show", self.ref), ("status",), ("verify", self.ref)):
            self.medmirror(*arguments, no_network=True)


class Members(Journey):
    """A version whose files came out of an archive."""

    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.members = {"a/one.bin": Noise(400_000, 1), "a/two.bin": Noise(3_000_000, 2), "b.txt": Bytes("b\n" * 500)}

    def assert_repaired(self, name, data):
        self.server.site.add(name, Bytes(data))
        url = f"{self.server.url}/{name}"
        path, result = self.pull(url)
        self.flip(path / "a" / "one.bin")
        self.assertIn("a/one.bin", self.medmirror("verify", url, expect=3).err)
        self.server.record.clear()
        self.medmirror("verify", "--repair", url)
        self.medmirror("verify", url)
        self.assert_arrived(path, self.members, result)
        return self.server.record.bytes_sent()

    def test_member_of_a_zip_comes_by_ranges(self):
        sent = self.assert_repaired("x.zip", archives.make_zip(self.members))
        self.assertLess(sent, 1_500_000)

    def test_member_of_a_tar_comes_with_its_archive(self):
        self.assert_repaired("x.tar.gz", archives.make_tar_gz(self.members))


class Twins(Journey):
    """Two datasets share the inode of a file that both have."""

    def test_repair_of_one_mends_the_other_each_time(self):
        server = self.origin()
        same = Noise(100_000, "same")
        for folder in ("p", "q"):
            server.site.add(f"{folder}/SHA256SUMS", Bytes(f"{same.digest()}  t.bin\n"))
            server.site.add(f"{folder}/t.bin", same)
        paths = [self.pull(f"{server.url}/{folder}/")[0] for folder in ("p", "q")]
        files = [path / "t.bin" for path in paths]
        self.assertEqual(len({file.stat().st_ino for file in files}), 1)
        for damaged, repaired in ((0, "p"), (0, "q"), (1, "p")):
            self.flip(files[damaged])
            self.medmirror("verify", expect=3)
            self.medmirror("verify", "--repair", f"{server.url}/{repaired}/")
            self.medmirror("verify")
            self.assertEqual(len({file.stat().st_ino for file in files}), 1)


class Folders(Journey):
    """`verify DIR`: any folder with a list."""

    def setUp(self):
        super().setUp()
        self.there = self.folder / "theirs"
        (self.there / "sub").mkdir(parents=True)
        self.files = {"a.bin": b"alpha" * 1000, "sub/b.bin": b"beta" * 1000}
        for name, data in self.files.items():
            (self.there / name).write_bytes(data)

    def write_list(self, name, algorithm, form="{digest}  {path}\n"):
        text = "".join(form.format(digest=hashlib.new(algorithm, data).hexdigest(), path=path)
                       for path, data in self.files.items())
        (self.there / name).write_text(text, encoding="utf-8")

    def assert_verifies(self):
        self.medmirror("verify", self.there)
        self.flip(self.there / "sub" / "b.bin")
        self.assertIn("sub/b.bin", self.medmirror("verify", self.there, expect=3).err)

    def test_sha256sums(self):
        self.write_list("SHA256SUMS", "sha256")
        self.assert_verifies()

    def test_sha256sums_with_one_space(self):
        self.write_list("SHA256SUMS.txt", "sha256", "{digest} {path}\n")
        self.assert_verifies()

    def test_md5sums(self):
        self.write_list("MD5SUMS", "md5")
        self.assert_verifies()

    def test_our_own_version_copied_elsewhere(self):
        server = self.origin()
        server.site.add("d/sub/b.bin", Bytes(self.files["sub/b.bin"]))
        path, _ = self.pull(server.url + "/d/")
        copy = self.folder / "copied"
        subprocess.run(["cp", "-r", str(path.parent), str(copy)], check=True)
        self.medmirror("verify", copy / path.name)
        self.flip(copy / path.name / "sub" / "b.bin")
        self.assertIn("sub/b.bin", self.medmirror("verify", copy / path.name, expect=3).err)

    def test_folder_without_a_list_is_said(self):
        result = self.medmirror("verify", self.there, expect=(1, 2, 7))
        self.assertIn(str(self.there), result.err)

    def test_mirror_need_not_exist(self):
        self.write_list("SHA256SUMS", "sha256")
        self.assertFalse(self.mirror.exists())
        self.medmirror("verify", self.there)
        self.assertFalse(self.mirror.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
