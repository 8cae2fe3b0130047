"""Runs a command and measures it: seconds, processor seconds, peak memory of all its processes together."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

LOOK_EACH = 0.01


@dataclass
class Lap:
    seconds: float
    processor: float  # user and system, of all processes
    peak: int  # bytes; the sum of each process's own peak, so never less than what they held together


class Peaks:
    """Looks at a process and those below it, again and again, for the kernel's own record of each one's peak."""

    def __init__(self, root):
        self.root = root
        self.peaks = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    @staticmethod
    def read(path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return b""

    def look(self, process):
        for line in self.read(f"/proc/{process}/status").splitlines():
            if line.startswith(b"VmHWM:"):
                self.peaks[process] = int(line.split()[1]) * 1024
        for task in os.listdir(f"/proc/{process}/task"):
            for child in self.read(f"/proc/{process}/task/{task}/children").split():
                self.look(int(child))

    def watch(self):
        while not self.over.wait(LOOK_EACH):
            try:
                self.look(self.root)
            except OSError:
                pass  # it ended while we looked

    def total(self):
        self.over.set()
        self.thread.join()
        return sum(self.peaks.values())


def run(command, *, folder, environment=None, seconds=900):
    """COMMAND: a list, or a line for the shell. Ends with an exception, and the command's own words, where it fails."""
    shell = isinstance(command, str)
    log = folder + ".log"
    with open(log, "wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(["bash", "-o", "pipefail", "-e", "-c", command] if shell else command, cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   env={**os.environ, **(environment or {})}, start_new_session=True)
        peaks = Peaks(process.pid)
        alarm = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    peak = peaks.total()
    if process.returncode != 0:
        with open(log, "rb") as output:
            tail = output.read()[-2000:].decode("utf-8", "replace")
        raise RuntimeError(f"{command} ended with {process.returncode} after {took:.1f} s:\n{tail}")
    return Lap(took, usage.ru_utime + usage.ru_stime, peak)
