"""A database with something of every kind, and what to ask of two to see whether they hold the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from suite.api import Card
from suite.db import contents, queries
from suite.db.engine import open_for_reading, reading
from suite.published import STUDIES, numbers_of
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, throughput

TOY, OTHER = protocol(), protocol("other")
PER_SAMPLE = pa.table({"correct": [True, False]})
PER_FRAME = pa.table({"bytes": [10, 20]})


def fill(laboratory: Laboratory) -> None:
    """Record something of every kind."""
    net = ref("model", "net")
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, where=HERE)
    laboratory.record_entry(OTHER, {None: 0.7}, where=ELSEWHERE, model="other-net")
    crop = condition(TOY, 10, geometry=net, limit=7)
    laboratory.record(result(crop, 0.4), cards={net: Card(summary="a net")}, outcomes=PER_SAMPLE, frames=PER_FRAME)
    laboratory.record(result(condition(TOY, 90), None, model="broken", reason="boom"))
    laboratory.store.add_erratum(numbers[10] or 0, author="ada", reason="wrong weights")
    laboratory.record_throughput(throughput(TOY))
    laboratory.record_throughput(throughput(TOY, work="codec", model=None, mitigation=None, reference=None))
    laboratory.record_verification(TOY)
    laboratory.record_verification(TOY, ELSEWHERE, differing=2, limit=7)
    laboratory.store.import_published(numbers_of(STUDIES[1])[:5])


def everything(path: Path) -> list[Any]:
    """What every question about the measurements answers."""
    engine = open_for_reading(path)
    stored = queries.protocols(engine)
    return [
        stored,
        queries.plugins(engine),
        queries.results(engine),
        [queries.result(engine, each.id) for each in queries.results(engine)],
        [queries.ranking(engine, each.digest, released=True) for each in stored],
        [queries.throughput(engine, each.digest) for each in stored],
        [queries.verifications(engine, each.digest) for each in stored],
        queries.published(engine),
        queries.done_cells(engine, HERE.digest),
    ]


def digest_of(path: Path) -> str:
    with reading(open_for_reading(path)) as connection:
        return contents.digest_of_contents(contents.contents(connection))


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
