"""The surroundings of a submitted plugin's process: bubblewrap where it is installed, else a trusting user's word.

Inside there is no network and nothing of this machine but its programs and libraries, read-only, the plugin's own
environment and folder, and an empty scratch directory; the process and all that it starts end together. The worker then
confines itself further (`suite.isolation.confinement`), with bubblewrap and without.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from suite.errors import SandboxUnavailable
from suite.home import home
from suite.isolation.confinement import Confinement, landlock_version
from suite.isolation.environments import PluginEnvironment
from suite.isolation.seccomp import architecture

GIB = 1 << 30
SUITE = Path(__file__).resolve().parent.parent
WORKER_FILES = (
    "__init__.py",
    "errors.py",
    "heap.py",
    "home.py",
    "origin.py",
    *("api/__init__.py", "api/pillow.py", "api/pixels.py", "api/plugins.py", "api/torch.py", "api/types.py"),
    *("api/weights.py", "isolation/__init__.py", "isolation/answers.py", "isolation/confinement.py"),
    *("isolation/memory.py", "isolation/seccomp.py", "isolation/wire.py", "isolation/worker.py"),
)
"""All of the suite that a plugin's process has."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
"""Programs and libraries; nothing of /etc that says anything of this machine or its users."""
SCRATCH, SHARED = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own
EMPTY_BYTES = "65536"
"""Of what is put over something hidden: room for the places where what lies below is shown."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", SHARED)
ACCELERATORS = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
INSTALL = "Install bubblewrap (on Debian and Ubuntu: apt-get install bubblewrap)"
APART = (
    *("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--hostname", "sandbox"),
    *("--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"),
)
"""Namespaces of its own for users, files, processes, network, names and messages, without any privilege."""


@dataclass(frozen=True)
class Limits:
    """What a plugin may use: bytes of memory, of scratch and of a file, processes and threads, open files.

    Seconds to start and import the plugin, to load its weights, and for each call; one that takes longer is ended.
    """

    memory_bytes: int = 8 * GIB
    scratch_bytes: int = GIB
    file_bytes: int = GIB
    processes: int = 256
    open_files: int = 512
    start_s: float = 120.0
    load_s: float = 300.0
    call_s: float = 120.0


@dataclass(frozen=True)
class Sandbox:
    """Starts the worker of one plugin. ``folder`` holds its file and its weights, and nothing else.

    ``scratch`` is an empty directory that it may fill where it is trusted; otherwise it gets one in memory.
    ``trusted``: without bubblewrap. Raises SandboxUnavailable where that is not there and nobody trusts the plugin.
    ``sealed``: without what would tell another sandbox something over the files that both may read.
    """

    folder: Path
    scratch: Path
    environment: PluginEnvironment
    trusted: bool = False
    accelerator: bool = False
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    sealed: bool = False

    def __post_init__(self) -> None:
        if not self.trusted:
            bubblewrap()

    @property
    def description(self) -> str:
        """How the plugin is kept apart, for the record."""
        around = "none (trusted)" if self.trusted else bubblewrap_version()
        sealed = f", seccomp {'on' if architecture() else 'none'}" if self.sealed else ""
        return f"{around}, landlock {landlock_version() or 'none'}{sealed}"

    def start(self, connection: int, memory: int) -> subprocess.Popen[bytes]:
        """Start a worker that inherits these two files; all that it prints goes to one pipe."""
        worker = ["-P", "-m", "suite.isolation.worker", str(connection), str(memory)]
        scratch = str(self.scratch) if self.trusted else SCRATCH
        around = [] if self.trusted else self._surrounded()
        parent = os.getpid() if self.trusted else 0
        command = [*around, str(self.environment.python), *worker, str(parent), self._confinement(scratch).written()]
        return subprocess.Popen(  # noqa: S603 - bubblewrap or this interpreter, and the suite's own module
            command,
            pass_fds=(connection, memory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(scratch),
            cwd=scratch if self.trusted else "/",
            process_group=0,
        )

    def _surrounded(self) -> list[str]:
        """Return bubblewrap's part of the command."""
        room = ("--size", str(self.limits.scratch_bytes), "--tmpfs")
        return [
            *(bubblewrap(), *APART, *room, SCRATCH, *room, SHARED),
            *self._mounts(),
            *(word for path in self._accelerators() for word in ("--dev-bind", path, path)),
            *(word for path in (*self._masked(), "/dev", "/") for word in ("--remount-ro", path)),
            *("--chdir", SCRATCH, "--"),
        ]

    def _mounts(self) -> Iterator[str]:
        """Yield what is shown and what is hidden in it, parents first; what lies in something shown is there anyway."""
        shown, masked = self._shown(), self._masked()
        for path in sorted({*shown, *masked}, key=lambda path: (len(Path(path).parts), path)):
            around = [parent for parent in map(str, Path(path).parents) if parent in shown or parent in masked]
            if path in masked:
                yield from ("--size", EMPTY_BYTES, "--tmpfs", path)
            elif not around or around[0] in masked:
                yield from ("--ro-bind", path, path)

    def _shown(self) -> list[str]:
        """Return what the plugin sees of the file system."""
        system = (*SYSTEM, "/sys") if self.accelerator else SYSTEM
        paths = [*filter(os.path.lexists, system), *map(str, self.environment.roots)]
        return [*paths, str(self.folder), str(worker_tree())]

    def _masked(self) -> list[str]:
        return list(map(str, self.environment.masked))

    def _accelerators(self) -> Iterator[str]:
        if self.accelerator:
            numbered = (f"/dev/nvidia{number}" for number in range(16))
            yield from (path for path in (*ACCELERATORS, *numbered) if os.path.lexists(path))

    def _confinement(self, scratch: str) -> Confinement:
        own = [scratch, *DEVICES, *self._accelerators()]
        shown = [*self._shown(), "/proc", "/sys/devices/system", "/etc/localtime"]
        limits = self.limits
        return Confinement(
            *(limits.memory_bytes, limits.processes, limits.open_files, limits.file_bytes),
            readable=shown,
            writable=own,
            sealed=self.sealed,
        )

    def _environment(self, scratch: str) -> dict[str, str]:
        """Return all the variables that the plugin sees: none of the user's."""
        threads = str(self.threads)
        return {
            "PATH": f"{self.environment.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(worker_tree()),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "HOME": scratch,
            "TMPDIR": scratch,
            "LANG": "C.UTF-8",
            **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads),
        }


@cache
def bubblewrap() -> str:
    """Return the program that works here. Raises SandboxUnavailable."""
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable(
            f"A submitted plugin runs in a sandbox, and bubblewrap is not here. {INSTALL}; "
            "or, if you have read the plugin and trust it, add --trust: the result says so."
        )
    system = [word for path in SYSTEM if os.path.lexists(path) for word in ("--ro-bind", path, path)]
    trial = [program, *APART, "--size", "4096", "--tmpfs", SCRATCH, *system, "--", "true"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)  # noqa: S603 - bubblewrap
    if done.returncode:
        raise SandboxUnavailable(
            f"bubblewrap cannot make a sandbox here ({done.stderr.strip()[-200:]}). Allow unprivileged user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); "
            "or, if you have read the plugin and trust it, add --trust: the result says so."
        )
    return program


@cache
def bubblewrap_version() -> str:
    """Return its name and version."""
    done = subprocess.run([bubblewrap(), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


@cache
def worker_tree() -> Path:
    """Return a directory with the few modules of the suite that a plugin's process has, and nothing else of it."""
    content = {name: (SUITE / name).read_bytes() for name in WORKER_FILES}
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + data for name, data in content.items())).hexdigest()
    tree = home() / "worker" / digest[:16]
    if not tree.is_dir():
        lay_out(tree, content)
    return tree.resolve()


def lay_out(tree: Path, content: dict[str, bytes]) -> None:
    """Write the modules beside their place, and move them there whole; another process may be first."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".new-") as scratch:
        whole = Path(scratch) / "tree"
        for name, data in content.items():
            path = whole / "suite" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        compile_all(whole)
        try:
            whole.replace(tree)
        except OSError:
            if not tree.is_dir():
                raise


def compile_all(tree: Path) -> None:
    """Compile the modules: the process that uses them cannot write."""
    command: Sequence[str] = [sys.executable, "-m", "compileall", "-q", str(tree)]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - this interpreter
