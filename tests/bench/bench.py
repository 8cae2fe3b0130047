"""Measures medmirror beside the tools that people use today, and writes what came out into docs/benchmarks.md.

The rounds are interleaved: in each, every contender runs once, beginning with another one; what counts is the median.
"""

import argparse
import datetime
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import cases
import stopwatch
import web

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
ROUND_TRIP_US = 30_000


def say(words):
    print(words, file=sys.stderr, flush=True)


def run_case(case, scratch, rounds):
    """The laps of each contender, by its place in the case."""
    laps = [[] for _ in case.contenders]
    for turn in range(rounds):
        for step in range(len(case.contenders)):
            place = (turn + step) % len(case.contenders)
            contender = case.contenders[place]
            folder = os.path.join(scratch, "runs", case.key, f"{turn}-{place}")
            os.makedirs(folder)
            os.sync()
            lap = stopwatch.run(contender.command(folder), folder=folder, environment=case.environment)
            laps[place].append(lap)
            say(f"  {contender.name:36} {lap.seconds:7.2f} s  {lap.processor:7.2f} s cpu  {lap.peak / 1e6:6.0f} MB")
            there = cases.count_files(folder)
            if there < contender.files:
                raise RuntimeError(f"{contender.name} left {there} files where {contender.files} must be")
            cases.retire(folder)
    return laps


def table(case, laps):
    ours = statistics.median(lap.seconds for lap in laps[0])
    lines = [f"### {case.title}", "", case.facts + ".", "",
             "| | median | of runs | times ours | target | processor | peak memory |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for contender, runs in zip(case.contenders, laps):
        times = sorted(lap.seconds for lap in runs)
        median = statistics.median(times)
        target = f"≥ {contender.target:g}" if contender.target else "< 64 MiB" if contender is case.contenders[0] else ""
        lines.append(f"| {contender.name} | {median:.2f} s | {times[0]:.2f}–{times[-1]:.2f} | {median / ours:.2f} | {target} | "
                     f"{statistics.median(lap.processor for lap in runs):.2f} s | {max(lap.peak for lap in runs) / 2**20:.0f} MiB |")
    return "\n".join(lines) + "\n"


def first_line(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout.decode().splitlines()[0]


def machine(scratch):
    cpu = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", cpu)
    flags = set(cpu.split())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii")).group(1))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    disk = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", scratch], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    versions = {"curl": ["curl", "--version"], "rclone": ["rclone", "version"], "unzip": ["unzip", "-v"],
                "bsdtar": ["bsdtar", "--version"], "sha256sum": ["sha256sum", "--version"], "hashdeep": ["hashdeep", "-V"],
                "git": ["git", "--version"], "rsync": ["rsync", "--version"], "openssl": ["openssl", "version"]}
    told = {name: re.search(r"\d+\.\d[\w.]*", first_line(command)).group(0) for name, command in versions.items()}
    told["nginx"] = web.nginx_version()
    return (f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores "
            f"({'with' if 'sha_ni' in flags else 'without'} SHA instructions), {memory / 2**20:.0f} GiB, {system}, "
            f"Linux {platform.release().split('-')[0]}, {disk}. "
            + ", ".join(f"{name} {version}" for name, version in sorted(told.items())) + ".")


def write_report(text):
    whole = REPORT.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN)
    after = rest.split(END)[1]
    REPORT.write_text(before + BEGIN + text + END + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Measures medmirror beside other tools.")
    parser.add_argument("--program", required=True)
    parser.add_argument("--link", required=True)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: does it work?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="zip,small,verify,nothing", help="which of zip,small,verify,nothing")
    parser.add_argument("--no-report", action="store_true", help="leaves docs/benchmarks.md as it is")
    arguments = parser.parse_args()
    began = time.monotonic()
    scratch = tempfile.mkdtemp(prefix="medmirror-bench-")
    rounds = 1 if arguments.quick else arguments.rounds
    site = None
    try:
        os.makedirs(os.path.join(scratch, "www"))
        site = web.Web(os.path.join(scratch, "web"), os.path.join(scratch, "www"), arguments.link, ROUND_TRIP_US)
        bench = cases.Bench(scratch, arguments.program, site, cases.QUICK if arguments.quick else cases.Sizes())
        keys = arguments.only.split(",")
        tables = []
        for key in keys:
            say(f"{key}: making its data")
            case = bench.cases()[key]()
            say(f"{key}: {case.facts}")
            tables.append(table(case, run_case(case, scratch, rounds)))
        today = datetime.date.today().isoformat()
        text = (f"Measured on {today}, {rounds} interleaved rounds, {(time.monotonic() - began) / 60:.0f} min. "
                f"{machine(scratch)}\n\n" + "\n".join(tables))
    finally:
        if site is not None:
            site.close()
        shutil.rmtree(scratch, ignore_errors=True)
    print(text)
    if not arguments.quick and not arguments.no_report and set(keys) == set(bench.cases()):
        write_report(text)
        say(f"written into {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
