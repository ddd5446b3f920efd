"""Is a draft ready to be released? Everything that stands against it, of every kind, all at once.

`suite.release` asks this, and then writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from suite import conformance, data, protocols, registry
from suite.contracts import check_codec
from suite.errors import DataError, ManifestMismatch, SuiteError
from suite.lineup import check_fits, check_version, live_codec, why_absent
from suite.protocols.differences import differences
from suite.spec import CodecSpec, PluginKind, PluginName, ProtocolSpec, TrackSpec

DRAFT = re.compile(r"\s*(an?\s+)?draft\b", re.IGNORECASE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Golden = dict[str, dict[str, str]]
"""Kind -> name -> digest, as `conformance` computes it."""


class Readiness(NamedTuple):
    """What stands against a release, what could not be looked at here, and this machine's golden values.

    ``golden`` is empty where codecs or models are among the reasons.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    golden: Golden


def readiness_of(spec: ProtocolSpec, earlier: Mapping[int, ProtocolSpec], without: Collection[str] = ()) -> Readiness:
    """Examine a draft. ``earlier`` are the released versions of its name, ``without`` codecs that may be missing here.

    Golden values of the latter stay unknown, and nobody is held to them.
    """
    plugins = [*against_codecs(spec, without), *against_entries(spec)]
    golden = {} if plugins else conformance.compute(spec, first=True)
    tracks = [examined(track) for track in spec.tracks]
    reasons = [
        *against_words(spec),
        *against_version(spec, earlier),
        *(reason for reasons, _ in tracks for reason in reasons),
        *plugins,
        *departures(spec, golden),
    ]
    notes = [note for _, notes in tracks for note in notes]
    lacking = [] if plugins else missing_here(spec, without)
    notes += [f"golden values of {label} stay unknown: it is missing here" for label in lacking]
    return Readiness(tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(notes)), golden)


def against_words(spec: ProtocolSpec) -> list[str]:
    """Return which texts are missing, or still say that this is a draft."""
    texts = {name: getattr(spec, name) for name in ("title", "summary", "changes")}
    return [f"'{name}' is empty" for name, text in texts.items() if not text.strip()] + [
        f"'{name}' still calls it a draft" for name, text in texts.items() if DRAFT.match(text)
    ]


def against_version(spec: ProtocolSpec, earlier: Mapping[int, ProtocolSpec]) -> list[str]:
    """Return what is wrong with the version: it is to be the next one, and to differ in more than words."""
    following = max(earlier, default=0) + 1
    if spec.version != following:
        return [f"'version' is {spec.version}, but the next of {spec.name} is {following}"]
    if earlier and not any(found.may_change_a_number for found in differences(earlier[following - 1], spec)):
        label = earlier[following - 1].label
        return [f"it differs from {label} in words only: a new version would part results that are comparable"]
    return []


def examined(track: TrackSpec) -> tuple[list[str], list[str]]:
    """Return what stands against one track, and what could not be looked at here."""
    reasons = [f"{track.dataset}: {text}" for text in (*against_pins(track), *against_names(track))]
    try:
        live = data.open_for(track, None)
        check_version(live, track.dataset)
        found = tuple(live.plugin.samples())
        data.check_manifest(track, live.plugin, found)
    except ManifestMismatch as error:
        return [*reasons, str(error)], []
    except DataError as error:
        return reasons, [f"{track.dataset} is not on this machine, so nobody checked what is pinned: {error}"]
    except SuiteError as error:
        return [*reasons, str(error)], []
    if len(found) != track.samples:
        reasons.append(f"{track.dataset}: 'samples' is {track.samples:,}, but there are {len(found):,}")
    return reasons, []


def against_pins(track: TrackSpec) -> Iterator[str]:
    """Yield what is wrong with how a track pins its samples: by manifest, or by listing where files may not travel."""
    if not (track.manifest or track.listing):
        yield "neither 'manifest' nor 'listing' pins its samples ('suite data list' shows manifests)"
    for name in ("manifest", "listing"):
        digest = getattr(track, name)
        if digest and not DIGEST.fullmatch(digest):
            yield f"'{name}' is to be sha256: and 64 hexadecimal digits, but is '{digest:.80}'"


def against_names(track: TrackSpec) -> Iterator[str]:
    """Yield what is listed twice."""
    for what in ("metrics", "baselines", "mitigations"):
        names = [str(name) for name in getattr(track, what)]
        yield from (f"'{what}' has {name} twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def against_codecs(spec: ProtocolSpec, without: Collection[str]) -> list[str]:
    """Return which codecs are unknown, misstated, missing here, or break their contract."""
    unknown = set(without) - {codec.label for codec in spec.codecs}
    reasons = [f"there is no codec {label} to leave out" for label in sorted(unknown)]
    for codec in spec.codecs:
        reasons += complaint(f"codec {codec.label}", partial(against_codec, codec, without))
    return reasons


def against_codec(codec: CodecSpec, without: Collection[str]) -> list[str]:
    """Return what stands against one codec. Raises InvalidProtocol or PluginError."""
    plugin = live_codec(codec).plugin
    absent = why_absent(plugin)
    if absent:
        return [] if codec.label in without else [f"it is missing here, so it has no golden values: {absent}"]
    return [f"fails its contract, {found.check}: {found.message}" for found in check_codec(plugin) if not found.ok]


def against_entries(spec: ProtocolSpec) -> list[str]:
    """Return which baselines and mitigations are unknown, of another version, or do not fit their track."""
    reasons = []
    for track in spec.tracks:
        for name in track.baselines:
            reasons += complaint(f"model {name}", partial(fits, "model", name, track))
        for name in track.mitigations:
            reasons += complaint(f"mitigation {name}", partial(fits, "mitigation", name, track))
    return reasons


def fits(kind: PluginKind, name: PluginName, track: TrackSpec) -> list[str]:
    """Load a plugin in its pinned version and, a model, see that it does the track's task. Raises a SuiteError."""
    loaded = registry.load(kind, name.name)
    check_version(loaded, name)
    if kind == "model":
        check_fits(loaded, track)
    return []


def complaint(subject: str, question: Callable[[], Iterable[str]]) -> list[str]:
    """Return the answers to a question about a subject, or the error that it ends with."""
    try:
        return [f"{subject}: {answer}" for answer in question()]
    except SuiteError as error:
        return [f"{subject}: {error}"]


def missing_here(spec: ProtocolSpec, without: Collection[str]) -> list[str]:
    """Return which codecs of ``without`` are indeed missing on this machine."""
    return [codec.label for codec in spec.codecs if codec.label in without and why_absent(live_codec(codec).plugin)]


def departures(spec: ProtocolSpec, golden: Golden) -> list[str]:
    """Return where this machine's golden values are not those of released protocols with the same codec or model."""
    return [
        f"this machine's {kind} of {name} are not those of {label}: see 'suite doctor'"
        for label in protocols.released_digests()
        for kind, name in departures_from(protocols.load(label), spec, golden)
    ]


def departures_from(other: ProtocolSpec, spec: ProtocolSpec, golden: Golden) -> list[tuple[str, str]]:
    """Return the kind and name of each golden value that is not that of another protocol."""
    expected = conformance.expected(other)
    shared = {"pixels": shared_settings(spec, other), "geometry": expected.get("geometry", {})}
    return [
        (kind, name)
        for kind, names in shared.items()
        for name in names
        if name in golden.get(kind, {}) and expected.get(kind, {}).get(name, golden[kind][name]) != golden[kind][name]
    ]


def shared_settings(spec: ProtocolSpec, other: ProtocolSpec) -> list[str]:
    """Return the settings, by name, that two protocols ask of one codec with the same parameters.

    Codecs with a tolerance are left out: their golden values are those of one processor.
    """
    both = [(ours, theirs) for ours in spec.codecs for theirs in other.codecs if alike(ours, theirs)]
    return [
        f"{ours.label} {setting}"
        for ours, theirs in both
        if not getattr(conformance.plugin_of(ours), "tolerance", 0.0)
        for setting in ours.settings()
        if setting in theirs.settings()
    ]


def alike(first: CodecSpec, second: CodecSpec) -> bool:
    """Whether two entries name the same codec with the same parameters."""
    return all(
        getattr(first, name) == getattr(second, name)
        for name in ("name", "version", "variant", "axis", "parameter", "parameters")
    )
