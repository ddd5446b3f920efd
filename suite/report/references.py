"""Works to cite, as far as the cards and the studies say them: free text is kept whole, nothing is guessed.

`suite.report.bibtex` and `suite.report.cff` write them; `suite.report.citation` says which a protocol needs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from suite.api import Card
from suite.digest import sha256_of_bytes
from suite.published.studies import Study

DOI = re.compile(r"(?:\bdoi:\s*|https?://(?:dx\.)?doi\.org/)(10\.\d{4,9}/[^\s,;]*[^\s,;.])", re.IGNORECASE)
ARXIV = re.compile(
    r"(?:https?://arxiv\.org/(?:abs|pdf)/|\barxiv[:\s]\s*)(\d{4}\.\d{4,5}(?:v\d+)?)(?:\.pdf)?", re.IGNORECASE
)
URL = re.compile(r"https?://[^\s<>{}\\^`|\"]*[^\s<>{}\\^`|\".,;)]")
# A standard's number is no year.
YEAR = re.compile(r"(?<![\d./:-])(?<!RFC )(?<!ISO )(?<!IEC )((?:19|20)\d\d)(?![\d/:-]|\.\d)")
KEY_WORDS = 6
PAPER = "generic"
"""The type of what a card names as free text."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A work to cite; a field that nothing states is empty.

    ``title`` may be all that a card says of the work, its authors too. ``authors`` are people, ``credited`` is whom
    cards credit, in their own words. ``uses`` are what it is cited for, such as ``"codec jpeg@1"``.
    """

    key: str
    title: str
    type: str = PAPER
    authors: tuple[str, ...] = ()
    credited: tuple[str, ...] = ()
    year: str = ""
    published: str = ""
    version: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    note: str = ""
    uses: tuple[str, ...] = ()

    @property
    def organisation(self) -> str:
        """Whom a card credits with the work itself; of a paper it credits others, whom the paper's text names."""
        return "" if self.type == PAPER else "; ".join(self.credited)

    @property
    def remark(self) -> str:
        """The note, what the work is cited for, and whom the card that names it credits."""
        cited = f"Cited for {', '.join(self.uses)}" if self.uses else ""
        credit = f"Credits: {'; '.join(self.credited)}" if self.type == PAPER and self.credited else ""
        return ". ".join(filter(None, (self.note, cited, credit)))

    def __str__(self) -> str:
        doi, arxiv = self.doi and f"doi:{self.doi}", self.arxiv and f"arXiv:{self.arxiv}"
        people = ", ".join(self.authors) or self.organisation
        year = "" if self.year in self.title else self.year
        facts = (people, self.title, self.published, self.version, year, doi, arxiv, self.url)
        text = ", ".join(dict.fromkeys(filter(None, facts)))
        return f"{text}. {self.remark}." if self.remark else f"{text}."


def of_card(use: str, card: Card) -> list[Reference]:
    """Return the works that a card names; the plugin itself where it names none but says where it comes from.

    ``use`` is the plugin, as ``"codec jpeg@1"``. Papers stand in ``card.paper``, separated by semicolons.
    """
    papers = [plain(text) for text in card.paper.split(";")]
    found = [of_text(text, use=use, credited=credited_by(card)) for text in papers if text]
    return found or ([of_plugin(use, card)] if card.code or card.authors else [])


def of_text(text: str, *, use: str, credited: tuple[str, ...] = ()) -> Reference:
    """Return the work that one line of free text names."""
    doi, arxiv, url = first(DOI, text), first(ARXIV, text), first(URL, DOI.sub("", ARXIV.sub("", text)))
    words = URL.sub("", DOI.sub("", ARXIV.sub("", text))).strip(" ,.")
    title = words or (f"arXiv:{arxiv}" if arxiv else f"doi:{doi}" if doi else url or text)
    years = set(YEAR.findall(words))
    year = years.pop() if len(years) == 1 else ""
    return Reference(
        key=slug(title), title=title, credited=credited, year=year, doi=doi, arxiv=arxiv, url=url, uses=(use,)
    )


def of_plugin(use: str, card: Card) -> Reference:
    """Return a plugin whose card names no paper as a work of its own."""
    title = plain(card.summary).rstrip(".") or use
    url = first(URL, card.code)
    return Reference(
        key=slug(use, None), title=title, type="software", credited=credited_by(card), url=url, uses=(use,)
    )


def credited_by(card: Card) -> tuple[str, ...]:
    """Return whom a card credits, nobody where it does not say."""
    return tuple(filter(None, (plain(card.authors),)))


def of_study(study: Study, use: str) -> Reference:
    """Return a study's paper."""
    arxiv, year = first(ARXIV, study.link), study.name[-4:]
    return Reference(
        key=study.name,
        title=study.title,
        type="article",
        authors=tuple(re.split(r", | and ", study.authors)),
        year=year,
        published="" if arxiv or study.published == year else study.published,
        arxiv=arxiv,
        url="" if arxiv else study.link,
        uses=(use,),
    )


def merged(references: Iterable[Reference]) -> list[Reference]:
    """Return each work once, with all that it is cited for; keys are distinct, whatever else is cited beside them."""
    works: dict[tuple[str, ...], Reference] = {}
    for each in references:
        seen = works.get(identity(each), each)
        uses, credited = (*seen.uses, *each.uses), (*seen.credited, *each.credited)
        works[identity(each)] = replace(seen, uses=once(uses), credited=once(credited))
    count = Counter(each.key for each in works.values())
    return [each if count[each.key] == 1 else replace(each, key=f"{each.key}-{mark(each)}") for each in works.values()]


def once(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each text once, as they first come."""
    return tuple(dict.fromkeys(texts))


def identity(reference: Reference) -> tuple[str, ...]:
    """Return what makes two references the same work."""
    return (reference.title, reference.doi, reference.arxiv, reference.url)


def mark(reference: Reference) -> str:
    """Return a few digits of a work's digest, to tell apart works whose keys read alike."""
    return sha256_of_bytes("\n".join(identity(reference)).encode())[7:15]


def slug(text: str, most: int | None = KEY_WORDS) -> str:
    """Return the first words of ``text`` (all for None) as a key: lower-case ASCII letters and digits between "-"."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+(?:\.[0-9]+)*", ascii_text.removeprefix("http://").removeprefix("https://"))
    return "-".join(words[:most]) or f"work-{sha256_of_bytes(text.encode())[7:15]}"


def plain(text: str) -> str:
    """Return free text on one line, without characters that no reader sees."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def first(pattern: re.Pattern[str], text: str) -> str:
    """Return what a pattern finds first (its group, if it has one), else an empty string."""
    found = pattern.search(text)
    return "" if found is None else found[found.re.groups]
