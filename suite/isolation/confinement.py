"""What a worker forbids itself before a submitted plugin's first line runs: resources (rlimits), files (Landlock).

None can be taken back; a sealed worker gives up a few system calls too (`suite.isolation.seccomp`). What surrounds the
process (its own view of files, no network) is `suite.isolation.sandbox`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from suite.errors import WorkerError
from suite.isolation.seccomp import seal

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls, the same on every architecture of Linux."""
VERSION_FLAG, PATH_BENEATH, NO_NEW_PRIVILEGES = 1, 1, 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
READING = EXECUTE | READ_FILE | READ_DIR
ALL_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Landlock's version -> every right over files that it knows; from 5 on the same."""
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
"""The rights that a single file can have: the others are a directory's."""
ALL_NETWORK, ALL_SCOPES = 3, 3
"""Bind and connect by TCP (from version 4 on); abstract sockets and signals to outside (from version 6 on)."""


class Confinement(NamedTuple):
    """Limits in bytes and numbers, and the only paths that the plugin may read and write.

    ``memory_bytes`` is what one process may have of its own (RLIMIT_DATA); ``processes`` counts threads too.
    ``sealed``: without the system calls of `suite.isolation.seccomp`.
    """

    memory_bytes: int
    processes: int
    open_files: int
    file_bytes: int
    readable: list[str]
    writable: list[str]
    sealed: bool = False

    @classmethod
    def parsed(cls, text: str) -> Confinement:
        """Return what `written` gives."""
        return cls(*json.loads(text))

    def written(self) -> str:
        """Return it as one argument of a command."""
        return json.dumps(self)

    def enter(self) -> None:
        """Forbid everything else, for good. Raises WorkerError where the system refuses a limit."""
        try:
            self._limit()
            restrict_files(self.readable, self.writable)
            if self.sealed:
                seal()
        except (OSError, ValueError) as error:
            raise WorkerError(f"The process of the plugin cannot be confined: {error}") from error

    def _limit(self) -> None:
        for what, value in (
            (resource.RLIMIT_DATA, self.memory_bytes),
            (resource.RLIMIT_NPROC, self.processes),
            (resource.RLIMIT_NOFILE, self.open_files),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(what)[1]
            lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (lowest, lowest))


def landlock_version() -> int:
    """Return the version of Landlock that this system offers, 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(system_call(CREATE_RULESET, None, 0, VERSION_FLAG)))


def restrict_files(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Allow this process and its children these paths only, no TCP and no signals to outside, where Landlock is there.

    Paths that do not exist are left out. Raises OSError.
    """
    version = landlock_version()
    if not version:
        return
    files = ALL_FILES[min(version, 5)]
    rights = struct.pack("<QQQ", files, ALL_NETWORK if version >= 4 else 0, ALL_SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = checked(system_call(CREATE_RULESET, rights[:size], size, 0))
    try:
        for allowed, paths in ((READING, readable), (files, writable)):
            for path in paths:
                allow(ruleset, path, allowed)
        checked(ctypes.CDLL(None, use_errno=True).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        checked(system_call(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def allow(ruleset: int, path: str, rights: int) -> None:
    """Add one path with everything beneath it to a ruleset."""
    if not Path(path).exists():
        return
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= OF_A_FILE
        checked(system_call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("<Qi", rights, handle), 0))
    finally:
        os.close(handle)


def system_call(number: int, *arguments: int | bytes | None) -> int:
    """Return what a system call returns: -1 for an error, whose number `checked` reads."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(library.syscall(ctypes.c_long(number), *wide))


def checked(result: int) -> int:
    """Return a result that is no error. Raises OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
