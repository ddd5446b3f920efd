"""BPG as Bellard's programs ``bpgenc`` and ``bpgdec`` write and read it. They are not part of the suite."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from PIL import Image as PillowImage

from plugins.codecs.checks import check_parameters, checked_number
from suite.api import Card, Image, Setting
from suite.api.pillow import decoded_rgb
from suite.api.pixels import require_rgb
from suite.errors import CodecError

QPS = range(52)
IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "chroma": ("4:2:0", "4:4:4"),
    "level": tuple(range(1, 10)),
    "bit_depth": (8,),
    "encoder": ("x265", "jctvc"),
}
VARIABLES = {"bpgenc": "SUITE_BPGENC", "bpgdec": "SUITE_BPGDEC"}
TIMEOUT_S = 120.0
LARGEST_AREA = 1 << 26
QUOTED = 400
"""How many characters of a program's messages an error repeats."""

MESSAGES = "messages"
MAGIC = b"BPG\xfb"
PNG_SIZE = struct.Struct(">16xII")


@dataclass(frozen=True, kw_only=True)
class Bpg:
    """BPG at a constant QP, 0 to 51: ``bpgenc -m LEVEL -f CHROMA -b 8 -e ENCODER -q QP``.

    YCbCr is BT.601 of full range, bpgenc's default. Images pass to and from the programs as PNG files in a private
    temporary directory, which is part of the time that encoding and decoding take.
    ``encoder``: bpgenc's default depends on how it was compiled, so it is stated, and refused where not compiled in.
    Raises UsageError for a value that is not implemented.
    """

    chroma: str = "4:2:0"
    level: int = 9
    bit_depth: int = 8
    encoder: str = "x265"

    name: ClassVar[str] = "bpg"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="BPG by Bellard's bpgenc and bpgdec, which are to be installed separately.",
        authors="Fabrice Bellard; x265 and HM encoders",
        licence="LGPL-2.1-or-later AND BSD-2-Clause AND GPL-2.0-or-later",
        paper="https://bellard.org/bpg/bpg_spec.txt",
        code="https://bellard.org/bpg/",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def unavailable(self) -> str | None:
        """None where both programs are installed, else what to do; neither is started."""
        try:
            for program in VARIABLES:
                executable(program)
        except CodecError as error:
            return str(error)
        return None

    @property
    def build(self) -> str:
        """The version line that bpgenc prints. Raises CodecError where it is not installed."""
        return help_text(executable("bpgenc")).splitlines()[0].strip()

    def settings(self) -> Sequence[Setting]:
        """Return QP 51 to 0."""
        return tuple(Setting("qp", qp) for qp in reversed(QPS))

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting, all but uint8 RGB, or without bpgenc."""
        qp = checked_number(setting, "qp", QPS)
        height, width, _ = require_rgb(image).shape
        if height * width > LARGEST_AREA:
            raise CodecError(f"bpg takes up to 2**26 pixels, not {width}x{height}.")
        program = executable("bpgenc")
        check_encoder(program, self.encoder)
        with private_directory() as folder:
            PillowImage.fromarray(image).save(folder / "in.png", compress_level=1)
            data = output_of([program, *self.options(qp), "-o", "out.bpg", "in.png"], folder, "out.bpg")
        if announced_size(data) != (height, width):
            raise CodecError(f"bpgenc wrote a size of {announced_size(data)} for {(height, width)}.")
        return data

    def options(self, qp: int) -> list[str]:
        """Return bpgenc's options."""
        chroma = self.chroma.replace(":", "")
        return ["-m", str(self.level), "-f", chroma, "-b", str(self.bit_depth), "-e", self.encoder, "-q", str(qp)]

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what bpgdec does not read, or without it."""
        size = announced_size(data)
        if not 0 < size[0] * size[1] <= LARGEST_AREA:
            raise CodecError(f"A BPG header announces {size[1]}x{size[0]} pixels; expected 1 to {LARGEST_AREA}.")
        program = executable("bpgdec")
        with private_directory() as folder:
            (folder / "in.bpg").write_bytes(data)
            png = output_of([program, "-o", "out.png", "in.bpg"], folder, "out.png")
        if len(png) < PNG_SIZE.size or PNG_SIZE.unpack_from(png) != size[::-1]:
            raise CodecError(f"bpgdec's {len(png)} bytes are no PNG of {size[1]}x{size[0]} pixels.")
        return decoded_rgb(png, ("PNG",))


def announced_size(data: bytes) -> tuple[int, int]:
    """Return height and width in a BPG header. Raises CodecError for what is none, or has nothing behind it."""
    if not data.startswith(MAGIC):
        raise CodecError(f"{len(data)} bytes are no BPG: they do not start as one.")
    position = len(MAGIC) + 2
    width, position = variable_length(data, position)
    height, position = variable_length(data, position)
    if position >= len(data):
        raise CodecError(f"{len(data)} bytes are the start of a BPG, without its picture.")
    return height, width


def variable_length(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at ``position``, seven bits a byte, and where it ends. Raises CodecError."""
    value = 0
    for index in range(position, min(position + 5, len(data))):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise CodecError(f"{len(data)} bytes are no BPG: its header is cut short.")


def executable(program: str) -> str:
    """Return the path of ``bpgenc`` or ``bpgdec``. Raises CodecError."""
    wanted = os.environ.get(VARIABLES[program]) or program
    found = shutil.which(wanted)
    if found is None:
        raise CodecError(
            f"There is no program '{wanted}': install libbpg (https://bellard.org/bpg/) so that bpgenc and bpgdec "
            f"are on PATH, or name them by {' and '.join(VARIABLES.values())}."
        )
    return str(Path(found).absolute())


@cache
def help_text(program: str) -> str:
    """Return what ``bpgenc -h`` prints; it exits with status 1 on that. Raises CodecError."""
    with private_directory() as folder:
        status = run([program, "-h"], folder)
        text = messages_in(folder)
    if "BPG" not in text.partition("\n")[0]:
        raise CodecError(f"{program} -h, status {status}, does not introduce itself as BPG's encoder: {text[:QUOTED]}")
    return text


def check_encoder(program: str, encoder: str) -> None:
    """Raise CodecError unless bpgenc lists the encoder as compiled in."""
    listed = re.search(r"^-e encoder\b.*\((.*?),? *default", help_text(program), re.MULTILINE)
    compiled = re.findall(r"\w+", listed[1]) if listed else []
    if encoder not in compiled:
        raise CodecError(f"{program} has the encoders {', '.join(compiled) or 'unknown'}, not {encoder}.")


@contextmanager
def private_directory() -> Iterator[Path]:
    """Make a temporary directory for one run. Raises CodecError for what goes wrong with the files in it."""
    try:
        with TemporaryDirectory(prefix="suite-bpg-", ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        raise CodecError(f"The files for BPG's programs cannot be written or read: {error}") from error


def output_of(command: Sequence[str], folder: Path, name: str) -> bytes:
    """Run a program in ``folder`` and return the file that it wrote there. Raises CodecError."""
    status = run(command, folder)
    program, said = Path(command[0]).name, said_in(folder)
    if status != 0:
        raise CodecError(f"{program} failed with status {status}.{said}")
    if not (folder / name).is_file():
        raise CodecError(f"{program} wrote no file.{said}")
    data = (folder / name).read_bytes()
    if not data:
        raise CodecError(f"{program} wrote an empty file.{said}")
    return data


def run(command: Sequence[str], folder: Path) -> int:
    """Return the exit status of a program; what it started is ended with it. Raises CodecError.

    Messages go to a file: a pipe would stay open for as long as any child of the program's lives.
    """
    with (folder / MESSAGES).open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - a program that the user installed, and arguments made here
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            return process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            program = Path(command[0]).name
            raise CodecError(f"{program} took more than {TIMEOUT_S:g} s.{said_in(folder)}") from error
        finally:
            end_group(process)


def messages_in(folder: Path) -> str:
    """Return what the program that ran in ``folder`` printed."""
    return (folder / MESSAGES).read_text(encoding="utf-8", errors="replace")


def said_in(folder: Path) -> str:
    """Return the end of what the program that ran in ``folder`` printed, as a sentence."""
    return f" It said: {messages_in(folder)[-QUOTED:].strip() or 'nothing'}"


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a program with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
