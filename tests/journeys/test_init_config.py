"""init and config: a mirror is made and remembered, for oneself or for a group; what is configured is said and changed."""

import grp
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import unittest

from journey import SLOWER, Journey, Result
from origins import Noise, PlainSite, Sparse

FILES = {"a/1.bin": Noise(150_000, 1), "a/2.bin": Noise(30_000, 2), "readme.txt": Noise(40, 3)}


class InitConfig(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin(PlainSite())
        for name, content in FILES.items():
            self.server.site.add(f"set/{name}", content)
        self.conf = self.folder / "config" / "medmirror" / "medmirror.conf"
        self.own = self.folder / "data" / "medmirror"

    @property
    def url(self):
        return f"{self.server.url}/set/"

    def bare(self, *arguments, expect=0, env=(), umask=None, user=None):
        """A run without --mirror, as most are; USER: another person's, where the test may be one."""
        env = self.environment(**dict(env))
        more = {}
        if user:
            more = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        before = os.umask(umask) if umask is not None else None
        try:
            done = subprocess.run([self.program, *map(str, arguments)], env=env, stdin=subprocess.DEVNULL,
                                  capture_output=True, cwd=self.folder, timeout=120 * SLOWER, **more)
        finally:
            if before is not None:
                os.umask(before)
        result = Result(arguments, done.returncode, done.stdout.decode(), done.stderr.decode(), 0)
        self.assert_status(result, expect)
        return result

    def mode(self, path):
        return stat.S_IMODE(os.lstat(path).st_mode)

    # init

    def test_made_and_remembered(self):
        place = self.folder / "disk" / "mirror"
        result = self.bare("init", place, "--max-size", "5 MB", "--max-files", "100")
        self.assertEqual(result.lines, [str(place)])
        for word in ("5.0 MB", "100 files", "file system", "remembered", str(self.conf)):
            self.assertIn(word, result.err)
        self.assertEqual(self.bare("config", "get", "mirror").lines, [str(place)])
        path = pathlib.Path(self.bare("pull", self.url).lines[0])
        self.assertTrue(path.is_relative_to(place), path)
        self.assert_arrived(path, FILES)
        # Again: what it has is kept, and what is said is changed.
        self.bare("init", "disk/mirror", "--max-size", "none")
        policy = json.loads((place / ".medmirror" / "policy").read_text())
        self.assertEqual(policy, {"group": None, "max_size": None, "max_files": 100})
        self.assert_arrived(path, FILES)

    def test_limits_hold_for_everybody(self):
        place = self.folder / "mirror"
        self.bare("init", "--no-remember", place, "--max-size", "2M", "--max-files", "2")
        self.server.site.add("large.bin", Noise(3_000_000, 9))
        # Whatever one's own configuration allows.
        self.configure(mirror={"max-size": "1T"})
        result = self.medmirror("pull", f"{self.server.url}/large.bin", expect=6)
        self.assert_explains(result, "max-size")
        result = self.medmirror("pull", self.url, expect=6)
        self.assert_explains(result, "max-files")
        self.bare("init", "--no-remember", place, "--max-size", "none", "--max-files", "none")
        path, result = self.pull(self.url)
        self.assert_arrived(path, FILES, result)

    def test_not_remembered(self):
        before = self.conf.read_text()
        result = self.bare("init", "--no-remember", self.mirror)
        self.assertEqual(self.conf.read_text(), before)
        self.assert_explains(result) if "medmirror " in result.err else self.assertIn("--mirror", result.err)

    def test_refuses_what_is_somebodys(self):
        place = self.folder / "home" / "papers"
        place.mkdir()
        (place / "thesis.tex").write_text("mine")
        before = self.mode(place), self.conf.read_text()
        result = self.bare("init", place, "--group", grp.getgrgid(os.getgid()).gr_name, expect=2)
        self.assert_explains(result, place)
        self.assertEqual((self.mode(place), self.conf.read_text()), before)
        self.assertEqual([found.name for found in place.iterdir()], ["thesis.tex"])
        (self.folder / "file").write_text("x")
        self.bare("init", self.folder / "file", expect=6)
        self.bare("init", expect=2)
        self.bare("init", "a", "b", expect=2)
        self.bare("init", "new", "--max-size", "lots", expect=2)
        result = self.bare("init", "new", "--group", "no-such-group", expect=2)
        self.assert_explains(result) if "medmirror " in result.err else self.assertIn("id -Gn", result.err)
        self.assertFalse((self.folder / "new").exists())

    def test_group_whatever_the_umask(self):
        place = self.folder / "mirror"
        group = grp.getgrgid(os.getgid()).gr_name
        result = self.bare("init", place, "--group", group, umask=0o077)
        self.assertIn(f"group {group}", result.err)
        path = pathlib.Path(self.bare("pull", self.url, umask=0o077).lines[0])
        self.assert_arrived(path, FILES)
        for found in (place, *place.rglob("*")):
            if found.is_symlink():
                continue
            if found.is_dir():
                self.assertEqual(self.mode(found), 0o2775, found)
            else:
                self.assertIn(self.mode(found), (0o444, 0o664, 0o660), found)
            self.assertEqual(found.stat().st_gid, os.getgid(), found)
        self.bare("verify", umask=0o077)

    def test_colleague_goes_on_repairs_and_removes(self):
        """Another member of the group goes on with what one began. Where the test is not run by root, the colleague is
        the same person with another umask."""
        place = self.folder / "mirror"
        colleague = self.make_colleague()
        group = grp.getgrgid(pwd.getpwnam(colleague).pw_gid if colleague else os.getgid()).gr_name
        self.bare("init", place, "--group", group)
        # Begun by one, and killed.
        self.server.site.add("set/large.bin", Noise(2_000_000, "large"))
        members = {**FILES, "large.bin": Noise(2_000_000, "large")}
        self.server.limit_rate(400_000)
        running = self.start("pull", self.url)
        self.server.record.wait_for("/set/large.bin", sent=400_000)
        running.kill()
        self.server.limit_rate(None)
        kept = self.server.record.bytes_sent("/set/large.bin")
        # Gone on with by the other, nothing fetched twice but what was in flight.
        result = self.bare("pull", self.url, user=colleague, env=self.colleagues_home())
        path = pathlib.Path(result.lines[0])
        self.assert_arrived(path, members, result)
        self.assertLess(self.server.record.bytes_sent("/set/large.bin"), 2_000_000 + kept)
        # Damaged; the first one mends what the other installed, and the other what she did.
        self.flip(path / "a" / "1.bin")
        self.medmirror("verify", "--repair")
        self.flip(path / "a" / "2.bin")
        self.bare("verify", "--repair", user=colleague, env=self.colleagues_home())
        self.assert_arrived(path, members)
        # Held by one, refused to the other.
        ref = f"http/{path.parent.relative_to(place / 'http')}"
        self.medmirror("hold", ref, "--note", "paper")
        result = self.bare("remove", ref, expect=2, user=colleague, env=self.colleagues_home())
        self.assert_explains(result, "paper")
        self.medmirror("release", ref)
        (path / "mask.png").write_text("mine")
        self.bare("remove", ref, user=colleague, env=self.colleagues_home())
        self.assertFalse(path.exists())
        self.assertEqual((path.with_name(path.name + ".extra") / "mask.png").read_text(), "mine")
        self.medmirror("prune")
        self.assertEqual(list((place / ".medmirror" / "removed").iterdir()), [])

    def make_colleague(self):
        """A user of the system who is not the test's; None where the test is not root's."""
        if os.getuid() != 0:
            return None
        self.folder.chmod(0o755)
        program = self.folder / "medmirror"
        shutil.copy(self.program, program)
        program.chmod(0o755)
        for extra in ("catalog",):
            beside = pathlib.Path(self.program).parent / extra
            if beside.exists():
                (self.folder / extra).symlink_to(beside.resolve())
        self.program = str(program)
        user = pwd.getpwnam("nobody")
        for name in ("home", "config", "data", "cache", "state", "runtime", "tmp"):
            place = self.folder / "colleague" / name
            place.mkdir(parents=True)
            os.chown(place, user.pw_uid, user.pw_gid)
        return "nobody"

    def colleagues_home(self):
        if os.getuid() != 0:
            return {"MEDMIRROR_DIR": self.folder / "mirror"}
        place = self.folder / "colleague"
        return {"HOME": place / "home", "XDG_CONFIG_HOME": place / "config", "XDG_DATA_HOME": place / "data",
                "XDG_CACHE_HOME": place / "cache", "XDG_STATE_HOME": place / "state",
                "XDG_RUNTIME_DIR": place / "runtime", "TMPDIR": place / "tmp",
                "MEDMIRROR_DIR": self.folder / "mirror"}

    # Where none is chosen.

    def test_large_plan_needs_a_choice(self):
        self.server.site.add("large.bin", Sparse(3_000_000_000))
        result = self.bare("pull", f"{self.server.url}/large.bin", expect=2)
        self.assert_explains(result, "3.0 GB", "medmirror config set mirror DIR", "medmirror pull --mirror DIR")
        self.bare("config", "set", "mirror", self.mirror)
        result = self.bare("pull", "--dry-run", f"{self.server.url}/large.bin", expect=(0, 6))
        self.assertNotIn("No mirror is chosen", result.err)

    # config

    def settings(self, *arguments, env=()):
        result = self.bare("config", "--json", *arguments, env=env)
        return {event["key"]: event for event in map(json.loads, result.lines) if event["event"] == "setting"}

    def test_what_counts_and_from_where(self):
        self.configure(mirror={"dir": self.mirror, "max-size": "2T"})
        settings = self.settings()
        self.assertEqual(settings["mirror.dir"]["value"], str(self.mirror))
        self.assertEqual(settings["mirror.dir"]["from"], str(self.conf))
        self.assertEqual(settings["mirror.max-size"]["value"], "2T")
        self.assertEqual(settings["mirror.reserve"]["from"], "default")
        self.assertIsNone(settings["network.proxy"]["value"])
        settings = self.settings(env={"MEDMIRROR_DIR": self.folder / "elsewhere"})
        self.assertEqual((settings["mirror.dir"]["value"], settings["mirror.dir"]["from"]),
                         (str(self.folder / "elsewhere"), "MEDMIRROR_DIR"))
        # Plain lines; values of the file alone.
        lines = self.bare("config").lines
        self.assertTrue(any(line.startswith("mirror.dir ") and str(self.mirror) in line for line in lines), lines)

    def test_set_get_unset(self):
        self.conf.write_text("# of the lab\n[network]\n# a slow line\nretries=4\n")
        self.bare("config", "set", "mirror", "some where")
        self.assertEqual(self.bare("config", "get", "mirror.dir").lines, [str(self.folder / "some where")])
        self.bare("config", "set", "network.ca-file", "gateway.pem")
        self.assertEqual(self.bare("config", "get", "ca-file").lines, [str(self.folder / "gateway.pem")])
        self.bare("config", "set", "endpoints.uci", "http://127.0.0.1:9/")
        self.bare("config", "unset", "retries")
        text = self.conf.read_text()
        self.assertIn("# of the lab\n", text)
        self.assertNotIn("retries", text)
        self.assertEqual(self.bare("config", "get", "retries").lines, ["8"])
        self.bare("config", "get", "proxy", expect=7)

    def test_wrong_words(self):
        before = self.conf.read_text()
        for words, hint in ((("set", "network.retrys", "3"), "retries"), (("set", "retries", "none"), "a number"),
                            (("get", "mirrr"), "mirror"), (("set", "endpoints.nobody", "http://127.0.0.1:1"), "nobody"),
                            (("set", "mirror"), "medmirror config"), (("put", "x", "y"), "medmirror config"),
                            (("set", "source.nobody.user-agent", "x"), "nobody")):
            result = self.bare("config", *words, expect=2)
            self.assertIn(hint, result.err, words)
        self.assertEqual(self.conf.read_text(), before)

    def test_wrong_file_can_be_mended(self):
        self.conf.write_text("[mirror]\ndire=/data\n")
        result = self.bare("list", expect=2)
        self.assertIn("dire", result.err)
        self.bare("config", "set", "retries", "3", expect=2)
        self.bare("config", "unset", "mirror.dire")
        self.bare("config", "set", "retries", "3")
        self.bare("list", expect=7)


if __name__ == "__main__":
    unittest.main(verbosity=2)
