"""From names to live plugins: what a protocol and a user's choice put on the field, checked, with its plan.

The only place where a protocol meets the registry. Everything wrong with the names is said here, before any work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from suite import data, registry
from suite.api import Retraining, Sample
from suite.errors import InvalidProtocol, UsageError, nearest
from suite.plan import Entry, PlannedCondition, check_settings, plan_track, select
from suite.registry import Loaded, parameters_of
from suite.spec import ORIGINAL, CodecSpec, PluginKind, PluginName, ProtocolSpec, TrackSpec


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a user narrows a protocol to, or adds to it; empty means what the protocol says.

    ``dataset`` is a registered dataset that stands in for the protocol's, ``limit`` a number of leading samples.
    """

    models: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    dataset: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class LiveTrack:
    """One track with its live plugins; ``models`` and ``mitigations`` are found by the digests in their records."""

    spec: TrackSpec
    dataset: Loaded
    samples: tuple[Sample, ...]
    codecs: dict[str, Loaded]
    models: dict[str, Loaded]
    mitigations: dict[str, Loaded]
    planned: tuple[PlannedCondition, ...]


def line_up(spec: ProtocolSpec, choice: Choice) -> list[LiveTrack]:
    """Return the protocol's tracks with everything that takes part. Raises a SuiteError that names what cannot."""
    check_choice(spec, choice)
    codecs = chosen_codecs(spec, choice)
    return [live_track(spec, track, codecs, choice) for track in spec.tracks]


def check_choice(spec: ProtocolSpec, choice: Choice) -> None:
    """Raise UsageError for a choice that a protocol does not offer."""
    if choice.limit is not None and choice.limit < 1:
        raise UsageError(f"--limit is a number of samples, 1 or more, but got {choice.limit}.")
    check_settings(spec, choice.settings)
    known = [codec.name for codec in spec.codecs]
    for name in choice.codecs:
        if name not in known:
            raise UsageError(
                f"{spec.label} has no codec '{name}'. {nearest(name, known) or 'It has ' + ', '.join(known)}"
            )


def chosen_codecs(spec: ProtocolSpec, choice: Choice) -> dict[str, Loaded]:
    """Return the live codecs to measure, by name, and that of the original."""
    wanted = [codec for codec in spec.codecs if not choice.codecs or codec.name in choice.codecs]
    return {ORIGINAL: registry.load("codec", ORIGINAL)} | {codec.name: live_codec(codec) for codec in wanted}


def live_codec(codec: CodecSpec) -> Loaded:
    """Return a protocol's codec with the protocol's parameters. Raises InvalidProtocol unless it states them all."""
    loaded = registry.load("codec", codec.name, **codec.parameters)
    check_version(loaded, PluginName(name=codec.name, version=codec.version))
    unstated = set(parameters_of(loaded.plugin)) - set(codec.parameters)
    if unstated:
        raise InvalidProtocol(
            f"The protocol must state every parameter of {codec.name}; it lacks {', '.join(sorted(unstated))}."
        )
    refused = [str(setting) for setting in codec.settings() if setting not in loaded.plugin.settings()]
    if refused:
        raise InvalidProtocol(f"The codec {codec.name} cannot be asked for {', '.join(refused)}.")
    return loaded


def check_version(loaded: Loaded, pinned: PluginName) -> None:
    """Raise InvalidProtocol unless a plugin has the version that the protocol pins."""
    if loaded.ref.version != pinned.version:
        raise InvalidProtocol(
            f"The protocol pins {pinned}, but {loaded.ref} is installed. Install the suite version that has it, "
            "or use a newer version of the protocol."
        )


def live_track(spec: ProtocolSpec, track: TrackSpec, codecs: dict[str, Loaded], choice: Choice) -> LiveTrack:
    """Return one track with its live plugins and its plan."""
    dataset = data.open_for(track, choice.dataset)
    samples = tuple(dataset.plugin.samples())
    manifest = data.check_manifest(track, dataset.plugin, samples)
    models = [check_fits(model, track) for model in taking_part("model", choice.models, track.baselines)]
    mitigations = with_identity(taking_part("mitigation", choice.mitigations, track.mitigations))
    planned = plan_track(
        spec,
        track,
        dataset=dataset.ref,
        manifest=manifest,
        samples=len(samples),
        codecs={name: loaded.ref for name, loaded in codecs.items()},
        entries=pairs(models, mitigations),
        limit=choice.limit,
    )
    return LiveTrack(
        spec=track,
        dataset=dataset,
        samples=samples[: choice.limit],
        codecs=codecs,
        models={model.ref.digest + model.ref.name: model for model in models},
        mitigations={mitigation.ref.digest: mitigation for mitigation in mitigations},
        planned=select(planned, frozenset(choice.settings)),
    )


def taking_part(kind: PluginKind, chosen: Sequence[str], pinned: Sequence[PluginName]) -> list[Loaded]:
    """Return the chosen plugins, or else those that the protocol pins, in the versions that it pins."""
    if chosen:
        return [registry.load(kind, name) for name in dict.fromkeys(chosen)]
    loaded = [registry.load(kind, name.name) for name in pinned]
    for plugin, name in zip(loaded, pinned, strict=True):
        check_version(plugin, name)
    return loaded


def check_fits(model: Loaded, track: TrackSpec) -> Loaded:
    """Return ``model``. Raises UsageError unless it does the track's task over as many classes."""
    if (model.plugin.task, model.plugin.classes) != (track.task, track.classes):
        raise UsageError(
            f"The model '{model.ref.name}' does {model.plugin.task} over {model.plugin.classes} classes, but "
            f"{track.dataset} asks for {track.task} over {track.classes}. Choose another with --model."
        )
    return model


def with_identity(mitigations: list[Loaded]) -> list[Loaded]:
    """Put the identity first: references and recovered fractions need the unmitigated model."""
    if any(mitigation.ref.name == ORIGINAL for mitigation in mitigations):
        return mitigations
    return [registry.load("mitigation", ORIGINAL), *mitigations]


def pairs(models: Sequence[Loaded], mitigations: Sequence[Loaded]) -> list[Entry]:
    """Return every model with every mitigation that can serve it."""
    return [
        Entry(model.ref, mitigation.ref)
        for model in models
        for mitigation in mitigations
        if not isinstance(mitigation.plugin, Retraining) or model.ref.name in mitigation.plugin.models()
    ]
