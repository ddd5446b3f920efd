"""Names to plugins, imported on demand. The built-in plugins and those of other packages load the same way.

A package offers plugins by an entry point of group ``suite.plugins`` that names a table like `plugins.PLUGINS`.
A file of one's own is named directly: ``path/to/file.py:Object``. A name that ends in ``:`` in a table is a family's:
``timm:NAME`` is made by calling what ``timm:`` names with ``NAME``.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args

from suite.api import Card, Codec, Dataset, Model, Restoration, Retraining
from suite.digest import digest_of, sha256_of_file
from suite.errors import DuplicatePlugin, InvalidPlugin, SuiteError, UnknownPlugin
from suite.origin import Origin
from suite.spec import PluginKind, PluginRef, Value

GROUP = "suite.plugins"
KINDS: tuple[PluginKind, ...] = get_args(PluginKind)
INTERFACES: dict[PluginKind, tuple[type, ...]] = {
    "codec": (Codec,),
    "dataset": (Dataset,),
    "model": (Model,),
    "mitigation": (Restoration, Retraining),
}


class Loaded(NamedTuple):
    """A live plugin, the record that names it, and what another process makes the same one of."""

    plugin: Any
    ref: PluginRef
    origin: Origin

    @property
    def card(self) -> Card | None:
        """The plugin's facts, where it has them."""
        return getattr(self.plugin, "card", None)


def names(kind: PluginKind) -> list[str]:
    """Return the names of the plugins of one kind."""
    return sorted(table()[kind])


def load(kind: PluginKind, name: str, **parameters: Any) -> Loaded:
    """Make the plugin of that name. Raises UnknownPlugin or InvalidPlugin."""
    origin = Origin(kind, *looked_up(kind, name), parameters)
    factory, module = origin.resolved()
    plugin = made(kind, name, factory)
    return Loaded(plugin, reference(kind, plugin, module), origin)


def looked_up(kind: PluginKind, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the target that ``name`` stands for, and the member's name if it is a family's. Raises UnknownPlugin."""
    if ".py:" in name:
        return name, ()
    if name in table()[kind] and not name.endswith(":"):
        return table()[kind][name], ()
    family, colon, member = name.partition(":")
    if not member or family + colon not in table()[kind]:
        raise UnknownPlugin(kind, name[:200], names(kind))
    return table()[kind][family + colon], (member,)


@cache
def table() -> dict[PluginKind, dict[str, str]]:
    """Return kind -> name -> ``module:object`` over every installed package. Raises DuplicatePlugin."""
    merged: dict[PluginKind, dict[str, str]] = {kind: {} for kind in KINDS}
    for point in entry_points(group=GROUP):
        for kind, plugins in offered(point).items():
            merge(merged, kind, plugins, point)
    return merged


def offered(point: EntryPoint) -> Mapping[PluginKind, Mapping[str, str]]:
    """Return the table that an entry point names. Raises InvalidPlugin when it cannot be imported."""
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise InvalidPlugin(
            f"The plugin table {point.value} cannot be imported: {error}. Repair or uninstall it."
        ) from error
    if not isinstance(found, Mapping) or set(found) - set(KINDS):
        raise InvalidPlugin(
            f"{point.value} is no plugin table: expected kinds {', '.join(KINDS)}, but got {found!r:.200}."
        )
    return found


def merge(
    merged: dict[PluginKind, dict[str, str]], kind: PluginKind, plugins: Mapping[str, str], point: EntryPoint
) -> None:
    """Add one kind's plugins to ``merged``. Raises DuplicatePlugin."""
    for name, target in plugins.items():
        if merged[kind].setdefault(name, target) != target:
            raise DuplicatePlugin(
                f"Both {merged[kind][name]} and {target} ({point.value}) claim the {kind} name '{name}'. "
                "Uninstall one of the two packages."
            )


def made(kind: PluginKind, name: str, factory: Callable[[], Any]) -> Any:
    """Call the factory and check that it made what its kind asks for. Raises InvalidPlugin."""
    try:
        plugin = factory()
    except SuiteError:
        raise
    except Exception as error:
        raise InvalidPlugin(f"The {kind} '{name}' cannot be made: {type(error).__name__}: {error}") from error
    lacking = min((missing(plugin, interface) for interface in INTERFACES[kind]), key=len)
    if lacking:
        raise InvalidPlugin(f"'{name}' is no {kind}: it lacks {', '.join(lacking)} (see suite.api).")
    return plugin


def missing(plugin: object, interface: type) -> list[str]:
    """Return the members of an interface that a plugin lacks; none of them is evaluated.

    Python 3.11's `isinstance` would: a codec whose library is not installed has a ``build`` that raises.
    """
    absent = object()
    members = [*interface.__annotations__, *(name for name in vars(interface) if not name.startswith("_"))]
    return [name for name in members if inspect.getattr_static(plugin, name, absent) is absent]


def parameters_of(plugin: object) -> dict[str, Value]:
    """Return the parameters of a plugin whose class is a dataclass, else none."""
    return dataclasses.asdict(plugin) if dataclasses.is_dataclass(plugin) and not isinstance(plugin, type) else {}


def reference(kind: PluginKind, plugin: Any, module: ModuleType) -> PluginRef:
    """Return the record of a plugin; its digest covers its source, the weights it declares and a codec's build.

    The source is that of its module, of its class's, and of what these import from their own package.
    """
    owners = (module, inspect.getmodule(type(plugin)) or module)
    sources = frozenset().union(*(sources_of(file) for owner in owners if (file := inspect.getsourcefile(owner))))
    build = build_of(plugin) if kind == "codec" else ""
    content = {
        "sources": sorted(sha256_of_file(Path(file)) for file in sources),
        "weights": [weight.sha256 for weight in getattr(plugin, "weights", ())],
    } | ({"build": build} if build else {})
    digest = digest_of("plugin/1", content)
    return PluginRef(kind=kind, name=plugin.name, version=plugin.version, digest=digest, build=build)


@cache
def sources_of(file: str) -> frozenset[str]:
    """Return a source file and, directly or not, those that it imports from the package that it lies in."""
    found, left = {file}, [file]
    while left:
        path = Path(left.pop())
        new = {str(other) for other in siblings(path)} - found
        found |= new
        left += new
    return frozenset(found)


def siblings(path: Path) -> Iterator[Path]:
    """Yield the modules that a file imports by name from its own top-level package, except the packages themselves."""
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    own = path.relative_to(root).parts[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [f"{node.module}.{each.name}" for each in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        modules = (root.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.startswith(f"{own}."))
        yield from (module for module in modules if module.is_file())


def build_of(codec: Codec) -> str:
    """Return the library build of a codec, nothing where its library is not there: it cannot measure anything then."""
    try:
        return codec.build
    except SuiteError:
        return ""
