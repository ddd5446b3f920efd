"""Memory that a host and its worker share, for what is too large for messages. It grows and never shrinks.

It is an anonymous file: nothing has a name that could be left behind, and it is gone with the last process that has it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from suite.api import Image
from suite.errors import WorkerError
from suite.isolation.wire import MOST_PAYLOAD_BYTES

Scores: TypeAlias = NDArray[np.float32]

FIRST_BYTES = 1 << 22
"""Enough for a photograph of a megapixel. Until they are written to, its pages take nothing."""


class Memory:
    """One mapping of the file ``descriptor``; what was read from it is a copy."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._mapped = mmap.mmap(descriptor, os.fstat(descriptor).st_size)

    @classmethod
    def created(cls) -> Memory:
        """Return new memory, which no process can take away from under another."""
        if not hasattr(os, "memfd_create"):
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        else:
            descriptor = os.memfd_create("suite", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        os.ftruncate(descriptor, FIRST_BYTES)
        return cls(descriptor)

    def close(self) -> None:
        """Give up this side's hold."""
        if not self._mapped.closed:
            self._mapped.close()
            os.close(self.descriptor)

    def write(self, data: bytes) -> None:
        """Put bytes at the beginning. Raises WorkerError if they are too many."""
        self._with_room(len(data))[: len(data)] = data

    def read(self, byte_count: int) -> bytes:
        """Return a copy of the first bytes. Raises WorkerError if there are not so many."""
        return self._filled(byte_count)[:byte_count]

    def write_image(self, image: Image) -> None:
        """Put an image at the beginning. Raises WorkerError if it is too large."""
        self.write_images([image])

    def read_image(self, height: int, width: int) -> Image:
        """Return a copy of the image of that size at the beginning. Raises WorkerError if there is none."""
        if not height * width:
            raise WorkerError(f"Expected an image of at least one pixel, but one of {width}x{height} was announced.")
        return self.shown_image(height, width).copy()

    def shown_image(self, height: int, width: int) -> Image:
        """Return the image itself, not to be written to, as it is until something else is written."""
        return self.shown_images([(height, width)])[0]

    def write_images(self, images: Sequence[Image], *more: bytes) -> None:
        """Put images at the beginning, one after the other, and bytes behind them. Raises WorkerError if too large."""
        room, at = self._with_room(sum(image.nbytes for image in images) + sum(map(len, more))), 0
        for image in images:
            np.copyto(np.frombuffer(room, np.uint8, image.size, at).reshape(image.shape), image)
            at += image.nbytes
        for data in more:
            room[at : at + len(data)] = data
            at += len(data)

    def shown_images(self, sizes: Sequence[tuple[int, int]]) -> list[Image]:
        """Return the images of those heights and widths themselves, as `shown_image` does."""
        ends = list(accumulate(height * width * 3 for height, width in sizes))
        whole = np.frombuffer(self._filled(ends[-1] if ends else 0), np.uint8)
        whole.setflags(write=False)
        starts = [0, *ends[:-1]]
        return [whole[a:b].reshape(*size, 3) for a, b, size in zip(starts, ends, sizes, strict=True)]

    def write_scores(self, scores: Scores) -> None:
        """Put scores, float32 of shape (count, classes), at the beginning. Raises WorkerError if too large."""
        np.copyto(np.frombuffer(self._with_room(scores.nbytes), np.float32, scores.size).reshape(scores.shape), scores)

    def read_scores(self, count: int, classes: int) -> Scores:
        """Return a copy of the scores, shape (count, classes). Raises WorkerError if there are not so many."""
        size = count * classes
        return np.frombuffer(self._filled(4 * size), np.float32, size).reshape(count, classes).copy()

    def _with_room(self, byte_count: int) -> mmap.mmap:
        """Return the mapping, of at least so many bytes."""
        if byte_count > MOST_PAYLOAD_BYTES:
            raise WorkerError(f"{byte_count} bytes are too many to hand over at once: {MOST_PAYLOAD_BYTES}.")
        if byte_count > os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, 1 << (byte_count - 1).bit_length())
        return self._filled(byte_count)

    def _filled(self, byte_count: int) -> mmap.mmap:
        """Return the mapping, of at least so many bytes, which the other side says are there."""
        size = os.fstat(self.descriptor).st_size
        if byte_count > min(size, MOST_PAYLOAD_BYTES):
            raise WorkerError(f"The memory shared with a worker has {size} bytes, not the {byte_count} announced.")
        if byte_count > len(self._mapped):
            self._mapped = mmap.mmap(self.descriptor, size)
        return self._mapped
