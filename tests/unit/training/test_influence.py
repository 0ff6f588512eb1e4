"""Influences of rows are what a small change of their weights does to the metric."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training import bootstrap
from headgate_training.bootstrap import paired_difference
from headgate_training.influence import INFLUENCE
from headgate_training.metrics import METRICS, PREPARE, Outcome, plain

CLASSES = [(name, "binary") for name in METRICS["binary"]] + [(name, "multiclass") for name in METRICS["multiclass"]]
NUMBERS = [(name, "regression") for name in METRICS["regression"]]


def outcome_of(task: str, rows: int, seed: int) -> Outcome:
    """Some predictions better than nothing; scores of classes have ties."""
    random = np.random.default_rng(seed)
    if task == "regression":
        target = random.normal(size=rows)
        return Outcome(target, target + random.normal(size=rows))
    classes = 2 if task == "binary" else 3
    target = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    scores = np.round(random.random((rows, classes)) + 0.1, 1)
    scores[np.arange(rows), target] += 0.2
    return Outcome(target, scores / scores.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("metric", "task"), CLASSES + NUMBERS)
@given(rows=st.integers(6, 40), seed=st.integers(0, 10_000))
def test_an_influence_is_the_derivative_in_the_weight_of_the_row(metric: str, task: str, rows: int, seed: int) -> None:
    outcome = outcome_of(task, rows, seed)
    take, step = PREPARE[metric](outcome), 1e-6
    more, less = (take(np.ones((rows, rows)) + sign * step * np.eye(rows)) for sign in (1, -1))
    assert INFLUENCE[metric](outcome) == pytest.approx(rows * (more - less) / (2 * step), abs=1e-5)


@pytest.mark.parametrize(("metric", "task"), CLASSES + NUMBERS)
def test_influences_tell_the_width_of_the_bootstraps_interval(
    metric: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = outcome_of(task, 600, seed=1), outcome_of(task, 600, seed=1)
    second = Outcome(first.target, np.roll(first.predicted, 1, axis=0) * 0.3 + first.predicted * 0.7)
    drawn = paired_difference(metric, "maximize", first, second, seed=3)
    influence = INFLUENCE[metric](first) - INFLUENCE[metric](second)
    assert influence.sum() == pytest.approx(0, abs=1e-6)
    assert drawn.estimate == pytest.approx(plain(metric, first) - plain(metric, second))
    monkeypatch.setattr(bootstrap, "MANY_ROWS", 599)
    told = paired_difference(metric, "maximize", first, second, seed=3)
    width = told.high - told.low
    assert width == pytest.approx(drawn.high - drawn.low, rel=0.12)
    assert (told.low, told.high) == pytest.approx((drawn.low, drawn.high), abs=0.08 * width)
    assert told.estimate == drawn.estimate


def test_where_a_metric_is_not_defined_there_is_no_influence() -> None:
    one_class = Outcome(np.ones(5, int), np.tile([0.3, 0.7], (5, 1)))
    assert np.isnan(INFLUENCE["auc"](one_class)).all()
    assert np.isnan(INFLUENCE["r2"](Outcome(np.ones(5), np.arange(5.0)))).all()
    assert (INFLUENCE["rmse"](Outcome(np.ones(5), np.ones(5))) == 0).all()
