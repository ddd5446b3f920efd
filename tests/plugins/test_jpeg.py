"""The JPEG codec against Pillow, cjpeg and djpeg, against its contract, and against damaged bitstreams."""

import io
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from plugins.codecs.jpeg import Jpeg, segments
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, UsageError
from tests import programs

ANNEX_K_LUMA_FIRST_ROW = [16, 11, 10, 16, 24, 40, 51, 61]
SAMPLING = {"4:2:0": "2x2", "4:2:2": "2x1", "4:4:4": "1x1"}
SIDES = st.integers(1, 40)
IMAGES = st.tuples(SIDES, SIDES).flatmap(lambda size: arrays(np.uint8, (*size, 3)))


def quality(value):
    return Setting("quality", value)


def tables(data):
    """Return the quantisation tables that Pillow reads from a bitstream, row by row."""
    with PillowImage.open(io.BytesIO(data)) as file:
        return file.quantization


@pytest.mark.parametrize(
    "codec",
    [Jpeg(), Jpeg(chroma="4:4:4"), Jpeg(chroma="4:2:2"), Jpeg(progressive=True), Jpeg(optimize=True)],
    ids=lambda codec: f"{codec.chroma}-{codec.progressive}-{codec.optimize}",
)
def test_keeps_the_contract(codec):
    assert [finding for finding in check_codec(codec) if not finding.ok] == []


@given(image=IMAGES, value=st.integers(1, 100))
def test_is_what_pillow_does_by_itself(image, value):
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "JPEG", quality=value)  # 4:2:0, baseline, standard Huffman tables
    data = Jpeg().encode(image, quality(value))
    assert data == buffer.getvalue()
    with PillowImage.open(buffer) as file:
        assert np.array_equal(Jpeg().decode(data), np.asarray(file))


@pytest.mark.parametrize("chroma", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("optimize", [False, True])
def test_every_parameter_is_what_pillow_makes_of_it(chroma, progressive, optimize):
    codec, image = Jpeg(chroma=chroma, progressive=progressive, optimize=optimize), photo(61, 83)
    options = {"subsampling": chroma, "progressive": progressive, "optimize": optimize}
    for value in (1, 23, 24, 49, 50, 75, 90, 100):
        buffer = io.BytesIO()
        PillowImage.fromarray(image).save(buffer, "JPEG", quality=value, **options)
        assert codec.encode(image, quality(value)) == buffer.getvalue()


def test_noise_that_pillows_buffer_is_too_small_for_is_written():
    noise = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    data = Jpeg(chroma="4:4:4", optimize=True).encode(noise, quality(100))
    assert np.abs(Jpeg().decode(data).astype(int) - noise).max() < 8


def test_takes_views():
    image = photo(40, 60)[::-1, ::2]
    assert Jpeg().encode(image, quality(50)) == Jpeg().encode(image.copy(), quality(50))


@programs.needs("libjpeg-turbo-progs")
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (128, 160)], ids=str)
@pytest.mark.parametrize(
    "codec",
    [
        *(Jpeg(), Jpeg(chroma="4:2:2"), Jpeg(chroma="4:4:4"), Jpeg(progressive=True), Jpeg(optimize=True)),
        Jpeg(chroma="4:4:4", progressive=True, optimize=True),
    ],
    ids=lambda codec: f"{codec.chroma}-{codec.progressive}-{codec.optimize}",
)
@pytest.mark.parametrize("value", [1, 10, 50, 95, 100])
def test_is_what_the_reference_programs_do(tmp_path, size, codec, value):
    image, data = photo(*size), codec.encode(photo(*size), quality(value))
    programs.write(tmp_path / "source.ppm", image)
    options = ["-quality", value, "-baseline", "-dct", "int", "-sample", SAMPLING[codec.chroma]]
    options += ["-progressive"] * codec.progressive + ["-optimize"] * codec.optimize
    programs.run(tmp_path, "cjpeg", *options, "-outfile", "written.jpg", "source.ppm")
    assert (tmp_path / "written.jpg").read_bytes() == data
    programs.run(tmp_path, "djpeg", "-dct", "int", "-outfile", "read.ppm", "written.jpg")
    assert np.array_equal(programs.read(tmp_path / "read.ppm"), codec.decode(data))


@pytest.mark.parametrize(("chroma", "layout"), [("4:2:0", (2, 2)), ("4:2:2", (2, 1)), ("4:4:4", (1, 1))])
def test_chroma_is_as_stated(chroma, layout):
    data = Jpeg(chroma=chroma).encode(photo(32, 32), quality(50))
    with PillowImage.open(io.BytesIO(data)) as file:
        assert file.layer[0][1:3] == layout


@pytest.mark.parametrize(("progressive", "marker"), [(False, 0xC0), (True, 0xC2)])
def test_frame_header_is_as_stated(progressive, marker):
    data = Jpeg(progressive=progressive).encode(photo(32, 32), quality(50))
    assert marker in [found for found, _ in segments(data)]


def test_optimize_makes_smaller_files_of_the_same_pixels():
    image, plain, optimised = photo(64, 64), Jpeg(), Jpeg(optimize=True)
    large, small = (codec.encode(image, quality(75)) for codec in (plain, optimised))
    assert len(small) < len(large)
    assert np.array_equal(plain.decode(small), plain.decode(large))


@pytest.mark.parametrize("value", [1, 5, 25, 50, 75, 95, 100])
def test_tables_are_annex_k_scaled_and_clipped_to_baseline(value):
    scale = 5000 // value if value < 50 else 200 - 2 * value
    expected = [min(255, max(1, (step * scale + 50) // 100)) for step in ANNEX_K_LUMA_FIRST_ROW]
    assert list(tables(Jpeg().encode(photo(16, 16), quality(value)))[0][:8]) == expected


def test_bitstreams_hold_no_metadata():
    data = Jpeg().encode(photo(32, 32), quality(50))
    with PillowImage.open(io.BytesIO(data)) as file:
        assert set(file.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert {marker for marker, _ in segments(data)} == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}


@pytest.mark.parametrize(
    "parameters",
    [
        {"chroma": "4:1:1"},
        {"chroma": "420"},
        {"progressive": "no"},
        {"progressive": 1},
        {"optimize": None},
        {"tables": "flat"},
        {"dct": "ifast"},
        {"dct": []},
    ],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"jpeg's {name}") + ".*" + re.escape(repr(value))):
        Jpeg(**parameters)


@pytest.mark.parametrize("value", [0, 101, -1, 50.0, True, "50"])
def test_refuses_qualities_that_jpeg_has_not(value):
    with pytest.raises(CodecError, match=r"quality=1 to quality=100"):
        Jpeg().encode(photo(8, 8), quality(value))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 5), np.uint8), r"\(4, 5\), uint8"),
        (np.zeros((4, 5, 4), np.uint8), r"\(4, 5, 4\), uint8"),
        (np.zeros((4, 5, 3), np.uint16), r"\(4, 5, 3\), uint16"),
        (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\), uint8"),
        ([[0]], "list"),
    ],
    ids=["greyscale", "rgba", "16-bit", "empty", "list"],
)
def test_refusals_say_what_was_expected_and_what_came(image, said):
    with pytest.raises(CodecError, match=r"Expected RGB of shape \(height, width, 3\), uint8.*but got.*" + said):
        Jpeg().encode(image, quality(50))


def test_refuses_sizes_that_jpeg_has_not():
    with pytest.raises(CodecError, match="65501x1"):
        Jpeg().encode(np.zeros((1, 65501, 3), np.uint8), quality(50))


def with_size(data, height, width):
    """Return a bitstream whose frame header announces another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2) + width.to_bytes(2) + data[at + 4 :]


def test_refuses_decompression_bombs_before_decoding():
    data = with_size(Jpeg().encode(photo(8, 8), quality(50)), 65000, 65000)
    with pytest.raises(CodecError, match="announces 4225000000 pixels"):
        Jpeg().decode(data)


def test_refuses_more_scans_than_it_writes():
    data = Jpeg(progressive=True).encode(photo(8, 8), quality(50))
    last = data[data.rindex(b"\xff\xda") : -2]
    assert data.count(b"\xff\xda") == 10
    with pytest.raises(CodecError, match="more than the 10 scans"):
        Jpeg().decode(data[:-2] + last + data[-2:])


@pytest.mark.parametrize(
    ("options", "said"),
    [({"exif": b"Exif\0\0II*\0broken"}, "without metadata"), ({"comment": b"x"}, "without metadata")],
    ids=["exif", "comment"],
)
def test_refuses_metadata(options, said):
    buffer = io.BytesIO()
    PillowImage.fromarray(photo(8, 8)).save(buffer, "JPEG", **options)
    with pytest.raises(CodecError, match=said):
        Jpeg().decode(buffer.getvalue())


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_refuses_other_colour_spaces(mode):
    buffer = io.BytesIO()
    PillowImage.new(mode, (8, 8)).save(buffer, "JPEG")
    with pytest.raises(CodecError):
        Jpeg().decode(buffer.getvalue())


def test_refuses_every_truncation():
    data = Jpeg().encode(photo(16, 16), quality(50))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            Jpeg().decode(data[:end])


@given(st.binary(max_size=300), st.booleans())
def test_noise_raises_codec_error_only(noise, framed):
    with pytest.raises(CodecError):
        Jpeg().decode(b"\xff\xd8" + noise + b"\xff\xd9" if framed else noise)


@given(st.data())
def test_altered_bytes_give_an_image_or_codec_error(data):
    stream = bytearray(Jpeg().encode(photo(16, 24), quality(60)))
    for _ in range(data.draw(st.integers(1, 6))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = Jpeg().decode(bytes(stream))
    except CodecError:
        return
    assert image.ndim == 3
    assert image.dtype == np.uint8


def test_build_names_the_libraries():
    opencv, pillow = Jpeg().build.split("; ")
    assert re.fullmatch(rf"OpenCV {re.escape(cv2.__version__)}, .*libjpeg.*\d", opencv)
    assert re.fullmatch(r"Pillow [\d.]+, libjpeg(-turbo)? [\w.]+", pillow)


def test_import_reads_no_network_library():
    code = "import sys, plugins.codecs.jpeg; print('torch' in sys.modules, 'timm' in sys.modules)"
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.split() == ["False", "False"]
