"""A draft is released whole or not at all, and nothing that is released changes."""

import shutil
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from suite import conformance, environment, protocols, release
from suite.errors import ChangedProtocol, StorageError, UnfinishedProtocol, UnknownProtocol, UsageError
from suite.readiness import readiness_of

TEXT = (protocols.DIRECTORY / "pv-cells@1.toml").read_text()
CHANGES = "# Changelog\n\n## 0.2.0\n\n- One thing.\n\n## 0.1.0\n\n- Another.\n"
ALL = "values = [10, 20, 30, 40, 50, 60, 70, 80, 90]"
SHORTER = [
    ('name = "pv-cells"\nversion', 'name = "my-cells"\nversion'),
    (ALL, "values = [30, 75]"),
    ('    { name = "pv-efficientnet-lite1", version = "1" },\n', ""),
    ('    { name = "pv-efficientnet-lite2", version = "1" },\n', ""),
]


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "protocols"
    directory.mkdir()
    (directory / "CHANGELOG.md").write_text(CHANGES)
    return release.place_of(directory)


@pytest.fixture
def draft(tmp_path):
    """Write a protocol that can be released, with some changes, and return its path."""

    def write(*changes, file="draft.toml"):
        text = TEXT
        for old, new in (*SHORTER, *changes):
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / file).write_text(text)
        return str(tmp_path / file)

    return write


@pytest.fixture
def no_contract(monkeypatch):
    """Leave the codecs' contract out, which has tests of its own and takes seconds."""
    monkeypatch.setattr("suite.readiness.check_codec", lambda codec: [])


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def reasons_against(path, place, *without):
    with pytest.raises(UnfinishedProtocol) as caught:
        release.prepare(path, place, without)
    return str(caught.value)


def test_a_release_writes_file_golden_values_changelog_and_digest(draft, place):
    path = draft()
    spec = protocols.load(path)
    ready = release.prepare(path, place)
    assert contents(place.directory) == {"CHANGELOG.md": CHANGES.encode()}  # nothing yet
    release.write(ready)
    written = contents(place.directory)
    assert set(written) == {"my-cells@1.toml", "golden/my-cells@1.toml", "CHANGELOG.md", "released.toml"}
    assert written["my-cells@1.toml"].decode() == (place.directory.parent / "draft.toml").read_text()
    assert tomllib.loads(written["released.toml"].decode()) == {"my-cells@1": spec.digest}
    assert ready.digest == spec.digest
    assert list(ready.files)[-1].name == "released.toml"


def test_golden_values_are_those_of_the_released_protocol_with_the_same_codec_and_model(draft, place):
    ready = release.prepare(draft(), place)
    golden = tomllib.loads(ready.files[place.directory / "golden" / "my-cells@1.toml"].decode())
    released = conformance.expected(protocols.load("pv-cells@1"))
    assert golden["pixels"]["jpeg quality=30"] == released["pixels"]["jpeg quality=30"]
    assert golden["bits"].keys() == {"jpeg quality=30", "jpeg quality=75"}
    name = "pv-efficientnet-lite0@1"
    assert golden["geometry"] == {name: released["geometry"][name]}


def test_the_changelogs_newest_section_gets_a_line(draft, place):
    release.write(release.prepare(draft(), place))
    text = place.changelog.read_text()
    new, old = text.split("## 0.1.0")
    assert new.startswith("# Changelog\n\n## 0.2.0\n\n- One thing.\n- Protocol `my-cells@1` (released): Defective")
    assert protocols.parse(place.directory / "my-cells@1.toml").digest in new
    assert old == "\n\n- Another.\n"
    assert release.with_change(text, protocols.parse(place.directory / "my-cells@1.toml")) == text


@given(st.text(alphabet="ab# -\n", max_size=80))
def test_a_changelog_loses_nothing_and_has_the_line_once(text):
    spec = protocols.load("pv-cells@1")
    found = release.with_change(text, spec)
    assert found.count("- Protocol `pv-cells@1` (released): ") == 1
    left = iter(found.split("\n"))
    assert all(line in left for line in text.split("\n") if line.strip())  # each of them, in order
    assert release.with_change(found, spec) == found


def test_what_is_released_is_refused(draft, place, no_contract):
    path = draft()
    release.write(release.prepare(path, place))
    with pytest.raises(ChangedProtocol, match="my-cells@1 is released already"):
        release.prepare(path, place)
    with pytest.raises(ChangedProtocol, match="pv-cells@1 is released already"):
        release.prepare("pv-cells@1", place)


def test_the_next_version_has_to_change_a_number(draft, place, no_contract):
    release.write(release.prepare(draft(), place))
    second, third = ("version = 1\ntitle", "version = 2\ntitle"), ("version = 1\ntitle", "version = 3\ntitle")
    assert "in words only" in reasons_against(draft(second), place)
    assert "the next of my-cells is 2" in reasons_against(draft(third), place)
    release.write(release.prepare(draft(second, ("values = [30, 75]", "values = [30]")), place))
    assert list(tomllib.loads((place.directory / "released.toml").read_text())) == ["my-cells@1", "my-cells@2"]


def test_all_that_stands_against_a_draft_is_said_at_once(draft, place, no_contract):
    path = draft(
        ('changes = "First release."', 'changes = "Draft."'),
        ('title = "Defective solar cells under JPEG"', 'title = " "'),
        ("version = 1", "version = 4"),
        ("samples = 526", "samples = 500"),
        ('name = "pv-efficientnet-lite0"', 'name = "pv-eficientnet-lite0"'),
        ("values = [30, 75]", "values = [30, 101]"),
        ('mitigations = [{ name = "none", version = "1" }]', 'mitigations = [{ name = "none", version = "9" }]'),
    )
    said = reasons_against(path, place)
    for reason in (
        "'title' is empty",
        "'changes' still calls it a draft",
        "'version' is 4, but the next of my-cells is 1",
        "'samples' is 500, but there are 526",
        "Did you mean 'pv-efficientnet-lite0'",
        "cannot be asked for quality=101",
        "The protocol pins none@9",
    ):
        assert reason in said
    assert said.count("\n- ") == 7
    assert contents(place.directory) == {"CHANGELOG.md": CHANGES.encode()}


MANIFEST = 'manifest = "sha256:a3aa11bd3dfad7c33218a1599bead0b73bced22f01154084baae10193f4da717"'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((MANIFEST, 'manifest = ""'), "neither 'manifest' nor 'listing' pins its samples"),
        ((MANIFEST, 'manifest = "sha256:12"'), "'manifest' is to be sha256: and 64 hexadecimal digits"),
        ((MANIFEST, f'manifest = "sha256:{"0" * 64}"'), "The protocol pins 526 samples"),
        (('metrics = ["top1", "balanced_accuracy"]', 'metrics = ["top1", "top1"]'), "'metrics' has top1 twice"),
        (('dct = "islow"', ""), "must state every parameter of jpeg; it lacks dct"),
        (("classes = 2", "classes = 3"), "asks for classification over 3"),
    ],
)
def test_a_draft_that_is_not_complete_is_refused(draft, place, no_contract, change, reason):
    assert reason in reasons_against(draft(change), place)


def test_a_dataset_that_is_not_here_is_noted_and_nothing_else(draft, place, no_contract):
    path = draft(('dataset = { name = "pv-cells"', 'dataset = { name = "elsewhere"'))
    assert "elsewhere@1 is not on this machine" in release.prepare(path, place).notes[0]


def test_a_codec_that_is_missing_here_is_refused_unless_it_is_left_out(draft, place, no_contract, monkeypatch):
    monkeypatch.setattr("plugins.codecs.jpeg2000.Jpeg2000.unavailable", "There is no OpenJPEG.", raising=False)
    text = (protocols.DIRECTORY / "marie2022@1.toml").read_text()
    codec = text[text.index('[[codecs]]\nname = "jpeg2000"') : text.index('[[codecs]]\nname = "bpg"')]
    path = draft(("[[tracks]]", codec + "[[tracks]]"))
    assert "codec jpeg2000: it is missing here" in reasons_against(path, place)
    assert "there is no codec webp to leave out" in reasons_against(path, place, "jpeg2000", "webp")
    ready = release.prepare(path, place, ["jpeg2000"])
    assert "golden values of jpeg2000 stay unknown: it is missing here" in ready.notes
    assert b"jpeg2000" not in ready.files[place.directory / "golden" / "my-cells@1.toml"]


def test_a_codec_that_breaks_its_contract_is_refused(draft, place, monkeypatch):
    monkeypatch.setattr("plugins.codecs.jpeg.Jpeg.build", "")
    assert "codec jpeg: fails its contract, settings: expected build to name" in reasons_against(draft(), place)


def test_a_machine_that_does_not_conform_releases_nothing(draft, place, no_contract, golden):
    file = golden / "pv-cells@1.toml"
    values = tomllib.loads(file.read_text())
    values["pixels"]["jpeg quality=30"] = values["geometry"]["pv-efficientnet-lite0@1"] = "sha256:" + "0" * 64
    values["pixels"]["jpeg quality=40"] = "sha256:" + "0" * 64  # the draft does not ask for it
    file.write_text(conformance.as_toml(values))
    said = reasons_against(draft(), place)
    assert "pixels of jpeg quality=30 are not those of pv-cells@1" in said
    assert "geometry of pv-efficientnet-lite0@1 are not those of pv-cells@1" in said
    assert said.count("\n- ") == 2


@pytest.fixture
def tolerant(draft):
    """A draft with JPEG XL, whose decoder may differ from one processor to another."""
    text = (protocols.DIRECTORY / "pv-codecs@1.toml").read_text()
    codec = text[text.index('[[codecs]]\nname = "jpegxl"') : text.index('[[codecs]]\nname = "hevc-intra"')]
    codec = codec.replace("values = [15.0, 10.0, 6.0, 4.0, 2.0, 1.0]", "values = [15.0]")
    return draft(("[[tracks]]", codec + "[[tracks]]"))


@pytest.fixture
def golden(monkeypatch, tmp_path):
    """Put a copy in the place of the package's golden values."""
    directory = tmp_path / "golden"
    shutil.copytree(conformance.GOLDEN, directory)
    monkeypatch.setattr(conformance, "GOLDEN", directory)
    return directory


def test_what_a_codec_with_a_tolerance_decodes_is_released_too(tolerant, place, no_contract, monkeypatch):
    release.write(release.prepare(tolerant, place))
    shutil.copytree(conformance.GOLDEN / "images", place.directory / "golden" / "images")
    monkeypatch.setattr(conformance, "GOLDEN", place.directory / "golden")
    spec = protocols.parse(place.directory / "my-cells@1.toml")
    files = conformance.reference_files(conformance.GOLDEN / spec.label, "jpegxl distance=15.0")
    assert all(file.is_file() for file in files)
    assert all(check.ok for check in conformance.check(spec))


def test_references_left_by_an_earlier_attempt_change_nothing(tolerant, place, no_contract, golden):
    spec = protocols.load(tolerant)
    (golden / spec.label).mkdir()
    for file in (golden / "pv-codecs@1").glob("jpegxl-distance-15.0-*.webp"):
        image = np.array(Image.open(file).convert("RGB"))
        image[0, 0] ^= 1
        Image.fromarray(image).save(golden / spec.label / file.name, lossless=True)
    anew = conformance.compute(spec, first=True)
    assert conformance.compute(spec) != anew
    assert readiness_of(spec, {}).golden == anew


def test_once_released_it_is_known_as_such(draft, no_contract, monkeypatch, tmp_path):
    directory = tmp_path / "package"
    shutil.copytree(protocols.DIRECTORY, directory)
    monkeypatch.setattr(protocols, "DIRECTORY", directory)
    shutil.copy(draft(), directory / "my-cells@1.toml")
    try:
        protocols.released_digests.cache_clear()
        assert not protocols.is_released(protocols.load("my-cells@1"))
        release.write(release.prepare("my-cells@1", release.place_of(directory)))
        assert protocols.is_released(protocols.load("my-cells@1"))
    finally:
        protocols.released_digests.cache_clear()


def test_another_draft_of_that_name_is_not_overwritten(draft, place, no_contract):
    other = draft(("values = [30, 75]", "values = [30]"), file="other.toml")
    target = place.directory / "my-cells@1.toml"
    shutil.copy(other, target)
    assert "is another draft of that name" in reasons_against(draft(), place)
    release.write(release.prepare(str(target), place))
    assert target.read_bytes() == (place.directory.parent / "other.toml").read_bytes()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_release_that_fails_midway_changes_nothing(draft, place, no_contract, monkeypatch, error):
    ready, before, real = release.prepare(draft(), place), contents(place.directory), release.replace

    def fails_on_the_last(path, content):
        if path.name == "released.toml" and "my-cells" in content.decode():
            raise error
        real(path, content)

    monkeypatch.setattr(release, "replace", fails_on_the_last)
    with pytest.raises(StorageError if isinstance(error, OSError) else KeyboardInterrupt):
        release.write(ready)
    assert contents(place.directory) == before


def test_an_installed_package_is_not_written_to(monkeypatch, tmp_path):
    assert release.place_of(None).directory == protocols.DIRECTORY
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="not of a checkout"):
        release.place_of(None)


def test_a_place_has_to_be_there_and_writable(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match="There is no directory"):
        release.place_of(tmp_path / "absent")
    monkeypatch.setattr("suite.release.os.access", lambda *_: False)
    with pytest.raises(UsageError, match="cannot be written to"):
        release.place_of(tmp_path)


def test_an_unknown_draft_is_explained(place):
    with pytest.raises(UnknownProtocol):
        release.prepare("absent.toml", place)
