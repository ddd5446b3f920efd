import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from suite import protocols, runner
from suite.lineup import Choice
from suite.published import STUDIES, numbers_of
from suite.tuning import Wish
from tests.db.measured import Laboratory, protocol
from tests.report.measured_curves import points, record_curves

APP = str(Path(__file__).parents[2] / "leaderboard" / "app.py")


@pytest.fixture
def opened(monkeypatch):
    def open_(path):
        monkeypatch.setattr(sys, "argv", ["app.py", str(path)])
        return AppTest.from_file(APP, default_timeout=30).run()

    return open_


def test_without_a_database_the_page_says_what_to_run(opened, tmp_path):
    app = opened(tmp_path / "absent.db")
    assert not app.exception
    assert "Run 'suite run' or 'suite demo'" in app.info[0].value


def test_results_are_shown_with_their_reasons_and_curves(opened, tmp_path, fake):
    spec = protocols.load("pv-cells@1")
    choice = Choice(models=(fake("Brightness"),), settings=("10", "90"), limit=6)
    runner.run(spec, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 1))
    app = opened(tmp_path / "r.db")
    assert not app.exception
    assert app.selectbox[0].value == "pv-cells@1 (released)"
    assert [heading.value for heading in app.subheader][-1] == "Drop by rate"
    assert "brightness" in app.dataframe[0].value["entry"].to_list()
    assert "trial on 6 of 526 samples" in app.text[0].value


def test_whole_results_are_summed_up_over_their_rates(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    record_curves(laboratory, protocols.load("pv-cells@1"), {0: [*points(), *points(factor=32)[:4]]})
    laboratory.engine.dispose()
    app = opened(laboratory.path)
    assert not app.exception
    assert app.subheader[-2].value == "Drop by rate"
    assert app.subheader[-1].value == "pv-cells@1: top1 by rate on pv-cells, against jpeg"
    (row,) = app.dataframe[-1].value.to_dict("records")
    assert (row["entry"], row["codec"], row["rates, bpp"]) == ("net", "jpeg", "0.250 to 64.000")
    assert app.text[-1].value == "pooled: points that fall as the rate rises, set to their mean"


def test_a_file_that_is_no_database_is_explained(opened, tmp_path):
    (tmp_path / "r.db").write_text("not a database, but long enough to be read as one" * 20)
    app = opened(tmp_path / "r.db")
    assert not app.exception
    assert "no database of the suite" in app.info[0].value


def imported(laboratory):
    """Import the papers' numbers, and return the database's path."""
    for study in STUDIES:
        laboratory.store.import_published(numbers_of(study))
    laboratory.engine.dispose()
    return laboratory.path


def test_a_database_without_published_numbers_says_how_to_import_them(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    app = opened(laboratory.path)
    assert not app.exception
    assert [each.value.rpartition("Run: ")[2] for each in app.info] == ["suite demo", "suite import published"]


def test_published_numbers_are_shown_before_anything_is_measured(opened, tmp_path):
    app = opened(imported(Laboratory(tmp_path)))
    assert not app.exception
    assert [heading.value for heading in app.header] == ["Published studies"]
    assert "They are not measured here and have no rank." in app.text[0].value
    assert app.subheader[0].value == "Drop by setting, as published"
    table = app.dataframe[0].value
    assert table[(table["model"] == "ResNet-50") & (table["mitigation"] == "none")]["10"].to_list() == ["63.43"]
    assert app.dataframe[1].value["numbers"].to_list() == ["841", "80", "10"]


def test_every_published_track_can_be_chosen(opened, tmp_path):
    app = opened(imported(Laboratory(tmp_path)))
    tracks = app.selectbox[0].options
    assert len(tracks) == 6 + 1 + 3
    for track in tracks:
        app.selectbox[0].set_value(track).run()
        assert not app.exception
        assert app.subheader[1].value.startswith(track)


def test_published_numbers_stand_below_the_ranking_and_beside_what_was_measured(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    resnet = "torchvision:resnet50.IMAGENET1K_V1"
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, model=resnet)
    app = opened(imported(laboratory))
    assert not app.exception
    assert app.subheader[0].value.startswith("toy@1: not ranked")
    assert app.dataframe[0].value["entry"].to_list() == [resnet]
    assert "Beside them: measured here, toy@1 (cells, 526 images)" in [text.value for text in app.text]
