"""Single files that a storage keeps zipped and sends under their plain names; and zips that only look like it."""

import unittest

from journey import Journey
from origins import Bytes, Noise
from origins.large import make_large_zip
from origins.plain import PlainSite
from origins.server import redirect

CSV = Bytes(b"id,label\n" + b"1,2\n" * 3000)


class Storage(PlainSite):
    """Sends who asks for /data/NAME to where LEADS says that it lies."""

    def __init__(self):
        super().__init__()
        self.leads = {}

    def answer(self, request):
        target = self.leads.get(request.path)
        return redirect(target, 302) if target else super().answer(request)


class ZippedFiles(Journey):
    def setUp(self):
        super().setUp()
        self.site = Storage()
        self.server = self.origin(self.site)

    def keep(self, asked, lies, content):
        self.site.leads[f"/data/{asked}"] = f"/store/{lies}?sig=0123456789abcdef"
        self.site.add(f"/store/{lies}", content)

    def fetch(self, name, *options, **more):
        path, result = self.pull(f"{self.server.url}/data/{name}", *options, **more)
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}, \
            path, result

    def zip_of(self, **members):
        return make_large_zip({name.replace("_", "."): content for name, content in members.items()},
                              deflate_below=64 << 20)

    def test_unpacked(self):
        self.keep("diamonds.csv", "compressed/diamonds.csv.zip", self.zip_of(diamonds_csv=CSV))
        files, path, result = self.fetch("diamonds.csv")
        self.assertEqual(files, {"diamonds.csv": CSV.read(0, CSV.size)})
        self.assert_arrived(path, {"diamonds.csv": CSV}, result)
        self.assertEqual(list(self.mirror.glob(".medmirror/partial/**/*")), [])

    def test_not_by_the_name_alone(self):
        self.keep("plain.csv", "plain.csv.zip", CSV)
        self.assertEqual(self.fetch("plain.csv")[0], {"plain.csv": CSV.read(0, CSV.size)})

    def test_not_by_the_bytes_alone(self):
        packed = self.zip_of(model_npz=Noise(5000, "npz"))
        self.keep("model.npz", "4711", packed)
        self.assertEqual(self.fetch("model.npz")[0], {"model.npz": packed.read(0, packed.size)})

    def test_another_zip(self):
        packed = self.zip_of(a_txt=Bytes("a"), b_txt=Bytes("b"))
        self.keep("slides.bin", "slides.bin.zip", packed)
        self.assertEqual(self.fetch("slides.bin")[0], {"slides.bin": packed.read(0, packed.size)})

    def test_damaged(self):
        packed = self.zip_of(diamonds_csv=CSV)
        whole = bytearray(packed.read(0, packed.size))
        whole[60] ^= 0xFF
        self.keep("diamonds.csv", "diamonds.csv.zip", Bytes(bytes(whole)))
        result = self.medmirror("pull", f"{self.server.url}/data/diamonds.csv", expect=5)
        self.assert_explains(result, "diamonds.csv came zipped")
        self.assert_nothing_installed()


if __name__ == "__main__":
    unittest.main()
