"""Submitted plugins for the tests: a file's text to a live guest in a sandbox that ends with the test."""

import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest

from suite.api import Card
from suite.errors import SandboxUnavailable
from suite.isolation.environments import current
from suite.isolation.guest import Guest, GuestModel, GuestRestoration
from suite.isolation.guest_codec import GuestCodec
from suite.isolation.sandbox import Limits, Sandbox, bubblewrap
from suite.isolation.wire import Make


def why_no_sandbox():
    """Return why this machine has no sandbox, empty where it has."""
    try:
        bubblewrap()
    except SandboxUnavailable as error:
        return str(error)
    return ""


needs_bubblewrap = pytest.mark.skipif(bool(why_no_sandbox()), reason=f"needs a sandbox. {why_no_sandbox()}")

MODEL = """
import os, sys, time, socket, struct, threading
import numpy as np
from suite.api import Classification

BEFORE = 0

class Plugin:
    name, version, task, classes, thread_safe = "plugin", "1", "classification", 2, True

    def load(self, device):
        {load}

    def geometry(self, image):
        return image

    def predict(self, images, frames):
        {predict}
        return [Classification(np.array([image.mean(), 100], np.float32)) for image in images]
"""
QUICK = Limits(memory_bytes=2 << 30, start_s=20, load_s=20, call_s=20)


def model_text(*, first="", load="pass", predict="pass"):
    """Return the file of a model that does what is said at its import, in `load` and in `predict`."""
    indented = {name: textwrap.indent(code, " " * 8).strip() for name, code in (("load", load), ("predict", predict))}
    return MODEL.format(**indented).replace("BEFORE = 0", first)


@contextmanager
def opened(root: Path, text: str, *, kind="model", limits=QUICK, trusted=False, accelerator=False):
    """Give a live guest made of a file's text, and end it."""
    folder, scratch = root / "plugin", root / "scratch"
    folder.mkdir()
    scratch.mkdir()
    (folder / "plugin.py").write_text(text)
    sandbox = Sandbox(folder, scratch, current(), trusted=trusted, limits=limits, accelerator=accelerator)
    guest = Guest(Make(kind, f"{folder}/plugin.py:Plugin", [], {}), sandbox)
    try:
        yield (GuestModel if kind == "model" else GuestRestoration)(guest, Card(summary="A plugin of the tests."))
    finally:
        guest.end()


@contextmanager
def opened_codec(root: Path, text: str, *, plugin="Plugin", limits=QUICK, trusted=False, apart=False):
    """Give a live codec made of a file's text, its two guests as a submission has them, and end it."""
    folder, scratches = root / "plugin", [root / "encoding", root / "decoding"]
    for directory in (folder, *scratches):
        directory.mkdir()
    (folder / "plugin.py").write_text(text)
    encoding, decoding = (
        Sandbox(folder, scratch, current(), trusted=trusted, limits=limits, sealed=True) for scratch in scratches
    )
    make = Make("codec", f"{folder}/plugin.py:{plugin}", [], {})
    codec = GuestCodec(make, encoding, decoding, Card(summary="A codec of the tests."), apart=apart)
    try:
        yield codec
    finally:
        codec.end()


def submitted_codec() -> str:
    """Return the codec that submissions/README.md shows, as a file."""
    readme = (Path(__file__).resolve().parents[2] / "submissions" / "README.md").read_text(encoding="utf-8")
    return next(part for part in readme.split("```python\n")[1:] if 'kind = "codec"' in part).partition("```")[0]
