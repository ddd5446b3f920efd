"""What a submission's folder holds besides the plugin, as frozen data: `submission.toml` and `results.json`.

The folder is ``submissions/NAME/`` with ``plugin.py``, the weights that it names by a relative path, and
``submission.toml``, ``results.json`` and ``README.md``. Each version before is in ``older/VERSION/``, whole. Where rows
that were published turned out wrong, ``errata.toml`` says which and why. Who made predictions again, and what came of
it, is in ``verifications.toml``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from suite.spec import Environment, Measure, PluginRef, Spec, Status
from suite.verification import Verification

SCHEMA = 1
PLUGIN, SUBMISSION, RESULTS, README, OLDER = "plugin.py", "submission.toml", "results.json", "README.md", "older"
ERRATA, VERIFICATIONS = "errata.toml", "verifications.toml"
SubmissionKind: TypeAlias = Literal["codec", "model", "mitigation"]


class Row(Spec, frozen=True):
    """One cell: what was measured, on how many samples, and what came out. ``setting`` is "original" or "quality=75".

    ``cell`` and ``condition`` are the digests of `suite.spec.Cell` and `suite.spec.Condition`; ``outcomes`` that of the
    predictions, which stay outside git.
    """

    cell: str
    condition: str
    dataset: str
    codec: str
    setting: str
    model: str
    mitigation: str
    samples: int
    status: Status
    conformant: bool
    reason: str = ""
    measures: tuple[Measure, ...] = ()
    outcomes: str = ""


class Data(Spec, frozen=True):
    """One track's samples as they were measured: the digest of their manifest and how many a whole run takes."""

    dataset: PluginRef
    split: str
    manifest: str
    samples: int


class Results(Spec, frozen=True):
    """`results.json`: every row of a plugin under one protocol, with those of its reference.

    ``data`` and ``plugins`` (codecs with the original's, models and mitigations that rows name besides ``plugin``) are
    what the digests of the rows are recomputed from, once for all of them: see `suite.submission.planned`.
    ``limit``: the number of leading samples of a trial, None for all. ``packages``: ``name==version`` of the plugin's
    environment. ``isolation``: how the plugin was kept from everything else, such as "bubblewrap 0.8.0, landlock 7".
    ``searched``: a submitted codec's own parameter, which target rates are searched with; empty for other kinds.
    """

    schema: int
    protocol: str
    protocol_digest: str
    limit: int | None
    plugin: PluginRef
    environment: Environment
    packages: tuple[str, ...]
    isolation: str
    data: tuple[Data, ...]
    plugins: tuple[PluginRef, ...]
    rows: tuple[Row, ...]
    searched: str = ""


class Submission(Spec, frozen=True):
    """`submission.toml`: what belongs together. ``made`` is the day (UTC, ISO 8601); digests are SHA-256, hexadecimal.

    ``predictions_sha256`` is that of the file of predictions, of so many bytes, which the contributor keeps.
    """

    schema: int
    name: str
    version: str
    kind: SubmissionKind
    task: str
    protocol: str
    protocol_digest: str
    plugin_sha256: str
    results_sha256: str
    predictions_sha256: str
    predictions_bytes: int
    suite: str
    made: str


class Erratum(Spec, frozen=True):
    """What was wrong with published rows: who says so, on which day (UTC, ISO 8601), why, and the cells' digests."""

    author: str
    date: str
    reason: str
    cells: tuple[str, ...]


class Errata(Spec, frozen=True):
    """`errata.toml`: what was found wrong, oldest first. Entries are added and never taken back."""

    schema: int
    errata: tuple[Erratum, ...]


class Verifications(Spec, frozen=True):
    """`verifications.toml`: what was made again, of any version, oldest first. Entries are added, never taken back."""

    schema: int
    verifications: tuple[Verification, ...] = ()
