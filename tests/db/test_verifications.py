"""Verifications in a database: recorded only for what is known, read back as they were, the newest first."""

from datetime import UTC, datetime

import pytest

from suite.db import queries, snapshot
from suite.db.store import Store
from suite.errors import StorageError
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, verification

TOY, OTHER = protocol(), protocol("other")


@pytest.fixture
def measured(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    return laboratory


def of(laboratory, spec=TOY):
    return [each.verification for each in queries.verifications(laboratory.engine, spec.digest)]


def test_one_comes_back_as_it_was_recorded(measured):
    before = datetime.now(UTC)
    said = verification(TOY, differing=3, limit=7, author="Ada Ünïcode 😀")
    number = measured.store.record_verification(said)
    (found,) = queries.verifications(measured.engine, TOY.digest)
    assert (found.id, found.verification) == (number, said)
    assert before <= found.created_at <= datetime.now(UTC)
    assert of(measured, OTHER) == []


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"plugin": ref("model", "net", "2")}, "The plugin sha256:"),
        ({"plugin": ref("mitigation", "net")}, "The plugin sha256:"),
        ({"protocol_digest": OTHER.digest}, f"The protocol {OTHER.digest}"),
        ({"environment": ELSEWHERE.digest}, f"The environment {ELSEWHERE.digest}"),
    ],
)
def test_one_of_what_is_not_known_is_refused(measured, changes, unknown):
    with pytest.raises(StorageError, match=f"{unknown}.* is not recorded"):
        measured.store.record_verification(verification(TOY, **changes))
    assert of(measured) == []


def test_one_that_cannot_be_is_refused(measured):
    with pytest.raises(StorageError, match="net 1 cannot be recorded: the counts"):
        measured.store.record_verification(verification(TOY, differing=27))
    assert of(measured) == []


def test_a_new_one_is_a_new_state(measured):
    before = queries.state(measured.engine)
    measured.record_verification(TOY)
    assert queries.state(measured.engine) != before


def test_the_newest_comes_first_whenever_it_was_imported(tmp_path):
    boards = [tmp_path / "old", tmp_path / "new"]
    for day, board in enumerate(boards, start=1):
        laboratory = Laboratory(tmp_path / f"{day}")
        laboratory.record_entry(TOY, {10: 0.5})
        laboratory.store = Store(
            laboratory.engine, laboratory.path, clock=lambda day=day: datetime(2026, 1, day, tzinfo=UTC)
        )
        laboratory.record_verification(TOY, date=f"2026-01-0{day}")
        snapshot.export(laboratory.path, board)
    target = Laboratory(tmp_path / "target")
    for board in boards[::-1]:
        snapshot.import_snapshot(board, target.path)
    assert [each.date for each in of(target)] == ["2026-01-02", "2026-01-01"]


def test_a_snapshot_of_a_protocol_has_its_verifications_and_no_others(measured, tmp_path):
    measured.record_entry(OTHER, {10: 0.5})
    measured.record_verification(TOY)
    measured.record_verification(OTHER, ELSEWHERE, author="Bob")
    snapshot.export(measured.path, tmp_path / "board", protocols=["other@1"])
    copy = Laboratory(tmp_path / "copy")
    snapshot.import_snapshot(tmp_path / "board", copy.path)
    assert of(copy) == []
    assert of(copy, OTHER) == [verification(OTHER, author="Bob", environment=ELSEWHERE.digest)]


def test_a_result_has_those_of_its_own_plugins_under_its_protocol(measured):
    measured.record_verification(TOY)
    restored = measured.record(result(condition(TOY, 10), 0.6, model="other", mitigation="restore"))
    measured.record_verification(TOY, plugin=ref("mitigation", "restore"), author="Bob")
    measured.record_entry(OTHER, {10: 0.5})
    authors = {
        (stored.protocol, stored.result.cell.model.name): [
            each.verification.author for each in queries.result(measured.engine, stored.id).verifications
        ]
        for stored in queries.results(measured.engine)
    }
    assert authors == {("toy@1", "net"): ["Ada"], ("toy@1", "other"): ["Bob"], ("other@1", "net"): []}
    assert queries.result(measured.engine, restored).verifications[0].verification.environment == HERE.digest


def test_what_is_measured_under_a_protocol_is_known(measured):
    measured.record_entry(OTHER, {10: 0.5}, model="other", mitigation="restore")
    for spec, plugin, expected in (
        (TOY, ref("model", "net"), True),
        (TOY, ref("codec", "jpeg"), True),
        (OTHER, ref("mitigation", "restore"), True),
        (TOY, ref("mitigation", "restore"), False),
        (TOY, ref("model", "net", "2"), False),
        (OTHER, ref("model", "net"), False),
        (protocol("third"), ref("model", "net"), False),
    ):
        assert queries.is_measured(measured.engine, spec.digest, plugin) == expected
