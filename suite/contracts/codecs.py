"""The contract of a codec."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np

from suite.api import Codec, Setting
from suite.contracts.finding import Finding, examine, interface, raises
from suite.contracts.specimens import SIZES, mutations, photo, unlike_image
from suite.errors import CodecError
from suite.pipeline import Failure, attempt

THREADS = 4
MOST_RATES = 25
RATE_TOLERANCE = 0.02
"""How much smaller, relative to the last, a higher setting's bitstream may be."""


def check_codec(codec: Codec) -> list[Finding]:
    """Examine a codec."""
    return examine(
        codec,
        gates={"interface": partial(interface, Codec), "settings": codec_settings},
        questions={
            "sizes": codec_sizes,
            "refusals": codec_refusals,
            "deterministic": codec_repeats,
            "threads": codec_threads,
            "rate": codec_rate,
            "garbage": codec_garbage,
        },
    )


def codec_settings(codec: Codec) -> str:
    """Check for distinct settings of one parameter, and a build."""
    settings = list(codec.settings())
    if not settings or not all(isinstance(setting, Setting) for setting in settings):
        return "expected at least one suite.api.Setting"
    if len(set(settings)) != len(settings) or len({setting.parameter for setting in settings}) != 1:
        return "expected distinct values of one parameter"
    return "" if isinstance(codec.build, str) and codec.build else "expected build to name the library"


def some(settings: Sequence[Setting], most: int) -> list[Setting]:
    """Return up to ``most`` settings, evenly spread, the first and last among them."""
    indices = np.linspace(0, len(settings) - 1, min(most, len(settings))).round().astype(int)
    return [settings[index] for index in indices]


def codec_sizes(codec: Codec) -> str:
    """Check that every size comes back, at a low, a middle and a high setting."""
    for setting in some(codec.settings(), 3):
        for height, width in SIZES:
            stream = codec.encode(photo(height, width), setting)
            if not isinstance(stream, bytes):
                return f"expected encode to give bytes, but got {type(stream).__name__}"
            if wrong := unlike_image(codec.decode(stream), (height, width, 3)):
                return f"{width}x{height} at {setting}: {wrong}"
    return ""


def codec_refusals(codec: Codec) -> str:
    """Check for CodecError of what is no image, and of a setting that it does not have."""
    setting = codec.settings()[0]
    image = photo(16, 16)
    for what, unusable in {
        "greyscale": image[..., 0],
        "one channel": image[..., :1],
        "RGBA": np.concatenate([image, image[..., :1]], axis=2),
        "16 bits": image.astype(np.uint16),
        "floats": image.astype(np.float32),
        "no pixels": image[:0],
    }.items():
        if not raises(CodecError, partial(codec.encode, unusable, setting)):
            return f"expected CodecError for {what}"
    refused = raises(CodecError, partial(codec.encode, image, Setting("no-such-parameter", 1)))
    return "" if refused else "expected CodecError for a setting that it does not have"


def codec_repeats(codec: Codec) -> str:
    """Check that the same image gives the same bytes and pixels every time."""
    image, setting = photo(64, 47), some(codec.settings(), 3)[-1]
    streams = [codec.encode(image, setting) for _ in range(2)]
    if streams[0] != streams[1]:
        return f"two bitstreams of one image at {setting} differ"
    same = np.array_equal(codec.decode(streams[0]), codec.decode(streams[0]))
    return "" if same else f"one bitstream at {setting} decoded to different pixels"


def codec_threads(codec: Codec) -> str:
    """Check that several threads at once get what one gets."""
    settings = some(codec.settings(), 3)

    def work(number: int) -> tuple[bytes, bytes]:
        stream = codec.encode(photo(40, 40 + number % 5, number % 5), settings[number % len(settings)])
        return stream, codec.decode(stream).tobytes()

    with ThreadPoolExecutor(THREADS) as pool:
        same = list(pool.map(work, range(30))) == [work(number) for number in range(30)]
    return "" if same else f"{THREADS} threads at once gave other bytes or pixels than one"


def codec_rate(codec: Codec) -> str:
    """Check that settings go from the lowest rate to the highest."""
    image = photo(128, 160)
    rates = [(setting, len(codec.encode(image, setting))) for setting in some(codec.settings(), MOST_RATES)]
    for (low, fewer), (high, more) in pairwise(rates):
        if more < fewer * (1 - RATE_TOLERANCE):
            return f"expected settings from the lowest rate on, but {low} took {fewer} bytes and {high} {more}"
    return ""


def codec_garbage(codec: Codec) -> str:
    """Check that damaged bitstreams decode to some image or raise CodecError, and nothing else."""
    stream = codec.encode(photo(24, 31), some(codec.settings(), 3)[-1])
    for number, damaged in enumerate(mutations(stream)):
        answer = attempt(partial(decoded_or_refused, codec, damaged))
        wrong = answer.reason if isinstance(answer, Failure) else answer
        if wrong:
            return f"expected an image or CodecError of damaged bitstream {number} ({len(damaged)} bytes): {wrong}"
    return ""


def decoded_or_refused(codec: Codec, stream: bytes) -> str:
    """Return what is wrong with what decoding gives; a CodecError is right."""
    try:
        return unlike_image(codec.decode(stream))
    except CodecError:
        return ""
