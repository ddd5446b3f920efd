"""The AVIF codec against Pillow used directly, avifenc and avifdec, its contract, and damaged files."""

import io
import re
import sys

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import _avif

from plugins.codecs import avif
from plugins.codecs.avif import Avif
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, InvalidPlugin, UsageError
from tests import programs


def quality(value):
    return Setting("quality", value)


@pytest.mark.parametrize("codec", [Avif(), Avif(chroma="4:4:4", range="limited", tune="ssim")], ids=["4:2:0", "4:4:4"])
def test_keeps_the_contract(codec):
    assert [finding for finding in check_codec(codec) if not finding.ok] == []


@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48)])
def test_is_what_pillow_does_by_itself(chroma, size):
    buffer = io.BytesIO()
    PillowImage.fromarray(photo(*size)).save(buffer, "AVIF", quality=60, subsampling=chroma, max_threads=1)
    data = Avif(chroma=chroma).encode(photo(*size), quality(60))
    assert data == buffer.getvalue()
    with PillowImage.open(buffer) as file:
        assert np.array_equal(Avif().decode(data), np.asarray(file))


VARIANTS = pytest.mark.parametrize(
    ("chroma", "range_"), [("4:2:0", "full"), ("4:2:0", "limited"), ("4:4:4", "full"), ("4:4:4", "limited")]
)


@programs.needs("libavif-bin")
@VARIANTS
@pytest.mark.parametrize("size", [(1, 1), (65, 49)], ids=str)
def test_decodes_as_avifdec_does(tmp_path, size, chroma, range_):
    codec = Avif(chroma=chroma, range=range_)
    data = codec.encode(photo(*size), quality(60))
    (tmp_path / "a.avif").write_bytes(data)
    programs.run(tmp_path, "avifdec", "--codec", "dav1d", "a.avif", "a.png")
    assert np.array_equal(programs.read(tmp_path / "a.png"), codec.decode(data))


@programs.needs("libavif-bin")
@VARIANTS
@pytest.mark.parametrize("size", [(17, 33), (128, 160)], ids=str)
@pytest.mark.parametrize("value", [10, 60, 90])
def test_is_nearly_what_an_older_avifenc_writes_and_reads_it(tmp_path, size, chroma, range_, value):
    codec, image = Avif(chroma=chroma, range=range_, tune="ssim"), photo(*size)
    programs.write(tmp_path / "a.png", image)
    quantizer = ((100 - value) * 63 + 50) // 100  # as libavif turns quality into one since its release 1.0
    libaom = ["-a", "end-usage=q", "-a", f"cq-level={quantizer}", "-a", "tune=ssim"]
    options = ["--codec", "aom", "--jobs", 1, "--speed", 6, "--yuv", chroma.replace(":", ""), "--range", range_]
    colour = ["--min", 0, "--max", 63, "--nclx", "1/13/6"]
    programs.run(tmp_path, "avifenc", *options, *colour, *libaom, "a.png", "a.avif")
    theirs, ours = (tmp_path / "a.avif").read_bytes(), codec.encode(image, quality(value))
    assert len(ours) == pytest.approx(len(theirs), rel=0.04)
    programs.run(tmp_path, "avifdec", "--codec", "dav1d", "a.avif", "b.png")
    assert np.array_equal(programs.read(tmp_path / "b.png"), codec.decode(theirs))
    assert programs.psnr(codec.decode(ours), image) == pytest.approx(
        programs.psnr(codec.decode(theirs), image), abs=0.8
    )


@pytest.mark.parametrize(
    "parameters", [{"speed": 4}, {"chroma": "4:4:4"}, {"range": "limited"}, {"tune": "psnr"}, {"tune": "ssim"}], ids=str
)
def test_parameters_change_the_bytes(parameters):
    image = photo(96, 96)
    assert Avif(**parameters).encode(image, quality(50)) != Avif().encode(image, quality(50))


@pytest.mark.parametrize(
    "parameters",
    [
        {"encoder": "svt"},
        {"speed": 11},
        {"speed": "6"},
        {"chroma": "4:2:2"},
        {"tiles": 2},
        {"threads": 2},
        {"tune": ""},
    ],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    (name, value) = next(iter(parameters.items()))
    with pytest.raises(UsageError, match=re.escape(f"avif's {name}") + ".*" + re.escape(repr(value))):
        Avif(**parameters)


@pytest.mark.parametrize("value", [-1, 100, 50.0, True, "50"])
def test_refuses_qualities_that_it_has_not(value):
    with pytest.raises(CodecError, match=r"quality=0 to quality=99"):
        Avif().encode(photo(8, 8), quality(value))


def test_refuses_sizes_that_cannot_be_decoded():
    with pytest.raises(CodecError, match="32769x1"):
        Avif().encode(np.zeros((1, 32769, 3), np.uint8), quality(50))


def test_refuses_a_lying_container_before_decoding(monkeypatch):
    codec = Avif()
    data = codec.encode(photo(8, 8), quality(50))
    monkeypatch.setattr(avif, "pillow_avif", lambda: pytest.fail("it decodes"))
    at = data.index(b"ispe") + 8
    for size, said in [((30_000, 30_000), "got 30000x30000"), ((8, 9), "another size")]:
        lie = data[:at] + size[0].to_bytes(4) + size[1].to_bytes(4) + data[at + 8 :]
        with pytest.raises(CodecError, match=said):
            codec.decode(lie)


def test_refuses_metadata_transparency_and_animation():
    image = PillowImage.fromarray(photo(16, 16))
    translucent = image.copy()
    translucent.putalpha(100)
    for picture, options in [
        (image, {"xmp": b"<x/>"}),
        (image, {"icc_profile": b"profile"}),
        (translucent, {}),
        (image, {"save_all": True, "append_images": [image.rotate(90)]}),
    ]:
        buffer = io.BytesIO()
        picture.save(buffer, "AVIF", **options)
        with pytest.raises(CodecError):
            Avif().decode(buffer.getvalue())


def test_refuses_every_truncation():
    data = Avif().encode(photo(16, 16), quality(50))
    for end in range(len(data)):
        with pytest.raises(CodecError):
            Avif().decode(data[:end])


def test_flipped_bits_give_an_image_or_codec_error():
    data = Avif().encode(photo(24, 31), quality(60))
    rng = np.random.default_rng(7)
    for _ in range(300):
        stream = bytearray(data)
        stream[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            assert Avif().decode(bytes(stream)).shape == (24, 31, 3)
        except CodecError:
            continue


def test_build_names_the_libraries():
    assert re.fullmatch(r"Pillow [\d.]+, libavif [\d.]+, .*dav1d.*aom.*", Avif().build)


def test_says_what_to_do_without_the_encoder(monkeypatch):
    monkeypatch.setattr(_avif, "encoder_codec_available", lambda name: False)
    with pytest.raises(InvalidPlugin, match="pip install --force-reinstall pillow"):
        Avif().build  # noqa: B018 - asks the library


def test_says_what_to_do_without_avif_in_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL._avif", None)
    monkeypatch.delattr("PIL._avif")
    with pytest.raises(InvalidPlugin, match=re.escape("pip install 'pillow>=11.3'")):
        Avif().build  # noqa: B018 - asks the library
