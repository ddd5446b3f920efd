"""Which device to run on, from what the user asked for and what there is."""

from __future__ import annotations

import re

from suite.errors import UsageError


def resolve(asked: str) -> str:
    """Return ``"cpu"`` or ``"cuda:N"`` for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``. Raises UsageError."""
    if asked == "cpu":
        return "cpu"
    match = re.fullmatch(r"auto|cuda(?::(\d+))?", asked)
    if match is None:
        raise UsageError(f"'{asked}' is no device. Use auto, cpu, cuda or cuda:N.")
    import torch

    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    number = int(match[1] or 0)
    if number < available:
        return f"cuda:{number}"
    if asked == "auto":
        return "cpu"
    raise UsageError(f"There is no device {asked}: torch sees {available} CUDA devices. Use --device cpu or auto.")
