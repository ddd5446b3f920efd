"""What the adapters of whole model libraries share: exact names, geometry on Pillow images, weights that fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from suite.api import Image
from suite.errors import AlteredWeights, UnknownPlugin, UsageError


def require_known(family: str, member: str, known: Collection[str]) -> None:
    """Raise UnknownPlugin unless ``member``, ``NAME.TAG``, is known; UsageError with the tags where it has none."""
    if member in known:
        return
    name, dot, _ = member.partition(".")
    siblings = [other for other in known if other.partition(".")[0] == name]
    if siblings and not dot:
        tags = ", ".join(other.partition(".")[2] for other in siblings)
        raise UsageError(
            f"'{family}:{name}' has the weights {tags}: name them, as in {family}:{siblings[0]}. A library's default "
            "changes from version to version."
        )
    raise UnknownPlugin("model", f"{family}:{member}"[:200], nearest_in(family, member[:200], siblings or known))


def nearest_in(family: str, member: str, known: Collection[str]) -> list[str]:
    """Return the name most like ``member``, else (or without a tag) the network most like its own, else nothing."""
    # Compared without the family: what all names share would make any of them look near.
    name, dot, _ = member.partition(".")
    near = get_close_matches(member, known, n=1) if dot else []
    near = near or get_close_matches(name, {other.partition(".")[0] for other in known}, n=1)
    return [f"{family}:{other}" for other in near]


def on_pillow(image: Image, *, steps: Sequence[Callable[[Any], Any]]) -> Image:
    """Return ``image`` after a library's own steps on Pillow images, such as its resize and crop; uint8 throughout."""
    picture = PillowImage.fromarray(image)
    for step in steps:
        picture = step(picture)
    return np.asarray(picture)


@contextmanager
def fitting(path: Path, name: str) -> Iterator[None]:
    """Turn what a library raises for a state of another network into AlteredWeights."""
    try:
        yield
    except (RuntimeError, KeyError, ValueError) as error:
        raise AlteredWeights(f"The weights {path} do not fit {name}: {str(error)[:500]}") from error
