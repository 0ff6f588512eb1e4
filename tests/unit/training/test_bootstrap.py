"""The paired bootstrap: orientation, repeatability and coverage."""

import dataclasses
import statistics

import numpy as np
import pytest

from headgate_training import bootstrap
from headgate_training.bootstrap import Difference, paired_difference
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


def classes(target: np.ndarray, positive: np.ndarray) -> Outcome:
    return Outcome(target, np.column_stack([1 - positive, positive]))


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
    assert 90 <= covered <= 99


@pytest.mark.parametrize(
    ("right_of_first", "right_of_second", "told"),
    [(5, 0, False), (6, 0, True), (8, 1, True), (7, 1, False), (10, 2, True), (9, 2, False)],
)
def test_accuracies_differ_when_mcnemars_exact_test_says_so(
    right_of_first: int, right_of_second: int, told: bool
) -> None:
    """One-sided binomial: 1/32, 1/64; 10/512, 9/256; 79/4096, 67/2048; the bootstrap alone tells 5 from 0, too."""
    forth, back = accuracies(30, right_of_first, right_of_second, seed=1)
    assert (forth.low > 0, back.high < 0) == (told, told)
    assert forth.high > 0 > back.low


@pytest.mark.parametrize(("right_of_first", "told"), [(5, False), (12, True)])
def test_a_handful_of_many_rows_is_counted_as_few(
    right_of_first: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for many, seed in ((100_000, 0), (100_000, 1), (2999, 2)):
        monkeypatch.setattr(bootstrap, "MANY_ROWS", many)
        forth, back = accuracies(3000, right_of_first, 0, seed)
        assert (forth.low > 0, back.high < 0) == (told, told)


def accuracies(rows: int, right_of_first: int, right_of_second: int, seed: int) -> tuple[Difference, Difference]:
    """Two models that are right together but for so many rows, compared in both directions."""
    target, hit, miss = np.ones(rows, dtype=int), 0.9, 0.1
    first, second = np.full(rows, hit), np.full(rows, hit)
    second[:right_of_first] = miss
    first[right_of_first : right_of_first + right_of_second] = miss
    forth = paired_difference("accuracy", "maximize", classes(target, first), classes(target, second), seed)
    back = paired_difference("accuracy", "maximize", classes(target, second), classes(target, first), seed)
    return forth, back


ONE_SIDED_ERRORS = 27
"""Of 600 equal pairs 15 are expected at 2.5 %; more than 27 come by chance in one suite of five hundred."""


@pytest.mark.parametrize(
    ("metric", "direction", "rows"),
    [
        ("auc", "maximize", 20),
        ("auc", "maximize", 60),
        ("accuracy", "maximize", 20),
        ("log_loss", "minimize", 20),
        ("rmse", "minimize", 20),
        ("r2", "maximize", 20),
    ],
)
def test_equal_models_are_hardly_ever_told_apart_by_few_rows(
    metric: str, direction: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The percentile interval alone errs up to twice as often with 20 rows."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 400)
    random, wins = np.random.default_rng(rows), 0
    for trial in range(600):
        truth = random.normal(size=rows)
        guesses = [truth + 0.7 * random.standard_t(5, size=rows) for _ in range(2)]
        if metric in ("rmse", "r2"):
            first, second = (Outcome(truth, guess) for guess in guesses)
        else:
            target = (truth > 0).astype(int)
            first, second = (classes(target, 1 / (1 + np.exp(-2 * guess))) for guess in guesses)
        wins += paired_difference(metric, direction, first, second, seed=trial).low > 0  # type: ignore[arg-type]
    assert wins <= ONE_SIDED_ERRORS


def test_a_clearly_better_model_is_told_even_by_few_rows() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(size=40)
    good, bad = (Outcome(truth, truth + scale * random.normal(size=40)) for scale in (0.2, 1.0))
    for metric, direction in (("rmse", "minimize"), ("mae", "minimize"), ("r2", "maximize")):
        assert paired_difference(metric, direction, good, bad, seed=1).low > 0  # type: ignore[arg-type]
    target = (truth > 0).astype(int)
    sharp, dull = (classes(target, 1 / (1 + np.exp(-3 * each.predicted))) for each in (good, bad))
    assert paired_difference("auc", "maximize", sharp, dull, seed=1).low > 0


def test_the_ends_of_a_means_interval_lie_where_students_t_puts_them() -> None:
    """Differences of a mean: half the width is t(19; 0.975) = 2.093 standard errors, and 1.984 of 100 rows."""
    random = np.random.default_rng(8)
    for rows, quantile in ((20, 2.093), (100, 1.984)):
        first = np.abs(random.normal(size=rows))
        difference = paired_difference(
            "mae", "minimize", Outcome(np.zeros(rows), first), Outcome(np.zeros(rows), np.zeros(rows)), seed=2
        )
        error = first.std(ddof=1) / np.sqrt(rows)
        assert (difference.high - difference.low) / 2 / error == pytest.approx(quantile, rel=0.08)


def test_rows_that_do_not_define_the_metric_give_no_numbers() -> None:
    one = classes(np.ones(30, dtype=int), np.linspace(0, 1, 30))
    assert np.isnan(dataclasses.astuple(paired_difference("auc", "maximize", one, one, seed=1))).all()


def test_one_positive_is_too_few_to_tell_areas_apart() -> None:
    target = np.array([1] + [0] * 50)
    best, worst = classes(target, np.linspace(1, 0, 51)), classes(target, np.linspace(0, 1, 51))
    difference = paired_difference("auc", "maximize", best, worst, seed=1)
    assert difference.estimate == 1.0
    assert difference.low == 0.0 < difference.high


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_hardly_any_rows_prove_nothing(rows: int) -> None:
    target = np.zeros(rows)
    difference = paired_difference("mae", "minimize", Outcome(target, target), Outcome(target, target + 1), seed=1)
    assert (difference.estimate, difference.low) == (1.0, 0.0)


@pytest.mark.parametrize(("rows", "quantile"), [(20, 2.0930), (60, 2.0010), (1000, 1.9623)])
def test_the_share_beyond_an_end_is_that_of_students_t(rows: int, quantile: float) -> None:
    """Tables of t(rows - 1; 0.975), scaled: a bootstrap's deviation of a mean lacks sqrt(rows / (rows - 1))."""
    share = statistics.NormalDist().cdf(-quantile * np.sqrt(rows / (rows - 1)))
    assert bootstrap._tail(rows) == pytest.approx(share, rel=0.004)


def test_of_three_rows_on_the_tails_are_asked_and_of_fewer_the_ends() -> None:
    assert bootstrap._tail(2) == 0.0
    assert 0 < bootstrap._tail(3) < 0.001


def test_what_each_row_gives_is_the_same_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The swap test alone decides here: the bootstrap would tell 5 from 0, and does 6."""
    for cells in (500_000, 7 * 30, 1):
        monkeypatch.setattr(bootstrap, "_CELLS", cells)
        assert [accuracies(30, right, 0, seed=1)[0].low > 0 for right in (5, 6)] == [False, True]
