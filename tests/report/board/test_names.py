"""Names are unique, and no longer than it takes."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from suite.report.board.names import by_model, distinguished, mitigation_names, model_names, offered, plain_first
from tests.db.measured import ref

ITEMS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("xy")), max_size=8)
FORMS = (lambda item: item[0], lambda item: item[1], lambda item: item[2])


@given(ITEMS)
def test_items_that_differ_in_some_form_have_different_names(items):
    named = distinguished(items, FORMS)
    assert len(set(named)) == len(set(items))
    assert all(name.startswith(item[0]) for name, item in zip(named, items, strict=True))


def test_a_form_in_which_nobody_differs_is_left_out():
    assert distinguished([("a", "1", "x"), ("a", "1", "y"), ("b", "1", "x")], FORMS) == ["a, x", "a, y", "b"]


def test_a_name_that_is_alone_is_the_models(standing, names):
    assert set(names.models) == {"small", "large", "alone"}
    assert names.entries[0] == "small + tuned"


def test_machines_and_trials_part_entries_of_one_model(standing):
    row = standing.entries.rows[0]
    elsewhere = msgspec.structs.replace(row, environment="sha256:" + "e" * 64)
    trial = msgspec.structs.replace(row, limit=10)
    machine = row.environment.removeprefix("sha256:")[:8]
    assert model_names([row, elsewhere]) == (f"small, machine {machine}", "small, machine eeeeeeee")
    assert model_names([row, trial]) == ("small, all samples", "small, trial on 10")
    assert model_names([row, row]) == ("small", "small")


def test_versions_part_mitigations(standing):
    row = standing.entries.rows[0]
    newer = msgspec.structs.replace(row, mitigation=ref("mitigation", "tuned", "2"))
    assert mitigation_names([row, newer]) == ("tuned, version 1", "tuned, version 2")


def test_models_have_their_mitigations_the_best_first(standing, names):
    found = by_model(standing, names, standing.tracks[0])
    assert {model: set(places) for model, places in found.items()} == {
        "small": {"tuned", "deblock", "none"},
        "large": {"none", "deblock"},
        "alone": {"none"},
    }
    assert list(found) == ["small", "large", "alone"]
    assert by_model(standing, names, "another track") == {}


def test_of_many_names_those_that_match_and_those_chosen_are_offered():
    every = [f"model-{number:03}" for number in range(300)]
    assert offered(every, "MODEL-01", ["model-299", "absent"], most=3) == (
        ["model-010", "model-011", "model-012", "model-299"],
        296,
    )


def test_none_comes_first():
    assert plain_first(["b", "none", "a", "b"]) == ["none", "b", "a"]
    assert plain_first(["b"]) == ["b"]
