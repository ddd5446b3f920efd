"""From the plugins that `results.json` names to the cells that its protocol's plan asks for, and how rows name a cell.

Pure data: no codec, dataset or model has to be installed to recompute the digest of every condition and cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from suite import protocols
from suite.plan import Entry, PlannedCondition, plan_track
from suite.spec import ORIGINAL, Cell, CodecSpec, PluginKind, PluginName, PluginRef, ProtocolSpec, Result, TrackSpec
from suite.submission.records import Data, Results, Row


def row_of(result: Result) -> Row:
    """Return a result as `results.json` keeps it."""
    cell = result.cell
    return Row(
        cell=cell.digest,
        condition=cell.condition.digest,
        **names_of(cell),
        samples=cell.condition.count,
        status=result.status,
        conformant=result.conformant,
        reason=result.reason,
        measures=result.measures,
        outcomes=result.outcomes,
    )


def names_of(cell: Cell) -> dict[str, str]:
    """Return what a row calls the parts of its cell."""
    on = cell.condition
    return {
        "dataset": on.dataset.name,
        "codec": on.label,
        "setting": "original" if on.is_reference else str(on.setting),
        "model": cell.model.name,
        "mitigation": cell.mitigation.name,
    }


class Parts(NamedTuple):
    """What `results.json` names once for all its rows."""

    data: tuple[Data, ...]
    plugins: tuple[PluginRef, ...]


def parts_of(cells: Iterable[Cell], plugin: PluginRef) -> Parts:
    """Return the data and the plugins, besides ``plugin``, that cells name, in their order."""
    data: dict[Data, None] = {}
    plugins: dict[PluginRef, None] = {}
    for cell in cells:
        on = cell.condition
        data[Data(dataset=on.dataset, split=on.split, manifest=on.manifest, samples=on.samples)] = None
        plugins |= dict.fromkeys((on.codec, cell.model, cell.mitigation))
    return Parts(tuple(data), tuple(ref for ref in plugins if ref != plugin))


def cells_of(spec: ProtocolSpec, task: str, results: Results) -> tuple[Cell, ...]:
    """Return every cell that the protocol asks of the plugins in ``results``, in the plan's order.

    A model is measured with every mitigation named, its references without; a mitigation in front of every model named,
    beside none; a codec at the rates that the protocol has for others, beside the protocol's first codec. Only where
    `lacking` has nothing to say.
    """
    tracks = [(data, track) for data in results.data if (track := track_of(spec, task, data))]
    planned = (item for data, track in tracks for item in planned_conditions(spec, track, data, results))
    return tuple(cell for item in planned for cell in item.cells)


def planned_conditions(
    spec: ProtocolSpec, track: TrackSpec, data: Data, results: Results
) -> tuple[PlannedCondition, ...]:
    """Return what the plan of one track asks for."""
    codecs = {ref.name: ref for ref in named(results, "codec")}
    asked = [*own_codecs(spec, results), *opened(spec, results)]
    return plan_track(
        spec,
        track,
        dataset=data.dataset,
        manifest=data.manifest,
        samples=data.samples,
        codecs={ORIGINAL: codecs[ORIGINAL]} | {codec.label: codecs[codec.name] for codec in asked},
        entries=entries_of(results),
        limit=results.limit,
        opened=opened(spec, results),
    )


def entries_of(results: Results) -> list[Entry]:
    """Return the models and mitigations that are measured together."""
    plugin, models, mitigations = results.plugin, named(results, "model"), named(results, "mitigation")
    alone = next(ref for ref in mitigations if ref.name == ORIGINAL)
    if plugin.kind == "model":
        own = [Entry(plugin, mitigation) for mitigation in mitigations]
        return own + [Entry(model, alone) for model in models if model != plugin]
    return [Entry(model, mitigation) for model in models for mitigation in mitigations]


def named(results: Results, kind: PluginKind) -> list[PluginRef]:
    """Return the plugins of one kind, the submitted one among them, in the order of `results.json`."""
    own = [results.plugin] if results.plugin.kind == kind else []
    return [*own, *(ref for ref in results.plugins if ref.kind == kind)]


def own_codecs(spec: ProtocolSpec, results: Results) -> list[CodecSpec]:
    """Return the protocol's codecs that a submission is measured at: all, or the first beside a submitted one."""
    return list(spec.codecs[:1] if results.plugin.kind == "codec" else spec.codecs)


def opened(spec: ProtocolSpec, results: Results) -> list[CodecSpec]:
    """Return what is asked of a submitted codec; nothing for other kinds."""
    plugin = results.plugin
    if plugin.kind != "codec" or spec.open_codecs is None:
        return []
    return [spec.open_codecs.spec_of(plugin.name, plugin.version, results.searched)]


def track_of(spec: ProtocolSpec, task: str, data: Data) -> TrackSpec | None:
    """Return the protocol's track for a task on that dataset and split, None where it has none."""
    wanted = (task, data.dataset.name, data.dataset.version, data.split)
    found = (t for t in spec.tracks if (t.task.value, t.dataset.name, t.dataset.version, t.split) == wanted)
    return next(found, None)


def lacking(spec: ProtocolSpec, task: str, results: Results, *, retrains: Collection[str] = ()) -> Iterator[str]:
    """Yield what is wrong with the plugins and data that results name: none of it, and `cells_of` can plan them.

    ``retrains``: the models that a retraining is for.
    """
    yield from problems_of_kinds(results)
    yield from problems_of_codecs(spec, results)
    yield from problems_of_data(spec, task, results)
    for data in results.data:
        if track := track_of(spec, task, data):
            yield from problems_of_entries(track, results, retrains)


def problems_of_kinds(results: Results) -> Iterator[str]:
    """Yield the plugins that are named twice, or are of a kind that has no place among them."""
    counted = Counter((ref.kind, ref.name) for ref in (results.plugin, *results.plugins))
    yield from (f"the {kind} '{name}' is named {n} times; name it once" for (kind, name), n in counted.items() if n > 1)
    yield from (f"the dataset '{ref.name}' belongs in 'data'" for ref in results.plugins if ref.kind == "dataset")
    for ref in (data.dataset for data in results.data):
        if ref.kind != "dataset":
            yield f"'{ref.name}' in 'data' is a {ref.kind}, not a dataset"


def problems_of_codecs(spec: ProtocolSpec, results: Results) -> Iterator[str]:
    """Yield where the codecs are not those of the protocol, each in its version, and that of the originals."""
    found = {ref.name: ref for ref in named(results, "codec")}
    wanted = {codec.name: codec.version for codec in own_codecs(spec, results)}
    if results.plugin.kind == "codec":
        yield from problems_of_submitted(spec, results)
    for name, version in wanted.items():
        if name not in found:
            yield f"{spec.label} has the codec {name}@{version}, but 'plugins' does not name it: measure it too"
        elif found[name].version != version:
            yield f"{spec.label} has the codec {name}@{version}, but {found[name]} was measured: use that version"
    if ORIGINAL not in found:
        yield f"'plugins' does not name the codec '{ORIGINAL}' of the originals"
    own = {codec.name for codec in opened(spec, results)}
    for name in found.keys() - wanted.keys() - {ORIGINAL} - own:
        yield f"{spec.label} is not measured here at a codec '{name}': leave it out"


def problems_of_submitted(spec: ProtocolSpec, results: Results) -> Iterator[str]:
    """Yield why a protocol does not take a submitted codec."""
    name = results.plugin.name
    if spec.open_codecs is None:
        instead = ", ".join(protocols.open_to_codecs())
        yield f"{spec.label} takes no codecs but its own: measure '{name}' under one that does ({instead})"
    elif not results.searched:
        yield "'searched' does not name the codec's parameter: leave the file as suite submit wrote it"
    if name in {ORIGINAL, *(label for codec in spec.codecs for label in (codec.name, codec.label))}:
        yield f"{spec.label} has a codec '{name}' of its own: choose another name"


def problems_of_data(spec: ProtocolSpec, task: str, results: Results) -> Iterator[str]:
    """Yield where the samples are not those of the protocol's tracks."""
    if not results.data:
        yield "'data' names no dataset: name those of the tracks that were measured"
    if len({(data.dataset.name, data.split) for data in results.data}) != len(results.data):
        yield "'data' names a track twice"
    for data in results.data:
        track = track_of(spec, task, data)
        if track is None:
            yield f"{spec.label} has no {task} track on {data.dataset} ({data.split})"
        elif track.manifest not in ("", data.manifest):
            yield f"the manifest of {data.dataset} is {data.manifest}, but {spec.label} pins {track.manifest}"
        elif data.samples != track.samples:
            yield f"{data.dataset} has {data.samples} samples here, but {track.samples} in {spec.label}"


def problems_of_entries(track: TrackSpec, results: Results, retrains: Collection[str]) -> Iterator[str]:
    """Yield where models and mitigations are not what a submission of its kind is measured with."""
    models, mitigations = named(results, "model"), named(results, "mitigation")
    present = {(ref.name, ref.version) for ref in mitigations}
    needed = track.mitigations if results.plugin.kind == "model" else ()
    yield from (
        f"the mitigation {name} of the protocol is not measured: measure it too"
        for name in needed
        if (name.name, name.version) not in present
    )
    if ORIGINAL not in {ref.name for ref in mitigations}:
        yield f"'plugins' does not name the mitigation '{ORIGINAL}': references and recovered fractions need it"
    if not models:
        yield "'plugins' names no model: measure one of the protocol's baselines too"
    wanted = track.baselines
    if results.plugin.kind == "mitigation":
        wanted = served(wanted, retrains)
        there = {(model.name, model.version) for model in models}
        missing = (name for name in wanted if (name.name, name.version) not in there)
        yield from (f"the model {name} is not measured with it: measure it too" for name in missing)
    yield from foreign(wanted, (model for model in models if model != results.plugin))


def served(baselines: Iterable[PluginName], retrains: Collection[str]) -> tuple[PluginName, ...]:
    """Return the baselines that a mitigation is measured with: all, or those that a retraining is for."""
    return tuple(name for name in baselines if not retrains or name.name in retrains)


def foreign(wanted: Collection[PluginName], models: Iterable[PluginRef]) -> Iterator[str]:
    """Yield the models that a submission is not measured with."""
    known = {(name.name, name.version) for name in wanted}
    for model in models:
        if (model.name, model.version) not in known:
            yield f"{model} is none of the models that this is measured with, {', '.join(map(str, wanted))}"
