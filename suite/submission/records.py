"""What a submission's folder holds besides the plugin, as frozen data: `submission.toml` and `results.json`.

The folder is ``submissions/NAME/`` with ``plugin.py``, the weights that it names by a relative path, and
``submission.toml``, ``results.json`` and ``README.md``. Each version before is in ``older/VERSION/``, whole.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from suite.spec import Environment, Measure, PluginRef, Spec, Status

SCHEMA = 1
PLUGIN, SUBMISSION, RESULTS, README, OLDER = "plugin.py", "submission.toml", "results.json", "README.md", "older"
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


class Results(Spec, frozen=True):
    """`results.json`: every row of a plugin under one protocol, with those of its reference.

    ``limit``: the number of leading samples of a trial, None for all. ``packages``: ``name==version`` of the plugin's
    environment. ``isolation``: how the plugin was kept from everything else, such as "bubblewrap 0.8.0, landlock 7".
    """

    schema: int
    protocol: str
    protocol_digest: str
    limit: int | None
    plugin: PluginRef
    environment: Environment
    packages: tuple[str, ...]
    isolation: str
    rows: tuple[Row, ...]


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
