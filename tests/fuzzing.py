"""Damaged bitstreams for a codec's decoder, and a process of its own that survives none of what it must not do.

    python -m tests.fuzzing jpeg --count 100000

prints, as JSON, how many inputs gave an image, how many a CodecError, and what else happened. A crash or a hang ends
the process; the input is then the file ``input`` in ``--folder``.
"""

import argparse
import json
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from suite import registry
from suite.api import Codec
from suite.contracts.specimens import mutations, photo, unlike_image
from suite.errors import CodecError

SIZES = ((24, 31), (1, 1), (41, 57))
SIDES_TOLD = (0, 1, 255, 4096, 8192, 16_383, 65_500, 65_535, 2**31 - 1, 2**32 - 1)
HEADER = 160
"""Where most of what a decoder trusts is found."""
MARKERS = (b"\xff\xd8", b"\xff\xd9", b"\xff\xc2", b"\xff\xda", b"\xff\xd0", b"\xff\x90", b"\x00\x00\x01", b"VP8X")
BOXES = (b"ftyp", b"meta", b"iloc", b"ipco", b"hvcC", b"av1C", b"clap", b"irot", b"mdat", b"jp2h")
LONGEST_DECODE_S = 20.0
"""Of processor time: a machine may be busy."""
MOST_MEMORY = 3 << 30
MOST_FAILURES = 20
HYPOTHESIS_SHARE = 10
"""One input in so many is hypothesis' own."""


def as_it_is(stream: bytes) -> bytes:
    return stream


def ended(stream: bytes) -> bytes:
    """Give a JPEG its end."""
    return stream if stream.endswith(b"\xff\xd9") else stream + b"\xff\xd9"


def with_riff_sizes(stream: bytes) -> bytes:
    """Make a WebP announce as many bytes as it has."""
    if len(stream) < 20:
        return stream
    stream += bytes(len(stream) % 2)
    sizes = struct.pack("<I", len(stream) - 8), struct.pack("<I", len(stream) - 20)
    return stream[:4] + sizes[0] + stream[8:16] + sizes[1] + stream[20:]


def with_tile_length(stream: bytes) -> bytes:
    """Make a JPEG 2000 codestream announce as many bytes as it has, boxes and all."""
    stream, tile = ended(stream), stream.find(b"\xff\x90\x00\x0a")
    if tile < 0:
        return stream
    stream = stream[: tile + 6] + struct.pack(">I", max(0, len(stream) - 2 - tile)) + stream[tile + 10 :]
    box = stream.find(b"jp2c", 0, HEADER)
    return stream if box < 4 else stream[: box - 4] + struct.pack(">I", len(stream) - box + 4) + stream[box:]


def with_stream_length(stream: bytes) -> bytes:
    """Make the header of hevc-intra true."""
    return stream if len(stream) < 10 else stream[:6] + struct.pack("<I", len(stream) - 10) + stream[10:]


def with_media_size(stream: bytes) -> bytes:
    """Make the last box of an AVIF or HEIC file, and what is said of it, as long as the bytes that are there."""
    media, locations = stream.rfind(b"mdat"), stream.find(b"iloc")
    if media < 4 or not 4 <= locations < media:
        return stream
    end = locations - 4 + int.from_bytes(stream[locations - 4 : locations])
    size = struct.pack(">I", len(stream) - media - 4)
    file = stream[: media - 4] + struct.pack(">I", len(stream) - media + 4) + stream[media:]
    return file[: end - 4] + size + file[end:]


class Target(NamedTuple):
    """A decoder to fuzz: variants of the codec, and what keeps a damaged stream past the checks of its frame."""

    variants: tuple[Mapping[str, object], ...] = ({},)
    repaired: Callable[[bytes], bytes] = as_it_is
    written: tuple[tuple[tuple[int, int], bytes], ...] = ()
    """Sizes and bitstreams to start from, where the encoder may be absent."""


TARGETS = {
    "avif": Target(({}, {"chroma": "4:4:4", "range": "limited"}), with_media_size),
    "bpg": Target(written=(((24, 31), b"BPG\xfb\x20\x00\x1f\x18\x00\x00\x03\x92\x47\x40\x44\x01" + bytes(64)),)),
    "heif": Target(({}, {"chroma": "4:4:4"}), with_media_size),
    "hevc-intra": Target(({}, {"chroma": "4:4:4"}), with_stream_length),
    "jpeg": Target(({}, {"progressive": True}, {"chroma": "4:4:4", "optimize": True}), ended),
    "jpeg2000": Target(({}, {"transform": "5-3", "colour": "none", "container": "jp2"}), with_tile_length),
    "jpegxl": Target(({}, {"effort": 3})),
    "none": Target(),
    "pv-factorized": Target(),
    "webp": Target(({}, {"method": 0}), with_riff_sizes),
}
"""Every codec that needs no weights of the user's; one that is not here starts from its own streams, unrepaired."""


class Seed(NamedTuple):
    """A bitstream that is in order, and what it is of."""

    codec: Codec
    size: tuple[int, int]
    stream: bytes


def seeds_of(name: str) -> list[Seed]:
    """Return bitstreams of several sizes, variants and settings, each checked unless written by hand."""
    target = TARGETS.get(name, Target())
    codecs = [registry.load("codec", name, **variant).plugin for variant in target.variants]
    if target.written:
        return [Seed(codecs[0], size, stream) for size, stream in target.written]
    seeds = []
    for codec in codecs:
        listed = codec.settings()
        for size in SIZES:
            for setting in dict.fromkeys((listed[len(listed) // 4], listed[-1 - len(listed) // 8])):
                seeds.append(Seed(codec, size, codec.encode(photo(*size), setting)))
                assert codec.decode(seeds[-1].stream).shape == (*size, 3)
    return seeds


def flipped(seed: Seed, other: Seed, rng: Random) -> bytes:
    stream = bytearray(seed.stream)
    for _ in range(rng.randint(1, 8)):
        stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)
    return bytes(stream)


def altered_header(seed: Seed, other: Seed, rng: Random) -> bytes:
    stream = bytearray(seed.stream)
    for _ in range(rng.randint(1, 3)):
        stream[rng.randrange(min(HEADER, len(stream)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(stream)


def cut_short(seed: Seed, other: Seed, rng: Random) -> bytes:
    return seed.stream[: rng.randrange(min(HEADER, len(seed.stream)) if rng.random() < 0.5 else len(seed.stream))]


def other_length(seed: Seed, other: Seed, rng: Random) -> bytes:
    """Write an unlikely number over two or four bytes that may be a length."""
    width, order = rng.choice((2, 4)), rng.choice(("big", "little"))
    at = rng.randrange(max(1, min(HEADER, len(seed.stream)) - width))
    old = int.from_bytes(seed.stream[at : at + width], order)
    number = rng.choice((0, 1, 2, old - 1, old + 1, old * 2, 256**width - 1, 2 ** (8 * width - 1), len(seed.stream)))
    return seed.stream[:at] + (number % 256**width).to_bytes(width, order) + seed.stream[at + width :]


def other_size(seed: Seed, other: Seed, rng: Random) -> bytes:
    """Announce another height or width, wherever the true one is found."""
    stream = seed.stream
    for side in seed.size:
        forms = [(width, order) for width in (4, 2) for order in ("big", "little")]
        found = [(form, at) for form in forms if (at := stream.find(side.to_bytes(*form), 0, 2 * HEADER)) >= 0]
        if found and rng.random() < 0.8:
            (width, order), at = found[0]
            told = rng.choice((*SIDES_TOLD, rng.randrange(1, 300), side + rng.choice((-1, 1, 8, 64))))
            stream = stream[:at] + (told % 256**width).to_bytes(width, order) + stream[at + width :]
    return stream


def inserted(seed: Seed, other: Seed, rng: Random) -> bytes:
    """Put in a marker, a box, or bytes from elsewhere."""
    at, start = rng.randrange(len(seed.stream) + 1), rng.randrange(len(other.stream))
    box = struct.pack(">I", rng.choice((0, 1, 7, 8, 12, 2**32 - 1))) + rng.choice(BOXES) + rng.randbytes(4)
    piece = rng.choice((rng.choice(MARKERS) + rng.randbytes(4), box, other.stream[start : start + rng.randint(1, 64)]))
    return seed.stream[:at] + piece + seed.stream[at:]


def removed(seed: Seed, other: Seed, rng: Random) -> bytes:
    at = rng.randrange(len(seed.stream))
    return seed.stream[:at] + seed.stream[at + rng.randint(1, 64) :]


def spliced(seed: Seed, other: Seed, rng: Random) -> bytes:
    """Start as one bitstream and go on as another, from the same byte or any."""
    at = rng.randrange(len(seed.stream))
    onward = at if rng.random() < 0.5 else rng.randrange(len(other.stream))
    return seed.stream[:at] + other.stream[onward:]


def noisy_end(seed: Seed, other: Seed, rng: Random) -> bytes:
    """Keep the header, and put noise, or one byte again and again, in the place of the rest."""
    at = rng.randrange(min(2 * HEADER, len(seed.stream)), len(seed.stream) + 1)
    length = rng.choice((len(seed.stream) - at, rng.randrange(400)))
    return seed.stream[:at] + (rng.randbytes(length) if rng.random() < 0.7 else rng.randbytes(1) * length)


MUTATORS = (
    *(flipped, flipped, altered_header, altered_header, cut_short, other_length, other_size, inserted, removed),
    *(spliced, noisy_end),
)


def inputs(name: str, seeds: list[Seed], count: int, seed: int) -> Iterator[tuple[Codec, bytes]]:
    """Yield ``count`` decoders and inputs, the same ones every time: those of the contract first, then mutants.

    Half of the mutants get a frame that fits them again, so that the damage reaches what is behind its checks.
    """
    rng, repaired = Random(f"{name} {seed}"), TARGETS.get(name, Target()).repaired  # noqa: S311 - the same every time
    contract = [(begun.codec, damaged) for begun in seeds[:1] for damaged in mutations(begun.stream)]
    ends = [(begun.codec, begun.stream[:end]) for begun in seeds[:1] for end in range(min(HEADER, len(begun.stream)))]
    yield from (contract + ends)[:count]
    for number in range(count - len(contract) - len(ends)):
        begun, other = rng.choice(seeds), rng.choice(seeds)
        stream = rng.choice(MUTATORS)(begun, other, rng)
        if rng.random() < 0.2 and stream:
            stream = rng.choice(MUTATORS)(begun._replace(stream=stream), other, rng)
        yield begun.codec, repaired(stream) if number % 2 else stream


class Campaign:
    """Decodes, counts, and keeps what failed: neither image nor CodecError, or too much time or memory."""

    def __init__(self, folder: Path, most_s: float) -> None:
        self.folder, self.most_s = folder, most_s
        self.counts, self.failures, self.longest_s = Counter(), [], 0.0
        self.resident_kib = resident_kib()

    def decode(self, codec: Codec, stream: bytes) -> None:
        """Decode one input; the signal of a timer of processor time ends a process that hangs, wherever it does."""
        (self.folder / "input").write_bytes(stream)
        signal.setitimer(signal.ITIMER_PROF, self.most_s)
        begin = time.perf_counter()
        outcome, reason = outcome_of(codec, stream)
        self.longest_s = max(self.longest_s, time.perf_counter() - begin)
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.counts[outcome] += 1
        if outcome == "failure" and len(self.failures) < MOST_FAILURES:
            kept = self.folder / f"failure-{len(self.failures)}"
            kept.write_bytes(stream)
            self.failures.append(f"{reason} ({len(stream)} bytes, kept as {kept}: {stream[:100].hex()})")

    def report(self) -> dict:
        """Return what happened."""
        peak_mib = (resident_kib() - self.resident_kib) // 1024
        return {**self.counts, "failures": self.failures, "longest_s": round(self.longest_s, 2), "peak_mib": peak_mib}


def outcome_of(codec: Codec, stream: bytes) -> tuple[str, str]:
    """Return "image", "refused" or "failure", and what is wrong."""
    try:
        wrong = unlike_image(codec.decode(stream))
    except CodecError as error:
        hungry = isinstance(error.__cause__, MemoryError)
        return ("failure", f"needs more than {MOST_MEMORY >> 30} GiB") if hungry else ("refused", "")
    except Exception as error:  # noqa: BLE001 - whatever else it raises is what is looked for
        return "failure", f"{type(error).__name__}: {error}"
    return ("failure", wrong) if wrong else ("image", "")


def resident_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_memory() -> None:
    """Refuse more memory than is used now and `MOST_MEMORY`."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, used + MOST_MEMORY))


def by_hypothesis(campaign: Campaign, seeds: list[Seed], count: int) -> None:
    """Decode what hypothesis makes of nothing, and of a true beginning and end."""
    starts = st.tuples(st.sampled_from(seeds), st.integers(0, HEADER), st.sampled_from((0, 0, 2, 40)))

    @settings(
        max_examples=count, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(starts, st.binary(max_size=400))
    def decode(start, noise):
        seed, kept, end = start
        campaign.decode(seed.codec, seed.stream[:kept] + noise + seed.stream[len(seed.stream) - end :])

    decode()


def fuzz(name: str, *, count: int, seed: int, folder: Path, most_s: float) -> dict:
    """Decode ``count`` inputs and return what happened."""
    seeds = seeds_of(name)
    warnings.simplefilter("error")
    limit_memory()
    campaign = Campaign(folder, most_s)
    for codec, stream in inputs(name, seeds, count - count // HYPOTHESIS_SHARE, seed):
        campaign.decode(codec, stream)
    by_hypothesis(campaign, seeds, count // HYPOTHESIS_SHARE)
    return campaign.report()


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec", help="a codec's name, or FILE.py:CLASS")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=LONGEST_DECODE_S, help="of processor time that one input may take"
    )
    parser.add_argument("--folder", type=Path, help="where inputs are kept; a new temporary one by default")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="suite-fuzzing-"))
    report = fuzz(arguments.codec, count=arguments.count, seed=arguments.seed, folder=folder, most_s=arguments.seconds)
    print(json.dumps(report))
    sys.exit(bool(report["failures"]))


if __name__ == "__main__":
    main()
