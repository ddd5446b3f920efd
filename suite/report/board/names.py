"""Names that tell a board's entries apart: as short as they can be, and longer where two would share one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from suite.db.queries import EntryRow
from suite.report.board.standing import Standing, samples_of
from suite.spec import ORIGINAL, PluginRef

Item = TypeVar("Item")


class Names(NamedTuple):
    """The names of a standing's entries, each as long as its rows; on a track no two entries share one.

    ``models``: the model, with its version and machine where another has that name too; ``entries``: with the
    mitigation behind it.
    """

    models: tuple[str, ...]
    mitigations: tuple[str, ...]
    entries: tuple[str, ...]


def names_of(standing: Standing) -> Names:
    """Return the names of a standing's entries."""
    rows = standing.entries.rows
    models, mitigations = model_names(rows), mitigation_names(rows)
    entries = (
        model if row.mitigation.name == ORIGINAL else f"{model} + {mitigation}"
        for row, model, mitigation in zip(rows, models, mitigations, strict=True)
    )
    return Names(models=models, mitigations=mitigations, entries=tuple(entries))


def model_names(rows: Sequence[EntryRow]) -> tuple[str, ...]:
    """Return the name of each entry's model on its machine and samples."""
    keys = list(map(samples_of, rows))
    first = dict(zip(reversed(keys), reversed(rows), strict=True))
    forms = (
        lambda row: row.model.name,
        lambda row: f"version {row.model.version}",
        lambda row: f"source {short(row.model.digest)}",
        lambda row: f"machine {short(row.environment)}",
        lambda row: "all samples" if row.limit is None else f"trial on {row.limit}",
        lambda row: f"samples {short(row.manifest)}",
    )
    named = dict(zip(first, distinguished(list(first.values()), forms), strict=True))
    return tuple(named[key] for key in keys)


def mitigation_names(rows: Sequence[EntryRow]) -> tuple[str, ...]:
    """Return the name of each entry's mitigation."""
    refs = list(dict.fromkeys(row.mitigation for row in rows))
    forms: tuple[Callable[[PluginRef], str], ...] = (
        lambda ref: ref.name,
        lambda ref: f"version {ref.version}",
        lambda ref: f"source {short(ref.digest)}",
    )
    named = dict(zip(refs, distinguished(refs, forms), strict=True))
    return tuple(named[row.mitigation] for row in rows)


def distinguished(items: Sequence[Item], forms: Iterable[Callable[[Item], str]]) -> list[str]:
    """Return each item's first form, with those of the others in which items that share a name differ."""
    names = [""] * len(items)
    for form in forms:
        texts = list(map(form, items))
        differing: dict[str, set[str]] = defaultdict(set)
        for name, text in zip(names, texts, strict=True):
            differing[name].add(text)
        names = [
            name if name and len(differing[name]) == 1 else f"{name}, {text}" if name else text
            for name, text in zip(names, texts, strict=True)
        ]
    return names


def short(digest: str) -> str:
    """Return the beginning of a digest."""
    return digest.removeprefix("sha256:")[:8]


def offered(names: Iterable[str], part: str, chosen: Collection[str], *, most: int) -> tuple[list[str], int]:
    """Return the names to choose from and how many are left out: the first that have ``part``, and those chosen."""
    every = list(dict.fromkeys(names))
    matching = [name for name in every if part.casefold() in name.casefold()]
    kept = set(matching[:most]) | set(chosen)
    found = [name for name in every if name in kept]
    return found, len(every) - len(found)


def by_model(standing: Standing, names: Names, track: str) -> dict[str, dict[str, int]]:
    """Return the places of a track's entries: model -> mitigation -> place, the models by their best rank."""
    found: dict[str, dict[str, int]] = {}
    for place, on in enumerate(standing.track_names):
        if on == track:
            found.setdefault(names.models[place], {})[names.mitigations[place]] = place
    return found


def plain_first(mitigations: Iterable[str]) -> list[str]:
    """Return mitigations once each: none first, the others as they first come."""
    found = dict.fromkeys(mitigations)
    return [ORIGINAL] * (ORIGINAL in found) + [name for name in found if name != ORIGINAL]
