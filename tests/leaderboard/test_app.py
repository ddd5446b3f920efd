"""The board's pages by Streamlit's test client: what they show, and what they say where there is nothing to show."""

import pytest

from suite import protocols, runner
from suite.lineup import Choice
from suite.published import STUDIES, numbers_of
from suite.tuning import Wish
from tests.db.measured import ELSEWHERE, HERE, Laboratory, protocol
from tests.leaderboard.reading import plain
from tests.leaderboard.recorded import record


def test_without_a_database_the_page_says_what_to_run(opened, tmp_path):
    app = opened(tmp_path / "absent.db")
    assert not app.exception
    assert "Run 'suite run' or 'suite demo'" in app.text[0].value


def test_results_are_shown_with_their_reasons_and_curves(opened, tmp_path, fake):
    spec = protocols.load("pv-cells@1")
    choice = Choice(models=(fake("Brightness"),), settings=("10", "90"), limit=6)
    runner.run(spec, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 1))
    app = opened(tmp_path / "r.db", "ranking")
    assert not app.exception
    assert app.selectbox(key="protocol").value == "pv-cells@1"
    assert "released, sha256:" in app.text[0].value
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["rank"], row["entry"]) == (None, "brightness")
    app.multiselect(key="columns").set_value(["entry", "why it has no rank"]).run()
    assert "trial on 6 of 526 samples" in app.dataframe[0].value["why it has no rank"][0]


def test_a_file_that_is_no_database_is_explained(opened, tmp_path):
    (tmp_path / "r.db").write_text("not a database, but long enough to be read as one" * 20)
    app = opened(tmp_path / "r.db")
    assert not app.exception
    assert "no database of the suite" in app.text[0].value


def test_a_database_without_published_numbers_says_how_to_import_them(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    assert "Run: suite import published" in plain(opened(laboratory.path, "published").info[0].value)
    assert "Run: suite demo" in plain(opened(laboratory.path).info[0].value)


def test_published_numbers_are_shown_before_anything_is_measured(opened, tmp_path):
    app = opened(imported(Laboratory(tmp_path)), "published")
    assert not app.exception
    assert [heading.value for heading in app.header] == ["Published studies"]
    assert "They are not measured here and have no rank." in app.text[0].value
    assert app.subheader[0].value == "Drop by setting, as published"
    table = app.dataframe[0].value
    assert table[(table["model"] == "ResNet-50") & (table["mitigation"] == "none")]["10"].to_list() == ["63.43"]
    assert app.dataframe[1].value["numbers"].to_list() == ["841", "80", "10"]


def test_every_published_track_can_be_chosen(opened, tmp_path):
    app = opened(imported(Laboratory(tmp_path)), "published")
    tracks = app.selectbox(key="paper").options
    assert len(tracks) == 6 + 1 + 3
    for track in tracks:
        app.selectbox(key="paper").set_value(track).run()
        assert not app.exception
        assert plain(app.subheader[1].value).startswith(track)


def test_what_was_measured_stands_beside_the_published_numbers(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    resnet = "torchvision:resnet50.IMAGENET1K_V1"
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, model=resnet)
    app = opened(imported(laboratory), "published")
    assert not app.exception
    assert "Beside them: measured here, toy@1 (cells, 526 images)" in [text.value for text in app.text]


def imported(laboratory):
    """Import the papers' numbers, and return the database's path."""
    for study in STUDIES:
        laboratory.store.import_published(numbers_of(study))
    laboratory.engine.dispose()
    return laboratory.path


def shown(app):
    """Return the table of the ranking."""
    return app.dataframe[0].value


def test_filters_change_the_table_and_name_what_they_hide(opened, tmp_path):
    app = opened(record(tmp_path), "ranking")
    assert shown(app)["entry"].to_list() == ["large + deblock", "large", "small + deblock", "small"]
    app.multiselect(key="licence").set_value(["MIT"]).run()
    assert shown(app)["entry"].to_list() == ["small + deblock", "small"]
    assert shown(app)["rank"].to_list() == [2, 4]
    assert [each.label for each in app.expander] == ["Filters", "Columns", "2 entries are hidden by the filters"]
    assert app.dataframe[1].value["entry"].to_list() == ["large + deblock", "large"]
    app.number_input(key="parameters").set_value(1.0).run()
    assert "There" not in str(app.exception)
    assert shown(app).empty


def test_badges_are_shown_and_filtered_by(opened, tmp_path):
    path = record(tmp_path)
    app = opened(path, "ranking")
    said = dict(zip(shown(app)["entry"], shown(app)["verification"], strict=True))
    assert said["small + deblock"] == "verified: 26 predictions made again, 2026-11-21, by Ada"
    assert said["large"].startswith("verification failed: 2 of 26 predictions made again differ")
    assert not shown(app)["reproduced"].any()
    assert shown(app)["badge"].to_list() == ["verification failed", "verification failed", "verified", ""]
    app.toggle(key="verified").set_value(True).run()
    assert shown(app)["entry"].to_list() == ["small + deblock"]
    app = opened(path, "ranking", reproduced="true")
    assert shown(app).empty
    assert app.expander[-1].label == "4 entries are hidden by the filters"


def test_an_entrys_page_has_a_badge_only_where_it_was_verified(opened, tmp_path):
    path = record(tmp_path)
    for name, words in (("small + deblock", "verified:"), ("large", "verification failed:"), ("small", "")):
        app = opened(path, "entry", entry=name)
        assert not app.exception
        said = [text.value for text in app.text if text.value.startswith(("verified", "verification failed"))]
        assert [each.startswith(words) for each in said] == [True] * bool(words)
        assert ("Verifications" in [each.value for each in app.subheader]) == bool(words)


def test_an_entry_measured_alike_on_another_machine_is_said_to_be_reproduced(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    for where in (HERE, ELSEWHERE):
        laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, where=where)
    laboratory.engine.dispose()
    assert list(shown(opened(laboratory.path, "ranking"))["reproduced"]) == [True, True]
    app = opened(laboratory.path, "entry")
    assert "reproduced on another machine" in " ".join(each.value for each in app.markdown)
    assert not [text for text in app.text if "verified" in text.value]


def test_the_address_restores_the_state(opened, tmp_path):
    query = {"codecs": "webp", "drops": "by setting", "order": "name", "name": "small"}
    app = opened(record(tmp_path), "ranking", **query)
    assert shown(app)["entry"].to_list() == ["small", "small + deblock"]
    titles = [title for title in shown(app) if title.endswith(", points") and not title.startswith("mean")]
    assert len(titles) == 6
    assert all(title.startswith("webp ") for title in titles)
    assert shown(app)[titles[0]].to_list() == pytest.approx([20, 10])


def test_nonsense_in_the_address_is_ignored(opened, tmp_path):
    query = {"protocol": "'; DROP TABLE result", "codecs": "../../etc", "order": "<script>", "page": "-7", "rates": "x"}
    app = opened(record(tmp_path), "ranking", **query)
    assert not app.exception
    assert len(shown(app)) == 4
