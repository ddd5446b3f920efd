"""What may be lost against the rate: each codec's drop with its interval, and the budget."""

from __future__ import annotations

from typing import Any

import altair as alt

from suite.report.advice import Advice, Answer, Measured
from suite.report.charts.style import NEUTRAL, OKABE_ITO, PANEL_HEIGHT, SHAPES
from suite.spec import ORIGINAL

DROP = "drop, percentage points"


def advice_panels(advice: Advice) -> dict[str, alt.LayerChart]:
    """Return drops against rates: a chart a codec, by its name, a colour a mitigation, all on the same scales.

    The dashed line is the budget; a setting fits where its whole bar lies below it.
    """
    budget = 100 * advice.budget
    points = [point(answer, measured) | {"budget": budget} for answer in advice.answers for measured in answer.settings]
    if not points:
        return {}
    rates = [min(each["rate"] for each in points), max(each["rate"] for each in points)]
    drops = [min(0.0, *(each["low"] for each in points)), max(budget, *(each["high"] for each in points))]
    mitigations = mitigations_in(advice)
    shared = alt.Chart().encode(
        x=alt.X("rate:Q", title="rate, bits per pixel", scale=alt.Scale(type="log", nice=False, domain=rates)),
        color=alt.Color(
            "mitigation:N",
            scale=alt.Scale(domain=mitigations, range=OKABE_ITO),
            legend=None,
        ),
        tooltip=["codec:N", "mitigation:N", "setting:N", "rate:Q", "drop:Q", "low:Q", "high:Q"],
    )
    shape = alt.Shape("mitigation:N", scale=alt.Scale(domain=mitigations, range=SHAPES), legend=None)
    heights = alt.Scale(domain=drops)
    return {
        codec: panel(shared, shape, heights, [each for each in points if each["codec"] == codec]).properties(
            title=codec
        )
        for codec in dict.fromkeys(each["codec"] for each in points)
    }


def mitigations_in(advice: Advice) -> list[str]:
    """Return the mitigations that are drawn, in the order of their colours."""
    return list(dict.fromkeys(name_of(answer) for answer in advice.answers if answer.settings))


def name_of(answer: Answer) -> str:
    """Return an answer's mitigation."""
    return "no mitigation" if answer.mitigation.name == ORIGINAL else answer.mitigation.name


def panel(shared: alt.Chart, shape: alt.Shape, heights: alt.Scale, points: list[dict[str, Any]]) -> alt.LayerChart:
    """Return the chart of one codec."""
    limit = alt.Chart(alt.Data(values=points[:1])).mark_rule(strokeDash=[6, 4], color=NEUTRAL)
    drop = alt.Y("drop:Q", title=DROP, scale=heights)
    return alt.layer(
        limit.encode(y=alt.Y("budget:Q", title=DROP, scale=heights)),
        shared.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=DROP, scale=heights), y2="high:Q"),
        shared.mark_line(strokeWidth=1).encode(y=drop),
        shared.mark_point(filled=True, opacity=1, size=40).encode(y=drop, shape=shape),
        data=alt.Data(values=points),
    ).properties(height=PANEL_HEIGHT)


def point(answer: Answer, measured: Measured) -> dict[str, Any]:
    """Return one setting of one answer."""
    at = measured.drop
    return {
        "codec": answer.codec,
        "mitigation": name_of(answer),
        "setting": measured.setting,
        "rate": at.bits_per_pixel,
        "drop": round(100 * at.value, 4),
        "low": round(100 * at.low, 4),
        "high": round(100 * at.high, 4),
    }
