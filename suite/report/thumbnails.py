"""Pictures of samples as a run saw them, for pages: the original and what the codec made of it. No network is loaded.

Plugins are reached by name through the registry. Only datasets that ship with packages are shown: nobody's own images
ever appear on a board.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from suite import data, registry
from suite.api import Codec, Image, Sample, Setting
from suite.errors import CodecError, DataError, SuiteError
from suite.lineup import searched
from suite.registry import Loaded
from suite.spec import Condition
from suite.stages.codec_stage import Encoder, Original, Seen, code, read_one

LARGEST = 300
"""No picture is wider or higher than so many pixels."""

NETWORKS = re.compile(rb"^\s*(?:from|import)\s+(?:torch|torchvision|timm|compressai|suite\.api\.torch)\b", re.MULTILINE)
"""How a source file says that it computes with a network."""


class Picture(NamedTuple):
    """A sample: its id, and PNG files of the original and of the compressed version (None for the original itself)."""

    id: str
    original: bytes
    compressed: bytes | None


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures by the places of their samples, the dataset's class names, and what a reader must know of them.

    Without pictures a note says why there are none.
    """

    pictures: Mapping[int, Picture] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gallery(on: Condition, places: Collection[int]) -> Gallery:
    """Return the samples at ``places`` of a condition's dataset, as they are and as its codec makes them here."""
    classes: tuple[str, ...] = ()
    try:
        dataset = shipped(on)
        classes = tuple(dataset.plugin.classes)
        samples = same_samples(on, dataset, places)
        originals = {place: read_one(dataset.plugin, samples[place]) for place in places}
        compressed, notes = compressed_versions(on, originals)
    except SuiteError as error:
        return Gallery(classes=classes, notes=(f"There are no pictures: {error}",))
    pictures = {
        place: Picture(samples[place].id, png(original.image), compressed.get(place))
        for place, original in originals.items()
    }
    return Gallery(pictures=pictures, classes=classes, notes=(*origin_of(dataset), *notes, *scaled(originals)))


def shipped(on: Condition) -> Loaded:
    """Return a condition's dataset. Raises DataError unless it comes with an installed package, as it was measured."""
    name = on.dataset.name
    if name in data.registered() or name not in registry.names("dataset"):
        raise DataError(f"the dataset {name} is not one that ships with a package. Only those are shown.")
    return registry.load("dataset", name, split=on.split)


def same_samples(on: Condition, dataset: Loaded, places: Collection[int]) -> Sequence[Sample]:
    """Return a dataset's samples. Raises DataError unless they are those of the condition and have these places."""
    samples: Sequence[Sample] = dataset.plugin.samples()
    if data.manifest_digest(samples) != on.manifest or not set(places) <= set(range(len(samples))):
        raise DataError(f"the samples of {dataset.ref} ({on.split}) that are installed here are not those of the run.")
    return samples


def compressed_versions(on: Condition, originals: Mapping[int, Original]) -> tuple[dict[int, bytes], list[str]]:
    """Return what a condition's codec makes of originals, as PNG, and what of it may differ from the run.

    A codec that cannot work here is named in the note, and nothing is returned for it.
    """
    if on.is_reference:
        return {}, []
    try:
        loaded = live_codec(on)
        settings = settings_of(on, loaded.plugin)
        made = {place: decoded(on, loaded.plugin, settings, each) for place, each in originals.items()}
    except SuiteError as error:
        return {}, [f"There are no pictures of {on}: {error}"]
    return {place: png(image) for place, image in made.items()}, differences(on, loaded)


def live_codec(on: Condition) -> Loaded:
    """Return a condition's codec with its parameters. Raises a SuiteError where it cannot be shown."""
    if on.order != "compress-then-geometry":
        raise CodecError("it saw what the model's own crop leaves, and pages load no model.")
    if on.axis == "bpp-per-dataset":
        raise CodecError("its setting was searched over the whole split, which pages do not repeat.")
    if on.codec.name not in registry.names("codec"):  # a path of a file would be run: names may come from anywhere
        raise CodecError(f"no installed package has a codec '{on.codec.name[:80]}'.")
    if needs_network(on.codec.name):
        raise CodecError("the codec is a network, and pages load none.")
    return registry.load("codec", on.codec.name, **on.parameters)


def needs_network(codec: str) -> bool:
    """Whether the source files of a codec import a library of networks; nothing of it is run. Raises UnknownPlugin."""
    target, _ = registry.looked_up("codec", codec)
    found = find_spec(target.partition(":")[0])
    files = registry.sources_of(found.origin) if found and found.origin else ()
    return any(NETWORKS.search(Path(file).read_bytes()) for file in files)


def settings_of(on: Condition, codec: Codec) -> tuple[Setting, ...]:
    """Return the setting of a condition, or all those among which each image's rate decides."""
    return (on.setting,) if on.axis == "setting" else searched(codec, on.searched)


def decoded(on: Condition, codec: Codec, settings: Sequence[Setting], original: Original) -> Image:
    """Return what the codec makes of an original. Raises CodecError, whatever the codec itself raises."""
    target = 0.0 if on.axis == "setting" else float(on.value)
    try:
        return code(
            Seen(original.image, original), encoder=Encoder(codec), settings=settings, target=target
        ).frame.image
    except SuiteError:
        raise
    except Exception as error:
        raise CodecError(f"{on.codec} raised {type(error).__name__}: {error}") from error


def differences(on: Condition, loaded: Loaded) -> list[str]:
    """Return whether the codec here is the one of the run."""
    if loaded.ref == on.codec:
        return [f"Compressed here by the codec of the run: {on.codec}, {on.codec.build}."]
    here, there = (f"{ref}, {ref.build or 'no build'}, {ref.digest}" for ref in (loaded.ref, on.codec))
    return [f"Pixels may differ from the run's: compressed here by {here}, but the run used {there}."]


def origin_of(dataset: Loaded) -> list[str]:
    """Return whose pictures these are."""
    card = dataset.card
    stated = (card.authors, card.licence) if card else ()
    return [f"Pictures: {'; '.join((dataset.ref.name, *filter(None, stated)))}."]


def scaled(originals: Mapping[int, Original]) -> list[str]:
    """Return that large pictures were made smaller, if any were."""
    larger = any(max(each.image.shape[:2]) > LARGEST for each in originals.values())
    return [f"Pictures are scaled down to {LARGEST} pixels, which hides a part of the compression."] * larger


def png(image: Image) -> bytes:
    """Return an image as a PNG file of at most `LARGEST` pixels a side."""
    from PIL import Image as PillowImage

    picture, out = PillowImage.fromarray(image), io.BytesIO()
    picture.thumbnail((LARGEST, LARGEST), PillowImage.Resampling.LANCZOS)
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()
