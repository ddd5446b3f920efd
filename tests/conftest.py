"""What every test gets: a home of its own, so that nothing of the user's is read or written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None)  # nothing asserts on a clock
settings.load_profile("suite")

FAKE_MODELS = Path(__file__).with_name("fake_models.py")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Give the suite an empty home, and no network."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SUITE_HOME", str(home))
    monkeypatch.setenv("SUITE_OFFLINE", "1")
    return home


@pytest.fixture(scope="module")
def one_thread():
    """Run torch on one thread: small networks only lose by more, all the more so beside other tests."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng():
    """Give a generator of random numbers that is the same every time."""
    return np.random.default_rng(2611)


@pytest.fixture
def fake():
    """Give the name under which the suite finds a class of `fake_models`."""
    return lambda name: f"{FAKE_MODELS}:{name}"
