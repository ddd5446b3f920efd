"""Memory that a host and its worker share, for what is too large for messages. It grows and never shrinks.

It is an anonymous file: nothing has a name that could be left behind, and it is gone with the last process that has it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile

import numpy as np

from suite.api import Image
from suite.errors import WorkerError
from suite.isolation.wire import MOST_PAYLOAD_BYTES

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
        room = self._with_room(image.nbytes)
        np.copyto(np.frombuffer(room, np.uint8, image.size).reshape(image.shape), image)

    def read_image(self, height: int, width: int) -> Image:
        """Return a copy of the image of that size at the beginning. Raises WorkerError if there is none."""
        return self.shown_image(height, width).copy()

    def shown_image(self, height: int, width: int) -> Image:
        """Return the image itself, not to be written to, as it is until something else is written."""
        size = height * width * 3
        image = np.frombuffer(self._filled(size), np.uint8, size).reshape(height, width, 3)
        image.setflags(write=False)
        return image

    def _with_room(self, byte_count: int) -> mmap.mmap:
        """Return the mapping, of at least so many bytes."""
        if byte_count > MOST_PAYLOAD_BYTES:
            raise WorkerError(f"{byte_count} bytes are too many for one image or bitstream: {MOST_PAYLOAD_BYTES}.")
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
