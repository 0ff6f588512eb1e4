"""Metrics against hand tables and properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headgate_training.metrics import METRICS, PREPARE, Outcome, auc, measure, plain


def binary(target: list[int], scores: list[float]) -> Outcome:
    positive = np.array(scores)
    return Outcome(np.array(target), np.column_stack([1 - positive, positive]))


@pytest.mark.parametrize(
    ("target", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([0, 0, 1, 1], [0.4, 0.3, 0.2, 0.1], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], 0.875),
    ],
)
def test_auc_by_hand(target: list[int], scores: list[float], expected: float) -> None:
    assert measure("binary", binary(target, scores))["auc"] == pytest.approx(expected)


def test_classification_metrics_by_hand() -> None:
    predicted = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]])
    measured = measure("multiclass", Outcome(np.array([0, 1, 1, 2]), predicted))
    assert measured == {
        "accuracy": pytest.approx(3 / 4),
        "balanced_accuracy": pytest.approx((1 + 1 / 2 + 1) / 3),
        "log_loss": pytest.approx(-np.log([0.7, 0.6, 0.4, 0.6]).mean()),
    }


def test_regression_metrics_by_hand() -> None:
    measured = measure("regression", Outcome(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0])))
    assert measured == {
        "rmse": pytest.approx(math.sqrt(3)),
        "mae": pytest.approx(1.0),
        "r2": pytest.approx(1 - 9 / 2),
    }


def test_certainty_in_the_wrong_class_costs_a_finite_log_loss() -> None:
    assert plain("log_loss", binary([1], [0.0])) == pytest.approx(-math.log(1e-7))


def test_a_metric_that_rows_do_not_define_is_nan() -> None:
    assert math.isnan(measure("binary", binary([1, 1], [0.2, 0.4]))["auc"])
    assert math.isnan(measure("regression", Outcome(np.ones(3), np.zeros(3)))["r2"])


scores = arrays.arrays(np.float64, st.integers(2, 30), elements=st.sampled_from(np.linspace(0, 1, 8).tolist()))


@given(scores, st.randoms(use_true_random=False))
def test_auc_is_the_chance_that_a_positive_scores_above_a_negative(values: np.ndarray, random: object) -> None:
    target = np.arange(len(values)) % 2
    random.shuffle(target)  # type: ignore[attr-defined]
    pairs = values[target == 1][:, None] - values[target == 0][None, :]
    expected = ((pairs > 0) + (pairs == 0) / 2).mean()
    assert measure("binary", binary(target.tolist(), values.tolist()))["auc"] == pytest.approx(expected)


@given(scores, st.data())
def test_weights_are_the_same_as_repeated_rows(values: np.ndarray, data: st.DataObject) -> None:
    target = np.arange(len(values)) % 2
    counts = data.draw(arrays.arrays(np.int64, len(values), elements=st.integers(0, 3)))
    counts[:2] = 1
    repeated = np.repeat(np.arange(len(values)), counts)
    of_classes = binary(target.tolist(), values.tolist())
    of_numbers = Outcome(target.astype(float), values)
    for name in METRICS["binary"] + METRICS["regression"]:
        whole = of_numbers if name in METRICS["regression"] else of_classes
        part = Outcome(whole.target[repeated], whole.predicted[repeated])
        weighted = PREPARE[name](whole)(counts[None, :].astype(float))
        assert weighted[0] == pytest.approx(plain(name, part), abs=1e-12), name


def test_each_set_of_weights_is_measured_by_itself() -> None:
    outcome = binary([0, 1, 0, 1], [0.1, 0.9, 0.8, 0.2])
    weights = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]], dtype=float)
    np.testing.assert_allclose(auc(outcome)(weights), [1.0, 0.0, 0.75])


def test_balanced_accuracy_is_taken_over_the_classes_that_each_set_drew() -> None:
    outcome = Outcome(np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 0]])
    weights = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 3, 0, 0]], dtype=float)
    balanced = PREPARE["balanced_accuracy"](outcome)
    np.testing.assert_allclose(balanced(weights), [(0.5 + 1 + 0) / 3, (0.5 + 1) / 2, 0.25])


def test_rounding_above_certainty_costs_nothing() -> None:
    assert plain("log_loss", binary([1], [1.0000001])) == 0


def test_r2_stays_exact_far_from_zero() -> None:
    """Centred first: the variance of large numbers is not lost in the difference of their squares."""
    target = 1e9 + np.array([1.0, 2.0, 3.0])
    assert plain("r2", Outcome(target, 1e9 + np.array([1.0, 2.0, 4.0]))) == pytest.approx(0.5)
