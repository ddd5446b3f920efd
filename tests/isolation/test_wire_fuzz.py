"""A thousand altered answers of a worker, over a real connection: each is refused with a reason, or could be true."""

import json
import os
import socket
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from random import Random
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest

from suite.api import Card, Frame, FrameInfo, Setting
from suite.contracts.specimens import photo
from suite.errors import PluginError
from suite.isolation import process
from suite.isolation.codec import HostedCodec
from suite.isolation.guest import Guest, GuestModel, GuestRestoration
from suite.isolation.guest_codec import described
from suite.isolation.memory import FIRST_BYTES, Memory
from suite.isolation.sandbox import Limits
from suite.isolation.wire import (
    HEADER,
    MESSAGES,
    MOST_PAYLOAD_BYTES,
    MOST_SETTINGS,
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
    packed,
    receive,
    send,
)
from suite.origin import Origin

IMAGES = [photo(5, 4, seed=number) for number in range(3)]
INFOS = [FrameInfo(width=4, height=5)] * 3
SCORES = np.arange(6, dtype=np.float32).reshape(3, 2)
MAKE = Make("model", "plugin.py:Plugin", [], {})
TRUTH = {
    Make: Made("plugin", "1", "classification", 2),
    Load: Ready(),
    Geometry: Picture(5, 4),
    Predict: Scores(3, 2),
    Restore: Pictures([5, 4] * 3),
    Encode: Stream(60),
    Decode: Picture(5, 4),
    Describe: Described("quality", [25, 0.5, "best"], "library 1.2"),
}
OTHERS = (
    *(MAKE, Load("cpu", 1, tf32=False), Encode(5, 4, "quality", 75), Decode(60), Geometry(5, 4), Predict([5, 4, 4, 5])),
    *(
        Restore([5, 4, 60, 4, 5]),
        Describe(),
        Raised(is_codec_error=False, name="ValueError", text="no"),
        *TRUTH.values(),
    ),
)
EACH = 126
"""Of the eight kinds of requests; 1,008 together."""
TIMEOUT_S, HANGING = 0.2, 1 / 8
"""The limit of a call, and the share of workers that go on, instead of ending, when they have answered."""
LONGER_S = 8.0
"""What a call may take beyond that on a busy machine."""
NUMBERS = (-1, 0, 1, 2, 3, 5, 255, 1 << 20, MOST_PAYLOAD_BYTES, MOST_PAYLOAD_BYTES + 1, 1 << 31, 1 << 63, 10**30)
VALUES = (*NUMBERS, 0.5, 3.0, 1e308, float("inf"), float("nan"), True, None, "3", "\ud800", "x" * 9000, [], [5], {})


def framed(number, body):
    return HEADER.pack(number % 2**32, len(body)) + body


def flipped(data, rng):
    altered = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        altered[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(altered)


def overwritten(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at + 1 :]


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def lengthened(data, rng):
    return data + rng.randbytes(rng.choice((1, 8, 300, 70_000)))


def other_body(data, rng):
    """Cut or lengthen the fields in a frame that fits them again."""
    body = rng.choice((cut, lengthened, flipped, overwritten))(data[HEADER.size :], rng)
    return framed(HEADER.unpack_from(data)[0], body)


def other_values(data, rng):
    """Put other values among the fields, in a frame that fits them."""
    fields = json.loads(data[HEADER.size :]) or [0]
    inner = [field for field in fields if isinstance(field, list) and field]
    part = rng.choice([fields, *inner])
    part[rng.randrange(len(part))] = rng.choice(VALUES)
    return framed(HEADER.unpack_from(data)[0], json.dumps(fields).encode())


def other_kind(data, rng):
    return framed(rng.randrange(len(MESSAGES) + 3), data[HEADER.size :])


def other_length(data, rng):
    number, length = HEADER.unpack_from(data)
    told = rng.choice((0, 1, length - 1, length + 1, 1 << 16, (1 << 16) + 1, 1 << 31, 2**32 - 1))
    return HEADER.pack(number, told) + data[HEADER.size :]


MUTATORS = (
    *(flipped, overwritten, cut, lengthened, other_body, other_body, other_values, other_values),
    *(other_kind, other_length),
)


class Liar:
    """Stands for a worker: tells the truth, except to one kind of request."""

    def __init__(self, asked, reply, *, hangs):
        self.asked, self.reply, self.hangs = asked, reply, hangs
        self.threads = []

    def start(self, connection, memory):
        worker = subprocess.Popen(["sleep", "60"], process_group=0)  # something to end
        line = socket.socket(fileno=os.dup(connection))
        arguments = (worker, line, Memory(os.dup(memory)))
        self.threads.append(Thread(target=self.answer, args=arguments, daemon=True))
        self.threads[-1].start()
        return worker

    def answer(self, worker, line, memory):
        with suppress(OSError), line, closing(memory):  # the host hangs up when it likes
            try:
                self.answer_all(line, memory)
            finally:
                worker.kill()

    def answer_all(self, line, memory):
        while (request := receive(line)) is not None:
            if isinstance(request, Predict):
                memory.write_scores(SCORES)
            if not isinstance(request, self.asked):
                send(line, TRUTH[type(request)])
                continue
            line.sendall(self.reply)
            if not self.hangs:
                return

    def limit_s(self, asked):
        return TIMEOUT_S if self.asked is asked else 20.0

    def guest(self):
        limits = Limits(start_s=self.limit_s(Make), load_s=self.limit_s(Load), call_s=TIMEOUT_S)
        surroundings = SimpleNamespace(start=self.start, limits=limits, threads=1, description="none")
        return closing(Guest(MAKE, surroundings))

    def codec(self):
        codec = SimpleNamespace(name="codec", version="1")
        return closing(HostedCodec(codec, Origin("codec", "plugin.py:Plugin"), call_timeout_s=TIMEOUT_S))


def made(liar):
    with liar.guest() as guest:
        assert type(guest.made) is Made
        assert packed(guest.made)
        assert len(guest.made.name) <= 8000


def loaded(liar):
    with liar.guest() as guest:
        guest.load("cpu")


def fitted(liar):
    with liar.guest() as guest:
        check_picture(GuestModel(guest, Card(summary="")).geometry(IMAGES[0]))


def predicted(liar):
    with liar.guest() as guest:
        predictions = GuestModel(guest, Card(summary="")).predict(IMAGES, INFOS)
        assert np.array_equal([prediction.scores for prediction in predictions], SCORES)


def restored(liar):
    frames = [Frame(image, b"", info) for image, info in zip(IMAGES, INFOS, strict=True)]
    with liar.guest() as guest:
        assert np.array_equal(GuestRestoration(guest, Card(summary="")).restore(frames), IMAGES)


def encoded(liar):
    with liar.codec() as codec:
        assert len(codec.encode(IMAGES[0], Setting("quality", 75))) <= FIRST_BYTES


def decoded(liar):
    with liar.codec() as codec:
        check_picture(codec.decode(bytes(60)))


def said(liar):
    with liar.guest() as guest:
        found = described(guest)
        assert packed(found)
        assert found.parameter.isidentifier()
        assert 1 <= len(found.values) <= MOST_SETTINGS
        assert not [value for value in found.values if type(value) not in {int, float, str}]


def check_picture(image):
    """Whatever size it says, it is an image, and within what the memory has."""
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 < image.nbytes <= FIRST_BYTES


CALLS = {
    Make: made, Load: loaded, Geometry: fitted, Predict: predicted, Restore: restored, Encode: encoded, Decode: decoded,
    Describe: said,
}  # fmt: skip


def liars(asked):
    """Yield workers with altered answers, the same ones every time; half of them were the true one."""
    rng = Random(f"wire {asked.__name__}")  # noqa: S311 - the same every time
    for _ in range(EACH):
        answer = TRUTH[asked] if rng.random() < 0.5 else rng.choice(OTHERS)
        yield Liar(asked, rng.choice(MUTATORS)(packed(answer), rng), hangs=rng.random() < HANGING)


def outcome(liar):
    """Return what became of a call: "accepted", or the name of the error."""
    began = time.monotonic()
    try:
        CALLS[liar.asked](liar)
        result = "accepted"
    except PluginError as error:
        result = type(error).__name__ if str(error) else "no reason"
    assert time.monotonic() - began < TIMEOUT_S + LONGER_S
    for thread in liar.threads:
        thread.join(LONGER_S)
    assert not any(thread.is_alive() for thread in liar.threads)
    return result


@pytest.mark.parametrize("asked", TRUTH, ids=lambda asked: asked.__name__)
def test_altered_answers_are_refused_or_could_be_true(asked, monkeypatch, new_children):
    counts = Counter()
    for liar in liars(asked):
        monkeypatch.setattr(process, "started", liar.start)
        counts[outcome(liar)] += 1
    print(dict(counts))
    assert counts.total() == EACH
    assert 0 < counts["accepted"] < EACH / 4
    assert not counts["no reason"]
    assert not new_children()


@pytest.mark.parametrize("asked", TRUTH, ids=lambda asked: asked.__name__)
def test_the_same_calls_take_the_truth(asked, monkeypatch):
    liar = Liar(asked, packed(TRUTH[asked]), hangs=False)
    monkeypatch.setattr(process, "started", liar.start)
    monkeypatch.setattr("tests.isolation.test_wire_fuzz.TIMEOUT_S", 20.0)
    assert outcome(liar) == "accepted"
