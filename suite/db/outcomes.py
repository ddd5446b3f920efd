"""Per-sample tables beside the database: Parquet files named by the digest of what the table says.

The digest covers names, types and values, not Parquet bytes: any version of pyarrow finds the same one.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.db.faults import storage_errors
from suite.digest import canonical_json
from suite.errors import DamagedOutcomes, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

TAG = "outcomes/1"
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
NUMBERS = frozenset(
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
)
ARROW_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""What Arrow calls the types that numpy names by their width."""


def outcomes_directory(database: Path) -> Path:
    """Return where the tables of a database are kept: ``results.db`` has ``results.outcomes/``."""
    return database.with_name(f"{database.stem}.outcomes")


def path_of(directory: Path, digest: str) -> Path:
    """Return the file of a digest, among 256 directories. Raises DamagedOutcomes for what is no digest."""
    found = DIGEST.fullmatch(digest)
    if not found:
        raise DamagedOutcomes(
            f"'{digest[:80]}' is no digest of outcomes: expected 'sha256:' and 64 hexadecimal digits."
        )
    return directory / found[1][:2] / f"{found[1]}.parquet"


def write(directory: Path, table: pa.Table) -> str:
    """Keep a table and return its digest; it is whole on the disk before this returns.

    A table that is there already is left alone, or replaced where its file is damaged. Columns: integers, floats,
    booleans, strings, lists of floats, without nulls. Raises StorageFull, DatabaseReadOnly or StorageError.
    """
    digest = digest_of_table(table)
    path = path_of(directory, digest)
    with storage_errors(path):
        if not is_intact(directory, digest):
            make_directory(path.parent)
            place(path, parquet_bytes(table))
    return digest


def read(directory: Path, digest: str) -> pa.Table:
    """Return the table with that digest. Raises DamagedOutcomes where it is missing, altered or truncated."""
    path = path_of(directory, digest)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path, "is missing") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}). Check its permissions and the disk.") from error
    return parsed(path, data, digest)


def digest_of_table(table: pa.Table) -> str:
    """Return the digest of a table's column names, types and values. Raises StorageError for unsupported columns."""
    if len(set(table.column_names)) != table.num_columns:
        raise StorageError(f"Expected columns of different names, but got {', '.join(table.column_names)}.")
    columns = {name: type_name(name, table.schema.field(name).type) for name in table.column_names}
    header = {"columns": [list(column) for column in columns.items()], "rows": table.num_rows}
    state = hashlib.sha256(f"{TAG}\n{canonical_json(header)}\n".encode())
    for name, kind in columns.items():
        for part in canonical_bytes(name, kind, table.column(name)):
            state.update(part)
    return f"sha256:{state.hexdigest()}"


def type_name(column: str, kind: pa.DataType) -> str:
    """Return the suite's name of an Arrow type. Raises StorageError for one it does not keep."""
    name = ARROW_NAMES.get(str(kind), str(kind))
    if name in NUMBERS or name in ("bool", "string"):
        return name
    if name.startswith("list<") and (item := type_name(column, kind.value_type)).startswith("float"):
        return f"list<{item}>"
    raise StorageError(
        f"The column '{column}' has type {kind}; outcomes hold integers, floats, bool, string and lists of floats."
    )


def canonical_bytes(name: str, kind: str, column: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield the values: numbers little-endian; strings and lists as their lengths (int64), then what is in them."""
    import pyarrow.compute as pc

    if column.null_count:
        raise StorageError(f"The column '{name}' lacks {column.null_count} of {len(column)} values; none may be null.")
    if kind == "string":
        yield little_endian(pc.binary_length(column).to_numpy().astype(np.int64))
        yield "".join(column.to_pylist()).encode()
    elif kind.startswith("list<"):
        yield little_endian(pc.list_value_length(column).to_numpy().astype(np.int64))
        yield from canonical_bytes(name, kind[5:-1], pc.list_flatten(column))
    else:
        yield little_endian(column.to_numpy())


def little_endian(values: np.ndarray[Any, Any]) -> bytes:
    """Return numbers as bytes, the same on every machine; a boolean is one byte."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file, without what pandas and others note in a schema."""
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return bytes(sink.getvalue())


def parsed(path: Path, data: bytes, digest: str) -> pa.Table:
    """Return the table in a Parquet file's bytes. Raises DamagedOutcomes unless it has the digest."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(pa.BufferReader(data)).read()
        table.validate(full=True)
        found = digest_of_table(table)
    except (pa.ArrowException, OSError, ValueError, StorageError) as error:
        raise damaged(path, f"cannot be understood ({' '.join(str(error).split())[:120]})") from error
    if found != digest:
        raise damaged(path, f"was altered: it holds {found}")
    return table


def damaged(path: Path, what: str) -> DamagedOutcomes:
    """Return the error for a file of outcomes."""
    return DamagedOutcomes(f"{path} {what}. Restore it from a backup, or measure that cell again with 'suite run'.")


def is_intact(directory: Path, digest: str) -> bool:
    """Return whether the table with that digest is there, whole."""
    try:
        read(directory, digest)
    except DamagedOutcomes:
        return False
    return True


def place(path: Path, data: bytes) -> None:
    """Write a whole file or none: nobody sees half of it, and after this returns a power cut does not lose it."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        flush_directory(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def make_directory(directory: Path) -> None:
    """Make a directory and its parents, each one on the disk before the next is made in it."""
    if not directory.is_dir():
        make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        flush_directory(directory.parent)


def flush_directory(directory: Path) -> None:
    """Put a directory's entries on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
