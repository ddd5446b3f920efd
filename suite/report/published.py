"""Published numbers as plain tables of text, and what was measured here of the same models, to be shown beside them.

Fractions are shown in percent. Nothing here ranks: a paper's order is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from suite.db.queries import Drop, PublishedNumber, Ranking, RankingRow
from suite.published.studies import PLUGINS, STUDIES, label_of
from suite.report.tables import NOTHING, TextTable, in_order

BITS_PER_PIXEL = "bpp"


class MeasuredBeside(NamedTuple):
    """A drop measured here of a model that a paper calls ``model``; ``origin`` names the protocol and the images."""

    model: str
    mitigation: str
    drop: Drop
    origin: str


def studies_table(numbers: Iterable[PublishedNumber]) -> TextTable:
    """Return the studies that the package carries, each with how many of its numbers a database has."""
    sources = [number.source for number in numbers]
    rows = [
        (study.label, f"{sources.count(study.name):,}", study.citation, study.link, study.fixes) for study in STUDIES
    ]
    return TextTable("Published studies", ("protocol", "numbers", "paper", "link", "what it fixes"), tuple(rows))


def tables_of(numbers: Sequence[PublishedNumber]) -> list[TextTable]:
    """Return a table for each task, dataset and metric of each study, and one of what its settings do to the images."""
    tables = []
    for source in in_order(number.source for number in numbers):
        of_study = [number for number in numbers if number.source == source]
        tables += [numbers_table(track, of_track(of_study, track)) for track in tracks_of(of_study)]
        if any(number.distortion for number in of_study):
            tables.append(distortion_table(source, of_study))
    return tables


def tracks_of(numbers: Iterable[PublishedNumber]) -> list[str]:
    """Return what studies report on, as they first come."""
    return in_order(track_of(number) for number in numbers)


def of_track(numbers: Iterable[PublishedNumber], track: str) -> list[PublishedNumber]:
    """Return the numbers of one track."""
    return [number for number in numbers if track_of(number) == track]


def track_of(number: PublishedNumber) -> str:
    """Return what a number is one of: numbers of one track share a table."""
    return f"{label_of(number.source)}: {number.task} on {number.dataset}, {number.metric}"


def numbers_table(track: str, numbers: Sequence[PublishedNumber]) -> TextTable:
    """Return a track's numbers: a row a model and mitigation, a column a setting."""
    axes = in_order(axis_of(number) for number in numbers)
    by = f", by {axes[0]}" if len(axes) == 1 else ""
    title_of = setting_of if len(axes) > 1 else plain_setting_of
    settings = in_order(title_of(number) for number in numbers)
    rows: dict[tuple[str, str], dict[str, PublishedNumber]] = {}
    for number in numbers:
        rows.setdefault((number.model, number.mitigation), {})[title_of(number)] = number
    body = [
        (*entry, percent(next(iter(found.values())).reference), *(percent_at(found, name) for name in settings))
        for entry, found in rows.items()
    ]
    columns = ("model", "mitigation", "original", *settings)
    return TextTable(f"{track} in % as the paper prints it{by}", columns, tuple(body), notes_on(numbers))


def distortion_table(source: str, numbers: Iterable[PublishedNumber]) -> TextTable:
    """Return what a study's settings do to the images, as it states that."""
    stated = {setting_of(number): number.distortion for number in numbers if number.distortion}
    rows = [(name, f"{d.bits_per_pixel:.3f}", f"{d.psnr_db:.2f}", f"{d.ssim:.3f}") for name, d in stated.items()]
    title = f"{label_of(source)}: what each setting does to the images"
    return TextTable(title, ("setting", "bpp", "PSNR, dB", "SSIM"), tuple(rows))


def notes_on(numbers: Sequence[PublishedNumber]) -> tuple[str, ...]:
    """Return where a track's numbers stand, and what is to be said of single ones."""
    papers = [study.citation for study in STUDIES if study.name == numbers[0].source]
    where = ", ".join([*papers, *in_order(number.table for number in numbers)])
    single = [
        f"{number.model}, {number.mitigation}, {setting_of(number)}: {number.note}" for number in numbers if number.note
    ]
    return (where, *single)


def axis_of(number: PublishedNumber) -> str:
    """Return what is varied: the codec and its parameter."""
    return f"{number.codec} {number.parameter}".strip()


def setting_of(number: PublishedNumber) -> str:
    """Return a setting's name, the codec's too."""
    return f"{axis_of(number)} {number.setting}".strip()


def plain_setting_of(number: PublishedNumber) -> str:
    """Return a setting's name where all are of one codec."""
    return number.setting or NOTHING


def percent(value: float) -> str:
    """Return a fraction in percent."""
    return f"{100 * value:.2f}"


def percent_at(found: dict[str, PublishedNumber], setting: str) -> str:
    """Return the value at a setting in percent."""
    return percent(found[setting].value) if setting in found else NOTHING


def measured_beside(label: str, found: Ranking, numbers: Iterable[PublishedNumber]) -> list[MeasuredBeside]:
    """Return what protocol ``label`` measured of the models of ``numbers``, of the same task and metric, on their axes.

    Of two entries of one model and mitigation the newer counts; dataset and number of images are in its ``origin``.
    """
    newest = {
        (str(row.task), row.metric, row.model.name, row.mitigation.name): row
        for row in sorted((*found.ranked, *found.unranked), key=lambda row: row.age)
    }
    wanted = {(number.task, number.metric, plugin_of(number)): number.model for number in numbers}
    axes = {(number.model, number.codec, number.parameter) for number in numbers}
    return [
        MeasuredBeside(wanted[key[:3]], row.mitigation.name, drop, origin_of(label, row))
        for key, row in newest.items()
        if key[:3] in wanted
        for drop in row.drops
        if drop.drop is not None and axes & set(axes_of(wanted[key[:3]], drop))
    ]


def plugin_of(number: PublishedNumber) -> str:
    """Return the plugin that stands for a paper's model, empty where there is none."""
    return PLUGINS.get((number.source, number.model), "")


def axes_of(model: str, drop: Drop) -> list[tuple[str, str, str]]:
    """Return the axes that a measured drop has a place on: its codec's parameter, and the rate."""
    return [(model, drop.codec, drop.parameter), (model, drop.codec, BITS_PER_PIXEL)]


def origin_of(label: str, row: RankingRow) -> str:
    """Return where a measured curve comes from."""
    return f"measured here, {label} ({row.dataset.name}, {row.samples:,} images)"
