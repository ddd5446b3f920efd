"""The predictions behind a submission's rows, in one Parquet file that stays outside git; its digest goes in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.outcomes import outcomes_directory
from suite.db.outcomes import read as read_table
from suite.db.records import StoredResult
from suite.digest import sha256_of_file
from suite.errors import DamagedOutcomes, MissingData

CELL, SAMPLE = "cell", "sample"
"""The columns before those of the outcomes: the digest of the cell, and the place of the sample in the dataset."""


FRAME_COLUMNS = ("setting", "byte_count", "psnr_db")
"""The columns of frames that are kept behind the outcomes where a codec is submitted."""


class Kept(NamedTuple):
    """A file of predictions, its SHA-256 (hexadecimal) and its size."""

    path: Path
    sha256: str
    byte_count: int


def place(database: Path, name: str, version: str) -> Path:
    """Return where a submission's predictions are kept: beside the database."""
    return database.resolve().parent / "submissions" / f"{name}-{version}.parquet"


def write(path: Path, stored: Iterable[StoredResult], database: Path, *, with_frames: bool = False) -> Kept:
    """Write the outcomes of results, one row a cell and sample; ``with_frames`` also what `beside_frames` adds.

    Raises DamagedOutcomes or OSError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    results = {each.id: each.result for each in stored}
    tables = queries.outcomes(open_for_reading(database), list(results))
    if with_frames:
        frames = outcomes_directory(database)
        tables = {n: beside_frames(table, read_table(frames, results[n].frames)) for n, table in tables.items()}
    rows = [with_names(tables[number], result.cell.digest) for number, result in results.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}")
    pq.write_table(pa.concat_tables(rows), scratch, compression="zstd")
    scratch.replace(path)
    return Kept(path, sha256_of_file(path).removeprefix("sha256:"), path.stat().st_size)


def beside_frames(outcomes: Any, frames: Any) -> Any:
    """Return outcomes with what a codec made of each sample, by which its rates are checked."""
    for name in FRAME_COLUMNS:
        outcomes = outcomes.append_column(name, frames[name])
    return outcomes


def with_names(table: Any, cell: str) -> Any:
    """Return outcomes with the columns `CELL` and `SAMPLE` in front."""
    import pyarrow as pa

    count = table.num_rows
    table = table.add_column(0, SAMPLE, pa.array(range(count), pa.int32()))
    return table.add_column(0, CELL, pa.array([cell] * count, pa.string()).dictionary_encode())


def read(path: Path, sha256: str) -> dict[str, Any]:
    """Return the outcomes of each cell, in the order of the samples. Raises MissingData or DamagedOutcomes."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not path.is_file():
        raise MissingData(f"There are no predictions at {path}. Name the contributor's file with --predictions.")
    if sha256_of_file(path) != f"sha256:{sha256}":
        raise DamagedOutcomes(f"The predictions {path} are not those that the submission records ({sha256[:12]}…).")
    table = pq.read_table(path)
    cells = pc.unique(table[CELL].cast("string")).to_pylist()
    return {cell: table.filter(pc.equal(table[CELL].cast("string"), cell)).sort_by(SAMPLE) for cell in cells}
