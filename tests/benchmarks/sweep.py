"""How fast is `suite run` beside a plain loop, and how near to what the machine can do?

Measures, in one run and on the same images and conditions:
  (a) a plain loop as a researcher would write it: for each model and quality, read, encode, decode, transform, batch
      forward, with torch's defaults (batch 32, all threads, contiguous memory);
  (b) `suite run` of the same cells, which also computes PSNR and SSIM, journals, and stores results;
  (c) the codec stage alone on one core, and the forward passes alone with the suite's tuning.
The yardstick on a CPU is codec time / cores + forward time. Peak memory is that of `suite run` in a process of its own,
at N and at 4N images. Nothing here asserts on a clock.

    python tests/benchmarks/sweep.py --images 160 --models pv-efficientnet-lite0
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASELINES = ["pv-efficientnet-lite0", "pv-efficientnet-lite1", "pv-efficientnet-lite2"]


def plain_loop(network, size: int, files: list[Path], qualities: list[int]) -> None:
    """Evaluate one model as a researcher would write it."""
    import torch
    from PIL import Image
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.Resize((size, size), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    for quality in [None, *qualities]:
        batch = []
        for number, file in enumerate(files):
            image = Image.open(file).convert("RGB")
            if quality is not None:
                stream = io.BytesIO()
                image.save(stream, "JPEG", quality=quality)
                image = Image.open(stream).convert("RGB")
            batch.append(transform(image))
            if len(batch) == 32 or number == len(files) - 1:
                with torch.no_grad():
                    network(torch.stack(batch)).argmax(1)
                batch = []


def timed(work) -> float:
    """Return the seconds that ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def suite_run(database: Path, models: list[str], images: int):
    """Run the protocol's cells for ``models`` into a fresh database."""
    from suite import protocols, runner
    from suite.lineup import Choice

    return runner.run(
        protocols.load("pv-cells@1"), Choice(models=tuple(models), limit=images), database=database, device="cpu"
    )


def stages_alone(models: list[str], images: int) -> tuple[float, float]:
    """Return codec seconds on one core (geometry included), and forward seconds with the suite's tuning."""
    from suite import environment, protocols
    from suite.lineup import Choice, line_up
    from suite.players import enter, tuned
    from suite.runner import cells_of
    from suite.stages.codec_stage import Encoder, Seen, as_original, code, read
    from suite.stages.model_stage import fitted, prepare_worker
    from suite.tuning import Wish

    spec = protocols.load("pv-cells@1")
    track = line_up(spec, Choice(models=tuple(models), limit=images)).tracks[0]
    players, _ = enter(track, cells_of(track.planned), "cpu")
    host = environment.record("cpu").digest
    tuning = tuned(track, players.values(), device="cpu", host=host, tf32=False, wish=Wish(), kept={})
    originals = []

    def codec_work() -> None:
        originals.extend(read(track.dataset.plugin, track.samples))
        for condition, _ in track.planned:
            encoder = Encoder(track.codec_of(condition).plugin)
            for original in originals:
                seen = Seen(original.image, original)
                if condition.is_reference:
                    image = as_original(seen).frame.image
                else:
                    image = code(seen, encoder=encoder, settings=(condition.setting,)).frame.image
                for player in players.values():
                    player.model.geometry(image)

    codec_s = timed(codec_work)
    forward_s = 0.0
    for player in players.values():
        player.model.use_layout(tuning.layout[player.label])
        batch = tuning.batch[player.label]
        seen = fitted(player.model, [original.image for original in originals])
        infos = [original.info for original in originals]
        starts = list(range(0, len(seen), batch)) * len(track.planned)

        def forward(start, player=player, seen=seen, infos=infos, batch=batch) -> None:
            player.model.predict(seen[start : start + batch], infos[start : start + batch])

        prepare = lambda: prepare_worker(tuning.threads_per_worker, tf32=False)  # noqa: E731 - run once a thread
        with ThreadPoolExecutor(tuning.workers, initializer=prepare) as pool:
            forward_s += timed(lambda: list(pool.map(forward, starts)))  # noqa: B023 - used at once
    return codec_s, forward_s


def peak_memory_mib(models: list[str], images: int) -> float:
    """Return the peak resident memory of a `suite run` in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        options = [word for model in models for word in ("--model", model)]
        command = [sys.executable, "-m", "suite.cli.main", "run", "pv-cells@1", "--limit", str(images), *options]
        child = subprocess.Popen(
            [*command, "--device", "cpu", "--database", f"{directory}/b.db"], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--models", nargs="+", default=BASELINES)
    parser.add_argument("--memory", action="store_true", help="also measure peak memory at N and 4N images")
    arguments = parser.parse_args()

    import torch

    from suite import protocols, registry
    from suite.api.torch import checked_device  # noqa: F401 - imports torch's share before the clock starts

    qualities = [int(value) for value in protocols.load("pv-cells@1").codecs[0].values]
    dataset = registry.load("dataset", "pv-cells", split="test").plugin
    from plugins.datasets.pv_cells import package_directory

    files = [package_directory() / "data" / "images" / f"{s.id}.png" for s in dataset.samples()[: arguments.images]]
    plain_s = 0.0
    for name in arguments.models:
        model = registry.load("model", name).plugin
        model.use_layout("contiguous")
        model.load("cpu")
        size = model.geometry(dataset.read(dataset.samples()[0]).image).shape[0]
        network = model.network().eval()
        with torch.no_grad():
            network(torch.zeros(32, 3, size, size))
        plain_s += timed(lambda n=network, s=size: plain_loop(n, s, files, qualities))
    with tempfile.TemporaryDirectory() as directory:
        suite_run(Path(directory, "warm.db"), arguments.models, 16)  # measures the tuning, which is kept
        suite_s = timed(lambda: suite_run(Path(directory, "b.db"), arguments.models, arguments.images))
    codec_s, forward_s = stages_alone(arguments.models, arguments.images)
    cores = len(os.sched_getaffinity(0))
    yardstick_s = codec_s / cores + forward_s
    report = {
        "models": arguments.models,
        "images": arguments.images,
        "cores": cores,
        "plain_loop_s": round(plain_s, 2),
        "suite_run_s": round(suite_s, 2),
        "codec_alone_one_core_s": round(codec_s, 2),
        "forward_alone_s": round(forward_s, 2),
        "times_as_fast_as_the_plain_loop": round(plain_s / suite_s, 2),
        "share_of_the_yardstick": round(yardstick_s / suite_s, 3),
    }
    if arguments.memory:
        for factor in (1, 4):
            report[f"peak_memory_mib_at_{factor}N"] = round(
                peak_memory_mib(arguments.models, factor * arguments.images)
            )
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
