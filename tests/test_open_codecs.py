"""Codecs that a protocol does not name, under one that takes them: who lines up, and what a run stores."""

import pytest

from suite import protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import CodecError, UsageError
from suite.lineup import Choice, line_up
from suite.origin import Origin
from suite.registry import Loaded
from suite.tuning import Wish
from tests.fakes import TopBits
from tests.submission.gate.folders import ref

SPEC = protocols.load("pv-open-codecs@1")
RATES = SPEC.open_codecs.values


def guest(name="top-bits", plugin=None):
    """Give a codec that comes from outside the registry."""
    return Loaded(plugin or TopBits(), ref("codec", name, digest="a"), Origin("codec", f"{name}.py:Plugin"))


def choice(*codecs, guests=None, **more):
    return Choice(codecs=codecs, guests=(guest(),) if guests is None else guests, **more)


def conditions(found):
    return [str(item.condition) for track in found.tracks for item in track.planned]


def test_a_named_guest_is_planned_behind_the_protocols_own_at_the_open_rates():
    found = line_up(SPEC, choice("top-bits", "webp"))
    rates = [f"bpp={rate}" for rate in RATES]
    assert conditions(found) == [
        "original",
        *(f"webp {rate}" for rate in rates),
        *(f"top-bits {rate}" for rate in rates),
    ]
    on = found.tracks[0].planned[-1].condition
    assert (on.axis, on.parameter, on.searched, on.value) == ("bpp-per-image", "bpp", "bits", RATES[-1])
    assert on.codec == guest().ref
    assert found.tracks[0].codec_of(on).plugin == TopBits()


def test_the_digests_of_the_protocols_own_conditions_are_the_same_beside_a_guest():
    with_guest = {item.condition.digest for item in line_up(SPEC, choice("jpeg", "top-bits")).tracks[0].planned}
    alone = {item.condition.digest for item in line_up(SPEC, Choice(codecs=("jpeg",))).tracks[0].planned}
    assert alone < with_guest
    assert len(with_guest - alone) == len(RATES)


def test_a_guest_that_is_not_named_is_not_measured():
    assert not [text for text in conditions(line_up(SPEC, choice("jpeg"))) if "top-bits" in text]


def test_a_protocol_with_fixed_codecs_names_one_that_takes_others():
    fixed = protocols.load("pv-codecs@1")
    with pytest.raises(UsageError, match=r"pv-codecs@1 fixes its codecs.*'top-bits'.*--protocol: pv-open-codecs@1"):
        line_up(fixed, choice("jpeg", "top-bits"))


@pytest.mark.parametrize("name", ["jpeg", "avif", "none"])
def test_a_guest_cannot_have_the_name_of_a_codec_of_the_protocol(name):
    with pytest.raises(UsageError, match=f"has a codec '{name}' of its own"):
        line_up(SPEC, choice(name, guests=(guest(name),)))


class Broken(TopBits):
    @property
    def build(self):
        raise CodecError("There is no library of bits. Install it.")


def test_a_guest_without_its_library_is_left_out_and_its_cells_are_counted():
    found = line_up(SPEC, choice("jpeg", "top-bits", guests=(guest(plugin=Broken()),)))
    assert [(item.name, item.cells) for item in found.absent] == [("top-bits", len(RATES))]
    assert len(conditions(found)) == 1 + len(RATES)


def test_a_run_stores_the_guests_results_and_a_second_one_measures_nothing(tmp_path, fake):
    chosen = choice("jpeg", "top-bits", models=(fake("Brightness"),), limit=3)
    database = tmp_path / "r.db"
    run = {"database": database, "device": "cpu", "wish": Wish(4, 1)}
    assert runner.run(SPEC, chosen, **run).stored == 1 + 2 * len(RATES)
    assert (runner.run(SPEC, chosen, **run).stored, runner.run(SPEC, chosen, **run).present) == (0, 1 + 2 * len(RATES))
    stored = queries.results(open_for_reading(database), SPEC.digest)
    own = [each for each in stored if each.result.cell.condition.codec.name == "top-bits"]
    assert {each.result.cell.condition.value for each in own} == set(RATES)
    assert all(each.measure("bits_per_pixel").value > 2 for each in own)  # its lowest rate is 3 bits a pixel
