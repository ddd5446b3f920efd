"""A submission's folder, written whole beside its place and moved there; the version before goes to ``older/``."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from suite import __version__
from suite.errors import UsageError
from suite.submission.codec_table import codec_chart
from suite.submission.guests import Visitor
from suite.submission.manifest import newer, read
from suite.submission.measuring import Measured
from suite.submission.predictions import Kept
from suite.submission.records import (
    ERRATA,
    OLDER,
    PLUGIN,
    README,
    RESULTS,
    SCHEMA,
    SUBMISSION,
    VERIFICATIONS,
    Results,
    Row,
    Submission,
)
from suite.submission.table import table_of


def check_version(folder: Path, visitor: Visitor) -> None:
    """Raise UsageError unless the plugin may take its name: none has it yet, or a lower version of it."""
    if not (folder / PLUGIN).is_file():
        return
    there = read(folder / PLUGIN).version
    same = (folder / PLUGIN).read_bytes() == visitor.source
    if there != visitor.manifest.version and not newer(visitor.manifest.version, there):
        raise UsageError(
            f"{folder} holds version {there}, and {visitor.manifest.version} is not higher. Raise it in the metadata."
        )
    if there == visitor.manifest.version and not same:
        raise UsageError(
            f"{folder} holds version {there} with another file. Raise the version in the metadata: results of two "
            "files never share one."
        )


def write(folder: Path, visitor: Visitor, found: Measured, predictions: Kept, weights: Mapping[str, Path]) -> None:
    """Write a submission's folder; ``weights`` are the files beside the plugin, by their names in the metadata.

    Whatever stops this, the folder is as it was or as it shall be. Raises OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        fill(new, visitor, found, predictions, weights)
        if folder.is_dir():
            keep_older(folder, new, visitor.manifest.version)
            folder.rename(Path(scratch) / "old")
        new.rename(folder)


def fill(new: Path, visitor: Visitor, found: Measured, predictions: Kept, weights: Mapping[str, Path]) -> None:
    """Write the files of one version."""
    (new / PLUGIN).write_bytes(visitor.source)
    for name, path in weights.items():
        place = new / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    text = msgspec.json.format(msgspec.json.encode(found.results), indent=1) + b"\n"
    (new / RESULTS).write_bytes(text)
    said = msgspec.to_builtins(submission_of(visitor, found, text, predictions))
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in said.items())  # TOML, as all of it is flat
    (new / SUBMISSION).write_text("".join(lines), encoding="utf-8")
    (new / README).write_text(readme_of(visitor, found.results), encoding="utf-8")


def keep_older(folder: Path, new: Path, version: str) -> None:
    """Copy what must stay: older versions, errata, verifications, and the version before a newer one."""
    if (folder / OLDER).is_dir():
        shutil.copytree(folder / OLDER, new / OLDER)
    for name in (ERRATA, VERIFICATIONS):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, new / name)
    there = read(folder / PLUGIN).version
    if there == version:
        return
    shutil.copytree(folder, new / OLDER / there, ignore=lambda path, _: {OLDER} if Path(path) == folder else set())


def submission_of(visitor: Visitor, found: Measured, text: bytes, predictions: Kept) -> Submission:
    """Return what `submission.toml` says."""
    manifest, results = visitor.manifest, found.results
    return Submission(
        schema=SCHEMA,
        name=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        task=manifest.task or found.task,
        protocol=results.protocol,
        protocol_digest=results.protocol_digest,
        plugin_sha256=sha256(visitor.source).hexdigest(),
        results_sha256=sha256(text).hexdigest(),
        predictions_sha256=predictions.sha256,
        predictions_bytes=predictions.byte_count,
        suite=__version__,
        made=datetime.now(UTC).date().isoformat(),
    )


def readme_of(visitor: Visitor, results: Results) -> str:
    """Return the folder's README: what it is, its table and its curves."""
    manifest = visitor.manifest
    about = [
        ("Kind", manifest.kind),
        ("Authors", manifest.authors),
        ("Licence", manifest.licence),
        ("Paper", manifest.paper),
        ("Code", manifest.code),
        ("Training data", manifest.training_data),
    ]
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        *(f"- {what}: {escaped(said)}" for what, said in about if said),
        f"- Protocol: {results.protocol} (`{results.protocol_digest}`)",
        f"- Isolation: {results.isolation}",
        "",
        *([f"A trial on the first {results.limit} samples.", ""] if results.limit else []),
        table_of(results),
        *(codec_chart(results) if manifest.kind == "codec" else charts(results)),
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return a contributor's text so that Markdown shows it as it is."""
    flat = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-!|<>&~" else letter for letter in flat)


def charts(results: Results) -> Iterable[str]:
    """Yield a chart of each codec in Mermaid, which GitHub draws: the submitted entry, then its references."""
    for codec in dict.fromkeys(row.codec for row in results.rows if row.setting != "original"):
        rows = [row for row in results.rows if row.codec == codec and row.measures]
        settings = list(dict.fromkeys(row.setting for row in rows))
        entries = list(dict.fromkeys((row.model, row.mitigation) for row in rows))
        if len(settings) > 1:
            names = ", ".join(setting.partition("=")[2] for setting in settings)
            yield from ("```mermaid", "xychart-beta", f'title "{codec}: accuracy in percent"')
            yield from (f"x-axis [{names}]", 'y-axis "percent"')
            yield from (f"line [{', '.join(percents(rows, settings, entry))}]" for entry in entries)
            yield from ("```", "")


def percents(rows: Sequence[Row], settings: Sequence[str], entry: tuple[str, str]) -> list[str]:
    """Return an entry's accuracy at each setting."""
    found = {row.setting: row.measures[0].value for row in rows if (row.model, row.mitigation) == entry}
    return [f"{100 * found.get(setting, 0.0):.2f}" for setting in settings]
