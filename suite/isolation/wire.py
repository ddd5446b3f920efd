"""The messages between a host and its worker process, to bytes and back; both sides check every field.

A message is a header of 8 bytes (its number in `MESSAGES` and the length of the rest, little-endian) and its fields as
a JSON array. Each request gets one answer. Pixels and bitstreams go through `suite.isolation.memory` instead.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, get_args, get_type_hints

from suite.errors import WorkerError

HEADER = struct.Struct("<II")
MOST_BODY_BYTES = 1 << 16
MOST_TEXT = 8000
"""Characters of a text; even if JSON writes each as six, the message is short enough."""
MOST_PAYLOAD_BYTES = 1 << 30
"""Of the images or the bitstream in the memory."""
MOST_SIZES = 5 * 1024
"""Numbers in a list of sizes: those of the largest batch."""
MOST_SETTINGS = 512
"""Values that a codec's settings have."""

Value: TypeAlias = bool | int | float | str


class Make(NamedTuple):
    """Make the plugin of that kind that an `Origin` describes. Answer: `Made`."""

    kind: str
    target: str
    member: list[str]
    parameters: dict[str, Value]


class Encode(NamedTuple):
    """Encode the image in the memory at a setting. Answer: `Stream`."""

    height: int
    width: int
    parameter: str
    value: Value


class Decode(NamedTuple):
    """Decode so many bytes in the memory. Answer: `Picture`."""

    byte_count: int


class Load(NamedTuple):
    """Load the weights onto a device, and compute with so many threads an operator. Answer: `Ready`."""

    device: str
    threads: int
    tf32: bool


class Geometry(NamedTuple):
    """Bring the image in the memory to the model's geometry. Answer: `Picture`."""

    height: int
    width: int


class Predict(NamedTuple):
    """Predict the images in the memory, one after the other. Answer: `Scores`.

    ``sizes``: of each image height and width, and the original's width and height.
    """

    sizes: list[int]


class Restore(NamedTuple):
    """Restore the frames in the memory: all images, one after the other, then all bitstreams. Answer: `Pictures`.

    ``sizes``: of each image height and width, the bytes of its bitstream, and the original's width and height.
    """

    sizes: list[int]


class Describe(NamedTuple):
    """Say what the codec can be asked for, and its build. Answer: `Described`."""


class Made(NamedTuple):
    """The plugin is there. ``task`` and ``classes`` are a model's; empty and 0 for other kinds."""

    name: str
    version: str
    task: str
    classes: int


class Described(NamedTuple):
    """A codec's settings, values of one parameter from the lowest rate to the highest, and its build."""

    parameter: str
    values: list[Value]
    build: str


class Ready(NamedTuple):
    """The weights are loaded."""


class Scores(NamedTuple):
    """So many rows of so many float32 are in the memory."""

    rows: int
    classes: int


class Pictures(NamedTuple):
    """Images are in the memory, one after the other; ``sizes``: of each height and width."""

    sizes: list[int]


class Stream(NamedTuple):
    """So many bytes are in the memory."""

    byte_count: int


class Picture(NamedTuple):
    """An image of that size is in the memory."""

    height: int
    width: int


class Raised(NamedTuple):
    """The plugin raised an error: whether it is a CodecError, the name of its type, its text."""

    is_codec_error: bool
    name: str
    text: str


Request: TypeAlias = Make | Load | Encode | Decode | Geometry | Predict | Restore | Describe
Answer: TypeAlias = Made | Ready | Stream | Picture | Pictures | Scores | Raised | Described
Message: TypeAlias = Request | Answer
MESSAGES: tuple[type[Message], ...] = (*get_args(Request), *get_args(Answer))


def send(connection: socket.socket, message: Message) -> None:
    """Send a message. Raises WorkerError for fields that do not fit it, OSError."""
    connection.sendall(packed(message))


def receive(connection: socket.socket, timeout_s: float = math.inf) -> Message | None:
    """Return the next message, None at the end of the connection.

    Raises WorkerError for what is none, TimeoutError if it has not wholly come by then, OSError.
    """
    over = time.monotonic() + timeout_s
    head = received(connection, HEADER.size, over)
    if not head:
        return None
    number, length = announced(head)
    return unpacked(number, received(connection, length, over))


def received(connection: socket.socket, count: int, over: float) -> bytes:
    """Return so many bytes, none at the end of the connection. Raises WorkerError for an end amid them."""
    data = b""
    while len(data) < count:
        # Each time anew: bytes that come one by one do not put off the end.
        connection.settimeout(None if over == math.inf else max(1e-3, over - time.monotonic()))
        piece = connection.recv(count - len(data))
        if not piece and not data:
            return b""
        if not piece:
            raise WorkerError(f"A message of {count} bytes ends after {len(data)}.")
        data += piece
    return data


def announced(head: bytes) -> tuple[int, int]:
    """Return a message's number and length from its header. Raises WorkerError."""
    number, length = HEADER.unpack(head)
    if number >= len(MESSAGES) or not 0 < length <= MOST_BODY_BYTES:
        raise WorkerError(
            f"Expected a message of number 0 to {len(MESSAGES) - 1} and 1 to {MOST_BODY_BYTES} bytes, "
            f"but got number {number} and {length} bytes. Do host and worker run the same version of the suite?"
        )
    return number, length


def packed(message: Message) -> bytes:
    """Return a message as bytes. Raises WorkerError for fields that do not fit it."""
    check_fields(type(message), list(message))
    body = json.dumps(message).encode()
    if len(body) > MOST_BODY_BYTES:
        raise WorkerError(f"{type(message).__name__} with {len(body)} bytes is too long: {MOST_BODY_BYTES} at most.")
    return HEADER.pack(MESSAGES.index(type(message)), len(body)) + body


def unpacked(number: int, body: bytes) -> Message:
    """Return the message of that number. Raises WorkerError."""
    kind = MESSAGES[number]
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WorkerError(f"The fields of {kind.__name__} cannot be read: {error}") from error
    check_fields(kind, fields)
    return kind(*fields)


def check_fields(kind: type[Message], fields: Any) -> None:
    """Raise WorkerError unless ``fields`` are a list of what ``kind`` has."""
    hints = FIELDS[kind]
    if not isinstance(fields, list) or len(fields) != len(hints):
        raise WorkerError(f"Expected the {len(hints)} fields of {kind.__name__}, but got {fields!r:.100}.")
    for (name, fits), value in zip(hints.items(), fields, strict=True):
        if not fits(value):
            raise WorkerError(f"The {name} of {kind.__name__} cannot be {value!r:.100}.")


def is_count(value: Any) -> bool:
    """Whether this is a number of bytes, rows or columns."""
    return type(value) is int and 0 <= value <= MOST_PAYLOAD_BYTES


def is_text(value: Any) -> bool:
    """Whether this is a text that is not too long."""
    return isinstance(value, str) and len(value) <= MOST_TEXT


def is_value(value: Any) -> bool:
    """Whether this may be the value of a setting or a parameter."""
    if type(value) is int:
        return abs(value) < 1 << 63
    return is_text(value) or type(value) is bool or (type(value) is float and math.isfinite(value))


def is_list_of_texts(value: Any) -> bool:
    """Whether this is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_list_of_counts(value: Any) -> bool:
    """Whether this is a list of sizes that is not too long."""
    return isinstance(value, list) and len(value) <= MOST_SIZES and all(map(is_count, value))


def is_list_of_values(value: Any) -> bool:
    """Whether this is a list of values of settings, numbers and texts, that is not too long."""
    if not isinstance(value, list) or len(value) > MOST_SETTINGS:
        return False
    return all(is_value(each) and type(each) is not bool for each in value)


def is_parameters(value: Any) -> bool:
    """Whether this is a table of parameters."""
    return isinstance(value, Mapping) and all(map(is_text, value)) and all(map(is_value, value.values()))


FITS: dict[Any, Callable[[Any], bool]] = {
    int: is_count,
    str: is_text,
    bool: lambda value: type(value) is bool,
    Value: is_value,
    list[str]: is_list_of_texts,
    list[int]: is_list_of_counts,
    list[Value]: is_list_of_values,
    dict[str, Value]: is_parameters,
}
FIELDS = {kind: {name: FITS[hint] for name, hint in get_type_hints(kind).items()} for kind in MESSAGES}
"""Of each message, its fields and what fits them."""
