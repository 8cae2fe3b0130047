"""Kaggle's origin by itself: that it answers as the facts on the service have it, face by face and fault by fault."""

import base64
import hashlib
import http.client
import io
import json
import threading
import time
import unittest
import unittest.mock
import urllib.error
import urllib.parse
import urllib.request
import zipfile

from origins import (Account, Bytes, Expiry, KaggleDataset, KaggleSite, KaggleVersion, Limit, Noise, Pages, faults, kaggle,
                     kaggle_words, make_large_zip)
from origins.crc import CRC32, CRC32C, google_crc32c
from origins.selftest import ask, basic

LANL = "pankajb64/lanl-data"
XRAYS = "Microsoft/chest-xrays"


def b64_md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


class KaggleCase(unittest.TestCase):
    """A site of its own for each test: everything about it can be chosen."""

    def setUp(self):
        self.site = KaggleSite()
        self.api, self.storage = kaggle.start(self.site)
        self.addCleanup(self.close)
        self.accounts = self.site.accounts
        self.ana, self.bystander = self.accounts["ana"], self.accounts["bystander"]

    def close(self):
        self.api.close()
        self.storage.close()
        self.assertEqual((self.api.errors, self.storage.errors), ([], []))

    def rest(self, path, account=None, **headers):
        """(status, headers, value) of a GET; JSON is read."""
        if account is not None:
            headers["Authorization"] = f"Bearer {account.token}"
        status, answer, body = ask(f"{self.api.url}/api/v1/{path}", **headers)
        is_json = (answer.get("Content-Type") or "").startswith("application/json")
        return status, answer, json.loads(body) if is_json else body

    def rpc(self, name, account=None, **params):
        headers = {"Content-Type": "application/json"}
        if account is not None:
            headers["Authorization"] = f"Bearer {account.token}"
        request = urllib.request.Request(f"{self.api.url}/v1/{name}", json.dumps(params).encode(), headers, method="POST")
        try:
            answer = urllib.request.build_opener(_Keep, urllib.request.ProxyHandler({})).open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
            return answer.status, answer.headers, json.loads(body) if body else None

    def signed(self, path=f"datasets/download/{LANL}", account=None):
        status, headers, body = self.rest(path, account)
        self.assertEqual((status, body), (302, b""))
        return headers["Location"]


class _Keep(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class Listings(KaggleCase):
    def test_search_is_an_array_with_each_optional_field_three_times(self):
        status, headers, found = self.rest("datasets/list?search=lanl")
        self.assertEqual((status, headers["Content-Type"], headers["Transfer-Encoding"]), (200, "application/json", "chunked"))
        one, = found
        self.assertEqual((one["title"], one["titleNullable"], one["hasTitle"]), ("LANL Data", "LANL Data", True))
        self.assertEqual((one["currentVersionNumber"], one["ref"]), (2, LANL))
        self.assertNotIn("idNullable", one)
        self.assertEqual((one["files"], one["versions"]), ([], []))
        self.assertIn("ka_sessionid", headers["Set-Cookie"])

    def test_search_by_rpc_is_an_object_with_plain_names(self):
        status, _, found = self.rpc("datasets.DatasetApiService/ListDatasets", search="lanl")
        self.assertEqual((status, found["nextPageToken"]), (200, ""))
        self.assertEqual(found["datasets"][0]["title"], "LANL Data")
        self.assertNotIn("hasTitle", found["datasets"][0])

    def test_search_has_pages_of_twenty_and_nothing_beyond_the_five_hundredth(self):
        for number in range(43):
            self.site.add(KaggleDataset("many", f"set-{number}", f"Set {number}", [KaggleVersion(1, {"x": Bytes("x")})]))
        self.assertEqual([len(self.rest(f"datasets/list?user=many&page={page}")[2]) for page in (1, 2, 3, 4, 501)],
                         [20, 20, 3, 0, 0])
        names, token = [], None
        while token != "":
            found = self.rpc("datasets.DatasetApiService/ListDatasets", user="many", **({"pageToken": token} if token else {}))[2]
            names += [one["ref"] for one in found["datasets"]]
            token = found["nextPageToken"]
        self.assertEqual(len(set(names)), 43)

    def test_sizes_of_search_and_view_are_not_the_same_thing(self):
        version = self.site.datasets[LANL].current
        self.assertEqual(self.rest("datasets/list?search=lanl")[2][0]["totalBytes"], version.archive.size)
        status, _, seen = self.rest(f"datasets/view/{LANL}")
        self.assertEqual((status, seen["totalBytes"]), (200, version.size))
        self.assertEqual((seen["files"], seen["url"]), ([], ""))
        self.assertEqual(sorted(one["versionNumber"] for one in seen["versions"]), [1, 2])
        self.assertEqual(self.rest("datasets/view/mayo/consented-slides")[2]["totalBytes"], 0)
        self.assertGreater(self.rest("datasets/view/mayo/consented-slides", self.ana)[2]["totalBytes"], 0)

    def pages(self, path, key):
        names, sizes, token = [], [], None
        while token != "":
            answer = self.rest(path + (f"?pageToken={urllib.parse.quote(token)}" if token else ""))[2]
            sizes.append(len(answer[key]))
            names += [one["name"] for one in answer[key]]
            token = answer["nextPageToken"]
        return names, sizes

    def test_files_come_twenty_a_page_in_no_order(self):
        names, sizes = self.pages(f"datasets/list/{LANL}", "datasetFiles")
        self.assertEqual(sizes, [20, 20, 20])
        self.assertEqual(set(names), set(self.site.datasets[LANL].current.files))
        self.assertNotEqual(names, sorted(names))

    def test_a_page_may_be_empty_and_have_a_token(self):
        self.site.empty_pages = (1,)
        names, sizes = self.pages(f"datasets/list/{LANL}", "datasetFiles")
        self.assertEqual((sizes, len(set(names))), ([20, 0, 20, 20], 60))

    def test_a_listing_may_end_too_early_and_the_summary_tells(self):
        self.site.ends_after = 2
        names, _ = self.pages(f"datasets/list/{LANL}", "datasetFiles")
        self.assertEqual(len(names), 40)
        info = self.rest(f"datasets/files/summary/{LANL}")[2]["fileSummaryInfo"]
        self.assertEqual(info["totalFileCount"], 60)
        self.assertEqual({kind["extension"]: kind["fileCount"] for kind in info["fileTypes"]},
                         {".csv": 1, ".png": 57, ".txt": 1, "": 1})

    def test_page_size_and_tokens(self):
        self.assertEqual(len(self.rest(f"datasets/list/{LANL}?page_size=200")[2]["datasetFiles"]), 60)
        token = self.rest(f"datasets/list/{LANL}?pageSize=7")[2]["nextPageToken"]
        self.assertEqual(self.rest(f"datasets/list/{LANL}?datasetVersionNumber=1&pageToken={token}")[0], 400)
        self.assertEqual(self.rest(f"datasets/list/{LANL}?pageToken=x")[0], 400)

    def test_versions_have_files_of_their_own(self):
        for spelling in ("datasetVersionNumber", "dataset_version_number"):
            files = self.rest(f"datasets/list/{LANL}?{spelling}=1")[2]["datasetFiles"]
            self.assertEqual([(one["name"], one["totalBytes"]) for one in files], [("train.csv", 2000)])
        self.assertEqual(self.rest(f"datasets/list/{LANL}?datasetVersionNumber=9")[0], 404)
        self.assertEqual(self.rest(f"datasets/list/{LANL}?datasetVersionNumber=two")[0], 400)
        self.assertEqual(len(self.rest(f"datasets/list/{LANL}?datasetVersionNumber=None&pageToken=None")[2]["datasetFiles"]), 20)

    def test_by_directory(self):
        top = self.rest(f"datasets/list-tree/{LANL}")[2]
        self.assertEqual({one["name"]: one["totalChildren"] for one in top["directories"]}, {"images": 57, "masks": 1})
        self.assertEqual((top["totalChildren"], top["totalFiles"], top["totalDirectories"]), (4, 2, 2))
        below = self.rest(f"datasets/list-tree/{LANL}?path=masks/a%20b")[2]
        self.assertEqual([one["name"] for one in below["files"]], ["ünï+1.txt"])
        names, sizes = self.pages(f"datasets/list-tree/{LANL}", "files")
        self.assertEqual(len(names), 2)
        self.assertEqual(self.rpc("datasets.DatasetApiService/ListTreeDatasetFiles", ownerSlug="pankajb64",
                                  datasetSlug="lanl-data", path="images", pageSize=3)[2]["totalFiles"], 57)

    def test_metadata_and_status(self):
        info = self.rest(f"datasets/metadata/{XRAYS}")[2]["info"]
        self.assertEqual(info["licenses"], [{"name": "CC-BY-SA-4.0"}])
        self.assertEqual(self.rest(f"datasets/status/{XRAYS}")[2], "ready")
        self.assertEqual(self.rpc("datasets.DatasetApiService/GetDatasetStatus", ownerSlug="Microsoft",
                                  datasetSlug="chest-xrays")[2], {"status": "READY"})


class Croissant(KaggleCase):
    def document(self, ref):
        return ask(f"{self.api.url}/datasets/{ref}/croissant/download")

    def test_md5_is_base64_of_the_archive_of_that_version(self):
        status, headers, body = self.document(XRAYS)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json; charset=utf-8"))
        archive = json.loads(body)["distribution"][0]
        self.assertEqual(archive["contentUrl"], "https://www.kaggle.com/api/v1/datasets/download/Microsoft/chest-xrays"
                                                "?datasetVersionNumber=4")
        data = ask(self.signed(f"datasets/download/{XRAYS}?datasetVersionNumber=4"))[2]
        self.assertEqual(archive["md5"], b64_md5(data))
        self.assertEqual(archive["encodingFormat"], "application/zip")
        self.assertEqual(json.loads(body)["license"]["name"], "CC-BY-SA-4.0")

    def test_other_kinds(self):
        dataset = self.site.datasets[LANL]
        dataset.croissant = "old"
        archive = json.loads(self.document(LANL)[2])["distribution"][0]
        self.assertNotIn("md5", archive)
        self.assertNotIn("datasetVersionNumber", archive["contentUrl"])
        dataset.croissant = "sets"
        self.assertIn("cr:FileSet", {one["@type"] for one in json.loads(self.document(LANL)[2])["distribution"]})
        dataset.croissant = "wrong"
        archive = json.loads(self.document(LANL)[2])["distribution"][0]
        self.assertEqual(len(base64.b64decode(archive["md5"])), 16)
        self.assertNotEqual(archive["md5"], b64_md5(dataset.current.archive.bytes()))
        dataset.croissant = None
        self.assertEqual(self.document(LANL)[0], 404)
        self.assertEqual(self.document("ana/own-notes")[0], 404)
        self.site.limits["croissant"] = Limit(0)
        self.assertEqual(self.document(XRAYS)[0], 429)


class Downloads(KaggleCase):
    def test_the_redirect_names_another_host_and_its_port(self):
        location = self.signed()
        parts = urllib.parse.urlsplit(location)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.assertEqual((parts.hostname, parts.port), ("localhost", self.storage.port))
        self.assertRegex(parts.path, r"^/kaggle-data-sets/140939/\d+/bundle/archive\.zip$")
        self.assertEqual((query["X-Goog-Expires"], query["X-Goog-SignedHeaders"]), ("259200", "host"))
        self.assertRegex(query["X-Goog-Signature"], "^[0-9a-f]{512}$")
        self.assertRegex(query["X-Goog-Credential"], r"/\d{8}/auto/storage/goog4_request$")

    def test_whole_archive(self):
        status, headers, data = ask(self.signed())
        self.assertEqual((status, headers["Content-Type"]), (200, "application/zip"))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(set(archive.namelist()), set(self.site.datasets[LANL].current.files))
            self.assertEqual(archive.read("masks/a b/ünï+1.txt"), b"mask\n")
        self.assertEqual(headers["ETag"], f'"{hashlib.md5(data).hexdigest()}"')
        self.assertEqual(headers["x-goog-hash"], f"crc32c={google_crc32c(Bytes(data))},md5={b64_md5(data)}")
        self.assertEqual(headers["x-goog-stored-content-length"], str(len(data)))
        self.assertIn("Last-Modified", headers)

    def test_rpc_answers_the_same_redirect_to_a_post(self):
        status, headers, _ = self.rpc("datasets.DatasetApiService/DownloadDataset", ownerSlug="pankajb64",
                                      datasetSlug="lanl-data", datasetVersionNumber=1, fileName="train.csv")
        self.assertEqual(status, 302)
        self.assertEqual(ask(headers["Location"])[2], Noise(2000, "old").bytes())

    def test_one_file_in_every_spelling_of_its_name(self):
        name = "masks/a b/ünï+1.txt"
        for path in (f"datasets/download/{LANL}/{urllib.parse.quote(name, safe='')}",
                     f"datasets/download/{LANL}?fileName={urllib.parse.quote(name, safe='')}",
                     f"datasets/download/{LANL}?file_name={urllib.parse.quote_plus(name)}",
                     f"datasets/download-raw/{LANL}/{urllib.parse.quote(name, safe='')}"):
            self.assertEqual(ask(self.signed(path))[2], b"mask\n", path)
        self.assertEqual(self.rest(f"datasets/download/{LANL}/{urllib.parse.quote(name)}")[0], 404)
        self.site.raw_slash = True
        self.assertEqual(self.rest(f"datasets/download/{LANL}/{urllib.parse.quote(name)}")[0], 302)
        self.assertEqual(self.rest(f"datasets/download/{LANL}/nothing.csv")[0], 404)

    def test_a_large_file_comes_zipped_under_its_plain_name(self):
        location = self.signed(f"datasets/download/{XRAYS}/scans.bin")
        self.assertTrue(urllib.parse.urlsplit(location).path.endswith("/compressed/scans.bin.zip"))
        with zipfile.ZipFile(io.BytesIO(ask(location)[2])) as archive:
            self.assertEqual(archive.namelist(), ["scans.bin"])
            self.assertEqual(archive.read("scans.bin"), Noise(6_000_000, "scans").bytes())
        raw = self.signed(f"datasets/download/{XRAYS}/scans.bin?raw=true")
        self.assertEqual(len(ask(raw)[2]), 6_000_000)
        self.site.raw_is_plain = False
        self.assertIn("/compressed/", self.signed(f"datasets/download-raw/{XRAYS}/scans.bin"))

    def test_a_file_that_was_never_split_out(self):
        self.site.datasets[XRAYS.lower()].unsplit = ("scans.bin",)
        self.assertEqual(self.rest(f"datasets/download/{XRAYS}/scans.bin")[::2],
                         (404, {"code": 404, "message": "Not found"}))
        self.assertEqual(self.rest(f"datasets/download/{XRAYS}")[0], 302)

    def test_escaped_slashes_in_the_signed_path(self):
        self.site.storage.escape_slashes = True
        location = self.signed()
        self.assertIn("%2Fbundle%2Farchive.zip", location)
        self.assertEqual(ask(location)[0], 200)

    def test_competitions_are_signed_in_the_old_way(self):
        status, headers, _ = self.rest("competitions/data/download-all/rsna-bone-age", self.ana)
        parts = urllib.parse.urlsplit(headers["Location"])
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.assertEqual(status, 302)
        self.assertRegex(parts.path, r"^/kaggle-competitions-data/kaggle-v2/5407/\d+/bundle/archive\.zip$")
        self.assertEqual(sorted(query), ["Expires", "GoogleAccessId", "Signature", "response-content-disposition"])
        self.assertGreater(int(query["Expires"]), time.time() + 200_000)
        status, headers, data = ask(headers["Location"])
        self.assertEqual((status, headers["Content-Disposition"]), (200, "attachment; filename=archive.zip"))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.assertEqual(len(archive.namelist()), 4)
        one = self.rest("competitions/data/download/rsna-bone-age/train%2F1377.png", self.ana)[1]["Location"]
        self.assertEqual(ask(one)[2], Noise(30_000, 1377).bytes())


class Storage(KaggleCase):
    def test_hash_header_in_three_spellings(self):
        md5 = b64_md5(ask(self.signed())[2])
        crc = google_crc32c(self.site.datasets[LANL].current.archive)
        for style, expected in (("comma", [f"crc32c={crc},md5={md5}"]), ("comma-space", [f"crc32c={crc}, md5={md5}"]),
                                ("lines", [f"crc32c={crc}", f"md5={md5}"])):
            self.site.storage.hash_style = style
            self.assertEqual(ask(self.signed())[1].get_all("x-goog-hash"), expected)

    def test_a_composite_object_has_no_md5_and_an_etag_that_is_none(self):
        self.site.datasets[LANL].stored = {"composite": True}
        headers = ask(self.signed())[1]
        self.assertRegex(headers["x-goog-hash"], "^crc32c=[^,]+$")
        self.assertNotRegex(headers["ETag"], '^"[0-9a-f]{32}"$')

    def test_a_wrong_md5(self):
        self.site.datasets[LANL].stored = {"md5": b64_md5(b"something else")}
        _, headers, data = ask(self.signed())
        self.assertNotIn(b64_md5(data), headers["x-goog-hash"])

    def test_ranges_and_if_range(self):
        location = self.signed()
        whole = ask(location)
        status, headers, data = ask(location, Range="bytes=1000-1999", If_Range=whole[1]["ETag"])
        self.assertEqual((status, data), (206, whole[2][1000:2000]))
        self.assertEqual(headers["x-goog-hash"], whole[1]["x-goog-hash"])
        self.assertEqual(ask(location, Range="bytes=5-", If_Range='"other"')[0], 200)
        self.assertEqual(ask(location, Range=f"bytes={len(whole[2])}-")[0], 416)
        self.assertEqual(ask(location, Range="bytes=0-0")[2], whole[2][:1])

    def test_head_is_not_what_was_signed(self):
        location = self.signed()
        self.assertEqual(ask(location, "HEAD")[0], 403)
        self.site.storage.head = True
        self.assertEqual(ask(location, "HEAD")[0], 200)

    def test_a_signature_is_for_one_object_and_as_it_stands(self):
        location = self.signed()
        for other in (location.replace("archive.zip", "other.zip"), location.replace("X-Goog-Expires=259200",
                      "X-Goog-Expires=999999"), location[:-1], location.partition("?")[0], location + "&x=1"):
            status, headers, body = ask(other)
            self.assertEqual(status, 403, other)
            self.assertEqual(headers["Content-Type"], "application/xml; charset=UTF-8")
            self.assertIn(b"<Error><Code>", body)

    def check_expired(self, location, status=400):
        answer = ask(location)
        self.assertEqual(answer[0], status)
        self.assertIn(b"<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>", answer[2])
        self.assertIn(b"<Details>Request signature expired at: ", answer[2])

    def test_expiry_by_time(self):
        location = self.signed()
        self.site.storage.expire_all()
        self.check_expired(location)
        self.site.storage.lifetime = -1
        self.check_expired(self.signed())
        self.site.storage.expired_status = 403
        self.check_expired(self.signed(), 403)
        self.site.storage.lifetime = 1000
        self.assertIn("X-Goog-Expires=1000", self.signed())

    def test_expiry_by_requests(self):
        self.site.storage.expiry = Expiry(requests=2)
        location = self.signed()
        self.assertEqual([ask(location, Range="bytes=0-9")[0] for _ in range(2)], [206, 206])
        self.check_expired(location)
        self.assertEqual(ask(self.signed())[0], 200)

    def test_expiry_by_bytes_and_by_share(self):
        size = self.site.datasets[LANL].current.archive.size
        for rule in (Expiry(bytes=size // 2), Expiry(share=0.5)):
            self.site.storage.expiry = rule
            location = self.signed()
            self.assertEqual(ask(location, Range=f"bytes=0-{size // 3}")[0], 206)
            self.assertEqual(ask(location, Range=f"bytes=0-{size // 3}")[0], 206)
            self.check_expired(location)

    def test_expiry_of_the_first_signature_alone(self):
        self.site.storage.expiry = Expiry(requests=0, signatures=1)
        self.check_expired(self.signed())
        self.assertEqual(ask(self.signed())[0], 200)
        self.assertEqual(self.site.storage.signatures("archive.zip"), 2)

    def test_an_expiry_that_cuts(self):
        dataset = self.site.add(KaggleDataset("big", "one", "One", [KaggleVersion(1, {"x.bin": Pages(8 << 20)})]))
        self.site.storage.expiry = Expiry(share=0.5, cut=True)
        location = self.signed("datasets/download/big/one")
        with self.assertRaises(Exception):
            ask(location)
        sent = self.storage.record.bytes_sent()
        self.assertTrue(0.4 * dataset.current.archive.size < sent < 0.6 * dataset.current.archive.size, sent)
        self.check_expired(location)

    def test_cut_every_so_many_bytes_whoever_sends_them(self):
        self.site.add(KaggleDataset("big", "one", "One", [KaggleVersion(1, {"x.bin": Pages(8 << 20)})]))
        self.site.storage.cut_every = 3 << 20
        location = self.signed("datasets/download/big/one")
        whole = self.site.datasets["big/one"].current.archive
        have, asked = 0, 0
        while have < whole.size:
            request = urllib.request.Request(location, headers={"Range": f"bytes={have}-"})
            asked += 1
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                try:
                    have += len(answer.read())
                except http.client.IncompleteRead as error:
                    have += len(error.partial)
        self.assertEqual(asked, 3)

    def test_what_was_replaced_is_another_generation(self):
        location = self.signed()
        old = ask(location)[1]
        path = urllib.parse.urlsplit(location).path
        self.site.storage.put(path, Noise(5000, "new"))
        new = ask(location)[1]
        self.assertNotEqual(old["ETag"], new["ETag"])
        self.assertLess(int(old["x-goog-generation"]), int(new["x-goog-generation"]))
        self.assertNotEqual(old["x-goog-hash"], new["x-goog-hash"])

    def test_faults_work_here_too(self):
        location = self.signed()
        whole = ask(location)
        self.storage.faults.add(faults.changed("*archive.zip"))
        changed = ask(location)
        self.assertNotEqual(changed[1]["ETag"], whole[1]["ETag"])
        self.assertIn(b64_md5(changed[2]), changed[1]["x-goog-hash"])
        self.storage.faults.clear()
        self.storage.faults.add(faults.corrupt(100, "*archive.zip"))
        corrupt = ask(location)
        self.assertEqual(corrupt[1]["x-goog-hash"], whole[1]["x-goog-hash"])
        self.assertNotEqual(corrupt[2], whole[2])
        self.storage.faults.clear()
        self.storage.faults.add(faults.ignore_ranges("*archive.zip"))
        self.assertEqual(ask(location, Range="bytes=5-")[0], 200)

    def test_an_authorization_header_here_fails_the_test(self):
        location = self.signed()
        with self.assertRaises(Exception), unittest.mock.patch("sys.stderr", io.StringIO()):
            ask(location, Authorization=basic("ana", self.ana.key))
        self.assertRegex(str(self.storage.errors.pop()), "Authorization")
        self.assertIn("authorization", self.storage.record.entries("*archive.zip")[-1].headers)


class Access(KaggleCase):
    def status_of(self, authorization, path=f"datasets/view/{LANL}"):
        return self.rest(path, Authorization=authorization)[0]

    def test_each_kind_of_credential_has_its_header(self):
        ana = self.ana
        access = ana.make_access_token()
        for authorization, status in ((basic("ana", ana.key), 200), (f"Bearer {ana.token}", 200), (f"Bearer {access}", 200),
                                      (basic("ana", ana.token), 401), (basic("", ana.token), 401),
                                      (f"Bearer {ana.token.removeprefix('KGAT_')}", 401), (f"Bearer {ana.key}", 401),
                                      (basic("ana", "wrong"), 401), ("Basic !!", 401), ("Digest x", 401)):
            self.assertEqual(self.status_of(authorization), status, authorization)
        self.assertEqual(self.rest(f"datasets/view/{LANL}", Authorization="Bearer x")[2],
                         {"code": 401, "message": "Unauthenticated"})

    def test_a_new_key_ends_the_old_one(self):
        old = self.ana.key
        self.ana.replace_key()
        self.assertEqual((self.status_of(basic("ana", old)), self.status_of(basic("ana", self.ana.key))), (401, 200))

    def test_competitions_need_an_account_and_rules(self):
        for path in ("competitions/list", "competitions/get/rsna-bone-age", "competitions/data/list/rsna-bone-age",
                     "competitions/data/download-all/rsna-bone-age"):
            self.assertEqual(self.rest(path)[0], 401, path)
        self.assertEqual(self.rest("competitions/get/rsna-bone-age", self.bystander)[2]["userHasEntered"], False)
        for path in ("list", "summary", "download-all"):
            status, _, body = self.rest(f"competitions/data/{path}/rsna-bone-age", self.bystander)
            self.assertEqual((status, body["message"]), (403, kaggle_words.RULES))
        raw = ask(f"{self.api.url}/api/v1/competitions/data/list/rsna-bone-age",
                  Authorization=f"Bearer {self.bystander.token}")[2]
        self.assertIn(b"competition\\u0027s rules", raw)
        self.site.competitions["rsna-bone-age"].rules += ("bystander",)
        self.assertEqual(self.rest("competitions/data/list/rsna-bone-age", self.bystander)[0], 200)

    def test_other_refusals(self):
        newcomer = self.accounts["newcomer"]
        self.assertEqual(self.rest("competitions/data/download-all/rsna-bone-age", newcomer)[::2],
                         (403, {"code": 403, "message": "Forbidden"}))
        self.assertEqual(self.rest("competitions/get/no-such", self.ana)[::2],
                         (403, {"code": 403, "message": "Required permission 'competitions.get' was not satisfied"}))
        self.assertEqual(self.rest("datasets/download/mayo/consented-slides")[0], 403)
        self.assertEqual(self.rest("datasets/download/mayo/consented-slides", self.bystander)[0], 403)
        self.assertEqual(self.rest("datasets/download/mayo/consented-slides", self.ana)[0], 302)
        self.assertEqual(self.rest("datasets/view/ana/own-notes")[0], 403)
        self.assertEqual(self.rest("datasets/view/ana/own-notes", self.ana)[2]["isPrivate"], True)
        self.assertEqual(self.rest("datasets/view/no/such")[::2], (404, {"code": 404, "message": "Not found"}))
        self.site.forbidden_form = "plain"
        self.assertEqual(self.rest("datasets/download/mayo/consented-slides")[2], b"Forbidden")
        self.site.forbidden_form = "empty"
        self.assertEqual(self.rest("datasets/download/mayo/consented-slides")[2], b"")
        self.site.private_status, self.site.wrong_slug = 404, "not-found"
        self.assertEqual(self.rest("datasets/view/ana/own-notes")[0], 404)
        self.assertEqual(self.rest("competitions/get/no-such", self.ana)[0], 404)

    def test_competition_lists(self):
        answer = self.rest("competitions/data/list/rsna-bone-age", self.ana)[2]
        self.assertEqual((len(answer["files"]), answer["nextPageToken"], answer["childrenFetchTimeMs"]), (4, "", 0))
        tree = self.rest("competitions/rsna-bone-age/data-tree/list/?path=train", self.ana)[2]
        self.assertEqual(sorted(one["name"] for one in tree["files"]), ["1377.png", "1378.png"])
        self.site.competition_list = "array"
        self.assertEqual(len(self.rest("competitions/data/list/rsna-bone-age", self.ana)[2]), 4)
        by_rpc = self.rpc("competitions.CompetitionApiService/ListDataFiles", self.ana, competitionName="rsna-bone-age")[2]
        self.assertEqual(len(by_rpc["files"]), 4)

    def test_tokens(self):
        self.assertEqual(self.rpc("api.v1.DiagnosticsService/Hello", self.ana)[2], {"userName": "ana"})
        self.assertEqual(self.rpc("api.v1.DiagnosticsService/Hello")[2]["code"], 401)
        self.assertEqual(self.rpc("security.OAuthService/IntrospectToken", token=self.ana.token)[2]["username"], "ana")
        for status in (400, 403, 404):
            self.site.introspect_status = status
            self.assertEqual(self.rpc("security.OAuthService/IntrospectToken", token="x")[0], status)
        made = self.rpc("users.AccountService/GenerateAccessToken", refreshToken=self.ana.refresh_token,
                        expirationDuration="43200s")[2]
        self.assertEqual(made["expiresIn"], 43200)
        self.assertEqual(self.status_of(f"Bearer {made['token']}"), 200)
        self.assertEqual(self.rpc("users.AccountService/GenerateAccessToken", refreshToken="x")[0], 401)

    def test_a_post_without_json_is_refused(self):
        request = urllib.request.Request(f"{self.api.url}/v1/datasets.DatasetApiService/GetDataset", b"x", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
        self.assertEqual(caught.exception.code, 415)
        caught.exception.close()


class Refusals(KaggleCase):
    def test_single_files_are_limited_the_archive_is_not(self):
        self.site.limits["file"] = Limit(3, retry_after=7)
        answers = [self.rest(f"datasets/download/{LANL}/train.csv") for _ in range(5)]
        self.assertEqual([answer[0] for answer in answers], [302, 302, 302, 429, 429])
        self.assertEqual((answers[-1][1]["Retry-After"], answers[-1][2]), ("7", {"code": 429, "message": "TooManyRequests"}))
        self.assertEqual(self.rest(f"datasets/download/{LANL}")[0], 302)
        self.assertEqual(self.site.limits["file"].refused, 2)

    def test_a_limit_ends(self):
        self.site.limits["file"] = Limit(1, seconds=0.2, shape="rpc")
        self.assertEqual([self.rest(f"datasets/download/{LANL}/LICENSE")[0] for _ in range(2)], [302, 429])
        self.assertEqual(self.rest(f"datasets/download/{LANL}/LICENSE")[2]["error"]["status"], "RESOURCE_EXHAUSTED")
        time.sleep(0.25)
        self.assertEqual(self.rest(f"datasets/download/{LANL}/LICENSE")[0], 302)

    def test_429_in_both_shapes_with_every_header(self):
        date = faults.retry_date(30)
        for shape, retry_after in (("rest", None), ("rest", 5), ("rpc", date), ("rpc", None)):
            self.api.faults.clear()
            self.api.faults.add(kaggle_words.throttled("/api/v1/datasets/download/*", shape, retry_after))
            status, headers, body = self.rest(f"datasets/download/{LANL}")
            self.assertEqual((status, headers["Retry-After"]), (429, None if retry_after is None else str(retry_after)))
            self.assertEqual((body if shape == "rest" else body["error"])["code"], 429)
            self.assertEqual("code" in body, shape == "rest")

    def test_errors_that_hide_and_pages(self):
        path = f"/api/v1/datasets/view/{LANL}"
        for fault, status, kind, text in (
                (kaggle_words.refused_in_200(path), 200, "application/json", b'{"code":403'),
                (kaggle_words.refused(kaggle_words.RULES, path), 403, "application/json", b"\\u0027s rules"),
                (kaggle_words.refused(None, path), 403, "application/json", b'{"code":403}'),
                (kaggle_words.refused("", path, code=404), 404, "application/json", b""),
                (kaggle_words.unavailable(path), 503, "text/html; charset=utf-8", b"<html"),
                (kaggle_words.unavailable(path, 502, False), 502, "application/json", b'{"code":502'),
                (faults.login_page(path), 200, "text/html; charset=utf-8", b"Log in")):
            self.api.faults.clear()
            self.api.faults.add(fault)
            answer = ask(self.api.url + path)
            self.assertEqual((answer[0], answer[1]["Content-Type"]), (status, kind))
            self.assertIn(text, answer[2])

    def test_faults_meet_calls_by_rpc(self):
        self.api.faults.add(kaggle_words.throttled("/v1/datasets.*", "rpc", method="POST", times=1))
        params = {"ownerSlug": "pankajb64", "datasetSlug": "lanl-data"}
        self.assertEqual([self.rpc("datasets.DatasetApiService/GetDataset", **params)[0] for _ in range(2)], [429, 200])


class LargeArchives(unittest.TestCase):
    def test_crc(self):
        self.assertEqual((CRC32.of(b"123456789"), CRC32C.of(b"123456789")), (0xCBF43926, 0xE3069283))
        pages = Pages(5 * 65536 + 321, "crc")
        for kind in (CRC32, CRC32C):
            self.assertEqual(pages.crc(kind), kind.of(pages.bytes()))
            self.assertEqual(kind.combine(kind.of(b"123"), kind.of(b"456789"), 6), kind.of(b"123456789"))

    def test_a_zip_is_one_wherever_it_is_read(self):
        members = {"a/é.bin": Pages((2 << 20) + 5, "a"), "t.csv": Bytes("a,b\n" * 900), "empty": Bytes(""),
                   "b.bin": Pages(1 << 20, "b")}
        archive = make_large_zip(members)
        data = archive.bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as made:
            self.assertIsNone(made.testzip())
            self.assertEqual(made.namelist(), list(members))
            self.assertEqual(made.read("t.csv"), members["t.csv"].bytes())
        self.assertEqual(CRC32C.of_content(archive), CRC32C.of(data))
        for start, end in ((0, 1), (1000, 70_000), (len(data) - 30, len(data)), (2 << 20, (2 << 20) + 200_000)):
            self.assertEqual(archive.read(start, end), data[start:end])

    def test_five_gigabytes_have_long_fields_and_need_no_memory(self):
        archive = make_large_zip({"first": Pages(5 << 30, 1), "last.txt": Bytes("the end\n")})
        with zipfile.ZipFile(_Seekable(archive)) as made:
            self.assertEqual([one.file_size for one in made.infolist()], [5 << 30, 8])
            self.assertEqual(made.read("last.txt"), b"the end\n")
        self.assertRegex(google_crc32c(archive), "^[A-Za-z0-9+/]{6}==$")

    def test_four_connections_read_a_large_archive_at_once(self):
        site = KaggleSite([KaggleDataset("big", "one", "One", [
            KaggleVersion(1, {f"{number}.bin": Pages(100 << 20, number) for number in range(8)})])])
        api, storage = kaggle.start(site)
        with api, storage:
            archive = site.datasets["big/one"].current.archive
            location = ask(f"{api.url}/api/v1/datasets/download/big/one")[1]["Location"]
            seen = {}

            def fetch(start):
                seen[start] = ask(location, Range=f"bytes={start}-{start + 999_999}")[2]

            threads = [threading.Thread(target=fetch, args=(number * 200_000_000,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for start, data in seen.items():
                self.assertEqual(data, archive.read(start, start + 1_000_000))
        self.assertEqual((api.errors, storage.errors), ([], []))


class _Seekable(io.RawIOBase):
    """A content as a file."""

    def __init__(self, content):
        self._content, self._at = content, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._at

    def seek(self, offset, whence=0):
        self._at = offset + (0, self._at, self._content.size)[whence]
        return self._at

    def read(self, size=-1):
        end = self._content.size if size < 0 else min(self._content.size, self._at + size)
        data = self._content.read(self._at, end)
        self._at = end
        return data


class Accounts(unittest.TestCase):
    def test_tokens_have_their_prefix(self):
        self.assertRegex(Account("x").token, "^KGAT_[0-9a-f]{32}$")
        self.assertRegex(Account("x").key, "^[0-9a-f]{32}$")


if __name__ == "__main__":
    unittest.main()
