"""The database of `tests.leaderboard.mitigated`, recorded once."""

import pytest

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.report.board.names import names_of
from suite.report.board.standing import standing_of
from tests.leaderboard import mitigated


@pytest.fixture(scope="session")
def standing(tmp_path_factory):
    engine = open_for_reading(mitigated.record(tmp_path_factory.mktemp("mitigated")))
    (protocol,) = queries.protocols(engine)
    found = standing_of(engine, protocol)
    engine.dispose()
    return found


@pytest.fixture
def names(standing):
    return names_of(standing)
