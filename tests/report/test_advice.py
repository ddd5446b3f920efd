"""The advisor on a real database: which results it looks at, what it answers, and how it words that."""

import json

import msgspec
import numpy as np
import pytest

from suite.errors import DamagedOutcomes, DataError, UsageError
from suite.metrics import comparison
from suite.report.advice import Question, sentence, text_table
from suite.report.advisor import advise, chosen_protocol
from suite.spec import Measure, to_json
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, throughput
from tests.report.measured_curves import QUALITIES, codec, with_codecs
from tests.report.measured_outcomes import outcome_table

N = 1000
TRUTH = np.arange(N) % 2
JPEG, WEBP = codec("jpeg", subsampling="4:2:0"), codec("webp", method=4)
BOTH = with_codecs(protocol(), JPEG, WEBP)
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
LOST = (300, 100, 20, 5, 0)
ORIGINALS_BPP = 10.0


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    yield found
    found.engine.dispose()


def record(laboratory, lost=None, *, factor=1.0, spec=BOTH, where=HERE, outcomes=True, original=True, on=None, **entry):
    """Record one entry: a codec's place in ``spec`` -> of how many images the answer is lost at each quality.

    The originals are all right and have 10 bits per pixel; qualities have ``factor`` times `RATES`.
    """
    laboratory.store.record_protocol(spec)
    shared = {"samples": N} | (on or {})

    def one(found, right, bits_per_pixel):
        rate = () if bits_per_pixel is None else (Measure(name="bits_per_pixel", value=bits_per_pixel),)
        tables = {"outcomes": outcome_table(right, TRUTH)} if outcomes else {}
        laboratory.record(msgspec.structs.replace(found, measures=(*found.measures, *rate)), where, **tables)

    if original:
        one(result(condition(spec, None, **shared), 1.0, **entry), np.ones(N), ORIGINALS_BPP)
    for place, numbers in (lost or {0: LOST}).items():
        chosen = spec.codecs[place]
        of_codec = {"codec": ref("codec", chosen.name), "parameters": chosen.parameters} | shared
        for quality, rate, count in zip(chosen.values, RATES, numbers, strict=False):
            found = result(condition(spec, quality, **of_codec), 1 - count / N, **entry)
            one(found, np.arange(N) >= count, factor * rate)


def ask(laboratory, budget=0.05, *, spec=BOTH, **question):
    return advise(laboratory.engine, spec, Question(budget=budget, **question))


def only(laboratory, *words, **question):
    (found,) = ask(laboratory, *words, **question)
    return found


def test_the_codec_of_fewer_bits_comes_first_with_its_measured_setting(laboratory):
    record(laboratory, {0: (300, 100, 20, 5, 5), 1: (500, 300, 100, 20, 0)})
    found = only(laboratory)
    jpeg, webp = found.answers
    assert [answer.codec for answer in found.answers] == ["jpeg", "webp"]
    assert (jpeg.smallest.setting, jpeg.smallest.drop.bits_per_pixel) == ("quality=50", 1.0)
    assert (webp.smallest.setting, webp.smallest.drop.bits_per_pixel) == ("quality=70", 2.0)
    interval = comparison.tango(20, 0, N)
    assert (jpeg.smallest.drop.low, jpeg.smallest.drop.high) == interval
    assert [each.setting for each in jpeg.settings] == [f"quality={quality}" for quality in QUALITIES]
    assert 0.5 < jpeg.crossing.low < jpeg.crossing.bits_per_pixel < jpeg.rate < 1
    assert jpeg.rate == jpeg.crossing.high
    assert jpeg.saving == pytest.approx(1 - jpeg.rate / ORIGINALS_BPP)
    assert found.baseline == ("original", ORIGINALS_BPP)
    assert (found.samples, found.rows, found.level) == (N, 2, 0.95)


def test_the_sentence_says_what_to_use_what_it_saves_and_how_sure_that_is(laboratory):
    record(laboratory)
    found = only(laboratory)
    rate = found.answers[0].rate
    high = comparison.tango(20, 0, N).high
    assert sentence(found) == (
        f"To keep net on cells within 5 points of its top1, use jpeg from {rate:.3f} bits per pixel on (interpolated "
        f"between quality=30 and quality=50): {125 * rate:.1f} kB per megapixel, {100 - 10 * rate:.0f} % fewer bytes "
        "than the originals as stored (10.000 bpp). The smallest setting measured to fit is jpeg quality=50 at 1.000 "
        f"bpp: drop +2.00, at most +{100 * high:.2f}. Confidence 97.5 %, 1,000 images."
    )
    table = text_table("toy@1", found)
    assert table.title == "toy@1: net on cells, 5 points of top1 to lose"
    assert table.columns == (
        *("codec", "fits from, bpp", "kB/MP", "saved %", "smallest measured to fit"),
        *("drop there, points [95 %]", "curve meets the budget at, bpp [95 %]"),
    )
    (row,) = table.rows
    assert row[:3] == ("jpeg", f"{rate:.3f}", f"{125 * rate:.1f}")
    assert row[4] == "quality=50 at 1.000"
    assert row[5].startswith("+2.00 [+")
    assert "against the originals as stored (10.000 bpp)" in " ".join(table.notes)


def test_where_the_lowest_rate_fits_nothing_is_extrapolated(laboratory):
    record(laboratory)
    found = only(laboratory, 0.5)
    assert found.answers[0].rate == pytest.approx(0.25)
    assert "use jpeg from 0.250 bits per pixel on (quality=10)" in sentence(found)
    assert text_table("toy@1", found).rows[0][-1] == "< 0.250 [< 0.250, 0.250]"


def test_where_nothing_fits_the_closest_is_named(laboratory):
    record(laboratory, {0: (500, 400, 300, 200, 100)})
    found = only(laboratory)
    assert found.answers[0].smallest is found.answers[0].rate is found.answers[0].saving is None
    high = 100 * comparison.tango(100, 0, N).high
    assert sentence(found) == (
        "Nothing measured is shown to keep net on cells within 5 points of its top1. The closest is jpeg quality=90 at "
        f"4.000 bpp: its drop is +10.00, and may be +{high:.2f}."
    )
    table = text_table("toy@1", found)
    assert table.rows[0][1:5] == ("-", "-", "none", "-")
    assert table.rows[0][-1] == "> 4.000 [4.000, > 4.000]"
    assert any(note.startswith("jpeg: none fits; closest is quality=90, +10.00 [") for note in table.notes)


def test_a_setting_that_fits_alone_is_named_with_the_one_that_does_not(laboratory):
    record(laboratory, {0: (500, 400, 300, 0, 100)})
    notes = text_table("toy@1", only(laboratory)).notes
    assert any(note.startswith("jpeg: none fits with all above it: quality=70 has +0.00 [") for note in notes)


def test_too_few_images_for_the_budget_are_said_to_be(laboratory):
    record(laboratory)
    least = 100 * comparison.tango(0, 0, N).high
    (note, *_) = text_table("toy@1", only(laboratory, 0.001)).notes
    assert note.startswith(f"1,000 images cannot show a drop below {least:.2f} points")
    assert note.endswith(f"; some {np.ceil(N * (least / 0.1) ** 2):,.0f} could")
    assert not any("cannot show" in each for each in text_table("toy@1", only(laboratory, 0.004)).notes)
    assert "could" not in text_table("toy@1", only(laboratory, 0.0)).notes[0]


def test_a_mitigation_that_buys_the_loss_back_comes_first(laboratory):
    record(laboratory)
    record(laboratory, {0: (20, 5, 0, 0, 0)}, mitigation="deblock", original=False)
    found = only(laboratory)
    assert [answer.entry for answer in found.answers] == ["net + deblock", "net"]
    assert "use jpeg with deblock from 0.250 bits per pixel on" in sentence(found)
    table = text_table("toy@1", found)
    assert table.columns[1] == "mitigation"
    assert [row[1] for row in table.rows] == ["deblock", "-"]
    (alone,) = only(laboratory, mitigations=("none",)).answers
    assert alone.entry == "net"


def test_each_model_has_answers_of_its_own(laboratory):
    record(laboratory)
    record(laboratory, {0: (0, 0, 0, 0, 0)}, model="robust")
    assert [found.model.name for found in ask(laboratory)] == ["net", "robust"]
    assert only(laboratory, models=("robust",)).answers[0].rate == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"models": ("nett",)}, "No model of these results is named 'nett'. There are: net. Did you mean 'net'?"),
        (
            {"codecs": ("wepb",)},
            "No codec of these results is named 'wepb'. There are: jpeg, webp. Did you mean 'webp'?",
        ),
        (
            {"mitigations": ("non",)},
            "No mitigation of these results is named 'non'. There are: none. Did you mean 'none'?",
        ),
        ({"baseline": "jpeg quality=95"}, "Did you mean 'jpeg quality 90'?"),
        ({"budget": 1.5}, "Expected 0 to 100 percentage points to lose, but got 150."),
        ({"budget": float("nan")}, "Expected 0 to 100 percentage points to lose, but got nan."),
        ({"level": 95}, "Expected a confidence from 0.5 to below 1, but got 95."),
    ],
)
def test_a_mistake_is_explained(laboratory, question, message):
    record(laboratory, {0: LOST, 1: LOST})
    with pytest.raises(UsageError) as error:
        ask(laboratory, **question)
    assert message in str(error.value)


def test_only_the_codecs_asked_for_are_looked_at(laboratory):
    record(laboratory, {0: LOST, 1: LOST})
    found = only(laboratory, codecs=("webp",))
    assert ([answer.codec for answer in found.answers], found.rows) == (["webp"], 1)


def test_savings_are_against_what_is_asked_for(laboratory):
    record(laboratory, {0: LOST, 1: LOST})
    found = only(laboratory, codecs=("webp",), baseline="jpeg quality=90")
    assert found.baseline == ("jpeg quality 90", 4.0)
    assert found.answers[0].saving == pytest.approx(1 - found.answers[0].rate / 4)
    more = only(laboratory, baseline="jpeg quality 10")
    assert "% more bytes than jpeg quality 10 (0.250 bpp)" in sentence(more)


def test_without_the_originals_rate_the_highest_jpeg_rate_is_the_baseline(laboratory):
    first = msgspec.structs.replace(BOTH, order="geometry-then-compress")
    record(laboratory, {0: LOST, 1: LOST}, spec=first)
    assert only(laboratory, spec=first).baseline == ("jpeg quality 90", 4.0)
    with pytest.raises(UsageError, match="No baseline of these results is named 'original'"):
        ask(laboratory, spec=first, baseline="original")


def test_without_jpeg_either_there_is_no_baseline(laboratory):
    spec = msgspec.structs.replace(with_codecs(protocol(), WEBP), order="geometry-then-compress")
    record(laboratory, spec=spec)
    found = only(laboratory, spec=spec)
    assert found.baseline is found.answers[0].saving is None
    assert "bytes than" not in sentence(found)
    assert "saved %" not in text_table("toy@1", found).columns
    assert any(note.startswith("no savings: ") for note in text_table("toy@1", found).notes)


def test_all_rows_together_ask_for_wider_intervals(laboratory):
    record(laboratory, {0: LOST, 1: LOST})
    one, all_rows = only(laboratory), only(laboratory, simultaneous=True)
    assert all_rows.level == pytest.approx(0.975)
    assert all_rows.answers[0].smallest.drop.high == comparison.tango(20, 0, N, 1 - 0.05 / 2).high
    assert all_rows.answers[0].rate > one.answers[0].rate
    notes = text_table("toy@1", all_rows).notes
    assert "that is wrong in at most 2.5 % of cases for all 2 rows together (Bonferroni)" in notes
    assert sentence(all_rows).endswith("Confidence 97.5 %, 1,000 images.")


def test_trials_and_what_does_not_conform_do_not_count(laboratory):
    record(laboratory, on={"limit": 20})
    record(laboratory, conformant=False, model="other")
    assert ask(laboratory) == ()


def test_the_newest_complete_results_of_one_machine_count(laboratory):
    spec = with_codecs(protocol(), JPEG)
    record(laboratory, {0: (400, 300, 200, 100, 0)}, spec=spec)
    record(laboratory, spec=spec, where=ELSEWHERE)
    record(laboratory, {0: (0, 0)}, spec=spec, where=HERE, model=ref("model", "net", "2"))
    (answer,) = only(laboratory, spec=spec).answers
    assert (answer.environment, answer.smallest.setting) == (ELSEWHERE.digest, "quality=50")


def test_what_an_older_model_was_measured_with_is_left_out(laboratory):
    spec = with_codecs(protocol(), JPEG)
    record(laboratory, spec=spec)
    record(laboratory, spec=spec, mitigation="deblock", original=False)
    record(laboratory, spec=spec, model=ref("model", "net", "2"))
    found = only(laboratory, spec=spec)
    assert (found.model.version, [answer.entry for answer in found.answers]) == ("2", ["net"])


def test_an_entry_without_every_codec_is_looked_at_all_the_same(laboratory):
    record(laboratory)
    found = only(laboratory)
    assert found.answers[0].rate is not None
    assert text_table("toy@1", found).notes[-1] == "net: incomplete: 6 of 11 conditions; protocol is a draft"


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"original": False}, "the model was not measured on the originals"),
        ({"outcomes": False}, "no per-sample outcomes are stored; measure it with 'suite run'"),
    ],
)
def test_what_an_answer_takes_and_is_not_there_is_said(laboratory, missing, reason):
    record(laboratory, **missing)
    found = only(laboratory)
    assert (found.answers[0].reason, found.answers[0].rate) == (reason, None)
    assert sentence(found) == "Nothing is known of what keeps net on cells within 5 points of its top1."
    assert f"jpeg: {reason}" in text_table("toy@1", found).notes


def test_results_of_other_samples_are_no_curve(laboratory):
    record(laboratory, {0: LOST[:1]})
    other = result(condition(BOTH, 90, samples=N), 0.5)
    rated = msgspec.structs.replace(other, measures=(*other.measures, Measure(name="bits_per_pixel", value=4.0)))
    laboratory.record(rated, outcomes=outcome_table(np.ones(N), 1 - TRUTH))
    with pytest.raises(DataError, match="hold other samples, or in another order"):
        ask(laboratory)


def test_damaged_outcomes_are_told(laboratory):
    record(laboratory)
    next(laboratory.path.with_name("results.outcomes").glob("*/*.parquet")).write_bytes(b"damaged")
    with pytest.raises(DamagedOutcomes):
        ask(laboratory)


def test_valid_timings_of_the_same_machine_stand_beside(laboratory):
    record(laboratory, {0: LOST, 1: (500, 400, 300, 200, 100)})
    speed = (Measure(name="images_per_second_at_best", value=55.5),)
    cost = (Measure(name="encode_ms", value=1.25), Measure(name="decode_ms", value=0.5))
    on_jpeg = condition(BOTH, 50, samples=N)
    alone = {"work": "codec", "condition": on_jpeg, "model": None, "mitigation": None, "reference": None}
    laboratory.record_throughput(throughput(BOTH, measures=speed))
    laboratory.record_throughput(throughput(BOTH, measures=cost, **alone))
    slow = (Measure(name="images_per_second_at_best", value=1),)
    laboratory.record_throughput(throughput(BOTH, measures=slow, status="invalid"))
    laboratory.record_throughput(throughput(BOTH, measures=slow), ELSEWHERE)
    laboratory.record_throughput(throughput(BOTH, measures=slow, work="training"))
    found = only(laboratory)
    assert [answer.timing for answer in found.answers] == [(55.5, 1.25, 0.5), (55.5, None, None)]
    table = text_table("toy@1", found)
    assert table.columns[-3:] == ("encode, ms", "decode, ms", "images/s")
    assert table.rows[0][-3:] == ("1.25", "0.50", "55.5")


def test_balanced_accuracy_weighs_classes(laboratory):
    (on_cells,) = BOTH.tracks
    spec = msgspec.structs.replace(BOTH, tracks=(msgspec.structs.replace(on_cells, metrics=("balanced_accuracy",)),))
    record(laboratory, spec=spec, metric="balanced_accuracy")
    (answer,) = only(laboratory, spec=spec).answers
    assert answer.settings[1].drop.value == pytest.approx(0.1)
    tango, found = comparison.tango(100, 0, N).high, answer.settings[1].drop.high
    assert found == pytest.approx(tango, abs=0.005)
    assert found != pytest.approx(tango, abs=1e-6)
    assert answer.smallest.setting == "quality=50"


def test_a_metric_that_is_no_mean_over_images_has_no_answer(laboratory):
    (on_cells,) = BOTH.tracks
    spec = msgspec.structs.replace(BOTH, tracks=(msgspec.structs.replace(on_cells, metrics=("auc",)),))
    record(laboratory, spec=spec, metric="auc")
    assert only(laboratory, spec=spec).answers[0].reason == "its metric is no mean over samples"


def test_the_only_protocol_with_results_need_not_be_named(laboratory):
    with pytest.raises(UsageError, match="No results are stored yet"):
        chosen_protocol(laboratory.engine)
    record(laboratory)
    assert chosen_protocol(laboratory.engine) == BOTH
    other = msgspec.structs.replace(BOTH, name="other")
    record(laboratory, spec=other, model="elsewhere")
    with pytest.raises(UsageError, match=r"several protocols: other@1, toy@1\. Name one with --protocol"):
        chosen_protocol(laboratory.engine)
    assert chosen_protocol(laboratory.engine, ["elsewhere"]) == other
    with pytest.raises(UsageError, match=r"No model of these results is named 'elsewere'.* Did you mean 'elsewhere'\?"):
        chosen_protocol(laboratory.engine, ["elsewere"])


def test_scripts_get_json(laboratory):
    record(laboratory)
    ((found,), original) = json.loads(to_json(ask(laboratory))), only(laboratory)
    assert found["baseline"] == ["original", 10.0]
    assert found["answers"][0]["rate"] == pytest.approx(original.answers[0].rate)
    assert found["answers"][0]["smallest"]["setting"] == "quality=50"
    assert found["answers"][0]["settings"][0]["drop"]["bits_per_pixel"] == 0.25
