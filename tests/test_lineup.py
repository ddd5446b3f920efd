import msgspec
import pytest

from suite import protocols
from suite.errors import InvalidProtocol, UsageError
from suite.lineup import Choice, line_up

SPEC = protocols.load("pv-cells@1")


def changed(**changes):
    codec = msgspec.structs.replace(SPEC.codecs[0], **changes)
    return msgspec.structs.replace(SPEC, codecs=(codec,))


def test_a_protocol_lines_up_its_baselines():
    (track,) = line_up(SPEC, Choice())
    assert [model.ref.name for model in track.models.values()] == [name.name for name in SPEC.tracks[0].baselines]
    assert len(track.samples) == 526
    assert sum(len(item.cells) for item in track.planned) == 30


def test_a_trial_has_the_leading_samples():
    (track,) = line_up(SPEC, Choice(limit=7))
    assert len(track.samples) == 7
    assert {item.condition.limit for item in track.planned} == {7}
    assert {item.condition.samples for item in track.planned} == {526}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (changed(version="2"), r"pins jpeg@2, but jpeg@1 is installed"),
        (changed(parameters={"chroma": "4:2:0"}), "must state every parameter of jpeg; it lacks dct, optimize"),
        (changed(values=(0, 50)), "cannot be asked for quality=0"),
        (changed(parameter="qp"), "cannot be asked for qp=10"),
    ],
)
def test_a_protocol_that_does_not_fix_its_codec_is_refused(spec, message):
    with pytest.raises(InvalidProtocol, match=message):
        line_up(spec, Choice())


def test_a_baseline_of_another_version_is_refused():
    track = SPEC.tracks[0]
    newer = msgspec.structs.replace(track.baselines[0], version="2")
    spec = msgspec.structs.replace(SPEC, tracks=(msgspec.structs.replace(track, baselines=(newer,)),))
    with pytest.raises(InvalidProtocol, match="pins pv-efficientnet-lite0@2"):
        line_up(spec, Choice())


def test_a_codec_that_the_protocol_has_not_is_refused():
    with pytest.raises(UsageError, match=r"has no codec 'jpg'\. Did you mean 'jpeg'"):
        line_up(SPEC, Choice(codecs=("jpg",)))


def test_a_chosen_mitigation_comes_with_the_identity(tmp_path):
    file = tmp_path / "blur.py"
    file.write_text(
        "class Blur:\n"
        "    name, version = 'blur', '1'\n"
        "    def load(self, device): pass\n"
        "    def restore(self, frames): return [frame.image for frame in frames]\n"
    )
    (track,) = line_up(SPEC, Choice(models=("pv-efficientnet-lite0",), mitigations=(f"{file}:Blur",)))
    assert [cell.mitigation.name for cell in track.planned[0].cells] == ["none", "blur"]
