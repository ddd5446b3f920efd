"""The boxes (ISO/IEC 14496-12 and 23008-12) around one picture, as libavif and libheif write it without metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from suite.errors import CodecError

FILE = {b"ftyp", b"meta", b"mdat"}
META = {b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp"}
FULL_BOX = 4
"""Bytes of version and flags at the start of some boxes."""


class Picture(NamedTuple):
    """What a file announces of its only picture: pixels as coded (before any crop), and its bitstream."""

    width: int
    height: int
    bitstream: bytes


def single_picture(data: bytes, required: set[bytes], optional: frozenset[bytes] = frozenset()) -> Picture:
    """Return the only picture of a file. Raises CodecError for other boxes, or other properties than those given."""
    file = content(data, FILE)
    meta = content(file[b"meta"][FULL_BOX:], META)
    described = content(content(meta[b"iprp"], {b"ipco", b"ipma"})[b"ipco"], required, optional)
    size, bitstream = described[b"ispe"], file[b"mdat"]
    if len(size) != 12 or item_extent(meta[b"iloc"]) != (data.rindex(bitstream), len(bitstream)):
        raise CodecError(f"{len(data)} bytes do not hold one picture at the place that they announce.")
    return Picture(int.from_bytes(size[4:8]), int.from_bytes(size[8:]), bitstream)


def content(data: bytes, required: set[bytes], optional: frozenset[bytes] = frozenset()) -> dict[bytes, bytes]:
    """Return the boxes in ``data`` by kind. Raises CodecError for others, for one twice, and for one that lacks."""
    found: dict[bytes, bytes] = {}
    for kind, payload in boxes(data):
        if kind in found or kind not in required | optional:
            raise CodecError(f"The box {kind!r} is not one that this codec writes, or not twice.")
        found[kind] = payload
    if lacking := required - found.keys():
        raise CodecError(f"{len(data)} bytes lack the boxes {sorted(lacking)}.")
    return found


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and payload of each box. Raises CodecError for one that is longer than what is left."""
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 4])
        if not 8 <= length <= len(data) - position:
            raise CodecError(f"At byte {position} of {len(data)} is no complete box.")
        yield data[position + 4 : position + 8], data[position + 8 : position + length]
        position += length


def item_extent(locations: bytes) -> tuple[int, int]:
    """Return offset and length of the only item of an ``iloc`` box. Raises CodecError for other forms of the box."""
    base_size = locations[5] >> 4 if len(locations) > 5 else -1
    if base_size not in (0, 4) or len(locations) != 22 + base_size or locations[:5] != b"\0\0\0\0\x44":
        raise CodecError("A picture's place in its file is not written the way of this codec.")
    base = int.from_bytes(locations[12 : 12 + base_size])
    offset, length = locations[-8:-4], locations[-4:]
    return base + int.from_bytes(offset), int.from_bytes(length)
