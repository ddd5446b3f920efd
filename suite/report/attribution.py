"""Whose work a measurement stands on: the plugins that a protocol and an entry name, with their cards.

Cards come from a database (`stored_cards`), which is all that the board needs, or from the installed plugins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from sqlalchemy import Engine

from suite import registry
from suite.api import Card
from suite.db import queries
from suite.db.queries import Ranking, StoredPlugin
from suite.errors import SuiteError, UnknownPlugin, UsageError, nearest
from suite.report.references import plain
from suite.report.tables import entry_of
from suite.spec import ORIGINAL, PluginKind, PluginName, PluginRef, ProtocolSpec

JOIN = " + "
"""Between model and mitigation in an entry's name."""

Cards: TypeAlias = Mapping[tuple[PluginKind, str], Card]
"""(kind, name@version) -> what the plugin says of itself."""


class Entry(NamedTuple):
    """A model with a mitigation, as a ranking names them."""

    name: str
    model: PluginName
    mitigation: PluginName

    @property
    def plugins(self) -> list[tuple[PluginKind, PluginName]]:
        """What it is made of; the identity is no one's work."""
        parts: list[tuple[PluginKind, PluginName]] = [("model", self.model), ("mitigation", self.mitigation)]
        return [(kind, name) for kind, name in parts if name.name != ORIGINAL]


class Credit(NamedTuple):
    """A plugin that a protocol or an entry names, and its card; None where nobody has one."""

    kind: PluginKind
    name: PluginName
    card: Card | None
    of_protocol: bool
    of_entry: bool

    @property
    def use(self) -> str:
        """What its references are cited for."""
        return plain(f"{self.kind} {self.name}")


def credits_of(spec: ProtocolSpec, cards: Cards, entry: Entry | None = None) -> tuple[Credit, ...]:
    """Return the plugins of a protocol (datasets, codecs, baselines, mitigations) and of an entry, once each."""
    fixed, entrys = plugins_of(spec), entry.plugins if entry else []
    return tuple(
        Credit(*part, cards.get((part[0], str(part[1]))), part in fixed, part in entrys)
        for part in dict.fromkeys((*fixed, *entrys))
    )


def plugins_of(spec: ProtocolSpec) -> list[tuple[PluginKind, PluginName]]:
    """Return the plugins that a protocol names; the identity is no one's work."""
    parts: list[tuple[PluginKind, PluginName]] = [("dataset", track.dataset) for track in spec.tracks]
    parts += [("codec", PluginName(name=codec.name, version=codec.version)) for codec in spec.codecs]
    parts += [("model", name) for track in spec.tracks for name in track.baselines]
    parts += [("mitigation", name) for track in spec.tracks for name in track.mitigations]
    return [(kind, name) for kind, name in parts if name.name != ORIGINAL]


def stored_cards(plugins: Iterable[StoredPlugin]) -> dict[tuple[PluginKind, str], Card]:
    """Return the cards in a database (`queries.plugins`)."""
    return {(each.ref.kind, str(each.ref)): each.card for each in plugins if each.card is not None}


def installed_cards(parts: Iterable[tuple[PluginKind, PluginName]]) -> dict[tuple[PluginKind, str], Card]:
    """Return the cards of the plugins that are installed here in the very versions that ``parts`` name."""
    found = {}
    for kind, name in parts:
        try:
            loaded = registry.load(kind, name.name)
        except SuiteError:  # a dataset of one's own, or what cannot be imported here: the citation says it has no card
            continue
        if loaded.card is not None and loaded.ref.version == name.version:
            found[kind, str(name)] = loaded.card
    return found


def stored_entries(found: Ranking) -> dict[str, Entry]:
    """Return the entries of a ranking by name, of several versions the newest."""
    rows = sorted((*found.ranked, *found.unranked), key=lambda row: row.age)
    return {entry_of(row): Entry(entry_of(row), pinned(row.model), pinned(row.mitigation)) for row in rows}


def pinned(ref: PluginRef) -> PluginName:
    """Return a measured plugin's name and version."""
    return PluginName(name=ref.name, version=ref.version)


def find_entry(name: str, spec: ProtocolSpec, engine: Engine | None) -> Entry:
    """Return the entry of that name among the results under a protocol, else that of installed plugins.

    ``engine`` is None where there is no database. Raises UsageError with what there is and the nearest name.
    """
    stored = {} if engine is None else stored_entries(queries.ranking(engine, spec.digest, released=True))
    if name in stored:
        return stored[name]
    try:
        return installed_entry(name)
    except UnknownPlugin as error:
        known = [*stored, *registry.names("model")]
        there = f"Measured under {spec.label}: {', '.join(stored) or 'nothing yet'}."
        hint = nearest(name, known) or "'suite plugins model' lists the installed models."
        raise UsageError(f"No entry is named '{name[:200]}'. {there} {hint}") from error


def installed_entry(name: str) -> Entry:
    """Return the entry that installed plugins make. Raises UnknownPlugin."""
    model, _, mitigation = name.partition(JOIN)
    parts = registry.load("model", model), registry.load("mitigation", mitigation or ORIGINAL)
    return Entry(name, *(pinned(part.ref) for part in parts))


def known_credits(spec: ProtocolSpec, entry: Entry | None, engine: Engine | None) -> tuple[Credit, ...]:
    """Return `credits_of` with the cards that results were stored with, and else those of installed plugins."""
    stored = {} if engine is None else stored_cards(queries.plugins(engine))
    parts = [*plugins_of(spec), *(entry.plugins if entry else ())]
    lacking = [(kind, name) for kind, name in parts if (kind, str(name)) not in stored]
    return credits_of(spec, stored | installed_cards(lacking), entry)
