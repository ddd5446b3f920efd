"""Submitted plugins as the host uses them: each in processes of its own that a sandbox starts, behind `suite.api`.

Everything that comes back is checked before it is believed; what is wrong is an error of the plugin's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import numpy as np

from suite.api import Card, Classification, Frame, FrameInfo, Image, Model, Task
from suite.errors import InvalidPlugin, PredictionError
from suite.isolation.process import Expected, Process
from suite.isolation.sandbox import Sandbox
from suite.isolation.watch import Usage
from suite.isolation.wire import (
    Geometry,
    Load,
    Made,
    Make,
    Picture,
    Pictures,
    Predict,
    Ready,
    Request,
    Restore,
    Scores,
)


class Guest:
    """A plugin's processes: one for each thread that asks at the same time, started when needed, all made alike.

    One thread starts them all and lives as long as this: the system ends a process with the thread that started it, and
    whoever asks first may be gone while another still uses that process.
    """

    def __init__(self, make: Make, sandbox: Sandbox) -> None:
        self._make = make
        self._sandbox = sandbox
        self._load: Load | None = None
        self._idle: list[Process] = []
        self._all: list[Process] = []
        self._lock = Lock()
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
        try:
            with self.process() as process:
                self.made = process.ask(make, Made, sandbox.limits.start_s)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End all processes for good."""
        self.close()
        self._starter.shutdown()

    @property
    def isolation(self) -> str:
        """What keeps the plugin apart."""
        return self._sandbox.description

    def load(self, device: str) -> None:
        """Have all processes load the weights onto ``device``. Raises what the plugin raises, or WorkerError."""
        self.close()
        self._load = Load(device, self._sandbox.threads, tf32=False)
        with self.process():
            pass

    def close(self) -> None:
        """End all processes. Not while another thread asks."""
        with self._lock:
            over, self._all, self._idle = self._all, [], []
        for process in over:
            process.hang_up()
        for process in over:
            process.kill()

    @contextmanager
    def process(self) -> Iterator[Process]:
        """Lend a process that has made the plugin and loaded it, if it is to be loaded."""
        with self._lock:
            process = next((self._idle.pop() for _ in range(len(self._idle))), None)
        if process is None or not process.alive:
            process = self._started()
        try:
            yield process
        finally:
            with self._lock:
                if process.alive:
                    self._idle.append(process)

    def ask(self, process: Process, request: Request, expected: type[Expected]) -> Expected:
        """Return the answer of the expected kind within a call's time. Raises WorkerError or what the plugin raised."""
        return process.ask(request, expected, self._sandbox.limits.call_s)

    def _started(self) -> Process:
        limits = self._sandbox.limits
        most = Usage(limits.processes, limits.memory_bytes)
        process = self._starter.submit(Process, self._sandbox.start, most).result()
        with self._lock:
            self._all = [one for one in self._all if one.alive] + [process]
        if hasattr(self, "made"):
            try:
                again = process.ask(self._make, Made, limits.start_s)
                if again != self.made:
                    raise InvalidPlugin(f"Expected the plugin to call itself {self.made}, but got {again}.")
                if self._load:
                    process.ask(self._load, Ready, limits.load_s)
            except BaseException:
                process.kill()
                raise
        return process


class GuestModel:
    """A `suite.api.Model` in processes of its own."""

    thread_safe = True

    def __init__(self, guest: Guest, card: Card) -> None:
        made = guest.made
        self.name, self.version, self.classes = made.name, made.version, made.classes
        self.task = Task(made.task)
        self.card = card
        self.isolation = guest.isolation
        self._guest = guest

    def load(self, device: str) -> None:
        """Load the weights. Raises what the plugin raises, or WorkerError."""
        self._guest.load(device)

    def geometry(self, image: Image) -> Image:
        """Return the image after the model's resize and crop. Raises what the plugin raises, or WorkerError."""
        with self._guest.process() as process:
            process.memory.write_image(image)
            answer = self._guest.ask(process, Geometry(*image.shape[:2]), Picture)
            return process.memory.read_image(answer.height, answer.width)

    def predict(self, images: Sequence[Image], frames: Sequence[FrameInfo]) -> Sequence[Classification]:
        """Return one classification an image. Raises what the plugin raises, PredictionError or WorkerError."""
        pairs = zip(images, frames, strict=True)
        sizes = [side for image, info in pairs for side in (*image.shape[:2], info.width, info.height)]
        with self._guest.process() as process:
            process.memory.write_images(images)
            answer = self._guest.ask(process, Predict(sizes), Scores)
            if answer != Scores(len(images), self.classes):
                raise PredictionError(
                    f"Expected {len(images)} predictions of {self.classes} scores, "
                    f"but got {answer.rows} of {answer.classes}."
                )
            scores = process.memory.read_scores(*answer)
        if not np.isfinite(scores).all():
            raise PredictionError(f"Expected finite scores, but {int((~np.isfinite(scores)).sum())} are not.")
        return [Classification(row) for row in scores]


class GuestRestoration:
    """A `suite.api.Restoration` in processes of its own."""

    def __init__(self, guest: Guest, card: Card) -> None:
        self.name, self.version = guest.made.name, guest.made.version
        self.card = card
        self.isolation = guest.isolation
        self._guest = guest

    def load(self, device: str) -> None:
        """Load the weights. Raises what the plugin raises, or WorkerError."""
        self._guest.load(device)

    def restore(self, frames: Sequence[Frame]) -> Sequence[Image]:
        """Return one image a frame, of its size. Raises what the plugin raises, PredictionError or WorkerError."""
        sizes = [
            number
            for frame in frames
            for number in (*frame.image.shape[:2], len(frame.data), frame.info.width, frame.info.height)
        ]
        wanted = [side for frame in frames for side in frame.image.shape[:2]]
        with self._guest.process() as process:
            process.memory.write_images([frame.image for frame in frames], *(frame.data for frame in frames))
            answer = self._guest.ask(process, Restore(sizes), Pictures)
            if answer.sizes != wanted:
                raise PredictionError(f"Expected images of {wanted[:6]}…, but got {answer.sizes[:6]}….")
            pairs = list(zip(wanted[::2], wanted[1::2], strict=True))
            return [image.copy() for image in process.memory.shown_images(pairs)]


class GuestRetraining:
    """A `suite.api.Retraining` with a guest for each model that it has a network for, by the model's name."""

    def __init__(self, guests: Mapping[str, Guest], card: Card) -> None:
        first = next(iter(guests.values()))
        self.name, self.version = first.made.name, first.made.version
        self.card = card
        self.isolation = first.isolation
        self._guests = guests

    def models(self) -> Sequence[str]:
        """Return the names of the models it has weights for."""
        return tuple(self._guests)

    def adapt(self, model: Model) -> GuestModel:
        """Return the network that stands in for ``model``. Raises InvalidPlugin if it does another task than that."""
        adapted = GuestModel(self._guests[model.name], self.card)
        if (adapted.task, adapted.classes) != (model.task, model.classes):
            raise InvalidPlugin(
                f"{self.name} does {adapted.task} over {adapted.classes} classes in place of {model.name}, "
                f"which does {model.task} over {model.classes}."
            )
        return adapted
