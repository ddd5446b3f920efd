"""The memory that two processes share: here, two mappings of it."""

import os
import sys

import numpy as np
import pytest

from suite.contracts.specimens import photo
from suite.errors import WorkerError
from suite.isolation import memory
from suite.isolation.memory import Memory


@pytest.fixture
def both():
    here = Memory.created()
    there = Memory(os.dup(here.descriptor))
    yield here, there
    here.close()
    there.close()


@pytest.mark.parametrize("byte_count", [0, 1, memory.FIRST_BYTES, memory.FIRST_BYTES + 1, 5 * memory.FIRST_BYTES])
def test_either_side_reads_what_the_other_wrote_however_long(both, byte_count):
    data = os.urandom(byte_count)
    for writer, reader in (both, reversed(both)):
        writer.write(data)
        assert reader.read(byte_count) == data


def test_images_of_any_layout_come_back_and_copies_stay(both):
    here, there = both
    image = photo(40, 60)[::-1, ::2]
    here.write_image(image)
    copy, shown = there.read_image(*image.shape[:2]), there.shown_image(*image.shape[:2])
    assert np.array_equal(copy, image)
    assert np.array_equal(shown, image)
    assert not shown.flags.writeable
    there.write(bytes(image.size))
    assert np.array_equal(copy, image)
    del shown


def test_what_is_announced_and_not_there_is_refused(both):
    with pytest.raises(WorkerError, match="has 4194304 bytes, not the 4194305 announced"):
        both[0].read(memory.FIRST_BYTES + 1)
    with pytest.raises(WorkerError, match="not the"):
        both[0].read_image(2**20, 2**20)


@pytest.mark.parametrize(("height", "width"), [(0, 0), (0, 9), (9, 0)])
def test_an_image_without_pixels_is_refused(both, height, width):
    with pytest.raises(WorkerError, match=f"one of {width}x{height} was announced"):
        both[0].read_image(height, width)


def test_too_much_is_refused(both, monkeypatch):
    monkeypatch.setattr(memory, "MOST_PAYLOAD_BYTES", 99)
    with pytest.raises(WorkerError, match="100 bytes are too many to hand over at once: 99"):
        both[0].write(bytes(100))


@pytest.mark.skipif(sys.platform != "linux", reason="seals files as Linux does")
def test_no_process_can_take_it_away_from_under_another(both):
    with pytest.raises(PermissionError):
        os.ftruncate(both[1].descriptor, 0)


def test_closing_twice_closes_nothing_else():
    here = Memory.created()
    here.close()
    with open(os.devnull) as other:  # noqa: PTH123 - takes the number that is free now
        here.close()
        assert other.read() == ""
