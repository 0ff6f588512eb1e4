"""Reliability and coverage, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from headgate_training.calibration import calibration
from headgate_training.contenders import Predicted
from headgate_training.metrics import Outcome
from headgate_training.spec import Spec

BINARY = Spec("t", "binary", ("no", "yes"), "yes", "auc", "maximize", 17, ())
THREE = Spec("t", "multiclass", ("a", "b", "c"), None, "accuracy", "maximize", 17, ())
NUMBER = Spec("t", "regression", (), None, "rmse", "minimize", 17, ())


def binary(chance: np.ndarray, target: np.ndarray) -> Predicted:
    return Predicted(Outcome(target, np.column_stack([1 - chance, chance])), None)


def test_bins_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    chance = random.random(1000)
    target = (random.random(1000) < chance**2).astype(int)
    told = calibration(binary(chance, target), BINARY)
    observed, predicted = calibration_curve(target, chance, n_bins=10, strategy="quantile")
    assert [each["observed"] for each in told["bins"]] == pytest.approx(observed, abs=1e-9)
    assert [each["predicted"] for each in told["bins"]] == pytest.approx(predicted, abs=1e-9)
    assert sum(each["rows"] for each in told["bins"]) == 1000
    assert told["error"] == pytest.approx(np.abs(observed - predicted).mean(), abs=1e-9)


def test_a_model_that_is_surer_than_right_has_the_larger_error() -> None:
    random = np.random.default_rng(2)
    honest = random.random(2000)
    target = (random.random(2000) < honest).astype(int)
    boastful = np.where(honest > 0.5, 0.99, 0.01)
    assert calibration(binary(honest, target), BINARY)["error"] < 0.05
    assert calibration(binary(boastful, target), BINARY)["error"] > 0.15


def test_of_several_classes_the_most_probable_one_counts() -> None:
    probabilities = np.tile([0.2, 0.7, 0.1], (100, 1))
    target = np.array([1] * 70 + [0] * 30)
    told = calibration(Predicted(Outcome(target, probabilities), None), THREE)
    assert told["error"] == pytest.approx(0)
    assert told["bins"] == [{"low": 0.7, "high": 0.7, "rows": 100, "predicted": pytest.approx(0.7), "observed": 0.7}]


def test_coverage_counts_the_targets_inside_the_range() -> None:
    target = np.arange(10.0)
    ranges = np.column_stack([np.zeros(10), np.full(10, 6.0)])
    told = calibration(Predicted(Outcome(target, target), ranges), NUMBER)
    assert told == {"coverage": pytest.approx(0.7), "nominal": 0.9, "width": 6.0}
