"""The source changes between runs and during one, and requests change on the way: what a version holds is always what its
lock says, and what stood there before stays as it was."""

import unittest

from journey import Journey
from origins import Bytes, Noise, PhysioNetSite, archives, faults

LATER = 1_767_225_600  # 2026-01-01, after every default date of the origins


class Interrupted(Journey):
    """A pull of more of a version was killed, and then the source changed."""

    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.first = {f"a{number}.bin": Noise(30_000 + number, f"a{number}") for number in range(3)}
        self.more = {f"b{number}.bin": Noise(2_000_000 + number, f"b{number}") for number in range(3)}
        for name, content in {**self.first, **self.more}.items():
            self.server.site.add("d/" + name, content)
        self.url = self.server.url + "/d/"

    def begin_and_kill(self, *arguments):
        self.server.limit_rate(1_000_000)
        running = self.start("pull", self.url, *arguments)
        self.server.record.wait_for("/d/b*.bin", sent=300_000)
        running.kill()
        self.server.limit_rate(None)

    def test_what_an_older_version_held_is_not_taken_for_here(self):
        old, result = self.pull(self.url, "--include", "a*")
        self.begin_and_kill()
        changed = Noise(2_000_500, "b0 anew")
        self.server.site.add("d/b0.bin", changed, mtime=LATER)
        new, result = self.pull(self.url)
        self.assertNotEqual(new, old)
        self.assert_arrived(new, {**self.first, **self.more, "b0.bin": changed}, result)
        self.assert_arrived(old, self.first)
        self.medmirror("verify")

    def test_file_of_an_older_version_that_changed(self):
        old, result = self.pull(self.url, "--include", "a*")
        self.begin_and_kill()
        changed = Noise(30_001, "a1 anew")
        self.server.site.add("d/a1.bin", changed, mtime=LATER)
        new, result = self.pull(self.url)
        self.assertNotEqual(new, old)
        self.assert_arrived(new, {**self.first, **self.more, "a1.bin": changed}, result)
        self.assert_arrived(old, self.first)
        self.medmirror("verify")

    def test_file_of_an_older_version_that_went(self):
        old, result = self.pull(self.url, "--include", "a*")
        self.begin_and_kill()
        self.server.site.tree.remove("d/a1.bin")
        new, result = self.pull(self.url)
        self.assertNotEqual(new, old)
        wanted = {name: content for name, content in {**self.first, **self.more}.items() if name != "a1.bin"}
        self.assert_arrived(new, wanted, result)
        self.medmirror("verify")


class Archives(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.members = {"train/a.bin": Noise(9000, 1), "train/b.bin": Noise(9000, 2), "test/c.bin": Noise(9000, 3)}
        self.archive = Bytes(archives.make_zip(self.members))
        self.server.site.add("x.zip", self.archive)
        self.url = self.server.url + "/x.zip"

    def test_members_change_between_runs(self):
        old, result = self.pull(self.url)
        anew = {"train/a.bin": Noise(9000, 11), "other/d.bin": Noise(7000, 12)}
        self.server.site.add("x.zip", Bytes(archives.make_zip(anew)), mtime=LATER)
        new, result = self.pull(self.url)
        self.assertNotEqual(new, old)
        self.assert_arrived(new, anew, result)
        self.assert_arrived(old, self.members)
        self.medmirror("verify")

    def test_only_a_part_then_another_then_all(self):
        self.pull(self.url, "--include", "train/*")
        path, result = self.pull(self.url, "--include", "test/*", "--only")
        self.assert_arrived(path, {"test/c.bin": self.members["test/c.bin"]}, result)
        path, result = self.pull(self.url)
        self.assert_arrived(path, self.members, result)
        path, result = self.pull(self.url, "--exclude", "train/a*", "--only")
        self.assert_arrived(path, {n: c for n, c in self.members.items() if n != "train/a.bin"}, result)
        self.medmirror("verify")


class Damaged(Journey):
    """Members that came out of an archive before it turned out to be wrong."""

    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.members = {f"m{number}.bin": Noise(300_000, number) for number in range(10)}

    def assert_nothing_of_it(self, name, data, *options):
        self.server.site.add(name, Bytes(data))
        url = f"{self.server.url}/{name}"
        for _ in range(2):
            result = self.medmirror("pull", url, *options, expect=5)
            self.assert_explains(result, name)
            self.assertEqual([path for path in self.installed() if path.suffix == ".bin"], [], str(result))
        whole = archives.make_tar_gz(self.members) if name.endswith(".gz") else archives.make_zip(self.members)
        self.server.site.add(name, Bytes(whole), mtime=LATER)
        path, result = self.pull(url)
        self.assert_arrived(path, self.members, result)

    def spoiled(self, data):
        at = len(data) * 9 // 10
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    def test_tar_gz(self):
        self.assert_nothing_of_it("x.tar.gz", self.spoiled(archives.make_tar_gz(self.members)))

    def test_tar_gz_that_is_cut(self):
        self.assert_nothing_of_it("x.tar.gz", archives.make_tar_gz(self.members)[:-200_000])

    def test_tar_gz_where_files_may_be_missing(self):
        self.assert_nothing_of_it("x.tar.gz", self.spoiled(archives.make_tar_gz(self.members)), "--allow-incomplete")

    def test_zip_where_files_may_be_missing(self):
        self.assert_nothing_of_it("x.zip", self.spoiled(archives.make_zip(self.members)), "--allow-incomplete")

    def test_every_format_once_damaged_then_right(self):
        forms = {"tar": archives.make_tar, "tar.gz": archives.make_tar_gz, "tar.zst": archives.make_tar_zst,
                 "zip": archives.make_zip, "7z": archives.make_7z, "rar": archives.make_rar}
        for form, make in forms.items():
            if form == "tar":
                continue  # nothing in it tells of a wrong byte
            with self.subTest(form):
                data = make(self.members)
                self.server.site.add("x." + form, Bytes(data))
                self.server.faults.add(faults.corrupt(len(data) // 2, "/x." + form, times=1))
                path, result = self.pull(f"{self.server.url}/x.{form}")
                self.assert_arrived(path, self.members, result)
                self.server.faults.clear()


class LeftInTheStage(Journey):
    """What a pull that failed has staged, and the source changed before the next."""

    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.url = self.server.url + "/d/"
        self.last = Noise(3_000_000, "last")
        self.server.site.add("d/z.bin", self.last)
        self.server.faults.add(faults.status(500, "/d/z.bin"))

    def assert_next_brings(self, members):
        self.server.faults.clear()
        path, result = self.pull(self.url)
        self.assert_arrived(path, {**members, "z.bin": self.last}, result)
        self.medmirror("verify")

    def test_other_bytes_of_the_same_size(self):
        self.server.site.add("d/x.bin", Noise(5000, 1))
        self.medmirror("pull", self.url, expect=5)
        self.server.site.add("d/x.bin", Noise(5000, 2), mtime=LATER)
        self.assert_next_brings({"x.bin": Noise(5000, 2)})

    def test_file_that_went_and_came_back(self):
        self.server.site.add("d/x.bin", Noise(5000, 1))
        self.medmirror("pull", self.url, expect=5)
        self.server.site.tree.remove("d/x.bin")
        self.medmirror("pull", self.url, expect=5)
        self.server.site.add("d/x.bin", Noise(5000, 2))
        self.assert_next_brings({"x.bin": Noise(5000, 2)})

    def test_file_becomes_a_folder(self):
        self.server.site.add("d/x", Noise(5000, 1))
        self.medmirror("pull", self.url, expect=5)
        self.server.site.tree.remove("d/x")
        self.server.site.add("d/x/y.bin", Noise(6000, 3), mtime=LATER)
        self.assert_next_brings({"x/y.bin": Noise(6000, 3)})

    def test_folder_becomes_a_file(self):
        self.server.site.add("d/x/y/z.bin", Noise(5000, 1))
        self.medmirror("pull", self.url, expect=5)
        self.server.site.tree.remove("d/x/y/z.bin")
        self.server.site.tree.remove_folder("d/x")
        self.server.site.add("d/x", Noise(6000, 3), mtime=LATER)
        self.assert_next_brings({"x": Noise(6000, 3)})

    def test_file_that_nobody_wrote_down(self):
        self.server.site.add("d/x.bin", Noise(5000, 1))
        self.medmirror("pull", self.url, expect=5)
        stage, = (self.mirror / ".medmirror" / "stage").glob("*/tree")
        (stage / "z.bin").write_bytes(Noise(self.last.size, "no such bytes").bytes())
        self.assert_next_brings({"x.bin": Noise(5000, 1)})


class Folders(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.url = self.server.url + "/d/"

    def test_file_becomes_a_folder(self):
        self.server.site.add("d/x", Noise(5000, 1))
        self.server.site.add("d/keep.bin", Noise(5000, 2))
        old, result = self.pull(self.url)
        self.server.site.tree.remove("d/x")
        self.server.site.add("d/x/y.bin", Noise(6000, 3), mtime=LATER)
        new, result = self.pull(self.url)
        self.assertNotEqual(new, old)
        self.assert_arrived(new, {"x/y.bin": Noise(6000, 3), "keep.bin": Noise(5000, 2)}, result)
        self.assert_arrived(old, {"x": Noise(5000, 1), "keep.bin": Noise(5000, 2)})
        self.medmirror("verify")

    def test_damaged_lock_says_what_to_do(self):
        self.server.site.add("d/x.bin", Noise(5000, 1))
        path, _ = self.pull(self.url)
        lock = path.with_name(path.name + ".lock.jsonl")
        lock.chmod(0o644)
        lock.write_bytes(b"no lock\n")
        for _ in range(2):
            self.assert_explains(self.medmirror("pull", self.url, expect=3), lock.name)
            self.assert_tree(path, {"x.bin": Noise(5000, 1)})
        lock.unlink()
        path, result = self.pull(self.url)
        self.assert_arrived(path, {"x.bin": Noise(5000, 1)}, result)

    def test_same_size_other_bytes_while_it_is_pulled(self):
        content = Noise(3_000_000, 1)
        self.configure(piece_size=500_000, segment_from=1_000_000)
        self.server.site.add("d/x.bin", content)
        anew = Noise(3_000_000, 2)
        self.server.faults.add(faults.changed("/d/x.bin", content=anew, skip=2))
        path, result = self.pull(self.url)
        self.assert_arrived(path, {"x.bin": anew}, result)

    def test_old_stays_and_new_stands_beside_after_refresh(self):
        physionet = self.origin(PhysioNetSite(), "physionet")
        path, result = self.pull("physionet/mitdb@1.0.0")
        before = self.digests(path)
        version = physionet.site.projects["mitdb"]["1.0.0"]
        version.tree.add("102.hea", b"other bytes of a header\n")
        result = self.medmirror("pull", "physionet/mitdb@1.0.0", "--refresh", expect=(0, 5, 7))
        self.assertEqual(self.digests(path), before)
        self.assert_proven(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
