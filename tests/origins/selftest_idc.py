"""The origins of IDC, of TCIA's web site and of its slides by themselves, and the world that has them all."""

import base64
import csv
import hashlib
import io
import json
import unittest
import urllib.parse
import urllib.request

from origins import TciaWorld, faults, idc, tcia_data, tcia_manifests, tcia_www
from origins.selftest import ask
from origins.selftest_tcia import V4, WorldCase, post


class Scale(unittest.TestCase):
    def test_a_long_listing_is_made_while_it_is_sent(self):
        many = tcia_data.ManySeries("NLST", 30_000)
        with TciaWorld([], [many], without=("tcia-www", "pathdb")) as world:
            address = world.nlst.url + V4 + "getSeries?Collection=NLST"
            with urllib.request.urlopen(address, timeout=60) as answer:
                rows = json.loads(answer.read())
            self.assertEqual((len(rows), len({row["SeriesInstanceUID"] for row in rows})), (30_000, 30_000))
            page = json.loads(post(world.idc.url + "/v3/cohort/manifest", {
                "filters": {"terms": {"collection_id": ["nlst"]}}, "page": 5, "page_size": 9999}, "application/json")[2])
            self.assertEqual((page["page_size"], page["returned"], page["total_series"]), (5000, 5000, 30_000))
            row = page["series"][0]
            text = ask(f"{world.s3.url}/{row['aws_bucket']}?list-type=2&prefix={row['crdc_series_uuid']}/")[2]
            self.assertIn(b"<KeyCount>2</KeyCount>", text)


class Commons(WorldCase):
    """The API v3, and what lies in the buckets."""

    def ask_api(self, path, body=None):
        url = self.world.idc.url + "/v3" + path
        status, headers, text = ask(url) if body is None else post(url, body, "application/json")
        return status, json.loads(text) if headers["Content-Type"].startswith("application/json") else text.decode()

    def manifest(self, **more):
        return self.ask_api("/cohort/manifest", {"filters": {"terms": {"collection_id": ["lung_test"]}}, **more})[1]

    def test_version_stats_collections(self):
        self.assertEqual(set(self.ask_api("/version")[1]),
                         {"idc_version", "idc_index_data_version", "api_version", "build"})
        self.assertEqual(self.ask_api("/stats")[1]["collections"], 4)
        self.assertIn("rider_test_ct", [row["collection_id"] for row in self.ask_api("/collections")[1]])
        detail = self.ask_api("/collections/lung_test")[1]
        self.assertEqual((detail["series"], detail["modalities"]), (9, ["CT", "DX", "MR", "SEG", "SR"]))
        status, error = self.ask_api("/collections/none")
        self.assertEqual((status, error["error"]["code"]), (404, "not_found"))

    def test_versions_in_turn(self):
        self.world.idc.site.versions[:] = ["v24", "v25"]
        self.assertEqual([self.ask_api("/version")[1]["idc_version"] for _ in range(3)], ["v24", "v25", "v25"])

    def test_pages(self):
        first, second = self.manifest(page_size=5), self.manifest(page_size=5, page=1)
        self.assertEqual((first["returned"], second["returned"], first["total_series"]), (5, 4, 9))
        rows = first["series"] + second["series"]
        self.assertEqual(rows, sorted(rows, key=lambda row: (row["PatientID"], row["StudyInstanceUID"],
                                                             row["SeriesInstanceUID"])))
        self.assertEqual(self.manifest()["page_size"], 100)
        self.assertEqual(self.manifest(page_size=100_000)["page_size"], 5000)
        self.assertEqual(set(rows[0]), set(idc._ROW))
        self.assertEqual(rows[0]["series_aws_url"], f"s3://idc-open-data/{rows[0]['crdc_series_uuid']}/*")

    def test_a_wrong_shape_means_everything(self):
        everything = self.ask_api("/stats")[1]["series"]
        for body in ({"terms": {"collection_id": ["lung_test"]}}, {"filters": {"terms": {"SeriesInstanceUID": []}}}, {}):
            self.assertEqual(self.ask_api("/cohort/manifest", body)[1]["total_series"], everything)
        self.assertEqual(self.ask_api("/cohort/counts", {"filters": {"terms": {"Modality": ["CT"]}}})[1]["series"],
                         everything)
        self.assertEqual(self.ask_api("/cohort/counts", {"terms": {"collection_id": ["lung_test"]}})[1]["series"], 9)
        self.assertEqual(self.ask_api("/cohort/counts", {"terms": {"collection_id": ["Lung-Test"]}})[1]["series"], 0)

    def test_later_builds_refuse_everything(self):
        self.world.idc.site.strict = True
        self.addCleanup(setattr, self.world.idc.site, "strict", False)
        status, error = self.ask_api("/cohort/manifest", {"terms": {"collection_id": ["lung_test"]}})
        self.assertEqual((status, error["error"]["code"]), (400, "invalid_query"))

    def test_errors(self):
        status, error = self.ask_api("/cohort/manifest", {"filters": {"terms": {"Collection": ["x"]}}})
        self.assertEqual((status, error["error"]["code"]), (400, "invalid_query"))
        for body in ({"filters": {"terms": {"Modality": "CT"}}}, ["x"], {"filters": {}, "page_size": "5"}):
            self.assertEqual(self.ask_api("/cohort/manifest", body)[0], 422)
        self.world.idc.faults.add(faults.status(504, "/v3/cohort/*", method="POST", body=idc.query_timeout()))
        self.assertEqual(post(self.world.idc.url + "/v3/cohort/counts", {}, "application/json")[0], 504)
        self.world.idc.site.gone = 410
        self.addCleanup(setattr, self.world.idc.site, "gone", None)
        self.assertEqual(ask(self.world.idc.url + "/v3/version")[0], 410)

    def test_text_manifests(self):
        body = {"filters": {"terms": {"collection_id": ["breast_nc"]}}}
        lines = self.ask_api("/cohort/manifest.txt", body)[1].splitlines()
        self.assertEqual(lines, sorted(lines))
        places = {self.world.folders[one.uid] for one in self.free.series()}
        self.assertEqual(set(lines), {f"s3://{bucket}/{folder}/*" for bucket, folder in places})
        self.assertEqual({bucket for bucket, _ in places}, {"idc-open-data", "idc-open-data-cr"})
        text = self.ask_api("/cohort/manifest.txt", {**body, "source": "gcs"})[1]
        self.assertEqual(set(text.splitlines()),
                         {f"s3://{idc.BUCKETS[bucket]}/{folder}/*" for bucket, folder in places})
        self.world.idc.site.text_cap = 2
        self.addCleanup(setattr, self.world.idc.site, "text_cap", 100_000)
        self.assertEqual(len(self.ask_api("/cohort/manifest.txt", body)[1].splitlines()), 2)

    def test_sql(self):
        sql = "SELECT SeriesInstanceUID, crdc_series_uuid FROM index WHERE collection_id = 'lung_test'"
        found = self.ask_api("/sql", {"sql": sql})[1]
        self.assertEqual((found["row_count"], found["truncated"], found["max_rows"]), (9, False, 5000))
        self.assertEqual(found["columns"], ["SeriesInstanceUID", "crdc_series_uuid"])
        found = self.ask_api("/sql", {"sql": sql, "max_rows": 4})[1]
        self.assertEqual((found["row_count"], found["truncated"]), (4, True))
        self.assertEqual(self.ask_api("/sql", {"sql": sql, "max_rows": 10 ** 6})[1]["max_rows"], 10_000)
        self.assertEqual(self.ask_api("/sql", {"sql": "DROP TABLE index"})[0], 400)
        self.assertEqual(self.ask_api("/sql", {"sql": "SELECT nothing FROM index"})[0], 400)
        self.assertEqual(self.ask_api("/sql", {})[0], 422)
        self.assertEqual(self.ask_api("/sql", {"sql": "SELECT * FROM prior_versions_index"})[1]["rows"], [])

    def test_licences(self):
        rows = self.ask_api("/licenses", {})[1]["licenses"]
        self.assertEqual({row["license_short_name"] for row in rows}, {"CC BY 3.0", "CC BY 4.0", "CC BY-NC 4.0"})

    def test_buckets(self):
        for one in self.free.series():
            objects, bucket = self.world.objects(one), self.world.bucket_of(one)
            self.assertEqual(sorted(found.content.md5 for found in objects.values()),
                             sorted(image.md5 for image in one.images))
            for key, found in objects.items():
                status, headers, body = ask(f"{self.world.s3.url}/{bucket}/{key}")
                self.assertEqual((status, headers["ETag"]), (200, f'"{hashlib.md5(body).hexdigest()}"'))
                status, headers, twin = ask(f"{self.world.gcs.url}/{idc.BUCKETS[bucket]}/{key}")
                self.assertEqual(twin, body)
                md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
                self.assertIn(f"md5={md5}", headers["x-goog-hash"])

    def test_the_published_index_has_its_digest_beside_it(self):
        base = f"{self.world.gcs.url}/idc-index-data-artifacts/current/release_artifacts/idc_index.parquet"
        self.assertEqual(ask(base + ".sha256")[2].decode().strip(), hashlib.sha256(ask(base)[2]).hexdigest())


class Lacking(unittest.TestCase):
    def test_what_idc_lacks_and_what_is_wrong_there(self):
        lung = tcia_data.make_collection("Lung", patients=2, series=2, modalities=("CT",))
        lacking, altered, short, stale = lung.series()
        wrong = {altered.uid: "altered", short.uid: "short", stale.uid: "stale"}
        with TciaWorld([lung], [], lacking=[lacking.uid], wrong=wrong) as world:
            body = {"filters": {"terms": {"SeriesInstanceUID": [one.uid for one in lung.series()]}}}
            rows = json.loads(post(world.idc.url + "/v3/cohort/manifest", body, "application/json")[2])["series"]
            counts = {row["SeriesInstanceUID"]: row["instanceCount"] for row in rows}
            self.assertNotIn(lacking.uid, counts)
            self.assertEqual(counts[stale.uid], len(stale.images) - 1)
            self.assertEqual(counts[short.uid], len(short.images))
            self.assertEqual(len(world.objects(short)), len(short.images) - 1)
            etags = [found.etag for found in world.objects(altered).values()]
            self.assertNotEqual(tcia_data.tree_digest(etags), altered.hash)
            for key, found in world.objects(altered).items():
                self.assertEqual(hashlib.md5(ask(f"{world.s3.url}/idc-open-data/{key}")[2]).hexdigest(), found.etag)
            self.assertEqual(world.endpoints["idc"], world.idc.url + "/v3")
            self.assertEqual(len(world.options), 16)


class Pages(WorldCase):
    """The web site and the slides."""

    def web(self, path):
        status, headers, body = ask(self.world.www.url + path)
        self.assertEqual(status, 200)
        return headers, json.loads(body)

    def test_pages_follow_each_other(self):
        headers, rows = self.web("/api/v1/collections/?per_page=3&_fields=id,collection_short_title")
        self.assertEqual((len(rows), set(rows[0])), (3, {"id", "collection_short_title"}))
        self.assertRegex(headers["Link"], r'<https://cancerimagingarchive\.net/api/v1/collections/\?.*page=2>; rel="next"')
        headers, rows = self.web("/api/v1/collections/?per_page=3&page=3")
        self.assertNotIn("next", headers["Link"])
        self.assertEqual(ask(self.world.www.url + "/api/v1/collections/?page=99")[0], 400)
        _, found = self.web("/api/v2/collections/?per_page=3&page=2")
        self.assertEqual((found["page"], found["total_pages"], len(found["results"])), (2, 3, 3))

    def test_downloads(self):
        _, rows = self.web("/api/v1/collections/?search=Lung-Test&per_page=100")
        ids = rows[0]["collection_downloads"]
        _, downloads = self.web(f"/api/v1/downloads/?include={','.join(map(str, ids))}")
        self.assertEqual(len(downloads), 2)
        number = downloads[0]["download_file"]["ID"]
        _, media = self.web(f"/api/wp/v2/media/{number}")
        self.assertEqual(media["source_url"], "https://www.cancerimagingarchive.net/wp-content/uploads/Lung-Test.tcia")
        text = ask(self.world.www.url + urllib.parse.urlsplit(media["source_url"]).path)[2].decode()
        self.assertEqual(set(text.splitlines()[6:]), {one.uid for one in self.lung.series()})
        self.assertTrue(downloads[1]["download_url"].endswith("Lung-Test_clinical.csv"))

    def test_aspera_and_controlled(self):
        _, rows = self.web("/api/v1/downloads/?per_page=100")
        link = next(row["download_url"] for row in rows if "faspex" in row["download_url"])
        text = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["context"][0]
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        self.assertEqual((found["resource"], found["type"]), ("packages", "external_download_package"))
        self.assertIn(tcia_www.RESTRICTED_LICENCE, {row["data_license"] for row in rows})

    def test_slides(self):
        url, number, rows = self.world.pathdb.url, 0, []
        while page := json.loads(ask(f"{url}/listofimages/21?_format=json&page={number}")[2]):
            rows += page
            number += 1
        self.assertEqual((len(rows), number), (23, 3))
        address = rows[0]["field_wsiimage"][0]["url"]
        self.assertTrue(address.startswith("http://pathdb.cancerimagingarchive.net/system/files/wsi/"))
        status, headers, _ = ask(url + urllib.parse.urlsplit(address).path, Range="bytes=0-99")
        self.assertEqual((status, headers["Content-Range"].startswith("bytes 0-99/")), (206, True))
        self.assertIn(b"wsiimage_url", ask(url + "/system/files/collectionmetadata/202401/"
                                           "cohort_builder_v1_01-16-2024.csv")[2])


class Manifests(unittest.TestCase):
    def test_every_form(self):
        series = list(tcia_data.make_collection("C").series())
        uids = [one.uid for one in series]
        forms = tcia_manifests.spoiled(uids, [one.study for one in series])
        for name, data in forms.items():
            has_all = all(uid.encode() in data for uid in uids)
            self.assertEqual(has_all, name not in ("study UIDs", "version 1", "version 2"), name)
        self.assertEqual(tcia_manifests.s5cmd([("b", "u")]).splitlines()[-1], "cp s3://b/u/* .")
        rows = list(csv.DictReader(io.StringIO(tcia_manifests.retriever_metadata(series), newline="")))
        self.assertEqual([row["Series UID"] for row in rows], uids)
        self.assertEqual(len(tcia_manifests.retriever_metadata([]).rstrip("\r\n")), 243 - 2)
        table = csv.DictReader(io.StringIO(tcia_manifests.spreadsheet(series, "Series UID", "\t")), delimiter="\t")
        self.assertEqual([row["Series UID"] for row in table], uids)


if __name__ == "__main__":
    unittest.main()
