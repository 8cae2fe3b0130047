"""What every test with a real client needs: the client, as it was published, in a home of its own, and the way to the
local origins."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from origins import Certificates, Origin  # noqa: E402  (the path had to be set first)

# Which packages each environment has. `today` is what is published now (kaggle 2.2 imports six and does not say so); `rest`
# are the last that spoke the older face of Kaggle's API. `tcia` brings idc-index and s5cmd along.
ENVIRONMENTS = {"today": ("kaggle", "six", "kagglehub"), "rest": ("kaggle==1.6.17", "kagglehub==0.3.13"),
                "tcia": ("tcia_utils", "boto3", "pydicom")}


class Output:
    """What one run of a client said."""

    def __init__(self, command, process):
        self.command, self.status = command, process.returncode
        self.out, self.err = (part.decode("utf-8", "backslashreplace") for part in (process.stdout, process.stderr))

    @property
    def all(self):
        return self.out + self.err

    def __str__(self):
        return f"$ {' '.join(map(str, self.command))}\n{self.out}{self.err}(status {self.status})\n"


class RealCase(unittest.TestCase):
    """ENVIRONMENT: of ENVIRONMENTS, whose programs and modules are run."""

    environment = "today"
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        folder = os.environ.get("REAL_CLIENTS")
        if not folder:
            raise AssertionError("The clients are not installed. Type: tests/run --real-clients")
        cls.installed = pathlib.Path(folder, cls.environment, "bin")
        cls.log = pathlib.Path(folder, "log")
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="real-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.hosts = {}
        self.settings = {}

    def origin(self, site, *names, port=443, **options):
        """An origin for as long as the test lasts; NAMES: hosts that lead to it (with TLS where PORT is 443)."""
        tls = self.certificates.named(*names) if names and port == 443 else None
        origin = Origin(site, tls=tls, **options)
        self.addCleanup(self._close, origin)
        for name in names:
            self.hosts[f"{name}:{port}"] = origin.port
        return origin

    def _close(self, origin):
        origin.close()
        self.assertEqual(origin.errors, [], "The origin itself failed, or was sent what it must not see.")

    def env(self):
        """Nothing is inherited but the path."""
        env = {"PATH": f"{self.installed}:{os.environ['PATH']}", "HOME": str(self.home), "LC_ALL": "C.UTF-8",
               "PYTHONPATH": str(HERE / "redirect"), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.folder),
               "REAL_HOSTS": ",".join(f"{host}={port}" for host, port in self.hosts.items()),
               "COLUMNS": "160"}
        for name in ("REAL_AUTHORITY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"):
            env[name] = self.certificates.authority
        env.update({name: str(value) for name, value in self.settings.items()})
        return env

    def run_client(self, *command, expect=0, seconds=180):
        """Runs a program of the environment in an empty folder; EXPECT: its exit status (None: any)."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        process = subprocess.run([str(self.installed / command[0]), *map(str, command[1:])], cwd=work, env=self.env(),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=seconds)
        output = Output(command, process)
        self.log.mkdir(parents=True, exist_ok=True)
        with open(self.log / f"{self.id()}.txt", "a", encoding="utf-8") as file:
            file.write(str(output))
        if expect is not None:
            self.assertEqual(output.status, expect, str(output))
        return output

    def run_python(self, program, expect=0, **options):
        """Runs lines of Python in the environment; `say(VALUE)` in them is what this returns, from JSON."""
        text = "import json, sys\ndef say(value): print('SAID' + json.dumps(value))\n" + program
        output = self.run_client("python", "-c", text, expect=expect, **options)
        said = [json.loads(line[4:]) for line in output.out.splitlines() if line.startswith("SAID")]
        output.said = said[-1] if said else None
        return output

    @property
    def work(self):
        return self.folder / "work"

    def write(self, path, text, mode=0o600):
        """A file in the home."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file
