"""What compression a folder of photographs has been through: codec, chroma, JPEG quality, rate, double compression.

Nothing is changed, and no image leaves the machine. `expected_drop` puts the qualities to a measured curve.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import JpegImagePlugin, UnidentifiedImageError

from suite.errors import MissingData
from suite.metrics.image import bits_per_pixel
from suite.progress import Progress

Table = tuple[int, ...]
"""A quantisation table: 64 steps, in the order in which Pillow gives them."""

LOSSY_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".jxl", ".webp", ".avif", ".heic", ".heif", ".bpg")
SUFFIXES = frozenset([*LOSSY_SUFFIXES, ".png", ".gif", ".bmp", ".tif", ".tiff"])
CHROMA = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
UNREAD = (
    ("jpegxl", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("heif", re.compile(rb".{4}ftyp(?:heic|heix|heim|heis|hevc|mif1|msf1)", re.DOTALL)),
    ("bpg", re.compile(rb"BPG\xfb")),
)
"""What files begin with that Pillow alone does not read: they are named, and not looked into."""
HEADER_BYTES = 32

QUALITIES = range(1, 101)
FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 1), (1, 2), (2, 2), (0, 3), (3, 0))
"""Rows and columns of the DCT coefficients that are looked at for double compression."""
LARGEST_LEVEL = 12
FEWEST_COEFFICIENTS = 50
TWICE = 0.35
"""Single JPEGs of 12 solar cells and 12 synthetic photographs, quality 50 to 95, came to 0.19 at most; of the same
images saved again at a higher quality (50 to 75, 60 to 85, 75 to 90, 50 and 75 to 95) none came below 0.63."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """One file. What cannot be said of it is None; ``problem`` is empty unless it cannot be read.

    ``quality`` is the IJG's, 1 to 100, from the luminance table: ``quality_is_exact`` where the tables are those that
    libjpeg makes for it, else the nearest. ``compressed_twice``: whether its coefficients show a coarser JPEG
    quantisation before the last one; an earlier one that was as fine or finer leaves no such sign.
    """

    path: str
    byte_count: int
    codec: str = ""
    width: int | None = None
    height: int | None = None
    bits_per_pixel: float | None = None
    chroma: str | None = None
    quality: int | None = None
    quality_is_exact: bool | None = None
    progressive: bool | None = None
    compressed_twice: bool | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ExpectedDrop:
    """What a model is expected to lose on the JPEG files of an audit, as fractions.

    Their qualities put to the measured curve, linear between its points and level beyond its ends; ``beyond`` of
    ``images`` lie there.
    """

    mean: float
    highest: float
    images: int
    beyond: int


def files_below(directory: Path) -> list[Path]:
    """Return the image files below a directory, by their endings, in order. Raises MissingData where there are none."""
    paths = sorted(path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise MissingData(f"There is no image in {directory}: no file ends in {', '.join(sorted(SUFFIXES))}.")
    return paths


def audit(directory: Path, progress: Progress) -> Iterator[Audited]:
    """Yield what can be said of each image below ``directory``. Raises MissingData where there is none."""
    paths = files_below(directory)
    progress.start("auditing images", len(paths))
    for path in paths:
        yield audited(path, path.relative_to(directory).as_posix())
        progress.advance(1)


def audited(path: Path, name: str) -> Audited:
    """Return what can be said of one file, under ``name``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Audited(path=name, byte_count=0, problem=f"cannot be read ({error.strerror})")
    for codec, start in UNREAD:
        if start.match(data[:HEADER_BYTES]):
            return Audited(path=name, byte_count=len(data), codec=codec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of what another program would refuse
            return described(data, name)
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Warning,
        PillowImage.DecompressionBombError,
    ) as error:
        return Audited(
            path=name, byte_count=len(data), problem=" ".join(f"{type(error).__name__}: {error}".split())[:200]
        )


def described(data: bytes, name: str) -> Audited:
    """Return what Pillow says of an image, all of which is decoded. Raises what Pillow raises."""
    with PillowImage.open(io.BytesIO(data)) as image:
        facts: dict[str, Any] = {
            "path": name,
            "byte_count": len(data),
            "codec": (image.format or "").lower(),
            "width": image.width,
            "height": image.height,
            "bits_per_pixel": bits_per_pixel(len(data), image.height, image.width),
        }
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            facts |= jpeg_facts(image)
        image.load()
    return Audited(**facts)


def jpeg_facts(image: JpegImagePlugin.JpegImageFile) -> dict[str, Any]:
    """Return what a JPEG file's tables and coefficients say; ``image`` is not loaded yet."""
    tables = {number: tuple(table) for number, table in image.quantization.items()}
    quality, exact = quality_of(tables)
    grey = len(image.layer) == 1
    facts = {
        "chroma": "4:0:0" if grey else CHROMA.get(JpegImagePlugin.get_sampling(image), "other"),
        "quality": quality,
        "quality_is_exact": exact,
        "progressive": "progressive" in image.info,
    }
    image.draft("L", image.size)  # the luminance as it is stored, not computed back from RGB
    if image.mode == "L":
        facts["compressed_twice"] = compressed_twice(np.asarray(image), tables[image.layer[0][3]])
    return facts


def quality_of(tables: dict[int, Table]) -> tuple[int, bool]:
    """Return the IJG's quality of quantisation tables, and whether they are exactly those of libjpeg.

    The nearest is that of the smallest mean difference of the luminance table's logarithms.
    """
    known = libjpeg_tables()
    for quality, (luminance, chrominance) in known.items():
        if tables.get(0) == luminance and tables.get(1, chrominance) in (chrominance, luminance):
            return quality, True
    found = np.log(np.maximum(1, next(iter(tables.values()))))
    return min(known, key=lambda quality: float(np.abs(np.log(known[quality][0]) - found).mean())), False


@cache
def libjpeg_tables() -> dict[int, tuple[Table, Table]]:
    """Return quality -> luminance and chrominance table, from libjpeg itself; the highest quality first."""
    tables = {}
    for quality in reversed(QUALITIES):
        stream = io.BytesIO()
        PillowImage.new("RGB", (8, 8)).save(stream, "JPEG", quality=quality)
        stream.seek(0)
        with JpegImagePlugin.JpegImageFile(stream) as image:
            found = [tuple(table) for table in image.quantization.values()]
        tables[quality] = found[0], found[-1]
    return tables


def compressed_twice(luminance: NDArray[np.uint8], table: Table) -> bool | None:
    """Whether luminance, shape (height, width), shows a coarser quantisation than the last; None where too little does.

    A second quantisation leaves gaps and peaks in the histograms of the coefficients. What they would be without is
    estimated from the image itself, shifted by half a block, where no earlier grid shows (calibration: Fridrich,
    Goljan and Hogea, IH 2002; the histograms: Lukáš and Fridrich, DFRWS 2003).
    """
    levels = luminance.astype(np.float64) - 128
    steps = np.array(table, np.float64).reshape(8, 8)
    here, shifted = (quantised(part, steps) for part in (levels, levels[4:, 4:]))
    if not (len(here) and len(shifted)):
        return None
    distances = [distance for row, column in FREQUENCIES if (distance := apart(here, shifted, row, column)) is not None]
    return bool(np.mean(distances) > TWICE) if distances else None


def quantised(levels: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the quantised DCT coefficients of the whole blocks of an image, shape (blocks, 8, 8)."""
    from scipy.fft import dctn

    height, width = (side // 8 * 8 for side in levels.shape)
    blocks = levels[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    coefficients: NDArray[np.float64] = dctn(blocks, axes=(1, 2), norm="ortho")
    return np.rint(coefficients / steps).astype(np.int64)


def apart(here: NDArray[np.int64], shifted: NDArray[np.int64], row: int, column: int) -> float | None:
    """Return how far two histograms of a frequency's lowest levels are apart, 0 to 1; None where they are too thin."""
    counts = [
        np.bincount(np.abs(each[:, row, column]), minlength=LARGEST_LEVEL)[1:LARGEST_LEVEL] for each in (here, shifted)
    ]
    if min(count.sum() for count in counts) < FEWEST_COEFFICIENTS:
        return None
    one, other = (count / count.sum() for count in counts)
    return float(np.abs(one - other).sum() / 2)


def expected_drop(images: Iterable[Audited], curve: Sequence[tuple[float, float]]) -> ExpectedDrop | None:
    """Return what a model is expected to lose on JPEG files; ``curve`` is (quality, drop). None without either."""
    qualities = [image.quality for image in images if image.quality is not None]
    if not qualities or not curve:
        return None
    at, drops = zip(*sorted(curve), strict=True)
    expected = np.interp(qualities, at, drops)
    beyond = sum(not at[0] <= quality <= at[-1] for quality in qualities)
    return ExpectedDrop(
        mean=float(expected.mean()), highest=float(expected.max()), images=len(qualities), beyond=beyond
    )
