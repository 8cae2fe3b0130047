"""What is measured: for each case its data, who competes, and what each of them types."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import Callable

import material

SEED = 20261123


@dataclass
class Sizes:
    zip_members: int = 2000
    zip_member_bytes: int = 512 * 1024
    small_files: int = 10_000
    verify_large_bytes: int = 1 << 30
    many: int = 1_000_000


QUICK = Sizes(zip_members=40, zip_member_bytes=32 * 1024, small_files=200, verify_large_bytes=1 << 20, many=2000)


@dataclass
class Contender:
    name: str
    command: Callable  # of the folder it works in: a list, or a line for the shell
    files: int = 0  # that must lie below that folder afterwards; 0: it makes none
    target: float = 0  # how many times as long as medmirror it should take at least


@dataclass
class Case:
    key: str
    title: str
    contenders: list
    facts: str
    environment: dict


def count_files(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def retire(folder):
    """Gives the room of large files back. Nothing is removed before the end: ext4 makes new files slowly for a minute
    after many were removed, and that would be the next one's loss."""
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if not os.path.islink(file) and os.path.getsize(file) > 128 * 1024:
                os.chmod(file, 0o600)
                os.truncate(file, 0)


class Bench:
    """The places that the cases share."""

    def __init__(self, scratch, program, web, sizes):
        self.scratch, self.program, self.web, self.sizes = scratch, program, web, sizes
        self.root = os.path.join(scratch, "www")
        self.environment = {"XDG_CONFIG_HOME": os.path.join(scratch, "config"), "HOME": scratch,
                            "XDG_CACHE_HOME": os.path.join(scratch, "cache"), "XDG_RUNTIME_DIR": scratch, "LC_ALL": "C.UTF-8"}
        self.manifests = os.path.join(scratch, "config", "medmirror", "manifests")
        os.makedirs(self.manifests, exist_ok=True)

    def medmirror(self, *words):
        return [self.program, *words]

    def zip(self):
        sizes, web = self.sizes, self.web
        archive = os.path.join(self.root, "images.zip")
        material.make_image_zip(archive, sizes.zip_members, sizes.zip_member_bytes, SEED)
        address = f"{web.plain}/images.zip"
        material.write_manifest(os.path.join(self.manifests, "bench-images.json"), "bench-images", address, archive,
                                {"format": "zip"})
        sums = os.path.join(self.scratch, "images.sha256")
        with open(sums, "w", encoding="ascii") as file:
            file.write(f"{material.digest(archive)}  images.zip\n")
        size = os.path.getsize(archive)
        return Case("zip", "A zip: download, check, unpack", [
            Contender("medmirror pull", lambda folder: self.medmirror("--mirror", folder, "pull", "bench-images"),
                      sizes.zip_members),
            Contender("curl; sha256sum; unzip",
                      lambda folder: f"curl -fsS -o images.zip {address}; sha256sum -c --quiet {shlex.quote(sums)}; "
                                     "unzip -q images.zip -d tree", sizes.zip_members, target=2.5),
            Contender("curl \\| bsdtar (unverified)",
                      lambda folder: f"mkdir tree; curl -fsS {address} | bsdtar -x -f - -C tree", sizes.zip_members),
        ], f"{size / 1e6:.0f} MB, {sizes.zip_members} members of {sizes.zip_member_bytes / 1e6:.2f} MB and less, "
           "over HTTP on the loopback device", self.environment)

    def small(self):
        sizes, web = self.sizes, self.web
        folder = os.path.join(self.root, "many")
        paths = material.make_small_files(folder, sizes.small_files, 2000, 60_000, SEED + 1)
        size = sum(os.path.getsize(os.path.join(folder, path)) for path in paths)
        address = f"{web.far_secure}/many/"
        wanted = os.path.join(self.scratch, "wanted.curl")
        with open(wanted, "w", encoding="ascii") as file:
            for path in paths:
                file.write(f'url = "{address}{path}"\noutput = "{path}"\n')
        certificate = shlex.quote(web.certificate)
        return Case("small", "Small files far away", [
            Contender("medmirror pull",
                      lambda folder: self.medmirror("--mirror", folder, "--cacert", web.certificate, "pull", address),
                      len(paths)),
            Contender("curl --parallel --parallel-max 100",
                      lambda folder: f"curl -fsS --parallel --parallel-max 100 --create-dirs --cacert {certificate} "
                                     f"-K {shlex.quote(wanted)}", len(paths)),
            Contender("rclone copy --transfers 32",
                      lambda folder: f"rclone copy --config= --transfers 32 --checkers 32 --http-no-head --ca-cert "
                                     f"{certificate} --http-url {address} :http: tree", len(paths), target=2.5),
        ], f"{sizes.small_files} files of 2 to 60 kB, {size / 1e6:.0f} MB, and their SHA256SUMS, over HTTPS (HTTP/2 where "
           "the tool speaks it) at a round trip of 30 ms", self.environment)

    def verify(self):
        sizes = self.sizes
        folder = os.path.join(self.scratch, "to-verify")
        material.make_small_files(folder, sizes.small_files, 2000, 60_000, SEED + 2)
        material.add_large_files(folder, 2, sizes.verify_large_bytes, SEED + 3)
        known = os.path.join(self.scratch, "known.hashdeep")
        with open(known, "wb") as file:
            subprocess.run(["hashdeep", "-j2", "-c", "sha256", "-r", "-l", "."], cwd=folder, stdout=file, check=True)
        there = shlex.quote(folder)
        return Case("verify", "Verify", [
            Contender("medmirror verify", lambda _: self.medmirror("verify", folder)),
            Contender("sha256sum -c", lambda _: f"cd {there}; sha256sum -c --quiet SHA256SUMS", target=5),
            Contender("hashdeep -j2 -a", lambda _: f"cd {there}; hashdeep -j2 -c sha256 -r -l -a -k {shlex.quote(known)} ."),
        ], f"{sizes.small_files} files of 2 to 60 kB and two of {sizes.verify_large_bytes / 1e9:.2f} GB, page cache warm",
            self.environment)

    def nothing(self):
        sizes, web = self.sizes, self.web
        archive = os.path.join(self.root, "many.tar")
        material.make_many_tar(archive, sizes.many)
        material.write_manifest(os.path.join(self.manifests, "bench-many.json"), "bench-many", f"{web.plain}/many.tar",
                                archive, {"format": "tar", "filter": "none"})
        mirror = os.path.join(self.scratch, "mirror")
        environment = {**os.environ, **self.environment}
        path = subprocess.run(self.medmirror("--mirror", mirror, "--quiet", "pull", "bench-many"), env=environment,
                              stdout=subprocess.PIPE, check=True).stdout.decode().rstrip("\n")
        if count_files(path) != sizes.many:
            raise RuntimeError(f"{path} does not hold {sizes.many} files")
        git = ["git", f"--git-dir={self.scratch}/many.git", f"--work-tree={path}"]
        settings = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"]
        for words in (["init", "-q"], ["add", "-A"], [*settings, "commit", "-q", "-m", "all"], ["status", "--porcelain"]):
            subprocess.run([*git, *words], cwd=path, env=environment, check=True, stdout=subprocess.DEVNULL)
        return Case("nothing", "Nothing to do", [
            Contender("medmirror verify --quick",
                      lambda _: self.medmirror("--mirror", mirror, "verify", "--quick", "bench-many")),
            Contender("medmirror pull", lambda _: self.medmirror("--mirror", mirror, "pull", "bench-many")),
            Contender("git status", lambda _: ["git", *git[1:], "-C", path, "status", "--porcelain"], target=1),
            Contender("rsync -an", lambda _: ["rsync", "-an", path + "/", path + "/"]),
        ], f"{sizes.many} files, a thousand a folder, page cache warm", self.environment)

    def cases(self):
        return {"zip": self.zip, "small": self.small, "verify": self.verify, "nothing": self.nothing}
