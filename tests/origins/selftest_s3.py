"""The object stores by themselves: lists, ranges, refusals, and signatures."""

import base64
import calendar
import hashlib
import http.client
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

from origins import Bytes, GeneratedBucket, Noise, Origin, Request, S3Site, faults
from origins.selftest import ask
from origins.sigv4 import Refused, canonical_path, canonical_query, check_signature

_ODD = "o d/\u00fc+%&=~'!()*$,;:@[]<>.txt"


def quoted(text):
    return urllib.parse.quote(text, safe="")


class Stores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = S3Site(keys={"AKIA": "secret"})
        bucket = cls.site.bucket("open")
        for number in range(2345):
            bucket.add(f"many/{number:05d}", Bytes(b"%d" % number))
        cls.data = Noise(100_000, 7)
        bucket.add(_ODD, cls.data)
        bucket.add("parts", cls.data, part_size=40_000)
        cls.site.bucket("closed", public=False).add("k", b"v")
        cls.site.bucket("blind", listable=False).add("k", b"v")
        cls.site.buckets["long"] = GeneratedBucket(["series/"], 92_000, Noise(64, 1))
        cls.origin = Origin(cls.site)
        cls.addClassCleanup(cls.origin.close)

    def setUp(self):
        self.origin.faults.clear()
        self.origin.record.clear()

    def get(self, path, **headers):
        return ask(self.origin.url + path, **headers)

    def list(self, query, bucket="open"):
        status, headers, body = self.get(f"/{bucket}?list-type=2&{query}")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/xml"))
        root = ElementTree.fromstring(body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def all_keys(self, query, bucket="open"):
        keys, pages, token = [], 0, ""
        while token is not None:
            root = self.list(query + token, bucket)
            keys += [element.text for element in root.iter("Key")]
            pages += 1
            more = root.findtext("IsTruncated") == "true"
            token = f"&continuation-token={quoted(root.findtext('NextContinuationToken'))}" if more else None
            self.assertEqual(root.findtext("NextContinuationToken") is not None, more)
        return keys, pages

    def test_pages(self):
        keys, pages = self.all_keys("prefix=many/")
        self.assertEqual((len(keys), pages, keys), (2345, 3, sorted(keys)))
        self.assertEqual(self.all_keys("prefix=many/000&max-keys=7"), (keys[:100], 15))
        self.assertEqual(self.list("prefix=many/&start-after=many/02343").findtext("KeyCount"), "1")
        self.assertEqual(self.list("max-keys=100000").findtext("MaxKeys"), "1000")

    def test_tokens_are_to_be_encoded(self):
        token = self.list("prefix=many/").findtext("NextContinuationToken")
        self.assertTrue({"+", "/", "="} <= set(token))
        self.assertEqual(self.get(f"/open?list-type=2&continuation-token={token}")[0], 400)
        self.assertEqual(self.get("/open?list-type=2&continuation-token=none")[0], 400)

    def test_the_longest_series(self):
        keys, pages = self.all_keys("prefix=series/", "long")
        self.assertEqual((len(keys), pages), (92_000, 92))
        self.assertEqual(self.get("/long/" + keys[-1])[2], Noise(64, 1).bytes())

    def test_nothing_below_a_prefix(self):
        root = self.list("prefix=none/")
        self.assertEqual((root.findtext("KeyCount"), root.findtext("IsTruncated")), ("0", "false"))

    def test_names_and_folders(self):
        root = self.list("delimiter=/")
        self.assertEqual([element.findtext("Prefix") for element in root.iter("CommonPrefixes")], ["many/", "o d/"])
        self.assertEqual([element.text for element in root.iter("Key")], ["parts"])
        self.assertEqual(self.list("prefix=o").findtext("Contents/Key"), _ODD)
        encoded = self.list("prefix=o&encoding-type=url").findtext("Contents/Key")
        self.assertEqual((urllib.parse.unquote(encoded), encoded.isascii()), (_ODD, True))
        self.assertEqual(self.get(f"/open/{quoted(_ODD)}")[2], self.data.bytes())

    def test_tags(self):
        md5 = hashlib.md5(self.data.bytes()).hexdigest()
        parts = [hashlib.md5(self.data.bytes()[at:at + 40_000]).digest() for at in range(0, 100_000, 40_000)]
        many = f'"{hashlib.md5(b"".join(parts)).hexdigest()}-3"'
        self.assertEqual(self.get(f"/open/{quoted(_ODD)}")[1]["ETag"], f'"{md5}"')
        self.assertEqual(self.get("/open/parts")[1]["ETag"], many)
        self.assertEqual(self.list("prefix=parts").findtext("Contents/ETag"), many)

    def test_ranges_and_conditions(self):
        status, headers, body = self.get("/open/parts", Range="bytes=100-199")
        self.assertEqual((status, headers["Content-Range"], body),
                         (206, "bytes 100-199/100000", self.data.read(100, 200)))
        self.assertEqual(self.get("/open/parts", Range="bytes=100000-")[0], 416)
        self.assertEqual(self.get("/open/parts", If_Match='"other"')[0], 412)
        self.assertEqual(self.get("/open/parts", If_Match=headers["ETag"])[0], 200)
        self.assertEqual(self.get("/open/parts", Range="bytes=1-2", If_Range='"other"')[0], 200)
        self.assertEqual(ask(self.origin.url + "/open/parts", method="HEAD")[1]["Content-Length"], "100000")

    def test_refusals(self):
        for path, status, code in (("/open/none", 404, "NoSuchKey"), ("/blind/none", 403, "AccessDenied"),
                                   ("/closed/k", 403, "AccessDenied"), ("/blind?list-type=2", 403, "AccessDenied"),
                                   ("/none/k", 404, "NoSuchBucket")):
            found, headers, body = self.get(path)
            self.assertEqual((found, headers["Content-Type"]), (status, "application/xml"), path)
            self.assertEqual(ElementTree.fromstring(body).findtext("Code"), code)
        self.assertEqual(self.get("/blind/k")[2], b"v")

    def test_a_bucket_in_the_host(self):
        self.assertEqual(self.get("/parts", Host="open.s3.amazonaws.com")[2], self.data.bytes())
        self.assertEqual(self.get("/parts", Host="open.s3.us-east-1.amazonaws.com")[2], self.data.bytes())

    def test_faults(self):
        self.origin.faults.add(faults.cut(5000, "/open/parts", times=1), faults.corrupt(9, "/open/parts", skip=1, times=1),
                               faults.status(503, "/open", query="*list-type*", times=1))
        with self.assertRaises(http.client.IncompleteRead):
            self.get("/open/parts")
        self.assertNotEqual(self.get("/open/parts")[2], self.data.bytes())
        self.assertEqual(self.get("/open/parts")[2], self.data.bytes())
        self.assertEqual(self.get("/open?list-type=2")[0], 503)

    def test_google(self):
        site = S3Site({"open": self.site.buckets["open"]}, flavour="gcs")
        with Origin(site) as origin:
            headers = ask(f"{origin.url}/open/{quoted(_ODD)}")[1]
            md5 = base64.b64encode(hashlib.md5(self.data.bytes()).digest()).decode()
            self.assertRegex(headers["x-goog-hash"], r"^crc32c=[A-Za-z0-9+/]{6}==,md5=")
            self.assertTrue(headers["x-goog-hash"].endswith(md5))
            self.assertNotIn("md5=", ask(f"{origin.url}/open/parts")[1]["x-goog-hash"])
            origin.faults.add(faults.changed("/open/*", times=1))
            _, headers, body = ask(f"{origin.url}/open/{quoted(_ODD)}")
            md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
            self.assertNotEqual(body, self.data.bytes())
            self.assertTrue(headers["x-goog-hash"].endswith(f",md5={md5}"))
            self.assertEqual(headers["ETag"], f'"{hashlib.md5(body).hexdigest()}"')
            site.split_hashes = True
            self.assertEqual(len(ask(f"{origin.url}/open/{quoted(_ODD)}")[1].get_all("x-goog-hash")), 2)


class Signatures(unittest.TestCase):
    """The examples that Amazon publishes for its S3, and what spoils them."""

    secret = {"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    now = calendar.timegm((2013, 5, 24, 0, 0, 0))
    nothing = hashlib.sha256(b"").hexdigest()

    def request(self, target, names, signature, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": self.nothing,
                   "x-amz-date": "20130524T000000Z", **headers,
                   "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                                    f"SignedHeaders={names},Signature={signature}"}
        path, _, query = target.partition("?")
        return Request("GET", target, urllib.parse.unquote(path),
                       dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, False, headers["host"])

    def check(self, request, tokens=None, region="us-east-1", now=None):
        return check_signature(request, self.secret, tokens or {}, region, self.now if now is None else now)

    def get_object(self):
        return self.request("/test.txt", "host;range;x-amz-content-sha256;x-amz-date",
                            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", range="bytes=0-9")

    def assert_refused(self, code, request, **more):
        with self.assertRaises(Refused) as caught:
            self.check(request, **more)
        self.assertEqual(caught.exception.code, code)

    def test_published_examples(self):
        names = "host;x-amz-content-sha256;x-amz-date"
        for request in (
                self.get_object(),
                self.request("/?lifecycle", names, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
                self.request("/?max-keys=2&prefix=J", names,
                             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
                self.request("/?prefix=J&max-keys=2", names,
                             "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")):
            self.assertEqual(self.check(request), "AKIAIOSFODNN7EXAMPLE")

    def test_a_published_address(self):
        query = ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
                 "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                 "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
        request = Request("GET", f"/test.txt?{query}", "/test.txt", dict(urllib.parse.parse_qsl(query)),
                          {"host": "examplebucket.s3.amazonaws.com"}, False, "examplebucket.s3.amazonaws.com")
        self.assertEqual(self.check(request, now=self.now + 80_000), "AKIAIOSFODNN7EXAMPLE")
        self.assert_refused("AccessDenied", request, now=self.now + 90_000)

    def test_what_spoils_one(self):
        request = self.get_object()
        request.headers["range"] = "bytes=0-8"
        self.assert_refused("SignatureDoesNotMatch", request)
        request = self.get_object()
        del request.headers["x-amz-content-sha256"]
        self.assert_refused("InvalidRequest", request)
        request = self.get_object()
        request.body = b"x"
        self.assert_refused("XAmzContentSHA256Mismatch", request)
        request = self.get_object()
        request.headers["x-amz-acl"] = "private"
        self.assert_refused("AccessDenied", request)
        request = self.get_object()
        request.headers["authorization"] = request.headers["authorization"].replace("host;range", "range;host")
        self.assert_refused("AccessDenied", request)
        request = self.get_object()
        request.headers["authorization"] = request.headers["authorization"].replace("/s3/", "/sts/")
        self.assert_refused("AuthorizationHeaderMalformed", request)
        self.assert_refused("AuthorizationHeaderMalformed", self.get_object(), region="eu-west-1")
        self.assert_refused("RequestTimeTooSkewed", self.get_object(), now=self.now + 16 * 60)
        self.assert_refused("InvalidToken", self.get_object(), tokens={"AKIAIOSFODNN7EXAMPLE": "session"})
        request = self.get_object()
        request.headers["authorization"] = request.headers["authorization"].replace("AKIAIOSFODNN7EXAMPLE", "AKIA")
        self.assert_refused("InvalidAccessKeyId", request)

    def test_canonical_forms(self):
        self.assertEqual(canonical_query("b=2&a=x%20y&a=%2F/&list-type&d=~"), "a=%2F%2F&a=x%20y&b=2&d=~&list-type=")
        self.assertEqual(canonical_path("/b/a//.%2e/%7Ex+y%20z"), "/b/a//../~x%2By%20z")


if __name__ == "__main__":
    unittest.main()
