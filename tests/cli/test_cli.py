"""The command as a user types it, in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest
from PIL import Image


@pytest.fixture
def suite(tmp_path):
    def run(*words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "suite.cli.main", *map(str, words)],
            capture_output=True,
            text=True,
            env=os.environ | {"SUITE_DATABASE": str(tmp_path / "results.db")} | environment,
            timeout=120,
        )

    return run


COMMANDS = [
    "erratum",
    *(
        "demo",
        "run",
        "plan",
        "ranking",
        "rates",
        "show",
        "plugins",
        "protocols",
        "data",
        "check",
        "doctor",
        "train",
        "submit",
        "verify",
    ),
    *("cache", "compare", "throughput", "audit", "import", "export", "published", "leaderboard", "advise", "cite"),
    *("report", "submit", "verify", "submissions", "erratum"),
]


def test_help_names_every_command_and_is_instant(suite):
    durations = []
    for _ in range(3):
        begin = time.perf_counter()
        result = suite("--help")
        durations.append(time.perf_counter() - begin)
    assert result.returncode == 0
    assert all(command in result.stdout for command in COMMANDS)
    print(f"suite --help: {min(durations):.2f} s")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(suite, command):
    result = suite(command, "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "pv-cell@1"], "Did you mean 'pv-cells@1'?"),
        (["run", "pv-cells@1", "--model", "pv-eficientnet-lite0"], "Did you mean 'pv-efficientnet-lite0'?"),
        (["run", "pv-cells@1", "--mitigation", "non"], "Did you mean 'none'?"),
        (["run", "pv-cells@1", "--codec", "jpg"], "Did you mean 'jpeg'?"),
        (["run", "pv-cells@1", "--data", "pv-cell"], "Did you mean 'pv-cells'?"),
        (["run", "pv-cells@1", "--setting", "quality=11"], "has no setting 'quality=11'"),
        (["run", "pv-cells@1", "--limit", "0"], "1 or more, but got 0"),
        (["run", "pv-cells@1", "--limit", "-5"], "1 or more, but got -5"),
        (["run", "pv-cells@1", "--device", "tpu"], "'tpu' is no device"),
        (["run", "imagenet-jpeg@1"], "suite data add imagenet --kind image-folder --root DIR"),
        (["run", "pv-cells@1", "--database", "."], "is a directory"),
        (["run", "absent.py:Model"], "No protocol is named"),
        (["run", "pv-cells@1", "--model", "absent.py:Model"], "There is no file absent.py"),
        (["ranking", "pv-cells@1"], "There is no database at"),
        (["rates", "pv-cells@1"], "There is no database at"),
        (["advise", "--max-drop", "1"], "There is no database at"),
        (["report", "--protocol", "pv-cells@1", "--out", "x"], "There is no database at"),
        (["report", "--protocol", "pv-cell@1", "--out", "x"], "Did you mean 'pv-cells@1'?"),
        (["erratum", "list"], "There is no database at"),
        (["show", "--protocol", "pv-cell"], "There is no database at"),
        (["verify", "absent", "--author", "A"], "submission.toml cannot be read"),
        (["verify", "absent", "--author", " "], "Name yourself: --author 'A. Author'"),
        (["verify", "absent", "--author", "A", "--sample", "0"], "submission.toml cannot be read"),
        (["plugins", "codecs"], "Did you mean 'codec'?"),
        (["check", "codec", "jpg"], "Did you mean 'jpeg'?"),
        (["data", "add", "Bad Name", "--root", "."], "is no name for a dataset"),
        (["data", "add", "pv-cells", "--root", "."], "is the name of a built-in dataset"),
        (["data", "remove", "nothing"], "No dataset is named 'nothing'"),
        (["data", "weights", "absent"], "There is no directory"),
        (["data", "download", "jpg"], "No model, codec or mitigation is named 'jpg'. Did you mean 'jpeg'?"),
        (["data", "download", "torchvision:resnet18"], "as in torchvision:resnet18.IMAGENET1K_V1"),
        (["plan", "pv-cells@1", "--model", "timm:resnet50"], "as in timm:resnet50.a1_in1k"),
        (
            ["train", "linear-probe", "-m", "efficientnet-lite0", "-o", "x"],
            "has no backbone to learn on. Choose a pv-efficientnet-lite.",
        ),
        (["protocols", "show", "x" * 5000], "No protocol is named 'xxx"),
    ],
)
def test_a_mistake_is_explained_without_a_traceback(suite, words, message):
    result = suite(*words)
    assert result.returncode == 1
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr + result.stdout
    assert len(result.stderr) < 2000


@pytest.mark.parametrize("words", [["run"], ["run", "pv-cells@1", "--batch-size", "0"], ["nonsense"], ["show", "one"]])
def test_wrong_usage_is_status_2(suite, words):
    result = suite(*words)
    assert result.returncode == 2
    assert "Usage" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(suite):
    assert "Traceback" in suite("--debug", "run", "pv-cell@1").stderr


def test_a_run_can_be_ranked_shown_and_read_by_a_script(suite, fake):
    run = suite(
        "run", "pv-cells@1", "--model", fake("Brightness"), "--setting", "50", "--limit", "12", "--device", "cpu"
    )
    assert run.returncode == 0, run.stderr
    assert "2 results stored" in run.stdout
    assert "measuring pv-cells: 24 of 24 (100%)" in run.stderr

    ranking = suite("ranking", "pv-cells@1")
    assert "brightness" in ranking.stdout
    assert "trial on 12 of 526 samples" in " ".join(ranking.stdout.split())
    rows = json.loads(suite("ranking", "pv-cells@1", "--json").stdout)
    assert rows["ranked"] == []
    assert rows["unranked"][0]["limit"] == 12

    assert "brightness on jpeg quality=50" in suite("show").stdout
    one = json.loads(suite("show", "1", "--json").stdout)
    assert one["run"]["command"][:2] == ["run", "pv-cells@1"]
    assert len(json.loads(suite("show", "--json", "--model", "brightness").stdout)) == 2


def test_a_broken_model_ends_with_status_1_and_the_reason(suite, fake):
    result = suite("run", "pv-cells@1", "--model", fake("Raises"), "--setting", "50", "--limit", "4", "--device", "cpu")
    assert result.returncode == 1
    assert "failed: raises on jpeg quality=50: ValueError: the sky is falling" in result.stderr
    assert "raises on original" in suite("show", "--failed").stdout


def test_plan_says_how_much_work_a_run_is(suite):
    result = suite("plan", "pv-cells@1", "--limit", "100", "--setting", "10")
    assert "2 conditions, 6 cells: 100 encodes and decodes, 600 predictions." in result.stdout
    assert len(json.loads(suite("plan", "pv-cells@1", "--json").stdout)["conditions"]) == 10


def test_plugins_and_protocols_are_listed(suite):
    assert set(json.loads(suite("plugins", "--json").stdout)) == {"codec", "dataset", "model", "mitigation"}
    assert "plugins.codecs.jpeg:Jpeg" in suite("plugins", "codec").stdout
    labels = [row["protocol"] for row in json.loads(suite("protocols", "list", "--json").stdout)]
    assert "pv-cells@1" in labels
    assert json.loads(suite("protocols", "show", "pv-cells@1", "--json").stdout)["name"] == "pv-cells"


def test_families_are_listed_with_how_their_members_are_named(suite):
    assert json.loads(suite("plugins", "model", "--json").stdout)["model"]["timm:"].endswith(
        "timm_classifiers:classifier"
    )
    listed = suite("plugins", "model").stdout
    assert "timm:NAME.TAG" in listed
    assert "such as torchvision:resnet50.IMAGENET1K_V1" in listed
    assert "NAME.TAG" not in suite("plugins", "codec").stdout


def test_weights_are_registered_and_listed(suite, tmp_path):
    folder = tmp_path / "weights"
    (folder / "resnet50.a1_in1k").mkdir(parents=True)
    whole = folder / "resnet50.a1_in1k" / "model.safetensors"
    whole.write_bytes(b"weights")
    found = suite("data", "weights", folder, "--json")
    assert found.returncode == 0
    row = {
        "file": "resnet50.a1_in1k.safetensors",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "path": str(whole),
        "there": True,
    }
    assert json.loads(found.stdout) == [row]
    whole.unlink()
    assert json.loads(suite("data", "weights", "--json").stdout) == [row | {"there": False}]
    listed = suite("data", "weights").stdout
    assert "resnet50.a1_in1k.safetensors" in listed
    assert row["sha256"][:12] in listed


def test_altered_weights_are_refused_with_status_1(suite, tmp_path):
    (tmp_path / "resnet50-0676ba61.pth").write_bytes(b"half")
    (tmp_path / "other.pth").write_bytes(b"whole")
    result = suite("data", "weights", tmp_path)
    assert result.returncode == 1
    assert "Refused:" in result.stderr
    assert "resnet50-0676ba61.pth has SHA-256" in result.stderr
    assert [row["file"] for row in json.loads(suite("data", "weights", "--json").stdout)] == ["other.pth"]


def test_what_needs_no_weights_downloads_nothing(suite):
    assert "Nothing to download" in suite("data", "download", "jpeg", "efficientnet-lite0").stdout
    assert json.loads(suite("data", "download", "jpeg", "--json").stdout) == []


def test_completion_offers_the_protocols(suite):
    result = suite(_SUITE_COMPLETE="complete_bash", COMP_WORDS="suite run pv", COMP_CWORD="2")
    assert result.stdout.split() == ["pv-cells@1", "pv-codecs@1", "pv-open-codecs@1"]


def test_check_passes_what_keeps_its_contract_and_names_what_does_not(suite, fake):
    good = suite("check", "codec", "jpeg")
    assert good.returncode == 0, good.stdout
    assert "8 of 8 checks passed." in good.stdout
    bad = suite("check", "model", fake("NotANumber"), "--json")
    assert bad.returncode == 1
    assert any(not finding["ok"] and finding["message"] for finding in json.loads(bad.stdout))


def test_doctor_says_that_this_machine_conforms(suite):
    result = suite("doctor", "--device", "cpu")
    assert result.returncode == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["jpeg", "conforms", "all", "golden", "values", "agree"] in lines
    assert ["pv-efficientnet-lite0@1", "conforms", "all", "golden", "values", "agree"] in lines
    found = json.loads(suite("doctor", "pv-cells@1", "--device", "cpu", "--json").stdout)
    assert found["environment"]["torch"]
    assert all(check["ok"] for check in found["checks"]["pv-cells@1"])


def test_a_dataset_is_registered_listed_verified_and_forgotten(suite, tmp_path, rng):
    root = tmp_path / "photos"
    for name in ("cats", "dogs"):
        (root / name).mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), "uint8")).save(root / name / "a.png")
    added = suite("data", "add", "pets", "--root", root)
    assert "Registered 'pets': 2 images, 2 classes" in added.stdout
    assert json.loads(suite("data", "list", "--json").stdout)[0]["name"] == "pets"
    assert "2 of 2 images are as registered." in suite("data", "verify", "pets").stdout
    (root / "cats" / "a.png").write_bytes(b"other")
    damaged = suite("data", "verify", "pets")
    assert damaged.returncode == 1
    assert "1 of 2 images are as registered." in damaged.stdout
    assert "was changed after it was registered" in damaged.stderr
    assert "untouched" in suite("data", "remove", "pets").stdout
    assert suite("data", "verify", "pets").returncode == 1


def test_the_cache_is_shown_verified_and_pruned(suite, own_home):
    assert suite("run", "pv-cells@1", "--model", "pv-efficientnet-lite0", "--limit", "3").returncode == 0
    kept = json.loads(suite("cache", "info", "--json").stdout)
    assert kept["codecs"]["jpeg"]["entries"] == 27  # three images at nine qualities
    assert kept["directory"] == str(own_home / "bitstreams")
    entry = next((own_home / "bitstreams" / "jpeg").glob("??/*"))
    entry.write_bytes(entry.read_bytes()[:-1])
    verified = suite("cache", "verify")
    assert "26 bitstreams are whole, 1 were damaged and are removed." in verified.stdout
    assert str(entry) in verified.stderr + verified.stdout
    assert "26" in suite("cache", "info").stdout
    assert "Removed 0.0" in suite("cache", "prune", "--keep", "0").stdout
    assert json.loads(suite("cache", "info", "--json").stdout)["codecs"] == {}


def test_what_a_plugin_says_is_printed_whatever_it_is(suite, tmp_path):
    model = tmp_path / "model.py"
    model.write_text("def Odd():\n    raise ValueError('half \\udcff of one')\n")
    result = suite("check", "model", f"{model}:Odd")
    assert result.returncode == 1
    assert "half \\udcff of one" in result.stdout
