"""A first week with the program, in the order in which a student, an administrator and an engineer meet its commands."""

import json
import os
import pathlib
import subprocess
import unittest

from journey import SLOWER, Journey
from origins import Bytes, PhysioNetSite, PlainSite, UciCdnSite, UciSite, User, faults

WORD = "night word 7"


class Week(Journey):
    def setUp(self):
        super().setUp()
        users = [User("ana", WORD, "ana@example.org", credentialed=True, signed={("mimiciii", "1.4")}),
                 User("bo", WORD, "bo@example.org", credentialed=True)]
        self.site = PhysioNetSite(users=users)
        self.physionet = self.origin(self.site, "physionet")
        self.uci = self.origin(UciSite(), "uci")
        self.cdn = self.origin(UciCdnSite(self.uci.site), "uci-cdn")

    def type(self, line, expect=0, stdin=None):
        """What a person types, word for word, without the program's name; a result as journey.Result has it."""
        if stdin is None:
            return self.medmirror(*line.split(), expect=expect)
        done = subprocess.run([self.program, "--mirror", str(self.mirror), *line.split()], input=stdin.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment(), cwd=self.folder,
                              timeout=120 * SLOWER)
        self.assertEqual(done.returncode, expect, done.stderr.decode())
        return done

    def assert_says(self, result, *words):
        for word in words:
            self.assertIn(word, result.out + result.err, str(result))


class Student(Week):
    def test_her_week(self):
        # Monday: what is there, and the first dataset, a part first.
        self.type("doctor")
        for words in ("心律失常", "arrhythmia", "ECG"):
            self.assertIn("mitdb", [line.split()[0] for line in self.type(f"search {words}").lines], words)
        self.assert_says(self.type("show mitdb"), "MIT-BIH", "ODC-By", "pull mitdb")
        self.assert_says(self.type("--lang zh show mitdb"), "心律失常")
        self.type("pull --dry-run mitdb")
        self.assertFalse(self.mirror.exists(), "A dry run made the mirror.")
        path, result = self.pull("mitdb", "--include", "102.*")
        self.assert_says(result, "part")
        self.type("path --complete mitdb", expect=7)
        path, result = self.pull("mitdb")
        self.assert_arrived(path, self.site.projects["mitdb"]["1.0.0"].tree.below(""), result)
        self.assertEqual(self.type("path mitdb@1.0.0").lines, [str(path)])
        self.assert_says(self.type("verify mitdb"), result.fingerprint)

        # Tuesday: a download that broke off, and what is closed.
        self.physionet.faults.add(faults.status(500, "/files/tables-demo/*/icu/*"))
        self.type("pull physionet/tables-demo", expect=5)
        self.assert_says(self.type("status"), "tables-demo")
        self.physionet.faults.clear()
        self.type("pull --resume")
        self.assert_says(self.type("show mimic-iii"), "account", "training", "agreement")
        refused = self.type("pull mimic-iii", expect=4)
        self.assert_explains(refused, "login physionet")
        self.assertEqual(len(self.type("login physionet --user ana", expect=4, stdin="wrong word\n").stdout), 0)
        self.type("login physionet --user bo", stdin=WORD + "\n")
        self.assert_explains(self.type("pull mimic-iii", expect=4), "/sign-dua/mimiciii/1.4/")
        self.type("logout physionet")
        self.type("login physionet --user ana", stdin=WORD + "\n")
        path, _ = self.pull("mimic-iii")
        self.assertEqual({oct(file.stat().st_mode & 0o777) for file in path.rglob("*") if file.is_file()}, {"0o400"})

        # Wednesday: what a friend has already, and a zip from the browser.
        friend = self.folder / "friend" / "mitdb"
        for name, content in self.site.projects["growing"]["1.4"].tree.below("").items():
            (friend / name).parent.mkdir(parents=True, exist_ok=True)
            (friend / name).write_bytes(content.bytes())
        adopted = self.medmirror("adopt", "physionet/growing@1.4", str(friend))
        self.assertTrue(friend.is_dir(), "What was adopted is gone from its place.")
        zipped = self.folder / "breast+cancer.zip"
        zipped.write_bytes(self.uci.site.sets[17].zip.bytes())
        self.assert_proven(adopted.lines[0])
        adopted = self.medmirror("adopt", "uci/17", str(zipped))
        self.assert_tree(pathlib.Path(adopted.lines[0]), self.uci.site.sets[17].members)

        # Thursday: a new version came over night; the old one is needed for the paper.
        self.type("sync")
        self.assert_says(self.type("path physionet/growing", expect=2), "1.4", "1.10.0")
        self.medmirror("hold", "physionet/growing@1.4", "--until", "2099-06-30", "--note", "the paper")
        self.assert_says(self.type("remove physionet/growing@1.4", expect=2), "the paper")
        self.medmirror("copy", "mitdb", str(self.folder / "mine"))
        self.assertEqual(self.digests(self.folder / "mine"), self.digests(self.mirror / "physionet" / "mitdb" / "1.0.0"))
        (self.folder / "mine" / "102.hea").write_text("edited")  # a place of one's own

        # Friday: tidy up.
        self.type("release physionet/growing@1.4")
        self.type("remove physionet/growing@1.4")
        self.assertFalse(os.path.lexists(self.mirror / "physionet" / "growing" / "1.4"))
        self.type("prune")
        self.type("verify")
        self.assertEqual(self.type("list").out.count("physionet/growing@"), 1)


class Administrator(Week):
    def test_his_week(self):
        shared = self.folder / "shared"
        subprocess.run([self.program, "init", str(shared), "--max-size", "5G", "--max-files", "100000"], check=True,
                       env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOWER)
        chosen = subprocess.run([self.program, "config", "get", "mirror"], check=True, env=self.environment(),
                                stdout=subprocess.PIPE, timeout=60 * SLOWER).stdout
        self.assertEqual(chosen.decode().strip(), str(shared))
        self.type("config set network.limit-rate 50M")
        self.mirror = shared
        for ref in ("physionet/mitdb", "physionet/growing@1.4", "uci/17"):
            self.pull(ref)
        self.assert_says(self.type("sync"), "3 datasets", "updated")
        self.assert_says(self.type("sync"), "3 unchanged")
        self.assert_says(self.type("verify --for 1h"), "proven")
        proofs = (shared / ".medmirror" / "proofs.jsonl").read_text().splitlines()
        self.assertGreaterEqual(len(proofs), 4)
        self.assert_says(self.type("status"), "100000")
        damaged = shared / "physionet" / "mitdb" / "1.0.0" / "102.dat"
        damaged.chmod(0o644)
        with open(damaged, "r+b") as file:
            file.write(b"rot")
        self.type("verify mitdb", expect=3)
        self.type("verify --repair mitdb")
        self.type("verify mitdb")


class Engineer(Week):
    def test_her_week(self):
        events = [json.loads(line) for line in self.type("--json pull uci/17").lines]
        result = next(event for event in events if event["event"] == "result")
        self.assert_proven(result["path"])
        self.type("pull --require declared mitdb")
        plain = PlainSite()
        plain.add("study/data.csv", Bytes("id\n1\n"))
        server = self.origin(plain)
        drafted = self.medmirror("manifest", "new", f"{server.url}/study/", "--id", "my-study").out
        draft = self.folder / "my-study.json"
        draft.write_text(drafted, encoding="utf-8")
        self.medmirror("manifest", "check", str(draft))
        self.medmirror("manifest", "fmt", "--check", str(draft))
        path, _ = self.pull(str(draft))
        self.assertEqual((path / "data.csv").read_text(), "id\n1\n")
        self.medmirror("pull", "mitdb", "--to", str(self.folder / "train"))
        self.assertEqual(self.digests(self.folder / "train"),
                         self.digests(self.mirror / "physionet" / "mitdb" / "1.0.0"))


if __name__ == "__main__":
    unittest.main()
