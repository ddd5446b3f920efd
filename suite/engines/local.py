"""The engine of one machine: worker threads that take items in order and stream what comes of them.

Threads suffice: numpy, torch and most codecs release the interpreter's lock while they work; what holds it (Pillow's
JPEG 2000) or needs it all the time a run keeps in processes, see `suite.isolation`. At most two results a worker wait
to be taken, so memory does not grow with the number of items.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from queue import Empty, Queue
from threading import Event, Lock, Thread
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class Raised(NamedTuple):
    """An exception on its way from a worker to the caller."""

    error: BaseException


class Finished:
    """A worker's last word."""


def stream(
    task: Callable[[Item], Iterable[Made]],
    items: Iterable[Item],
    *,
    workers: int,
    prepare: Callable[[], None] = lambda: None,
) -> Generator[Made]:
    """Yield everything that ``task`` yields for every item, as it comes; ``prepare`` runs first in each worker.

    The first exception stops all workers and is raised here. Closing the iterator stops them after the result
    that each is working on.
    """
    crew = Crew(task, items, prepare, Queue(maxsize=2 * workers))
    threads = [Thread(target=crew.work, name=f"worker-{number}", daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield from crew.results(workers)
    finally:
        crew.dismiss(threads)


class Crew(Generic[Item, Made]):
    """What the worker threads share."""

    def __init__(
        self,
        task: Callable[[Item], Iterable[Made]],
        items: Iterable[Item],
        prepare: Callable[[], None],
        queue: Queue[Made | Raised | Finished],
    ) -> None:
        self._task = task
        self._items = iter(items)
        self._prepare = prepare
        self._queue = queue
        self._taking = Lock()
        self._stopped = Event()

    def work(self) -> None:
        """Be one worker, until there is nothing left or the crew is dismissed."""
        try:
            self._prepare()
            for item in self._remaining():
                for made in self._task(item):
                    self._queue.put(made)
                    if self._stopped.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            self._queue.put(Raised(error))
        finally:
            self._queue.put(Finished())

    def _remaining(self) -> Iterator[Item]:
        while not self._stopped.is_set():
            with self._taking:
                try:
                    item = next(self._items)
                except StopIteration:
                    return
            yield item

    def results(self, workers: int) -> Iterator[Made]:
        """Yield results until every worker has finished."""
        while workers:
            made = self._queue.get()
            if isinstance(made, Finished):
                workers -= 1
            elif isinstance(made, Raised):
                raise made.error
            else:
                yield made

    def dismiss(self, threads: Iterable[Thread]) -> None:
        """Stop the workers and wait for them; what they still hand over is dropped."""
        self._stopped.set()
        for thread in threads:
            while thread.is_alive():
                try:
                    self._queue.get(timeout=0.05)
                except Empty:
                    continue
