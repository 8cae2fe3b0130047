"""Series of images as NBIA's zips: made anew for each request, without lengths, and sometimes short with status 200."""

import json
import unittest
import urllib.request
import zipfile

from journey import NOWHERE, Journey
from origins import faults, nbia_zip
from origins.dicom import Image
from origins.tcia_data import Collection, make_collection, make_series, tree_digest
from origins.tcia_world import TciaWorld


class Zips(Journey):
    def world(self, collection=None, **options):
        self.collection = collection or make_collection("Lung-Test", patients=2, studies=1, series=3, images=5)
        return TciaWorld([self.collection], nlst=[], lacking=[series.uid for series in self.collection.series()],
                         make_origin=lambda name, site: self.origin(site, name), **options)

    def tree(self, collection=None):
        """{path: image} of all that is listed."""
        return {f"{series.patient}/{series.study}/{series.uid}/{image.sop}.dcm": image
                for series in (collection or self.collection).series() for image in series.images}

    def series(self, number=0, images=3):
        """The NUMBERth series that has at least so many images."""
        return [series for series in self.collection.series() if len(series.images) >= images][number]

    def lock(self, path):
        with open(str(path) + ".lock.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def zips_asked_for(self, world, series=None):
        return [entry for entry in world.nbia.record.entries() if "/getImage" in entry.target and
                (series is None or series.uid in entry.target)]


class Whole(Zips):
    def test_all_series(self):
        for wide in (False, True):
            with self.subTest(wide=wide):
                self.mirror = self.folder / f"mirror-{wide}"
                world = self.world(wide=wide)
                path, result = self.pull("tcia/Lung-Test")
                self.assert_arrived(path, self.tree(), result)
                self.assertEqual(len(self.zips_asked_for(world)), 6)
                partial = [file for file in (self.mirror / ".medmirror").rglob("*") if file.suffix == ".partial"]
                self.assertEqual(partial, [])

    def test_the_lock_has_the_hash_of_the_images_and_none_of_the_zip(self):
        self.world()
        path, _ = self.pull("tcia/Lung-Test")
        lines = self.lock(path)
        downloads = {line["download"]: line for line in lines if "download" in line}
        for series in self.collection.series():
            line = downloads[f"{series.patient}/{series.study}/{series.uid}.zip"]
            self.assertEqual(line["seen"], {"md5-tree": tree_digest(image.md5 for image in series.images)})
            self.assertEqual(line["trust"], "declared")
            self.assertEqual(line["unpack"]["dicom_series"], series.uid)
        files = [line for line in lines if "file" in line]
        tree = self.tree()
        self.assertEqual([line["file"] for line in files], sorted(tree))
        for line in files:
            self.assertEqual(line["md5"], tree[line["file"]].md5)
            self.assertEqual(line["trust"], "declared")
            self.assertNotIn("member", line)

    def test_two_pulls_write_the_same_file_lines(self):
        self.world()
        first, _ = self.pull("tcia/Lung-Test")
        lines = [line for line in self.lock(first) if "file" in line]
        self.mirror = self.folder / "another"
        second, _ = self.pull("tcia/Lung-Test")
        self.assertEqual(lines, [line for line in self.lock(second) if "file" in line])

    def test_require_declared(self):
        self.world()
        path, result = self.pull("tcia/Lung-Test", "--require", "declared")
        self.assert_arrived(path, self.tree(), result)

    def test_archives_are_not_kept(self):
        self.world()
        path, result = self.pull("tcia/Lung-Test", "--keep-archives")
        self.assert_arrived(path, self.tree(), result)
        self.assertEqual(result.err.count("made anew for each request"), 1, str(result))
        self.assertFalse(path.with_name(path.name + ".archives").exists())
        again = self.medmirror("pull", "tcia/Lung-Test", "--keep-archives")
        self.assertEqual(again.lines, [str(path)])


class Killed(Zips):
    def test_what_was_whole_is_not_asked_for_again(self):
        collection = Collection("Lung-Test")
        for number in range(1, 9):
            collection.add(make_series("Lung-Test", "P-1", number=number, images=60, side=128))
        world = self.world(collection)
        world.nbia.faults.add(faults.drip(600000, "*/getImageWithMD5Hash"))
        run = self.start("pull", "tcia/Lung-Test", "--json")
        self.wait_until(lambda: '"event":"file"' in self._out_so_far(run), what="A whole series")
        run.kill()
        noted = len([entry for entry in self.zips_asked_for(world) if entry.complete])
        world.clear()
        path, result = self.pull("tcia/Lung-Test")
        self.assert_arrived(path, self.tree(), result)
        # A zip that came to its end in the moment of the kill may not be noted.
        self.assertIn(len(self.zips_asked_for(world)), range(8 - noted, 8), str(result))

    @staticmethod
    def _out_so_far(run):
        return run._read(run._out)


class Short(Zips):
    """What NBIA's server makes of its own troubles: a good zip, status 200, and not all of it."""

    TROUBLES = {
        "missing_image": lambda **more: nbia_zip.missing_image(2, **more),
        "null_digest": nbia_zip.null_digest, "header_only": nbia_zip.header_only, "empty_zip": nbia_zip.empty_zip,
        "lost_images": nbia_zip.lost_images, "corrupt_image": nbia_zip.corrupt_image, "wrong_digest": nbia_zip.wrong_digest,
        "unlisted_image": nbia_zip.unlisted_image, "only_listed_image": nbia_zip.only_listed_image,
        "doubled_image": nbia_zip.doubled_image, "no_list": nbia_zip.no_list, "no_end": nbia_zip.no_end}

    def test_once_it_is_fetched_anew(self):
        for name, trouble in self.TROUBLES.items():
            with self.subTest(trouble=name):
                self.mirror = self.folder / name
                world = self.world()
                series = self.series()
                world.nbia.site.trouble(trouble(series=series.uid, times=1))
                path, result = self.pull("tcia/Lung-Test", "--verbose")
                self.assert_arrived(path, self.tree(), result)
                self.assertEqual(len(self.zips_asked_for(world, series)), 2, str(result))
                self.assertEqual(len(self.zips_asked_for(world)), 7)
                self.assertIn("it is asked for again", result.err)
                self.assertIn(series.uid, result.err)

    def test_always_it_is_told(self):
        world = self.world()
        series = self.series()
        world.nbia.site.trouble(nbia_zip.missing_image(2, series=series.uid))
        result = self.medmirror("pull", "tcia/Lung-Test", expect=5)
        self.assertIn(f"The source delivers 2 of {len(series.images)} images of the series {series.uid}, and not their list "
                      "md5hashes.csv. They are kept as evidence", result.err)
        self.assertIn("kept sending wrong bytes", result.err)
        self.assert_explains(result)
        self.assert_nothing_installed()
        # The others stand, and are not asked for again.
        world.clear()
        path, result = self.pull("tcia/Lung-Test")
        self.assert_arrived(path, self.tree(), result)
        self.assertEqual(len(self.zips_asked_for(world)), 1, str(result))

    def test_the_log_names_it(self):
        world = self.world()
        series = self.series()
        world.nbia.site.trouble(nbia_zip.corrupt_image(series=series.uid, times=1))
        result = self.medmirror("pull", "tcia/Lung-Test", "--json")
        again = [event for event in map(json.loads, result.lines) if event["event"] == "again"]
        self.assertEqual(len(again), 1, str(result))
        self.assertEqual(again[0]["path"], f"{series.patient}/{series.study}/{series.uid}.zip")
        self.assertIn(f"Of the {len(series.images)} images of the series {series.uid}, 1 came damaged", again[0]["detail"])
        self.assertTrue(again[0]["address"].startswith(world.nbia.url), again)

    def test_not_unpacked_it_counts_no_more(self):
        world = self.world()
        series = self.series()
        world.nbia.site.trouble(nbia_zip.missing_image(2, series=series.uid, times=1))
        path, result = self.pull("tcia/Lung-Test", "--no-unpack")
        self.assertEqual(len(self.zips_asked_for(world, series)), 2, str(result))
        with zipfile.ZipFile(path / series.patient / series.study / (series.uid + ".zip")) as archive:
            self.assertEqual(len(archive.namelist()), len(series.images) + 1)

    def test_another_series(self):
        world = self.world()
        series = self.series()
        other = next(self.series(1).images.__iter__())
        world.nbia.site.trouble(nbia_zip.foreign_image(other, series=series.uid, times=1))
        path, result = self.pull("tcia/Lung-Test", "--verbose")
        self.assert_arrived(path, self.tree(), result)
        self.assertIn(f"is an image of the series {other.series}", result.err)

    def test_cut(self):
        world = self.world()
        series = self.series()
        world.nbia.faults.add(faults.cut(900, query=f"*{series.uid}", times=2))
        path, result = self.pull("tcia/Lung-Test")
        self.assert_arrived(path, self.tree(), result)
        self.assertEqual(len(self.zips_asked_for(world, series)), 3)
        for entry in self.zips_asked_for(world):
            self.assertNotIn("range", entry.headers)


class NobodyThere(Zips):
    """A host that cannot be reached is not the line: another one of the source's answers."""

    def test_idc_cannot_be_reached(self):
        for lost in (("idc", "idc-s3", "idc-gcs"), ("idc-s3", "idc-gcs"), ("idc-s3",)):
            with self.subTest(lost=lost):
                self.mirror = self.folder / "-".join(lost)
                collection = self.collection = make_collection("Lung-Test", patients=2, studies=1, series=2, images=4)
                world = TciaWorld([collection], nlst=[], without=lost,
                                  make_origin=lambda name, site: self.origin(site, name))
                self.endpoints.update({name: NOWHERE for name in lost})
                self.configure(network_patience=100000)
                path, result = self.pull("tcia/Lung-Test", seconds=60)
                self.assert_arrived(path, self.tree(), result)
                self.assertEqual(len(self.zips_asked_for(world)), 0 if lost == ("idc-s3",) else 4)


class ByHand(Zips):
    """Zips that somebody saved."""

    def save(self, world, folder):
        for series in self.collection.series():
            address = f"{world.nbia.url}/nbia-api/services/v4/getImageWithMD5Hash?SeriesInstanceUID={series.uid}"
            path = folder / series.patient / series.study / (series.uid + ".zip")
            path.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(address) as answer:
                path.write_bytes(answer.read())

    def test_adopt(self):
        world = self.world()
        self.save(world, self.folder / "saved")
        world.clear()
        result = self.medmirror("adopt", "tcia/Lung-Test", self.folder / "saved")
        path = self.mirror / "tcia" / "Lung-Test" / "2011-09-15"
        self.assert_arrived(path, self.tree())
        self.assertEqual(self.zips_asked_for(world), [], str(result))
        seen = [line["seen"] for line in self.lock(path) if "download" in line]
        self.assertEqual([list(digests) for digests in seen], [["md5-tree"]] * 6)

    def test_a_short_one_is_not_adopted(self):
        world = self.world()
        series = self.series()
        world.nbia.site.trouble(nbia_zip.missing_image(2, series=series.uid))
        self.save(world, self.folder / "saved")
        result = self.medmirror("adopt", "tcia/Lung-Test", self.folder / "saved", expect=3)
        self.assertIn(f"The source delivers 2 of {len(series.images)} images", result.err)
        self.assert_nothing_installed()

    def test_unpack_alone(self):
        world = self.world()
        self.save(world, self.folder / "saved")
        series = self.series()
        zip_file = self.folder / "saved" / series.patient / series.study / (series.uid + ".zip")
        self.medmirror("unpack", zip_file, self.folder / "out")
        self.assertEqual(len(self.digests(self.folder / "out")), len(series.images) + 1)


class Repair(Zips):
    def test_one_image_brings_its_series_again(self):
        world = self.world()
        path, _ = self.pull("tcia/Lung-Test")
        series = self.series()
        name = f"{series.patient}/{series.study}/{series.uid}/{series.images[1].sop}.dcm"
        self.flip(path / name)
        world.clear()
        self.medmirror("verify", "tcia/Lung-Test", expect=3)
        result = self.medmirror("verify", "--repair", "tcia/Lung-Test")
        self.assert_tree(path, self.tree())
        asked = self.zips_asked_for(world)
        self.assertEqual(len(asked), 1, str(result))
        self.assertIn(series.uid, asked[0].target)
        self.assertNotIn("range", asked[0].headers)

    def test_an_image_that_is_another_one_now(self):
        world = self.world()
        path, _ = self.pull("tcia/Lung-Test")
        before = self.tree()
        series = self.series()
        image = series.images[1]
        name = f"{series.patient}/{series.study}/{series.uid}/{image.sop}.dcm"
        self.flip(path / name)
        damaged = self.digests(path)
        series.images[1] = Image(image.sop, image.series, image.study, image.patient, image.modality, image.syntax,
                                 image.side + 4, image.number)
        result = self.medmirror("verify", "--repair", "tcia/Lung-Test", expect=3)
        self.assertIn(f"{image.sop}.dcm has changed at the source", result.err)
        self.assert_explains(result, "--refresh")
        self.assertEqual(self.digests(path), damaged)
        # The source has it again, and one more: what the lock has of the series comes all the same.
        series.images[1] = image
        series.images.append(Image(image.sop + "1", image.series, image.study, image.patient, image.modality,
                                   image.syntax, image.side, 99))
        world.clear()
        result = self.medmirror("verify", "--repair", "tcia/Lung-Test")
        self.assert_tree(path, before)
        self.assertIn(f"The series {series.uid} has changed at the source", result.err)

    def test_what_is_selected(self):
        self.world()
        series = self.series()
        name = f"{series.patient}/{series.study}/{series.uid}/{series.images[1].sop}.dcm"
        path, result = self.pull("tcia/Lung-Test", "--include", f"*/{series.images[1].sop}.dcm")
        self.assert_arrived(path, {name: series.images[1]}, result)


class Twice(Zips):
    def test_one_image_under_two_numbers(self):
        """The database has a row twice: it counts twice there, and is one file here."""
        collection = Collection("Twin-Test")
        series = make_series("Twin-Test", "P-1", images=3)
        collection.add(series)
        world = self.world(collection)
        series.images.append(series.images[0])
        path, result = self.pull("tcia/Twin-Test")
        self.assert_arrived(path, self.tree(), result)
        self.assertEqual(len(self.digests(path)), 3)
        self.assertEqual(len(self.zips_asked_for(world)), 1)


if __name__ == "__main__":
    unittest.main()
