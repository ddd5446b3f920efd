"""Solar cells in electroluminescence images, functional or defective: the ELPV dataset as its PyPI package holds it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from suite.api import Card, Sample, Source, Task
from suite.api.pillow import upright_rgb
from suite.errors import CorruptImage, MissingData, UsageError

PACKAGE = "elpv_dataset"
INSTALL = "pip install 'compression-suite[demo]'"
REINSTALL = "Restore it: pip install --force-reinstall --no-deps elpv-dataset==1.0.0.post1"
LABELS_SHA256 = "0abe6fe7700aea571717d7d7dfec005a47c6207b4cde26a4556b6807a115483d"
SPLITS = Path(__file__).with_name("pv_cells.csv")
SPLIT_NAMES = ("train", "validation", "test")
DEFECTIVE_ABOVE = 0.5


@dataclass(frozen=True)
class PvCells:
    """2,624 cells of 300x300 pixels, 8-bit greyscale, from 44 solar modules; read as RGB.

    A cell is defective (1) when the experts' defect probability is above 0.5, that is 2/3 or 1, else functional (0).

    The authors publish no split. Ours was drawn once, with numpy's ``RandomState(2611)``, stratified by label and cell
    type (mono- or polycrystalline): 1,836 train, 262 validation, 526 test. It is kept in ``pv_cells.csv`` with the
    SHA-256 of every file. Modules are not told apart in the package, so cells of one module may lie on both sides.
    """

    split: str = "test"

    name: ClassVar[str] = "pv-cells"
    version: ClassVar[str] = "1"
    task: ClassVar[Task] = Task.CLASSIFICATION
    classes: ClassVar[Sequence[str]] = ("functional", "defective")
    card: ClassVar[Card] = Card(
        summary="Electroluminescence images of solar cells, functional or defective (ELPV).",
        authors="Buerhop-Lutz, Deitsch, Maier, Gallwitz, Berger, Doll, Hauch, Camus, Brabec, Christlein, Riess",
        licence="CC-BY-NC-SA-4.0",
        paper=(
            "Buerhop-Lutz et al., A Benchmark for Visual Identification of Defective Solar Cells in "
            "Electroluminescence Imagery, EU PVSEC 2018, doi:10.4229/35thEUPVSEC20182018-5CV.3.15; "
            "Deitsch et al., Automatic classification of defective photovoltaic module cells in electroluminescence "
            "images, Solar Energy 185, 2019, doi:10.1016/j.solener.2019.02.067; "
            "Deitsch et al., Segmentation of photovoltaic module cells in uncalibrated electroluminescence images, "
            "Machine Vision and Applications 32, 2021, doi:10.1007/s00138-021-01191-9"
        ),
        code="https://github.com/zae-bayern/elpv-dataset",
    )

    def __post_init__(self) -> None:
        if self.split not in SPLIT_NAMES:
            raise UsageError(f"Expected pv-cells' split to be one of {', '.join(SPLIT_NAMES)}, but got {self.split!r}.")

    def samples(self) -> Sequence[Sample]:
        """Return the split's samples. Raises MissingData without the package, CorruptImage with altered labels."""
        truths = read_truths(package_directory() / "data" / "labels.csv")
        return tuple(Sample(cell, sha256, truths[cell]) for cell, sha256 in split_rows(self.split))

    def read(self, sample: Sample) -> Source:
        """Return a cell as RGB, its file's bytes checked. Raises MissingData or CorruptImage."""
        path = package_directory() / "data" / "images" / f"{sample.id}.png"
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            raise CorruptImage(f"{path} is not the file that {SPLITS.name} records. {REINSTALL}")
        return Source(upright_rgb(data, str(path)), len(data))


@cache
def package_directory() -> Path:
    """Return where the package with the images is installed, without importing it. Raises MissingData."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingData(f"The solar cells travel in the package {PACKAGE}, which is not installed. Run: {INSTALL}")
    return Path(spec.origin).parent


@cache
def split_rows(split: str) -> tuple[tuple[str, str], ...]:
    """Return (id, sha256) of a split's samples, in the order of ``pv_cells.csv``."""
    with SPLITS.open(newline="") as file:
        return tuple((row["id"], row["sha256"]) for row in csv.DictReader(file) if row["split"] == split)


@cache
def read_truths(path: Path) -> dict[str, int]:
    """Return each cell's truth. Raises MissingData, or CorruptImage when the file has not the recorded digest."""
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != LABELS_SHA256:
        raise CorruptImage(f"{path} is not the list of labels of elpv-dataset 1.0.0.post1. {REINSTALL}")
    rows = (line.split() for line in data.decode().splitlines())
    return {Path(image).stem: int(float(probability) > DEFECTIVE_ABOVE) for image, probability, _ in rows}


def read_file(path: Path) -> bytes:
    """Return a file's bytes. Raises MissingData."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingData(f"{path} cannot be read ({error.strerror}). {REINSTALL}") from error
