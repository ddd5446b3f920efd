"""Models and mitigations on the field: loaded onto the device, tuned to the host, ready for the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from suite.api import LayoutChoice, Model, Restoration, Retraining
from suite.environment import cores
from suite.lineup import LiveTrack
from suite.pipeline import Failure, attempt
from suite.registry import load
from suite.spec import ORIGINAL, Cell, Spec, Tuning
from suite.stages.codec_stage import read
from suite.stages.model_stage import Predictor
from suite.tuning import Wish, tune

TUNING_IMAGES = 4
Key: TypeAlias = tuple[str, str]


class Recipe(Spec, frozen=True):
    """How a cell's blocks are made, and in which order of the samples; blocks of two recipes are never joined."""

    block: int
    threads: int
    batch: int
    layout: str
    order: str = ""


class Player(NamedTuple):
    """A loaded model with a loaded mitigation. Players with one label share one network and its predictor."""

    label: str
    digest: str
    model: Model
    restoration: Restoration


def key_of(cell: Cell) -> Key:
    """Return what tells a cell's player from another's."""
    return cell.model.key, cell.mitigation.key


def enter(track: LiveTrack, cells: Iterable[Cell], device: str) -> tuple[dict[Key, Player], dict[str, str]]:
    """Load what ``cells`` need; return the players, and for each cell that cannot be measured the reason."""
    loaded: dict[str, object] = {}
    entered: dict[Key, Player | Failure] = {}
    failures = {}
    for cell in cells:
        key = key_of(cell)
        if key not in entered:
            entered[key] = attempt(lambda c=cell: player(track, c, device, loaded))  # type: ignore[misc]
        found = entered[key]
        if isinstance(found, Failure):
            failures[cell.digest] = found.reason
    return {key: found for key, found in entered.items() if isinstance(found, Player)}, failures


def player(track: LiveTrack, cell: Cell, device: str, loaded: dict[str, object]) -> Player:
    """Load one model with one mitigation; ``loaded`` remembers what is on the device already."""
    model_key, mitigation_key = key_of(cell)
    model, mitigation = track.models[model_key].plugin, track.mitigations[mitigation_key].plugin
    if not isinstance(mitigation, Retraining):
        once(loaded, mitigation_key, mitigation, device)
        return Player(model.name, cell.model.digest, once(loaded, model_key, model, device), mitigation)
    label, identity = f"{model.name} + {mitigation.name}", load("mitigation", ORIGINAL).plugin
    adapted = once(loaded, label, mitigation.adapt(model), device)
    return Player(label, cell.model.digest + mitigation_key, adapted, identity)


def once(loaded: dict[str, object], key: str, plugin: Model, device: str) -> Model:
    """Load a plugin onto the device unless it is there."""
    if key not in loaded:
        plugin.load(device)
        loaded[key] = plugin
    return plugin


def tuned(
    track: LiveTrack,
    players: Iterable[Player],
    *,
    device: str,
    host: str,
    tf32: bool,
    wish: Wish,
    kept: Mapping[str, str],
) -> Tuning:
    """Return how to run the players here. ``kept`` holds the recipes of blocks in the journal, which come first."""
    models = {player.label: player for player in players}
    originals = read(track.dataset.plugin, track.samples[:TUNING_IMAGES])
    tuning = tune(
        {label: player.model for label, player in models.items()},
        {label: player.digest for label, player in models.items()},
        device=device,
        host=host,
        images=[original.image for original in originals],
        tf32=tf32,
        wish=wish,
    )
    return tuning if wish.batch else resumed(tuning, kept, wish)


def resumed(tuning: Tuning, kept: Mapping[str, str], wish: Wish) -> Tuning:
    """Return ``tuning`` as an interrupted run had it, so that its blocks and the new ones are made alike."""
    recipes = {label: msgspec.json.decode(text, type=Recipe) for label, text in kept.items() if label in tuning.batch}
    if not recipes:
        return tuning
    first = next(iter(recipes.values()))
    return msgspec.structs.replace(
        tuning,
        workers=wish.workers or (max(1, cores() // first.threads) if tuning.device == "cpu" else tuning.workers),
        threads_per_worker=first.threads,
        block=first.block,
        batch=tuning.batch | {label: recipe.batch for label, recipe in recipes.items()},
        layout=tuning.layout | {label: recipe.layout for label, recipe in recipes.items()},
    )


def recipe_of(player: Player, tuning: Tuning, order: str = "") -> str:
    """Return the recipe that ``tuning`` gives a player; ``order`` names that of the samples where it is not theirs."""
    batch, layout = tuning.batch[player.label], tuning.layout[player.label]
    recipe = Recipe(block=tuning.block, threads=tuning.threads_per_worker, batch=batch, layout=layout, order=order)
    return msgspec.json.encode(recipe).decode()


def predictors(players: Iterable[Player], tuning: Tuning, notice: Callable[[str], None]) -> dict[str, Predictor]:
    """Return one predictor a network, by label, in the layout and with the batch of ``tuning``."""
    permits = tuning.workers if tuning.device == "cpu" else 1
    made = {}
    for player in players:
        if player.label not in made:
            if isinstance(player.model, LayoutChoice):
                player.model.use_layout(tuning.layout[player.label])
            made[player.label] = Predictor(
                player.model, batch=tuning.batch[player.label], permits=permits, notice=notice
            )
    return made
