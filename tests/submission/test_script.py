"""The metadata's block, its lines, the file around it: whatever a file holds, it is read or refused, and never run."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import InvalidManifest
from suite.submission.manifest import Manifest, parse, read
from suite.submission.script import Block, block_of
from suite.submission.source import MOST_BYTES
from suite.submission.toml_lines import lines_of
from tests.submission.metadata_files import SHORT, VALID, edited, problems

ANY_START = "There is no metadata. Begin it with the line '# /// script'; submissions/TEMPLATE/plugin.py is an example."


def test_a_file_without_metadata():
    assert problems("x = 1\n") == [(1, ANY_START)]
    assert problems("import os\n\n#/// Script\n") == [(3, ANY_START)]


def test_a_second_block_is_one_too_many():
    assert problems(f"{SHORT}\n{SHORT}") == [(13, "There is a script block in line 1 already. Keep one of the two.")]


def test_a_block_has_something_in_it():
    empty = "The metadata is empty; submissions/TEMPLATE/plugin.py is an example."
    assert problems("# /// script\n# ///\nx = 1\n") == [(1, empty)]


def test_blocks_of_other_types_are_none_of_ours():
    assert parse(f"# /// other\n# not TOML\n# ///\n\n{SHORT}".encode()) == parse(SHORT.encode())


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('# version = "1"', '#version = "1"', "'#version = \"1\"' in line 6"),
        ("# ///\nx", "x", "'x = 1' in line 10"),
        ("# ///\nx", "# /// \nx", "'x = 1' in line 11"),
        ("# ///\nx = 1\n", "#", "the end of the file"),
    ],
)
def test_a_block_that_is_not_closed(old, new, found):
    text, _ = edited(old, new, SHORT)
    (said,) = [said for line, said in problems(text) if line == 1]
    assert said.startswith(f"The metadata goes on until {found}, without '# ///' after it.")


def test_a_block_that_swallows_the_next_comment_says_so():
    text, line = edited("# ///\nx", "# ///\n# A comment.\n# ///\nx", SHORT)
    ((where, said),) = problems(text)
    assert where == line
    assert "leave an empty line after the first" in said


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("licence = MIT", "'licence = MIT' is not TOML: Invalid value."),
        ("licence", "'licence' is not TOML: Expected '=' after a key"),
        ('licence = "MIT"\n# §licence = "MIT"', "is not TOML: Cannot overwrite a value."),
        ('licence = "MIT', "'licence = \"MIT' is not TOML: Illegal character '\\n'."),
        ("licence = " + "9" * 5000, "is not TOML: Exceeds the limit"),
        ("licence = 2026-02-30", "is not TOML:"),
    ],
)
def test_what_is_not_toml_is_shown_with_its_line(new, said):
    text, line = edited('licence = "MIT"', new)
    (found,) = problems(text)
    assert said in found[1]
    assert found[0] == line


def test_toml_that_does_not_end():
    text, line = edited("# ///\nx", '# a = """\n# b\n§# ///\nx', SHORT)
    ((where, said),) = problems(text)
    assert (where, said) == (line - 1, "'b' is not TOML: Unterminated string.")


@pytest.mark.parametrize("value", ["[" * 5000, "{a=" * 5000, "[" * 5000 + "]" * 5000])
def test_metadata_that_is_nested_deeply(value):
    assert problems(SHORT.replace('"MIT"', value)) == [(1, "The metadata is nested too deeply.")]


def test_metadata_that_would_take_long_to_read():
    text = SHORT.replace('"MIT"', '"MIT"\n# notes = """\n# ...\n# """\n# ' + ".".join("a" * 102) + " = 1")
    assert problems(text) == [(12, "Expected at most 100 dots outside of texts. Write them into quotes.")]
    assert parse(SHORT.replace('"MIT"', f'"{"." * 500}"').encode()).licence == "." * 500
    text = SHORT.replace('"MIT"', f'"{"M" * 65536}"')
    assert problems(text) == [(1, "Expected at most 65536 characters of metadata.")]


# The file


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (SHORT.encode() + b"\n\0", 13, "There is a NUL byte."),
        (SHORT.encode() + b"\ry = 1", 12, "There is a carriage return that ends no line."),
        (b"\xef\xbb\xbf" + SHORT.encode(), 1, "byte order mark"),
        (SHORT.encode() + b"# \xff\n", 12, "This is not UTF-8 (invalid start byte)."),
        (b"#!x\n# coding: latin-1\n" + SHORT.encode(), 2, "A comment says that the encoding is iso-8859-1."),
        (b"# coding: nonsense\n" + SHORT.encode(), 1, "A comment says that the encoding is unknown."),
        (b"# " + b"x" * MOST_BYTES, 0, "Expected at most 256 KiB"),
        (SHORT.encode() + b"x = '" + b"x" * 1_000_000 + b"'", 0, "Expected at most 256 KiB"),
        (SHORT.encode() + b"def f(:\n", 12, "This is not Python: "),
        (SHORT.encode() + b"if 1:\nx", 13, "This is not Python: expected an indented block"),
        (SHORT.encode() + b"y = " + b"(" * 9999, 12, "This is not Python: too many nested parentheses."),
        (SHORT.encode() + b"y = " + b"-" * 99999 + b"1", 0, "Python cannot read this"),
        (SHORT.encode() + b"y = " + b"1+" * 99999 + b"1", 0, "Python cannot read this"),
        (SHORT.encode() + b"y" + b".y" * 99999, 0, "Python cannot read this"),
    ],
    ids=lambda value: repr(value)[-30:],
)
def test_a_file_that_python_would_not_read_so(data, line, said):
    ((where, found),) = problems(data)
    assert where == line
    assert said in found


def test_a_comment_that_names_utf_8_is_fine():
    assert parse(b"# -*- coding: UTF-8 -*-\n" + SHORT.encode()) == parse(SHORT.encode())


def test_the_largest_file_is_read(tmp_path):
    path = tmp_path / "plugin.py"
    path.write_text(SHORT + "#" * (MOST_BYTES - len(SHORT)))
    assert read(path) == parse(SHORT.encode())
    path.write_text(SHORT + "#" * (MOST_BYTES - len(SHORT) + 1))
    with pytest.raises(InvalidManifest, match=r"plugin\.py: Expected at most 256 KiB"):
        read(path)


def test_only_a_regular_file_is_read(tmp_path):
    real, linked, pipe = (tmp_path / name for name in ("real.py", "linked.py", "pipe.py"))
    real.write_text(SHORT)
    linked.symlink_to(real)
    os.mkfifo(pipe)
    assert read(real).name == "x"
    for path, said in (
        (linked, "This is a symbolic link. Name the Python file itself."),
        (pipe, "This is no regular file."),
        (tmp_path, "This is no regular file."),
        (tmp_path / "absent.py", "It cannot be read (No such file or directory)."),
        (Path("a\0b"), "It cannot be read (embedded null"),
    ):
        with pytest.raises(InvalidManifest) as raised:
            read(path)
        assert str(raised.value).startswith(f"{path} cannot be submitted:\n- {path}: {said}")


def test_nothing_of_the_plugin_runs(tmp_path):
    path, proof = tmp_path / "plugin.py", tmp_path / "it-ran"
    code = f"{SHORT}import pathlib, no_such_package\npathlib.Path({str(proof)!r}).touch()\n1 / 0\n"
    path.write_text(code)
    assert read(path).name == "x"
    assert not proof.exists()


def test_warnings_of_pythons_parser_stay_out():
    assert parse(f"{SHORT}y = '\\d' is 1\n".encode()).name == "x"


# Whatever comes

PIECES = st.sampled_from(
    ["# /// script", "# ///", "# /// other", "#", "# a = 1", "#b = 2", "", "x = 1", "# /// script ", "# [tool.suite]"]
)
SPECIFICATION = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""As https://packaging.python.org/en/latest/specifications/inline-script-metadata/ has it."""


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=12))
def test_blocks_are_those_of_the_specification(lines):
    found = [match for match in SPECIFICATION.finditer("\n".join(lines)) if match["type"] == "script"]
    block = block_of(lines)
    if len(found) != 1:
        assert not isinstance(block, Block)
    elif isinstance(block, Block):
        content = found[0]["content"].splitlines()
        assert block.toml.split("\n") == [line.removeprefix("# ").removeprefix("#") for line in content]
    else:  # stricter: a second one is begun and never closed
        assert re.search("without '# ///' after it|is empty", block.text)


VALUES = [
    "1",
    '"x"',
    "'#'",
    '"""\n"""',
    '"""\n[a]\n"""',
    "'''\n\"\n'''''",
    "[\n1,\n2]",
    "{a = [\n1]}",
    '["""x"""", "["]',
    "['x', '''x'''', '[']",
    '"""a\\"""\n"""" # "',
]


@given(st.lists(st.sampled_from(["#", "# [x]", ""]) | st.sampled_from(VALUES), max_size=12))
def test_every_key_is_found_in_its_line(values):
    toml, expected = [], {}
    for number, value in enumerate(values):
        is_value = value in VALUES
        if is_value:
            expected[(f"k{number}",)] = sum(part.count("\n") + 1 for part in toml) + 1
        toml.append(f"k{number} = {value}" if is_value else value)
    found = lines_of("\n".join(toml))
    assert {key: line for key, line in found.items() if len(key) == 1} == expected


def test_tables_lists_and_quoted_keys_are_found_in_their_lines():
    toml = """[a]
"b.c" = 1
d.e = [
  "x", # "no"
  'y', "z"
]
[[a.f]]
g = {h = [1, {i = 2}]}
[[a.f]]
[[a.f.j]]
[a.f.j.k]
[[a.f]]
"q" = [
  "x"]
"""
    expected = {
        (): 0, ("a",): 1, ("a", "b.c"): 2, ("a", "d"): 3, ("a", "d", "e"): 3,
        ("a", "d", "e", 0): 4, ("a", "d", "e", 1): 5, ("a", "d", "e", 2): 5,
        ("a", "f"): 7, ("a", "f", 0): 7, ("a", "f", 0, "g"): 8, ("a", "f", 0, "g", "h"): 8,
        ("a", "f", 0, "g", "h", 0): 8, ("a", "f", 0, "g", "h", 1): 8, ("a", "f", 0, "g", "h", 1, "i"): 8,
        ("a", "f", 1): 9, ("a", "f", 1, "j"): 10, ("a", "f", 1, "j", 0): 10, ("a", "f", 1, "j", 0, "k"): 11,
        ("a", "f", 2): 12,
        ("a", "f", 2, "q"): 13, ("a", "f", 2, "q", 0): 14,
    }  # fmt: skip
    assert lines_of(toml) == expected


def is_refused_or_read(data):
    """Whether a file is read, or refused with problems that are all in its lines; another error goes on."""
    try:
        return isinstance(parse(data), Manifest)
    except InvalidManifest as error:
        lines = [line for line, _ in error.problems]
        return bool(lines) and all(0 <= line <= data.count(b"\n") + 1 for line in lines)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data):
    assert is_refused_or_read(data)


@given(st.text(max_size=200))
def test_any_text_is_refused_or_read(text):
    assert is_refused_or_read(f"# /// script\n# {text}\n# ///\n".encode(errors="replace"))
    assert is_refused_or_read(SHORT.replace('"MIT"', text).encode(errors="replace"))


@settings(max_examples=300)
@given(st.data())
def test_any_alteration_is_refused_or_read(data):
    start = data.draw(st.integers(0, len(VALID)))
    end = data.draw(st.integers(start, min(len(VALID), start + 30)))
    new = data.draw(st.text(alphabet="#/ \n\r\"'[]{}=.,\\ax1\0é", max_size=12) | st.text(max_size=5))
    assert is_refused_or_read(f"{VALID[:start]}{new}{VALID[end:]}".encode(errors="replace"))
