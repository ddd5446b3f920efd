"""The protocol files of this package: one TOML each, never edited once released (`released.toml` holds the digests).

`load` accepts ``name@version``, ``name`` (its newest version) or the path of a TOML file of one's own, a draft.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from suite.errors import ChangedProtocol, InvalidProtocol, UnknownProtocol
from suite.metrics import metrics_of
from suite.metrics.image import FRAME_METRICS, RATE_PERCENTILES
from suite.spec import ProtocolSpec

DIRECTORY = Path(__file__).parent
RELEASED = "released.toml"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load(name: str) -> ProtocolSpec:
    """Return the protocol of that name or file. Raises UnknownProtocol, InvalidProtocol or ChangedProtocol."""
    return read(file_of(name))


def file_of(name: str) -> Path:
    """Return the file of the protocol of that name; a file's path as it is. Raises UnknownProtocol."""
    if name.endswith(".toml"):
        return Path(name)
    labels = names()
    newest = {label.partition("@")[0]: label for label in labels}
    label = newest.get(name, name)
    if label not in labels:
        raise UnknownProtocol(name[:200], labels)
    return DIRECTORY / f"{label}.toml"


def names() -> list[str]:
    """Return the ``name@version`` of every protocol in the package, in order of name and version."""
    labels = (path.stem for path in DIRECTORY.glob("*@*.toml"))
    return sorted(labels, key=lambda label: (label.partition("@")[0], int(label.partition("@")[2])))


def read(path: Path) -> ProtocolSpec:
    """Return the protocol in the file at ``path``, checked, and unchanged where it is a released one."""
    spec = parse(path)
    released = released_digests().get(spec.label)
    if released is not None and released != spec.digest:
        raise ChangedProtocol(
            f"{path}: {spec.label} was released with digest {released}, but this file has {spec.digest}. "
            f"Restore the file, or make it version {spec.version + 1} and say in 'changes' what changed."
        )
    return spec


def parse(path: Path) -> ProtocolSpec:
    """Return the protocol in the file at ``path``. Raises UnknownProtocol or InvalidProtocol."""
    try:
        spec = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ProtocolSpec)
    except FileNotFoundError as error:
        raise UnknownProtocol(str(path), names()) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidProtocol(f"{path} does not describe a protocol: {error}") from error
    problems = problems_of(spec)
    if problems:
        raise InvalidProtocol(f"{path} does not describe a protocol: {'; '.join(problems)}.")
    return spec


def problems_of(spec: ProtocolSpec) -> list[str]:
    """Return what a well-formed file may still get wrong, all of it at once."""
    problems = [] if NAME.fullmatch(spec.name) else [f"the name '{spec.name}' is not lower-case words joined by '-'"]
    problems += [f"'{what}' is empty" for what in ("codecs", "tracks") if not getattr(spec, what)]
    problems += unknown("frame metric", spec.frame_metrics, FRAME_METRICS)
    problems += problems_of_codecs(spec)
    problems += problems_of_open_codecs(spec)
    for track in spec.tracks:
        problems += unknown(f"{track.task} metric", track.metrics, tuple(metrics_of(track.task).METRICS))
        problems += [f"track {track.dataset} names no {what}" for what in EXPECTED if not getattr(track, what)]
    return problems


EXPECTED = ("metrics", "baselines", "mitigations")
OPEN_AXIS = "bpp-per-image"
"""The rate of one image needs no other image: whoever submits a codec may not choose by the whole split."""


def problems_of_codecs(spec: ProtocolSpec) -> list[str]:
    """Return what is wrong with a protocol's codecs."""
    labels = [codec.label for codec in spec.codecs]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    problems = [f"codec {label} is there more than once; tell its entries apart by 'variant'" for label in repeated]
    for codec in spec.codecs:
        if not codec.values or len(set(codec.values)) != len(codec.values):
            problems.append(f"codec {codec.label} needs one or more distinct values")
        if codec.axis != "setting" and not all(is_rate(value) for value in codec.values):
            problems.append(f"the values of codec {codec.label} are no rates in bits per pixel, above 0")
        if codec.axis != "setting" and not {*RATE_PERCENTILES} <= {*spec.frame_metrics}:
            problems.append(f"a target rate needs the frame metrics {', '.join(RATE_PERCENTILES)}")
    return problems


def problems_of_open_codecs(spec: ProtocolSpec) -> list[str]:
    """Return what is wrong with how a protocol takes codecs that it does not name."""
    if spec.open_codecs is None:
        return []
    axis, values = spec.open_codecs.axis, spec.open_codecs.values
    problems = [] if axis == OPEN_AXIS else [f"open_codecs are measured at '{OPEN_AXIS}', not at '{axis}'"]
    if not values or len(set(values)) != len(values) or not all(map(is_rate, values)):
        problems.append("open_codecs needs one or more distinct rates in bits per pixel, above 0")
    if not {*RATE_PERCENTILES} <= {*spec.frame_metrics}:
        problems.append(f"a target rate needs the frame metrics {', '.join(RATE_PERCENTILES)}")
    return problems


def open_to_codecs() -> list[str]:
    """Return the ``name@version`` of the released protocols that measure codecs which they do not name."""
    return [label for label in released_digests() if parse(DIRECTORY / f"{label}.toml").open_codecs]


def is_rate(value: object) -> bool:
    """Whether ``value`` can be a target in bits per pixel."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def unknown(what: str, given: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
    """Return a sentence for each of ``given`` that is not ``known``."""
    return [f"'{name}' is no {what} (there are {', '.join(known)})" for name in given if name not in known]


def is_released(spec: ProtocolSpec) -> bool:
    """Whether ``spec`` is a released protocol, exactly as it was released."""
    return released_digests().get(spec.label) == spec.digest


@cache
def released_digests() -> dict[str, str]:
    """Return ``name@version`` -> digest of every released protocol."""
    return toml_table(DIRECTORY / RELEASED)


def toml_table(path: Path) -> dict[str, Any]:
    """Return the table in a TOML file of this package."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
