"""`suite protocols` and `suite cite` as a user types them."""

import json
import tomllib

import pytest
import yaml
from pybtex.database import parse_string

from suite import protocols

SPEC = protocols.load("pv-cells@1")


@pytest.fixture
def draft(tmp_path):
    text = protocols.file_of("pv-cells@1").read_text()
    path = tmp_path / "draft.toml"
    path.write_text(text.replace("version = 1\ntitle", "version = 2\ntitle").replace("values = [10, 20,", "values = ["))
    return path


def test_without_a_command_the_protocols_are_listed(suite):
    alone = suite("protocols")
    assert alone.returncode == 0
    assert alone.stdout == suite("protocols", "list").stdout
    assert "pv-cells@1" in alone.stdout


def test_show_has_all_of_it_as_text_json_and_toml(suite):
    text = suite("protocols", "show", "pv-cells@1").stdout
    assert all(word in text for word in (SPEC.digest, "released", "annex-k-baseline", "pv-efficientnet-lite2@1"))
    as_json = suite("protocols", "show", "pv-cells@1", "--format", "json").stdout
    assert json.loads(as_json)["name"] == "pv-cells"
    assert as_json == suite("protocols", "show", "pv-cells@1", "--json").stdout
    assert (
        suite("protocols", "show", "pv-cells", "--format", "toml").stdout == protocols.file_of("pv-cells").read_text()
    )


def test_diff_between_a_file_and_a_released_one(suite, draft):
    shown = suite("protocols", "diff", "pv-cells@1", draft).stdout
    assert "codec jpeg: values" in shown
    assert "10, 20, 30, 40, 50, 60, 70, 80, 90" in shown
    found = json.loads(suite("protocols", "diff", "pv-cells@1", draft, "--json").stdout)
    assert [row["field"] for row in found] == ["version", "codec jpeg: values"]
    assert "nothing that changes a number differs" in suite("protocols", "diff", "pv-cells", "pv-cells@1").stdout


def test_freeze_tries_then_writes_and_then_refuses(suite, draft, tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    tried = suite("protocols", "freeze", draft, "--into", into, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "pv-cells@2 can be released: sha256:" in tried.stdout
    assert list(into.iterdir()) == []
    assert suite("protocols", "freeze", draft, "--into", into).returncode == 0
    assert tomllib.loads((into / "released.toml").read_text()) == {"pv-cells@2": protocols.load(str(draft)).digest}
    again = suite("protocols", "freeze", draft, "--into", into)
    assert again.returncode == 1
    assert "pv-cells@2 is released already" in again.stderr


def test_freeze_refuses_a_draft_with_its_reasons(suite, tmp_path):
    refused = suite("protocols", "freeze", "imagenet-jpeg@1", "--into", tmp_path)
    assert refused.returncode == 1
    assert "\n- 'changes' still calls it a draft" in refused.stderr
    assert "\n- imagenet@1: neither 'manifest' nor 'listing' pins its samples" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_cite_in_every_format(suite):
    sentence = suite("cite", "pv-cells@1", "--format", "sentence").stdout
    assert SPEC.digest in sentence
    assert sentence.count("\n") == 1
    bib = suite("cite", "pv-cells@1", "--format", "bibtex").stdout
    assert "protocol-pv-cells-1" in parse_string(bib, "bibtex").entries
    cff = suite("cite", "pv-cells@1", "--format", "cff").stdout
    assert yaml.safe_load(cff)["references"]
    text = suite("cite", "pv-cells@1").stdout
    assert all(part.strip() in text for part in (sentence, bib, cff))


def test_cite_an_entry_and_a_snapshot(suite, tmp_path):
    digest = "sha256:" + "a1" * 32
    (tmp_path / "manifest.json").write_text(json.dumps({"digest": digest}))
    words = ("--entry", "efficientnet-lite1", "--snapshot", tmp_path, "--format", "sentence")
    sentence = suite("cite", "pv-cells@1", *words).stdout
    assert f"results as of snapshot {digest}" in sentence
    assert "entry efficientnet-lite1: model efficientnet-lite1@1 [" in sentence


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--entry", "pv-eficientnet-lite0"], "Did you mean 'pv-efficientnet-lite0'?"),
        (["--entry", "pv-efficientnet-lite0 + nothing"], "No entry is named"),
        (["--snapshot", "absent"], "--snapshot takes the directory of a snapshot"),
    ],
)
def test_a_mistake_in_cite_is_explained(suite, words, message):
    result = suite("cite", "pv-cells@1", *words)
    assert result.returncode == 1
    assert message in " ".join(result.stderr.split())
