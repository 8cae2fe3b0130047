"""`--json` is an interface: every verb, when it succeeds and when it does not, tells what docs/json.md says."""

import json
import re
import subprocess
import unittest

import json_events
from journey import SLOWER, Journey
from origins import Bytes, PhysioNetSite, PlainSite, UciCdnSite, UciSite, User, faults

WORD = "night word 7"


class Json(Journey):
    def setUp(self):
        super().setUp()
        self.site = PhysioNetSite(users=[User("ana", WORD, "ana@example.org", credentialed=True)])
        self.physionet = self.origin(self.site, "physionet")
        self.uci = self.origin(UciSite(), "uci")
        self.cdn = self.origin(UciCdnSite(self.uci.site), "uci-cdn")

    def json(self, *arguments, expect=0, stdin="", env=()):
        """The events of a run, after they were held against the document."""
        command = [self.program, "--json", *map(str, arguments)]
        if arguments[0] not in ("init", "config"):
            command[1:1] = ["--mirror", str(self.mirror)]
        done = subprocess.run(command, input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment(**dict(env)), cwd=self.folder, timeout=120 * SLOWER)
        said = f"{' '.join(map(str, arguments))}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        self.assertEqual(done.returncode, expect, said)
        self.assertEqual(json_events.faults(arguments, done.returncode, done.stdout.decode()), [], said)
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def names(self, *arguments, **more):
        return [event["event"] for event in self.json(*arguments, **more)]


class Document(Json):
    def test_has_every_verb(self):
        listed = subprocess.run([self.program, "--help"], stdout=subprocess.PIPE, env=self.environment()).stdout.decode()
        verbs = re.findall(r"(?m)^  ([a-z]+) {2,}\S", listed.partition("Commands:")[2].partition("Options")[0])
        self.assertGreater(len(verbs), 20)
        self.assertEqual(sorted(set(verbs) - set(json_events.VERBS)), [], "docs/json.md does not name these verbs.")
        self.assertEqual(sorted(set(json_events.VERBS) - set(verbs)), [], "docs/json.md names verbs that are none.")

    def test_names_no_event_that_it_does_not_describe(self):
        for verb, events in json_events.VERBS.items():
            self.assertEqual([event for event in events if event not in json_events.EVENTS], [], verb)

    def test_describes_no_event_that_no_verb_tells(self):
        told = {event for events in json_events.VERBS.values() for event in events} | set(json_events.EVERYWHERE)
        self.assertEqual(sorted(set(json_events.EVENTS) - told), [])

    def test_checker_finds_what_is_wrong(self):
        right = '{"event":"path","ref":"a/b","version":"1","path":"/m","fingerprint":"mm1:0"}\n'
        end = '{"event":"summary","exit":0}\n'
        self.assertEqual(json_events.faults(["path"], 0, right + end), [])
        for wrong in (right, end + right, right + '{"event":"summary","exit":1}\n', "x\n" + end,
                      right.replace('"ref":"a/b",', "") + end, right.replace('"ref"', '"dataset"') + end,
                      right.replace('"a/b"', "7") + end, right.replace('"path","ref"', '"nonsense","ref"') + end):
            self.assertNotEqual(json_events.faults(["path"], 0, wrong), [], wrong)


class Verbs(Json):
    def test_bringing_and_proving(self):
        self.assertIn("plan", self.names("pull", "--dry-run", "mitdb"))
        self.assertIn("result", self.names("pull", "mitdb", "--include", "102.*"))
        self.assertIn("file", self.names("pull", "mitdb", "uci/17"))
        self.names("pull", "mitdb@1.0.0")
        self.names("pull", "no-such-thing", expect=7)
        self.names("pull", "--nonsense", expect=2)
        self.assertIn("verified", self.names("verify", "mitdb"))
        self.names("verify", "--quick")
        self.names("verify", "--for", "1h")
        damaged = self.mirror / "physionet" / "mitdb" / "1.0.0" / "102.dat"
        damaged.chmod(0o644)
        damaged.write_bytes(b"rot")
        (damaged.parent / "mask.png").write_bytes(b"mine")
        self.assertIn("damaged", self.names("verify", "mitdb", expect=3))
        self.assertIn("mended", self.names("verify", "--repair", "mitdb"))
        (damaged.parent / "102.hea").unlink()
        self.assertIn("missing", self.names("verify", "mitdb", expect=3))
        self.names("verify", "--repair", "mitdb")

    def test_what_fails_on_the_way(self):
        self.physionet.faults.add(faults.corrupt(10, "/files/mitdb/1.0.0/102.dat", times=1))
        self.assertIn("again", self.names("pull", "physionet/mitdb", "--include", "102.*"))
        self.physionet.faults.add(faults.status(404, "/files/mitdb/1.0.0/103.hea"))
        self.assertIn("absent", self.names("pull", "physionet/mitdb", "--include", "103.*", expect=7))
        self.physionet.faults.add(faults.status(500, "/files/tables-demo/*"))
        self.names("pull", "physionet/tables-demo", expect=5)
        self.names("pull", "physionet/clinical", expect=4)

    def test_resume_status_and_sync(self):
        self.names("pull", "physionet/growing@1.4", "mitdb")
        self.physionet.faults.add(faults.status(500, "/files/tables-demo/*/icu/*"))
        self.names("pull", "physionet/tables-demo", expect=5)
        self.medmirror("hold", "mitdb@1.0.0", "--note", "a paper")
        status = self.names("status")
        for name in ("unfinished", "space", "proof", "hold"):
            self.assertIn(name, status)
        self.physionet.faults.clear()
        self.assertIn("result", self.names("pull", "--resume"))
        self.assertIn("synced", self.names("sync"))
        self.names("pull", "--resume")

    def test_looking(self):
        self.pull("mitdb")
        self.assertIn("dataset", self.names("list"))
        self.assertIn("path", self.names("path", "mitdb"))
        self.names("path", "uci/17", expect=7)
        self.assertIn("manifest", self.names("show", "mitdb"))
        self.names("show", "mimic-iii")
        self.names("show", "--cite", "mitdb")
        self.names("show", "--fields", "mitdb")
        self.names("show", "uci/17", expect=7)
        self.assertIn("hit", self.names("search", "ecg"))
        self.names("search", "--access", "open")
        self.names("search", "zzzzzz", expect=7)
        self.assertIn("listed", self.names("files", "mitdb"))
        self.assertIn("listed", self.names("files", "physionet/growing"))
        self.assertIn("version", self.names("versions", "physionet/growing"))
        self.assertIn("fact", self.names("doctor"))

    def test_what_one_has_and_tidying(self):
        mine = self.folder / "mine"
        for name, content in self.site.projects["growing"]["1.4"].tree.below("").items():
            (mine / name).parent.mkdir(parents=True, exist_ok=True)
            (mine / name).write_bytes(content.bytes())
        self.names("adopt", "--dry-run", "physionet/growing@1.4", mine)
        self.names("adopt", "physionet/growing@1.4", mine)
        (mine / "r01.hea").write_bytes(b"wrong")
        self.names("adopt", "physionet/growing@1.9.2", mine, expect=3)
        zipped = self.folder / "breast+cancer.zip"
        zipped.write_bytes(self.uci.site.sets[17].zip.bytes())
        self.names("adopt", "uci/17", zipped)
        self.names("copy", "physionet/growing", self.folder / "copy")
        self.names("pull", "mitdb", "--to", self.folder / "train")
        self.names("hold", "mitdb", "--until", "2099-01-01")
        self.names("remove", "mitdb", expect=2)
        self.names("release", "mitdb")
        (self.mirror / "physionet" / "mitdb" / "1.0.0" / "mask.png").write_bytes(b"mine")
        self.names("remove", "--dry-run", "mitdb")
        self.names("remove", "mitdb", "physionet/growing")
        self.names("remove", "mitdb", expect=7)
        self.physionet.faults.add(faults.status(500, "/files/tables-demo/*/icu/*"))
        self.names("pull", "physionet/tables-demo", expect=5)
        self.names("prune", "--dry-run", "--unfinished")
        self.names("prune", "--unfinished")

    def test_surroundings(self):
        self.names("init", self.folder / "lab", "--max-size", "5G")
        self.names("config")
        self.names("config", "get", "mirror")
        self.names("config", "set", "network.limit-rate", "10M")
        self.names("config", "unset", "network.limit-rate")
        self.names("config", "set", "network.nonsense", "1", expect=2)
        self.names("login", "physionet", "--user", "ana", expect=4, stdin="wrong\n")
        self.names("login", "physionet", "--user", "ana", stdin=WORD + "\n")
        self.names("logout", "physionet")
        terms = self.json("accept", "mimic-iii", expect=4)
        digest = next(event["sha256"] for event in terms if event["event"] == "terms")
        self.names("accept", "mimic-iii", "--yes", digest)
        site = PlainSite()
        site.add("study/data.csv", Bytes("id\n1\n"))
        server = self.origin(site)
        self.names("manifest", "new", f"{server.url}/study/", "--id", "study")
        self.names("manifest", "check")
        (self.folder / "broken.json").write_text('{"id": 7}')
        self.assertIn("wrong-manifest", self.names("manifest", "check", self.folder / "broken.json", expect=(2)))
        archive = self.folder / "x.zip"
        archive.write_bytes(self.uci.site.sets[17].zip.bytes())
        self.names("unpack", archive, self.folder / "unpacked")


if __name__ == "__main__":
    unittest.main()
