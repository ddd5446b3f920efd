"""What holds for the whole repository and no linter knows: sizes, imports, pins, and nothing of one machine."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import suite

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = [path for part in ("suite", "plugins", "leaderboard") for path in sorted((ROOT / part).rglob("*.py"))]
MOST_FILE_LINES, MOST_FUNCTION_LINES = 399, 59
HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "sqlalchemy",
    "alembic",
    "pyarrow",
    "cv2",
    "numpy",
    "scipy",
    "PIL",
    "streamlit",
}

# Written so that this file does not hold what it looks for.
REGISTRIES = ("pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(org|com)", "proxy\\." + r"golang\.org")
OF_THIS_MACHINE = r"(?<![\w.~-])/(" + "wo" + "rk|ro" + "ot|opt/" + "pypi)/"
UNWANTED = re.compile("|".join((*REGISTRIES, OF_THIS_MACHINE)).encode())

named = pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))


def fresh_python(code):
    """Run ``code`` in an interpreter that has imported nothing yet."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_product_is_looked_at():
    assert {ROOT / "suite" / "spec.py", ROOT / "plugins" / "__init__.py"} <= set(PRODUCT)


@named
def test_modules_say_what_they_hold_and_stay_short(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    assert len(text.splitlines()) <= MOST_FILE_LINES
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = [(function.end_lineno - function.lineno + 1, function.name) for function in functions]
    assert [entry for entry in lengths if entry[0] > MOST_FUNCTION_LINES] == []


def test_the_command_line_imports_nothing_heavy():
    code = "import sys, suite.cli.main; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = set(fresh_python(code).split())
    assert {"suite", "typer"} <= imported
    assert imported & HEAVY == set()


def test_suite_api_needs_numpy_and_the_standard_library_only():
    code = "import sys, numpy; before = set(sys.modules); import suite.api; print(*set(sys.modules) - before)"
    imported = set(fresh_python(code).split())
    foreign = {name for name in imported if name.partition(".")[0] not in {"suite", "numpy", *sys.stdlib_module_names}}
    assert foreign == set()
    own = {name for name in imported if name.startswith("suite.")}
    assert "suite.api.types" in own
    assert {name for name in own if not name.startswith(("suite.api", "suite.errors", "suite.home"))} == set()


def repository_files():
    """Return the files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_package_registry_or_a_path_of_one_machine():
    files = repository_files()
    assert Path(__file__).resolve() in files
    found = {str(path.relative_to(ROOT)): match[0] for path in files if (match := UNWANTED.search(path.read_bytes()))}
    assert found == {}


@pytest.mark.parametrize("host", ["https://pypi" + ".org/simple", "cd /wo" + "rk/main", "'/ro" + "ot/.cache'"])
def test_the_search_finds_what_it_is_for(host):
    assert UNWANTED.search(host.encode())


@pytest.mark.parametrize("text", ["a/work/b", "~/work/x", "the root", "pypistats"])
def test_the_search_leaves_the_rest_alone(text):
    assert not UNWANTED.search(text.encode())


def pins():
    """Return the requirements in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_constraints_are_exact_versions():
    inexact = [str(pin) for pin in pins() if pin.url or [part.operator for part in pin.specifier] != ["=="]]
    assert inexact == []


def test_constraints_pin_every_direct_dependency_to_a_version_it_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for listed in project["optional-dependencies"].values() for text in listed]
    direct = [Requirement(text) for text in (*project["dependencies"], *extras)]
    pinned = {}
    for pin in pins():
        pinned.setdefault(canonicalize_name(pin.name), []).append(next(iter(pin.specifier)).version)
    wrong = [
        str(wanted)
        for wanted in direct
        if wanted.name != project["name"]
        and not all(map(wanted.specifier.contains, pinned.get(canonicalize_name(wanted.name), [""])))
    ]
    assert wrong == []


def test_actions_are_pinned_by_commit_with_their_version_beside():
    workflows = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    used = [line.strip(" -") for line in workflows.splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v[\d.]+", line)] == []


def test_the_citation_names_this_version():
    assert f"\nversion: {suite.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_ci_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
