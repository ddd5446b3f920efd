"""What `suite doctor` says of this machine, for a process that must not load codecs and networks itself."""

from __future__ import annotations

import subprocess
import sys

from suite.errors import UsageError
from suite.protocols import names

LONGEST_S = 900


def diagnosis(protocol: str) -> str:
    """Return what `suite doctor` prints of a protocol of the package. Raises UsageError where it cannot say."""
    if protocol not in names():
        raise UsageError(f"{protocol} is no protocol of this package: there are no golden values of it here.")
    command = [sys.executable, "-m", "suite.cli.main", "doctor", protocol, "--device", "cpu"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603 - our own command
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"The check took more than {LONGEST_S} s. Run it yourself: suite doctor {protocol}") from error
    if not done.stdout:
        raise UsageError(done.stderr.strip()[-500:] or f"suite doctor {protocol} printed nothing.")
    return done.stdout + done.stderr
