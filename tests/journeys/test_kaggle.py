"""Kaggle: what everybody may have, what wants a login or accepted rules, and what each refusal says."""

import json
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

from journey import NOWHERE, Journey
from origins import (Account, Bytes, Competition, KaggleDataset, KaggleSite, KaggleVersion, Limit, Noise, faults, kaggle,
                     kaggle_words)

SLIDES = "kaggle/mayo/consented-slides"
CONTEST = "kaggle/c/rsna-bone-age"
SETTINGS = "https://www.kaggle.com/settings"
RULES = "https://www.kaggle.com/competitions/rsna-bone-age/rules"


def files(seed=0, count=45):
    many = {f"images/{number:03}.png": Noise(900 + number, f"kaggle/{seed}/{number}") for number in range(count)}
    return {**many, "labels.csv": Bytes(f"id,label\n1,{seed}\n"), "masks/a b/ünï+1.txt": Bytes("mask\n")}


class WithKaggle(Journey):
    def setUp(self):
        super().setUp()
        self.site = KaggleSite()
        self.heart = self.site.add(KaggleDataset("ana", "heart-images", "Heart Images", [
            KaggleVersion(1, files(1)), KaggleVersion(2, files(2), created="2026-04-01T00:00:00Z")]))
        self.server, self.storage = kaggle.start(self.site)
        self.addCleanup(self._close_origin, self.server)
        self.addCleanup(self._close_origin, self.storage)
        self.endpoints["kaggle"] = self.server.url
        self.endpoints["kaggle-rpc"] = NOWHERE
        self.ana = self.site.accounts["ana"]

    def wanted(self, version=None):
        return self.heart.version(version).files

    def token(self, account="ana"):
        return {"KAGGLE_API_TOKEN": self.site.accounts[account].token}

    def asked(self, pattern="*"):
        return [entry.target for entry in self.server.record.entries(pattern)]

    def with_login(self):
        return [entry.target for entry in self.server.record.entries() if "authorization" in entry.headers]

    def events(self, result, kind):
        return [event for event in map(json.loads, result.lines) if event["event"] == kind]

    def assert_secret(self, *texts):
        for path in self.folder.rglob("*"):
            if path.is_file() and path.suffix in (".jsonl", ".log", ".sha256") or path.name == "index.db":
                for text in texts:
                    self.assertNotIn(text.encode(), path.read_bytes(), path)


class Datasets(WithKaggle):
    def test_everybody_may(self):
        path, result = self.pull("kaggle/ana/heart-images")
        self.assertEqual(path.relative_to(self.mirror).as_posix(), "kaggle/ana/heart-images/2")
        self.assert_arrived(path, self.wanted(), result)
        self.assertEqual(self.with_login(), [])
        lock = pathlib.Path(f"{path}.lock.jsonl").read_text(encoding="utf-8")
        header = json.loads(lock.partition("\n")[0])
        self.assertEqual((header["version"], header["licence"]), ("2", "CC0-1.0"))
        self.assertIn(self.heart.current.archive.digest("md5"), lock)
        self.assertNotIn("X-Goog", lock)
        self.server.record.clear()
        again, result = self.pull("kaggle/ana/heart-images")
        self.assertEqual(again, path)
        self.assertEqual(len(self.asked()), 1, "One request tells that nothing is new.")

    def test_forms(self):
        for ref in ("kaggle/ana/heart-images@1", "kaggle/ana/heart-images/versions/1", "kaggle/ana/heart-images/1",
                    "https://www.kaggle.com/datasets/ana/heart-images/versions/1",
                    "https://www.kaggle.com/ana/heart-images/version/1",
                    "https://www.kaggle.com/api/v1/datasets/download/ana/heart-images?datasetVersionNumber=1",
                    "https://www.kaggle.com/api/v1/datasets/download/ana/heart-images/images%2F001.png"
                    "?datasetVersionNumber=1"):
            with self.subTest(ref):
                path, result = self.pull(ref)
                self.assertEqual(path.relative_to(self.mirror).as_posix(), "kaggle/ana/heart-images/1")
                self.assert_arrived(path, self.wanted(1), result)

    def test_versions(self):
        result = self.medmirror("versions", "--json", "kaggle/ana/heart-images")
        self.assertEqual([event["version"] for event in self.events(result, "version")], ["2", "1"])
        result = self.medmirror("pull", "kaggle/ana/heart-images@7", expect=7)
        self.assert_explains(result, "2, 1", "medmirror pull kaggle/ana/heart-images@2")
        result = self.medmirror("pull", "kaggle/ana/heart-images@new", expect=7)
        self.assert_explains(result, "2, 1")

    def test_new_version(self):
        path, _ = self.pull("kaggle/ana/heart-images")
        self.heart.add_version(files(3), created="2026-05-01T00:00:00Z")
        beside, result = self.pull("kaggle/ana/heart-images")
        self.assertEqual(beside.name, "3")
        self.assert_arrived(beside, self.wanted(3), result)
        self.assert_arrived(path, self.wanted(2))

    def test_without_a_digest(self):
        for form in ("old", "sets", None):
            with self.subTest(form):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.heart.croissant = form
                path, result = self.pull("kaggle/ana/heart-images")
                self.assert_arrived(path, self.wanted(), result)

    def test_a_lost_document_is_no_change(self):
        path, _ = self.pull("kaggle/ana/heart-images")
        self.heart.croissant = None
        again, result = self.pull("kaggle/ana/heart-images")
        self.assertEqual(again, path, str(result))

    def test_lists(self):
        self.site.empty_pages = (1,)
        self.site.page_limit = 20
        result = self.medmirror("files", "--json", "kaggle/ana/heart-images")
        listed = {event["path"]: event for event in self.events(result, "listed")}
        self.assertEqual(set(listed), {*self.wanted(), "heart-images.zip"})
        self.assertEqual({path: listed[path]["bytes"] for path in self.wanted()},
                         {path: content.size for path, content in self.wanted().items()})
        self.assertEqual(listed["heart-images.zip"]["digest"], "md5:" + self.heart.current.archive.digest("md5"))
        self.assertEqual(self.asked("/api/v1/datasets/download/*"), [])

    def test_lists_short(self):
        """What ends before its end is told."""
        self.site.page_limit, self.site.ends_after = 20, 1
        result = self.medmirror("files", "kaggle/ana/heart-images", "--include", "*.csv")
        self.assertIn("its summary counts 47", result.err)
        self.assertTrue(all(line.endswith(".csv") for line in result.lines), str(result))

    def test_lists_by_directory(self):
        """Where the flat list is gone, the one by folders serves."""
        self.site.page_limit = 20
        self.server.faults.add(kaggle_words.refused(kaggle_words.NOT_FOUND, "/api/v1/datasets/list/*", 404))
        result = self.medmirror("files", "--json", "kaggle/ana/heart-images")
        listed = {event["path"]: event["bytes"] for event in self.events(result, "listed")}
        self.assertEqual(listed, {"heart-images.zip": None, **{path: content.size for path, content in self.wanted().items()}})

    def test_wrong_name(self):
        result = self.medmirror("pull", "kaggle/ana/nothing", expect=7)
        self.assert_explains(result, "https://www.kaggle.com/datasets/ana/nothing")
        self.assert_nothing_installed()
        result = self.medmirror("pull", "kaggle/ana", expect=2)
        self.assert_explains(result, "kaggle/c/")

    def test_consent(self):
        result = self.medmirror("pull", SLIDES, expect=4)
        self.assert_explains(result, "https://www.kaggle.com/datasets/mayo/consented-slides", SETTINGS, "medmirror login kaggle")
        result = self.medmirror("pull", SLIDES, env=self.token("bystander"), expect=4)
        self.assert_explains(result, "consent", "https://www.kaggle.com/datasets/mayo/consented-slides")
        path, result = self.pull(SLIDES, env=self.token())
        self.assert_tree(path, self.site.datasets["mayo/consented-slides"].current.files)
        self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        self.assert_secret(self.ana.token)

    def test_private(self):
        self.medmirror("pull", "kaggle/ana/own-notes", expect=4)
        self.site.private_status = 404
        self.medmirror("pull", "kaggle/ana/own-notes", expect=7)
        path, result = self.pull("kaggle/ana/own-notes", env=self.token())
        self.assert_tree(path, self.site.datasets["ana/own-notes"].current.files)
        self.assertEqual(path.stat().st_mode & 0o777, 0o700)

    def test_a_bad_key_hinders_nobody(self):
        bad = {"KAGGLE_API_TOKEN": "KGAT_" + "0" * 32}
        path, result = self.pull("kaggle/ana/heart-images", env=bad)
        self.assert_arrived(path, self.wanted(), result)
        self.medmirror("pull", "kaggle/ana/nothing", env=bad, expect=7)


class Competitions(WithKaggle):
    def contest(self):
        return self.site.competitions["rsna-bone-age"]

    def test_no_credentials(self):
        for command in (["pull", CONTEST], ["files", CONTEST]):
            with self.subTest(command):
                result = self.medmirror(*command, expect=4)
                self.assert_explains(result, SETTINGS, RULES, "medmirror login kaggle", f"medmirror pull {CONTEST}")
        self.assert_nothing_installed()
        self.assertEqual(self.storage.record.entries(), [])

    def test_no_rules(self):
        result = self.medmirror("pull", CONTEST, env=self.token("bystander"), expect=4)
        self.assert_explains(result, "rules", RULES, f"medmirror pull {CONTEST}")
        result = self.medmirror("files", CONTEST, env=self.token("bystander"), expect=4)
        self.assert_explains(result, RULES)

    def test_phone(self):
        for form in ("json", "plain", "empty"):
            self.site.forbidden_form = form
            with self.subTest(form):
                result = self.medmirror("pull", CONTEST, env=self.token("newcomer"), expect=4)
                words = ("telephone number", SETTINGS, RULES) if form != "empty" else ("network", "consent or rules")
                self.assert_explains(result, *words)

    def test_bad_key(self):
        for env, words in (({"KAGGLE_API_TOKEN": "KGAT_" + "0" * 32}, ("token", "KAGGLE_API_TOKEN")),
                           ({"KAGGLE_USERNAME": "ana", "KAGGLE_KEY": "0" * 32}, ("“ana”", "KAGGLE_KEY"))):
            with self.subTest(words):
                self.server.record.clear()
                result = self.medmirror("pull", CONTEST, env=env, expect=4)
                self.assert_explains(result, *words, SETTINGS, "medmirror login kaggle")
                self.assertNotIn("0" * 32, result.err)
                self.assertEqual(len(self.with_login()), 1, "A refused login was shown again.")

    def test_wrong_slug(self):
        result = self.medmirror("pull", "kaggle/c/nothing", env=self.token(), expect=7)
        self.assert_explains(result, "kaggle/c/nothing", "name is wrong")
        self.site.wrong_slug = "not-found"
        self.medmirror("pull", "kaggle/c/nothing", env=self.token(), expect=7)
        result = self.medmirror("pull", CONTEST + "@2", env=self.token(), expect=7)
        self.assert_explains(result, "no versions")

    def test_pulls(self):
        for form in ("object", "array"):
            with self.subTest(form):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.site.competition_list = form
                path, result = self.pull(CONTEST, env=self.token())
                self.assert_tree(path, self.contest().files)
                self.assertEqual(path.parent.relative_to(self.mirror).as_posix(), "kaggle/c/rsna-bone-age")
                self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        asked = len(self.asked("*/download-all/*"))
        again, _ = self.pull(CONTEST, env=self.token())
        self.assertEqual(again, path)
        self.assertEqual(len(self.asked("*/download-all/*")), asked + 1)

    def test_one_call_is_enough(self):
        self.pull(CONTEST, env=self.token())
        self.assertEqual(len(self.asked("*/download-all/*")), 1, self.asked())

    def test_changes(self):
        path, _ = self.pull(CONTEST, env=self.token())
        old = dict(self.contest().files)
        self.contest().replace({"train.csv": Bytes("other\n" * 100)})
        beside, result = self.pull(CONTEST, env=self.token())
        self.assertNotEqual(beside, path, str(result))
        self.assert_tree(beside, self.contest().files)
        self.assert_tree(path, old)


class Throttled(WithKaggle):
    def test_recovers(self):
        for shape in ("rest", "rpc"):
            for pattern in ("*/croissant/download", "/api/v1/datasets/download/*", "/api/v1/datasets/list/*"):
                with self.subTest((shape, pattern)):
                    shutil.rmtree(self.mirror, ignore_errors=True)
                    self.server.faults.clear()
                    self.server.faults.add(kaggle_words.throttled(pattern, shape, 1, times=2, method=None))
                    path, result = self.pull("kaggle/ana/heart-images")
                    self.assert_arrived(path, self.wanted(), result)

    def test_competition_recovers(self):
        for pattern in ("/api/v1/competitions/data/list/*", "/api/v1/competitions/data/download-all/*"):
            with self.subTest(pattern):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.server.faults.clear()
                self.server.faults.add(kaggle_words.throttled(pattern, "rest", 1, times=2))
                path, result = self.pull(CONTEST, env=self.token())
                self.assert_tree(path, self.site.competitions["rsna-bone-age"].files)

    def test_gives_up(self):
        self.configure(retries=2)
        for ref, purpose in ((CONTEST, "competition_files"), (CONTEST, "competition_archive"),
                             ("kaggle/ana/heart-images", "download")):
            with self.subTest(purpose):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.server.record.clear()
                self.site.limits = {purpose: Limit(0)}
                result = self.medmirror("pull", ref, env=self.token(), expect=5)
                self.assert_explains(result, "429", "fewer requests", f"medmirror pull {ref}")
                self.assertLessEqual(self.site.limits[purpose].refused, 6)


class Refusals(WithKaggle):
    """An error under a status that says all is well, and pages in place of answers."""

    def refuse(self, *some):
        self.server.faults.clear()
        self.server.faults.add(*some)

    def test_error_in_200(self):
        self.configure(retries=2)
        for code, message, expect in ((403, kaggle_words.FORBIDDEN, 4), (401, kaggle_words.UNAUTHENTICATED, 4),
                                      (404, kaggle_words.NOT_FOUND, 7), (429, kaggle_words.TOO_MANY, 5),
                                      (500, "Oops", 5)):
            with self.subTest(code):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(kaggle_words.refused_in_200("/api/v1/datasets/download/*", code, message, method=None))
                result = self.medmirror("pull", "kaggle/ana/heart-images", expect=expect)
                self.assert_explains(result)
                self.assertEqual([path for path in self.mirror.rglob("*") if path.suffix in (".png", ".zip")], [])

    def test_pages(self):
        self.configure(retries=2)
        for fault, expect in ((faults.login_page("/api/v1/datasets/download/*", method=None), 4),
                              (faults.page(b"<!DOCTYPE html><title>Hello</title>", "/api/v1/datasets/download/*"), 5),
                              (kaggle_words.unavailable("/api/v1/datasets/download/*"), 5)):
            with self.subTest(expect):
                shutil.rmtree(self.mirror, ignore_errors=True)
                self.refuse(fault)
                result = self.medmirror("pull", "kaggle/ana/heart-images", expect=expect)
                self.assert_explains(result)
                self.assert_nothing_installed()

    def test_blocked(self):
        for code, expect in ((403, 4), (404, 7)):
            self.refuse(kaggle_words.refused("", "/api/v1/*", code), faults.status(404, "/datasets/*"))
            result = self.medmirror("pull", "kaggle/ana/heart-images", expect=expect)
            self.assert_explains(result, "network", "https://www.kaggle.com/datasets/ana/heart-images")

    def test_the_other_face(self):
        """Where the API by GET is gone, its calls by POST serve."""
        self.endpoints["kaggle-rpc"] = self.server.url
        for fault in (faults.status(404, "/api/v1/*", body=b"<html>gone</html>"), faults.status(410, "/api/v1/*"),
                      faults.page(b"<!DOCTYPE html><title>Hello</title>", "/api/v1/*")):
            shutil.rmtree(self.mirror, ignore_errors=True)
            self.heart.croissant = None
            self.refuse(fault)
            path, result = self.pull("kaggle/ana/heart-images")
            self.assert_arrived(path, self.wanted(), result)
            shutil.rmtree(self.mirror, ignore_errors=True)
            path, result = self.pull(CONTEST, env=self.token())
            self.assert_tree(path, self.site.competitions["rsna-bone-age"].files)


class Logins(WithKaggle):
    """Every form and place of Kaggle's own tools."""

    def place(self, name, text, mode=0o600):
        path = self.folder / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_every_form(self):
        ana = self.ana
        access = ana.make_access_token()
        legacy = json.dumps({"username": "ana", "key": ana.key})
        elsewhere = {"KAGGLE_CONFIG_DIR": str(self.folder / "home/else")}
        browser = {"refresh_token": "r", "access_token": access, "access_token_expiration": "2099-01-01T00:00:00.1234567Z",
                   "username": "ana", "scopes": []}
        forms = {
            "token": ({"KAGGLE_API_TOKEN": ana.token}, None, None),
            "token in a file": ({"KAGGLE_API_TOKEN": str(self.folder / "home/t")}, "t", ana.token + "\n"),
            "notebook": ({"KAGGLE_API_V1_TOKEN": str(self.folder / "home/n")}, "n", ana.token),
            "access_token": ({}, ".kaggle/access_token", ana.token + "\n"),
            "access_token.txt": ({}, ".kaggle/access_token.txt", ana.token + "\n"),
            "user and key": ({"KAGGLE_USERNAME": "ana", "KAGGLE_KEY": ana.key}, None, None),
            "token as key": ({"KAGGLE_USERNAME": "ana", "KAGGLE_KEY": ana.token}, None, None),
            "kaggle.json": ({}, ".kaggle/kaggle.json", legacy),
            "token in kaggle.json": ({}, ".kaggle/kaggle.json", json.dumps({"username": "ana", "key": ana.token})),
            "elsewhere": (elsewhere, "else/kaggle.json", legacy),
            "key over file": ({"KAGGLE_KEY": ana.key}, ".kaggle/kaggle.json", json.dumps({"username": "ana", "key": "0" * 32})),
            "empty is unset": ({"KAGGLE_API_TOKEN": "", "KAGGLE_KEY": "", "KAGGLE_USERNAME": ""}, ".kaggle/kaggle.json", legacy),
            "browser login": ({}, ".kaggle/credentials.json", json.dumps(browser)),
            "ours": ({"MEDMIRROR_KAGGLE_TOKEN": ana.token, "KAGGLE_API_TOKEN": "KGAT_" + "0" * 32}, None, None),
            "ours, a key": ({"MEDMIRROR_KAGGLE_USER": "ana", "MEDMIRROR_KAGGLE_PASSWORD": ana.key}, None, None),
        }
        for name, (env, where, text) in forms.items():
            with self.subTest(name):
                if where:
                    self.place(where, text)
                result = self.medmirror("files", CONTEST, env=env)
                for secret in (ana.token, ana.key, access):
                    self.assertNotIn(secret, result.out + result.err)
                self.assertNotIn("chmod", result.err)
                shutil.rmtree(self.folder / "home")
                (self.folder / "home").mkdir()

    def test_xdg(self):
        path = self.folder / "config" / "kaggle" / "kaggle.json"
        path.parent.mkdir()
        path.write_text(json.dumps({"username": "ana", "key": self.ana.key}))
        path.chmod(0o644)
        result = self.medmirror("files", CONTEST)
        self.assertIn(f"chmod 600 {path}", result.err)

    def test_readable_by_others(self):
        path = self.place(".kaggle/kaggle.json", json.dumps({"username": "ana", "key": self.ana.key}), 0o644)
        result = self.medmirror("files", CONTEST)
        self.assertIn(f"chmod 600 {path}", result.err)

    def test_spoiled_places(self):
        path = self.place(".kaggle/kaggle.json", "no JSON")
        result = self.medmirror("files", CONTEST, expect=4)
        self.assert_explains(result, str(path), SETTINGS)
        self.medmirror("files", "kaggle/ana/heart-images")
        path.unlink()
        old = {"access_token": "x" * 20, "access_token_expiration": "2020-01-01T00:00:00Z"}
        path = self.place(".kaggle/credentials.json", json.dumps(old))
        result = self.medmirror("files", CONTEST, expect=4)
        self.assert_explains(result, "has expired", str(path))

    def renewals(self):
        return [entry for entry in self.server.record.entries() if "access-tokens/generate" in entry.target]

    def test_renewed(self):
        old = {"refresh_token": self.ana.refresh_token, "access_token": "KGAT_" + "0" * 32,
               "access_token_expiration": "2020-01-01T00:00:00Z"}
        for spelled in (old, {"refresh_token": self.ana.refresh_token}):
            with self.subTest(sorted(spelled)):
                self.server.record.clear()
                path = self.place(".kaggle/credentials.json", json.dumps(spelled))
                result = self.medmirror("pull", "--verbose", CONTEST)
                self.assertEqual(len(self.renewals()), 1, "One request a run.")
                self.assertNotIn(self.ana.refresh_token, result.out + result.err)
                self.assertNotIn(self.ana.access_tokens[-1], result.out + result.err)
                self.assertEqual(json.loads(path.read_text()), spelled, "Others' files are theirs.")
                sent = {entry.headers.get("authorization") for entry in self.server.record.entries()}
                self.assertLessEqual(sent, {None, f"Bearer {self.ana.access_tokens[-1]}"})
                self.medmirror("remove", "--yes", CONTEST)

    def test_not_renewed(self):
        path = self.place(".kaggle/credentials.json", json.dumps({"refresh_token": "r" * 30, "access_token": "x" * 20,
                                                                  "access_token_expiration": "2020-01-01T00:00:00Z"}))
        result = self.medmirror("files", CONTEST, expect=4)
        self.assert_explains(result, "has expired", "did not renew", str(path))
        self.assertEqual(len(self.renewals()), 1)
        self.assertNotIn("r" * 30, result.err)
        netrc = self.place(".netrc", f"machine www.kaggle.com login ana password {self.ana.key}\n")
        result = self.medmirror("files", CONTEST)
        self.assertIn("did not renew", result.err)
        self.assertTrue(netrc.exists())

    def test_places_without_an_end(self):
        """A pipe that nobody writes to, a device, a folder: said, and not waited for."""
        pipe = self.folder / "home" / "pipe"
        os.mkfifo(pipe, 0o600)
        for place in (str(pipe), "/dev/zero", str(self.folder / "home")):
            with self.subTest(place):
                result = self.medmirror("files", CONTEST, env={"KAGGLE_API_TOKEN": place}, expect=4)
                self.assert_explains(result, place, "cannot be read")

    def test_token_by_a_pipe(self):
        """As the shell's <(...) gives one."""
        pipe = self.folder / "home" / "pipe"
        os.mkfifo(pipe, 0o600)
        writer = threading.Thread(target=lambda: pipe.write_text(self.ana.token + "\n"), daemon=True)
        writer.start()
        self.medmirror("files", CONTEST, env={"KAGGLE_API_V1_TOKEN": str(pipe)})
        writer.join(10)

    def login(self, text, *options, expect=0):
        path = self.place("secret", text)
        return self.medmirror_with_input(path, "login", "kaggle", "--stdin", *options, expect=expect)

    def medmirror_with_input(self, path, *arguments, expect=0):
        with open(path, "rb") as file:
            done = subprocess.run([self.program, "--mirror", str(self.mirror), *arguments], stdin=file, capture_output=True,
                                  env=self.environment(), cwd=self.folder, timeout=120, check=False, text=True)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        for account in self.site.accounts.by_name.values():
            for secret in (account.key, *account.tokens):
                self.assertNotIn(secret, done.stdout + done.stderr)
        return done

    def test_login(self):
        legacy = json.dumps({"username": "ana", "key": self.ana.key})
        for text, options in ((self.ana.token, ()), (self.ana.key, ("--user", "ana")), (legacy, ()),
                              (self.ana.token, ("--user", "ana"))):
            with self.subTest(options):
                self.server.record.clear()
                self.login(text + "\n", *options)
                self.assertEqual(len(self.asked()), 1, "One request proves it.")
                stored = self.folder / "config/medmirror/credentials"
                self.assertEqual(stored.stat().st_mode & 0o777, 0o600)
                self.medmirror("files", CONTEST)
                result = self.medmirror("doctor", "--offline")
                self.assertIn("medmirror login", result.out)
                self.medmirror("logout", "kaggle")
                self.medmirror("files", CONTEST, expect=4)

    def test_login_refused(self):
        for text, options, words in (("KGAT_" + "0" * 32, (), "does not know this token"),
                                     ("0" * 32, ("--user", "ana"), "does not know this user"),
                                     ("0" * 32, (), "--user NAME"), ("{}", (), "kaggle.json")):
            with self.subTest(words):
                done = self.login(text + "\n", *options, expect=4)
                self.assertIn(words, done.stderr)
                self.assertNotIn(text * (len(text) > 8) or "nothing", done.stderr)
                self.assertFalse((self.folder / "config/medmirror/credentials").exists())


class Shown(WithKaggle):
    """`show` opens no connection, and says what is needed beforehand."""

    def test_competition(self):
        result = self.medmirror("show", CONTEST, expect=7)
        self.assert_explains(result, SETTINGS, RULES, "medmirror login kaggle")
        self.assertEqual(self.asked(), [])

    def test_in_the_catalogue(self):
        manifest = self.folder / "bone-age.json"
        manifest.write_text(json.dumps({
            "id": "bone-age", "kind": "challenge", "title": {"en": "Bone Age"}, "source": "kaggle",
            "locator": {"competition": "rsna-bone-age"}, "access": "account"}))
        result = self.medmirror("show", manifest)
        for words in (SETTINGS, RULES, "medmirror login kaggle"):
            self.assertIn(words, result.out)
        self.assertEqual(self.asked(), [])


if __name__ == "__main__":
    unittest.main()
