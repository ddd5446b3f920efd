"""Citations read back by other people's parsers: pybtex for BibTeX, PyYAML for CITATION.cff."""

import re

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pybtex.database import parse_string

import suite
from suite import protocols
from suite.api import Card
from suite.errors import UsageError
from suite.published.studies import STUDIES
from suite.report import attribution, citation
from suite.report.bibtex import ESCAPED, bibtex, escaped
from suite.report.cff import cff
from suite.report.references import Reference, merged, of_card, of_study, of_text, plain, slug
from suite.spec import PluginName
from tests.db.measured import Laboratory, condition, protocol, ref, result

SPEC = protocols.load("pv-cells@1")
SNAPSHOT = "sha256:" + "5" * 64
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
uses = texts.map(lambda text: plain(f"model {text}"))
cards = st.builds(Card, summary=texts, authors=texts, paper=texts, code=texts)


def cited(spec=SPEC, *, known=None, **options):
    known = attribution.installed_cards(attribution.plugins_of(spec)) if known is None else known
    return citation.cite(spec, attribution.credits_of(spec, known, options.get("entry")), released=True, **options)


def unescaped(text):
    for character, escape in sorted(
        ((chr(code), text) for code, text in ESCAPED.items()), key=lambda pair: -len(pair[1])
    ):
        text = text.replace(escape, f"\N{NULL}{ord(character)}\N{NULL}")
    return re.sub("\N{NULL}([0-9]+)\N{NULL}", lambda found: chr(int(found[1])), text)


def test_the_sentence_names_suite_protocol_digest_snapshot_and_every_work():
    found = cited(snapshot=SNAPSHOT)
    for named in (suite.__version__, "pv-cells@1", SPEC.digest, SNAPSHOT, "jpeg@1", "pv-efficientnet-lite2@1"):
        assert named in found.sentence
    named = re.findall(r"[\w.-]+", " ".join(re.findall(r"\[(.*?)\]", found.sentence)))
    assert set(named) == {reference.key for reference in found.all}


def test_bibtex_has_every_reference_once_with_what_is_known():
    found = cited(snapshot=SNAPSHOT)
    entries = parse_string(found.bibtex, "bibtex").entries
    assert list(entries) == [reference.key for reference in found.all]
    assert entries["protocol-pv-cells-1"].fields["note"].endswith(SPEC.digest)
    benchmark = entries["buerhop-lutz-et-al-a-benchmark"]
    assert benchmark.fields["doi"] == "10.4229/35thEUPVSEC20182018-5CV.3.15"
    assert benchmark.fields["year"] == "2018"
    assert "author" not in benchmark.persons  # its card's authors are those of three papers
    assert entries["tan-and-le-efficientnet-icml-2019"].fields["eprint"] == "1905.11946"


def test_three_models_of_one_paper_share_its_reference():
    works = [each for each in cited().references if each.arxiv == "1905.11946"]
    assert [work.uses for work in works] == [tuple(f"model pv-efficientnet-lite{number}@1" for number in range(3))]


@given(card=cards, use=uses)
@example(card=Card(summary="", paper=r"\ {x ~^ 50% & #1 $_}}"), use="model m@1")
@example(card=Card(summary="", paper=".;,;"), use="model m@1")
def test_any_card_becomes_bibtex_that_says_the_same(card, use):
    references = merged(of_card(use, card))
    entries = parse_string(bibtex(references), "bibtex").entries
    assert list(entries) == [reference.key for reference in references]
    for reference in references:
        fields = entries[reference.key].fields
        assert unescaped(fields["title"][1:-1]) == re.sub(" +", " ", reference.title)
        assert fields.get("doi", "") == reference.doi


def test_what_latex_acts_on_is_escaped():
    assert (
        escaped("\\ {} ~^") == r"\textbackslash{} \textbraceleft{}\textbraceright{} \textasciitilde{}\textasciicircum{}"
    )
    assert escaped("50% & #1 $_") == r"50\% \& \#1 \$\_"


@given(card=cards, use=uses)
def test_any_card_becomes_yaml_that_says_the_same(card, use):
    references = merged(of_card(use, card))
    text = cff(citation.suite_reference(), references, message="m", licence="Apache-2.0")
    read = yaml.safe_load(text)["references"] if references else []
    assert [work["title"] for work in read] == [reference.title for reference in references]
    assert all(work["authors"] and work["type"] for work in read)


def test_cff_has_what_its_schema_requires_and_agrees_with_the_repositorys_own():
    found = yaml.safe_load(cited(snapshot=SNAPSHOT).cff)
    own = yaml.safe_load((protocols.DIRECTORY.parents[1] / "CITATION.cff").read_text(encoding="utf-8"))
    assert found.items() >= {"cff-version": "1.2.0", "type": "software"}.items()
    assert {key: found[key] for key in ("title", "version", "authors", "license", "type", "cff-version")} == {
        key: own[key] for key in ("title", "version", "authors", "license", "type", "cff-version")
    }
    assert found["message"]
    for work in found["references"]:
        assert work.keys() >= {"type", "title", "authors"}
        assert all(author.get("name") or author.get("family-names") for author in work["authors"])


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_studys_paper_has_the_authors_of_citation_cff(study):
    own = yaml.safe_load((protocols.DIRECTORY.parents[1] / "CITATION.cff").read_text(encoding="utf-8"))
    wanted = next(work for work in own["references"] if work["title"] == study.title)
    found = of_study(study, "protocol")
    assert [name.rpartition(" ")[2] for name in found.authors] == [each["family-names"] for each in wanted["authors"]]
    assert int(found.year) == wanted["year"]
    assert wanted["url" if study.name == "janeiro2023" else "identifiers"]
    person = parse_string(bibtex([found]), "bibtex").entries[study.name].persons["author"][0]
    assert person.last_names == [wanted["authors"][0]["family-names"]]


def test_a_studys_protocol_cites_the_study():
    found = cited(protocols.load("marie2022@1"))
    assert "[protocol-marie2022-1, marie2022]" in found.sentence
    assert found.without == ("dataset imagenet@1",)
    assert "No card names a reference for dataset imagenet@1" in found.text


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("ITU-T T.81 | ISO/IEC 10918-1", {"title": "ITU-T T.81 | ISO/IEC 10918-1"}),
        ("RFC 2045", {"title": "RFC 2045"}),
        ("https://arxiv.org/abs/1802.01436", {"title": "arXiv:1802.01436", "arxiv": "1802.01436"}),
        ("arXiv 2011.08932v2", {"title": "arXiv:2011.08932v2", "arxiv": "2011.08932v2"}),
        ("A. Author, A Title, 2019, doi:10.1/x", {"title": "A. Author, A Title, 2019, doi:10.1/x", "year": "2019"}),
        ("A Title, doi:10.1016/j.x.2019.02.067.", {"title": "A Title", "doi": "10.1016/j.x.2019.02.067"}),
        ("A Title, https://doi.org/10.1016/a(b)c", {"title": "A Title", "doi": "10.1016/a(b)c"}),
        ("From 2018 to 2019", {"title": "From 2018 to 2019"}),
        ("https://bellard.org/bpg/", {"title": "https://bellard.org/bpg/", "url": "https://bellard.org/bpg/"}),
    ],
)
def test_only_what_a_card_says_is_known(text, facts):
    found = of_text(text, use="codec x@1")
    assert {name: getattr(found, name) for name in ("title", "year", "doi", "arxiv", "url")} == {
        "year": "",
        "doi": "",
        "arxiv": "",
        "url": "",
    } | facts


def test_a_plugin_without_a_paper_is_cited_itself_and_an_empty_card_is_not():
    card = Card(summary="A model.", authors="Ann & Bob", code="https://example.org/a_b")
    (found,) = of_card("model m@1", card)
    entry = parse_string(bibtex([found]), "bibtex").entries["model-m-1"]
    assert entry.fields["title"] == "{A model}"
    assert str(entry.persons["author"][0]) == r"{Ann \& Bob}"
    assert entry.fields["url"] == "https://example.org/a_b"
    assert of_card("model m@1", Card(summary="A model.")) == []


def test_keys_that_read_alike_are_told_apart_the_same_way_in_any_company():
    first, second, third = (of_text(f"One two three four five six {word}", use=word) for word in ("a", "b", "c"))
    assert first.key == second.key
    both = {each.title: each.key for each in merged([first, second])}
    all_three = {each.title: each.key for each in merged([third, second, first])}
    assert len(set(all_three.values())) == 3
    assert both.items() <= all_three.items()
    assert [each.key for each in merged([first])] == [slug(first.title)]


def test_a_draft_is_called_one_and_credited_to_nobody():
    spec = protocol()
    found = citation.cite(spec, attribution.credits_of(spec, {}), released=False)
    assert "a draft whose numbers are never ranked" in found.sentence
    assert next(each for each in found.references if each.version == spec.label).organisation == ""


def test_an_entry_is_cited_with_its_own_works():
    entry = attribution.Entry("net + fix", PluginName(name="net", version="1"), PluginName(name="fix", version="2"))
    known = {("mitigation", "fix@2"): Card(summary="A fix.", paper="Fix, 2024"), ("model", "net@1"): Card(summary="")}
    spec = protocol()
    found = cited(spec, known=known, entry=entry)
    assert found.sentence.endswith("entry net + fix: model net@1, mitigation fix@2 [fix-2024].")
    assert "model net@1" in found.without


@pytest.fixture
def laboratory(tmp_path):
    made = Laboratory(tmp_path)
    made.record_entry(protocol(), {None: 0.9, 10: 0.8, 90: 0.85})
    return made


def test_an_entry_is_found_among_the_results_then_among_the_plugins(laboratory):
    assert attribution.find_entry("net", protocol(), laboratory.engine).model == PluginName(name="net", version="1")
    installed = attribution.find_entry("pv-efficientnet-lite0", SPEC, laboratory.engine)
    assert installed.model == PluginName(name="pv-efficientnet-lite0", version="1")
    assert installed.plugins == [("model", installed.model)]


def test_of_several_versions_the_one_measured_last_is_meant(laboratory):
    laboratory.record_entry(protocol(), {None: 0.9, 10: 0.8, 90: 0.85}, model=ref("model", "net", "0"))
    assert attribution.find_entry("net", protocol(), laboratory.engine).model.version == "0"


@pytest.mark.parametrize(
    ("name", "hint"), [("nett", "Did you mean 'net'?"), ("net + nothing", "Measured under toy@1: net.")]
)
def test_an_unknown_entry_says_what_there_is(laboratory, name, hint):
    with pytest.raises(UsageError, match="No entry is named") as caught:
        attribution.find_entry(name, protocol(), laboratory.engine)
    assert hint in str(caught.value)


def test_without_a_database_an_unknown_entry_is_explained_too():
    with pytest.raises(UsageError, match=r"nothing yet\. Did you mean 'pv-efficientnet-lite0'"):
        attribution.find_entry("pv-eficientnet-lite0", SPEC, None)


def test_cards_that_results_were_stored_with_come_first(laboratory):
    spec = protocol()
    known = {each.use: each.card for each in attribution.known_credits(spec, None, laboratory.engine)}
    assert known["codec jpeg@1"].paper == "ITU-T T.81 | ISO/IEC 10918-1"  # stored without a card, and installed
    later = ref("codec", "jpeg", source="later")
    laboratory.record(result(condition(spec, 10, codec=later), 0.8), cards={later: Card(summary="As it was.")})
    known = {each.use: each.card for each in attribution.known_credits(spec, None, laboratory.engine)}
    assert known["codec jpeg@1"] == Card(summary="As it was.")


def test_a_card_of_another_version_is_not_taken():
    spec = msgspec.structs.replace(SPEC, codecs=(msgspec.structs.replace(SPEC.codecs[0], version="99"),))
    assert "codec jpeg@99" in cited(spec).without


def test_a_snapshots_digest_is_read(tmp_path):
    (tmp_path / "manifest.json").write_text(f'{{"digest": "{SNAPSHOT}"}}')
    assert citation.read_snapshot(tmp_path) == SNAPSHOT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", 'expected "digest"'),
        ("{}", "but got None"),
        ('{"digest": "sha256:12"}', "64 hexadecimal digits"),
        ('{"digest": 7}', "but got 7"),
    ],
)
def test_a_directory_without_a_digest_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        citation.read_snapshot(tmp_path)


def test_a_reference_reads_as_one_line():
    found = Reference(key="k", title="A Title, 2019", authors=("A. B",), year="2019", arxiv="1234.56789", uses=("x",))
    assert str(found) == "A. B, A Title, 2019, arXiv:1234.56789. Cited for x."
