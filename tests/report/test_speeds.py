"""Timings host by host: of each thing the newest that counts, and what a chart gets of it."""

import pytest

from suite.api import Task
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.report.board import speeds
from suite.report.board.hosts import environment_columns, host_label
from suite.report.board.speeds import read_speeds
from suite.report.board.standing import standing_of
from suite.spec import Environment, Measure
from tests.db.measured import ELSEWHERE, HERE, Laboratory, protocol, ref, throughput
from tests.leaderboard.recorded import SPEC, record
from tests.leaderboard.timed import GPU, record_timings

TOY = protocol()
TRACK = "classification on cells, test (top1)"


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    found.store.record_protocol(TOY)
    yield found
    found.engine.dispose()


def rate(value, **more):
    return {"measures": (Measure(name="images_per_second_at_best", value=value), *more.pop("measures", ()))} | more


def read(laboratory, track=TRACK):
    return read_speeds(laboratory.engine, TOY.digest, track)


def test_hosts_are_apart_and_the_fastest_entry_is_first(laboratory):
    for model, value in (("slow", 10), ("fast", 90)):
        laboratory.record_throughput(throughput(TOY, model=ref("model", model), **rate(value)), HERE)
    laboratory.record_throughput(throughput(TOY, **rate(50)), ELSEWHERE)
    there, here = read(laboratory)
    assert (there.digest, here.digest) == (ELSEWHERE.digest, HERE.digest)
    assert (there.names(), here.names()) == (["net"], ["fast", "slow"])


def test_the_newest_valid_timing_counts_and_a_newer_one_that_does_not_is_listed(laboratory):
    for value in (10, 20):
        laboratory.record_throughput(throughput(TOY, **rate(value)))
    laboratory.record_throughput(throughput(TOY, status="unverified", reason="no accuracy run", **rate(99)))
    (host,) = read(laboratory)
    assert [point["value"] for point in speeds.speed_points(speeds.shown_of(host, ["net"]), relative=False)] == [20]
    table = speeds.rejected_columns(host.rejected)
    assert (table["entry or codec"], table["status"], table["reason"]) == (["net"], ["unverified"], ["no accuracy run"])


def test_what_failed_before_it_was_valid_is_not_listed(laboratory):
    laboratory.record_throughput(throughput(TOY, status="failed", reason="out of memory", measures=()))
    laboratory.record_throughput(throughput(TOY, **rate(20)))
    (host,) = read(laboratory)
    assert (len(host.entries), host.rejected) == (1, ())


def test_two_versions_of_one_name_are_told_apart(laboratory):
    for version in ("1", "2"):
        laboratory.record_throughput(throughput(TOY, model=ref("model", "net", version), **rate(int(version))))
    (host,) = read(laboratory)
    assert len(set(host.names())) == 2
    assert all(name.startswith("net (") for name in host.names())
    ((name, found),) = speeds.shown_of(host, [host.names()[0]])
    assert found.throughput.model.digest.removeprefix("sha256:").startswith(name[5:13])


def test_other_tracks_are_left_out(laboratory):
    laboratory.record_throughput(throughput(TOY, **rate(20)))
    assert read(laboratory, "classification on cells, train (top1)") == ()
    assert str(Task.CLASSIFICATION) == "classification"


def test_points_have_the_spread_of_the_repeats_or_none(laboratory):
    spread = Measure(name="images_per_second_at_1", value=5, low=4, high=7)
    laboratory.record_throughput(throughput(TOY, **rate(20, measures=(spread,))))
    (host,) = read(laboratory)
    one, best = speeds.speed_points(speeds.shown_of(host, ["net"]), relative=False)
    assert one == {"value": 5, "low": 4, "high": 7, "entry": "net", "batch": "batch 1"}
    assert (best["low"], best["high"]) == (20, 20)
    assert speeds.speed_points(speeds.shown_of(host, ["net"]), relative=True) == []


def test_a_board_with_a_little_of_everything(tmp_path):
    path = record(tmp_path)
    record_timings(path)
    engine = open_for_reading(path)
    stored = next(each for each in queries.protocols(engine) if each.label == SPEC.label)
    standing = standing_of(engine, stored)
    gpu, cpu = read_speeds(engine, stored.digest, standing.tracks[0])
    assert gpu.label == host_label(GPU.digest, GPU) == f"Fast GPU 9000 ({GPU.digest[7:15]})"
    assert [(str(each.throughput), each.throughput.status) for each in gpu.rejected] == [
        ("small + deblock", "failed"),
        ("large", "invalid"),
    ]
    assert gpu.names() == ["small", "large"]
    shown = speeds.shown_of(cpu, cpu.names())
    drops = speeds.drop_points(standing, shown, relative=False)
    assert [(each["entry"], each["value"]) for each in drops] == [("small", 200), ("large", 50)]
    assert [each["drop"] for each in drops] == [pytest.approx(10), pytest.approx(5)]
    assert speeds.drop_points(standing, speeds.shown_of(gpu, gpu.names()), relative=False) == []
    table = speeds.entry_columns(standing, shown)
    assert table["best batch / reference"] == [1.0, 0.25]
    assert {len(values) for values in table.values()} == {2}
    assert [each["value"] for each in speeds.latency_points(shown)][:3] == [6, pytest.approx(6.9), pytest.approx(6.98)]
    codecs = speeds.codec_points(gpu.codecs)
    assert [(each["work"], each["low"], each["value"], each["high"]) for each in codecs] == [
        ("encode", 3, 4, 6),
        ("decode", 1.5, 2, 2.5),
    ]
    assert speeds.codec_columns(gpu.codecs)["bpp"] == [None]


@pytest.mark.parametrize(
    ("identity", "details", "label"),
    [
        ({"device": "cpu AVX512"}, {"cpu": "Some CPU", "cores": "16"}, "Some CPU, 16 cores"),
        ({"device": "cpu AVX2"}, {}, "cpu AVX2"),
        ({"device": "NVIDIA H200"}, {"cpu": "Some CPU"}, "NVIDIA H200"),
        ({}, {}, "machine"),
    ],
)
def test_machines_are_called_by_what_computes(identity, details, label):
    assert host_label("sha256:0123456789", Environment(identity=identity, details=details)) == f"{label} (01234567)"
    assert host_label("sha256:0123456789", None) == "01234567"


def test_an_environment_is_shown_in_full():
    table = environment_columns(GPU)
    rows = list(zip(table["part"], table["what"], table["value"], strict=True))
    assert rows == [("identity", "device", "Fast GPU 9000"), ("details", "cpu", "Some CPU"), ("details", "cores", "16")]
