"""What an archive must not do is refused by name, exit 9, and nothing exists outside afterwards."""

import tarfile
import unittest

from journey import Journey
from origins import Bytes, Noise, archives

GOOD = ("good.txt", b"good\n")


def tar(*entries):
    return archives.gzip(archives.make_tar_of([archives.tar_file(*GOOD), *entries]))


class KeptAsItIs(Journey):
    def test_refused_archive_comes_packed_where_its_size_is_known(self):
        server = self.origin()
        data = Bytes(tar(archives.tar_file("../../evil.txt", b"x")))
        server.site.add("x.tar.gz", data)
        refused = self.medmirror("pull", server.url + "/x.tar.gz", expect=9)
        self.assertIn("--no-unpack", refused.err)
        path, result = self.pull(server.url + "/x.tar.gz", "--no-unpack")
        self.assert_arrived(path, {"x.tar.gz": data}, result)
        self.assertIn("../../evil.txt", result.err)
        self.assertEqual([found for found in self.folder.rglob("*") if found.name == "evil.txt"], [])


class Refused(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.outside = {path for path in self.folder.rglob("*")}

    def assert_refused(self, name, data, *words, expect=9):
        """By `pull` and by `unpack` alike."""
        self.server.site.add(name, Bytes(data))
        result = self.medmirror("pull", f"{self.server.url}/{name}", expect=expect)
        self.assert_explains(result, name)
        for word in words:
            self.assertIn(word, result.err, str(result))
        self.assert_nothing_installed()
        archive = self.folder / "tmp" / name
        archive.write_bytes(data)
        target = self.folder / "tmp" / "unpacked"
        result = self.medmirror("unpack", archive, target, expect=expect)
        for word in words:
            self.assertIn(word, result.err, str(result))
        self.assertEqual(list(target.rglob("*")) if target.exists() else [], [])
        archive.unlink()
        escaped = [path for path in self.folder.rglob("*") if path.name in ("evil.txt", "evil")]
        self.assertEqual(escaped, [])
        return result

    def test_traversal_in_tar(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("../../evil.txt", b"x")), "../../evil.txt")

    def test_traversal_in_the_middle(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("a/../../evil.txt", b"x")), "a/../../evil.txt")

    def test_traversal_in_zip(self):
        self.assert_refused("x.zip", archives.make_zip_of([GOOD, ("../evil.txt", b"x")]), "../evil.txt")

    def test_traversal_in_rar(self):
        self.assert_refused("x.rar", archives.make_rar({"good.txt": b"good", "../evil.txt": b"x"}), "evil.txt")

    def test_absolute_name(self):
        evil = str(self.folder / "tmp" / "evil.txt")
        self.assert_refused("x.tar.gz", tar(archives.tar_file(evil, b"x")), evil)

    def test_absolute_name_in_zip(self):
        evil = str(self.folder / "tmp" / "evil.txt")
        self.assert_refused("x.zip", archives.make_zip_of([GOOD, (evil, b"x")]), evil)

    def test_link_out_of_the_tree(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("way", tarfile.SYMTYPE, "../../..")), "way")

    def test_absolute_link(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("way", tarfile.SYMTYPE, "/etc/passwd")), "way")

    def test_file_through_a_link(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("way", tarfile.SYMTYPE, str(self.folder / "tmp")),
                                            archives.tar_file("way/evil.txt", b"x")), "way")

    def test_link_in_zip(self):
        self.assert_refused("x.zip", archives.make_zip_of([GOOD, archives.zip_link("way", "/etc/passwd")]), "way")

    def test_hard_link_out_of_the_tree(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("hard", tarfile.LNKTYPE, "/etc/passwd")), "hard")

    def test_device(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("null", tarfile.CHRTYPE, "", 1, 3)), "null")

    def test_pipe(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_entry("pipe", tarfile.FIFOTYPE)), "pipe")

    def test_two_members_of_one_name(self):
        self.assert_refused("x.zip", archives.make_zip_of([("same.txt", b"one"), ("same.txt", b"two")]), "same.txt")

    def test_two_members_of_one_name_in_tar(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("same.txt", b"one"), archives.tar_file("same.txt", b"two")),
                            "same.txt")

    def test_file_that_is_also_a_folder(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("d", b"file"), archives.tar_file("d/x.txt", b"below")), "d")

    def test_control_character(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("bad\x1b[2Jname", b"x")))

    def test_over_long_name(self):
        self.assert_refused("x.tar.gz", tar(archives.tar_file("n" * 300, b"x")))

    def test_ratio_of_a_million(self):
        data = archives.bomb_tar_bz2(3 << 30)
        self.assertGreater((3 << 30) / len(data), 1_000_000)
        self.assert_refused("bomb.tar.bz2", data, "zeros")


class Allowed(Journey):
    """What looks odd and is harmless stays."""

    def setUp(self):
        super().setUp()
        self.server = self.origin()

    def test_link_that_ends_inside(self):
        data = tar(archives.tar_file("d/real.txt", b"real\n"), archives.tar_entry("d/link", tarfile.SYMTYPE, "real.txt"))
        self.server.site.add("x.tar.gz", Bytes(data))
        path, _ = self.pull(self.server.url + "/x.tar.gz")
        self.assertTrue((path / "d" / "link").is_symlink())
        self.assertEqual((path / "d" / "link").read_bytes(), b"real\n")
        self.medmirror("verify", self.server.url + "/x.tar.gz")

    def test_hard_link_inside(self):
        data = tar(archives.tar_file("one.txt", b"twice\n"), archives.tar_entry("two.txt", tarfile.LNKTYPE, "one.txt"))
        self.server.site.add("x.tar.gz", Bytes(data))
        path, result = self.pull(self.server.url + "/x.tar.gz")
        self.assert_arrived(path, {"good.txt": Bytes(GOOD[1]), "one.txt": Bytes("twice\n"), "two.txt": Bytes("twice\n")},
                            result)

    def test_two_members_of_one_name_and_the_same_bytes_are_one(self):
        data = archives.make_zip_of([("same.txt", b"one"), ("same.txt", b"one")])
        self.server.site.add("x.zip", Bytes(data))
        path, result = self.pull(self.server.url + "/x.zip")
        self.assert_arrived(path, {"same.txt": Bytes("one")}, result)

    def test_names_that_are_no_utf8_are_refused_with_the_readings_that_fit(self):
        data = archives.gzip(archives.make_tar_of([archives.tar_file("placeholder-name", b"x")])
                             .replace(b"placeholder-name", b"\xd6\xd0\xce\xc4\xd2\xbd\xd1\xa7.txt\x00\x00\x00\x00"))
        self.server.site.add("x.tar.gz", Bytes(data))
        self.medmirror("pull", self.server.url + "/x.tar.gz", expect=(3, 5, 9))

    def test_unpack_by_itself(self):
        members = {"a/b.txt": Bytes("b\n"), "c.bin": Noise(100_000, "c")}
        for name, data in (("x.zip", archives.make_zip(members)), ("x.tar.gz", archives.make_tar_gz(members)),
                           ("x.7z", archives.make_7z(members)), ("x.rar", archives.make_rar(members)),
                           ("x.tar.zst", archives.make_tar_zst(members))):
            with self.subTest(name):
                archive = self.folder / "tmp" / name
                archive.write_bytes(data)
                target = self.folder / "tmp" / "deep" / name / "target"
                self.medmirror("unpack", archive, target)
                self.assert_tree(target, members)
                result = self.medmirror("unpack", archive, target, expect=(1, 2, 6))
                self.assertIn(str(target), result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
