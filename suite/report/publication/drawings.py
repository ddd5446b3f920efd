"""The figures of a publication: which there are, what they say, and what to run where one has nothing to show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from suite.db.queries import RankingRow, StoredThroughput
from suite.progress import Progress
from suite.report.charts import figures
from suite.report.charts.figures import MOST_ENTRIES, MOST_MODELS, MOST_PANELS, Chart
from suite.report.publication.document import Figure
from suite.report.publication.rendering import inline, rendered
from suite.report.publication.sections import Findings, numbered, short
from suite.report.publication.tracks import Track

Draw: TypeAlias = Callable[[Sequence[RankingRow]], Chart | None]


class Drawing(NamedTuple):
    """A figure that every track has: its section and name, how it is drawn, its words, and what to run without data."""

    section: str
    name: str
    draw: Draw
    title: str
    caption: str
    run: str


MITIGATE = "suite run {label} --mitigation NAME"
DRAWINGS = (
    Drawing(
        "ranking",
        "at-a-glance",
        figures.at_a_glance,
        "At a glance",
        f"Mean drop of the best {MOST_ENTRIES} entries; the line reaches from the smallest to the largest drop.",
        "suite run {label}",
    ),
    Drawing(
        "rates",
        "rate-accuracy",
        figures.rate_accuracy,
        "Rate and accuracy",
        f"The best {MOST_PANELS} entries with 95 % intervals; dashed: the original images.",
        "suite run {label}",
    ),
    Drawing(
        "mitigations",
        "mitigations",
        figures.mitigations,
        "Mitigations per model",
        f"Mean drop without and with each mitigation, of the first {MOST_MODELS} models that were measured with both.",
        MITIGATE,
    ),
    Drawing(
        "mitigations",
        "transfer",
        figures.transfer,
        "Transfer",
        "Points of the mean drop that a mitigation buys back, model by model; below 0 it makes matters worse.",
        f"{MITIGATE} (one mitigation with two models or more)",
    ),
    Drawing(
        "mitigations",
        "multihead",
        figures.multihead,
        "Best mitigation for each setting",
        "Each mitigation, none included, beside the one that loses least at each setting. That choice is made with the "
        "truth at hand: no system can make it, and one with a head for each setting can at best come near.",
        f"{MITIGATE} (two mitigations or more with one model)",
    ),
)
"""In the order of the sections. `loss_by_task` and `throughput` are of all tracks at once."""

Figures: TypeAlias = dict[str, list[Figure]]
"""By the name of the section that shows them."""


def figures_of(found: Findings, progress: Progress) -> Figures:
    """Return all figures."""
    progress.start("figures", len(found.tracks) * len(DRAWINGS) + 2)
    by_section: Figures = defaultdict(list)
    by_section["ranking"].append(loss_by_task(found))
    progress.advance(1)
    for drawing in DRAWINGS:
        for name, track in zip(numbered(drawing.name, len(found.tracks)), found.tracks, strict=True):
            by_section[drawing.section].append(of_track(drawing, name, track, found))
            progress.advance(1)
    by_section["throughput"].append(throughput(found))
    progress.advance(1)
    return by_section


def of_track(drawing: Drawing, name: str, track: Track, found: Findings) -> Figure:
    """Return a track's figure."""
    count = f"{track.drawable:,} of {track.entries:,} entries can be drawn: those with every setting on all samples."
    return figure(
        name,
        drawing.draw(track.drawn),
        title=drawing.title if len(found.tracks) == 1 else f"{drawing.title}: {track.name}",
        caption=f"{drawing.caption} {count}",
        run=drawing.run.format(label=found.spec.label),
    )


def loss_by_task(found: Findings) -> Figure:
    """Return the figure of all tasks."""
    return figure(
        "loss-by-task",
        figures.loss_by_task({track.name: track.drawn for track in found.tracks}),
        title="Loss by task",
        caption="Mean drop of the models without mitigation over each codec's settings; the line reaches from the best "
        "to the worst model. Codecs have settings of their own: compare them at equal rates, below.",
        run=f"suite run {found.spec.label}",
    )


def throughput(found: Findings) -> Figure:
    """Return the figure of the newest valid timing of each entry on each machine."""
    timed = [(f"machine {short(each.environment)}", each.throughput) for each in newest_valid(found.timings)]
    return figure(
        "throughput",
        figures.throughput(timed),
        title="Throughput",
        caption=f"Images a second of {MOST_ENTRIES} entries at most; the line reaches from the slowest to the fastest "
        "repeat. Only timings that count, machine by machine.",
        run=f"suite throughput {found.spec.label}",
    )


def newest_valid(timings: Sequence[StoredThroughput]) -> list[StoredThroughput]:
    """Return the newest timing that counts of each entry on each machine, by machine and name."""
    valid = (each for each in timings if each.throughput.status == "valid" and each.throughput.work == "inference")
    last = {
        (each.environment, each.throughput.model, each.throughput.mitigation): each
        for each in sorted(valid, key=lambda each: each.age)
    }
    return sorted(last.values(), key=lambda each: (each.environment, str(each.throughput), each.age))


def figure(name: str, chart: Chart | None, *, title: str, caption: str, run: str) -> Figure:
    """Return a chart as a figure, or what to run for one."""
    if chart is None:
        lacking = f"Nothing to draw yet. Run: {run}"
        return Figure(name=name, title=title, caption=caption, files={}, lacking=lacking)
    return Figure(
        name=name, title=title, caption=caption, files=rendered(name, chart), svg=inline(f"{name}-page", chart)
    )
