"""From one file to a finished submission: examined, measured, looked at again, and written as a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from suite import registry
from suite.contracts import Finding, check_codec, check_model, check_restoration, check_retraining
from suite.errors import InvalidPlugin, PluginError
from suite.isolation.guest import GuestModel, GuestRetraining
from suite.isolation.guest_codec import GuestCodec
from suite.progress import Progress
from suite.submission import folder, predictions, verify
from suite.submission.guests import Terms, Visitor, received
from suite.submission.measuring import Measured, Order, measured
from suite.submission.predictions import Kept
from suite.submission.records import SubmissionKind
from suite.submission.verify import Verdict

SHARE_SEEN_AGAIN: dict[SubmissionKind, float] = {"model": 0.02, "mitigation": 0.02, "codec": 0.05}
"""Of the samples, once each under one condition, in a new process: whoever answers from memory is found."""


@dataclass(frozen=True)
class Submitted:
    """What became of a plugin: its checks, and where its folder and its predictions are; None after a dry run."""

    visitor: Visitor
    findings: tuple[Finding, ...]
    folder: Path
    measured: Measured | None = None
    predictions: Kept | None = None
    verdict: Verdict | None = None


def submit(
    plugin: Path, order: Order, terms: Terms, *, submissions: Path, dry_run: bool, progress: Progress
) -> Submitted:
    """Take a plugin through everything; ``dry_run`` stops before it is measured. Raises a SuiteError."""
    with received(plugin, terms, progress) as visitor:
        target = submissions / visitor.manifest.name
        folder.check_version(target, visitor)
        findings = examined(visitor, terms, progress)
        if dry_run:
            return Submitted(visitor, findings, target)
        found = measured(visitor, order, progress)
    kept = predictions.write(
        predictions.place(order.database, visitor.manifest.name, visitor.manifest.version),
        found.stored,
        order.database,
        with_frames=visitor.manifest.kind == "codec",
    )
    verdict = verify.again(plugin, order, terms, kept, share=SHARE_SEEN_AGAIN[visitor.manifest.kind], progress=progress)
    verify.check(verdict)
    weights = {entry.file: plugin.parent / entry.file for entry in visitor.manifest.weights if not entry.url}
    folder.write(target, visitor, found, kept, weights)
    return Submitted(visitor, findings, target, found, kept, verdict)


def contract(visitor: Visitor, terms: Terms, progress: Progress) -> tuple[Finding, ...]:
    """Return the findings of the contract of the plugin's kind."""
    progress.start("checking the contract", None)
    plugin = visitor.plugin
    if isinstance(plugin, GuestCodec):
        return tuple(check_codec(plugin))
    if isinstance(plugin, GuestModel):
        return tuple(check_model(plugin, terms.device))
    if isinstance(plugin, GuestRetraining):
        return retraining_contract(plugin, terms.device)
    return tuple(check_restoration(plugin, terms.device))


def retraining_contract(plugin: GuestRetraining, device: str) -> tuple[Finding, ...]:
    """Return the findings of a retraining, and those of a model for each network that it has."""
    networks = ((name, network_contract(plugin, name, device)) for name in plugin.models())
    named = (replace(finding, check=f"{name}: {finding.check}") for name, found in networks for finding in found)
    return (*check_retraining(plugin), *named)


def network_contract(plugin: GuestRetraining, name: str, device: str) -> list[Finding]:
    """Return the findings of the network that stands in for a model, or why it cannot."""
    try:
        network = plugin.adapt(registry.load("model", name).plugin)
    except PluginError as error:
        return [Finding("stands in", ok=False, message=str(error))]
    return check_model(network, device)


def examined(visitor: Visitor, terms: Terms, progress: Progress) -> tuple[Finding, ...]:
    """Return the findings of the contract. Raises InvalidPlugin with all that are not ok."""
    findings = contract(visitor, terms, progress)
    failed = [f"{finding.check}: {finding.message}" for finding in findings if not finding.ok]
    if failed:
        raise InvalidPlugin("The plugin does not keep the contract of its kind:\n" + "\n".join(failed))
    return findings
