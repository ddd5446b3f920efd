"""Tie groups and rank intervals of a ranking, from outcomes whose answers are known."""

import numpy as np
import pytest

from suite.db import queries
from suite.errors import DamagedOutcomes
from suite.report.tables import Standing, tables_of
from suite.report.ties import standings_of
from tests.db.measured import SAMPLES, Laboratory, protocol
from tests.report.measured_outcomes import record_outcomes

SPEC = protocol()


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(tmp_path)


def record(laboratory, rng, **losses):
    """Record entries that are right on all originals and wrong, when compressed, on a share of the images."""
    truth = np.arange(SAMPLES) % 2
    for model, loss in losses.items():
        compressed = {quality: rng.random(SAMPLES) >= loss for quality in (10, 90)}
        record_outcomes(laboratory, SPEC, {None: np.ones(SAMPLES, bool)} | compressed, truth=truth, model=model)
    return queries.ranking(laboratory.engine, SPEC.digest, released=True)


def test_entries_far_apart_have_groups_and_ranks_of_their_own(laboratory, rng):
    found = record(laboratory, rng, best=0.05, middle=0.3, worst=0.7)
    standings = standings_of(laboratory.engine, found.ranked)
    assert [standings[row.result_id] for row in found.ranked] == [
        Standing(1, 1, 1),
        Standing(2, 2, 2),
        Standing(3, 3, 3),
    ]
    (table, _) = tables_of("toy@1", found, standings)
    assert table.columns[:4] == ("#", "tied", "ranks, 95 %", "entry")
    assert [row[:4] for row in table.rows] == [
        ("1", "1", "1 to 1", "best"),
        ("2", "2", "2 to 2", "middle"),
        ("3", "3", "3 to 3", "worst"),
    ]
    assert table.notes[0].startswith("tied: ")


def test_entries_that_noise_could_swap_are_tied(laboratory, rng):
    found = record(laboratory, rng, one=0.2, another=0.2, far=0.9)
    standings = [standings_of(laboratory.engine, found.ranked)[row.result_id] for row in found.ranked]
    assert [standing.group for standing in standings] == [1, 1, 2]
    assert {(standing.best, standing.worst) for standing in standings[:2]} == {(1, 2)}


def test_one_entry_and_entries_without_outcomes_say_nothing(laboratory, rng):
    found = record(laboratory, rng, alone=0.2)
    assert standings_of(laboratory.engine, found.ranked) == {}
    laboratory.record_entry(SPEC, {None: 0.9, 10: 0.5, 90: 0.8}, model="bare")
    found = queries.ranking(laboratory.engine, SPEC.digest, released=True)
    assert len(found.ranked) == 2
    assert standings_of(laboratory.engine, found.ranked) == {}
    (table, _) = tables_of("toy@1", found, {})
    assert table.columns[1] == "entry"


def test_damaged_outcomes_are_told(laboratory, rng):
    found = record(laboratory, rng, one=0.2, another=0.3)
    next(laboratory.path.with_name("results.outcomes").glob("*/*.parquet")).write_bytes(b"damaged")
    with pytest.raises(DamagedOutcomes):
        standings_of(laboratory.engine, found.ranked)
