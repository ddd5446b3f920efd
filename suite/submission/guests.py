"""A contributor's file to a live plugin: its bytes are checked and staged, then run in an environment of their own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from suite import weights
from suite.api import PublishedWeights
from suite.digest import digest_of, sha256_of_bytes
from suite.errors import InvalidPlugin
from suite.isolation import environments
from suite.isolation.environments import PluginEnvironment
from suite.isolation.guest import Guest, GuestModel, GuestRestoration, GuestRetraining
from suite.isolation.guest_codec import GuestCodec
from suite.isolation.sandbox import Limits, Sandbox
from suite.isolation.wire import Made, Make
from suite.origin import Origin
from suite.progress import Progress, Silent
from suite.registry import Loaded
from suite.spec import PluginRef
from suite.submission.manifest import Manifest, WeightEntry, card_of, parse, weight_files
from suite.submission.records import PLUGIN
from suite.submission.source import contents
from suite.submission.stage import stage

LivePlugin: TypeAlias = GuestModel | GuestRestoration | GuestRetraining | GuestCodec


@dataclass(frozen=True)
class Terms:
    """How a plugin is run: ``trusted`` without a sandbox, in this ``current`` environment, on what device.

    ``apart``: a codec's encoder and decoder never at the same time, see `GuestCodec`.
    """

    trusted: bool = False
    current: bool = False
    device: str = "cpu"
    apart: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Visitor:
    """A live plugin with what is known of it; ``source`` are the bytes of its file, as they run."""

    manifest: Manifest
    source: bytes
    loaded: Loaded
    packages: tuple[str, ...]
    isolation: str

    @property
    def plugin(self) -> LivePlugin:
        """The plugin behind `suite.api`."""
        plugin: LivePlugin = self.loaded.plugin
        return plugin


@contextmanager
def received(path: Path, terms: Terms, progress: Progress | None = None) -> Iterator[Visitor]:
    """Have the plugin in the file at ``path`` run as long as the context lasts.

    Raises InvalidManifest, UnbuildableEnvironment, SandboxUnavailable, a WeightsError, InvalidPlugin or what it raises.
    """
    progress = progress or Silent()
    source = contents(path)
    manifest = parse(source, str(path))
    with stage() as place, environment_of(manifest, terms, progress) as environment:
        sandbox = Sandbox(
            folder=staged(place, source, manifest, path.parent, progress),
            scratch=scratch_in(place),
            environment=environment,
            trusted=terms.trusted,
            accelerator=manifest.accelerator and terms.device != "cpu",
            limits=terms.limits,
        )
        progress.note(f"running {manifest.name} {manifest.version} in: {sandbox.description}")
        target = f"{sandbox.folder / PLUGIN}:{manifest.object}"
        with ExitStack() as ends:
            if manifest.kind == "codec":
                plugin: LivePlugin = codec_of(manifest, target, sandbox, ends, apart=terms.apart)
            else:
                plugin = plugin_of(manifest, target, sandbox, ends)
            loaded = Loaded(plugin, reference(manifest, source, plugin), Origin(manifest.kind, target))
            yield Visitor(manifest, source, loaded, environment.packages, plugin.isolation)


@contextmanager
def environment_of(manifest: Manifest, terms: Terms, progress: Progress) -> Iterator[PluginEnvironment]:
    """Have the plugin's own environment, or this process's."""
    own = environments.built(manifest.requires_python, manifest.dependencies, progress=progress)
    with nullcontext(environments.current()) if terms.current else own as environment:
        yield environment


def staged(place: Path, source: bytes, manifest: Manifest, folder: Path, progress: Progress) -> Path:
    """Return a new directory with the plugin and its weights, each checked against its digest, and nothing else."""
    own = place / "plugin"
    own.mkdir()
    (own / PLUGIN).write_bytes(source)
    for entry, file in zip(manifest.weights, weight_files(manifest, folder), strict=True):
        copy = own / entry.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        found = file.verified() if file.path.exists() or not entry.url else fetched(entry, manifest, progress)
        shutil.copyfile(found, copy)
        checked_copy(copy, entry)
    return own


def fetched(entry: WeightEntry, manifest: Manifest, progress: Progress) -> Path:
    """Return the registered file of published weights, downloaded if there is a network. Raises a WeightsError."""
    published = PublishedWeights(entry.file, entry.url, entry.sha256)
    if not published.is_here:
        weights.obtain([published], progress)
    return published.located(manifest.name).verified()


def checked_copy(copy: Path, entry: WeightEntry) -> None:
    """Raise InvalidPlugin unless a copied file is what the metadata states: the registered one may be another."""
    found = hashlib.sha256(copy.read_bytes()).hexdigest()
    if found != entry.sha256:
        raise InvalidPlugin(
            f"The weights {entry.file} that are registered here have SHA-256 {found[:12]}…, but the plugin states "
            f"{entry.sha256[:12]}…. Put the right file beside the plugin."
        )


def scratch_in(place: Path, name: str = "scratch") -> Path:
    """Return a new, empty directory."""
    scratch = place / name
    scratch.mkdir()
    return scratch


def plugin_of(manifest: Manifest, target: str, sandbox: Sandbox, ends: ExitStack) -> LivePlugin:
    """Return the live plugin, whose processes end with ``ends``. Raises InvalidPlugin unless it is what it says."""

    def guest(**parameters: str) -> Guest:
        """Return the object called with parameters, in processes of its own."""
        made = Guest(Make(manifest.kind, target, [], {**parameters}), sandbox)
        ends.callback(made.end)
        check_agreement(made.made, manifest)
        return made

    card = card_of(manifest)
    if manifest.kind == "model":
        return GuestModel(guest(), card)
    if manifest.retrains:
        return GuestRetraining({name: guest(model=name) for name in manifest.retrains}, card)
    return GuestRestoration(guest(), card)


def codec_of(manifest: Manifest, target: str, sandbox: Sandbox, ends: ExitStack, *, apart: bool) -> GuestCodec:
    """Return the live codec, its encoder in one sandbox and its decoder in another; neither is shown an accelerator."""
    encoding = replace(sandbox, accelerator=False, sealed=True)
    decoding = replace(encoding, scratch=scratch_in(sandbox.scratch.parent, "decoding"))
    codec = GuestCodec(Make(manifest.kind, target, [], {}), encoding, decoding, card_of(manifest), apart=apart)
    ends.callback(codec.end)
    check_agreement(codec.made, manifest)
    return codec


def check_agreement(made: Made, manifest: Manifest) -> None:
    """Raise InvalidPlugin unless what the object says of itself is what its metadata says."""
    is_network = manifest.kind == "model" or bool(manifest.retrains)
    wanted = [manifest.name, manifest.version, *([manifest.task] if is_network else [])]
    found = [made.name, made.version, made.task][: len(wanted)]
    if found != wanted:
        raise InvalidPlugin(
            f"The metadata call the plugin {' '.join(map(str, wanted))}, but its object says "
            f"{' '.join(found)[:200]}. Make them agree."
        )


def reference(manifest: Manifest, source: bytes, plugin: LivePlugin) -> PluginRef:
    """Return the record of a plugin, as `suite.registry.reference` makes it of the same file."""
    build = plugin.build if isinstance(plugin, GuestCodec) else ""
    content = {
        "sources": [sha256_of_bytes(source)],
        "weights": [entry.sha256 for entry in manifest.weights],
    } | ({"build": build} if build else {})
    digest = digest_of("plugin/1", content)
    return PluginRef(kind=manifest.kind, name=manifest.name, version=manifest.version, digest=digest, build=build)
