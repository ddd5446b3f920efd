"""Virtual environments made by uv, of wheels only, and nothing of them is run: that would be outside of the sandbox.

A package built from source runs its own code; a file ``*.pth`` in a wheel does so whenever the environment's Python
starts. So nothing is built, and the base interpreter compiles the bytecode without looking at what is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from suite.errors import UnbuildableEnvironment

INSTALL_UV = "pip install 'compression-suite[submit]'"
INSTALL_TIMEOUT_S = 7200.0
"""To download several gigabytes, and to compile what was in them."""
WHAT_NEXT = "Look at the plugin's dependencies and at the network, or use this environment: --current-environment"
MOST_LINES, MOST_LINE = 15, 300
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
REDIRECTING = {"UV_COMPILE_BYTECODE", "UV_PROJECT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_WORKING_DIR", "VIRTUAL_ENV"}
"""What would have uv work elsewhere, or start the environment's Python."""
FACTS = "import sys; print(sys.prefix, '.'.join(map(str, sys.version_info[:3])), sep='\\n')"


class Interpreter(NamedTuple):
    """A Python outside of any virtual environment: its file, the directory it is installed in, such as "3.11.7"."""

    executable: Path
    prefix: Path
    version: str


def requirements_of(dependencies: Iterable[str]) -> tuple[str, ...]:
    """Return the dependencies and numpy, sorted, in one spelling. Raises UnbuildableEnvironment for what is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = {"numpy"}
    for text in dependencies:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UnbuildableEnvironment(f"The dependency {text!r:.200} cannot be read: {error!s:.200}") from error
        if requirement.url is not None:
            raise UnbuildableEnvironment(
                f"The dependency {text!r:.200} names an address. Name what a package registry has, such as package==1.2"
            )
        found.add(str(requirement))
    return tuple(sorted(found))


def interpreter_for(requires_python: str) -> Interpreter:
    """Return this process's Python if it is allowed, else what uv finds. Raises UnbuildableEnvironment for none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        allowed = SpecifierSet(requires_python)
    except InvalidSpecifier as error:
        raise UnbuildableEnvironment(
            f"requires-python is a range such as '>=3.11,<3.14', but it is {requires_python!r:.200}."
        ) from error
    own = ".".join(map(str, sys.version_info[:3]))
    if allowed.contains(own, prereleases=True):
        return Interpreter(Path(sys.executable).resolve(), Path(sys.base_prefix).resolve(), own)
    return found_by_uv(",".join(sorted(map(str, allowed))), own)


def found_by_uv(requires_python: str, own: str) -> Interpreter:
    """Return a Python of that range that is installed. Raises UnbuildableEnvironment if there is none."""
    try:
        executable = Path(run_uv("python", "find", "--system", "--no-project", requires_python).strip()).resolve()
        answer = run(str(executable), "-I", "-S", "-c", FACTS)
    except UnbuildableEnvironment as error:
        raise UnbuildableEnvironment(
            f"The plugin requires Python {requires_python}; this one is {own}, and uv finds no other. "
            f"Install one, for example: uv python install '{requires_python}'\n{error}"
        ) from error
    prefix, version = answer.splitlines()
    return Interpreter(executable, Path(prefix).resolve(), version)


def install(
    venv: Path, interpreter: Interpreter, requirements: Sequence[str], *, project: Path, kept_open: Sequence[int]
) -> None:
    """Make the virtual environment ``venv``, which may be moved, with these packages and their bytecode.

    ``project`` is where uv looks for a project's settings instead of in the current directory. The children inherit the
    files ``kept_open``: a lock on one is held until the last has ended. Raises UnbuildableEnvironment.
    """
    (project / "uv.toml").touch()  # the search for settings ends here; the user's own are read all the same
    here = ("--quiet", "--project", str(project))
    run_uv("venv", *here, "--relocatable", "--python", str(interpreter.executable), str(venv), kept_open=kept_open)
    try:
        run_uv(
            *("pip", "install", *here, "--python", str(venv / "bin" / "python")),
            *("--no-build", "--no-compile-bytecode", "-r", "-"),
            given="\n".join(requirements),
            kept_open=kept_open,
        )
    except UnbuildableEnvironment as error:
        raise UnbuildableEnvironment(f"The plugin's dependencies cannot be installed: {error}\n{WHAT_NEXT}") from error
    compile_bytecode(venv / "lib", interpreter, kept_open)


def compile_bytecode(library: Path, interpreter: Interpreter, kept_open: Sequence[int]) -> None:
    """Compile what can be compiled: packages ship files for other Pythons too."""
    run(
        *(str(interpreter.executable), "-I", "-S", "-W", "ignore"),
        *("-m", "compileall", "-qq", "-j", "0", str(library)),
        kept_open=kept_open,
        good=(0, 1),
    )


def run_uv(*arguments: str, given: str = "", kept_open: Sequence[int] = ()) -> str:
    """Run uv with the user's settings and return what it prints. Raises UnbuildableEnvironment with its last lines."""
    options = ("--no-progress", "--color", "never")
    return run(str(uv()), *arguments[:1], *options, *arguments[1:], given=given, kept_open=kept_open)


def run(*command: str, given: str = "", kept_open: Sequence[int] = (), good: Sequence[int] = (0,)) -> str:
    """Run a program and return what it prints. Raises UnbuildableEnvironment if its status is not a good one."""
    try:
        done = subprocess.run(  # noqa: S603 - uv, or an interpreter with the suite's own arguments
            command,
            input=given,
            env=settings(),
            pass_fds=kept_open,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnbuildableEnvironment(
            f"{Path(command[0]).name} could not do its work: {str(error)[-MOST_LINE:]}"
        ) from error
    if done.returncode not in good:
        name = Path(command[0]).name
        raise UnbuildableEnvironment(f"{name} ended with status {done.returncode}:\n{last_lines(done.stderr)}")
    return done.stdout


def settings() -> dict[str, str]:
    """Return the user's environment variables, less those that would redirect uv; no interpreter is downloaded."""
    kept = {name: value for name, value in os.environ.items() if name not in REDIRECTING}
    own = {name: value for name, value in kept.items() if not name.startswith("PYTHON")}
    return {"UV_PYTHON_DOWNLOADS": "never"} | own


def last_lines(text: str) -> str:
    """Return the end of what a program said, without the names and passwords in addresses."""
    lines = [line.rstrip() for line in CREDENTIALS.sub("***@", text).splitlines() if line.strip()]
    return "\n".join(f"  {line[:MOST_LINE]}" for line in lines[-MOST_LINES:])


def uv() -> Path:
    """Return the program: of the package uv, beside this interpreter, or on PATH. Raises UnbuildableEnvironment."""
    with suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin

        return Path(find_uv_bin())
    beside = str(Path(sys.executable).parent)
    found = shutil.which("uv", path=beside) or shutil.which("uv")
    if found is None:
        raise UnbuildableEnvironment(f"Plugins' environments are made by uv, which is not installed. Run: {INSTALL_UV}")
    return Path(found)
