"""--where: a part of a dataset is chosen by what its source says of its files."""

import json

from journey import Journey
from origins.tcia_world import TciaWorld


class Where(Journey):
    def setUp(self):
        super().setUp()
        self.world = TciaWorld()
        self.addCleanup(self.world.close)
        self.endpoints.update(self.world.endpoints)
        self.lung = self.world.collections[0]

    def chosen(self, test, collection=None):
        """The series of a collection, without others' results, that pass TEST."""
        return [one for one in (collection or self.lung).series() if not one.third_party and test(one)]

    def arrived(self, path):
        """The UIDs of the series that lie below PATH."""
        return {file.parent.name for file in path.rglob("*.dcm")}

    def lock(self, path):
        with open(str(path) + ".lock.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def files(self, ref, *options, **more):
        """The UIDs that `files` names."""
        result = self.medmirror("files", ref, *options, **more)
        return {line.split()[-1].rsplit("/", 1)[-1].removesuffix(".zip") for line in result.lines}


class Choosing(Where):
    def test_a_modality(self):
        wanted = {one.uid for one in self.chosen(lambda one: one.modality == "CT")}
        self.assertTrue(wanted)
        self.assertEqual(self.files("tcia/Lung-Test", "--where", "modality=ct"), wanted)
        path, result = self.pull("tcia/Lung-Test", "--where", "Modality=CT")
        self.assertEqual(self.arrived(path), wanted)
        self.assert_proven(path, result)
        header = self.lock(path)[0]
        self.assertEqual(header["selection"], [{"where": [{"key": "Modality", "is": ["CT"]}]}])
        self.assertEqual(header["min_reader"], 2)
        downloads = [line for line in self.lock(path) if "download" in line]
        self.assertEqual({line["facts"]["SeriesInstanceUID"] for line in downloads if line["state"] == "have"}, wanted)
        self.assertIn("--where Modality=CT", self.medmirror("list").out)

    def test_terms_add_up_and_pulls_add(self):
        patient = next(self.lung.series()).patient
        wanted = {one.uid for one in self.chosen(lambda one: one.patient == patient and one.modality != "CT")}
        path, result = self.pull("tcia/Lung-Test", "--where", f"patient={patient}", "--where", "Modality!=CT")
        self.assertEqual(self.arrived(path), wanted)
        again, result = self.pull(f"tcia/Lung-Test/{patient}")
        self.assertEqual(again, path)
        self.assertEqual(self.arrived(path), {one.uid for one in self.chosen(lambda one: one.patient == patient)})
        self.assert_proven(path, result)

    def test_a_series_by_its_uid(self):
        series = self.chosen(lambda one: True)[1]
        path, result = self.pull(f"tcia/series/{series.uid}")
        self.assertEqual(self.arrived(path), {series.uid})
        self.assertEqual(path.parent, self.mirror / "tcia" / "Lung-Test")

    def test_a_list_of_values_from_a_file(self):
        wanted = [one.uid for one in self.chosen(lambda one: True)][:3]
        (self.folder / "uids.txt").write_text("\r\n".join(wanted + ["1.2.3"]))
        self.assertEqual(self.files("tcia/Lung-Test", "--where", "series=@uids.txt"), set(wanted))
        path, result = self.pull("tcia/Lung-Test", "--where", "series=@uids.txt")
        self.assertEqual(self.arrived(path), set(wanted))
        self.assertEqual(self.files("tcia/Lung-Test", "--where", f"series={wanted[0]}", no_network=True) & set(wanted), set())
        here = self.medmirror("files", "tcia/Lung-Test", "--where", f"series={wanted[0]}", no_network=True)
        self.assertTrue(here.lines)
        self.assertTrue(all(wanted[0] in line for line in here.lines), str(here))

    def test_a_long_list_stands_in_lines_of_its_own(self):
        wanted = [one.uid for one in self.chosen(lambda one: True)][:2]
        (self.folder / "uids.txt").write_text("\n".join(wanted + [f"1.3.6.1.4.1.9999.{n}" for n in range(5000)]))
        path, result = self.pull("tcia/Lung-Test", "--where", "series=@uids.txt")
        self.assertEqual(self.arrived(path), set(wanted))
        lines = self.lock(path)
        self.assertLess(len(json.dumps(lines[0])), 2000)
        self.assertEqual(sum(len(line["values"]) for line in lines if "list" in line), 5002)
        self.assertIn("up to date", self.medmirror("pull", "tcia/Lung-Test", "--where", "series=@uids.txt").err)
        self.assertEqual(self.medmirror("verify", "tcia/Lung-Test").status, 0)

    def test_keys_and_values_are_told(self):
        before = self.medmirror("show", "--fields", "tcia/Lung-Test")
        self.assertIn("--where 'Modality=CT'", before.out)
        self.assertIn("--where 'ThirdPartyAnalysis=YES'", before.out)
        counts = {(field["key"], field["value"]): field for field in map(json.loads, self.medmirror(
            "show", "--fields", "--json", "tcia/Lung-Test").lines) if field["event"] == "field"}
        wanted = self.chosen(lambda one: one.modality == "CT")
        self.assertEqual(counts["Modality", "CT"]["files"], len(wanted))
        self.assertEqual(counts["Modality", "CT"]["bytes"], sum(one.size for one in wanted))
        self.pull("tcia/Lung-Test", "--where", "Modality=CT")
        here = self.medmirror("show", "--fields", "tcia/Lung-Test", no_network=True)
        self.assertIn("--where 'Modality=CT'", here.out)


class Others(Where):
    """Results of others are listed under the collection that they are about, and are no part of it."""

    def test_only_when_asked_for(self):
        others = {one.uid for one in self.lung.series() if one.third_party}
        self.assertTrue(others)
        plain, result = self.pull("tcia/Lung-Test")
        own = {one.uid for one in self.chosen(lambda one: True)}
        self.assertEqual(self.arrived(plain), own)
        self.assertEqual(self.medmirror("path", "--complete", "tcia/Lung-Test").status, 0)
        for line in self.lock(plain):
            self.assertNotIn(next(iter(others)), json.dumps(line))
        path, result = self.pull("tcia/Lung-Test", "--where", "ThirdPartyAnalysis=YES")
        self.assertEqual(self.arrived(path), own | others)
        # A pull of all leaves them, for both were asked for.
        path, result = self.pull("tcia/Lung-Test")
        self.assertEqual(self.arrived(path), own | others)

    def test_by_its_own_uid(self):
        others = next(one for one in self.lung.series() if one.third_party)
        path, result = self.pull(f"tcia/series/{others.uid}")
        self.assertEqual(self.arrived(path), {others.uid})


class Refusals(Where):
    def test_an_unknown_key(self):
        result = self.medmirror("pull", "tcia/Lung-Test", "--where", "Modalitty=CT", expect=2)
        self.assert_explains(result, "Modalitty", "Did you mean Modality?", "BodyPartExamined", "show --fields")
        self.assertEqual(self.world.nbia.record.entries(), [])

    def test_no_such_value(self):
        result = self.medmirror("pull", "tcia/Lung-Test", "--where", "Modality=XX", expect=7)
        self.assert_explains(result, "Modality=XX", "show --fields tcia/Lung-Test")

    def test_no_key_value(self):
        result = self.medmirror("pull", "tcia/Lung-Test", "--where", "CT", expect=2)
        self.assert_explains(result, "KEY=V,V", "--where Modality=CT,MR")

    def test_a_source_without_facts(self):
        result = self.medmirror("files", "http://127.0.0.1:1/x.zip", "--where", "Modality=CT", expect=2)
        self.assert_explains(result, "--include 'folder/*'")

    def test_no_such_file(self):
        result = self.medmirror("files", "tcia/Lung-Test", "--where", "series=@none.txt", expect=2)
        self.assertIn("none.txt", result.err)
