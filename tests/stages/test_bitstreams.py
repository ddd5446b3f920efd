"""The store of bitstreams: what it gives back, what it removes, and what several processes do to it at once."""

import fcntl
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import UsageError
from suite.stages.bitstreams import LOCK, Key, Store, is_whole, opened


def key(name, codec="jpeg"):
    return Key(codec, f"sha256:{sha256(str(name).encode()).hexdigest()}")


@pytest.fixture
def notes():
    return []


@pytest.fixture
def store(tmp_path, notes):
    return Store(tmp_path / "bitstreams", 1 << 20, notes.append)


@given(data=st.binary(max_size=5000))
def test_gives_back_what_was_put(tmp_path_factory, data):
    store = Store(tmp_path_factory.getbasetemp() / "any", 1 << 30)
    store.put(key(data), data)
    assert store.get(key(data)) == data


def test_has_nothing_under_another_name(store):
    store.put(key(1), b"one")
    assert store.get(key(2)) is None
    assert store.get(key(1, codec="webp")) is None


@pytest.mark.parametrize("name", ["a b/../c", "..", "/etc", "file.py:Codec", ""])
def test_a_codec_of_any_name_stays_inside_the_directory(store, name):
    store.put(key(1, name), b"data")
    assert store.get(key(1, name)) == b"data"
    assert [entry.path.resolve().parents[2] for entry in store.entries()] == [store.directory.resolve()]


DAMAGES = {
    "a byte flipped": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "cut short": lambda content: content[:-1],
    "emptied": lambda content: b"",
    "only its start": lambda content: content[:10],
    "longer": lambda content: content + b"x",
    "another digest": lambda content: content[:20] + b"\0" * 8 + content[28:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_told_removed_and_made_again(store, notes, damage):
    store.put(key(1), b"one " * 10)
    path = store.path_of(key(1))
    path.write_bytes(damage(path.read_bytes()))
    assert not is_whole(path)
    assert store.get(key(1)) is None
    assert not path.exists()
    assert str(path) in notes[0]
    store.put(key(1), b"one " * 10)
    assert store.get(key(1)) == b"one " * 10


def test_one_entry_never_passes_for_another(store):
    store.put(key(1), b"one")
    store.put(key(2), b"two")
    store.path_of(key(1)).replace(store.path_of(key(2)))
    assert store.get(key(2)) is None


def used(store, number, seconds_ago):
    moment = time.time() - seconds_ago
    os.utime(store.path_of(key(number)), (moment, moment))


def test_the_least_recently_used_go_first(store):
    for number in range(10):
        store.put(key(number), b"x" * 1000)
        used(store, number, seconds_ago=100 - number)
    assert store.get(key(0)) is not None  # the oldest, used just now
    size = sum(entry.byte_count for entry in store.entries())
    removed = store.evict(size // 2, above=0)
    kept = [number for number in range(10) if store.path_of(key(number)).exists()]
    assert kept == [0, 6, 7, 8, 9]
    assert removed == size // 2


def test_never_grows_beyond_its_cap_by_much(tmp_path):
    store = Store(tmp_path, 100_000)
    for number in range(500):
        store.put(key(number), b"x" * 1000)
        assert sum(entry.byte_count for entry in store.entries()) <= 100_000 * (1 + 1 / 64) + 2000
    assert store.get(key(499)) is not None


def test_what_is_larger_than_the_cap_is_not_kept(tmp_path):
    store = Store(tmp_path, 100)
    store.put(key(1), b"x" * 101)
    Store(tmp_path, 0).put(key(2), b"")
    assert list(store.entries()) == []


def test_a_store_that_cannot_be_written_to_is_told_once_and_costs_nothing_else(tmp_path, notes):
    (tmp_path / "taken").write_text("a file where the directory should be")
    store = Store(tmp_path / "taken", 1 << 20, notes.append)
    store.put(key(1), b"one")
    store.put(key(2), b"two")
    assert store.get(key(1)) is None
    assert len(notes) == 1
    assert "cannot be written to" in notes[0]


def test_room_that_cannot_be_made_costs_no_run(store, notes, monkeypatch):
    def unlink(path, missing_ok=False):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("suite.stages.bitstreams.Path.unlink", unlink)
    store.cap_bytes = 1500
    for number in range(5):
        store.put(key(number), b"x" * 1000)
    assert notes == [
        f"Bitstreams are not kept any more: {store.directory} cannot be written to (Operation not permitted)."
    ]


def test_scratch_files_of_the_dead_are_swept_and_those_of_the_living_kept(store):
    store.put(key(1), b"one")
    folder = store.path_of(key(1)).parent
    (folder / ".1-dead").write_bytes(b"half")
    os.utime(folder / ".1-dead", (1, 1))
    (folder / ".2-alive").write_bytes(b"half")
    store.evict(1 << 20, above=1 << 20)
    assert sorted(path.name for path in folder.glob(".*")) == [".2-alive"]
    assert len(list(store.entries())) == 1


WRITER = """
import sys
from pathlib import Path
from suite.stages.bitstreams import Store
from tests.stages.test_bitstreams import key
store = Store(Path(sys.argv[1]), 60_000)
for turn in range(3):
    for number in range(100):
        data = bytes([number]) * 1000
        found = store.get(key(number))
        assert found in (None, data)
        store.put(key(number), data)
"""


def test_several_processes_at_once_read_whole_entries_only(tmp_path):
    """Three processes write, read and evict the same hundred entries in a store that holds sixty."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(writer.communicate(timeout=120)[1], writer.returncode) for writer in writers] == [(b"", 0)] * 3
    entries = list(Store(tmp_path, 60_000).entries())
    assert entries
    assert all(is_whole(entry.path) for entry in entries)


def test_a_killed_writer_leaves_nothing_that_passes_for_an_entry(tmp_path):
    """Killed for real, in the middle of writing, several times."""
    endless = WRITER.replace("range(3)", "range(10**9)").replace("60_000", "10**9")
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", endless, str(tmp_path)])
        while not list(Store(tmp_path, 1).entries()):
            time.sleep(0.01)
        time.sleep(0.05)
        writer.kill()
        writer.wait()
    assert all(is_whole(entry.path) for entry in Store(tmp_path, 1).entries())


def test_only_one_evicts_at_a_time(store):
    store.put(key(1), b"one")
    with (store.directory / LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert store.evict(0, above=0) is None
    assert store.evict(0, above=0) > 0


def test_threads_share_a_store(store):
    def work(number):
        store.put(key(number % 7), bytes([number % 7]) * 100)
        return store.get(key(number % 7)) == bytes([number % 7]) * 100

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(300)))


def test_is_where_the_user_says(monkeypatch, tmp_path, own_home):
    assert opened().directory == own_home / "bitstreams"
    monkeypatch.setenv("SUITE_BITSTREAMS", str(tmp_path))
    monkeypatch.setenv("SUITE_BITSTREAMS_GIB", "0.5")
    assert (opened().directory, opened().cap_bytes) == (tmp_path, 1 << 29)


@pytest.mark.parametrize("size", ["much", "-1", "nan", "inf"])
def test_a_size_that_is_none_is_refused(monkeypatch, size):
    monkeypatch.setenv("SUITE_BITSTREAMS_GIB", size)
    with pytest.raises(UsageError, match=rf"a size in GiB.*'{size}'"):
        opened()
