"""What a publication says of a protocol, section by section; `drawings` makes its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from suite import __version__
from suite.db.queries import EntryRow, Ranking, StoredResult, StoredThroughput
from suite.protocols import is_released
from suite.report import protocols as protocol_tables
from suite.report import rates, tables, throughput
from suite.report.badges import Badges
from suite.report.citation import Citation
from suite.report.publication.document import Figure, NamedTable, Section, Verbatim
from suite.report.publication.tracks import MOST_LISTED, Track
from suite.report.rates import RateTable
from suite.report.tables import Standings, TextTable, entry_of
from suite.spec import Environment, ProtocolSpec

ENTRIES_A_TABLE, MOST_COMPARED = 6, 30
"""Tables by setting have a column an entry: so many side by side, and so many in all."""

SHORT_DIGEST = 8
WHAT_RANKS = (
    "The drop is a model's value on the original images minus that on the compressed ones. Entries are ranked by its "
    "mean over all settings. Values are in percent with their 95 % interval, drops in percentage points."
)
TIES_UNKNOWN = "Ties are unknown: stored per-sample outcomes are missing or damaged. Run: suite ranking {label}"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that was read of a database. ``digest`` is of all that was measured under the protocol.

    ``newest`` is when the last result was measured, ``ties`` None where nobody can tell, ``badges`` the newest
    verifications, by plugin; ``environments`` go by digest.
    """

    spec: ProtocolSpec
    digest: str
    newest: datetime
    tracks: Sequence[Track]
    ties: Standings | None
    badges: Badges
    rates: Sequence[RateTable]
    timings: Sequence[StoredThroughput]
    errata: Sequence[StoredResult]
    environments: Mapping[str, Environment]
    citation: Citation


def sections_of(found: Findings, figures: Mapping[str, Sequence[Figure]]) -> tuple[Section, ...]:
    """Return the sections; ``figures`` go by the name of the section that shows them."""
    return (
        protocol_section(found),
        ranking_section(found, figures["ranking"]),
        settings_section(found),
        rates_section(found, figures["rates"]),
        mitigations_section(figures["mitigations"]),
        throughput_section(found, figures["throughput"]),
        unranked_section(found),
        errata_section(found.errata),
        environments_section(found.environments),
        citation_section(found.citation),
        origin_section(found),
    )


def protocol_section(found: Findings) -> Section:
    """Return what the protocol fixes."""
    spec = found.spec
    status = "released: it never changes" if is_released(spec) else "a draft: its results are shown and never ranked"
    shown = protocol_tables.tables_of(spec)
    names = ["protocol", "codecs", *numbered("track", len(spec.tracks))]
    return Section(
        name="protocol",
        title="Protocol",
        sentences=(f"{spec.label} is {status}. Its digest is {spec.digest}.",),
        tables=tuple(NamedTable(name=name, table=table) for name, table in zip(names, shown, strict=True)),
    )


def numbered(name: str, count: int) -> list[str]:
    """Return names of files for so many of a kind; the only one has no number."""
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]


def ranking_section(found: Findings, figures: Sequence[Figure]) -> Section:
    """Return who loses least, track by track."""
    names = numbered("ranking", len(found.tracks))
    ranked = [(name, track) for name, track in zip(names, found.tracks, strict=True) if track.ranking.ranked]
    unknown = (TIES_UNKNOWN.format(label=found.spec.label),) if found.ties is None else ()
    nobody = () if ranked else ("No entry has a rank; why is said below.",)
    return Section(
        name="ranking",
        title="Ranking",
        sentences=(
            WHAT_RANKS,
            *nobody,
            *unknown,
        ),
        figures=tuple(figures),
        tables=tuple(NamedTable(name=name, table=ranking_table(track, found)) for name, track in ranked),
    )


def ranking_table(track: Track, found: Findings) -> TextTable:
    """Return the ranked entries of a track."""
    (table, *_) = tables.tables_of(track.name, Ranking(ranked=track.ranking.ranked), found.ties, found.badges)
    return noted(table, listed(track))


def noted(table: TextTable, notes: Sequence[str]) -> TextTable:
    """Return a table with more notes below it."""
    return table._replace(notes=(*table.notes, *notes))


def listed(track: Track) -> list[str]:
    """Return how many entries the tables of a track leave out."""
    more = track.entries - MOST_LISTED
    return [f"{more:,} more entries are not listed; all are in: suite export"] if more > 0 else []


def settings_section(found: Findings) -> Section:
    """Return what each setting costs each of the best entries."""
    names = numbered("settings", len(found.tracks))
    shown = [part for name, track in zip(names, found.tracks, strict=True) for part in settings_tables(name, track)]
    more = f"Rates and fidelity are the first entry's; of a track the best {MOST_COMPARED} entries are shown."
    return Section(name="settings", title="Drop by setting", sentences=(more,), tables=tuple(shown))


def settings_tables(name: str, track: Track) -> list[NamedTable]:
    """Return a track's tables by setting, a few entries each."""
    rows = [row for row in (track.ranking.ranked or track.ranking.unranked) if row.drops][:MOST_COMPARED]
    parts = [rows[start : start + ENTRIES_A_TABLE] for start in range(0, len(rows), ENTRIES_A_TABLE)]
    return [
        NamedTable(name=part, table=tables.curve_table(track.name, few))
        for part, few in zip(numbered(name, len(parts)), parts, strict=True)
    ]


def rates_section(found: Findings, figures: Sequence[Figure]) -> Section:
    """Return what each codec gives at equal rate."""
    names, label = numbered("rates", len(found.rates)), found.spec.label
    shown = zip(names, rates.tables_of(label, found.rates), strict=True)
    said = f"Of a track the best {MOST_COMPARED} entries are compared; for all of them run: suite rates {label}"
    lacking = f"No entry was measured on all samples yet. Run: suite run {label}"
    return Section(
        name="rates",
        title="Rate and accuracy",
        sentences=(said if found.rates else lacking,),
        figures=tuple(figures),
        tables=tuple(NamedTable(name=name, table=table) for name, table in shown),
    )


def mitigations_section(figures: Sequence[Figure]) -> Section:
    """Return what mitigations buy back."""
    return Section(name="mitigations", title="Mitigations", figures=tuple(figures))


def throughput_section(found: Findings, figures: Sequence[Figure]) -> Section:
    """Return how fast entries and codecs are."""
    label = found.spec.label
    shown = throughput.tables_of(label, found.timings)
    names = [name for name in ("throughput", "codec-throughput") if name in kinds_timed(found.timings)]
    return Section(
        name="throughput",
        title="Throughput",
        sentences=() if shown else (f"Nothing was timed yet. Run: suite throughput {label}",),
        figures=tuple(figures),
        tables=tuple(NamedTable(name=name, table=table) for name, table in zip(names, shown, strict=True)),
    )


def kinds_timed(timings: Iterable[StoredThroughput]) -> set[str]:
    """Return the names of the tables that timings fill."""
    names = {"inference": "throughput", "codec": "codec-throughput"}
    return {names[each.throughput.work] for each in timings}


def unranked_section(found: Findings) -> Section:
    """Return who has no rank and why."""
    names = numbered("not-ranked", len(found.tracks))
    shown = tuple(
        NamedTable(name=name, table=unranked_table(track))
        for name, track in zip(names, found.tracks, strict=True)
        if track.ranking.unranked
    )
    return Section(
        name="not-ranked",
        title="Not ranked",
        sentences=() if shown else ("Every entry listed has a rank.",),
        tables=shown,
    )


def unranked_table(track: Track) -> TextTable:
    """Return the entries of a track without a rank, with the reason."""
    rows = tuple(
        (entry_of(row), f"{row.samples:,}", tables.points(row.mean_drop), machine(row), row.why_unranked)
        for row in track.ranking.unranked
    )
    columns = ("entry", "images", "mean drop, points", "machine", "why it has no rank")
    return TextTable(f"{track.name}: not ranked", columns, rows, tuple(listed(track)))


def machine(row: EntryRow) -> str:
    """Return the beginning of a machine's digest, as the tables of environments head it."""
    return short(row.environment)


def short(digest: str) -> str:
    """Return the beginning of a digest."""
    return digest.removeprefix("sha256:")[:SHORT_DIGEST]


def errata_section(errata: Sequence[StoredResult]) -> Section:
    """Return which results no longer count, who says so and why."""
    rows = tuple(
        (str(each.result.cell), day(each.created_at), day(said.created_at), said.author, said.reason)
        for each in sorted(errata, key=lambda each: each.age)
        for said in each.errata
    )
    columns = ("result", "measured", "withdrawn", "by", "why")
    shown = (NamedTable(name="errata", table=TextTable("Withdrawn results", columns, rows)),) if rows else ()
    return Section(name="errata", title="Errata", sentences=() if rows else ("There are none.",), tables=shown)


def day(moment: datetime) -> str:
    """Return a moment's date."""
    return moment.date().isoformat()


def environments_section(environments: Mapping[str, Environment]) -> Section:
    """Return where the entries were measured: one table a machine."""
    shown = tuple(
        NamedTable(
            name=f"environment-{short(digest)}",
            table=TextTable(f"Machine {short(digest)}", ("what", "value"), facts(digest, each)),
        )
        for digest, each in sorted(environments.items())
    )
    return Section(
        name="environments",
        title="Environments",
        sentences=("What may change a number comes first; the rest helps to explain one.",),
        tables=shown,
    )


def facts(digest: str, environment: Environment) -> tuple[tuple[str, str], ...]:
    """Return what is known of a machine."""
    return (
        ("digest", digest),
        *sorted(environment.identity.items()),
        *((f"{name} (detail)", value) for name, value in sorted(environment.details.items())),
    )


def citation_section(citation: Citation) -> Section:
    """Return how to cite the numbers."""
    lacking = (f"No card names a reference for {', '.join(citation.without)}.",) if citation.without else ()
    references = "\n".join(f"[{each.key}] {each}" for each in citation.all)
    return Section(
        name="citation",
        title="How to cite",
        sentences=(citation.sentence, *lacking),
        verbatim=(
            Verbatim(title="References", text=references),
            Verbatim(title="BibTeX", text=citation.bibtex),
        ),
    )


def origin_section(found: Findings) -> Section:
    """Return what the publication was made of."""
    until = f"results measured until {found.newest.isoformat()}"
    made = f"Made by compression-suite {__version__} from {until}; machines: {len(found.environments)}."
    digest = f"Digest of everything measured under this protocol: {found.digest}."
    origin = f"It is that of the snapshot that 'suite export DIR --protocol {found.spec.label}' writes."
    return Section(name="origin", title="About this publication", sentences=(made, digest, origin))
