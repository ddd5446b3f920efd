"""The training step of entries whose model offers one: what a timed step does, and whether the timing counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import isfinite
from typing import ClassVar, cast

import numpy as np

from suite.api import Model, Prediction, Retraining, Trainable, Truth
from suite.db.records import Work
from suite.errors import InvalidPlugin, PredictionError
from suite.pipeline import Failure, attempt
from suite.players import Player
from suite.spec import Cell, Value
from suite.stages.codec_stage import Original
from suite.throughput.entries import Field, time_entries
from suite.throughput.entry import Bench, layouts_of
from suite.throughput.timing import Call
from suite.throughput.verdict import Judgement

STEP = "stochastic gradient descent with momentum on a copy: all weights, training mode, cross-entropy"
WITNESSES = 4
"""How many images show whether the model still answers as it did."""


class Training(Bench):
    """A loaded player whose model can be trained, and the frames and truths that it is timed on.

    A timed call restores a batch of frames, then takes one step on images after geometry. Each timing trains a copy of
    its own, from the model's weights on, which goes when the timing is over. Raises InvalidPlugin, PredictionError.
    """

    def __init__(
        self, player: Player, originals: Sequence[Original], truths: Sequence[Truth], *, geometry_first: bool
    ) -> None:
        super().__init__(player, originals, geometry_first=geometry_first)
        self.trainable = trainable(player.model)
        self.truths = truths
        self.losses: list[float] = []
        self._before = self._answers()

    def call(self, batch: int) -> Call:
        """Return what is timed at one batch size: each call takes the next images, from the first on."""
        turns = cycle([(turn, [self.truths[number] for number in turn.numbers]) for turn in self._turns(batch)])
        restore, step = self.player.restoration.restore, self.trainable.trainer()

        def call() -> None:
            turn, truths = next(turns)
            restore(turn.frames)
            self.losses.append(step(turn.images, truths))

        return call

    def possible(self, batches: Sequence[int]) -> Sequence[int]:
        """Return ``batches``, without 1 where a step fails on one image: batch normalisation may need more."""
        found = attempt(lambda: self.call(1)())
        if not isinstance(found, Failure):
            return batches
        self.excuse = f"no step at batch 1: {found.reason}"
        return [batch for batch in batches if batch > 1]

    def forget(self) -> None:
        """Forget what was only tried."""
        self.losses.clear()

    def changed(self) -> int:
        """Return how many images the model answers otherwise than before it was trained.

        Models answer the same batch with the same scores to the last bit; `suite check` asks that of them.
        """
        pairs = zip(self._before, self._answers(), strict=True)
        return sum(not same(before, after) for before, after in pairs)

    def _answers(self) -> list[Prediction]:
        self.use(layouts_of(self.player)[0])
        infos = [frame.info for frame in self.frames[:WITNESSES]]
        return list(self.player.model.predict(self.images[:WITNESSES], infos))


def trainable(model: Model) -> Trainable:
    """Return a model that offers a training step. Raises InvalidPlugin for another."""
    if not isinstance(model, Trainable):
        raise InvalidPlugin(f"{model.name} offers no training step. See suite.api.Trainable.")
    return model


def same(one: Prediction, other: Prediction) -> bool:
    """Whether two predictions are equal in every array."""
    return all(np.array_equal(own, its, equal_nan=True) for own, its in zip(one, other, strict=True))


def verdict(bench: Training) -> Judgement:
    """Return whether steps that were timed count. Raises PredictionError for a step that does not return its loss."""
    odd = [loss for loss in bench.losses if not isinstance(loss, float)]
    if odd:
        raise PredictionError(f"Expected a training step to return its loss as a float, but got {odd[0]!r}.")
    wild, changed = sum(not isfinite(loss) for loss in bench.losses), bench.changed()
    wrong = [
        *[f"the loss of {wild} of {len(bench.losses)} steps is not finite"] * bool(wild),
        *[f"training changed the model's own answers on {changed} of {WITNESSES} images"] * bool(changed),
    ]
    return Judgement("invalid" if wrong else "valid", "; ".join([*wrong, *[bench.excuse] * bool(bench.excuse)]))


class TrainingField(Field):
    """A track whose entries are timed while they learn."""

    work: ClassVar[Work] = "training"

    def bench(self, cell: Cell) -> Training:
        """Load an entry and put it on its bench."""
        truths = [sample.truth for sample in self.samples]
        entry = self.load(cell)
        return Training(entry, self.originals, truths, geometry_first=cell.condition.geometry is not None)

    def own(self, cell: Cell) -> int:
        """Return the bytes of the restoration: a copy learns, the model itself is not part of what that needs."""
        retrained = isinstance(self.mitigation(cell), Retraining)
        return 0 if retrained else self.sizes[cell.mitigation.key]

    def judged(self, cell: Cell, bench: Bench) -> Judgement:  # noqa: ARG002 - inference is judged by the cell
        """Return whether the timing counts."""
        return verdict(cast("Training", bench))

    def settings(self) -> dict[str, Value]:
        """Return how entries are timed here."""
        return super().settings() | {"step": STEP}


def time_training(on: Field, cells: Sequence[Cell]) -> None:
    """Time the training step of those entries that were loaded and can learn, and store a row each."""
    learning = TrainingField(on.session, on.track, on.samples, on.originals, on.loaded, on.sizes, on.players)
    learners = [cell for cell in cells if cell.digest in on.players and learns(on.players[cell.digest])]
    if learners:
        on.session.progress.start(f"timing training on {on.track.spec.dataset.name}", len(learners))
        time_entries(learning, learners)


def learns(entry: Player) -> bool:
    """Whether an entry's model offers a training step."""
    return isinstance(entry.model, Trainable)
