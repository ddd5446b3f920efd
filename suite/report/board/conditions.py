"""What drops are taken over: one condition, or the mean over a codec's or over all."""

from __future__ import annotations

import numpy as np

from suite.report.board.columns import codecs_in, of_codec
from suite.report.board.selection import Mask, mean_rates
from suite.report.board.standing import Standing


def averages(standing: Standing) -> dict[str, Mask]:
    """Return everything to take drops over, by its name: all conditions, each codec's, and each alone."""
    conditions = standing.entries.conditions
    every = np.ones(len(conditions), bool)
    codecs = {codec: of_codec(conditions, codec) for codec in codecs_in(conditions, every)}
    alone = {str(on): np.arange(len(conditions)) == column for column, on in enumerate(conditions)}
    return {
        **({"mean over all settings": every} if len(codecs) > 1 else {}),
        **{f"mean over {codec}": mask for codec, mask in codecs.items()},
        **alone,
    }


def by_rate(standing: Standing) -> list[str]:
    """Return the names of the conditions, the lowest mean rate first; those without a rate last."""
    order = np.argsort(mean_rates(standing), kind="stable")
    return [str(standing.entries.conditions[column]) for column in order]


def rate_text(standing: Standing, column: int) -> str:
    """Return a condition's name with its mean rate, where that is known."""
    rate = mean_rates(standing)[column]
    name = str(standing.entries.conditions[column])
    return name if np.isnan(rate) else f"{name}, {rate:.3f} bits per pixel"
