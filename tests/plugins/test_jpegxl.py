"""The JPEG XL codec against libjxl's binding used directly, cjxl and djxl, its contract, and damaged codestreams."""

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from plugins.codecs import jpegxl
from plugins.codecs.jpegxl import DISTANCES, JpegXl, announced_size, quality_for
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, InvalidPlugin, UsageError
from tests import programs

INSTALL = re.escape("pip install 'compression-suite[codecs]'")


# Importing the package would register it with Pillow for the tests that follow.
pytestmark = pytest.mark.skipif(find_spec("pillow_jxl") is None, reason="pillow-jxl-plugin is not installed")


def distance(value):
    return Setting("distance", value)


def libjxl_distance(quality):
    """Return what JxlEncoderDistanceFromQuality of libjxl 0.12 makes of a quality (lib/jxl/encode.cc)."""
    if quality >= 100:
        return 0.0
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


@pytest.mark.parametrize("parameters", [{}, {"effort": 3, "decoding_speed": 2}, {"effort": 9}], ids=str)
def test_keeps_the_contract(parameters):
    assert [finding for finding in check_codec(JpegXl(**parameters)) if not finding.ok] == []


@pytest.mark.parametrize("value", DISTANCES)
def test_asks_for_the_quality_that_is_the_distance(value):
    assert libjxl_distance(float(np.float32(quality_for(value)))) == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48)])
def test_is_what_the_binding_does_by_itself(size):
    binding, image = jpegxl.binding(), photo(*size)
    direct = binding.Encoder(mode="RGB", quality=90.0)(image.tobytes(), size[1], size[0], jpeg_encode=False)
    data = JpegXl().encode(image, distance(1.0))
    assert data == direct  # quality 90 is distance 1; as many threads as there are processors
    assert JpegXl().decode(data).tobytes() == bytes(binding.Decoder()(data)[2])


@programs.needs("libjxl-tools")
@pytest.mark.parametrize("size", [(1, 1), (65, 49)], ids=str)
@pytest.mark.parametrize("value", [0.5, 2.0, 15.0])
def test_decodes_as_djxl_does(tmp_path, size, value):
    data = JpegXl().encode(photo(*size), distance(value))
    (tmp_path / "a.jxl").write_bytes(data)
    programs.run(tmp_path, "djxl", "a.jxl", "a.ppm")
    assert np.abs(programs.read(tmp_path / "a.ppm") - JpegXl().decode(data)).max() <= 1


@programs.needs("libjxl-tools")
@pytest.mark.parametrize("size", [(128, 160), (375, 500)], ids=str)
@pytest.mark.parametrize("value", [10.0, 2.0, 0.5])
def test_is_near_what_an_older_cjxl_writes_and_reads_it(tmp_path, size, value):
    image = photo(*size)
    programs.write(tmp_path / "a.ppm", image)
    options = ["-d", value, "-e", 7, "--container=0", "--num_threads=0", "-x", "color_space=RGB_D65_SRG_Rel_SRG"]
    programs.run(tmp_path, "cjxl", "a.ppm", "a.jxl", *options)
    theirs, ours = (tmp_path / "a.jxl").read_bytes(), JpegXl().encode(image, distance(value))
    assert 0.95 < len(ours) / len(theirs) < 1.2
    restored, restored_theirs = JpegXl().decode(ours), JpegXl().decode(theirs)
    assert -0.5 < programs.psnr(restored, image) - programs.psnr(restored_theirs, image) < 2.5
    programs.run(tmp_path, "djxl", "a.jxl", "b.ppm")
    assert np.abs(programs.read(tmp_path / "b.ppm") - restored_theirs).max() <= 1


@pytest.mark.parametrize("parameters", [{"effort": 5}, {"decoding_speed": 1}], ids=str)
def test_parameters_change_the_bytes(parameters):
    image = photo(96, 96)
    assert JpegXl(**parameters).encode(image, distance(1.0)) != JpegXl().encode(image, distance(1.0))


@pytest.mark.parametrize(
    "parameters",
    [{"effort": 10}, {"effort": 7.0}, {"decoding_speed": 5}, {"lossless": True}, {"color": "rgb"}, {"threads": 0}],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"jpegxl's {name}") + ".*" + re.escape(repr(value))):
        JpegXl(**parameters)


@pytest.mark.parametrize("value", [0, 1.1, 16, -1.0, True, "1"])
def test_refuses_distances_that_are_not_listed(value):
    with pytest.raises(CodecError, match="Expected a distance of 15, 10"):
        JpegXl().encode(photo(8, 8), distance(value))


def test_refuses_sizes_out_of_bounds():
    with pytest.raises(CodecError, match="65536x1"):
        JpegXl().encode(np.zeros((1, 65536, 3), np.uint8), distance(1.0))


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (24, 31), (10, 12), (90, 160), (40, 64), (600, 9), (9, 9000)]
)
def test_reads_the_size_before_decoding(size):
    data = JpegXl(effort=1).encode(np.zeros((*size, 3), np.uint8), distance(15.0))
    assert announced_size(data) == (size[1], size[0])


def test_refuses_decompression_bombs_before_decoding(monkeypatch):
    bits = 0b110 | (2**30 - 1) << 3  # sides written in 30 bits, 2**30 high, as wide, default metadata
    bomb = b"\xff\x0a" + (bits | 0b11001 << 33).to_bytes(20, "little")
    monkeypatch.setattr(jpegxl, "binding", lambda: pytest.fail("it decodes"))
    with pytest.raises(CodecError, match="got 1073741824x1073741824"):
        JpegXl.decode(object.__new__(JpegXl), bomb)


@pytest.mark.parametrize(
    "options", [{"use_container": True}, {"lossless": True}, {"use_original_profile": True}, {"mode": "RGBA"}], ids=str
)
def test_refuses_what_it_does_not_write(options):
    options = {"mode": "RGB"} | options
    pixels = bytes(24 * 24 * len(options["mode"]))
    data = jpegxl.binding().Encoder(**options)(pixels, 24, 24, jpeg_encode=False)
    with pytest.raises(CodecError):
        JpegXl().decode(bytes(data))


def test_refuses_every_truncation():
    data = JpegXl().encode(photo(16, 16), distance(2.0))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            JpegXl().decode(data[:end])


def test_flipped_bits_give_an_image_or_codec_error():
    data = JpegXl().encode(photo(24, 31), distance(2.0))
    rng = np.random.default_rng(7)
    for _ in range(300):
        stream = bytearray(data)
        stream[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            assert JpegXl().decode(bytes(stream)).dtype == np.uint8
        except CodecError:
            continue


def test_does_not_teach_pillow_to_open_jpeg_xl():
    code = (
        "from plugins.codecs.jpegxl import JpegXl; from PIL import Image; JpegXl().build; Image.init();"
        "print('JXL' in Image.OPEN, '.jxl' in Image.EXTENSION)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_build_names_the_libraries():
    assert re.fullmatch(r"pillow-jxl-plugin [\d.]+, libjxl [\d.]+", JpegXl().build)


def test_says_what_to_install_without_the_package(monkeypatch):
    jpegxl.binding.cache_clear()
    monkeypatch.setattr(jpegxl, "find_spec", lambda name: None)
    with pytest.raises(InvalidPlugin, match=INSTALL):
        JpegXl().build  # noqa: B018 - asks the library
