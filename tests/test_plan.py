import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import UsageError
from suite.plan import Entry, check_settings, cost, plan_track, select, without
from suite.protocols import load
from suite.spec import PluginRef

SPEC = load("pv-cells@1")
TRACK = SPEC.tracks[0]


def ref(kind, name, digest="sha256:0"):
    return PluginRef(kind=kind, name=name, version="1", digest=digest)


def planned(spec=SPEC, *, models=("a", "b"), limit=None, codecs=("none", "jpeg")):
    return plan_track(
        spec,
        TRACK,
        dataset=ref("dataset", "pv-cells"),
        manifest="sha256:m",
        samples=526,
        codecs={name: ref("codec", name) for name in codecs},
        entries=[Entry(ref("model", name), ref("mitigation", "none")) for name in models],
        limit=limit,
    )


def test_the_reference_comes_first_and_every_setting_follows_in_order():
    conditions = [item.condition for item in planned()]
    assert conditions[0].is_reference
    assert [condition.value for condition in conditions[1:]] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert {len(item.cells) for item in planned()} == {2}


def test_cost_counts_what_a_run_does():
    assert cost(planned()) == (10, 20, 9 * 526, 20 * 526)
    assert cost(planned(limit=10)) == (10, 20, 90, 200)


@given(limit=st.integers(1, 525))
def test_a_trials_cells_are_other_cells(limit):
    full = {cell.digest for item in planned() for cell in item.cells}
    trial = {cell.digest for item in planned(limit=limit) for cell in item.cells}
    assert len(full) == len(trial) == 20
    assert not full & trial


def test_a_limit_of_all_samples_is_no_trial():
    assert planned(limit=526) == planned() == planned(limit=10_000)


def test_geometry_first_gives_each_model_conditions_of_its_own():
    spec = msgspec.structs.replace(SPEC, order="geometry-then-compress")
    items = planned(spec)
    assert len(items) == 20
    assert all(len(item.cells) == 1 and item.condition.geometry == item.cells[0].model for item in items)


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest": "sha256:other"},
        {"protocol": "sha256:other"},
        {"parameters": {"chroma": "4:4:4"}},
        {"value": 11},
        {"codec": ref("codec", "jpeg", "sha256:other")},
        {"dataset": ref("dataset", "pv-cells", "sha256:other")},
    ],
)
def test_whatever_may_change_a_number_changes_the_cell(changes):
    cell = planned()[1].cells[0]
    other = msgspec.structs.replace(cell, condition=msgspec.structs.replace(cell.condition, **changes))
    assert other.digest != cell.digest


def test_select_keeps_the_references():
    chosen = select(planned(), frozenset({"50", "quality=90"}))
    assert [str(item.condition) for item in chosen] == ["original", "jpeg quality=50", "jpeg quality=90"]


def test_without_leaves_out_what_is_done():
    items = planned()
    done = {cell.digest for cell in items[0].cells} | {items[1].cells[0].digest}
    left = without(items, done)
    assert len(left) == 9
    assert left[0].cells == items[1].cells[1:]


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UsageError, match=r"no setting 'quality=55'\. Did you mean 'quality=5?50'"):
        check_settings(SPEC, ["quality=55"])
    check_settings(SPEC, ["quality=50", "90"])
