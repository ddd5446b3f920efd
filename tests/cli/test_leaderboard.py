"""`suite leaderboard`: what keeps it from being served. The pages themselves are in tests/leaderboard."""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing

from tests.leaderboard.browser import free_port


def test_a_port_in_use_is_named_with_one_that_is_free(suite):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = suite("leaderboard", "--no-browser", "--port", port)
    assert result.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use. Name another one, such as --port " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_none_is_refused(suite):
    result = suite("leaderboard", "--port", 70_000)
    assert result.returncode == 2
    assert "65535" in result.stderr


def test_the_readers_browser_is_opened_without_advertisements(tmp_path):
    """A program of ours stands in for the browser and notes what it is asked to open."""
    opened, browser, log = tmp_path / "opened", tmp_path / "browser", tmp_path / "log"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    port = free_port()
    command = [sys.executable, "-m", "suite.cli.main", "leaderboard", "--port", str(port), "-d", str(tmp_path / "x.db")]
    environment = os.environ | {"BROWSER": f"{browser} %s"}
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        for _ in range(600):
            if opened.exists() and opened.read_text():
                break
            time.sleep(0.1)
        process.terminate()
    assert opened.read_text().strip() == f"http://127.0.0.1:{port}"
    assert "skills" not in log.read_text()
