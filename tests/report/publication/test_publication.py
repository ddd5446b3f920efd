"""The folder that `suite report` writes: its files, its numbers, and that only the results decide its bytes."""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from suite.db import queries, snapshot
from suite.db.engine import open_for_reading
from suite.errors import StorageError, UsageError
from suite.progress import Silent
from suite.report.publication import folder, publishing, rendering
from suite.report.publication.publishing import publish
from suite.report.rates import rate_tables
from suite.report.rates import tables_of as text_tables
from tests.db.measured import Laboratory, protocol, ref
from tests.report.recorded_board import LOSS, SPEC, record

FIGURES = {
    *("at-a-glance", "loss-by-task", "mitigations", "multihead", "rate-accuracy", "throughput", "transfer"),
}


def files_in(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def ranking(published):
    return queries.ranking(open_for_reading(published.database), SPEC.digest, released=True)


def cells(line):
    """Return the cells of a row of a Markdown or LaTeX table, as they are printed."""
    if line.startswith("|"):
        return [cell.replace("\\", "").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return [cell.replace("\\", "").strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]


def test_every_file_is_in_the_manifest_with_its_digest(published):
    files = files_in(published.out)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    assert {name.split("/")[1] for name in files if name.startswith("figures/")} == {
        f"{figure}.{suffix}" for figure in FIGURES for suffix in ("svg", "png", "pdf")
    }
    assert (manifest["protocol"], manifest["protocol_digest"], manifest["released"]) == (SPEC.label, SPEC.digest, True)
    rows = (*ranking(published).ranked, *ranking(published).unranked)
    assert manifest["newest_result"] == max(row.created_at for row in rows).isoformat().replace("+00:00", "Z")


def test_the_results_digest_is_that_of_a_snapshot(published, tmp_path):
    made = snapshot.export(published.database, tmp_path / "s", protocols=[SPEC.label], formats=["json"])
    manifest = json.loads(published.text("manifest.json"))
    assert manifest["results_digest"] == made.digest
    assert made.digest in published.text("report.html")


def test_no_figure_differs_in_format_from_its_name(published):
    for name in FIGURES:
        root = ET.fromstring(published.text(f"figures/{name}.svg"))  # noqa: S314 - our own
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        png = (published.out / f"figures/{name}.png").read_bytes()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        sizes = [float(root.get(side)) for side in ("width", "height")]
        assert [width, height] == pytest.approx([rendering.PNG_SCALE * side for side in sizes], abs=2)
        pdf = (published.out / f"figures/{name}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF-1.")
        assert pdf.rstrip().endswith(b"%%EOF")
        assert not re.search(rb"/(CreationDate|ModDate|ID)\b", pdf)


def test_references_in_a_pdf_point_at_the_objects_they_name(published):
    for name in FIGURES:
        pdf = (published.out / f"figures/{name}.pdf").read_bytes()
        start = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
        table = pdf[start:].split(b"trailer")[0].split(b"\n")
        offsets = [int(line.split()[0]) for line in table if line.rstrip().endswith(b" n")]
        assert offsets
        assert all(re.match(rb"\d+ 0 obj", pdf[offset : offset + 12]) for offset in offsets)


@pytest.mark.parametrize("suffix", ["md", "tex"])
def test_the_ranking_has_the_numbers_of_the_query(published, suffix):
    ranked = ranking(published).ranked
    lines = published.text(f"tables/ranking.{suffix}").splitlines()
    rows = [row for line in lines if (row := cells(line))[0].isdigit()]
    assert len(rows) == len(ranked) == 2 * len(LOSS)
    for row, entry in zip(rows, ranked, strict=True):
        shown = f"{entry.model.name}" + (f" + {entry.mitigation.name}" if entry.mitigation.name != "none" else "")
        assert (row[0], row[3]) == (str(entry.rank), shown)
        assert row[5].startswith(f"{100 * entry.reference.value:.2f} [")
        assert float(row[6]) == pytest.approx(100 * entry.mean_drop, abs=0.005)


def test_a_setting_has_the_value_and_drop_of_the_query(published):
    first = ranking(published).ranked[0]
    lines = [line for line in published.text("tables/settings.md").splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(first.drops)
    for line, drop in zip(lines[2:], first.drops, strict=True):
        found = cells(line)
        assert found[0] == f"{drop.codec} {drop.parameter} {drop.value}"
        assert found[4] == f"{100 * drop.measure.value:.2f} ({100 * drop.drop:+.2f})"


def test_the_rates_are_those_of_suite_rates(published):
    engine = open_for_reading(published.database)
    (table,) = text_tables(SPEC.label, rate_tables(engine, SPEC.digest, released=True))
    lines = [cells(line) for line in published.text("tables/rates.md").splitlines() if line.startswith("| ")]
    assert {tuple(line) for line in lines[1:]} == set(table.rows)
    assert len(lines) == 1 + len(table.rows) == 1 + 8 * 2 * len(LOSS)


@pytest.mark.parametrize("seed", ["0", "77"])
def test_the_same_results_give_the_same_bytes(published, tmp_path, seed):
    copy = tmp_path / "elsewhere" / "other.db"
    copy.parent.mkdir()
    with sqlite3.connect(published.database) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    shutil.copytree(published.database.with_suffix(".outcomes"), copy.with_suffix(".outcomes"))
    words = ["report", "--protocol", SPEC.label, "--out", tmp_path / "out", "--database", copy]
    environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    run = subprocess.run([sys.executable, "-m", "suite.cli.main", *map(str, words)], env=environment, check=True)
    assert run.returncode == 0
    ours, theirs = files_in(published.out), files_in(tmp_path / "out")
    assert [name for name in ours | theirs if ours.get(name) != theirs.get(name)] == []


def test_another_result_gives_another_digest(published, tmp_path):
    from tests.report.recorded_board import record_hostile

    before = queries.contents_digest(open_for_reading(published.database), SPEC.digest)
    path = record(tmp_path)
    other = Laboratory(tmp_path)
    once = queries.contents_digest(other.engine, SPEC.digest)
    record_hostile(other)
    assert len({before, once, queries.contents_digest(other.engine, SPEC.digest)}) == 3
    assert path == other.path


def publish_into(published, out, *, force=False):
    return publish(open_for_reading(published.database), SPEC, out, force=force, progress=Silent())


def test_a_folder_that_holds_files_is_refused_and_unchanged(published, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds files already.*--force"):
        publish_into(published, tmp_path)
    assert files_in(tmp_path) == {"mine.txt": b"mine"}
    with pytest.raises(UsageError, match="is a file"):
        publish_into(published, tmp_path / "mine.txt", force=True)


def test_force_replaces_a_report_and_leaves_what_is_not_its_own(published, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(published.out, out)
    (out / "CNAME").write_text("example.org")
    (out / "report.md").write_text("damaged")
    (out / "tables" / "gone.tex").write_text("of an earlier report")
    (tmp_path / "outside.md").write_text("not in the folder")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"] |= dict.fromkeys(("tables/gone.tex", "../outside.md", "CNAME"), "0")
    (out / "manifest.json").write_text(json.dumps(manifest))
    publish_into(published, out, force=True)
    assert files_in(out) == files_in(published.out) | {"CNAME": b"example.org"}
    assert (tmp_path / "outside.md").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "outside.md"]


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def full(path, data):
        if "b" in path.name:
            raise OSError(28, "No space left on device", str(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(folder, "put", full)
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "a").write_text("old")
    for out in (tmp_path / "new", tmp_path / "earlier"):
        with pytest.raises(StorageError, match=r"No space left on device.*--out"):
            folder.write(out, {"a": b"1", "b": b"2"}, force=True)
    assert files_in(tmp_path) == {"earlier/a": b"old"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_explained(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"Permission denied.*--out"):
        folder.write(tmp_path / "closed" / "out", {"a": b"1"}, force=False)


def test_a_folder_inside_a_file_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        folder.write(tmp_path / "file" / "out", {"a": b"1"}, force=False)


def test_nothing_measured_says_what_to_run(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.store.record_protocol(SPEC)
    with pytest.raises(UsageError, match=r"no results of pv-codecs@1 yet. Run: suite run pv-codecs@1"):
        publish(laboratory.engine, SPEC, tmp_path / "out", force=False, progress=Silent())
    assert not (tmp_path / "out").exists()


def test_a_draft_is_drawn_and_not_ranked(tmp_path):
    laboratory, draft = Laboratory(tmp_path / "."), protocol()
    laboratory.record_entry(draft, {None: 0.9, 10: 0.5, 90: 0.8}, model="a")
    laboratory.record_entry(draft, {None: 0.8, 10: 0.7}, model="incomplete")
    publish(laboratory.engine, draft, tmp_path / "out", force=False, progress=Silent())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No entry has a rank" in page
    assert "protocol is a draft" in page
    assert "1 of 2 entries can be drawn" in page
    for words in ("suite throughput toy@1", "suite run toy@1 --mitigation NAME"):
        assert f"Nothing to draw yet. Run: {words}" in page
    drawn = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {"at-a-glance", "loss-by-task"}  # no rates, no mitigations and no timings were measured


def test_badges_stand_behind_the_entries_and_below_the_table(tmp_path):
    record(tmp_path)
    laboratory = Laboratory(tmp_path)
    laboratory.record_verification(SPEC, plugin=ref("mitigation", "deblock"))
    publish(laboratory.engine, SPEC, tmp_path / "out", force=False, progress=Silent())
    table = (tmp_path / "out" / "tables" / "ranking.md").read_text()
    names, _, *rows = [cells(line) for line in table.splitlines() if line.startswith("|")]
    entry, badge = names.index("entry"), names.index("badge")
    assert {row[entry] for row in rows if row[badge] == "verified"} == {"small + deblock", "large + deblock"}
    assert {row[badge] for row in rows if "deblock" not in row[entry]} == {"-"}
    assert "small + deblock: verified: 26 predictions made again, 2026-11-21, by Ada" in table.replace("\\", "")


@pytest.mark.parametrize("missing", rendering.NEEDED)
def test_without_the_extra_the_command_says_what_to_install(tmp_path, missing):
    code = f"import sys; sys.modules['{missing}'] = None; from suite.cli.main import main; main(sys.argv[1:])"
    words = ["report", "--protocol", SPEC.label, "--out", str(tmp_path / "out")]
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("Error: Figures need Altair and vl-convert.")
    assert "pip install 'compression-suite[report]'" in run.stderr


def test_damaged_outcomes_cost_the_ties_and_name_no_path(published, tmp_path):
    copy = tmp_path / "copy.db"
    shutil.copy(published.database, copy)
    engine = open_for_reading(copy)  # its outcomes are missing
    stored = publishing.stored_protocol(engine, SPEC)
    found = publishing.read(engine, stored, Silent())
    assert found.ties is None
    sentences = publishing.sections_of(found, dict.fromkeys(("ranking", "rates", "mitigations", "throughput"), ()))[1]
    assert any("suite ranking pv-codecs@1" in sentence for sentence in sentences.sentences)
    assert str(tmp_path) not in repr(sentences)
