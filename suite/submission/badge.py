"""The badge of a submission: what `verify` found, written down beside it and in the database that has its results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from suite import environment
from suite.db import queries
from suite.db.engine import open_for_writing
from suite.db.store import Store
from suite.environment import output_of
from suite.errors import UnverifiedSubmission, UsageError
from suite.home import write_atomically
from suite.spec import Environment
from suite.submission.records import SCHEMA, SUBMISSION, VERIFICATIONS, Results, Submission, Verifications
from suite.submission.verify import Verdict, parsed_toml, read_results, read_submission
from suite.verification import Verification, faults_of, is_text


def author_of(said: str | None, folder: Path) -> str:
    """Return who verifies: ``said``, else the name that git knows for ``folder``. Raises UsageError."""
    name = said if said is not None else output_of("git", "-C", str(folder), "config", "--get", "user.name")
    name = " ".join(name.split())
    if not is_text(name):
        raise UsageError("A verification says who made it, and boards show that. Name yourself: --author 'A. Author'")
    return name


def read(folder: Path) -> tuple[Verification, ...]:
    """Return the verifications beside a submission, oldest first. Raises IncompleteSubmission."""
    path = folder / VERIFICATIONS
    return parsed_toml(path, Verifications).verifications if path.exists() else ()


def badge_of(folder: Path) -> Verification | None:
    """Return the newest verification of what is in a submission's folder now, of no older version."""
    said, results = read_submission(folder), read_results(folder)
    found = [each for each in read(folder) if is_of(each, said, results)]
    return found[-1] if found else None


def is_of(each: Verification, said: Submission, results: Results) -> bool:
    """Whether a verification counts for what a folder holds."""
    here = (results.plugin.digest, said.name, said.protocol_digest, results.limit)
    return (each.plugin_digest, each.name, each.protocol_digest, each.limit) == here


def record(
    folder: Path, verdict: Verdict, *, share: float, author: str, device: str, database: Path
) -> tuple[Verification, bool]:
    """Write down what came of verifying a submission, and return that and whether ``database`` has it too.

    It goes into `verifications.toml`, and into a database that has results of the plugin under the protocol. Raises
    OSError, IncompleteSubmission, UnverifiedSubmission for what cannot be, or StorageError.
    """
    here = environment.record(device)
    made = verification_of(folder, verdict, share=share, author=author, environment=here.digest)
    for fault in faults_of(made):
        raise UnverifiedSubmission(f"What came of verifying {folder} cannot be recorded: {fault}. Submit it again.")
    add(folder, made)
    return made, stored(database, made, here)


def verification_of(folder: Path, verdict: Verdict, *, share: float, author: str, environment: str) -> Verification:
    """Return what `verifications.toml` says of a verdict; ``environment`` is the digest of this machine's."""
    said = read_submission(folder)
    return Verification(
        kind=said.kind,
        name=said.name,
        version=said.version,
        plugin_digest=verdict.plugin.digest,
        protocol=said.protocol,
        protocol_digest=said.protocol_digest,
        predictions_sha256=said.predictions_sha256,
        limit=read_results(folder).limit,
        date=datetime.now(UTC).date().isoformat(),
        author=author,
        environment=environment,
        isolation=verdict.isolation,
        share=share,
        compared=verdict.compared,
        differing=len(verdict.differing),
        tolerance=verdict.tolerance,
    )


def add(folder: Path, made: Verification) -> None:
    """Add a verification at the end of `verifications.toml`; what is there stays as it is, byte for byte."""
    path = folder / VERIFICATIONS
    text = path.read_text(encoding="utf-8") if path.exists() else f"schema = {SCHEMA}\n"
    said = {key: value for key, value in msgspec.to_builtins(made).items() if value is not None}
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in said.items())  # TOML: all is flat
    write_atomically(path, f"{text}\n[[verifications]]\n{''.join(lines)}")


def stored(database: Path, made: Verification, here: Environment) -> bool:
    """Record a verification in a database that has results of the plugin under the protocol; return whether it has."""
    if not database.is_file():
        return False
    engine = open_for_writing(database)  # brings an older schema up to date
    if not queries.is_measured(engine, made.protocol_digest, made.plugin):
        return False
    store = Store(engine, database)
    store.record_environment(here)
    store.record_verification(made)
    return True


def folders_in(submissions: Path) -> list[Path]:
    """Return the folders of the submissions below a directory, by name."""
    return sorted(path.parent for path in submissions.glob(f"*/{SUBMISSION}"))
