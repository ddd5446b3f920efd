"""The pages Throughput, Compare and Entry in a real browser, wide and narrow, light and dark."""

import pytest

from tests.leaderboard.paired import record_pair
from tests.leaderboard.recorded import record
from tests.leaderboard.timed import record_timings


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    path = record(tmp_path_factory.mktemp("board"))
    record_timings(path)
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return record_pair(tmp_path_factory.mktemp("pair"))


def fits(page):
    """Whether nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
@pytest.mark.parametrize(("address", "charts"), [("throughput", 4), ("entry?entry=large", 1)])
def test_pages_draw_every_chart(visit, served, board, address, charts, width, dark):
    found = visit(width=width, dark=dark).open(f"{served(board)}/{address}")
    drawn = (
        "[...document.querySelectorAll('[data-testid=stVegaLiteChart]')].filter(e => e.querySelector('svg, canvas'))"
    )
    found.page.wait_for_function(f"{drawn}.length === {charts}")
    assert fits(found.page)
    found.check()


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_pictures_are_shown(visit, served, pair, width, dark):
    found = visit(width=width, dark=dark).open(f"{served(pair)}/compare?first=first&second=second")
    pictures = found.page.locator("[data-testid=stImage] img")
    found.page.wait_for_function("document.querySelectorAll('[data-testid=stImage] img').length === 14")
    pictures.first.scroll_into_view_if_needed()
    found.page.wait_for_function("document.querySelector('[data-testid=stImage] img').naturalWidth === 300")
    assert max(box["width"] for box in (each.bounding_box() for each in pictures.all()[:4])) <= 300
    assert fits(found.page)
    found.check()


def test_a_comparison_leads_to_its_entries(visit, served, pair):
    found = visit().open(f"{served(pair)}/compare?first=second&second=first")
    with found.page.context.expect_page() as opening:
        found.page.get_by_role("link", name="First entry in full").click()
    page = opening.value
    page.wait_for_selector("h2")
    page.get_by_text("second under pv-cells@1").wait_for()
    assert page.url.endswith("/entry?entry=second")


def test_a_choice_is_in_the_address(visit, served, board):
    found = visit().open(f"{served(board)}/throughput")
    found.page.get_by_text("Choose entries").click()
    found.page.get_by_text("As parts of the reference model's").click()
    found.page.wait_for_url("**relative=true**", timeout=60_000)
    found.settled().check()
