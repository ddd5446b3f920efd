"""What a contributor's file says of its plugin, read from the metadata in its comments; nothing of it is ever run.

`source` has its bytes and its names, `script` its metadata (PEP 723), `rules` what that may say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from packaging.specifiers import SpecifierSet

from suite.api import Card, Task, WeightFile
from suite.errors import AlteredWeights, InvalidManifest, InvalidPlugin, nearest
from suite.spec import Spec
from suite.submission.records import SubmissionKind
from suite.submission.rules import DEPENDENCY, SUITE, TOP, WEIGHT, problems_of_table, shown
from suite.submission.script import metadata_of
from suite.submission.source import Problem, contents, defined_names, problems_of_bytes
from suite.submission.toml_lines import Key

Located: TypeAlias = tuple[Key, str]
"""What is wrong, and with which value."""


class WeightEntry(Spec, frozen=True):
    """A file of weights: its path beside the plugin, ``size`` in bytes, SHA-256 (hexadecimal), where it is published.

    With a ``url``, ``file`` is the name under which the file is stored.
    """

    file: str
    size: int
    sha256: str
    url: str = ""


class Manifest(Spec, frozen=True):
    """The metadata of a contributor's plugin; empty or None: nobody says.

    ``object`` is the class or function in the file that makes the plugin when it is called. ``task``: None for codecs.
    ``retrains``: the models for which a mitigation has networks of its own, each made by calling the object with
    ``model=NAME``; empty for a restoration.
    ``tolerance``: by how much scores may differ from machine to machine, as a share of the largest.
    ``accelerator``: whether it wants one.
    """

    kind: SubmissionKind
    object: str
    name: str
    version: str
    authors: str
    licence: str
    training_data: str
    task: Task | None = None
    retrains: tuple[str, ...] = ()
    paper: str = ""
    code: str = ""
    notes: str = ""
    tolerance: float | None = None
    accelerator: bool = False
    weights: tuple[WeightEntry, ...] = ()
    requires_python: str = ""
    dependencies: tuple[str, ...] = ()


def read(path: Path, *, taken: Collection[str] = (), python: str | None = None) -> Manifest:
    """Return what the file at ``path`` says of its plugin. Raises InvalidManifest with everything that is wrong.

    ``taken``: names that it may not have. ``python``: a version such as "3.11.9" that it has to run on.
    """
    return parse(contents(path), str(path), taken=taken, python=python)


def parse(data: bytes, place: str = "plugin.py", *, taken: Collection[str] = (), python: str | None = None) -> Manifest:
    """Return what a file with these bytes says; ``place`` is what errors call it. Otherwise as `read`."""
    unreadable = list(problems_of_bytes(data))
    if unreadable:
        raise InvalidManifest(place, unreadable)
    text = data.decode("utf-8").replace("\r\n", "\n")
    names, metadata = defined_names(text), metadata_of(text)
    problems = [found for found in (names, metadata) if isinstance(found, Problem)]
    if isinstance(metadata, Problem):
        raise InvalidManifest(place, problems)
    known = None if isinstance(names, Problem) else names
    found = problems_of_metadata(metadata.table, known, taken, python)
    problems += [Problem(metadata.line_of(*key), said) for key, said in found]
    if problems:
        raise InvalidManifest(place, problems)
    return manifest_of(metadata.table)


def problems_of_metadata(
    table: Mapping[str, Any], names: Collection[str] | None, taken: Collection[str], python: str | None
) -> Iterator[Located]:
    """Yield what is wrong with metadata; ``names`` are those that the file defines, where that is known."""
    yield from located((), problems_of_table(table, TOP, "The metadata"))
    yield from problems_of_requirements(table, python)
    tool = table.get("tool", {})
    suite = tool.get("suite") if isinstance(tool, dict) else None
    if not isinstance(suite, dict):
        yield ("tool", "suite"), "There is no table [tool.suite]. It says what the plugin is."
        return
    yield from located(("tool", "suite"), problems_of_table(suite, SUITE, "[tool.suite]"))
    yield from located(("tool", "suite"), problems_of_task(suite))
    yield from located(("tool", "suite"), problems_of_names(suite, names, taken))
    if fits("weights", suite):
        yield from problems_of_weights(suite["weights"])


def located(table: Key, problems: Iterable[tuple[str, str]]) -> Iterator[Located]:
    """Yield the problems of a table's keys with where these are."""
    for key, said in problems:
        yield ((*table, key) if key else table), said


def fits(key: str, suite: Mapping[str, Any]) -> bool:
    """Whether a key of ``[tool.suite]`` is there, with a value that it may have."""
    return key in suite and not SUITE[key].instead_of(suite[key])


def problems_of_requirements(table: Mapping[str, Any], python: str | None) -> Iterator[Located]:
    """Yield what is wrong with each dependency, and whether it does not run on that version of Python."""
    wanted, needed = table.get("requires-python"), table.get("dependencies", [])
    readable = wanted is not None and not TOP["requires-python"].instead_of(wanted)
    if python and readable and not SpecifierSet(str(wanted)).contains(python, prereleases=True):
        yield ("requires-python",), f"requires-python {shown(wanted)} leaves out this Python, {python}."
    if TOP["dependencies"].instead_of(needed):
        return
    for index, each in enumerate(needed):
        if instead := DEPENDENCY.instead_of(each):
            yield ("dependencies", index), f"The dependency {shown(each)} cannot be had. {instead}"


def problems_of_task(suite: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which keys there are that its kind does not have, and which are not there that it needs."""
    if not fits("kind", suite):
        return
    if suite["kind"] == "codec" and "task" in suite:
        yield "task", "A codec has no task. Remove the line."
    if suite["kind"] != "codec" and "task" not in suite:
        yield "", f"[tool.suite] of a {suite['kind']} lacks task. Add such as: task = {SUITE['task'].example}"
    if suite["kind"] != "mitigation" and "retrains" in suite:
        yield "retrains", f"Only a mitigation retrains models, not a {suite['kind']}. Remove the line."


def problems_of_names(
    suite: Mapping[str, Any], names: Collection[str] | None, taken: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield whether the name is taken, and whether the file does not define the object."""
    if fits("name", suite) and suite["name"] in taken:
        yield "name", f"The name {shown(suite['name'])} is that of another plugin. Choose one of your own."
    if names is not None and fits("object", suite) and suite["object"] not in names:
        hint = nearest(suite["object"], names) or "Define it there, or name what makes the plugin."
        yield "object", f"The file defines no class, function or variable {shown(suite['object'])}. {hint}"


def problems_of_weights(weights: list[dict[str, Any]]) -> Iterator[Located]:
    """Yield what is wrong with each file of weights, and which are named twice."""
    named: set[str] = set()
    for index, entry in enumerate(weights):
        where: Key = ("tool", "suite", "weights", index)
        yield from located(where, problems_of_table(entry, WEIGHT, "[[tool.suite.weights]]"))
        file = entry.get("file")
        if isinstance(file, str) and file.casefold() in named:  # as file systems without case see it
            yield (*where, "file"), f"The file {shown(file)} is listed already. Remove one of the two."
        named |= {file.casefold()} if isinstance(file, str) else set()


def manifest_of(table: Mapping[str, Any]) -> Manifest:
    """Return metadata with which nothing is wrong."""
    suite = {key.replace("-", "_"): value for key, value in table["tool"]["suite"].items()}
    top = {key.replace("-", "_"): value for key, value in table.items() if key != "tool"}
    return msgspec.convert(suite | top, Manifest)


def newer(one: str, other: str) -> bool:
    """Whether the version ``one`` is higher than ``other``, number by number: "1.10" is higher than "1.9"."""
    return numbers(one) > numbers(other)


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(map(int, version.split(".")))


def card_of(manifest: Manifest) -> Card:
    """Return the facts that the board shows; the summary is the first line of the notes, where there are any."""
    summary = manifest.notes.strip().partition("\n")[0].strip()
    return Card(
        summary=summary or f"A contributed {manifest.kind}.",
        authors=manifest.authors,
        licence=manifest.licence,
        paper=manifest.paper,
        code=manifest.code,
        training_data=manifest.training_data,
    )


def weight_files(manifest: Manifest, folder: Path) -> tuple[WeightFile, ...]:
    """Return the plugin's files of weights in ``folder``; `suite.api.WeightFile.verified` checks their digests.

    Raises InvalidPlugin for one that leads out of the folder or is no file, AlteredWeights for one of another size.
    """
    return tuple(weight_file_of(entry, folder) for entry in manifest.weights)


def weight_file_of(entry: WeightEntry, folder: Path) -> WeightFile:
    """Return one file of weights, which need not be there yet. Errors as of `weight_files`."""
    path = folder / entry.file
    remedy = f"Download {entry.url} to {path}." if entry.url else f"Put the file that its authors named at {path}."
    try:
        stays = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead in a circle
        stays = False
    if not stays:
        raise InvalidPlugin(f"The weights {path} lead out of {folder} by a symbolic link. Put the file itself there.")
    if path.exists() and not path.is_file():
        raise InvalidPlugin(f"The weights {path} are no regular file. {remedy}")
    if path.exists() and path.stat().st_size != entry.size:
        raise AlteredWeights(
            f"The weights {path} have {path.stat().st_size} bytes, but {entry.size} are stated. {remedy}"
        )
    return WeightFile(path, entry.sha256, remedy)
