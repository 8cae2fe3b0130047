"""Each way in which a server or a line can fail: the right bytes in the end, or the right exit status and a message
that names the file, the address and what to type next; never wrong bytes under a final name."""

import time
import unittest

from journey import NOWHERE, SLOWER, Journey
from origins import (BLOCK_PAGE, Bytes, Certificates, ForwardProxy, Noise, PhysioNetSite, PlainSite, UciSite, Version,
                     archives, faults)

MEGABYTE = 1 << 20


class OneFile(Journey):
    """A file of 6 MB, fetched in pieces of 1 MiB."""

    SIZE = 6_000_000

    def setUp(self):
        super().setUp()
        self.configure(piece_size=MEGABYTE, segment_from=2 * MEGABYTE)
        self.server = self.origin()
        self.content = Noise(self.SIZE, "one file")
        self.server.site.add("d/scan.bin", self.content)
        self.url = self.server.url + "/d/scan.bin"

    def spoil(self, *some):
        self.server.faults.add(*some)

    def assert_right(self, *options, **more):
        path, result = self.pull(self.url, *options, **more)
        self.assert_arrived(path, {"scan.bin": self.content}, result)
        return result

    def assert_fails(self, status, *words, **more):
        result = self.medmirror("pull", self.url, expect=status, **more)
        self.assert_explains(result, "scan.bin", f"127.0.0.1:{self.server.port}", *words)
        self.assert_nothing_installed()
        return result

    def data_bytes(self):
        return self.server.record.bytes_sent("/d/scan.bin")


class TheLine(OneFile):
    def test_cut_goes_on_where_it_stopped(self):
        self.configure(piece_size=4 * MEGABYTE, segment_from=1 << 40)
        self.spoil(faults.cut(2_000_000, "/d/scan.bin", times=2))
        self.assert_right()
        later = [entry for entry in self.server.record.entries("/d/scan.bin", "GET") if entry.range]
        self.assertEqual([entry.range[0] for entry in later], [2_000_000, 4_000_000])
        self.assertTrue(all(entry.headers.get("if-range") for entry in later))
        self.assertEqual(self.data_bytes(), self.SIZE)

    def test_cut_in_pieces(self):
        # Each cut brings less than what counts as progress.
        self.configure(piece_size=MEGABYTE, segment_from=2 * MEGABYTE, retries=8)
        self.spoil(faults.cut(300_000, "/d/scan.bin", times=5))
        self.assert_right()
        self.assertLess(self.data_bytes(), self.SIZE + MEGABYTE)

    def test_reset(self):
        self.spoil(faults.cut(500_000, "/d/scan.bin", how="reset", times=3))
        self.assert_right()

    def test_cut_inside_the_headers(self):
        self.spoil(faults.cut_in_headers("/d/scan.bin", times=2))
        self.assert_right()

    def test_closed_before_any_answer(self):
        self.spoil(faults.no_answer("/d/scan.bin", times=2))
        self.assert_right()

    def test_always_cut_without_progress(self):
        self.spoil(faults.cut(0, "/d/scan.bin"))
        self.assert_fails(5)

    def test_stall(self):
        self.spoil(faults.stall(700_000, "/d/scan.bin", times=2))
        result = self.assert_right()
        self.assertLess(result.seconds, 15 * SLOWER)
        self.assertLess(self.data_bytes(), self.SIZE + 2 * MEGABYTE)

    def test_silence_before_the_first_byte(self):
        self.spoil(faults.stall(-1, "/d/scan.bin", times=2))
        self.assert_right()

    def test_dead_line_costs_what_it_was_dead(self):
        self.server.limit_rate(2_000_000)
        running = self.start("pull", self.url)
        self.server.record.wait_for("/d/scan.bin", sent=1_500_000)
        self.spoil(faults.stall(-1, "*"))
        time.sleep(2 * SLOWER)
        self.server.faults.clear()
        self.server.limit_rate(None)
        began = time.monotonic()
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 0)
        self.assertLess(time.monotonic() - began, 12 * SLOWER, str(result))

    def test_server_away_for_a_while(self):
        self.server.limit_rate(2_000_000)
        running = self.start("pull", self.url)
        self.server.record.wait_for("/d/scan.bin", sent=1_000_000)
        self.spoil(faults.no_answer("*"), faults.cut(0, "*"))
        time.sleep(1.0)
        self.server.faults.clear()
        self.server.limit_rate(None)
        self.assert_status(running.wait(60 * SLOWER), 0)

    def test_drip_is_slow_and_right(self):
        self.server.site.add("d/scan.bin", Noise(60_000, "drip"))
        self.content = Noise(60_000, "drip")
        self.spoil(faults.drip(30_000, "/d/scan.bin"))
        self.assert_right()

    def test_nobody_listens(self):
        self.server.close()
        result = self.medmirror("pull", self.url, expect=5)
        self.assert_explains(result, self.url)
        self.assertLess(result.seconds, 20 * SLOWER)


class Answers(OneFile):
    def test_429_with_seconds(self):
        self.spoil(faults.status(429, "/d/scan.bin", retry_after=1, times=1))
        self.assertGreaterEqual(self.assert_right().seconds, 1)

    def test_429_with_a_date(self):
        self.spoil(faults.status(429, "/d/scan.bin", retry_after=faults.retry_date(2), times=1))
        self.assert_right()

    def test_429_without_a_time(self):
        self.spoil(faults.status(429, "/d/scan.bin", times=3))
        self.assert_right()

    def test_429_for_longer_than_one_waits(self):
        self.spoil(faults.status(429, "*", retry_after=7200))
        result = self.medmirror("pull", self.url, expect=5)
        self.assert_explains(result, f"127.0.0.1:{self.server.port}")
        self.assertLess(result.seconds, 20 * SLOWER)

    def test_5xx_for_a_while(self):
        for number, code in enumerate((500, 502, 503)):
            self.spoil(faults.status(code, "/d/scan.bin", skip=number, times=1))
        self.assert_right()

    def test_5xx_for_ever(self):
        self.spoil(faults.status(503, "*"))
        result = self.medmirror("pull", self.url, expect=5)
        self.assert_explains(result, "503", self.url)

    def test_404(self):
        result = self.medmirror("pull", self.server.url + "/d/nothing.bin", expect=7)
        self.assert_explains(result, "/d/nothing.bin")

    def test_403_of_a_plain_address(self):
        self.spoil(faults.status(403, "*"))
        self.assert_explains(self.medmirror("pull", self.url, expect=5), "403", self.url)

    def test_one_absent_file_does_not_hold_back_the_others(self):
        self.server.site.add("d/other.txt", Bytes("here\n"))
        self.spoil(faults.status(404, "/d/scan.bin"))
        result = self.medmirror("pull", self.server.url + "/d/", expect=7)
        self.assert_explains(result, "scan.bin")
        names = [file.name for file in self.installed()]
        self.assertIn("other.txt", names)
        self.assertNotIn("scan.bin", names)

    def test_login_page(self):
        self.spoil(faults.login_page("/d/scan.bin"))
        result = self.medmirror("pull", self.url, expect=(4, 5))
        self.assert_explains(result, "scan.bin", "Sign in")
        self.assert_nothing_installed()

    def test_login_page_in_a_listing(self):
        self.server.site.add("d/other.txt", Bytes("here\n"))
        self.spoil(faults.login_page("/d/scan.bin"))
        result = self.medmirror("pull", self.server.url + "/d/", expect=(4, 5))
        self.assert_explains(result, "scan.bin")
        self.assert_nothing_installed()

    def test_redirect_loop(self):
        self.spoil(faults.redirect_loop("*"))
        self.assert_explains(self.medmirror("pull", self.url, expect=5), self.url)
        self.assertLess(len(self.server.record), 200)

    def test_redirect_to_another_host(self):
        other = self.origin()
        other.site.add("elsewhere/scan.bin", self.content)
        self.spoil(faults.redirect(other.url_by_name + "/elsewhere/scan.bin", "/d/scan.bin"))
        self.assert_right()
        for entry in other.record.entries() + self.server.record.entries():
            self.assertNotIn("authorization", entry.headers)
            self.assertNotIn("cookie", entry.headers)

    def test_redirect_to_a_local_file_is_refused(self):
        self.spoil(faults.redirect("file:///etc/hostname", "*"))
        self.medmirror("pull", self.url, expect=5)
        self.assert_nothing_installed()

    def test_gzip_that_nobody_asked_for(self):
        self.spoil(faults.gzip_trap("/d/scan.bin", times=1))
        result = self.medmirror("pull", self.url, expect=(0, 5))
        for file in self.installed():
            if file.name == "scan.bin":
                self.assertEqual(file.stat().st_size, self.SIZE, str(result))
        for entry in self.server.record.entries("/d/scan.bin"):
            self.assertEqual(entry.headers.get("accept-encoding", "identity"), "identity")


class Ranges(OneFile):
    def test_ranges_ignored(self):
        self.spoil(faults.ignore_ranges("/d/scan.bin"))
        self.assert_right()

    def test_ranges_ignored_after_a_cut(self):
        self.spoil(faults.cut(2_500_000, "/d/scan.bin", times=1, only="whole"), faults.ignore_ranges("/d/scan.bin"))
        self.assert_right()

    def test_wrong_content_range_once(self):
        self.spoil(faults.wrong_content_range("/d/scan.bin", times=1, only="ranges"))
        self.assert_right()

    def test_content_range_missing_once(self):
        self.spoil(faults.wrong_content_range("/d/scan.bin", shift=None, times=1, only="ranges"))
        self.assert_right()

    def test_wrong_content_range_always(self):
        self.spoil(faults.wrong_content_range("/d/scan.bin", shift=4096, only="ranges"))
        result = self.medmirror("pull", self.url, expect=(0, 5))
        if result.status == 0:
            self.assertEqual(self.digests(result.lines[0]), {"scan.bin": self.content.digest()})
        else:
            self.assert_explains(result, "scan.bin")
            self.assert_nothing_installed()

    def test_changed_midway(self):
        # One connection: with more, every piece may have been asked for before the change.
        self.configure(piece_size=MEGABYTE, segment_from=2 * MEGABYTE, connections_per_host=1)
        self.server.limit_rate(3_000_000)
        other = Noise(self.SIZE, "another state")
        running = self.start("pull", self.url)
        self.server.record.wait_for("/d/scan.bin", sent=1_500_000)
        self.spoil(faults.changed("/d/scan.bin", content=other))
        self.server.limit_rate(None)
        result = running.wait(60 * SLOWER)
        self.assert_status(result, 0)
        self.assertEqual(self.digests(result.lines[0]), {"scan.bin": other.digest()}, "A mixture of two states.")

    def test_changed_between_two_runs(self):
        self.server.limit_rate(2_000_000)
        running = self.start("pull", self.url)
        self.server.record.wait_for("/d/scan.bin", sent=2_500_000)
        running.kill()
        self.server.limit_rate(None)
        self.content = Noise(self.SIZE, "the next day")
        self.server.site.add("d/scan.bin", self.content, mtime=1_715_000_000)
        self.assert_right()

    def test_length_that_is_too_short(self):
        """Nothing tells such a file apart but its digest."""
        origin, url = self.with_list()
        origin.faults.add(faults.lie_about_length(-100_000, "/c/scan.bin", times=1))
        path, result = self.pull(url)
        self.assertEqual(self.digests(path)["scan.bin"], self.content.digest(), str(result))

    def test_length_that_is_too_long(self):
        self.spoil(faults.lie_about_length(100_000, "/d/scan.bin", times=2))
        self.assert_right()

    def test_length_that_is_always_too_long(self):
        self.configure(piece_size=8 * MEGABYTE, segment_from=1 << 40)
        self.spoil(faults.lie_about_length(100_000, "/d/scan.bin"))
        result = self.medmirror("pull", self.url, expect=(0, 5))
        for file in self.installed():
            if file.name == "scan.bin":
                self.assertEqual(file.read_bytes(), self.content.bytes(), str(result))

    def test_chunked_without_length(self):
        self.spoil(faults.no_length("/d/scan.bin"))
        self.assert_right()

    def test_chunked_and_cut_begins_anew(self):
        self.spoil(faults.cut(1_000_000, "/d/scan.bin", times=1), faults.no_length("/d/scan.bin"))
        self.assert_right()

    def test_no_validators_is_never_resumed(self):
        self.configure(piece_size=8 * MEGABYTE, segment_from=1 << 40)
        self.spoil(faults.no_validators("/d/scan.bin"), faults.cut(2_000_000, "/d/scan.bin", times=1))
        self.assert_right()
        firsts = [(entry.range or (0,))[0] for entry in self.server.record.entries("/d/scan.bin", "GET")]
        self.assertEqual(set(firsts), {0})

    def with_list(self):
        """The file in a folder with a list of digests."""
        self.server.site.add("c/scan.bin", self.content)
        self.server.site.add("c/SHA256SUMS", Bytes(f"{self.content.digest()}  scan.bin\n"))
        return self.server, self.server.url + "/c/"

    def test_corrupt_byte_once(self):
        origin, url = self.with_list()
        origin.faults.add(faults.corrupt(3_333_333, "/c/scan.bin", times=7))
        path, result = self.pull(url)
        self.assertEqual(self.digests(path)["scan.bin"], self.content.digest(), str(result))

    def test_corrupt_byte_always(self):
        origin, url = self.with_list()
        origin.faults.add(faults.corrupt(3_333_333, "/c/scan.bin"))
        result = self.medmirror("pull", url, expect=5)
        self.assert_explains(result, "scan.bin", origin.url + "/c/scan.bin", self.content.digest()[:12])
        self.assert_nothing_installed()

    def test_corrupt_byte_of_one_file_among_many(self):
        origin, url = self.with_list()
        small = {f"{number}.txt": Bytes(f"{number}\n") for number in range(20)}
        for name, content in small.items():
            origin.site.add("c/" + name, content)
        origin.faults.add(faults.corrupt(0, "/c/scan.bin"))
        result = self.medmirror("pull", url, "--allow-incomplete", expect=5)
        names = {file.name for file in self.installed()}
        self.assertLessEqual(set(small), names, str(result))
        self.assertNotIn("scan.bin", names)


class Archives(Journey):
    """Archives from a host that sends neither length nor ranges, and damaged ones."""

    def setUp(self):
        super().setUp()
        self.uci = self.origin(UciSite(), "uci")
        self.members = self.uci.site.sets[17].members

    def test_cut_zip_is_fetched_anew(self):
        self.uci.faults.add(faults.cut(20_000, "/static/public/17/*", times=2))
        path, result = self.pull("uci/17")
        self.assert_arrived(path, self.members, result)
        self.assertTrue(all(entry.range is None for entry in self.uci.record.entries("/static/public/17/*")))

    def test_end_that_the_line_swallowed(self):
        """Through an old proxy the end of the connection is all that says the end: the zip's own end must."""
        self.uci.faults.add(faults.cut(20_000, "/static/public/17/*", times=1),
                            faults.no_length("/static/public/17/*", how="close", times=1))
        path, result = self.pull("uci/17")
        self.assert_arrived(path, self.members, result)

    def test_always_cut_says_what_the_source_lacks(self):
        self.uci.faults.add(faults.cut(20_000, "/static/public/17/*"))
        result = self.medmirror("pull", "uci/17", expect=5)
        self.assert_explains(result, "breast+cancer+wisconsin+diagnostic.zip", self.uci.url)
        self.assert_nothing_installed()

    def test_html_instead_of_a_zip(self):
        self.uci.faults.add(faults.page(b"<!DOCTYPE html><html><head><title>Down for repair</title></head></html>",
                                        "/static/public/17/*"))
        result = self.medmirror("pull", "uci/17", expect=(4, 5))
        self.assert_explains(result, "Down for repair", self.uci.url)
        self.assert_nothing_installed()

    def test_502_page_for_ever(self):
        self.uci.faults.add(faults.status(502, "*"))
        result = self.medmirror("pull", "uci/17", expect=5)
        self.assert_explains(result, "502")

    def test_damaged_member(self):
        origin = self.origin()
        data = archives.make_tar_gz({"a.bin": Noise(500_000, 1), "b.bin": Noise(500_000, 2)})
        origin.site.add("x.tar.gz", Bytes(data))
        origin.faults.add(faults.corrupt(len(data) // 2, "/x.tar.gz"))
        result = self.medmirror("pull", origin.url + "/x.tar.gz", expect=(3, 5))
        self.assert_explains(result, "x.tar.gz")
        self.assert_nothing_installed()

    def test_zip_that_differs_from_its_recorded_digest(self):
        result = self.medmirror("pull", "uci/45", expect=5)
        self.assert_explains(result, "heart+disease.zip", "b17cd273da9c")
        self.assert_nothing_installed()

    def test_list_that_is_a_page(self):
        physionet = self.origin(PhysioNetSite(), "physionet")
        physionet.faults.add(faults.login_page("*/SHA256SUMS.txt"))
        result = self.medmirror("pull", "physionet/mitdb@1.0.0", expect=(4, 5))
        self.assert_explains(result, "SHA256SUMS.txt")
        self.assert_nothing_installed()

    def test_evil_names_in_a_list(self):
        version = Version("evil", "1.0.0", "Evil", {"a.txt": Bytes("a")})
        version.tree.add("SHA256SUMS.txt", Bytes("0" * 64 + " ../../outside.txt\n" + "0" * 64 + " /etc/absolute\n"))
        self.origin(PhysioNetSite([version]), "physionet")
        result = self.medmirror("pull", "physionet/evil@1.0.0", expect=9)
        self.assertIn("../../outside.txt", result.err, str(result))
        self.assert_nothing_installed()


class Certificate(Journey):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()

    @classmethod
    def tearDownClass(cls):
        cls.certificates.close()

    def serve(self, name):
        origin = self.origin(tls=getattr(self.certificates, name))
        self.content = Noise(100_000, name)
        origin.site.add("scan.bin", self.content)
        return origin

    def test_good_one_of_an_authority_that_is_named(self):
        origin = self.serve("good")
        path, result = self.pull(origin.url + "/scan.bin", env={"CURL_CA_BUNDLE": self.certificates.authority})
        self.assert_arrived(path, {"scan.bin": self.content}, result)

    def assert_refused(self, name, *words, trusted=True):
        origin = self.serve(name)
        env = {"CURL_CA_BUNDLE": self.certificates.authority} if trusted else {}
        result = self.medmirror("pull", origin.url + "/scan.bin", expect=5, env=env)
        self.assert_explains(result, f"127.0.0.1:{origin.port}", *words)
        self.assert_nothing_installed()
        self.assertEqual(len(origin.record), 0, "It asked without trust.")
        return result

    def test_expired(self):
        self.assertRegex(self.assert_refused("expired").err, "(?i)expired")

    def test_for_another_name(self):
        self.assert_refused("other_name")

    def test_unknown_issuer_is_named_with_the_line_that_trusts_it(self):
        self.assert_refused("unknown_issuer", "ca-file", "Some Unknown Authority")

    def test_authority_of_ones_own_that_nobody_named(self):
        self.assert_refused("good", "ca-file", trusted=False)


class Proxy(Journey):
    def setUp(self):
        super().setUp()
        self.server = self.origin()
        self.content = Noise(100_000, "behind a proxy")
        self.server.site.add("scan.bin", self.content)
        self.url = self.server.url + "/scan.bin"

    def proxy(self, **options):
        proxy = ForwardProxy(**options)
        self.addCleanup(proxy.close)
        return proxy

    def test_through_a_proxy(self):
        proxy = self.proxy()
        path, result = self.pull(self.url, env={"http_proxy": proxy.url})
        self.assert_arrived(path, {"scan.bin": self.content}, result)
        self.assertGreater(len(proxy.record), 0)

    def test_proxy_that_wants_a_password(self):
        proxy = self.proxy(password="name:secret word")
        result = self.medmirror("pull", self.url, expect=5, env={"http_proxy": proxy.url})
        self.assert_explains(result, proxy.url.removeprefix("http://"), "407")
        self.assertEqual(len(self.server.record), 0)

    def test_proxy_that_nobody_answers_at_is_named(self):
        self.configure(network_patience=600)
        result = self.medmirror("pull", self.url, expect=5, env={"http_proxy": NOWHERE})
        self.assert_explains(result, f"the proxy {NOWHERE} does not answer")
        self.assertEqual(len(self.server.record), 0)
        dead = self.medmirror("pull", NOWHERE + "/scan.bin", expect=5)
        self.assertNotIn("proxy", dead.err)

    def test_password_in_the_proxys_address_is_used_and_never_shown(self):
        proxy = self.proxy(password="name:s3cretword")
        with_password = proxy.url.replace("//", "//name:s3cretword@")
        path, result = self.pull(self.url, "--verbose", env={"http_proxy": with_password})
        self.assert_tree(path, {"scan.bin": self.content})
        self.assertNotIn("s3cretword", result.err + result.out)
        for file in self.mirror.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"s3cretword", file.read_bytes(), file)

    def test_wrong_password_is_not_tried_again_and_again(self):
        proxy = self.proxy(password="name:right")
        wrong = proxy.url.replace("//", "//name:wr0ng@")
        result = self.medmirror("pull", self.url, expect=5, env={"http_proxy": wrong})
        self.assertNotIn("wr0ng", result.err)
        self.assertLessEqual(len(proxy.record), 4)

    def test_proxys_own_page(self):
        proxy = self.proxy(page=BLOCK_PAGE)
        result = self.medmirror("pull", self.url, expect=5, env={"http_proxy": proxy.url})
        self.assert_explains(result, "Access Blocked")

    def test_proxys_own_page_with_200(self):
        proxy = self.proxy(page=BLOCK_PAGE, page_status=200)
        result = self.medmirror("pull", self.url, expect=5, env={"http_proxy": proxy.url})
        self.assert_explains(result, "Access Blocked")
        self.assert_nothing_installed()

    def test_connect_refused(self):
        proxy = self.proxy(page=BLOCK_PAGE)
        with Certificates() as certificates:
            origin = self.origin(PlainSite(), tls=certificates.good)
            origin.site.add("scan.bin", self.content)
            result = self.medmirror("pull", origin.url + "/scan.bin", expect=5,
                                    env={"https_proxy": proxy.url, "CURL_CA_BUNDLE": certificates.authority})
        self.assert_explains(result, proxy.url.removeprefix("http://"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
