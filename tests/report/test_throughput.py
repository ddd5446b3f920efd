"""The tables of timings, cell by cell."""

import pytest

from suite.report.throughput import tables_of
from suite.spec import Measure
from tests.db.measured import HERE, Laboratory, condition, protocol, ref, throughput

TOY = protocol()
SETTINGS = {
    "device": "cpu",
    "threads": 2,
    "precision": "float32",
    "tf32": False,
    "repeats": 5,
    "seconds": 1.0,
    "memory": "peak of something",
}
MEASURES = (
    Measure(name="images_per_second_at_1", value=20.04, low=19, high=21),
    Measure(name="latency_p50_ms", value=50, low=49, high=51),
    Measure(name="latency_p95_ms", value=60.126, low=49, high=51),
    Measure(name="latency_p99_ms", value=70, low=49, high=51),
    Measure(name="best_batch", value=8),
    Measure(name="images_per_second_at_best", value=40, low=39, high=41),
    Measure(name="relative_at_1", value=0.5, low=0.4, high=0.6),
    Measure(name="relative_at_best", value=0.75, low=0.7, high=0.8),
    Measure(name="reference_drift", value=0.04),
    Measure(name="peak_memory_mib", value=900.4),
)


@pytest.fixture
def tables(laboratory):
    from suite.db import queries

    laboratory.store.record_protocol(TOY)

    def made(*rows):
        for row in rows:
            laboratory.record_throughput(row)
        return tables_of("toy@1", queries.throughput(laboratory.engine, TOY.digest))

    return made


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    found.store.record_environment(HERE)
    yield found
    found.engine.dispose()


def entry(**changes):
    return throughput(TOY, **({"settings": SETTINGS, "measures": MEASURES} | changes))


def codec(**changes):
    measures = (
        Measure(name="encode_ms", value=1.5, low=1.25, high=2),
        Measure(name="decode_ms", value=0.5, low=0.25, high=1),
        Measure(name="megapixels_per_image", value=0.09),
        Measure(name="bits_per_pixel", value=0.5),
    )
    nobody = {"model": None, "mitigation": None, "reference": None, "steady": None}
    fields = {"work": "codec", "condition": condition(TOY, 10), "measures": measures, "settings": SETTINGS}
    return throughput(TOY, **(fields | nobody | changes))


def test_an_entry_is_a_row_of_its_figures(tables):
    (table,) = tables(entry())
    assert table.rows == (
        (
            *("net", "20.0 [19.0, 21.0]", "50.00/60.13/70.00", "8", "40.0"),
            *("0.50 [0.40, 0.60]", "0.75", "900", "valid"),
        ),
    )
    assert len(table.columns) == len(table.rows[0])
    assert table.notes == (
        "cpu, 2 threads, float32; 5 repeats of 1.0 s: median [lowest, highest]; MiB: peak of something",
        "reference: net@1, timed before and after each entry in the same run",
    )


def test_rows_that_do_not_count_say_why(tables):
    restored = ref("mitigation", "restore")
    (table,) = tables(
        entry(model=ref("model", "a"), status="invalid", reason="other answers"),
        entry(model=ref("model", "b"), mitigation=restored, status="unverified", reason="no run"),
        entry(model=ref("model", "c"), status="unverified", reason="no run"),
        entry(model=ref("model", "d"), status="failed", reason="boom", measures=(), steady=None, reference=None),
    )
    assert [(row[0], row[-1]) for row in table.rows] == [
        ("a", "invalid"),
        ("b + restore", "unverified"),
        ("c", "unverified"),
        ("d", "failed"),
    ]
    assert table.rows[3][1:-1] == ("-",) * 7
    assert table.notes[-3:] == ("a: invalid: other answers", "b + restore, c: unverified: no run", "d: failed: boom")


def test_an_unsteady_reference_is_named_with_its_drift(tables):
    drifted = tuple(
        Measure(name="reference_drift", value=0.253) if m.name == "reference_drift" else m for m in MEASURES
    )
    (table,) = tables(entry(steady=False, measures=drifted))
    assert table.rows[0][-1] == "valid, unsteady"
    assert "unsteady, the reference's rate changed meanwhile: net (25 %)" in table.notes


def test_tf32_is_said(tables):
    (table,) = tables(entry(settings=SETTINGS | {"tf32": True, "device": "cuda:0"}))
    assert table.notes[0].startswith("cuda:0, 2 threads, float32, TF32; ")


TRAINED = {"work": "training", "settings": SETTINGS | {"step": "a step"}}
ENERGY = (*MEASURES, Measure(name="joules_per_image", value=0.12345))


def test_training_has_a_table_of_its_own(tables):
    of_one = ("images_per_second_at_1", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "relative_at_1")
    from_two = tuple(measure for measure in MEASURES if measure.name not in of_one)
    inference, training, codecs = tables(
        entry(),
        entry(**TRAINED),
        codec(),
        entry(**TRAINED, model=ref("model", "needs two"), reason="no step at batch 1: boom", measures=from_two),
    )
    assert [table.title for table in (inference, training, codecs)] == [
        "toy@1: inference",
        "toy@1: training step",
        "toy@1: codecs alone, middle settings",
    ]
    assert training.rows[0] == (*inference.rows[0][:-1], "valid")
    assert training.rows[1] == ("needs two", "-", "-", "8", "40.0", "-", "0.75", "900", "valid")
    assert (inference.columns[-1], training.columns[-1]) == ("answers", "losses")
    assert training.notes[1] == "a step"
    assert training.notes[-1] == "needs two: valid: no step at batch 1: boom"
    assert "a step" not in inference.notes


def test_energy_has_a_column_where_it_is_known(tables):
    settings = SETTINGS | {"energy": "counter of a fake"}
    known, unknown = entry(measures=ENERGY, settings=settings), entry(model=ref("model", "other"))
    inference, training = tables(known, unknown, entry(**TRAINED))
    place = inference.columns.index("J/image")
    assert [row[place] for row in inference.rows] == ["0.123", "-"]
    assert {len(row) for row in inference.rows} == {len(inference.columns)}
    assert "J: counter of a fake" in inference.notes
    assert "J/image" not in training.columns


def test_why_energy_is_not_known_is_said(tables):
    (table,) = tables(entry(settings=SETTINGS | {"energy": "not measured: no counter"}))
    assert "J/image" not in table.columns
    assert "J: not measured: no counter" in table.notes


def test_codecs_have_a_table_of_their_own(tables):
    failed = codec(condition=condition(TOY, 90), status="failed", reason="no encoder", measures=())
    _, table = tables(entry(), codec(), failed)
    assert table.rows == (
        ("jpeg quality=10", "1.50 [1.25, 2.00]", "0.50 [0.25, 1.00]", "0.090", "0.500"),
        ("jpeg quality=90", "-", "-", "-", "-"),
    )
    assert table.notes[1:] == ("jpeg quality=90: failed: no encoder",)


def test_of_two_timings_the_newer_is_shown(tables):
    (table,) = tables(entry(status="unverified", reason="no run"), entry())
    assert [row[-1] for row in table.rows] == ["valid"]


def test_without_timings_there_is_no_table(tables):
    assert tables() == []
