"""The table and the comment: what they say, and that nothing in them can become a link, a mention or HTML."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from suite.submission.gate import Problem
from suite.submission.markdown import MARKER, MOST_BYTES, code, fault_of
from suite.submission.table import comment_of, table_of
from tests.submission.gate.folders import BASELINE, codec_results, ref, results

MINE = ref("model", "mine", digest="a")
ROOT = Path(__file__).resolve().parents[3]
FORMATTING = {"link", "image", "html", "autolink"}


def cells(line):
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_the_table_has_the_originals_and_each_drop_beside_the_baseline():
    lines = table_of(results(MINE)).splitlines()
    assert lines[0] == "`top1` on `pv-cells` in percent, drops in percentage points."
    assert cells(lines[2]) == ["setting", "bits per pixel", "`mine`", f"`{BASELINE.name}`"]
    assert cells(lines[4]) == ["original", "8.000", "76.05 (72.2 to 79.5)", "74.14 (70.2 to 77.7)"]
    # 310 and 300 of 526 are right at quality 10: 90 fewer each than on the originals
    assert cells(lines[5]) == ["`jpeg quality=10`", "0.250", "58.94 (+17.11)", "57.03 (+17.11)"]
    assert len(lines) == 4 + 10


def test_without_a_baseline_the_entry_stands_alone_and_failures_are_named():
    plugins = (ref("codec", "none"), ref("codec", "jpeg"), ref("mitigation", "none"))
    whole = results(MINE, plugins)
    failed = msgspec.structs.replace(whole.rows[-1], status="failed", measures=(), reason="x")
    lines = table_of(msgspec.structs.replace(whole, rows=(*whole.rows[:-1], failed))).splitlines()
    assert cells(lines[2]) == ["setting", "bits per pixel", "`mine`"]
    assert cells(lines[-1]) == ["`jpeg quality=90`", "-", "failed"]


def test_a_codecs_table_has_a_line_a_rate_beside_the_first_codec_and_what_the_curves_come_to():
    lines = table_of(codec_results()).splitlines()
    assert lines[0].endswith("On the originals: 74.14 (70.2 to 77.7).")
    heads = ["`mine` bits per pixel", "`mine` accuracy", "`jpeg` bits per pixel", "`jpeg` accuracy"]
    assert cells(lines[2]) == ["target, bits per pixel", *heads]
    # 290 of 526 are right under either codec at a quarter of a bit: 100 fewer than on the originals
    assert cells(lines[4]) == ["`0.25`", "0.250", "55.13 (+19.01)", "0.250", "55.13 (+19.01)"]
    assert len(lines) == 4 + 5 + 1 + 2
    assert lines[-2].startswith("- BD-rate against `jpeg`: ")


def test_a_codec_of_half_the_rates_at_the_same_accuracies_saves_half_the_bits():
    whole = codec_results()
    accuracy = {row.setting: 0.6 + 0.05 * number for number, row in enumerate(whole.rows[1:6])}
    rows = tuple(
        row if row.setting == "original" else moved(row, accuracy[row.setting], 0.5 if row.codec == "mine" else 1)
        for row in whole.rows
    )
    lines = table_of(msgspec.structs.replace(whole, rows=rows)).splitlines()
    assert lines[-2] == "- BD-rate against `jpeg`: -50.00 percent"
    assert "of their range of rates" in lines[-1]  # half of the rates are beyond those of JPEG


def moved(row, accuracy, factor):
    """Give a row of another accuracy, at a multiple of its rate."""
    values = {"top1": accuracy, "bits_per_pixel": factor * float(row.setting.partition("=")[2])}
    changed = (msgspec.structs.replace(each, value=values.get(each.name, each.value)) for each in row.measures)
    return msgspec.structs.replace(row, measures=tuple(changed))


def test_a_comment_is_ours():
    problems = [Problem("submissions/mine/setup.py", "files", "Nothing names this file. Remove it.")]
    text = comment_of(problems, {"mine": results(MINE), "codec": codec_results(), "other": None})
    assert fault_of(text.encode()) == ""
    assert "- `files` `submissions/mine/setup.py`: `Nothing names this file. Remove it.`" in text
    assert "Its results cannot be read." in text


def test_a_comment_is_never_too_long():
    text = comment_of([Problem("p", "files", "m" * 400)] * 500, {f"s{i}": results(MINE) for i in range(200)})
    assert len(text) <= MOST_BYTES
    assert "More tables are left out" in text
    assert fault_of(text.encode()) == ""


HOSTILE = [
    "@octocat",
    "<img src=x onerror=y>",
    "[x](https://example.org)",
    "`",
    "``",
    "a|b",
    "\n\n# x",
    "&lt;",
    "www.a.b",
]


def formatted(text):
    """Return what a Markdown reader finds besides tables, lists, headings, text and code."""
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text.removeprefix(MARKER))
    every = [*tokens, *(child for token in tokens for child in token.children or ())]
    plain = " ".join(token.content for token in every if token.type == "text")
    return {token.type.partition("_")[0] for token in every} & FORMATTING, plain


@pytest.mark.parametrize("text", HOSTILE)
def test_a_strangers_text_stays_code_everywhere(text):
    whole = results(MINE)
    rows = tuple(msgspec.structs.replace(r, dataset=text, codec=text, setting=text, model=text) for r in whole.rows)
    named = msgspec.structs.replace(whole, rows=rows)
    comment = comment_of([Problem(text, text, text)], {text: named})
    assert fault_of(comment.encode()) == ""
    found, plain = formatted(comment)
    assert found == set()
    assert "@" not in plain
    assert "www." not in plain


@given(st.text(max_size=400))
def test_any_text_becomes_one_code_span(text):
    span = code(text)
    assert span.isascii()
    assert span.isprintable()
    assert span.count("`") == 2
    assert fault_of(f"{MARKER}\n| {span} |".encode()) == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "first line"),
        (b"## Submissions", "first line"),
        (MARKER.encode() + b"\n" + b"a\n" * MOST_BYTES, "are allowed"),
        (MARKER.encode() + "\nä".encode(), "not ASCII"),
        *(
            (f"{MARKER}\nfine\n{line}\n".encode(), "line 3")
            for line in (
                "@octocat",
                "<b>",
                "[x](y)",
                "![x](y)",
                "see www.example.org",
                "https://example.org",
                "a `b",
                "`` ` `` <b> `",
                "`a``b`",
                "| `a|<b>` |",
                "&lt;",
                "# top",
                "a\\`b`",
                "\tcode",
            )
        ),
    ],
)
def test_anything_else_is_no_comment_of_ours(data, reason):
    assert reason in fault_of(data)


@given(
    st.lists(
        st.sampled_from(["`", "|", "<b>", "@x", " ", "a", "``", "[a](b)", "\\", "\n", "- ", "## ", "*"]), max_size=12
    )
)
def test_what_is_taken_for_ours_holds_nothing_active(parts):
    text = "".join(parts)
    if fault_of(f"{MARKER}\n{text}".encode()) == "":
        found, plain = formatted(f"{MARKER}\n{text}")
        assert found == set()
        assert "@" not in plain


@pytest.mark.parametrize("text", ["fine", "<b>"])
def test_the_check_runs_without_anything_installed(tmp_path, text):
    file = tmp_path / "comment.md"
    file.write_text(f"{MARKER}\n{text}\n")
    command = [sys.executable, "-S", "-m", "suite.submission.markdown", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if text == "<b>" else 0), done.stderr
    assert ("line 2 is not ours" in done.stderr) == (text == "<b>")
