"""Installs the real clients and runs them against the local origins; the last line is `N passed, N failed, N skipped`.

    python3 tests/real/run.py FOLDER [test_NAME...]

FOLDER keeps the environments from run to run, and what each client said, in log/. Removing it brings newer versions.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from groups import Count, count_entry  # noqa: E402  (the path had to be set first)
from real import ENVIRONMENTS  # noqa: E402


def install(folder, name, packages):
    """The environment NAME with these packages; True where it has them. One that is there as wanted is left alone."""
    place, stamp = folder / name, folder / f"{name}.packages"
    wanted = "\n".join(packages) + "\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    print(f"Installing {', '.join(packages)} into {place}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    venv.EnvBuilder(with_pip=True).create(place)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "install", *packages], stdin=subprocess.DEVNULL).returncode:
        return False
    stamp.write_text(wanted)
    return True


def versions(folder, name, packages):
    bare = [package.partition("=")[0].partition("<")[0] for package in packages]
    text = "import importlib.metadata as m, sys; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    return subprocess.run([str(folder / name / "bin" / "python"), "-c", text, *bare], stdout=subprocess.PIPE,
                          check=True).stdout.decode().strip()


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "log", ignore_errors=True)
    total = Count()
    for name, packages in ENVIRONMENTS.items():
        if install(folder, name, packages):
            print(f"{name}: {versions(folder, name, packages)}", flush=True)
        else:
            total.add(Count(failed=1, bad=[f"real: {' '.join(packages)} could not be installed"]))
    names = sys.argv[2:] or sorted(path.stem for path in HERE.glob("test_*.py"))
    for name in names:
        process = subprocess.run([sys.executable, "-B", "-m", "unittest", "-v", name], cwd=HERE, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env={**os.environ, "REAL_CLIENTS": str(folder)})
        lines = process.stdout.decode("utf-8", "backslashreplace").splitlines()
        count = count_entry(name, lines, process.returncode == 0)
        total.add(count)
        print("\n".join(lines) if count.failed else f"  {name:32} {count}", flush=True)
    print(f"What the clients said: {folder / 'log'}")
    for case in total.left_out:
        print(f"skipped: {case}")
    for case in total.bad:
        print(f"failed: {case}")
    print(total, flush=True)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
