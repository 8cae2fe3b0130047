"""Listings that were made to break out, to overwrite, to be taken for somebody else's words, or to take secrets along."""

import csv
import json
import os
import struct
import unittest
import zlib
from urllib.parse import unquote

from journey import Journey
from origins import Bytes, KaggleDataset, KaggleSite, KaggleVersion, Noise, PlainSite, faults, kaggle
from origins.tcia_data import Collection, make_series
from origins.tcia_world import TciaWorld

PATIENTS = ("..", ".", "/", "a/b", "a-b", "../../../x", "x" * 300, "ü" * 150, "\x01\x1b[31m\n", "Twin", "tWIN", " ", "%2e%2e", "~", "-rf",
            "con\\aux", "\u202egnp")
TITLES = ("=HYPERLINK(\"https://evil.example\")", "Cookie: x", "https://u:hidden-word@evil.example/?sig=1", "../../..", "\n\nmedmirror: x", "e" * 400,
          "\u009b2J", "d\"q")


class Series(Journey):
    def world(self, series, **more):
        world = TciaWorld([Collection("Lung", series)], **more)
        self.addCleanup(world.close)
        self.endpoints.update(world.endpoints)
        return world

    def hostile(self):
        made = []
        for number, patient in enumerate(PATIENTS):
            title = TITLES[number % len(TITLES)]
            made.append(make_series("Lung", f"P{number}", images=2, number=number,
                                    facts={"PatientID": patient, "SeriesDescription": title, "StudyDesc": title[::-1],
                                           "Manufacturer": title}))
        return made

    def assert_inside(self, *folders):
        """What the run made lies where it may."""
        for path in self.folder.iterdir():
            self.assertIn(path.name, {"mirror", "home", "config", "cache", "state", "data", "run", "runtime", "tmp", *folders})

    def test_names(self):
        series = self.hostile()
        self.world(series)
        listed = self.medmirror("files", "--json", "--verbose", "tcia/Lung")
        self.assertEqual(len([one for one in map(json.loads, listed.lines) if one["event"] == "listed"]), len(series))
        self.assertNotIn("hidden-word", listed.out + listed.err)
        result = self.medmirror("pull", "--json", "--verbose", "tcia/Lung")
        for line in result.lines:
            json.loads(line)
        for stream in (result.out, result.err):
            self.assertNotIn("hidden-word", stream)
            for control in ("\x1b", "\x01", "\u009b"):
                self.assertNotIn(control, stream)
        version = next(path for path in (self.mirror / "tcia" / "Lung").iterdir() if path.is_dir() and not path.is_symlink())
        images = sorted(version.rglob("*.dcm"))
        self.assertEqual(len(images), 2 * len(series))
        for path in images:
            patient, *_ = path.relative_to(version).parts
            self.assertNotIn(patient, (".", ".."))
            self.assertTrue(all(len(part.encode()) <= 255 for part in path.parts))
        with open(f"{version}.metadata.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["Series UID"] for row in rows}, {one.uid for one in series})
        self.assertEqual(len(rows), len(series))
        self.assertEqual(len({row["File Location"] for row in rows}), len(series))
        self.medmirror("verify", "tcia/Lung")
        for layout in ("classic", "descriptive"):
            with self.subTest(layout):
                target = self.folder / layout
                self.medmirror("copy", "--layout", layout, "tcia/Lung", str(target))
                self.assertEqual(len([path for path in target.rglob("*.dcm")]), 2 * len(series))
        self.assert_inside("classic", "descriptive")


class Secrets(Journey):
    """What a login opened, and the login itself, leave no trace, and go nowhere else."""

    def setUp(self):
        super().setUp()
        self.site = KaggleSite()
        many = {f"a/{number}.bin": Noise(400_000, f"hostile/{number}") for number in range(4)}
        self.site.add(KaggleDataset("ana", "large", "Large", [KaggleVersion(1, many)], private=("ana",)))
        self.server, self.storage = kaggle.start(self.site)
        self.addCleanup(self._close_origin, self.server)
        self.addCleanup(self._close_origin, self.storage)
        self.endpoints |= {"kaggle": self.server.url, "kaggle-rpc": self.server.url}
        self.ana = self.site.accounts["ana"]
        self.env = {"KAGGLE_API_TOKEN": self.ana.token}

    def signed(self):
        """What follows the question mark of every signed address, in parts that are long enough to be told apart."""
        return {part for entry in self.storage.record.entries() for part in entry.query.split("&") if len(part) > 30}

    def assert_no_trace(self, *results):
        secrets = {self.ana.token, *self.signed(), *(unquote(part) for part in self.signed())}
        self.assertGreater(len(secrets), 1)
        for secret in secrets:
            for result in results:
                self.assertNotIn(secret, result.out + result.err)
            for path in self.folder.rglob("*"):
                self.assertNotIn(secret, str(path))
                if path.is_file() and not path.is_symlink():
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_a_run_that_fails(self):
        self.storage.faults.add(faults.cut(500_000, how="reset"))
        results = [self.medmirror("pull", "--json", "--verbose", "kaggle/ana/large", env=self.env, expect=5),
                   self.medmirror("pull", "--verbose", "kaggle/ana/large", env=self.env, expect=(0, 5))]
        self.assert_no_trace(*results)

    def test_storage_that_sends_elsewhere(self):
        other = self.origin(PlainSite())
        for location in (other.url + "/x?X-Goog-Signature=of-somebody-else-and-long", other.url.replace("//", "//u:hidden-word@") + "/x"):
            with self.subTest(location):
                self.storage.faults.clear()
                self.storage.faults.add(faults.redirect(location))
                result = self.medmirror("pull", "--json", "--verbose", "kaggle/ana/large", env=self.env, expect=(5, 7))
                self.assert_no_trace(result)
                self.assertNotIn("hidden-word", result.out + result.err)
                self.assertNotIn("of-somebody-else", result.out + result.err)
        self.assertTrue(other.record.entries())
        for entry in other.record.entries():
            self.assertNotIn("authorization", entry.headers)
            self.assertNotIn("hidden-word", entry.target)

    def test_an_api_that_sends_elsewhere(self):
        other = self.origin(PlainSite())
        for code in (301, 302, 307, 308):
            self.server.faults.clear()
            self.server.faults.add(faults.redirect(other.url + "/x", path="*", code=code))
            result = self.medmirror("pull", "--verbose", "kaggle/ana/large", env=self.env, expect=(4, 5, 7))
            self.assertNotIn(self.ana.token, result.out + result.err)
        self.assertTrue(other.record.entries())
        for entry in other.record.entries():
            self.assertNotIn("authorization", entry.headers)

    def test_calls_that_are_sent_elsewhere(self):
        """The endpoint of the calls is another one than the site's: the login is not for it."""
        other = self.origin(PlainSite())
        self.endpoints["kaggle-rpc"] = other.url.replace("127.0.0.1", "0.0.0.0")
        self.server.faults.add(faults.status(404, "*", body=b"gone", type="text/html", method=None))
        self.medmirror("pull", "--verbose", "kaggle/ana/large", env=self.env, expect=(4, 5, 7))
        for entry in other.record.entries():
            self.assertNotIn("authorization", entry.headers)

    def test_a_proxy_sees_nothing(self):
        proxy = self.origin(PlainSite())
        self.medmirror("pull", "kaggle/ana/large", env=self.env | {"http_proxy": proxy.url, "all_proxy": proxy.url}, expect=(0, 4, 5, 7))
        for entry in proxy.record.entries():
            self.assertNotIn("authorization", entry.headers)


class Addresses(Journey):
    def test_events_stay_objects(self):
        """What is hidden to the end of a line does not take the rest of an event along."""
        world = TciaWorld([Collection("Lung", [make_series("Lung", "P1")])])
        self.addCleanup(world.close)
        self.endpoints.update(world.endpoints)
        uid = next(world.collections[0].series()).uid
        (self.folder / "a.tcia").write_text(f"manifestVersion=3.0\nListOfSeriesToDownload=\nCookie: hidden-word\n{uid}\n",
                                            encoding="utf-8")
        result = self.medmirror("files", "--json", "a.tcia")
        events = [json.loads(line) for line in result.lines]
        self.assertEqual([event["found"] for event in events if event["event"] == "list-line"], ["Cookie: ***"])
        self.assertNotIn("hidden-word", result.out + result.err)

    def test_tables(self):
        """An address in a table is asked as nobody, whatever stands in it."""
        plain = self.origin(PlainSite())
        host = plain.url.removeprefix("http://")
        (self.folder / "a.csv").write_text(f"name,imageUrl\\nx,http://u:hidden-word@{host}/x\\n", encoding="utf-8")
        result = self.medmirror("pull", "--json", "--verbose", "a.csv", expect=(2, 4, 5, 7))
        self.assertNotIn("hidden-word", result.out + result.err)
        for entry in plain.record.entries():
            self.assertNotIn("authorization", entry.headers)
        for path in self.mirror.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"hidden-word", path.read_bytes(), path)


class Zips(Journey):
    """Archives on a host that serves ranges, whose directories lie."""

    def zip_of(self, spoil):
        """Two members, of which the second is chosen; SPOIL changes its row, and gives what stands behind the directory."""
        first, second = os.urandom(3 << 20), b"small\n" * 100
        data, rows = b"", b""
        for name, content in ((b"big.bin", first), (b"small.txt", second)):
            crc, size = zlib.crc32(content), len(content)
            row = [size, size, len(data), b""]
            if name == b"small.txt":
                row = spoil(row)
            head = struct.pack("<HHHHHLLLHH", 45, 0, 0, 0, 33, crc, size, size, len(name), 0)
            data += b"PK\3\4" + head + name + content
            rows += (b"PK\1\2" + struct.pack("<HHHHHHLLLHHHHHLL", 45, 45, 0, 0, 0, 33, crc, row[0], row[1], len(name), len(row[3]),
                                              0, 0, 0, 0, row[2]) + name + row[3])
        return data + rows + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 2, 2, len(rows), len(data), 0)

    def wide(self, *values):
        """A 64-bit extra field."""
        return struct.pack("<HH", 1, 8 * len(values)) + struct.pack(f"<{len(values)}Q", *values)

    def test_lies(self):
        ones, huge = 0xFFFFFFFF, 2 ** 64 - 1
        lies = {"compressed": lambda row: [ones, row[1], row[2], self.wide(huge)],
                "compressed to the edge": lambda row: [ones, row[1], row[2], self.wide(2 ** 64 - (3 << 20) - 200)],
                "size": lambda row: [row[0], ones, row[2], self.wide(2 ** 63)],
                "offset": lambda row: [row[0], row[1], ones, self.wide(huge - 1)],
                "overlap": lambda row: [row[0], row[1], 20, b""],
                "honest": lambda row: row}
        for name, spoil in lies.items():
            with self.subTest(name):
                plain = self.origin(PlainSite())
                plain.site.tree.add("x.zip", Bytes(self.zip_of(spoil)))
                self.mirror = self.folder / f"mirror-{len(name)}-{name[0]}"
                result = self.medmirror("pull", "--json", f"{plain.url}/x.zip", "--include", "small.txt", expect=(0, 3, 5, 9))
                events = [json.loads(line) for line in result.lines]
                by_ranges = [event for event in events if event["event"] == "by-ranges"]
                self.assertEqual(len(by_ranges), int(name in ("honest", "overlap")))
                self.assertEqual(result.status == 0, name == "honest", str(result))
                self.assertEqual(list(self.mirror.rglob("small.txt")) != [], name == "honest")


if __name__ == "__main__":
    unittest.main()
