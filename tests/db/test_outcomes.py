from __future__ import annotations

import hashlib
import os
import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.db import outcomes
from suite.errors import DamagedOutcomes, StorageError, StorageFull

SMALL = pa.table(
    {
        "predicted": pa.array([1, 0], pa.int32()),
        "correct": [True, False],
        "id": ["a", "é"],
        "scores": pa.array([[0.5, 2.0], []], pa.list_(pa.float32())),
    }
)
SMALL_DIGEST = "sha256:f932956b8142901817e5a6858ab8888a9ea4d805a4eeea76c85d93993bcdc68b"

FLOATS = {pa.float16(): 16, pa.float32(): 32, pa.float64(): 64}
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]


def of_type(kind: pa.DataType) -> st.SearchStrategy:
    if kind in FLOATS:
        return st.floats(width=FLOATS[kind])
    if pa.types.is_list(kind):
        return st.lists(of_type(kind.value_type), max_size=3)
    if pa.types.is_integer(kind):
        size = kind.bit_width
        low = -(2 ** (size - 1)) if pa.types.is_signed_integer(kind) else 0
        return st.integers(low, low + 2**size - 1)
    return st.booleans() if pa.types.is_boolean(kind) else st.text(max_size=5)


KINDS = st.sampled_from([*INTEGERS, *FLOATS, pa.bool_(), pa.string(), *(pa.list_(kind) for kind in list(FLOATS)[1:])])


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True))
    kinds = [draw(KINDS) for _ in names]
    columns = [pa.array(draw(st.lists(of_type(k), min_size=rows, max_size=rows)), k) for k in kinds]
    return pa.table(columns, names=names)


def cut(table: pa.Table, at: int) -> pa.Table:
    return pa.concat_tables([table.slice(0, at), table.slice(at, 0), table.slice(at)])


def in_bits(table: pa.Table) -> list[object]:
    """What a table holds, with NaNs and signed zeros told apart."""
    return [
        [
            np.asarray(v).tobytes() if pa.types.is_floating(c.type) or pa.types.is_list(c.type) else v
            for v in c.to_pylist()
        ]
        for c in table.columns
    ]


def test_the_digest_of_a_table_never_changes():
    assert outcomes.digest_of_table(SMALL) == SMALL_DIGEST


def test_the_digest_is_that_of_the_documented_bytes():
    header = (
        '{"columns":[["predicted","int32"],["correct","bool"],["id","string"],["scores","list<float32>"]],"rows":2}\n'
    )
    content = (
        struct.pack("<2i", 1, 0)
        + struct.pack("2B", 1, 0)
        + (struct.pack("<2q", 1, 2) + "aé".encode())
        + (struct.pack("<2q", 2, 0) + struct.pack("<2f", 0.5, 2.0))
    )
    expected = hashlib.sha256(b"outcomes/1\n" + header.encode() + content).hexdigest()
    assert outcomes.digest_of_table(SMALL) == f"sha256:{expected}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), at=st.integers(0, 5))
def test_a_table_comes_back_bit_for_bit_however_it_was_cut(tmp_path, table, at):
    digest = outcomes.write(tmp_path, cut(table, min(at, table.num_rows)))
    found = outcomes.read(tmp_path, digest)
    assert digest == outcomes.digest_of_table(table)
    assert found.schema.equals(table.schema)
    assert in_bits(found) == in_bits(table)


@pytest.mark.parametrize(
    "other",
    [
        SMALL.slice(0, 1),
        SMALL.select([1, 0, 2, 3]),
        SMALL.rename_columns(["predicted", "right", "id", "scores"]),
        SMALL.set_column(0, "predicted", pa.array([1, 0], pa.int64())),
        SMALL.set_column(0, "predicted", pa.array([0, 1], pa.int32())),
        SMALL.set_column(2, "id", pa.array(["aé", ""])),
        SMALL.set_column(3, "scores", pa.array([[0.5], [2.0]], pa.list_(pa.float32()))),
    ],
    ids=["rows", "order", "name", "type", "value", "where strings end", "where lists end"],
)
def test_another_table_has_another_digest(other):
    assert outcomes.digest_of_table(other) != outcomes.digest_of_table(SMALL)


def test_notes_in_a_schema_do_not_count(tmp_path):
    noted = SMALL.replace_schema_metadata({"pandas": "{}"})
    digest = outcomes.write(tmp_path, noted)
    assert digest == outcomes.digest_of_table(SMALL)
    assert outcomes.read(tmp_path, digest).schema.metadata is None


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1, None]), "lacks 1 of 2 values"),
        (pa.array([[1.0], None]), "lacks 1 of 2 values"),
        (pa.array([[1.0, None]]), "lacks 1 of 2 values"),
        (pa.array([[1]]), "has type list<item: int64>"),
        (pa.array([[[1.0]]]), "has type list<item: list<item: double>>"),
        (pa.array([b"x"]), "has type binary"),
        (pa.array(["x"]).dictionary_encode(), "has type dictionary"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path, column, message):
    with pytest.raises(StorageError, match=message):
        outcomes.write(tmp_path, pa.table({"x": column}))
    assert list(tmp_path.iterdir()) == []


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(StorageError, match="different names, but got x, x"):
        outcomes.write(tmp_path, pa.table([[1], [2]], names=["x", "x"]))


def test_the_directory_is_named_after_the_database():
    assert outcomes.outcomes_directory(Path("/data/my.results.db")) == Path("/data/my.results.outcomes")


def test_writing_what_is_there_leaves_the_file_alone(tmp_path):
    digest = outcomes.write(tmp_path, SMALL)
    path = outcomes.path_of(tmp_path, digest)
    before = path.stat()
    assert outcomes.write(tmp_path, SMALL) == digest
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_others_may_read_what_one_wrote(tmp_path):
    old = os.umask(0o022)
    try:
        path = outcomes.path_of(tmp_path, outcomes.write(tmp_path, SMALL))
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_missing_file_is_damage(tmp_path):
    digest = outcomes.digest_of_table(SMALL)
    with pytest.raises(DamagedOutcomes, match=r"is missing\. Restore it"):
        outcomes.read(tmp_path, digest)


@pytest.mark.parametrize("digest", ["", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "sha256:" + "0" * 65])
def test_what_is_no_digest_is_never_made_a_path(tmp_path, digest):
    with pytest.raises(DamagedOutcomes, match="is no digest"):
        outcomes.read(tmp_path, digest)


def test_another_tables_file_is_damage(tmp_path):
    digest = outcomes.write(tmp_path, SMALL)
    other = outcomes.write(tmp_path, SMALL.slice(1))
    outcomes.path_of(tmp_path, digest).write_bytes(outcomes.path_of(tmp_path, other).read_bytes())
    with pytest.raises(DamagedOutcomes, match=f"was altered: it holds {other}"):
        outcomes.read(tmp_path, digest)


def test_a_file_that_ends_early_is_damage_wherever_it_ends(tmp_path):
    digest = outcomes.write(tmp_path, SMALL)
    path = outcomes.path_of(tmp_path, digest)
    whole = path.read_bytes()
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        with pytest.raises(DamagedOutcomes):
            outcomes.read(tmp_path, digest)


def test_a_flipped_byte_is_damage_or_changes_no_value(tmp_path):
    digest = outcomes.write(tmp_path, SMALL)
    path = outcomes.path_of(tmp_path, digest)
    whole = path.read_bytes()
    damaged = 0
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert in_bits(outcomes.read(tmp_path, digest)) == in_bits(SMALL)
        except DamagedOutcomes:
            damaged += 1
    assert damaged > len(whole) // 5 // 4


def test_writing_a_table_mends_its_damaged_file(tmp_path):
    digest = outcomes.write(tmp_path, SMALL)
    outcomes.path_of(tmp_path, digest).write_bytes(b"PAR1")
    assert outcomes.write(tmp_path, SMALL) == digest
    assert outcomes.read(tmp_path, digest).equals(SMALL)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file may grow beyond 64 KiB: what a full disk or a quota does, in this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_no_room_leaves_no_partial_file(tmp_path):
    noise = np.random.default_rng(0).random(100_000)
    with pytest.raises(StorageFull, match="no space left to write beside"):
        outcomes.write(tmp_path, pa.table({"x": noise}))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_file_in_the_directorys_place_is_said(tmp_path):
    (tmp_path / "results.outcomes").write_text("")
    with pytest.raises(StorageError, match=r"results\.outcomes"):
        outcomes.write(tmp_path / "results.outcomes", SMALL)
