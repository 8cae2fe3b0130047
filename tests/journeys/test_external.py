"""Fetchers that are programs, as a person meets them: what the configuration takes, what starts them and what does not, and
what becomes of a run whose program misbehaves. What each fetcher must do is in test_conformance.py."""

import base64
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import unittest

from journey import HERE, Journey
from origins import Noise, PhysioNetSite, physionet
from origins.example import ExampleSite

EXAMPLE = HERE.parents[1] / "docs" / "examples" / "medmirror-fetch-example"
RESOLVE = "def resolve(request, name):\n"
ASKED = "    asked = json.loads(line)\n"
HELLO = '{"protocol": 1, "name": "example", "title": "Example Archive", "base": "https://data.example.org"%s}'


class External(Journey):
    def setUp(self):
        super().setUp()
        self.programs = self.folder / "programs"
        self.programs.mkdir(mode=0o700)
        self.path = self.programs / EXAMPLE.name
        self.copy_example()
        self.configuration = self.folder / "config" / "medmirror" / "medmirror.conf"
        self.name_program(self.path)
        self.server = self.origin(ExampleSite(), "example")
        self.wanted = {"a.bin": Noise(5000, "a"), "b/c d.bin": Noise(6000, "b")}
        self.server.site.add("heart", "1.0", self.wanted)

    def copy_example(self, **changes):
        """The example, each text of CHANGES, in which it has to stand once, replaced by another."""
        text = EXAMPLE.read_text(encoding="utf-8")
        for old, new in changes.values():
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o755)

    def name_program(self, path, name="example", **network):
        self.configure(**network)
        with open(self.configuration, "a", encoding="utf-8") as file:
            file.write(f"[fetchers]\n{name} = {path}\n")

    def write_program(self, body, hello=HELLO % ""):
        self.path.write_text("#!/bin/sh\n" + (f"echo '{hello}'\n" if hello else "") + body + "\n", encoding="utf-8")
        self.path.chmod(0o755)

    def running_programs(self):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and str(self.path).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found


class Configuration(External):
    def test_what_is_no_program_of_ones_own(self):
        self.endpoints.pop("example")
        for name, path, words in (("example", "medmirror-fetch-example", "absolute path"),
                                  ("example", "./programs/medmirror-fetch-example", "absolute path"),
                                  ("example", "/bin/true", "medmirror-fetch-example"),
                                  ("Example", self.path, "lower-case letters"),
                                  ("uci", self.programs / "medmirror-fetch-uci", "already")):
            with self.subTest(path):
                self.name_program(path, name)
                result = self.medmirror("list", expect=2)
                self.assertIn(words, result.err)
                self.assertIn("fetchers" if name == "uci" else "medmirror.conf:", result.err)

    def test_what_others_could_change(self):
        self.path.chmod(0o777)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn("can be written by others", result.err)
        self.assertIn(f"chmod go-w '{self.path}'", result.err)
        self.path.chmod(0o755)
        self.programs.chmod(0o770)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn(f"chmod go-w '{self.programs}'", result.err)
        self.programs.chmod(0o700)
        self.path.chmod(0o600)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn(f"chmod u+x '{self.path}'", result.err)
        self.path.unlink()
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn("[fetchers]", result.err)
        self.assert_nothing_installed()

    def test_a_link_that_others_could_change(self):
        """It is not the program that they can write to, but what leads there."""
        shared = self.folder / "shared"
        shared.mkdir()
        link = shared / self.path.name
        link.symlink_to(self.path)
        self.name_program(link)
        self.pull("example/heart")
        shutil.rmtree(self.mirror)
        shared.chmod(0o777)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn(f"chmod go-w '{shared}'", result.err)
        shared.chmod(0o755)
        further = self.folder / "own" / self.path.name
        further.parent.mkdir()
        further.symlink_to(f"../shared/{self.path.name}")
        self.name_program(further)
        self.pull("example/heart")
        shutil.rmtree(self.mirror)
        shared.chmod(0o775)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn(f"chmod go-w '{shared}'", result.err)
        folder = shared / "programs"
        folder.symlink_to(self.programs)
        self.name_program(folder / self.path.name)
        result = self.medmirror("pull", "example/heart", expect=2)
        self.assertIn(f"chmod go-w '{shared}'", result.err)
        self.assert_nothing_installed()

    def test_what_its_source_says_of_files(self):
        """Facts are what --where chooses by, and the lock keeps them; a key that no file has is told."""
        self.write_program("""read line
echo '{"id": 1, "kind": "head", "version": "1"}'
echo '{"id": 1, "kind": "file", "path": "a.bin", "addresses": ["heart/1.0/a.bin"], "facts": {"Shape": "round"}}'
echo '{"id": 1, "kind": "file", "path": "b.bin", "addresses": ["heart/1.0/b.bin"], "facts": {"Shape": "flat"}}'
echo '{"id": 1, "kind": "done"}'
cat >/dev/null""")
        listed = self.medmirror("files", "example/heart", "--where", "shape=ROUND")
        self.assertEqual([line.split()[-1] for line in listed.lines], ["a.bin"])
        self.assertIn("--where 'Shape=round'", self.medmirror("show", "--fields", "example/heart").out)
        result = self.medmirror("pull", "example/heart", "--where", "colour=red", expect=7)
        self.assert_explains(result, "colour", "Shape")
        self.write_program("""read line
echo '{"id": 1, "kind": "head", "version": "1"}'
echo '{"id": 1, "kind": "file", "path": "a.bin", "addresses": ["heart/1.0/a.bin"], "facts": {"Shape": 1}}'
cat >/dev/null""")
        self.medmirror("files", "example/heart", expect=(2, 5))

    def test_is_not_found_by_its_name_alone(self):
        self.configure()
        self.endpoints.pop("example")
        result = self.medmirror("pull", "example/heart", expect=7, env={"PATH": f"{self.programs}:/usr/bin:/bin"})
        self.assertIn("there is no such source", result.err)

    def test_doctor(self):
        result = self.medmirror("doctor")
        self.assertIn(str(self.path), result.out)
        self.assertIn(f"{self.server.url} answers", result.out)
        self.write_program("", hello='{"protocol": 9}')
        result = self.medmirror("doctor", "--json")
        events = [json.loads(line) for line in result.lines]
        told = [event for event in events if event["event"] == "endpoint" and event["name"] == "example"]
        self.assertEqual([event["answers"] for event in told], [False])
        self.assertIn("it speaks protocol 9", told[0]["text"])


class Starts(External):
    """Nothing is started that is not needed."""

    def test_what_starts_nothing(self):
        path, _ = self.pull("example/heart")
        mark = self.folder / "started"
        self.write_program(f": > {mark}", hello="")
        for arguments in (("list",), ("path", "example/heart"), ("show", "example/heart"), ("verify", "example/heart"),
                          ("status",), ("files", "example/heart"), ("pull", "example/heart@1.0"), ("doctor", "--offline"),
                          ("pull", "--offline", "example/heart")):
            with self.subTest(arguments):
                self.medmirror(*arguments)
                self.assertFalse(mark.exists(), "The program was started.")
        self.medmirror("versions", "example/heart", expect=5)
        self.assertTrue(mark.exists())

    def test_one_process_a_run_and_none_afterwards(self):
        starts = self.folder / "starts"
        self.copy_example(counts=("HELLO = {", f"open('{starts}', 'a').write('x')\nHELLO = {{"))
        self.server.site.add("lung", "1.0", self.wanted)
        result = self.medmirror("pull", "example/heart", "example/lung")
        self.assertEqual(len(result.lines), 2)
        self.assertEqual(starts.read_text(), "x")
        self.assertEqual(self.running_programs(), [])

    def test_manifest_of_ones_own(self):
        manifests = self.folder / "config" / "medmirror" / "manifests"
        manifests.mkdir()
        manifest = {"id": "my-heart", "title": {"en": "My Heart"}, "source": "example", "access": "open",
                    "locator": {"name": "heart"},
                    "files": [{"path": "a.bin", "sha256": self.wanted["a.bin"].digest()}]}
        (manifests / "my-heart.json").write_text(json.dumps(manifest), encoding="utf-8")
        path, _ = self.pull("my-heart")
        self.assertEqual(path, self.mirror / "example" / "heart" / "1.0")
        self.assertIn("My Heart", self.medmirror("show", "example/heart").out)
        manifest["locator"]["nonsense"] = "x"
        (manifests / "my-heart.json").write_text(json.dumps(manifest), encoding="utf-8")
        shutil.rmtree(self.mirror)
        result = self.medmirror("pull", "my-heart", expect=2)
        self.assertIn('does not know the key "nonsense"', result.err)


class Misbehaves(External):
    def test_dataset_ends_and_the_others_go_on(self):
        self.copy_example(fails=(RESOLVE, RESOLVE + "    if name == 'lung':\n        raise KeyError('date')\n"))
        result = self.medmirror("pull", "example/lung", "example/heart", expect=5)
        self.assertEqual(result.lines, [str(self.mirror / "example" / "heart" / "1.0")])
        self.assert_arrived(result.lines[0], self.wanted)
        self.assert_explains(result, str(self.path), "it ended by itself, with status 1", "KeyError: 'date'")

    def test_silence(self):
        self.name_program(self.path, fetcher_timeout=1500)
        self.write_program("read request; sleep 60")
        result = self.medmirror("pull", "example/heart", expect=5)
        self.assert_explains(result, "it was silent for 1.5 s", "medmirror --verbose pull example/heart")
        self.assertEqual(self.running_programs(), [])

    def test_garbage(self):
        self.write_program("read request; echo '<html>'; read end")
        result = self.medmirror("pull", "--json", "example/heart", expect=5)
        events = [json.loads(line) for line in result.lines]
        self.assertEqual([event["exit"] for event in events if event["event"] == "error"], [5])
        self.assert_nothing_installed()

    def test_path_that_leaves_the_tree(self):
        self.write_program("read request; echo '{\"id\":1,\"kind\":\"head\"}'; echo '{\"id\":1,\"kind\":\"file\","
                           "\"path\":\"../../evil\",\"addresses\":[\"x\"]}'; read end")
        result = self.medmirror("pull", "example/heart", expect=9)
        self.assertIn("../../evil", result.err)
        self.assertEqual(list(self.folder.rglob("evil")), [])

    def test_death_before_a_file(self):
        """A program that must prepare each file, and dies of the first: no file is tried again and again."""
        self.copy_example(ability=('"abilities": ["versions"]', '"abilities": ["versions", "prepare"]'),
                          dies=(ASKED, "    if 'prepare' in line:\n        sys.exit(4)\n" + ASKED))
        result = self.medmirror("pull", "example/heart", expect=5)
        self.assertIn("it ended by itself, with status 4", result.err)
        self.assertNotIn("attempt 2", result.err)
        self.assert_nothing_installed()
        self.copy_example()
        path, result = self.pull("example/heart")
        self.assert_arrived(path, self.wanted, result)

    def test_standard_error_is_in_the_log_alone_and_redacted(self):
        address = "https://ana:pw-of-ana@data.example.org/x?sig=abc"
        self.copy_example(says=(RESOLVE, RESOLVE + f"    print('asking {address}', file=sys.stderr)\n"))
        _, result = self.pull("example/heart")
        self.assertNotIn("asking https", result.err)
        shutil.rmtree(self.mirror)
        _, result = self.pull("example/heart", "--verbose")
        self.assertIn("medmirror-fetch-example: asking https://", result.err)
        self.assertNotIn("pw-of-ana", result.err)
        self.assertNotIn("sig=abc", result.err)

    def test_what_it_started_ends_with_it(self):
        """Also where the program itself ended first, and where its child holds the pipe open that is read."""
        child = self.folder / "child"
        for fails, silent in ((False, ">/dev/null 2>&1"), (True, "")):
            with self.subTest(fails):
                starts = f"subprocess.Popen(['sh', '-c', 'echo $$ > {child}; exec sleep 300 {silent}'], stdin=-3)\n" \
                         f"    while not __import__('os').path.exists('{child}') or not open('{child}').read(): pass\n"
                self.copy_example(imports=("import base64,", "import subprocess, base64,"),
                                  starts=(RESOLVE, RESOLVE + "    " + starts + ("    sys.exit(3)\n" if fails else "")))
                result = self.medmirror("pull", "example/heart", expect=5 if fails else 0)
                if fails:
                    self.assertIn("it ended by itself, with status 3", result.err)
                pid = int(child.read_text())
                self.wait_until(lambda: not self.is_alive(pid), what="The end of the program's child")
                child.unlink()
                shutil.rmtree(self.mirror)

    @staticmethod
    def is_alive(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def test_interrupted_while_it_works(self):
        mark = self.folder / "asked"
        self.write_program(f"read request; : > {mark}; sleep 60")
        running = self.start("pull", "example/heart")
        self.wait_until(mark.exists, what="the request")
        running.send(signal.SIGINT)
        result = running.wait(20)
        self.assert_status(result, 130)
        self.assertEqual(self.running_programs(), [])


class Credential(External):
    """The person's login comes to the program that needs one, to the source's own address, and nowhere else."""

    SECRET = "a-secret-of-ana"

    def setUp(self):
        super().setUp()
        self.copy_example(ability=('"abilities": ["versions"],', '"abilities": ["versions", "prepare", "login"], '
                                   '"needs": ["password"],'),
                          login=("print(json.dumps(HELLO), flush=True)\n", """
def login(request):
    say(request, "credential")
    answer = json.loads(sys.stdin.readline())
    if answer.get("method") != "password":
        return []
    both = base64.b64encode(f"{answer['user']}:{answer['secret']}".encode()).decode()
    return [f"Authorization: Basic {both}"]


print(json.dumps(HELLO), flush=True)
"""),
                          asked=(ASKED + "    try:\n", ASKED + """    try:
        if asked["request"] == "login":
            say(asked, "get", address="heart/versions.txt", headers=login(asked))
            if json.loads(sys.stdin.readline())["answer"] == "failed":
                raise Refused
        if asked["request"] == "prepare":
            say(asked, "prepared", headers=login(asked))
"""))
        self.env = {"MEDMIRROR_EXAMPLE_USER": "ana", "MEDMIRROR_EXAMPLE_PASSWORD": self.SECRET}

    def assert_secret_is_nowhere(self, *results):
        for result in results:
            self.assertNotIn(self.SECRET, result.out + result.err)
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != "credentials" and path != self.path:
                self.assertNotIn(self.SECRET.encode(), path.read_bytes(), path)

    def test_goes_with_the_files(self):
        path, result = self.pull("example/heart", "--verbose", env=self.env)
        self.assert_tree(path, self.wanted)
        for entry in self.server.record.entries("/heart/1.0/*.bin"):
            self.assertTrue(entry.headers.get("authorization", "").startswith("Basic "), entry.headers)
        self.assert_secret_is_nowhere(result)
        self.assert_arrived(path, self.wanted, result, mode=0o400)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)

    def test_netrc_of_the_host_that_it_is_at(self):
        """Whatever further hosts it names."""
        text = self.path.read_text(encoding="utf-8")
        self.path.write_text(text.replace('"needs": ["password"],', '"needs": ["password"], "hosts": ["cdn.example.org"],'))
        netrc = self.folder / "home" / ".netrc"
        netrc.write_text(f"machine cdn.example.org login eve password another\n"
                         f"machine data.example.org login ana password {self.SECRET}\n", encoding="utf-8")
        netrc.chmod(0o600)
        self.pull("example/heart")
        self.assertEqual({entry.headers.get("authorization") for entry in self.server.record.entries("/heart/1.0/*.bin")},
                         {"Basic " + base64.b64encode(f"ana:{self.SECRET}".encode()).decode()})

    def test_what_is_kept_by_the_program_is_still_a_login(self):
        """Asked for once, used for all that comes later."""
        text = self.path.read_text(encoding="utf-8")
        text = text.replace("def login(request):\n", "kept = []\n\n\ndef login(request):\n    if kept:\n        return kept\n")
        text = text.replace("    return [f\"Authorization", "    kept.append(f\"X-Session: {both}\")\n    return kept\n    return [f\"Authorization")
        self.path.write_text(text, encoding="utf-8")
        self.server.site.add("lung", "1.0", self.wanted)
        result = self.medmirror("pull", "example/heart", "example/lung", env=self.env)
        for line in result.lines:
            self.assert_arrived(line, self.wanted, mode=0o400)

    def test_another_sources_login_is_not_its_own(self):
        """What lies behind PhysioNet's door is not told to a program that asks for it in the same run."""
        site = PhysioNetSite(users=physionet.standard_users())
        closed = self.origin(site, "physionet")
        user = next(user for user in site.door.users if user.answers_to("ana"))
        told = self.folder / "told"
        self.endpoints.pop("example")
        self.copy_example(base=('"base": "https://data.example.org"', f'"base": "{self.server.url}"'),
                          asks=(RESOLVE, RESOLVE + f"""    try:
        open('{told}', 'w').write(get(request, quote('{closed.url}/files/clinical/1.4/LICENSE.txt', safe=':/')))
    except Refused:
        open('{told}', 'w').write('refused')
"""), get=("address=quote(address))", "address=address)"))
        result = self.medmirror("pull", "physionet/clinical@1.4", "example/heart", expect=(0, 4), env={
            "PHYSIONET_USERNAME": user.name, "PHYSIONET_PASSWORD": user.password})
        self.assertIn(str(self.mirror / "physionet" / "clinical" / "1.4"), result.lines)
        self.assertEqual(told.read_text(), "refused")

    def test_login(self):
        (self.folder / "password").write_text(self.SECRET + "\n")
        with open(self.folder / "password", encoding="utf-8") as file:
            done = subprocess.run([self.program, "login", "example", "--user", "ana", "--stdin"], stdin=file,
                                  env=self.environment(), capture_output=True, text=True, timeout=60, check=False)
        (self.folder / "password").unlink()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("data.example.org", done.stdout)
        stored = self.folder / "config" / "medmirror" / "credentials"
        self.assertEqual(stat.S_IMODE(stored.stat().st_mode), 0o600)
        path, result = self.pull("example/heart")
        self.assertTrue(all("authorization" in entry.headers
                            for entry in self.server.record.entries("/heart/1.0/*.bin")))
        self.assert_secret_is_nowhere(result)
        self.medmirror("logout", "example")


class Many(External):
    def test_long_listing_in_little_memory(self):
        count = 100_000
        self.path.write_text("#!/usr/bin/env python3\nimport json, sys\n"
                             f"print('''{HELLO % ''}''', flush=True)\nsys.stdin.readline()\n"
                             "print('{\"id\":1,\"kind\":\"head\",\"version\":\"1\"}')\n"
                             f"for number in range({count}):\n"
                             "    print('{\"id\":1,\"kind\":\"file\",\"path\":\"d/%07d.dat\",\"size\":10,\"md5\":"
                             "\"d41d8cd98f00b204e9800998ecf8427e\",\"addresses\":[\"d/%07d.dat\"]}' % (number, number))\n"
                             "print('{\"id\":1,\"kind\":\"done\"}', flush=True)\nsys.stdin.readline()\n", encoding="utf-8")
        result = self.medmirror("files", "example/many", measure=True)
        self.assertEqual(len(result.lines), count)
        if not os.environ.get("MEDMIRROR_SANITIZE"):
            self.assertLess(result.peak, 64 << 20)


if __name__ == "__main__":
    unittest.main()
