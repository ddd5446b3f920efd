"""Metadata is read as it was written, everything wrong with it is said at once with its line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.api import Task
from suite.errors import AlteredWeights, InvalidManifest, InvalidPlugin
from suite.submission import rules
from suite.submission.manifest import Manifest, WeightEntry, card_of, newer, parse, read, weight_files
from tests.submission.metadata_files import EXPECTED, SHA256, SHORT, VALID, edited, line_of, problems

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "submissions" / "TEMPLATE" / "plugin.py"


def test_everything_that_is_stated_is_read():
    assert parse(VALID.encode()) == EXPECTED


def test_what_is_not_stated_is_empty():
    assert parse(SHORT.encode()) == Manifest(
        kind="codec", object="x", name="x", version="1", authors="A", licence="MIT", training_data="none"
    )


def test_windows_line_ends_are_accepted():
    assert parse(VALID.replace("\n", "\r\n").encode()) == EXPECTED
    wrong, line = edited('licence = "MIT"', "licence = 1")
    assert [found for found, _ in problems(wrong.replace("\n", "\r\n"))] == [line]


@pytest.mark.parametrize("name", ["Brightness", "made", "ready", "other", "rest", "stated"])
def test_the_object_may_be_any_value_of_the_file(name):
    text, _ = edited('object = "Brightness"', f'object = "{name}"')
    assert parse(text.encode()).object == name


BREAKING = [
    # Keys
    ('licence = "MIT"', 'licence = "MIT"\n# §license = "MIT"', "unknown key 'license'. Did you mean 'licence'?"),
    ('licence = "MIT"', 'licence = "MIT"\n# §training_data = "x"', "Did you mean 'training-data'?"),
    ("size = 12345", "sise = 1\n# size = 12345", "[[tool.suite.weights]] has the unknown key 'sise'. Did you mean"),
    ('requires-python = ">=3.11"', 'python = ">=3.11"', "The metadata has the unknown key 'python'."),
    ("[tool.other]", "[tools.other]", "unknown key 'tools'. Did you mean 'tool'?"),
    # Types
    ('kind = "model"', "kind = 1", "kind cannot be 1. Write 'codec' or 'model' or 'mitigation'."),
    ('kind = "model"', 'kind = "modell"', "Did you mean 'model'?"),
    ('task = "classification"', 'task = "detection"', "task cannot be 'detection'. Write 'classification'."),
    ('version = "1.2"', "version = 1.2", "version cannot be 1.2. Write a text in quotes."),
    ('authors = "A. Author, B. Author"', 'authors = ["A"]', 'authors cannot be ["A"]. Write a text in quotes.'),
    ("accelerator = true", 'accelerator = "yes"', "accelerator cannot be 'yes'. Write true or false."),
    ("accelerator = true", "accelerator = 1", "Write true or false."),
    ("tolerance = 0.001", "tolerance = true", "tolerance cannot be true. Write a number from 0 to 0.05."),
    ("tolerance = 0.001", "tolerance = nan", "Write a number from 0 to 0.05."),
    ("tolerance = 0.001", "tolerance = -0.1", "Write a number from 0 to 0.05."),
    ("tolerance = 0.001", f"tolerance = {'9' * 4000}", "Write a number from 0 to 0.05."),
    ("size = 12345", "size = true", "size cannot be true."),
    ("size = 12345", "size = 1.5", "Write the file's size in bytes"),
    ('licence = "MIT"', "licence = 2026-01-01", 'licence cannot be "2026-01-01". Write a text in quotes.'),
    # Texts
    ('licence = "MIT"', 'licence = ""', "Write 1 to 500 characters, not 0."),
    ('licence = "MIT"', 'licence = "  "', "Write 1 to 500 characters, not 2."),
    ('licence = "MIT"', f'licence = "{"é" * 501}"', "Write 1 to 500 characters, not 501."),
    ('licence = "MIT"', r'licence = "M\u0007T"', "Remove the control or invisible characters (U+0007)."),
    ('licence = "MIT"', r'licence = "M\nT"', "invisible characters (U+000A)."),
    ('licence = "MIT"', 'licence = "M\u202eT"', "invisible characters (U+202E)."),
    ('notes = """\n', 'notes = """' + "x" * 4000 + "\n", "notes cannot be 'xxxx"),
    ('notes = """\n', 'notes = """\n# \\u001b[31m\n', "invisible characters (U+001B)."),
    # Names
    ('name = "brightness-threshold"\n# v', 'name = "Bright"\n# v', "name cannot be 'Bright'. Write a to z,"),
    ('name = "brightness-threshold"\n# v', 'name = "a..b"\n# v', "without '..'"),
    ('name = "brightness-threshold"\n# v', 'name = "../b"\n# v', "name cannot be '../b'."),
    ('name = "brightness-threshold"\n# v', 'name = "a/b"\n# v', "name cannot be 'a/b'."),
    ('name = "brightness-threshold"\n# v', 'name = ".git"\n# v', "beginning with a letter or digit"),
    ('name = "brightness-threshold"\n# v', 'name = "a."\n# v', "or '.' at the end"),
    ('name = "brightness-threshold"\n# v', 'name = "é"\n# v', "name cannot be 'é'."),
    ('name = "brightness-threshold"\n# v', 'name = "nul.1"\n# v', "Windows keeps 'nul' for a device"),
    ('name = "brightness-threshold"\n# v', 'name = "com1"\n# v', "Windows keeps 'com1' for a device"),
    ('name = "brightness-threshold"\n# v', f'name = "{"a" * 65}"\n# v', "Write 1 to 64 characters, not 65."),
    ('object = "Brightness"', 'object = "Brightnes"', "variable 'Brightnes'. Did you mean 'Brightness'?"),
    ('object = "Brightness"', 'object = "np"', "The file defines no class, function or variable 'np'."),
    ('object = "Brightness"', 'object = "promised"', "no class, function or variable 'promised'."),
    ('object = "Brightness"', 'object = "a.b"', "Write the name of a class or function"),
    # Versions
    ('version = "1.2"', 'version = "v1"', "version cannot be 'v1'. Write numbers with dots between them"),
    ('version = "1.2"', 'version = "1."', "Write numbers"),
    ('version = "1.2"', 'version = "01"', "Write numbers"),
    ('version = "1.2"', 'version = "\u0661"', "Write numbers"),
    ('version = "1.2"', f'version = "{"1" * 33}"', "Write 1 to 32 characters, not 33."),
    # What the environment needs
    ('">=3.11"', '"3.11 or so"', 'Write versions of Python such as ">=3.11".'),
    ('">=3.11"', "3.11", "requires-python cannot be 3.11. Write a text in quotes."),
    ('"pillow"', '"pillow @ https://example.org/x.whl"', "cannot be pinned by the package index"),
    ('"pillow"', '"pillow @ file:///etc/x.whl"', "cannot be pinned by the package index"),
    ('"pillow"', '"git+https://example.org/x"', "cannot be pinned by the package index"),
    ('"pillow"', '"https://example.org/x.whl"', "cannot be pinned by the package index"),
    ('"pillow"', '"./here"', "cannot be pinned by the package index"),
    ('"pillow"', r'"C:\\here"', "cannot be pinned by the package index"),
    ('"pillow"', '"-e ."', "cannot be pinned by the package index"),
    ('"pillow"', '"--index-url=https://example.org"', "cannot be pinned by the package index"),
    ('"pillow"', '"pillow=="', """Write a requirement such as "numpy>=2"."""),
    ('"pillow"', f'"pillow; {"(" * 190}"', """Write a requirement such as "numpy>=2"."""),
    ('"pillow"', f'"pillow{"!" * 200}"', "Write 1 to 200 characters, not 206."),
    ('"pillow"', '"ELPV_dataset"', "a protocol's images with their truth, which stays with the host"),
    ('"pillow"', '"compression-suite[demo]"', "suite.api is there for every plugin"),
    # Weights
    ('"head.safetensors"', '"../head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '"a/../head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '"/head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', "'a\\head.safetensors'", "Write a relative path"),
    ('"head.safetensors"', '"C:head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '".head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '"a//head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '"a./head.safetensors"', "Write a relative path"),
    ('"head.safetensors"', '"nul.safetensors"', "names that Windows keeps"),
    ('"head.safetensors"', '"Older/1/head.safetensors"', "The folder older holds earlier versions"),
    ('"head.safetensors"', '"head.pkl"', "Write a file that ends in .safetensors, .npz, .pt, .pth, .onnx."),
    ('"more/tail.npz"', '"HEAD.safetensors"', "The file 'HEAD.safetensors' is listed already."),
    ("size = 12345", "size = 0", "size cannot be 0."),
    ("size = 12345", "size = 2147483649", "1 to 2147483648 (2 GiB)"),
    (f'12345\n# sha256 = "{SHA256}"', f'12345\n# §sha256 = "{SHA256[1:]}"', "Write the 64 digits"),
    (f'12345\n# sha256 = "{SHA256}"', f'12345\n# §sha256 = "{SHA256.upper()}"', "Write the 64 digits"),
    ("https://example.org/tail.npz", "http://example.org/tail.npz", "begins with https://."),
    ("https://example.org/tail.npz", "file:///etc/passwd", "begins with https://."),
    ("https://example.org/tail.npz", "https://", "begins with https://."),
    ("https://example.org/tail.npz", "https://[", "begins with https://."),
    ("https://example.org/tail.npz", "https://a:0/", "begins with https://."),
    ("https://example.org/tail.npz", "https://a b/", "begins with https://."),
    ("https://example.org/tail.npz", r"https://example.org\\@a/", "begins with https://."),
    ("https://example.org/tail.npz", "https://me:secret@example.org/x", "Leave out the user name and the password."),
    ("https://example.org/code", "javascript:alert(1)", "begins with https:// or http://."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), BREAKING, ids=[new[:40] for _, new, _ in BREAKING])
def test_what_breaks_a_rule_is_named_with_its_line(old, new, said):
    text, line = edited(old, new)
    found = problems(text)
    assert [where for where, _ in found] == [line]
    assert said in found[0][1]


@pytest.mark.parametrize("key", ["kind", "object", "name", "version", "task", "authors", "licence", "training-data"])
def test_what_is_missing_is_said_where_it_belongs(key):
    line = next(line for line in VALID.split("\n") if line.startswith(f"# {key} ="))
    ((where, said),) = problems(VALID.replace(f"{line}\n", "", 1))
    assert where == line_of("# [tool.suite]")
    assert f" lacks {key}. Add such as: {key} = " in said


@pytest.mark.parametrize("key", ["file", "size", "sha256"])
def test_a_file_of_weights_has_all_that_identifies_it(key):
    head, _, rest = VALID.partition("[[tool.suite.weights]]")
    line = next(line for line in rest.split("\n") if line.startswith(f"# {key} ="))
    ((where, said),) = problems(f"{head}[[tool.suite.weights]]{rest.replace(line, '#', 1)}")
    assert where == line_of("# [[tool.suite.weights]]")
    assert said.startswith(f"[[tool.suite.weights]] lacks {key}.")


def test_a_codec_has_no_task():
    text, _ = edited('kind = "model"', 'kind = "codec"')
    assert problems(text) == [(line_of("# task"), "A codec has no task. Remove the line.")]


def test_only_a_mitigation_retrains_models():
    text, _ = edited('kind = "model"', 'kind = "model"\n# retrains = ["pv-efficientnet-lite0"]')
    said = "Only a mitigation retrains models, not a model. Remove the line."
    assert problems(text) == [(line_of("# kind") + 1, said)]
    mitigation, _ = edited('kind = "model"', 'kind = "mitigation"\n# retrains = ["pv-efficientnet-lite0", "timm:x.y"]')
    assert parse(mitigation.encode()).retrains == ("pv-efficientnet-lite0", "timm:x.y")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("[]", "List one or more"),
        ('["a", "a"]', "each once"),
        ('["plugin.py:Model"]', "no name of a model"),
        ('["../a"]', "no name of a model"),
        ('["timm:hf-hub:a/b"]', "no name of a model"),
        ("[1]", "Write a list of texts"),
        ('"a"', "Write a list of texts"),
    ],
)
def test_a_retraining_names_models_that_the_suite_has(names, said):
    text, _ = edited('kind = "model"', f'kind = "mitigation"\n# retrains = {names}')
    assert [said in message for _, message in problems(text)] == [True]


def test_metadata_without_the_suites_table():
    text = "# /// script\n# dependencies = []\n#\n# [tool]\n# x = 1\n# ///\n"
    assert problems(text) == [(4, "There is no table [tool.suite]. It says what the plugin is.")]
    (wrong,) = problems(text.replace("[tool]", "[[tool.suite]]"))
    assert wrong == (4, "There is no table [tool.suite]. It says what the plugin is.")
    assert [where for where, _ in problems(text.replace("[tool]", "tool = 1"))] == [4, 4, 5]


def test_lists_have_an_end():
    text, line = edited('"pillow",', '"pillow", ' * 200)
    assert problems(text) == [(line - 2, found) for _, found in problems(text)]
    assert "List at most 200, not 201." in problems(text)[0][1]
    entry = f'# [[tool.suite.weights]]\n# file = "N.npz"\n# size = 1\n# sha256 = "{SHA256}"\n'
    weights = "".join(entry.replace("N", str(number)) for number in range(19))
    ((where, said),) = problems(VALID.replace("# [tool.other]", f"{weights}# [tool.other]"))
    assert (where, "List at most 20, not 21." in said) == (line_of("# [[tool.suite.weights]]"), True)


@pytest.mark.parametrize("weights", ["1", "[1]", '["head.npz"]', "[[]]", "{}"])
def test_weights_are_a_list_of_tables(weights):
    ((where, said),) = problems(SHORT.replace('licence = "MIT"', f'licence = "MIT"\n# weights = {weights}'))
    assert where == 9
    assert "Write a list of tables." in said


@pytest.mark.parametrize("dependencies", ['"numpy"', "[1]", '["numpy", 1]', "{}"])
def test_dependencies_are_a_list_of_texts(dependencies):
    ((where, said),) = problems(SHORT.replace("# [tool", f"# dependencies = {dependencies}\n# [tool"))
    assert where == 2
    assert "Write a list of texts." in said


def test_a_name_can_be_taken():
    assert parse(VALID.encode(), taken={"jpeg"}) == EXPECTED
    ((where, said),) = problems(VALID, taken={"brightness-threshold"})
    assert (where, said) == (
        line_of("# name"),
        "The name 'brightness-threshold' is that of another plugin. Choose one of your own.",
    )


def test_python_has_to_fit_where_that_is_asked():
    assert parse(VALID.encode(), python="3.11.0") == EXPECTED
    assert problems(VALID, python="3.10.9") == [(3, "requires-python '>=3.11' leaves out this Python, 3.10.9.")]
    assert parse(SHORT.encode(), python="3.10.9").requires_python == ""


def test_everything_wrong_is_said_at_once_in_order_of_the_lines():
    text = VALID
    for old, new in (
        ('licence = "MIT"', "licence = 1"),
        ('"pillow"', '"./here"'),
        ("size = 12345", "size = 0"),
        ('version = "1.2"', "wersion = 1"),
        ("class Brightness:", "class Brightness"),
    ):
        text, _ = edited(old, new, text)
    with pytest.raises(InvalidManifest, match="expected ':'") as raised:
        parse(text.encode(), "there/plugin.py")
    first, *listed = str(raised.value).split("\n")
    assert first == "there/plugin.py cannot be submitted:"
    starts = ("# [tool.suite]", '#     "pillow', "# version", "# licence", "# size", "class")
    assert [re.match(r"- there/plugin\.py:(\d+): \S", line)[1] for line in listed] == [
        str(line) for line in sorted(line_of(start) for start in starts)
    ]


def test_a_message_has_an_end():
    keys = "".join(f"# key{number} = 1\n" for number in range(150))
    with pytest.raises(InvalidManifest) as raised:
        parse(SHORT.replace("# ///\nx", f"{keys}# ///\nx").encode())
    assert len(raised.value.problems) == 150
    assert str(raised.value).endswith("\n- and 50 more")


NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
VISIBLE = st.characters(codec="utf-8", exclude_categories=sorted(rules.INVISIBLE))


def texts(most):
    """Return a strategy for texts that metadata may hold."""
    return st.text(VISIBLE, min_size=1, max_size=most).filter(str.strip)


WEIGHTS = st.builds(
    WeightEntry,
    file=st.from_regex(r"[a-zA-Z0-9_]{1,9}(/[a-z0-9_]{1,9})?\.(npz|pt|onnx)", fullmatch=True).filter(
        lambda file: not file.lower().startswith("older/") and not any(map(rules.is_device, file.split("/")))
    ),
    size=st.integers(1, rules.MOST_WEIGHT_BYTES),
    sha256=st.from_regex("[0-9a-f]{64}", fullmatch=True),
    url=st.sampled_from(["", "https://example.org:8080/a?b=c"]),
)
MANIFESTS = st.builds(
    Manifest,
    kind=st.sampled_from(["model", "mitigation"]),
    object=st.just("x"),
    name=st.from_regex("[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True).filter(lambda name: not rules.is_device(name)),
    version=NUMBERS,
    authors=texts(500),
    licence=texts(20),
    task=st.just(Task.CLASSIFICATION),
    paper=st.just("") | texts(20),
    code=st.sampled_from(["", "http://example.org"]),
    training_data=texts(20),
    notes=st.just("") | st.text(VISIBLE | st.just("\n"), min_size=1, max_size=50).filter(str.strip),
    tolerance=st.none() | st.floats(0, rules.MOST_TOLERANCE),
    accelerator=st.booleans(),
    weights=st.lists(WEIGHTS, max_size=3, unique_by=lambda entry: entry.file.casefold()).map(tuple),
    requires_python=st.sampled_from(["", ">=3.11", "==3.12.*"]),
    dependencies=st.lists(st.sampled_from(["numpy>=2", "pillow", "x[y]; python_version < '3'"])).map(tuple),
)


def as_file(manifest):
    """Return a file that says what a manifest holds; JSON's texts, lists, numbers and booleans are TOML's too."""
    said = {name.replace("_", "-"): getattr(manifest, name) for name in manifest.__struct_fields__}
    said = {key: value for key, value in said.items() if value not in (None, "", ())}
    weights = said.pop("weights", ())
    top = {key: said.pop(key) for key in ("requires-python", "dependencies") if key in said}
    tables = [(None, top), ("[tool.suite]", said)]
    tables += [("[[tool.suite.weights]]", {key: getattr(entry, key) for key in rules.WEIGHT}) for entry in weights]
    lines = ["# /// script"]
    for header, table in tables:
        lines += [f"# {header}"] if header else ["#"]
        lines += [f"# {key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if value != ""]
    return "\n".join([*lines, "# ///", "x = 1"]).encode()


@given(MANIFESTS)
def test_what_is_written_is_read(manifest):
    assert parse(as_file(manifest)) == manifest


@given(NUMBERS, NUMBERS)
def test_versions_go_by_their_numbers(one, other):
    assert newer(one, other) == ([int(n) for n in one.split(".")] > [int(n) for n in other.split(".")])


def test_ten_is_newer_than_nine():
    assert newer("1.10", "1.9")
    assert newer("1.1", "1")
    assert not newer("1", "1")


# What becomes of it


def test_the_card_has_what_the_board_shows():
    card = card_of(EXPECTED)
    assert card.summary == "Calls what is dark defective."
    assert (card.authors, card.licence, card.training_data) == ("A. Author, B. Author", "MIT", "none")
    assert (card.paper, card.code) == ("https://example.org/paper", "https://example.org/code")
    assert card_of(parse(SHORT.encode())).summary == "A contributed codec."


def weighing(*files, url=""):
    """Return a manifest with files of weights of three bytes, ``abc``."""
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    entries = tuple(WeightEntry(file=file, size=3, sha256=sha256, url=url) for file in files)
    said = {"authors": "A", "licence": "MIT", "training_data": "none"}
    return Manifest(kind="codec", object="x", name="x", version="1", weights=entries, **said)


def test_files_of_weights_lie_in_the_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.npz").write_bytes(b"abc")
    (tmp_path / "c.npz").symlink_to("a/b.npz")
    found = weight_files(weighing("a/b.npz", "c.npz"), tmp_path)
    assert [file.verified().read_bytes() for file in found] == [b"abc", b"abc"]


def test_a_file_of_weights_that_is_not_there_yet_says_where_it_comes_from(tmp_path):
    (file,) = weight_files(weighing("b.npz", url="https://example.org/b"), tmp_path)
    assert file.remedy == f"Download https://example.org/b to {tmp_path / 'b.npz'}."


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "b.npz"])
@pytest.mark.parametrize("place", ["b.npz", "folder/b.npz"])
def test_links_out_of_the_folder_are_refused(tmp_path, target, place):
    folder = tmp_path / "entry"
    (folder / place).parent.mkdir(parents=True)
    (folder / place).symlink_to(target if target != "../outside" or "/" not in place else "../../outside")
    with pytest.raises(InvalidPlugin, match=r"lead out of .* by a symbolic link"):
        weight_files(weighing(place), folder)


def test_a_folder_that_is_a_link_out_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "entry").mkdir()
    (tmp_path / "outside" / "b.npz").write_bytes(b"abc")
    (tmp_path / "entry" / "folder").symlink_to("../outside")
    with pytest.raises(InvalidPlugin, match="lead out of"):
        weight_files(weighing("folder/b.npz"), tmp_path / "entry")


def test_weights_are_files_of_the_stated_size(tmp_path):
    (tmp_path / "b.npz").write_bytes(b"abcd")
    with pytest.raises(AlteredWeights, match="have 4 bytes, but 3 are stated"):
        weight_files(weighing("b.npz"), tmp_path)
    os.mkfifo(tmp_path / "c.npz")
    with pytest.raises(InvalidPlugin, match="are no regular file"):
        weight_files(weighing("c.npz"), tmp_path)


# The template


def test_the_template_is_short_and_can_be_read():
    assert len(TEMPLATE.read_text().splitlines()) < 30
    manifest = read(TEMPLATE)
    assert (manifest.name, manifest.kind, manifest.task) == ("brightness-threshold", "model", Task.CLASSIFICATION)


def test_the_template_keeps_the_contract():
    command = [sys.executable, "-m", "suite.cli.main", "check", "model", f"{TEMPLATE}:{read(TEMPLATE).object}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["7 of 7 checks passed."]), done.stderr
