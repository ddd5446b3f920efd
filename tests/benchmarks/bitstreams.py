"""What the bitstream store saves: encoding against reading what is kept, and a second model on a warm store.

    python -m tests.benchmarks.bitstreams --images 40

For every codec of a protocol, at each of its settings and interleaved image by image: (a) encoding, (b) what the store
adds to that (hashing the pixels, writing), (c) reading and checking the kept bytes instead. Then whole runs of one slow
codec: a first model on an empty store, a second one on what the first has left, which encodes nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import fmean

from suite import protocols, registry, runner
from suite.lineup import Choice, why_absent
from suite.spec import CodecSpec
from suite.stages.bitstreams import Store
from suite.stages.codec_stage import Encoder, Seen, read


def milliseconds(work) -> float:
    """Return how long ``work`` takes."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


def per_image(entry: CodecSpec, seen: list[Seen], directory: Path) -> tuple[float, float, float]:
    """Return the mean milliseconds of encoding alone, of a miss of the store, and of a hit."""
    codec = registry.load("codec", entry.name, **entry.parameters).plugin
    stored = Encoder(codec, entry.label, Store(directory, 1 << 40))
    alone, miss, hit = [], [], []
    for each in seen:
        for setting in entry.settings():
            alone.append(milliseconds(lambda e=each, s=setting: codec.encode(e.image, s)))
            miss.append(milliseconds(lambda e=each, s=setting: stored.encode(Seen(e.image, e.original), s)))
            hit.append(milliseconds(lambda e=each, s=setting: stored.encode(e, s)))
    return fmean(alone), fmean(miss), fmean(hit)


def runs(protocol: str, codec: str, models: tuple[str, str], images: int) -> list[float]:
    """Return the seconds of a run of each model, the second on the store that the first has filled."""
    spec, seconds = protocols.load(protocol), []
    with tempfile.TemporaryDirectory() as home:
        os.environ["SUITE_HOME"] = home
        for warm in (models[1], *models):  # the first only measures the tuning, on another codec
            choice = Choice(models=(warm,), codecs=(codec if seconds else "jpeg",), limit=images)
            begin = time.perf_counter()
            runner.run(spec, choice, database=Path(home, f"{len(seconds)}.db"), device="cpu")
            seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--protocol", default="pv-codecs@1")
    parser.add_argument("--codec", default="avif", help="the slow codec of the whole runs")
    parser.add_argument("--models", nargs=2, default=["pv-efficientnet-lite0", "pv-efficientnet-lite1"])
    arguments = parser.parse_args()
    dataset = registry.load("dataset", "pv-cells", split="test").plugin
    seen = [Seen(original.image, original) for original in read(dataset, dataset.samples()[: arguments.images])]
    print(f"{'codec':22}{'encode, ms':>12}{'first time':>12}{'kept':>8}{'encode / kept':>15}")
    for entry in protocols.load(arguments.protocol).codecs:
        if why_absent(registry.load("codec", entry.name, **entry.parameters).plugin):
            continue
        with tempfile.TemporaryDirectory() as directory:
            alone, miss, hit = per_image(entry, seen, Path(directory))
        print(f"{entry.label:22}{alone:12.2f}{miss:12.2f}{hit:8.2f}{alone / hit:15.0f}")
    first, second = runs(arguments.protocol, arguments.codec, tuple(arguments.models), arguments.images)
    print(f"{arguments.codec}, {arguments.images} images: first model {first:.1f} s, second model {second:.1f} s")


if __name__ == "__main__":
    main()
