"""How to cite numbers of a protocol: a sentence, the references it names, BibTeX and CITATION.cff.

Pure but for `read_snapshot`; whose works those are comes from `suite.report.attribution`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite import __version__
from suite.errors import UsageError
from suite.published.studies import STUDIES
from suite.report.attribution import Credit, Entry
from suite.report.bibtex import bibtex
from suite.report.cff import cff
from suite.report.references import Reference, merged, of_card, of_study, plain, slug
from suite.spec import PluginKind, ProtocolSpec, TrackSpec

SUITE = "compression-suite"
TITLE = "compression-suite: a living study of what lossy image compression costs vision models"
AUTHORS = "The compression-suite contributors"
LICENCE = "Apache-2.0"
MESSAGE = "Please cite the suite together with the protocol's name, version and digest, and the works it measures with."
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Citation:
    """What to cite. ``software`` is the suite; ``references`` are the protocol, the snapshot and everybody's works.

    ``without`` are the plugins that no card gives a reference for.
    """

    software: Reference
    references: tuple[Reference, ...]
    sentence: str
    without: tuple[str, ...]

    @property
    def all(self) -> tuple[Reference, ...]:
        """The suite, then the references."""
        return (self.software, *self.references)

    @property
    def bibtex(self) -> str:
        """The text of a .bib file."""
        return bibtex(self.all)

    @property
    def cff(self) -> str:
        """The text of a CITATION.cff file."""
        return cff(self.software, self.references, message=MESSAGE, licence=LICENCE)

    @property
    def text(self) -> str:
        """All of it, to be read."""
        listed = "\n".join(f"[{each.key}] {each}" for each in self.all)
        lacking = [f"No card names a reference for {', '.join(self.without)}: add yours."] if self.without else []
        sections = (self.sentence, "\n".join((f"References\n\n{listed}", *lacking)))
        return "\n\n".join((*sections, f"BibTeX\n\n{self.bibtex}", f"CITATION.cff\n\n{self.cff}"))


def cite(
    spec: ProtocolSpec,
    credits_: Sequence[Credit],
    *,
    released: bool,
    entry: Entry | None = None,
    snapshot: str = "",
) -> Citation:
    """Return how to cite what was measured under a protocol. ``snapshot`` is the digest of published results."""
    works = {credit.use: of_card(credit.use, credit.card) if credit.card else [] for credit in credits_}
    studies = [of_study(study, f"protocol {spec.label}") for study in STUDIES if study.name == spec.name]
    own = [protocol_reference(spec, released=released), *([snapshot_reference(snapshot)] if snapshot else [])]
    software = suite_reference()
    references = merged([software, *own, *studies, *(work for found in works.values() for work in found)])[1:]
    return Citation(
        software=software,
        references=tuple(references),
        sentence=sentence(spec, credits_, references, released=released, entry=entry, snapshot=snapshot),
        without=tuple(use for use, found in works.items() if not found),
    )


def suite_reference() -> Reference:
    """Return the suite itself, in this version."""
    return Reference(
        key=f"{SUITE}-{__version__}", title=TITLE, type="software", credited=(AUTHORS,), version=__version__
    )


def protocol_reference(spec: ProtocolSpec, *, released: bool) -> Reference:
    """Return a protocol as a work of its own; a draft may be anybody's."""
    status = "Protocol" if released else "Draft of protocol"
    return Reference(
        key=slug(f"protocol {spec.label}", None),
        title=plain(spec.title) or spec.label,
        type="standard",
        credited=(AUTHORS,) if released else (),
        version=spec.label,
        note=f"{status} {spec.label} of {SUITE}, digest {spec.digest}",
    )


def snapshot_reference(digest: str) -> Reference:
    """Return a snapshot of results as a work of its own."""
    title = f"{SUITE}: a snapshot of results"
    return Reference(key=f"snapshot-{digest[7:19]}", title=title, type="data", version=digest)


def sentence(
    spec: ProtocolSpec,
    credits_: Sequence[Credit],
    references: Sequence[Reference],
    *,
    released: bool,
    entry: Entry | None,
    snapshot: str,
) -> str:
    """Return a sentence for a paper; the keys of references stand in brackets."""
    draft = "" if released else ", a draft whose numbers are never ranked"
    protocol = f"protocol {spec.label} ({spec.digest}{draft}) [{', '.join(protocol_keys(spec, references))}]"
    parts = [
        f"We measured with {SUITE} {__version__} [{SUITE}-{__version__}] under {protocol}",
        f"results as of snapshot {snapshot} [snapshot-{snapshot[7:19]}]" if snapshot else "",
        f"data: {', '.join(dataset_words(track, references) for track in spec.tracks)}",
        *(listed(kind, words, credits_, references) for kind, words in KINDS),
        entry_words(entry, credits_, references) if entry else "",
    ]
    return "; ".join(filter(None, parts)) + "."


KINDS: tuple[tuple[PluginKind, str], ...] = (
    ("codec", "codecs"),
    ("model", "reference models"),
    ("mitigation", "mitigations"),
)


def dataset_words(track: TrackSpec, references: Sequence[Reference]) -> str:
    """Return a track's dataset, how much of it, and its keys."""
    amount = f"{track.split}, {track.samples:,} samples"
    return f"{track.dataset} ({amount}){keys(references, f'dataset {track.dataset}')}"


def listed(kind: PluginKind, words: str, credits_: Sequence[Credit], references: Sequence[Reference]) -> str:
    """Return a protocol's plugins of one kind with their keys, nothing where it names none."""
    names = [f"{each.name}{keys(references, each.use)}" for each in credits_ if each.kind == kind and each.of_protocol]
    return f"{words}: {', '.join(names)}" if names else ""


def entry_words(entry: Entry, credits_: Sequence[Credit], references: Sequence[Reference]) -> str:
    """Return an entry and its own works."""
    parts = [f"{each.use}{keys(references, each.use)}" for each in credits_ if each.of_entry]
    return f"entry {entry.name}: {', '.join(parts)}"


def protocol_keys(spec: ProtocolSpec, references: Sequence[Reference]) -> list[str]:
    """Return the keys of a protocol and of the study that it repeats."""
    use = f"protocol {spec.label}"
    return [each.key for each in references if use in each.uses or each.version == spec.label]


def keys(references: Sequence[Reference], use: str) -> str:
    """Return the keys of the works that are cited for a plugin, in brackets after a space."""
    found = [each.key for each in references if use in each.uses]
    return f" [{', '.join(found)}]" if found else ""


def read_snapshot(directory: Path) -> str:
    """Return the digest in a snapshot's manifest. Raises UsageError where there is no such manifest, or no digest."""
    path = directory / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}). --snapshot takes the directory of a snapshot.") from error
    digest = manifest.get("digest") if isinstance(manifest, dict) else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise UsageError(
            f'{path}: expected "digest" to be sha256: and 64 hexadecimal digits, but got {digest!r:.100}. '
            "Fetch or write the snapshot again."
        )
    return digest
