"""The pages Advisor, Audit, and Protocols and citing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from suite import protocols, runner
from suite.lineup import Choice
from suite.tuning import Wish
from tests.leaderboard.reading import plain
from tests.leaderboard.recorded import record


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("recorded"))


def texts(app):
    return " ".join(each.value for each in app.text)


def test_the_protocol_is_shown_with_all_that_it_fixes_and_how_to_cite_it(opened, recorded):
    app = opened(recorded, "protocols", protocol="pv-codecs@1")
    assert not app.exception
    fields = app.dataframe[0].value.set_index("field")["value"]
    assert fields["digest"] == protocols.load("pv-codecs@1").digest
    assert fields["status"] == "released"
    assert "under protocol pv-codecs@1 (sha256:" in texts(app)
    assert app.code[0].value.startswith("@misc{compression-suite-")


def test_two_protocols_are_compared_field_by_field(opened, recorded):
    app = opened(recorded, "protocols", shown="pv-codecs@1", other="pv-cells@1")
    table = next(each.value for each in app.dataframe if "numbers" in each.value.columns)
    assert table.set_index("field")["pv-codecs@1 (released)"]["codec jpeg: values"] == "5, 10, 20, 40, 60, 80"


def test_an_entry_is_cited_with_its_works(opened, recorded):
    app = opened(recorded, "protocols", protocol="pv-codecs@1", cited="small + deblock")
    assert "small + deblock" in texts(app)


def test_a_protocol_that_is_only_stored_cannot_be_checked_here(opened, recorded):
    app = opened(recorded, "protocols", protocol="toy@1", shown="toy@1")
    app.button(key="doctor").click().run()
    assert not app.exception
    assert "toy@1 is no protocol of this package" in texts(app)


def test_before_anything_is_measured_the_packages_protocols_are_there(opened, tmp_path):
    from tests.db.measured import Laboratory

    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    app = opened(laboratory.path, "protocols", shown="marie2022@1")
    assert not app.exception
    assert "marie2022@1" in plain(app.subheader[0].value)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A real run of a fake model at two qualities, with its outcomes."""
    from tests import fake_models

    database = tmp_path_factory.mktemp("run") / "r.db"
    spec = protocols.load("pv-cells@1")
    choice = Choice(models=(f"{fake_models.__file__}:Brightness",))
    runner.run(spec, choice, database=database, device="cpu", wish=Wish(8, 2))
    return database


def test_the_advisor_answers_in_a_sentence_a_table_and_charts(opened, run):
    app = opened(run, "advisor", lose="10")
    assert not app.exception
    assert "within 10 points of its top1" in texts(app)
    assert app.dataframe[0].value["codec"].to_list() == ["jpeg"]
    app.number_input(key="lose").set_value(0.0).run()
    assert "within 0 points" in texts(app)
    app.selectbox(key="confidence").set_value("99 %").run()
    assert not app.exception
    assert "[99 %]" in " ".join(app.dataframe[0].value.columns)


def test_what_has_no_outcomes_gets_no_advice(opened, recorded):
    app = opened(recorded, "advisor", protocol="pv-codecs@1")
    assert not app.exception
    assert "outcomes" in texts(app) or "Nothing is known" in texts(app)


def audit_of(folder):
    done = subprocess.run(
        [sys.executable, "-m", "suite.cli.main", "audit", str(folder), "--json"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def test_an_audit_is_shown_with_its_distributions_and_the_expected_drop(opened, run, tmp_path, rng):
    for number, quality in enumerate((30, 60, 90)):
        pixels = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"=cmd{number}.jpg", quality=quality)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    app = opened(run, "audit")
    app.file_uploader(key="audit").set_value(("audit.json", audit_of(tmp_path), "application/json"))
    app.run()
    assert not app.exception
    assert app.dataframe[0].value["files"].to_list() == ["3"]
    assert "broken.jpg: " in texts(app)
    assert "brightness is expected to lose" in texts(app)
    assert len(app.dataframe[1].value) == 4


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"images": [{"path": 3}]}', b"\xff\xfe", b"[" * 10_000])
def test_what_is_no_audit_is_explained(opened, run, content):
    app = opened(run, "audit")
    app.file_uploader(key="audit").set_value(("audit.json", content, "application/json"))
    app.run()
    assert not app.exception
    assert "This is no report of an audit" in texts(app)
