"""What a plugin's process may see of the file system for its Python to run, and what there is to hide in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit

from suite.errors import PluginError
from suite.home import home

HOLDS_IMAGES = ("elpv-dataset",)
"""Distributions with the images, and the truth, of protocols."""
SITES = ("lib*/python*/*-packages", "local/lib/python*/*-packages")
"""Where packages are below a prefix."""
WORD = re.compile(r"[\w.+!-]{1,200}", re.ASCII)
CHECKOUT = Path(__file__).resolve().parents[2]


def roots_of(prefixes: Iterable[Path], path: Iterable[str]) -> tuple[Path, ...]:
    """Return the prefixes, as they are named and as they are, and what else is on a ``sys.path``.

    Never the current directory, a checkout that is installed as editable, or what one of the suite's own lies in.
    """
    found = [one for prefix in prefixes for one in (prefix, prefix.resolve())]
    entries = [Path(entry).resolve() for entry in path if entry and Path(entry).is_dir()]
    outside = [entry for entry in entries if not is_below(entry, found)]
    if outside:
        apart, private = checkouts(), private_directories()
        found += [one for one in outside if not is_below(one, apart) and not any(is_below(it, [one]) for it in private)]
    return unnested(found)


def is_below(path: Path, directories: Iterable[Path]) -> bool:
    """Whether a path is one of these directories, or in one."""
    return any(path.is_relative_to(directory) for directory in directories)


def unnested(directories: Iterable[Path]) -> tuple[Path, ...]:
    """Return each directory once, and none that is below another."""
    found = list(dict.fromkeys(directories))
    return tuple(one for one in found if not any(one != other and one.is_relative_to(other) for other in found))


def masked_below(roots: Sequence[Path]) -> tuple[Path, ...]:
    """Return what to hide below the roots: protocols' images, and what is private. Raises PluginError."""
    images = {path for root in roots for path in image_directories(root)}
    hidden = {path for path in images | private_directories() if path.is_dir()}
    pairs = [(root, root.resolve(), path) for root in roots for path in hidden]
    below = {root / path.relative_to(real) for root, real, path in pairs if path != real and path.is_relative_to(real)}
    return tuple(sorted(below))


def image_directories(root: Path) -> Iterator[Path]:
    """Yield where the packages with images below a root are, resolved. Raises PluginError where that cannot be said."""
    for site in [root, *sites(root)]:
        for name in HOLDS_IMAGES:
            for distribution in distributions(name=name, path=[str(site)]):
                yield from contents(distribution)


def contents(distribution: Distribution) -> set[Path]:
    """Return the directories that a distribution put its modules in, resolved. Raises PluginError if it has none."""
    tops = {file.parts[0] for file in distribution.files or () if len(file.parts) > 1}
    named = {top for top in tops if top != ".." and not top.endswith(".dist-info")}
    found = {Path(str(distribution.locate_file(top))).resolve() for top in named}
    if not found:
        raise PluginError(
            f"{distribution.name} holds the images that protocols measure on, and they cannot be hidden from plugins: "
            "its list of files is missing, or it is editable. Install it anew."
        )
    return found


def private_directories() -> set[Path]:
    """Return where data, results and other submissions are: the suite's home, here, and the checkouts."""
    return {home().resolve(), Path.cwd(), *checkouts()}


def checkouts() -> set[Path]:
    """Return the directories that are installed as editable, and that of the suite itself where it is not installed."""
    found = {CHECKOUT} if (CHECKOUT / "pyproject.toml").is_file() else set()
    return found | {path for one in distributions() if (path := editable_directory(one)) is not None}


def editable_directory(distribution: Distribution) -> Path | None:
    """Return the directory that a distribution is installed from as editable, None for any other (PEP 610)."""
    content = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not content.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(content["url"]).path)).resolve()


def sites(prefix: Path) -> list[Path]:
    """Return the directories below a prefix that packages are installed in, each once."""
    return sorted({site.resolve() for pattern in SITES for site in prefix.glob(pattern) if site.is_dir()})


def named_with_versions(found: Iterable[Distribution]) -> tuple[str, ...]:
    """Return ``name==version`` of distributions, sorted, names as indices spell them; of one name the first counts.

    A directory of metadata without a usable name and version is no distribution.
    """
    versions: dict[str, str] = {}
    for distribution in found:
        name, version = ((distribution.metadata.get_all(key) or [""])[0] for key in ("Name", "Version"))
        if WORD.fullmatch(name) and WORD.fullmatch(version):
            versions.setdefault(canonical(name), version)
    return tuple(sorted(f"{name}=={version}" for name, version in versions.items()))


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
