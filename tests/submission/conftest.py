"""What the tests of submissions have in common."""

import pytest


@pytest.fixture(autouse=True)
def quickly_tuned(monkeypatch):
    """Choose batch sizes by a glance: they decide about speed alone."""
    monkeypatch.setattr("suite.tuning.SECONDS_EACH", 0.01)
