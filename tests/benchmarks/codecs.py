"""What does a codec cost through its plugin, and do several threads get as much more done?

For each codec, at a middle setting and on one image like a photograph:
  (a) milliseconds an image, and MB/s of raw RGB, for encoding and decoding through the plugin, as a run with one worker
      calls it, and by its library called as a short script would with the same options: one after the other in one
      thread, again and again; medians, and the plugin's time over the library's;
  (b) the throughput of a run with several workers over that of one with one worker, for each of them; and the same of
      the library, whose threads share one process. A plugin that says that it holds Python's lock is in a process for
      each of several workers: "hosted" is what such a call takes, alone, over the library's. Read (b) against the line
      of zlib, which always lets other threads run: on a busy machine zlib's own falls to 0.5;
  (c) on four times the pixels, the longest part of a call in which no other thread got a turn, over the whole call, in
      the best of many calls: near 1, Python's lock is held all along, and threads take turns whatever the number of
      cores. This says something on a busy machine too.
Checks that plugin and library write the same bytes and read the same pixels. Nothing here asserts on a clock.

    python -m tests.benchmarks.codecs --codecs jpeg webp --repeats 200
"""

from __future__ import annotations

from suite.heap import keep_freed_memory

keep_freed_memory()  # as a run does, before numpy is there

import argparse
import io
import os
import statistics
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plugins.codecs import jpegxl, neural_bitstream
from plugins.codecs.bpg import Bpg
from plugins.codecs.hevc_intra import HEADER, X265, Conversion, enlarged
from plugins.codecs.neural import TAG_BITS, PvFactorized, inside
from plugins.codecs.neural_bitstream import Stream, checksum_of
from plugins.codecs.neural_network import LATENT_STEP, compressai_module
from suite import registry
from suite.api import Setting
from suite.contracts.specimens import photo
from suite.isolation.codec import Hosts
from suite.lineup import why_absent


class Direct(NamedTuple):
    """A codec's setting, and its library called by itself."""

    setting: Setting
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes], np.ndarray]


def pillow(kind: str, setting: Setting, **options) -> Direct:
    """Return Pillow's writer and reader."""
    from PIL import Image

    def encode(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, **options)
        return buffer.getvalue()

    return Direct(setting, encode, lambda data: np.asarray(Image.open(io.BytesIO(data))))


def jpeg() -> Direct:
    """Return OpenCV's writer and Pillow's reader."""
    import cv2

    cv2.setNumThreads(1)  # as in a run
    reader = pillow("JPEG", Setting("quality", 75))

    def encode(image):
        return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()

    return reader._replace(encode=encode)


def jpeg2000() -> Direct:
    """Return Pillow's writer and OpenCV's reader, without its warning for each image that it takes for sRGB."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    options = {"quality_layers": [20], "irreversible": True, "mct": 1, "no_jp2": True}
    writer = pillow("JPEG2000", Setting("quality_layer", 20), **options)
    return writer._replace(decode=lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB))


def avif() -> Direct:
    """Return Pillow's writer with one thread, and the reader behind `Image.open`, which cannot be told to use one."""
    from PIL import _avif

    # These and nothing else change what Pillow does by itself: tiles are its choice where it has many threads.
    writer = pillow("AVIF", Setting("quality", 60), quality=60, max_threads=1, autotiling=False)

    def decode(data):
        pixels = _avif.AvifDecoder(data, "dav1d", 1).get_frame(0)[0]
        return np.frombuffer(pixels, np.uint8).reshape(*SIZE, 3)

    return writer._replace(decode=decode)


def heif() -> Direct:
    """Return pillow-heif's writer and reader; what is not said here are its defaults and libheif's."""
    import pillow_heif

    single = {"x265:pools": "none", "x265:frame-threads": "1"}

    def encode(image):
        buffer = io.BytesIO()
        file = pillow_heif.from_bytes("RGB", image.shape[1::-1], image.tobytes())
        file.save(buffer, quality=60, enc_params=single, color_primaries=1, transfer_characteristic=13)
        return buffer.getvalue()

    return Direct(Setting("quality", 60), encode, lambda data: np.asarray(pillow_heif.open_heif(data)))


def jpeg_xl() -> Direct:
    """Return pillow-jxl-plugin's encoder and decoder."""
    binding = jpegxl.binding()
    encoder = partial(binding.Encoder, mode="RGB", quality=90.0, num_threads=0)

    def decode(data):
        return np.frombuffer(binding.Decoder(num_threads=0)(data)[2], np.uint8).reshape(*SIZE, 3)

    return Direct(
        Setting("distance", 1.0),
        lambda image: bytes(encoder()(image.tobytes(), image.shape[1], image.shape[0], jpeg_encode=False)),
        decode,
    )


def hevc() -> Direct:
    """Return PyAV's encoder and decoder on planes that are there already: the plugin's colour conversion is its own."""
    import av

    def encode(image):
        planes = Conversion.of("bt601-full").planes(enlarged(image), halved=True)
        height, width = planes[0].shape
        encoder = av.CodecContext.create("libx265", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        encoder.options = {"preset": "medium", "x265-params": f"qp=30:{X265}"}
        flat = np.concatenate([plane.ravel() for plane in planes]).reshape(-1, width)
        packets = [*encoder.encode(av.VideoFrame.from_ndarray(flat, format="yuv420p")), *encoder.encode(None)]
        stream = b"".join(map(bytes, packets))
        return HEADER.pack(b"H1", *image.shape[:2], len(stream)) + stream

    def decode(data):
        decoder = av.CodecContext.create("hevc", "r")
        decoder.thread_count = 1
        (frame,) = [*decoder.decode(av.Packet(data[HEADER.size :])), *decoder.decode(None)]
        flat = frame.to_ndarray().ravel()
        area = frame.height * frame.width
        cb, cr = flat[area:].reshape(2, frame.height // 2, frame.width // 2)
        image = Conversion.of("bt601-full").rgb((flat[:area].reshape(frame.height, frame.width), cb, cr))
        return image[: SIZE[0], : SIZE[1]]

    return Direct(Setting("qp", 30), encode, decode)


def raw() -> Direct:
    """Return numpy's own."""
    head = b"RGB8" + np.array(SIZE, "<u4").tobytes()
    return Direct(
        Setting("none", 0),
        lambda image: head + image.tobytes(),
        lambda data: np.frombuffer(data, np.uint8, offset=12).reshape(*SIZE, 3),
    )


def bpg() -> Direct:
    """Return the programs on PNG files, as a script would call them."""
    from PIL import Image

    def converted(command, source, name):
        with tempfile.TemporaryDirectory() as folder:
            source(Path(folder, name))
            subprocess.run([*command, "-o", "out", name], cwd=folder, check=True, capture_output=True)
            return Path(folder, "out").read_bytes()

    def encode(image):
        return converted(["bpgenc", *Bpg().options(30)], Image.fromarray(image).save, "in.png")

    def decode(data):
        png = converted(["bpgdec"], lambda file: file.write_bytes(data), "in.bpg")
        return np.asarray(Image.open(io.BytesIO(png)))

    return Direct(Setting("qp", 30), encode, decode)


def neural() -> Direct:
    """Return CompressAI's own calls on one thread; encoding decodes too, for the checksum of the reconstruction."""
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(1)  # as in a run
    codec, quality = PvFactorized(), 3
    around, tag = codec.around(*SIZE), codec.number << TAG_BITS | quality
    state = load_file(codec.file(quality).path)
    network = compressai_module("compressai.models").FactorizedPrior.from_state_dict(state).eval().double()

    def decoded(strings, shape):
        with torch.inference_mode():
            x_hat = network.decompress(strings, shape)["x_hat"]
            return inside((x_hat[0] * 255).round().byte().permute(1, 2, 0).numpy(), around)

    def encode(image):
        padded = np.pad(image, (around[:2], around[2:], (0, 0)), "edge")
        x = torch.from_numpy(padded).permute(2, 0, 1)[None].double() / 255
        with torch.inference_mode():
            out = network.compress(x)
        seen = checksum_of(tag, decoded(out["strings"], out["shape"]))
        return neural_bitstream.written(Stream(tag, *SIZE, seen, tuple(out["strings"][0])))

    def decode(data):
        string = neural_bitstream.read(data, 1).strings[0]
        sides = [(side + sum(more)) // LATENT_STEP for side, more in zip(SIZE, (around[:2], around[2:]), strict=True)]
        return decoded([[string]], sides)

    return Direct(Setting("quality", quality), encode, decode)


SIZE = (375, 500)
RAW_BYTES = 3 * SIZE[0] * SIZE[1]
DIRECT: dict[str, Callable[[], Direct]] = {
    "none": raw,
    "jpeg": jpeg,
    "jpeg2000": jpeg2000,
    "webp": lambda: pillow("WEBP", Setting("quality", 75), quality=75),
    "avif": avif,
    "heif": heif,
    "jpegxl": jpeg_xl,
    "hevc-intra": hevc,
    "pv-factorized": neural,
    "bpg": bpg,
}
"""A line for each codec: its library, called directly."""


HELD_CALLS, ROUNDS = 20, 15


class Work(NamedTuple):
    """One direction of a codec: as one worker does it, as each of several does, by the library, and on more pixels."""

    what: str
    alone: Callable[[], object]
    together: Callable[[], object]
    library: Callable[[], object]
    long_call: Callable[[], object]


class Pair(NamedTuple):
    """Median seconds through the plugin and by the library, and the plugin's time over the library's."""

    plugin_s: float
    library_s: float
    ratio: float


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def interleaved(plugin: Callable[[], object], library: Callable[[], object], budget_s: float, repeats: int) -> Pair:
    """Time both in turns, each first every other time, for so many repeats or so long."""
    times: tuple[list[float], list[float]] = [], []
    begin = time.perf_counter()
    for number in range(repeats):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append(seconds((plugin, library)[which]))
        if number >= 10 and time.perf_counter() - begin > budget_s:
            break
    # The median of the ratios of neighbours: what slows the machine for a while slows both of them.
    ratio = statistics.median(mine / its for mine, its in zip(*times, strict=True))
    return Pair(statistics.median(times[0]), statistics.median(times[1]), ratio)


class Scaled(NamedTuple):
    """The same work as one thread does it, and as each of several does."""

    alone: Callable[[], object]
    together: Callable[[], object]


def scaling(works: Sequence[Scaled], threads: int, each_s: float) -> list[float]:
    """Return the throughput of ``threads`` threads over that of one, over their number: medians of rounds in turns."""
    counts = [max(2, int(each_s / min(seconds(work.alone) for _ in range(3)))) for work in works]
    ratios: list[list[float]] = [[] for _ in works]
    with ThreadPoolExecutor(threads) as pool:

        def by_all(work: Callable[[], object], count: int) -> None:
            list(pool.map(partial(again_and_again, work), [count] * threads))

        for work in works:
            by_all(work.together, 1)  # each thread's first call may start a process
        for _ in range(ROUNDS):
            for work, count, found in zip(works, counts, ratios, strict=True):
                one_s = seconds(partial(again_and_again, work.alone, count))
                found.append(one_s / seconds(partial(by_all, work.together, count)))
    return [statistics.median(found) for found in ratios]


def again_and_again(work: Callable[[], object], count: int) -> None:
    """Do some work so many times."""
    for _ in range(count):
        work()


def held(work: Callable[[], object]) -> float:
    """Return the longest part of a call without a turn of another thread, awake ten times a millisecond, at best."""
    over, turns, shares = threading.Event(), [], []

    def take_turns() -> None:
        while not over.is_set():
            time.sleep(1e-4)
            turns.append(time.perf_counter())

    other = threading.Thread(target=take_turns)
    other.start()
    for _ in range(HELD_CALLS):
        time.sleep(2e-3)
        begin = time.perf_counter()
        work()
        end = time.perf_counter()
        during = [begin, *(turn for turn in list(turns) if begin < turn < end), end]
        shares.append(max(later - earlier for earlier, later in pairwise(during)) / (end - begin))
    over.set()
    other.join()
    return min(shares)


def measured(name: str, image: np.ndarray, hosts: Hosts, arguments: argparse.Namespace) -> str:
    """Return a codec's lines of the table, or why there are none."""
    try:
        loaded = registry.load("codec", name)
        if missing := why_absent(loaded.plugin):
            return f"{name:<11} {missing}"
        direct = DIRECT[name]()
    except ImportError as error:
        return f"{name:<11} {error}"
    alone = loaded.plugin
    together = hosts.codec(alone, loaded.origin, workers=arguments.threads)
    data = alone.encode(image, direct.setting)
    if data != direct.encode(image) or not np.array_equal(alone.decode(data), direct.decode(data)):
        raise SystemExit(f"{name}: plugin and library differ in bytes or pixels at {direct.setting}")
    large = photo(2 * SIZE[0], 2 * SIZE[1])
    large_data = alone.encode(large, direct.setting)
    works = (
        Work(
            "encode",
            partial(alone.encode, image, direct.setting),
            partial(together.encode, image, direct.setting),
            partial(direct.encode, image),
            partial(alone.encode, large, direct.setting),
        ),
        Work(
            "decode",
            partial(alone.decode, data),
            partial(together.decode, data),
            partial(direct.decode, data),
            partial(alone.decode, large_data),
        ),
    )
    is_hosted = together is not alone
    return "\n".join(f"{name:<11} {direct.setting!s:<17} {line_of(work, arguments, is_hosted)}" for work in works)


def line_of(work: Work, arguments: argparse.Namespace, is_hosted: bool) -> str:
    """Return the figures of one direction."""
    pair = interleaved(work.alone, work.library, arguments.seconds, arguments.repeats)
    scaled = (Scaled(work.alone, work.together), Scaled(work.library, work.library))
    each, its = scaling(scaled, arguments.threads, arguments.seconds / 20)
    hosted = interleaved(work.together, work.library, arguments.seconds, arguments.repeats) if is_hosted else None
    return (
        f"{work.what} {pair.plugin_s * 1e3:9.2f} {pair.library_s * 1e3:9.2f} {pair.ratio:7.3f} "
        f"{RAW_BYTES / 1e6 / pair.plugin_s:9.1f} {each:8.2f} {its:8.2f} {held(work.long_call):8.2f}"
        f"{f'  hosted {hosted.ratio:.3f}' if hosted else ''}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codecs", nargs="+", choices=DIRECT, default=list(DIRECT))
    parser.add_argument("--repeats", type=int, default=300, help="at most, of each")
    parser.add_argument("--seconds", type=float, default=10, help="for each codec and direction")
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--image", type=Path, help="a photograph, instead of one made here")
    arguments = parser.parse_args()
    image = photo(*SIZE)
    if arguments.image:
        from PIL import Image

        image = np.asarray(Image.open(arguments.image).convert("RGB").resize(SIZE[::-1]))
    print(f"{SIZE[1]}x{SIZE[0]}, {len(os.sched_getaffinity(0))} cores; ratio: plugin / library")
    print(f"{'codec':<11} {'setting':<17} {'':6} {'plugin ms':>9} {'library':>9} {'ratio':>7} {'MB/s':>9} ", end="")
    print(f"{f'{arguments.threads} cores':>8} {'library':>8} {'lock':>8}")
    deflate = partial(zlib.compress, image.tobytes(), 6)
    (each,) = scaling([Scaled(deflate, deflate)], arguments.threads, arguments.seconds / 20)
    print(f"{'zlib':<11} {'level=6':<17} {'encode':6} {'':36} {'':9} {each:8.2f} {held(deflate):8.2f}", flush=True)
    with closing(Hosts()) as hosts:
        for name in arguments.codecs:
            print(measured(name, image, hosts, arguments), flush=True)


if __name__ == "__main__":
    main()
