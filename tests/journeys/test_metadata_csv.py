"""VERSION.metadata.csv beside the lock, and copies in the folders of the NBIA Data Retriever."""

import csv
import io
import pathlib
import re

from journey import Journey
from origins.tcia_data import Collection, Image, Series, make_series
from origins.tcia_world import TciaWorld

COLUMNS = ("Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,Study Description,"
           "Study Date,Series Description,Manufacturer,Modality,SOP Class Name,SOP Class UID,Number of Images,File Size,"
           "File Location,Download Timestamp").split(",")


class Retrievers(Journey):
    def setUp(self):
        super().setUp()
        self.series = [make_series("Lung Test", f"P/{number}", number=number, images=3) for number in range(1, 4)]
        self.series.append(make_series("Lung Test", "P/1", number=9, images=2, modality="MR", facts={
            "SeriesDescription": "a \"b\", c/d " + "x" * 60, "StudyDesc": "head, neck"}))
        self.world = TciaWorld([Collection("Lung Test", self.series)])
        self.addCleanup(self.world.close)
        self.endpoints.update(self.world.endpoints)

    def table(self, path):
        """The table's rows by series, read by Python's own reader; what a table must be is looked at on the way."""
        data = pathlib.Path(path).read_bytes()
        self.assertEqual(data.count(b"\n"), data.count(b"\r\n"))
        self.assertTrue(data.startswith((",".join(COLUMNS) + "\r\n").encode()))
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
        uids = [row["Series UID"] for row in rows]
        self.assertEqual(uids, sorted(uids))
        for row in rows:
            self.assertEqual(len(row), 17)
            self.assertNotIn(None, row.values())
        return {row["Series UID"]: row for row in rows}

    def beside(self, path):
        return pathlib.Path(str(path) + ".metadata.csv")

    def assert_row(self, row, series):
        self.assertEqual(row["Collection"], "Lung Test")
        self.assertEqual(row["3rd Party Analysis"], "NO")
        self.assertEqual(row["Subject ID"], series.patient)
        self.assertEqual(row["Study UID"], series.study)
        self.assertEqual(row["Modality"], series.modality)
        self.assertEqual(row["SOP Class UID"], series.images[0].sop_class)
        self.assertEqual(row["SOP Class Name"], {"CT": "CT Image Storage", "MR": "MR Image Storage"}[series.modality])
        self.assertEqual(row["Number of Images"], str(len(series.images)))
        number, unit = row["File Size"].split()
        bytes_held = sum(image.size for image in series.images)
        self.assertAlmostEqual(float(number), bytes_held / {"KB": 1e3, "MB": 1e6}[unit], places=2)
        self.assertRegex(row["Download Timestamp"], r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}$")

    def assert_located(self, row, series, root):
        folder = pathlib.Path(root) / row["File Location"]
        self.assertEqual({file.name for file in folder.iterdir()}, {image.sop + ".dcm" for image in series.images})


class Beside(Retrievers):
    def test_rows_for_what_is_held(self):
        path, result = self.pull("tcia/Lung%20Test", "--where", "Modality=CT")
        rows = self.table(self.beside(path))
        held = [one for one in self.series if one.modality == "CT"]
        self.assertEqual(set(rows), {one.uid for one in held})
        for one in held:
            self.assert_row(rows[one.uid], one)
            self.assert_located(rows[one.uid], one, path.parent)
        self.assert_proven(path, result)
        self.assertNotIn("metadata.csv", pathlib.Path(str(path) + ".sha256").read_text())
        again, result = self.pull("tcia/Lung%20Test")
        rows = self.table(self.beside(path))
        for one in self.series:
            self.assert_row(rows.pop(one.uid), one)
        self.assertEqual(rows, {})
        self.assertIn('"head, neck"', self.beside(path).read_text())
        self.assertEqual(self.table(self.beside(path))[self.series[3].uid]["Series Description"][:12], 'a "b", c/d x')

    def test_it_is_a_list_of_series_itself(self):
        path, result = self.pull("tcia/Lung%20Test")
        other = self.folder / "metadata.csv"
        other.write_bytes(self.beside(path).read_bytes())
        listed = self.medmirror("manifest", "check", "./metadata.csv", no_network=True)
        self.assertIn("a list of 4 series", listed.err)
        self.assertIn("nothing had to be fetched", self.medmirror("pull", "./metadata.csv").err)

    def test_removed_with_its_version(self):
        path, result = self.pull("tcia/Lung%20Test")
        self.assertTrue(self.beside(path).exists())
        self.medmirror("remove", "tcia/Lung%20Test", "--yes")
        self.assertFalse(self.beside(path).exists())
        self.assert_nothing_installed()

    def test_a_missing_one_is_made_again(self):
        path, result = self.pull("tcia/Lung%20Test")
        before = self.beside(path).read_bytes()
        self.beside(path).unlink()
        self.medmirror("verify", "tcia/Lung%20Test", "--repair")
        self.assertEqual(self.beside(path).read_bytes(), before)

    def test_verify_does_not_mind_it(self):
        path, result = self.pull("tcia/Lung%20Test")
        self.assertNotIn("metadata", self.medmirror("verify", "tcia/Lung%20Test").err)


class Shared(Journey):
    """Series whose numbers, descriptions and last five digits are the same: the Retriever's name for both is one."""

    def test_none_overwrites_the_other(self):
        study, root = "1.2.826.0.1.99.7", "1.2.826.0.1.99.1"
        twins = []
        for series, first in ((f"{root}.1.54321", 1), (f"{root}.2.54321", 2)):
            images = [Image(f"{series}.{number}", series, study, "P1", "CT", "explicit", 32 + 2 * first, number)
                      for number in (1, 2)]
            twins.append(Series(series, study, "P1", "Twins", "CT", images, facts={"SeriesNumber": 4}))
        world = TciaWorld([Collection("Twins", twins)])
        self.addCleanup(world.close)
        self.endpoints.update(world.endpoints)
        self.pull("tcia/Twins")
        result = self.medmirror("copy", "tcia/Twins", "copy", "--layout", "descriptive")
        rows = {row["Series UID"]: row for row in
                csv.DictReader(io.StringIO((self.folder / "copy" / "metadata.csv").read_text(), newline=""))}
        folders = {rows[one.uid]["File Location"] for one in twins}
        self.assertEqual(len(folders), 2, folders)
        for one in twins:
            folder = self.folder / "copy" / rows[one.uid]["File Location"]
            self.assertTrue(folder.name.startswith("4.000000-") and folder.name.endswith("-" + one.uid), folder.name)
            self.assertEqual({file.name: file.read_bytes() for file in folder.iterdir()},
                             {image.sop + ".dcm": image.bytes() for image in one.images})
        self.assertIn("2 series", result.err)


class Copies(Retrievers):
    def setUp(self):
        super().setUp()
        self.path, _ = self.pull("tcia/Lung%20Test")

    def copy(self, *options, **more):
        self.medmirror("copy", "tcia/Lung%20Test", "copy", *options, **more)
        return self.folder / "copy"

    def test_as_it_lies(self):
        folder = self.copy()
        rows = self.table(folder / "metadata.csv")
        for one in self.series:
            self.assert_located(rows[one.uid], one, folder)

    def test_classic(self):
        folder = self.copy("--layout", "classic")
        rows = self.table(folder / "metadata.csv")
        for one in self.series:
            self.assert_row(rows[one.uid], one)
            self.assert_located(rows[one.uid], one, folder)
            self.assertEqual(rows[one.uid]["File Location"],
                             f"./Lung Test/{one.patient.replace('/', '-')}/{one.study}/{one.uid}")
        self.assertEqual(len(list(folder.rglob("*.dcm"))), sum(len(one.images) for one in self.series))

    def test_descriptive(self):
        folder = self.copy("--layout", "descriptive")
        rows = self.table(folder / "metadata.csv")
        for one in self.series:
            self.assert_located(rows[one.uid], one, folder)
            study, series = rows[one.uid]["File Location"].split("/")[3:]
            self.assertRegex(study, r"^[0-9]{2}-[0-9]{2}-[0-9]{4}-1-.*-" + re.escape(one.study[-5:]) + "$")
            self.assertTrue(series.endswith("-" + one.uid[-5:]), series)
            self.assertRegex(series, r"^[0-9]+\.000000-")
        last = rows[self.series[3].uid]["File Location"].rsplit("/", 1)[1]
        self.assertEqual(re.sub(r"^[0-9.]+-|-.....$", "", last), ("a \"b\", c-d " + "x" * 60)[:53])

    def test_no_such_layout(self):
        self.assert_explains(self.medmirror("copy", "tcia/Lung%20Test", "copy", "--layout", "flat", expect=2), "classic")

