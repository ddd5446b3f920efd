"""From a contributor's file to a submission's folder: real sandboxes, the real embedded protocol, a few images."""

import json
import shutil
import subprocess
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from suite import protocols, registry, runner
from suite.cli.main import main
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.digest import sha256_of_file
from suite.errors import (
    AlteredWeights,
    DamagedOutcomes,
    IncompleteSubmission,
    InvalidManifest,
    InvalidPlugin,
    MissingData,
    SandboxUnavailable,
    UnverifiedSubmission,
    UsageError,
)
from suite.isolation import sandbox
from suite.lineup import Choice
from suite.progress import Silent
from suite.stages.codec_stage import read_one
from suite.submission import badge, pull_request, verify
from suite.submission import submit as submitting
from suite.submission.checking import examined
from suite.submission.guests import Terms
from suite.submission.manifest import read
from suite.submission.measuring import Order
from suite.submission.submit import submit
from tests.isolation.guests import needs_bubblewrap

LIMIT = 6
WHOLE = protocols.load("pv-cells@1")
HERE = Terms(current=True)
TEXT = """# /// script
# dependencies = ["numpy"]
# [tool.suite]
# kind = "{kind}"
# object = "Plugin"
# name = "plugin"
# version = "{version}"
# task = "classification"{more}
# authors = "A. <b>Author</b>"
# licence = "MIT"
# training-data = "none"
# ///
import numpy as np
from suite.api import Classification


class Plugin:
    name, version, task, classes, thread_safe = "plugin", "{version}", "classification", 2, True
    calls = 0

    def __init__(self, model=None):
        self.model = model

    def load(self, device):
        pass

    def geometry(self, image):
        return image[::2, ::2]

    def predict(self, images, frames):
        self.calls += 1
        {deed}
        return [Classification(np.array([100, image.mean()], np.float32)) for image in images]

    def restore(self, frames):
        return [255 - frame.image for frame in frames]
"""
pytestmark = needs_bubblewrap


@pytest.fixture
def order(tmp_path):
    codec = structs.replace(WHOLE.codecs[0], values=(10,))
    spec = structs.replace(WHOLE, codecs=(codec,))
    return Order(spec=spec, database=tmp_path / "results.db", limit=LIMIT)


@pytest.fixture
def taken(tmp_path, order):
    """Return what writes a plugin's file and submits it."""

    def take(kind="model", version="1", deed="pass", *, more="", dry_run=False, terms=HERE, spec=order.spec):
        plugin = tmp_path / "plugin.py"
        plugin.write_text(TEXT.format(kind=kind, version=version, deed=deed, more=more))
        on = replace(order, spec=spec)
        return submit(plugin, on, terms, submissions=tmp_path / "submissions", dry_run=dry_run, progress=Silent())

    return take


def test_a_file_becomes_a_folder_that_keeps_the_rules(taken, tmp_path):
    done = taken(spec=WHOLE)
    folder = tmp_path / "submissions" / "plugin"
    assert done.folder == folder
    assert {path.name for path in folder.iterdir()} == {"plugin.py", "submission.toml", "results.json", "README.md"}
    said = tomllib.loads((folder / "submission.toml").read_text())
    assert f"sha256:{said['plugin_sha256']}" == sha256_of_file(tmp_path / "plugin.py")
    assert f"sha256:{said['predictions_sha256']}" == sha256_of_file(done.predictions.path)
    results = json.loads((folder / "results.json").read_text())
    assert results["isolation"] == done.visitor.isolation
    assert results["isolation"].startswith("bubblewrap")
    assert "xychart-beta" in (folder / "README.md").read_text()
    assert len(results["rows"]) == 2 * 10
    wrong = [finding for finding in examined(folder, HERE, limit=2, progress=Silent()) if not finding.ok]
    assert [finding.check for finding in wrong] == ["rule trial"]  # the one thing that a trial may not be


def test_its_numbers_are_those_of_the_same_model_in_this_process(taken, tmp_path, order):
    taken()
    choice = Choice(models=(f"{tmp_path / 'plugin.py'}:Plugin",), limit=LIMIT)
    other = tmp_path / "other.db"
    runner.run(order.spec, choice, database=other, device="cpu")
    tables = [outcomes_of(database) for database in (order.database, other)]
    assert len(tables[0]) == 2
    assert all(tables[0][condition].equals(tables[1][condition]) for condition in tables[1])


def outcomes_of(database):
    engine = open_for_reading(database)
    stored = queries.results(engine, model="plugin")
    tables = queries.outcomes(engine, [each.id for each in stored])
    return {str(each.result.cell.condition): tables[each.id] for each in stored}


def test_what_kept_it_apart_is_recorded_with_each_result(taken, order):
    taken()
    isolations = [each.result.tuning.isolation for each in queries.results(open_for_reading(order.database))]
    assert all(isolation["plugin"].startswith("bubblewrap") for isolation in isolations)


def test_nothing_is_measured_twice(taken, order):
    taken()
    count = len(queries.results(open_for_reading(order.database)))
    taken()
    assert len(queries.results(open_for_reading(order.database))) == count


def test_a_mitigation_runs_in_front_of_every_baseline(taken):
    rows = taken("mitigation").measured.results.rows
    entries = {(row.model, row.mitigation) for row in rows}
    assert entries == {(f"pv-efficientnet-lite{n}", name) for n in range(3) for name in ("none", "plugin")}


RETRAINS = '\n# retrains = ["pv-efficientnet-lite0", "pv-efficientnet-lite1"]'
BY_MODEL = "images = images if self.model.endswith('0') else [255 - image for image in images]"


def test_a_retraining_stands_in_for_the_baselines_that_it_is_for(taken, order):
    done = taken("mitigation", deed=BY_MODEL, more=RETRAINS)
    entries = {(row.model, row.mitigation) for row in done.measured.results.rows}
    assert entries == {(f"pv-efficientnet-lite{n}", name) for n in (0, 1) for name in ("none", "plugin")}
    assert {finding.check for finding in done.findings} >= {"models", "pv-efficientnet-lite0: batch"}
    dataset = registry.load("dataset", "pv-cells").plugin
    images = [read_one(dataset, sample).image for sample in dataset.samples()[:LIMIT]]
    for number, networks_image in enumerate((lambda image: image, lambda image: 255 - image)):
        expected = [np.float32(max(100, networks_image(image)[::2, ::2].mean())) for image in images]
        assert scores_on_originals(order.database, f"pv-efficientnet-lite{number}") == pytest.approx(expected)


def scores_on_originals(database, model):
    engine = open_for_reading(database)
    cells = {each.id: each.result.cell for each in queries.results(engine, model=model)}
    mine = [key for key, cell in cells.items() if cell.mitigation.name == "plugin" and cell.condition.is_reference]
    (table,) = queries.outcomes(engine, mine).values()
    return table["score"].to_pylist()


def test_a_retraining_of_other_models_than_the_protocols_says_which_those_are(taken, order):
    track = structs.replace(WHOLE.tracks[0], baselines=WHOLE.tracks[0].baselines[2:])
    with pytest.raises(
        UsageError, match=r"lite1, none of which is a baseline of pv-cells@1: it has pv-efficientnet-lite2"
    ):
        taken("mitigation", more=RETRAINS, spec=structs.replace(order.spec, tracks=(track,)))
    assert not order.database.exists()


def test_a_retraining_stands_in_for_models_of_its_own_task_and_classes_only(taken):
    with pytest.raises(InvalidPlugin, match=r"resnet18.IMAGENET1K_V1: stands in: .* over 2 classes .* over 1000"):
        taken("mitigation", more='\n# retrains = ["torchvision:resnet18.IMAGENET1K_V1"]', dry_run=True)
    with pytest.raises(
        InvalidPlugin, match=r"lite9: stands in: No model is named 'pv-efficientnet-lite9'\. Did you mean"
    ):
        taken("mitigation", more='\n# retrains = ["pv-efficientnet-lite9"]', dry_run=True)


def test_a_dry_run_writes_nothing(taken, tmp_path, order):
    assert taken(dry_run=True).measured is None
    assert not (tmp_path / "submissions").exists()
    assert not order.database.exists()


def test_older_versions_stay_and_one_version_is_one_file(taken, tmp_path):
    taken()
    folder = tmp_path / "submissions" / "plugin"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UsageError, match="version 1 with another file"):
        taken(deed="images = [255 - image for image in images]")
    taken(version="1.1")
    older = folder / "older" / "1"
    assert {path.name: path.read_bytes() for path in older.iterdir()} == first
    with pytest.raises(UsageError, match=r"1\.1, and 1 is not higher"):
        taken()
    taken(version="2")
    assert {path.name for path in (folder / "older").iterdir()} == {"1", "1.1"}


def test_one_that_answers_by_what_it_has_seen_before_is_found(taken, tmp_path, monkeypatch):
    monkeypatch.setitem(submitting.SHARE_SEEN_AGAIN, "model", 1.0)
    after_six_cells = "self.seen = getattr(self, 'seen', 0) + sum(image.shape == (150, 150, 3) for image in images); "
    with pytest.raises(UnverifiedSubmission, match=r"predictions differ .* made again"):
        taken(deed=after_six_cells + "images = images if self.seen <= 6 else [image // 4 for image in images]")
    assert not (tmp_path / "submissions" / "plugin").exists()


def test_one_that_breaks_the_contract_is_refused_before_it_is_measured(taken, order):
    with pytest.raises(InvalidPlugin, match="deterministic: two runs of one batch differ"):
        taken(deed="images = [image // (1 + self.calls % 2) for image in images]")
    assert not order.database.exists()


def test_one_that_fails_on_the_way_has_its_reason_in_the_database_and_no_folder(taken, tmp_path, order):
    cells = "any(i.shape[0] == 150 and (i[..., 0] == i[..., 1]).all() for i in images)"
    with pytest.raises(IncompleteSubmission, match="2 of 4 cells failed, the first with: ValueError: no more"):
        taken(deed=f"if {cells}: raise ValueError('no more')")
    assert not (tmp_path / "submissions" / "plugin").exists()
    failed = queries.results(open_for_reading(order.database), model="plugin", status="failed")
    assert {each.result.reason for each in failed} == {"ValueError: no more"}


def test_one_that_says_another_version_than_its_metadata_is_refused(tmp_path, order):
    plugin = tmp_path / "plugin.py"
    text = TEXT.format(kind="model", version="1", deed="pass", more="").replace('# version = "1"', '# version = "2"')
    plugin.write_text(text)
    with pytest.raises(InvalidPlugin, match="plugin 2 classification, but its object says plugin 1 classification"):
        submit(plugin, order, HERE, submissions=tmp_path / "s", dry_run=True, progress=Silent())


WEIGHTS = """# [[tool.suite.weights]]
# file = "head.npz"
# size = 4
# sha256 = "{digest}"
# ///
import numpy"""


def test_weights_of_another_digest_stop_it_before_anything_runs(tmp_path, order):
    plugin = tmp_path / "plugin.py"
    text = TEXT.format(kind="model", version="1", deed="pass", more="")
    plugin.write_text(text.replace("# ///\nimport numpy", WEIGHTS.format(digest="0" * 64)))
    (tmp_path / "head.npz").write_bytes(b"1234")
    with pytest.raises(AlteredWeights, match=r"head.npz have SHA-256 .* but 000000000000… is recorded"):
        submit(plugin, order, HERE, submissions=tmp_path / "s", dry_run=True, progress=Silent())


def test_trust_needs_no_bubblewrap_and_is_recorded(taken, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    sandbox.bubblewrap.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match=r"Install bubblewrap.*--trust"):
            taken()
        done = taken(terms=Terms(current=True, trusted=True))
    finally:
        sandbox.bubblewrap.cache_clear()
    assert done.measured.results.isolation.startswith("none (trusted)")


def test_verifying_makes_predictions_again_and_needs_the_recorded_ones(taken, tmp_path, order):
    def again(recorded=None):
        options = {"share": 1.0, "database": order.database, "dataset": None, "progress": Silent()}
        return verify.submission(done.folder, HERE, recorded=recorded, **options)

    done = taken(spec=WHOLE)  # a released one: what is verified is read from the folder
    verdict = again()
    assert (verdict.compared, verdict.ok) == (LIMIT, True)
    moved = tmp_path / "elsewhere.parquet"
    shutil.move(done.predictions.path, moved)
    with pytest.raises(MissingData, match="--predictions"):
        again()
    assert again(moved).ok
    moved.write_bytes(moved.read_bytes() + b"x")
    with pytest.raises(DamagedOutcomes):
        again(moved)


def verified(folder, database, *words):
    """Run `suite verify` on all samples of a folder, and return its status."""
    command = ["verify", str(folder), "--sample", "1", "--current-environment", "--device", "cpu"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--database", str(database), *words])
    return stop.value.code


def test_a_badge_is_recorded_beside_the_submission_and_in_the_database_and_ends_with_its_version(taken, order, capsys):
    done = taken(spec=WHOLE)
    engine = open_for_reading(order.database)
    assert verified(done.folder, order.database, "--dry-run") == 0
    assert badge.read(done.folder) == queries.verifications(engine, WHOLE.digest) == ()
    assert verified(done.folder, order.database, "--author", "Ada") == 0
    assert f"Recorded in {done.folder}/verifications.toml and in {order.database}." in capsys.readouterr().out
    (stored,) = queries.verifications(engine, WHOLE.digest)
    made = stored.verification
    assert badge.read(done.folder) == (made,)
    assert (made.author, made.compared, made.differing, made.limit, made.share) == ("Ada", LIMIT, 0, LIMIT, 1.0)
    assert (made.plugin, made.tolerance) == (done.visitor.loaded.ref, 0.001)
    assert made.isolation == done.visitor.isolation
    assert made.predictions_sha256 == done.predictions.sha256
    newer = taken(version="2", spec=WHOLE)
    assert badge.read(newer.folder) == badge.read(newer.folder / "older" / "1") == (made,)
    assert badge.badge_of(newer.folder) is None


def test_recorded_predictions_that_were_made_up_are_found(taken, order, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    done = taken(spec=WHOLE)
    table = pq.read_table(done.predictions.path)
    lie = table.set_column(
        table.schema.get_field_index("predicted"), "predicted", pa.array(np.full(len(table), 7, "i4"))
    )
    pq.write_table(lie, done.predictions.path)
    toml = done.folder / "submission.toml"
    old = tomllib.loads(toml.read_text())["predictions_sha256"]
    toml.write_text(toml.read_text().replace(old, sha256_of_file(done.predictions.path).removeprefix("sha256:")))
    verdict = verify.submission(
        done.folder, HERE, share=1.0, database=order.database, recorded=None, dataset=None, progress=Silent()
    )
    assert len(verdict.differing) == verdict.compared == LIMIT
    assert "predicted was 7" in verdict.differing[0]
    assert verified(done.folder, order.database, "--author", "Ada") == 1
    assert "predictions differ when they are made again" in capsys.readouterr().err
    (made,) = badge.read(done.folder)
    assert (made.word, made.differing, made.compared) == ("verification failed", LIMIT, LIMIT)
    (stored,) = queries.verifications(open_for_reading(order.database), WHOLE.digest)
    assert stored.verification == made


def test_metadata_are_read_before_anything_runs(tmp_path, order):
    plugin = tmp_path / "plugin.py"
    plugin.write_text("raise SystemExit(1)\n")
    with pytest.raises(InvalidManifest):
        submit(plugin, order, HERE, submissions=tmp_path / "s", dry_run=True, progress=Silent())


def test_the_readme_shows_a_contributors_words_as_they_are(taken):
    text = (taken().folder / "README.md").read_text()
    assert r"A. \<b\>Author\</b\>" in text.replace(r"A\.", "A.")
    assert "| `jpeg quality=10` |" in text


def test_a_branch_with_one_commit_of_the_folder(taken, tmp_path, monkeypatch):
    monkeypatch.setattr(pull_request.shutil, "which", lambda _: None)
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet", "--initial-branch", "main"], check=True)
    for key, value in (("user.name", "A"), ("user.email", "a@example.org")):
        subprocess.run([*git, "config", key, value], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "Begin"], check=True)
    done = taken()
    said = pull_request.opened(done.folder, read(done.folder / "plugin.py"))
    assert "submission/plugin-1" in said
    shown = subprocess.run([*git, "show", "--name-only", "--format=%s"], capture_output=True, text=True, check=True)
    title, *files = shown.stdout.split("\n")
    assert title == "Submission: plugin 1"
    assert {name for name in files if name} == {
        f"submissions/plugin/{name}" for name in ("README.md", "plugin.py", "results.json", "submission.toml")
    }
