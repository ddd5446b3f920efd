"""Whether the files of one version say the same: names, digests, days, and the protocol that was measured."""

from __future__ import annotations

from collections.abc import Iterator

from suite import protocols
from suite.errors import nearest
from suite.submission.gate.problem import Problem
from suite.submission.gate.version import Version
from suite.submission.records import ERRATA, PLUGIN, RESULTS, SUBMISSION, VERIFICATIONS
from suite.verification import SHA256, faults_of, is_day

MOST_SENTENCE = 1_000


def problems_of_agreement(version: Version) -> Iterator[Problem]:
    """Yield where two files of a folder say different things."""
    manifest, said, measured = version.manifest, version.submission, version.results
    pairs = (
        (version.folder, manifest.name, f"the folder's name and the name in {PLUGIN}"),
        (manifest.name, said.name, f"the name in {PLUGIN} and in {SUBMISSION}"),
        (said.name, measured.plugin.name, f"the name in {SUBMISSION} and in {RESULTS}"),
        (manifest.version, said.version, f"the version in {PLUGIN} and in {SUBMISSION}"),
        (said.version, measured.plugin.version, f"the version in {SUBMISSION} and in {RESULTS}"),
        (manifest.kind, said.kind, f"the kind in {PLUGIN} and in {SUBMISSION}"),
        (said.kind, measured.plugin.kind, f"the kind in {SUBMISSION} and in {RESULTS}"),
        (manifest.task or said.task, said.task, f"the task in {PLUGIN} and in {SUBMISSION}"),
        (said.protocol, measured.protocol, f"the protocol in {SUBMISSION} and in {RESULTS}"),
        (said.protocol_digest, measured.protocol_digest, f"the protocol's digest in {SUBMISSION} and in {RESULTS}"),
        (said.plugin_sha256, version.files[PLUGIN].sha256, f"plugin_sha256 in {SUBMISSION} and that of {PLUGIN}"),
        (said.results_sha256, version.files[RESULTS].sha256, f"results_sha256 in {SUBMISSION} and that of {RESULTS}"),
    )
    for one, other, what in pairs:
        if one != other:
            yield Problem(version.where, "agreement", f"'{one}' is not '{other}': {what}. Run suite submit again.")


def problems_of_submission(version: Version) -> Iterator[Problem]:
    """Yield what is well-formed in `submission.toml` and still says nothing."""
    said, where = version.submission, f"{version.where}/{SUBMISSION}"
    if not SHA256.fullmatch(said.predictions_sha256) or said.predictions_bytes <= 0:
        yield Problem(where, "submission", "predictions_sha256 and predictions_bytes are not those of a file.")
    if not is_day(said.made):
        yield Problem(where, "submission", f"Expected 'made' to be a day such as 2026-11-21, but got '{said.made}'.")


def problems_of_errata(version: Version) -> Iterator[Problem]:
    """Yield the errata that do not say who, when, why or which."""
    for number, erratum in enumerate(version.errata.errata, start=1):
        said = (erratum.author, erratum.reason)
        if not all(text.strip() and len(text) <= MOST_SENTENCE for text in said) or not erratum.cells:
            yield Problem(
                f"{version.where}/{ERRATA}", "errata", f"Erratum {number} lacks an author, a reason or cells. Add them."
            )
        if not is_day(erratum.date):
            yield Problem(
                f"{version.where}/{ERRATA}", "errata", f"Erratum {number}: '{erratum.date}' is no day like 2026-11-21."
            )


def problems_of_verifications(version: Version) -> Iterator[Problem]:
    """Yield the verifications that say what cannot be, or are of another submission."""
    where = f"{version.where}/{VERIFICATIONS}"
    for number, said in enumerate(version.verifications.verifications, start=1):
        faults = list(faults_of(said))
        if said.name != version.folder:
            faults.append(f"it is of '{said.name}'")
        for fault in faults:
            yield Problem(where, "verifications", f"Verification {number}: {fault}. Leave it as suite verify wrote it.")


def problems_of_protocol(version: Version) -> Iterator[Problem]:
    """Yield why what was measured is no whole released protocol."""
    where, label, limit = f"{version.where}/{RESULTS}", version.results.protocol, version.results.limit
    released = protocols.released_digests()
    if label not in released:
        hint = nearest(label, released) or f"There are {', '.join(released)}."
        yield Problem(where, "protocol", f"'{label}' is no released protocol. {hint}")
    elif released[label] != version.results.protocol_digest:
        instead = f"{label} was released with digest {released[label]}. Measure with a suite that has it."
        yield Problem(where, "protocol", instead)
    if limit is not None:
        yield Problem(where, "trial", f"This is a trial on {limit} samples. Run suite submit without --limit.")
