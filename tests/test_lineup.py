import hashlib
import os
import sys
from functools import partial

import msgspec
import pytest

from suite import protocols, registry, runner, weights
from suite.api import PublishedWeights
from suite.errors import CodecError, InvalidProtocol, NothingToMeasure, UsageError
from suite.lineup import Choice, line_up
from suite.spec import CodecSpec
from suite.tuning import Wish
from tests.fake_models import Brightness
from tests.fakes import TopBits

SPEC = protocols.load("pv-cells@1")


def changed(**changes):
    codec = msgspec.structs.replace(SPEC.codecs[0], **changes)
    return msgspec.structs.replace(SPEC, codecs=(codec,))


def test_a_protocol_lines_up_its_baselines():
    (track,) = line_up(SPEC, Choice()).tracks
    assert [model.ref.name for model in track.models.values()] == [name.name for name in SPEC.tracks[0].baselines]
    assert len(track.samples) == 526
    assert sum(len(item.cells) for item in track.planned) == 30


def test_a_trial_has_the_leading_samples():
    (track,) = line_up(SPEC, Choice(limit=7)).tracks
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
    (track,) = line_up(SPEC, Choice(models=("pv-efficientnet-lite0",), mitigations=(f"{file}:Blur",))).tracks
    assert [cell.mitigation.name for cell in track.planned[0].cells] == ["none", "blur"]


class Absent(TopBits):
    """A codec whose library is not there."""

    name = "absent-bits"

    @property
    def build(self):
        raise CodecError("There is no library of bits. Install it.")


class Unavailable(TopBits):
    name = "unavailable-bits"
    unavailable = "There is no program 'bitsenc': install it."


class Unweighted(Brightness):
    name = "unweighted"
    published = (PublishedWeights("net-0676ba61.pth", "https://weights.example/net-0676ba61.pth", "0676ba61"),)


def here(kind):
    return f"{__file__}:{kind.__name__}"


def bits(codec, *values):
    return CodecSpec(name=here(codec), version="1", parameter="bits", values=values)


def test_what_the_machine_lacks_is_left_out_and_the_rest_stays():
    spec = msgspec.structs.replace(SPEC, codecs=(*SPEC.codecs, bits(Absent, 1, 2), bits(Unavailable, 1, 2, 3)))
    (track,), absent = line_up(spec, Choice())
    assert len(track.planned) == 10
    assert [(item.kind, item.name, item.cells) for item in absent] == [
        ("codec", "absent-bits", 6),
        ("codec", "unavailable-bits", 9),
    ]
    assert str(absent[1]) == "codec unavailable-bits (9 cells): There is no program 'bitsenc': install it."


def test_a_model_without_its_weights_is_left_out_and_the_file_named():
    (track,), (absent,) = line_up(SPEC, Choice(models=(here(Unweighted), here(Brightness))))
    assert {cell.model.name for item in track.planned for cell in item.cells} == {"brightness"}
    assert (absent.kind, absent.name, absent.cells) == ("model", "unweighted", 10)
    assert "net-0676ba61.pth" in absent.reason
    assert "suite data weights DIR" in absent.reason


def test_a_dataset_that_is_not_registered_leaves_its_track_out_and_says_how_to_add_it():
    tracks, (absent,) = line_up(protocols.load("imagenet-jpeg@1"), Choice())
    assert tracks == ()
    assert (absent.kind, absent.name, absent.cells) == ("dataset", "imagenet", 30)
    assert "suite data add imagenet --kind image-folder --root DIR" in absent.reason


def test_a_run_of_which_nothing_is_left_is_refused_with_every_reason(tmp_path):
    choice = Choice(models=(here(Unweighted),))
    with pytest.raises(NothingToMeasure, match=r"pv-cells@1.*model unweighted \(10 cells\).*net-0676ba61\.pth"):
        runner.run(SPEC, choice, database=tmp_path / "r.db", device="cpu")
    assert not (tmp_path / "r.db").exists()


def test_the_rest_of_a_protocol_runs_without_what_is_absent(tmp_path):
    spec = msgspec.structs.replace(SPEC, name="toy", codecs=(*SPEC.codecs, bits(Absent, 1), bits(TopBits, 3)))
    choice = Choice(models=(here(Brightness),), settings=("bits=1", "bits=3"), limit=4)
    report = runner.run(spec, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 2))
    assert (report.stored, report.failed) == (2, ())
    assert [item.name for item in report.absent] == ["absent-bits"]


def test_one_codec_twice_is_two_codecs():
    jpeg = SPEC.codecs[0]
    colour = jpeg.parameters | {"chroma": "4:4:4"}
    codecs = tuple(
        msgspec.structs.replace(jpeg, variant=parameters["chroma"], parameters=parameters, values=(50,))
        for parameters in (jpeg.parameters, colour)
    )
    (track,), _ = line_up(msgspec.structs.replace(SPEC, codecs=codecs), Choice())
    conditions = [item.condition for item in track.planned]
    assert list(map(str, conditions)) == ["original", "jpeg 4:2:0 quality=50", "jpeg 4:4:4 quality=50"]
    assert [track.codec_of(condition).plugin.chroma for condition in conditions[1:]] == ["4:2:0", "4:4:4"]
    (track,), _ = line_up(msgspec.structs.replace(SPEC, codecs=codecs), Choice(codecs=("jpeg 4:4:4",)))
    assert len(track.planned) == 2


def test_one_more_codec_leaves_what_is_done_as_it_is(tmp_path, monkeypatch):
    """A protocol is run without a codec's library, then with it: only that codec's cells are measured."""
    spec = msgspec.structs.replace(SPEC, name="toy", codecs=(SPEC.codecs[0], bits(Late, 3)))
    choice = Choice(models=(here(Brightness),), settings=("50", "bits=3"), limit=4)
    run = partial(runner.run, spec, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 2))
    first = run()
    assert (first.stored, len(first.absent)) == (2, 1)
    monkeypatch.setenv("LATE", "installed")
    then = run()
    assert (then.stored, then.present, then.absent) == (1, 2, ())


class Late(TopBits):
    """A codec whose library may come later."""

    name = "late-bits"

    @property
    def build(self):
        if "LATE" not in os.environ:
            raise CodecError("There is no library of late bits. Install it.")
        return "late 1.0"


@pytest.mark.parametrize("module", ["pillow_heif", "av"])
def test_a_package_that_is_not_installed_leaves_its_codec_out(monkeypatch, module):
    name, parameter = {"pillow_heif": ("heif", "quality"), "av": ("hevc-intra", "qp")}[module]
    parameters = registry.parameters_of(registry.load("codec", name).plugin)
    entry = CodecSpec(name=name, version="1", parameter=parameter, values=(30,), parameters=parameters)
    monkeypatch.setitem(sys.modules, module, None)
    spec = msgspec.structs.replace(SPEC, name="toy", codecs=(*SPEC.codecs, entry))
    (track,), (absent,) = line_up(spec, Choice(models=(here(Brightness),)))
    assert len(track.planned) == 10
    assert (absent.name, "compression-suite[codecs]" in absent.reason) == (name, True)


def test_a_run_fetches_the_weights_that_are_missing(tmp_path, monkeypatch):
    """Another process brings the file while the run asks for it; the download itself is tested with the weights."""
    content = b"weights"

    def download(published, progress):
        file = tmp_path / published.file
        file.write_bytes(content)
        weights.record([weights.Found(published.file, hashlib.sha256(content).hexdigest(), file)])

    monkeypatch.delenv("SUITE_OFFLINE")
    monkeypatch.setattr(weights, "download", download)
    choice = Choice(models=(here(Unweighted),), settings=("50",), limit=4)
    report = runner.run(SPEC, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 2))
    assert (report.stored, report.absent) == (2, ())
