"""`suite import published` and `suite published` as a user types them."""

import json


def test_numbers_are_imported_once_and_shown(suite):
    for counts in (["841", "80", "10"], ["0", "0", "0"]):
        found = suite("import", "published")
        assert (found.returncode, found.stderr) == (0, "")
        assert [line.split()[1] for line in found.stdout.splitlines() if " numbers added" in line] == counts
    shown = suite("published", "marie2022", "--model", "MnasNet")
    assert "published:marie2022: classification on ImageNet, top1 in % as the paper prints it" in shown.stdout
    assert "45.94" in shown.stdout
    assert "ResNet50" not in shown.stdout
    listed = suite("published").stdout
    assert all(f"published:{name}" in listed for name in ("ehrlich2020", "marie2022", "janeiro2023"))
    numbers = json.loads(suite("published", "janeiro2023", "--task", "classification", "--json").stdout)
    assert [number["value"] for number in numbers] == [0.81, 0.595, 0.73, 0.79]
    ranking = suite("ranking", "ehrlich2020@1")
    assert (ranking.returncode, "ResNet" in ranking.stdout) == (0, False)
    assert "no results of ehrlich2020@1 yet" in " ".join(ranking.stdout.split())


def test_a_database_without_them_says_how_to_import_them(suite):
    absent = suite("published")
    assert absent.returncode == 1
    assert "'suite import published'" in " ".join(absent.stderr.split())


def test_a_study_that_is_none_is_a_mistake(suite):
    found = suite("published", "ehrlich")
    assert found.returncode == 1
    assert "Did you mean 'ehrlich2020'?" in found.stderr
