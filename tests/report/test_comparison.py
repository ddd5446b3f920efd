"""Two entries of a real database side by side, against numbers computed by hand."""

import json

import pytest

from suite.db import queries
from suite.errors import DamagedOutcomes, DataError, StorageError, UsageError
from suite.metrics.comparison import Difference, tango
from suite.report.comparison import compare, tables_of
from suite.report.tables import tables_of as ranking_tables
from suite.spec import to_json
from tests.db.measured import ELSEWHERE, Laboratory, condition, protocol, ref, result
from tests.report.measured_outcomes import TRUTH, record_outcomes

TOY = protocol()
NET = {None: (1, 1, 1, 1, 1, 1, 1, 0), 10: (1, 1, 1, 1, 1, 0, 0, 0), 90: (1, 1, 1, 1, 1, 1, 1, 0)}
BIG = {None: (1, 1, 1, 1, 1, 1, 1, 1), 10: (0, 0, 0, 0, 0, 0, 1, 0), 90: (1, 1, 1, 1, 1, 1, 0, 1)}


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    yield found
    found.engine.dispose()


def compared(laboratory, first="net", second="big", **options):
    (found,) = compare(laboratory.engine, TOY.digest, first, second, **options)
    return found


def record_both(laboratory, **options):
    record_outcomes(laboratory, TOY, NET, model="net", **options)
    record_outcomes(laboratory, TOY, BIG, model="big", **options)


def test_conditions_are_compared_sample_by_sample(laboratory):
    record_both(laboratory)
    found = compared(laboratory)
    assert [row.condition for row in found.conditions] == ["original", "jpeg quality=10", "jpeg quality=90"]
    original, strong, weak = found.conditions
    assert (strong.first, strong.second, strong.difference.value) == (0.625, 0.125, 0.5)
    assert (strong.discordant.only_first, strong.discordant.only_second) == (5, 1)
    assert (strong.difference.low, strong.difference.high) == tango(5, 1, 8)
    assert strong.difference.p_value == pytest.approx(2 * 7 / 64)  # at most 1 of 6 fair coins
    assert [row.corrected_p_value for row in (original, strong, weak)] == [1.0, pytest.approx(3 * 14 / 64), 1.0]
    assert weak.difference.value == 0
    assert found.mean.value == pytest.approx(0.25)
    assert found.mean_drop.value == pytest.approx(-0.125 - 0.25)
    assert found.discordant_rate == pytest.approx((1 + 6 + 2) / 3 / 8)
    assert (found.metric, found.samples, found.limit, found.compressed) == ("top1", 8, None, 2)


def test_from_the_other_side_every_sign_turns(laboratory):
    record_both(laboratory)
    found, turned = compared(laboratory), compared(laboratory, "big", "net")
    for row, other in zip(found.conditions, turned.conditions, strict=True):
        assert other.difference.value == -row.difference.value
        assert (other.difference.low, other.difference.high) == (-row.difference.high, -row.difference.low)
        assert other.corrected_p_value == row.corrected_p_value
    assert turned.mean.p_value == found.mean.p_value
    assert turned.mean_drop.value == -found.mean_drop.value


def test_balanced_accuracy_is_resampled_within_its_classes(laboratory):
    record_both(laboratory)
    found = compared(laboratory, metric="balanced_accuracy")
    strong = found.conditions[1]
    assert (strong.first, strong.second) == (pytest.approx((5 / 6 + 0) / 2), pytest.approx((0 + 1 / 2) / 2))
    assert strong.difference.low <= strong.difference.value <= strong.difference.high
    assert found.mean.value == pytest.approx(((5 / 12 - 1 / 4) + (1 / 6 + 0 + 1 / 2 + 1 / 3 - 1 / 4 - 3 / 4)) / 2)
    (table,) = tables_of("toy@1", [found])
    assert "paired bootstrap within classes" in table.notes[-1]


def test_the_table_says_what_its_numbers_are(laboratory):
    record_both(laboratory, on={"limit": 8, "samples": 526})
    (table,) = tables_of("toy@1", [compared(laboratory)])
    assert table.title == "toy@1: top1, net against big on cells"
    assert table.columns[1:3] == ("net %", "big %")
    assert table.rows[1][:3] == ("jpeg quality=10", "62.50", "12.50")
    assert table.rows[1][3].startswith("+50.00 [")
    assert table.rows[1][4:] == ("5", "1", "0.22", "0.66")
    assert table.notes[0].startswith("mean top1 over 2 compressed conditions: +25.00 [")
    assert table.notes[1].startswith("mean drop, by which entries rank (negative: net loses less): -37.50 [")
    assert (
        table.notes[2]
        == "8 images, of which the two differ on 37.5 %: too few to find any difference under one condition"
    )
    assert "corrected for the 3 rows" in table.notes[3]
    assert table.notes[4] == "trial on 8 of 526 samples"


def test_enough_samples_say_what_they_can_find(laboratory):
    many = (
        {quality: hits * 100 for quality, hits in NET.items()},
        {quality: hits * 100 for quality, hits in BIG.items()},
    )
    truth = (0, 0, 0, 0, 0, 0, 1, 1) * 100
    for model, right in zip(("net", "big"), many, strict=True):
        record_outcomes(laboratory, TOY, right, model=model, truth=truth)
    found = compared(laboratory)
    (table,) = tables_of("toy@1", [found])
    assert (
        f"{100 * found.detectable:.2f} points of accuracy under one condition are found with 80 % power"
        in table.notes[2]
    )
    assert found.conditions[1].corrected_p_value < 1e-50


def test_a_mitigation_shares_the_original_with_its_model(laboratory):
    record_outcomes(laboratory, TOY, NET)
    record_outcomes(laboratory, TOY, {10: NET[90], 90: NET[90]}, mitigation="fix")
    found = compared(laboratory, "net + fix", "net")
    assert [row.condition for row in found.conditions] == ["jpeg quality=10", "jpeg quality=90"]
    assert found.mean_drop.value == pytest.approx(-found.mean.value) == pytest.approx(-0.125)


def test_an_entry_does_not_differ_from_itself(laboratory):
    record_outcomes(laboratory, TOY, NET)
    found = compared(laboratory, "net", "net")
    assert all(row.difference.value == 0 and row.difference.p_value == 1 for row in found.conditions)
    assert found.mean == Difference(0, 0, 0, 1)
    assert found.detectable is None


def test_names_that_no_entry_has_are_told_the_nearest(laboratory):
    record_both(laboratory)
    with pytest.raises(
        UsageError, match=r"No entry of these results is named 'bigg'. There are: big, net. Did you mean"
    ):
        compare(laboratory.engine, TOY.digest, "net", "bigg")
    with pytest.raises(UsageError, match="No results are stored under this protocol"):
        compare(laboratory.engine, "sha256:other", "net", "big")
    with pytest.raises(UsageError, match=r"cannot be compared by 'top2'. There are: top1, balanced_accuracy"):
        compared(laboratory, metric="top2")


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"where": ELSEWHERE}, "on different machines"),
        ({"on": {"limit": 8, "samples": 526}}, "on different samples"),
        ({"on": {"manifest": "sha256:other"}}, "on different samples"),
    ],
)
def test_what_has_nothing_in_common_is_not_compared(laboratory, second, reason):
    record_outcomes(laboratory, TOY, NET)
    record_outcomes(laboratory, TOY, BIG, model="big", **second)
    with pytest.raises(UsageError, match=f"net and big cannot be compared: they were measured {reason}"):
        compare(laboratory.engine, TOY.digest, "net", "big")


def test_entries_of_different_conditions_are_not_compared(laboratory):
    record_outcomes(laboratory, TOY, {10: NET[10]})
    record_outcomes(laboratory, TOY, {90: BIG[90]}, model="big")
    with pytest.raises(UsageError, match="under different conditions"):
        compare(laboratory.engine, TOY.digest, "net", "big")


def test_truths_that_differ_are_other_samples(laboratory):
    record_outcomes(laboratory, TOY, NET)
    record_outcomes(laboratory, TOY, BIG, model="big", truth=TRUTH[::-1])
    with pytest.raises(DataError, match="hold other samples, or in another order"):
        compare(laboratory.engine, TOY.digest, "net", "big")


def test_results_without_outcomes_are_named(laboratory):
    record_outcomes(laboratory, TOY, NET)
    laboratory.record(result(condition(TOY, 10, samples=8), 0.5, model="big"))
    with pytest.raises(StorageError, match=r"Result 4 \(big on jpeg quality=10\) has no per-sample outcomes"):
        compare(laboratory.engine, TOY.digest, "net", "big")


def test_outcomes_that_are_gone_are_an_error(laboratory):
    record_both(laboratory)
    for path in laboratory.store.outcomes.glob("*/*.parquet"):
        path.unlink()
    with pytest.raises(DamagedOutcomes, match="is missing"):
        compare(laboratory.engine, TOY.digest, "net", "big")


def test_the_machine_used_last_is_compared_unless_another_is_named(laboratory):
    record_both(laboratory)
    record_both(laboratory, where=ELSEWHERE)
    assert compared(laboratory).environment == ELSEWHERE.digest
    record_outcomes(laboratory, TOY, {10: BIG[10]}, model="big")
    assert len(compared(laboratory).conditions) == 3
    for digest in (ELSEWHERE.digest, ELSEWHERE.digest[:12], ELSEWHERE.digest.removeprefix("sha256:")[:6]):
        assert compared(laboratory, environment=digest).environment == ELSEWHERE.digest
    with pytest.raises(UsageError, match="Expected the beginning of one environment's digest"):
        compared(laboratory, environment="sha256:")


def test_the_newest_version_counts_and_what_was_withdrawn_does_not(laboratory):
    record_both(laboratory)
    newer = ref("model", "big", "2")
    record_outcomes(laboratory, TOY, {10: NET[10]}, model=newer)
    (row,) = compared(laboratory).conditions
    assert (row.condition, row.difference.value) == ("jpeg quality=10", 0)
    laboratory.store.add_erratum(row.results[1], author="ada", reason="wrong weights")
    assert len(compared(laboratory).conditions) == 3


def test_a_trial_is_left_out_where_both_have_all_samples(laboratory):
    record_both(laboratory)
    record_both(laboratory, on={"limit": 8, "samples": 526})
    assert compared(laboratory).limit is None


def test_what_does_not_conform_is_said(laboratory):
    record_both(laboratory, conformant=False)
    (table,) = tables_of("toy@1", [compared(laboratory)])
    assert table.notes[-1] == "this machine's codecs do not conform"


def test_a_comparison_is_json(laboratory):
    record_both(laboratory)
    found = json.loads(to_json(compared(laboratory)))
    assert found["conditions"][1]["results"] == [2, 5]
    assert found["conditions"][1]["difference"]["value"] == 0.5
    assert found["conditions"][1]["discordant"]["only_first"] == 5


def test_pairs_come_in_the_protocols_order(laboratory):
    record_outcomes(laboratory, TOY, dict(reversed(NET.items())))
    record_outcomes(laboratory, TOY, BIG, model="big")
    pairs = queries.pairs(laboratory.engine, TOY.digest, "net", "big")
    assert [str(pair.condition) for pair in pairs] == ["original", "jpeg quality=10", "jpeg quality=90"]
    first, second = queries.paired_outcomes(laboratory.engine, pairs[1])
    assert first["correct"].to_pylist() == [bool(hit) for hit in NET[10]]
    assert second["correct"].to_pylist() == [bool(hit) for hit in BIG[10]]


def test_ranking_goes_by_the_mean_drop_that_is_compared(laboratory):
    record_both(laboratory)
    found = queries.ranking(laboratory.engine, TOY.digest, released=True)
    first, second = found.ranked
    assert (first.model.name, second.model.name) == ("net", "big")
    assert first.mean_drop - second.mean_drop == pytest.approx(compared(laboratory).mean_drop.value)
    assert ranking_tables("toy@1", found)[0].rows[0][4] == "+12.50"
