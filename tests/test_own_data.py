"""A directory tree of one's own, from registration to a (never ranked) result, with the real ImageNet network."""

import json

import numpy as np
import pytest
from PIL import Image

from suite import data, protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import DataError, ManifestMismatch, MissingData, NothingToMeasure, UsageError
from suite.lineup import Choice
from suite.progress import Silent
from suite.tuning import Wish

WNIDS = [f"n{number:08}" for number in range(1000)]


@pytest.fixture
def tree(tmp_path, rng):
    root = tmp_path / "imagenet"
    for wnid, sizes in {"n00000007": [(60, 90), (300, 200)], "n00000500": [(120, 120)]}.items():
        (root / wnid).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            pixels = rng.integers(0, 256, (height // 10, width // 10, 3), np.uint8)
            image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
            image.save(root / wnid / f"image-{number}.JPEG", quality=95)
    (tmp_path / "classes.txt").write_text("\n".join(WNIDS))
    return root


@pytest.fixture
def register(tree):
    def add(name="imagenet", classes=tree.parent / "classes.txt"):
        parameters = {"root": str(tree)} | ({} if classes is None else {"classes_file": str(classes)})
        return data.add(name, "image-folder", parameters, Silent())

    return add


def run(database, **choice):
    chosen = Choice(models=("efficientnet-lite0",), settings=("50",), **choice)
    spec = protocols.load("imagenet-jpeg@1")
    return runner.run(spec, chosen, database=database, device="cpu", wish=Wish(batch=2, workers=1))


def test_a_registered_tree_runs_under_the_real_network(register, tmp_path):
    entry = register()
    assert (entry.samples, entry.classes) == (3, 1000)
    database = tmp_path / "r.db"
    report = run(database)
    assert (report.stored, report.failed) == (2, ())
    found = queries.results(open_for_reading(database))
    assert {result.result.cell.condition.manifest for result in found} == {entry.manifest}
    spec = protocols.load("imagenet-jpeg@1")
    ranking = queries.ranking(open_for_reading(database), spec.digest, released=protocols.is_released(spec))
    assert not ranking.ranked
    assert "draft" in ranking.unranked[0].why_unranked


def test_another_name_can_stand_in(register, tmp_path):
    register("my-photos")
    with pytest.raises(NothingToMeasure, match="suite data add imagenet --kind image-folder"):
        run(tmp_path / "r.db")
    assert run(tmp_path / "r.db", dataset="my-photos").stored == 2


def test_without_a_class_list_the_classes_do_not_fit(register, tmp_path):
    register(classes=None)
    with pytest.raises(ManifestMismatch, match=r"has 1000 classes, but this dataset has 2\. .*--classes FILE"):
        run(tmp_path / "r.db")


def test_a_protocol_refuses_another_manifest(register):
    register()
    with pytest.raises(ManifestMismatch, match="classes"):
        runner.run(protocols.load("pv-cells@1"), Choice(dataset="imagenet"), database=None, device="cpu")


def test_an_altered_a_truncated_and_a_missing_file_are_all_named(register, tree, tmp_path):
    register()
    first, second = sorted((tree / "n00000007").iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    report = run(tmp_path / "r.db")
    assert (report.stored, len(report.failed)) == (0, 2)
    reason = queries.results(open_for_reading(tmp_path / "r.db"))[0].result.reason
    assert "2 of 3 images cannot be read" in reason
    assert first.name in reason
    assert second.name in reason


def test_a_truncated_image_that_was_registered_so_fails_too(register, tree, tmp_path):
    first = min((tree / "n00000007").iterdir())
    first.write_bytes(first.read_bytes()[:400])
    register()
    report = run(tmp_path / "r.db")
    assert len(report.failed) == 2
    assert "1 of 3 images cannot be read" in report.failed[0]
    assert first.name in report.failed[0]


def test_a_manifest_that_was_edited_is_refused(register, own_home):
    register()
    path = own_home / "datasets" / "imagenet.csv"
    path.write_text(path.read_text().replace(",500\n", ",7\n"))
    with pytest.raises(DataError, match="was changed after registration"):
        data.open_registered("imagenet")


def test_a_damaged_registration_says_how_to_mend_it(register, own_home):
    register()
    (own_home / "datasets" / "imagenet.json").write_text("{")
    with pytest.raises(DataError, match="Register it again: suite data add imagenet"):
        data.registered()


def test_registration_is_remembered_and_can_be_forgotten(register, own_home):
    entry = register()
    assert data.registered() == {"imagenet": entry}
    assert json.loads((own_home / "datasets" / "imagenet.json").read_text())["samples"] == 3
    data.remove("imagenet")
    assert data.registered() == {}
    assert not list((own_home / "datasets").iterdir())


def test_a_root_that_is_not_there_is_refused_and_nothing_is_registered(tmp_path):
    with pytest.raises(MissingData, match="is not there"):
        data.add("imagenet", "image-folder", {"root": str(tmp_path / "absent")}, Silent())
    assert data.registered() == {}


@pytest.mark.parametrize("name", ["", "Imagenet", "../up", "a/b", "x" * 65, "pv-cells"])
def test_names_that_cannot_be_files_or_are_taken_are_refused(name, tmp_path):
    with pytest.raises(UsageError):
        data.add(name, "image-folder", {"root": str(tmp_path)}, Silent())
