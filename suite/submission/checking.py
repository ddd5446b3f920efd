"""A submission's folder, or a plugin's file, examined by itself: its files, its contract, a trial of its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from suite import embedded, protocols
from suite.contracts import Finding
from suite.errors import SuiteError, UsageError
from suite.isolation.guest import GuestModel
from suite.progress import Progress
from suite.submission import gate, manifest
from suite.submission.gate.history import current
from suite.submission.guests import Terms, Visitor, received
from suite.submission.measuring import Order, measured
from suite.submission.planned import served
from suite.submission.records import PLUGIN, SUBMISSION, SubmissionKind
from suite.submission.submit import contract


def examined(place: Path, terms: Terms, *, limit: int, progress: Progress) -> Iterator[Finding]:
    """Yield what each check of a folder or of a plugin's file finds; the trial is of ``limit`` samples.

    Raises UsageError for what is neither, InvalidManifest, and what stands against running the plugin at all.
    """
    if not (place / PLUGIN if place.is_dir() else place).is_file():
        raise UsageError(f"{place} is neither a submission's folder nor a plugin's file.")
    plugin = place / PLUGIN if place.is_dir() else place
    if (place / SUBMISSION).is_file():
        wrong = rules_broken(place)
        yield from wrong or [Finding("rules", ok=True, message="")]
    with received(plugin, terms, progress) as visitor:
        findings = contract(visitor, terms, progress)
        yield from findings
        if not all(finding.ok for finding in findings):
            return
        yield trial(visitor, terms, limit=limit, progress=progress)


def trial(visitor: Visitor, terms: Terms, *, limit: int, progress: Progress) -> Finding:
    """Measure a plugin on a few samples of the embedded protocol, where it does what that asks for."""
    spec = protocols.load(protocol_for(visitor.manifest.kind))
    plugin, retrains = visitor.plugin, visitor.manifest.retrains
    if retrains and not any(served(track.baselines, retrains) for track in spec.tracks):
        return Finding("trial", ok=True, message=f"{spec.label} has none of the models that it retrains")
    asked = {(track.task, track.classes) for track in spec.tracks}
    if isinstance(plugin, GuestModel) and (plugin.task, plugin.classes) not in asked:
        return Finding(
            "trial", ok=True, message=f"{spec.label} is for other models than one of {plugin.classes} classes"
        )
    with TemporaryDirectory(prefix="suite-check-") as scratch:
        order = Order(spec=spec, database=Path(scratch) / "trial.db", limit=limit, device=terms.device)
        try:
            measured(visitor, order, progress)
        except SuiteError as error:
            return Finding("trial", ok=False, message=str(error))
    return Finding("trial", ok=True, message="")


def protocol_for(kind: SubmissionKind) -> str:
    """Return the protocol that a plugin of a kind is measured under unless another is named."""
    return embedded.CODECS if kind == "codec" else embedded.MODELS


def rules_broken(folder: Path) -> list[Finding]:
    """Return the rules that the folder of a submission breaks, without a look at what was there before."""
    name = folder.resolve().name
    files = current(gate.tree_of(folder))
    version = gate.opened(folder, f"submissions/{name}", files=files, manifests=manifest)
    problems = version if isinstance(version, list) else list(gate.problems_of_folder(version))
    return [Finding(f"rule {each.rule}", ok=False, message=f"{each.path}: {each.message}") for each in problems]
