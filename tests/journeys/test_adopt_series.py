"""What TCIA's own programs left on disk becomes a version of the mirror: told by the images, not by names."""

import json
import os
import shutil
import unittest

from test_tcia_pull import Archive
from origins import Noise, faults  # (the path is set by now)
from origins.content import Bytes
from origins.tcia_data import Collection, make_series

HEADER = "Series UID,Collection,File Location\r\n"


class RetrieversTree(Archive):
    def setUp(self):
        super().setUp()
        self.series = [make_series("Lung", f"P{number}", images=4, number=number) for number in range(1, 4)]
        self.first = self.series[0]
        self.collection = Collection("Lung", self.series)
        self.tree = self.folder / "manifest-17" / "Lung"

    def write(self, *series, numbered="1-{:02}.dcm"):
        """As the Retriever does, descriptive: five digits of a UID are no name."""
        for one in series:
            folder = self.tree / one.patient / f"01-01-2000-NA-CT-{one.study[-5:]}" / f"1.000000-NA-{one.uid[-5:]}"
            folder.mkdir(parents=True)
            for number, image in enumerate(reversed(one.images), 1):
                (folder / numbered.format(number)).write_bytes(image.bytes())
            (folder / "md5hashes.csv").write_text("Filename,MD5Hash\n")
        (self.tree / "LICENSE").write_text("terms")
        (self.tree.parent / "metadata.csv").write_text(HEADER)
        return self.tree.parent

    def adopt(self, *options, expect=0, **more):
        return self.medmirror("adopt", "--json", "tcia/Lung", self.tree.parent, *options, expect=expect, **more)

    def refused(self, status, *words):
        result = self.medmirror("adopt", "tcia/Lung", self.tree.parent, expect=status)
        self.assert_explains(result, *words)
        self.assert_nothing_installed()

    def path_of(self, result):
        paths = [event["path"] for line in result.out.splitlines() for event in [json.loads(line)]
                 if event["event"] in ("result", "adopted") and event.get("path")]
        self.assertTrue(paths, str(result))
        return paths[-1]

    def snapshot(self):
        return {path.relative_to(self.tree.parent): path.read_bytes()
                for path in self.tree.parent.rglob("*") if path.is_file()}

    def test_a_whole_collection(self):
        world = self.world([self.collection])
        self.write(*self.series)
        before = self.snapshot()
        result = self.adopt()
        path = self.path_of(result)
        self.assert_tree(path, self.members(*self.series))
        self.assertEqual(self.trusts(path), {"declared"}, "TCIA's hash of each series was asked for.")
        self.assertEqual(self.zips(world) + self.objects(world), [])
        self.assertEqual(self.snapshot(), before)
        adopted = self.fingerprint(path)
        self.mirror = self.folder / "other"
        pulled, _ = self.pull_json("tcia/Lung")
        self.assertEqual(self.fingerprint(pulled), adopted)
        self.assertEqual([line for line in self.lock(pulled) if "file" in line],
                         [line for line in self.lock(path) if "file" in line])

    def fingerprint(self, path):
        return self.lock(path)[0]["fingerprint"]

    def test_some_of_its_series_are_a_part(self):
        world = self.world([self.collection])
        self.write(*self.series[:2])
        result = self.adopt()
        path = self.path_of(result)
        self.assert_tree(path, self.members(*self.series[:2]))
        self.assertNotEqual(self.lock(path)[0]["selection"], "all")
        again, result = self.pull_json("tcia/Lung")
        self.assert_tree(again, self.members(*self.series))
        self.assertEqual(again, path)
        self.assertEqual({entry.path.split("/")[-2] for entry in self.objects(world)}, {self.series[2].crdc_uuid})

    def test_a_series_that_lacks_an_image(self):
        self.world([self.collection])
        self.write(*self.series)
        next(self.tree.rglob("1-04.dcm")).unlink()
        self.refused(3, "3 of 4 images")
        result = self.adopt("--allow-incomplete", expect=(0, 3, 7))
        path = self.path_of(result)
        again, result = self.pull_json("tcia/Lung")
        self.assert_tree(again, self.members(*self.series))
        self.assertEqual(again, path)

    def test_an_image_that_is_damaged(self):
        self.world([self.collection])
        self.write(*self.series)
        victim = next(self.tree.rglob("1-02.dcm"))
        content = bytearray(victim.read_bytes())
        content[-1] ^= 1
        victim.write_bytes(content)
        self.refused(3, "declared")
        self.assertEqual(victim.read_bytes(), bytes(content))

    def test_another_collection(self):
        self.world([self.collection])
        self.write(make_series("Brain", "X1", images=3, number=77))
        self.refused(2, "none is of")

    def test_the_same_image_twice(self):
        self.world([self.collection])
        self.write(*self.series)
        shutil.copy(next(self.tree.rglob("1-01.dcm")), self.tree / "copy of an image")
        path = self.path_of(self.adopt())
        self.assert_tree(path, self.members(*self.series))

    def test_what_is_no_file(self):
        """Pipes, devices and links that lead out are nobody's images, and nothing waits for them."""
        self.world([self.collection])
        self.write(*self.series)
        os.mkfifo(self.tree / "1-99.dcm")
        os.mkfifo(self.tree.parent / "SHA256SUMS")
        os.mkfifo(self.tree / "md5hashes.csv")
        (self.tree / "loop").symlink_to(".")
        (self.tree / "null.dcm").symlink_to("/dev/zero")
        outside = self.folder / "outside"
        shutil.move(self.tree / "P1", outside)
        (self.tree / "P1").symlink_to(outside)
        path = self.path_of(self.adopt())
        self.assert_tree(path, self.members(*self.series[1:]))

    def test_moved(self):
        self.world([self.collection])
        self.write(*self.series)
        path = self.path_of(self.adopt("--move"))
        self.assert_tree(path, self.members(*self.series))
        self.assertEqual([name for name in self.snapshot() if name.suffix == ".dcm"], [])
        self.assertTrue((self.tree / "LICENSE").exists(), "What is not the dataset's stays.")

    def test_zipped(self):
        self.world([self.collection])
        archive = shutil.make_archive(str(self.folder / "tree"), "zip", self.write(*self.series))
        result = self.medmirror("adopt", "--json", "tcia/Lung", archive)
        self.assert_tree(self.path_of(result), self.members(*self.series))

    def test_without_a_hash_of_the_series(self):
        world = self.world([self.collection])
        self.write(*self.series)
        world.nbia.faults.add(faults.status(500, "*/getMD5Hierarchy*", method=None))
        self.configure(retries=1)
        path = self.path_of(self.adopt())
        self.assert_tree(path, self.members(*self.series))
        self.assertEqual(self.trusts(path), {"first use"})

    def test_in_place_and_dry(self):
        self.world([self.collection])
        self.write(*self.series)
        result = self.medmirror("adopt", "tcia/Lung", self.tree.parent, "--in-place", expect=2)
        self.assert_explains(result, "cannot be adopted in place")
        self.adopt("--dry-run")
        self.assert_nothing_installed()

    def test_other_files_are_left(self):
        self.world([self.collection])
        self.write(*self.series)
        (self.tree / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
        os.symlink("/etc/passwd", self.tree / "link")
        path = self.path_of(self.adopt())
        self.assert_tree(path, self.members(*self.series))


class AsperaPackage(Archive):
    """What only IBM's Aspera brings: the words for it, and what becomes of the result."""

    REF = "tcia/Aspera-Test"

    def setUp(self):
        super().setUp()
        self.world([Collection("Lung", [make_series("Lung", "P1", images=2, number=1)])])
        self.tree = {f"slides/s{number}.svs": Noise(3000 + number, f"slide {number}") for number in range(4)}
        self.package = self.folder / "PKG - Aspera-Test"
        for name, content in self.tree.items():
            file = self.package / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.bytes())
        lines = "".join(f"{content.digest('md5')}  ./{name}\n" for name, content in self.tree.items())
        (self.package / "Aspera-Test.sums").write_text(lines)

    def test_the_words(self):
        result = self.medmirror("pull", self.REF, expect=4)
        self.assert_explains(result, "ascli faspex5 packages receive --url=", "ascli faspex5 packages browse --url=",
                             f"medmirror adopt {self.REF}", ".sums")
        self.assert_nothing_installed()

    def test_adopted_by_its_list(self):
        sums = self.package / "Aspera-Test.sums"
        for options in ((), ("--checksums", sums)):
            with self.subTest(options):
                self.mirror = self.folder / f"mirror-{len(options)}"
                result = self.medmirror("adopt", self.REF, self.package, *options)
                path = result.lines[0]
                wanted = {**self.tree, "Aspera-Test.sums": Bytes(sums.read_bytes())} if not options else self.tree
                self.assert_tree(path, wanted)
                self.assertIn("/tcia/Aspera-Test/", path)
                self.assertEqual({line["trust"] for line in self.lock(path)
                                  if line.get("file", "").endswith(".svs")}, {"declared"} if options else {"hint"})

    def test_a_damaged_file_is_caught(self):
        self.flip(self.package / "slides" / "s2.svs")
        result = self.medmirror("adopt", self.REF, self.package, "--checksums", self.package / "Aspera-Test.sums", expect=3)
        self.assert_explains(result, "s2.svs")
        self.assert_nothing_installed()


if __name__ == "__main__":
    unittest.main()
