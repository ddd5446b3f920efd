"""Results to pairs: pure functions. Two entries are compared on one machine and on the same samples only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from suite.api import Task
from suite.db.ranking import Slot, metric_of, setup_of, slot_of, slots_of, track_of
from suite.db.records import Pair, StoredResult
from suite.errors import UsageError, nearest
from suite.spec import ORIGINAL, PluginRef, ProtocolSpec


class Place(NamedTuple):
    """The machine and the samples that two results must share."""

    environment: str
    task: Task
    dataset: PluginRef
    split: str
    manifest: str
    samples: int
    limit: int | None


Cells: TypeAlias = Mapping[Place, Mapping[Slot, StoredResult]]
"""What an entry measured where."""


def pair(
    spec: ProtocolSpec, results: Iterable[StoredResult], first: str, second: str, *, environment: str | None = None
) -> tuple[Pair, ...]:
    """Pair the newest results of two entries, all of protocol ``spec``, place by place in the protocol's order.

    Trials are left out where both were measured on all samples. Raises UsageError.
    """
    counted = [each for each in sorted(results, key=lambda each: each.age) if each.counts]
    ours = on_machine(counted, environment)
    both = [cells_of(ours, named(name, ours)) for name in (first, second)]
    places = chosen_places(both, (first, second))
    return tuple(
        paired(spec, both[0][place][slot], both[1][place][slot])
        for place in places
        for slot in slots_of(spec)
        if slot in both[0][place] and slot in both[1][place]
    )


def paired(spec: ProtocolSpec, first: StoredResult, second: StoredResult) -> Pair:
    """Return a pair with its ranking's metric."""
    return Pair(first=first, second=second, metric=metric_of(track_of(spec, setup_of(first))))


def on_machine(results: Sequence[StoredResult], environment: str | None) -> list[StoredResult]:
    """Return the results of the machine whose digest begins so, all where None. Raises UsageError."""
    if environment is None:
        return list(results)
    wanted = environment.removeprefix("sha256:")
    known = list(dict.fromkeys(each.environment for each in results))
    found = [digest for digest in known if digest.removeprefix("sha256:").startswith(wanted)]
    if len(found) != 1:
        listed = ", ".join(digest[:19] for digest in known) or "none"
        raise UsageError(f"Expected the beginning of one environment's digest, but got '{environment[:80]}': {listed}.")
    return [each for each in results if each.environment == found[0]]


def named(name: str, results: Sequence[StoredResult]) -> str:
    """Return the entry's name if results have it. Raises UsageError with the nearest one."""
    known = list(dict.fromkeys(entry_name(each) for each in results))
    if name in known:
        return name
    there = f"There are: {', '.join(sorted(known))}." if known else "Nothing that counts was measured."
    raise UsageError(f"No entry of these results is named '{name[:200]}'. {there} {nearest(name, known)}".rstrip())


def entry_name(stored: StoredResult) -> str:
    """Return an entry's name as a ranking shows it."""
    model, mitigation = stored.result.cell.model, stored.result.cell.mitigation
    return model.name if mitigation.name == ORIGINAL else f"{model.name} + {mitigation.name}"


def models_named(*entries: str) -> list[str]:
    """Return every model that entries of these names may be of: a model's own name may have a ``" + "`` in it."""
    parted = (entry[:at] for entry in entries for at in range(len(entry)) if entry.startswith(" + ", at))
    return list(dict.fromkeys((*entries, *parted)))


def cells_of(results: Sequence[StoredResult], name: str) -> Cells:
    """Return what an entry measured: of several versions the newest at each place, of several results the newest.

    The original's is that of the unmitigated model, as in a ranking.
    """
    entries = {place_of(each): each.result.cell for each in results if entry_name(each) == name}
    cells: dict[Place, dict[Slot, StoredResult]] = defaultdict(dict)
    for each in results:
        entry, cell = entries.get(place_of(each)), each.result.cell
        if entry is None or cell.model != entry.model:
            continue
        is_reference = cell.condition.is_reference
        if cell.mitigation.name == ORIGINAL if is_reference else cell.mitigation == entry.mitigation:
            cells[place_of(each)][slot_of(cell.condition)] = each
    return cells


def place_of(stored: StoredResult) -> Place:
    """Return where and on what a result was measured."""
    on = stored.result.cell.condition
    return Place(stored.environment, on.task, on.dataset, on.split, on.manifest, on.samples, on.limit)


def chosen_places(both: Sequence[Cells], names: Sequence[str]) -> list[Place]:
    """Return where two entries meet on the machine that was used last; trials only if that is all there is."""
    newest = {
        place: max(cells[place][slot].age for cells in both for slot in slots)
        for place in both[0].keys() & both[1].keys()
        if (slots := both[0][place].keys() & both[1][place].keys())
    }
    if not newest:
        raise UsageError(f"{names[0]} and {names[1]} cannot be compared: {why_apart(*both)}. Measure both again.")
    machine = max(newest, key=lambda place: newest[place]).environment
    here = sorted((place for place in newest if place.environment == machine), key=lambda place: newest[place])
    return [place for place in here if place.limit is None] or here[-1:]


def why_apart(first: Cells, second: Cells) -> str:
    """Return why two entries have nothing in common."""
    places: tuple[Collection[Place], Collection[Place]] = (first.keys(), second.keys())
    if not set.intersection(*({place.environment for place in each} for each in places)):
        return "they were measured on different machines"
    if not set.intersection(*(set(each) for each in places)):
        return "they were measured on different samples"
    return "they were measured under different conditions"
