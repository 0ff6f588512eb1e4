"""The paired bootstrap: orientation, repeatability and coverage."""

import numpy as np
import pytest

from headgate_training import bootstrap
from headgate_training.bootstrap import paired_difference
from headgate_training.metrics import Outcome

TARGET = np.random.default_rng(1).normal(size=200)


def guess(error: float, seed: int = 2) -> Outcome:
    return Outcome(TARGET, TARGET + error * np.random.default_rng(seed).normal(size=len(TARGET)))


def test_a_better_model_has_a_positive_difference_whatever_the_direction() -> None:
    good, bad = guess(0.1), guess(1.0, seed=3)
    for metric, direction in (("rmse", "minimize"), ("mae", "minimize"), ("r2", "maximize")):
        difference = paired_difference(metric, direction, good, bad, seed=5)
        assert 0 < difference.low < difference.estimate < difference.high
        reverse = paired_difference(metric, direction, bad, good, seed=5)
        assert reverse.estimate == pytest.approx(-difference.estimate)
        assert reverse.low == pytest.approx(-difference.high)


def test_a_model_against_itself_differs_by_nothing() -> None:
    difference = paired_difference("rmse", "minimize", guess(0.5), guess(0.5), seed=5)
    assert (difference.estimate, difference.low, difference.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = paired_difference("rmse", "minimize", guess(0.1), guess(0.2), seed=5)
    monkeypatch.setattr(bootstrap, "_CELLS", 7 * len(TARGET))
    assert paired_difference("rmse", "minimize", guess(0.1), guess(0.2), seed=5) == whole
    assert paired_difference("rmse", "minimize", guess(0.1), guess(0.2), seed=6) != whole


def test_draws_with_one_class_only_are_left_out() -> None:
    target = np.array([1] + [0] * 30)
    scores = np.linspace(0, 1, 31)
    first = Outcome(target, np.column_stack([scores, 1 - scores]))
    second = Outcome(target, np.full((31, 2), 0.5))
    difference = paired_difference("auc", "maximize", first, second, seed=5)
    assert np.isfinite([difference.low, difference.high]).all()


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    """100 datasets whose true difference of mean absolute errors is known; 95 % intervals should cover ~95."""
    random, covered = np.random.default_rng(11), 0
    for trial in range(100):
        noise = random.normal(size=(2, 150))
        first = Outcome(np.zeros(150), 1.0 * noise[0])
        second = Outcome(np.zeros(150), 1.2 * (0.6 * noise[0] + 0.8 * noise[1]))
        true = 0.2 * np.sqrt(2 / np.pi)
        difference = paired_difference("mae", "minimize", first, second, seed=trial)
        covered += difference.low <= true <= difference.high
    assert 88 <= covered <= 100
