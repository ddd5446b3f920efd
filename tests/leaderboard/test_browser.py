"""The board in a real browser, served by the suite's own command: pages, filters, links, downloads, hostile names."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from contextlib import closing
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest

from leaderboard.app import PAGES
from suite.api import Card
from tests.db.measured import Laboratory, protocol, ref
from tests.leaderboard.recorded import record

PAYLOADS = (
    "<script>document.title='pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "![x](http://127.0.0.1:9/x.png)",
    "[x](javascript:document.title='pwned')",
    "=HYPERLINK(1)",
    "$\\frac{1}{2}$",
    ":red[x] :material/home:",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop", "phone"])
def test_every_page_opens_without_a_complaint(visit, served, recorded, address, width, dark, tmp_path_factory):
    path = "" if address == next(iter(PAGES)) else address
    seen = visit(width=width, dark=dark).open(f"{served(recorded)}/{path}?protocol=pv-codecs@1")
    seen.check()
    assert seen.page.locator("h2").first.inner_text() == PAGES[address][0]
    overflow = seen.page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
    )
    assert overflow <= 0
    seen.page.screenshot(path=tmp_path_factory.getbasetemp() / f"{address}-{width}.png", full_page=True)


@pytest.mark.parametrize(
    "address", [address for address in PAGES if address not in ("published", "protocols", "audit")]
)
def test_with_nothing_measured_every_page_says_what_to_run(visit, served, tmp_path_factory, address):
    directory = tmp_path_factory.getbasetemp() / "nothing"
    directory.mkdir(exist_ok=True)
    laboratory = Laboratory(directory)
    laboratory.engine.dispose()
    path = "" if address == next(iter(PAGES)) else address
    seen = visit().open(f"{served(laboratory.path)}/{path}")
    seen.check()
    assert "has no results yet. Run: suite demo" in seen.text()


def table_of(seen):
    """Return the text of the cells of the first table, which is drawn on a canvas with a table for screen readers."""
    seen.page.wait_for_selector("[data-testid=stDataFrame] table tr", state="attached")
    rows = seen.page.locator("[data-testid=stDataFrame]").first.locator("table tr")
    return [row.locator("th,td").all_inner_texts() for row in rows.all()]


def test_a_filter_changes_the_table_and_the_address_restores_it(visit, served, recorded):
    address = f"{served(recorded)}/ranking?protocol=pv-codecs@1"
    seen = visit().open(address)
    assert "Entries: 4." in seen.text()
    seen.page.get_by_text("Filters", exact=True).click()
    seen.page.get_by_label("Name contains").fill("small")
    seen.page.get_by_label("Name contains").press("Enter")
    seen.page.wait_for_selector("text=2 entries are hidden by the filters")
    seen.page.wait_for_url("**name=small**", timeout=60_000)
    seen.settled().check()
    assert "Entries: 2." in seen.text()
    link = seen.page.url
    again = visit().open(link)
    assert "Entries: 2." in again.text()
    assert "2 entries are hidden by the filters" in again.text()


def download(seen, label):
    with seen.page.expect_download() as waiting:
        seen.page.get_by_role("button", name=label, exact=True).click()
    return waiting.value.path().read_bytes()


def test_downloads_have_the_rows_that_are_shown(visit, served, recorded):
    seen = visit().open(f"{served(recorded)}/ranking?protocol=pv-codecs@1&name=large")
    expected = ["large + deblock", "large"]
    assert [row["entry"] for row in csv.DictReader(io.StringIO(download(seen, "CSV").decode()))] == expected
    assert [row["entry"] for row in json.loads(download(seen, "JSON"))] == expected
    assert pq.read_table(io.BytesIO(download(seen, "Parquet")))["entry"].to_pylist() == expected
    assert download(seen, "LaTeX").decode().count(r"\\") == 1 + len(expected)


@pytest.mark.parametrize(
    ("entry", "badge", "sentence"),
    [
        ("small + deblock", "verified", "26 predictions made again, 2026-11-21, by Ada"),
        ("large", "verification failed", "2 of 26 predictions made again differ, 2026-11-21, by Bob"),
    ],
)
def test_the_badge_of_an_entry_is_seen(visit, served, recorded, entry, badge, sentence):
    seen = visit().open(f"{served(recorded)}/entry?{urlencode({'protocol': 'pv-codecs@1', 'entry': entry})}")
    seen.check()
    assert seen.page.locator(".stMarkdownBadge").all_inner_texts() == [badge]
    assert f"{badge}: {sentence}" in seen.text()


def test_the_badges_of_a_ranking_are_seen(visit, served, recorded):
    seen = visit().open(f"{served(recorded)}/ranking?protocol=pv-codecs@1&verified=true")
    seen.check()
    assert "Entries: 1." in seen.text()
    header, row = table_of(seen)
    said = dict(zip(header, row, strict=True))
    assert (said["entry"], said["badge"]) == ("small + deblock", "verified")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A board whose every text from outside is an attack."""
    laboratory = Laboratory(tmp_path_factory.mktemp("hostile"))
    for number, text in enumerate(PAYLOADS):
        card = Card(summary=text, authors=text, licence=text, paper=text, code=text, training_data=text)
        spec = protocol()
        model = ref("model", f"{text}{number}")
        laboratory.record_entry(spec, {None: 0.9, 10: 0.5, 90: 0.8}, model=model, mitigation=f"none{text}")
        laboratory.record_entry(spec, {None: 0.9, 10: 0.6, 90: 0.8}, model=model)
        laboratory.record_verification(spec, plugin=model, author=text, isolation=text)
        with closing(sqlite3.connect(laboratory.path)) as connection:
            connection.execute("DROP TRIGGER IF EXISTS plugin_refuses_update")
            encoded = json.dumps({**{name: getattr(card, name) for name in card.__dataclass_fields__}})
            connection.execute("UPDATE plugin SET card = ? WHERE name = ?", (encoded, model.name))
            connection.commit()
    long = ref("model", "x" * 1_000_000)
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, model=long)
    laboratory.store.summarise()
    laboratory.engine.dispose()
    return laboratory.path


@pytest.mark.parametrize("address", PAGES)
def test_text_from_outside_is_shown_as_text(visit, served, hostile, address):
    path = "" if address == next(iter(PAGES)) else address
    seen = visit()
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    board = served(hostile)
    seen.open(f"{board}/{path}")
    seen.check()
    assert seen.page.title() != "pwned"
    assert seen.page.locator("[data-testid=stMain] img, [data-testid=stMain] script, .katex").count() == 0
    assert not [url for url in asked if not url.startswith((f"{board}/", "data:", "blob:"))]


def test_a_spreadsheet_runs_nothing_of_a_download(visit, served, hostile):
    seen = visit().open(f"{served(hostile)}/ranking?name=HYPERLINK")
    names = [row["entry"] for row in csv.DictReader(io.StringIO(download(seen, "CSV").decode()))]
    assert names
    assert all(name.startswith("'=HYPERLINK") for name in names)


def test_a_database_that_is_gone_is_explained(visit, served, tmp_path_factory):
    path = record(tmp_path_factory.mktemp("gone"))
    address = served(path)
    visit().open(address).check()
    path.rename(path.with_name("elsewhere.db"))
    seen = visit()
    seen.page.goto(address)
    seen.page.wait_for_selector("text=There is no database at")
    assert re.search(r"Run 'suite run'", seen.text())
