"""The order in which submitted plugins see samples: a permutation that only this host can tell, and that is undone."""

import stat
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.home import home
from suite.shuffle import Shuffle, host_secret


@given(st.integers(0, 300), st.text(max_size=20))
def test_every_sample_is_shown_once_and_rows_come_back_in_their_order(count, purpose):
    order = Shuffle(count, purpose)
    shown = order.shuffled(range(count))
    assert sorted(shown) == list(range(count))
    table = order.restored(pa.table({"sample": pa.array(shown, pa.int64())}))
    assert table["sample"].to_pylist() == list(range(count))


def test_it_is_the_same_again_on_this_host_and_another_for_another_purpose_or_host(monkeypatch, tmp_path):
    first = Shuffle(100, "one")
    assert Shuffle(100, "one").shuffled(range(100)) == first.shuffled(range(100))
    assert Shuffle(100, "one").name == first.name != Shuffle(100, "two").name
    monkeypatch.setenv("SUITE_HOME", str(tmp_path / "another"))
    assert Shuffle(100, "one").name != first.name


def test_the_secret_is_its_owners_alone_and_made_once():
    secret = host_secret()
    assert len(secret) == 32
    assert host_secret() == secret
    assert stat.S_IMODE((home() / "secret").stat().st_mode) == 0o600
    assert [path.name for path in home().glob(".secret*")] == []


@pytest.mark.parametrize("count", [2000])
def test_neighbours_are_torn_apart(count):
    shown = Shuffle(count, "any").shuffled(range(count))
    assert sum(abs(a - b) == 1 for a, b in pairwise(shown)) < 20
