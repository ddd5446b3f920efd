import shutil

import pytest

from suite import protocols
from suite.errors import ChangedProtocol, InvalidProtocol, UnknownProtocol
from suite.report.protocols import tables_of
from suite.spec import content

TEXT = (protocols.DIRECTORY / "pv-cells@1.toml").read_text()


@pytest.fixture
def draft(tmp_path):
    def write(*changes):
        text = TEXT.replace('name = "pv-cells"\nversion', 'name = "my-cells"\nversion')
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "draft.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("label", protocols.names())
def test_every_protocol_of_the_package_loads_and_carries_its_files_name(label):
    assert protocols.load(label).label == label


@pytest.mark.parametrize("label", protocols.released_digests())
def test_a_released_protocol_is_what_it_was_when_released(label):
    spec = protocols.parse(protocols.DIRECTORY / f"{label}.toml")
    assert spec.digest == protocols.released_digests()[label], f"{label} is released: make a new version instead"
    assert protocols.is_released(spec)


def test_released_digests_are_written_down_here_too():
    """So that changing a released file together with released.toml still fails."""
    assert protocols.released_digests() == RELEASED


RELEASED = {
    "pv-cells@1": "sha256:747569b587fa233f5f922d411ced07256e3bd3d7aa3d31a1e4f7a5c33bc575c0",
    "pv-codecs@1": "sha256:a62b554c7db6a92a1db5f1e89122978b56e2a9cca7d3366736b09a96deeb328d",
    "marie2022@1": "sha256:1a4b3dd7bb8c8c1bedcb4711766e9c09d190a8c1a3cb03905acc3faab4a844cd",
    "pv-open-codecs@1": "sha256:452851ad1ea1bd36296d7ebf39ea5788e0a6fc4e48eaf33e5a865a3570120f52",
}


def test_a_name_without_version_means_the_newest():
    assert protocols.load("pv-cells").label == "pv-cells@1"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownProtocol, match="Did you mean 'pv-cells@1'"):
        protocols.load("pv-cell@1")


def test_layout_and_comments_do_not_change_the_digest(draft):
    spec = protocols.load(str(draft()))
    commented = protocols.load(str(draft(("[[tracks]]", "# a comment\n\n[[tracks]]"))))
    assert commented.digest == spec.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tf32 = false", "tf32 = 1"), "tf32"),
        (("tf32 = false", ""), "missing required field `tf32`"),
        (("tf32 = false", "tf32 = false\nspeed = 3"), "speed"),
        (('order = "compress-then-geometry"', 'order = "sideways"'), "order"),
        (("values = [10, 20, 30, 40, 50, 60, 70, 80, 90]", "values = []"), "one or more distinct values"),
        (("values = [10, 20,", "values = [10, 10,"), "one or more distinct values"),
        (('metrics = ["top1", "balanced_accuracy"]', 'metrics = ["top2"]'), "'top2' is no classification metric"),
        (('"ssim"]', '"sim"]'), "'sim' is no frame metric"),
        (('name = "my-cells"', 'name = "My Cells"'), "not lower-case words"),
        (("version = 1", "version = = 1"), "does not describe a protocol"),
    ],
)
def test_a_file_that_is_no_protocol_says_why(draft, change, message):
    with pytest.raises(InvalidProtocol, match=message):
        protocols.load(str(draft(change)))


OPENED = '[open_codecs]\naxis = "bpp-per-image"\nvalues = [0.25, 1]\n\n[[tracks]]'
PERCENTILES = '"bits_per_pixel", "bits_per_pixel_p5", "bits_per_pixel_p50", "bits_per_pixel_p95"'
RATES_TOO = ('frame_metrics = ["bits_per_pixel"', f"frame_metrics = [{PERCENTILES}")


def test_open_codecs_change_the_digest_where_they_are_and_nowhere_else(draft):
    without, with_them = draft_of(draft, RATES_TOO), draft_of(draft, RATES_TOO, ("[[tracks]]", OPENED))
    assert without.open_codecs is None
    assert "open_codecs" not in content(without)
    assert with_them.open_codecs.values == (0.25, 1.0)
    assert with_them.digest != without.digest
    again = draft_of(draft, RATES_TOO, ("[[tracks]]", OPENED.replace("1]", "1.0]")))
    assert again.digest == with_them.digest


def draft_of(draft, *changes):
    return protocols.load(str(draft(*changes)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("per-image", "per-dataset"), "measured at 'bpp-per-image', not at 'bpp-per-dataset'"),
        (("[0.25, 1]", "[]"), "one or more distinct rates"),
        (("[0.25, 1]", "[1, 1.0]"), "one or more distinct rates"),
        (("[0.25, 1]", "[0]"), "above 0"),
        (("[0.25, 1]", "[inf]"), "above 0"),
        (("[0.25, 1]", '["1"]'), "Expected `float`"),
        (("axis =", "over ="), "over"),
    ],
)
def test_open_codecs_that_cannot_be_say_why(draft, change, message):
    with pytest.raises(InvalidProtocol, match=message):
        draft_of(draft, RATES_TOO, ("[[tracks]]", OPENED.replace(*change)))


def test_open_codecs_need_the_spread_of_rates(draft):
    with pytest.raises(InvalidProtocol, match="a target rate needs the frame metrics bits_per_pixel_p5"):
        draft_of(draft, ("[[tracks]]", OPENED))


def test_one_released_protocol_takes_codecs_that_it_does_not_name():
    assert protocols.open_to_codecs() == ["pv-open-codecs@1"]
    spec = protocols.load("pv-open-codecs@1")
    assert [(codec.values, codec.axis) for codec in spec.codecs] == [
        (spec.open_codecs.values, spec.open_codecs.axis)
    ] * 3
    assert "A submitted codec is measured beside these" in str(tables_of(spec)[0])
    assert not any("submitted codec" in str(table) for table in tables_of(protocols.load("pv-codecs@1")))


def test_a_missing_file_is_an_unknown_protocol(tmp_path):
    with pytest.raises(UnknownProtocol):
        protocols.load(str(tmp_path / "absent.toml"))


def test_a_changed_released_protocol_is_refused(tmp_path):
    label = next(iter(protocols.released_digests()))
    path = tmp_path / f"{label}.toml"
    shutil.copy(protocols.DIRECTORY / path.name, path)
    assert protocols.read(path).label == label
    path.write_text(path.read_text().replace("tf32 = false", "tf32 = true"))
    with pytest.raises(ChangedProtocol, match="was released with digest"):
        protocols.read(path)
