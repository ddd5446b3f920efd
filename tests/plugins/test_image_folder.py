"""Directory trees of one's own: order, truths, subsets of a network's classes, and everything that can be wrong."""

import hashlib
import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from plugins.datasets.image_folder import ImageFolder
from suite.api import Sample
from suite.contracts import check_dataset
from suite.errors import CorruptImage, MissingData, UsageError

RED, ORIENTATION = (255, 0, 0), 0x0112


def picture(suffix="png", size=(6, 4), colour=RED, mode="RGB", **options):
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    image = PillowImage.new("RGB", size, colour).convert(mode)
    image.save(buffer, PillowImage.registered_extensions()[f".{suffix}"], **options)
    return buffer.getvalue()


@pytest.fixture
def tree(tmp_path):
    """Give a function that makes a tree of files below a directory."""

    def make(**files):
        for path, data in files.items():
            target = tmp_path / "root" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return tmp_path / "root"

    return make


@pytest.fixture
def animals(tree):
    """Give a tree of two classes."""
    return tree(**{"dog/b.png": picture(), "cat/a.png": picture(colour=(0, 255, 0)), "dog/a.png": picture(size=(3, 3))})


def test_keeps_the_contract(animals):
    assert [finding for finding in check_dataset(ImageFolder(animals)) if not finding.ok] == []


def test_samples_are_sorted_with_digests_and_truths(animals):
    expected = [
        Sample(name, hashlib.sha256((animals / name).read_bytes()).hexdigest(), truth)
        for name, truth in (("cat/a.png", 0), ("dog/a.png", 1), ("dog/b.png", 1))
    ]
    dataset = ImageFolder(animals)
    assert list(dataset.samples()) == list(dataset.scan()) == expected
    assert list(dataset.classes) == ["cat", "dog"]


def test_a_manifest_spares_reading_the_files(animals):
    samples = ImageFolder(animals).samples()
    for path in animals.rglob("*.png"):
        path.unlink()
    assert ImageFolder(animals, manifest=samples).samples() == samples


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_reads_the_kinds_of_file_it_names(tree, suffix, case):
    root = tree(**{f"a/x.{case(suffix)}": picture(suffix)})
    dataset = ImageFolder(root)
    source = dataset.read(dataset.samples()[0])
    assert source.image.shape == (4, 6, 3)
    assert np.abs(source.image.astype(int) - RED).max() <= 3
    assert source.byte_count == (root / "a" / f"x.{case(suffix)}").stat().st_size


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_pixels_become_rgb(tree, mode):
    dataset = ImageFolder(tree(**{"a/x.tif": picture("tif", mode=mode)}))
    assert dataset.read(dataset.samples()[0]).image.shape == (4, 6, 3)


def test_other_files_and_hidden_ones_are_ignored(tree):
    ignored = ("a/notes.txt", "a/.x.png", ".cache/x.png", "top.png", "b/y.npy")
    root = tree(**{"a/x.png": picture()}, **dict.fromkeys(ignored, b""))
    assert [sample.id for sample in ImageFolder(root).samples()] == ["a/x.png"]
    assert list(ImageFolder(root).classes) == ["a", "b"]


def test_images_may_lie_deeper(tree):
    root = tree(**{"a/2024/x.png": picture(), "a/b.png": picture()})
    assert [sample.id for sample in ImageFolder(root).samples()] == ["a/2024/x.png", "a/b.png"]


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (3, 5)), (6, (0, 3)), (8, (5, 0))])
def test_orientation_is_applied(tree, orientation, corner):
    image = PillowImage.new("RGB", (6, 4))
    image.putpixel((0, 0), RED)
    image.getexif()[ORIENTATION] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=image.getexif())
    dataset = ImageFolder(tree(**{"a/x.png": buffer.getvalue()}))
    upright = dataset.read(dataset.samples()[0]).image
    assert [tuple(map(int, place)) for place in np.argwhere(upright[..., 0] == 255)] == [corner]


# Classes of the network


def test_a_subset_runs_under_all_classes_of_a_network(animals, tmp_path):
    listing = tmp_path / "classes.txt"
    others = "".join(f"n{i}\n" for i in range(997))
    listing.write_text(f"# the network's order\n{others}dog # a comment\ncat\nowl\n")
    dataset = ImageFolder(animals, classes_file=listing)
    assert len(dataset.classes) == 1000
    assert {sample.id: sample.truth for sample in dataset.samples()} == {
        "cat/a.png": 998,
        "dog/a.png": 997,
        "dog/b.png": 997,
    }


def test_a_directory_that_is_no_class_is_named(animals, tmp_path):
    listing = tmp_path / "classes.txt"
    listing.write_text("cat\n")
    with pytest.raises(UsageError, match="such as 'dog'"):
        ImageFolder(animals, classes_file=listing).samples()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("cat\ndog\ncat\n", UsageError, "'cat' twice"),
        ("# nothing\n", UsageError, "no classes"),
        (None, MissingData, "cannot be read"),
    ],
)
def test_unusable_lists_of_classes(animals, tmp_path, text, error, said):
    listing = tmp_path / "classes.txt"
    if text is not None:
        listing.write_text(text)
    with pytest.raises(error, match=said):
        _ = ImageFolder(animals, classes_file=listing).classes


@given(names=st.lists(st.text("abcXYZ019-_ äß", min_size=1, max_size=8), min_size=1, max_size=20, unique=True))
def test_truth_is_the_position_in_the_list(tmp_path_factory, names):
    names = list(dict.fromkeys(name.strip() or "x" for name in names))
    root = tmp_path_factory.mktemp("tree")
    for name in names:
        (root / name).mkdir()
        (root / name / "x.png").write_bytes(picture(size=(1, 1)))
    listing = tmp_path_factory.mktemp("lists") / "classes.txt"
    listing.write_text("\n".join(names), encoding="utf-8")
    for sample in ImageFolder(root, classes_file=listing).samples():
        assert names[sample.truth] == sample.id.split("/")[0]


# What can be wrong


@pytest.mark.parametrize("files", [{}, {"a/notes.txt": b""}, {"x.png": b""}], ids=["empty", "no images", "flat"])
def test_a_tree_without_images_says_what_is_expected(tree, tmp_path, files):
    (tmp_path / "root").mkdir()
    with pytest.raises(MissingData, match=r"Expected .*class/image"):
        ImageFolder(tree(**files)).samples()


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(MissingData, match="nowhere"):
        ImageFolder(tmp_path / "nowhere").samples()


def test_an_altered_file_is_named(animals):
    dataset = ImageFolder(animals)
    sample = dataset.samples()[0]
    (animals / sample.id).write_bytes(picture(colour=(1, 2, 3)))
    with pytest.raises(CorruptImage, match=r"cat/a\.png was changed"):
        dataset.read(sample)


def test_a_deleted_file_is_named(animals):
    dataset = ImageFolder(animals)
    sample = dataset.samples()[0]
    (animals / sample.id).unlink()
    with pytest.raises(MissingData, match=r"cat/a\.png"):
        dataset.read(sample)


@pytest.mark.parametrize("data", [b"", b"no image", picture()[:40]], ids=["empty", "text", "truncated"])
def test_what_is_no_image_is_named_when_read(tree, data):
    dataset = ImageFolder(tree(**{"a/x.png": data}))
    with pytest.raises(CorruptImage, match=r"a/x\.png"):
        dataset.read(dataset.samples()[0])


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png"])
def test_ids_cannot_lead_out_of_the_root(tree, tmp_path, name):
    (tmp_path / "secret.png").write_bytes(picture())
    dataset = ImageFolder(tree(**{"a/x.png": picture()}))
    with pytest.raises(MissingData, match="leads out of"):
        dataset.read(dataset.samples()[0]._replace(id=name))


def test_links_out_of_the_root_are_refused(animals, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").write_bytes(picture())
    for link, target in (("dog/link.png", "elsewhere/x.png"), ("owl", "elsewhere"), ("dog/more", "elsewhere")):
        (animals / link).symlink_to(tmp_path / target)
        with pytest.raises(MissingData, match="leads out of"):
            ImageFolder(animals).samples()
        (animals / link).unlink()


@pytest.mark.parametrize(("link", "target"), [("owl", "dog"), ("dog/again", "."), ("dog/up", "..")])
def test_links_to_directories_inside_are_refused(animals, link, target):
    (animals / link).symlink_to(target)
    with pytest.raises(MissingData, match="would count twice"):
        ImageFolder(animals).samples()


def test_links_to_images_inside_are_fine(animals):
    (animals / "dog" / "c.png").symlink_to("b.png")
    assert "dog/c.png" in [sample.id for sample in ImageFolder(animals).samples()]


@pytest.mark.parametrize("target", ["gone.png", "loop.png"])
def test_broken_links_are_named(animals, target):
    (animals / "dog" / "loop.png").symlink_to(target)
    with pytest.raises(MissingData, match=r"dog/loop\.png"):
        ImageFolder(animals).samples()


def test_pipes_are_refused_instead_of_waited_for(animals):
    os.mkfifo(animals / "dog" / "pipe.png")
    with pytest.raises(MissingData, match="no regular file"):
        ImageFolder(animals).samples()


def test_names_that_are_not_utf8_are_shown(animals):
    (animals / os.fsdecode(b"dog/caf\xe9.png")).write_bytes(picture())
    with pytest.raises(MissingData, match=r"not UTF-8.*caf\\xe9"):
        ImageFolder(animals).samples()


def test_unreadable_directories_are_named(animals, monkeypatch):
    """Root may read everything, so the refusal is the system's in all but name."""

    def refuse(directory):
        raise PermissionError(13, "Permission denied", directory)

    monkeypatch.setattr("plugins.datasets.image_folder.os.listdir", refuse)
    with pytest.raises(MissingData, match="Permission denied"):
        ImageFolder(animals).samples()
