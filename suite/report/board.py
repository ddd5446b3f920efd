"""What the board asks: the protocols that have results, and the standing of their entries."""

from __future__ import annotations

from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import Ranking, StoredProtocol
from suite.protocols import is_released


def status_of(protocol: StoredProtocol) -> str:
    """Return whether a stored protocol is ``"released"`` or a ``"draft"``."""
    return "released" if is_released(protocol.spec) else "draft"


def standing(engine: Engine, protocol: StoredProtocol) -> Ranking:
    """Return the ranking of a stored protocol; a draft's entries have no rank."""
    return queries.ranking(engine, protocol.digest, released=is_released(protocol.spec))
