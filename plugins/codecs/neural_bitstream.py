"""The bytes of the neural codecs: a small container, and the reader of CompressAI's entropy-coded strings."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, groupby, pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from suite.api import Image
from suite.errors import CodecError

CHECKSUM_BYTES = 4
LONGEST_NUMBER = 5
"""Bytes of a number in the container, seven bits each."""

WORD = np.dtype("<u4")
RATE_BITS = 16
"""Frequencies of a table sum to ``2**RATE_BITS``."""
LOWEST_STATE = 1 << 31
"""The coder's state before the first symbol is written, hence after the last one is read."""
NIBBLE_BITS, HIGHEST_NIBBLE, MOST_NIBBLES = 4, 15, 7
NOT_THE_END = "An entropy-coded string does not end with its last symbol."

PROBE = np.array([0x1E3A5C78, 0x9B2D4F60, 0x2C4E6A81, 0x7D5B3910], WORD)
"""Words that `fenced` puts behind a string: what is read of them shows where the decoder was and in which state.

Their bytes differ, and the first word's last is below 128.
"""
PROBE_ROWS = [list(range(0, (1 << RATE_BITS) + 1, 1 << 8)), [0, (1 << RATE_BITS) - 1, 1 << RATE_BITS]]
"""By the first, each symbol is a byte of the state, but never of its high end. The second makes the lowest high end, a
power of two, a bit shorter and leaves any other: then the next word comes a byte earlier.
"""
PROBE_INDEXES = [*[0] * 5, 1, *[0] * 10]
"""Which of these rows the probe is read by, after the last byte of the state but for its high end."""

Interval: TypeAlias = tuple[int, int, int | None]
"""One symbol's share of a row of frequencies: width, start and symbol, None to escape.

A tuple without names, as Python takes those apart faster: the reader does little else.
"""


class Stream(NamedTuple):
    """What a bitstream holds.

    ``tag``: the architecture's number in the high four bits, the quality in the low ones. ``strings``: the
    hyper-latents' where there are any, then the latents'. ``checksum``: `checksum_of` the encoder's reconstruction.
    """

    tag: int
    height: int
    width: int
    checksum: int
    strings: tuple[bytes, ...]


@dataclass(frozen=True)
class Tables:
    """An entropy model's tables: cumulative frequencies 0 to 2**16 of each row, and the symbol that comes first.

    A row's last symbol escapes: the number follows in groups of four bits.
    """

    rows: list[list[int]]
    offsets: list[int]

    @property
    def lengths(self) -> list[int]:
        """How many frequencies each row has."""
        return [len(row) for row in self.rows]

    @cached_property
    def lookups(self) -> list[Lookup]:
        """Each row as a reader looks symbols up."""
        return [Lookup.of(row, offset) for row, offset in zip(self.rows, self.offsets, strict=True)]

    @cached_property
    def with_probe(self) -> Tables:
        """These, and last those that read the probe behind the end of a string."""
        return Tables([*self.rows, *PROBE_ROWS], [*self.offsets, *[0] * len(PROBE_ROWS)])


class Lookup(NamedTuple):
    """A row of frequencies, the interval of each symbol, and the one that all of 256 frequencies share, or None."""

    row: list[int]
    intervals: list[Interval]
    coarse: list[Interval | None]

    @classmethod
    def of(cls, row: list[int], offset: int) -> Lookup:
        """Return a row's symbols, the first of which is ``offset``."""
        intervals: list[Interval] = [(end - start, start, offset + at) for at, (start, end) in enumerate(pairwise(row))]
        intervals[-1] = (*intervals[-1][:2], None)
        places = [(bisect_right(row, low), bisect_right(row, low + 0xFF)) for low in range(0, 1 << RATE_BITS, 1 << 8)]
        return cls(row, intervals, [intervals[first - 1] if first == end else None for first, end in places])


def written(stream: Stream) -> bytes:
    """Return the bitstream: tag, height, width, checksum, the strings; all but the last after their length in words."""
    strings = [number(len(string) // WORD.itemsize) + string for string in stream.strings[:-1]]
    head = bytes([stream.tag]) + number(stream.height) + number(stream.width)
    return b"".join([head, stream.checksum.to_bytes(CHECKSUM_BYTES), *strings, stream.strings[-1]])


def read(data: bytes, strings: int) -> Stream:
    """Return what ``data`` holds, which are so many strings. Raises CodecError for what is cut short."""
    height, position = number_at(data, 1)
    width, position = number_at(data, position)
    checksum = taken(data, position, CHECKSUM_BYTES)
    position += CHECKSUM_BYTES
    found = []
    for _ in range(strings - 1):
        words, position = number_at(data, position)
        found.append(taken(data, position, words * WORD.itemsize))
        position += len(found[-1])
    return Stream(data[0], height, width, int.from_bytes(checksum), (*found, data[position:]))


def taken(data: bytes, start: int, count: int) -> bytes:
    """Return ``count`` bytes from ``start`` on. Raises CodecError when there are fewer."""
    part = data[start : start + count]
    if len(part) < count:
        raise CodecError(f"{len(data)} bytes are cut short: at byte {start}, {count} were announced.")
    return part


def number(value: int) -> bytes:
    """Return a number as bytes of seven bits each, high ones first; all but the last have their top bit set."""
    low = bytes([value & 0x7F])
    while value := value >> 7:
        low = bytes([value & 0x7F | 0x80]) + low
    return low


def number_at(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at ``position`` and where it ends. Raises CodecError."""
    value = 0
    for index in range(position, min(position + LONGEST_NUMBER, len(data))):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise CodecError(f"{len(data)} bytes are cut short: no number ends after byte {position}.")


def checksum_of(tag: int, image: Image) -> int:
    """Return the CRC-32 of an image's tag, shape and pixels."""
    head = bytes([tag]) + number(image.shape[0]) + number(image.shape[1])
    return zlib.crc32(np.ascontiguousarray(image), zlib.crc32(head))


class Reader:
    """Reads the symbols of one string that CompressAI's rANS encoder wrote (64-bit state, 32-bit words).

    CompressAI's own decoder (C++) reads on past the end of a string that is cut short: 100,000 symbols from eight
    bytes ended the process. It also converts all tables at each call, once a place in the autoregressive models, which
    decode in half of the time with this one. Where all symbols are read at once it is the faster one, and `fenced`
    makes it safe.
    Source: Duda 2013 (arXiv:1311.2540); the format: compressai/cpp_exts/rans/rans_interface.cpp of CompressAI 1.2.8.
    """

    def __init__(self, string: bytes) -> None:
        low, high, *words = words_of(string).tolist()
        self._state: int = high << 32 | low
        self._left = iter(words)

    def symbols(self, tables: Tables, indexes: Iterable[int]) -> list[int]:
        """Return the next symbol of each of the tables' rows that ``indexes`` names. Raises CodecError at the end."""
        values = []
        state, words = self._state, chain(self._left, ended())
        lookups, add = tables.lookups, values.append
        for index, run in groupby(indexes):  # a channel's latents often share their row
            row, intervals, coarse = lookups[index]
            for _ in run:
                low = state & 0xFFFF
                width, start, symbol = coarse[low >> 8] or intervals[bisect_right(row, low) - 1]
                state = width * (state >> RATE_BITS) + low - start
                if state < LOWEST_STATE:
                    state = state << 32 | next(words)
                if symbol is None:
                    beyond, state = escaped(len(row) - 2, state, words)
                    symbol = beyond + tables.offsets[index]
                add(symbol)
        self._state = state
        return values

    def finish(self) -> None:
        """Raise CodecError unless this is the end of what was written."""
        if self._state != LOWEST_STATE or next(self._left, None) is not None:
            raise CodecError(NOT_THE_END)


def words_of(string: bytes) -> NDArray[np.uint32]:
    """Return a string's words. Raises CodecError unless there are two or more, and nothing else."""
    if len(string) < 2 * WORD.itemsize or len(string) % WORD.itemsize:
        raise CodecError(f"An entropy-coded string has {len(string)} bytes; expected two or more words of four.")
    return np.frombuffer(string, WORD)


def fenced(string: bytes, symbols: int) -> bytes:
    """Return a string with so much behind it that a decoder of so many ``symbols`` and the probe stays inside.

    Raises CodecError for no string. A symbol takes at most one word, and more if it escapes. It then has a group of
    four bits and, for each that is 15, 15 more groups and another such: only so many are 15 as the state holds, 9, and
    as the string's own words do, 8 each, for what follows the probe is zeros. So at most 21 words a symbol, and 16 for
    each of the string.
    """
    words = len(words_of(string)) + len(PROBE)
    return string + PROBE.tobytes() + bytes(WORD.itemsize * (21 * (symbols + len(PROBE_INDEXES)) + 16 * words))


def unfenced(symbols: list[int]) -> list[int]:
    """Return symbols without those of the probe. Raises CodecError unless the string ended before them."""
    if symbols[-len(PROBE_INDEXES) :] != behind_the_end():
        raise CodecError(NOT_THE_END)
    return symbols[: -len(PROBE_INDEXES)]


@cache
def behind_the_end() -> list[int]:
    """Return what is read behind a string that has ended."""
    string = np.array([LOWEST_STATE, 0, *PROBE], WORD).tobytes()
    return Reader(string).symbols(Tables([], []).with_probe, PROBE_INDEXES)


def ended() -> Iterator[int]:
    """Raise CodecError instead of yielding a word."""
    raise CodecError("An entropy-coded string ends before its last symbol.")
    yield


def escaped(escape: int, state: int, words: Iterator[int]) -> tuple[int, int]:
    """Return a symbol beyond its row, and the state: how many nibbles, then they, low ones first, as a signed number.

    Raises CodecError.
    """
    count = 0
    nibble = HIGHEST_NIBBLE
    while nibble == HIGHEST_NIBBLE:
        nibble, state = nibble_of(state, words)
        count += nibble
    if count > MOST_NIBBLES:
        raise CodecError(f"An entropy-coded string has a symbol of {count * NIBBLE_BITS} bits; expected up to 28.")
    value = 0
    for place in range(count):
        nibble, state = nibble_of(state, words)
        value |= nibble << place * NIBBLE_BITS
    return (-(value >> 1) - 1 if value & 1 else escape + (value >> 1)), state


def nibble_of(state: int, words: Iterator[int]) -> tuple[int, int]:
    """Return the next four bits as they are, and the state after them."""
    nibble = state & HIGHEST_NIBBLE
    state >>= NIBBLE_BITS
    return nibble, state if state >= LOWEST_STATE else state << 32 | next(words)
