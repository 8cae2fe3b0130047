"""Series of DICOM images from two back ends, each of which goes wrong in its own ways."""

import json
import random
import unittest

from journey import INTERRUPT, Journey
from origins import faults
from origins import nbia_zip as nbia
from origins.idc import SeriesBucket
from origins.tcia_data import Collection, make_collection, make_series
from origins.tcia_world import TciaWorld


class Archive(Journey):
    def world(self, collections, **more):
        world = TciaWorld(collections, **more)
        for name, origin in world.origins.items():
            self.addCleanup(self._close_origin, origin)
            self.endpoints[name] = origin.url
        return world

    def members(self, *series):
        return {f"{one.patient}/{one.study}/{one.uid}/{image.sop}.dcm": image for one in series for image in one.images}

    def events(self, result, name):
        return [event for event in map(json.loads, result.out.splitlines()) if event["event"] == name]

    def lock(self, path):
        with open(f"{path}.lock.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def trusts(self, path):
        return {line["trust"] for line in self.lock(path) if "file" in line}

    def zips(self, world, series=None):
        return [entry for entry in world.nbia.record.entries("*/getImage*") if series is None or series.uid in entry.query]

    def objects(self, world):
        """The requests for images in IDC's buckets, of both clouds."""
        return [entry for origin in (world.s3, world.gcs) for entry in origin.record.entries("*.dcm")]

    def pull_json(self, ref, *options, **more):
        result = self.medmirror("pull", "--json", ref, *options, **more)
        paths = [event["path"] for event in self.events(result, "result") if event.get("path")]
        return paths[0] if paths else None, result


class BackEnds(Archive):
    """One series or a few, and one way to go wrong."""

    def setUp(self):
        super().setUp()
        self.series = [make_series("Lung", f"P{number}", images=4, number=number) for number in range(1, 4)]
        self.first = self.series[0]
        self.collection = Collection("Lung", self.series)

    def assert_all_here(self, path, result):
        self.assert_arrived(self.mirror / "tcia" / "Lung" / path.rsplit("/", 1)[1], self.members(*self.series))

    def test_objects_are_declared_by_the_hash_of_the_whole(self):
        world = self.world([self.collection])
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        self.assertEqual(self.zips(world), [])
        self.assertEqual(len(self.objects(world)), 12)
        self.assertEqual(self.trusts(path), {"declared"})
        self.assertNotIn("member", {key for line in self.lock(path) if "file" in line for key in line})
        plan = self.events(result, "plan")[0]
        size = sum(one.size for one in self.series)
        self.assertEqual(plan["files"], {"value": 12, "at_least": False})
        self.assertEqual(plan["fetch"], {"value": size, "at_least": False})
        self.assertEqual(plan["on_disk"], {"value": size, "at_least": False})

    def test_nothing_below_the_folder(self):
        world = self.world([self.collection])
        world.objects(self.first).clear()
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        moves = self.events(result, "back-end")
        self.assertEqual({move["path"].rsplit("/", 1)[1] for move in moves}, {self.first.uid + ".zip"})
        self.assertEqual(moves[0]["from"], f"{world.s3.url}/idc-open-data/{self.first.crdc_uuid}/")
        self.assertIn("getImageWithMD5Hash", moves[-1]["to"])
        self.assertEqual(len(self.zips(world)), 1)

    def test_another_content_than_the_source_vouches_for(self):
        for wrong in ("altered", "short"):
            with self.subTest(wrong):
                world = self.world([self.collection], wrong={self.first.uid: wrong})
                self.mirror = self.folder / f"mirror-{wrong}"
                path, result = self.pull_json("tcia/Lung")
                self.assert_arrived(self.mirror / "tcia" / "Lung" / path.rsplit("/", 1)[1],
                                    self.members(*self.series))
                self.assertEqual(len(self.zips(world, self.first)), 1)
                self.assertEqual(len(self.zips(world)), 1)
                # The same folder of the other cloud has the same.
                moves = self.events(result, "back-end")
                self.assertEqual(len(moves), 1)
                self.assertNotIn(world.gcs.url, moves[0]["to"])

    def test_an_object_that_always_comes_wrong_comes_from_the_other_cloud(self):
        world = self.world([self.collection])
        key = next(iter(world.objects(self.first)))
        world.s3.faults.add(*[faults.corrupt(at, f"*/{key.rsplit('/', 1)[-1]}", times=1, skip=at) for at in range(600, 604)],
                            faults.status(500, f"*/{key.rsplit('/', 1)[-1]}", skip=3))
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        self.assertEqual(self.zips(world), [])

    def test_a_cloud_that_fails(self):
        world = self.world([self.collection])
        world.s3.faults.add(faults.status(503, "*"))
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        self.assertEqual(self.zips(world), [])
        self.assertEqual(len(self.events(result, "back-end")), 3)

    def test_a_hash_that_comes_with_the_bytes_and_differs(self):
        """Google's cloud says with each object what its bytes must be: what differs is fetched once more, and the hash of
        the series decides."""
        world = self.world([self.collection])
        world.s3.faults.add(faults.status(503, "*"))
        site = world.gcs.site
        headers = site._more_headers
        site._more_headers = lambda found: [*(line for line in headers(found) if line[0] != "x-goog-hash"),
                                            ("x-goog-hash", "crc32c=AAAAAA==")]
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        images = sum(len(one.images) for one in self.series)
        self.assertEqual(len(world.gcs.record.entries("*.dcm")), 2 * images)
        self.assertEqual(self.zips(world), [])
        self.assertNotIn("crc32c", json.dumps(self.lock(path)))

    def test_both_clouds_fail(self):
        world = self.world([self.collection])
        for origin in (world.s3, world.gcs):
            origin.faults.add(faults.status(503, "*"))
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        self.assertEqual(len(self.zips(world)), 3)

    def test_the_archive_first_and_the_clouds_where_it_fails(self):
        world = self.world([self.collection])
        world.nbia.site.trouble(nbia.lost_images(series=self.first.uid))
        path, result = self.pull_json("tcia/Lung", "--prefer", "nbia")
        self.assert_all_here(path, result)
        self.assertEqual({entry.path.split("/")[2] for entry in self.objects(world)}, {self.first.crdc_uuid})
        self.assertIn("3 of 4 images", self.events(result, "back-end")[0]["why"])

    def test_no_hash_to_be_had(self):
        world = self.world([self.collection])
        world.nbia.faults.add(faults.status(504, "*/getMD5Hierarchy", method=None))
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        self.assertEqual(self.events(result, "no-hash")[0]["downloads"], 3)
        self.assertEqual({event["trust"] for event in self.events(result, "unvouched")}, {"hint"})

    def test_nobody_has_it(self):
        world = self.world([self.collection])
        world.objects(self.first).clear()
        world.nbia.site.trouble(nbia.missing_image(series=self.first.uid))
        result = self.medmirror("pull", "tcia/Lung", expect=5)
        self.assert_explains(result, self.first.uid, "127.0.0.1")
        self.assert_nothing_installed()
        world.nbia.site.clear_troubles()
        world.nbia.record.clear()
        world.s3.record.clear()
        path, result = self.pull("tcia/Lung")
        self.assert_arrived(path, self.members(*self.series), result)
        self.assertEqual(len(self.zips(world)), 1)
        self.assertEqual(self.objects(world), [])

    def test_a_large_object_goes_on_where_it_stopped(self):
        large = make_series("Lung", "P9", images=1, side=1100)
        self.series = [large]
        self.collection = Collection("Lung", self.series)
        world = self.world([self.collection])
        world.s3.faults.add(faults.cut(1_500_000, "*.dcm", times=1))
        path, result = self.pull_json("tcia/Lung")
        self.assert_all_here(path, result)
        asked = self.objects(world)
        self.assertEqual(len(asked), 2)
        self.assertGreater(asked[1].range[0], 1_000_000)

    def test_politeness(self):
        self.series = [make_series("Lung", f"P{number}", images=3, number=number) for number in range(40)]
        world = self.world([Collection("Lung", self.series)])
        path, result = self.pull_json("tcia/Lung", "--prefer", "nbia")
        self.assertEqual(len(self.zips(world)), 40)
        self.assertLessEqual(world.nbia.record.connections, 3 + 1)  # getSeries may have had one of its own
        # The buckets bear more than a host does by default.
        world.clear()
        world.s3.faults.add(faults.drip(30_000, "*.dcm"))
        self.mirror = self.folder / "another"
        self.pull_json("tcia/Lung", "--prefer", "idc")
        self.assertGreater(world.s3.record.connections, 8)
        self.assertLessEqual(world.s3.record.connections, 24)

    def test_interrupted_and_gone_on_with(self):
        self.series = [make_series("Lung", f"P{number}", images=6, number=number) for number in range(30)]
        world = self.world([Collection("Lung", self.series)])
        world.s3.faults.add(faults.drip(20_000, "*.dcm"))
        running = self.start("pull", "tcia/Lung")
        self.wait_until(lambda: sum(entry.complete for entry in world.s3.record.entries("*.dcm")) > 30)
        running.send(INTERRUPT)
        result = running.wait()
        self.assert_status(result, 130)
        self.assert_explains(result, "pull --resume")
        done = {entry.path for entry in world.s3.record.entries("*.dcm") if entry.complete}
        world.clear()
        self.medmirror("pull", "--resume", "tcia/Lung")
        again = {entry.path for entry in self.objects(world)} & done
        # What had come whole, and was on its way through the digest or to its row.
        self.assertLessEqual(len(again), 24)
        path, result = self.pull("tcia/Lung")
        self.assert_arrived(path, self.members(*self.series), result)

    def test_a_damaged_image_is_repaired(self):
        world = self.world([self.collection])
        path, _ = self.pull("tcia/Lung")
        images = sorted(path.rglob("*.dcm"))
        self.flip(images[0])
        world.clear()
        self.medmirror("verify", "--repair", "tcia/Lung")
        self.assert_arrived(path, self.members(*self.series))
        self.assertEqual({entry.path.split("/")[2] for entry in self.objects(world)},
                         {one.crdc_uuid for one in self.series if one.uid in str(images[0])})

    def test_one_image_is_asked_for(self):
        world = self.world([self.collection])
        image = self.first.images[1]
        path, result = self.pull("tcia/Lung", "--include", f"*/{image.sop}.dcm")
        members = self.members(self.first)
        self.assert_arrived(path, {name: one for name, one in members.items() if one is image}, result)

    def test_no_such_back_end(self):
        self.world([self.collection])
        result = self.medmirror("pull", "--prefer", "gdc", "tcia/Lung", expect=2)
        self.assert_explains(result, "gdc", "idc", "nbia")
        result = self.medmirror("pull", "--prefer", "idc", "uci/45", expect=2)
        self.assert_explains(result, "--prefer")


class Hundreds(Archive):
    """Both back ends, and everything that goes wrong with them at once."""

    def setUp(self):
        super().setUp()
        self.configure(retries=8)
        self.collection = make_collection("Lung", patients=50, studies=2, series=3, images=5, side=96)
        self.series = list(self.collection.series())
        self.assertEqual(len(self.series), 300)
        self.chosen = random.Random(5).sample([one for one in self.series if len(one.images) > 2], 30)
        self.lacking = self.chosen[:20]

    def break_things(self, world):
        """Two corrupted images, a short zip with 200, and cuts wherever they fall; returns the series of each."""
        at_idc, in_zip, short = self.chosen[20], self.lacking[0], self.lacking[1]
        key = next(iter(world.objects(at_idc))).rsplit("/", 1)[-1]
        world.s3.faults.add(faults.corrupt(700, f"*/{key}", times=1))
        world.nbia.site.trouble(nbia.corrupt_image(series=in_zip.uid, times=1),
                                nbia.missing_image(at=2, series=short.uid, times=1))
        # Cuts of what is wrong already could hide it.
        chance = random.Random(7)
        special = {one.uid for one in (at_idc, in_zip, short)}
        cut_zips = [one for one in self.lacking if one.uid not in special]
        cut_objects = chance.sample([one for one in self.series if one.uid in world.folders and one.uid not in special], 40)
        for origin, path, query in [(world.s3, f"*/{world.folders[one.uid][1]}/*.dcm", None) for one in cut_objects] + [
                (world.nbia, "*/getImage*", f"*{one.uid}*") for one in cut_zips]:
            origin.faults.add(faults.cut(chance.randrange(200, 8000), path, times=chance.randrange(1, 3), query=query,
                                         how=chance.choice(("close", "reset"))))
        return at_idc, in_zip, short

    def test_all_that_goes_wrong(self):
        wrong_count = self.lacking[2]
        wrong_count.facts["ImageCount"] = len(wrong_count.images) + 1
        world = self.world([self.collection], lacking=[one.uid for one in self.lacking])
        at_idc, in_zip, short = self.break_things(world)
        running = self.start("pull", "--json", "tcia/Lung")
        self.wait_until(lambda: world.s3.record.entries("*.dcm"), what="the first image")
        del wrong_count.facts["ImageCount"]
        result = running.wait()
        self.assert_status(result, 0)
        path = self.events(result, "result")[0]["path"]
        self.assert_arrived(self.mirror / "tcia" / "Lung" / path.rsplit("/", 1)[1], self.members(*self.series))
        again = {event["path"].rsplit("/", 1)[1] for event in self.events(result, "again")}
        for series in (at_idc, in_zip, short):
            self.assertIn(series.uid + ".zip", again)
        said = [event for event in self.events(result, "again") if at_idc.uid in event["path"]]
        self.assertTrue(said[0]["address"].startswith(world.s3.url), said)
        self.assertEqual(self.trusts(path), {"declared"})
        self.assertEqual(len({entry.query for entry in self.zips(world)}), 20)

    def test_kill_in_the_middle(self):
        world = self.world([self.collection], lacking=[one.uid for one in self.lacking])
        self.break_things(world)
        running = self.start("pull", "tcia/Lung")
        self.wait_until(lambda: len(world.s3.record.entries("*.dcm")) > 500, what="the middle")
        running.kill()
        before = self.objects(world)
        done = {entry.path for entry in before if entry.complete and entry.status == 200}
        world.clear()
        path, result = self.pull("tcia/Lung")
        self.assert_arrived(path, self.members(*self.series), result)
        # What had come and was asked for again belongs to the series that were under way.
        again = {entry.path for entry in self.objects(world)} & done
        self.assertLessEqual(len({name.split("/")[2] for name in again}), 12 + 1)
        self.assertLess(len(again), 60)


if __name__ == "__main__":
    unittest.main()
