"""System calls that a sealed worker gives up (seccomp): by them one process learns what another does to a shared file.

Two sandboxes see the same read-only files. A lock on one, a watch of it, or whether it is in memory would be a message
from one to the other, as would a key in the session that both were started from.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from errno import EPERM
from typing import NamedTuple

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
"""Of Linux' prctl."""
LOAD, JUMP_IF_EQUAL, JUMP_IF_NOT_LESS, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOWED, DENIED = 0x7FFF0000, 0x00050000 | EPERM
NUMBER_AT, ARCHITECTURE_AT, COMMAND_AT = 0, 4, 24
"""Bytes of struct seccomp_data: the call's number, the architecture, the lower half of its second argument."""
OF_32_BITS = 0x40000000
"""From here on x86-64 numbers the calls of its 32-bit mode, x32."""
COMMANDS = (5, 6, 7, 36, 37, 38, 1024, 1025, 1026)
"""Of fcntl: locks of both kinds, leases, notices of a directory."""


class Architecture(NamedTuple):
    """What the kernel calls it, its number of fcntl, and of every call that is given up whole."""

    audit: int
    fcntl: int
    calls: tuple[int, ...]


ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 72, (27, 73, 248, 249, 250, 253, 254, 294, 300, 327, 425, 451)),
    "aarch64": Architecture(0xC00000B7, 25, (26, 27, 32, 217, 218, 219, 232, 262, 286, 425, 451)),
}
"""The calls: mincore, flock, keyctl and its two kin, inotify, fanotify_init, preadv2, io_uring_setup, cachestat."""


class Program(ctypes.Structure):
    """Linux' struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def architecture() -> Architecture | None:
    """Return this machine's, None where nothing is known of it."""
    return ARCHITECTURES.get(os.uname().machine) if sys.platform == "linux" else None


def seal() -> None:
    """Give these calls up for good, in this thread and in all that it starts: they fail with EPERM. Raises OSError.

    Does nothing where `architecture` knows nothing.
    """
    here = architecture()
    if here is None:
        return
    code = compiled(here)
    library = ctypes.CDLL(None, use_errno=True)
    program = Program(len(code) // 8, code)
    for asked in ((SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if library.prctl(*asked):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def compiled(here: Architecture) -> bytes:
    """Return the filter as the kernel takes it: an instruction is a code, two jumps and a number."""
    calls = [(JUMP_IF_NOT_LESS, OF_32_BITS), *((JUMP_IF_EQUAL, number) for number in here.calls)]
    commands = [(JUMP_IF_EQUAL, command) for command in COMMANDS]
    length = 3 + len(calls) + 2 + len(commands) + 2
    allow, deny = length - 2, length - 1
    lines = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 0, deny - 2, here.audit),
        (LOAD, 0, 0, NUMBER_AT),
        *jumps(calls, start=3, target=deny),
        (JUMP_IF_EQUAL, 0, allow - (3 + len(calls)) - 1, here.fcntl),
        (LOAD, 0, 0, COMMAND_AT),
        *jumps(commands, start=5 + len(calls), target=deny),
        (RETURN, 0, 0, ALLOWED),
        (RETURN, 0, 0, DENIED),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def jumps(tests: Sequence[tuple[int, int]], *, start: int, target: int) -> list[tuple[int, int, int, int]]:
    """Return instructions from line ``start`` on that go to line ``target`` where a test holds."""
    return [(code, target - line - 1, 0, number) for line, (code, number) in enumerate(tests, start)]
