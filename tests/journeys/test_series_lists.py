"""Lists of series as people have them: TCIA's manifests, IDC's for s5cmd, tables; read, asked about, and pulled."""

import json

from journey import Journey
from origins import faults
from origins.content import Noise
from origins.plain import PlainSite
from origins.tcia_world import TciaWorld

HEADER = ("downloadServerUrl=https://{host}/nbia-download/servlet/DownloadServlet\nincludeAnnotation=true\n"
          "noOfrRetry=4\ndatabasketId=manifest-1.tcia\nmanifestVersion=3.0\nListOfSeriesToDownload=\n")


class Lists(Journey):
    def setUp(self):
        super().setUp()
        self.world = TciaWorld(without=self.without())
        self.addCleanup(self.world.close)
        self.endpoints.update(self.world.endpoints)
        for name in self.without():
            self.endpoints[name] = "http://127.0.0.1:1"
        self.lung, self.rider = self.world.collections[:2]
        self.series = [one for one in self.lung.series() if not one.third_party]

    def without(self):
        return ()

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def tcia(self, name, uids, host="nbia.cancerimagingarchive.net", end="\n"):
        return self.write(name, HEADER.format(host=host) + "\n".join(uids) + end)

    def arrived(self):
        return {file.parent.name for file in self.mirror.rglob("*.dcm") if ".medmirror" not in file.parts}

    def events(self, result, name):
        return [event for event in map(json.loads, result.out.splitlines()) if event["event"] == name]

    def places(self, series):
        return [self.world.folders[one.uid] for one in series]


class Tcia(Lists):
    def test_one_collection(self):
        wanted = [one.uid for one in self.series[:3]]
        name = self.tcia("lung.tcia", wanted)
        path, result = self.pull(name)
        self.assertEqual(self.arrived(), set(wanted))
        self.assertEqual(path.parent, self.mirror / "tcia" / "Lung-Test")
        self.assert_proven(path, result)

    def test_each_collection_gets_its_own(self):
        others = next(one for one in self.lung.series() if one.third_party)
        wanted = [self.series[0].uid, next(self.rider.series()).uid, next(self.world.nlst_collections[0].series()).uid,
                  others.uid, self.series[0].uid]
        result = self.medmirror("pull", self.tcia("all.tcia", wanted))
        self.assertEqual(len(result.lines), 3, str(result))
        self.assertEqual(self.arrived(), set(wanted))
        self.assertIn("in 3 datasets; 1 line names one again.", result.err)

    def test_spoiled(self):
        wanted = [one.uid for one in self.series[:2]]
        text = ("\ufeff" + HEADER.format(host="public.cancerimagingarchive.net") + "Series ID\n# a word\n" + wanted[0] +
                ",\n\nnot a uid; rm -rf /\n" + wanted[1]).replace("\n", "\r\n")
        result = self.medmirror("pull", "--json", self.write("spoiled.tcia", text))
        self.assertEqual(self.arrived(), set(wanted))
        lines = self.events(result, "list-line")
        self.assertEqual([(line["line"], line["found"]) for line in lines], [(11, "not a uid; rm -rf /")])

    def test_what_nobody_knows(self):
        wanted = [one.uid for one in self.series[:2]]
        result = self.medmirror("pull", self.tcia("some.tcia", wanted + ["1.2.3.4.5"]), expect=7)
        self.assertEqual(self.arrived(), set(wanted))
        self.assertIn("1 series of it is known neither to TCIA nor to the Imaging Data Commons: 1.2.3.4.5", result.err)

    def test_studies_in_place_of_series(self):
        study = self.series[0].study
        result = self.medmirror("pull", self.tcia("studies.tcia", [study]))
        self.assertEqual(self.arrived(), {one.uid for one in self.series if one.study == study})
        self.assertIn("those of studies", result.err)

    def test_a_foreign_host_is_never_asked(self):
        foreign = self.origin(PlainSite())
        host = foreign.url.removeprefix("http://")
        result = self.medmirror("pull", self.tcia("foreign.tcia", [self.series[0].uid], host=host))
        self.assertIn("is none of TCIA's", result.err)
        self.assertEqual(foreign.record.entries(), [])
        self.assertEqual(self.arrived(), {self.series[0].uid})

    def test_older_versions_are_refused(self):
        old = self.write("old.tcia", "tempLoc=/x\ndatabasketId=1-x\n")
        result = self.medmirror("pull", old, expect=2)
        self.assert_explains(result, "version 1.0", "a server of TCIA's that is gone")
        newer = self.write("new.tcia", "manifestVersion=4.0\nListOfSeriesToDownload=\n1.2.3\n")
        self.assert_explains(self.medmirror("pull", newer, expect=2), "version 4.0")

    def test_files_and_a_dry_run(self):
        wanted = [one.uid for one in self.series[:2]]
        name = self.tcia("lung.tcia", wanted)
        listed = self.medmirror("files", name)
        self.assertEqual({line.rsplit("/", 1)[1] for line in listed.lines}, {uid + ".zip" for uid in wanted})
        self.medmirror("pull", "--dry-run", name)
        self.assertEqual(self.arrived(), set())
        self.assertEqual(len(self.events(self.medmirror("files", "--json", name), "listed")), 2)

    def test_what_it_is_without_asking(self):
        name = self.tcia("lung.tcia", ["1.2.3", "1.2.3", "1.2.4", "no"])
        result = self.medmirror("manifest", "check", name, no_network=True)
        self.assertIn("a list of 2 series by their UIDs (1 named twice)", result.err)
        self.assertIn("line 10", result.err)
        self.medmirror("manifest", "check", self.write("bad.tcia", "manifestVersion=2.0\n"), expect=2)

    def test_resumed_by_its_note(self):
        wanted = [one.uid for one in self.series[:3]]
        name = self.tcia("lung.tcia", wanted)
        for origin in (self.world.s3, self.world.gcs, self.world.nbia):
            origin.faults.add(*[])
        path, result = self.pull(name)
        again = self.medmirror("pull", name)
        self.assertIn("up to date", again.err)
        self.assertEqual(self.arrived(), set(wanted))


class S5cmd(Lists):
    def test_series_and_objects(self):
        (bucket, first), (other, second) = self.places(self.series[:2])
        text = ("# s5cmd --no-sign-request --endpoint-url https://s3.amazonaws.com run x\nstudy_manifest_cp_command\n"
                f"cp s3://{bucket}/{first}/* .\ncp s3://{other}/{second}/* /tmp/$(touch pwned)\n")
        result = self.medmirror("pull", self.write("idc.s5cmd", text))
        self.assertEqual(self.arrived(), {one.uid for one in self.series[:2]})
        self.assertIn("line 2 is passed over", result.err)
        self.assertFalse((self.folder / "pwned").exists())

    def test_an_unknown_folder(self):
        (bucket, first), = self.places(self.series[:1])
        text = f"cp s3://{bucket}/{first}/* .\ncp s3://{bucket}/00000000-0000-4000-8000-000000000000/* .\n"
        result = self.medmirror("pull", self.write("idc.s5cmd", text), expect=7)
        self.assertEqual(self.arrived(), {self.series[0].uid})
        self.assertIn("00000000-0000-4000-8000-000000000000", result.err)


class WithoutIdcApi(Lists):
    def without(self):
        return ("idc",)

    def test_by_the_head_of_an_object(self):
        (bucket, first), = self.places(self.series[:1])
        path, result = self.pull(self.write("idc.s5cmd", f"cp s3://{bucket}/{first}/*  ."))
        self.assertEqual(self.arrived(), {self.series[0].uid})


class Tables(Lists):
    def test_a_column_of_uids(self):
        wanted = [one.uid for one in self.series[:2]]
        name = self.write("list.csv", "PatientID,SeriesInstanceUID\n\"a, b\"," + wanted[0] + "\nc," + wanted[1] + "\n")
        path, result = self.pull(name)
        self.assertEqual(self.arrived(), set(wanted))

    def test_the_retrievers_own(self):
        one = self.series[0]
        row = f"{one.uid},Lung-Test,NO,https://doi.org/10.1/x,{one.patient},{one.study},NA,09-18-2008,NA,SIEMENS,CT"
        name = self.write("metadata.csv", "Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,"
                          "Study UID,Study Description,Study Date,Series Description,Manufacturer,Modality\r\n" + row +
                          "\r\n" + row + "\r\n")
        path, result = self.pull(name)
        self.assertEqual(self.arrived(), {one.uid})
        self.assertEqual(self.world.nbia.record.entries("*/getSeriesMetadata"), [])

    def test_an_index_of_idc(self):
        one = self.series[0]
        bucket, folder = self.world.folders[one.uid]
        name = self.write("index.csv", "collection_id,SeriesInstanceUID,series_aws_url\n"
                          f"lung_test,{one.uid},s3://{bucket}/{folder}/*\n")
        path, result = self.pull(name)
        self.assertEqual(self.arrived(), {one.uid})

    def test_gone_on_with_and_kept_in_step(self):
        """What a list has begun is gone on with by its own selection; its own places are asked for by the list alone."""
        rows = [f"lung_test,{one.uid},s3://{bucket}/{folder}/*\n"
                for one, (bucket, folder) in zip(self.series[:2], self.places(self.series[:2]))]
        name = self.write("index.csv", "collection_id,SeriesInstanceUID,series_aws_url\n" + "".join(rows))
        lost = self.series[1]
        folder = self.world.folders[lost.uid][1]
        for origin in (self.world.s3, self.world.gcs, self.world.nbia):
            origin.faults.add(faults.status(404, f"*{folder}/*"), faults.status(500, "*/getImage*"))
        self.medmirror("pull", "--retries", "1", name, expect=5)
        for origin in (self.world.s3, self.world.gcs, self.world.nbia):
            origin.faults.clear()
        result = self.medmirror("pull", "--resume")
        self.assertIn(f"go on by the places that your own list tells, type: medmirror pull {self.folder / name}", result.err)
        self.assertEqual(self.arrived(), {one.uid for one in self.series[:2]})
        self.medmirror("sync")
        self.assertEqual(self.arrived(), {one.uid for one in self.series[:2]})

    def test_slides_by_their_addresses(self):
        site = PlainSite()
        slides = {f"slide{number}.svs": Noise(5000, f"slide{number}") for number in range(3)}
        for path, content in slides.items():
            site.add("/wsi/" + path, content)
        origin = self.origin(site)
        name = self.write("slides.csv", "slideId,imageUrl\n" +
                          "".join(f"{path},{origin.url}/wsi/{path}\n" for path in slides))
        path, result = self.pull(name)
        self.assert_arrived(path, slides, result)
        self.assertEqual(path.parent, self.mirror / "local" / "slides")

    def test_slides_by_their_names(self):
        site = PlainSite()
        files = {f"/{folder}/one.svs": Noise(3000 + number, folder) for number, folder in enumerate("abcde")}
        for path, content in files.items():
            site.add(path, content)
        origin = self.origin(site)
        names = ("A 1", "A 1", "../x/y", "", "B.svs")
        rows = [f'"{name}",{origin.url}{path}' for name, path in zip(names, files)]
        path, result = self.pull(self.write("slides.csv", "\n".join(["name,imageUrl", *rows, rows[0]]) + "\n"))
        expected = dict(zip(("A 1.svs", "A 1-2.svs", ".._x_y.svs", "one.svs", "B.svs"), files.values()))
        self.assert_arrived(path, expected, result)

    def test_controlled_data_is_never_tried(self):
        result = self.medmirror("pull", self.write("drs.csv", "drs_uri,name\ndrs://x/y,z\n"), expect=4)
        self.assert_explains(result, "https://www.cancerimagingarchive.net/nih-controlled-data-access-policy/")

    def test_no_known_column(self):
        result = self.medmirror("pull", self.write("x.tsv", "a\tb\n1\t2\n"), expect=2)
        self.assertIn("SeriesInstanceUID", result.err)

    def test_other_verbs_say_who_takes_it(self):
        result = self.medmirror("verify", self.write("x.csv", "SeriesInstanceUID\n1.2.3\n"), expect=2)
        self.assert_explains(result, "a list of series")
