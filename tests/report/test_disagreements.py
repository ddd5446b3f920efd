"""Where two entries disagree, against outcomes made by hand."""

import pytest

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import DamagedOutcomes, StorageError
from suite.report.board.disagreements import Disagreement, class_name, disagreement_columns, disagreements
from suite.report.comparison import compare
from tests.db.measured import Laboratory, condition, protocol, result
from tests.leaderboard.paired import SPEC, record_pair
from tests.report.measured_outcomes import TRUTH, record_outcomes

TOY = protocol()


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    yield found
    found.engine.dispose()


def results_of(laboratory):
    (found,) = compare(laboratory.engine, TOY.digest, "net", "big")
    return found.conditions[-1].results


def test_each_side_has_its_samples_with_both_answers(laboratory):
    record_outcomes(laboratory, TOY, {10: (1, 1, 0, 0, 1, 0, 1, 0)}, model="net")
    record_outcomes(laboratory, TOY, {10: (1, 0, 1, 0, 1, 1, 0, 0)}, model="big")
    found = disagreements(laboratory.engine, results_of(laboratory))
    assert found.only_first == (Disagreement(1, 0, 0, 1), Disagreement(6, 1, 1, 0))
    assert found.only_second == (Disagreement(2, 0, 1, 0), Disagreement(5, 0, 1, 0))
    assert (found.counts, found.samples, str(found.condition)) == ((2, 2), 8, "jpeg quality=10")
    table = disagreement_columns(found.only_first, ("net", "big"), ("cat", "dog"))
    assert table == {"sample": [1, 6], "truth": ["cat", "dog"], "net": ["cat", "dog"], "big": ["dog", "cat"]}


def test_the_first_twelve_are_kept_and_all_are_counted(laboratory):
    truth = TRUTH * 10
    record_outcomes(laboratory, TOY, {10: (1,) * 80}, model="net", truth=truth)
    record_outcomes(laboratory, TOY, {10: (1,) * 20 + (0,) * 60}, model="big", truth=truth)
    found = disagreements(laboratory.engine, results_of(laboratory))
    assert found.counts == (60, 0)
    assert [row.place for row in found.only_first] == list(range(20, 32))
    assert found.only_second == ()


def test_counts_are_those_of_the_comparison(tmp_path):
    engine = open_for_reading(record_pair(tmp_path))
    (found,) = compare(engine, SPEC.digest, "first", "second")
    for row in found.conditions:
        counts = disagreements(engine, row.results).counts
        assert counts == (row.discordant.only_first, row.discordant.only_second)


def test_a_result_without_outcomes_says_what_to_run(laboratory):
    laboratory.store.record_protocol(TOY)
    number = laboratory.record(result(condition(TOY, 10), 0.5))
    with pytest.raises(StorageError, match=f"Result {number} has no per-sample outcomes. Measure it again"):
        disagreements(laboratory.engine, (number, number))


def test_a_missing_table_is_named(laboratory):
    record_outcomes(laboratory, TOY, {10: (1,) * 8}, model="net")
    (stored,) = queries.results(laboratory.engine, TOY.digest)
    for file in laboratory.path.parent.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(DamagedOutcomes):
        disagreements(laboratory.engine, (stored.id, stored.id))


def test_classes_without_a_name_are_numbers():
    assert [class_name(number, ("cat",)) for number in (0, 1, -1)] == ["cat", "class 1", "class -1"]
