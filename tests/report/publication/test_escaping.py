"""Text of plugins is text: in the page, in Markdown as an outside parser reads it, in LaTeX and in the figures."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from suite.report.publication import latex, markdown, page
from suite.report.publication.document import Document, Figure, NamedTable, Section, Verbatim
from suite.report.publication.rendering import inline, named_ids
from suite.report.tables import TextTable
from tests.report.recorded_board import FORMULA, IMAGE, REASON, SCRIPT

VOID = {"meta", "br", "img", "link", "input", "hr"}
LINKS = ("href", "src", "xlink:href", "action", "data", "srcset", "poster")


class Outline(HTMLParser):
    """Tags with attributes, and the text, of a page whose elements close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.cells, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data

    @property
    def names(self):
        return {tag for tag, _ in self.tags}


def seen(text):
    return " ".join(page.UNSEEN.sub("", text).split())


@pytest.fixture(scope="module")
def outline(published):
    return Outline(published.text("report.html"))


def test_the_page_is_well_formed_and_needs_nothing_else(outline):
    assert outline.open == []
    assert not outline.names & {"script", "iframe", "object", "embed", "link", "img", "image", "base", "form"}
    links = {value for _, attributes in outline.tags for name, value in attributes.items() if name in LINKS}
    sections = {attributes["id"] for tag, attributes in outline.tags if tag == "section"}
    assert links == {f"#{name}" for name in sections}
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert len([tag for tag, _ in outline.tags if tag == "svg"]) == 7


def test_the_ids_of_a_page_are_distinct_and_those_that_are_used_exist(published, outline):
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {value[5:-1] for _, a in outline.tags for value in a.values() if value and value.startswith("url(#")}
    assert used
    assert used <= set(ids)


def test_every_word_of_a_plugin_is_shown_and_none_is_markup(outline):
    assert {seen(REASON), SCRIPT} <= {seen(cell) for cell in outline.cells}
    assert any(seen(cell) == f"{SCRIPT} + {IMAGE}" for cell in outline.cells)
    assert any(seen(FORMULA) in seen(cell) for cell in outline.cells)


def test_markdown_shows_text_and_only_links_to_its_figures(published):
    for name in ("report.md", "tables/errata.md", "tables/not-ranked.md"):
        html = MarkdownIt("commonmark").enable("table").render(published.text(name))
        found = Outline(html.replace(" />", ">"))
        assert not found.names & {"script", "a", "em", "strong", "blockquote", "li"}
        images = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
        assert all((published.out / source).is_file() for source in images)
        assert len(images) == (7 if name == "report.md" else 0)
        assert seen(REASON) in {seen(cell) for cell in found.cells} or name == "tables/not-ranked.md"


def document(text):
    table = NamedTable(name="t", table=TextTable(text, (text, "b"), ((text, "1.0"), ("c", text)), (text,)))
    figure = Figure(name="f", title=text, caption=text, files={}, lacking=text)
    said = Verbatim(title=text, text=text)
    return Document(
        title=text,
        sections=(
            Section(name="s", title=text, sentences=(text,), figures=(figure,), tables=(table,), verbatim=(said,)),
        ),
    )


NASTY = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="<>&\"'`*_{}[]()#+-=.!|~$\\/:@^\n\t 1aw", max_size=30),
    st.sampled_from([SCRIPT, IMAGE, FORMULA, REASON, "1. a", "- a", "# a", "a\n===", "    code", "[*x*", "www.a.org"]),
)


@given(NASTY)
def test_any_text_survives_the_page(text):
    found = Outline(page.html_of(document(text)))
    plain = Outline(page.html_of(document("x")))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert found.cells[0].replace("\r\n", "\n").replace("\r", "\n") == page.UNSEEN.sub("", text).replace(
        "\r\n", "\n"
    ).replace("\r", "\n")


@given(NASTY.filter(lambda text: seen(text)))
def test_any_text_survives_markdown(text):
    render = MarkdownIt("commonmark").enable("table").render
    found = Outline(render(markdown.table_markdown(document(text).tables[0])))
    plain = Outline(render(markdown.table_markdown(document("x").tables[0])))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [seen(cell) for cell in found.cells] == [seen(cell) for cell in (text, "b", text, "1.0", "c", text)]


@given(st.text(alphabet="`~a\n", max_size=20))
def test_no_text_leaves_its_fence(text):
    tokens = MarkdownIt("commonmark").parse(markdown.verbatim_markdown(Verbatim(title="t", text=text)) + "\n\nafter")
    (fence,) = (token for token in tokens if token.type == "fence")
    assert fence.content == text.rstrip() + "\n"
    assert tokens[-2].content == "after"


@pytest.mark.parametrize(
    ("cell", "printed"),
    [
        ("50 % of $x_1 & {y}", r"50 \% of \$x\_1 \& \{y\}"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("[2pt] a", "{}[2pt] a"),
        ("* a", "{}* a"),
        ("a\n\nb % c", r"a b \% c"),
    ],
)
def test_a_cell_of_latex_is_text(cell, printed):
    table = TextTable("50 %\n\\input{x}", ("a", "b"), ((cell, "1.0"),), ("note\n\\end{tabular}",))
    lines = latex.latex_of(NamedTable(name="t", table=table)).splitlines()
    assert lines[:2] == ["% 50 % \\input{x}", "% note \\end{tabular}"]
    assert lines[3] == r"\begin{tabular}{lr}"
    assert lines[4:] == [
        *(r"\toprule", r"a & b \\", r"\midrule", rf"{printed} & 1.0 \\", r"\bottomrule", r"\end{tabular}"),
    ]


def test_names_in_a_figure_are_text():
    import altair as alt

    values = [{"x": name, "y": 1} for name in (SCRIPT, IMAGE, 'a & b <c> "d" \'')]
    chart = alt.Chart(alt.Data(values=values)).mark_bar().encode(y=alt.Y("x:N"), x=alt.X("y:Q"))
    svg = inline("f", chart)
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert {each["x"] for each in values} <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_ids_are_numbered_anew_and_what_uses_them_follows():
    svg = (
        '<svg><clipPath id="clip7"/><g clip-path="url(#clip7)"/><a id="g71" href="#clip7"/><b fill="url(#g71)"/></svg>'
    )
    assert named_ids(svg, "x") == (
        '<svg><clipPath id="x-0"/><g clip-path="url(#x-0)"/><a id="x-1" href="#x-0"/><b fill="url(#x-1)"/></svg>'
    )
