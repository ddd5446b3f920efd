"""The badges of entries: the newest verification of each submitted plugin that takes part in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from suite.db.queries import EntryRow, StoredVerification, Verification
from suite.spec import PluginRef

Badges: TypeAlias = Mapping[tuple[PluginRef, int | None], Verification]
"""The newest verification of a plugin, on all samples (None) or in a trial on so many. All are of one protocol."""


def badges_of(found: Iterable[StoredVerification]) -> Badges:
    """Return the newest verification of each plugin; ``found`` are those of one protocol, the newest first."""
    badges: dict[tuple[PluginRef, int | None], Verification] = {}
    for each in found:
        badges.setdefault((each.verification.plugin, each.verification.limit), each.verification)
    return badges


def badge_of(badges: Badges, row: EntryRow) -> Verification | None:
    """Return an entry's badge, None where nobody verified it; of two plugins one that failed comes first."""
    found = [badges[key] for plugin in (row.model, row.mitigation) if (key := (plugin, row.limit)) in badges]
    return min(found, key=lambda each: each.ok, default=None)
