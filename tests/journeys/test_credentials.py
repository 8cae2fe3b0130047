"""Credentials: who is let in, what is said to who is not, how often a password is shown, and that it is nowhere else."""

import base64
import grp
import json
import os
import pathlib
import re
import resource
import signal
import stat
import subprocess
import time
import unittest
import urllib.parse

from journey import SLOWER, Journey
from origins import (Bytes, Certificates, ForwardProxy, Noise, PhysioNetBucket, PhysioNetSite, PlainSite, User, Version,
                     archives, faults, physionet)

PASSWORD = "Gr9-pässword: 1%"
CLINICAL = "physionet/clinical@1.4"


def users():
    """The origin's accounts, all with a password that is found again wherever it gets to."""
    return [User(user.name, PASSWORD, user.email, user.credentialed, user.trained, user.signed, user.approved)
            for user in physionet.standard_users()]


def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def forms_of(user, password):
    """Every form in which the password might be met: bytes."""
    pair = f"{user}:{password}"
    texts = {password, urllib.parse.quote(password), urllib.parse.quote(password, safe=""),
             urllib.parse.quote_plus(password), json.dumps(password)[1:-1], json.dumps(password, ensure_ascii=False)[1:-1]}
    encoded = {base64.b64encode(text.encode()).rstrip(b"=") for text in (pair, password)}
    return {text.encode() for text in texts} | encoded | {password.encode("utf-16-le")}


class CredentialJourney(Journey):
    def setUp(self):
        super().setUp()
        self.site = PhysioNetSite(users=users())
        self.physionet = self.origin(self.site, "physionet")
        self.credentials = self.folder / "config" / "medmirror" / "credentials"

    def files(self, slug="clinical", version="1.4"):
        return self.site.projects[slug][version].tree.below("")

    def shown(self):
        """The requests that showed a password."""
        return [entry for entry in self.physionet.record.entries() if "authorization" in entry.headers]

    @staticmethod
    def given(user, password=PASSWORD):
        return {"PHYSIONET_USERNAME": user, "PHYSIONET_PASSWORD": password}

    def log_in(self, user, password=PASSWORD, expect=0, env=()):
        """`login` with the password on standard input, which is no terminal."""
        command = [self.program, "--mirror", str(self.mirror), "login", "physionet", "--user", user]
        done = subprocess.run(command, input=(password + "\n").encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment(**dict(env)), cwd=self.folder, timeout=60 * SLOWER)
        text = done.stdout.decode() + done.stderr.decode()
        self.assertEqual(done.returncode, expect, text)
        return text

    def drip(self, pattern="/files/clinical/1.4/*.gz", rate=20_000, **limits):
        self.physionet.faults.add(faults.drip(rate, pattern, **limits))


class Refusals(CredentialJourney):
    """Exit 4 each, with words and a page of its own; nothing is installed."""

    def refused(self, user=None, ref=CLINICAL, password=PASSWORD):
        result = self.medmirror("pull", ref, env=self.given(user, password) if user else {}, expect=4)
        self.assert_explains(result, ref.partition("/")[2].partition("@")[0])
        self.assert_nothing_installed()
        return result

    def test_without_credentials(self):
        result = self.refused()
        self.assert_explains(result, "medmirror login physionet")
        self.assertEqual(self.shown(), [])
        self.assertLess(len(self.physionet.record.entries("/files/*")), len(self.files()))

    def test_wrong_password_is_shown_once(self):
        result = self.refused("ana", password="not this one")
        self.assertEqual(len(self.shown()), 1, str(result))
        self.assertEqual(self.site.door.refused, 1)
        self.assertRegex(result.err, r"(?i)password|does not know", str(result))
        self.assert_explains(result, "ana", "medmirror login physionet")
        self.assertNotIn("not this one", result.err + result.out)

    def test_agreement_of_this_version_not_signed(self):
        result = self.refused("unsigned")
        self.assert_explains(result, "/sign-dua/clinical/1.4/")
        self.assertLessEqual(len(self.shown()), 2, str(result))

    def test_agreement_of_another_version_is_no_help(self):
        self.assert_explains(self.refused("ana", "physionet/clinical@1.5"), "/sign-dua/clinical/1.5/")

    def test_training_expired(self):
        self.assertRegex(self.refused("untrained").err, "(?i)training")

    def test_review_wants_a_request(self):
        self.assertIn("reviewed", self.refused("unsigned", "physionet/reviewed@1.1").err)

    def test_the_words_differ(self):
        texts = {name: re.sub(r"\s+", " ", self.refused(user, password=password).err)
                 for name, user, password in (("none", None, None), ("wrong", "ana", "wrong"), ("unsigned", "unsigned",
                                                                                              PASSWORD))}
        self.assertEqual(len(set(texts.values())), 3)
        self.assertNotIn("sign-dua", texts["wrong"])
        self.assertNotIn("password is", texts["unsigned"])

    def test_open_projects_that_want_a_login_or_refuse_the_region(self):
        result = self.refused(ref="physionet/login-open@1.0.0")
        self.assert_explains(result, "medmirror login physionet")
        result = self.refused(ref="physionet/elsewhere@1.0.0")
        self.assertRegex(result.err, "(?i)region", str(result))
        result = self.refused("ana", ref="physionet/elsewhere@1.0.0")
        self.assertRegex(result.err, "(?i)region", str(result))

    def test_files_closed_for_download(self):
        for ref in ("physionet/clouds-only@1.0.0", "physionet/embargoed@1.0.0"):
            self.refused("ana", ref)

    def test_a_wrong_password_is_shown_once_when_a_pull_goes_on(self):
        self.drip()
        first = self.start("pull", CLINICAL, env=self.given("ana"))
        self.physionet.record.wait_for("/files/clinical/1.4/*.gz", 2, 30 * SLOWER, sent=6000)
        first.kill()
        self.physionet.faults.clear()
        self.physionet.record.clear()
        result = self.medmirror("pull", CLINICAL, env=self.given("ana", "no longer"), expect=4)
        self.assertEqual(len(self.shown()), 1, str(result))
        self.assert_nothing_installed()
        self.physionet.record.clear()
        path, result = self.pull(CLINICAL, env=self.given("ana"))
        self.assert_arrived(path, self.files(), result, mode=0o400)

    def test_a_password_that_is_changed_during_a_pull_is_shown_once_more_at_most_for_what_ran(self):
        """The first refusal ends its use: what waits in the queue is not asked for with it."""
        for number in range(60):
            self.site.projects["clinical"]["1.4"].tree.add(f"more/{number:03}.gz", Noise(20_000, number))
        self.site.projects["clinical"]["1.4"].tree.add(
            "SHA256SUMS.txt", Bytes(self.site.projects["clinical"]["1.4"].checksum_list()))
        self.drip(rate=15_000)
        running = self.start("pull", CLINICAL, env=self.given("ana"))
        self.physionet.record.wait_for("/files/clinical/1.4/*.gz", 3, 30 * SLOWER, sent=4000)
        self.site.door.users[0].password = "another"
        self.site.door._sessions.clear()
        self.physionet.faults.clear()
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 4)
        refused = [entry for entry in self.shown() if entry.status == 401]
        self.assertLess(len(refused), 12, "only those that were on their way may meet the refusal")
        self.assert_nothing_installed()

    def test_maintenance_is_no_question_of_access(self):
        self.site.maintenance = True
        result = self.medmirror("pull", CLINICAL, env=self.given("ana"), expect=5)
        self.assertNotRegex(result.err, "(?i)password")

    def test_without_a_terminal_nothing_is_asked(self):
        result = self.start("login", "physionet", "--user", "ana").wait(30 * SLOWER)
        self.assertIn(result.status, (2, 4), str(result))
        self.assertFalse(self.credentials.exists())

    def test_login_with_a_wrong_password_stores_nothing(self):
        text = self.log_in("ana", "wrong", expect=4)
        self.assertEqual(len(self.shown()), 1, text)
        self.assertFalse(self.credentials.exists() and b"wrong" in self.credentials.read_bytes())


class WaysIn(CredentialJourney):
    """A right password pulls and verifies, whichever way it comes."""

    def assert_lets_in(self, **env):
        path, result = self.pull(CLINICAL, env=env)
        self.assert_arrived(path, self.files(), result, mode=0o400)
        self.medmirror("verify", CLINICAL)
        shown = self.shown()
        self.assertTrue(shown)
        for entry in shown:
            self.assertRegex(entry.headers["user-agent"], r"^(Wget|libwfdb)/\S+ .*medmirror/")
            self.assertTrue(entry.path.startswith(("/files/clinical/1.4/", "/files/secret/")), entry.path)
        self.assertLessEqual(self.site.door.hashed, 2 + len(shown) // 3, "the jar of cookies is kept for the run")
        for entry in self.physionet.record.entries():
            if "authorization" not in entry.headers:
                self.assertRegex(entry.headers["user-agent"], r"^medmirror/", entry.path)

    def test_environment(self):
        self.assert_lets_in(**self.given("ana"))

    def test_user_name_or_mail_in_any_case(self):
        self.assert_lets_in(**self.given("ANA@Example.org"))

    def test_login_and_logout(self):
        text = self.log_in("ana")
        self.assertEqual(len(self.shown()), 1, "login proves itself with one request: " + text)
        self.assertEqual(stat.S_IMODE(self.credentials.stat().st_mode), 0o600)
        self.site.door.hashed = 0
        self.physionet.record.clear()
        self.assert_lets_in()
        self.medmirror("logout", "physionet")
        self.assertFalse(self.credentials.exists() and PASSWORD.encode() in self.credentials.read_bytes())
        self.physionet.record.clear()
        self.medmirror("pull", "physionet/agreed@2.0", expect=4)
        self.assertEqual(self.shown(), [])

    def test_netrc(self):
        netrc = self.folder / "home" / ".netrc"
        netrc.write_text(f'machine physionet.org login ana password "{PASSWORD}"\n', encoding="utf-8")
        netrc.chmod(0o600)
        self.assert_lets_in()

    def test_wfdbpassword(self):
        self.assert_lets_in(WFDBPASSWORD=f"https://physionet.org/ ana:{PASSWORD}")

    def test_what_login_stored_comes_before_the_sources_own_variables(self):
        self.log_in("ana")
        self.physionet.record.clear()
        self.pull(CLINICAL, env=self.given("unsigned"))
        self.assertEqual({entry.headers["authorization"] for entry in self.shown()}, {"Basic " + basic("ana", PASSWORD)})

    def test_an_open_project_is_never_shown_a_password(self):
        path, result = self.pull("physionet/mitdb@1.0.0", env=self.given("ana"))
        self.assert_arrived(path, self.files("mitdb", "1.0.0"), result)
        self.assertEqual(self.shown(), [])
        for entry in self.physionet.record.entries():
            self.assertRegex(entry.headers["user-agent"], r"^medmirror/")

    def test_an_open_project_that_wants_a_login(self):
        path, result = self.pull("physionet/login-open@1.0.0", env=self.given("newcomer"))
        self.assert_arrived(path, self.files("login-open", "1.0.0"), result, mode=0o400)

    def test_one_file_behind_a_door_makes_the_version_private(self):
        self.site.add(Version("half-open", "1.0.0", "Half Open", {
            name: Noise(9000, name) for name in ("a.dat", "b/inner.dat", "c.dat")}, guarded=("b/inner.dat",)))
        result = self.medmirror("pull", "physionet/half-open@1.0.0", expect=4)
        self.assert_explains(result, "b/inner.dat", "medmirror login physionet")
        path, result = self.pull("physionet/half-open@1.0.0", env=self.given("newcomer"))
        self.assert_arrived(path, self.files("half-open", "1.0.0"), result, mode=0o400)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        self.medmirror("verify", "physionet/half-open@1.0.0")

    def test_restricted_and_reviewed_projects(self):
        for slug, version in (("agreed", "2.0"), ("reviewed", "1.1")):
            path, result = self.pull(f"physionet/{slug}@{version}", env=self.given("ana"))
            self.assert_arrived(path, self.files(slug, version), result, mode=0o400)


class ItsPullersAlone(CredentialJourney):
    """Restricted data: modes, and no file shared with anybody."""

    def assert_private(self, *roots):
        for root in roots:
            for path in [root, *pathlib.Path(root).rglob("*")]:
                now = path.lstat()
                if not stat.S_ISLNK(now.st_mode):
                    self.assertEqual(now.st_mode & 0o077, 0, f"{path} is {stat.filemode(now.st_mode)}")
                if stat.S_ISREG(now.st_mode):
                    self.assertEqual(now.st_nlink, 1, f"{path} has further names")

    def pull_clinical(self, *options):
        return self.pull(CLINICAL, *options, env=self.given("ana"))

    def header(self, path):
        with open(path.with_name(path.name + ".lock.jsonl"), encoding="utf-8") as lock:
            return json.loads(lock.readline())

    def test_modes_of_a_version_and_what_lies_beside_it(self):
        path, _ = self.pull_clinical()
        self.assert_private(path.parent)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o700)
        self.assertNotEqual(self.header(path)["access"], "open")
        self.assertNotEqual(stat.S_IMODE(path.parent.parent.stat().st_mode) & 0o055, 0)
        self.assert_private(self.mirror / ".medmirror" / "index.db")

    def test_an_open_version_beside_it_stays_everybodys(self):
        self.pull_clinical()
        open_path, result = self.pull("physionet/mitdb@1.0.0")
        self.assert_arrived(open_path, self.files("mitdb", "1.0.0"), result)
        self.assertEqual(stat.S_IMODE(open_path.parent.stat().st_mode), 0o755)

    def test_private_from_the_first_partial_byte(self):
        os.umask(0o022)
        self.drip(rate=8_000)
        running = self.start("pull", CLINICAL, env=self.given("ana"))
        seen = 0
        while running.is_running:
            for root in ("partial", "stage", "evidence"):
                for path in (self.mirror / ".medmirror" / root).glob("*/**/*"):
                    try:
                        now = path.lstat()
                    except FileNotFoundError:
                        continue
                    if now.st_size and stat.S_ISREG(now.st_mode) and (root != "stage" or "tree" in path.parts):
                        seen += 1
                        self.assertEqual(now.st_mode & 0o077, 0, f"{path} is {stat.filemode(now.st_mode)}")
            time.sleep(0.02)
        self.assert_status(running.wait(), 0)
        self.assertGreater(seen, 0)

    def test_a_part_that_grows_and_files_of_somebody(self):
        path, _ = self.pull_clinical("--include", "hosp/*")
        (path / "mask.npy").write_bytes(b"mine")
        (path / "icu").write_bytes(b"in the way")
        path, result = self.pull_clinical()
        (path / "mask.npy").unlink()
        self.assert_arrived(path, self.files(), result, mode=0o400)
        extra = path.with_name(path.name + ".extra")
        self.assertEqual((extra / "icu").read_bytes(), b"in the way")
        self.assertEqual(stat.S_IMODE(extra.stat().st_mode), 0o700)

    def test_repair(self):
        path, _ = self.pull_clinical()
        self.flip(path / "icu" / "icustays.csv.gz")
        self.medmirror("verify", "--repair", CLINICAL, env=self.given("ana"))
        self.assert_arrived(path, self.files(), mode=0o400)
        self.assert_private(path.parent)
        list_file = path.with_name(path.name + ".sha256")
        list_file.unlink()
        self.medmirror("verify", "--repair", CLINICAL, no_network=True)
        self.assert_private(path.parent)

    def test_what_others_may_read_is_noticed_and_mended(self):
        path, _ = self.pull_clinical()
        for what, mode in ((path / "icu" / "icustays.csv.gz", 0o444), (path, 0o755),
                           (path.with_name("1.4.lock.jsonl"), 0o644), (path.with_name("1.4.sha256"), 0o640)):
            what.chmod(mode)
            result = self.medmirror("verify", CLINICAL, expect=1, no_network=True)
            self.assert_explains(result, f"chmod -R go-rwx {path}", "--repair")
            result = self.medmirror("verify", "--repair", CLINICAL, no_network=True)
            self.assert_private(path.parent)
            self.medmirror("verify", CLINICAL, no_network=True)

    def test_a_group_by_configuration(self):
        """Its members read, nobody else does; also of what stood before, by --repair."""
        group = grp.getgrnam("daemon") if os.geteuid() == 0 else grp.getgrgid(os.getegid())
        path, _ = self.pull("physionet/agreed@2.0", env=self.given("ana"))
        conf = self.folder / "config" / "medmirror" / "medmirror.conf"
        conf.write_text(conf.read_text(encoding="utf-8") + f"[dataset physionet/clinical]\ngroup={group.gr_name}\n"
                        f"[access account]\ngroup={group.gr_name}\n", encoding="utf-8")
        self.medmirror("verify", "--repair", "physionet/agreed@2.0", no_network=True)
        self.assert_arrived(path, self.files("agreed", "2.0"), mode=0o440)
        path, result = self.pull_clinical("--include", "hosp/*")
        path, result = self.pull_clinical()
        self.assert_arrived(path, self.files(), result, mode=0o440)
        for one in (path.parent, *path.parent.rglob("*")):
            now = one.lstat()
            if not stat.S_ISLNK(now.st_mode):
                self.assertEqual((now.st_gid, now.st_mode & 0o027), (group.gr_gid, 0), one)
                self.assertEqual(stat.S_IMODE(now.st_mode), 0o2750 if one.is_dir() else 0o440, one)
        self.flip(path / "icu" / "icustays.csv.gz")
        (path / "icu" / "icustays.csv.gz").chmod(0o444)
        result = self.medmirror("verify", CLINICAL, env=self.given("ana"), expect=3)
        self.medmirror("verify", "--repair", CLINICAL, env=self.given("ana"))
        self.assert_arrived(path, self.files(), mode=0o440)
        self.assertEqual((path / "icu" / "icustays.csv.gz").stat().st_gid, group.gr_gid)
        (path / "hosp").chmod(0o2755)
        (path / "hosp" / "patients.csv.gz").chmod(0o444)
        result = self.medmirror("verify", CLINICAL, expect=1)
        self.assert_explains(result, "chmod -R o-rwx,g-w")
        conf.write_text(conf.read_text(encoding="utf-8") + "[dataset physionet/other]\ngroup=no-such-group\n",
                        encoding="utf-8")
        self.assertIn("no-such-group", self.medmirror("list", expect=2).err)

    def test_in_a_groups_mirror_what_needs_a_login_is_nobody_elses_while_it_comes(self):
        """The project is called open, and its stage is the group's, until a file wants a login."""
        self.medmirror("init", "--no-remember", "--group", grp.getgrgid(os.getegid()).gr_name)
        files = {name: Noise(20_000, name) for name in ("a.dat", "b.dat")}
        self.site.add(Version("half-open", "1.0.0", "Half Open", files, guarded=("b.dat",)))
        self.drip("/files/half-open/1.0.0/b.dat", 20_000)
        running = self.start("pull", "physionet/half-open@1.0.0", env=self.given("ana"))
        secret, seen = files["b.dat"].bytes()[:100], 0
        while running.is_running:
            for path in [pathlib.Path(folder) / name for folder, _, names in os.walk(self.mirror / ".medmirror")
                         for name in names if "half-open" in folder]:
                try:
                    if path.is_file() and path.read_bytes()[:100] == secret:
                        modes = [one.lstat().st_mode for one in (path, *path.parents) if self.mirror in one.parents]
                        seen += 1
                        self.assertFalse(all(mode & 0o011 for mode in modes[1:]) and modes[0] & 0o044,
                                         f"{path}: {[stat.filemode(mode) for mode in modes]}")
                except FileNotFoundError:
                    continue
        self.assert_status(running.wait(), 0)
        self.assertGreater(seen, 0)

    def test_a_mirror_that_becomes_a_groups_keeps_what_another_group_has(self):
        """init --group on a mirror that stands: what is private to a group of the configuration stays so."""
        here = grp.getgrgid(os.getegid())
        group = grp.getgrnam("daemon") if os.geteuid() == 0 else here
        conf = self.folder / "config" / "medmirror" / "medmirror.conf"
        conf.write_text(conf.read_text(encoding="utf-8") + f"[dataset physionet/clinical]\ngroup={group.gr_name}\n",
                        encoding="utf-8")
        path, _ = self.pull_clinical()
        self.medmirror("init", "--no-remember", "--group", here.gr_name)
        self.assertEqual(stat.S_IMODE(path.parent.parent.stat().st_mode), 0o2775)
        for one in (path.parent, *path.parent.rglob("*")):
            now = one.lstat()
            if not stat.S_ISLNK(now.st_mode):
                self.assertEqual((now.st_gid, now.st_mode & 0o027), (group.gr_gid, 0), f"{one}: {stat.filemode(now.st_mode)}")

    def twin(self):
        """An open project with the very bytes of a closed one."""
        self.site.add(Version("twin", "1.0.0", "The Same Bytes", {
            name: content for name, content in self.files().items() if name.endswith(".gz")}))
        return "physionet/twin@1.0.0"

    def assert_shares_nothing(self, one, other):
        inodes = {path.stat().st_ino for path in one.rglob("*") if path.is_file()}
        self.assertTrue(inodes)
        for path in other.rglob("*"):
            self.assertNotIn(path.stat().st_ino, inodes, path)

    def test_nothing_is_shared_with_an_open_twin(self):
        twin = self.twin()
        for first, second in ((twin, CLINICAL), (CLINICAL, twin)):
            self.mirror = self.folder / f"mirror-{first.partition('/')[2]}"
            paths = {}
            for ref in (first, second):
                self.physionet.record.clear()
                paths[ref], result = self.pull(ref, env=self.given("ana"))
                self.assertGreater(self.physionet.record.bytes_sent("/files/*.gz"), 40_000, str(result))
            self.assert_shares_nothing(paths[first], paths[second])
            self.assert_private(paths[CLINICAL].parent)
            self.assert_arrived(paths[twin], self.files("twin", "1.0.0"))

    def test_open_twins_do_share(self):
        """The counterpart: without it the test above would show nothing."""
        self.pull(self.twin())
        self.site.add(Version("twin-two", "1.0.0", "The Same Bytes Again", self.files("twin", "1.0.0")))
        self.physionet.record.clear()
        self.pull("physionet/twin-two@1.0.0")
        self.assertEqual(self.physionet.record.bytes_sent("/files/twin-two/1.0.0/*.gz"), 0)

    def test_a_manifest_of_ones_own_that_says_closed(self):
        """No credential is needed: access other than open is enough. Archives, their members and what is kept."""
        plain = self.origin()
        members = {f"scans/{number}.dcm": Noise(9000, number) for number in range(4)}
        plain.site.add("scans.zip", Bytes(archives.make_zip(members)))
        manifest = self.folder / "config" / "medmirror" / "manifests" / "own.json"
        manifest.parent.mkdir()
        manifest.write_text(json.dumps({
            "id": "own", "title": {"en": "Own"}, "source": "http", "access": "application",
            "locator": {"urls": [f"{plain.url}/scans.zip"]}}), encoding="utf-8")
        path, result = self.pull("own", "--keep-archives")
        self.assert_arrived(path, members, result, mode=0o400)
        self.assert_private(path.parent)
        self.assertTrue(path.with_name(path.name + ".archives").is_dir(), str(result))
        self.flip(path / "scans" / "2.dcm")
        self.medmirror("verify", "--repair", "own")
        self.assert_arrived(path, members, mode=0o400)
        self.assert_private(path.parent)

    def test_somebody_else_sees_that_it_is_not_his(self):
        path, _ = self.pull_clinical()
        self.pull("physionet/mitdb@1.0.0")
        if os.geteuid() == 0:
            other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            for folder in (self.folder, *self.folder.iterdir()):
                folder.chmod(0o755 if folder.is_dir() else 0o644)
        else:
            other = []
            path.parent.chmod(0)
            self.addCleanup(path.parent.chmod, 0o700)
        home = self.folder / "other"
        home.mkdir()
        home.chmod(0o777)
        env = {**self.environment(), "HOME": str(home), **{f"XDG_{name}_HOME": str(home) for name in (
            "CONFIG", "DATA", "CACHE", "STATE")}, "XDG_RUNTIME_DIR": str(home)}
        results = {}
        for verb in (["list"], ["verify", CLINICAL], ["path", CLINICAL], ["path", "physionet/mitdb@1.0.0"]):
            done = subprocess.run([*other, self.program, "--mirror", str(self.mirror), *verb], env=env, cwd="/",
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOWER)
            results[" ".join(verb)] = done
        self.assertEqual(results["list"].returncode, 0, results["list"])
        self.assertIn(b"mitdb", results["list"].stdout)
        self.assertEqual(results["path physionet/mitdb@1.0.0"].returncode, 0)
        for verb in (f"verify {CLINICAL}", f"path {CLINICAL}"):
            self.assertEqual(results[verb].returncode, 4, results[verb])
            self.assertIn(b"sign", results[verb].stderr, results[verb])


class NowhereElse(CredentialJourney):
    """Not to another host, not in clear text abroad, and in no place on this machine but where it was put."""

    def test_never_to_where_a_redirect_leads(self):
        other = self.origin()
        for name, content in self.files().items():
            other.site.add("files/clinical/1.4/" + name, content)
        for code in (301, 302, 307):
            self.physionet.faults.clear()
            self.physionet.faults.add(faults.redirect(other.url_by_name + "{path}", "*/icustays.csv.gz", code=code))
            self.medmirror("pull", CLINICAL, env=self.given("ana"), expect=(0, 4, 5))
        self.assertTrue(other.record.entries())
        for entry in other.record.entries():
            self.assertNotIn("authorization", entry.headers)
            self.assertNotIn("cookie", entry.headers)

    def test_what_a_lab_was_told_is_the_labs_alone(self):
        """Its login goes to no other host, though that be the source's own; and the source's to no other port of it."""
        certificates = Certificates()
        self.addCleanup(certificates.close)
        tls = certificates.named("physionet.lab.example", "physionet.org")
        lab, own = self.origin(self.site, tls=tls), self.origin(self.site, tls=tls)
        proxy = ForwardProxy(names={"physionet.lab.example:443": f"127.0.0.1:{lab.port}",
                                    "physionet.org:443": f"127.0.0.1:{own.port}",
                                    "physionet.org:8443": f"127.0.0.1:{own.port}"})
        self.addCleanup(proxy.close)
        env = {"https_proxy": proxy.url, "SSL_CERT_FILE": certificates.authority}
        self.endpoints["physionet"] = "https://physionet.lab.example"
        self.log_in("ana", env=env)
        lab.faults.add(faults.redirect("https://physionet.org{path}", "*/icustays.csv.gz"))
        self.medmirror("pull", CLINICAL, env=env, expect=4)
        self.assertTrue(own.record.entries("*/icustays.csv.gz"))
        self.assertEqual([entry for entry in own.record.entries() if "authorization" in entry.headers], [])
        del self.endpoints["physionet"]
        self.log_in("ana", env=env)
        own.record.clear()
        own.faults.add(faults.redirect("https://physionet.org:8443{path}", "*/icustays.csv.gz", times=1))
        self.medmirror("pull", CLINICAL, env=env, expect=4)
        self.assertEqual({entry.headers["host"] for entry in own.record.entries() if "authorization" in entry.headers},
                         {"physionet.org"})
        self.assertIn("physionet.org:8443", {entry.headers["host"] for entry in own.record.entries()})
        for entry in proxy.record.entries():
            self.assertNotIn("authorization", entry.headers)

    def test_never_in_clear_text_by_way_of_a_proxy(self):
        """Loopback is this machine, and a proxy is not."""
        proxy = ForwardProxy()
        self.addCleanup(proxy.close)
        path, result = self.pull(CLINICAL, env={**self.given("ana"), "http_proxy": proxy.url})
        self.assert_arrived(path, self.files(), result, mode=0o400)
        self.assertTrue(proxy.record.entries(), "What is asked for without a login goes by the proxy.")
        for entry in proxy.record.entries():
            self.assertNotIn("authorization", entry.headers)

    def test_who_redirects_does_not_say_as_whom(self):
        other = self.origin()
        for name, content in self.files().items():
            other.site.add("files/clinical/1.4/" + name, content)
        self.physionet.faults.add(faults.redirect(f"http://eve:Eves-own-word@127.0.0.1:{other.port}{{path}}",
                                                  "*/icustays.csv.gz"))
        result = self.medmirror("--verbose", "pull", CLINICAL, env=self.given("ana"), expect=5)
        self.assertEqual(other.record.entries(), [])
        self.assertIn("redirects", result.err)
        self.assertNotIn("Eves-own-word", result.err + result.out)

    def test_an_endpoint_holds_no_password(self):
        host = self.physionet.url.partition("//")[2]
        self.endpoints["physionet"] = f"http://ana:{urllib.parse.quote(PASSWORD, safe='')}@{host}"
        for arguments in (("pull", "physionet/mitdb@1.0.0"), ("doctor",), ("--json", "files", "physionet/mitdb")):
            result = self.medmirror(*arguments, expect=2)
            self.assert_explains(result, "medmirror login")
            self.search((str(arguments), (result.out + result.err).encode()))
        self.assertEqual(self.physionet.record.entries(), [])

    def test_a_proxy_is_shown_without_its_password(self):
        """Also where its address lacks the scheme, as many write it."""
        secret = "Pr0xys-own-word"
        proxy = f"ana:{secret}@127.0.0.1:1"
        self.configure(network_patience=500)
        for arguments, env in ((("--proxy", proxy, "doctor"), {}), (("--verbose", "pull", "physionet/mitdb"),
                                                                    {"http_proxy": proxy})):
            result = self.medmirror(*arguments, env=env, expect=(0, 5))
            self.assertIn("127.0.0.1:1", result.out + result.err)
            self.assertNotIn(secret, result.out + result.err)
        self.medmirror("config", "set", "network.proxy", proxy)
        for arguments in (("config",), ("config", "get", "network.proxy"), ("--json", "config"), ("doctor",)):
            result = self.medmirror(*arguments)
            self.assertIn("127.0.0.1:1", result.out)
            self.assertNotIn(secret, result.out + result.err)

    def test_an_address_in_the_wrong_place_is_shown_without_its_password(self):
        address = f"https://ana:{urllib.parse.quote(PASSWORD, safe='')}@data.example.org/x"
        for arguments in (("--endpoint", address, "doctor"), (address,)):
            result = self.medmirror(*arguments, expect=2)
            self.search((str(arguments), (result.out + result.err).encode()))

    def test_an_address_that_is_none_is_shown_without_its_password(self):
        result = self.medmirror("pull", f"http://ana:{urllib.parse.quote(PASSWORD, safe='')}@[nowhere/x.bin", expect=2)
        self.search(("pull", (result.out + result.err).encode()))

    def test_never_to_an_endpoint_that_is_neither_loopback_nor_tls(self):
        """A proxy of ours stands for the network: it sees what would go to the lab's machine."""
        self.endpoints["physionet"] = "http://physionet.lab.example"
        for ref in (CLINICAL, "physionet/login-open@1.0.0"):
            result = self.medmirror("pull", ref, env={**self.given("ana"), "http_proxy": self.physionet.url,
                                                      "NO_PROXY": "", "no_proxy": ""}, expect=4)
            self.assert_explains(result, "physionet.lab.example")
        self.assertTrue(self.physionet.record.entries())
        self.assertEqual(self.shown(), [])

    def test_never_to_the_bucket(self):
        bucket = self.origin(PhysioNetBucket(self.site, ["clinical", "mitdb"]), "physionet-s3")
        self.pull(CLINICAL, env=self.given("ana"))
        for entry in bucket.record.entries():
            self.assertNotIn("authorization", entry.headers)

    def search(self, *texts, spare=(), user="ana"):
        """The secret in any form, in TEXTS and in every file below the test's folder."""
        forms = forms_of(user, PASSWORD)
        for name, text in texts:
            for form in forms:
                self.assertNotIn(form, text, f"{form!r} is in {name}")
        for path in self.folder.rglob("*"):
            self.assertFalse(any(form.decode("utf-8", "replace") in path.name for form in forms), path)
            if path.is_symlink() or not path.is_file() or path in spare:
                continue
            data = path.read_bytes()
            for form in forms:
                self.assertNotIn(form, data, f"{form!r} is in {path}")

    @staticmethod
    def family(pid):
        """PID and all that descends from it."""
        found, rest = [], [pid]
        while rest:
            one = rest.pop()
            found.append(one)
            try:
                for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                    rest += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                pass
        return found

    def watch(self, running, spare_own_environment=False):
        """What `ps` could show of a run and its children until it ends."""
        seen, count = [], 0
        while running.is_running:
            for pid in self.family(running.process.pid):
                for name in ("cmdline", "environ", "comm"):
                    if name == "environ" and spare_own_environment and pid == running.process.pid:
                        continue
                    try:
                        seen.append((f"/proc/{pid}/{name}", pathlib.Path(f"/proc/{pid}/{name}").read_bytes()))
                        count += pid != running.process.pid
                    except OSError:
                        continue
            time.sleep(0.005)
        return seen, count

    def zipped_project(self):
        """A closed project whose archive a child unpacks."""
        plain = {f"scan-{number}.dcm": Noise(30_000, number) for number in range(6)}
        self.site.add(Version("zipped", "1.0", "Scans", {"scans.zip": Bytes(archives.make_zip(plain))},
                              policy=physionet.CREDENTIALED, readers=("Ana",)))

    def test_it_is_nowhere(self):
        texts = [("login", self.log_in("ana", env={"MEDMIRROR_VERBOSE": "1"}).encode())]
        self.drip(rate=30_000)
        running = self.start("pull", "--verbose", CLINICAL)
        seen, _ = self.watch(running)
        self.assertTrue(seen)
        results = [running.wait(60 * SLOWER)]
        self.assert_status(results[0], 0)
        self.physionet.faults.clear()
        results += [self.medmirror(*arguments, expect=expect) for arguments, expect in (
            (("--verbose", "--json", "pull", "physionet/agreed@2.0"), 0), (("--verbose", "verify", CLINICAL), 0),
            (("--verbose", "list"), 0), (("--verbose", "status"), 0), (("--verbose", "doctor"), (0, 1, 4, 5)),
            (("--verbose", "pull", "physionet/clinical@1.5"), 4), (("--json", "show", CLINICAL), 0),
            (("--verbose", "files", CLINICAL), 0))]
        for result in results:
            texts += [(str(result.arguments), (result.out + result.err).encode())]
        self.assertIn(PASSWORD.encode(), self.credentials.read_bytes())
        self.search(*texts, *seen, spare=(self.credentials,))

    def test_it_reaches_no_child_of_a_run_that_has_it_in_its_environment(self):
        self.zipped_project()
        self.drip("/files/zipped/*", 60_000)
        running = self.start("--verbose", "pull", "physionet/zipped@1.0", env=self.given("Ana"))
        seen, _ = self.watch(running, spare_own_environment=True)
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 0)
        self.search((str(result.arguments), (result.out + result.err).encode()), *seen, user="Ana")

    def test_a_wrong_password_is_nowhere_either(self):
        self.site.door.users[0].password = "another"
        results = [self.medmirror("--verbose", *arguments, env=self.given("ana"), expect=4)
                   for arguments in (("pull", CLINICAL), ("--json", "pull", CLINICAL))]
        self.search(*[(str(result.arguments), (result.out + result.err).encode()) for result in results])

    def test_interrupted_and_killed_runs_leave_none(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            self.physionet.record.clear()
            self.drip(rate=5_000)
            running = self.start("--verbose", "pull", CLINICAL, env=self.given("ana"))
            self.physionet.record.wait_for("/files/clinical/1.4/*.gz", 1, 30 * SLOWER, sent=1000)
            running.send(number)
            result = running.wait(60 * SLOWER)
            self.physionet.faults.clear()
            self.search((str(result.arguments), (result.out + result.err).encode()))

    def test_no_core_dump_holds_it(self):
        self.log_in("ana")
        self.drip(rate=5_000)
        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            running = self.start("pull", CLINICAL)
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)
        self.physionet.record.wait_for("/files/clinical/1.4/*.gz", 1, 30 * SLOWER, sent=1000)
        limits = pathlib.Path(f"/proc/{running.process.pid}/limits").read_text(encoding="ascii")
        soft = re.search(r"Max core file size\s+(\S+)", limits).group(1)
        running.send(signal.SIGABRT)
        running.process.wait(30 * SLOWER)
        self.assertEqual(soft, "0", "A run that knows a password may leave no image of its memory.")
        self.search(spare=(self.credentials,))

    def test_an_address_with_a_password_is_shown_without(self):
        plain = self.origin(PlainSite())
        plain.site.add("x.bin", Noise(5000))
        host = plain.url.partition("//")[2]
        result = self.medmirror("--verbose", "pull", f"http://ana:{urllib.parse.quote(PASSWORD, safe='')}@{host}/x.bin",
                                expect=(0, 2, 4, 5))
        self.search((str(result.arguments), (result.out + result.err).encode()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
