"""Codecs that hold the interpreter's lock, each in a process of its own for every thread that calls it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock, Thread, current_thread

from suite.api import Codec, Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError, WorkerError
from suite.isolation.process import Process
from suite.isolation.wire import Decode, Encode, Made, Make, Picture, Stream
from suite.origin import Origin

START_TIMEOUT_S = 300.0
"""To import what the plugin imports, on a busy machine."""
CALL_TIMEOUT_S = 900.0
"""To encode or decode one image; the slowest neural codecs take minutes."""


class HostedCodec:
    """A `suite.api.Codec` that encodes and decodes as ``codec`` does, in processes that make it of its ``origin``.

    A thread's process starts with its first call, and anew after one that died; `close` ends them all. What
    ``hosted`` does not name is done here.
    """

    def __init__(
        self,
        codec: Codec,
        origin: Origin,
        *,
        hosted: Collection[str] = ("encode", "decode"),
        call_timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        self.name = codec.name
        self.version = codec.version
        self._codec = codec
        self._origin = origin
        self._hosted = frozenset(hosted)
        self._call_timeout_s = call_timeout_s
        self._processes: dict[Thread, Process] = {}
        self._lock = Lock()

    @property
    def build(self) -> str:
        """The library build that makes the bits."""
        return self._codec.build

    def settings(self) -> Sequence[Setting]:
        """Return what it can be asked for."""
        return self._codec.settings()

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError, also if the process dies or hangs, and what the codec raises."""
        if "encode" not in self._hosted:
            return self._codec.encode(image, setting)
        height, width, _ = require_rgb(image).shape
        try:
            process = self._own()
            process.memory.write_image(image)
            return process.memory.read(
                process.ask(Encode(height, width, *setting), Stream, self._call_timeout_s).byte_count
            )
        except WorkerError as error:
            raise CodecError(f"{self.name} {setting}, {width}x{height}: {error}") from error

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError, also if the process dies or hangs, and what the codec raises."""
        if "decode" not in self._hosted:
            return self._codec.decode(data)
        try:
            process = self._own()
            process.memory.write(data)
            return process.memory.read_image(*process.ask(Decode(len(data)), Picture, self._call_timeout_s))
        except WorkerError as error:
            raise CodecError(f"{self.name}, {len(data)} bytes: {error}") from error

    def close(self) -> None:
        """End all processes. Not while another thread encodes or decodes."""
        with self._lock:
            processes = list(self._processes.values())
            self._processes.clear()
        for process in processes:
            process.hang_up()
        for process in processes:
            process.close()

    def _own(self) -> Process:
        """Return the process of this thread, a new one if it has none."""
        thread = current_thread()
        process = self._processes.get(thread)
        if process is None or not process.alive:
            self._forget_the_dead()
            process = self._started()
            with self._lock:
                self._processes[thread] = process
        return process

    def _started(self) -> Process:
        """Return a new process that has made the codec."""
        process = Process()
        try:
            made = Make("codec", self._origin.target, list(self._origin.member), dict(self._origin.parameters))
            process.ask(made, Made, START_TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
        return process

    def _forget_the_dead(self) -> None:
        """Clear away the processes of threads that have ended, and those that have ended themselves."""
        with self._lock:
            over = [thread for thread, one in self._processes.items() if not (thread.is_alive() and one.alive)]
            processes = [self._processes.pop(thread) for thread in over]
        for process in processes:
            process.close()


class Hosts:
    """Codecs as a run with several worker threads uses them, until it ends: those that hold the lock in processes."""

    def __init__(self) -> None:
        self._hosted: dict[int, HostedCodec] = {}

    def codec(self, codec: Codec, origin: Origin, *, workers: int) -> Codec:
        """Return what ``workers`` threads call: the codec itself, or its host if they would have to take turns."""
        held = getattr(codec, "holds_lock", ())
        if workers < 2 or not held:
            return codec
        return self._hosted.setdefault(id(codec), HostedCodec(codec, origin, hosted=held))

    def close(self) -> None:
        """End all processes."""
        for hosted in self._hosted.values():
            hosted.close()
