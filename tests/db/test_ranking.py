"""Rankings through a real database, with numbers computed by hand."""

from __future__ import annotations

import msgspec
import pytest

from suite.db import queries
from suite.db.queries import Ranking, RankingRow
from suite.spec import Measure, ProtocolSpec
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, track

TOY = protocol()


def ranked(laboratory: Laboratory, spec: ProtocolSpec = TOY, *, released: bool = True) -> Ranking:
    return queries.ranking(laboratory.engine, spec.digest, released=released)


def only_unranked(laboratory: Laboratory, spec: ProtocolSpec = TOY, *, released: bool = True) -> RankingRow:
    ranking = ranked(laboratory, spec, released=released)
    assert ranking.ranked == ()
    (row,) = ranking.unranked
    assert row.rank is None
    return row


def test_a_complete_entry_is_ranked_by_its_mean_drop(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 90: 0.8})
    low = result(condition(TOY, 10), 0.5)
    frames = tuple(Measure(name=n, value=v) for n, v in [("bits_per_pixel", 0.25), ("psnr_db", 30.0), ("ssim", 0.75)])
    newest = laboratory.record(msgspec.structs.replace(low, measures=(*low.measures, *frames)))

    ranking = ranked(laboratory)
    (row,) = ranking.ranked
    assert ranking.unranked == ()
    assert (row.rank, row.why_unranked, row.metric, row.samples, row.limit) == (1, "", "top1", 526, None)
    assert row.reference == Measure(name="top1", value=0.9, low=0.9 - 0.01, high=0.9 + 0.01)
    assert row.mean_drop == pytest.approx((0.4 + 0.1) / 2)
    assert (row.model, row.mitigation) == (ref("model", "net"), ref("mitigation", "none"))
    assert (row.dataset, row.split, row.environment) == (ref("dataset", "cells"), "test", HERE.digest)
    assert row.result_id == newest
    assert row.created_at == queries.result(laboratory.engine, newest).stored.created_at
    q10, q90 = row.drops
    assert (q10.codec, q10.parameter, q10.value, q10.result_id) == ("jpeg", "quality", 10, newest)
    assert (q10.parameters, q10.measure.value) == ({"subsampling": "4:2:0"}, 0.5)
    assert (q10.bits_per_pixel, q10.psnr_db, q10.ssim) == (0.25, 30.0, 0.75)
    assert (q90.value, q90.bits_per_pixel, q90.psnr_db, q90.ssim) == (90, None, None, None)
    assert [q10.drop, q90.drop] == pytest.approx([0.4, 0.1])


def test_a_mitigated_entry_is_held_against_the_unmitigated_original(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {None: 0.85, 10: 0.7, 90: 0.8}, mitigation="deblock")
    first, second = ranked(laboratory).ranked
    assert (first.mitigation.name, first.rank, second.mitigation.name, second.rank) == ("deblock", 1, "none", 2)
    assert first.reference is not None
    assert first.reference.value == 0.9  # not its own 0.85
    assert first.mean_drop == pytest.approx((0.2 + 0.1) / 2)


def test_a_mitigated_entry_needs_no_original_of_its_own_but_the_models(laboratory):
    laboratory.record_entry(TOY, {10: 0.7, 90: 0.8}, mitigation="deblock")
    assert only_unranked(laboratory).why_unranked == "incomplete: 2 of 3 conditions"
    assert [drop.drop for drop in only_unranked(laboratory).drops] == [None, None]
    laboratory.record_entry(TOY, {None: 0.9})
    (row,) = ranked(laboratory).ranked
    assert row.mean_drop == pytest.approx(0.15)


def test_equal_drops_share_a_rank_and_the_better_reference_comes_first(laboratory):
    laboratory.record_entry(TOY, {None: 0.2, 10: 0.1, 90: 0.1}, model="b")
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.8, 90: 0.8}, model="c")
    laboratory.record_entry(TOY, {None: 0.2, 10: 0.1, 90: 0.1}, model="a")
    assert 0.9 - 0.8 != 0.2 - 0.1
    laboratory.record_entry(TOY, {None: 0.99, 10: 0.5, 90: 0.5}, model="d")
    rows = ranked(laboratory).ranked
    assert [(row.rank, row.model.name) for row in rows] == [(1, "c"), (1, "a"), (1, "b"), (4, "d")]


def test_an_entry_that_gained_is_ranked_above_one_that_lost_nothing(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.9, 90: 0.9}, model="flat")
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.95, 90: 0.9}, model="gains")
    assert [row.model.name for row in ranked(laboratory).ranked] == ["gains", "flat"]


def test_only_the_newest_result_of_a_cell_counts(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.1, 90: 0.8})
    laboratory.record_entry(TOY, {10: 0.5})
    (row,) = ranked(laboratory).ranked
    assert row.mean_drop == pytest.approx(0.25)


def test_a_draft_is_not_ranked(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    row = only_unranked(laboratory, released=False)
    assert row.why_unranked == "protocol is a draft"
    assert row.mean_drop == pytest.approx(0.25)


def test_a_trial_is_not_ranked(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, on={"limit": 200})
    row = only_unranked(laboratory)
    assert (row.why_unranked, row.limit, row.samples) == ("trial on 200 of 526 samples", 200, 200)


def test_a_trial_and_the_whole_are_two_entries(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5}, on={"limit": 200})
    laboratory.record_entry(TOY, {90: 0.8})
    reasons = sorted(row.why_unranked for row in ranked(laboratory).unranked)
    assert reasons == ["incomplete: 1 of 3 conditions", "incomplete: 2 of 3 conditions; trial on 200 of 526 samples"]


def test_a_machine_whose_codecs_do_not_conform_is_not_ranked(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    laboratory.record_entry(TOY, {90: 0.8}, conformant=False)
    assert only_unranked(laboratory).why_unranked == "this machine's codecs do not conform"


def test_an_incomplete_entry_has_no_mean(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    row = only_unranked(laboratory)
    assert (row.why_unranked, row.mean_drop, len(row.drops)) == ("incomplete: 2 of 3 conditions", None, 1)


def test_a_failed_condition_is_named_with_its_reason(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record(result(condition(TOY, 10), None, reason="CodecError: boom"))
    row = only_unranked(laboratory)
    assert (row.why_unranked, row.mean_drop) == ("failed: jpeg quality=10: CodecError: boom", None)
    laboratory.record(result(condition(TOY, 90), None, reason="later"))
    assert only_unranked(laboratory).why_unranked == "failed: jpeg quality=10: CodecError: boom (and 1 more)"
    laboratory.record_entry(TOY, {10: 0.5, 90: 0.8})
    assert len(ranked(laboratory).ranked) == 1


def test_a_failed_reference_leaves_nothing_to_compare(laboratory):
    laboratory.record_entry(TOY, {10: 0.5, 90: 0.8})
    laboratory.record(result(condition(TOY, None), None, reason="boom"))
    row = only_unranked(laboratory)
    assert (row.why_unranked, row.reference, row.mean_drop) == ("failed: original: boom", None, None)


def test_an_erratum_withdraws_an_entry_until_it_is_measured_again(laboratory):
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.store.add_erratum(numbers[10], author="ada", reason="wrong weights")
    row = only_unranked(laboratory)
    assert (row.why_unranked, row.mean_drop, len(row.drops)) == ("erratum: jpeg quality=10: wrong weights", None, 1)
    laboratory.record_entry(TOY, {10: 0.6})
    (row,) = ranked(laboratory).ranked
    assert row.mean_drop == pytest.approx(0.2)


def test_an_erratum_on_a_result_that_was_measured_again_changes_nothing(laboratory):
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {10: 0.6})
    laboratory.store.add_erratum(numbers[10], author="ada", reason="wrong weights")
    assert len(ranked(laboratory).ranked) == 1


def test_a_result_without_the_rankings_metric_is_named(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    laboratory.record_entry(TOY, {90: 0.8}, metric="auc")
    assert only_unranked(laboratory).why_unranked == "no top1: jpeg quality=90"


def test_a_protocol_of_references_alone_ranks_nothing(laboratory):
    bare = protocol("bare", values=())
    laboratory.record_entry(bare, {None: 0.9})
    assert only_unranked(laboratory, bare).why_unranked == "the protocol has no compressed conditions"


def test_of_two_machines_the_one_with_the_newest_results_is_ranked(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.6, 90: 0.8}, where=ELSEWHERE)
    ranking = ranked(laboratory)
    assert [row.environment for row in ranking.ranked] == [ELSEWHERE.digest]
    assert [(row.environment, row.why_unranked) for row in ranking.unranked] == [
        (HERE.digest, "superseded by a newer run")
    ]
    laboratory.record_entry(TOY, {10: 0.5})
    assert [row.environment for row in ranked(laboratory).ranked] == [HERE.digest]


def test_an_incomplete_newer_run_supersedes_nothing(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.6}, where=ELSEWHERE)
    ranking = ranked(laboratory)
    assert [row.environment for row in ranking.ranked] == [HERE.digest]
    assert [row.why_unranked for row in ranking.unranked] == ["incomplete: 2 of 3 conditions"]


def test_machines_are_never_mixed(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    laboratory.record_entry(TOY, {90: 0.8}, where=ELSEWHERE)
    laboratory.record_entry(TOY, {10: 0.7, 90: 0.8}, where=ELSEWHERE, mitigation="deblock")
    ranking = ranked(laboratory)
    assert ranking.ranked == ()
    assert {(row.environment, row.mitigation.name, row.why_unranked) for row in ranking.unranked} == {
        (HERE.digest, "none", "incomplete: 2 of 3 conditions"),
        (ELSEWHERE.digest, "none", "incomplete: 1 of 3 conditions"),
        (ELSEWHERE.digest, "deblock", "incomplete: 2 of 3 conditions"),
    }


def test_protocols_are_never_mixed(laboratory):
    other = protocol("other")
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    laboratory.record_entry(other, {90: 0.8})
    assert only_unranked(laboratory, TOY).why_unranked == "incomplete: 2 of 3 conditions"
    assert only_unranked(laboratory, other).why_unranked == "incomplete: 1 of 3 conditions"


def test_two_sources_of_one_model_version_are_two_entries(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5}, model=ref("model", "net", source="old"))
    laboratory.record_entry(TOY, {90: 0.8}, model=ref("model", "net", source="new"))
    assert [row.why_unranked for row in ranked(laboratory).unranked] == [
        "incomplete: 1 of 3 conditions",
        "incomplete: 2 of 3 conditions",
    ]


def test_an_edited_codec_source_fills_the_same_conditions(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.1, 90: 0.8})
    laboratory.record_entry(TOY, {10: 0.5}, on={"codec": ref("codec", "jpeg", source="a comment")})
    (row,) = ranked(laboratory).ranked
    assert row.mean_drop == pytest.approx(0.25)


def test_a_condition_that_the_protocol_does_not_have_fills_none_of_its_own(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    laboratory.record_entry(TOY, {90: 0.8}, on={"parameters": {"subsampling": "4:4:4"}})
    assert only_unranked(laboratory).why_unranked == "incomplete: 2 of 3 conditions"


def test_each_track_has_its_own_ranks_and_metric(laboratory):
    birds = track("birds", manifest="sha256:birds", metric="auc")
    both = protocol("both", tracks=(track(), birds))
    on_birds = {"dataset": ref("dataset", "image-folder"), "manifest": "sha256:birds"}  # found by its samples
    laboratory.record_entry(both, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(both, {None: 0.9, 10: 0.8, 90: 0.8}, model="better")
    laboratory.record_entry(both, {None: 0.9, 10: 0.2, 90: 0.2}, on=on_birds, metric="auc")
    rows = ranked(laboratory, both).ranked
    assert [(row.dataset.name, row.metric, row.model.name, row.rank) for row in rows] == [
        ("cells", "top1", "better", 1),
        ("cells", "top1", "net", 2),
        ("image-folder", "auc", "net", 1),
    ]


def test_a_split_that_the_protocol_does_not_have_is_said(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, on={"split": "train"})
    assert only_unranked(laboratory).why_unranked == "no such track in the protocol: original (and 2 more)"


def test_a_task_narrows_the_ranking(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    of_task = queries.ranking(laboratory.engine, TOY.digest, "classification", released=True)
    assert of_task == ranked(laboratory)
    assert queries.ranking(laboratory.engine, TOY.digest, "detection", released=True) == Ranking()


def test_what_is_usable_is_whole_and_conforms(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, on={"limit": 200})
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, model="other", conformant=False)
    assert len(ranked(laboratory).unranked) == 2
    usable = queries.usable_ranking(laboratory.engine, TOY.digest, released=True)
    assert usable == Ranking(ranked=ranked(laboratory).ranked)
    laboratory.record_entry(TOY, {10: 0.6}, conformant=False)
    (row,) = queries.usable_ranking(laboratory.engine, TOY.digest, released=True).unranked
    assert row.why_unranked == "incomplete: 2 of 3 conditions"


def test_a_protocol_without_results_has_an_empty_ranking(laboratory):
    assert ranked(laboratory) == Ranking()
    laboratory.store.record_protocol(TOY)
    assert ranked(laboratory) == Ranking()
