"""The Python environment that a submitted plugin runs in: this process's own, or one built for it and kept by content.

Kept are ``environments/DIGEST/`` with ``venv/``, ``environment.json`` and ``in-use``, a file that whoever uses the
environment holds a shared lock on. One is built in ``environments/.DIGEST/`` and renamed, under the lock of
``environments/DIGEST.lock``: what is there without that lock was left by a process that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from suite.digest import digest_of
from suite.errors import UnbuildableEnvironment
from suite.home import home, write_atomically
from suite.isolation import installer
from suite.isolation.installer import Interpreter
from suite.isolation.visible import HOLDS_IMAGES, masked_below, named_with_versions, roots_of, sites
from suite.progress import Progress, Silent

FORMAT = 1
"""Raised whenever environments are built in another way."""
VENV, RECORD, IN_USE = "venv", "environment.json", "in-use"
DIGEST = re.compile(r"[0-9a-f]{64}")


class PluginEnvironment(NamedTuple):
    """What a sandbox shows of the file system for a plugin's Python to run.

    ``python`` is the interpreter to start; ``roots`` are the directories to show, read-only; ``masked`` are directories
    below them to hide (a root below one of these is shown all the same); ``packages`` are sorted, ``name==version``.
    """

    python: Path
    roots: tuple[Path, ...]
    packages: tuple[str, ...]
    masked: tuple[Path, ...]


class Kept(NamedTuple):
    """An environment on the disk, its size, and when it was last used, in seconds of the epoch.

    uv links files from its own cache where it can: their space is free only when they are gone from there too.
    """

    path: Path
    byte_count: int
    used_at: float


def current() -> PluginEnvironment:
    """Return this process's own environment. Raises PluginError where a protocol's images cannot be hidden."""
    roots = roots_of([Path(sys.prefix), Path(sys.base_prefix)], sys.path)
    return PluginEnvironment(Path(sys.executable), roots, named_with_versions(distributions()), masked_below(roots))


@contextmanager
def built(
    requires_python: str, dependencies: Sequence[str], *, progress: Progress | None = None
) -> Iterator[PluginEnvironment]:
    """Have an environment with numpy and these dependencies as long as the context lasts, built if none is kept.

    Only its own packages are in it. Raises UnbuildableEnvironment.
    """
    interpreter = installer.interpreter_for(requires_python)
    requirements = installer.requirements_of(dependencies)
    directory = environments() / digest(interpreter, requirements, requires_python)
    with ExitStack() as held:
        environment = held.enter_context(used(directory)) or made(
            directory, interpreter, requirements, held=held, progress=progress or Silent()
        )
        yield environment


def kept() -> list[Kept]:
    """Return the environments on the disk, the least recently used first."""
    found = [path for path in environments().glob("*") if DIGEST.fullmatch(path.name)]
    return sorted((Kept(path, size_of(path), used_at(path)) for path in found), key=lambda one: one.used_at)


def prune(keep_bytes: int) -> int:
    """Remove the least recently used environments until that much is left, none in use. Returns the bytes removed."""
    sweep()
    listed = kept()
    size = total = sum(one.byte_count for one in listed)
    for one in listed:
        if size > keep_bytes and removed_unused(one.path):
            size -= one.byte_count
    return total - size


def environments() -> Path:
    """Return the directory that they are kept in."""
    return home().resolve() / "environments"


def digest(interpreter: Interpreter, requirements: Sequence[str], requires_python: str) -> str:
    """Return what names an environment by its content, hexadecimal."""
    content = {
        "format": FORMAT,
        "requirements": list(requirements),
        "requires_python": sorted(part.strip() for part in requires_python.split(",")),
        "python": interpreter.version,
        "platform": sysconfig.get_platform(),
    }
    return digest_of("plugin environment", content).rpartition(":")[2]


def made(
    directory: Path, interpreter: Interpreter, requirements: Sequence[str], *, held: ExitStack, progress: Progress
) -> PluginEnvironment:
    """Build an environment, unless another process has meanwhile, and have it in use until ``held`` ends."""
    try:
        with alone(directory, progress) as lock:
            environment = held.enter_context(used(directory))
            if environment is None:
                progress.start("the plugin's environment", None)
                build(directory, interpreter, requirements, lock)
                environment = held.enter_context(used(directory))
    except OSError as error:
        raise UnbuildableEnvironment(
            f"The plugin's environment cannot be kept in {directory.parent}: {error}"
        ) from error
    if environment is None:
        raise UnbuildableEnvironment(f"The environment {directory} is not what was built a moment ago. Run again.")
    return environment


def build(directory: Path, interpreter: Interpreter, requirements: Sequence[str], lock: int) -> None:
    """Build in a scratch directory, look at what is there, and rename it. Raises UnbuildableEnvironment."""
    sweep()
    scratch = scratch_of(directory)
    remove(scratch)
    remove(directory)  # damaged
    scratch.mkdir()
    try:
        installer.install(scratch / VENV, interpreter, requirements, project=scratch, kept_open=[lock])
        refuse_images(record(scratch, interpreter)["packages"])
        scratch.rename(directory)
    except UnicodeDecodeError as error:
        raise UnbuildableEnvironment(f"The metadata of one of the packages cannot be read: {error}") from error
    finally:
        remove(scratch)


def record(scratch: Path, interpreter: Interpreter) -> dict[str, list[str]]:
    """Write down what a finished environment has to have, and return it."""
    venv = scratch / VENV
    settings = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    home_line = re.search(r"^home *= *(.+)$", settings, re.MULTILINE)
    addressed = Path(home_line[1]).parent if home_line else interpreter.prefix
    bases = [interpreter.prefix, *([addressed] if addressed.resolve() == interpreter.prefix else [])]
    content = {
        "bases": sorted({str(base) for base in bases}),
        "installed": installed(venv),
        "packages": list(named_with_versions(distributions(path=[str(site) for site in sites(venv)]))),
    }
    write_atomically(scratch / RECORD, json.dumps(content, indent=1))
    (scratch / IN_USE).touch()
    return content


def refuse_images(packages: Sequence[str]) -> None:
    """Raise UnbuildableEnvironment if a package holds the images of a protocol."""
    for package in packages:
        if package.partition("==")[0] in HOLDS_IMAGES:
            raise UnbuildableEnvironment(
                f"{package} holds the images that protocols measure on. No plugin may have them: remove what needs it."
            )


@contextmanager
def used(directory: Path) -> Iterator[PluginEnvironment | None]:
    """Have an environment kept as long as the context lasts; gives None where there is none, or a damaged one."""
    with ExitStack() as held:
        path = directory / IN_USE
        try:
            file = held.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_SH)
            same = os.path.samestat(os.fstat(file.fileno()), path.stat())  # not removed while waiting
            environment = whole(directory) if same else None
        except OSError:
            environment = None
        if environment is not None:
            with suppress(OSError):  # where it cannot be written to
                os.utime(path)
        else:
            held.close()
        yield environment


def whole(directory: Path) -> PluginEnvironment | None:
    """Return the environment in a directory, None unless everything is there that was installed."""
    venv = directory / VENV
    python = venv / "bin" / "python"
    try:
        content = json.loads((directory / RECORD).read_text(encoding="utf-8"))
        roots, packages = (venv, *map(Path, content["bases"])), tuple(content["packages"])
        complete = installed(venv) == content["installed"] and os.access(python, os.X_OK)
    except (OSError, ValueError, KeyError, TypeError):  # torn, or not ours
        return None
    return PluginEnvironment(python, roots, packages, masked_below(roots)) if complete else None


def installed(venv: Path) -> list[str]:
    """Return the names of the directories of metadata."""
    return sorted(path.name for site in sites(venv) for path in site.glob("*.dist-info"))


@contextmanager
def alone(directory: Path, progress: Progress) -> Iterator[int]:
    """Hold the lock under which an environment is built or removed, waiting for it; gives its file descriptor."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(directory).open("ab") as file:
        if not locked(file.fileno()):
            progress.note("Another process builds the same environment, which takes as long as its packages do.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def sweep() -> None:
    """Remove what processes that were killed had begun to build."""
    for scratch in environments().glob(".*"):
        if DIGEST.fullmatch(scratch.name[1:]):
            with lock_of(scratch).open("ab") as lock:
                if locked(lock.fileno()):
                    remove(scratch)


def removed_unused(directory: Path) -> bool:
    """Remove an environment that nobody uses or builds; tell whether that was so."""
    with ExitStack() as held:
        if not locked(held.enter_context(lock_of(directory).open("ab")).fileno()):
            return False
        with suppress(FileNotFoundError):  # of one that was removed in part
            if not locked(held.enter_context((directory / IN_USE).open("rb")).fileno()):
                return False
        remove(directory)
    return True


def locked(descriptor: int) -> bool:
    """Take the lock on a file for oneself, if nobody has it; tell whether that was so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_of(directory: Path) -> Path:
    """Return the file whose lock an environment, or its scratch directory, is made under. It is never removed."""
    return directory.with_name(f"{directory.name.lstrip('.')}.lock")


def scratch_of(directory: Path) -> Path:
    """Return where an environment is built."""
    return directory.with_name(f".{directory.name}")


def remove(directory: Path) -> None:
    """Remove a directory, its record first: what is left if this is interrupted is not mistaken for an environment."""
    (directory / RECORD).unlink(missing_ok=True)
    if directory.exists():
        shutil.rmtree(directory)


def size_of(directory: Path) -> int:
    """Return the bytes of the files in a directory."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):  # removed meanwhile
                total += (Path(folder) / name).lstat().st_size
    return total


def used_at(directory: Path) -> float:
    """Return when an environment was last used; 0 where it was removed in part."""
    try:
        return (directory / IN_USE).stat().st_mtime
    except FileNotFoundError:
        return 0.0
