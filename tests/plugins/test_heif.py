"""The HEIC codec against pillow-heif used directly, heif-enc and heif-convert, its contract, and damaged files."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest

from plugins.codecs.heif import Heif
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, InvalidPlugin, UsageError
from tests import programs

INSTALL = re.escape("pip install 'compression-suite[codecs]'")


@pytest.fixture(autouse=True)
def pillow_heif():
    return pytest.importorskip("pillow_heif", reason="pillow-heif is not installed", exc_type=ImportError)


def quality(value):
    return Setting("quality", value)


@pytest.mark.parametrize("parameters", [{}, {"chroma": "4:4:4", "preset": "fast"}], ids=str)
def test_keeps_the_contract(parameters):
    assert [finding for finding in check_codec(Heif(**parameters)) if not finding.ok] == []


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48)])
def test_is_what_pillow_heif_does_by_itself(pillow_heif, chroma, size):
    buffer, image = io.BytesIO(), photo(*size)
    single = {"x265:pools": "none", "x265:frame-threads": "1"}
    direct = pillow_heif.from_bytes("RGB", size[::-1], image.tobytes())
    direct.save(
        buffer, quality=60, subsampling=chroma, enc_params=single, color_primaries=1, transfer_characteristic=13
    )
    data = Heif(chroma=chroma).encode(image, quality(60))
    assert data == buffer.getvalue()  # the rest are libheif's defaults
    assert np.array_equal(Heif().decode(data), np.asarray(pillow_heif.open_heif(data)))


@programs.needs("libheif-examples")
@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("size", [(17, 33), (128, 160)], ids=str)
@pytest.mark.parametrize("value", [10, 60, 90])
def test_is_nearly_what_older_programs_do(tmp_path, chroma, size, value):
    codec, image = Heif(chroma=chroma), photo(*size)
    programs.write(tmp_path / "source.png", image)
    parameters = [f"{key}={value}" for key, value in codec.encoder_parameters().items()]
    options = [word for parameter in parameters for word in ("-p", parameter)]
    options += ["--matrix_coefficients=6", "--colour_primaries=1", "--transfer_characteristic=13"]
    programs.run(tmp_path, "heif-enc", "-q", value, *options, "-o", "theirs.heic", "source.png")
    theirs, ours = (tmp_path / "theirs.heic").read_bytes(), codec.encode(image, quality(value))
    assert abs(len(ours) - len(theirs)) <= 64  # of boxes
    (tmp_path / "ours.heic").write_bytes(ours)
    for name in ("ours", "theirs"):
        programs.run(tmp_path, "heif-convert", f"{name}.heic", f"{name}.png")
    restored, restored_theirs = (programs.read(tmp_path / f"{name}.png") for name in ("ours", "theirs"))
    assert programs.psnr(restored, image) == pytest.approx(programs.psnr(restored_theirs, image), abs=0.1)
    assert np.abs(restored - codec.decode(ours)).max() <= (chroma == "4:2:0")
    with pytest.raises(CodecError):
        codec.decode(theirs)


@pytest.mark.parametrize(
    "parameters",
    [{"chroma": "4:4:4"}, {"preset": "medium"}, {"tune": "psnr"}, {"matrix": "bt709"}, {"range": "limited"}],
    ids=str,
)
def test_parameters_change_the_bytes(parameters):
    image = photo(96, 96)
    assert Heif(**parameters).encode(image, quality(50)) != Heif().encode(image, quality(50))


@pytest.mark.parametrize(
    "parameters", [{"chroma": "4:2:2"}, {"preset": ""}, {"tune": "grain"}, {"matrix": 6}, {"threads": 2}], ids=str
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"heif's {name}") + ".*" + re.escape(repr(value))):
        Heif(**parameters)


@pytest.mark.parametrize("value", [-1, 101, 50.0, True, "50"])
def test_refuses_qualities_that_it_has_not(value):
    with pytest.raises(CodecError, match=r"quality=0 to quality=100"):
        Heif().encode(photo(8, 8), quality(value))


def test_refuses_sizes_that_hevc_has_not():
    with pytest.raises(CodecError, match="8193x1"):
        Heif().encode(np.zeros((1, 8193, 3), np.uint8), quality(50))


def test_writes_the_largest_side():
    image = np.zeros((64, 8192, 3), np.uint8)
    assert Heif().decode(Heif().encode(image, quality(0))).shape == image.shape


def test_refuses_a_lying_header_before_decoding(monkeypatch):
    data = Heif().encode(photo(64, 64), quality(50))
    monkeypatch.setattr("pillow_heif.open_heif", lambda data: pytest.fail("it decodes"))
    at = data.index(b"ispe") + 8
    with pytest.raises(CodecError, match="got 30000x30000"):
        Heif().decode(data[:at] + (30_000).to_bytes(4) * 2 + data[at + 8 :])


def test_refuses_metadata_transparency_and_several_pictures(pillow_heif):
    image = photo(64, 64)
    alpha = np.concatenate([image, image[..., :1]], axis=2)
    for pictures, options in [([image], {"xmp": b"<x/>"}), ([alpha], {}), ([image, image], {})]:
        file, buffer = pillow_heif.HeifFile(), io.BytesIO()
        for picture in pictures:
            file.add_frombytes("RGB" if picture.shape[2] == 3 else "RGBA", (64, 64), picture.tobytes())
        file.save(buffer, **options)
        with pytest.raises(CodecError):
            Heif().decode(buffer.getvalue())


def test_refuses_every_truncation():
    data = Heif().encode(photo(16, 16), quality(50))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            Heif().decode(data[:end])


def test_flipped_bits_give_an_image_or_codec_error():
    data = Heif().encode(photo(24, 31), quality(60))
    rng = np.random.default_rng(7)
    for _ in range(300):
        stream = bytearray(data)
        stream[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            assert Heif().decode(bytes(stream)).dtype == np.uint8
        except CodecError:
            continue


def test_does_not_teach_pillow_to_open_heic():
    code = "from plugins.codecs.heif import Heif; from PIL import Image; Heif().build; print('HEIF' in Image.OPEN)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]


def test_build_names_the_libraries():
    assert re.fullmatch(r"pillow-heif [\d.]+, libheif [\d.]+, x265 .*, libde265 .*", Heif().build)


def test_says_what_to_install_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InvalidPlugin, match=INSTALL):
        Heif().build  # noqa: B018 - asks the library
