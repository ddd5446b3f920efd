"""A contributor's codec to a submission's folder: two real sandboxes, the real open protocol, a few images."""

import json
import subprocess
import sys
import tomllib
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite import protocols
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.digest import sha256_of_file
from suite.embedded import CODECS
from suite.errors import IncompleteSubmission, InvalidPlugin, UnverifiedSubmission, UsageError
from suite.progress import Silent
from suite.stages.bitstreams import Store
from suite.submission import submit as submitting
from suite.submission import verify
from suite.submission.checking import examined, protocol_for
from suite.submission.guests import Terms
from suite.submission.measuring import Order
from suite.submission.submit import submit
from tests.isolation.guests import needs_bubblewrap, submitted_codec

pytestmark = needs_bubblewrap

LIMIT = 4
WHOLE = protocols.load(CODECS)
RATES = tuple(WHOLE.open_codecs.values)
HERE = Terms(current=True)


@pytest.fixture
def order(tmp_path):
    return Order(spec=WHOLE, database=tmp_path / "results.db", limit=LIMIT)


@pytest.fixture
def taken(tmp_path, order):
    """Return what writes the codec of the README, with some of its text replaced, and submits it."""

    def take(*changes, dry_run=False, terms=HERE, spec=order.spec):
        text = submitted_codec()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        plugin = tmp_path / "codec.py"
        plugin.write_text(text)
        on = replace(order, spec=spec)
        return submit(plugin, on, terms, submissions=tmp_path / "submissions", dry_run=dry_run, progress=Silent())

    return take


def test_a_codec_becomes_a_folder_with_its_curve_beside_that_of_the_first_codec(taken, order):
    done = taken()
    rows = done.measured.results.rows
    assert [row.setting for row in rows if row.codec == "half-size-steps"] == [f"bpp={rate}" for rate in RATES]
    assert [row.setting for row in rows if row.codec == "jpeg"] == [f"bpp={rate}" for rate in RATES]
    assert {(row.model, row.mitigation) for row in rows} == {("pv-efficientnet-lite0", "none")}
    assert len(rows) == 1 + 2 * len(RATES)
    said = tomllib.loads((done.folder / "submission.toml").read_text())
    assert (said["kind"], said["task"], said["protocol"]) == ("codec", "classification", CODECS)
    results = json.loads((done.folder / "results.json").read_text())
    assert results["searched"] == "step"
    assert results["isolation"].startswith("bubblewrap")
    assert results["plugin"]["build"].startswith("zlib")
    readme = (done.folder / "README.md").read_text()
    for row in rows:
        rates = [measure.value for measure in row.measures if measure.name == "bits_per_pixel"]
        assert f"| {rates[0]:.3f} |" in readme or row.setting == "original"
    assert "BD-rate against `jpeg`" in readme
    assert readme.count("line [") == 2
    wrong = [finding for finding in examined(done.folder, HERE, limit=2, progress=Silent()) if not finding.ok]
    assert [finding.check for finding in wrong] == ["rule trial"]  # the one thing that a trial may not be
    isolations = [each.result.tuning.isolation for each in queries.results(open_for_reading(order.database))]
    assert all(isolation["half-size-steps"].startswith("bubblewrap") for isolation in isolations)


def again(done, order, share=1.0):
    options = {"share": share, "database": order.database, "dataset": None, "progress": Silent(), "recorded": None}
    return verify.submission(done.folder, HERE, **options)


def forbidden(store, key):
    """Stand for the store of bitstreams."""
    raise AssertionError(f"asked for {key.codec}")


def rewritten(done, **columns):
    """Write other values into the file of predictions, and its new digest into the folder."""
    table = pq.read_table(done.predictions.path)
    for name, change in columns.items():
        values = pa.array([change(value) for value in table[name].to_pylist()], table.schema.field(name).type)
        table = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(table, done.predictions.path)
    toml = done.folder / "submission.toml"
    old = tomllib.loads(toml.read_text())["predictions_sha256"]
    toml.write_text(toml.read_text().replace(old, sha256_of_file(done.predictions.path).removeprefix("sha256:")))


def test_verifying_codes_images_again_and_compares_bytes_fidelity_and_predictions(taken, order, monkeypatch):
    done = taken()
    monkeypatch.setattr(Store, "get", forbidden)  # what was encoded before is not asked for
    verdict = again(done, order)
    assert (verdict.compared, verdict.differing) == (LIMIT, ())
    rewritten(done, byte_count=lambda count: count - 1)
    assert len(again(done, order).differing) == LIMIT
    rewritten(done, byte_count=lambda count: count + 1, psnr_db=lambda value: value + 1)
    verdict = again(done, order)
    assert len(verdict.differing) == LIMIT
    assert "psnr_db was" in verdict.differing[0]


LAST = "        return small.repeat(2, axis=0)"
REMEMBERS = (
    ("class HalfSizeSteps:", "SEEN = []\n\n\nclass HalfSizeSteps:"),
    (LAST, f"        SEEN.append(height)\n        small = small // (2 if len(SEEN) > 2 else 1)\n{LAST}"),
)
"""What it decodes depends on how many images came before."""


def test_a_decoder_whose_images_depend_on_those_before_is_found(taken, tmp_path, monkeypatch):
    monkeypatch.setitem(submitting.SHARE_SEEN_AGAIN, "codec", 1.0)
    monkeypatch.setattr(submitting, "contract", lambda *_: ())  # which may find it too, in another process
    with pytest.raises(UnverifiedSubmission, match=r"predictions differ .* made again"):
        taken(*REMEMBERS)
    assert not (tmp_path / "submissions" / "half-size-steps").exists()


def test_one_that_breaks_the_contract_is_refused_before_it_is_measured(taken, order):
    alternates = [(old, new.replace("len(SEEN) > 2", "len(SEEN) % 2")) for old, new in REMEMBERS]
    with pytest.raises(InvalidPlugin, match="deterministic: one bitstream at step=1 decoded to different pixels"):
        taken(*alternates)
    assert not order.database.exists()


def test_one_that_fails_on_the_way_has_its_reason_in_the_database_and_no_folder(taken, tmp_path, order):
    refuses = "        if image.shape == (300, 300, 3) and not np.ptp(image, axis=2).any():\n"
    refuses += "            raise ValueError('no more')\n"
    with pytest.raises(IncompleteSubmission, match=f"{len(RATES)} of {1 + 2 * len(RATES)} cells failed, .*no more"):
        taken(("        levels = image[::2", refuses + "        levels = image[::2"))
    assert not (tmp_path / "submissions" / "half-size-steps").exists()
    failed = queries.results(open_for_reading(order.database), status="failed")
    assert {each.result.cell.condition.codec.name for each in failed} == {"half-size-steps"}


def test_a_protocol_with_fixed_codecs_names_one_that_takes_others(taken, order):
    with pytest.raises(UsageError, match=r"pv-cells@1 fixes its codecs.*--protocol: pv-open-codecs@1"):
        taken(spec=protocols.load("pv-cells@1"))


def test_a_name_of_the_protocols_own_is_refused(taken):
    with pytest.raises(UsageError, match="has a codec 'webp' of its own"):
        taken(('"half-size-steps"', '"webp"'))


def test_a_dry_run_asks_the_contract_and_writes_nothing(taken, tmp_path, order):
    done = taken(dry_run=True)
    assert {finding.check for finding in done.findings} >= {"rate", "garbage", "deterministic"}
    assert not order.database.exists()
    assert not (tmp_path / "submissions").exists()


def test_trust_is_recorded(taken):
    done = taken(terms=Terms(current=True, trusted=True), dry_run=True)
    assert done.visitor.isolation.startswith("none (trusted)")


def test_a_codec_goes_to_the_open_protocol_unless_told():
    assert (protocol_for("codec"), protocol_for("model"), protocol_for("mitigation")) == (
        CODECS,
        "pv-cells@1",
        "pv-cells@1",
    )


def test_the_command_takes_a_codec_to_the_open_protocol_by_itself(tmp_path):
    plugin = tmp_path / "codec.py"
    plugin.write_text(submitted_codec())
    places = ["--database", str(tmp_path / "results.db"), "--submissions", str(tmp_path / "submissions")]
    command = [sys.executable, "-m", "suite.cli.main", "submit", str(plugin), "--limit", "1", "--current-environment"]
    done = subprocess.run([*command, *places], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| target, bits per pixel | `half-size-steps` bits per pixel |" in done.stdout
    assert "1 predictions, made again in new processes, came out the same." in done.stdout
    said = tomllib.loads((tmp_path / "submissions" / "half-size-steps" / "submission.toml").read_text())
    assert (said["protocol"], said["protocol_digest"]) == (CODECS, WHOLE.digest)
