"""The advisor's answers, and their words: a sentence to act on, a table with every codec, and what the numbers are.

`suite.report.advisor` finds the answers. Fractions are shown in percent, drops in percentage points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from suite.api import Task
from suite.errors import UsageError
from suite.metrics.advice import NOWHERE, Crossing, DropAt
from suite.metrics.resampling import RESAMPLES
from suite.report.tables import NOTHING, TextTable, in_order, points
from suite.spec import ORIGINAL, PluginRef, Value

ORIGINALS = "original"
KILOBYTES_PER_MEGAPIXEL = 125
"""Those of one bit per pixel."""

ALMOST = 1 - 1e-9
"""Rates that come out of a logarithm are not the measured ones to the last digit."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What may be lost, ``budget`` (a fraction), and by whom; what is not given may be anything.

    ``level`` is that of each row's interval, with ``simultaneous`` that of all rows together. ``baseline`` is what
    bytes are saved against: ``"original"``, or a setting such as ``"jpeg quality=90"``. Raises UsageError on a budget
    or a level that is none.
    """

    budget: float
    level: float = 0.95
    simultaneous: bool = False
    task: str | None = None
    models: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    baseline: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.budget <= 1:
            raise UsageError(f"Expected 0 to 100 percentage points to lose, but got {100 * self.budget:g}.")
        if not 0.5 <= self.level < 1:
            raise UsageError(f"Expected a confidence from 0.5 to below 1, but got {self.level:g}.")


class Baseline(NamedTuple):
    """What bytes are saved against."""

    name: str
    bits_per_pixel: float


class Timing(NamedTuple):
    """What was timed on the machine of the results: the entry at its best batch, the codec at its middle setting."""

    images_per_second: float | None
    encode_ms: float | None
    decode_ms: float | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One setting of a codec with its drop."""

    setting: str
    result_id: int
    drop: DropAt


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One codec with one mitigation. ``settings`` are those measured, by rate.

    ``smallest`` is the lowest rate that fits, as all above do, ``closest`` the one with the least upper bound; see
    `suite.metrics.advice.CurveAdvice` for these, ``crossing`` and ``resolution``. ``rate`` is the lowest in bits per
    pixel that is shown to fit, measured or between, and ``saving`` the fraction of the baseline's bits that it saves.
    Without a curve ``reason`` says why.
    """

    entry: str
    mitigation: PluginRef
    environment: str
    why_unranked: str
    codec: str
    parameters: dict[str, Value]
    settings: tuple[Measured, ...] = ()
    smallest: Measured | None = None
    closest: Measured | None = None
    crossing: Crossing | None = None
    resolution: float | None = None
    rate: float | None = None
    saving: float | None = None
    timing: Timing
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The answers for one model on one track, the lowest rate first.

    ``level`` is that of each row's intervals: of ``rows`` rows at once, where ``simultaneous`` (Bonferroni).
    """

    task: Task
    dataset: PluginRef
    split: str
    metric: str
    model: PluginRef
    samples: int
    budget: float
    level: float
    simultaneous: bool
    rows: int
    baseline: Baseline | None
    answers: tuple[Answer, ...]


def text_table(label: str, advice: Advice) -> TextTable:
    """Return one model's answers, a row each codec and mitigation."""
    shown = [column for column in COLUMNS if column.always or any(column.cell(each) for each in advice.answers)]
    rows = tuple(tuple(column.cell(each) or NOTHING for column in shown) for each in advice.answers)
    title = f"{label}: {advice.model.name} on {advice.dataset.name}, {lost(advice)} of {advice.metric} to lose"
    columns = tuple(column.title.format(level=f"{100 * advice.level:.3g}") for column in shown)
    return TextTable(title, columns, rows, tuple(notes(advice)))


def sentence(advice: Advice) -> str:
    """Return what to do: the lowest rate, what it saves, the smallest setting measured, and how sure that is."""
    wanted = f"{advice.model.name} on {advice.dataset.name} within {lost(advice)} of its {advice.metric}"
    best = next(iter(advice.answers), None)
    if best is None or best.closest is None:
        return f"Nothing is known of what keeps {wanted}."
    rate = best.rate
    if rate is None:
        at = best.closest.drop
        return (
            f"Nothing measured is shown to keep {wanted}. The closest is {named(best, best.closest)} at "
            f"{at.bits_per_pixel:.3f} bpp: its drop is {points(at.value)}, and may be {points(at.high)}."
        )
    place = between(best)
    return (
        f"To keep {wanted}, use {best.codec}{mitigated(best)} from {rate:.3f} bits per pixel on{place}: "
        f"{kilobytes(rate)} kB per megapixel{against(advice, best)}. {measured(advice)} "
        f"Confidence {sureness(advice)}, {advice.samples:,} images."
    )


def lost(advice: Advice) -> str:
    """Return the budget in words."""
    budget = f"{100 * advice.budget:g}"
    return f"{budget} point" if budget == "1" else f"{budget} points"


def named(answer: Answer, measured: Measured) -> str:
    """Return a setting with its codec and mitigation."""
    return f"{answer.codec} {measured.setting}{mitigated(answer)}"


def mitigated(answer: Answer) -> str:
    """Return an answer's mitigation in words."""
    return "" if answer.mitigation.name == ORIGINAL else f" with {answer.mitigation.name}"


def between(answer: Answer) -> str:
    """Return the settings that a rate between those measured lies between, in words."""
    if answer.smallest is None or answer.rate is None or answer.rate >= answer.smallest.drop.bits_per_pixel * ALMOST:
        return f" ({answer.smallest.setting})" if answer.smallest else ""
    below = answer.settings[answer.settings.index(answer.smallest) - 1]
    return f" (interpolated between {below.setting} and {answer.smallest.setting})"


def measured(advice: Advice) -> str:
    """Return the smallest setting that fits as it was measured, of all answers, in words."""
    fitting = [each for each in advice.answers if each.smallest]
    best = min(fitting, key=lambda each: each.smallest.drop.bits_per_pixel if each.smallest else 0.0)
    if best.smallest is None:
        return ""
    drop = best.smallest.drop
    return (
        f"The smallest setting measured to fit is {named(best, best.smallest)} at {drop.bits_per_pixel:.3f} bpp: "
        f"drop {points(drop.value)}, at most {points(drop.high)}."
    )


def kilobytes(bits_per_pixel: float) -> str:
    """Return a rate in kilobytes per megapixel."""
    return f"{KILOBYTES_PER_MEGAPIXEL * bits_per_pixel:.1f}"


def against(advice: Advice, answer: Answer) -> str:
    """Return what an answer saves against the baseline, in words."""
    if advice.baseline is None or answer.saving is None:
        return ""
    word = "fewer" if answer.saving >= 0 else "more"
    return f", {100 * abs(answer.saving):.0f} % {word} bytes than {baseline_of(advice.baseline)}"


def baseline_of(found: Baseline) -> str:
    """Return a baseline in words."""
    what = "the originals as stored" if found.name == ORIGINALS else found.name
    return f"{what} ({found.bits_per_pixel:.3f} bpp)"


def sureness(advice: Advice) -> str:
    """Return how sure an answer is, or where they are simultaneous all are."""
    return f"{100 * (1 - error(advice)):.3g} %"


def error(advice: Advice) -> float:
    """Return how often an upper bound, one of the two ends of an interval, may be too low: a fraction."""
    return (1 - advice.level) / 2 * (advice.rows if advice.simultaneous else 1)


def smallest_cell(answer: Answer) -> str:
    """Return the smallest setting that fits and its rate."""
    found = answer.smallest
    return f"{found.setting} at {found.drop.bits_per_pixel:.3f}" if found else "none"


def drop_cell(answer: Answer) -> str:
    """Return the drop there with its interval."""
    return with_interval(answer.smallest.drop) if answer.smallest else ""


def crossing_cell(answer: Answer) -> str:
    """Return where the curve meets the budget, with its interval; what is not among the rates measured is an end."""
    found = answer.crossing
    if found is None:
        return ""
    below, above = (f"{sign} {answer.settings[at].drop.bits_per_pixel:.3f}" for sign, at in (("<", 0), (">", -1)))
    outside = above if found.reason == NOWHERE else below
    value = outside if found.bits_per_pixel is None else f"{found.bits_per_pixel:.3f}"
    low = below if found.low is None else f"{found.low:.3f}"
    return f"{value} [{low}, {above if found.high is None else f'{found.high:.3f}'}]"


def with_interval(drop: DropAt) -> str:
    """Return a drop in percentage points with its interval."""
    return f"{points(drop.value)} [{points(drop.low)}, {points(drop.high)}]"


def number(value: float | None, digits: int) -> str:
    """Return a number, nothing where there is none."""
    return "" if value is None else f"{value:.{digits}f}"


class Column(NamedTuple):
    """A column: what stands above it, an answer's cell (empty where there is nothing), and whether to show it empty."""

    title: str
    cell: Callable[[Answer], str]
    always: bool = True


COLUMNS = (
    Column("codec", lambda answer: answer.codec),
    Column("mitigation", lambda answer: "" if answer.mitigation.name == ORIGINAL else answer.mitigation.name, False),
    Column("fits from, bpp", lambda answer: number(answer.rate, 3)),
    Column("kB/MP", lambda answer: "" if answer.rate is None else kilobytes(answer.rate)),
    Column("saved %", lambda answer: number(None if answer.saving is None else 100 * answer.saving, 1), False),
    Column("smallest measured to fit", smallest_cell),
    Column("drop there, points [{level} %]", drop_cell),
    Column("curve meets the budget at, bpp [{level} %]", crossing_cell),
    Column("encode, ms", lambda answer: number(answer.timing.encode_ms, 2), False),
    Column("decode, ms", lambda answer: number(answer.timing.decode_ms, 2), False),
    Column("images/s", lambda answer: number(answer.timing.images_per_second, 1), False),
)


def notes(advice: Advice) -> list[str]:
    """Return what the samples are too few for, what the numbers are, and what has no answer."""
    return [*too_few(advice), *explanations(advice), *misfits(advice), *unranked(advice)]


def too_few(advice: Advice) -> list[str]:
    """Return that so many samples can hardly show so small a drop, where that is so."""
    widths = [each.resolution for each in advice.answers if each.resolution is not None]
    if not widths or advice.budget >= min(widths):
        return []
    known = f"{advice.samples:,} images cannot show a drop below {100 * min(widths):.2f} points"
    enough = f"; some {ceil(advice.samples * (min(widths) / advice.budget) ** 2):,} could" if advice.budget else ""
    return [f"{known}, the upper bound of a drop of none, except where compression happens to gain{enough}"]


def explanations(advice: Advice) -> list[str]:
    """Return what the columns are."""
    rows = (
        f"all {advice.rows} rows together (Bonferroni)" if advice.simultaneous else "one row; --simultaneous is for all"
    )
    saved = (
        f"saved: against {baseline_of(advice.baseline)}, at the rate it fits from" if advice.baseline else NO_BASELINE
    )
    return [
        f"fits: the drop's upper bound is within {lost(advice)}, here and at every higher rate measured",
        f"that is wrong in at most {100 * error(advice):.3g} % of cases for {rows}",
        f"curve: through all settings, never falling, over log bpp; {RESAMPLES:,} resamples of the images or more",
        saved,
    ]


NO_BASELINE = "no savings: neither the originals' rate nor a JPEG setting's is known; name a baseline"


def misfits(advice: Advice) -> list[str]:
    """Return why answers name no setting."""
    return [
        f"{each.codec}{mitigated(each)}: {each.reason or closest(each)}"
        for each in advice.answers
        if each.smallest is None
    ]


def closest(answer: Answer) -> str:
    """Return how close a curve comes that has no setting which fits as do all of higher rates."""
    found, highest = answer.closest, answer.settings[-1]
    if found is None or found is highest:
        return f"none fits; closest is {highest.setting}, {with_interval(highest.drop)}"
    others = f"{found.setting} has {with_interval(found.drop)}"
    return f"none fits with all above it: {others}, but {highest.setting} {with_interval(highest.drop)}"


def unranked(advice: Advice) -> list[str]:
    """Return why entries have no rank; entries with one reason share a line."""
    reasons = in_order(each.why_unranked for each in advice.answers if each.why_unranked)
    return [
        f"{', '.join(in_order(each.entry for each in advice.answers if each.why_unranked == reason))}: {reason}"
        for reason in reasons
    ]
