"""Buckets of S3: a tree below a prefix, for everybody or signed; keys from where Amazon's tools keep them."""

import hashlib
import json
import subprocess
import unittest

from journey import Journey
from origins import Noise, faults
from origins.s3 import Bucket, Object, S3Site

MEGABYTE = 1 << 20
KEY, SECRET, TOKEN = "AKIAEXAMPLEOFANA", "a/secret+of/ana/that+is/never/shown", "a-token/of+a==session"


class Buckets(Journey):
    def setUp(self):
        super().setUp()
        self.site = S3Site(page_size=7)
        self.server = self.origin(self.site, "s3")
        self.tree = {f"scans/s{number:02}/a b+c ({number}).dcm": Noise(2000 + number, f"s{number}") for number in range(20)}
        self.tree["肺.csv"] = Noise(300, "lung")
        self.tree["large.bin"] = Noise(3 * MEGABYTE, "large")
        self.bucket = self.fill("open-data")

    def fill(self, name, **more):
        bucket = self.site.bucket(name, **more)
        for path, content in self.tree.items():
            bucket.add("trial/v1/" + path, content)
        bucket.add("trial/v1/scans/", b"")  # a folder's marker
        bucket.add("trial/v10/other.bin", b"not asked for")
        bucket.add("trial/v1.txt", b"neither")
        return bucket

    def lock(self, path):
        with open(str(path) + ".lock.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class Public(Buckets):
    def test_all_pages(self):
        path, result = self.pull("s3://open-data/trial/v1/")
        self.assert_arrived(path, self.tree, result)
        self.assertGreater(len(self.server.record.entries("/open-data/")), 3)
        for entry in self.server.record.entries():
            self.assertNotIn("authorization", entry.headers)
        self.assertEqual(path.parent, self.mirror / "s3" / "open-data" / "trial" / "v1")

    def test_a_prefix_is_no_beginning_of_a_name(self):
        path, result = self.pull("s3://open-data/trial/v1")
        self.assert_arrived(path, self.tree, result)

    def test_one_object(self):
        path, result = self.pull("s3://open-data/trial/v1/肺.csv")
        self.assert_arrived(path, {"肺.csv": self.tree["肺.csv"]}, result)

    def test_large_objects_come_in_pieces_and_go_on(self):
        self.configure(piece_size=MEGABYTE, segment_from=2 * MEGABYTE)
        self.server.faults.add(faults.cut(MEGABYTE // 2, "*/large.bin", times=2))
        path, result = self.pull("s3://open-data/trial/v1/")
        self.assert_arrived(path, self.tree, result)
        self.assertGreater(len([entry for entry in self.server.record.entries("*/large.bin") if entry.range]), 3)

    def test_an_etag_of_parts_is_no_md5(self):
        content = Noise(3 * MEGABYTE, "parts")
        self.bucket.add("trial/v1/parts.bin", Object(content, part_size=MEGABYTE))
        path, result = self.pull("s3://open-data/trial/v1/", "--include", "*.bin", "--include", "肺.csv")
        lines = {line["file"]: line for line in self.lock(path) if "file" in line}
        self.assertEqual(lines["肺.csv"]["trust"], "hint")  # its ETag is the MD5
        self.assertEqual(lines["parts.bin"]["trust"], "hint")  # of the size alone
        self.assertNotIn("md5", lines["parts.bin"])
        self.assertEqual(hashlib.sha256((path / "parts.bin").read_bytes()).hexdigest(), lines["parts.bin"]["sha256"])

    def test_wrong_bytes_do_not_pass(self):
        self.server.faults.add(faults.corrupt(100, "*/%E8%82%BA.csv", times=1))
        path, result = self.pull("s3://open-data/trial/v1/")
        self.assert_arrived(path, self.tree, result)

    def test_a_change_is_a_new_version(self):
        path, result = self.pull("s3://open-data/trial/v1/")
        self.bucket.add("trial/v1/肺.csv", Noise(301, "anew"), mtime=1_767_225_600)
        beside, result = self.pull("s3://open-data/trial/v1/")
        self.assertNotEqual(beside, path)
        self.assert_tree(path, self.tree)

    def test_nothing_there(self):
        for ref, words in (("s3://open-data/trial/v3/", "nothing below"), ("s3://no-such-bucket/x/", "NoSuchBucket")):
            result = self.medmirror("pull", ref, expect=7)
            self.assert_explains(result, words)
        result = self.medmirror("pull", "s3://x/y", expect=2)
        self.assert_explains(result)

    def test_names_that_lead_out_are_refused(self):
        self.bucket.add("evil/../../etc/passwd", b"x")
        result = self.medmirror("pull", "s3://open-data/evil/", expect=9)
        self.assertIn("../../etc/passwd", result.err)
        self.assert_nothing_installed()

    def test_a_listing_that_is_none(self):
        self.configure(retries=2)
        for body in (b"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult>&a;</ListBucketResult>", b"<ListBucketResult><Cont",
                     b"{}", b"<html>Welcome</html>"):
            with self.subTest(body):
                self.server.faults.clear()
                self.server.faults.add(faults.page(body, "/open-data/"))
                result = self.medmirror("pull", "s3://open-data/trial/v1/", expect=(5, 7))
                self.assert_explains(result)
                self.assert_nothing_installed()


class Closed(Buckets):
    def setUp(self):
        super().setUp()
        self.site.keys[KEY] = SECRET
        self.fill("closed-data", public=False)
        self.ref = "s3://closed-data/trial/v1/"

    def assert_secret(self, result):
        for secret in (SECRET, TOKEN):
            self.assertNotIn(secret, result.out + result.err)
            for file in self.mirror.rglob("*") if self.mirror.exists() else ():
                if file.is_file() and file.stat().st_size < MEGABYTE:
                    self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def test_without_a_key(self):
        result = self.medmirror("pull", self.ref, expect=4)
        self.assert_explains(result, "not public", "medmirror login s3")
        self.assert_nothing_installed()

    def test_signed(self):
        path, result = self.pull(self.ref, env={"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
        self.assert_tree(path, self.tree)
        self.assert_secret(result)
        signed = [entry for entry in self.server.record.entries() if "authorization" in entry.headers]
        self.assertGreater(len(signed), 20)
        for entry in signed:
            self.assertTrue(entry.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=" + KEY), entry.headers)
        self.assertEqual((path / "large.bin").stat().st_mode & 0o077, 0, "What a key opened is its puller's alone.")

    def test_session(self):
        self.site.tokens[KEY] = TOKEN
        env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        path, result = self.pull(self.ref, env=env)
        self.assert_tree(path, self.tree)
        self.assert_secret(result)

    def test_files_of_amazons_tools(self):
        folder = self.folder / "aws"
        folder.mkdir()
        (folder / "credentials").write_text("# mine\n[default]\naws_access_key_id = WRONG\naws_secret_access_key = no\n\n"
                                            f"[lab]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
        (folder / "credentials").chmod(0o600)
        (folder / "config").write_text("[profile lab]\nregion = us-east-1\noutput = json\n")
        env = {"AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"), "AWS_CONFIG_FILE": str(folder / "config"),
               "AWS_PROFILE": "lab"}
        path, result = self.pull(self.ref, env=env)
        self.assert_tree(path, self.tree)

    def test_wrong_keys(self):
        for name, env, words in (
                ("unknown", {"AWS_ACCESS_KEY_ID": "NOBODY", "AWS_SECRET_ACCESS_KEY": "x"}, "InvalidAccessKeyId"),
                ("wrong", {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "x" + SECRET}, "SignatureDoesNotMatch")):
            with self.subTest(name):
                self.server.record.clear()
                result = self.medmirror("pull", self.ref, env=env, expect=4)
                self.assert_explains(result, words)
                self.assert_secret(result)
                self.assertLessEqual(len([entry for entry in self.server.record.entries()
                                          if "authorization" in entry.headers]), 1)

    def login(self, secret, expect=0):
        command = [self.program, "--mirror", str(self.mirror), "login", "s3", "--user", KEY, "--stdin"]
        done = subprocess.run(command, env=self.environment(), input=secret + "\n", capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual(done.returncode, expect, done.stderr)
        self.assertNotIn(SECRET, done.stdout + done.stderr)
        return done.stderr

    def test_login(self):
        self.login(SECRET)
        path, result = self.pull(self.ref)
        self.assert_tree(path, self.tree)
        self.assert_secret(result)
        self.medmirror("logout", "s3")
        self.assertIn("SignatureDoesNotMatch", self.login("wrong", expect=4))

    def test_another_region(self):
        self.site.buckets["closed-data"].region = "eu-west-1"
        env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        result = self.medmirror("pull", self.ref, env=env, expect=(4, 5))
        self.assert_explains(result, "AWS_REGION=eu-west-1")
        path, result = self.pull(self.ref, env={**env, "AWS_REGION": "eu-west-1"})
        self.assert_tree(path, self.tree)

    def test_a_key_that_is_wrong_keeps_nobody_from_open_data(self):
        path, result = self.pull("s3://open-data/trial/v1/",
                                 env={"AWS_ACCESS_KEY_ID": "NOBODY", "AWS_SECRET_ACCESS_KEY": "x"})
        self.assert_arrived(path, self.tree, result)


if __name__ == "__main__":
    unittest.main()
