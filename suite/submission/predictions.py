"""The predictions behind a submission's rows, in one Parquet file that stays outside git; its digest goes in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.records import StoredResult
from suite.digest import sha256_of_file
from suite.errors import DamagedOutcomes, MissingData

CELL, SAMPLE = "cell", "sample"
"""The columns before those of the outcomes: the digest of the cell, and the place of the sample in the dataset."""


class Kept(NamedTuple):
    """A file of predictions, its SHA-256 (hexadecimal) and its size."""

    path: Path
    sha256: str
    byte_count: int


def place(database: Path, name: str, version: str) -> Path:
    """Return where a submission's predictions are kept: beside the database."""
    return database.resolve().parent / "submissions" / f"{name}-{version}.parquet"


def write(path: Path, stored: Iterable[StoredResult], database: Path) -> Kept:
    """Write the outcomes of results, one row a cell and sample. Raises DamagedOutcomes or OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    by_number = {each.id: each.result.cell.digest for each in stored}
    tables = queries.outcomes(open_for_reading(database), list(by_number))
    rows = [with_names(tables[number], digest) for number, digest in by_number.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}")
    pq.write_table(pa.concat_tables(rows), scratch, compression="zstd")
    scratch.replace(path)
    return Kept(path, sha256_of_file(path).removeprefix("sha256:"), path.stat().st_size)


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
