"""What a verification says in words, and what it must not say."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.verification import faults_of
from tests.db.measured import protocol, ref, verification

TOY = protocol()


def test_it_says_how_many_when_and_by_whom():
    assert str(verification(TOY)) == "verified: 26 predictions made again, 2026-11-21, by Ada"
    failed = verification(TOY, compared=1234, differing=3)
    assert str(failed) == "verification failed: 3 of 1,234 predictions made again differ, 2026-11-21, by Ada"
    assert str(verification(TOY, limit=50)).startswith("verified: 26 predictions of a trial made again, ")
    assert (verification(TOY).ok, failed.ok) == (True, False)


def test_it_is_of_a_plugin():
    assert verification(TOY, plugin=ref("mitigation", "restore", "2")).plugin == ref("mitigation", "restore", "2")


@pytest.mark.parametrize("limit", [None, 1, 50])
def test_one_that_can_be_has_no_fault(limit):
    assert list(faults_of(verification(TOY, limit=limit, differing=26))) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"author": " "}, "'author' is empty"),
        ({"author": "a" * 1001}, "'author' is empty, too long"),
        ({"author": "A\n\x1b[31m"}, "or not printable"),
        ({"isolation": ""}, "'isolation' is empty"),
        ({"date": "21.11.2026"}, "'21.11.2026' is no day"),
        ({"date": "20261121"}, "is no day"),
        ({"plugin_digest": "sha256:1"}, "'plugin_digest' is no digest"),
        ({"protocol_digest": "1" * 64}, "'protocol_digest' is no digest"),
        ({"environment": ""}, "'environment' is no digest"),
        ({"predictions_sha256": "sha256:" + "1" * 64}, "'predictions_sha256' is no SHA-256"),
        ({"share": 0.0}, "the share is not in (0, 1]"),
        ({"share": 1.01}, "the share is not in (0, 1]"),
        ({"share": float("nan")}, "the share is not in (0, 1]"),
        ({"tolerance": -0.1}, "the tolerance not in [0, 1)"),
        ({"tolerance": float("inf")}, "the tolerance not in [0, 1)"),
        ({"compared": 0}, "the counts of predictions are not possible"),
        ({"differing": -1}, "the counts of predictions are not possible"),
        ({"differing": 27}, "the counts of predictions are not possible"),
        ({"limit": 0}, "a trial on 0 samples is none"),
    ],
)
def test_what_cannot_be_is_named_alone(changes, fault):
    (found,) = faults_of(verification(TOY, **changes))
    assert fault in found


@given(st.integers(), st.integers())
def test_the_counts_are_possible_or_a_fault(compared, differing):
    wrong = list(faults_of(verification(TOY, compared=compared, differing=differing)))
    assert bool(wrong) != (compared >= 1 and 0 <= differing <= compared)


def test_a_key_that_nobody_knows_is_refused():
    with pytest.raises(msgspec.ValidationError, match="prize"):
        msgspec.convert(msgspec.to_builtins(verification(TOY)) | {"prize": 1}, type(verification(TOY)))
