"""Where a plugin comes from: what the registry found under its name, of which another process makes the same one.

Needs the standard library only, so that a worker process of `suite.isolation` starts quickly.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from suite.errors import InvalidPlugin, SuiteError


class Origin(NamedTuple):
    """What makes a plugin of a kind: the object that ``target`` names is called with the parameters.

    ``target`` is ``module:object`` or ``path/to/file.py:object``; ``member`` is empty, or holds the one name that a
    family's object is called with.
    """

    kind: str
    target: str
    member: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}

    def resolved(self) -> tuple[Callable[[], Any], ModuleType]:
        """Return what makes the plugin when it is called, and the module it is in. Raises InvalidPlugin."""
        where, _, attribute = self.target.rpartition(":")
        try:
            module = file_module(Path(where)) if where.endswith(".py") else importlib.import_module(where)
            return partial(getattr(module, attribute), *self.member, **self.parameters), module
        except SuiteError:
            raise
        except Exception as error:
            raise InvalidPlugin(
                f"The {self.kind} {self.target} cannot be imported: {type(error).__name__}: {error}"
            ) from error


def file_module(path: Path) -> ModuleType:
    """Import a Python file by its path, under a name that no other file has."""
    if not path.is_file():
        raise InvalidPlugin(f"There is no file {path}. Expected path/to/file.py:Object.")
    name = f"suite_file_{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise InvalidPlugin(f"{path} cannot be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
