from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Pool, event

from tests.db.measured import Laboratory


@pytest.fixture(autouse=True)
def connections() -> Iterator[list[sqlite3.Connection]]:
    """Every connection that a test's engines opened, closed after the test."""
    opened: list[sqlite3.Connection] = []

    def note(connection: sqlite3.Connection, _: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    yield opened
    event.remove(Pool, "connect", note)
    for connection in opened:
        connection.close()


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)
