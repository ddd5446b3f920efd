"""The badge of an entry: which verification counts for it, and where it is shown."""

import pytest

from suite.db import queries
from suite.report.badges import badge_of, badges_of
from suite.report.tables import tables_of
from tests.db.measured import ELSEWHERE, Laboratory, protocol, ref

TOY, OTHER = protocol(), protocol("other")
VALUES = {None: 0.9, 10: 0.5, 90: 0.8}


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    found.record_entry(TOY, VALUES)
    yield found
    found.engine.dispose()


def ranking(laboratory):
    return queries.ranking(laboratory.engine, TOY.digest, released=True)


def badges(laboratory):
    """Return what each entry's badge says, by its model with the version, its mitigation and its trial."""
    found = badges_of(queries.verifications(laboratory.engine, TOY.digest))
    rows = (*ranking(laboratory).ranked, *ranking(laboratory).unranked)
    said = ((str(row.model), row.mitigation.name, row.limit, badge_of(found, row)) for row in rows)
    return {key: badge and (badge.word, badge.author) for *key, badge in said for key in [tuple(key)]}


def test_without_a_verification_there_is_no_badge(laboratory):
    assert badges(laboratory) == {("net@1", "none", None): None}


def test_the_newest_verification_is_the_badge(laboratory):
    laboratory.record_verification(TOY, author="Ada")
    assert badges(laboratory) == {("net@1", "none", None): ("verified", "Ada")}
    laboratory.record_verification(TOY, author="Bob", differing=1)
    assert badges(laboratory) == {("net@1", "none", None): ("verification failed", "Bob")}
    laboratory.record_verification(TOY, author="Eve")
    assert badges(laboratory) == {("net@1", "none", None): ("verified", "Eve")}


def test_it_counts_on_any_machine_for_the_same_plugin_and_protocol_alone(laboratory):
    laboratory.record_entry(TOY, VALUES, where=ELSEWHERE)
    laboratory.record_entry(TOY, VALUES, model=ref("model", "net", "2"))
    laboratory.record_entry(TOY, VALUES, model=ref("model", "net", "3", "other source"))
    laboratory.record_entry(OTHER, VALUES)
    laboratory.record_verification(OTHER, plugin=ref("model", "net", "2"), author="Bob")
    laboratory.record_verification(TOY)
    assert badges(laboratory) == {
        ("net@1", "none", None): ("verified", "Ada"),
        ("net@2", "none", None): None,
        ("net@3", "none", None): None,
    }


def test_that_of_a_trial_is_no_badge_of_all_and_the_other_way_round(laboratory):
    laboratory.record_entry(TOY, VALUES, on={"limit": 8})
    laboratory.record_verification(TOY, limit=8, author="Bob")
    assert badges(laboratory) == {("net@1", "none", None): None, ("net@1", "none", 8): ("verified", "Bob")}


def test_a_mitigation_brings_its_badge_and_one_that_failed_comes_first(laboratory):
    restore = ref("mitigation", "restore")
    laboratory.record_entry(TOY, VALUES, mitigation="restore")
    laboratory.record_verification(TOY, plugin=restore, author="Bob")
    assert badges(laboratory)["net@1", "restore", None] == ("verified", "Bob")
    assert badges(laboratory)["net@1", "none", None] is None
    laboratory.record_verification(TOY, author="Ada", differing=1)
    assert badges(laboratory)["net@1", "restore", None] == ("verification failed", "Ada")


def test_a_ranking_shows_badges_where_there_are_any(laboratory):
    plain, _ = tables_of("toy@1", ranking(laboratory))
    assert "badge" not in plain.columns
    laboratory.record_entry(TOY, VALUES, model="other")
    laboratory.record_entry(TOY, VALUES, model="liar", on={"limit": 8})
    laboratory.record_verification(TOY)
    laboratory.record_verification(TOY, plugin=ref("model", "liar"), differing=26, limit=8)
    found = badges_of(queries.verifications(laboratory.engine, TOY.digest))
    ranked, unranked, _ = tables_of("toy@1", ranking(laboratory), {}, found)
    assert ranked.columns[:3] == ("#", "entry", "badge")
    assert {row[1]: row[2] for row in ranked.rows} == {"net": "verified", "other": "-"}
    assert ranked.notes == ("net: verified: 26 predictions made again, 2026-11-21, by Ada",)
    assert unranked.rows[0][1:3] == ("liar", "verification failed")
    assert unranked.notes[-1].startswith("liar: verification failed: 26 of 26 predictions of a trial made again differ")
    assert {len(row) for row in ranked.rows} == {len(ranked.columns)}
