"""login, logout, accept and what doctor says of them: on a terminal, from a file, and for scripts."""

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios
import time
import unittest

import json_events
from journey import SLOWER, Journey
from origins import PhysioNetSite, physionet

PASSWORD = "pässword: 1"  # of the origin's accounts
CLINICAL = "physionet/clinical@1.4"


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, command, env):
        self.master, slave = pty.openpty()
        self.usual = termios.tcgetattr(slave)
        self.process = subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        self.slave = slave
        self.text = b""

    def read_until(self, words, seconds=30 * SLOWER):
        end = time.monotonic() + seconds
        while words not in self.text:
            if time.monotonic() > end or not self._read(0.1) and self.process.poll() is not None:
                raise AssertionError(f"{words!r} did not come:\n{self.text.decode()}")

    def _read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.text += os.read(self.master, 4096)
        return True

    def type(self, text):
        os.write(self.master, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait(self, seconds=60 * SLOWER):
        status = self.process.wait(seconds)
        while self._read(0.2):
            pass
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


class LoginJourney(Journey):
    def setUp(self):
        super().setUp()
        self.site = PhysioNetSite(users=physionet.standard_users())
        self.physionet = self.origin(self.site, "physionet")
        self.home = self.folder / "config" / "medmirror"
        self.credentials = self.home / "credentials"
        self.terms = self.home / "terms.jsonl"

    def terminal(self, *arguments):
        terminal = Terminal([self.program, *arguments], self.environment())
        self.addCleanup(terminal.close)
        return terminal

    def feed(self, text, *arguments, expect=0, **env):
        """The program with TEXT on its standard input, which is no terminal."""
        done = subprocess.run([self.program, "--mirror", str(self.mirror), *arguments], input=text.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment(**env), cwd=self.folder,
                              timeout=60 * SLOWER)
        self.assertEqual(done.returncode, expect, (done.stdout + done.stderr).decode())
        return done.stdout.decode(), done.stderr.decode()

    def shown(self):
        return [entry for entry in self.physionet.record.entries() if "authorization" in entry.headers]

    def assert_events(self, arguments, status, out):
        self.assertEqual(json_events.faults(arguments, status, out), [], out)
        return [json.loads(line) for line in out.splitlines()]


class Login(LoginJourney):
    def test_on_a_terminal_the_password_is_not_shown(self):
        terminal = self.terminal("login", "physionet")
        terminal.read_until("PhysioNet: ".encode())
        self.assertTrue(terminal.echoes())
        terminal.type("ana\n")
        terminal.read_until(b"(it is not shown): ")
        self.wait_until(lambda: not terminal.echoes(), what="a terminal without echo")
        terminal.type(PASSWORD + "\n")
        self.assertEqual(terminal.wait(), 0, terminal.text.decode())
        self.assertTrue(terminal.echoes())
        self.assertIn(b"ana", terminal.text)
        self.assertNotIn(PASSWORD.encode(), terminal.text)
        self.assertEqual(len(self.shown()), 1)
        self.pull(CLINICAL)

    def test_interrupted_while_it_is_typed(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            terminal = self.terminal("login", "physionet", "--user", "ana")
            terminal.read_until(b"(it is not shown): ")
            self.wait_until(lambda: not terminal.echoes(), what="a terminal without echo")
            terminal.type("half")
            terminal.process.send_signal(number)
            self.assertEqual(terminal.wait(), status, terminal.text.decode())
            self.assertTrue(terminal.echoes(), "The terminal was left without echo.")
        self.assertEqual(self.physionet.record.entries(), [])
        self.assertFalse(self.credentials.exists())

    def test_what_was_proven_is_said(self):
        out, _ = self.feed(PASSWORD + "\n", "login", "physionet", "--user", "ana", "--stdin")
        self.assertRegex(out, r"“ana” with this password: one request")
        self.assertIn(str(self.credentials), out)
        self.assertEqual(len(self.shown()), 1)
        out, _ = self.feed(PASSWORD + "\r\n", "--json", "login", "physionet", "--user", "ANA@example.org")
        event = self.assert_events(["login"], 0, out)[0]
        self.assertEqual((event["source"], event["host"], event["user"]), ("physionet", "physionet.org",
                                                                           "ANA@example.org"))
        self.assertEqual(stat.S_IMODE(self.credentials.stat().st_mode), 0o600)

    def test_a_wrong_one_stores_nothing_and_spoils_nothing(self):
        self.feed(PASSWORD, "login", "physionet", "--user", "ana")
        before = self.credentials.read_bytes()
        _, err = self.feed("wrong\n", "login", "physionet", "--user", "ana", expect=4)
        self.assertIn("Nothing was stored", err)
        self.assertEqual(self.credentials.read_bytes(), before)
        out, _ = self.feed("wrong\n", "--json", "login", "physionet", "--user", "ana", expect=4)
        self.assert_events(["login"], 4, out)

    def test_wrong_usage(self):
        for arguments, words in ((["login"], "medmirror login physionet"), (["login", "uci", "--user", "x"], "physionet"),
                                 (["login", "nowhere"], "physionet"), (["login", "physionet"], "--user NAME"),
                                 (["login", "physionet", "--user", "a:b"], "colon"), (["logout"], "logout physionet"),
                                 (["logout", "uci"], "physionet"),
                                 (["login", "physionet", "--user", "a", "--password", "x"], "No password is taken from an option")):
            _, err = self.feed("", *arguments, expect=2)
            self.assertIn(words, err, arguments)
        _, err = self.feed("\n", "login", "physionet", "--user", "ana", expect=2)
        self.assertIn("--stdin", err)
        self.assertEqual(self.physionet.record.entries(), [])

    def test_a_file_that_others_can_read_is_not_used(self):
        self.feed(PASSWORD, "login", "physionet", "--user", "ana")
        self.physionet.record.clear()
        self.credentials.chmod(0o644)
        result = self.medmirror("pull", CLINICAL, expect=4)
        self.assertIn(f"chmod 600 '{self.credentials}'", result.err, str(result))
        self.assertEqual(self.shown(), [])
        self.pull("physionet/mitdb@1.0.0")
        self.credentials.chmod(0o600)
        self.pull(CLINICAL)

    def test_variables_of_a_run_count_before_what_is_stored(self):
        _, err = self.feed(PASSWORD, "login", "physionet", "--user", "unsigned", MEDMIRROR_PHYSIONET_USER="ana",
                           MEDMIRROR_PHYSIONET_PASSWORD=PASSWORD)
        self.assertIn("MEDMIRROR_PHYSIONET_PASSWORD is set", err)
        self.medmirror("pull", CLINICAL, expect=4)
        secret = self.folder / "secret"
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
        self.pull(CLINICAL, env={"MEDMIRROR_PHYSIONET_USER": "ana", "MEDMIRROR_PHYSIONET_PASSWORD_FILE": secret})

    def test_logout(self):
        self.feed(PASSWORD, "login", "physionet", "--user", "ana")
        out, _ = self.feed("", "--json", "logout", "physionet")
        self.assertEqual(self.assert_events(["logout"], 0, out)[0]["host"], "physionet.org")
        self.assertNotIn(PASSWORD.encode(), self.credentials.read_bytes())
        _, err = self.feed("", "logout", "physionet")
        self.assertIn("No login", err)
        netrc = self.folder / "home" / ".netrc"
        netrc.write_text(f'machine physionet.org login ana password "{PASSWORD}"\n', encoding="utf-8")
        _, err = self.feed("", "logout", "physionet")
        self.assertIn(str(netrc), err)
        self.assertTrue(netrc.exists())

    def test_the_agent_can_be_chosen(self):
        (self.home / "medmirror.conf").write_text("[source physionet]\nuser-agent = libwfdb/10.7 (mine)\n",
                                                  encoding="utf-8")
        path, _ = self.pull(CLINICAL, env={"PHYSIONET_USERNAME": "ana", "PHYSIONET_PASSWORD": PASSWORD})
        self.assertTrue(path.is_dir())
        self.assertEqual({entry.headers["user-agent"] for entry in self.shown()}, {"libwfdb/10.7 (mine)"})
        self.assertIn("libwfdb/10.7 (mine)", self.medmirror("doctor", "--offline").out)
        for text, words in (("[source physionet]\nagent = x\n", "user-agent"), ("[source nowhere]\nuser-agent = x\n",
                                                                              "nowhere")):
            (self.home / "medmirror.conf").write_text(text, encoding="utf-8")
            self.assertIn(words, self.medmirror("list", expect=2).err)

    def test_doctor(self):
        self.assertRegex(self.medmirror("doctor", "--offline").out, r"physionet: none.*medmirror login physionet")
        netrc = self.folder / "home" / ".netrc"
        netrc.write_text(f'machine physionet.org login ana password "{PASSWORD}"\n', encoding="utf-8")
        netrc.chmod(0o644)
        result = self.medmirror("doctor", "--offline")
        self.assertIn(f"chmod 600 {netrc}", result.out)
        self.assertIn("Wget/1.21 (medmirror/", result.out)
        netrc.chmod(0o600)
        result = self.medmirror("doctor", "--offline")
        self.assertIn(f"physionet: ana, from {netrc}", result.out)
        self.assertNotIn(PASSWORD, result.out + result.err)
        self.assertEqual(self.physionet.record.entries(), [])

    def test_versions_are_told_to_everybody(self):
        self.assertEqual(self.medmirror("versions", "physionet/clinical").lines[:2], ["1.5", "1.4"])
        self.assertEqual(self.shown(), [])

    def test_show_says_beforehand_what_is_wanted(self):
        out = self.medmirror("show", "mimic-iii", no_network=True).out
        for words in ("/sign-dua/mimiciii/1.4/", "view-required-training/1.4/", "medmirror login physionet",
                      "medmirror pull mimic-iii"):
            self.assertIn(words, out)


class Accept(LoginJourney):
    def setUp(self):
        super().setUp()
        self.manifest = self.folder / "own.json"
        self.write("Licence A")

    def write(self, licence):
        self.manifest.write_text(json.dumps({
            "id": "own", "title": {"en": "Own"}, "source": "physionet", "locator": {"project": "clinical"},
            "access": "application", "licence": licence, "terms": "an agreement",
            "terms_page": "https://physionet.org/content/clinical/view-dua/1.4/",
            "access_page": "https://physionet.org/content/clinical/1.4/", "sharing": "none"}), encoding="utf-8")

    def records(self):
        return [json.loads(line) for line in self.terms.read_text(encoding="utf-8").splitlines()] \
            if self.terms.exists() else []

    def digest(self):
        out, _ = self.feed("", "accept", str(self.manifest), expect=4)
        return re.search(r"^sha256: ([0-9a-f]{64})$", out, re.MULTILINE).group(1)

    def test_on_a_terminal(self):
        terminal = self.terminal("accept", str(self.manifest))
        terminal.read_until(b"yes or no: ")
        terminal.type("no\n")
        self.assertEqual(terminal.wait(), 4)
        self.assertEqual(self.records(), [])
        terminal = self.terminal("accept", str(self.manifest))
        terminal.read_until(b"yes or no: ")
        for words in (b"Licence A", b"an agreement", b"view-dua/1.4/", b"none"):
            self.assertIn(words, terminal.text)
        terminal.type("yes\n")
        self.assertEqual(terminal.wait(), 0, terminal.text.decode())
        record, = self.records()
        self.assertEqual(record["ref"], str(self.manifest))
        self.assertIn("Licence A", record["text"])
        self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(record["uid"], os.getuid())
        self.assertEqual(stat.S_IMODE(self.terms.stat().st_mode), 0o600)
        self.assertEqual(self.physionet.record.entries(), [])

    def test_once(self):
        digest = self.digest()
        for _ in range(2):
            out, _ = self.feed("", "accept", str(self.manifest), "--yes", digest)
            self.assertIn("accepted:", out)
        self.assertEqual([record["sha256"] for record in self.records()], [digest])

    def test_this_text_and_no_other(self):
        digest = self.digest()
        for wrong in (digest[:11], "0" * 64, digest + "0", ""):
            _, err = self.feed("", "accept", str(self.manifest), "--yes", wrong, expect=4)
            self.assertIn(f"--yes {digest[:12]}", err)
        self.assertEqual(self.records(), [])
        self.feed("", "accept", str(self.manifest), "--yes", digest[:12])
        self.feed("", "accept", str(self.manifest), "--yes", "0" * 64, expect=4)  # though this one is accepted
        self.write("Licence B")
        _, err = self.feed("", "accept", str(self.manifest), "--yes", digest, expect=4)
        self.assertNotIn(digest[:12] + "\n", err)
        self.feed("", "accept", str(self.manifest), "--yes", self.digest())
        self.assertEqual(len({record["sha256"] for record in self.records()}), 2)

    def test_without_a_terminal_nothing_is_asked(self):
        out, err = self.feed("yes\n", "accept", str(self.manifest), expect=4)
        self.assertIn("Licence A", out)
        self.assertIn("--yes", err)
        self.assertEqual(self.records(), [])

    def test_json(self):
        out, _ = self.feed("", "--json", "accept", str(self.manifest), expect=4)
        self.assertIsNone(self.assert_events(["accept"], 4, out)[0]["accepted"])
        out, _ = self.feed("", "--json", "accept", str(self.manifest), "--yes", self.digest())
        self.assertIsNotNone(self.assert_events(["accept"], 0, out)[0]["accepted"])

    def test_nothing_is_known(self):
        _, err = self.feed("", "accept", "physionet/unheard-of", expect=7)
        self.assertIn("medmirror show physionet/unheard-of", err)
        _, err = self.feed("", "accept", expect=2)
        self.assertIn("medmirror accept mimic-iii", err)

    def test_a_record_is_no_condition_of_a_pull(self):
        """PhysioNet's agreement is signed there, and its answer is what counts."""
        self.pull(CLINICAL,
                  env={"PHYSIONET_USERNAME": "ana", "PHYSIONET_PASSWORD": PASSWORD})


if __name__ == "__main__":
    unittest.main(verbosity=2)
