"""Listings that were made to break out, to overwrite, to be taken for somebody else's words, or to take secrets along."""

import csv
import json
import pathlib
import unittest

from journey import Journey
from origins import KaggleSite, PlainSite, faults
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


if __name__ == "__main__":
    unittest.main()
