"""What the first visitor need not wait for: files that are sent at once, and a first page that was opened before."""

import asyncio
import gc
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from leaderboard.opened import kept_names, kept_standing
from leaderboard.serve import listener, warm_up
from suite.errors import UsageError
from tests.leaderboard.browser import free_port
from tests.leaderboard.recorded import record


async def delays_small_packets(listening: socket.socket) -> bool:
    """Return whether a connection that asyncio accepts there waits for acknowledgements before it sends on."""
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listening)
    async with server:
        _, visitor = await asyncio.open_connection(*listening.getsockname())
        writer = await accepted
        delays = not writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (visitor, writer):
            each.close()
            await each.wait_closed()
    return delays


def test_files_are_sent_at_once():
    # In a thread of its own: Playwright's loop may be running in this one.
    with listener(free_port()) as listening, ThreadPoolExecutor(1) as alone:
        assert not alone.submit(lambda: asyncio.run(delays_small_packets(listening))).result()


def test_who_comes_before_the_board_is_ready_waits():
    port = free_port()
    with listener(port), socket.create_connection(("127.0.0.1", port), timeout=10) as early:
        assert early.getpeername() == ("127.0.0.1", port)


def test_two_boards_share_no_port():
    port = free_port()
    with listener(port), pytest.raises(UsageError, match=f"Port {port} of 127.0.0.1 is in use"):
        listener(port)


@pytest.fixture
def unfrozen():
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("unfrozen")
def test_the_first_visitor_finds_everything_read(opened, monkeypatch, tmp_path, capfd):
    database = record(tmp_path)
    monkeypatch.setattr(sys, "argv", ["app.py", str(database)])
    warm_up()
    assert capfd.readouterr() == ("", "")
    before = kept_standing.cache_info().misses, kept_names.cache_info().misses
    opened(database)
    assert (kept_standing.cache_info().misses, kept_names.cache_info().misses) == before


@pytest.mark.usefixtures("unfrozen")
def test_a_database_in_trouble_is_left_for_the_page_to_explain(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["app.py", str(tmp_path / "none.db")])
    warm_up()
    assert "There is no database at" in opened(tmp_path / "none.db").text[0].value
