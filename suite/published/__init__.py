"""The numbers that the three papers print, as this package carries them: one CSV a study, one row a number.

Transcribed from the papers. Printed percentages become fractions here, like everything measured.

Ehrlich et al.: Tables 2 to 5 (every model, four mitigations, JPEG quality 10 to 90) and Table 1 (transfer, multihead;
quality 10 to 50, its repeated rows left out). Six values of Table 4 (ResNet50 + UPerNet, off-the-shelf and
task-targeted correction, quality 70 to 90) are blank there and have no row. The paper prints 35.37 (Table 3) and 35.38
(D.3) for Faster R-CNN, 93.83 (Table 5) and 93.84 (D.3) for Chai et al.: the tables' values are used. Marie et al.:
Table I, and what each setting does to the 224x224 crops. Janeiro et al.: what the text states; its figures have no
tables.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import msgspec

from suite.digest import digest_of
from suite.errors import DataError
from suite.published.studies import STUDIES, Study
from suite.spec import Spec

__all__ = ["STUDIES", "Distortion", "PublishedNumber", "Study", "numbers_of"]

DIRECTORY = Path(__file__).parent
COLUMNS = (
    *("source", "table", "task", "dataset", "model", "metric", "reference"),
    *("codec", "parameter", "setting", "mitigation", "value"),
)
DISTORTION_COLUMNS = ("source", "codec", "parameter", "setting", "psnr_db", "ssim", "bytes_per_image", "image_size")
Record = TypeVar("Record")


class Distortion(Spec, frozen=True):
    """What a source states of the images at one setting: mean PSNR and SSIM, and the rate that its mean bytes give."""

    psnr_db: float
    ssim: float
    bits_per_pixel: float


class PublishedNumber(Spec, frozen=True):
    """One number of a paper: the metric of a model at one setting, and ``reference``, its value on uncompressed images.

    Both are fractions in [0, 1] of the same paper. ``table`` says where it stands, names are the transcription's;
    ``setting`` is text, empty where there is none. ``distortion`` is what the paper states of the images, if it does.
    """

    source: str
    table: str
    task: str
    dataset: str
    model: str
    metric: str
    reference: float
    codec: str
    parameter: str
    setting: str
    mitigation: str
    value: float
    note: str = ""
    distortion: Distortion | None = None

    @property
    def digest(self) -> str:
        """The digest of all of it: a corrected transcription is another number."""
        return digest_of("published/1", msgspec.to_builtins(self))

    @property
    def drop(self) -> float:
        """What compression costs, a fraction."""
        return self.reference - self.value


def numbers_of(study: Study, directory: Path = DIRECTORY) -> tuple[PublishedNumber, ...]:
    """Return a study's numbers as its files in ``directory`` have them. Raises DataError with the file and line."""
    stated = dict(records(directory / study.distortion, DISTORTION_COLUMNS, distortion_of)) if study.distortion else {}
    numbers = tuple(records(directory / study.file, COLUMNS, number_of))
    for number in numbers:
        if number.source != study.name:
            raise DataError(f"{directory / study.file}: Expected the source {study.name}, but got '{number.source}'.")
    return tuple(with_distortion(number, stated) for number in numbers)


def records(path: Path, columns: tuple[str, ...], record_of: Callable[[Mapping[str, str]], Record]) -> Iterator[Record]:
    """Yield what each line of a CSV file holds. Raises DataError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, strict=True)
            require_columns(path, columns, rows.fieldnames or ())
            for row in rows:
                yield record(path, rows.line_num, row, record_of)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}). Install the suite again.") from error


def require_columns(path: Path, columns: tuple[str, ...], found: Iterable[str]) -> None:
    """Raise DataError unless a file has its columns; a last one with notes may follow."""
    if tuple(found) not in (columns, (*columns, "note")):
        raise DataError(f"{path}, line 1: Expected the columns {', '.join(columns)}, but got {', '.join(found)}.")


def record(path: Path, line: int, row: Mapping[str, str], record_of: Callable[[Mapping[str, str]], Record]) -> Record:
    """Return what one line holds. Raises DataError."""
    try:
        # csv keeps surplus cells under None, and gives None for those that are missing.
        if None in row or None in row.values():
            raise ValueError("it has not one cell for each column")
        return record_of(row)
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {error}.") from error


def number_of(row: Mapping[str, str]) -> PublishedNumber:
    """Return the number in a row. Raises ValueError."""
    fractions = {name: fraction(row, name) for name in ("reference", "value")}
    return msgspec.convert({**row, **fractions}, PublishedNumber)


def fraction(row: Mapping[str, str], column: str) -> float:
    """Return a printed percentage as the float nearest to the fraction. Raises ValueError."""
    printed = decimal(row, column)
    if not 0 <= printed <= 100:
        raise ValueError(f"Expected '{column}' to be a percentage, but got '{row[column]}'")
    return float(printed / 100)


def decimal(row: Mapping[str, str], column: str) -> Decimal:
    """Return a printed number, finite. Raises ValueError."""
    try:
        printed = Decimal(row[column])
    except InvalidOperation:
        printed = Decimal("nan")
    if not printed.is_finite():
        raise ValueError(f"Expected '{column}' to be a number, but got '{row[column]}'")
    return printed


def distortion_of(row: Mapping[str, str]) -> tuple[tuple[str, ...], Distortion]:
    """Return the setting that a row is about, and what it states. Raises ValueError."""
    width, _, height = row["image_size"].partition("x")
    bits = 8 * decimal(row, "bytes_per_image")
    stated = Distortion(
        psnr_db=float(decimal(row, "psnr_db")),
        ssim=float(decimal(row, "ssim")),
        bits_per_pixel=float(bits / (int(width) * int(height))),
    )
    return (row["codec"], row["parameter"], row["setting"]), stated


def with_distortion(number: PublishedNumber, stated: Mapping[tuple[str, ...], Distortion]) -> PublishedNumber:
    """Return a number with what its source states of the images at that setting."""
    key = (number.codec, number.parameter, number.setting)
    return msgspec.structs.replace(number, distortion=stated[key]) if key in stated else number
