"""What differs between two protocols, field by field: pure functions over `ProtocolSpec`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from suite.digest import canonical_json
from suite.spec import CodecSpec, OpenCodecs, ProtocolSpec, Spec, TrackSpec, content

WORDS = ("name", "version", "title", "summary", "changes")
"""The fields of a protocol that change its digest and no number."""


class Difference(NamedTuple):
    """A field and its values as text; None where that protocol does not have the field."""

    field: str
    first: str | None
    second: str | None

    @property
    def may_change_a_number(self) -> bool:
        """Whether results can differ because of it."""
        return self.field not in WORDS


def differences(first: ProtocolSpec, second: ProtocolSpec) -> list[Difference]:
    """Return what differs between two protocols, in the order of their fields; none where their digests agree."""
    if first.digest == second.digest:
        return []
    left, right = dict(fields_of(first)), dict(fields_of(second))
    return [
        difference(field, left.get(field), right.get(field))
        for field in dict.fromkeys((*left, *right))
        if exact(left.get(field)) != exact(right.get(field))
    ]


def difference(field: str, first: Any, second: Any) -> Difference:
    """Return a field's two values as text; as JSON where the number 1 and the text "1" would read alike."""
    write = exact if shown(first) == shown(second) else shown
    return Difference(field, *(None if value is None else write(value) for value in (first, second)))


def exact(value: Any) -> str:
    """Return the text that a digest sees of a value."""
    return canonical_json(content(value))


def fields_of(spec: ProtocolSpec) -> Iterator[tuple[str, Any]]:
    """Yield every field of a protocol by its path: its own, each codec's by label, each track's by task and dataset."""
    for name in spec.__struct_fields__:
        value = getattr(spec, name)
        if name == "codecs":
            yield name, tuple(codec.label for codec in value)
            for codec in value:
                yield from part_fields(f"codec {codec.label}", codec)
        elif name == "tracks":
            yield name, tuple(map(track_name, value))
            for path, track in zip(track_paths(value), value, strict=True):
                yield from part_fields(path, track)
        elif name == "open_codecs" and value is not None:
            yield from part_fields("open codecs", value)
        elif name != "open_codecs":
            yield name, value


def part_fields(path: str, part: CodecSpec | OpenCodecs | TrackSpec) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a part; each parameter of a codec is one."""
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, Mapping):
            yield from ((f"{path}: {key}", each) for key, each in value.items())
        else:
            yield f"{path}: {name}", value


def track_paths(tracks: Iterable[TrackSpec]) -> list[str]:
    """Return a path for each track; tracks that read alike are numbered."""
    names = [track_name(track) for track in tracks]
    return [
        f"track {name}" if names.count(name) == 1 else f"track {name} ({names[: index + 1].count(name)})"
        for index, name in enumerate(names)
    ]


def track_name(track: TrackSpec) -> str:
    """Return what a track is called: its task, dataset and split. Versions may differ."""
    return f"{track.task} on {track.dataset.name} {track.split}"


def shown(value: Any) -> str:
    """Return a field's value as text."""
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Spec | str) else repr(value)
