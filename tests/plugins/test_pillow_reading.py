"""Damaged image files: an image or CorruptImage, whatever the damage meets in Pillow."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from suite.api.pillow import upright_rgb
from suite.contracts.specimens import photo
from suite.errors import CorruptImage

ORIENTATION, MAKE = 0x0112, 0x010F


def with_exif(kind):
    """Return an image file with an orientation and a maker."""
    exif, buffer = PillowImage.Exif(), io.BytesIO()
    exif[ORIENTATION], exif[MAKE] = 6, "maker"
    PillowImage.fromarray(photo(12, 17)).save(buffer, kind, exif=exif)
    return buffer.getvalue()


FILES = {kind: with_exif(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")}


@pytest.mark.parametrize("kind", FILES)
def test_orientation_is_applied_in_every_format(kind):
    assert upright_rgb(FILES[kind], "x").shape == (17, 12, 3)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(sorted(FILES)), edits=st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), max_size=5)
)
def test_altered_files_give_an_image_or_corrupt_image(kind, edits):
    data = bytearray(FILES[kind])
    for position, value in edits:
        data[position % len(data)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged metadata that it can do without
        try:
            image = upright_rgb(bytes(data), "x")
        except CorruptImage:
            return
    assert image.ndim == 3
    assert image.dtype == np.uint8


@pytest.mark.parametrize("mode", ["I;16", "F", "I"])
def test_more_than_8_bits_are_refused(mode):
    buffer = io.BytesIO()
    PillowImage.new(mode, (3, 3)).save(buffer, "TIFF")
    with pytest.raises(CorruptImage, match=r"here\.tif: pixels of mode .*8 bits"):
        upright_rgb(buffer.getvalue(), "here.tif")


def test_metadata_that_cannot_be_written_back_is_named(monkeypatch):
    def damaged(image):
        raise TypeError("bad operand type for abs(): 'str'")

    monkeypatch.setattr("suite.api.pillow.ImageOps.exif_transpose", damaged)
    with pytest.raises(CorruptImage, match=r"here\.jpg: not a readable image \(bad operand"):
        upright_rgb(FILES["JPEG"], "here.jpg")
