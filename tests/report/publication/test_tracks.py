"""Which entries a publication draws."""

from suite.db import queries
from suite.report.board.standing import standing_of
from suite.report.publication import tracks
from tests.db.measured import ELSEWHERE, Laboratory, protocol, track

DRAFT = protocol()
CURVE = {None: 0.9, 10: 0.5, 90: 0.8}


def tracks_in(laboratory, spec=DRAFT):
    (stored,) = (each for each in queries.protocols(laboratory.engine) if each.digest == spec.digest)
    return tracks.tracks_of(standing_of(laboratory.engine, stored))


def drawn(laboratory):
    (found,) = tracks_in(laboratory)
    return [(row.model.name, round(row.mean_drop, 3)) for row in found.drawn]


def test_trials_what_does_not_conform_and_what_is_incomplete_are_not_drawn(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(DRAFT, CURVE, model="worse")
    laboratory.record_entry(DRAFT, {None: 0.9, 10: 0.6, 90: 0.8}, model="better")
    laboratory.record_entry(DRAFT, CURVE, model="trial", on={"limit": 9})
    laboratory.record_entry(DRAFT, CURVE, model="other", conformant=False)
    laboratory.record_entry(DRAFT, {None: 0.9, 10: 0.5}, model="part")
    assert drawn(laboratory) == [("better", 0.2), ("worse", 0.25)]
    (found,) = tracks_in(laboratory)
    assert (found.entries, found.drawable) == (5, 2)
    assert len(found.ranking.unranked) == 5


def test_of_two_machines_the_newer_numbers_are_drawn(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(DRAFT, CURVE)
    laboratory.record_entry(DRAFT, {None: 0.9, 10: 0.7, 90: 0.9}, where=ELSEWHERE)
    assert drawn(laboratory) == [("net", 0.1)]


def test_other_samples_share_no_figure(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(protocol(tracks=(track(manifest=""),)), CURVE, model="old", on={"manifest": "sha256:old"})
    spec = protocol(tracks=(track(manifest=""),))
    laboratory.record_entry(spec, CURVE, model="new", on={"manifest": "sha256:new"})
    (found,) = tracks_in(laboratory, spec)
    assert [row.model.name for row in found.drawn] == ["new"]
    assert found.drawable == 1


def test_long_boards_are_cut_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "MOST_LISTED", 2)
    laboratory = Laboratory(tmp_path)
    for number in range(4):
        laboratory.record_entry(DRAFT, CURVE | {90: 0.8 - number / 10}, model=f"m{number}")
    (found,) = tracks_in(laboratory)
    assert (found.entries, found.drawable) == (4, 4)
    assert len(found.ranking.unranked) == 2
    assert [row.model.name for row in found.drawn] == ["m0", "m1"]
