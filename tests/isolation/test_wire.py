"""Messages come back as they went, and nothing else passes for one."""

import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import WorkerError
from suite.isolation import wire
from suite.isolation.wire import (
    Decode,
    Describe,
    Described,
    Encode,
    Geometry,
    Load,
    Made,
    Make,
    Picture,
    Pictures,
    Predict,
    Raised,
    Ready,
    Restore,
    Scores,
    Stream,
)

TEXTS = st.text(max_size=50)
COUNTS = st.integers(0, wire.MOST_PAYLOAD_BYTES)
VALUES = st.one_of(
    TEXTS, st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
SETTINGS = VALUES.filter(lambda value: not isinstance(value, bool))
LAST = len(wire.MESSAGES) - 1
MESSAGES = st.one_of(
    st.builds(Make, TEXTS, TEXTS, st.lists(TEXTS), st.dictionaries(TEXTS, VALUES)),
    st.builds(Encode, COUNTS, COUNTS, TEXTS, VALUES),
    st.builds(Decode, COUNTS),
    st.builds(Made, TEXTS, TEXTS, TEXTS, COUNTS),
    st.builds(Load, TEXTS, COUNTS, st.booleans()),
    st.just(Ready()),
    st.builds(Geometry, COUNTS, COUNTS),
    st.builds(Predict, st.lists(COUNTS)),
    st.builds(Restore, st.lists(COUNTS)),
    st.builds(Scores, COUNTS, COUNTS),
    st.builds(Pictures, st.lists(COUNTS)),
    st.builds(Stream, COUNTS),
    st.just(Describe()),
    st.builds(Described, TEXTS, st.lists(SETTINGS), TEXTS),
    st.builds(Picture, COUNTS, COUNTS),
    st.builds(Raised, st.booleans(), TEXTS, TEXTS),
)


def received(data):
    """Return what arrives of some bytes before the end of a connection."""
    here, there = socket.socketpair()
    with here, there:
        here.sendall(data)
        here.close()
        return wire.receive(there)


@given(MESSAGES)
def test_messages_come_back_with_their_types(message):
    back = received(wire.packed(message))
    assert (type(back), back) == (type(message), message)
    assert [type(field) for field in back] == [type(field) for field in message]


@given(st.binary(max_size=60))
def test_noise_is_a_message_or_a_worker_error(noise):
    try:
        message = received(noise)
    except WorkerError:
        return
    assert message is None or type(message) in wire.MESSAGES


@given(st.integers(0, len(wire.MESSAGES) - 1), st.recursive(VALUES, lambda some: st.lists(some, max_size=5)))
def test_fields_that_do_not_fit_are_refused_and_others_are_what_is_packed(number, fields):
    body = json.dumps(fields).encode()
    try:
        message = wire.unpacked(number, body)
    except WorkerError:
        return
    assert wire.unpacked(number, wire.packed(message)[wire.HEADER.size :]) == message


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (Encode, b"[1,2]", "Expected the 4 fields of Encode, but got"),
        (Decode, b'{"byte_count": 1}', "Expected the 1 fields of Decode"),
        (Decode, b"[-1]", "The byte_count of Decode cannot be -1"),
        (Decode, b"[true]", "The byte_count of Decode cannot be True"),
        (Decode, b"[1.0]", "cannot be 1.0"),
        (Decode, b"[1073741825]", "cannot be 1073741825"),
        (Decode, b"[" * 60_000, "cannot be read"),
        (Decode, b"[" + b"9" * 5000 + b"]", "cannot be read"),
        (Encode, b'[1,1,"a",NaN]', "The value of Encode cannot be nan"),
        (Raised, b'[true,"a","' + b"x" * 8001 + b'"]', "The text of Raised cannot be"),
        (Make, b'["model","a",[1],{}]', "The member of Make"),
        (Make, b'["model","a",[],{"b":[]}]', "The parameters of Make"),
        (Decode, b"\xff", "cannot be read"),
    ],
)
def test_refusals_say_what_is_wrong(kind, body, said):
    with pytest.raises(WorkerError, match=said):
        wire.unpacked(wire.MESSAGES.index(kind), body)


@pytest.mark.parametrize("header", [(len(wire.MESSAGES), 2), (2**32 - 1, 2), (0, 0), (0, 2**16 + 1), (0, 2**32 - 1)])
def test_headers_are_checked_before_anything_is_allocated(header):
    with pytest.raises(WorkerError, match=f"0 to {LAST} .* but got number {header[0]} and {header[1]} bytes"):
        received(wire.HEADER.pack(*header))


@pytest.mark.parametrize("kept", [1, 7, 9])
def test_the_end_amid_a_message_is_an_error_and_between_two_is_none(kept):
    with pytest.raises(WorkerError, match="ends after"):
        received(wire.packed(Decode(123456))[:kept])
    assert received(b"") is None


def test_bytes_that_come_one_by_one_do_not_put_off_the_end():
    here, there = socket.socketpair()
    over = threading.Event()

    def trickle():
        for byte in wire.packed(Decode(123456)) * 100:
            if over.wait(0.02):
                return
            here.sendall(bytes([byte]))

    thread = threading.Thread(target=trickle)
    thread.start()
    with here, there:
        with pytest.raises(TimeoutError):
            wire.receive(there, 0.1)
        over.set()
        thread.join()


@pytest.mark.parametrize(
    "message",
    [
        Decode(-1),
        Encode(1, 1, "q", float("nan")),
        Encode(1, 1, "q", None),
        Make("codec", "a", [], {"b": (1,)}),
        Predict([-1]),
        Predict([0] * 5121),
    ],
)
def test_what_does_not_fit_is_not_sent_either(message):
    with pytest.raises(WorkerError, match="cannot be"):
        wire.packed(message)


def test_long_messages_are_not_sent():
    with pytest.raises(WorkerError, match="too long"):
        wire.packed(Make("codec", "a", ["x" * 8000] * 9, {}))
