"""The program of a worker process: make the plugin that the host names, then answer request after request.

    python -m suite.isolation.worker CONNECTION MEMORY PARENT

with the numbers of an inherited socket and of an inherited file of shared memory, and the parent's process id. It ends
when the host hangs up, and at once when the host dies. Needs numpy, the standard library and `suite.api`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import NamedTuple

from suite.api import Codec, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError
from suite.heap import keep_freed_memory
from suite.isolation.memory import Memory
from suite.isolation.wire import (
    MOST_TEXT,
    Decode,
    Encode,
    Made,
    MakeCodec,
    Message,
    Picture,
    Raised,
    Stream,
    receive,
    send,
)
from suite.origin import Origin

SET_PARENT_DEATH_SIGNAL = 1
"""Of Linux' prctl."""


class Worker:
    """Answers the requests for one plugin."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._codec: Codec | None = None

    def answer(self, request: Message) -> Message:
        """Return the answer to a request: what was asked for, or what was raised instead."""
        try:
            match request:
                case MakeCodec(target, member, parameters):
                    self._codec = Origin("codec", target, tuple(member), parameters).resolved()[0]()
                    return Made()
                case Encode():
                    return self._encoded(request)
                case Decode(byte_count):
                    return self._decoded(byte_count)
                case _:
                    raise TypeError(f"{type(request).__name__} is no request.")
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the host says so
            return raised(error)

    def _encoded(self, request: Encode) -> Stream:
        image = self._memory.shown_image(request.height, request.width)
        stream = self._made().encode(image, Setting(request.parameter, request.value))
        if not isinstance(stream, bytes):
            raise CodecError(f"Expected encode to give bytes, but got {type(stream).__name__}.")
        self._memory.write(stream)
        return Stream(len(stream))

    def _decoded(self, byte_count: int) -> Picture:
        image = require_rgb(self._made().decode(self._memory.read(byte_count)))
        self._memory.write_image(image)
        return Picture(*image.shape[:2])

    def _made(self) -> Codec:
        if self._codec is None:
            raise CodecError("The host has not said which codec to make.")
        return self._codec


def raised(error: Exception) -> Raised:
    """Return an exception as a message."""
    return Raised(isinstance(error, CodecError), type(error).__name__[:MOST_TEXT], str(error)[:MOST_TEXT])


class Inherited(NamedTuple):
    """What a worker gets from its host."""

    connection: socket.socket
    memory: Memory
    parent: int

    @classmethod
    def of(cls, arguments: list[str]) -> Inherited:
        """Return what the command line names."""
        connection, memory, parent = map(int, arguments)
        for descriptor in (connection, memory):
            os.set_inheritable(descriptor, False)
        return cls(socket.socket(fileno=connection), Memory(memory), parent)


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, where the system can (Linux)."""
    if sys.platform != "linux":
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
    worker = Worker(inherited.memory)
    while (request := receive(inherited.connection)) is not None:
        send(inherited.connection, worker.answer(request))


if __name__ == "__main__":
    main()
