"""Opening a database: what is made, what is migrated, what is refused. Trouble on the way is in test_trouble.py."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from suite.db import engine as engines
from suite.db import queries, schema
from suite.db.engine import migrate, open_for_reading, open_for_writing
from suite.db.store import Store
from suite.errors import DatabaseReadOnly, MissingDatabase, NewerDatabase, StorageError
from suite.published import STUDIES, numbers_of
from tests.db.measured import protocol, throughput, verification

DUMPS = Path(__file__).parent / "dumps"
TOY = protocol()
TABLES = [
    *("protocol", "environment", "plugin", "condition", "run", "result", "metric", "erratum", "published"),
    *("throughput", "throughput_metric", "verification"),
]


def differences(engine: Engine) -> list[object]:
    """What stands between a database and `suite.db.schema`."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def tables_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_fresh_database_is_made_with_its_directory(tmp_path):
    path = tmp_path / "a" / "b?c#d%e é" / "results.db"
    engine = open_for_writing(path)
    assert path.is_file()
    assert differences(engine) == []
    assert queries.results(open_for_reading(path)) == ()


def test_a_writers_results_survive_a_power_cut_and_readers_do_not_wait(tmp_path):
    engine = open_for_writing(tmp_path / "results.db")
    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "synchronous") == 2  # FULL
    assert pragma(engine, "foreign_keys") == 1


def test_the_timeout_is_the_callers(tmp_path):
    assert pragma(open_for_writing(tmp_path / "results.db"), "busy_timeout") == 30_000
    assert pragma(open_for_writing(tmp_path / "results.db", timeout_s=2), "busy_timeout") == 2_000


def test_the_suite_knows_every_revision_in_order():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(engines.MIGRATIONS))
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(newest_first)) == schema.REVISIONS


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_every_revision_is_migrated_to_the_newest_with_its_results(tmp_path, revision):
    path = tmp_path / "results.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"{revision}.sql").read_text(encoding="utf-8"))
    engine = open_for_writing(path)
    assert differences(engine) == []
    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "integrity_check") == "ok"
    (row,) = queries.ranking(engine, TOY.digest, released=True).ranked
    assert row.mean_drop == pytest.approx(0.25)
    withdrawn = queries.results(engine, status="failed")
    assert [erratum.reason for erratum in withdrawn[0].errata] == ["never happened"]
    verified = [each.verification for each in queries.verifications(engine, TOY.digest)]
    assert [said.author for said in verified] == ["Ada"] * (revision >= "0005")
    Store(engine, path).record_verification(verification(TOY, environment=row.environment, plugin=row.model))
    assert len(queries.verifications(engine, TOY.digest)) == len(verified) + 1


def test_an_empty_file_is_migrated(tmp_path):
    path = tmp_path / "results.db"
    path.touch()
    assert differences(open_for_writing(path)) == []


def test_a_migration_that_stops_halfway_leaves_nothing_behind(tmp_path, monkeypatch):
    broken = tmp_path / "migrations"
    shutil.copytree(engines.MIGRATIONS, broken, ignore=shutil.ignore_patterns("__pycache__"))
    first = broken / "versions" / "0001_initial.py"
    first.write_text(first.read_text().replace("    make_notes()\n", "    raise RuntimeError('power cut')\n"))
    path = tmp_path / "results.db"
    with monkeypatch.context() as patch:
        patch.setattr(engines, "MIGRATIONS", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            open_for_writing(path)
    assert tables_in(path) == set()
    assert differences(open_for_writing(path)) == []


def test_migrating_what_another_process_has_migrated_does_nothing(laboratory):
    laboratory.record_entry(TOY, {10: 0.5})
    migrate(laboratory.engine)
    assert len(queries.results(laboratory.engine)) == 1


def test_a_database_that_a_newer_suite_has_just_migrated_is_refused(laboratory):
    with engines.writing(laboratory.engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(NewerDatabase):
        migrate(laboratory.engine)


def test_an_up_to_date_database_opens_without_alembic_or_pyarrow(laboratory):
    script = (
        "import sys; from pathlib import Path; from suite.db import engine, queries, store\n"
        "queries.results(engine.open_for_writing(Path(sys.argv[1])))\n"
        "print([name for name in ('alembic', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, laboratory.path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    ],
    ids=["update", "delete", "replace"],
)
def test_nothing_that_was_recorded_can_be_changed(laboratory, table, change):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    laboratory.store.add_erratum(numbers[10], author="ada", reason="why")
    laboratory.store.import_published(numbers_of(STUDIES[0])[:3])
    laboratory.record_throughput(throughput(TOY))
    laboratory.record_verification(TOY)
    column = schema.metadata.tables[table].primary_key.columns[0].name
    with closing(sqlite3.connect(laboratory.path)) as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - constants
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            connection.execute(change.format(table=table, column=column))
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before != []  # noqa: S608 - constants


def test_a_new_row_cannot_push_out_one_of_its_name(laboratory):
    laboratory.store.record_protocol(TOY)
    with (
        closing(sqlite3.connect(laboratory.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="protocol is append-only"),
    ):
        connection.execute(
            "INSERT OR REPLACE INTO protocol SELECT id + 1, digest, name, 2, spec, first_seen FROM protocol"
        )


def test_every_table_is_append_only_but_for_what_is_derived():
    assert set(schema.metadata.tables) == {*TABLES, *(table.name for table in schema.DERIVED)}


def test_a_reader_cannot_write(laboratory):
    reader = open_for_reading(laboratory.path)
    with pytest.raises(DatabaseReadOnly), engines.writing(reader) as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")


def test_nothing_is_made_for_a_reader(tmp_path):
    with pytest.raises(MissingDatabase, match=r"no database at .*absent\.db\. Run 'suite run'"):
        open_for_reading(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_of_an_empty_file_is_told_to_open_it_for_writing(tmp_path):
    (tmp_path / "empty.db").touch()
    with pytest.raises(StorageError, match="no results yet: open it once for writing, for example with 'suite run'"):
        open_for_reading(tmp_path / "empty.db")


def test_a_reader_of_an_older_schema_is_told_to_open_it_for_writing(laboratory, monkeypatch):
    monkeypatch.setattr(engines, "REVISIONS", (*schema.REVISIONS, "0999"))
    with pytest.raises(StorageError, match=f"older schema {schema.REVISIONS[-1]}: open it once for writing"):
        open_for_reading(laboratory.path)


@pytest.mark.parametrize("open_it", [open_for_reading, open_for_writing])
def test_a_database_of_a_newer_suite_is_refused(laboratory, open_it):
    with engines.writing(laboratory.engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(
        NewerDatabase, match=rf"has schema 0999, .* none after {schema.REVISIONS[-1]}. Upgrade the suite"
    ):
        open_it(laboratory.path)


@pytest.mark.parametrize("open_it", [open_for_reading, open_for_writing])
def test_a_directory_is_refused(tmp_path, open_it):
    with pytest.raises(StorageError, match=r"is a directory\. Name a file in it"):
        open_it(tmp_path)


@pytest.mark.parametrize("open_it", [open_for_reading, open_for_writing])
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, open_it):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" * 1000)
    with pytest.raises(StorageError, match="is no database of the suite"):
        open_it(path)
    assert path.read_bytes() == b"\xff\xd8\xff" * 1000


@pytest.mark.parametrize("open_it", [open_for_reading, open_for_writing])
def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path, open_it):
    path = tmp_path / "bookmarks.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmark (url)")
    before = path.read_bytes()
    with pytest.raises(StorageError, match="is a database of something else"):
        open_it(path)
    assert path.read_bytes() == before


def test_a_file_in_a_directorys_place_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        open_for_writing(tmp_path / "file" / "results.db")


def test_what_is_kept_beside_a_linked_database_lies_beside_the_real_one(laboratory, tmp_path):
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(laboratory.path)
    assert engines.database_path(open_for_reading(link)) == laboratory.path
    assert Store(laboratory.engine, link).outcomes == tmp_path / "results.outcomes"
