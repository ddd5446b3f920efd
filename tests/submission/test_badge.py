"""The badge beside a submission and in a database: written whole, added at the end, of what the folder holds."""

import sqlite3
import subprocess
from contextlib import closing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import IncompleteSubmission, UnverifiedSubmission, UsageError
from suite.submission import badge
from suite.submission.verify import Verdict
from suite.verification import is_text
from tests.db.measured import HERE, Laboratory
from tests.db.measured import verification as said_of
from tests.db.test_engine import DUMPS
from tests.submission.gate.folders import SPEC, make, ref, results, verification

MINE = ref("model", "mine", digest="a")


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "submissions")


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    """Give git a home without a configuration."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))


def verdict(*differing, compared=26):
    return Verdict(compared, differing, plugin=MINE, isolation="bubblewrap 0.8.0, landlock 7", tolerance=0.002)


def record(folder, found, database):
    return badge.record(folder, found, share=0.05, author="Ada", device="cpu", database=database)


def test_who_verifies_is_said_or_known_to_git(folder, nobody):
    assert badge.author_of("  Ada \n Lovelace ", folder) == "Ada Lovelace"
    for said in (None, "", " ", "\x1b[31m"):
        with pytest.raises(UsageError, match=r"--author 'A\. Author'"):
            badge.author_of(said, folder)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "config", "user.name", "Grace Hopper"], check=True)
    assert badge.author_of(None, folder) == "Grace Hopper"
    assert badge.author_of("Ada", folder) == "Ada"


def test_what_came_of_it_is_written_down(folder, tmp_path):
    made, kept = record(folder, verdict(), tmp_path / "absent.db")
    assert not kept
    assert not (tmp_path / "absent.db").exists()
    assert badge.read(folder) == (made,)
    assert str(made) == f"verified: 26 predictions made again, {made.date}, by Ada"
    assert (made.plugin, made.protocol, made.protocol_digest) == (MINE, SPEC.label, SPEC.digest)
    assert (made.predictions_sha256, made.limit) == ("1" * 64, None)
    assert (made.share, made.tolerance, made.isolation) == (0.05, 0.002, "bubblewrap 0.8.0, landlock 7")
    failed, _ = record(folder, verdict("a", "b"), tmp_path / "absent.db")
    assert (failed.differing, failed.word) == (2, "verification failed")
    assert badge.read(folder) == (made, failed)
    assert badge.badge_of(folder) == failed


def test_nothing_is_written_where_nothing_could_be_compared(folder, tmp_path):
    with pytest.raises(UnverifiedSubmission, match="the counts of predictions are not possible"):
        record(folder, verdict(compared=0), tmp_path / "absent.db")
    assert not (folder / "verifications.toml").exists()


@given(st.lists(st.text(min_size=1).filter(is_text), min_size=1, max_size=3), st.floats(0, 1, exclude_min=True))
def test_entries_come_back_and_those_before_stay_byte_for_byte(tmp_path_factory, authors, share):
    folder, before = tmp_path_factory.mktemp("any"), b""
    entries = [said_of(SPEC, author=author, share=share, limit=limit) for limit, author in enumerate(authors, 1)]
    for entry in entries:
        badge.add(folder, entry)
        after = (folder / "verifications.toml").read_bytes()
        assert after.startswith(before)
        before = after
    assert badge.read(folder) == tuple(entries)


def test_entries_that_cannot_be_read_are_said_to_be_so(folder):
    assert badge.read(folder) == ()
    assert badge.badge_of(folder) is None
    (folder / "verifications.toml").write_text("schema = 1\n[[verifications]]\nauthor = 'Ada'\n")
    with pytest.raises(IncompleteSubmission, match=r"verifications\.toml cannot be read"):
        badge.read(folder)


@pytest.mark.parametrize(
    "changes",
    [{"plugin_digest": "sha256:" + "9" * 64}, {"protocol_digest": "sha256:" + "9" * 64}, {"limit": 6}, {"name": "x"}],
    ids=lambda changes: next(iter(changes)),
)
def test_the_badge_is_of_what_the_folder_holds(folder, changes):
    verification(folder, author="Bob", **changes)
    assert badge.badge_of(folder) is None
    verification(folder, author="Ada")
    verification(folder, author="Eve", **changes)
    assert badge.badge_of(folder).author == "Ada"


def test_a_database_that_has_its_results_has_the_badge_too(folder, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(SPEC, {None: 0.9, 10: 0.5}, model=msgspec.structs.replace(MINE, version="2"))
    made, kept = record(folder, verdict(), laboratory.path)
    assert not kept
    laboratory.record_entry(SPEC, {None: 0.9, 10: 0.5}, model=MINE)
    made, kept = record(folder, verdict(), laboratory.path)
    assert kept
    (stored,) = queries.verifications(laboratory.engine, SPEC.digest)
    assert stored.verification == made
    assert made.environment in queries.environments(laboratory.engine, [made.environment, HERE.digest])
    assert len(badge.read(folder)) == 2


def test_results_under_another_protocol_alone_get_no_badge(folder, tmp_path):
    laboratory = Laboratory(tmp_path)
    other = msgspec.structs.replace(SPEC, version=2)
    laboratory.record_entry(other, {None: 0.9, 10: 0.5}, model=MINE)
    assert not record(folder, verdict(), laboratory.path)[1]
    assert queries.verifications(laboratory.engine, other.digest) == ()


def test_an_older_database_is_brought_up_to_date(folder, tmp_path):
    path = tmp_path / "older.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / "0001.sql").read_text(encoding="utf-8"))
    assert not record(folder, verdict(), path)[1]
    assert len(queries.results(open_for_reading(path))) > 0


def test_submissions_are_found_by_name(tmp_path):
    for name in ("b", "a"):
        make(tmp_path, name, measured=results(ref("model", name, digest="a")))
    (tmp_path / "TEMPLATE").mkdir()
    assert [folder.name for folder in badge.folders_in(tmp_path)] == ["a", "b"]
