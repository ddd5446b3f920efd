"""An audit as tables of text, as CSV, and as a page of its own that needs no network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from html import escape
from typing import TypeAlias

import msgspec
import numpy as np
from sqlalchemy import Engine

from suite.audit import Audited, ExpectedDrop, expected_drop
from suite.db import queries
from suite.db.queries import CodecSetting, Entries
from suite.errors import DataError, UsageError, nearest
from suite.protocols import is_released
from suite.report.board.columns import Columns
from suite.report.downloads import to_csv
from suite.report.tables import TextTable
from suite.spec import ORIGINAL, ProtocolSpec

__all__ = ["Audited", "Curve", "as_csv", "as_html", "columns_of", "expected_drop", "from_json", "jpeg_curve"]

BAR_WIDTH, BAR_HEIGHT, LABEL_WIDTH = 420, 18, 110
BINS = 12


Curve: TypeAlias = list[tuple[float, float]]
"""JPEG qualities with the drop at each, a fraction."""


def jpeg_curve(engine: Engine, spec: ProtocolSpec, model: str) -> Curve:
    """Return an unmitigated model's curve under JPEG. Raises UsageError where that was not measured."""
    found = queries.entries(engine, spec.digest, released=is_released(spec))
    curves = jpeg_curves(found) if found else {}
    if model not in curves:
        hint = nearest(model, curves) or f"There are: {', '.join(curves) or 'none'}."
        raise UsageError(f"No JPEG curve of '{model[:200]}' was measured under {spec.label}. {hint}")
    return curves[model]


def jpeg_curves(found: Entries) -> dict[str, Curve]:
    """Return the curve of each unmitigated model under JPEG; of two entries of one name the better placed."""
    columns = [number for number, on in enumerate(found.conditions) if is_jpeg(on)]
    qualities = [float(found.conditions[number].setting.value) for number in columns]
    curves: dict[str, Curve] = {}
    for row, drops in zip(found.rows, found.drops[:, columns].tolist(), strict=True):
        curve = [(quality, drop) for quality, drop in zip(qualities, drops, strict=True) if not math.isnan(drop)]
        if curve and row.mitigation.name == ORIGINAL:
            curves.setdefault(row.model.name, curve)
    return curves


def is_jpeg(on: CodecSetting) -> bool:
    """Whether a condition is a JPEG quality."""
    return on.codec.partition(" ")[0] == "jpeg" and on.setting.parameter == "quality"


def from_json(data: bytes) -> list[Audited]:
    """Return the images of what `suite audit --json` printed. Raises DataError for anything else."""
    try:
        return msgspec.json.decode(data, type=Report).images
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"This is no report of an audit: {str(error)[:200]}. Make one with: suite audit DIR --json > audit.json"
        ) from error


class Report(msgspec.Struct):
    """What `suite audit --json` prints."""

    images: list[Audited]


def columns_of(images: Sequence[Audited]) -> Columns:
    """Return one row an image."""
    return {field.name: [getattr(image, field.name) for image in images] for field in fields(Audited)}


def summary(images: Sequence[Audited], directory: str) -> TextTable:
    """Return what the files of each codec have in common."""
    rows = []
    for codec in sorted({image.codec for image in images if not image.problem}):
        of_codec = [image for image in images if image.codec == codec and not image.problem]
        rows.append(
            (
                codec,
                f"{len(of_codec):,}",
                spread([image.bits_per_pixel for image in of_codec], "{:.3f}"),
                spread([image.quality for image in of_codec], "{:.0f}"),
                counted([image.chroma for image in of_codec]),
                str(sum(bool(image.compressed_twice) for image in of_codec)) if codec == "jpeg" else "-",
            )
        )
    columns = ("codec", "files", "bpp, 5 % to median to 95 %", "quality", "chroma", "compressed twice")
    broken = [f"{image.path}: {image.problem}" for image in images if image.problem]
    guessed = sum(image.quality_is_exact is False for image in images)
    notes = [f"{guessed:,} files have tables that are not libjpeg's: their quality is the nearest"] * bool(guessed)
    return TextTable(f"{directory}: {len(images):,} images", columns, tuple(rows), (*notes, *broken))


def spread(values: Sequence[float | None], form: str) -> str:
    """Return the 5th, 50th and 95th percentile of what is known."""
    known = [value for value in values if value is not None]
    return " to ".join(form.format(value) for value in np.percentile(known, [5, 50, 95])) if known else "-"


def counted(values: Sequence[str | None]) -> str:
    """Return how often each value is there, the commonest first."""
    counts = Counter(value for value in values if value)
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common()) or "-"


def sentence(expected: ExpectedDrop, model: str, protocol: str) -> str:
    """Return what a model is expected to lose, in a sentence."""
    beyond = f", {expected.beyond} of them beyond its ends" if expected.beyond else ""
    return (
        f"{model} is expected to lose {100 * expected.mean:.2f} points on these {expected.images:,} JPEG images "
        f"({100 * expected.highest:.2f} at most), read off its curve under {protocol}{beyond}. "
        "That curve is of other images: take it as a hint."
    )


def as_csv(images: Sequence[Audited]) -> str:
    """Return one line an image."""
    return to_csv(columns_of(images)).decode()


def as_html(images: Sequence[Audited], table: TextTable, sentences: Sequence[str]) -> str:
    """Return a page with the summary, the distributions of rate and quality, and every file."""
    plots = [
        histogram("rate, bits per pixel", [image.bits_per_pixel for image in images], "{:.2f}".format),
        histogram("JPEG quality", [image.quality for image in images], "{:.0f}".format),
    ]
    every = TextTable(
        "Files",
        tuple(field.name for field in fields(Audited)),
        tuple(tuple("" if value is None else str(value) for value in asdict(image).values()) for image in images),
    )
    body = [
        html_table(table),
        *(f"<p>{escape(text)}</p>" for text in (*table.notes, *sentences)),
        *plots,
        html_table(every),
    ]
    return f"<!doctype html><meta charset=utf-8><title>{escape(table.title)}</title>{STYLE}{''.join(body)}\n"


STYLE = (
    "<style>:root{color-scheme:light dark}body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #8886}"
    "rect{fill:#0072B2}text{fill:currentColor}</style>"
)


def html_table(table: TextTable) -> str:
    """Return a table of text as HTML."""
    head = "".join(f"<th>{escape(column)}" for column in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in table.rows)
    return f"<h2>{escape(table.title)}</h2><table><tr>{head}{rows}</table>"


def histogram(title: str, values: Sequence[float | None], label: Callable[[float], str]) -> str:
    """Return a histogram as SVG; nothing where nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    counts, edges = np.histogram(known, bins=BINS)
    longest = max(int(counts.max()), 1)
    bars = []
    for number, count in enumerate(counts.tolist()):
        y, width = number * BAR_HEIGHT, round(BAR_WIDTH * count / longest)
        name = f"{label(edges[number])} to {label(edges[number + 1])}"
        bars.append(
            f'<text x="0" y="{y + 13}">{name}</text><rect x="{LABEL_WIDTH}" y="{y + 2}" width="{width}" '
            f'height="{BAR_HEIGHT - 4}"/><text x="{LABEL_WIDTH + width + 6}" y="{y + 13}">{count:,}</text>'
        )
    size = f'width="{LABEL_WIDTH + BAR_WIDTH + 60}" height="{BINS * BAR_HEIGHT}"'
    drawing = f'<svg {size} font-size="12" role="img" aria-label="{escape(title)}">{"".join(bars)}</svg>'
    return f"<h2>{escape(title)}</h2>{drawing}"
