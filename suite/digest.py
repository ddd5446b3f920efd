"""Canonical JSON and tagged SHA-256: how the suite names data by its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN; tuples read as lists."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(tag: str, value: Any) -> str:
    """Return ``sha256:…`` over ``tag`` and the canonical JSON of ``value``.

    The tag names what is digested (``"condition/1"``), so that equal JSON of two kinds never collides.
    """
    return sha256_of_bytes(f"{tag}\n{canonical_json(value)}".encode())


def sha256_of_bytes(data: bytes | bytearray | memoryview) -> str:
    """Return ``sha256:…`` over ``data``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_image(image: NDArray[np.uint8]) -> str:
    """Return ``sha256:…`` over an image's shape and pixels."""
    state = hashlib.sha256(repr(image.shape).encode())
    state.update(np.ascontiguousarray(image).data)
    return f"sha256:{state.hexdigest()}"


def sha256_of_file(path: Path) -> str:
    """Return ``sha256:…`` over the bytes of the file at ``path``."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            state.update(chunk)
    return f"sha256:{state.hexdigest()}"
