"""A codec that does in its process whatever its setting says, for the tests of `suite.isolation`."""

import os
import signal
import sys
import time
from collections.abc import Sequence

import numpy as np

from suite.api import Image, Setting
from suite.errors import CodecError


class OwnError(CodecError):
    """A codec's own kind of CodecError."""


def write_everywhere() -> None:
    """Write nonsense to every file that is open, and try to cut each one short."""
    for descriptor in range(3, 40):
        for misdeed in (lambda d: os.write(d, b"nonsense " * 20), lambda d: os.ftruncate(d, 0)):
            try:
                misdeed(descriptor)
            except OSError:
                continue


def print_much() -> None:
    print("printed " * 1000)
    os.write(1, b"written to 1\n")


def raise_(error: BaseException) -> None:
    raise error


ERRORS = {
    "codec-error": CodecError("12 is no setting.\nTry 13."),
    "own-error": OwnError("änderbar 𝄞"),
    "value-error": ValueError("the sky is falling"),
    "key-error": KeyError("label"),
    "no-message": RuntimeError(),
    "memory": MemoryError("too much"),
    "surrogate": OSError("\udcff"),
}
DEEDS = {
    "print": print_much,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "abort": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: sys.exit(3),
    "leave": lambda: os._exit(0),
    "hang": lambda: time.sleep(1000),
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
    "nonsense": write_everywhere,
    "wait": lambda: time.sleep(0.2),
    **{name: lambda error=error: raise_(error) for name, error in ERRORS.items()},
}
ANSWERS = {"text": "a text", "nothing": None, "array": np.zeros(3, np.uint8)}


class Deeds:
    """A bitstream is the number of the process that wrote it; it decodes to a grey image of that many levels."""

    name = "deeds"
    version = "1"
    build = "none"
    holds_lock = ("encode", "decode")

    def settings(self) -> Sequence[Setting]:
        return [Setting("deed", deed) for deed in ("pid", *DEEDS, *ANSWERS)]

    def encode(self, image: Image, setting: Setting) -> bytes:
        DEEDS.get(setting.value, lambda: None)()
        return ANSWERS.get(setting.value, str(os.getpid()).encode())

    def decode(self, data: bytes) -> Image:
        if data in ANSWERS:
            return ANSWERS[data]
        size = int(data)
        return np.full((size, size, 3), size % 256, np.uint8)


class Unmakeable(Deeds):
    """A codec that only the first process to try can make."""

    def __init__(self) -> None:
        if os.environ.setdefault("UNMAKEABLE", str(os.getpid())) != str(os.getpid()):
            raise RuntimeError("only once")
