"""What the board asks: the protocols that have results, the standing of their entries, and their curves summed up."""

from __future__ import annotations

from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import Ranking, StoredProtocol
from suite.protocols import is_released
from suite.report.rates import rate_tables, tables_of
from suite.report.tables import TextTable


def status_of(protocol: StoredProtocol) -> str:
    """Return whether a stored protocol is ``"released"`` or a ``"draft"``."""
    return "released" if is_released(protocol.spec) else "draft"


def standing(engine: Engine, protocol: StoredProtocol) -> Ranking:
    """Return the ranking of a stored protocol; a draft's entries have no rank."""
    return queries.ranking(engine, protocol.digest, released=is_released(protocol.spec))


def rates(engine: Engine, protocol: StoredProtocol) -> list[TextTable]:
    """Return the tables of `suite rates` for a stored protocol; none without results on all samples."""
    found = rate_tables(engine, protocol.digest, released=is_released(protocol.spec))
    return tables_of(protocol.label, found)
