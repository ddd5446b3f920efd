"""The solar cells: the split as documented, the labels of the package, and what happens when files are missing."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from plugins.datasets import pv_cells
from plugins.datasets.pv_cells import PvCells
from suite.contracts import check_dataset
from suite.errors import CorruptImage, MissingData, UsageError

SIZES = {"train": 1836, "validation": 262, "test": 526}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Give a copy of the package with the labels and two images, and have the plugin read it."""
    source = pv_cells.package_directory() / "data"
    (tmp_path / "data" / "images").mkdir(parents=True)
    shutil.copy(source / "labels.csv", tmp_path / "data")
    for sample in PvCells().samples()[:2]:
        shutil.copy(source / "images" / f"{sample.id}.png", tmp_path / "data" / "images")
    monkeypatch.setattr(pv_cells, "package_directory", lambda: tmp_path)
    yield tmp_path / "data"
    pv_cells.read_truths.cache_clear()


@pytest.mark.parametrize("split", SIZES)
def test_keeps_the_contract(split):
    assert [finding for finding in check_dataset(PvCells(split), limit=8) if not finding.ok] == []


def test_splits_have_their_sizes_and_share_no_cell():
    ids = {split: {sample.id for sample in PvCells(split).samples()} for split in SIZES}
    assert {split: len(names) for split, names in ids.items()} == SIZES
    assert len(set.union(*ids.values())) == 2624


def test_splits_share_no_image():
    """Equal files under two names would leak from one split to another."""
    owners = {}
    for split in SIZES:
        for sample in PvCells(split).samples():
            owners.setdefault(sample.sha256, set()).add(split)
    assert [digest for digest, splits in owners.items() if len(splits) > 1] == []


def labels():
    """Return id -> (probability, type), read without the plugin."""
    lines = (pv_cells.package_directory() / "data" / "labels.csv").read_text().splitlines()
    return {Path(line.split()[0]).stem: (float(line.split()[1]), line.split()[2]) for line in lines}


def test_truths_are_probabilities_above_one_half():
    expected = {cell: int(probability > 0.5) for cell, (probability, _) in labels().items()}
    found = {sample.id: sample.truth for split in SIZES for sample in PvCells(split).samples()}
    assert found == expected


def test_splits_are_stratified_by_label_and_cell_type():
    known = labels()
    strata = Counter((probability > 0.5, kind) for probability, kind in known.values())
    for split, size in SIZES.items():
        here = Counter((known[sample.id][0] > 0.5, known[sample.id][1]) for sample in PvCells(split).samples())
        assert {key: here[key] for key in strata} == pytest.approx(
            {key: count * size / 2624 for key, count in strata.items()}, abs=1.5
        )


def test_samples_are_in_the_order_of_the_list():
    with pv_cells.SPLITS.open() as file:
        listed = [row["id"] for row in csv.DictReader(file) if row["split"] == "test"]
    assert [sample.id for sample in PvCells("test").samples()] == listed


def test_reads_greyscale_as_rgb():
    sample = PvCells().samples()[0]
    source = PvCells().read(sample)
    path = pv_cells.package_directory() / "data" / "images" / f"{sample.id}.png"
    with PillowImage.open(path) as file:
        assert file.mode == "L"
        assert all(np.array_equal(source.image[..., channel], np.asarray(file)) for channel in range(3))
    assert source.byte_count == path.stat().st_size


def test_refuses_an_unknown_split():
    with pytest.raises(UsageError, match=r"train, validation, test.*'tset'"):
        PvCells("tset")


def test_an_altered_image_is_named(copied):
    first, second = PvCells().samples()[:2]
    path = copied / "images" / f"{first.id}.png"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CorruptImage, match=rf"{first.id}\.png.*force-reinstall"):
        PvCells().read(first)
    assert PvCells().read(second).image.shape == (300, 300, 3)


def test_a_missing_image_is_named(copied):
    sample = PvCells().samples()[0]
    (copied / "images" / f"{sample.id}.png").unlink()
    with pytest.raises(MissingData, match=rf"{sample.id}\.png"):
        PvCells().read(sample)


def test_altered_labels_are_refused(copied):
    path = copied / "labels.csv"
    path.write_text(path.read_text().replace("1.0", "0.0", 1))
    with pytest.raises(CorruptImage, match=r"labels\.csv"):
        PvCells().samples()


def test_a_missing_package_says_what_to_run(monkeypatch):
    pv_cells.package_directory.cache_clear()
    monkeypatch.setattr(pv_cells, "PACKAGE", "no_such_package_2611")
    with pytest.raises(MissingData, match=r"pip install 'compression-suite\[demo\]'"):
        PvCells().samples()
