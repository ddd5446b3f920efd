"""Where the suite keeps what belongs to a user and a host: registered data and weights, bitstreams, measured tuning."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the directory: ``$SUITE_HOME``, else the platform's place for a user's data."""
    chosen = os.environ.get("SUITE_HOME")
    if chosen:
        return Path(chosen)
    import platformdirs  # only here: whatever hosts a plugin alone does without it

    return Path(platformdirs.user_data_dir("compression-suite"))


def write_atomically(path: Path, text: str) -> None:
    """Write a whole small file, or leave the old one: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
