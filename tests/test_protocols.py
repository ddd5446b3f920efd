import shutil

import pytest

from suite import protocols
from suite.errors import ChangedProtocol, InvalidProtocol, UnknownProtocol

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
