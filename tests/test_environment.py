import os
import platform
import subprocess
import sys

import cv2
import numpy
import PIL
import pytest
import torch

import suite
from suite import environment
from suite.environment import ABSENT, checkout, cores, cpu_model, installed, output_of, record

PACKAGES = {"python", "suite", "numpy", "pillow", "opencv", "torch", "torchvision", "timm"}


def test_the_identity_names_what_may_change_a_number():
    identity = record("cpu").identity
    assert set(identity) == PACKAGES | {"device", "system"}
    assert identity["python"] == "{}.{}".format(*sys.version_info)
    assert identity["suite"] == suite.__version__
    assert (identity["numpy"], identity["pillow"]) == (numpy.__version__, PIL.__version__)
    assert (identity["opencv"], identity["torch"]) == (cv2.__version__, torch.__version__)
    assert identity["device"] == f"cpu {torch.backends.cpu.get_cpu_capability()}"
    assert identity["system"] == f"{platform.system()} {platform.machine()}"


def test_details_name_the_machine_but_neither_its_name_nor_its_user(monkeypatch):
    monkeypatch.setattr(environment, "checkout", lambda _: {})
    details = record("cpu").details
    assert set(details) == {"python", "platform", "cpu", "cores", "memory_gib"}
    assert details["python"].endswith(platform.python_version())
    assert float(details["memory_gib"]) > 0.1
    assert all(details.values())


def test_a_package_changes_the_digest_and_a_detail_does_not(monkeypatch):
    before = record("cpu")
    monkeypatch.setattr(environment, "cpu_model", lambda: "another")
    assert record("cpu").details != before.details
    assert record("cpu").digest == before.digest
    monkeypatch.setattr(environment, "installed", lambda _: "99")
    assert record("cpu").digest != before.digest


def test_a_gpu_adds_its_name_libraries_and_driver(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", {"cuda:1": "NVIDIA H200"}.__getitem__)
    monkeypatch.setattr(environment, "output_of", lambda tool, *_: "570.1\n570.1\n" if tool == "nvidia-smi" else "")
    here = record("cuda:1")
    assert set(here.identity) == PACKAGES | {"device", "system", "cuda", "cudnn"}
    assert here.identity["device"] == "NVIDIA H200"
    assert here.identity["cuda"] == str(torch.version.cuda)
    assert here.details["gpu_driver"] == "570.1"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_gpu_is_named():
    here = record("cuda:0")
    assert here.identity["device"] == torch.cuda.get_device_name(0)
    assert here.identity["cudnn"].isdigit()


def test_a_missing_distribution_is_absent():
    assert installed("numpy") == numpy.__version__
    assert installed("no-such-distribution-at-all") == ABSENT


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cores_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert cores() == len(allowed)


def test_the_cpu_names_itself(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model\t\t: 167\nmodel name\t: Xeon: the second\nmodel name\t: other\n")
    assert cpu_model(cpuinfo) == "Xeon: the second"
    assert cpu_model(tmp_path / "absent") in {platform.processor(), platform.machine()}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    git("init", "-q", str(tmp_path))
    (tmp_path / "tracked").write_text("1")
    git("-C", str(tmp_path), "add", "tracked")
    git("-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "first")
    return tmp_path


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_tells_its_commit_and_whether_it_is_dirty(repository):
    commit = git("-C", str(repository), "rev-parse", "HEAD")
    assert checkout(repository) == {"commit": commit, "dirty": "no"}
    (repository / "tracked").write_text("2")
    assert checkout(repository) == {"commit": commit, "dirty": "yes"}


def test_git_variables_of_a_hook_do_not_lead_astray(repository, tmp_path_factory, monkeypatch):
    expected = checkout(repository)
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("elsewhere")))
    assert checkout(repository) == expected


def test_what_is_no_checkout_has_no_commit(repository):
    installed_inside = repository / "site-packages"
    installed_inside.mkdir()
    assert checkout(installed_inside) == {}


def test_without_commits_or_git_there_is_no_commit(tmp_path, repository, monkeypatch):
    empty = tmp_path / "empty"
    git("init", "-q", str(empty))
    assert checkout(empty) == {}
    monkeypatch.setenv("PATH", "")
    assert checkout(repository) == {}


def test_a_tool_that_fails_or_hangs_says_nothing(monkeypatch):
    assert output_of("sh", "-c", "echo yes") == "yes\n"
    assert output_of("sh", "-c", "echo yes; exit 3") == ""
    monkeypatch.setattr(environment, "TOOL_TIMEOUT_S", 0.1)
    assert output_of("sleep", "5") == ""
    assert output_of("no-such-tool-at-all") == ""
