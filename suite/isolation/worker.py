"""The program of a worker process: make the plugin that the host names, then answer request after request.

    python -m suite.isolation.worker CONNECTION MEMORY PARENT [CONFINEMENT]

with the numbers of an inherited socket and of an inherited file of shared memory, the parent's process id (0: whoever
started this ends it), and what `suite.isolation.confinement` shall forbid. It ends when the host hangs up, and at once
when the host dies. Needs numpy, the standard library and `suite.api`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import NamedTuple

from suite.heap import keep_freed_memory
from suite.isolation.answers import Answers
from suite.isolation.confinement import Confinement
from suite.isolation.memory import Memory
from suite.isolation.wire import receive, send

SET_PARENT_DEATH_SIGNAL = 1
"""Of Linux' prctl."""


class Inherited(NamedTuple):
    """What a worker gets from its host."""

    connection: socket.socket
    memory: Memory
    parent: int
    confinement: Confinement | None

    @classmethod
    def of(cls, arguments: list[str]) -> Inherited:
        """Return what the command line names."""
        connection, memory, parent = map(int, arguments[:3])
        for descriptor in (connection, memory):
            os.set_inheritable(descriptor, False)
        confinement = Confinement.parsed(arguments[3]) if arguments[3:] else None
        return cls(socket.socket(fileno=connection), Memory(memory), parent, confinement)


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, where the system can (Linux)."""
    if sys.platform != "linux" or not parent:
        return
    import ctypes

    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def main() -> None:
    """Answer until the host hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host ends its workers
    inherited = Inherited.of(sys.argv[1:])
    die_with(inherited.parent)
    keep_freed_memory()
    if inherited.confinement:
        inherited.confinement.enter()
    answers = Answers(inherited.memory)
    while (request := receive(inherited.connection)) is not None:
        send(inherited.connection, answers.to(request))


if __name__ == "__main__":
    main()
