"""Who can be compared on a board, and the comparison as columns."""

import pytest

from suite.db.queries import protocols
from suite.report.board.pairing import comparison_columns, machines_of_both, metrics_on, names_on, of_track
from suite.report.board.standing import standing_of
from suite.report.comparison import compare
from tests.db.measured import ELSEWHERE, HERE, Laboratory, protocol
from tests.report.measured_outcomes import record_outcomes

TOY = protocol()
RIGHT = {None: (1,) * 8, 10: (1, 1, 1, 1, 0, 0, 0, 0)}
OTHER = {None: (1,) * 8, 10: (1, 0, 0, 0, 0, 0, 0, 1)}
TRACK = "classification on cells, test (top1)"


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    record_outcomes(found, TOY, RIGHT, model="net")
    record_outcomes(found, TOY, OTHER, model="big")
    record_outcomes(found, TOY, RIGHT, model="net", where=ELSEWHERE)
    yield found
    found.engine.dispose()


def test_names_machines_and_metrics_of_a_track(laboratory):
    standing = standing_of(laboratory.engine, protocols(laboratory.engine)[0])
    assert sorted(names_on(standing, TRACK)) == ["big", "net"]
    assert names_on(standing, "another") == []
    assert machines_of_both(standing, TRACK, ("net", "big")) == [HERE.digest]
    assert machines_of_both(standing, TRACK, ("net", "net")) == sorted([HERE.digest, ELSEWHERE.digest])
    assert metrics_on(standing, TRACK) == ["top1", "balanced_accuracy"]


def test_columns_are_in_percent_and_points(laboratory):
    (found,) = of_track(compare(laboratory.engine, TOY.digest, "net", "big"), TRACK)
    table = comparison_columns(found)
    assert table["condition"] == ["original", "jpeg quality=10"]
    assert (table["net, %"][1], table["big, %"][1], table["difference, points"][1]) == (50, 25, 25)
    assert (table["only the first right"][1], table["only the second right"][1]) == (3, 1)
    assert table["low, points"][1] < 25 < table["high, points"][1]
    assert table["p-value"][1] == pytest.approx(2 * 5 / 16)  # at most 1 of 4 fair coins
    assert table["p-value, Holm"][1] == pytest.approx(1)
    assert of_track([found], "classification on cells, train (top1)") == []
