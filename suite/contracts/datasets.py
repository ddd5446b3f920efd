"""The contract of a dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from suite.api import Dataset, Sample, Source
from suite.contracts.finding import Finding, examine, interface, raises
from suite.contracts.specimens import unlike_image
from suite.errors import DataError

THREADS = 4


def check_dataset(dataset: Dataset, limit: int = 32) -> list[Finding]:
    """Examine a dataset, reading ``limit`` of its images."""
    return examine(
        dataset,
        gates={"interface": partial(interface, Dataset), "samples": dataset_samples},
        questions={"read": partial(dataset_reads, limit=limit), "digests": dataset_digests},
    )


def dataset_samples(dataset: Dataset) -> str:
    """Check ids, digests and truths, and that the list is the same every time."""
    samples, classes = list(dataset.samples()), list(dataset.classes)
    if len(classes) < 2 or len(set(classes)) != len(classes):
        return f"expected distinct classes, at least two, but got {len(classes)}"
    if not samples or len({sample.id for sample in samples}) != len(samples):
        return f"expected samples with distinct ids, but got {len(samples)} samples"
    for sample in samples:
        if not re.fullmatch(r"[0-9a-f]{64}", sample.sha256):
            return f"expected the sha256 of '{sample.id}' as 64 hexadecimal digits, but got {sample.sha256!r}"
        if not isinstance(sample.truth, int) or not 0 <= sample.truth < len(classes):
            return f"expected the truth of '{sample.id}' from 0 to {len(classes) - 1}, but got {sample.truth!r}"
    return "" if list(dataset.samples()) == samples else "the samples, or their order, changed when asked again"


def spread(samples: Sequence[Sample], limit: int) -> list[Sample]:
    """Return up to ``limit`` samples, evenly spread."""
    return list(samples[:: max(1, len(samples) // limit)][:limit])


def dataset_reads(dataset: Dataset, *, limit: int) -> str:
    """Check for RGB originals with their sizes, the same every time and from several threads."""
    samples = spread(dataset.samples(), limit)
    with ThreadPoolExecutor(THREADS) as pool:
        for sample, source in zip(samples, pool.map(dataset.read, samples), strict=True):
            if wrong := unlike_source(source, dataset.read(sample)):
                return f"'{sample.id}': {wrong}"
    return ""


def unlike_source(source: Source, again: Source) -> str:
    """Return what is wrong with an original that was read twice."""
    if wrong := unlike_image(source.image):
        return wrong
    if not isinstance(source.byte_count, int) or source.byte_count <= 0:
        return f"expected the file's size in bytes, but got {source.byte_count!r}"
    same = np.array_equal(source.image, again.image) and source.byte_count == again.byte_count
    return "" if same else "read twice, it differed"


def dataset_digests(dataset: Dataset) -> str:
    """Check that a file without its sample's digest is refused."""
    other = dataset.samples()[0]._replace(sha256="0" * 64)
    return (
        "" if raises(DataError, partial(dataset.read, other)) else "expected DataError for a file with another digest"
    )
