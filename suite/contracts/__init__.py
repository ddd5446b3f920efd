"""What every plugin of a kind must keep, as checks that anyone can run: the tests, CI and `suite check` do.

A check asks one question of a live plugin and answers with what is wrong, or with nothing. A plugin that raises fails
its check; it never stops the examination. What a check needs of images it makes itself, so none needs any data.
"""

from __future__ import annotations

from typing import Any

from suite import data, registry
from suite.api import Retraining
from suite.contracts.codecs import check_codec
from suite.contracts.datasets import check_dataset
from suite.contracts.finding import Finding
from suite.contracts.mitigations import check_restoration, check_retraining
from suite.contracts.models import check_model
from suite.errors import InvalidPlugin, UsageError
from suite.spec import PluginKind

__all__ = [
    "Finding",
    "check",
    "check_codec",
    "check_dataset",
    "check_model",
    "check_restoration",
    "check_retraining",
]


def check(kind: str, name: str, *, device: str = "cpu", limit: int = 32) -> list[Finding]:
    """Examine the plugin (or registered dataset) of that name. Raises UnknownPlugin for a name that nothing has."""
    try:
        plugin = found(kind, name)
    except InvalidPlugin as error:
        return [Finding("made", ok=False, message=str(error))]
    if kind == "codec":
        return check_codec(plugin)
    if kind == "dataset":
        return check_dataset(plugin, limit)
    if kind == "model":
        return check_model(plugin, device)
    return check_retraining(plugin) if isinstance(plugin, Retraining) else check_restoration(plugin, device)


def found(kind: str, name: str) -> Any:
    """Return a live plugin. Raises UsageError, UnknownPlugin, UnknownDataset or InvalidPlugin."""
    kinds: dict[str, PluginKind] = {known: known for known in registry.KINDS}
    if kind not in kinds:
        raise UsageError(f"Expected a kind of plugin, {', '.join(kinds)}, but got '{kind}'.")
    if kind == "dataset" and name in data.registered():
        return data.open_registered(name).plugin
    return registry.load(kinds[kind], name).plugin
