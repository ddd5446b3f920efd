"""Plugins' environments: built for real by uv, from wheels that the tests make, and kept whatever happens meanwhile."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.errors import UnbuildableEnvironment
from suite.isolation import environments, installer
from suite.isolation.environments import built, kept, prune
from tests.isolation.guests import needs_bubblewrap
from tests.wheels import sdist, wheel

ROOT = Path(__file__).resolve().parents[2]
OWN = ".".join(map(str, sys.version_info[:3]))
BUILDER = """
import sys, time
from suite.isolation.environments import built
from suite.progress import Silent
class Told(Silent):
    def start(self, what, total):
        print("builds", flush=True)
with built("", ["plain"], progress=Told()) as environment:
    print(environment.python, flush=True)
    sys.stdin.read()
"""


class Told:
    """Progress that remembers."""

    def __init__(self):
        self.started, self.notes = [], []

    def start(self, what, total):
        self.started.append(what)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def links(tmp_path, monkeypatch):
    """Give a directory of wheels, the only place that uv looks in, with a stand-in for numpy."""
    directory = tmp_path / "links"
    directory.mkdir()
    wheel(directory, "numpy", "2.0", {"numpy.py": ""})
    wheel(directory, "plain", "1.5", {"plain.py": "VALUE = 7\n"})
    for name, value in {"FIND_LINKS": directory, "NO_INDEX": 1, "OFFLINE": 1, "CACHE_DIR": tmp_path / "uv"}.items():
        monkeypatch.setenv(f"UV_{name}", str(value))
    return directory


@pytest.fixture
def no_installer(monkeypatch):
    """Have every attempt to build fail the test."""

    def run(*command, **_):
        pytest.fail(f"was run: {command}")

    return lambda: monkeypatch.setattr(installer, "run", run)


def names():
    """Return what is in the directory of environments, without locks."""
    return sorted(path.name for path in environments.environments().glob("*") if path.suffix != ".lock")


def in_python(environment, code):
    command = [environment.python, "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


def another():
    """Start a process that builds, or finds, the environment of `plain` and uses it until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def answer(process):
    """End such a process, and return what it said."""
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return said.split()


def test_what_is_asked_for_is_there_compiled_and_nothing_else(links):
    with built("", ["plain>=1"]) as environment:
        code = "import plain, sys; print(plain.VALUE, plain.__cached__, sys.version_info[:3], sys.prefix)"
        value, cached, *version, prefix = in_python(environment, code).split()
        assert (value, " ".join(version)) == ("7", str(sys.version_info[:3]))
        assert Path(cached).is_file()
        assert environment.packages == ("numpy==2.0", "plain==1.5")
        assert Path(prefix) == environment.roots[0]
        assert Path(sys.base_prefix).resolve() in environment.roots


@needs_bubblewrap
def test_its_roots_are_all_that_its_python_needs_beside_the_system(links):
    with built("", ["plain"]) as environment:
        system = [path for path in ("/usr", "/lib", "/lib64") if Path(path).exists()]
        shown = [part for path in (*system, *environment.roots) for part in ("--ro-bind", str(path), str(path))]
        command = ["bwrap", "--unshare-all", *shown, str(environment.python), "-I", "-c", "import plain, ssl, ctypes"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_second_time_nothing_is_run_whatever_the_order(links, no_installer):
    wheel(links, "other", "1", {})
    with built(" >=3.8, <4", ["plain", "other >= 1"]) as first:
        pass
    shutil.rmtree(links)
    no_installer()
    told = Told()
    with built("<4,>=3.8", ["other>=1", "plain", "numpy"], progress=told) as second:
        assert second == first
    assert told.started == []


def test_other_content_is_another_environment(links):
    pythons = set()
    for requires, dependencies in [("", []), (">=3.8", []), ("", ["plain"]), ("", ["plain==1.5"])]:
        with built(requires, dependencies) as environment:
            pythons.add(environment.python)
    assert len(pythons) == len(kept()) == 4


def test_two_builders_at_once_build_once(links):
    first, second = another(), another()
    said = [answer(first), answer(second)]
    assert sorted(map(len, said)) == [1, 2]
    assert said[0][-1] == said[1][-1]
    assert names() == [Path(said[0][-1]).parents[2].name]


@pytest.fixture
def silent_index(monkeypatch):
    """Give an index that accepts connections and never answers, and what ends it."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(60)
    for name in ("UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://user:secret@127.0.0.1:{server.getsockname()[1]}/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    yield server
    server.close()


def test_what_a_killed_builder_left_is_cleared_away(links, silent_index, monkeypatch):
    builder = another()
    connection, _ = silent_index.accept()
    builder.kill()
    assert builder.wait() == -signal.SIGKILL
    builder.communicate()
    (left,) = names()
    assert left.startswith(".")
    with (environments.environments() / f"{left[1:]}.lock").open("ab") as lock:
        assert not environments.locked(lock.fileno())  # its uv is still there, and could write
        connection.close()
        silent_index.close()
        over = time.monotonic() + 60
        while not environments.locked(lock.fileno()):
            assert time.monotonic() < over
            time.sleep(0.05)
    assert kept() == []
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    with built("", []):
        assert len(names()) == 1
    assert not any(name.startswith(".") for name in names())


def test_who_waits_for_another_builder_is_told(links, silent_index, monkeypatch):
    builder = another()
    connection, _ = silent_index.accept()
    (left,) = names()
    told = Told()

    def note(text):
        told.notes.append(text)
        builder.kill()
        builder.communicate()
        connection.close()
        silent_index.close()

    monkeypatch.setattr(told, "note", note)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    with built("", ["plain"], progress=told) as environment:
        assert in_python(environment, "import plain; print(plain.VALUE)") == "7"
    assert [note.startswith("Another process builds the same environment") for note in told.notes] == [True]
    assert names() == [left[1:]]


def without_interpreter(directory):
    (directory / "venv" / "bin" / "python").unlink()


def without_a_package(directory):
    shutil.rmtree(next(directory.glob("venv/lib/python*/site-packages/plain-*")))


def without_record(directory):
    (directory / "environment.json").unlink()


def with_half_a_record(directory):
    (directory / "environment.json").write_text('{"packages": [')


def with_another_record(directory):
    (directory / "environment.json").write_text("[]")


def without_lock(directory):
    (directory / "in-use").unlink()


@pytest.mark.parametrize(
    "damage",
    [without_interpreter, without_a_package, without_record, with_half_a_record, with_another_record, without_lock],
)
def test_a_damaged_environment_is_built_anew(links, damage):
    with built("", ["plain"]) as environment:
        directory = environment.python.parents[2]
    damage(directory)
    told = Told()
    with built("", ["plain"], progress=told) as again:
        assert again == environment
        assert in_python(again, "import plain; print(plain.VALUE)") == "7"
    assert told.started == ["the plugin's environment"]


@pytest.mark.parametrize(
    ("requires", "dependencies", "message"),
    [
        ("", ["nowhere-to-be-found"], "cannot be installed: uv ended.*nowhere-to-be-found was not found.*dependencies"),
        ("", ["plain<1", "plain>1"], "(?s)unsatisfiable"),
        ("", ["-e ."], "'-e .' cannot be read"),
        ("", ["plain\n--index-url=x"], "cannot be read"),
        ("", ["plain @ file:///etc"], "names an address"),
        ("", ["plain @ git+https://localhost/x"], "names an address"),
        ("new", [], "range such as"),
        (">=3.99", [], f"requires Python >=3.99; this one is {OWN}, and uv finds no other. Install one"),
    ],
)
def test_what_cannot_be_built_is_said_and_leaves_nothing(links, requires, dependencies, message):
    with pytest.raises(UnbuildableEnvironment, match=f"(?s){message}"), built(requires, dependencies):
        pass
    assert names() == []


def test_a_place_that_cannot_be_written_to_is_named(links, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SUITE_HOME", str(tmp_path / "file"))
    with pytest.raises(UnbuildableEnvironment, match=r"cannot be kept in .*file/environments"), built("", []):
        pass


def test_a_failed_build_does_not_stand_in_the_way_of_the_next(links):
    with pytest.raises(UnbuildableEnvironment), built("", ["late"]):
        pass
    wheel(links, "late", "1", {})
    with built("", ["late"]) as environment:
        assert environment.packages == ("late==1", "numpy==2.0")


def test_nothing_of_a_package_is_run_where_it_is_not_sandboxed(links, tmp_path, monkeypatch):
    deed = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
    wheel(links, "hostile", "1", {"hostile.pth": deed, "hostile.py": deed, "bad.py": "print 'two'"})
    sdist(links, "built-from-source", "1", deed)
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    with built("", ["hostile"]) as environment:
        assert not (tmp_path / "ran").exists()
        in_python(environment, "")
        assert (tmp_path / "ran").exists()  # it would have been
    (tmp_path / "ran").unlink()
    with pytest.raises(UnbuildableEnvironment, match=r"building source distributions is disabled|no usable wheels"):
        built("", ["built-from-source"]).__enter__()
    assert not (tmp_path / "ran").exists()


def test_a_wheel_that_writes_where_it_should_not_shows_nothing_more(links):
    files = {"data/pyvenv.cfg": b"home = /etc/x\nx = \xff", "purelib/odd.dist-info/METADATA": "Name: a\tb\nVersion: 1"}
    wheel(links, "rude", "1", {f"rude-1.data/{path}": text for path, text in files.items()})
    with built("", ["rude"]) as environment:
        assert environment.packages == ("numpy==2.0", "rude==1")
        assert environment.roots[1:] == (Path(sys.base_prefix).resolve(),)
    wheel(links, "ruder", "1", {"ruder-1.data/purelib/odd.dist-info/METADATA": b"Name: \xff"})
    with pytest.raises(UnbuildableEnvironment, match="metadata of one of the packages"), built("", ["ruder"]):
        pass
    assert len(names()) == 1


def test_protocols_images_are_refused_also_as_a_dependency_of_a_dependency(links):
    wheel(links, "innocent", "1", {}, requires=["Elpv.Dataset"])
    wheel(links, "elpv_dataset", "9", {"elpv_dataset/__init__.py": ""})
    with pytest.raises(UnbuildableEnvironment, match=r"elpv-dataset==9 holds the images"), built("", ["innocent"]):
        pass
    assert names() == []


def test_the_users_settings_count_and_a_projects_do_not(links, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\noverride-dependencies = ["plain==9"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUITE_HOME", "home")
    monkeypatch.setenv("UV_FIND_LINKS", links.name)
    with built("", ["plain"]) as environment:
        assert "plain==1.5" in environment.packages
        assert environment.python.is_relative_to(tmp_path / "home")


def test_no_password_is_shown_or_kept(links, silent_index, monkeypatch):
    silent_index.close()
    with pytest.raises(UnbuildableEnvironment, match=r"127\.0\.0\.1") as caught, built("", ["only-there"]):
        pass
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("UV_OFFLINE", "1")
    with built("", []) as environment:
        files = [path for path in environment.python.parents[2].rglob("*") if path.is_file()]
    assert [path for path in files if b"secret" in path.read_bytes()] == []


def test_what_uv_says_is_bounded():
    said = "\n".join(["first", *(f"https://me:pass@host/{i} {'x' * 10_000}" for i in range(1000))])
    lines = installer.last_lines(said).splitlines()
    assert len(lines) == installer.MOST_LINES
    assert lines[-1].startswith("  https://***@host/999 x")
    assert max(map(len, lines)) == installer.MOST_LINE + 2


def test_without_uv_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setattr(sys, "executable", "/nowhere/bin/python")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnbuildableEnvironment, match=r"pip install 'compression-suite\[submit\]'"):
        installer.uv()


def other_pythons():
    """Yield the interpreters of other versions that are installed where Debian, pyenv and uv put them, with these."""
    beside = Path(sys.base_prefix).resolve().parent.glob("*/bin/python3")
    for path in [Path("/usr/bin/python3"), *sorted(beside)]:
        if path.exists():
            told = subprocess.run([path, "-c", installer.FACTS], check=True, capture_output=True, text=True)
            version = told.stdout.split()[1]
            if version != OWN and tuple(map(int, version.split("."))) >= (3, 9):
                yield path, version


def test_another_python_is_taken_where_the_plugin_asks_for_it(links, monkeypatch):
    path, expected = next(other_pythons(), (None, None))
    if path is None:
        pytest.skip("no other Python is installed")
    monkeypatch.setenv("PATH", str(path.parent))
    requires = f">=3.9,!={OWN}"
    with built(requires, ["plain"]) as environment:
        said = in_python(
            environment, "import plain, sys; print(*sys.version_info[:3], sep='.'); print(sys.base_prefix)"
        )
        version, base = said.splitlines()
    assert version == expected
    assert Path(base) in environment.roots


def test_the_least_recently_used_go_first_and_none_that_is_used(links):
    directories = {}
    for day, dependencies in enumerate([["plain"], ["plain>1"], ["plain>=1"]]):
        with built("", dependencies) as environment:
            directories[day] = environment.python.parents[2]
        os.utime(directories[day] / "in-use", (day, day))
    assert [(one.path, one.used_at) for one in kept()] == [(directories[day], day) for day in range(3)]
    total = sum(one.byte_count for one in kept())
    files = [path for one in kept() for path in one.path.rglob("*") if not path.is_dir()]
    assert total == sum(path.lstat().st_size for path in files)
    with built("", ["plain>1"]):
        assert kept()[-1].path == directories[1]
        assert prune(total) == 0
        assert prune(0) == total - kept()[0].byte_count
        assert [one.path for one in kept()] == [directories[1]]
    assert prune(0) > 0
    assert names() == []


def test_an_environment_that_another_process_uses_stays(links):
    process = another()
    assert process.stdout.readline() == "builds\n"
    python = Path(process.stdout.readline().strip())
    assert prune(0) == 0
    assert python.exists()
    process.communicate(timeout=60)
    assert prune(0) > 0
    assert not python.exists()


@pytest.mark.parametrize("waste", [".{}", "{}"])
def test_pruning_clears_away_what_is_not_whole(links, waste):
    with built("", []) as environment:
        directory = environment.python.parents[2]
    directory.rename(directory.with_name(waste.format(directory.name)))
    for name in ("environment.json", "in-use"):
        (directory.with_name(waste.format(directory.name)) / name).unlink()
    prune(0)
    assert names() == []


def test_the_real_numpy_comes_from_an_index():
    try:
        with built("", ["tomli"]) as environment:
            assert in_python(environment, "import numpy, tomli; print(numpy.arange(3).sum())") == "3"
    except UnbuildableEnvironment as error:
        if "client error" not in str(error):
            raise
        pytest.skip("no package index can be reached")
