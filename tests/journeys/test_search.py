"""Finding datasets by words in English and Chinese, reading what is known of one, with few manifests and with many."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unicodedata
import unittest

from catalogue import SOUGHT, write_manifest, write_many, write_sought
from journey import Journey
from origins import PhysioNetSite


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Catalogued(Journey):
    def setUp(self):
        super().setUp()
        self.own = self.folder / "config" / "medmirror" / "manifests"
        write_sought(self.own)

    def search(self, *words, expect=0, **options):
        """The ids of the hits, best first."""
        result = self.medmirror("search", *words, expect=expect, no_network=True, **options)
        return [line.split("\t")[0] for line in result.lines]

    def on_terminal(self, columns, *arguments, **env):
        """The lines that a terminal of so many COLUMNS shows."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([self.program, "--mirror", str(self.mirror), *arguments], stdin=subprocess.DEVNULL,
                                   stdout=follower, stderr=follower, cwd=self.folder,
                                   env=self.environment(TERM="xterm", **env))
        os.close(follower)
        out = b""
        try:
            while piece := os.read(leader, 65536):
                out += piece
        except OSError:  # the other end is closed: Linux says EIO
            pass
        os.close(leader)
        self.assertEqual(process.wait(60), 0, out.decode())
        return out.decode().replace("\r\n", "\n").splitlines()


class Search(Catalogued):
    def test_the_right_ones_are_found(self):
        for words, first, among in (
                (("肺结节",), "lidc-idri", {"lidc-idri"}),
                (("癫痫",), "chbmit", {"chbmit"}),
                (("chest x-ray",), "nih-chest-xray14", {"nih-chest-xray14", "mimic-cxr"}),
                (("chest", "xray"), "nih-chest-xray14", {"nih-chest-xray14", "mimic-cxr"}),
                (("chest x ray",), None, {"nih-chest-xray14", "mimic-cxr"}),
                (("胸片",), "nih-chest-xray14", {"nih-chest-xray14", "mimic-cxr"}),
                (("mammography",), None, {"cbis-ddsm", "inbreast"}),
                (("mammogram",), "cbis-ddsm", {"cbis-ddsm", "inbreast"}),
                (("钼靶",), "cbis-ddsm", {"cbis-ddsm", "inbreast"}),
                (("ECG",), None, {"mitdb", "ltdb", "ptb-xl", "mimic-iv-ecg", "challenge-2021"}),
                (("心电图",), None, {"mitdb", "ltdb", "ptb-xl", "mimic-iv-ecg", "challenge-2021"}),
                (("脑肿瘤",), "brats", {"brats"}),
                (("alzheimers",), "adni", {"adni"}),
                (("ADNI 脑部",), "adni", {"adni"})):
            with self.subTest(words):
                found = self.search(*words)
                self.assertLessEqual(among, set(found))
                if first:
                    self.assertEqual(found[0], first)

    def test_what_has_nothing_to_do_with_it_is_not_found(self):
        self.assertNotIn("mitdb", self.search("mammography"))
        self.assertNotIn("knee-mri", self.search("chest x-ray"))
        self.assertEqual(self.search("肺结节"), ["lidc-idri"])

    def test_an_id_that_was_typed_comes_first(self):
        for name in ("mitdb", "brats", "brats-2023", "mimic-cxr"):
            self.assertEqual(self.search(name)[0], name)
        self.assertEqual(self.search("BraTS 2023")[0], "brats-2023")

    def test_filters(self):
        self.assertEqual(self.search("--modality", "mammography"), ["cbis-ddsm", "inbreast"])
        self.assertEqual(self.search("--modality", "mammogram,mri", "--access", "gone,account"),
                         ["brats", "brats-2021", "brats-2023", "inbreast", "knee-mri"])
        self.assertEqual(self.search("--organ", "膝"), ["knee-mri"])
        self.assertEqual(self.search("--source", "synapse", "--source", "tcia"), ["brats-2021", "brats-2023", "lidc-idri"])
        self.assertEqual(self.search("brain", "--access", "approval"), ["adni"])
        everything = self.search()
        self.assertEqual(everything, sorted(everything))
        self.assertLessEqual(set(SOUGHT), set(everything))

    def test_wrong_filters(self):
        for option, value, status, word in (("--modality", "xry", 2, "--modality xray"),
                                            ("--access", "opn", 2, "--access open"),
                                            ("--organ", "nonesuch", 7, "knee"), ("--source", "nonesuch", 7, "tcia")):
            with self.subTest(option):
                self.assert_explains(self.medmirror("search", option, value, expect=status), value, word)

    def test_nothing_found(self):
        for words, said in ((("mamography",), "medmirror search mammography"), (("lidcc-idri",), "medmirror show lidc-idri"),
                            (("nonesuchatall",), "nonesuchatall"), (("mammography", "--organ", "knee"), "2 datasets")):
            with self.subTest(words):
                result = self.medmirror("search", *words, expect=7)
                self.assertEqual(result.out, "")
                self.assert_explains(result, said)

    def test_whatever_is_typed(self):
        for typed in ("AND", "NOT OR", '"', "'", "*", "x*", "a:b", "NEAR(a b, 3)", "(((", "^x", "{id}: x", "-", "--", "🫀",
                      "𠀀", "%s%n", "x'; DROP TABLE file; --", "\\", "\t\n", " ", "é", "e\u0301", "\u202e", "a" * 5000):
            with self.subTest(typed[:20]):
                self.medmirror("search", "--", typed, expect=(0, 7))
        self.medmirror("search", "x" * 100000, expect=2)
        self.medmirror("search", *["word"] * 100, expect=2)
        self.medmirror("search", b"\xff\xfe", expect=(0, 7))

    def test_a_line_a_hit_that_is_never_cut(self):
        title = "A title that is long " * 30
        write_manifest(self.own, "long-one", title={"en": title.strip()}, licence="CC0-1.0", size=1000)
        result = self.medmirror("search", "long-one", env={"COLUMNS": "20"})
        self.assertEqual(len(result.lines), 1)
        self.assertEqual(result.lines[0].split("\t")[:2], ["long-one", title.strip()])
        self.assertEqual(result.err, "")

    def test_language(self):
        for env, options, title in (({}, (), "LIDC-IDRI: lung image database"), ({}, ("--lang", "zh"), "肺部图像数据库联盟 LIDC"),
                                    ({"MEDMIRROR_LANG": "zh"}, (), "肺部图像数据库联盟 LIDC"),
                                    ({"MEDMIRROR_LANG": "zh", "LC_ALL": "C"}, (), "肺部图像数据库联盟 LIDC"),
                                    ({"MEDMIRROR_LANG": "zh"}, ("--lang=en",), "LIDC-IDRI: lung image database"),
                                    ({"LC_ALL": "zh_CN.UTF-8"}, (), "肺部图像数据库联盟 LIDC")):
            with self.subTest((env, options)):
                self.assertIn(title, self.medmirror(*options, "search", "lidc", env=env).out)
        self.medmirror("search", "lidc", "--lang", "klingon", expect=2)

    def test_a_table_that_fits(self):
        for columns in (40, 80, 100, 200):
            for lang in ("en", "zh"):
                with self.subTest((columns, lang)):
                    lines = self.on_terminal(columns, "--lang", lang, "search", "心电图")
                    self.assertLessEqual(max(map(columns_of, lines)), columns, "\n".join(lines))
                    self.assertTrue(lines[1].startswith(("mitdb", "ltdb", "ptb-xl", "challenge", "mimic", "nstdb", "slpdb")))
                    self.assertEqual(len(lines), 1 + len(self.search("心电图")))

    def test_json(self):
        events = [json.loads(line) for line in self.medmirror("--json", "search", "肺结节").lines]
        self.assertEqual([event["event"] for event in events], ["hit", "summary"])
        hit = events[0]
        self.assertEqual((hit["id"], hit["access"], hit["subjects"], hit["modality"], hit["bytes"], hit["source"]),
                         ("lidc-idri", "open", 1010, ["ct"], 124000000000, "tcia"))
        self.assertEqual(hit["title"]["zh"], "肺部图像数据库联盟 LIDC")
        self.assertEqual((events[-1]["exit"], events[-1]["hits"]), (0, 1))
        nothing = [json.loads(line) for line in self.medmirror("--json", "search", "nonesuch", expect=7).lines]
        self.assertEqual([event["event"] for event in nothing], ["error", "summary"])

    def test_what_changes_is_found_at_once(self):
        self.medmirror("search", "zebra", expect=7)
        path = write_manifest(self.own, "stripes", description={"en": "a zebra"})
        self.assertEqual(self.search("zebra"), ["stripes"])
        path.write_text(path.read_text().replace("zebra", "horse"))
        self.medmirror("search", "zebra", expect=7)
        self.assertEqual(self.search("horse"), ["stripes"])
        path.unlink()
        self.medmirror("search", "horse", expect=7)

    def test_without_a_cache(self):
        (self.folder / "file").write_text("in the way")
        for env in ({"XDG_CACHE_HOME": str(self.folder / "file" / "cache")}, {"XDG_CACHE_HOME": "", "HOME": "/nonexistent"}):
            with self.subTest(env):
                self.assertEqual(self.search("肺结节", env=env), ["lidc-idri"])
                self.assertIn("LIDC", self.medmirror("show", "lidc-idri", env=env).out)

    def test_a_damaged_cache(self):
        self.search("肺结节")
        for file in (self.folder / "cache" / "medmirror").iterdir():
            middle = file.stat().st_size // 2
            with open(file, "r+b") as handle:
                handle.seek(middle)
                handle.write(b"\xff" * min(20000, middle))
        self.assertEqual(self.search("肺结节"), ["lidc-idri"])

    def test_many_at_once_and_killed(self):
        write_many(self.own, 300)
        runs = [self.start("search", "filler") for _ in range(8)]
        for running in runs[::3]:
            running.kill()
        for running in [one for i, one in enumerate(runs) if i % 3]:
            self.assertEqual(len(running.wait().lines), 300)
        self.assertEqual(len(self.search("filler")), 300)


class Show(Catalogued):
    def test_what_a_person_must_be_granted(self):
        result = self.medmirror("show", "adni", no_network=True)
        lines = result.lines
        self.assertRegex(lines[0], r"^adni +◆ approval")
        self.assertRegex(lines[1], r"^Alzheimer's Disease .*ADNI 阿尔茨海默病")
        self.assertRegex(lines[2], "^Region: refused from CN, HK since 2025-04 .*https://example.org/regions")
        for pattern in (r"^How to get it$", r"^ +1  account at the archive +https://ida.loni.usc.edu/$", r"^ +3  a committee",
                        r"^ +4  then: +medmirror adopt adni", r"^What you agree to +ADNI Data Use Agreement",
                        r"may not be passed on", r"^Here +not here; no terms accepted yet \(medmirror accept adni\)",
                        r"^Open data like it +eegmmidb \(109 subjects.*not the same data", r"^Data like it +mimic-cxr",
                        r"^Also at +https://example.org/small.zip +same bytes: no, a part of it; twenty people",
                        r"^Cite +10\.1212/\S+ +\(medmirror show adni --cite\)", r"^Facts +The old link has moved"):
            self.assertRegex(result.out, f"(?m){pattern}")

    def test_in_chinese(self):
        out = self.medmirror("show", "adni", "--lang", "zh").out
        for pattern in ("^adni +◆ 需审批", "^ADNI 阿尔茨海默病神经影像计划 +Alzheimer", "^地区限制", "^获取步骤$", "^ +1  注册账号",
                        "^您须同意的条款 +ADNI", "^本机状态 +尚未纳入", "^类似的开放数据 +eegmmidb（109 人", "^引用 +10.1212", "部位 脑"):
            self.assertRegex(out, f"(?m){pattern}")

    def test_it_fits_the_terminal(self):
        for columns in (40, 72, 120):
            for lang in ("en", "zh"):
                for name in ("adni", "mitdb", "brats", "uci-breast-cancer"):
                    with self.subTest((columns, lang, name)):
                        lines = self.on_terminal(columns, "show", name, "--lang", lang)
                        # Only a word that is longer than the terminal is wide may pass its edge.
                        wide = [line for line in lines if columns_of(line) > columns and " " in line.strip()]
                        self.assertEqual(wide, [])

    def test_plain_where_there_is_no_terminal(self):
        result = self.medmirror("show", "adni", env={"COLUMNS": "20"})
        self.assertNotIn("\x1b", result.out)
        self.assertIn("Brain MRI, other imaging, genetics and tables of more than 2,500 participants.", result.out)

    def test_what_is_below_a_series(self):
        shown = self.medmirror("show", "brats").out
        self.assertRegex(shown, r"(?m)^ +brats-2021 +◇ account +2021 +1251 subjects")
        result = self.medmirror("pull", "brats", expect=2, no_network=True)
        self.assertRegex(result.err, r"(?m)^ +brats-2021 +◇ account +2021 +1251 subjects")
        self.assert_explains(result, "a series of editions", "medmirror pull brats-2021")

    def test_cite(self):
        self.assertEqual(self.medmirror("show", "--cite", "adni").lines, ["10.1212/WNL.0b013e3181cb3e25"])
        self.assertEqual(self.medmirror("show", "--cite", "doi:10.1212/wnl.0B013E3181CB3E25").lines,
                         ["10.1212/WNL.0b013e3181cb3e25"])

    def test_what_is_here_and_its_fields(self):
        self.origin(PhysioNetSite(), "physionet")
        before = self.medmirror("show", "--fields", "mitdb")
        path, result = self.pull("mitdb")
        shown = self.medmirror("show", "mitdb", no_network=True).out
        for word in (path, result.fingerprint, path.name):
            self.assertIn(str(word), shown)
        self.assertIn("9.9: not here; bring it with: medmirror pull mitdb@9.9", self.medmirror("show", "mitdb@9.9").out)
        self.assertNotIn("not here", self.medmirror("show", f"mitdb@{path.name}").out)
        after = self.medmirror("show", "--fields", "mitdb", no_network=True)
        for fields in (before, after):
            self.assertRegex(fields.out, r"(?m)^ending\t\.dat\t\d+\t.*\t--include '\*\.dat'$")
        count = next(line.split("\t")[2] for line in after.lines if line.startswith("ending\t.dat"))
        self.assertEqual(int(count), len(list(path.rglob("*.dat"))))
        events = [json.loads(line) for line in self.medmirror("--json", "show", "--fields", "mitdb").lines]
        self.assertEqual({event["event"] for event in events}, {"field", "summary"})

    def test_what_nobody_knows(self):
        self.assert_explains(self.medmirror("show", "physionet/nonesuch", expect=7, no_network=True),
                             "in no catalogue and not here", "medmirror files physionet/nonesuch")


class Many(Catalogued):
    """Ten thousand manifests of one's own, one of them wrong."""

    def setUp(self):
        super().setUp()
        write_many(self.own, 10000)
        (self.own / "broken.json").write_text('{\n  "id": "broken",\n  "titel": {"en": "X"}\n}\n')

    def test_all_is_found_and_what_is_wrong_is_named(self):
        place = str(self.own / "broken.json") + ": /titel: "
        first = self.medmirror("search", "肺结节", no_network=True, measure=True)
        self.assertEqual([line.split("\t")[0] for line in first.lines], ["lidc-idri"])
        self.assertIn(place, first.err)
        if not os.environ.get("MEDMIRROR_SANITIZE"):
            self.assertLess(first.peak, 64 * 1024, "KiB")
        again = self.medmirror("search", "肺结节", no_network=True)
        self.assertEqual((again.out, again.err), (first.out, first.err))
        for ref in ("filler-04321", "physionet/filler4321", "https://physionet.org/content/filler4321/",
                    "10.13026/FILLER4321"):
            with self.subTest(ref):
                shown = self.medmirror("show", ref, no_network=True)
                self.assertRegex(shown.out, "^filler-04321 ")
                if ref != "filler-04321":
                    self.assertIn(place, shown.err)
        self.assertIn(place, self.medmirror("show", "broken", expect=2).err)
        self.assertEqual(self.search("filler number 4321"), ["filler-04321"])
        self.assertEqual(len(self.search("--modality", "tabular", "filler")), 10000)

    def test_path(self):
        self.origin(PhysioNetSite(), "physionet")
        path, _ = self.pull("physionet/mitdb@1.0.0")
        for ref in ("mitdb", "physionet/mitdb"):
            result = self.medmirror("path", ref, no_network=True)
            self.assertEqual(result.out, f"{path}\n")
        self.assertIn("broken.json: /titel: ", result.err)


if __name__ == "__main__":
    unittest.main()
