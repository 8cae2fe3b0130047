"""Many processes on one mirror: they pull, verify, mend, sync and remove the same datasets and different ones, some of
them are killed, and afterwards nothing is lost, nothing is wrong, and nobody is kept out."""

import json
import os
import pathlib
import random
import subprocess
import threading
import time
import unittest

from journey import SLOWER, Journey
from origins import Bytes, Noise, PhysioNetSite, UciCdnSite, UciSet, UciSite, Version

# A minute where it is asked for; the regular suite has not got one.
SECONDS = float(os.environ.get("MEDMIRROR_STRESS_SECONDS", "15"))
SEED = int(os.environ.get("MEDMIRROR_STRESS_SEED", "1"))
PROCESSES = 8
KILLERS = 2

# Never removed: what of it was once there must be there at the end.
KEPT = ("physionet/kept", "uci/903")
SHARED = ("physionet/one", "physionet/two", "physionet/two@1.0.0", "uci/904")


def tables(name, count=6):
    """Files that other versions have too, and some of its own."""
    files = {f"same/{number}.dat": Noise(6000, number) for number in range(count)}
    files.update({f"own/{name}-{number}.dat": Noise(5000 + number, f"{name}/{number}") for number in range(count)})
    files["README"] = Bytes(f"{name}\n")
    return files


class ManyProcesses(Journey):
    def setUp(self):
        super().setUp()
        self.configure(delay_min=5, delay_max=20)
        versions = [Version("kept", "1.0.0", "Kept", tables("kept", 8)),
                    Version("one", "1.0.0", "One", tables("one")),
                    Version("two", "1.0.0", "Two", tables("two")),
                    Version("two", "1.1.0", "Two", {**tables("two"), "new.dat": Noise(7000, "new")})]
        self.physionet = self.origin(PhysioNetSite(versions), "physionet")
        uci = UciSite()
        for number in (903, 904):
            members = {f"part/{index}.csv": Noise(8000, f"{number % 2}/{index}") for index in range(5)}
            uci.add(UciSet(number, f"Set {number}", f"set+{number}", members))
        self.uci = self.origin(uci, "uci")
        self.origin(UciCdnSite(uci), "uci-cdn")
        self.wrong, self.done, self.killed = [], 0, 0
        self.guard = threading.Lock()
        self.until = time.monotonic() + SECONDS

    def members(self, path):
        """{path: content} of the version at PATH, as its origin has it."""
        if path.parent.parent.name == "physionet":
            return self.physionet.site.projects[path.parent.name][path.name].tree.below("")
        return self.uci.site.sets[int(path.parent.name)].members

    # One process after the other, in each of the threads.

    def choose(self, dice):
        """(arguments, exit statuses that are right). A sync says 8 where it leaves a pull alone that somebody began, and
        that was killed."""
        ref = dice.choice(KEPT + SHARED)
        plain = ref.partition("@")[0]
        return dice.choice((
            (("pull", ref), (0,)), (("pull", ref), (0,)),
            (("pull", ref, "--include", dice.choice(("same/*", "own/*", "part/1.csv", "*"))), (0, 7)),
            (("pull", ref, "--only", "--include", "*[02468].*") if plain not in KEPT else ("pull", ref), (0, 7)),
            (("pull", *dice.sample(KEPT + SHARED, 2)), (0,)),
            (("pull", "--no-wait", ref), (0, 8)),
            (("verify",), (0, 7)), (("verify", "--quick"), (0, 7)), (("verify", ref), (0, 2, 7)),
            (("verify", "--repair"), (0, 7)), (("sync",), (0, 7, 8)), (("sync", plain), (0, 7, 8)),
            (("remove", "--yes", "--all", dice.choice(SHARED).partition("@")[0]), (0, 7)),
            (("remove", "--yes", "physionet/two@1.0.0"), (0, 7)),
            (("prune",), (0, 7)), (("list",), (0, 7)), (("status",), (0, 7)), (("path", ref), (0, 2, 7)),
        ))

    def run_one(self, dice, kills):
        arguments, expected = self.choose(dice)
        command = [self.program, "--mirror", str(self.mirror), *arguments]
        process = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            if kills:
                try:
                    process.wait(dice.expovariate(1 / (0.08 * SLOWER)))
                except subprocess.TimeoutExpired:
                    process.kill()
                    with self.guard:
                        self.killed += 1
            text = process.communicate(timeout=120 * SLOWER)[0].decode("utf-8", "backslashreplace")
        except subprocess.TimeoutExpired:
            process.kill()
            text = "It did not end.\n" + process.communicate()[0].decode("utf-8", "backslashreplace")
        with self.guard:
            self.done += 1
            if process.returncode not in expected and not (kills and process.returncode == -9):
                self.wrong.append(f"medmirror {' '.join(arguments)}: status {process.returncode}\n{text[-3000:]}")

    def work(self, number):
        dice = random.Random(f"{SEED}/{number}")
        while time.monotonic() < self.until and not self.wrong:
            self.run_one(dice, number < KILLERS)

    # Afterwards.

    def versions(self):
        """The folders of all versions, by their locks; a tree without a lock, a lock without its tree fail."""
        locks = {path.with_name(path.name.removesuffix(".lock.jsonl")) for path in self.mirror.glob("*/*/*.lock.jsonl")}
        trees = {path for path in self.mirror.glob("*/*/*")
                 if path.is_dir() and not path.is_symlink() and not path.name.endswith((".extra", ".archives"))}
        self.assertEqual(trees, locks)
        lists = {path.with_name(path.name.removesuffix(".sha256")) for path in self.mirror.glob("*/*/*.sha256")}
        self.assertEqual(lists, locks)
        return sorted(trees)

    def assert_right(self, path):
        """Every file is the origin's, the list names them all, and the lock's header agrees with them."""
        members = self.members(path)
        digests = self.digests(path)
        for name, digest in digests.items():
            self.assertEqual(digest, members[name].digest(), f"{path}/{name}")
        self.assert_proven(path)
        with open(path.with_name(path.name + ".lock.jsonl"), encoding="utf-8") as lock:
            lines = [json.loads(line) for line in lock]
        self.assertEqual(lines[0]["held"]["files"], len(digests))
        self.assertEqual({line["file"] for line in lines if line.get("state") == "have" and "file" in line}, set(digests))
        return set(digests)

    def assert_left_clean(self):
        private = self.mirror / ".medmirror"
        for folder in ("owners", "intents"):
            # A probe for the file server's clock (".clock-") that a killed run left is nobody's owner.
            left = [path.name for path in (private / folder).iterdir() if not path.name.startswith((".clock-", ".dead-"))]
            self.assertEqual(left, [], folder)
        self.assertEqual([str(path) for path in self.mirror.rglob(".gone-*")], [])
        self.assertEqual([str(path) for path in self.mirror.rglob("*.extra")], [], "Files of the dataset's were put aside.")

    def test_nothing_is_lost_or_wrong(self):
        kept = {}
        for ref in KEPT:
            path, result = self.pull(ref)
            kept[path] = set(self.members(path))
            self.assert_arrived(path, self.members(path), result)
        threads = [threading.Thread(target=self.work, args=(number,)) for number in range(PROCESSES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.wrong, [], "\n".join(self.wrong))
        self.assertGreater(self.killed, 2)
        self.assertGreater(self.done, 3 * PROCESSES)
        # Whoever comes next finishes or undoes what the killed ones left; no owner of theirs is in its way.
        self.medmirror("list")
        for ref in KEPT + SHARED:
            began = time.monotonic()
            # One that was killed before it had written its name is given ten seconds to do so.
            while self.medmirror("pull", ref, "--no-wait", expect=(0, 8)).status == 8:
                self.assertLess(time.monotonic() - began, 15 * SLOWER, "An owner that is dead stands in the way.")
                time.sleep(0.5)
            path, result = self.pull(ref, "--no-wait")
            self.assertLess(time.monotonic() - began, 30 * SLOWER, str(result))
            self.assert_arrived(path, self.members(path), result)
        for path in self.versions():
            self.assert_right(path)
        for path, names in kept.items():
            self.assertEqual(self.assert_right(path), names, "What was never removed is gone.")
        self.medmirror("verify")
        self.medmirror("verify", "--quick")
        self.medmirror("prune")
        self.assert_left_clean()
        for ref in ("physionet/one", "physionet/two", "uci/904"):
            self.medmirror("remove", "--yes", "--all", "--no-wait", ref)
        self.assertEqual(self.versions(), sorted(kept))
        for path in kept:
            self.assert_right(path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
