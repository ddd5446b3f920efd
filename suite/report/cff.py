"""A citation as a CITATION.cff file (Citation File Format 1.2.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from suite.report.references import Reference

VERSION = "1.2.0"
UNSTATED = "as in the title, or not stated"
"""Who wrote what a card names as text. Whom the card credits made the plugin, and perhaps not that work."""
# As the format's schema has it.
DOI = re.compile(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+")


def cff(software: Reference, references: Iterable[Reference], *, message: str, licence: str) -> str:
    """Return the text of a file that asks to cite ``software`` together with ``references``."""
    head = {"cff-version": VERSION, "message": message, **work(software), "license": licence}
    return "".join(f"{line}\n" for line in yaml_lines(head | {"references": [work(each) for each in references]}))


def work(reference: Reference) -> dict[str, Any]:
    """Return what the file says of one work; its schema wants an author of each."""
    doi = reference.doi if DOI.fullmatch(reference.doi) else ""
    others = [f"arXiv:{reference.arxiv}"] if reference.arxiv else []
    others += [f"doi:{reference.doi}"] if reference.doi != doi else []
    fields = {
        "type": reference.type,
        "title": reference.title,
        "version": reference.version,
        "authors": [person(name) for name in reference.authors] or [{"name": reference.organisation or UNSTATED}],
        "year": int(reference.year) if reference.year else "",
        "doi": doi,
        "identifiers": [{"type": "other", "value": value} for value in others],
        "url": reference.url,
        "notes": ". ".join(filter(None, (reference.published, reference.remark))),
    }
    return {name: value for name, value in fields.items() if value}


def person(name: str) -> dict[str, str]:
    """Return a person's names; the last word is the family's."""
    given, _, family = name.rpartition(" ")
    return {"given-names": given, "family-names": family} if given else {"family-names": family}


def yaml_lines(fields: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a mapping as block-style YAML; a scalar is written as in JSON, which YAML reads too."""
    for name, value in fields.items():
        if not isinstance(value, list):
            yield f"{indent}{name}: {json.dumps(value, ensure_ascii=False)}"
            continue
        yield f"{indent}{name}:"
        for item in value:
            lines = list(yaml_lines(item, f"{indent}    "))
            yield f"{indent}  - {lines[0].lstrip()}"
            yield from lines[1:]
