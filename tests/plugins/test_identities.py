"""The two plugins named ``none``: the original as a codec, and the mitigation that does nothing."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plugins.codecs.none import NoCodec
from plugins.mitigations.none import NoMitigation
from suite.api import Frame, FrameInfo, Setting
from suite.contracts import check_codec, check_restoration
from suite.errors import CodecError

SETTING = Setting("none", 0)
SIDES = st.integers(1, 30)


def test_codec_keeps_the_contract():
    assert [finding for finding in check_codec(NoCodec()) if not finding.ok] == []


def test_mitigation_keeps_the_contract():
    assert [finding for finding in check_restoration(NoMitigation()) if not finding.ok] == []


@given(st.tuples(SIDES, SIDES).flatmap(lambda size: arrays(np.uint8, (*size, 3))))
def test_codec_loses_nothing(image):
    data = NoCodec().encode(image, SETTING)
    assert len(data) == 12 + image.size
    assert np.array_equal(NoCodec().decode(data), image)


def test_codec_takes_views():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)[::-1, ::2]
    assert np.array_equal(NoCodec().decode(NoCodec().encode(image, SETTING)), image)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RGB8",
        struct.pack("<4sII", b"RGB8", 1, 1) + b"ab",
        struct.pack("<4sII", b"RGB8", 1, 1) + b"abcd",
        struct.pack("<4sII", b"RGB9", 1, 1) + b"abc",
        struct.pack("<4sII", b"RGB8", 0, 5),
        struct.pack("<4sII", b"RGB8", 2**32 - 1, 2**32 - 1) + b"abc",
    ],
)
def test_codec_refuses_what_is_no_original(data):
    with pytest.raises(CodecError):
        NoCodec().decode(data)


@pytest.mark.parametrize("setting", [Setting("quality", 0), Setting("none", 1)])
def test_codec_refuses_other_settings(setting):
    with pytest.raises(CodecError, match=str(setting)):
        NoCodec().encode(np.zeros((1, 1, 3), np.uint8), setting)


def test_mitigation_passes_the_very_arrays_on():
    images = [np.full((2, 3, 3), value, np.uint8) for value in range(3)]
    restored = NoMitigation().restore([Frame(image, b"", FrameInfo(3, 2)) for image in images])
    assert all(out is image for out, image in zip(restored, images, strict=True))
