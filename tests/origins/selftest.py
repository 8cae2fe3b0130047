"""The origins' own tests: that they answer as the facts say, and that each fault does what its name says."""

import base64
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import tarfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import io

from origins import (Bytes, Certificates, ForwardProxy, Noise, Origin, PhysioNetBucket, PhysioNetSite, PlainSite, Sparse,
                     UciCdnSite, UciSite, Version, archives, faults, physionet, physionet_access)


class _KeepRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def ask(url, method="GET", context=None, **headers):
    """(status, headers, body) of one request; redirects and errors are answers."""
    handlers = [_KeepRedirect(), urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, method=method,
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def raw(origin, path, *lines):
    """The bytes of one answer up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", origin.port), 10) as connection:
        text = "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""])
        connection.sendall(text.encode())
        data = b""
        while block := connection.recv(65536):
            data += block
    return data


class StaticFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin(PlainSite())
        cls.data = Noise(300_000, "static")
        cls.origin.site.add("dir/x.bin", cls.data)
        cls.url = cls.origin.url + "/dir/x.bin"

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()

    def test_whole_file_has_nginx_headers(self):
        status, headers, body = ask(self.url)
        self.assertEqual((status, body), (200, self.data.bytes()))
        self.assertEqual(headers["Content-Length"], "300000")
        self.assertEqual(headers["Accept-Ranges"], "bytes")
        self.assertEqual(headers["ETag"], '"%x-%x"' % (1704164640, 300000))
        self.assertEqual(headers["Last-Modified"], "Tue, 02 Jan 2024 03:04:00 GMT")

    def test_ranges(self):
        whole = self.data.bytes()
        for text, first, end in (("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=299990-", 299990, 300000),
                                 ("bytes=-10", 299990, 300000), ("bytes=299999-400000", 299999, 300000)):
            with self.subTest(text):
                status, headers, body = ask(self.url, Range=text)
                self.assertEqual((status, body), (206, whole[first:end]))
                self.assertEqual(headers["Content-Range"], f"bytes {first}-{end - 1}/300000")

    def test_range_beyond_the_end_is_416(self):
        status, headers, _ = ask(self.url, Range="bytes=300000-")
        self.assertEqual((status, headers["Content-Range"]), (416, "bytes */300000"))

    def test_if_range(self):
        tag = ask(self.url)[1]["ETag"]
        self.assertEqual(ask(self.url, Range="bytes=5-", If_Range=tag)[0], 206)
        self.assertEqual(ask(self.url, Range="bytes=5-", If_Range="Tue, 02 Jan 2024 03:04:00 GMT")[0], 206)
        self.assertEqual(ask(self.url, Range="bytes=5-", If_Range='"other"')[0], 200)

    def test_conditional_requests_and_head(self):
        tag = ask(self.url)[1]["ETag"]
        self.assertEqual(ask(self.url, If_None_Match=tag)[0::2], (304, b""))
        self.assertEqual(ask(self.url, If_Modified_Since="Tue, 02 Jan 2024 03:04:00 GMT")[0], 304)
        status, headers, body = ask(self.url, "HEAD")
        self.assertEqual((status, headers["Content-Length"], body), (200, "300000", b""))

    def test_record_of_a_request(self):
        self.origin.record.clear()
        ask(self.url, Range="bytes=10-19", User_Agent="me/1")
        entry, = self.origin.record.entries("/dir/*")
        for _ in range(500):  # the client may have it all before the origin has written that down
            if entry.complete:
                break
            time.sleep(0.01)
        self.assertEqual((entry.range, entry.sent, entry.status, entry.complete), ((10, 20), 10, 206, True))
        self.assertEqual(entry.headers["user-agent"], "me/1")

    def test_connections_are_kept(self):
        before = self.origin.record.connections
        connection = http.client.HTTPConnection("127.0.0.1", self.origin.port)
        for _ in range(20):
            connection.request("GET", "/dir/x.bin", headers={"Range": "bytes=0-9"})
            self.assertEqual(len(connection.getresponse().read()), 10)
        connection.close()
        self.assertEqual(self.origin.record.connections, before + 1)

    def test_curl_agrees(self):
        out = subprocess.run(["curl", "-sS", "--noproxy", "*", "-r", "1000-1999", self.url], stdout=subprocess.PIPE,
                             check=True).stdout
        self.assertEqual(out, self.data.read(1000, 2000))

    def test_a_folder_without_slash_leads_to_it(self):
        status, headers, _ = ask(self.origin.url + "/dir")
        self.assertEqual((status, headers["Location"]), (301, "/dir/"))
        self.assertEqual(ask(self.origin.url + "/nothing")[0], 404)

    def test_control_address(self):
        request = urllib.request.Request(self.origin.url + "/_control/faults", method="POST",
                                         data=json.dumps({"kind": "status", "code": 418, "path": "/dir/x.bin"}).encode())
        urllib.request.urlopen(request).close()
        self.assertEqual(ask(self.url)[0], 418)
        urllib.request.urlopen(urllib.request.Request(self.origin.url + "/_control/faults", method="DELETE")).close()
        self.assertEqual(ask(self.url)[0], 200)
        entries = json.loads(ask(self.origin.url + "/_control/record")[2])
        self.assertEqual(entries[-1]["path"], "/dir/x.bin")


class Listings(unittest.TestCase):
    def test_every_style_names_every_entry(self):
        for style in ("nginx", "apache", "apache-plain", "apache-table", "lighttpd", "caddy", "python"):
            with self.subTest(style), Origin(PlainSite(style)) as origin:
                for name in ("a b.dat", "100%.txt", "ünï.txt", "x" * 80 + ".dat", "sub/y.dat", "&.txt"):
                    origin.site.add("top/" + name, Bytes(name))
                text = ask(origin.url + "/top/")[2].decode()
                for part in ("a%20b.dat", "100%25.txt", "%C3%BCn%C3%AF.txt", "x" * 80 + ".dat", "sub/"):
                    self.assertIn(part, text)
                self.assertEqual(ask(origin.url + "/top/%C3%BCn%C3%AF.txt")[2].decode(), "ünï.txt")

    def test_nginx_columns(self):
        with Origin(PlainSite()) as origin:
            origin.site.add("a b.dat", Sparse(1950000))
            origin.site.add("very" + "y" * 60, Bytes("x"))
            lines = ask(origin.url + "/")[2].decode().split("\r\n")
            self.assertIn('<a href="a%20b.dat">a b.dat</a>' + " " * 44 + "02-Jan-2024 03:04             1950000", lines)
            self.assertTrue(any("..&gt;</a> 02-Jan-2024" in line for line in lines))

    def test_a_long_listing_is_made_while_it_is_sent(self):
        with Origin(PlainSite()) as origin:
            origin.site.add_many("many", 30_000, Bytes("same"))
            body = ask(origin.url + "/many/")[2]
            self.assertEqual(body.count(b"<a href="), 30_001)
            self.assertEqual(ask(origin.url + "/many/file-0029999.dat")[2], b"same")
            self.assertEqual(ask(origin.url + "/many/file-0030000.dat")[0], 404)

    def test_four_gigabytes_need_no_memory(self):
        with Origin(PlainSite()) as origin:
            origin.site.add("big", Sparse(4 << 30, [((4 << 30) - 3, b"end")]))
            self.assertEqual(ask(origin.url + "/big", Range="bytes=-3")[2], b"end")
            self.assertEqual(ask(origin.url + "/big", "HEAD")[1]["Content-Length"], str(4 << 30))


class FaultsOnDemand(unittest.TestCase):
    def setUp(self):
        self.origin = Origin(PlainSite())
        self.addCleanup(self.origin.close)
        self.data = Noise(200_000, "faults").bytes()
        self.origin.site.add("x", Bytes(self.data))
        self.url = self.origin.url + "/x"

    def test_cut(self):
        self.origin.faults.add(faults.cut(70_000, "/x", times=1))
        with self.assertRaises(http.client.IncompleteRead) as caught:
            ask(self.url)
        self.assertEqual(caught.exception.partial, self.data[:70_000])
        self.assertEqual(ask(self.url)[2], self.data)

    def test_reset(self):
        self.origin.faults.add(faults.cut(1000, how="reset"))
        with self.assertRaises((ConnectionResetError, http.client.IncompleteRead)):
            ask(self.url)

    def test_cut_in_headers_and_no_answer(self):
        self.origin.faults.add(faults.cut_in_headers(times=1), faults.no_answer(skip=1, times=1))
        self.assertTrue(raw(self.origin, "/x").startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(raw(self.origin, "/x"), b"")

    def test_stall_and_drip(self):
        self.origin.faults.add(faults.stall(1000, seconds=0.5, times=1), faults.drip(400_000, skip=1, times=1))
        for _ in range(2):
            began = time.monotonic()
            self.assertEqual(ask(self.url)[2], self.data)
            self.assertGreater(time.monotonic() - began, 0.4)

    def test_status_with_retry_after(self):
        self.origin.faults.add(faults.status(429, times=2, retry_after=7))
        for _ in range(2):
            status, headers, _ = ask(self.url)
            self.assertEqual((status, headers["Retry-After"]), (429, "7"))
        self.assertEqual(ask(self.url)[0], 200)

    def test_ranges_ignored_and_wrong(self):
        self.origin.faults.add(faults.ignore_ranges(times=1), faults.wrong_content_range(skip=1, times=1, shift=3),
                               faults.wrong_content_range(skip=2, times=1, shift=None))
        self.assertEqual(ask(self.url, Range="bytes=5-9")[0::2], (200, self.data))
        self.assertEqual(ask(self.url, Range="bytes=5-9")[1]["Content-Range"], "bytes 8-12/200000")
        self.assertIsNone(ask(self.url, Range="bytes=5-9")[1]["Content-Range"])

    def test_changed(self):
        tag = ask(self.url)[1]["ETag"]
        self.origin.faults.add(faults.changed())
        _, headers, body = ask(self.url, Range="bytes=5-9", If_Range=tag)
        self.assertNotEqual(headers["ETag"], tag)
        self.assertNotEqual(body, self.data)
        self.assertEqual(len(body), len(self.data))

    def test_lying_length(self):
        self.origin.faults.add(faults.lie_about_length(-1000, times=1), faults.lie_about_length(1000, skip=1, times=1))
        self.assertEqual(ask(self.url)[2], self.data[:-1000])
        with self.assertRaises(http.client.IncompleteRead):
            ask(self.url)

    def test_no_length(self):
        self.origin.faults.add(faults.no_length(times=1), faults.no_length(how="close", skip=1, times=1))
        _, headers, body = ask(self.url, Range="bytes=5-")
        self.assertEqual((headers["Transfer-Encoding"], headers["Content-Length"], body), ("chunked", None, self.data))
        _, headers, body = ask(self.url)
        self.assertEqual((headers["Transfer-Encoding"], headers["Content-Length"], body), (None, None, self.data))

    def test_redirects(self):
        self.origin.faults.add(faults.redirect("http://elsewhere{path}", times=1), faults.redirect_loop(skip=1, times=1))
        self.assertEqual(ask(self.url)[1]["Location"], "http://elsewhere/x")
        self.assertEqual(ask(self.url)[1]["Location"], "/x")

    def test_pages_and_corruption(self):
        self.origin.faults.add(faults.login_page(times=1), faults.corrupt(100, skip=1, times=1),
                               faults.no_validators(skip=2, times=1), faults.gzip_trap(skip=3, times=1))
        self.assertIn(b"Sign in", ask(self.url)[2])
        body = ask(self.url)[2]
        self.assertEqual([at for at in range(len(body)) if body[at] != self.data[at]], [100])
        self.assertIsNone(ask(self.url)[1]["ETag"])
        self.assertEqual(ask(self.url)[1]["Content-Encoding"], "gzip")

    def test_rate_of_all(self):
        self.origin.limit_rate(400_000)
        began = time.monotonic()
        ask(self.url)
        self.assertGreater(time.monotonic() - began, 0.3)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()

    @classmethod
    def tearDownClass(cls):
        cls.certificates.close()

    def test_what_a_client_says_of_each_certificate(self):
        cases = (("good", None), ("expired", "expired"), ("other_name", "IP address mismatch"),
                 ("unknown_issuer", "unable to get local issuer"))
        context = ssl.create_default_context(cafile=self.certificates.authority)
        for name, words in cases:
            with self.subTest(name), Origin(PlainSite(), tls=getattr(self.certificates, name)) as origin:
                origin.site.add("x", Bytes("data"))
                if words is None:
                    self.assertEqual(ask(origin.url + "/x", context=context)[2], b"data")
                else:
                    with self.assertRaisesRegex(urllib.error.URLError, words):
                        ask(origin.url + "/x", context=context)

    def test_proxy(self):
        context = ssl.create_default_context(cafile=self.certificates.authority)
        with Origin(PlainSite(), tls=self.certificates.good) as origin, ForwardProxy(password="a:b") as proxy:
            origin.site.add("x", Bytes("data"))
            for credentials, expected in (("", None), ("a:b@", b"data")):
                handler = urllib.request.ProxyHandler({"https": proxy.url.replace("//", "//" + credentials)})
                opener = urllib.request.build_opener(handler, urllib.request.HTTPSHandler(context=context))
                if expected is None:
                    with self.assertRaisesRegex(urllib.error.URLError, "407"):
                        opener.open(origin.url + "/x", timeout=10)
                else:
                    with opener.open(origin.url + "/x", timeout=10) as answer:
                        self.assertEqual(answer.read(), expected)

    def test_plain_proxy_and_its_own_page(self):
        with Origin(PlainSite()) as origin, ForwardProxy() as proxy, ForwardProxy(page=b"<html>no</html>") as filter:
            origin.site.add("x", Bytes("data"))
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
            with opener.open(origin.url + "/x", timeout=10) as answer:
                self.assertEqual(answer.read(), b"data")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": filter.url}))
            with self.assertRaisesRegex(urllib.error.HTTPError, "403"):
                opener.open(origin.url + "/x", timeout=10)


class Uci(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin(UciSite())
        cls.cdn = Origin(UciCdnSite(cls.origin.site))

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()
        cls.cdn.close()

    def api(self, query):
        status, _, body = ask(f"{self.origin.url}/api/dataset?{query}")
        return status, json.loads(body)

    def test_api_object(self):
        status, answer = self.api("id=17")
        self.assertEqual((status, answer["status"]), (200, 200))
        self.assertEqual(answer["data"]["repository_url"],
                         "https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic")
        for key in ("uci_id", "name", "data_url", "abstract", "area", "tasks", "characteristics", "num_instances",
                    "num_features", "feature_types", "demographics", "target_col", "index_col", "has_missing_values",
                    "missing_values_symbol", "year_of_dataset_creation", "last_updated", "dataset_doi", "creators",
                    "intro_paper", "additional_info", "variables"):
            self.assertIn(key, answer["data"])
        self.assertIsNone(self.api("id=34")[1]["data"]["data_url"])
        self.assertIn("external_url", self.api("id=901")[1]["data"])

    def test_error_is_in_the_json(self):
        self.assertEqual(self.api("id=99999")[0], 200)
        self.assertEqual(self.api("id=99999")[1]["status"], 404)
        self.assertEqual(self.api("id=17&name=x")[1]["status"], 400)

    def test_list(self):
        answer = json.loads(ask(self.origin.url + "/api/datasets/list")[2])
        self.assertIn({"id": 45, "name": "Heart Disease"}, answer["data"])
        self.assertLess(len(json.loads(ask(self.origin.url + "/api/datasets/list?filter=python")[2])["data"]),
                        len(answer["data"]))

    def test_zip_comes_without_length_type_or_ranges(self):
        for plus in ("+", "%2B"):
            url = f"{self.origin.url}/static/public/17/" + "breast+cancer+wisconsin+diagnostic.zip".replace("+", plus)
            status, headers, body = ask(url, Range="bytes=0-9")
            self.assertEqual(status, 200)
            for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges"):
                self.assertIsNone(headers[name])
            self.assertIn("breast_cancer.csv", zipfile.ZipFile(io.BytesIO(body)).namelist())

    def test_wrong_slugs(self):
        for slug in ("heart%20disease", "heart-disease", "Heart+Disease"):
            self.assertEqual(ask(f"{self.origin.url}/static/public/45/{slug}.zip")[0], 404)

    def test_cdn_has_ranges_and_wants_the_plus_escaped(self):
        self.assertEqual(ask(self.cdn.url + "/45/heart+disease.zip")[0], 403)
        status, headers, body = ask(self.cdn.url + "/45/heart%2Bdisease.zip", Range="bytes=0-1")
        self.assertEqual((status, body), (206, b"PK"))
        self.assertRegex(headers["ETag"], '^"[0-9a-f]{32}"$')

    def test_legacy_tree(self):
        base = self.origin.url + "/ml/machine-learning-databases/"
        _, headers, body = ask(base + "heart-disease/processed.cleveland.data")
        self.assertIsNone(headers["Content-Length"])
        self.assertTrue(body)
        self.assertEqual(len(ask(base + "00225/Indian%20Liver%20Patient%20Dataset%20(ILPD).csv")[2]), 23755)
        self.assertEqual(ask(base + "heart-disease/nothing")[0], 404)


class PhysioNet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin(PhysioNetSite(users={"reader": "pw", "other": "pw"}))
        cls.bucket = Origin(PhysioNetBucket(cls.origin.site, ["mitdb"]))
        cls.url = cls.origin.url

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()
        cls.bucket.close()

    def test_checksum_list_names_every_file(self):
        lines = ask(self.url + "/files/mitdb/1.0.0/SHA256SUMS.txt")[2].decode().splitlines()
        names = [line.split(" ", 1)[1] for line in lines]
        self.assertEqual(names, sorted(names))
        self.assertIn("LICENSE.txt", names)
        self.assertNotIn("SHA256SUMS.txt", names)
        for line in lines:
            digest, name = line.split(" ", 1)
            self.assertNotIn(" ", name)
            body = ask(f"{self.url}/files/mitdb/1.0.0/{name}")[2]
            self.assertEqual(hashlib.sha256(body).hexdigest(), digest)

    def test_files_have_nginx_semantics(self):
        status, headers, body = ask(self.url + "/files/mitdb/1.0.0/102.dat", Range="bytes=10-19")
        self.assertEqual((status, len(body)), (206, 10))
        self.assertEqual(headers["Content-Disposition"], "inline; filename=102.dat")
        self.assertIn("attachment", ask(self.url + "/files/mitdb/1.0.0/102.dat?download")[1]["Content-Disposition"])

    def test_folders(self):
        status, headers, _ = ask(self.url + "/files/mitdb/1.0.0/mitdbdir")
        self.assertEqual((status, headers["Location"]), (302, "/files/mitdb/1.0.0/mitdbdir/"))
        self.assertIn(b'<a href="samples/">', ask(self.url + "/files/mitdb/1.0.0/mitdbdir/")[2])
        self.assertEqual(ask(self.url + "/files/mitdb/")[0], 404)
        self.assertIn(b'"102.dat"', ask(self.url + "/static/published-projects/mitdb/1.0.0/")[2])

    def test_latest_is_numeric(self):
        status, headers, _ = ask(self.url + "/content/growing/")
        self.assertEqual((status, headers["Location"]), (302, "/content/growing/1.10.0/"))
        self.assertEqual(ask(self.url + "/content/nothing/")[0], 404)

    def test_viewer_page_is_not_the_file(self):
        status, headers, body = ask(self.url + "/content/mitdb/1.0.0/102.dat")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"<html>", body)

    def test_zip(self):
        status, headers, body = ask(self.url + "/content/mitdb/get-zip/1.0.0/")
        self.assertEqual(headers["Content-Disposition"], "attachment; filename=mit-bih-arrhythmia-database-1.0.0.zip")
        names = zipfile.ZipFile(io.BytesIO(body)).namelist()
        self.assertTrue(all(name.startswith("mit-bih-arrhythmia-database-1.0.0/") for name in names))
        self.assertEqual(names, sorted(names))
        self.assertEqual(ask(self.url + "/content/listless/get-zip/1.0.0/")[0], 404)

    def test_agents_decide_whether_a_password_counts(self):
        right, other = basic("Reader", "pw"), basic("other", "pw")
        path = self.url + "/files/secret/1.0/notes.csv.gz"
        for agent, authorization, expected in (
                ("Wget/1.21", None, 401), ("Wget/1.21", right, 200), ("Wget/1.21", other, 403),
                ("libwfdb/10.7", right, 200), ("curl/7.88", right, 403), ("curl/7.88", None, 403),
                ("wget/1.21", right, 403), ("medmirror/0.1 Wget/1.21", right, 403),
                ("Wget/1.21", basic("reader", "no"), 401), ("Wget/1.21", "Bearer pw", 401), ("Wget/1.21", "Basic ?", 401)):
            headers = {"User_Agent": agent, **({"Authorization": authorization} if authorization else {})}
            status, answer, body = ask(path, **headers)
            self.assertEqual(status, expected, (agent, authorization))
            if status == 401:
                self.assertEqual((answer["WWW-Authenticate"], body), ('Basic realm="PhysioNet", charset="UTF-8"', b""))
                self.assertEqual(answer["Set-Cookie"], "testcookie=1; Secure; HttpOnly; SameSite=Lax")
            if status == 403:
                self.assertIn(b"403: Forbidden Access", body)
                self.assertIn(b"Forbidden Access (403)", body)
                self.assertIn(b"contact@physionet.org", body)
        self.assertEqual(ask(path, "POST", User_Agent="Wget/1", Authorization=right)[0], 405)

    def test_access_is_decided_before_existence_of_the_file_and_after_that_of_the_project(self):
        wget = {"User_Agent": "Wget/1.21"}
        self.assertEqual(ask(self.url + "/files/secret/1.0/nothing", User_Agent="curl")[0], 403)
        self.assertEqual(ask(self.url + "/files/secret/1.0/nothing", **wget)[0], 401)
        self.assertEqual(ask(self.url + "/files/secret/1.0/nothing", **wget, Authorization=basic("reader", "pw"))[0], 404)
        for missing in ("/files/secret/9.9/nothing", "/files/nobody/1.0/nothing"):
            for agent in ("curl", "Wget/1.21"):
                self.assertEqual(ask(self.url + missing, User_Agent=agent)[0], 404)
        self.assertEqual(ask(self.url + "/static/published-projects/secret/1.0/notes.csv.gz")[0], 404)

    def test_rights_of_each_account(self):
        with Origin(PhysioNetSite(users=physionet.standard_users())) as origin:
            for user, path, expected in (
                    ("ana", "clinical/1.4/hosp/patients.csv.gz", 200), ("ANA@Example.org", "clinical/1.4/RECORDS", 404),
                    ("ana", "clinical/1.5/hosp/patients.csv.gz", 403), ("ana", "agreed/2.0/g01.dat", 200),
                    ("ana", "reviewed/1.1/v01.dat", 200), ("ana", "login-open/1.0.0/l01.dat", 200),
                    ("newcomer", "login-open/1.0.0/l01.dat", 200), ("newcomer", "agreed/2.0/g01.dat", 403),
                    ("newcomer", "clinical/1.4/", 403), ("unsigned", "clinical/1.4/", 403),
                    ("untrained", "clinical/1.4/", 403), ("untrained", "agreed/2.0/g01.dat", 200),
                    ("unsigned", "reviewed/1.1/v01.dat", 403), ("ana", "embargoed/1.0.0/b01.dat", 403),
                    ("ana", "elsewhere/1.0.0/e01.dat", 403), ("ana", "clouds-only/1.0.0/c01.dat", 403),
                    (None, "login-open/1.0.0/l01.dat", 401), (None, "elsewhere/1.0.0/e01.dat", 401),
                    (None, "clouds-only/1.0.0/c01.dat", 401), (None, "mitdb/1.0.0/102.dat", 200)):
                headers = {} if user is None else {"Authorization": basic(user, "pässword: 1")}
                status = ask(f"{origin.url}/files/{path}", User_Agent="Wget/1.21", **headers)[0]
                self.assertEqual(status, expected, (user, path))
            for slug in ("login-open", "elsewhere", "embargoed", "clouds-only"):
                page = f"{origin.url}/content/{slug}/"
                self.assertEqual(ask(page + "1.0.0/")[0], 200)
                self.assertEqual(ask(f"{origin.url}/files/{slug}/1.0.0/", User_Agent="medmirror/1")[0], 403)
                self.assertEqual(ask(page + "get-zip/1.0.0/", User_Agent="medmirror/1")[0], 403)
            self.assertEqual(ask(origin.url + "/content/clinical/1.4/hosp/")[0], 403)
            zipped = origin.url + "/content/clinical/get-zip/1.4/"
            self.assertEqual(ask(zipped, User_Agent="Wget/1.21")[0], 401)
            self.assertEqual(ask(zipped, User_Agent="Wget/1.21", Authorization=basic("ana", "pässword: 1"))[0], 200)

    def test_a_session_saves_hashing_and_is_nothing_without_the_header(self):
        with Origin(PhysioNetSite(users=physionet.standard_users())) as origin:
            url, agent = origin.url + "/files/clinical/1.4/icu/icustays.csv.gz", {"User_Agent": "Wget/1.21"}
            right = {**agent, "Authorization": basic("ana", "pässword: 1")}
            self.assertIsNone(ask(url, **right)[1]["Set-Cookie"])
            session = ask(url, **right, Cookie="testcookie=1")[1]["Set-Cookie"].partition(";")[0]
            self.assertEqual(origin.site.door.hashed, 2)
            self.assertEqual(ask(url, **right, Cookie=session)[0], 200)
            self.assertEqual((origin.site.door.hashed, origin.site.door.refused), (2, 0))
            self.assertEqual(ask(url, **agent, Cookie=session)[0], 401)
            self.assertEqual(ask(url, User_Agent="curl", Authorization=right["Authorization"], Cookie=session)[0], 403)
            self.assertEqual(ask(url, **agent, Authorization=basic("ana", "wrong"))[0], 401)
            self.assertEqual(origin.site.door.refused, 1)

    def test_cookies_come_back_from_a_client_that_keeps_them_on_loopback_without_tls_too(self):
        with Origin(PhysioNetSite(users=physionet.standard_users())) as origin:
            url = origin.url + "/files/clinical/1.4/icu/icustays.csv.gz"
            subprocess.run(["curl", "-sS", "--noproxy", "*", "-A", "Wget/1.21", "-b", "", "-o", "/dev/null", url, "--next",
                            "-sS", "--noproxy", "*", "-A", "Wget/1.21", "-b", "", "-u", "ana:pässword: 1",
                            "-o", "/dev/null", url, "-o", "/dev/null", url], check=True)
            asked = origin.record.entries("/files/*")
            self.assertEqual([entry.status for entry in asked], [401, 200, 200])
            self.assertEqual([sorted(physionet_access.parse_cookies(entry.headers.get("cookie", ""))) for entry in asked],
                             [[], ["testcookie"], ["sessionid", "testcookie"]])
            self.assertEqual(origin.site.door.hashed, 1)

    def test_pages_of_agreements(self):
        status, headers, _ = ask(self.url + "/sign-dua/clinical/1.4/")
        self.assertEqual((status, headers["Location"]), (302, "/login/?next=/sign-dua/clinical/1.4/"))
        self.assertEqual(ask(self.url + "/request-access/reviewed/1.1/")[0], 302)
        self.assertEqual(ask(self.url + "/sign-dua/clinical/9/")[0], 404)
        for page in ("view-license", "view-dua", "view-required-training"):
            self.assertIn(b"Credentialed", ask(f"{self.url}/content/clinical/{page}/1.4/")[2])

    def test_the_api_tells_policies(self):
        policies = {(one["slug"], one["version"]): (one["access_policy"], one["dua"] is None)
                    for one in json.loads(ask(self.url + "/api/v1/projects/published/")[2])}
        self.assertEqual(policies["clinical", "1.4"], ("Credentialed", False))
        self.assertEqual(policies["agreed", "2.0"], ("Restricted", False))
        self.assertEqual(policies["reviewed", "1.1"], ("Contributor Review", False))
        self.assertEqual(policies["login-open", "1.0.0"], ("Open", True))
        sums = self.url + "/api/v1/projects/published/clinical/1.4/sha256sums/"
        self.assertEqual(ask(sums)[0], 401)

    def test_maintenance(self):
        with Origin(PhysioNetSite()) as origin:
            origin.site.maintenance = True
            for path in ("/files/mitdb/1.0.0/102.dat", "/files/nobody/1/x", "/content/mitdb/"):
                self.assertEqual(ask(origin.url + path)[0], 503)

    def test_passwords_need_tls_where_the_origin_says_so(self):
        with Origin(PhysioNetSite(users={"reader": "pw"}, require_tls=True)) as origin:
            self.assertEqual(ask(origin.url + "/files/secret/1.0/notes.csv.gz", User_Agent="Wget/1",
                                 Authorization=basic("reader", "pw"))[0], 403)

    def test_api(self):
        listed = json.loads(ask(self.url + "/rest/database-list/")[2])
        self.assertIn("mitdb", [entry["slug"] for entry in listed])
        self.assertNotIn("version", listed[0])
        versions = json.loads(ask(self.url + "/api/v1/projects/growing/versions/")[2])
        self.assertEqual([entry["version"] for entry in versions], ["1.4", "1.9.2", "1.10.0"])
        one = json.loads(ask(self.url + "/api/v1/project/published/mitdb/1.0.0/")[2])
        self.assertEqual((one["slug"], one["access_policy"]), ("mitdb", "Open"))
        self.assertEqual(ask(self.url + "/api/v1/projects/published/mitdb/1.0.0/sha256sums/")[2],
                         ask(self.url + "/files/mitdb/1.0.0/SHA256SUMS.txt")[2])
        self.assertEqual(ask(self.url + "/api/v1/projects/published/mitdb/1.0.0/files/102.dat/")[0], 403)

    def test_api_throttle(self):
        with Origin(PhysioNetSite(api_limit=2)) as origin:
            answers = [ask(origin.url + "/api/v1/projects/published/") for _ in range(3)]
            self.assertEqual([answer[0] for answer in answers], [200, 200, 429])
            self.assertEqual(answers[2][1]["Retry-After"], "3600")

    def test_legacy_paths(self):
        status, headers, _ = ask(self.url + "/physiobank/database/mitdb/")
        self.assertEqual((status, headers["Location"]), (302, "/content/mitdb/"))
        self.assertEqual(ask(self.url + "/physiobank/database/unknown/")[0], 404)
        self.assertEqual(ask(self.url + "/physiobank/database/mitdb/1.0.0/102.dat")[0], 200)
        self.assertEqual(ask(self.url + "/robots.txt")[2], b"User-Agent: *\\Allow: /")

    def test_bucket_has_only_some(self):
        body = ask(self.bucket.url + "/mitdb/1.0.0/102.dat")[2]
        self.assertEqual(body, ask(self.url + "/files/mitdb/1.0.0/102.dat")[2])
        self.assertEqual(ask(self.bucket.url + "/growing/1.4/r01.dat")[0], 404)

    def test_bucket_lost_what_not_everybody_may_have(self):
        with Origin(PhysioNetBucket(self.origin.site, ["login-open", "elsewhere", "clouds-only", "clinical"])) as bucket:
            for path, expected in (("login-open/1.0.0/l01.dat", 404), ("elsewhere/1.0.0/e01.dat", 404),
                                   ("clouds-only/1.0.0/c01.dat", 200), ("clinical/1.4/icu/icustays.csv.gz", 404)):
                self.assertEqual(ask(f"{bucket.url}/{path}")[0], expected, path)

    def test_wrong_and_missing_lists(self):
        self.assertEqual(ask(self.url + "/files/listless/1.0.0/SHA256SUMS.txt")[0], 404)
        self.assertIn(hashlib.sha256(b"wrong").hexdigest().encode(),
                      ask(self.url + "/files/wrong-list/1.0.0/SHA256SUMS.txt")[2])

    def test_records_agree_with_their_headers(self):
        files = physionet.wfdb_record("x", 100)
        line = files["x.hea"].data.decode().split("\r\n")[1].split()
        values = [int.from_bytes(files["x.dat"].data[at:at + 2], "little", signed=True) for at in range(0, 400, 4)]
        self.assertEqual((int(line[5]), int(line[6]) % 65536), (values[0], sum(values) % 65536))


class Archives(unittest.TestCase):
    members = {"a.txt": Bytes("alpha\n"), "d/b.bin": Noise(70_000, "archive")}

    def listed(self, data):
        out = subprocess.run(["bsdtar", "-tf", "-"], input=data, stdout=subprocess.PIPE, check=True).stdout
        return out.decode().split()

    def test_each_maker_is_read_by_libarchive(self):
        for make in (archives.make_zip, archives.make_streamed_zip, archives.make_tar_gz, archives.make_tar_zst,
                     archives.make_rar):
            with self.subTest(make.__name__):
                self.assertEqual(self.listed(make(self.members)), ["a.txt", "d/b.bin"])

    def test_7z_and_compress(self):
        self.assertTrue(archives.make_7z(self.members).startswith(b"7z\xbc\xaf\x27\x1c"))
        self.assertEqual(archives.compress_z(b"x" * 1000)[:2], b"\x1f\x9d")

    def test_what_is_made_twice_is_the_same(self):
        for make in (archives.make_zip, archives.make_tar_gz, archives.make_rar):
            self.assertEqual(make(self.members), make(self.members))

    def test_evil_ones_hold_what_they_say(self):
        data = archives.make_tar_of([archives.tar_file("../up", b"x"), archives.tar_entry("l", tarfile.SYMTYPE, "/etc")])
        self.assertEqual(tarfile.open(fileobj=io.BytesIO(data)).getnames(), ["../up", "l"])
        data = archives.make_zip_of([("same", b"1"), ("same", b"2"), archives.zip_link("l", "/etc")])
        self.assertEqual(zipfile.ZipFile(io.BytesIO(data)).namelist(), ["same", "same", "l"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
