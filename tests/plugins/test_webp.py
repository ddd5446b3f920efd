"""The WebP codec against Pillow, cwebp and dwebp, against its contract, and against damaged bitstreams."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from plugins.codecs.webp import Webp
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import mutations, photo
from suite.errors import CodecError, UsageError
from tests import programs

SIDES = st.integers(1, 40)
IMAGES = st.tuples(SIDES, SIDES).flatmap(lambda size: arrays(np.uint8, (*size, 3)))


def quality(value):
    return Setting("quality", value)


def by_pillow(image, **options):
    """Return what Pillow writes."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "WEBP", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [0, 4, 6])
def test_keeps_the_contract(method):
    assert [finding for finding in check_codec(Webp(method=method)) if not finding.ok] == []


@given(image=IMAGES, value=st.integers(0, 100))
def test_is_what_pillow_does_by_itself(image, value):
    data = Webp().encode(image, quality(value))
    assert data == by_pillow(image, quality=value)
    with PillowImage.open(io.BytesIO(data)) as file:
        assert np.array_equal(Webp().decode(data), np.asarray(file))


@programs.needs("webp")
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (128, 160)], ids=str)
@pytest.mark.parametrize("method", [0, 4, 6])
@pytest.mark.parametrize("value", [0, 50, 90])
def test_is_what_the_reference_programs_do(tmp_path, size, method, value):
    image, data = photo(*size), Webp(method=method).encode(photo(*size), quality(value))
    programs.write(tmp_path / "source.ppm", image)
    programs.run(tmp_path, "cwebp", "-q", value, "-m", method, "source.ppm", "-o", "written.webp")
    assert (tmp_path / "written.webp").read_bytes() == data
    programs.run(tmp_path, "dwebp", "-ppm", "written.webp", "-o", "read.ppm")
    assert np.array_equal(programs.read(tmp_path / "read.ppm"), Webp().decode(data))


def test_takes_more_bytes_at_higher_quality():
    sizes = [len(Webp().encode(photo(128, 160), quality(value))) for value in range(0, 101, 5)]
    assert all(fewer < more for fewer, more in pairwise(sizes))


def test_every_method_writes_other_bytes():
    assert len({Webp(method=method).encode(photo(128, 160), quality(75)) for method in range(7)}) == 7


def test_bitstreams_are_one_lossy_chunk_without_metadata():
    data = Webp().encode(photo(32, 32), quality(50))
    assert (data[:4], data[8:16]) == (b"RIFF", b"WEBPVP8 ")
    assert 20 + int.from_bytes(data[16:20], "little") == len(data)


@pytest.mark.parametrize(
    "parameters",
    [
        *({"method": 7}, {"method": 4.0}, {"method": True}, {"chroma": "4:4:4"}),
        *({"lossless": True}, {"lossless": 0}, {"preset": "photo"}, {"preset": []}),
    ],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"webp's {name}") + ".*" + re.escape(repr(value))):
        Webp(**parameters)


@pytest.mark.parametrize("value", [-1, 101, 50.0, True, "50"])
def test_refuses_qualities_that_webp_has_not(value):
    with pytest.raises(CodecError, match=r"quality=0 to quality=100"):
        Webp().encode(photo(8, 8), quality(value))


@pytest.mark.parametrize("size", [(1, 16384), (16384, 1), (16383, 16383)], ids=str)
def test_refuses_sizes_that_webp_has_not(size):
    image = np.broadcast_to(np.zeros(3, np.uint8), (*size, 3))  # of no memory
    with pytest.raises(CodecError, match=f"not {size[1]}x{size[0]}"):
        Webp().encode(image, quality(50))


def test_takes_the_longest_side():
    image = photo(1, 16383)
    assert Webp().decode(Webp().encode(image, quality(50))).shape == image.shape


def with_size(data, width, height):
    """Return a bitstream whose frame header announces another size."""
    return data[:26] + width.to_bytes(2, "little") + height.to_bytes(2, "little") + data[30:]


@pytest.mark.parametrize("size", [(16383, 16383), (0, 8), (8, 0), (0x4008, 8)], ids=str)
def test_refuses_announced_sizes_before_decoding(size):
    data = with_size(Webp().encode(photo(8, 8), quality(50)), *size)
    with pytest.raises(CodecError, match=f"announces {size[0]}x{size[1]} pixels"):
        Webp().decode(data)


@pytest.mark.parametrize(
    "options",
    [{"lossless": True}, {"exif": b"Exif\0\0II*\0broken"}, {"icc_profile": b"x"}, {"save_all": True}],
    ids=str,
)
def test_refuses_what_it_does_not_write(options):
    image = PillowImage.fromarray(photo(8, 8))
    buffer = io.BytesIO()
    more = {"append_images": [image.rotate(90)]} if "save_all" in options else {}
    image.save(buffer, "WEBP", **options, **more)
    with pytest.raises(CodecError, match="lossy WebP without metadata"):
        Webp().decode(buffer.getvalue())


def test_refuses_every_truncation_and_what_follows_the_end():
    data = Webp().encode(photo(16, 16), quality(50))
    for other in [*(data[:end] for end in range(len(data))), data + b"\0"]:
        with pytest.raises(CodecError):
            Webp().decode(other)


@given(st.binary(max_size=300), st.booleans())
def test_noise_raises_codec_error_only(noise, framed):
    data = Webp().encode(photo(8, 8), quality(50))
    head = b"RIFF" + (len(noise) + 22).to_bytes(4, "little") + b"WEBPVP8 " + (len(noise) + 10).to_bytes(4, "little")
    try:
        assert Webp().decode(head + data[20:30] + noise if framed else noise).shape == (8, 8, 3)
    except CodecError:
        return
    assert framed


@pytest.mark.parametrize("value", [5, 95])
def test_damaged_bitstreams_give_an_image_or_codec_error(value):
    for damaged in mutations(Webp().encode(photo(24, 31), quality(value))):
        try:
            image = Webp().decode(damaged)
        except CodecError:
            continue
        assert image.dtype == np.uint8
        assert image.ndim == 3


def test_build_names_the_libraries():
    assert re.fullmatch(r"Pillow [\d.]+, libwebp [\d.]+", Webp().build)
