"""`suite leaderboard`: what keeps it from being served. The pages themselves are in tests/leaderboard."""

import socket
from contextlib import closing


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
