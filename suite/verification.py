"""A random share of a submission's predictions, made again: how many, by whom, and how many came out otherwise.

The newest one is a submission's badge. `suite.submission.badge` keeps them beside it, `suite.db` in a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Literal

from suite.spec import PluginRef, Spec

DIGEST = re.compile("sha256:[0-9a-f]{64}")
SHA256 = re.compile("[0-9a-f]{64}")
MOST_CHARACTERS = 1_000
"""Of a text that somebody wrote."""
WORDS, DIGESTS = ("author", "isolation"), ("plugin_digest", "protocol_digest", "environment")


class Verification(Spec, frozen=True):
    """What came of making recorded predictions again. It counts for this plugin digest under this protocol alone.

    ``plugin_digest`` is that of the `PluginRef`; ``predictions_sha256`` (hexadecimal) is of the file that was compared
    with. ``author`` verified on ``date`` (UTC, ISO 8601), on the machine with the digest ``environment``; ``isolation``
    is how the plugin was kept apart. Of the samples a ``share`` was asked for, in (0, 1]: ``compared`` predictions were
    made, and ``differing`` of them moved by more than ``tolerance``, a share of the recorded score. ``limit`` is the
    number of leading samples of a trial, None for all.
    """

    kind: Literal["codec", "model", "mitigation"]
    name: str
    version: str
    plugin_digest: str
    protocol: str
    protocol_digest: str
    predictions_sha256: str
    date: str
    author: str
    environment: str
    isolation: str
    share: float
    compared: int
    differing: int
    tolerance: float
    limit: int | None = None

    @property
    def plugin(self) -> PluginRef:
        """The plugin that was verified."""
        return PluginRef(kind=self.kind, name=self.name, version=self.version, digest=self.plugin_digest)

    @property
    def ok(self) -> bool:
        """Whether every prediction came out as recorded."""
        return self.differing == 0

    @property
    def word(self) -> str:
        """What the badge says."""
        return "verified" if self.ok else "verification failed"

    def __str__(self) -> str:
        made = f"{self.compared:,} predictions{' of a trial' if self.limit else ''} made again"
        found = made if self.ok else f"{self.differing:,} of {made} differ"
        return f"{self.word}: {found}, {self.date}, by {self.author}"


def faults_of(said: Verification) -> Iterator[str]:
    """Yield what a verification says that cannot be."""
    yield from (f"'{name}' is empty, too long, or not printable" for name in WORDS if not is_text(getattr(said, name)))
    yield from (f"'{name}' is no digest" for name in DIGESTS if not DIGEST.fullmatch(getattr(said, name)))
    if not is_day(said.date):
        yield f"'{said.date}' is no day like 2026-11-21"
    if not SHA256.fullmatch(said.predictions_sha256):
        yield "'predictions_sha256' is no SHA-256"
    if not (0 < said.share <= 1 and 0 <= said.tolerance < 1):
        yield "the share is not in (0, 1], or the tolerance not in [0, 1)"
    if not (0 <= said.differing <= said.compared > 0):
        yield "the counts of predictions are not possible"
    if said.limit is not None and said.limit < 1:
        yield f"a trial on {said.limit} samples is none"


def is_text(text: str) -> bool:
    """Whether a text says something, on one line."""
    return bool(text.strip()) and len(text) <= MOST_CHARACTERS and text.isprintable()


def is_day(text: str) -> bool:
    """Whether a text is a day in ISO 8601."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
