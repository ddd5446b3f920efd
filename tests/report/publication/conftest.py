"""One board, published once; tests read the folder and the database."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from suite.db.engine import open_for_reading
from suite.progress import Silent
from suite.report.publication.publishing import publish
from tests.report.recorded_board import SPEC, record


class Published(NamedTuple):
    database: Path
    out: Path

    def text(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    directory = tmp_path_factory.mktemp("board")
    database = record(directory / "db")
    publish(open_for_reading(database), SPEC, directory / "out", force=False, progress=Silent())
    return Published(database, directory / "out")
