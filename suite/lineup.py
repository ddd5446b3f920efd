"""From names to live plugins: what a protocol and a user's choice put on the field, checked, with its plan.

The only place where a protocol meets the registry. Everything wrong with the names is said here, before any work;
what this machine lacks (a program, a package, weights, images) is left out, and named with the way to get it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from suite import data, protocols, registry
from suite.api import Availability, Codec, PublishedWeights, Retraining, Sample, Setting
from suite.errors import DataError, InvalidProtocol, SuiteError, UsageError, nearest
from suite.plan import Entry, PlannedCondition, check_settings, plan_track, select
from suite.registry import Loaded, parameters_of
from suite.spec import ORIGINAL, CodecSpec, Condition, PluginKind, PluginName, ProtocolSpec, TrackSpec


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a user narrows a protocol to, or adds to it; empty means what the protocol says.

    ``dataset`` is a registered dataset that stands in for the protocol's, ``limit`` a number of leading samples.
    ``guests`` are live plugins that come from outside the registry: they go before what has the same name there. A
    codec among them that ``codecs`` names is measured as the protocol's `OpenCodecs` say.
    """

    models: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    dataset: str | None = None
    limit: int | None = None
    guests: tuple[Loaded, ...] = ()


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

    def codec_of(self, on: Condition) -> Loaded:
        """Return the live codec of a condition."""
        return next(
            loaded
            for loaded in self.codecs.values()
            if loaded.ref == on.codec and parameters_of(loaded.plugin) == on.parameters
        )


class Absent(NamedTuple):
    """What a protocol names and this machine lacks: why, and how many cells are left out for it.

    ``published`` are the files of weights whose download would help.
    """

    kind: PluginKind
    name: str
    reason: str
    cells: int
    published: tuple[PublishedWeights, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.cells} cells): {self.reason}"


class Lineup(NamedTuple):
    """Who takes part, and who cannot."""

    tracks: tuple[LiveTrack, ...]
    absent: tuple[Absent, ...]


def line_up(spec: ProtocolSpec, choice: Choice) -> Lineup:
    """Return the protocol's tracks with everything that takes part. Raises a SuiteError for a name that is wrong."""
    check_choice(spec, choice)
    tracks, absent = [], []
    codecs = chosen_codecs(spec, choice)
    for track in spec.tracks:
        live, lacking = live_track(spec, track, codecs, choice)
        tracks += [live] if live else []
        absent += lacking
    return Lineup(tuple(tracks), tuple(dict.fromkeys(absent)))


def why_absent(plugin: Any) -> str | None:
    """Return why a plugin cannot work on this machine and what to do about it, None where it can."""
    if isinstance(plugin, Availability) and plugin.unavailable:
        return plugin.unavailable
    try:
        if isinstance(plugin, Codec):
            plugin.build  # noqa: B018 - asks the library
        for published in absent_weights(plugin):
            published.located(plugin.name).verified()
    except SuiteError as error:
        return str(error)
    return None


def absent_weights(plugin: Any) -> tuple[PublishedWeights, ...]:
    """Return which of a plugin's published files of weights are not on this machine."""
    return tuple(published for published in getattr(plugin, "published", ()) if not published.is_here)


def check_choice(spec: ProtocolSpec, choice: Choice) -> None:
    """Raise UsageError for a choice that a protocol does not offer."""
    if choice.limit is not None and choice.limit < 1:
        raise UsageError(f"--limit is a number of samples, 1 or more, but got {choice.limit}.")
    check_settings(spec, choice.settings)
    known = [name for codec in spec.codecs for name in dict.fromkeys((codec.name, codec.label))]
    guests = guest_codecs(choice)
    for name in guests:
        check_open(spec, name, taken=(ORIGINAL, *known))
    for name in choice.codecs:
        if name not in known and name not in guests:
            raise UsageError(
                f"{spec.label} has no codec '{name}'. {nearest(name, known) or 'It has ' + ', '.join(known)}"
            )


def check_open(spec: ProtocolSpec, name: str, taken: Collection[str]) -> None:
    """Raise UsageError unless a protocol measures codecs that it does not name, and one of that name."""
    if spec.open_codecs is None:
        instead = ", ".join(protocols.open_to_codecs()) or "none of this version"
        raise UsageError(
            f"{spec.label} fixes its codecs, and '{name}' is none of them. Measure it under a protocol that takes "
            f"others, with --protocol: {instead}."
        )
    if name in taken:
        raise UsageError(f"{spec.label} has a codec '{name}' of its own. Choose another name.")


def guest_codecs(choice: Choice) -> dict[str, Loaded]:
    """Return the guests that are codecs and are to be measured, by name."""
    return {
        guest.ref.name: guest
        for guest in choice.guests
        if guest.ref.kind == "codec" and guest.ref.name in choice.codecs
    }


def opened_codecs(spec: ProtocolSpec, choice: Choice) -> tuple[CodecSpec, ...]:
    """Return what is asked of the guests that are codecs."""
    return tuple(
        spec.open_codecs.spec_of(name, guest.ref.version, guest.plugin.settings()[0].parameter)
        for name, guest in guest_codecs(choice).items()
        if spec.open_codecs
    )


def chosen_codecs(spec: ProtocolSpec, choice: Choice) -> dict[str, Loaded]:
    """Return the codecs to measure, by label, and that of the original."""
    wanted = [codec for codec in spec.codecs if not choice.codecs or {codec.name, codec.label} & {*choice.codecs}]
    own = {codec.label: live_codec(codec) for codec in wanted}
    return {ORIGINAL: registry.load("codec", ORIGINAL)} | own | guest_codecs(choice)


def live_codec(codec: CodecSpec) -> Loaded:
    """Return a protocol's codec with the protocol's parameters. Raises InvalidProtocol unless it states them all."""
    loaded = registry.load("codec", codec.name, **codec.parameters)
    check_version(loaded, PluginName(name=codec.name, version=codec.version))
    unstated = set(parameters_of(loaded.plugin)) - set(codec.parameters)
    if unstated:
        raise InvalidProtocol(
            f"The protocol must state every parameter of {codec.name}; it lacks {', '.join(sorted(unstated))}."
        )
    refused = unusable_settings(codec, loaded.plugin)
    if refused:
        raise InvalidProtocol(f"The codec {codec.name} cannot be asked for {', '.join(refused)}.")
    return loaded


def unusable_settings(codec: CodecSpec, plugin: Codec) -> list[str]:
    """Return which of a protocol's settings, or the parameter to search for a rate, the codec does not have."""
    if codec.axis == "setting":
        return [str(setting) for setting in codec.settings() if setting not in plugin.settings()]
    return [] if searched(plugin, codec.parameter) else [f"any {codec.parameter}"]


def searched(plugin: Codec, parameter: str) -> tuple[Setting, ...]:
    """Return the codec's settings of one parameter, from the lowest rate to the highest."""
    return tuple(setting for setting in plugin.settings() if setting.parameter == parameter)


def check_version(loaded: Loaded, pinned: PluginName) -> None:
    """Raise InvalidProtocol unless a plugin has the version that the protocol pins."""
    if loaded.ref.version != pinned.version:
        raise InvalidProtocol(
            f"The protocol pins {pinned}, but {loaded.ref} is installed. Install the suite version that has it, "
            "or use a newer version of the protocol."
        )


def live_track(
    spec: ProtocolSpec, track: TrackSpec, codecs: dict[str, Loaded], choice: Choice
) -> tuple[LiveTrack | None, list[Absent]]:
    """Return one track with its live plugins and its plan (None without its dataset), and what it lacks."""
    models = [check_fits(model, track) for model in taking_part("model", choice.models, track.baselines, choice.guests)]
    mitigations = with_identity(taking_part("mitigation", choice.mitigations, track.mitigations, choice.guests))
    wanted, opened = Roster(codecs, models, mitigations), opened_codecs(spec, choice)
    asked = (*spec.codecs, *opened)
    present, absent = wanted.split(asked)
    try:
        dataset = data.open_for(track, choice.dataset)
        samples = tuple(dataset.plugin.samples())
    except DataError as error:
        if choice.dataset:
            raise
        return None, [*absent, Absent("dataset", track.dataset.name, str(error), wanted.cells(asked))]
    manifest = data.check_manifest(track, dataset.plugin, samples)
    planned = plan_track(
        spec,
        track,
        dataset=dataset.ref,
        manifest=manifest,
        samples=len(samples),
        codecs={label: loaded.ref for label, loaded in present.codecs.items()},
        entries=pairs(present.models, present.mitigations),
        limit=choice.limit,
        opened=opened,
    )
    live = LiveTrack(
        spec=track,
        dataset=dataset,
        samples=samples[: choice.limit],
        codecs=present.codecs,
        models={model.ref.key: model for model in present.models},
        mitigations={mitigation.ref.key: mitigation for mitigation in present.mitigations},
        planned=select(planned, frozenset(choice.settings)),
    )
    return live, absent


@dataclass(frozen=True)
class Roster:
    """The plugins of one track."""

    codecs: dict[str, Loaded]
    models: list[Loaded]
    mitigations: list[Loaded]

    def split(self, asked: Sequence[CodecSpec]) -> tuple[Roster, list[Absent]]:
        """Return those that can work here, and what is missing for the others; ``asked`` is what codecs are asked."""
        reasons = {id(loaded): why_absent(loaded.plugin) for loaded in self}
        present = Roster(
            {label: loaded for label, loaded in self.codecs.items() if not reasons[id(loaded)]},
            [loaded for loaded in self.models if not reasons[id(loaded)]],
            [loaded for loaded in self.mitigations if not reasons[id(loaded)]],
        )
        absent = [
            Absent(
                loaded.ref.kind,
                loaded.ref.name,
                reason,
                self.cells(asked) - self.without(loaded).cells(asked),
                absent_weights(loaded.plugin),
            )
            for loaded in self
            if (reason := reasons[id(loaded)])
        ]
        return present, absent

    def __iter__(self) -> Iterator[Loaded]:
        yield from (*self.codecs.values(), *self.models, *self.mitigations)

    def without(self, plugin: Loaded) -> Roster:
        """Return the roster without one plugin."""
        return Roster(
            {label: loaded for label, loaded in self.codecs.items() if loaded is not plugin},
            [loaded for loaded in self.models if loaded is not plugin],
            [loaded for loaded in self.mitigations if loaded is not plugin],
        )

    def cells(self, asked: Sequence[CodecSpec]) -> int:
        """Return how many cells a track with this roster has."""
        conditions = sum(len(codec.values) for codec in asked if codec.label in self.codecs)
        return (1 + conditions) * len(pairs(self.models, self.mitigations))


def taking_part(
    kind: PluginKind, chosen: Sequence[str], pinned: Sequence[PluginName], guests: Sequence[Loaded]
) -> list[Loaded]:
    """Return the chosen plugins, or else those that the protocol pins, in the versions that it pins."""
    if chosen:
        there = {guest.ref.name: guest for guest in guests if guest.ref.kind == kind}
        return [there.get(name) or registry.load(kind, name) for name in dict.fromkeys(chosen)]
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
