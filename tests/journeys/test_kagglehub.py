"""What Kaggle's own module downloaded is adopted: the version that its path tells, if the module says that it is complete."""

import os
import pathlib
import shutil

from journey import Journey
from origins import Bytes, KaggleSite, archives

LANL = "pankajb64/lanl-data"
BONES = "rsna-bone-age"


class KagglehubCache(Journey):
    def setUp(self):
        super().setUp()
        self.site = KaggleSite()
        storage = self.origin(self.site.storage)
        self.site.storage.base = storage.url_by_name
        self.api = self.origin(self.site, "kaggle")
        self.endpoints["kaggle-rpc"] = self.api.url
        self.storage = storage
        self.cache = self.folder / "home" / ".cache" / "kagglehub"

    def files_of(self, number):
        return self.site.datasets[LANL].version(number).files

    def write(self, folder, files):
        for path, content in files.items():
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.bytes())

    def fill(self, number, is_complete=True):
        """What kagglehub.dataset_download() leaves; the folder of the version."""
        base = self.cache / "datasets" / LANL
        self.write(base / "versions" / str(number), self.files_of(number))
        if is_complete:
            (base / f"{number}.complete").touch()
        for file in (base / "versions").rglob("*"):
            os.utime(file, (1_700_000_000, 1_700_000_000))
        return base / "versions" / str(number)

    def adopt(self, ref, source, *options, **more):
        result = self.medmirror("adopt", *options, ref, source, **more)
        return (pathlib.Path(result.lines[0]) if result.lines else None), result

    def test_a_damaged_copy_is_caught_by_what_kaggle_lists(self):
        folder = self.fill(2)
        victim = "images/0000.png"
        size = (folder / victim).stat().st_size
        (folder / victim).write_bytes(b"xy")
        _, result = self.adopt(f"kaggle/{LANL}", self.cache, expect=3)
        self.assert_explains(result, f"{victim} has 2 bytes, and its source lists {size}")
        self.assert_nothing_installed()
        (folder / victim).unlink()
        _, result = self.adopt(f"kaggle/{LANL}", self.cache, expect=3)
        self.assert_explains(result, f"{victim} is not there")
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--allow-incomplete")
        self.assert_tree(path, {name: content for name, content in self.files_of(2).items() if name != victim})

    def test_each_folder_of_the_cache_leads_to_the_version(self):
        for number in (1, 2):
            self.fill(number)
        before = sorted(self.cache.rglob("*"))
        base = self.cache / "datasets" / LANL
        for source, ref, number in ((self.cache, f"kaggle/{LANL}", 2), (base, f"kaggle/{LANL}@1", 1),
                                    (base / "versions" / "1", f"kaggle/{LANL}", 1)):
            shutil.rmtree(self.mirror, ignore_errors=True)
            path, result = self.adopt(ref, source)
            self.assertEqual(path, self.mirror / "kaggle" / LANL / str(number), str(result))
            self.assert_tree(path, self.files_of(number))
            self.assertIn(f"unpacked it in {base}/versions/{number}, completely", result.err)
        self.assertEqual(sorted(self.cache.rglob("*")), before)
        self.assertEqual(self.storage.record.entries(), [])
        self.medmirror("verify", f"kaggle/{LANL}")

    def test_a_pull_finds_it_up_to_date(self):
        self.fill(2)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache)
        again, result = self.pull(f"kaggle/{LANL}")
        self.assertEqual(again, path)
        self.assertIn("up to date", result.err)
        self.assertEqual(self.storage.record.entries(), [])

    def test_another_place_by_the_environment(self):
        self.cache = self.folder / "scratch"
        self.fill(2)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, env={"KAGGLEHUB_CACHE": self.cache})
        self.assert_tree(path, self.files_of(2))
        result = self.medmirror("adopt", "kaggle/Microsoft/chest-xrays", self.cache, expect=7,
                                env={"KAGGLEHUB_CACHE": self.cache})
        self.assertIn("medmirror pull kaggle/Microsoft/chest-xrays", result.err)

    def test_half_downloaded_is_refused_and_taken_only_when_told_so(self):
        folder = self.fill(2, is_complete=False)
        (folder / "images/0003.png").unlink()
        self.write(folder, {"LICENSE": Bytes("cut sho")})  # what was being written
        result = self.medmirror("adopt", f"kaggle/{LANL}", self.cache, expect=3)
        self.assertIn("half-downloaded", result.err)
        self.assertIn(f"medmirror pull kaggle/{LANL}@2", result.err)
        self.assertFalse((self.mirror / "kaggle").exists())
        path, result = self.adopt(f"kaggle/{LANL}", self.cache, "--allow-incomplete")
        held = {name: content for name, content in self.files_of(2).items() if name not in ("images/0003.png", "LICENSE")}
        self.assert_tree(path, held)
        self.assertNotIn("up to date", self.medmirror("status").out)
        self.medmirror("path", "--complete", f"kaggle/{LANL}", expect=7)
        again, result = self.pull(f"kaggle/{LANL}")
        self.assertEqual(again, path)
        self.assert_tree(path, self.files_of(2))

    def test_single_files_that_are_marked(self):
        folder = self.fill(2, is_complete=False)
        (folder / "images/0001.png").write_bytes(b"cut sho")
        for name in ("images/0000.png", "train.csv"):
            marker = self.cache / "datasets" / LANL / ".complete" / "2" / f"{name}.complete"
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--allow-incomplete")
        self.assert_tree(path, {name: self.files_of(2)[name] for name in ("images/0000.png", "train.csv")})
        self.pull(f"kaggle/{LANL}")
        self.assert_tree(path, self.files_of(2))

    def test_half_of_it_without_the_source_is_no_whole_version(self):
        folder = self.fill(2, is_complete=False)
        self.write(folder, {"LICENSE": Bytes("cut sho")})
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--allow-incomplete", "--offline")
        self.medmirror("path", "--complete", f"kaggle/{LANL}", expect=7)
        self.pull(f"kaggle/{LANL}@2")
        self.assert_tree(path, self.files_of(2))

    def test_a_folder_that_was_named_to_the_module(self):
        output = self.folder / "output"
        self.write(output, self.files_of(1))
        self.write(output, {f".complete/datasets/{LANL}/1/bundle.complete": Bytes("")})
        path, _ = self.adopt(f"kaggle/{LANL}", output)
        self.assertEqual(path.name, "1")
        self.assert_tree(path, self.files_of(1))

    def test_nothing_that_is_surely_whole(self):
        folder = self.fill(2, is_complete=False)
        for file in folder.rglob("*"):
            os.utime(file)
        result = self.medmirror("adopt", f"kaggle/{LANL}", self.cache, "--allow-incomplete", expect=3)
        self.assertIn(f"medmirror pull kaggle/{LANL}", result.err)
        self.assertFalse((self.mirror / "kaggle").exists())

    def test_another_dataset_and_another_version_are_named(self):
        folder = self.fill(1)
        result = self.medmirror("adopt", "kaggle/Microsoft/chest-xrays", folder, expect=2)
        self.assertIn(f"medmirror adopt kaggle/{LANL} {folder}", result.err)
        result = self.medmirror("adopt", f"kaggle/{LANL}@2", folder, expect=2)
        self.assertIn(f"medmirror adopt kaggle/{LANL}@1 {folder}", result.err)
        result = self.medmirror("adopt", f"kaggle/{LANL}@2", self.cache, expect=7)
        self.assertIn(f"medmirror adopt kaggle/{LANL}@VERSION", result.err)

    def test_an_archive_inside_is_a_file_like_any_other(self):
        inner = Bytes(archives.make_zip({"a.txt": Bytes("a\n")}))
        self.site.datasets[LANL].add_version({"inner.zip": inner, "table.csv": Bytes("a\n")})
        self.fill(3)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache)
        self.assert_tree(path, self.files_of(3))

    def test_a_move_takes_the_marker_along(self):
        folder = self.fill(2)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--move")
        self.assert_tree(path, self.files_of(2))
        self.assertEqual([file for file in folder.rglob("*") if file.is_file()] if folder.exists() else [], [])
        self.assertFalse((self.cache / "datasets" / LANL / "2.complete").exists())

    def test_in_place_the_cache_stays_kagglehubs(self):
        folder = self.fill(2)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--in-place")
        self.assertEqual(path.resolve(), folder.resolve())
        self.medmirror("verify", f"kaggle/{LANL}")

    def test_without_the_source_the_path_tells_the_version(self):
        self.fill(1)
        path, _ = self.adopt(f"kaggle/{LANL}", self.cache, "--offline")
        self.assertEqual(path.name, "1")
        self.assert_tree(path, self.files_of(1))

    def test_a_competition(self):
        files = self.site.competitions[BONES].files
        self.write(self.cache / "competitions" / BONES, files)
        (self.cache / "competitions" / f"{BONES}.complete").touch()
        path, _ = self.adopt(f"kaggle/c/{BONES}", self.cache, env={"KAGGLE_API_TOKEN": self.site.accounts["ana"].token})
        self.assert_tree(path, files)

    def test_json(self):
        self.fill(2)
        result = self.medmirror("adopt", "--json", f"kaggle/{LANL}", self.cache)
        self.assertIn('"event":"kagglehub"', result.out.replace(" ", ""))


if __name__ == "__main__":
    import unittest
    unittest.main()
