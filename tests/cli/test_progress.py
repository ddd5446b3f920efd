"""Progress as a person sees it (a real pseudo-terminal) and as a log keeps it."""

import os
import pty
import re
import subprocess
import sys

from suite.cli.progress import clock, line


def test_a_line_tells_done_rate_and_time_left():
    assert line("measuring", 50, 200, 10.0) == "measuring: 50 of 200 (25%), 5.0/s, 0:00:30 left"
    assert line("hashing", 1234, None, 2.0) == "hashing: 1,234, 617.0/s"
    assert clock(3725) == "1:02:05"


def test_a_terminal_gets_a_bar_with_rate_and_time_left(fake, tmp_path):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "suite.cli.main", "run", "pv-cells@1", "--model", fake("Brightness")]
    options = ["--limit", "40", "--device", "cpu", "--database", str(tmp_path / "r.db")]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    child = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=slave, env=environment)
    os.close(slave)
    shown = read_all(master)
    assert child.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"measuring pv-cells .*400/400 .*[\d.]+/s 0:00:\d\d", text)


def read_all(master):
    chunks = []
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:
            chunk = b""
        if not chunk:
            os.close(master)
            return b"".join(chunks).decode()
        chunks.append(chunk)
