"""Two runs on one mirror at once."""

import time
import unittest

from journey import SLOWER, Journey
from origins import Noise


class TwoPulls(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.contents = {name: Noise(4_000_000, name) for name in ("one", "two")}
        for name, content in self.contents.items():
            self.server.site.add(f"{name}/{name}.bin", content)

    def url(self, name):
        return f"{self.server.url}/{name}/"

    def begin_first(self):
        self.server.limit_rate(2_000_000)
        first = self.start("pull", self.url("one"))
        self.server.record.wait_for("/one/one.bin", sent=200_000)
        return first

    def test_second_pull_of_the_same_waits_and_says_for_whom(self):
        first = self.begin_first()
        second = self.start("pull", self.url("one"))
        self.wait_until(lambda: str(first.process.pid) in second.err_so_far(), what="The word for whom it waits")
        self.assertTrue(first.is_running and second.is_running)
        self.server.limit_rate(None)
        results = [running.wait(60 * SLOWER) for running in (first, second)]
        for result in results:
            self.assert_status(result, 0)
        self.assertEqual(results[0].lines, results[1].lines)
        self.assert_arrived(results[0].lines[0], {"one.bin": self.contents["one"]})
        self.assertLess(self.server.record.bytes_sent("/one/one.bin"), 5_000_000)

    def test_no_wait_is_8_and_names_the_other(self):
        first = self.begin_first()
        result = self.medmirror("pull", "--no-wait", self.url("one"), expect=8)
        self.assert_explains(result, first.process.pid)
        self.server.limit_rate(None)
        self.assert_status(first.wait(60 * SLOWER), 0)

    def test_different_datasets_run_side_by_side(self):
        first = self.begin_first()
        second = self.start("pull", self.url("two"))
        self.server.record.wait_for("/two/two.bin", sent=100_000)
        self.assertTrue(first.is_running)
        self.server.limit_rate(None)
        for running, name in ((first, "one"), (second, "two")):
            result = running.wait(60 * SLOWER)
            self.assert_status(result, 0)
            self.assert_arrived(result.lines[0], {f"{name}.bin": self.contents[name]}, result)

    def test_dead_owner_is_no_obstacle(self):
        self.begin_first().kill()
        self.server.limit_rate(None)
        began = time.monotonic()
        path, result = self.pull(self.url("one"))
        self.assertLess(time.monotonic() - began, 20 * SLOWER)
        self.assert_arrived(path, {"one.bin": self.contents["one"]}, result)

    def test_reading_goes_on_meanwhile(self):
        path, _ = self.pull(self.url("two"))
        first = self.begin_first()
        self.assertEqual(self.medmirror("path", self.url("two")).lines, [str(path)])
        self.assertIn("two", self.medmirror("list").out)
        self.assertIn("one", self.medmirror("status").out)
        self.medmirror("verify", self.url("two"))
        self.server.limit_rate(None)
        self.assert_status(first.wait(60 * SLOWER), 0)

    def test_two_references_in_one_run(self):
        result = self.medmirror("pull", self.url("one"), self.url("two"))
        self.assertEqual(len(result.lines), 2)
        for path, name in zip(result.lines, ("one", "two")):
            self.assert_arrived(path, {f"{name}.bin": self.contents[name]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
