"""NBIA's origin and its files by themselves: that they answer as the facts on the service have it."""

import csv
import gzip
import hashlib
import http.client
import io
import json
import struct
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

from origins import TciaWorld, dicom, faults, nbia_rows, nbia_zip, tcia_data
from origins.selftest import ask, raw

V4, V1, V2 = ("/nbia-api/services/" + version for version in ("v4/", "v1/", "v2/"))


def post(url, data, type="application/x-www-form-urlencoded"):
    """(status, headers, body) of a form, or of JSON where DATA is no dict of texts."""
    if type.endswith("json"):
        data = json.dumps(data).encode()
    elif isinstance(data, dict):
        data = urllib.parse.urlencode(data).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": type})
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


class WorldCase(unittest.TestCase):
    """One world for all tests of a class; each begins without faults."""

    world_options = {}

    @classmethod
    def setUpClass(cls):
        cls.world = TciaWorld(**cls.world_options)
        cls.addClassCleanup(cls.world.close)
        cls.lung, cls.rider, cls.free = cls.world.collections
        cls.one = next(cls.lung.series())

    def setUp(self):
        self.world.clear()
        self.addCleanup(self.assert_no_errors)

    def assert_no_errors(self):
        for origin in self.world.origins.values():
            self.assertEqual(origin.errors, [])

    def get(self, what, base=V4, **headers):
        return ask(self.world.nbia.url + base + what, **headers)

    def rows(self, what, base=V4):
        status, headers, body = self.get(what, base)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        return json.loads(body)

    def zip_of(self, what, base=V4):
        status, _, body = self.get(what, base)
        self.assertEqual(status, 200)
        return zipfile.ZipFile(io.BytesIO(body))


class Files(unittest.TestCase):
    """What the images are."""

    def test_pydicom_reads_every_form(self):
        pydicom = dicom.import_pydicom()
        for modality in dicom.CLASSES:
            for syntax in dicom.SYNTAXES:
                for digits in (38, 39, 40):
                    uids = [dicom.make_uid(part, modality, digits=digits) for part in ("sop", "series", "study")]
                    image = dicom.Image(*uids, f"P {digits}", modality, syntax, 32, 7)
                    found = pydicom.dcmread(io.BytesIO(image.bytes()))
                    self.assertEqual([found.SOPInstanceUID, found.SeriesInstanceUID, found.StudyInstanceUID], uids)
                    self.assertEqual(found.file_meta.MediaStorageSOPInstanceUID, uids[0])
                    self.assertEqual(found.file_meta.TransferSyntaxUID, dicom.SYNTAXES[syntax])
                    self.assertEqual((found.PatientID, found.Modality, found.InstanceNumber), (f"P {digits}", modality, 7))
                    self.assertEqual((image.size, image.md5),
                                     (len(image.bytes()), hashlib.md5(image.bytes()).hexdigest()))
                    again = io.BytesIO()
                    pydicom.dcmwrite(again, found, write_like_original=False)

    def test_deflated_is_as_pydicom_deflates(self):
        pydicom = dicom.import_pydicom()
        image = dicom.Image(*(dicom.make_uid(part) for part in "abc"), syntax="deflated")
        out = io.BytesIO()
        found = pydicom.dcmread(io.BytesIO(image.bytes()))
        pydicom.dcmwrite(out, found, write_like_original=True)
        self.assertEqual(found, pydicom.dcmread(out.seek(0) or out))

    def test_the_same_each_time_and_no_two_alike(self):
        first, second = (list(tcia_data.make_collection("C").series()) for _ in range(2))
        self.assertEqual([one.hash for one in first], [one.hash for one in second])
        digests = [image.md5 for one in first for image in one.images]
        self.assertEqual(len(digests), len(set(digests)))
        for one in first:
            for uid in (one.uid, one.study, *(image.sop for image in one.images)):
                self.assertLessEqual(len(uid), 64)

    def test_many_series_are_not_held(self):
        many = tcia_data.ManySeries("NLST", 300_000)
        for number, series in enumerate(many.series()):
            if number % 100_000 == 7:
                found = many.find(series.uid)
                self.assertEqual((found.uid, found.size, found.patient), (series.uid, series.size, series.patient))
                self.assertEqual(many.find_crdc(series.crdc_uuid).uid, series.uid)
                self.assertTrue(all(len(uid) <= 64 for uid in (series.uid, found.images[-1].sop)))
            if number > 200_010:
                break
        self.assertIsNone(many.find(series.uid[:-12] + "300000".zfill(12)))

    def test_pydicoms_own_files(self):
        found = tcia_data.real_series()
        self.assertGreater(len(found), 10)
        for series in found:
            self.assertTrue(all(image.bytes()[128:132] == b"DICM" for image in series.images))
            self.assertEqual(series.size, sum(len(image.bytes()) for image in series.images))


class Lists(WorldCase):
    def test_collections(self):
        names = {row["Collection"] for row in self.rows("getCollectionValues")}
        self.assertEqual(names, {"Lung-Test", "RIDER Test CT", "Breast.NC"})
        self.assertEqual(len(self.rows("getSeries?Collection=RIDER%20Test%20CT")), 2)
        self.assertEqual(len(self.rows("getSeries?Collection=rider%20test%20ct")), 2)

    def test_keys_of_both_versions(self):
        self.assertEqual((len(tcia_data.V1_KEYS), len(tcia_data.V4_KEYS)), (24, 30))
        (new,), (old,) = (self.rows(f"getSeries?SeriesInstanceUID={self.one.uid}", base) for base in (V4, V1))
        self.assertLessEqual(set(new), set(tcia_data.V4_KEYS))
        self.assertLessEqual(set(old), set(tcia_data.V1_KEYS))
        self.assertEqual((new["StudyDate"], old["StudyDate"]), ("01-01-2000", "2000-01-01 00:00:00.0"))
        self.assertEqual((new["MaxSubmissionTimestamp"], old["TimeStamp"]), ("06-09-2011", "2011-06-09 00:00:00.0"))
        self.assertEqual(new["DataDescriptionURI"], old["CollectionURI"])
        for row in (new, old):
            self.assertEqual((row["ImageCount"], row["FileSize"]), (len(self.one.images), self.one.size))
            self.assertIs(row["AnnotationsFlag"], False)

    def test_null_is_no_key(self):
        (row,) = self.rows("getSeries?PatientID=" + urllib.parse.quote("Odd / ID.."))
        for key in ("BodyPartExamined", "Manufacturer", "DataDescriptionURI", "SeriesNumber", "ProtocolName"):
            self.assertNotIn(key, row)
        self.assertIn({}, self.rows("getBodyPartValues?Collection=Breast.NC"))

    def test_slashes_are_escaped_where_that_is_chosen(self):
        what = f"getSeries?SeriesInstanceUID={self.one.uid}"
        self.assertIn(b"http:\\/\\/creativecommons.org\\/", self.get(what)[2])
        self.world.nbia.site.escape = False
        self.addCleanup(setattr, self.world.nbia.site, "escape", True)
        self.assertIn(b'"http://creativecommons.org/', self.get(what)[2])

    def test_types_of_scalars_are_chosen(self):
        site = self.world.nbia.site
        self.addCleanup(setattr, site, "types", "native")
        site.types = "string"
        row = self.rows(f"getSeries?SeriesInstanceUID={self.one.uid}")[0]
        self.assertEqual((row["ImageCount"], row["AnnotationsFlag"]), (str(len(self.one.images)), "false"))
        site.types = "mixed"
        kinds = {type(row["ImageCount"]) for row in self.rows("getSeries?Collection=Lung-Test")}
        self.assertEqual(kinds, {int, str})

    def test_nothing_found_has_no_body(self):
        for base in (V4, V1):
            status, headers, body = self.get("getSeries?Collection=none", base)
            self.assertEqual((status, headers["Content-Type"], body), (200, None, b""))

    def test_counts_that_are_wrong_at_first(self):
        self.world.nbia.site.miscount(self.one.uid, 2, times=1, FileSize=7)
        rows = [self.rows(f"getSeries?SeriesInstanceUID={self.one.uid}")[0] for _ in range(2)]
        self.assertEqual([(row["ImageCount"], row["FileSize"]) for row in rows],
                         [(len(self.one.images) + 2, 7), (len(self.one.images), self.one.size)])

    def test_wrong_questions(self):
        for what, words in (("getSeries?PatientId=x", b"Allowed"), ("getSeriesSize", b"needed"), ("getImage", b"needed")):
            status, headers, body = self.get(what)
            self.assertEqual((status, headers["Content-Type"]), (400, "application/json"))
            self.assertIn(words, body)
            with self.assertRaises(ValueError):
                json.loads(body)
        self.assertEqual(self.get("getSeries?PatientId=x&Collection=Lung-Test", V1)[0], 200)
        self.assertEqual(self.get("getseries")[0], 404)
        self.assertEqual(self.get("getSeriesMetaData?SeriesInstanceUID=1.2", V1)[0], 204)
        self.assertEqual(self.get("getCollectionValues?format=pdf")[0], 500)

    def test_errors_that_nobody_caught(self):
        status, headers, body = self.get("getSingleImage?SeriesInstanceUID=1&SOPInstanceUID=2")
        self.assertEqual((status, headers["Content-Type"], headers["Content-Length"]), (500, "text/plain", "48"))
        self.assertEqual(len(body), 48)
        self.assertEqual(self.get("getImage", method="HEAD")[0], 500)

    def test_case_of_values(self):
        self.assertEqual(self.get("getSeries?Modality=ct", V1)[2], b"")
        self.assertEqual(len(self.rows("getSeries?Modality=ct")), len(self.rows("getSeries?Modality=CT", V1)))
        self.assertEqual(len(self.rows("getPatient?Collection=lung-test&PatientId=LUNG-TEST-0001")), 1)

    def test_studies_and_small_lists(self):
        studies = self.rows("getPatientStudy?Collection=Lung-Test")
        self.assertEqual({row["SeriesCount"] for row in studies}, {2, 3})
        self.assertEqual(self.rows(f"getSeriesSize?SeriesInstanceUID={self.one.uid}"),
                         [{"TotalSizeInBytes": self.one.size, "ObjectCount": len(self.one.images)}])
        sops = {row["SOPInstanceUID"] for row in self.rows(f"getSOPInstanceUIDs?SeriesInstanceUID={self.one.uid}")}
        self.assertEqual(sops, {image.sop for image in self.one.images})
        image = self.one.images[0]
        self.assertEqual(self.get(f"getMD5HashForImage?SOPInstanceUID={image.sop}")[2].decode(), image.md5)
        self.assertEqual(self.get(f"getM5HashForImage?SOPInstanceUid={image.sop}", V1)[2].decode(), image.md5)

    def test_updated_series_and_their_dates(self):
        self.assertEqual(len(self.rows("getUpdatedSeries?fromDate=09-14-2011")), 14)
        self.assertEqual(self.get("getUpdatedSeries?fromDate=09-15-2011")[2], b"")
        self.assertEqual(self.get("getUpdatedSeries?fromDate=2011-09-01")[2], b"")
        old = self.rows("getUpdatedSeries?fromDate=14/09/2011", V1)
        self.assertEqual((len(old), "DateReleased" in old[0], "FileSize" in old[0]), (14, True, False))

    def test_metadata(self):
        uids = [one.uid for one in self.lung.series()]
        status, headers, body = post(self.world.nbia.url + V4 + "getSeriesMetadata", {"list": ",".join(uids)})
        rows = list(csv.DictReader(io.StringIO(body.decode())))
        self.assertEqual((status, headers["Content-Disposition"]), (200, "attachment; filename=SeriesMetaData.csv"))
        self.assertEqual((len(rows), tuple(rows[0])), (9, nbia_rows.METADATA_KEYS))
        self.assertEqual(len(nbia_rows.METADATA_KEYS), 40)
        self.assertTrue(body.startswith(b'"PatientID",'))
        rows = json.loads(post(self.world.nbia.url + V4 + "getSeriesMetadata", {"list": uids[0], "format": "json"})[2])
        self.assertEqual(rows[0]["SeriesInstanceUID"], uids[0])
        old = self.rows(f"getSeriesMetaData?SeriesInstanceUID={uids[0]}", V1)[0]
        self.assertEqual((len(nbia_rows.META_DATA_KEYS), old["Number of Images"]), (27, "3"))
        self.assertTrue(old["Series Number"].endswith(".000000"))

    def test_hashes_of_everything(self):
        def ask_hash(**form):
            status, headers, body = post(self.world.nbia.url + V4 + "getMD5Hierarchy", form)
            self.assertEqual((status, headers["Content-Type"]), (200, "text/plain"))
            return body.decode()

        def tree(digests):
            return hashlib.md5("".join(sorted(digests)).encode()).hexdigest()

        digests = [hashlib.md5(image.bytes()).hexdigest() for image in self.one.images]
        self.assertEqual(ask_hash(SeriesInstanceUID=self.one.uid), tree(digests))
        of_study = [tree(image.md5 for image in one.images) for one in self.lung.series() if one.study == self.one.study]
        self.assertEqual(ask_hash(StudyInstanceUID=self.one.study), tree(of_study))
        self.assertEqual(len(ask_hash(Collection="Lung-Test")), 32)
        self.assertEqual(ask_hash(SeriesInstanceUID="1.2.3"), "")
        site = self.world.nbia.site
        site.unknown_hash, site.collection_hash = "d41d8cd98f00b204e9800998ecf8427e", False
        self.addCleanup(setattr, site, "unknown_hash", "")
        self.addCleanup(setattr, site, "collection_hash", True)
        self.assertEqual(ask_hash(SeriesInstanceUID="1.2.3"), hashlib.md5(b"").hexdigest())
        self.assertEqual(ask_hash(Collection="Lung-Test"), hashlib.md5(b"").hexdigest())
        self.one.hidden.append(self.one.images[0])
        self.addCleanup(self.one.hidden.clear)
        self.assertEqual(ask_hash(SeriesInstanceUID=self.one.uid), tree([*digests, digests[0]]))

    def test_manifests(self):
        status, headers, body = post(self.world.nbia.url + V4 + "getManifestForCollection", {"collection": "Lung-Test"})
        lines = body.decode().splitlines()
        self.assertEqual((status, headers["Content-Type"]), (200, "application/x-nbia-manifest-file"))
        self.assertEqual(lines[4:6], ["manifestVersion=3.0", "ListOfSeriesToDownload="])
        self.assertEqual(set(lines[6:]), {one.uid for one in self.lung.series()})

    def test_other_formats(self):
        rows = list(csv.DictReader(io.StringIO(self.get("getSeries?Collection=Lung-Test&format=csv")[2].decode())))
        self.assertEqual((len(rows), len(rows[0])), (9, 30))
        self.assertTrue(self.get("getPatient?format=xml")[2].startswith(b"<?xml"))

    def test_the_token_gate(self):
        for base in (V2, "/nbia-api/services/"):
            self.assertEqual(self.get("getCollectionValues", base)[0], 401)
            self.assertEqual(self.get("getCollectionValues", base, Authorization="Bearer wrong")[0], 401)
            self.assertEqual(self.get(f"getImage?SeriesInstanceUID={self.one.uid}", base)[0], 500)
        url = self.world.nbia.url + "/nbia-api/oauth/token"
        form = {"grant_type": "password", "client_id": "NBIA", "username": "nbia_guest", "password": ""}
        token = json.loads(post(url, form)[2])["access_token"]
        self.assertEqual(self.get("getCollectionValues", V2, Authorization=f"Bearer {token}")[0], 200)
        self.assertEqual(post(url, {**form, "username": "u", "password": "p"})[0], 401)
        self.assertEqual(post(url, {**form, "grant_type": "implicit"})[0], 500)

    def test_nlst_has_a_server_of_its_own(self):
        uid = next(self.world.nlst_collections[0].series()).uid
        self.assertEqual(self.get("getSeries?Collection=NLST")[2], b"")
        self.assertEqual(self.get(f"getImageWithMD5Hash?SeriesInstanceUID={uid}")[0], 400)
        self.assertEqual(ask(self.world.nlst.url + V4 + f"getImageWithMD5Hash?SeriesInstanceUID={uid}")[0], 200)


class Zips(WorldCase):
    def image_zip(self, *troubles, name="getImageWithMD5Hash", more=""):
        self.world.nbia.site.trouble(*troubles)
        return self.zip_of(f"{name}?SeriesInstanceUID={self.one.uid}{more}")

    def lines(self, found):
        text = found.read("md5hashes.csv").decode()
        head, *rows = text.splitlines()
        self.assertEqual((head, text.endswith("\n"), "\r" in text), ("Filename,MD5Hash", True, False))
        return dict(row.split(",") for row in rows)

    def assert_whole(self, found):
        """The four rules."""
        lines = self.lines(found)
        self.assertEqual(found.namelist()[-1], "md5hashes.csv")
        self.assertEqual(set(lines), {name for name in found.namelist() if name.endswith(".dcm")})
        self.assertEqual(sorted(lines.values()), sorted(image.md5 for image in self.one.images))
        for name, digest in lines.items():
            self.assertEqual(hashlib.md5(found.read(name)).hexdigest(), digest)

    def test_headers(self):
        url = f"{V4}getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}"
        head = raw(self.world.nbia, url).partition(b"\r\n\r\n")[0].decode()
        self.assertIn("Transfer-Encoding: chunked", head)
        self.assertIn(f'Content-Disposition: attachment; filename="{self.one.uid}.zip"', head)
        self.assertIn("Content-Type: application/octet-stream", head)
        for name in ("Content-Length", "Accept-Ranges", "ETag", "Last-Modified"):
            self.assertNotIn(name, head)
        self.assertEqual(ask(self.world.nbia.url + url, Range="bytes=5-")[0], 200)

    def test_with_hashes(self):
        found = self.image_zip()
        self.assert_whole(found)
        self.assertEqual(set(found.namelist()), {"00000001.dcm", "00000002.dcm", "00000003.dcm", "md5hashes.csv"})

    def test_data_descriptors(self):
        for wide in (False, True):
            self.world.nbia.site.wide = wide
            self.addCleanup(setattr, self.world.nbia.site, "wide", False)
            data = self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}")[2]
            found = zipfile.ZipFile(io.BytesIO(data))
            self.assertIsNone(found.testzip())
            info = found.infolist()[0]
            flags, method, crc, packed, size, extra = struct.unpack_from("<HH4xIII2xH", data, 6)
            self.assertEqual((flags & 8, method, crc, packed, size, extra), (8, 8, 0, 0, 0, 0))
            end = 30 + len(info.filename) + info.compress_size
            self.assertEqual(struct.unpack_from("<II" + ("QQ" if wide else "II"), data, end),
                             (0x08074B50, info.CRC, info.compress_size, info.file_size))
            now = time.time()
            self.assertLess(abs(now - time.mktime((*info.date_time, 0, 0, -1))), 120)

    def test_numbers_are_not_stable(self):
        orders = {tuple(sorted(self.lines(self.image_zip()).items())) for _ in range(12)}
        self.assertGreater(len(orders), 1)

    def test_order_of_the_list_is_not_that_of_the_zip(self):
        orders = set()
        for _ in range(12):
            found = self.image_zip()
            orders.add(list(self.lines(found)) == found.namelist()[:-1])
        self.assertIn(False, orders)

    def test_plain_images(self):
        found = self.image_zip(name="getImage")
        self.assertEqual((found.namelist()[0], len(found.namelist())), ("LICENSE", 4))
        self.assertIn(b"Lung-Test", found.read("LICENSE"))
        self.assertNotIn("md5hashes.csv", found.namelist())
        found = self.image_zip(name="getImage", more="&NewFileNames=Yes&IncludeMD5=Yes")
        self.assertEqual(set(found.namelist()), {"LICENSE", "1-1.dcm", "1-2.dcm", "1-3.dcm", "md5hashes.csv"})
        self.assertNotIn("LICENSE", self.lines(found))
        for image in self.one.images:
            self.assertEqual(found.read(f"1-{image.number}.dcm"), image.bytes())

    def test_as_the_java_client_asks(self):
        self.world.nbia.site.annotations[self.one.uid] = {"notes.xml": b"<x/>"}
        found = self.image_zip(name="getDCMImage", more="&IncludeAnnotation=true&MD5Verification=true")
        self.assertEqual(found.namelist()[-2:], ["md5hashes.csv", "notes.xml"])
        self.assertEqual(set(self.lines(found)), {"1-1.dcm", "1-2.dcm", "1-3.dcm"})

    def test_what_looks_complete_and_is_short(self):
        self.assertEqual(self.image_zip(nbia_zip.missing_image(2, times=1)).namelist(), ["00000001.dcm", "00000002.dcm"])
        self.assert_whole(self.image_zip())
        self.world.clear()
        body = self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}")[2]
        self.world.nbia.site.trouble(nbia_zip.null_digest(series=self.one.uid))
        body = self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}")[2]
        self.assertEqual((len(body), body[:4]), (22, b"PK\5\6"))
        self.assertEqual(len(self.image_zip(name="getImage").namelist()), 4)
        self.world.clear()
        self.assertEqual(self.image_zip(nbia_zip.no_licence(), name="getImage").namelist(), [])
        self.world.clear()
        found = self.image_zip(nbia_zip.header_only(), nbia_zip.header_only(series="1.2"))
        self.assertEqual((found.namelist(), found.read("md5hashes.csv")), (["md5hashes.csv"], b"Filename,MD5Hash\n"))
        self.world.clear()
        self.assertEqual(self.image_zip(nbia_zip.empty_zip(), name="getImage").namelist(), [])

    def test_images_that_are_not_what_they_should_be(self):
        found = self.image_zip(nbia_zip.corrupt_image(1))
        wrong = [name for name, digest in self.lines(found).items()
                 if hashlib.md5(found.read(name)).hexdigest() != digest]
        self.assertEqual(len(wrong), 1)
        self.world.clear()
        other = next(self.rider.series()).images[0]
        found = self.image_zip(nbia_zip.foreign_image(other))
        self.assertIn(other.bytes(), [found.read(name) for name in found.namelist()])
        self.world.clear()
        found = self.image_zip(nbia_zip.lost_images(1))
        self.assertEqual((len(self.lines(found)), len(found.namelist())), (2, 3))
        self.world.clear()
        found = self.image_zip(nbia_zip.wrong_digest(0), nbia_zip.unlisted_image(1))
        self.assertEqual((len(self.lines(found)), len(found.namelist())), (2, 4))
        self.world.clear()
        self.assertEqual(len(self.image_zip(nbia_zip.only_listed_image(0)).namelist()), 3)
        self.world.clear()
        self.assertEqual(len(self.image_zip(nbia_zip.doubled_image(0)).namelist()), 5)
        self.world.clear()
        self.assertEqual(len(self.image_zip(nbia_zip.no_list()).namelist()), 3)

    def test_no_end_of_the_zip(self):
        self.world.nbia.site.trouble(nbia_zip.no_end())
        status, _, body = self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}")
        self.assertEqual((status, body[:4]), (200, b"PK\3\4"))
        self.assertNotIn(b"PK\5\6", body)

    def test_refusals(self):
        self.assertIn(b"has not been granted the access", self.get("getImage?SeriesInstanceUID=1.2")[2])
        status, headers, body = self.get("getImageWithMD5Hash?SeriesInstanceUID=1.2", V1)
        self.assertEqual((status, headers["Content-Type"]), (400, "application/json"))
        self.assertIn(b"is not in public domain", body)
        self.one.is_public = False
        self.addCleanup(setattr, self.one, "is_public", True)
        self.assertEqual(self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}")[0], 400)
        self.assertNotIn(self.one.uid, self.get("getSeries")[2].decode())

    def test_troubles_with_the_server(self):
        self.world.nbia.site.trouble(nbia_zip.server_error(times=1), nbia_zip.saved_page(skip=1, times=1),
                                     nbia_zip.not_public(skip=2, times=1))
        answers = [self.get(f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}") for _ in range(4)]
        self.assertEqual([answer[0] for answer in answers], [500, 200, 400, 200])
        self.assertEqual([answers[0][2][:6], answers[1][2][:6]], [b"Server", b"<html>"])

    def test_one_image(self):
        image = self.one.images[1]
        status, headers, body = self.get(f"getSingleImage?SeriesInstanceUID={self.one.uid}&SOPInstanceUID={image.sop}")
        self.assertEqual((status, headers["Content-Type"], body), (200, "application/dicom", image.bytes()))

    def with_fault(self, make, *arguments, **more):
        """The address of the one series, which meets this fault, as no other does."""
        self.world.clear()
        self.world.nbia.faults.add(make(*arguments, path="*/getImageWithMD5Hash", query=f"*{self.one.uid}*", **more))
        other = next(self.rider.series()).uid
        self.assertEqual(self.get(f"getImageWithMD5Hash?SeriesInstanceUID={other}")[0], 200)
        return V4 + f"getImageWithMD5Hash?SeriesInstanceUID={self.one.uid}"

    def test_cuts(self):
        for how in ("close", "reset"):
            what = self.with_fault(faults.cut, 1000, how=how)
            with self.assertRaises((ConnectionResetError, http.client.IncompleteRead)):
                ask(self.world.nbia.url + what)
            self.assertEqual(self.world.nbia.record.entries()[-1].sent, 1000)
        self.assertEqual(raw(self.world.nbia, self.with_fault(faults.no_answer)), b"")
        self.assertTrue(raw(self.world.nbia, self.with_fault(faults.cut_in_headers)).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_damage_on_the_way(self):
        found = zipfile.ZipFile(io.BytesIO(ask(self.world.nbia.url + self.with_fault(faults.corrupt, 700))[2]))
        with self.assertRaises((zlib.error, zipfile.BadZipFile)):
            for name in found.namelist():
                found.read(name)

    def test_other_answers(self):
        for make, arguments, status in ((faults.status, (503,), 503), (faults.login_page, (), 200),
                                        (faults.redirect, ("/elsewhere",), 302)):
            self.assertEqual(ask(self.world.nbia.url + self.with_fault(make, *arguments))[0], status)
        self.world.clear()
        self.world.nbia.faults.add(faults.status(504, "*/getMD5Hierarchy", method="POST"))
        self.assertEqual(post(self.world.nbia.url + V4 + "getMD5Hierarchy", {"SeriesInstanceUID": self.one.uid})[0], 504)

    def test_faults_that_leave_it_whole(self):
        for make, arguments in ((faults.no_length, ()), (faults.drip, (2_000_000,)), (faults.ignore_ranges, ()),
                                (faults.no_validators, ()), (faults.lie_about_length, (5,)), (faults.changed, ()),
                                (faults.wrong_content_range, ()), (faults.gzip_trap, ())):
            status, headers, body = ask(self.world.nbia.url + self.with_fault(make, *arguments))
            self.assertEqual(status, 200)
            body = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
            self.assert_whole(zipfile.ZipFile(io.BytesIO(body)))


if __name__ == "__main__":
    unittest.main()
