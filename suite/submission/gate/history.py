"""What a change may do to what was published before: nothing silently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from msgspec.structs import replace

from suite.spec import Measure
from suite.submission.gate.problem import Problem
from suite.submission.gate.tree import Tree, below
from suite.submission.gate.version import Manifests, Version
from suite.submission.records import ERRATA, OLDER, PLUGIN, VERIFICATIONS, Row

MOST_MOVED = 0.001
MOST_REPORTED = 5
JOINTS = re.compile("[-_.+]+")


def current(tree: Tree) -> Tree:
    """Return the files of a submission without those of its older versions."""
    return {path: file for path, file in tree.items() if path.split("/")[0] != OLDER}


def problems_of_names(tree: Tree, changed: list[str]) -> Iterator[Problem]:
    """Yield the changed submissions whose name or plugin another one has."""
    plugins = {path: file.sha256 for path, file in tree.items() if path.split("/")[-1] == PLUGIN and file.sha256}
    names = {path.split("/")[0] for path in tree if "/" in path}
    for name in changed:
        for other in sorted(names - {name}):
            if spelt(other) == spelt(name):
                yield Problem(f"submissions/{name}", "duplicate", f"'{other}' is there already. Choose another name.")
        own = plugins.get(f"{name}/{PLUGIN}")
        for path, sha256 in plugins.items():
            if sha256 == own and path.split("/")[0] != name:
                yield Problem(
                    f"submissions/{name}/{PLUGIN}", "duplicate", f"This is submissions/{path}, byte for byte. Keep one."
                )


def spelt(name: str) -> str:
    """Return a name without what readers overlook: case, and which joint is between words."""
    return JOINTS.sub("-", name.casefold())


def problems_of_version(before: Version, after: Version, manifests: Manifests) -> Iterator[Problem]:
    """Yield where a changed plugin has no higher version."""
    where, old, new = f"{after.where}/{PLUGIN}", before.manifest.version, after.manifest.version
    if old == new and before.files[PLUGIN].sha256 != after.files[PLUGIN].sha256:
        yield Problem(where, "version", f"It changed and still is version {old}. Raise its version.")
    if old != new and not manifests.newer(new, old):
        yield Problem(where, "version", f"Version {new} is not higher than {old}, which is published.")


def problems_of_older(name: str, old: Tree, new: Tree, *, retired: str | None) -> Iterator[Problem]:
    """Yield where older/ does not hold exactly the versions before, byte for byte.

    ``retired`` is the version that was current before and is not any more, None where it still is or there was none.
    """
    expected = {f"{OLDER}/{path}": file for path, file in below(old, OLDER).items()}
    if retired is not None:
        expected |= {f"{OLDER}/{retired}/{path}": file for path, file in current(old).items()}
    found = {path: file for path, file in new.items() if path.split("/")[0] == OLDER}
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            message = "This file of a version before is missing. Put it back as it was published."
        elif path not in expected:
            message = "No such version was published. Remove it."
        elif found[path] != expected[path]:
            message = "This file of a version before was changed. Put it back as it was published."
        else:
            continue
        yield Problem(f"submissions/{name}/{path}", "older", message)


def problems_of_moves(before: Version, after: Version) -> Iterator[Problem]:
    """Yield the published rows of this version that changed or are gone without an erratum."""
    explained = {cell for erratum in after.errata.errata for cell in erratum.cells}
    rows = {row.cell: row for row in after.results.rows}
    moved = [
        text
        for row in before.results.rows
        if row.cell not in explained and (text := difference(row, rows.get(row.cell)))
    ]
    for text in islice(moved, MOST_REPORTED):
        yield Problem(after.where, "moved", f"{text}. Keep it, or explain it in {ERRATA} (see README.md).")
    if len(moved) > MOST_REPORTED:
        yield Problem(after.where, "moved", f"… and {len(moved) - MOST_REPORTED} more rows.")


def problems_of_taken_back(before: Version, after: Version) -> Iterator[Problem]:
    """Yield where errata or verifications that were published are not the first ones any more."""
    kept = after.errata.errata[: len(before.errata.errata)]
    if kept != before.errata.errata:
        yield Problem(f"{after.where}/{ERRATA}", "errata", "A published erratum was changed. Add to the end only.")
    published = before.verifications.verifications
    if after.verifications.verifications[: len(published)] != published:
        where = f"{after.where}/{VERIFICATIONS}"
        yield Problem(where, "verifications", "A published verification was changed. Add to the end only.")


def problems_of_added(before: Version, after: Version) -> Iterator[Problem]:
    """Yield the new verifications that are not of what is published: plugin, protocol, predictions, all samples."""
    said, measured = after.submission, after.results
    plugin = replace(measured.plugin, build="")
    published = (plugin, said.protocol, said.protocol_digest, said.predictions_sha256, measured.limit)
    for new in after.verifications.verifications[len(before.verifications.verifications) :]:
        if (new.plugin, new.protocol, new.protocol_digest, new.predictions_sha256, new.limit) != published:
            message = f"That of {new.date} is of other files or predictions. Run suite verify on the published folder."
            yield Problem(f"{after.where}/{VERIFICATIONS}", "verifications", message)


def problems_of_company(before: Tree, after: Tree) -> Iterator[Problem]:
    """Yield the verifications that come with any other change: nobody gives a badge to what they bring themselves."""
    altered = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    badges = [path for path in sorted(altered) if path.split("/")[1:] == [VERIFICATIONS]]
    if len(badges) < len(altered):
        alone = "A maintainer adds this by a change of nothing else. Leave it out; suite verify --dry-run writes none."
        yield from (Problem(f"submissions/{path}", "verifications", alone) for path in badges)


def difference(before: Row, after: Row | None) -> str:
    """Return how a published row changed, empty where it did not."""
    which = f"{before.model} + {before.mitigation} on {before.codec} {before.setting} (cell {before.cell})"
    if after is None:
        return f"The row of {which} is gone"
    if (before.status, before.conformant, before.samples) != (after.status, after.conformant, after.samples):
        return f"The status of {which} changed"
    old, new = ({measure.name: measure for measure in row.measures} for row in (before, after))
    for name, measure in old.items():
        if name not in new:
            return f"{name} of {which} is gone"
        if moved(measure, new[name]):
            return f"{name} of {which} moved from {measure.value:g} to {new[name].value:g}"
    return ""


def moved(before: Measure, after: Measure) -> bool:
    """Whether a value or a bound changed by more than allowed, relative to values above 1."""
    pairs = ((before.value, after.value), (before.low, after.low), (before.high, after.high))
    return any(
        (old is None) != (new is None)
        or (old is not None and new is not None and abs(new - old) > MOST_MOVED * max(1.0, abs(old)) + 1e-12)
        for old, new in pairs
    )


def problems_of_removed(before: Mapping[str, Tree], after: Mapping[str, Tree]) -> Iterator[Problem]:
    """Yield the submissions that are not there any more."""
    for name in before.keys() - after.keys():
        yield Problem(f"submissions/{name}", "removed", "Published entries stay. Put it back; an erratum can say more.")
