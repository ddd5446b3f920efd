"""How fast entries are said to be on the board."""

import pytest

from suite.db import queries
from suite.report.board.standing import standing_of
from suite.spec import Measure
from tests.db.measured import Laboratory, protocol, ref, throughput

TOY = protocol()


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    found.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    yield found
    found.engine.dispose()


def rate(images_per_second):
    return (Measure(name="images_per_second_at_best", value=images_per_second),)


def test_an_entrys_speed_is_the_newest_valid_one_of_its_inference(laboratory):
    for value, changes in (
        (10, {}),
        (20, {}),
        (30, {"work": "training"}),
        (40, {"status": "invalid", "reason": "other answers"}),
        (50, {"mitigation": ref("mitigation", "restore")}),
    ):
        laboratory.record_throughput(throughput(TOY, measures=rate(value), **changes))
    (stored,) = queries.protocols(laboratory.engine)
    standing = standing_of(laboratory.engine, stored)
    (row,) = standing.entries.rows
    assert standing.speed(row).measures == rate(20)
