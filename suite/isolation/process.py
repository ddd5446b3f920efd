"""A worker process as its host sees it: started, asked with a time limit, and ended, whatever the plugin does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, TypeAlias, TypeVar

from suite.errors import CodecError, PluginError, WorkerError
from suite.isolation.memory import Memory
from suite.isolation.watch import Usage, Watch
from suite.isolation.wire import Answer, Message, Raised, Request, packed, receive

END_TIMEOUT_S = 2.0
"""How long a worker that is hung up on may take to end by itself."""
KEPT_PRINTS, MOST_SAID = 4096, 300
"""Bytes kept of what a worker prints, and characters shown of its last line."""


Expected = TypeVar("Expected", bound=Answer)
Starter: TypeAlias = Callable[[int, int], "subprocess.Popen[bytes]"]
"""Starts a worker with the numbers of its connection and its memory."""


class Process:
    """One worker. Used by one thread at a time; once a call has failed it is dead, and another has to be started.

    On Linux it also dies with the thread that started it. ``most``: what it may use, with all that it starts. Raises
    WorkerError if it cannot be started.
    """

    def __init__(self, start: Starter | None = None, most: Usage | None = None) -> None:
        self.memory = Memory.created()
        self._connection, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = (start or started)(theirs.fileno(), self.memory.descriptor)
        except OSError as error:
            self._connection.close()
            self.memory.close()
            raise WorkerError(f"Its process cannot be started: {error}") from error
        self._prints = Prints(self._process.stdout) if self._process.stdout else None
        self._watch = Watch(self._process.pid, most, self._kill_group) if most else None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._connection.fileno() >= 0 and self._process.poll() is None

    def call(self, request: Message, timeout_s: float) -> Message:
        """Return the answer to a request. Raises WorkerError if the process dies or takes longer than that."""
        data = packed(request)
        try:
            self._connection.settimeout(timeout_s)
            self._connection.sendall(data)
            answer = receive(self._connection, timeout_s)
        except TimeoutError as error:
            self.kill()
            raise WorkerError(f"Its process did not answer within {timeout_s:g} s and was ended.") from error
        except OSError as error:
            raise WorkerError(self._end()) from error
        except BaseException:  # an answer may be left in the connection
            self.kill()
            raise
        if answer is None:
            raise WorkerError(self._end())
        return answer

    def ask(self, request: Request, expected: type[Expected], timeout_s: float) -> Expected:
        """Return the answer of the expected kind. Raises WorkerError, or what the plugin raised."""
        answer = self.call(request, timeout_s)
        if isinstance(answer, Raised):
            raise error_of(answer)
        if not isinstance(answer, expected):
            self.kill()
            raise WorkerError(f"Expected its process to answer with {expected.__name__}, but got {answer!r:.100}.")
        return answer

    def hang_up(self) -> None:
        """Let it end by itself."""
        self._connection.close()
        if self._watch:
            self._watch.stop()

    def close(self) -> None:
        """End it, and wait until it has."""
        self.hang_up()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self._process.wait()
        self.memory.close()

    def kill(self) -> None:
        """End it at once, and wait until it has."""
        self._kill_group()
        self._process.wait()
        self.hang_up()
        self.memory.close()

    def _kill_group(self) -> None:
        """Kill the process, which leads a group, with what it started and did not move out of it."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> str:
        """Return how it ended by itself, in a sentence."""
        try:
            status = self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = 0
        self.kill()
        if self._watch and self._watch.reason:
            return f"{self._watch.reason} It was ended."
        how = f"signal {-status}, {signal.strsignal(-status)}" if status < 0 else f"status {status}"
        said = f" It last printed: {self._prints.last()}" if self._prints and self._prints.last() else ""
        return f"Its process ended ({how}) instead of answering.{said} The next call gets a new one."


class RaisedElsewhere(PluginError):
    """What a plugin raised in its process, under the name that it has there."""


def error_of(answer: Raised) -> PluginError:
    """Return an exception like the one that was raised: of a type of that name, a CodecError if that was one."""
    base: type[PluginError] = CodecError if answer.is_codec_error else RaisedElsewhere
    if answer.name == base.__name__ or not answer.name.isidentifier():
        return base(answer.text)
    alike: type[PluginError] = type(answer.name, (base,), {})
    return alike(answer.text)


class Prints:
    """Takes what a process prints, so that it never waits, and keeps the end of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = b""
        self._reader = Thread(target=self._take, args=(pipe,), daemon=True, name="prints")
        self._reader.start()

    def last(self) -> str:
        """Return the last line; the process has ended."""
        self._reader.join(END_TIMEOUT_S)
        lines = self._kept.decode(errors="replace").split("\n")
        return next((line.strip()[-MOST_SAID:] for line in reversed(lines) if line.strip()), "")

    def _take(self, pipe: IO[bytes]) -> None:
        with pipe:
            while piece := pipe.read1(1 << 16):  # type: ignore[attr-defined]
                self._kept = (self._kept + piece)[-KEPT_PRINTS:]


def started(connection: int, memory: int) -> subprocess.Popen[bytes]:
    """Start a worker that inherits these two files, finds what this process can import, and prints to its errors.

    In a process group of its own: the keys that interrupt the host do not reach it.
    """
    command = [sys.executable, "-P", "-m", "suite.isolation.worker", str(connection), str(memory), str(os.getpid())]
    return subprocess.Popen(  # noqa: S603 - this interpreter and the suite's own module
        command,
        pass_fds=(connection, memory),
        stdin=subprocess.DEVNULL,
        stdout=2,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)},
        process_group=0,
    )
