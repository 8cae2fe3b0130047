"""Runs groups of tests and counts their cases: those of GTest's TAP and of unittest, not the entries of ctest.

The last line is `N passed, N failed, N skipped`; the exit status is 1 when any failed. A crash is a failure.
"""

import os
import pathlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROOMS = ("manifests", "fetchers", "cache", "cmd", "tests")


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    bad: list = field(default_factory=list)
    left_out: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.bad += other.bad
        self.left_out += other.left_out

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_tap(lines):
    """Cases of a TAP stream; a plan that was not kept is one failure more."""
    count, planned = Count(), None
    for line in lines:
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            planned = int(match.group(1))
        elif match := re.match(r"(not )?ok \d+ (\S*)(.*)", line):
            if "# SKIP" in match.group(3):
                count.skipped += 1
                count.left_out.append(f"{match.group(2)}: {match.group(3).partition('# SKIP')[2].strip()}")
            elif match.group(1):
                count.failed += 1
                count.bad.append(match.group(2))
            else:
                count.passed += 1
    if planned is not None and count.passed + count.failed + count.skipped < planned and count.failed == 0:
        count.failed += 1
        count.bad.append("(it ended before its last case)")
    return count


def count_unittest(lines):
    """Cases of a unittest run, by its closing lines."""
    count = Count()
    for line in lines:
        if match := re.match(r"(?:FAIL|ERROR): (\S+ \([^)]*\))", line):
            if match.group(1) not in count.bad:
                count.bad.append(match.group(1))
        elif match := re.match(r"(.*) \.\.\. skipped (.*)", line):
            count.left_out.append(f"{match.group(1)}: {match.group(2)}")
        elif match := re.match(r"Ran (\d+) tests? in", line):
            count.passed = int(match.group(1))
        elif match := re.match(r"(?:OK|FAILED)(?: \((.*)\))?$", line):
            numbers = dict(re.findall(r"(\w+)=(\d+)", match.group(1) or ""))
            count.skipped = int(numbers.get("skipped", 0))
    count.failed = len(count.bad)
    count.passed = max(0, count.passed - count.failed - count.skipped)
    return count


def count_entry(name, lines, has_passed):
    count = count_tap(lines) if any(re.match(r"(not )?ok \d+ |1\.\.\d", line) for line in lines) \
        else count_unittest(lines)
    if not has_passed and count.failed == 0:
        count.failed += 1
        count.bad.append("(it crashed, hung or could not be run)")
    if has_passed and count.passed + count.skipped == 0:
        count.passed = 1
    count.bad = [f"{name}: {case}" for case in count.bad]
    count.left_out = [f"{name}: {case}" for case in count.left_out]
    return count


def run_ctest(build, label):
    """All entries with a label; their own output is shown where they failed."""
    command = ["ctest", "--test-dir", str(build), "-V", "-j", str(os.cpu_count() or 1), "-L", f"^{label}$"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    outputs, total = {}, Count()
    for raw in process.stdout:
        line = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if match := re.match(r"\s*(\d+): (.*)", line):
            outputs.setdefault(match.group(1), []).append(match.group(2))
        elif match := re.match(r"\s*\d+/\d+ Test\s+#(\d+): (\S+) \.+\s*(.*?)\s+([\d.]+) sec", line):
            number, name, state, seconds = match.groups()
            lines = outputs.pop(number, [])
            count = count_entry(name, lines, state == "Passed")
            total.add(count)
            print(f"  {name:32} {float(seconds):7.1f} s  {count}", flush=True)
            if count.failed:
                print("\n".join(f"    | {text}" for text in [state, *lines]), flush=True)
    if process.wait() != 0 and total.failed == 0:
        total.add(Count(failed=1, bad=[f"{label}: ctest ended with status {process.returncode}"]))
    if not any((total.passed, total.failed, total.skipped)):
        total.add(Count(failed=1, bad=[f"{label}: there is no test of this group"]))
    return total


def check_documents():
    """What the documents name is there: files of the tree, and pages that they link."""
    bad = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:(?:cmd|fetchers|cache|manifests|tests|docs)/)[\w./-]+\.(?:c|h|py|md|json)\b", text))
        linked = {str((page.parent / link).resolve().relative_to(ROOT)) for link in
                  re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)}
        for path in sorted(named | linked):
            if "NAME" not in path and "_X" not in path and not (ROOT / path).exists():
                print(f"  {page.relative_to(ROOT)} names {path}, which is not there.", flush=True)
                bad.append(f"lint: {page.name} names {path}")
    return bad


def run_lint():
    """The format of every C file, and what the documents name."""
    files = sorted(str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.[ch]"))
    process = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT, stderr=subprocess.PIPE)
    bad = sorted(set(re.findall(r"(?m)^(\S+?):\d+:\d+: error", process.stderr.decode())))
    for file in bad:
        print(f"  {file} is not formatted. Type: clang-format -i {file}", flush=True)
    count = Count(0, 1, 0, ["lint: format"]) if process.returncode else Count(1)
    documents = check_documents()
    count.add(Count(0, 1, 0, documents) if documents else Count(1))
    return count


def main():
    build, total = pathlib.Path(sys.argv[1]), Count()
    times = []
    for group in sys.argv[2:]:
        print(f"\n{group}", flush=True)
        began = time.monotonic()
        count = run_lint() if group == "lint" else run_ctest(ROOT / build, group)
        times.append((group, time.monotonic() - began, str(count)))
        total.add(count)
    print()
    for group, seconds, words in times:
        print(f"{group:10} {seconds:7.1f} s  {words}")
    for case in total.left_out:
        print(f"skipped: {case}")
    for case in total.bad:
        print(f"failed: {case}")
    print(total, flush=True)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
