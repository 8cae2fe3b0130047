"""TCIA's own client against the local archive: tcia_utils, asking NBIA, the web site and PathDB under their real names, and
IDC's client below it (idc_index with s5cmd), which is told where the buckets are."""

import hashlib
import json

from real import RealCase

from origins import TciaWorld, nbia_zip

_NAMES = {"tcia": ("nbia.cancerimagingarchive.net", "services.cancerimagingarchive.net"),
          "tcia-nlst": ("nlst.cancerimagingarchive.net",),
          "tcia-www": ("cancerimagingarchive.net", "www.cancerimagingarchive.net"),
          "pathdb": ("pathdb.cancerimagingarchive.net",)}


class TciaCase(RealCase):
    environment = "tcia"

    def setUp(self):
        super().setUp()
        self.world = TciaWorld(make_origin=lambda name, site: self.origin(site, *_NAMES.get(name, ())))
        self.lung = self.world.collections[0]

    def series(self, name="Lung-Test"):
        collections = self.world.collections + self.world.nlst_collections
        return list(next(one for one in collections if one.name == name).series())

    def assert_images(self, folder, series):
        """FOLDER has the images of SERIES, whatever they are called."""
        found = sorted(hashlib.md5(path.read_bytes()).hexdigest() for path in folder.glob("*.dcm"))
        self.assertEqual(found, sorted(image.md5 for image in series.images))


class Lists(TciaCase):
    def ask(self, text):
        return self.run_python(f"from tcia_utils import nbia, wordpress, pathdb\n{text}").said

    def test_collections_patients_studies(self):
        said = self.ask("say([nbia.getCollections(), nbia.getPatient(collection='Lung-Test'), "
                        "nbia.getStudy(collection='lung-test'), nbia.getCollectionPatientCounts()])")
        self.assertEqual({row["Collection"] for row in said[0]}, {"Lung-Test", "RIDER Test CT", "Breast.NC"})
        self.assertEqual(len(said[1]), 2)
        self.assertEqual(len(said[2]), 4)
        self.assertIn({"criteria": "RIDER Test CT", "count": 2}, said[3])

    def test_series(self):
        rows = self.ask("say(nbia.getSeries(collection='Lung-Test'))")
        told = {row["SeriesInstanceUID"]: (row["ImageCount"], row["FileSize"], row["Modality"]) for row in rows}
        self.assertEqual(told, {one.uid: (len(one.images), one.size, one.modality) for one in self.series()})

    def test_nothing_found_and_a_wrong_name(self):
        self.assertEqual(self.ask("say([nbia.getSeries(collection='none'), "
                                  "nbia.queryData('getSeries', {'PatientId': 'x'}, '')])"), [None, None])
        self.assertEqual([entry.status for entry in self.world.nbia.record.entries("*/getSeries")], [200, 400])

    def test_of_one_series(self):
        one = self.series()[0]
        said = self.ask(f"say([nbia.getSeriesSize('{one.uid}'), nbia.getSopInstanceUids('{one.uid}'), "
                        f"nbia.getDicomTags('{one.uid}').to_dict('records')])")
        self.assertEqual(said[0], [{"TotalSizeInBytes": one.size, "ObjectCount": len(one.images)}])
        self.assertEqual({row["SOPInstanceUID"] for row in said[1]}, {image.sop for image in one.images})
        self.assertIn(one.uid, [row["data"] for row in said[2]])

    def test_metadata_of_a_list(self):
        uids = [one.uid for one in self.series()]
        rows = self.ask(f"say(json.loads(nbia.getSeriesList({uids}).to_json(orient='records')))")
        self.assertEqual({row["SeriesInstanceUID"] for row in rows}, set(uids))
        self.assertEqual(len(rows[0]), 40)

    def test_news(self):
        said = self.ask("say([len(nbia.getUpdatedSeries('2010/01/01')), nbia.getUpdatedSeries('2030/01/01'), "
                        "len(nbia.getNewPatientsInCollection('Lung-Test', '2010/01/01')), "
                        "len(nbia.getNewStudiesInPatient('Lung-Test', 'Lung-Test-0001', '2010/01/01'))])")
        self.assertEqual(said, [14, None, 2, 2])

    def test_searches_and_carts(self):
        said = self.ask("say([nbia.getSimpleSearch(collections=['Lung-Test'], modalities=['CT'], format='uids'), "
                        "len(nbia.getSharedCart('nbia-Lung-Test')), nbia.getDoiMetadata('10.7937/q1ee-j082')])")
        self.assertEqual(set(said[0]), {one.uid for one in self.series() if one.modality == "CT"})
        self.assertEqual(said[1], 9)
        self.assertEqual([row["thirdPartyAnanlysis"] for row in said[2]], ["YES"])

    def test_nlst_is_elsewhere(self):
        said = self.ask("say([nbia.getSeries(collection='NLST'), len(nbia.getSeries(collection='NLST', api_url='nlst'))])")
        self.assertEqual(said, [None, len(self.series("NLST"))])

    def test_the_web_site(self):
        said = self.ask("say([[row['collection_short_title'] for row in wordpress.getCollections(per_page=2, "
                        "api_version=version)] for version in ('v1', 'v2')] + [wordpress.getDownloads()])")
        self.assertEqual(said[0], said[1])
        self.assertIn("RIDER Test CT", said[0])
        self.assertTrue(any("faspex" in row["download_url"] for row in said[2]))

    def test_slides(self):
        # The addresses of slides say http, at the port of that.
        self.origin(self.world.pathdb.site, *_NAMES["pathdb"], port=80)
        said = self.ask("images = pathdb.getImages('Lung-Test')\npathdb.downloadImages(images[:2])\n"
                        "say([pathdb.getCollections(), len(images)])")
        self.assertEqual([row["collectionName"] for row in said[0]], ["Lung-Test", "Slides of Tests"])
        self.assertEqual(said[1], 23)
        self.assertEqual(len(list((self.work / "pathdb_images").iterdir())), 2)


class Images(TciaCase):
    def download(self, uids, more=""):
        return self.run_python("import logging\nfrom tcia_utils import nbia\n"
                               f"nbia.downloadSeries({uids}, input_type='list', max_workers=3{more})")

    def test_with_hashes(self):
        self.download([one.uid for one in self.series()], ", hash='y'")
        for one in self.series():
            folder = self.work / "tciaDownload" / one.uid
            self.assert_images(folder, one)
            lines = (folder / "md5hashes.csv").read_text().splitlines()
            self.assertEqual(lines[0], "Filename,MD5Hash")
            self.assertEqual({line.partition(",")[0] for line in lines[1:]}, {path.name for path in folder.glob("*.dcm")})

    def test_with_names_by_acquisition(self):
        one = self.series()[0]
        self.download([one.uid])
        self.assert_images(self.work / "tciaDownload" / one.uid, one)
        self.assertTrue((self.work / "tciaDownload" / one.uid / "LICENSE").exists())

    def test_a_short_zip_counts_as_done(self):
        """What medmirror must not do: the client is content with the short zip."""
        one = self.series()[0]
        self.world.nbia.site.trouble(nbia_zip.missing_image(1))
        output = self.download([one.uid], ", hash='y'")
        self.assertEqual(len(list((self.work / "tciaDownload" / one.uid).iterdir())), 1)
        self.assertIn("Downloaded 1 out of 1", output.all)

    def test_what_is_not_public(self):
        output = self.download(["1.2.3"])
        self.assertIn("Error: 400 Series failed: 1.2.3", output.all)

    def test_one_image(self):
        one = self.series()[0]
        self.run_python(f"from tcia_utils import nbia\nnbia.downloadImage('{one.uid}', '{one.images[0].sop}')")
        found = self.work / "tciaDownload" / one.uid / f"{one.images[0].sop}.dcm"
        self.assertEqual(found.read_bytes(), one.images[0].bytes())

    def test_every_image_is_read_by_pydicom(self):
        uids = [one.uid for one in self.series()]
        said = self.run_python(
            f"import pathlib, pydicom\nfrom tcia_utils import nbia\nnbia.downloadSeries({uids}, input_type='list')\n"
            "say([[str(d.SeriesInstanceUID), str(d.SOPInstanceUID), len(str(d))] for d in map(pydicom.dcmread, "
            "sorted(pathlib.Path('tciaDownload').rglob('*.dcm')))])").said
        self.assertEqual({(row[0], row[1]) for row in said},
                         {(one.uid, image.sop) for one in self.series() for image in one.images})


# The index that comes with the package is of the real IDC; this one is what the local API tells of its own.
_INDEX = """
import urllib.request
import idc_index_data, pandas
def ask(table):
    body = json.dumps({"sql": f"SELECT * FROM {table}", "max_rows": 10000}).encode()
    found = json.load(urllib.request.urlopen(urllib.request.Request(API + "/v3/sql", data=body)))
    pandas.DataFrame(found["rows"], columns=found["columns"]).to_parquet(table + ".parquet")
    return table + ".parquet"
idc_index_data.IDC_INDEX_PARQUET_FILEPATH = ask("index")
idc_index_data.PRIOR_VERSIONS_INDEX_PARQUET_FILEPATH = ask("prior_versions_index")
import idc_index.index
idc_index.index.aws_endpoint_url, idc_index.index.gcp_endpoint_url = S3, GCS
from tcia_utils import idc
"""


class Commons(TciaCase):
    def run_idc(self, text):
        world = self.world
        return self.run_python(f"API, S3, GCS = {json.dumps([world.idc.url, world.s3.url, world.gcs.url])}\n{_INDEX}{text}")

    def test_lists(self):
        said = self.run_idc("say([idc.getCollections(), idc.getSeries(collection='lung_test')])").said
        self.assertEqual({row["Collection"] for row in said[0]}, {"lung_test", "rider_test_ct", "breast_nc", "nlst"})
        self.assertEqual({row["SeriesInstanceUID"] for row in said[1]}, {one.uid for one in self.series()})

    def test_download_of_a_collection(self):
        uids = [one.uid for one in self.series()]
        self.run_idc(f"idc.downloadSeries({uids}, input_type='list', path='idc')")
        for one in self.series():
            self.assert_images(self.work / "idc" / one.uid, one)

    def test_download_from_google(self):
        uids = [one.uid for one in self.series("Breast.NC")]
        self.run_idc(f"client = idc.get_client()\nclient.download_from_selection(seriesInstanceUID={uids}, "
                     "downloadDir='.', dirTemplate='%SeriesInstanceUID', source_bucket_location='gcs')")
        for one in self.series("Breast.NC"):
            self.assert_images(self.work / one.uid, one)
        self.assertTrue(self.world.gcs.record.entries("/idc-open-cr*"))

    def test_manifest(self):
        lines = "".join(f"cp s3://{bucket}/{folder}/* .\\n" for bucket, folder in self.world.folders.values())
        self.run_idc(f"open('all.s5cmd', 'w').write('{lines}')\nidc.get_client().download_from_manifest('all.s5cmd', "
                     "'all', use_s5cmd_sync=False)")
        count = sum(len(one.images) for name in ("Lung-Test", "RIDER Test CT", "Breast.NC", "NLST")
                    for one in self.series(name))
        self.assertEqual(len(list((self.work / "all").rglob("*.dcm"))), count)

    def test_tags_by_a_range(self):
        one = self.series()[0]
        self.hosts["idc-open-data.s3.amazonaws.com:443"] = self.origin(
            self.world.s3.site, "idc-open-data.s3.amazonaws.com").port
        rows = self.run_idc(f"say(idc.getDicomTags('{one.uid}', format='json'))").said
        self.assertIn(one.uid, [row["data"] for row in rows])
