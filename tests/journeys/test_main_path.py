"""The main path: what is pulled is exactly what the origin has, is proven, and is not fetched a second time."""

import hashlib
import unittest

from journey import Journey
from origins import (Bytes, Noise, PhysioNetBucket, PhysioNetSite, PlainSite, UciCdnSite, UciSet, UciSite, archives,
                     faults, physionet, realdata)

UP_TO_DATE = r"up to date|as far as the source tells"


def members_of_a_study():
    """A small study: real DICOM files where they are there, a table, a file without bytes, odd names."""
    members = {f"study/series 1/{name}": content for name, content in realdata.dicom_files(12).items()}
    members.update({"study/labels.csv": Bytes("id,label\n1,benign\n"), "empty": Bytes(b""),
                    "large.bin": Noise(3_000_000, "large"), "study/été.txt": Bytes("déjà\n")})
    return members


class Whole(Journey):
    """What every dataset must go through, whatever its source."""

    def assert_main_path(self, ref, members, origins, data, data_again=()):
        """Pull, judge, verify, pull again (nothing matching DATA is asked), pull the version without a socket."""
        path, result = self.pull(ref)
        self.assert_arrived(path, members, result)
        self.medmirror("verify", ref)
        for origin in origins:
            origin.record.clear()
        again, result = self.pull(ref)
        self.assertEqual(again, path)
        self.assertRegex(result.err, UP_TO_DATE, str(result))
        for origin in origins:
            for pattern in data:
                asked = [entry.path for entry in origin.record.entries(pattern, "GET") if entry.path not in data_again]
                self.assertEqual(asked, [], str(result))
        connections = [origin.record.connections for origin in origins]
        if "@" not in ref and "://" not in ref:
            ref = f"{ref}@{path.name}"
        if "://" not in ref:
            again, _ = self.pull(ref, no_network=True)
            self.assertEqual(again, path)
            self.assertEqual([origin.record.connections for origin in origins], connections)
        return path


class FromUci(Whole):
    def setUp(self):
        super().setUp()
        self.uci = self.origin(UciSite(), "uci")
        self.cdn = self.origin(UciCdnSite(self.uci.site), "uci-cdn")

    def test_uci_17(self):
        members = self.uci.site.sets[17].members
        path = self.assert_main_path("uci/17", members, [self.uci, self.cdn], ["/static/*", "/17/*"])
        self.assertEqual(path.parent, self.mirror / "uci" / "17")
        self.assertTrue((path.parent / "latest").is_symlink())
        self.assertEqual((path.parent / "latest").resolve(), path)

    def test_slug_comes_from_the_service(self):
        path, _ = self.pull("uci/296")
        self.assert_tree(path, self.uci.site.sets[296].members)
        asked = [entry.path for entry in self.uci.record.entries("/static/*")]
        self.assertEqual(asked, ["/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip"])

    def test_archive_within_the_zip(self):
        path, result = self.pull("uci/470")
        self.assertIn("pd_speech_features.csv", [name.rpartition("/")[2] for name in self.digests(path)], str(result))
        digest = Noise(250_000, 470).digest()
        self.assertIn(digest, self.digests(path).values())
        self.assert_proven(path, result)

    def test_status_in_the_json_is_the_real_one(self):
        result = self.medmirror("pull", "uci/99999", expect=7)
        self.assert_explains(result, "uci/99999")
        self.assert_nothing_installed()

    def test_a_set_that_is_only_linked_has_nothing_to_fetch(self):
        result = self.medmirror("pull", "uci/901", expect=7)
        self.assertIn("https://elsewhere.example/data", result.err, str(result))
        self.assertEqual(self.uci.record.entries("/static/*"), [])

    def test_description_that_cannot_be_had_is_no_obstacle(self):
        self.uci.site.api_down = True
        path, result = self.pull("uci/470")
        self.assert_proven(path, result)
        self.assertEqual([entry.path for entry in self.uci.record.entries("/static/*")],
                         ["/static/public/470/parkinson+s+disease+classification.zip"])

    def test_second_address_serves_when_the_first_does_not(self):
        self.uci.faults.add(faults.status(502, "/static/*"))
        path, result = self.pull("uci/17")
        self.assert_arrived(path, self.uci.site.sets[17].members, result)
        self.assertTrue(all("%2B" in entry.target for entry in self.cdn.record.entries("/17/*")))

    def test_zip_with_folders_and_leftovers(self):
        members = {"data/x.csv": Bytes("1,2\r\n" * 1000), "__MACOSX/._x.csv": Bytes("junk"), ".hidden": Bytes("h")}
        self.uci.site.add(UciSet(902, "A Set With Folders", "a+set+with+folders", members))
        path, result = self.pull("uci/902")
        self.assert_arrived(path, members, result)


class FromPhysioNet(Whole):
    def setUp(self):
        super().setUp()
        self.physionet = self.origin(PhysioNetSite(), "physionet")

    def files(self, slug, version):
        return self.physionet.site.projects[slug][version].tree.below("")

    def test_mitdb(self):
        path = self.assert_main_path("physionet/mitdb@1.0.0", self.files("mitdb", "1.0.0"), [self.physionet],
                                     ["/files/mitdb/1.0.0/*"], ["/files/mitdb/1.0.0/SHA256SUMS.txt"])
        self.assertEqual(path, self.mirror / "physionet" / "mitdb" / "1.0.0")

    def test_newest_version_is_found(self):
        path, result = self.pull("physionet/growing")
        self.assertEqual(path.name, "1.10.0")
        self.assert_arrived(path, self.files("growing", "1.10.0"), result)
        older, result = self.pull("physionet/growing@1.4")
        self.assert_arrived(older, self.files("growing", "1.4"), result)
        self.assertEqual((path.parent / "latest").resolve(), path)

    def test_what_the_browser_shows_is_the_same_dataset(self):
        path, _ = self.pull("https://physionet.org/content/mitdb/1.0.0/")
        self.assertEqual(path, self.mirror / "physionet" / "mitdb" / "1.0.0")

    def test_compressed_tables_stay_as_they_are(self):
        path, result = self.pull("physionet/tables-demo")
        self.assert_arrived(path, self.files("tables-demo", "2.2"), result)

    def test_every_file_is_verified_by_the_publishers_list(self):
        _, result = self.pull("physionet/mitdb@1.0.0")
        self.assertRegex(result.err, r"(?i)publisher|declared", str(result))

    def test_wrong_list_ends_in_5(self):
        result = self.medmirror("pull", "physionet/wrong-list", expect=5)
        self.assert_explains(result, "a01.atr", self.physionet.url)
        self.assert_nothing_installed()

    def test_closed_project_is_explained(self):
        result = self.medmirror("pull", "physionet/secret@1.0", expect=4)
        self.assert_explains(result, "secret")
        self.assert_nothing_installed()

    def test_forbidden_files_of_an_open_project_are_explained(self):
        result = self.medmirror("pull", "physionet/clouds-only@1.0.0", expect=4)
        self.assert_explains(result, "clouds-only")

    def test_unknown_project_and_version(self):
        self.assert_explains(self.medmirror("pull", "physionet/nothing-of-this-name", expect=7), "nothing-of-this-name")
        self.assert_explains(self.medmirror("pull", "physionet/mitdb@9.9.9", expect=7), "9.9.9")

    def test_no_other_host_is_asked(self):
        bucket = self.origin(PhysioNetBucket(self.physionet.site, ["mitdb"]))
        self.pull("physionet/mitdb@1.0.0")
        self.assertEqual(len(bucket.record), 0)

    def test_bucket_serves_what_the_service_does_not(self):
        """A project whose manifest says that it lies in the bucket too."""
        self.physionet.site.add(physionet.make_demo("mimic-iv-demo", "2.2"))
        bucket = self.origin(PhysioNetBucket(self.physionet.site, ["mimic-iv-demo"]), "physionet-s3")
        self.physionet.faults.add(faults.status(503, "*/patients.csv.gz"), faults.status(404, "*/admissions.csv.gz"))
        path, result = self.pull("physionet/mimic-iv-demo@2.2")
        self.assert_arrived(path, self.files("mimic-iv-demo", "2.2"), result)
        self.assertEqual({entry.path for entry in bucket.record.entries()},
                         {f"/mimic-iv-demo/2.2/hosp/{name}.csv.gz" for name in ("patients", "admissions")})


class FromPlainServers(Whole):
    def assert_listing(self, style):
        origin = self.origin(PlainSite(style))
        members = members_of_a_study()
        for name, content in members.items():
            origin.site.add("top/data/" + name, content)
        origin.site.add("top/outside.txt", Bytes("above the start"))
        self.assert_main_path(origin.url + "/top/data/", members, [origin], ["*.dcm", "*.csv", "*.bin", "*/empty"])
        self.assertEqual(origin.record.entries("/top/"), [], "It climbed above its start.")

    def test_nginx(self):
        self.assert_listing("nginx")

    def test_apache(self):
        self.assert_listing("apache")

    def test_apache_list(self):
        self.assert_listing("apache-plain")

    def test_apache_table(self):
        self.assert_listing("apache-table")

    def test_lighttpd(self):
        self.assert_listing("lighttpd")

    def test_caddy(self):
        self.assert_listing("caddy")

    def test_python(self):
        self.assert_listing("python")

    def test_checksum_list_of_a_folder_is_used(self):
        origin = self.origin()
        members = {"a.bin": Noise(5000, "a"), "sub/b.bin": Noise(6000, "b")}
        lines = "".join(f"{content.digest()}  {name}\n" for name, content in members.items())
        members["SHA256SUMS"] = Bytes(lines)
        for name, content in members.items():
            origin.site.add("d/" + name, content)
        path, result = self.pull(origin.url + "/d/")
        self.assert_arrived(path, members, result)
        origin.site.add("bad/a.bin", members["a.bin"])
        origin.site.add("bad/MD5SUMS", Bytes(f"{hashlib.md5(b'other').hexdigest()}  a.bin\n"))
        result = self.medmirror("pull", origin.url + "/bad/", expect=5)
        self.assert_explains(result, "a.bin", origin.url + "/bad/a.bin")

    def test_many_small_files_keep_their_connections(self):
        origin = self.origin()
        for number in range(300):
            origin.site.add(f"d/{number:03d}.txt", Bytes(f"{number}\n" * 50))
        self.pull(origin.url + "/d/")
        self.assertLessEqual(origin.record.connections, 40)
        self.assertTrue(all("authorization" not in entry.headers for entry in origin.record.entries()))
        self.assertTrue(all(entry.headers["user-agent"].startswith("medmirror/") for entry in origin.record.entries()))


class Archives(Whole):
    def assert_archive(self, name, data):
        origin = self.origin()
        origin.site.add(name, Bytes(data))
        members = members_of_a_study()
        url = f"{origin.url}/{name}"
        path, result = self.pull(url)
        self.assert_arrived(path, members, result)
        self.medmirror("verify", url)
        origin.record.clear()
        _, result = self.pull(url)
        self.assertRegex(result.err, UP_TO_DATE, str(result))
        self.assertEqual(origin.record.bytes_sent(), 0, str(result))

    def test_zip(self):
        self.assert_archive("x.zip", archives.make_zip(members_of_a_study()))

    def test_streamed_zip(self):
        self.assert_archive("x.zip", archives.make_streamed_zip(members_of_a_study()))

    def test_tar_gz(self):
        self.assert_archive("x.tar.gz", archives.make_tar_gz(members_of_a_study()))

    def test_tar_zst(self):
        self.assert_archive("x.tar.zst", archives.make_tar_zst(members_of_a_study()))

    def test_7z(self):
        self.assert_archive("x.7z", archives.make_7z(members_of_a_study()))

    def test_rar(self):
        # RAR 4 holds such a name in a form of its own; the stored writer does not.
        origin = self.origin()
        members = {name: content for name, content in members_of_a_study().items() if name.isascii()}
        origin.site.add("x.rar", Bytes(archives.make_rar(members)))
        path, result = self.pull(origin.url + "/x.rar")
        self.assert_arrived(path, members, result)
        self.medmirror("verify", origin.url + "/x.rar")

    def test_no_unpack_keeps_the_archive_as_it_is(self):
        origin = self.origin()
        data = Bytes(archives.make_zip(members_of_a_study()))
        origin.site.add("x.zip", data)
        path, result = self.pull(origin.url + "/x.zip", "--no-unpack")
        self.assert_arrived(path, {"x.zip": data}, result)

    def test_keep_archives(self):
        origin = self.origin()
        data = Bytes(archives.make_zip(members_of_a_study()))
        origin.site.add("x.zip", data)
        path, result = self.pull(origin.url + "/x.zip", "--keep-archives")
        self.assert_arrived(path, members_of_a_study(), result)
        self.assertEqual(self.digests(path.with_name(path.name + ".archives")), {"x.zip": data.digest()})

    def test_a_single_file(self):
        origin = self.origin()
        content = Noise(2_000_000, "one")
        origin.site.add("scans/one.nii", content)
        path, result = self.pull(origin.url + "/scans/one.nii")
        self.assert_arrived(path, {"one.nii": content}, result)


class NewStates(Journey):
    """A source that changed."""

    def test_new_state_of_a_listing_is_a_new_version_beside_the_old(self):
        origin = self.origin()
        origin.site.add("d/a.txt", Bytes("first\n"))
        old, _ = self.pull(origin.url + "/d/")
        before = self.digests(old)
        origin.site.add("d/a.txt", Bytes("second state\n"), mtime=1_720_000_000)
        new, result = self.pull(origin.url + "/d/")
        self.assertNotEqual(new, old)
        self.assert_arrived(new, {"a.txt": Bytes("second state\n")}, result)
        self.assertEqual(self.digests(old), before)
        self.assertEqual((new.parent / "latest").resolve(), new)

    def test_change_under_a_name_of_the_sources_own_is_7(self):
        physionet = self.origin(PhysioNetSite(), "physionet")
        path, _ = self.pull("physionet/growing@1.4")
        before = self.digests(path)
        version = physionet.site.projects["growing"]["1.4"]
        version.tree.add("r01.dat", Noise(999, "changed"))
        version.tree.add("SHA256SUMS.txt", Bytes(version.checksum_list()))
        self.medmirror("verify", "physionet/growing@1.4")
        result = self.medmirror("pull", "physionet/growing@1.4", "--refresh", expect=(0, 7))
        self.assertEqual(self.digests(path), before, "A version that stands was touched.")
        if result.status == 0:
            self.assertNotEqual(result.lines[0], str(path))

    def test_nobody_answers_and_what_is_here_is_used(self):
        origin = self.origin(PhysioNetSite(), "physionet")
        path, _ = self.pull("physionet/growing@1.4")
        origin.close()
        again, result = self.pull("physionet/growing")
        self.assertEqual(again, path, str(result))


if __name__ == "__main__":
    unittest.main(verbosity=2)
