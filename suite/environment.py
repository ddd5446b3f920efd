"""Where a measurement runs: what may change its numbers (the identity), and what else helps to explain it.

The host's name and its user's are never recorded.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from suite import __version__
from suite.spec import Environment

ROOT = Path(__file__).resolve().parent.parent
TOOL_TIMEOUT_S = 10
ABSENT = "absent"


def record(device: str) -> Environment:
    """Return the environment of ``device`` (``"cpu"`` or ``"cuda:N"``).

    Codec builds are not in it but in each condition: who installs one more codec need not measure the others again.
    """
    return Environment(
        identity={**packages(), **processor(device), "system": f"{platform.system()} {platform.machine()}"},
        details={**host(), **driver(device), **checkout(ROOT)},
    )


def packages() -> dict[str, str]:
    """Return the versions of Python, the suite and the libraries whose arithmetic ends up in results."""
    import cv2
    import numpy
    import PIL
    import torch

    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "suite": __version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
        "opencv": cv2.__version__,
        "torch": str(torch.__version__),
        "torchvision": installed("torchvision"),
        "timm": installed("timm"),
    }


def installed(distribution: str) -> str:
    """Return the version of an installed distribution, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ABSENT


def processor(device: str) -> dict[str, str]:
    """Return the processor's name, and for a GPU the libraries that compute on it."""
    import torch

    if device == "cpu":
        return {"device": f"cpu {torch.backends.cpu.get_cpu_capability()}"}
    return {
        "device": torch.cuda.get_device_name(device),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
    }


def host() -> dict[str, str]:
    """Return facts about the machine that should not change a number."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cores": str(cores()),
        "memory_gib": memory_gib(),
    }


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name that the CPU gives itself; ``cpuinfo`` is where Linux keeps it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def memory_gib() -> str:
    """Return the machine's memory in GiB, or that it is unknown (outside POSIX)."""
    if not hasattr(os, "sysconf"):
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f}"


def driver(device: str) -> dict[str, str]:
    """Return the version of the GPU's driver, nothing for the CPU or where it cannot be asked."""
    if device == "cpu":
        return {}
    versions = output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").split()
    return {"gpu_driver": versions[0]} if versions else {}


def checkout(root: Path) -> dict[str, str]:
    """Return the commit of the suite's checkout and whether files differ from it; nothing where it is installed."""
    if not (root / ".git").exists():  # another project's repository around an installed suite says nothing about it
        return {}
    git = ("git", "--no-optional-locks", "-C", str(root))
    commit = output_of(*git, "rev-parse", "--verify", "HEAD").strip()
    if not commit:
        return {}
    return {"commit": commit, "dirty": "yes" if output_of(*git, "status", "--porcelain") else "no"}


def output_of(tool: str, *arguments: str) -> str:
    """Return what an external tool prints; nothing where it is absent, fails or takes too long."""
    path = shutil.which(tool)
    if path is None:
        return ""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}  # a hook sets GIT_DIR
    try:
        done = subprocess.run(  # noqa: S603 - the suite's own fixed commands
            [path, *arguments],
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
