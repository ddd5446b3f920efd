"""The JPEG 2000 codec against Pillow and OpenJPEG's programs, its contract, and damaged bitstreams."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from plugins.codecs.jpeg2000 import RATIOS, Jpeg2000
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import mutations, photo
from suite.errors import CodecError, UsageError
from suite.lineup import why_absent
from tests import programs

MARIE = Jpeg2000(transform="5-3", colour="none", container="jp2")
SIDES = st.integers(1, 40)
IMAGES = st.tuples(SIDES, SIDES).flatmap(lambda size: arrays(np.uint8, (*size, 3)))
OPENJPEG = re.compile(rb"OpenJPEG version [\d.]+")


def ratio(value):
    return Setting("quality_layer", value)


def by_pillow(image, **options):
    """Return what Pillow writes."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "JPEG2000", **options)
    return buffer.getvalue()


def assert_decoded_or_refused(data):
    """Decode, if the codec will."""
    try:
        image = Jpeg2000().decode(data)
    except CodecError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3


@pytest.mark.parametrize(
    "codec",
    [Jpeg2000(), MARIE, Jpeg2000(transform="5-3"), Jpeg2000(colour="none", resolutions=3, codeblock=32)],
    ids=["default", "Marie et al.", "reversible", "small"],
)
def test_keeps_the_contract(codec):
    assert [finding for finding in check_codec(codec) if not finding.ok] == []


@given(image=IMAGES, value=st.sampled_from(RATIOS))
def test_is_what_pillow_does_by_itself(image, value):
    resolutions = next(fit for fit in (6, 5, 4, 3, 2, 1) if min(image.shape[:2]) >= 2 ** (fit - 1))
    options = {"quality_layers": [value], "num_resolutions": resolutions, "irreversible": True, "mct": 1}
    data = Jpeg2000().encode(image, ratio(value))
    assert data == by_pillow(image, **options, no_jp2=True)
    with PillowImage.open(io.BytesIO(data)) as file:
        assert np.array_equal(Jpeg2000().decode(data), np.asarray(file))


@pytest.mark.parametrize("value", [75, 200, 400])
def test_pillows_defaults_can_be_stated(value):
    image = photo(224, 224)
    assert MARIE.encode(image, ratio(value)) == by_pillow(image, quality_layers=[value])


@programs.needs("libopenjp2-tools")
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (128, 160)], ids=str)
@pytest.mark.parametrize("codec", [Jpeg2000(), MARIE], ids=["default", "Marie et al."])
@pytest.mark.parametrize("value", [200, 10])
def test_is_what_the_reference_programs_do(tmp_path, size, codec, value):
    image, data = photo(*size), codec.encode(photo(*size), ratio(value))
    written = tmp_path / f"written.{codec.container}"
    programs.write(tmp_path / "source.ppm", image)
    resolutions = min(codec.resolutions, min(size).bit_length())
    options = ["-r", value, "-n", resolutions, "-mct", int(codec.colour == "mct"), "-b", "64,64"]
    options += ["-I"] * (codec.transform == "9-7")
    programs.run(tmp_path, "opj_compress", "-i", "source.ppm", "-o", written.name, *options)
    # Each release of OpenJPEG writes its number into the comment.
    assert OPENJPEG.sub(b"", written.read_bytes()) == OPENJPEG.sub(b"", data)
    programs.run(tmp_path, "opj_decompress", "-i", written.name, "-o", "read.ppm")
    # Two builds may round the floats of the 9-7 transform differently.
    difference = np.abs(programs.read(tmp_path / "read.ppm") - codec.decode(written.read_bytes()))
    assert difference.max() <= (codec.transform == "9-7")


@pytest.mark.parametrize("codec", [Jpeg2000(), MARIE], ids=["default", "Marie et al."])
def test_settings_go_from_the_lowest_rate_to_the_ratio_asked_for(codec):
    image = photo(192, 256)
    sizes = {setting.value: len(codec.encode(image, setting)) for setting in codec.settings()}
    assert all(fewer <= more * 1.02 for fewer, more in pairwise(sizes.values()))
    for value in (200, 75, 20, 10):
        assert sizes[value] == pytest.approx(image.nbytes / value, rel=0.08)


def test_ratios_include_those_of_marie_et_al():
    assert {75, 200, 400} < set(RATIOS)
    assert list(RATIOS) == sorted(set(RATIOS), reverse=True)
    assert Jpeg2000().encode(photo(8, 8), ratio(75.0)) == Jpeg2000().encode(photo(8, 8), ratio(75))


@pytest.mark.parametrize(
    "parameters",
    [{"transform": "5-3"}, {"colour": "none"}, {"resolutions": 5}, {"codeblock": 32}, {"container": "jp2"}],
    ids=str,
)
def test_every_parameter_changes_the_bytes(parameters):
    image, other = photo(128, 160), Jpeg2000(**parameters)
    assert other.encode(image, ratio(20)) != Jpeg2000().encode(image, ratio(20))
    assert other.decode(other.encode(image, ratio(20))).shape == image.shape


def test_boxes_count_among_the_bytes_that_a_ratio_allows():
    image = photo(128, 160)
    bare, boxed = (Jpeg2000(container=container).encode(image, ratio(20)) for container in ("j2k", "jp2"))
    assert len(boxed) == pytest.approx(len(bare), abs=60)
    assert np.array_equal(Jpeg2000().decode(boxed), Jpeg2000().decode(boxed[85:]))


@pytest.mark.parametrize(
    ("size", "resolutions"),
    [((1, 1), 1), ((1, 500), 1), ((500, 2), 2), ((31, 99), 5), ((32, 32), 6), ((500, 300), 6)],
    ids=str,
)
def test_resolutions_are_as_many_as_fit(size, resolutions):
    data = Jpeg2000().encode(photo(*size), ratio(20))
    assert data[data.index(b"\xff\x52") + 9] == resolutions - 1
    assert Jpeg2000().decode(data).shape == (*size, 3)


@pytest.mark.parametrize(
    "parameters",
    [
        *({"transform": "9/7"}, {"colour": True}, {"resolutions": 0}, {"resolutions": 6.0}, {"resolutions": True}),
        *({"codeblock": 16}, {"codeblock": (64, 64)}, {"progression": "RPCL"}, {"container": "jpx"}),
    ],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"jpeg2000's {name}") + ".*" + re.escape(repr(value))):
        Jpeg2000(**parameters)


@pytest.mark.parametrize("value", [0, 1, 77, 2000, -75, True, "75", float("nan"), float("inf")])
def test_refuses_ratios_that_it_does_not_list(value):
    with pytest.raises(CodecError, match=r"quality_layer to be one of 1000, .*, 2, but got"):
        Jpeg2000().encode(photo(8, 8), ratio(value))


@pytest.mark.parametrize("size", [(1, 65536), (65536, 1), (8192, 8192)], ids=str)
def test_refuses_sizes_that_it_has_not(size):
    image = np.broadcast_to(np.zeros(3, np.uint8), (*size, 3))  # of no memory
    with pytest.raises(CodecError, match=f"not {size[1]}x{size[0]}"):
        Jpeg2000().encode(image, ratio(75))


def with_size(data, width, height):
    """Return a codestream that announces another size, of image and tile."""
    size = width.to_bytes(4) + height.to_bytes(4)
    return data[:8] + size + data[16:24] + size + data[32:]


@pytest.mark.parametrize("size", [(2**32 - 1, 2**32 - 1), (8192, 8192), (65536, 1), (0, 8), (8, 0)], ids=str)
def test_refuses_announced_sizes_before_decoding(size):
    data = with_size(Jpeg2000().encode(photo(8, 8), ratio(20)), *size)
    with pytest.raises(CodecError, match=f"not {size[0]}x{size[1]}"):
        Jpeg2000().decode(data)


@pytest.mark.parametrize(
    "options",
    [
        *({"tile_size": (8, 8)}, {"quality_layers": [40, 20]}, {"progression": "RPCL"}, {"codeblock_size": (4, 4)}),
        *({"precinct_size": (128, 128)}, {"plt": True}),
    ],
    ids=str,
)
def test_refuses_what_it_does_not_write(options):
    data = by_pillow(photo(64, 64), **options)
    with pytest.raises(CodecError, match="JPEG 2000"):
        Jpeg2000().decode(data)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_refuses_other_colour_spaces(mode):
    buffer = io.BytesIO()
    PillowImage.new(mode, (64, 64)).save(buffer, "JPEG2000")
    with pytest.raises(CodecError, match=r"8-bit colour|no complete"):
        Jpeg2000().decode(buffer.getvalue())


@pytest.mark.parametrize("container", ["j2k", "jp2"])
def test_refuses_every_truncation_and_what_follows_the_end(container):
    data = Jpeg2000(container=container).encode(photo(16, 16), ratio(2))
    shortened = [data[:end] + tail for end in range(len(data)) for tail in (b"", b"\xff\xd9") if end + len(tail)]
    assert data in shortened
    for other in [b"", *shortened, data + b"\0", data + b"\xff\xd9"]:
        if other != data:
            with pytest.raises(CodecError):
                Jpeg2000().decode(other)


@pytest.mark.parametrize("at", [3, 18, 40, 55, 70, 84])
def test_refuses_altered_boxes(at):
    data = bytearray(MARIE.encode(photo(16, 16), ratio(2)))
    data[at] ^= 1
    with pytest.raises(CodecError, match="boxes"):
        MARIE.decode(bytes(data))


@given(st.binary(max_size=300), st.booleans())
def test_noise_raises_codec_error_only(noise, framed):
    with pytest.raises(CodecError):
        Jpeg2000().decode(b"\xff\x4f\xff\x51" + noise + b"\xff\xd9" if framed else noise)


@pytest.mark.parametrize("codec", [Jpeg2000(), Jpeg2000(transform="5-3"), MARIE], ids=["9-7", "5-3", "jp2"])
def test_damaged_bitstreams_give_an_image_or_codec_error(codec):
    for damaged in mutations(codec.encode(photo(24, 31), ratio(2))):
        assert_decoded_or_refused(damaged)


def test_damaged_packets_give_an_image_or_codec_error(rng):
    data = Jpeg2000().encode(photo(64, 47), ratio(4))
    start = data.index(b"\xff\x93") + 2
    for _ in range(300):
        altered = np.frombuffer(data, np.uint8).copy()
        altered[rng.integers(start, len(data) - 2, rng.integers(1, 20))] = rng.integers(0, 256)
        assert_decoded_or_refused(altered.tobytes())


def test_every_byte_of_the_header_can_be_anything():
    data = Jpeg2000().encode(photo(24, 31), ratio(10))
    for at in range(data.index(b"\xff\x93")):
        for value in (0, 2, 0xFF):
            assert_decoded_or_refused(data[:at] + bytes([value]) + data[at + 1 :])


def test_build_names_the_libraries():
    assert re.fullmatch(r"Pillow [\d.]+, OpenJPEG [\d.]+; OpenCV [\d.]+, OpenJPEG [\d.]+", Jpeg2000().build)


def test_an_opencv_without_openjpeg_is_said(monkeypatch):
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "JPEG 2000: NO")
    assert why_absent(Jpeg2000()) == "This OpenCV does not read JPEG 2000 by OpenJPEG: install opencv-python-headless."
