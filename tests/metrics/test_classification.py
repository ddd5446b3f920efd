import inspect

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from suite.api import Classification, Task
from suite.errors import DataError, InvalidProtocol, PredictionError
from suite.metrics import MODULES, TaskMetrics, metrics_of
from suite.metrics.classification import (
    METRICS,
    SCHEMA,
    balanced_accuracy,
    check,
    contributions,
    measures,
    outcomes,
    top1,
)
from suite.metrics.resampling import resampled
from suite.metrics.stats import stratified_wilson, wilson

labels = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=200)


def scores(*values):
    return Classification(np.array(values, np.float32))


def outcome_table(predicted, truth):
    return outcomes([Classification(np.eye(9, dtype=np.float32)[index]) for index in predicted], truth)


@given(labels)
def test_top1_agrees_with_sklearn(pairs):
    predicted, truth = np.array(pairs).T
    assert top1(predicted, truth) == pytest.approx(accuracy_score(truth, predicted))


@given(labels)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")  # what the test is about
@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater")
def test_balanced_accuracy_agrees_with_sklearn(pairs):
    predicted, truth = np.array(pairs).T
    assert balanced_accuracy(predicted, truth) == pytest.approx(balanced_accuracy_score(truth, predicted))


def test_balanced_accuracy_weighs_classes_alike():
    assert balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1]) == 0.5
    assert top1([0, 0, 0, 0], [0, 0, 0, 1]) == 0.75


@pytest.mark.parametrize("metric", [top1, balanced_accuracy])
@pytest.mark.parametrize(("predicted", "truth"), [([], []), ([1, 2], [1]), ([[1]], [[1]]), ([1], [1, 2])])
def test_classes_that_do_not_pair_up_are_refused(metric, predicted, truth):
    with pytest.raises(DataError, match=r"Expected predicted and true classes of shape \(n,\)"):
        metric(predicted, truth)


def test_usable_predictions_pass_the_check():
    assert check([scores(0.1, 0.9), scores(-3, 1e30)], expected=2, classes=2) is None
    assert check((), expected=0, classes=2) is None


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (None, "Expected a sequence of predictions, but got NoneType"),
        (iter([scores(0, 1)]), "Expected a sequence of predictions, but got list_iterator"),
        (np.zeros((1, 2), np.float32), "Expected a sequence of predictions, but got ndarray"),
        ([], "Expected 1 predictions, one an image, but got 0"),
        ([scores(0, 1)] * 2, "Expected 1 predictions, one an image, but got 2"),
        ([np.zeros(2, np.float32)], "Prediction 0 of 1: Expected a Classification, but got ndarray"),
        ([None], "Expected a Classification, but got NoneType"),
        ([Classification([0.0, 1.0])], "Expected scores in a numpy array, but got list"),
        ([Classification(np.zeros(2))], "Expected scores of dtype float32, but got float64"),
        ([Classification(np.array([None, 1]))], "Expected scores of dtype float32, but got object"),
        ([scores(0, 1, 2)], r"Expected scores of shape \(2,\), one a class, but got \(3,\)"),
        ([scores(0)], r"Expected scores of shape \(2,\), one a class, but got \(1,\)"),
        ([scores([0, 1])], r"Expected scores of shape \(2,\), one a class, but got \(1, 2\)"),
        ([scores(0, np.nan)], "Expected finite scores, but got nan for class 1"),
        ([scores(-np.inf, 0)], "Expected finite scores, but got -inf for class 0"),
    ],
)
def test_unusable_predictions_are_refused(predictions, message):
    with pytest.raises(PredictionError, match=message):
        check(predictions, expected=1, classes=2)


def test_the_message_says_which_prediction_is_wrong():
    with pytest.raises(PredictionError, match="Prediction 2 of 3"):
        check([scores(0, 1), scores(0, 1), scores(0, np.nan)], expected=3, classes=2)


def test_outcomes_record_each_sample():
    table = outcomes([scores(0.25, 0.5), scores(3, -1), scores(7, 7)], [1, 1, 0])
    assert table.schema == SCHEMA
    assert table.to_pydict() == {
        "truth": [1, 1, 0],
        "predicted": [1, 0, 0],
        "score": [0.5, 3.0, 7.0],
        "correct": [True, False, True],
    }


def test_outcomes_of_no_samples_have_the_same_columns():
    assert outcomes([], []).schema == SCHEMA


@pytest.mark.parametrize("truths", [[], [1], [1, 0, 1]])
def test_outcomes_need_one_truth_a_prediction(truths):
    with pytest.raises(DataError, match=f"got {len(truths)} truths for 2"):
        outcomes([scores(0, 1), scores(1, 0)], truths)


def test_blocks_of_outcomes_measure_as_one():
    predicted, truth = np.random.default_rng(5).integers(0, 9, (2, 101))
    whole = outcome_table(predicted, truth)
    blocks = pa.concat_tables([outcome_table(predicted[:40], truth[:40]), outcome_table(predicted[40:], truth[40:])])
    assert measures(blocks, list(METRICS)) == measures(whole, list(METRICS))


def test_measures_come_in_the_order_asked_for_each_with_its_interval():
    balanced, plain = measures(outcome_table([0, 0, 0, 0], [0, 0, 0, 1]), ["balanced_accuracy", "top1"])
    assert (balanced.name, balanced.value) == ("balanced_accuracy", 0.5)
    assert (balanced.low, balanced.high) == stratified_wilson([3, 0], [3, 1])
    assert (plain.name, plain.value) == ("top1", 0.75)
    assert (plain.low, plain.high) == wilson(3, 4)


@given(labels, st.sampled_from(sorted(METRICS)))
def test_every_metric_has_an_interval_and_is_the_mean_of_what_samples_contribute(pairs, name):
    table = outcome_table(*np.array(pairs).T)
    (measure,) = measures(table, [name])
    assert measure.low - 1e-12 <= measure.value <= measure.high + 1e-12
    assert np.mean(contributions(table, name)) == pytest.approx(measure.value)


@pytest.mark.parametrize("name", METRICS)
def test_contributions_hold_of_resamples_that_keep_the_classes(name):
    predicted, truth = np.random.default_rng(5).integers(0, 3, (2, 60))
    table = outcome_table(predicted, truth)
    whole = contributions(table, name)
    for drawn in (indices for block in resampled(60, strata=truth, resamples=20) for indices in block):
        (again,) = measures(outcome_table(predicted[drawn], truth[drawn]), [name])
        assert np.mean(whole[drawn]) == pytest.approx(again.value)


def test_an_unknown_metric_is_told_what_there_is():
    with pytest.raises(InvalidProtocol, match=r"no metric 'top2'. There are: top1, balanced_accuracy. Did you mean"):
        measures(outcome_table([0], [0]), ["top1", "top2"])


def test_no_samples_have_no_accuracy():
    with pytest.raises(DataError):
        measures(outcomes([], []), ["top1"])


@pytest.mark.parametrize("task", Task)
def test_every_task_has_metrics_of_the_agreed_shape(task):
    assert set(MODULES) == set(Task)
    assert metrics_of(task).METRICS
    for name in ("check", "outcomes", "measures"):
        agreed = list(inspect.signature(getattr(TaskMetrics, name)).parameters.values())[1:]
        offered = list(inspect.signature(getattr(metrics_of(task), name)).parameters.values())
        assert [(p.name, p.kind) for p in offered] == [(p.name, p.kind) for p in agreed]
