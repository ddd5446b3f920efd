"""References as BibTeX: `@misc` entries, in UTF-8, that BibTeX and biber read whatever a card says."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from suite.report.references import Reference

ESCAPED = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_"},
        "\\": r"\textbackslash{}",
        "{": r"\textbraceleft{}",  # BibTeX counts braces, escaped or not
        "}": r"\textbraceright{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def bibtex(references: Iterable[Reference]) -> str:
    """Return the text of a .bib file."""
    return "\n".join(entry(reference) for reference in references)


def entry(reference: Reference) -> str:
    """Return one entry."""
    fields = {name: value for name, value in fields_of(reference).items() if value}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join((f"@misc{{{reference.key},", *lines, "}\n"))


def fields_of(reference: Reference) -> dict[str, str]:
    """Return the fields of an entry; double braces keep a title's capitals and an organisation's name whole."""
    people = " and ".join(map(escaped, reference.authors))
    return {
        "author": people or braced(reference.organisation),
        "title": braced(reference.title),
        "year": reference.year,
        "howpublished": escaped(reference.published),
        "version": escaped(reference.version),
        "doi": verbatim(reference.doi),
        "eprint": reference.arxiv,
        "archiveprefix": "arXiv" if reference.arxiv else "",
        "url": verbatim(reference.url),
        "note": escaped(reference.remark),
    }


def braced(text: str) -> str:
    """Return ``text`` escaped in braces of its own, nothing for nothing."""
    return f"{{{escaped(text)}}}" if text else ""


def escaped(text: str) -> str:
    """Return ``text`` with what LaTeX would act on escaped."""
    return text.translate(ESCAPED)


def verbatim(text: str) -> str:
    r"""Return an address or identifier for a field that LaTeX sets by ``\url``: only braces would disturb it."""
    return quote(text, safe=":/?#[]@!$&'()*+,;=%~-._")
