"""Runs a command and writes its peak memory in kB to a file.

A child inherits the peak of the process that started it until it runs its own program, and wait4(2) reports the larger
one. So a large test process cannot measure; this small one can.
"""

import os
import sys

if __name__ == "__main__":
    child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    _, status, usage = os.wait4(child, 0)
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write(str(usage.ru_maxrss))
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
