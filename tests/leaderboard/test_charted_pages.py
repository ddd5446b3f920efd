"""The pages Overview, Curves, Mitigations and Matrices: what they show, by Streamlit's client and in a browser."""

import json

import pytest

from tests.db.measured import Laboratory, protocol
from tests.leaderboard import mitigated, recorded
from tests.leaderboard.reading import plain
from tests.report.measured_outcomes import record_outcomes

PAGES = ("", "curves", "mitigations", "matrices")
NONSENSE = {
    "track": "'; DROP TABLE result",
    "entries": "../../etc/passwd",
    "show": "<script>",
    "axis": "-1",
    "codecs": "x",
    "model": "__import__('os')",
    "mitigations": "%00",
    "matrix": "0",
    "rows": "[]",
    "at": "nan",
    "x": "\u202e",
    "y": "-",
    "log": "maybe",
    "against": "jpeg; rm",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return mitigated.record(tmp_path_factory.mktemp("charted"))


def charts(app):
    """Return the specifications of the page's charts."""
    return [json.loads(each.proto.spec) for each in app.get("vega_lite_chart")]


def said(app):
    return " ".join(each.value for each in app.text)


@pytest.mark.parametrize("address", PAGES)
def test_nonsense_in_the_address_is_ignored(opened, database, address):
    app = opened(database, address, **NONSENSE)
    assert not app.exception
    assert app.header[0].value == {"": "Overview"}.get(address, address.title())
    assert charts(app)


@pytest.mark.parametrize("address", PAGES)
def test_without_results_a_page_says_what_to_run(opened, tmp_path, address):
    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    app = opened(laboratory.path, address)
    assert not app.exception
    assert "Run: suite demo" in plain(app.info[0].value)


@pytest.mark.parametrize("address", PAGES)
def test_a_draft_with_a_withdrawn_result_is_shown(opened, tmp_path, address):
    app = opened(recorded.record(tmp_path), address, protocol="toy@1")
    assert not app.exception
    assert app.selectbox(key="protocol").value == "toy@1"
    assert app.header


@pytest.mark.parametrize("address", PAGES)
def test_names_of_plugins_are_never_read_as_markdown(opened, tmp_path, address):
    laboratory, evil = Laboratory(tmp_path), "[evil](https://example.org) <b>"
    for mitigation in ("none", f"{evil} 2"):
        laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, model=evil, mitigation=mitigation)
    laboratory.engine.dispose()
    app = opened(laboratory.path, address)
    assert not app.exception
    read_as_markdown = (app.markdown, app.title, app.header, app.subheader, app.caption, app.info, app.warning)
    assert not [each.value for kind in read_as_markdown for each in kind if "evil" in each.value]
    assert not [each.label for each in (*app.metric, *app.expander) if "evil" in each.label]
    assert not [each.value for each in app.metric if "evil" in each.value]
    assert "evil" in said(app) + str([each.options for each in (*app.selectbox, *app.multiselect)])


def test_the_overview_leads_to_the_other_pages(opened, database):
    links = [each.proto.label for each in opened(database).get("page_link")]
    assert {"Ranking", "Curves", "Mitigations", "Matrices", "Published studies"} <= set(links)
    assert not opened(database, "curves").get("page_link")


def test_the_overview_has_the_headlines_and_the_scatter(opened, database):
    app = opened(database)
    assert {each.label: each.value for each in app.metric}["Worst drop at the lowest rate"] == "+30.00 points"
    assert "alone, at jpeg quality 5" in said(app)
    assert app.dataframe[0].value["entry"][0] == "alone"
    app.selectbox(key="y").set_value("tuned").run()
    assert not app.exception
    (chart,) = charts(app)
    assert "drop with tuned, percentage points" in json.dumps(chart)


def test_a_board_without_mitigations_compares_rates(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.engine.dispose()
    app = opened(laboratory.path)
    assert not app.exception
    assert "Nothing was measured here with a mitigation yet" in said(app)
    (chart,) = charts(app)
    assert "jpeg quality 10" in json.dumps(chart)
    mitigations = opened(laboratory.path, "mitigations")
    assert not mitigations.exception
    assert "--mitigation NAME" in plain(mitigations.info[0].value)
    matrices = opened(laboratory.path, "matrices", matrix="mitigation by model: recovered")
    assert not matrices.exception
    assert "This matrix has no cells" in plain(matrices.info[0].value)


def test_curves_show_the_four_best_and_what_they_come_to(opened, database):
    app = opened(database, "curves")
    assert app.multiselect(key="entries").value == ["small + tuned", "large", "small + deblock", "large + deblock"]
    assert len(charts(app)) == 1 + 8
    app.multiselect(key="codecs").set_value(["jpeg", "webp"]).run()
    assert len(charts(app)) == 1 + 2
    table = app.dataframe[-1].value
    assert len(table) == 4 * 8
    app.selectbox(key="against").set_value("webp").run()
    assert not app.exception
    assert "top1 by rate on pv-cells, against webp" in said(app)


def test_curves_can_be_of_the_metric_by_setting(opened, database):
    app = opened(database, "curves", entries="alone", show="metric", axis="setting")
    assert not app.exception
    assert app.multiselect(key="entries").value == ["alone"]
    assert "Bands: 95 % intervals of the metric. Dashed: the original." in said(app)
    app.multiselect(key="entries").set_value([]).run()
    assert not app.exception
    assert "Choose an entry above" in plain(app.info[0].value)


@pytest.mark.parametrize("damaged", [False, True])
def test_bands_of_stored_outcomes_are_paired_unless_those_are_damaged(opened, tmp_path, damaged):
    laboratory = Laboratory(tmp_path)
    record_outcomes(laboratory, protocol(), {None: (1,) * 8, 10: (0, 1) * 4, 90: (1,) * 8})
    laboratory.engine.dispose()
    for path in laboratory.path.parent.rglob("*.parquet") if damaged else ():
        path.write_bytes(b"altered")
    app = opened(laboratory.path, "curves", axis="setting")
    assert not app.exception
    assert ("intervals of the difference from the original on the same images" in said(app)) is not damaged
    assert any(each.value.startswith("net: ") and ".parquet" in each.value for each in app.text) is damaged


def test_mitigations_of_a_model_are_shown_together(opened, database):
    app = opened(database, "mitigations", model="small", codecs="jpeg")
    assert not app.exception
    recovered, cost, front = (each.value for each in app.dataframe)
    assert recovered["tuned: recovered, %"][0] == pytest.approx(75)
    assert cost["mitigation"].to_list() == ["none", "tuned", "deblock"]
    assert cost["of the speed without, %"].to_list() == pytest.approx([100, 95, 25])
    assert set(front["mitigation"]) == {"none", "tuned"}
    app.multiselect(key="mitigations").set_value(["deblock"]).run()
    assert "tuned: recovered, %" not in app.dataframe[0].value
    app.selectbox(key="model").set_value("alone").run()
    assert not app.exception
    assert "without a mitigation only" in plain(app.info[0].value)


def test_every_matrix_can_be_chosen(opened, database):
    app = opened(database, "matrices")
    for matrix in app.selectbox(key="matrix").options:
        app.selectbox(key="matrix").set_value(matrix).run()
        assert not app.exception
        assert len(charts(app)) == 1
        assert not app.info
    table = app.dataframe[0].value
    assert dict(zip(table["mitigation"], table["large, %"], strict=True)) == pytest.approx(
        {"tuned": float("nan"), "deblock": -50}, nan_ok=True
    )


def test_of_many_models_a_part_of_the_name_finds_the_others(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    for number in range(201):
        laboratory.record_entry(protocol(), {None: 0.9, 10: 0.9 - number / 1000}, model=f"m{number:03}")
    laboratory.engine.dispose()
    app = opened(laboratory.path, "curves")
    assert not app.exception
    assert len(app.multiselect(key="entries").options) == 200
    assert "1 more by a part of their name" in said(app)
    app.text_input(key="entries-name").set_value("200").run()
    assert not app.exception
    assert "m200" in app.multiselect(key="entries").options


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_pages_are_drawn_in_a_browser(visit, served, database, width, dark):
    seen = visit(width=width, dark=dark).open(served(database))
    for title in ("Curves", "Mitigations", "Matrices", "Overview"):
        seen.page.wait_for_selector("canvas, svg.marks", timeout=60_000)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        seen.check()
        address = "" if title == "Overview" else title.lower()
        seen.page.evaluate(f"document.querySelector('[data-testid=stSidebarNav] a[href$=\"/{address}\"]').click()")
        seen.page.wait_for_selector(f"h2:has-text('{title}')", timeout=60_000)
        seen.settled().check()
