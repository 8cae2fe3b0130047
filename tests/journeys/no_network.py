"""Runs a command that dies by SIGSYS when it asks the kernel for an internet socket."""

import ctypes
import os
import platform
import socket
import struct
import sys

_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}[platform.machine()]
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000


def forbid_internet_sockets():
    """A seccomp filter: socket(AF_INET or AF_INET6, ...) ends the process; all else is allowed."""
    steps = [(_LOAD, 0, 0, 0),                                      # the call's number
             (_JUMP_IF_EQUAL, 0, 4, _SOCKET_CALL),
             (_LOAD, 0, 0, 16),                                     # its first argument
             (_JUMP_IF_EQUAL, 1, 0, socket.AF_INET),
             (_JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
             (_RETURN, 0, 0, _KILL_PROCESS),
             (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]

    program = Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "The kernel takes no filter.")


if __name__ == "__main__":
    forbid_internet_sockets()
    os.execv(sys.argv[1], sys.argv[1:])
