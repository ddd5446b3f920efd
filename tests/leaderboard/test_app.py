import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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
