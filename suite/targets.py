"""Target rates of a whole split: the one setting whose mean rate over all images comes nearest, found before a run.

A target for each image needs none of this: `suite.stages.codec_stage.code` looks for its setting on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from math import fsum

from suite.api import Setting
from suite.engines import local
from suite.pipeline import Failure, Job, LiveCondition, attempt, rates_of_block
from suite.progress import Progress
from suite.stages.rates import nearest

Rates = dict[tuple[int, str], Callable[[Setting], float]]


def settle(job: Job, *, workers: int, progress: Progress) -> tuple[Job, dict[str, str]]:
    """Return ``job`` with one setting for each of its targets over the split, and why a cell cannot have one.

    Its bitstreams are in the store afterwards, as far as that reaches.
    """
    settled, failures = [], dict[str, str]()
    rates: Rates = {}
    for live in job.conditions:
        found = attempt_setting(job, live, rates, workers=workers, progress=progress)
        if isinstance(found, Failure):
            failures |= dict.fromkeys((cell.digest for cell in live.cells), found.reason)
        else:
            settled.append(live._replace(settings=found))
    return replace(job, conditions=tuple(settled)), failures


def attempt_setting(
    job: Job, live: LiveCondition, rates: Rates, *, workers: int, progress: Progress
) -> tuple[Setting, ...] | Failure:
    """Return the settings that a condition's images are coded with. ``rates`` remembers those of other targets."""
    if live.condition.axis != "bpp-per-dataset":
        return live.settings
    key = id(live.geometry), live.encoder.identity
    if key not in rates:
        rates[key] = cache(partial(mean_rate, job, live, workers=workers, progress=progress))
    target = float(live.condition.value)
    found: Setting | Failure = attempt(lambda: nearest(live.settings, rates[key], target))
    if isinstance(found, Failure):
        return found
    progress.note(f"{live.condition}: {found} is nearest, at {rates[key](found):.4f} bits per pixel.")
    return (found,)


def mean_rate(job: Job, live: LiveCondition, setting: Setting, *, workers: int, progress: Progress) -> float:
    """Return the mean rate of a job's images at one setting, in bits per pixel. Raises DataError or CodecError."""
    progress.start(f"rate of {live.condition.label} {setting}", len(job.samples))
    rates = []
    for rate in local.stream(partial(rates_of_block, job, live, setting), job.starts(), workers=workers):
        rates.append(rate)
        progress.advance(1)
    return fsum(rates) / len(rates)  # fsum: blocks come in any order
