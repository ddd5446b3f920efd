"""What differs between two protocols, and only that."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from suite import protocols
from suite.protocols.differences import Difference, differences
from suite.report.protocols import ONLY_WORDS, SAME, difference_table, tables_of
from suite.spec import PluginName
from tests.db.measured import protocol, track

SPEC = protocols.load("pv-codecs@1")
replace = msgspec.structs.replace


def changed(spec, **changes):
    """Return a protocol with another first codec."""
    return replace(spec, codecs=(replace(spec.codecs[0], **changes), *spec.codecs[1:]))


def test_a_protocol_does_not_differ_from_itself():
    table = difference_table(SPEC, protocols.parse(protocols.file_of("pv-codecs@1")))
    assert table.rows == ()
    assert table.notes == (SAME,)


def test_each_changed_field_is_named_with_both_values():
    other = changed(SPEC, values=(5, 10), parameters=SPEC.codecs[0].parameters | {"chroma": "4:4:4"})
    assert differences(SPEC, other) == [
        Difference("codec jpeg: values", "5, 10, 20, 40, 60, 80", "5, 10"),
        Difference("codec jpeg: chroma", "4:2:0", "4:4:4"),
    ]


def test_a_number_and_its_text_and_a_truth_value_are_told_apart():
    one, text, truth = (changed(protocol(), parameters={"p": value}) for value in (1, "1", True))
    assert len({one.digest, text.digest, truth.digest}) == 3
    for first, second in ((one, text), (one, truth), (text, truth)):
        (found,) = differences(first, second)
        assert found.field == "codec jpeg: p"
        assert found.first != found.second


def test_only_words():
    other = replace(SPEC, version=2, summary="Other words.", changes="Said better.")
    table = difference_table(SPEC, other)
    assert [row[0] for row in table.rows] == ["version", "summary", "changes"]
    assert {row[3] for row in table.rows} == {"stay"}
    assert table.notes == (ONLY_WORDS,)


def test_codecs_and_tracks_that_come_or_go_are_shown_with_all_they_fix():
    fewer = replace(SPEC, codecs=SPEC.codecs[1:])
    found = {each.field: each for each in differences(SPEC, fewer)}
    assert found["codec jpeg: values"].second is None
    assert found["codec jpeg: dct"].first == "islow"
    assert not any(field.startswith("codec jpeg2000") for field in found)
    two = replace(SPEC, tracks=(*SPEC.tracks, track("photos")))
    assert {each.field.partition(":")[0] for each in differences(SPEC, two)} == {
        "tracks",
        "track classification on photos test",
    }


def test_tracks_that_read_alike_are_kept_apart():
    first = protocol(tracks=(track(), track(metric="top5")))
    second = protocol(tracks=(track(), track(metric="map")))
    assert [each.field for each in differences(first, second)] == ["track classification on cells test (2): metrics"]


texts = st.text(max_size=5)


@given(
    field=st.sampled_from(["title", "order", "tf32", "frame_metrics", "batch"]),
    values=st.lists(st.integers(1, 100), min_size=1, max_size=3, unique=True),
    name=texts,
    tf32=st.booleans(),
)
def test_whatever_differs_in_digest_differs_in_a_field_and_the_other_way_round(field, values, name, tf32):
    first, second = protocol(), changed(replace(protocol(), title=name, tf32=tf32), values=tuple(values))
    found = differences(first, second)
    assert bool(found) == (first.digest != second.digest)
    assert all(each.first != each.second for each in found)
    assert [(each.field, each.second, each.first) for each in differences(second, first)] == [tuple(e) for e in found]


def test_the_tables_hold_everything_that_a_protocol_fixes():
    cells = " ".join(cell for table in tables_of(SPEC) for row in table.rows for cell in row)
    pinned = [SPEC.digest, SPEC.changes, SPEC.order, SPEC.tracks[0].manifest, "526 in 2 classes", "released"]
    pinned += [
        f"{name}={value}" for codec in SPEC.codecs for name, value in codec.parameters.items() if value is not False
    ]
    pinned += [str(value) for codec in SPEC.codecs for value in codec.values]
    pinned += [str(PluginName(name="pv-efficientnet-lite0", version="1")), *SPEC.frame_metrics, *SPEC.tracks[0].metrics]
    assert [text for text in pinned if text not in cells] == []
    targets = tables_of(protocols.load("janeiro2023@1"))[1]
    assert targets.rows[0][2] == "bits per pixel over the dataset, by quality"
