"""Machines by names that a reader understands: what the processor or the GPU calls itself, beside the digest."""

from __future__ import annotations

from collections.abc import Mapping

from suite.spec import Environment

SHORT = 8
"""So many digits of a digest tell machines apart."""


def short(digest: str) -> str:
    """Return the beginning of a digest, as tables show it."""
    return digest.removeprefix("sha256:")[:SHORT]


def host_label(digest: str, environment: Environment | None) -> str:
    """Return a machine's processor and the beginning of its digest, as in ``"NVIDIA H200 (1a2b3c4d)"``."""
    if environment is None:
        return short(digest)
    device, details = environment.identity.get("device", ""), environment.details
    if device and not device.startswith("cpu"):
        return f"{device} ({short(digest)})"
    named = [details["cpu"]] if details.get("cpu") else []
    named += [f"{details['cores']} cores"] if details.get("cores") else []
    return f"{', '.join(named or [device or 'machine'])} ({short(digest)})"


def host_labels(environments: Mapping[str, Environment]) -> dict[str, str]:
    """Return the label of each environment by its digest."""
    return {digest: host_label(digest, found) for digest, found in environments.items()}


def environment_columns(environment: Environment) -> dict[str, list[str]]:
    """Return everything that is recorded of a machine, as a table."""
    facts = [
        *(("identity", *pair) for pair in environment.identity.items()),
        *(("details", *pair) for pair in environment.details.items()),
    ]
    return {
        "part": [part for part, _, _ in facts],
        "what": [name for _, name, _ in facts],
        "value": [value for _, _, value in facts],
    }
