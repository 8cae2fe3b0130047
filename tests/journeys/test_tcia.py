"""TCIA as a person asks it: what there is, what is left out and why, and what the two back ends say of it. How its series
are fetched is tested by test_tcia_pull."""

import json
import unittest

from journey import NOWHERE, SANITIZED, Journey
from origins import faults
from origins.idc import query_timeout
from origins.tcia_data import CC_BY_4, CC_BY_NC_4, RESTRICTED, Collection, ManySeries, make_collection, make_series
from origins.tcia_world import TciaWorld

SERIES = "/nbia-api/services/v4/getSeries"
LIMIT_KB = 64 * 1024


class Archive(Journey):
    def world(self, *collections, **more):
        world = TciaWorld(list(collections) or None, **more)
        for name, origin in world.origins.items():
            self.addCleanup(self._close_origin, origin)
            self.endpoints[name] = origin.url
        return world

    def listed(self, ref, *options, **more):
        """{path: event} of `files --json`."""
        result = self.medmirror("files", "--json", ref, *options, **more)
        events = [json.loads(line) for line in result.lines]
        return {event["path"]: event for event in events if event["event"] == "listed"}

    def zip_of(self, series):
        return f"{series.patient}/{series.study}/{series.uid}.zip"

    def lock(self, path):
        with open(f"{path}.lock.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def downloads(self, path):
        return {line["download"]: line for line in self.lock(path) if "download" in line}


class Names(Archive):
    """Whatever way a collection is named, it is the same one."""

    def test_spellings(self):
        world = self.world()
        rider = world.collections[1]
        wanted = sorted(self.zip_of(series) for series in rider.series())
        for ref in ("tcia/RIDER%20Test%20CT", "tcia/RIDER Test CT", "tcia/rider-test-ct",
                    "https://www.cancerimagingarchive.net/collection/rider-test-ct/",
                    "https://wiki.cancerimagingarchive.net/display/Public/RIDER+Test+CT",
                    "https://nbia.cancerimagingarchive.net/nbia-search/?CollectionCriteria=RIDER%20Test%20CT",
                    "https://portal.imaging.datacommons.cancer.gov/collections/rider_test_ct/"):
            with self.subTest(ref):
                listed = self.listed(ref)
                self.assertEqual(sorted(path for path in listed if path.endswith(".zip")), wanted)
        self.assertEqual(world.nbia.record.entries("*/getImage*"), [])
        folder = self.mirror / "tcia" / "RIDER%20Test%20CT"
        path, _ = self.pull("tcia/rider-test-ct")
        self.assertEqual(path.parent, folder)

    def test_patient_and_series(self):
        world = self.world()
        lung = world.collections[0]
        series = next(lung.series())
        for ref, wanted in ((f"tcia/series/{series.uid}", [series]),
                            (f"tcia/Lung-Test/{series.patient}",
                             [one for one in lung.series() if one.patient == series.patient and not one.third_party])):
            with self.subTest(ref):
                self.mirror = self.folder / str(len(wanted))
                path, result = self.pull(ref)
                self.assertEqual(path.parent, self.mirror / "tcia" / "Lung-Test")
                self.assert_arrived(path, {f"{one.patient}/{one.study}/{one.uid}/{image.sop}.dcm": image
                                           for one in wanted for image in one.images}, result)

    def test_series_of_nlst(self):
        world = self.world()
        series = next(world.nlst_collections[0].series())
        path, _ = self.pull(f"tcia/series/{series.uid}")
        self.assertEqual(path.parent.name, "NLST")

    def test_nlst_has_its_own_server(self):
        world = self.world()
        self.assertEqual(len(self.listed("tcia/NLST")), 4)
        self.assertEqual(world.nbia.record.entries("*/getSeries"), [])
        self.assertEqual(len(world.nlst.record.entries(SERIES)), 1)

    def test_unknown(self):
        self.world()
        result = self.medmirror("pull", "tcia/RIDER Test CTT", expect=7)
        self.assert_explains(result, "RIDER Test CTT", "medmirror pull tcia/RIDER%20Test%20CT")
        result = self.medmirror("pull", "tcia/series/1.2.3.4", expect=7)
        self.assert_explains(result, "1.2.3.4")
        for ref in ("tcia/", "tcia/a/b/c", "tcia/series/1.2.x", "tcia/../x"):
            result = self.medmirror("pull", ref, expect=2)
            self.assert_explains(result, "tcia/LIDC-IDRI")


class Listings(Archive):
    """What is told of a collection before the first byte."""

    def test_forms_of_the_answer(self):
        """Types, escapes and absent keys of v4, and v1 in its place, tell the same."""
        told = []
        for name, options in (("native", {}), ("string", {"types": "string", "escape": False}), ("mixed", {"types": "mixed"}),
                              ("v1", {})):
            with self.subTest(name):
                world = self.world(*[make_collection("Lung-Test", facts={"StudyDesc": "a/b", "BodyPartExamined": None})],
                                   **options)
                if name == "v1":
                    world.nbia.faults.add(faults.status(400, SERIES))
                self.mirror = self.folder / name
                path, result = self.pull("tcia/Lung-Test")
                self.assertEqual(path.name, "2011-09-15")  # the newest release or submission, never a study date
                header, *_ = self.lock(path)
                told.append((header["source_state"], [self.facts(one) for one in self.downloads(path).values()]))
        self.assertEqual(told[1:3], told[:1] * 2)
        self.assertEqual(told[3][0], told[0][0])
        self.assertEqual({facts["StudyDesc"] for facts in told[0][1]}, {"a/b"})

    @staticmethod
    def facts(download):
        return {key: value for key, value in download.get("facts", {}).items()}

    def test_facts_in_the_lock(self):
        world = self.world()
        path, _ = self.pull("tcia/Lung-Test")
        downloads = self.downloads(path)
        for series in world.collections[0].series():
            if series.third_party:
                continue
            facts = downloads[self.zip_of(series)]["facts"]
            self.assertEqual(facts["SeriesInstanceUID"], series.uid)
            self.assertEqual(facts["ImageCount"], str(len(series.images)))
            self.assertEqual(facts["FileSize"], str(series.size))
            self.assertEqual(facts["LicenseName"], series.licence[0])
            self.assertEqual(facts["DataDescriptionURI"], series.doi)
            self.assertEqual(facts["crdc_series_uuid"], series.crdc_uuid)
            self.assertEqual(facts["idc_version"], "v25")

    def test_addresses(self):
        world = self.world(lacking=())
        lung = world.collections[0]
        series = next(lung.series())
        for prefer, first in ((None, "s3"), ("nbia", "zip")):
            self.mirror = self.folder / f"prefer-{prefer}"
            options = ["--prefer", prefer] if prefer else []
            path, _ = self.pull("tcia/Lung-Test", *options)
            addresses = self.downloads(path)[self.zip_of(series)]["addresses"]
            bundle = [f"{self.endpoints['idc-s3']}/idc-open-data/{series.crdc_uuid}/",
                      f"{self.endpoints['idc-gcs']}/idc-open-data/{series.crdc_uuid}/"]
            zips = [f"{self.endpoints['tcia']}/nbia-api/services/{version}/getImageWithMD5Hash?SeriesInstanceUID={series.uid}"
                    for version in ("v4", "v1")]
            self.assertEqual(addresses, bundle + zips if first == "s3" else zips + bundle)

    def test_same_state_is_not_listed_again(self):
        world = self.world()
        path, _ = self.pull("tcia/Lung-Test")
        world.clear()
        again, result = self.pull("tcia/Lung-Test")
        self.assertEqual(again, path)
        self.assertEqual(world.idc.record.entries("*"), [], "Nothing had changed.")
        next(world.collections[0].series()).facts["MaxSubmissionTimestamp"] = (2026, 2, 3)
        beside, _ = self.pull("tcia/Lung-Test")
        self.assertEqual(beside.name, "2026-02-03")

    def test_others_results_only_when_asked_for(self):
        world = self.world()
        third = [series for series in world.collections[0].series() if series.third_party]
        path, result = self.pull("tcia/Lung-Test")
        self.assertFalse((path / third[0].patient / third[0].study / third[0].uid).exists())
        self.assertIn("medmirror pull tcia/Lung-Test --where ThirdPartyAnalysis=YES", result.err)
        path, result = self.pull("tcia/Lung-Test", "--where", "ThirdPartyAnalysis=YES")
        self.assertTrue((path / third[0].patient / third[0].study / third[0].uid).is_dir())

    def test_versions_and_show(self):
        self.world()
        self.assertIn("no versions of its own", self.medmirror("versions", "tcia/Lung-Test").err)
        result = self.medmirror("show", "tcia/Lung-Test", expect=7)
        self.assertIn("need no account", result.out + result.err)

    def test_dry_run_asks_for_no_image(self):
        world = self.world()
        result = self.medmirror("pull", "tcia/Lung-Test", "--dry-run")
        self.assertIn("2011-09-15", result.err + result.out)
        self.assertEqual(world.nbia.record.entries("*/getImage*"), [])
        self.assertEqual(world.s3.record.entries("*"), [])
        self.assert_nothing_installed()


class Licences(Archive):
    def test_nothing_is_open(self):
        closed = make_collection("Closed-Test", licence=RESTRICTED)
        world = self.world(closed)
        result = self.medmirror("pull", "tcia/Closed-Test", expect=4)
        self.assert_explains(result, "TCIA Restricted License Agreement", "nih-controlled-data-access-policy", "dbGaP",
                             "medmirror adopt tcia/Closed-Test")
        self.assertEqual(world.nbia.record.entries("*/getImage*"), [], "Controlled data are never tried.")
        self.assertEqual(world.s3.record.entries("*"), [])

    def test_the_open_part_of_a_mixed_one(self):
        mixed = make_collection("Some-Test", patients=1, series=2, licence=CC_BY_4)
        closed = make_series("Some-Test", "Some-Test-0009", licence=RESTRICTED)
        unnamed = make_series("Some-Test", "Some-Test-0008", facts={"LicenseName": None, "LicenseURI": None})
        hidden = make_series("Some-Test", "Some-Test-0007", licence=CC_BY_4, facts={"Authorized": 0})
        for series in (closed, unnamed, hidden):
            mixed.add(series)
        self.world(mixed)
        path, result = self.pull("tcia/Some-Test")
        self.assertEqual(len(list(path.iterdir())), 1)
        self.assertIn("1 of 5 series is under a licence that is not open", result.err)
        self.assertIn("1 of 5 series names no licence", result.err)
        self.assertIn("1 of 5 series is listed but not given to the public", result.err)

    def test_without_commercial_use(self):
        free = make_collection("Breast-Test", patients=1, licence=CC_BY_NC_4)
        self.world(free)
        path, _ = self.pull("tcia/Breast-Test")
        self.assertIn("NonCommercial", json.dumps(self.lock(path)[0]))

    def test_beside_the_series(self):
        """What is no series: slides, spreadsheets, what Aspera alone gives out, what is controlled."""
        self.world()
        listed = self.listed("tcia/Slides of Tests")
        self.assertEqual(sorted(listed), ["slides/A-0001/A 1.tiff"])
        self.assertEqual(sorted(self.listed("tcia/Mixed-Test")), ["supporting/Mixed-Test_annotations.xlsx"])
        self.assertEqual(sorted(self.listed("tcia/Lung-Masks")), ["supporting/Lung-Masks.zip"])
        result = self.medmirror("pull", "tcia/Head-Test", expect=4)
        self.assert_explains(result, "NIH Controlled Data Access Policy", "dbGaP")
        result = self.medmirror("pull", "tcia/Aspera-Test", expect=4)
        self.assert_explains(result, "ascli faspex5 packages browse --url='https://faspex.cancerimagingarchive.net/",
                             "ascli faspex5 packages receive --url=", "context=ey",
                             "medmirror adopt tcia/Aspera-Test DIR --checksums DIR/NAME.sums")

    def test_short_pages_of_the_web_site(self):
        """A server that gives fewer rows a page than asked is read to its end, by its links or without them."""
        world = self.world()
        site = world.www.site
        expected = sorted(self.listed("tcia/Mixed-Test"))
        self.assertTrue(expected)
        for links in (True, False):
            site.rows_given, site.has_links = 1, links
            world.www.record.clear()
            self.assertEqual(sorted(self.listed("tcia/Mixed-Test")), expected)
            self.assertEqual(sorted(self.listed("tcia/Lung-Masks")), ["supporting/Lung-Masks.zip"])
            self.assertGreater(len(world.www.record.entries("*downloads*")), 1)

    def test_slides_and_spreadsheets_when_asked_for(self):
        world = self.world()
        path, result = self.pull("tcia/Lung-Test")
        self.assertFalse((path / "slides").exists() or (path / "supporting").exists())
        path, result = self.pull("tcia/Lung-Test", "--where", "Part=slides,supporting")
        self.assertEqual(len(list((path / "slides").rglob("*.svs"))), 23)
        self.assertEqual([file.name for file in (path / "supporting").iterdir()], ["Lung-Test_clinical.csv"])
        self.assertEqual(path.name, "2011-09-15")

    def test_the_rest_of_the_archive_is_away(self):
        world = self.world(without=("tcia-www", "pathdb"))
        self.endpoints["tcia-www"] = self.endpoints["pathdb"] = NOWHERE
        path, result = self.pull("tcia/Lung-Test")
        self.assertIn("could not be listed", result.err)
        # What nobody could be asked about is not denied.
        result = self.medmirror("pull", "tcia/Slides of Tests", expect=5)
        self.assert_explains(result, "the word of NBIA alone")


class BackEndsAway(Archive):
    def test_idc_is_gone_or_has_changed(self):
        for name, fault in (("gone", faults.status(404, "*")), ("busy", faults.status(504, "/cohort/*", method=None,
                                                                                      body=query_timeout())),
                            ("changed", faults.status(200, "/cohort/counts", method=None, body=b'{"series": "many"}'))):
            with self.subTest(name):
                world = self.world()
                self.configure(retries=1)
                world.idc.faults.add(fault)
                self.mirror = self.folder / name
                path, result = self.pull("tcia/RIDER Test CT")
                self.assertIn("everything comes from NBIA", result.err)
                self.assertEqual(world.s3.record.entries("*.dcm"), [])
                self.assertTrue(world.nbia.record.entries("*/getImageWithMD5Hash"))

    def test_idc_goes_on_to_another_version_meanwhile(self):
        world = self.world()
        world.idc.site.versions = ["v24", "v25"]
        path, result = self.pull("tcia/RIDER Test CT")
        facts = [one["facts"] for one in self.downloads(path).values() if "crdc_series_uuid" in one.get("facts", {})]
        self.assertEqual({fact["idc_version"] for fact in facts}, {"v25"})

    def test_idc_answers_another_question(self):
        """A body that is not understood is answered with everything; nothing of that is taken for the collection."""
        world = self.world()
        everything = {"series": [], "total_series": 1_032_911, "page": 0, "page_size": 5000, "returned": 0}
        world.idc.faults.add(faults.status(200, "/cohort/manifest", method=None, body=json.dumps(everything).encode()))
        path, result = self.pull("tcia/RIDER Test CT")
        self.assertIn("another number of series than was asked for", result.err)
        self.assertEqual(world.s3.record.entries("*.dcm"), [])

    def test_nbia_is_away(self):
        world = self.world()
        self.configure(retries=1)
        world.nbia.faults.add(faults.status(500, "/nbia-api/services/*", method=None,
                                            body=b"Server was not able to process your request\nnull"))
        path, result = self.pull("tcia/RIDER Test CT")
        self.assertEqual(path.name, "idc-v25")
        self.assertIn("NBIA does not answer", result.err)
        rider = world.collections[1]
        self.assert_arrived(path, {f"{one.patient}/{one.study}/{one.uid}/{image.sop}.dcm": image
                                   for one in rider.series() for image in one.images}, result)

    def test_nothing_found_is_no_error(self):
        """An answer of 200 without a body."""
        world = self.world(Collection("Empty-Test"), without=("tcia-www", "pathdb"))
        result = self.medmirror("pull", "tcia/Empty-Test", expect=7)
        self.assert_explains(result, "Empty-Test")
        self.assertNotIn("JSON", result.err)

    def test_the_other_server_is_away(self):
        self.world(without=("tcia-nlst", "tcia-www", "pathdb"))
        self.endpoints["tcia-nlst"] = NOWHERE
        self.configure(retries=1)
        self.pull("tcia/RIDER Test CT")
        result = self.medmirror("pull", "tcia/RIDER Test CTT", expect=7)
        self.assert_explains(result, "medmirror pull tcia/RIDER%20Test%20CT")

    def test_a_page_in_place_of_a_list(self):
        world = self.world(without=("idc", "idc-s3", "idc-gcs"))
        self.configure(retries=1)
        world.nbia.faults.add(faults.status(200, "*/getSeries", body=b"<html><title>Maintenance</title></html>"))
        result = self.medmirror("pull", "tcia/Lung-Test", expect=5)
        self.assertIn("is no list", result.err)
        self.assert_nothing_installed()


class Scale(Archive):
    def test_three_hundred_thousand_series(self):
        """One answer of 300,000 series, mapped to the buckets: listed and planned in bounded memory."""
        count = 20_000 if SANITIZED else 300_000
        self.configure(first_byte_timeout=600_000, stall_timeout=600_000)
        self.world(ManySeries("Many-Test", count), without=("pathdb", "tcia-www"))
        result = self.medmirror("pull", "tcia/Many-Test", "--dry-run", measure=True, seconds=800)
        if not SANITIZED:
            self.assertLess(result.peak, LIMIT_KB, str(result))
        self.assertIn(f"All {count} series", result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
