"""What a plugin's metadata may say, key by key. A rule takes a value and says what to write instead."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias, get_args
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from suite.api import Task
from suite.errors import nearest
from suite.isolation.visible import HOLDS_IMAGES
from suite.submission.records import OLDER, SubmissionKind

MOST_NAME, MOST_TEXT, MOST_NOTES, MOST_VERSION, MOST_REQUIREMENT = 64, 500, 4000, 32, 200
"""Characters."""
MOST_DEPENDENCIES, MOST_WEIGHTS, MOST_RETRAINED = 200, 20, 16
MOST_MODEL = 128
MOST_WEIGHT_BYTES = 2 << 30
MOST_TOLERANCE = 0.05
SHOWN_CHARACTERS = 60

KINDS: tuple[str, ...] = get_args(SubmissionKind)
TASKS = tuple(task.value for task in Task)
SUFFIXES = (".safetensors", ".npz", ".pt", ".pth", ".onnx")
"""Of files of weights; ``.pt`` and ``.pth`` are loaded with ``weights_only``."""
LINKS = ("https", "http")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
VERSION = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
MODEL = re.compile(r"[a-z0-9][A-Za-z0-9._-]*(?::[A-Za-z0-9._-]+)?")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
SHA256 = re.compile("[0-9a-f]{64}")
DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)
"""Names that no file can have on Windows, whatever their suffix."""
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of Unicode: control, format, surrogate and private characters, ends of lines."""
NOT_FROM_INDEX = re.compile(r"[-./~\\]|[A-Za-z]:|[A-Za-z+]+://|git\+")
"""How options, paths and links to code begin."""
HOLDS_TRUTH = frozenset(HOLDS_IMAGES)
"""Packages with images of the protocols and what is true of them."""
PROVIDED = frozenset({"compression-suite"})
"""Packages whose part for plugins is in every plugin's environment."""

Rule: TypeAlias = Callable[[Any], str]
"""Returns what to write instead of a value, nothing where it may stay."""


class Field(NamedTuple):
    """A key: what it looks like in TOML, the rules for its value (each relies on those before), whether it must be."""

    example: str
    rules: tuple[Rule, ...]
    required: bool = True

    def instead_of(self, value: Any) -> str:
        """Return what to write instead of a value, nothing where it may stay."""
        return next((instead for rule in self.rules if (instead := rule(value))), "")


def one_of(value: Any, options: Collection[str]) -> str:
    """Rule: one of a few texts."""
    if isinstance(value, str) and value in options:
        return ""
    hint = nearest(value, options) if isinstance(value, str) else ""
    return f"Write {' or '.join(map(shown, options))}. {hint}".strip()


def text(value: Any, most: int, *, lines: bool = False) -> str:
    """Rule: a text of 1 to so many characters, all of them visible; with ``lines`` it may have several."""
    if not isinstance(value, str):
        return "Write a text in quotes."
    if not value.strip() or len(value) > most:
        return f"Write 1 to {most} characters, not {len(value)}."
    hidden = {char for char in value if unicodedata.category(char) in INVISIBLE} - ({"\n", "\t"} if lines else set())
    listed = ", ".join(f"U+{ord(char):04X}" for char in sorted(hidden)[:3])
    return f"Remove the control or invisible characters ({listed})." if hidden else ""


def plugin_name(value: str) -> str:
    """Rule: a name that is a folder's on every system."""
    if not NAME.fullmatch(value) or ".." in value or value.endswith("."):
        return (
            "Write a to z, 0 to 9, '.', '_' and '-', beginning with a letter or digit, without '..' or '.' at the end."
        )
    return f"Windows keeps '{value.partition('.')[0]}' for a device: write another." if is_device(value) else ""


def is_device(name: str) -> bool:
    """Whether no file on Windows can have that name."""
    return name.lower().partition(".")[0] in DEVICES


def version(value: str) -> str:
    """Rule: numbers with dots between them."""
    return "" if VERSION.fullmatch(value) else 'Write numbers with dots between them, such as "1" or "1.2".'


def identifier(value: str) -> str:
    """Rule: a name in Python."""
    return "" if value.isidentifier() else "Write the name of a class or function in the file that makes the plugin."


def models(value: list[str]) -> str:
    """Rule: names of models that the suite has, each once."""
    if not value or len({*value}) != len(value):
        return "List one or more names of models, each once."
    wrong = next(
        (name for name in value if len(name) > MOST_MODEL or not MODEL.fullmatch(name) or ".py:" in name), None
    )
    return (
        "" if wrong is None else f"{shown(wrong)} is no name of a model that the suite has: see 'suite plugins model'."
    )


def link(value: str, schemes: Collection[str]) -> str:
    """Rule: an address with a host and without credentials."""
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and parts.scheme in schemes and parts.port != 0
    except ValueError:
        good = False
    if not good or any(char.isspace() for char in value) or "\\" in value:
        return f"Write an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}."
    return "Leave out the user name and the password." if "@" in parts.netloc else ""


def boolean(value: Any) -> str:
    """Rule: true or false."""
    return "" if isinstance(value, bool) else "Write true or false."


def tolerance(value: Any) -> str:
    """Rule: a share of the largest score."""
    good = type(value) in {int, float} and 0 <= value <= MOST_TOLERANCE
    return "" if good else f"Write a number from 0 to {MOST_TOLERANCE}."


def requires_python(value: str) -> str:
    """Rule: versions of Python."""
    try:
        SpecifierSet(value)
    except InvalidSpecifier:
        return 'Write versions of Python such as ">=3.11".'
    return ""


def dependency(value: str) -> str:
    """Rule: a requirement that a package index meets, and that gives the plugin no truth."""
    from_index = "Write NAME>=VERSION: code from a link or a path cannot be pinned by the package index."
    try:
        requirement = Requirement(value)
    except (InvalidRequirement, RecursionError):
        return from_index if NOT_FROM_INDEX.match(value) else 'Write a requirement such as "numpy>=2".'
    name = canonicalize_name(requirement.name)
    if requirement.url:
        return from_index
    if name in HOLDS_TRUTH:
        return "Remove it: it holds a protocol's images with their truth, which stays with the host."
    return "Remove it: suite.api is there for every plugin." if name in PROVIDED else ""


def weight_file(value: str) -> str:
    """Rule: a relative path of a file of weights, the same on every system."""
    parts = value.split("/")
    if not FILE.fullmatch(value) or any(".." in part or part.endswith(".") or is_device(part) for part in parts):
        return (
            "Write a relative path with '/' of letters, digits, '.', '_', '+' and '-', without '..', hidden files and "
            'names that Windows keeps, such as "head.safetensors".'
        )
    if parts[0].lower() == OLDER:
        return f"The folder {OLDER} holds earlier versions: choose another."
    return "" if value.endswith(SUFFIXES) else f"Write a file that ends in {', '.join(SUFFIXES)}."


def size(value: Any) -> str:
    """Rule: a number of bytes."""
    good = type(value) is int and 0 < value <= MOST_WEIGHT_BYTES
    return "" if good else f"Write the file's size in bytes, 1 to {MOST_WEIGHT_BYTES} (2 GiB)."


def sha256(value: Any) -> str:
    """Rule: a SHA-256."""
    good = isinstance(value, str) and SHA256.fullmatch(value)
    return "" if good else "Write the 64 digits 0 to 9 and a to f that 'sha256sum FILE' prints."


def list_of(value: Any, kind: type, most: int) -> str:
    """Rule: a list of so many elements of one kind."""
    what = "texts" if kind is str else "tables"
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        return f"Write a list of {what}."
    return f"List at most {most}, not {len(value)}." if len(value) > most else ""


def table(value: Any) -> str:
    """Rule: a table."""
    return "" if isinstance(value, dict) else "Write a table."


SHORT, SENTENCE = partial(text, most=MOST_NAME), partial(text, most=MOST_TEXT)

TOP: Mapping[str, Field] = {
    "requires-python": Field('">=3.11"', (SENTENCE, requires_python), required=False),
    "dependencies": Field('["numpy>=2"]', (partial(list_of, kind=str, most=MOST_DEPENDENCIES),), required=False),
    "tool": Field("", (table,), required=False),
}
"""What PEP 723 knows."""

DEPENDENCY = Field('"numpy>=2"', (partial(text, most=MOST_REQUIREMENT), dependency))
"""An element of ``dependencies``."""

SUITE: Mapping[str, Field] = {
    "kind": Field('"model"', (partial(one_of, options=KINDS),)),
    "object": Field('"MyModel"', (SHORT, identifier)),
    "name": Field('"my-model"', (SHORT, plugin_name)),
    "version": Field('"1"', (partial(text, most=MOST_VERSION), version)),
    "retrains": Field(
        '["pv-efficientnet-lite0"]', (partial(list_of, kind=str, most=MOST_RETRAINED), models), required=False
    ),
    "task": Field('"classification"', (partial(one_of, options=TASKS),), required=False),
    "authors": Field('"A. Author, B. Author"', (SENTENCE,)),
    "licence": Field('"MIT"', (SENTENCE,)),
    "paper": Field('"https://…"', (SENTENCE,), required=False),
    "code": Field('"https://…"', (SENTENCE, partial(link, schemes=LINKS)), required=False),
    "training-data": Field('"none"', (SENTENCE,)),
    "notes": Field('"…"', (partial(text, most=MOST_NOTES, lines=True),), required=False),
    "tolerance": Field("0.001", (tolerance,), required=False),
    "accelerator": Field("true", (boolean,), required=False),
    "weights": Field("", (partial(list_of, kind=dict, most=MOST_WEIGHTS),), required=False),
}
"""What ``[tool.suite]`` may say."""

WEIGHT: Mapping[str, Field] = {
    "file": Field('"head.safetensors"', (partial(text, most=MOST_TEXT), weight_file)),
    "size": Field("12345", (size,)),
    "sha256": Field('"…"', (sha256,)),
    "url": Field('"https://…"', (SENTENCE, partial(link, schemes=("https",))), required=False),
}
"""What an element of ``[[tool.suite.weights]]`` may say."""


def problems_of_table(found: Mapping[str, Any], fields: Mapping[str, Field], where: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a table, each with its key; that of what is missing is empty."""
    for key, value in found.items():
        if key not in fields:
            known = nearest(key, fields) or f"It knows {', '.join(fields)}."
            yield key, f"{where} has the unknown key {shown(key)}. {known}"
        elif instead := fields[key].instead_of(value):
            yield key, f"{key} cannot be {shown(value)}. {instead}"
    for key, field in fields.items():
        if field.required and key not in found:
            yield "", f"{where} lacks {key}. Add such as: {key} = {field.example}"


def shown(value: Any) -> str:
    """Return a value as an error shows it: shortened, on one line, nothing invisible in it."""
    said = repr(value[: SHOWN_CHARACTERS + 1]) if isinstance(value, str) else json.dumps(value, default=str)
    return said if len(said) <= SHOWN_CHARACTERS else f"{said[: SHOWN_CHARACTERS - 1]}…"
