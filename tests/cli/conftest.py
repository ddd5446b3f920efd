"""The command in a process of its own, where every warning is an error."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def suite(tmp_path):
    def run(*words):
        command = [sys.executable, "-W", "error", "-m", "suite.cli.main", *map(str, words)]
        environment = os.environ | {"SUITE_DATABASE": str(tmp_path / "results.db"), "COLUMNS": "160"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    return run
