"""The HEVC intra codec against its contract, its stated QP and colours, and damaged bitstreams."""

import logging
import re
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest

from plugins.codecs import hevc_intra
from plugins.codecs.hevc_intra import HEADER, IMPLEMENTED, Conversion, HevcIntra, enlarged
from suite import registry
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, UsageError
from suite.lineup import why_absent

RED_AND_BLUE = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def qp(value):
    return Setting("qp", value)


def psnr(codec, image, setting):
    """Return how well a codec restores an image, in dB."""
    error = codec.decode(codec.encode(image, setting)).astype(float) - image
    return 10 * np.log10(255**2 / np.mean(error**2))


def coloured_edges():
    """Return an image of thin red, green, blue and magenta stripes."""
    stripes = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 255]], np.uint8)
    return np.broadcast_to(np.tile(np.repeat(stripes, 3, axis=0), (4, 1)), (48, 48, 3))


@pytest.mark.parametrize(
    "codec",
    [HevcIntra(), HevcIntra(chroma="4:4:4", preset="fast", colour="bt709-limited")],
    ids=["default", "others"],
)
def test_keeps_the_contract(codec):
    assert [finding for finding in check_codec(codec) if not finding.ok] == []


def test_names_its_libraries():
    assert re.fullmatch(r"PyAV [\d.]+, libavcodec [\d.]+, x265 \d\S+", HevcIntra().build)


def test_settings_go_from_the_lowest_rate_to_the_highest():
    assert [setting.value for setting in HevcIntra().settings()] == list(range(51, -1, -1))


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
def test_a_lower_qp_takes_more_bytes_and_loses_less(chroma):
    codec, image = HevcIntra(chroma=chroma), photo(96, 131)
    settings = [qp(value) for value in range(51, -1, -6)]
    lengths = [len(codec.encode(image, setting)) for setting in settings]
    quality = [psnr(codec, image, setting) for setting in settings]
    assert lengths == sorted(set(lengths))
    assert quality == sorted(set(quality))


def test_full_chroma_keeps_coloured_edges():
    half, full = (psnr(HevcIntra(chroma=chroma), coloured_edges(), qp(10)) for chroma in ("4:2:0", "4:4:4"))
    assert full > half + 10


@pytest.mark.parametrize("value", [0, 17, 30, 51])
def test_the_frame_is_coded_at_the_qp_asked_for(value):
    av = hevc_intra.pyav()
    encoder = av.CodecContext.create("libx265", "w")
    encoder.width = encoder.height = 64
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv444p", Fraction(1, 25), Fraction(25)
    encoder.options = {"x265-params": f"qp={value}:{hevc_intra.X265}"}
    planes = Conversion.of("bt601-full").planes(photo(64, 64), halved=False)
    (packet,) = [*encoder.encode(hevc_intra.frame_of(av, planes, "yuv444p")), *encoder.encode(None)]
    (statistics,) = [bytes(data) for data in packet.iter_sidedata() if data.data_type == "quality_stats"]
    assert struct.unpack_from("<I", statistics)[0] == value * 118  # FFmpeg's FF_QP2LAMBDA


def test_the_stream_is_one_plain_intra_frame():
    stream = HevcIntra().encode(photo(32, 32), qp(30))[HEADER.size :]
    kinds = [start[0] >> 1 & 63 for start in re.split(rb"\x00\x00\x00?\x01", stream)[1:]]
    assert kinds in ([32, 33, 34, 19], [32, 33, 34, 20])  # VPS, SPS, PPS, IDR slice: no messages
    assert b"x265" not in stream


@pytest.mark.parametrize("colour", IMPLEMENTED["colour"])
def test_colours_are_those_of_the_standard(colour, rng):
    image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    matrix, span = colour.split("-")
    red, blue = RED_AND_BLUE[matrix]
    rgb = image / 255.0
    y = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    wanted = y, (rgb[..., 2] - y) / (2 - 2 * blue), (rgb[..., 0] - y) / (2 - 2 * red)
    scales, offsets = ((255, 255, 255), (0, 128, 128)) if span == "full" else ((219, 224, 224), (16, 128, 128))
    for plane, part, scale, offset in zip(
        Conversion.of(colour).planes(image, halved=False), wanted, scales, offsets, strict=True
    ):
        assert np.abs(plane - np.clip(part * scale + offset, 0, 255)).max() < 0.51


@pytest.mark.parametrize("colour", IMPLEMENTED["colour"])
def test_colours_come_back(colour, rng):
    image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    conversion = Conversion.of(colour)
    back = conversion.rgb(conversion.planes(image, halved=False))
    assert np.abs(back.astype(int) - image).max() <= (1 if colour.endswith("full") else 2)


@pytest.mark.parametrize("halved", [False, True])
def test_grey_is_exact_and_stays_grey(halved):
    image = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    conversion = Conversion.of("bt601-full")
    planes = conversion.planes(image, halved=halved)
    assert all((plane == 128).all() for plane in planes[1:])
    assert np.array_equal(conversion.rgb(planes), image)


def test_halved_chroma_is_the_mean_and_comes_back_interpolated():
    conversion = Conversion.of("bt601-full")
    step = np.zeros((2, 8, 3), np.uint8)
    step[:, 4:] = 255, 0, 0
    y, cb, cr = conversion.planes(step, halved=True)
    assert cr.tolist() == [[128, 128, 255, 255]]
    grey = np.full_like(y, 100)
    red = conversion.rgb((grey, np.full_like(cb, 128), np.array([[128, 128, 192, 192]], np.uint8)))[0, :, 0]
    assert red.tolist() == [100, 100, 100, 122, 167, 190, 190, 190]


def whole_rgb(conversion, planes):
    """Convert at once and in floats, which are exact here, chroma of half the size by weights of 9, 3, 3 and 1."""
    y = planes[0].astype(float) - conversion.luma_offset
    cb, cr = (plane.astype(float) for plane in planes[1:])
    if cb.shape != y.shape:
        cb, cr = (upright(upright(plane).T).T for plane in (cb, cr))
    cb, cr = cb - 128, cr - 128
    red = conversion.gain * y + conversion.cr_in_red * cr
    green = conversion.gain * y + conversion.cb_in_green * cb + conversion.cr_in_green * cr
    blue = conversion.gain * y + conversion.cb_in_blue * cb
    return np.clip(np.floor(np.stack([red, green, blue], axis=-1) / 2**16 + 0.5), 0, 255)


def upright(plane):
    """Return twice as many rows, interpolated linearly at a quarter and three quarters of the way."""
    at = np.clip((np.arange(2 * len(plane)) - 0.5) / 2, 0, len(plane) - 1)
    low = np.minimum(at.astype(int), max(0, len(plane) - 2))
    high, share = np.minimum(low + 1, len(plane) - 1), (at - low)[:, None]
    return (1 - share) * plane[low] + share * plane[high]


@pytest.mark.parametrize("colour", IMPLEMENTED["colour"])
@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("size", [(2, 8), (4, 4), (40, 72), (376, 504), (32, 4000)], ids=str)
def test_bands_of_rows_make_the_whole_image(colour, halved, size, rng):
    small = tuple(side // (1 + halved) for side in size)
    planes = tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in (size, small, small))
    conversion = Conversion.of(colour)
    assert np.array_equal(conversion.rgb(planes), whole_rgb(conversion, planes))


def test_small_images_are_enlarged_by_their_edges():
    image = photo(3, 41)
    large = enlarged(image)
    assert large.shape == (32, 48, 3)
    assert np.array_equal(large[:3, :41], image)
    assert (large[3:, :41] == image[-1]).all()
    assert (large[:, 41:] == large[:, 40:41]).all()


def test_a_plain_colour_takes_little_and_comes_back():
    data = HevcIntra().encode(np.full((5, 7, 3), (200, 30, 90), np.uint8), qp(20))
    assert len(data) - HEADER.size == HEADER.unpack_from(data)[3] < 120
    assert np.abs(HevcIntra().decode(data).astype(int) - (200, 30, 90)).max() <= 3


def mutations(data, count, rng):
    """Yield damaged versions of a bitstream: bytes altered, cut out, or repeated; the header's length is kept true."""
    for number in range(count):
        stream = bytearray(data[HEADER.size :])
        at = int(rng.integers(0, min(len(stream), 100 if number % 2 else len(stream))))
        match number % 4:
            case 0 | 1:
                for position in rng.integers(at, len(stream), int(rng.integers(1, 6))):
                    stream[position] = int(rng.integers(0, 256))
            case 2:
                del stream[at : at + int(rng.integers(1, 50))]
            case 3:
                stream[at:at] = stream[: int(rng.integers(1, 200))]
        yield data[: HEADER.size - 4] + struct.pack("<I", len(stream)) + bytes(stream)


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
def test_damage_gives_an_image_or_a_codec_error_and_no_noise(chroma, rng, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    codec, refused = HevcIntra(chroma=chroma), 0
    for damaged in mutations(codec.encode(photo(40, 47), qp(20)), 100, rng):
        try:
            assert codec.decode(damaged).shape == (40, 47, 3)
        except CodecError:
            refused += 1
    assert refused > 20
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("libav")] == []


def test_refuses_every_truncation():
    data = HevcIntra().encode(photo(16, 16), qp(40))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            HevcIntra().decode(data[:end])


def test_refuses_another_chroma():
    data = HevcIntra(chroma="4:4:4").encode(photo(16, 16), qp(40))
    with pytest.raises(CodecError, match=r"Expected one frame \('yuv420p', 32, 32\)"):
        HevcIntra().decode(data)


def test_refuses_a_frame_larger_than_announced():
    stream = HevcIntra().encode(photo(256, 256), qp(40))[HEADER.size :]
    with pytest.raises(CodecError, match="do not decode as HEVC"):
        HevcIntra().decode(HEADER.pack(b"H1", 16, 16, len(stream)) + stream)


def test_refuses_two_frames():
    stream = HevcIntra().encode(photo(16, 16), qp(40))[HEADER.size :] * 2
    with pytest.raises(CodecError):
        HevcIntra().decode(HEADER.pack(b"H1", 16, 16, len(stream)) + stream)


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (65535, 8), (60000, 60000)])
def test_refuses_sizes_that_it_does_not_write(height, width):
    with pytest.raises(CodecError, match=f"not {width}x{height}"):
        HevcIntra().decode(HEADER.pack(b"H1", height, width, 1) + b"x")


def test_refuses_to_write_larger_sizes():
    with pytest.raises(CodecError, match="65529x1"):
        HevcIntra().encode(np.zeros((1, 65529, 3), np.uint8), qp(30))


@pytest.mark.parametrize(
    "parameters", [{"chroma": "4:2:2"}, {"chroma": []}, {"preset": "placebo"}, {"colour": "bt2020-full"}], ids=str
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    ((name, value),) = parameters.items()
    with pytest.raises(UsageError, match=re.escape(f"hevc-intra's {name}") + ".*" + re.escape(repr(value))):
        HevcIntra(**parameters)


@pytest.mark.parametrize("value", [-1, 52, 30.0, True, "30"])
def test_refuses_qps_that_hevc_has_not(value):
    with pytest.raises(CodecError, match=r"qp=0 to qp=51"):
        HevcIntra().encode(photo(8, 8), qp(value))


def test_says_what_to_install_where_pyav_is_not(monkeypatch):
    data = HevcIntra().encode(photo(8, 8), qp(30))
    monkeypatch.setitem(sys.modules, "av", None)
    codec = registry.load("codec", "hevc-intra").plugin
    for attempt in (lambda: codec.build, lambda: codec.encode(photo(8, 8), qp(30)), lambda: codec.decode(data)):
        with pytest.raises(CodecError, match=r"needs PyAV\. Run: pip install 'compression-suite\[codecs\]'"):
            attempt()
    assert "compression-suite[codecs]" in why_absent(codec)
