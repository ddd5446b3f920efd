"""Does this machine make the same pixels? Golden digests of every codec setting and geometry of a released protocol.

They are taken over a few images that the package ships. A machine whose libraries produce other pixels is told so, and
its results are stored as non-conformant and never ranked.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image as PillowImage

from suite import protocols, registry
from suite.api import Codec, Image, Model
from suite.digest import digest_of, sha256_of_bytes
from suite.errors import SuiteError
from suite.spec import ProtocolSpec

GOLDEN = protocols.DIRECTORY / "golden"


class Check(NamedTuple):
    """One golden value against this machine's. ``found`` is an error's text where nothing could be computed."""

    kind: str
    name: str
    expected: str
    found: str

    @property
    def ok(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found


@cache
def golden_images() -> tuple[Image, ...]:
    """Return the images that the package ships, in the order of their file names."""
    files = sorted((GOLDEN / "images").glob("*.png"))
    return tuple(np.asarray(PillowImage.open(file).convert("RGB")) for file in files)


def image_digest(image: Image) -> str:
    """Return the digest of an image's shape and pixels."""
    return sha256_of_bytes(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())


def expected(spec: ProtocolSpec) -> dict[str, dict[str, str]]:
    """Return kind -> name -> digest as recorded with a protocol; empty for a draft that has none."""
    path = GOLDEN / f"{spec.label}.toml"
    return protocols.toml_table(path) if path.is_file() else {}


def compute(spec: ProtocolSpec) -> dict[str, dict[str, str]]:
    """Return the golden values that this machine gives."""
    values: dict[str, dict[str, str]] = {"pixels": {}, "bits": {}, "geometry": {}}
    for entry in spec.codecs:
        codec: Codec = registry.load("codec", entry.name, **entry.parameters).plugin
        for setting in entry.settings():
            key = f"{entry.name} {setting}"
            streams = [codec.encode(image, setting) for image in golden_images()]
            values["bits"][key] = digest_of("golden/1", [sha256_of_bytes(stream) for stream in streams])
            values["pixels"][key] = digest_of("golden/1", [image_digest(codec.decode(stream)) for stream in streams])
    for name in dict.fromkeys(str(baseline) for track in spec.tracks for baseline in track.baselines):
        values["geometry"][name] = geometry_digest(registry.load("model", name.partition("@")[0]).plugin)
    return values


def geometry_digest(model: Model) -> str:
    """Return the digest of a model's geometry over the golden images."""
    return digest_of("golden/1", [image_digest(model.geometry(image)) for image in golden_images()])


def check(spec: ProtocolSpec) -> list[Check]:
    """Return every golden value of a protocol beside this machine's; an empty list for a draft."""
    wanted = expected(spec)
    if not wanted:
        return []
    try:
        found = compute(spec)
    except SuiteError as error:
        found, failure = {}, f"{type(error).__name__}: {error}"
    else:
        failure = "missing"
    return [
        Check(kind, name, digest, found.get(kind, {}).get(name, failure))
        for kind, values in wanted.items()
        for name, digest in values.items()
    ]


def conforms(checks: list[Check]) -> bool:
    """Whether pixels and geometries agree.

    Other bits that decode to the same pixels conform: predictions cannot tell them apart, and their size is measured.
    """
    return all(item.ok for item in checks if item.kind != "bits")


def deviating(spec: ProtocolSpec) -> frozenset[str]:
    """Return the codec settings and models that do not conform here; none of a draft, which has no golden values."""
    return frozenset(item.name for item in check(spec) if not conforms([item]))


def as_toml(values: dict[str, dict[str, str]]) -> str:
    """Return golden values as the text of their file."""
    sections = (
        [f"[{kind}]", *(f'"{name}" = "{digest}"' for name, digest in table.items()), ""]
        for kind, table in values.items()
    )
    return "\n".join(line for section in sections for line in section)
