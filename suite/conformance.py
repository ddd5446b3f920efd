"""Does this machine make the same pixels? Golden digests of every codec setting and geometry of a released protocol.

They are taken over a few images that the package ships. A machine whose libraries produce other pixels is told so, and
its results are stored as non-conformant and never ranked. What it lacks altogether it cannot get wrong. Of a codec that
computes in floats and declares a tolerance, what it decoded is shipped too: what comes near enough counts as that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as PillowImage

from suite import protocols, registry
from suite.api import Codec, Frame, Image, Model, Setting
from suite.digest import digest_of, digest_of_image, sha256_of_bytes
from suite.environment import cores
from suite.errors import SuiteError
from suite.lineup import searched, why_absent
from suite.spec import CodecSpec, ProtocolSpec
from suite.stages.codec_stage import Encoder, Original, Seen, code, frame_info

GOLDEN = protocols.DIRECTORY / "golden"


class Value(NamedTuple):
    """One thing to compute: its kind (``pixels``, ``bits``, ``geometry``), its name, and the plugin that makes it."""

    kind: str
    name: str
    subject: str


class Check(NamedTuple):
    """One golden value against this machine's.

    ``expected`` is empty where none is recorded: this project's machines lack that codec. ``found`` is empty where
    ``missing`` says what this machine lacks.
    """

    kind: str
    name: str
    subject: str
    expected: str
    found: str
    missing: str = ""

    @property
    def ok(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found

    @property
    def conforms(self) -> bool:
        """Whether this cannot make a number another one.

        Other bits that decode to the same pixels conform: predictions cannot tell them apart, and their size is
        measured. What the machine lacks is never measured.
        """
        return self.ok or self.kind == "bits" or bool(self.missing) or not self.expected


@cache
def golden_images() -> tuple[Image, ...]:
    """Return the images that the package ships, in the order of their file names."""
    files = sorted((GOLDEN / "images").glob("*.png"))
    return tuple(np.asarray(PillowImage.open(file).convert("RGB")) for file in files)


def expected(spec: ProtocolSpec) -> dict[str, dict[str, str]]:
    """Return kind -> name -> digest as recorded with a protocol; empty for a draft that has none."""
    path = GOLDEN / f"{spec.label}.toml"
    return protocols.toml_table(path) if path.is_file() else {}


def compute(spec: ProtocolSpec, *, first: bool = False) -> dict[str, dict[str, str]]:
    """Return the golden values that this machine gives, without those of the codecs that it lacks.

    ``first``: as for a release, whatever references of codecs with a tolerance there may be.
    """
    values: dict[str, dict[str, str]] = {"pixels": {}, "bits": {}, "geometry": {}}
    lacking = missing_of(spec)
    references = None if first else GOLDEN / spec.label
    tasks = [task for task in work_of(spec, references) if task.subject not in lacking]
    with ThreadPoolExecutor(cores()) as pool:
        for digests in pool.map(lambda task: task.work(), tasks):
            for value, digest in digests.items():
                values[value.kind][value.name] = digest
    return values


class Task(NamedTuple):
    """Values that are computed together."""

    values: tuple[Value, ...]
    work: Callable[[], dict[Value, str]]

    @property
    def subject(self) -> str:
        """The plugin that makes them."""
        return self.values[0].subject


def work_of(spec: ProtocolSpec, references: Path | None) -> Iterator[Task]:
    """Yield what is to be computed for a protocol, setting by setting and model by model.

    ``references`` holds what codecs with a tolerance are compared with; None: nothing.
    """
    for entry in spec.codecs:
        codec = plugin_of(entry)
        for setting in entry.settings():
            name = f"{entry.label} {setting}"
            values = Value("pixels", name, entry.label), Value("bits", name, entry.label)
            yield Task(values, partial(codec_digests, references, codec, entry, setting, values))
    for name in dict.fromkeys(str(baseline) for track in spec.tracks for baseline in track.baselines):
        value = Value("geometry", name, name)
        yield Task((value,), partial(geometry_digests, value))


def plugin_of(entry: CodecSpec) -> Codec:
    """Return a protocol's codec, whether this machine has its library or not."""
    codec: Codec = registry.load("codec", entry.name, **entry.parameters).plugin
    return codec


def codec_digests(
    references: Path | None, codec: Codec, entry: CodecSpec, setting: Setting, values: tuple[Value, Value]
) -> dict[Value, str]:
    """Return the digests of a codec's pixels and bits at one setting, or target rate, over the golden images."""
    frames = golden_frames(codec, entry, setting)
    tolerance = getattr(codec, "tolerance", 0.0)
    files = reference_files(references, values[0].name) if tolerance and references else []
    near = [near_enough(frame.image, file, tolerance) for frame, file in zip(frames, files, strict=False)]
    images = near or [frame.image for frame in frames]
    pixels = digest_of("golden/1", [digest_of_image(image) for image in images])
    bits = digest_of("golden/1", [sha256_of_bytes(frame.data) for frame in frames])
    return dict(zip(values, (pixels, bits), strict=True))


def golden_frames(codec: Codec, entry: CodecSpec, setting: Setting) -> list[Frame]:
    """Return the golden images after a codec at one setting, or target rate."""
    settings = (setting,) if entry.axis == "setting" else searched(codec, entry.parameter)
    target = 0.0 if entry.axis == "setting" else float(setting.value)
    seen = [Seen(image, Original(image, 0, frame_info(image))) for image in golden_images()]
    return [code(each, encoder=Encoder(codec), settings=settings, target=target).frame for each in seen]


def reference_files(directory: Path, name: str) -> list[Path]:
    """Return where the decoded golden images of a codec with a tolerance are, or are to be, at one setting."""
    stem = name.replace(" ", "-").replace("=", "-")
    return [directory / f"{stem}-{number}.webp" for number in range(len(golden_images()))]


def near_enough(image: Image, reference: Path, tolerance: float) -> Image:
    """Return the reference if ``image`` is within ``tolerance`` levels of it (root mean square), else ``image``."""
    if not reference.is_file():
        return image
    expected = np.asarray(PillowImage.open(reference).convert("RGB"))
    if expected.shape != image.shape:
        return image
    difference = image.astype(np.float64) - expected
    return expected if np.sqrt(np.mean(difference**2)) <= tolerance else image


def write_references(spec: ProtocolSpec, directory: Path | None = None) -> list[Path]:
    """Write what the codecs with a tolerance decode here, lossless, and return the files: part of a release.

    ``directory`` is where; a protocol's own place among the golden values where not given.
    """
    directory, written = directory or GOLDEN / spec.label, []
    lacking = missing_of(spec)
    for entry in spec.codecs:
        codec = plugin_of(entry)
        if not getattr(codec, "tolerance", 0.0) or entry.label in lacking:
            continue
        for setting in entry.settings():
            files = reference_files(directory, f"{entry.label} {setting}")
            for file, frame in zip(files, golden_frames(codec, entry, setting), strict=True):
                file.parent.mkdir(parents=True, exist_ok=True)
                PillowImage.fromarray(frame.image).save(file, lossless=True, quality=100, method=6)
            written += files
    return written


def geometry_digests(value: Value) -> dict[Value, str]:
    """Return the digest of a model's geometry over the golden images."""
    model: Model = registry.load("model", value.subject.rpartition("@")[0]).plugin
    return {value: digest_of("golden/1", [digest_of_image(model.geometry(image)) for image in golden_images()])}


def check(spec: ProtocolSpec, only: Collection[str] | None = None) -> list[Check]:
    """Return the golden values of a protocol (those of the names ``only``, None: all) beside this machine's.

    An empty list for a draft, which has none.
    """
    wanted = expected(spec)
    lacking = missing_of(spec) if wanted else {}
    tasks = [
        task for task in work_of(spec, GOLDEN / spec.label) if wanted and (only is None or task.values[0].name in only)
    ]
    with ThreadPoolExecutor(cores()) as pool:
        answers = pool.map(lambda task: answer_of(task, lacking), tasks)
        return [
            Check(*value, wanted.get(value.kind, {}).get(value.name, ""), found, lacking.get(value.subject, ""))
            for answer in answers
            for value, found in answer.items()
        ]


def answer_of(task: Task, lacking: dict[str, str]) -> dict[Value, str]:
    """Return what this machine gives: digests, nothing where it lacks the plugin, or an error's text."""
    if task.subject in lacking:
        return dict.fromkeys(task.values, "")
    try:
        return task.work()
    except SuiteError as error:
        return dict.fromkeys(task.values, f"{type(error).__name__}: {error}")


def missing_of(spec: ProtocolSpec) -> dict[str, str]:
    """Return codec label -> what this machine lacks for it."""
    reasons = {entry.label: why_absent(plugin_of(entry)) for entry in spec.codecs}
    return {label: reason for label, reason in reasons.items() if reason}


def deviating(spec: ProtocolSpec, only: Collection[str] | None = None) -> frozenset[str]:
    """Return the codec settings and models (among the names ``only``) that do not conform here; none of a draft."""
    return frozenset(item.name for item in check(spec, only) if not item.conforms)


def as_toml(values: dict[str, dict[str, str]]) -> str:
    """Return golden values as the text of their file."""
    sections = (
        [f"[{kind}]", *(f'"{name}" = "{digest}"' for name, digest in table.items()), ""]
        for kind, table in values.items()
    )
    return "\n".join(line for section in sections for line in section)
