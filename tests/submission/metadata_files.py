"""A file with all that metadata may say, one with the least, and what reading an altered one gives."""

import pytest

from suite.api import Task
from suite.errors import InvalidManifest
from suite.submission.manifest import Manifest, WeightEntry, parse

SHA256 = "0123456789abcdef" * 4
VALID = f"""\
#!/usr/bin/env python
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy>=2",  # arrays
#     "pillow",
# ]
#
# [tool.suite]
# kind = "model"
# object = "Brightness"
# name = "brightness-threshold"
# version = "1.2"
# task = "classification"
# authors = "A. Author, B. Author"
# licence = "MIT"
# paper = "https://example.org/paper"
# code = "https://example.org/code"
# training-data = "none"
# notes = \"\"\"
# Calls what is dark defective.
#
# name = "not a key"\"\"\"
# tolerance = 0.001
# accelerator = true
#
# [[tool.suite.weights]]
# file = "head.safetensors"
# size = 12345
# sha256 = "{SHA256}"
#
# [[tool.suite.weights]]
# file = "more/tail.npz"
# url = "https://example.org/tail.npz"
# size = 2147483648
# sha256 = "{SHA256}"
#
# [tool.other]
# anything = {{ goes = 1 }}
# ///
\"\"\"What the file is about.\"\"\"
import numpy as np

class Brightness:
    name = "brightness-threshold"

def made(): return Brightness()
ready, (other, *rest) = 1, (2, 3)
stated: int = 4
promised: int
np.extra = 5
"""
EXPECTED = Manifest(
    kind="model",
    object="Brightness",
    name="brightness-threshold",
    version="1.2",
    authors="A. Author, B. Author",
    licence="MIT",
    task=Task.CLASSIFICATION,
    paper="https://example.org/paper",
    code="https://example.org/code",
    training_data="none",
    notes='Calls what is dark defective.\n\nname = "not a key"',
    tolerance=0.001,
    accelerator=True,
    weights=(
        WeightEntry(file="head.safetensors", size=12345, sha256=SHA256),
        WeightEntry(file="more/tail.npz", size=2147483648, sha256=SHA256, url="https://example.org/tail.npz"),
    ),
    requires_python=">=3.11",
    dependencies=("numpy>=2", "pillow"),
)
SHORT = """\
# /// script
# [tool.suite]
# kind = "codec"
# object = "x"
# name = "x"
# version = "1"
# authors = "A"
# licence = "MIT"
# training-data = "none"
# ///
x = 1
"""


def edited(old, new, text=VALID):
    """Return ``text`` with its one ``old`` replaced, and the line of the § in ``new``, or in which that begins."""
    assert text.count(old) == 1
    before = text[: text.index(old)] + new.partition("§")[0] * ("§" in new)
    return text.replace(old, new.replace("§", "")), before.count("\n") + 1


def problems(text, **asked):
    """Return what is wrong with a file, each with its line."""
    with pytest.raises(InvalidManifest) as raised:
        parse(text if isinstance(text, bytes) else text.encode(), **asked)
    return [tuple(problem) for problem in raised.value.problems]


def line_of(start, text=VALID):
    """Return the line that begins so."""
    return [line.startswith(start) for line in text.split("\n")].index(True) + 1
