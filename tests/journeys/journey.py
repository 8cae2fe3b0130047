"""What every journey needs: the built program, run as a person would, in a home and a mirror of its own, and ways to
judge what it left behind that owe nothing to it."""

import hashlib
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import json_events  # noqa: E402
from origins import Origin, PlainSite  # noqa: E402  (the path had to be set first)

SANITIZED = os.environ.get("MEDMIRROR_SANITIZE", "")
# Sanitizers make the program several times slower; what waits for it waits longer.
SLOWER = 6 if SANITIZED else 1

NOWHERE = "http://127.0.0.1:1"

# Patience for tests: in ms and bytes, as the configuration has them.
QUICK = {"retries": 4, "delay-min": 10, "delay-max": 60, "retry-after-max": 3000, "connect-timeout": 3000 * SLOWER,
         "first-byte-timeout": 1500 * SLOWER, "stall-timeout": 1000 * SLOWER, "network-patience": 4000,
         "patience-interval": 200, "host-point-interval": 200}


class Result:
    """What one run said and how it ended."""

    def __init__(self, arguments, status, out, err, seconds, peak=None):
        self.arguments, self.status, self.seconds, self.peak = arguments, status, seconds, peak
        self.out, self.err = out, err

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def fingerprint(self):
        found = re.search(r"mm1:([0-9a-f]{64})", self.err + self.out)
        return found.group(1) if found else None

    def __str__(self):
        return (f"medmirror {' '.join(map(str, self.arguments))}\nstatus {self.status} after {self.seconds:.2f} s\n"
                f"--- standard output\n{self.out[-4000:]}\n--- standard error\n{self.err[-6000:]}")


class Running:
    """A run that goes on beside the test."""

    def __init__(self, arguments, command, env, folder, measured=None):
        self.arguments = arguments
        self._out = tempfile.TemporaryFile(dir=folder)
        self._err = tempfile.TemporaryFile(dir=folder)
        self._measured = measured
        self._began = time.monotonic()
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err,
                                        cwd=folder)

    @property
    def is_running(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9, as a crash or the kernel would."""
        self.process.kill()
        return self.wait()

    def end(self):
        """Whatever became of it, it is over."""
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self._out.close()
        self._err.close()

    def err_so_far(self):
        return self._read(self._err)

    def wait(self, seconds=300):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"It did not end within {seconds} s.\n{self._result(-1)}") from None
        return self._result(status)

    def _result(self, status):
        peak = int(self._measured.read_text()) if self._measured and self._measured.exists() else None
        with self._out, self._err:
            return Result(self.arguments, status, self._read(self._out), self._read(self._err),
                          time.monotonic() - self._began, peak)

    @staticmethod
    def _read(file):
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode("utf-8", "backslashreplace")


class Journey(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.program = os.environ.get("MEDMIRROR_PROGRAM") or str(HERE.parents[1] / "build" / "dev" / "medmirror")
        self.assertTrue(os.access(self.program, os.X_OK), f"There is no program at {self.program}.")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="journey-"))
        self.addCleanup(self._remove_folder)
        self.mirror = self.folder / "mirror"
        self._runs = []
        for name in ("home", "config/medmirror", "data", "cache", "state", "runtime", "tmp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "runtime").chmod(0o700)
        # What no test gave an origin leads to a port where nobody listens, never outside.
        self.endpoints = {name: NOWHERE for name in ("kaggle", "uci", "physionet", "s3", "tcia")}
        self.configure()

    def _remove_folder(self):
        for running in self._runs:
            running.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    # The surroundings of a run.

    def configure(self, mirror=(), **network):
        """Writes the configuration: the quick patience, with these keys (underscores for hyphens) on top; MIRROR: the
        keys of its own group."""
        settings = {**QUICK, **{name.replace("_", "-"): value for name, value in network.items()}}
        text = "".join(f"[{group}]\n" + "".join(f"{name}={value}\n" for name, value in keys.items())
                       for group, keys in (("network", settings), ("mirror", dict(mirror))) if keys)
        (self.folder / "config" / "medmirror" / "medmirror.conf").write_text(text, encoding="utf-8")

    def environment(self, **more):
        """Nothing is inherited but the path and what sanitizers read."""
        env = {name: value for name, value in os.environ.items()
               if name == "PATH" or re.fullmatch("[AUTL]SAN_OPTIONS", name)}
        env.update(HOME=str(self.folder / "home"), XDG_CONFIG_HOME=str(self.folder / "config"),
                   XDG_DATA_HOME=str(self.folder / "data"), XDG_CACHE_HOME=str(self.folder / "cache"),
                   XDG_STATE_HOME=str(self.folder / "state"), XDG_RUNTIME_DIR=str(self.folder / "runtime"),
                   TMPDIR=str(self.folder / "tmp"), LC_ALL="C.UTF-8", TERM="dumb")
        if SANITIZED:  # GLib's slices hide from the thread sanitizer who gave memory to whom
            env["G_SLICE"] = "always-malloc"
        for name, url in self.endpoints.items():
            env["MEDMIRROR_ENDPOINT_" + name.upper().replace("-", "_")] = url
        env.update({name: str(value) for name, value in more.items()})
        return env

    def origin(self, site=None, endpoint=None, **options):
        """A local origin for as long as the test lasts; ENDPOINT sends that source's requests there."""
        origin = Origin(site if site is not None else PlainSite(), **options)
        self.addCleanup(self._close_origin, origin)
        if endpoint:
            self.endpoints[endpoint] = origin.url
        return origin

    def _close_origin(self, origin):
        origin.close()
        self.assertEqual(origin.errors, [], "The origin itself failed.")

    # Runs.

    def start(self, *arguments, env=(), measure=False, no_network=False):
        command = [self.program, "--mirror", str(self.mirror), *map(str, arguments)]
        measured = None
        if no_network:
            command = [sys.executable, "-B", str(HERE / "no_network.py"), *command]
        if measure:
            measured = self.folder / f"peak-{len(self._runs)}"
            command = [sys.executable, "-B", "-S", str(HERE / "measure.py"), str(measured), *command]
        running = Running(arguments, command, self.environment(**dict(env)), self.folder, measured)
        self._runs.append(running)
        return running

    def medmirror(self, *arguments, expect=0, seconds=300, **options):
        """Runs the program to its end; its exit status must be EXPECT (one or several)."""
        result = self.start(*arguments, **options).wait(seconds * SLOWER)
        self.assert_status(result, expect)
        if "--json" in map(str, arguments):
            self.assertEqual(json_events.faults(arguments, result.status, result.out), [], "docs/json.md says otherwise.")
        return result

    def assert_status(self, result, expect):
        wanted = expect if isinstance(expect, (tuple, list)) else (expect,)
        self.assertIn(result.status, wanted, str(result))
        self.assertNotRegex(result.err, r"Sanitizer|runtime error:", str(result))

    def pull(self, ref, *options, **more):
        """Pulls REF; the path of its version."""
        result = self.medmirror("pull", ref, *options, **more)
        self.assertEqual(len(result.lines), 1, str(result))
        path = pathlib.Path(result.lines[0])
        self.assertTrue(path.is_absolute() and path.is_dir(), str(result))
        return path, result

    def assert_explains(self, result, *words):
        """The message names each of WORDS and ends with something to type."""
        for word in words:
            self.assertIn(str(word), result.err, str(result))
        self.assertRegex(result.err, r"medmirror [a-z-]+", f"No line to type next.\n{result}")

    # Judging what is there, without the program.

    def digests(self, folder):
        """{path: sha256} of every regular file below FOLDER."""
        found = {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                with open(path, "rb") as file:
                    found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    def assert_tree(self, path, members):
        """The version's folder has exactly these files: {path: content}."""
        wanted = {name: content.digest() for name, content in members.items()}
        self.assertEqual(self.digests(path), wanted)

    def assert_proven(self, path, result=None, mode=0o444):
        """coreutils alone agree with the list, the list has every file, and RESULT's fingerprint is the list's digest.
        MODE: of every file (0o400 where the data is the puller's alone)."""
        path = pathlib.Path(path)
        list_file = path.with_name(path.name + ".sha256")
        checked = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", f"../{list_file.name}"], cwd=path,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((checked.returncode, checked.stdout), (0, b""))
        lines = list_file.read_bytes().splitlines()
        names = [line.split(b"  ", 1)[1] for line in lines]
        self.assertEqual(names, sorted(names), "The list is not in byte order.")
        self.assertEqual(len(names), len(self.digests(path)))
        for file in path.rglob("*"):
            if file.is_file() and not file.is_symlink():
                self.assertEqual(stat.S_IMODE(file.stat().st_mode), mode, file)
        if result is not None:
            self.assertEqual(result.fingerprint, hashlib.sha256(list_file.read_bytes()).hexdigest(), str(result))
        self.assertTrue(path.with_name(path.name + ".lock.jsonl").is_file())

    def assert_arrived(self, path, members, result=None, mode=0o444):
        self.assert_tree(path, members)
        self.assert_proven(path, result, mode)

    def installed(self):
        """Every regular file of the mirror but its private folder: the final names."""
        if not self.mirror.exists():
            return []
        return [path for path in self.mirror.rglob("*")
                if path.is_file() and not path.is_symlink() and ".medmirror" not in path.relative_to(self.mirror).parts]

    def assert_nothing_installed(self):
        self.assertEqual(self.installed(), [])

    def flip(self, path, offset=None):
        """Changes one byte of an installed file, as a bad disk would: size and times stay."""
        path = pathlib.Path(path)
        before = path.stat()
        path.chmod(0o644)
        with open(path, "r+b") as file:
            offset = before.st_size // 2 if offset is None else offset
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 0x20]))
        path.chmod(stat.S_IMODE(before.st_mode))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def wait_until(self, test, seconds=30, what="it"):
        end = time.monotonic() + seconds * SLOWER
        while time.monotonic() < end:
            value = test()
            if value:
                return value
            time.sleep(0.005)
        self.fail(f"{what} did not come about within {seconds} s.")


INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM
