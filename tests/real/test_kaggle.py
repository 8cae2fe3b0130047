"""Kaggle's own clients against the local Kaggle: the programs `kaggle` and the module `kagglehub`, of today and as they were
when they spoke REST."""

import json
import os
import pathlib
import subprocess
import zipfile

from real import HERE, RealCase

from origins import Bytes, KaggleDataset, KaggleSite, KaggleVersion, Noise, Pages, faults, kaggle_words

LANL = "pankajb64/lanl-data"
XRAYS = "Microsoft/chest-xrays"
BONES = "rsna-bone-age"


class KaggleCase(RealCase):
    """The site under its real names, with TLS: www and api of kaggle.com, and the storage with the port in its address."""

    def setUp(self):
        super().setUp()
        self.site = KaggleSite()
        self.api = self.origin(self.site, "www.kaggle.com", "api.kaggle.com")
        self.storage = self.origin(self.site.storage, "storage.googleapis.com")
        self.site.storage.base = "https://storage.googleapis.com:443"
        self.ana = self.site.accounts["ana"]

    def use_key(self, name="ana", key=None):
        """The legacy key in its usual place."""
        key = key or self.site.accounts[name].key
        self.write(".kaggle/kaggle.json", json.dumps({"username": name, "key": key}))

    def use_token(self, name="ana"):
        self.settings["KAGGLE_API_TOKEN"] = self.site.accounts[name].token

    def files_of(self, ref, number=None):
        return self.site.datasets[ref.lower()].version(number).files

    def assert_tree(self, folder, files):
        """FOLDER has these files with these bytes, and no others (but markers of the client)."""
        found = {str(path.relative_to(folder)): path for path in pathlib.Path(folder).rglob("*") if path.is_file()}
        self.assertEqual(set(found), set(files))
        for path, content in files.items():
            self.assertEqual(found[path].read_bytes(), content.bytes(), path)

    def asked(self, pattern):
        return self.api.record.entries(pattern)


class Commands:
    """What the program does in both versions."""

    def test_search(self):
        self.use_key()
        output = self.run_client("kaggle", "datasets", "list", "-s", "lanl", "--csv")
        self.assertIn(LANL, output.out)
        self.assertIn("LANL Data", output.out)

    def test_list_of_files_page_by_page(self):
        self.use_key()
        output = self.run_client("kaggle", "datasets", "files", LANL, "--csv")
        names = [line.partition(",")[0] for line in output.out.splitlines()]
        self.assertEqual(len([name for name in names if name in self.files_of(LANL)]), 20)
        token = output.out.partition("Next Page Token = ")[2].split()[0]
        more = self.run_client("kaggle", "datasets", "files", LANL, "--csv", "--page-token", token, "--page-size", "200")
        names += [line.partition(",")[0] for line in more.out.splitlines()]
        self.assertEqual({name for name in names if name in self.files_of(LANL)}, set(self.files_of(LANL)))

    def test_metadata(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "metadata", LANL)
        text = (self.work / "dataset-metadata.json").read_text()
        self.assertIn("CC0-1.0", text)

    def test_status(self):
        self.use_key()
        self.assertRegex(self.run_client("kaggle", "datasets", "status", LANL).out.lower(), "ready")

    def test_archive(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "download", LANL)
        data = (self.work / "lanl-data.zip").read_bytes()
        self.assertEqual(data, self.site.datasets[LANL].current.archive.bytes())

    def test_archive_unzipped(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "download", XRAYS, "--unzip")
        self.assert_tree(self.work, self.files_of(XRAYS))

    def test_one_file(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "download", LANL, "-f", "train.csv")
        self.assertEqual((self.work / "train.csv").read_bytes(), self.files_of(LANL)["train.csv"].bytes())

    def test_one_file_that_comes_zipped(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "download", XRAYS, "-f", "scans.bin")
        found = next(path for path in self.work.iterdir())
        with zipfile.ZipFile(found) as archive:
            self.assertEqual(archive.read("scans.bin"), self.files_of(XRAYS)["scans.bin"].bytes())

    def test_competition(self):
        self.use_key()
        self.assertIn(BONES, self.run_client("kaggle", "competitions", "list").out)
        self.assertIn("train.csv", self.run_client("kaggle", "competitions", "files", BONES).out)
        self.run_client("kaggle", "competitions", "download", BONES)
        self.assertEqual((self.work / f"{BONES}.zip").read_bytes(), self.site.competitions[BONES].archive.bytes())
        self.run_client("kaggle", "competitions", "download", BONES, "-f", "train.csv")
        self.assertEqual((self.work / "train.csv").read_bytes(), self.site.competitions[BONES].files["train.csv"].bytes())

    def test_rules_that_were_not_accepted(self):
        self.use_key("bystander")
        output = self.run_client("kaggle", "competitions", "download", BONES, expect=None)
        self.assertNotEqual(output.status, 0)
        self.assertIn("You must accept this competition's rules", output.all)

    def test_a_bad_key(self):
        self.use_key(key="0" * 32)
        output = self.run_client("kaggle", "competitions", "list", expect=None)
        self.assertNotEqual(output.status, 0)
        self.assertRegex(output.all, "401|[Uu]nauth|kaggle auth login")


class KaggleToday(Commands, KaggleCase):
    def test_a_token_as_bearer(self):
        self.use_token()
        self.run_client("kaggle", "competitions", "download", BONES)
        self.assertIn(f"Bearer {self.ana.token}", {entry.headers.get("authorization") for entry in self.asked("*Download*")})

    def test_nobody(self):
        self.run_client("kaggle", "datasets", "download", LANL)
        self.assertEqual((self.work / "lanl-data.zip").read_bytes(), self.site.datasets[LANL].current.archive.bytes())

    def test_one_version(self):
        self.use_key()
        self.run_client("kaggle", "datasets", "download", f"{LANL}/1", "--unzip")
        self.assert_tree(self.work, self.files_of(LANL, 1))

    def test_a_cut_is_mended(self):
        self.use_key()
        self.storage.faults.add(faults.cut(3_000_000, "*archive.zip", times=1))
        self.run_client("kaggle", "datasets", "download", XRAYS, "--unzip")
        self.assert_tree(self.work, self.files_of(XRAYS))
        self.assertEqual([entry.range for entry in self.storage.record.entries("*archive.zip")][0], None)
        self.assertIsNotNone(self.storage.record.entries("*archive.zip")[-1].range)

    def test_throttled(self):
        self.use_key()
        self.api.faults.add(kaggle_words.throttled("*/DownloadDataset", "rpc", 1, method="POST"))
        self.assertIn("429", self.run_client("kaggle", "datasets", "download", LANL, expect=1).all)

    def test_its_own_setting_for_this_machine(self):
        """KAGGLE_API_ENVIRONMENT: http://localhost/api/v1, port 80."""
        self.hosts.clear()
        plain = self.origin(self.site, "localhost", port=80)
        storage = self.origin(self.site.storage)
        self.site.storage.base = storage.url
        self.settings["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
        self.use_key()
        self.run_client("kaggle", "datasets", "download", LANL)
        self.assertEqual((self.work / "lanl-data.zip").read_bytes(), self.site.datasets[LANL].current.archive.bytes())
        self.assertTrue(plain.record.entries("/api/v1/datasets.DatasetApiService/DownloadDataset"))


class KaggleRest(Commands, KaggleCase):
    environment = "rest"

    def test_its_own_setting_for_another_host(self):
        """KAGGLE_API_ENDPOINT: the base address without /api/v1."""
        self.hosts.clear()
        plain, storage = self.origin(self.site), self.origin(self.site.storage)
        self.site.storage.base = storage.url_by_name
        self.settings["KAGGLE_API_ENDPOINT"] = plain.url
        self.use_key()
        self.run_client("kaggle", "datasets", "download", LANL)
        self.assertEqual((self.work / "lanl-data.zip").read_bytes(), self.site.datasets[LANL].current.archive.bytes())


class HubCases:
    """What the module does in both versions."""

    def test_dataset(self):
        output = self.run_python(f"import kagglehub\nsay(kagglehub.dataset_download({LANL!r}))")
        self.assertTrue(output.said.endswith("datasets/pankajb64/lanl-data/versions/2"), output.said)
        self.assert_tree(output.said, self.files_of(LANL))
        self.assertTrue((self.home / ".cache/kagglehub/datasets/pankajb64/lanl-data/2.complete").exists())

    def test_a_version_by_its_handle(self):
        output = self.run_python(f"import kagglehub\nsay(kagglehub.dataset_download({LANL + '/versions/1'!r}))")
        self.assert_tree(output.said, self.files_of(LANL, 1))

    def test_one_file_plain_and_zipped(self):
        # 0.3.13 sends a plus in a name as it is, which says blank.
        name = "masks/a b/ünï+1.txt" if self.environment == "today" else "masks/a b/ünï 1.txt"
        self.files_of(LANL)[name] = Bytes("mask\n")
        output = self.run_python(f"import kagglehub\nsay([kagglehub.dataset_download({LANL!r}, path={name!r}),"
                                 f"kagglehub.dataset_download({XRAYS!r}, path='scans.bin')])")
        plain, zipped = map(pathlib.Path, output.said)
        self.assertEqual(plain.read_bytes(), b"mask\n")
        self.assertEqual(zipped.read_bytes(), self.files_of(XRAYS)["scans.bin"].bytes())

    def test_competition(self):
        self.use_key()
        output = self.run_python(f"import kagglehub\nsay(kagglehub.competition_download({BONES!r}))")
        self.assert_tree(output.said, self.site.competitions[BONES].files)

    def test_competition_without_rules(self):
        self.use_key("bystander")
        output = self.run_python(f"import kagglehub\nsay(kagglehub.competition_download({BONES!r}))", expect=1)
        self.assertIn("403", output.err)

    def test_consent(self):
        output = self.run_python("import kagglehub\nsay(kagglehub.dataset_download('mayo/consented-slides'))", expect=1)
        self.assertIn("403", output.err)
        self.use_key()
        self.run_python("import kagglehub\nsay(kagglehub.dataset_download('mayo/consented-slides'))")

    def test_who_am_i(self):
        self.use_key()
        self.assertEqual(self.run_python("import kagglehub\nsay(kagglehub.whoami())").said, {"username": "ana"})
        self.use_key(key="0" * 32)
        self.assertIn("UnauthenticatedError", self.run_python("import kagglehub\nsay(kagglehub.whoami())", expect=1).err)

    def test_the_md5_is_looked_at(self):
        for style in ("comma", "comma-space", "lines"):
            self.site.storage.hash_style = style
            self.storage.faults.clear()
            self.storage.faults.add(faults.corrupt(100, "*archive.zip"))
            program = f"import kagglehub\nsay(kagglehub.dataset_download({LANL!r}, force_download=True))"
            self.assertIn("DataCorruptionError", self.run_python(program, expect=1).err, style)
            self.storage.faults.clear()
            self.run_python(program)
        self.site.datasets[XRAYS.lower()].stored = {"composite": True}
        self.assert_tree(self.run_python(f"import kagglehub\nsay(kagglehub.dataset_download({XRAYS!r}))").said,
                         self.files_of(XRAYS))

    def test_a_cut_is_mended_by_the_next_run(self):
        self.site.add(KaggleDataset("big", "one", "One", [KaggleVersion(1, {"x.bin": Pages(8 << 20), "y.txt": Noise(9)})]))
        self.storage.faults.add(faults.cut(5 << 20, "*archive.zip", times=1))
        program = "import kagglehub\nsay(kagglehub.dataset_download('big/one'))"
        self.run_python(program, expect=1)
        output = self.run_python(program)
        self.assert_tree(output.said, self.files_of("big/one"))
        first, end = self.storage.record.entries("*archive.zip")[-1].range
        self.assertTrue(first >= 4 << 20 and end is None, (first, end))


class HubToday(HubCases, KaggleCase):
    def test_its_cache_is_adopted(self):
        """By the program, where it is built."""
        program = pathlib.Path(os.environ.get("MEDMIRROR_PROGRAM") or HERE.parents[1] / "build" / "dev" / "medmirror")
        if not program.exists():
            self.skipTest(f"There is no program at {program}; ./tests/run builds it.")
        self.run_python(f"import kagglehub\nkagglehub.dataset_download({LANL!r})\n"
                        f"kagglehub.dataset_download({XRAYS!r}, path='labels.csv')")
        mirror = self.folder / "mirror"
        command = [program, "--mirror", mirror, "--offline", "adopt"]
        cache = self.home / ".cache" / "kagglehub"
        done = subprocess.run([*command, f"kaggle/{LANL}", cache], env=self.env(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(done.stdout.decode().rstrip(), str(mirror / "kaggle" / LANL / "2"))
        self.assert_tree(mirror / "kaggle" / LANL / "2", self.files_of(LANL))
        half = subprocess.run([*command, f"kaggle/{XRAYS}", cache], env=self.env(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(half.returncode, 3, half.stderr.decode())
        one = subprocess.run([*command, f"kaggle/{XRAYS}", cache, "--allow-incomplete"], env=self.env(),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(one.returncode, 0, one.stderr.decode())
        named = self.folder / "named"
        self.run_python(f"import kagglehub\nkagglehub.dataset_download({LANL + '/versions/1'!r}, output_dir={str(named)!r})")
        done = subprocess.run([*command, f"kaggle/{LANL}", named], env=self.env(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assert_tree(mirror / "kaggle" / LANL / "1", self.files_of(LANL, 1))
        self.assert_tree(one.stdout.decode().rstrip(), {"labels.csv": self.files_of(XRAYS)["labels.csv"]})

    def test_a_token_as_bearer(self):
        self.use_token()
        self.run_python(f"import kagglehub\nsay(kagglehub.competition_download({BONES!r}))")
        self.assertIn(f"Bearer {self.ana.token}", {entry.headers.get("authorization") for entry in self.asked("*Download*")})


class HubRest(HubCases, KaggleCase):
    environment = "rest"

    def test_its_own_setting_for_another_host(self):
        self.hosts.clear()
        plain, storage = self.origin(self.site), self.origin(self.site.storage)
        self.site.storage.base = storage.url_by_name
        self.settings["KAGGLE_API_ENDPOINT"] = plain.url
        output = self.run_python(f"import kagglehub\nsay(kagglehub.dataset_download({LANL!r}))")
        self.assert_tree(output.said, self.files_of(LANL))
