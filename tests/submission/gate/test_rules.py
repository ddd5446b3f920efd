"""Each rule of the gate: a folder that keeps all of them, and for each rule a change that breaks it and no other."""

import os
import shutil
from hashlib import sha256

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.protocols import load
from suite.submission.gate import RULES, examined
from tests.submission.gate.folders import (
    BASELINE,
    MANIFESTS,
    OPEN,
    SPEC,
    TRACK,
    Weight,
    codec_results,
    erratum,
    make,
    plugin_text,
    ref,
    results,
    submission,
    toml_of,
    verification,
)

MINE = ref("model", "mine", digest="a")
WEIGHTS = b"weights" * 10
IN_GIT = {"outside", "contract"}
"""Rules of `suite.submission.changes`, whose tests are beside these."""


def problems(trees):
    return examined(*trees, manifests=MANIFESTS)


def rules(trees):
    return {problem.rule for problem in problems(trees)}


def weight(name="head.safetensors", data=WEIGHTS, **changes):
    return Weight(**({"file": name, "size": len(data), "sha256": sha256(data).hexdigest()} | changes))


def with_weights(root, *weights):
    text = plugin_text("mine", weights=weights)
    return make(root, text=text)


def with_rows(change, **others):
    """Give results whose rows went through ``change``."""
    whole = results(MINE, **others)
    return msgspec.structs.replace(whole, rows=tuple(change(list(whole.rows))))


def measured_anew(row, **values):
    """Give a row with other values of some measures."""
    changed = (msgspec.structs.replace(m, **values.get(m.name, {})) for m in row.measures)
    return msgspec.structs.replace(row, measures=tuple(changed))


def first(**values):
    return lambda rows: [measured_anew(rows[0], **values), *rows[1:]]


def raised(trees, version="2", *, body="changed", keep=True, **changes):
    """Publish the next version of the published submission, as `suite submit` does."""
    before, after = trees
    shutil.rmtree(after / "published")
    measured = results(ref("model", "published", version, digest="c"))
    text = plugin_text("published", version=version, body=body)
    folder = make(after, "published", version=version, text=text, measured=measured, **changes)
    if keep:
        shutil.copytree(before / "published", folder / "older" / "1")
    return folder


def test_nothing_is_said_of_no_change(trees):
    assert problems(trees) == ()


@pytest.mark.parametrize("what", ["plain", "weights", "linked weights", "errata", "without baseline", "failed row"])
def test_a_new_submission_that_keeps_the_rules_passes(trees, what):
    after = trees[1]
    if what == "weights":
        with_weights(after, weight(), weight("parts/tail.npz"))
        (after / "mine" / "parts").mkdir()
        for name in ("head.safetensors", "parts/tail.npz"):
            (after / "mine" / name).write_bytes(WEIGHTS)
    elif what == "linked weights":
        with_weights(after, weight(size=2 << 30, url="https://example.org/head"))
    elif what == "errata":
        erratum(make(after), results(MINE).rows[0].cell)
    elif what == "without baseline":
        others = (ref("codec", "none"), ref("codec", "jpeg"), ref("mitigation", "none"))
        make(after, measured=results(MINE, others))
    elif what == "failed row":
        failed = {"status": "failed", "measures": (), "outcomes": "", "reason": "PredictionError: NaN"}
        measured = with_rows(lambda rows: [*rows[:-1], msgspec.structs.replace(rows[-1], **failed)])
        make(after, measured=measured)
    else:
        make(after)
    assert problems(trees) == ()


def mitigation(after, baselines, retrains=()):
    """Write a mitigation that was measured with some of the protocol's baselines; return its rows."""
    models = [ref("model", baseline.name) for baseline in baselines]
    measured = results(ref("mitigation", "mine", digest="a"), others(*models))
    make(after, measured=measured, text=plugin_text("mine", kind="mitigation", retrains=retrains))
    return measured.rows


def test_a_restoration_is_measured_in_front_of_every_baseline_beside_none(trees):
    assert len(mitigation(trees[1], TRACK.baselines)) == 3 * 20
    assert problems(trees) == ()


def test_a_retraining_is_measured_with_the_baselines_that_it_is_for(trees):
    mitigation(trees[1], TRACK.baselines[:1], retrains=(BASELINE.name, "timm:another"))
    assert problems(trees) == ()


def of_codec(after, *, name="mine", **changes):
    """Write the folder of a codec."""
    make(after, name, measured=codec_results(name, **changes), text=plugin_text(name, kind="codec", task=None))


def test_a_codec_is_measured_at_the_open_rates_beside_the_first_codec(trees):
    of_codec(trees[1])
    assert problems(trees) == ()
    rows = codec_results().rows
    assert {(row.codec, row.setting) for row in rows} == {
        ("none", "original"),
        *((codec, f"bpp={rate}") for codec in ("jpeg", "mine") for rate in OPEN.open_codecs.values),
    }
    assert len(rows) == 1 + 2 * len(OPEN.open_codecs.values)


def changed_rows(change):
    """Write the folder of a codec whose rows went through ``change``."""
    whole = codec_results()
    return lambda after: of_codec(after, rows=tuple(change(list(whole.rows))))


def test_a_higher_version_with_the_one_before_in_older_passes(trees):
    raised(trees)
    assert problems(trees) == ()


def test_the_reserved_files_alone_are_a_maintainers_change(trees):
    (trees[1] / "README.md").write_text("other rules")
    shutil.rmtree(trees[1] / "TEMPLATE")
    assert problems(trees) == ()


def remade(after, **changes):
    """Write `mine` with results that say something else, everything else in agreement."""
    plugins = changes.pop("plugins", None)
    make(after, measured=results(MINE, plugins, **changes))


def symlink(after):
    folder = make(after)
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/passwd")


def fifo(after):
    with_weights(after, weight())
    os.mkfifo(after / "mine" / "head.safetensors")


def executable(after):
    (make(after) / "plugin.py").chmod(0o755)


def large_weights(after):
    data = b"0" * 1_000_000
    with_weights(after, weight(data=data))
    (after / "mine" / "head.safetensors").write_bytes(data)


def write(path, text):
    path.write_text(text)


def say(after, **changes):
    make(after, **changes)


def lines_of_submission(after, change):
    file = make(after) / "submission.toml"
    file.write_text(change(file.read_text()))


def lines_of_results(after, change):
    """Change the text of results.json; submission.toml has the digest of what comes out."""
    folder, measured = make(after), results(MINE)
    data = change((folder / "results.json").read_bytes())
    (folder / "results.json").write_bytes(data)
    (folder / "submission.toml").write_text(toml_of(submission(plugin_text("mine"), data, measured)))


def other_weights(after):
    with_weights(after, weight())
    (after / "mine" / "head.safetensors").write_bytes(b"others")


def draft(after):
    spec = load("imagenet-jpeg@1")
    make(after, measured=results(MINE, protocol=spec.label, protocol_digest=spec.digest, rows=()))


def others(*refs):
    return (ref("codec", "none"), ref("codec", "jpeg"), ref("mitigation", "none"), *refs)


def failed_originals(rows):
    failed = {"status": "failed", "measures": (), "outcomes": "", "reason": "PredictionError: NaN"}
    return [msgspec.structs.replace(rows[0], **failed), *rows[1:]]


def say_row(**changes):
    return lambda rows: [msgspec.structs.replace(rows[0], **changes), *rows[1:]]


def rowed(change):
    return lambda after: make(after, measured=with_rows(change))


BREAKS = [
    ("reserved", "README.md changed", lambda a: (make(a), write(a / "README.md", "my rules"))),
    ("reserved", "TEMPLATE changed", lambda a: (make(a), write(a / "TEMPLATE" / "more.py", ""))),
    ("name", "no safe folder", lambda a: make(a, "my entry", measured=results(ref("model", "my entry", digest="a")))),
    ("name", "no safe file", lambda a: (make(a), write(a / "mine" / ".hidden", ""))),
    ("name", "an escape in a name", lambda a: (make(a), write(a / "mine" / "\x1b[31m", ""))),
    ("regular", "symlink", symlink),
    ("regular", "fifo", fifo),
    ("regular", "link for a folder", lambda a: (a / "mine").symlink_to("published")),
    ("regular", "linked template", lambda a: (a / "TEMPLATE" / "x").symlink_to("/etc/passwd")),
    ("regular", "empty folder", lambda a: (make(a) / "empty").mkdir()),
    ("executable", "plugin", executable),
    ("size", "weights", large_weights),
    ("files", "missing README", lambda a: (make(a) / "README.md").unlink()),
    ("files", "one nobody names", lambda a: write(make(a) / "setup.py", "")),
    ("files", "one at the top", lambda a: write(a / "conftest.py", "")),
    ("plugin", "no metadata", lambda a: make(a, text="import os\n")),
    ("submission", "an unknown key", lambda a: lines_of_submission(a, lambda text: text + "more = 1\n")),
    ("submission", "no TOML", lambda a: lines_of_submission(a, lambda text: "[" * 5000)),
    (
        "submission",
        "a key of many parts",
        lambda a: lines_of_submission(a, lambda text: text + "a." * 20_000 + "b = 1"),
    ),
    ("submission", "too much", lambda a: lines_of_submission(a, lambda text: text + "#" * 70_000)),
    ("submission", "another schema", lambda a: say(a, schema=2)),
    ("submission", "no day", lambda a: say(a, made="yesterday")),
    ("submission", "no digest of predictions", lambda a: say(a, predictions_sha256="1")),
    ("results", "an unknown key", lambda a: lines_of_results(a, lambda data: data.replace(b'"rows"', b'"x":1,"rows"'))),
    ("results", "deep", lambda a: lines_of_results(a, lambda data: b"[" * 100_000)),
    ("results", "NaN", lambda a: lines_of_results(a, lambda data: data.replace(b'"value":0.9', b'"value":NaN'))),
    ("errata", "no reason", lambda a: erratum(make(a), "sha256:0", reason=" ")),
    ("errata", "no day", lambda a: erratum(make(a), "sha256:0", date="21.11.2026")),
    ("errata", "no cells", lambda a: erratum(make(a))),
    ("errata", "no TOML", lambda a: write(make(a) / "errata.toml", "schema")),
    ("verifications", "a badge of its own", lambda a: verification(make(a))),
    ("verifications", "a badge beside a new submission", lambda a: (make(a), verification(a / "published"))),
    ("agreement", "another name", lambda a: make(a, "other", measured=results(MINE), text=plugin_text("mine"))),
    ("agreement", "another version", lambda a: make(a, text=plugin_text("mine", version="2"))),
    ("agreement", "another kind", lambda a: make(a, text=plugin_text("mine", kind="mitigation"))),
    ("agreement", "another task", lambda a: make(a, text=plugin_text("mine", task="detection"))),
    ("agreement", "another protocol", lambda a: say(a, protocol="pv-codecs@1")),
    ("agreement", "another plugin", lambda a: say(a, plugin_sha256="2" * 64)),
    ("agreement", "other results", lambda a: say(a, results_sha256="2" * 64)),
    ("weights", "altered", other_weights),
    ("weights", "absent", lambda a: with_weights(a, weight())),
    ("weights", "too large a link", lambda a: with_weights(a, weight(size=(2 << 30) + 1, url="https://example.org/x"))),
    ("weights", "in place of the plugin", lambda a: with_weights(a, weight("plugin.py"))),
    ("duplicate", "another case", lambda a: make(a, "Published", measured=results(ref("model", "Published")))),
    ("protocol", "unknown", lambda a: remade(a, protocol="pv-cell@1")),
    ("protocol", "a file", lambda a: remade(a, protocol="../../etc/x.toml")),
    ("protocol", "a draft", draft),
    ("protocol", "another digest", lambda a: remade(a, protocol_digest="sha256:" + "0" * 64)),
    ("trial", "12 samples", lambda a: remade(a, limit=12)),
    ("plugins", "a codec less", lambda a: remade(a, plugins=others()[::2], rows=())),
    ("plugins", "another codec version", lambda a: remade(a, plugins=(ref("codec", "jpeg", "2"), *others()[::2]))),
    ("plugins", "a codec besides", lambda a: remade(a, plugins=others(ref("codec", "webp")))),
    ("plugins", "a foreign reference", lambda a: remade(a, plugins=others(ref("model", "rigged")))),
    ("plugins", "twice", lambda a: remade(a, plugins=others(ref("codec", "jpeg", digest="e")))),
    ("plugins", "a restoration without a baseline", lambda a: mitigation(a, TRACK.baselines[1:])),
    ("plugins", "a retraining without its baseline", lambda a: mitigation(a, (), retrains=[BASELINE.name])),
    ("plugins", "a retraining of another", lambda a: mitigation(a, TRACK.baselines[:2], retrains=[BASELINE.name])),
    ("plugins", "itself twice", lambda a: remade(a, plugins=others(MINE))),
    ("plugins", "no none", lambda a: remade(a, plugins=others()[:2], rows=())),
    ("plugins", "no data", lambda a: remade(a, data=())),
    ("plugins", "another manifest", lambda a: remade(a, data=(msgspec.structs.replace(DATA, manifest="sha256:1"),))),
    ("plugins", "other samples", lambda a: remade(a, data=(msgspec.structs.replace(DATA, samples=100),), rows=())),
    ("plugins", "another split", lambda a: remade(a, data=(msgspec.structs.replace(DATA, split="train"),))),
    ("plugins", "a codec where they are fixed", lambda a: of_codec(a, spec=SPEC, rows=())),
    ("plugins", "a codec without its parameter", lambda a: of_codec(a, searched="")),
    ("plugins", "a codec of the protocol's name", lambda a: of_codec(a, name="webp", rows=())),
    ("plugins", "a codec alone", lambda a: of_codec(a, plugins=others(BASE)[:1] + others(BASE)[2:], rows=())),
    ("plugins", "a codec beside another", lambda a: of_codec(a, plugins=others(BASE, ref("codec", "avif")))),
    ("plugins", "a codec under a foreign model", lambda a: of_codec(a, plugins=others(ref("model", "rigged")))),
    ("plan", "a codec's row less", changed_rows(lambda rows: rows[:-1])),
    ("plan", "a codec's other parameter", lambda a: of_codec(a, searched="q", rows=codec_results().rows)),
    ("numbers", "a codec's negative rate", changed_rows(first(bits_per_pixel={"value": -1.0}))),
    ("plan", "a row less", rowed(lambda rows: rows[1:])),
    ("plan", "a row twice", rowed(lambda rows: [*rows, rows[3]])),
    ("plan", "a foreign row", rowed(lambda rows: [*rows, msgspec.structs.replace(rows[0], cell="sha256:" + "9" * 64)])),
    ("plan", "a foreign condition", rowed(say_row(condition="sha256:" + "9" * 64))),
    ("plan", "another label", rowed(say_row(setting="quality=90"))),
    ("numbers", "above 1", rowed(first(balanced_accuracy={"value": 1.5, "low": None, "high": None}))),
    ("numbers", "interval elsewhere", rowed(first(top1={"low": 0.9, "high": 0.95}))),
    ("numbers", "half an interval", rowed(first(top1={"low": None}))),
    ("numbers", "no count", rowed(first(top1={"value": 0.7601, "low": 0.5, "high": 0.9}))),
    ("numbers", "a measure less", rowed(lambda rows: [say_row(measures=rows[0].measures[1:])(rows)[0], *rows[1:]])),
    ("numbers", "negative rate", rowed(lambda rows: [measured_anew(r, bits_per_pixel={"value": -1.0}) for r in rows])),
    ("numbers", "other frames", rowed(first(bits_per_pixel={"value": 1.0}))),
    ("numbers", "other samples", rowed(say_row(samples=500))),
    ("numbers", "no outcomes", rowed(say_row(outcomes=""))),
    ("numbers", "failed originals", rowed(failed_originals)),
]
DATA = results(MINE, rows=()).data[0]
BASE = ref("model", BASELINE.name)


@pytest.mark.parametrize(("rule", "what", "change"), BREAKS, ids=[f"{rule}: {what}" for rule, what, _ in BREAKS])
def test_a_new_submission_that_breaks_one_rule_is_told_that_one(trees, rule, what, change):
    change(trees[1])
    found = problems(trees)
    assert {problem.rule for problem in found} == {rule}
    assert all(problem.path.startswith("submissions/") and len(problem.message.split()) > 3 for problem in found)
    assert all(str(problem).isprintable() for problem in found)


def copied_plugin(before, after):
    text = (after / "published" / "plugin.py").read_text()
    make(after, "copy", measured=results(ref("model", "copy", digest="a")), text=text)


def changed_plugin(before, after):
    make(
        after,
        "published",
        measured=results(ref("model", "published", digest="b")),
        text=plugin_text("published", body="x"),
    )


def moved_row(after, by, index=2, status="ok"):
    """Publish the same version again with one value moved; a reference's balanced accuracy has no count to keep."""
    whole = results(ref("model", "published", digest="b"))
    rows = list(whole.rows)
    value = rows[index].measures[1].value + by
    rows[index] = measured_anew(rows[index], balanced_accuracy={"value": value})
    make(after, "published", measured=msgspec.structs.replace(whole, rows=tuple(rows)))
    return rows[index].cell


HISTORY = [
    ("version", "changed plugin", changed_plugin),
    ("version", "lower version", lambda b, a: raised((b, a), version="0")),
    ("older", "not kept", lambda b, a: raised((b, a), keep=False)),
    ("older", "altered", lambda b, a: write(raised((b, a)) / "older" / "1" / "README.md", "better")),
    ("older", "half", lambda b, a: (raised((b, a)) / "older" / "1" / "results.json").unlink()),
    ("older", "never published", lambda b, a: shutil.copytree(b / "published", a / "published" / "older" / "0")),
    ("removed", "gone", lambda b, a: shutil.rmtree(a / "published")),
    ("moved", "by 0.002", lambda b, a: moved_row(a, 0.002)),
    ("verifications", "with a new version", lambda b, a: verification(raised((b, a)))),
]


@pytest.mark.parametrize(("rule", "what", "change"), HISTORY, ids=[f"{rule}: {what}" for rule, what, _ in HISTORY])
def test_a_change_of_what_is_published_that_breaks_one_rule_is_told_that_one(trees, rule, what, change):
    change(*trees)
    assert rules(trees) == {rule}


def test_one_plugin_under_two_names_is_told_of_and_where_the_other_is(trees):
    copied_plugin(*trees)
    found = [problem for problem in problems(trees) if problem.rule == "duplicate"]
    assert [problem.path for problem in found] == ["submissions/copy/plugin.py"]
    assert "submissions/published/plugin.py" in found[0].message


def test_every_rule_has_a_change_that_breaks_it():
    assert {rule for rule, _, _ in (*BREAKS, *HISTORY)} == RULES.keys() - IN_GIT


def test_a_row_may_move_a_little(trees):
    moved_row(trees[1], 0.0009)
    assert problems(trees) == ()


def test_an_erratum_lets_the_rows_move_that_it_names_and_no_others(trees):
    cell = moved_row(trees[1], 0.002)
    erratum(trees[1] / "published", cell)
    assert problems(trees) == ()
    shutil.rmtree(trees[1] / "published")
    moved_row(trees[1], 0.002, index=4)
    erratum(trees[1] / "published", cell)
    assert rules(trees) == {"moved"}


def test_a_published_erratum_is_not_taken_back(trees):
    for root in trees:
        erratum(root / "published", "sha256:0")
    erratum(trees[1] / "published", "sha256:1")
    assert problems(trees) == ()
    (trees[1] / "published" / "errata.toml").unlink()
    assert rules(trees) == {"errata"}


def test_a_higher_version_of_a_higher_version_keeps_both(trees, tmp_path):
    raised(trees)
    second = tmp_path / "second"
    shutil.copytree(trees[1], second)
    shutil.rmtree(second / "published")
    make(second, "published", version="3", measured=results(ref("model", "published", "3", digest="e")))
    shutil.copytree(trees[1] / "published" / "older", second / "published" / "older")
    assert rules((trees[1], second)) == {"older"}
    shutil.copytree(
        trees[1] / "published", second / "published" / "older" / "2", ignore=shutil.ignore_patterns("older")
    )
    assert rules((trees[1], second)) == set()


def test_what_is_published_and_cannot_be_read_is_a_maintainers_matter(trees):
    (trees[0] / "published" / "results.json").write_text("{}")
    assert rules(trees) == {"older"}


def test_a_link_is_never_followed(trees, tmp_path):
    secret = tmp_path / "secret"
    make(secret)
    (trees[1] / "mine").symlink_to(secret / "mine")
    assert rules(trees) == {"regular"}


NAMES = [
    "plugin.py",
    "submission.toml",
    "results.json",
    "errata.toml",
    "verifications.toml",
    "README.md",
    "older/1/plugin.py",
    "x",
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), data=st.binary(max_size=300))
def test_random_bytes_never_crash_the_gate(trees, name, data):
    file = trees[1] / "mine" / name
    make(trees[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    try:
        assert all(problem.rule in RULES for problem in problems(trees))
    finally:
        shutil.rmtree(trees[1] / "mine")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES[:3]), at=st.floats(0, 1), data=st.binary(max_size=8), cut=st.integers(0, 8))
def test_damaged_files_never_crash_the_gate(trees, name, at, data, cut):
    file = make(trees[1]) / name
    whole = file.read_bytes()
    start = int(at * len(whole))
    file.write_bytes(whole[:start] + data + whole[start + cut :])
    assert all(problem.rule in RULES for problem in problems(trees))
