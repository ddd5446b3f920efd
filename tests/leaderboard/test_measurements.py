"""The pages Throughput, Compare and Entry: what they show, what they say without it, and their addresses."""

from urllib.parse import parse_qs, urlparse

import pytest

from tests.db.measured import Laboratory, protocol
from tests.leaderboard.paired import record_pair
from tests.leaderboard.reading import plain
from tests.leaderboard.recorded import record
from tests.leaderboard.timed import record_timings

NASTY = "**bold** <img src=x onerror=alert(1)> $x$ :red[a]"
PAGES = ("throughput", "compare", "entry")


@pytest.fixture
def board(tmp_path):
    path = record(tmp_path)
    record_timings(path)
    return path


def texts(app):
    return "\n".join(text.value for text in app.text)


def tables(app):
    return [table.value for table in app.dataframe]


@pytest.mark.parametrize("address", PAGES)
def test_an_empty_board_says_what_to_run(opened, tmp_path, address):
    laboratory = Laboratory(tmp_path)
    laboratory.engine.dispose()
    app = opened(laboratory.path, address)
    assert not app.exception
    assert "Run: suite demo" in plain(app.info[0].value)


def test_throughput_by_host_with_what_does_not_count(opened, board):
    app = opened(board, "throughput")
    assert not app.exception
    assert app.selectbox(key="host").value.startswith("Fast GPU 9000 (")
    entries, codecs, rejected, host = tables(app)
    assert host["value"].to_list() == ["Fast GPU 9000", "Some CPU", "16"]
    assert entries["entry"].to_list() == ["small", "large"]
    assert entries["best batch, images/s"].to_list() == [2000, 400]
    assert codecs["encode, ms"].to_list() == [4]
    assert rejected["reason"].to_list() == ["out of memory", "2 of 8 images get another answer"]
    assert "None of these has every drop measured on Fast GPU 9000" in texts(app)
    cpu = app.selectbox(key="host").options[1]
    app.selectbox(key="host").set_value(cpu).run()
    assert not app.exception
    assert tables(app)[0]["mean drop, points"].to_list() == pytest.approx([10, 5])
    assert "reference: small@1, timed before and after each entry in the same run" in texts(app)


def test_throughput_beside_the_reference_and_of_fewer_entries(opened, board):
    app = opened(board, "throughput", relative="true", timed="large")
    assert not app.exception
    assert "1 of 2 timed entries are shown" in texts(app)
    assert "No reference model was timed beside these." in texts(app)
    app.multiselect(key="timed").set_value([]).run()
    assert not app.exception


def test_without_timings_the_page_says_what_to_run(opened, tmp_path):
    app = opened(record_pair(tmp_path), "throughput")
    assert f"Run: suite throughput pv-cells@1 --database {tmp_path / 'results.db'}" in plain(app.info[0].value)


def test_two_entries_are_compared_with_pictures_of_where_they_disagree(opened, tmp_path):
    app = opened(record_pair(tmp_path), "compare", first="first", second="second")
    assert not app.exception
    table = tables(app)[0]
    assert table["condition"].to_list() == ["original", "jpeg quality=10"]
    assert table["difference, points"].to_list() == pytest.approx([0, 100 * (7 - 20) / 526])
    assert "mean drop, by which entries rank (negative: first loses less): +2.47 [" in texts(app)
    assert "images, of which the two differ on" in texts(app)
    assert "7 of 526 samples under jpeg quality=10: only the first is right" in texts(app)
    assert len(app.get("image")) == 2 * 7
    app.selectbox(key="side").set_value("only the second is right").run()
    assert "20 of 526 samples under jpeg quality=10: only the second is right; the first 12 of them:" in texts(app)
    assert len(app.get("image")) == 2 * 12
    assert "Compressed here by the codec of the run: jpeg@1, OpenCV" in texts(app)


def test_other_metrics_and_machines_can_be_chosen(opened, tmp_path):
    app = opened(record_pair(tmp_path), "compare", metric="balanced_accuracy")
    assert not app.exception
    assert "paired bootstrap within classes" in texts(app)
    machine = app.selectbox(key="machine").options[1]
    app.selectbox(key="machine").set_value(machine).run()
    assert not app.exception
    assert f"Both measured on {machine}" in texts(app)


def test_what_cannot_be_compared_says_why(opened, board):
    app = opened(board, "compare")
    assert not app.exception
    assert "has no per-sample outcomes. Measure it with 'suite run'." in texts(app)
    app.selectbox(key="second").set_value(app.selectbox(key="first").value).run()
    assert plain(app.info[0].value) == "Both are the same entry. Choose another."


def test_one_entry_is_too_few_to_compare(opened, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.engine.dispose()
    assert "it takes two. Run: suite run toy@1 --model NAME" in plain(opened(laboratory.path, "compare").info[0].value)


def test_an_entry_in_full(opened, board):
    app = opened(board, "entry", entry="small + deblock")
    assert not app.exception
    assert "small + deblock under pv-codecs@1 (sha256:" in texts(app)
    assert "Rank 2. classification on pv-cells, test (top1)" in texts(app)
    assert "Not timed on this machine. Run: suite throughput pv-codecs@1" in texts(app)
    results, verifications, cards, plugins, environment, runs = tables(app)
    assert verifications["of"].to_list() == ["deblock@1"]
    assert len(results) == 1 + 48
    assert cards["model"].to_list()[:4] == ["small", "A small net.", "not stated", "MIT"]
    assert plugins["name"].to_list()[:3] == ["small", "deblock", "pv-cells"]
    assert environment["value"].to_list() == ["13.0.0", "here"]
    assert runs["command"].to_list() == ["suite run toy"]
    assert app.code[0].value.startswith("suite run pv-codecs@1 --model small --mitigation deblock --codec jpeg")


def test_an_entry_of_two_machines_is_chosen_by_machine(opened, tmp_path):
    laboratory, values = Laboratory(tmp_path), {None: 0.9, 10: 0.5, 90: 0.8}
    numbers = laboratory.record_entry(protocol(), values)
    laboratory.record_entry(protocol(), values, on={"limit": 8})
    laboratory.store.add_erratum(numbers[10], author="A. Founder", reason=NASTY)
    laboratory.engine.dispose()
    app = opened(laboratory.path, "entry", entry="net")
    assert not app.exception
    choices = app.selectbox(key="measured")
    assert choices.label == "2 entries have this name"
    app.selectbox(key="measured").set_value(next(each for each in choices.options if "526 images" in each)).run()
    assert "Withdrawn by an erratum" in [each.value for each in app.subheader]
    assert any(NASTY in table.get("reason", []).tolist() for table in tables(app) if "reason" in table)


@pytest.mark.parametrize("address", PAGES)
def test_nonsense_in_the_address_is_ignored(opened, board, address):
    nonsense = dict.fromkeys(
        ("track", "host", "timed", "first", "second", "metric", "machine", "entry", "measured"), "'; DROP TABLE x --"
    )
    app = opened(board, address, relative="perhaps", condition="../../etc", side="<script>", **nonsense)
    assert not app.exception
    assert "DROP TABLE" not in texts(app)


@pytest.mark.parametrize("address", PAGES)
def test_names_are_never_markup(opened, tmp_path, address):
    app = opened(record_pair(tmp_path, names=(NASTY, "second")), address, entry=NASTY)
    assert not app.exception
    drawn = [*app.markdown, *app.caption, *app.header, *app.subheader, *app.info, *app.warning, *app.error]
    assert [each.value for each in drawn if "bold" in each.value] == []


def test_the_links_of_a_comparison_lead_to_the_entries(opened, tmp_path):
    path = record_pair(tmp_path, names=("my net & co", "second"))
    app = opened(path, "compare", first="my net & co", second="second")
    links = [urlparse(each.proto.url) for each in app.get("link_button")]
    assert [link.path for link in links] == ["entry", "entry"]
    assert parse_qs(links[0].query) == {"entry": ["my net & co"]}
    assert not opened(path, "entry", **{name: found[0] for name, found in parse_qs(links[0].query).items()}).exception


def test_the_protocol_goes_with_the_link(opened, tmp_path):
    path, laboratory = record_pair(tmp_path), Laboratory(tmp_path)
    laboratory.record_entry(protocol("earlier"), {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.engine.dispose()
    app = opened(path, "compare", protocol="pv-cells@1")
    (link, _) = [urlparse(each.proto.url) for each in app.get("link_button")]
    assert parse_qs(link.query)["protocol"] == ["pv-cells@1"]
