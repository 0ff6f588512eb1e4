"""Reliability and coverage, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from headgate_training.calibration import calibration
from headgate_training.contenders import Predicted
from headgate_training.heads import choose_head, reach
from headgate_training.metrics import Outcome
from headgate_training.spec import Forecast, Spec

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


@pytest.mark.parametrize("either_side", [False, True])
@pytest.mark.parametrize("rows", [10, 18, 19, 40, 150])
def test_ranges_hold_nine_in_ten_of_rows_to_come_however_few_they_were_learned_from(
    rows: int, either_side: bool
) -> None:
    random = np.random.default_rng(rows)
    held = []
    for _ in range(400):
        low, high = reach(random.exponential(size=rows) - 1, either_side=either_side)
        known = random.exponential(size=100) - 1
        held.append(((low <= known) & (known <= high)).mean())
    assert 0.89 < np.mean(held) < 0.91 + 2 / (rows + 1)  # whole rows: a little more than asked for


def test_ranges_follow_errors_that_lie_to_one_side_but_for_series_which_move_on() -> None:
    errors = np.random.default_rng(3).exponential(size=100)
    assert reach(errors, either_side=False)[0] == 0
    low, high = reach(errors, either_side=True)
    assert -low == high > 2
    assert reach(np.array([-2.0, 0.5]), either_side=False) == (-2.0, 2.0)  # too few for two sides


def test_the_head_of_a_forecast_has_the_same_range_on_either_side() -> None:
    series = Spec("t", "regression", (), None, "rmse", "minimize", 17, (), forecast=Forecast((), "day", 3))
    target = np.linspace(0, 9, 50)
    answered = {}
    for spec in (NUMBER, series):
        head = choose_head(spec, target)
        head.calibrate(head.prepare(target - 1.0), target)
        low, value, high = head.unit.of(head.answer(np.zeros((1, 1, 1), np.float32)).numpy())[0]
        answered[spec] = (value - low, high - value)
    assert answered[NUMBER] == pytest.approx((0, 1), abs=1e-5)
    assert answered[series] == pytest.approx((1, 1), abs=1e-5)
