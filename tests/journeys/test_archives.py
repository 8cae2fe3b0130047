"""Archives in volumes, and archives that stay as they are."""

import json
import unittest

from journey import Journey
from origins import Bytes, Noise, archives, faults


class Volumes(Journey):
    MEMBERS = {"images/one.dcm": Noise(70_000, 1).bytes(), "images/two.dcm": Noise(50_000, 2).bytes(),
               "labels.csv": b"id,label\n1,0\n"}

    def setUp(self):
        super().setUp()
        self.server = self.origin()
        whole = archives.make_zip(self.MEMBERS)
        third = len(whole) // 3
        parts = [whole[:third], whole[third:2 * third], whole[2 * third:]]
        self.names = [f"study.zip.{number:03d}" for number in (1, 2, 3)]
        for name, part in zip(self.names, parts):
            self.server.site.add(name, Bytes(part))
        urls = [f"{self.server.url}/{name}" for name in self.names]
        self.manifest = self.folder / "tmp" / "study.json"
        self.manifest.write_text(json.dumps({
            "id": "study", "kind": "dataset", "title": {"en": "A study in volumes"}, "access": "open", "source": "http",
            "locator": {"urls": urls},
            "files": [{"path": self.names[0], "addresses": [urls[0]],
                       "unpack": {"format": "zip", "join": self.names[1:]}}]}))

    def members(self):
        return {name: Bytes(content) for name, content in self.MEMBERS.items()}

    def test_joined(self):
        path, result = self.pull(str(self.manifest))
        self.assert_arrived(path, self.members(), result)

    def test_kept_beside(self):
        path, result = self.pull(str(self.manifest), "--keep-archives")
        self.assert_arrived(path, self.members(), result)
        kept = sorted(file.name for file in path.with_name(path.name + ".archives").iterdir())
        self.assertEqual(kept, self.names)

    def test_a_lost_volume(self):
        self.server.faults.add(faults.status(404, "*/" + self.names[2]))
        result = self.medmirror("pull", str(self.manifest), expect=(5, 7))
        self.assert_explains(result, self.names[2])
        self.assert_nothing_installed()


class OtherBytesThanDeclared(Journey):
    """An archive that is unpacked while it comes, and proves to be another one: again and again, from two addresses."""

    def test_every_time(self):
        server = self.origin()
        server.site.add("x.zip", Bytes(archives.make_zip({f"{number}.csv": b"0,1,2,3\n" * 20_000
                                                          for number in range(40)})))
        manifest = self.folder / "tmp" / "other.json"
        manifest.write_text(json.dumps({
            "id": "other", "kind": "dataset", "title": {"en": "Other"}, "access": "open", "source": "http",
            "locator": {"urls": [server.url + "/x.zip"]},
            "files": [{"path": "x.zip", "sha256": "0" * 64, "unpack": {"format": "zip"},
                       "addresses": [server.url + "/x.zip", server.url + "/x.zip?again"]}]}))
        for _ in range(4):
            result = self.medmirror("pull", str(manifest), expect=5)
            self.assert_explains(result, "x.zip", "is declared")
            self.assert_nothing_installed()


class KeptAsTheyAre(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.archive = archives.make_zip({"a.dcm": Noise(90_000, 7).bytes()})

    def test_right(self):
        self.server.site.add("x.zip", Bytes(self.archive))
        path, result = self.pull(self.server.url + "/x.zip", "--no-unpack")
        self.assert_arrived(path, {"x.zip": Bytes(self.archive)}, result)

    def test_what_stands_is_not_changed(self):
        self.server.site.add("x.zip", Bytes(self.archive))
        url = self.server.url + "/x.zip"
        path, _ = self.pull(url, "--no-unpack")
        self.assertIn("medmirror unpack", self.medmirror("pull", url).err)
        self.assertEqual([file.name for file in path.iterdir()], ["x.zip"])

    def test_what_stands_is_not_packed_again(self):
        self.server.site.add("x.zip", Bytes(self.archive))
        url = self.server.url + "/x.zip"
        path, _ = self.pull(url)
        for option in ("--no-unpack", "--keep-archives"):
            self.assert_explains(self.medmirror("pull", url, option, expect=2), "--no-unpack")
        self.assertEqual([file.name for file in path.iterdir()], ["a.dcm"])

    def test_damaged_is_refused(self):
        wrong = bytearray(self.archive)
        wrong[len(wrong) // 2] ^= 1
        self.server.site.add("x.zip", Bytes(bytes(wrong)))
        result = self.medmirror("pull", self.server.url + "/x.zip", "--no-unpack", expect=5)
        self.assert_explains(result, "x.zip")
        self.assert_nothing_installed()


if __name__ == "__main__":
    unittest.main()
