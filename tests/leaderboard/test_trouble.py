"""What the board says when its database or its port gives trouble: a sentence, never a traceback."""

import sqlite3
from contextlib import closing

from suite import protocols
from suite.db.engine import writing
from tests.db.measured import Laboratory, protocol
from tests.leaderboard.reading import plain
from tests.leaderboard.recorded import record


def said(app):
    """Return what stands on the page."""
    assert not app.exception
    return " ".join(plain(each.value) for each in (*app.text, *app.info))


def test_an_empty_file(opened, tmp_path):
    (tmp_path / "empty.db").touch()
    assert "no results yet: open it once for writing" in said(opened(tmp_path / "empty.db"))


def test_a_directory(opened, tmp_path):
    assert "is a directory" in said(opened(tmp_path))


def test_a_database_of_a_newer_suite(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    with closing(sqlite3.connect(laboratory.path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "Upgrade the suite" in said(opened(laboratory.path))


def test_a_database_cut_short(opened, tmp_path):
    path = record(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in said(opened(path)) or "malformed" in said(opened(path))


def test_a_protocol_without_results(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.store.record_protocol(protocols.load("pv-cells@1"))
    laboratory.engine.dispose()
    assert "There are no results of pv-cells@1 yet. Run: suite run pv-cells@1" in said(opened(laboratory.path))


def test_a_database_that_is_being_written_to(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8})
    with writing(laboratory.engine) as connection:
        connection.exec_driver_sql("DELETE FROM summarised")
        app = opened(laboratory.path)
    assert "3 results" in said(app)
    assert app.dataframe[0].value["entry"].to_list() == ["net"]
