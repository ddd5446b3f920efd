"""The papers' numbers as the package carries them, against what the papers print."""

import csv
import hashlib
import math
import shutil

import pytest

from suite import registry
from suite.errors import DataError, UsageError
from suite.published import DIRECTORY, STUDIES, numbers_of
from suite.published.studies import PLUGINS, find

FILES = {
    "ehrlich2020.csv": "65888d8359d46ce11e00dde8f1824289ea5769c2262151699e34fb21da980f8a",
    "janeiro2023.csv": "b6e272626b9b4d50a14ad9311237a55e016d0b25e86c3d23cdda7b97385f20fd",
    "marie2022.csv": "f1bb789eedd06144b4dbff6c9818f71a03809c179a1620b33b1870844affcddf",
    "marie2022_distortion.csv": "d12ab196c7d9c5ca5bb5249925250c98c0e7ef4f318830bdb0bc293935b6b4e0",
}
EHRLICH, MARIE, JANEIRO = STUDIES


def chosen(study, **wanted):
    return [
        number for number in numbers_of(study) if all(getattr(number, name) == value for name, value in wanted.items())
    ]


def test_the_files_are_the_transcribed_ones():
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DIRECTORY.glob("*.csv")}
    assert found == FILES


@pytest.mark.parametrize(("study", "count"), [(EHRLICH, 841), (MARIE, 80), (JANEIRO, 10)], ids=[*"emj"])
def test_every_row_is_a_number_and_the_sum_is_the_files(study, count):
    numbers = numbers_of(study)
    assert len(numbers) == count == len({number.digest for number in numbers})
    with (DIRECTORY / study.file).open(newline="") as file:
        printed = math.fsum(float(row["value"]) for row in csv.DictReader(file))
    assert 100 * math.fsum(number.value for number in numbers) == pytest.approx(printed, rel=1e-12)


@pytest.mark.parametrize(
    ("study", "wanted", "reference", "value"),
    [
        (EHRLICH, {"model": "ResNet-50", "setting": "10", "mitigation": "none"}, 0.7531, 0.6343),
        (EHRLICH, {"model": "VGG-19", "setting": "90", "mitigation": "none"}, 0.7344, 0.7346),
        (EHRLICH, {"model": "HRNetV2 + C1", "setting": "50", "mitigation": "ttac-multihead-3"}, 0.4059, 0.3972),
        (MARIE, {"model": "MnasNet", "codec": "jpeg", "setting": "10", "mitigation": "none"}, 0.7313, 0.4594),
        (MARIE, {"model": "ResNet50", "codec": "bpg", "setting": "41", "mitigation": "expert-training"}, 0.758, 0.7059),
        (JANEIRO, {"model": "Swin-T", "codec": "bpg", "mitigation": "none"}, 0.81, 0.595),
    ],
)
def test_printed_percentages_are_the_nearest_fractions(study, wanted, reference, value):
    (number,) = chosen(study, **wanted)
    assert (number.reference, number.value) == (reference, value)


def test_what_the_paper_leaves_blank_has_no_row():
    settings = {
        mitigation: [number.setting for number in chosen(EHRLICH, model="ResNet50 + UPerNet", mitigation=mitigation)]
        for mitigation in ("none", "off-the-shelf-artifact-correction", "task-targeted-artifact-correction")
    }
    assert [len(each) for each in settings.values()] == [9, 6, 6]
    assert set(settings["none"]) - set(settings["off-the-shelf-artifact-correction"]) == {"70", "80", "90"}


def test_what_a_setting_does_to_the_images_stands_with_its_numbers():
    stated = [number.distortion for number in chosen(MARIE, codec="jpeg", setting="75")]
    assert len(stated) == 8
    assert {(each.psnr_db, each.ssim) for each in stated} == {(32.04, 0.917)}
    assert stated[0].bits_per_pixel == pytest.approx(10899 * 8 / 224**2)
    assert [number.setting for number in numbers_of(MARIE) if number.distortion is None] == [""] * 8
    assert len({number.distortion for number in numbers_of(MARIE)}) == 9 + 1


def altered(tmp_path, old, new, file="janeiro2023.csv"):
    """Copy the files, with the first ``old`` of one made ``new``."""
    directory = tmp_path / "published"
    shutil.copytree(DIRECTORY, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (directory / file).read_text()
    assert old in text
    (directory / file).write_text(text.replace(old, new, 1))
    return directory


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("none,59.5,", "none,,", "line 3: Expected 'value' to be a number, but got ''"),
        ("none,59.5,", "none,nan,", "line 3: Expected 'value' to be a number, but got 'nan'"),
        ("none,59.5,", "none,595,", "line 3: Expected 'value' to be a percentage, but got '595'"),
        ("none,59.5,", "59.5,", "line 3: it has not one cell for each column"),
        ("none,59.5,", "none,59.5,,", "line 3: it has not one cell for each column"),
        ("mitigation,value", "value,mitigation", "line 1: Expected the columns source, table"),
        ("janeiro2023,text", "marie2022,text", "Expected the source janeiro2023, but got 'marie2022'"),
        ('"stated as', '"stated" as', "cannot be read"),
    ],
)
def test_a_file_that_was_altered_is_named_with_its_line(tmp_path, old, new, message):
    with pytest.raises(DataError, match=r"janeiro2023\.csv") as caught:
        numbers_of(JANEIRO, altered(tmp_path, old, new))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"ehrlich2020\.csv cannot be read"):
        numbers_of(EHRLICH, tmp_path)


def test_a_study_is_found_by_name_and_label():
    assert find("marie2022") == find("published:marie2022") == MARIE
    with pytest.raises(UsageError, match=r"No study is named 'mary2022'\. Did you mean 'marie2022'\?"):
        find("mary2022")


def test_models_that_have_a_plugin_are_the_papers_and_the_plugins_exist():
    named = {(number.source, number.model) for study in STUDIES for number in numbers_of(study)}
    assert set(PLUGINS) <= named
    assert [plugin for plugin in PLUGINS.values() if registry.load("model", plugin).plugin.name != plugin] == []
