"""Charts as SVG, PNG and PDF through vl-convert, with its own fonts and without anything that differs between runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from suite.errors import UsageError

FONT, WEIGHT = "Liberation Sans, Arial, Helvetica, sans-serif", "normal"
"""The first comes with vl-convert, so that text is as wide on every machine; the next two are as wide on a page.

A second weight would be a second font, and fonts are numbered in a PDF as a hash table gives them.
"""

PNG_SCALE = 2
INK, GRID = "#222222", "#DDDDDD"
PAGE_INK, PAGE_GRID = "currentColor", "#88888855"
"""On a page the figure takes the colour of its text, light or dark."""

NEEDED = ("altair", "vl_convert")
UNORDERED = re.compile(rb"(?:\n +/[A-Za-z]+\d* \d+ \d+ R){2,}")
"""Neighbours in a dictionary of a PDF, whose order has no meaning and comes from a hash table."""

DEFINED = re.compile(r'\bid="([^"]*)"')


def check_installed() -> None:
    """Raise UsageError where what draws the figures is missing."""
    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("Figures need Altair and vl-convert. Run: pip install 'compression-suite[report]'")


def rendered(name: str, chart: Any) -> dict[str, bytes]:
    """Return a chart's files by suffix, on white paper."""
    import vl_convert

    spec = themed(chart, ink=INK, grid=GRID, background="white")
    svg = named_ids(vl_convert.vegalite_to_svg(spec), name)
    return {
        "svg": svg.encode(),
        "png": vl_convert.svg_to_png(svg, scale=PNG_SCALE),
        "pdf": in_order(vl_convert.svg_to_pdf(svg)),
    }


def inline(name: str, chart: Any) -> str:
    """Return a chart as an SVG element that takes the colours of the page around it."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg(themed(chart, ink=PAGE_INK, grid=PAGE_GRID, background="transparent"))
    return named_ids(svg, name)


def themed(chart: Any, *, ink: str, grid: str, background: str) -> dict[str, Any]:
    """Return a chart's specification with the look of a publication."""
    spec: dict[str, Any] = chart.to_dict()
    text = {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12}
    text |= {"labelFontWeight": WEIGHT, "titleFontWeight": WEIGHT}
    look: Mapping[str, Any] = {
        "background": background,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {**text, "labelLimit": 0, "domainColor": ink, "tickColor": ink, "gridColor": grid},
        "legend": {**text, "labelLimit": 0},
        "header": {**text, "labelLimit": 0},
        "rule": {"color": ink},
        "text": {"color": ink},
    }
    return {**spec, "config": look}


def in_order(pdf: bytes) -> bytes:
    """Return a PDF whose dictionaries name their objects in one order; every object stays where it was."""
    return UNORDERED.sub(lambda found: b"\n".join([b"", *sorted(found[0].split(b"\n")[1:])]), pdf)


def named_ids(svg: str, name: str) -> str:
    """Return an SVG whose ids start with ``name`` and count from 0: vl-convert's go on from its last figure."""
    numbers = {found: f"{name}-{number}" for number, found in enumerate(dict.fromkeys(DEFINED.findall(svg)))}
    for found, new in numbers.items():
        svg = svg.replace(f'id="{found}"', f'id="{new}"')
        svg = svg.replace(f"url(#{found})", f"url(#{new})").replace(f'href="#{found}"', f'href="#{new}"')
    return svg
