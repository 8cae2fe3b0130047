"""Amazon's own library against the local stores: listing, ranges, whole files, anonymous and signed."""

from real import RealCase

from origins import Bytes, Noise, S3Site

_KEY, _SECRET = "AKIAORIGINSEXAMPLE", "secret/with+signs="
_ODD = "o d/\u00fc+%&=~'!()*$,;:@[]<>.txt"
_BIG = Noise(20_000_000, "big")
_CLIENT = """
import hashlib, io
import boto3, botocore
from botocore.config import Config
def client(key=None, secret=None, region="us-east-1", **more):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, signature_version="s3v4" if key else
                    botocore.UNSIGNED)
    return boto3.client("s3", endpoint_url=URL, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
                        config=config, **more)
def refusal(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except botocore.exceptions.ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
def keys(client, **named):
    pages = client.get_paginator("list_objects_v2").paginate(**named)
    return [row["Key"] for page in pages for row in page.get("Contents", [])]
"""


class Boto3(RealCase):
    environment = "tcia"

    def setUp(self):
        super().setUp()
        self.site = S3Site(keys={_KEY: _SECRET})
        for name, public in (("open", True), ("private", False)):
            bucket = self.site.bucket(name, public=public)
            for number in range(2500):
                bucket.add(f"x y/{number:05d}+.bin", Bytes(b"%d" % number))
            bucket.add(_ODD, Noise(3000, 1))
            bucket.add("big.bin", _BIG, part_size=8 << 20)
        self.site.bucket("far", public=False, region="eu-west-1").add("k", Bytes("v"))
        self.store = self.origin(self.site)

    def ask(self, text):
        return self.run_python(f"URL, KEY, SECRET, ODD = {(self.store.url, _KEY, _SECRET, _ODD)!r}\n{_CLIENT}{text}").said

    def test_anonymous_lists(self):
        said = self.ask("c = client()\nsay([keys(c, Bucket='open'), keys(c, Bucket='open', Prefix='none/'), "
                        "[row['Prefix'] for row in c.list_objects_v2(Bucket='open', Delimiter='/')['CommonPrefixes']]])")
        self.assertEqual(said[0], sorted(self.site.buckets["open"].objects, key=str.encode))
        self.assertEqual(said[1:], [[], ["o d/", "x y/"]])

    def test_anonymous_files(self):
        said = self.ask("c, out = client(), io.BytesIO()\nodd = c.get_object(Bucket='open', Key=ODD)\n"
                        "part = c.get_object(Bucket='open', Key='big.bin', Range='bytes=100-199')\n"
                        "c.download_fileobj('open', 'big.bin', out)\n"
                        "say([hashlib.md5(odd['Body'].read()).hexdigest(), odd['ETag'], part['ContentRange'], part['ETag'], "
                        "hashlib.sha256(out.getvalue()).hexdigest()])")
        self.assertEqual(f'"{said[0]}"', said[1])
        self.assertEqual(said[2], "bytes 100-199/20000000")
        self.assertRegex(said[3], r'^"[0-9a-f]{32}-3"$')
        self.assertEqual(said[4], _BIG.digest())
        self.assertTrue(any(entry.range for entry in self.store.record.entries("/open/big.bin")))

    def test_anonymous_refusals(self):
        said = self.ask("c = client()\nsay([refusal(c.get_object, Bucket='open', Key='none'), "
                        "refusal(c.list_objects_v2, Bucket='private'), refusal(c.get_object, Bucket='private', Key='big.bin'), "
                        "refusal(c.head_object, Bucket='open', Key='none'), refusal(c.list_objects_v2, Bucket='none')])")
        self.assertEqual(said, [["NoSuchKey", 404], ["AccessDenied", 403], ["AccessDenied", 403], ["404", 404],
                                ["NoSuchBucket", 404]])

    def test_signed(self):
        said = self.ask("c, out = client(KEY, SECRET), io.BytesIO()\nc.download_fileobj('private', 'big.bin', out)\n"
                        "say([keys(c, Bucket='private', Prefix='x y/'), len(c.get_object(Bucket='private', Key=ODD)"
                        "['Body'].read()), hashlib.sha256(out.getvalue()).hexdigest(), "
                        "[row['Name'] for row in c.list_buckets()['Buckets']]])")
        self.assertEqual(len(said[0]), 2500)
        self.assertEqual(said[1:], [3000, _BIG.digest(), ["far", "open", "private"]])
        self.assertTrue(all("authorization" in entry.headers for entry in self.store.record.entries("/private*")))

    def test_signed_addresses(self):
        said = self.ask("import urllib.request\nurl = client(KEY, SECRET).generate_presigned_url('get_object', "
                        "Params={'Bucket': 'private', 'Key': ODD}, ExpiresIn=60)\n"
                        "say(len(urllib.request.urlopen(url).read()))")
        self.assertEqual(said, 3000)

    def test_wrong_credentials(self):
        self.site.tokens["AKIAOTHER"] = "session"
        self.site.keys["AKIAOTHER"] = "other"
        said = self.ask("def ask(*a, **n): return refusal(client(*a, **n).list_objects_v2, Bucket='private')\n"
                        "say([ask(KEY, 'wrong'), ask('NOBODY', SECRET), ask(KEY, SECRET, aws_session_token='x'), "
                        "ask('AKIAOTHER', 'other'), ask('AKIAOTHER', 'other', aws_session_token='session')])")
        self.assertEqual(said, [["SignatureDoesNotMatch", 403], ["InvalidAccessKeyId", 403], ["InvalidToken", 400],
                                ["InvalidToken", 400], None])

    def test_regions_and_clocks(self):
        self.assertEqual(self.ask("say(client(KEY, SECRET, region='eu-west-1').get_object(Bucket='far', Key='k')['Body']"
                                  ".read().decode())"), "v")
        # The library corrects its region by the error's word, and asks again.
        self.assertIsNone(self.ask("say(refusal(client(KEY, SECRET).get_object, Bucket='far', Key='k'))"))
        self.assertEqual([entry.status for entry in self.store.record.entries("/far/k")], [200, 400, 200])
        self.site.clock = 3600
        self.assertEqual(self.ask("say(refusal(client(KEY, SECRET).list_objects_v2, Bucket='private'))"),
                         ["RequestTimeTooSkewed", 403])
