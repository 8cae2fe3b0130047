"""What every fetcher that is registered must do, whoever wrote it and whether it is compiled in or a program: it lists,
pulls, resumes, verifies, explains each refusal and survives a changed remote. A row is a class with how its origin is set
up; a fetcher without one fails `Registered`. What asks nobody is tested in tests/unit/test_conformance.c."""

import dataclasses
import json
import pathlib
import shutil
import unittest

from journey import HERE, NOWHERE, Journey
from origins import (KaggleDataset, KaggleSite, KaggleVersion, Noise, PhysioNetSite, Site, UciCdnSite, UciSet, UciSite, Version,
                     archives, faults)
from origins.example import ExampleSite
from origins.nbia import NbiaSite
from origins.pathdb import PathDbSite, Slide, SlideCollection
from origins.physionet_access import RESTRICTED, User
from origins.s3 import S3Site

LATER = 1_767_225_600  # 2026-01-01, after every default date of the origins
EXAMPLE = HERE.parents[1] / "docs" / "examples" / "medmirror-fetch-example"
MEGABYTE = 1 << 20


def members(seed=0):
    """Many small files, and one that is large enough to be interrupted in."""
    small = {f"records/r{number:02}.dat": Noise(1000 + number, f"{seed}/{number}") for number in range(20)}
    return {**small, "large.bin": Noise(3 * MEGABYTE, f"{seed}/large")}


class Row:
    """How a source is set up. SERVER: its origin; REF; WANTED: the tree; DATA and LIST: patterns of the requests for its data
    and of the one that lists it; LARGE: the file that is interrupted."""

    source = None
    names_versions = True  # the source itself gives a version its name
    resumes = True
    listed_bytes = True  # the listing tells sizes
    refused = {401: 4, 403: 4, 404: (5, 7), 451: 5, 503: 5}  # of a file
    closed = {401: 4, 403: 4, 404: 7, 451: 5, 503: 5}  # of the listing
    login_page = 4
    says = ()  # words of its own for a refusal, which need no status beside them
    other_way = ()  # refusals of the listing after which it lists by other means

    def begin(self):
        raise NotImplementedError

    def change(self):
        """Other bytes in one file, under the same version where the source names them; the new tree."""
        raise NotImplementedError

    def renew(self):
        """A new version where the source names them, else a change; the new tree."""
        return self.change()

    @staticmethod
    def at(name):
        """Where in the tree the file of this name lies."""
        return name


class Uci(Row):
    source = "uci"
    ref = "uci/90001"
    names_versions = False
    resumes = False
    data, listing, large = "/static/public/90001/*", "/api/*", "/static/public/90001/heart+data.zip"
    refused = {401: 4, 403: 4, 404: 7, 451: 5, 503: 5}

    def begin(self):
        self.set = self.make_set(0, "Thu Aug 10 2023")
        self.server = self.origin(UciSite([self.set]), "uci")
        self.listed = ["heart+data.zip"]

    @staticmethod
    def make_set(seed, updated):
        @dataclasses.dataclass
        class Dated(UciSet):
            def describe(self, *arguments):
                return {**super().describe(*arguments), "last_updated": updated}
        made = Dated(90001, "Heart Data", "heart+data", members(seed), zip=archives.make_zip(members(seed)))
        return made

    @property
    def wanted(self):
        return self.set.members

    def change(self):
        self.set = self.make_set(1, "Fri Aug 11 2023")
        self.server.site.add(self.set)
        return self.wanted


class PhysioNet(Row):
    source = "physionet"
    ref = "physionet/heartdb"
    data, listing, large = "/files/heartdb/*[!t]", "/files/heartdb/*/SHA256SUMS.txt", "/files/heartdb/*/large.bin"
    refused = {401: 4, 403: 4, 404: (5, 7), 451: 4, 503: 5}
    closed = {401: 4, 403: 4, 404: 7, 451: 4, 503: 5}
    says = ("without a login and the rights for it",)
    other_way = (404,)  # the server's listing; the list itself is an absent file then

    def begin(self):
        self.server = self.origin(PhysioNetSite([self.version("1.0.0", 0)]), "physionet")
        self.listed = sorted(self.wanted)

    def version(self, name, seed):
        self.now = Version("heartdb", name, "Heart Database", members(seed))
        for path, (content, _) in list(self.now.tree.files.items()) if seed else ():
            self.now.tree.add(path, content, LATER)
        return self.now

    @property
    def wanted(self):
        return self.now.tree.below("")

    def change(self):
        self.server.site.add(self.version("1.0.0", 1))
        return self.wanted

    def renew(self):
        self.server.site.add(self.version("1.0.1", 2))
        return self.wanted


class Kaggle(Row):
    source = "kaggle"
    ref = "kaggle/ana/heart-images"
    data, listing, large = "/kaggle-data-sets/*", "*datasets/*", "/kaggle-data-sets/*/heart-images.zip"
    refused = {401: 5, 403: 5, 404: 7, 451: 5, 503: 5}  # pages in the storage's place, which has none
    login_page = 5

    class Joined(Site):
        """The API and the storage on one port, each by its own name."""

        def __init__(self, api):
            self.api = api

        def answer(self, request):
            return (self.api.storage if request.path.startswith("/kaggle-") else self.api).answer(request)

    def begin(self):
        self.set = KaggleDataset("ana", "heart-images", "Heart Images", [self.version(1, 0)])
        self.server = self.origin(self.Joined(KaggleSite([self.set])), "kaggle")
        self.server.site.api.storage.base = self.server.url_by_name
        self.listed = sorted([*self.wanted, "heart-images.zip"])

    @staticmethod
    def version(number, seed):
        made = KaggleVersion(number, members(seed), archives.make_zip(members(seed)))
        made.archive_name = "heart-images.zip"
        return made

    @property
    def wanted(self):
        return self.set.current.files

    def change(self):
        self.set.versions[-1:] = [self.version(1, 1)]
        return self.wanted

    def renew(self):
        self.set.versions.append(self.version(2, 2))
        return self.wanted


class Http(Row):
    source = "http"
    names_versions = False
    listed_bytes = False
    data, listing, large = "/heart/*[!/]", "/heart/", "/heart/large.bin"
    refused = {401: 4, 403: 5, 404: (5, 7), 451: 5, 503: 5}
    closed = {401: 4, 403: 5, 404: 7, 451: 5, 503: 5}

    def begin(self):
        self.server = self.origin()
        self.wanted = members()
        for path, content in self.wanted.items():
            self.server.site.add("heart/" + path, content)
        self.listed = sorted(self.wanted)
        self.ref = self.server.url + "/heart/"

    def change(self):
        self.wanted = {**self.wanted, "records/r05.dat": Noise(1500, "anew")}
        self.server.site.add("heart/records/r05.dat", self.wanted["records/r05.dat"], mtime=LATER)
        return self.wanted


class S3(Row):
    source = "s3"
    ref = "s3://heart-data/heartdb/"
    names_versions = False
    data, listing, large = "/heart-data/heartdb/*", "/heart-data/", "/heart-data/heartdb/large.bin"
    refused = {401: 4, 403: 4, 404: (5, 7), 451: 5, 503: 5}
    closed = {401: 4, 403: 4, 404: 7, 451: 5, 503: 5}
    says = ("This object is not public",)

    def begin(self):
        self.server = self.origin(S3Site(), "s3")
        self.wanted = members()
        for path, content in self.wanted.items():
            self.server.site.bucket("heart-data").add("heartdb/" + path, content)
        self.listed = sorted(self.wanted)

    def change(self):
        self.wanted = {**self.wanted, "records/r05.dat": Noise(1500, "anew")}
        self.server.site.bucket("heart-data").add("heartdb/records/r05.dat", self.wanted["records/r05.dat"],
                                                  mtime=LATER)
        return self.wanted


class Tcia(Row):
    """A collection of slides alone, which are files; those of series are tested by journeys of their own."""

    source = "tcia"
    ref = "tcia/Test-heart"
    names_versions = listed_bytes = False
    data, listing, large = "/system/files/wsi/*", "/listofimages/*", "/system/files/wsi/heart/large.bin"
    says = ("TCIA's open data need no login",)

    def begin(self):
        self.origin(NbiaSite(), "tcia")
        self.slides = SlideCollection("Test-heart", 7)
        self.server = self.origin(PathDbSite([self.slides], page=100), "pathdb")
        self.put(members())
        self.listed = sorted(self.wanted)

    @staticmethod
    def at(name):
        return f"slides/{name}" if "/" in name else f"slides/whole/{name}"

    def put(self, files, changed="2021-05-04T12:00:00+00:00"):
        self.wanted = {self.at(name): content for name, content in files.items()}
        self.slides.slides = [Slide(f"heart/{name}", self.at(name).split("/")[1], content, changed=changed)
                              for name, content in files.items()]

    def change(self):
        self.put({**members(), "records/r05.dat": Noise(1500, "anew")}, "2026-01-01T00:00:00+00:00")
        return self.wanted


class Example(Row):
    """The fetcher of docs/external-fetchers.md, a program outside the tree."""

    source = "example"
    ref = "example/heart"
    data, listing, large = "/heart/1.?/*[!v]", "/heart/*/files.csv", "/heart/*/large.bin"

    def begin(self):
        self.server = self.origin(ExampleSite(), "example")
        self.wanted = members()
        self.server.site.add("heart", "1.0", self.wanted)
        self.listed = sorted(self.wanted)

    def change(self):
        self.wanted = {**self.wanted, "records/r05.dat": Noise(1500, "anew")}
        self.server.site.add("heart", "1.0", self.wanted)
        return self.wanted

    def renew(self):
        self.wanted = {**self.wanted, "records/r05.dat": Noise(1600, "newer")}
        self.server.site.add("heart", "1.1", self.wanted)
        return self.wanted


class WithExample(Journey):
    """The example is configured as its users would do it."""

    def configure(self, mirror=(), **network):
        super().configure(mirror, **network)
        programs = self.folder / "programs"
        programs.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(EXAMPLE, programs)
        (programs / EXAMPLE.name).chmod(0o755)
        self.endpoints.setdefault("example", NOWHERE)
        with open(self.folder / "config" / "medmirror" / "medmirror.conf", "a", encoding="utf-8") as file:
            file.write(f"[fetchers]\nexample = {programs / EXAMPLE.name}\n")


class Conformance(WithExample):
    def setUp(self):
        super().setUp()
        self.begin()

    def header(self, path):
        with open(str(path) + ".lock.jsonl", encoding="utf-8") as file:
            return json.loads(file.readline())

    def data_requests(self):
        return [entry for entry in self.server.record.entries(self.data)
                if not entry.path.endswith(("SHA256SUMS.txt", "files.csv", "versions.txt"))]

    # It lists.

    def test_lists(self):
        result = self.medmirror("files", "--json", self.ref)
        events = [json.loads(line) for line in result.lines]
        listed = {event["path"]: event for event in events if event["event"] == "listed"}
        self.assertEqual(sorted(listed), self.listed, str(result))
        for path, event in listed.items():
            if self.listed_bytes and event["bytes"] is not None:
                self.assertEqual(event["bytes"], self.wanted[path].size)
        self.assertEqual(self.data_requests(), [], "Files were asked for only to list them.")
        self.assertLessEqual(len(self.server.record), 6, [entry.target for entry in self.server.record.entries()])

    def test_lists_the_same_twice(self):
        headers = []
        for name in ("one", "two"):
            self.mirror = self.folder / name
            path, result = self.pull(self.ref)
            headers.append(self.header(path))
        self.assertEqual(headers[0]["source_state"], headers[1]["source_state"])
        self.assertEqual(headers[0]["fingerprint"], headers[1]["fingerprint"])

    def test_names_its_versions(self):
        result = self.medmirror("versions", "--json", self.ref)
        versions = [json.loads(line) for line in result.lines]
        offered = [event["version"] for event in versions if event["event"] == "version"]
        self.assertEqual(bool(offered), self.names_versions, str(result))

    # It pulls.

    def test_pulls(self):
        path, result = self.pull(self.ref)
        self.assert_arrived(path, self.wanted, result)
        asked = [entry.path for entry in self.data_requests()]
        self.assertEqual(len(asked), len(set(asked)), "A file was asked for twice.")
        self.server.record.clear()
        again, result = self.pull(self.ref)
        self.assertEqual((again, self.data_requests()), (path, []), str(result))

    def test_pulls_a_part(self):
        path, result = self.pull(self.ref, "--include", self.at("records/r0*"))
        self.assert_arrived(path, {name: content for name, content in self.wanted.items()
                                   if name.startswith(self.at("records/r0"))}, result)

    def test_absent_dataset(self):
        wrong = self.ref.replace("heart", "nothing").replace("90001", "90002")
        result = self.medmirror("pull", wrong, expect=7)
        self.assert_explains(result)
        self.assert_nothing_installed()

    # It resumes.

    def test_resumes_after_a_kill(self):
        self.configure(piece_size=MEGABYTE, segment_from=1 << 40)
        self.server.limit_rate(2 * MEGABYTE)
        running = self.start("pull", self.ref)
        self.server.record.wait_for(self.large, sent=MEGABYTE + MEGABYTE // 2)
        running.kill()
        self.server.limit_rate(None)
        self.server.record.clear()
        path, result = self.pull(self.ref)
        self.assert_arrived(path, self.wanted, result)
        if self.resumes:
            self.assertLess(self.server.record.bytes_sent(self.large), 3 * MEGABYTE)

    def test_goes_on_after_a_cut(self):
        self.configure(piece_size=MEGABYTE, segment_from=1 << 40)
        self.server.faults.add(faults.cut(MEGABYTE, self.large, times=1))
        path, result = self.pull(self.ref)
        self.assert_arrived(path, self.wanted, result)
        entries = self.server.record.entries(self.large)
        self.assertEqual(len(entries), 2)
        self.assertEqual(entries[1].range is not None, self.resumes)

    # It verifies.

    def test_verifies_and_mends(self):
        path, result = self.pull(self.ref)
        self.medmirror("verify", self.ref)
        self.flip(path / self.at("records/r03.dat"))
        result = self.medmirror("verify", self.ref, expect=3)
        self.assert_explains(result, "r03.dat")
        self.medmirror("verify", "--repair", self.ref)
        self.assert_arrived(path, self.wanted)

    # It explains each refusal.

    def refuse(self, *some):
        self.server.faults.clear()
        self.server.faults.add(*some)

    def test_refused_files(self):
        self.configure(retries=2)
        for status, expect in self.refused.items():
            with self.subTest(status):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(faults.status(status, self.large))
                result = self.medmirror("pull", self.ref, expect=expect)
                self.assert_explains(result, self.large.rpartition("/")[2])
                self.assertTrue(any(words in result.err for words in (str(status), *self.says)), str(result))
                self.assertFalse(list(self.mirror.rglob("large.bin")), str(result))

    def test_refused_listing(self):
        self.configure(retries=2)
        for status, expect in self.closed.items():
            with self.subTest(status):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(faults.status(status, self.listing, method=None))
                result = self.medmirror("pull", self.ref, expect=expect)
                self.assert_explains(result)
                self.assertNotIn("Traceback", result.err)
                if status not in self.other_way:
                    self.assert_nothing_installed()

    def test_too_many_requests(self):
        for pattern in (self.large, self.listing):
            with self.subTest(pattern):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(faults.status(429, pattern, retry_after=1, times=1, method=None))
                path, result = self.pull(self.ref)
                self.assert_arrived(path, self.wanted, result)

    def test_leave_us_alone_for_an_hour(self):
        self.configure(retry_after_max=1000)
        self.refuse(faults.status(429, self.large, retry_after=3600))
        result = self.medmirror("pull", self.ref, expect=5)
        self.assert_explains(result, "429")
        self.assertRegex(result.err, r"until \d{4}-\d\d-\d\d \d\d:\d\d")
        self.assertLessEqual(len(self.server.record.entries(self.large)), 2)

    def test_page_in_place_of_data(self):
        self.configure(retries=2)
        welcome = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Hello</body></html>"
        for name, fault, expect in (("page", faults.page(welcome, self.large), 5),
                                    ("login", faults.login_page(self.large), self.login_page)):
            with self.subTest(name):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(fault)
                result = self.medmirror("pull", self.ref, expect=expect)
                self.assert_explains(result, self.large.rpartition("/")[2])
                self.assertFalse(list(self.mirror.rglob("large.bin")), str(result))

    def test_page_in_place_of_a_listing(self):
        self.configure(retries=2)
        self.refuse(faults.login_page(self.listing, method=None))
        result = self.medmirror("pull", self.ref, expect=(0, 4, 5, 7))
        self.assertNotIn("Traceback", result.err)
        if result.status == 0:
            # Who lists by a page takes this one for a listing of nothing, or has another way; nobody takes it for a file.
            self.assertNotIn(b"password", b"".join(path.read_bytes() for path in self.installed()))
        else:
            self.assert_explains(result)
            self.assert_nothing_installed()

    # It survives a changed remote.

    def test_changed_under_its_name(self):
        path, result = self.pull(self.ref)
        before, old = self.header(path), dict(self.wanted)
        new = self.change()
        if self.names_versions:
            result = self.medmirror("pull", self.ref, expect=7)
            self.assert_explains(result, before["source_state"][:12], "has changed at the source", "--refresh")
            self.assertRegex(result.err, r"was [0-9a-f]{12,} and is\s+[0-9a-f]{12,}")
            self.assert_arrived(path, old)
            beside, result = self.pull(self.ref, "--refresh")
        else:
            beside, result = self.pull(self.ref)
        self.assertNotEqual(beside, path)
        self.assert_arrived(beside, new, result)
        self.assert_arrived(path, old)

    def test_new_version(self):
        path, result = self.pull(self.ref)
        old = dict(self.wanted)
        new = self.renew()
        beside, result = self.pull(self.ref)
        self.assertNotEqual(beside, path)
        self.assert_arrived(beside, new, result)
        self.assert_arrived(path, old)

    def test_source_is_away(self):
        path, result = self.pull(self.ref)
        self.server.close()
        self.configure(retries=2, network_patience=1000)
        again, result = self.pull(self.ref)
        self.assertEqual(again, path)

    # It keeps what it was trusted with.

    def test_no_credential_to_foreign_hosts(self):
        foreign = self.origin()
        foreign.site.add("large.bin", self.wanted[self.at("large.bin")])
        for archive in ("heart+data.zip", "heart-images.zip"):
            foreign.site.add(archive, archives.make_zip(self.wanted))
        name = self.large.rpartition("/")[2]
        self.refuse(faults.redirect(f"{foreign.url}/{name}", self.large, method=None))
        upper = self.source.upper()
        env = {f"MEDMIRROR_{upper}_USER": "ana", f"MEDMIRROR_{upper}_PASSWORD": "a-secret-of-ana"}
        self.medmirror("pull", self.ref, env=env)
        self.assertTrue(foreign.record.entries("/" + name))
        for entry in foreign.record.entries():
            self.assertFalse({"authorization", "cookie"} & set(entry.headers), entry.headers)


def case(row):
    """The tests of Conformance, of ROW."""
    return type(f"{row.__name__}Conformance", (row, Conformance), {})


SOURCES = (Uci, PhysioNet, Kaggle, Tcia, S3, Http, Example)
ROWS = {row.source for row in SOURCES}
globals().update({f"{row.__name__}Conformance": case(row) for row in SOURCES})
del Conformance


class Registered(WithExample):
    """Whatever the program can bring has its row here."""

    def test_rows(self):
        result = self.medmirror("doctor", "--json", "--offline")
        sources = [json.loads(line) for line in result.lines]
        sources = {event["name"]: event for event in sources if event["event"] == "source"}
        self.assertEqual(set(sources), ROWS, "A fetcher is registered that no conformance test runs over.")
        self.assertEqual([name for name, event in sources.items() if event["program"]], ["example"])


class ClosedProject(WithExample):
    """The login of a source that has one stays with it, also where a closed file is redirected."""

    def test_password_stays_at_home(self):
        user = User("ana", "a-secret-of-ana", signed={("closeddb", "1.0.0")})
        version = Version("closeddb", "1.0.0", "Closed Database", members(), policy=RESTRICTED)
        server = self.origin(PhysioNetSite([version], users=[user]), "physionet")
        foreign = self.origin()
        foreign.site.add("large.bin", members()["large.bin"])
        server.faults.add(faults.redirect(f"{foreign.url}/large.bin", "/files/closeddb/*/large.bin"))
        env = {"PHYSIONET_USERNAME": "ana", "PHYSIONET_PASSWORD": "a-secret-of-ana"}
        path, result = self.pull("physionet/closeddb", env=env)
        self.assert_tree(path, version.tree.below(""))
        self.assertTrue([entry for entry in server.record.entries() if "authorization" in entry.headers])
        self.assertTrue(foreign.record.entries("/large.bin"))
        for entry in foreign.record.entries():
            self.assertFalse({"authorization", "cookie"} & set(entry.headers), entry.headers)


if __name__ == "__main__":
    unittest.main()
