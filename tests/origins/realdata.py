"""Real files, where they can be had: two Debian packages unpacked into a cache, and a folder beside the sources."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .content import Bytes, DiskFile, Noise

PACKAGES = ("python3-pydicom", "python3-sklearn")
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def cache_folder():
    """Where unpacked packages are kept between runs: $MEDMIRROR_TEST_CACHE, else build/test-data."""
    return pathlib.Path(os.environ.get("MEDMIRROR_TEST_CACHE") or SOURCE / "build" / "test-data")


def package_folder(name):
    """The unpacked files of a Debian package; None where fetch_packages() has not brought it."""
    target = cache_folder() / name
    return target if target.is_dir() else None


def fetch_packages():
    """Downloads and unpacks PACKAGES where they are not there yet; installs nothing. The names that failed."""
    return [name for name in PACKAGES if package_folder(name) is None and not _fetch(name)]


def _fetch(name):
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return False
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as folder:
        try:
            subprocess.run(["apt-get", "download", "-qq", name], cwd=folder, check=True, timeout=60,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            package = next(pathlib.Path(folder).glob("*.deb"))
            unpacked = pathlib.Path(folder) / "unpacked"
            subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True, stdin=subprocess.DEVNULL)
            os.rename(unpacked, cache_folder() / name)
        except (subprocess.SubprocessError, StopIteration, OSError):
            return package_folder(name) is not None
    return True


def shared(path):
    """A file or folder of ../shared/data beside the sources; None where it is not there."""
    found = SOURCE.parent / "shared" / "data" / path
    return found if found.exists() else None


def dicom_files(count=20):
    """{name: content}: real DICOM files of python3-pydicom where it is cached, else generated ones."""
    package = package_folder("python3-pydicom")
    files = {}
    if package is not None:
        for path in sorted(package.rglob("*.dcm")):
            files.setdefault(path.name, DiskFile(path))
            if len(files) == count:
                return files
    for number in range(len(files), count):
        files[f"generated-{number:03d}.dcm"] = Bytes(bytes(128) + b"DICM" + Noise(4096 + 512 * number, number).bytes())
    return files


def breast_cancer_table():
    """The table of UCI's set 17 as scikit-learn ships it, else a generated one of its form."""
    package = package_folder("python3-sklearn")
    if package is not None:
        for path in sorted(package.rglob("breast_cancer.csv")):
            return DiskFile(path)
    rows = [f"{842302 + 37 * row},{'MB'[row % 2]}," + ",".join(f"{(row * 7 + column * 13) % 997 / 31:.4f}"
            for column in range(30)) for row in range(569)]
    return Bytes("\n".join(rows) + "\n")
