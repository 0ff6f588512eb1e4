"""The rival that a person would name: a constant, or for a series a value that it had before."""

from pathlib import Path

import numpy as np
import pytest

from headgate_training.spec import Column, Forecast, Spec
from headgate_training.table import Table
from headgate_training.trivial import Trivial, fit_trivial, load_trivial

STEPS = 6
NAMES = [f"sold[-{ago}]" for ago in range(STEPS, 0, -1)]
SPEC = Spec(
    "sold",
    "regression",
    (),
    None,
    "rmse",
    "minimize",
    17,
    (Column("shop", "categorical"), Column("price", "numeric"), *(Column(name, "numeric") for name in NAMES)),
    forecast=Forecast(("shop",), "day", STEPS),
)


def windows(series: np.ndarray) -> tuple[Table, np.ndarray]:
    """The windows of one series behind two other columns, and what came next."""
    seen = np.lib.stride_tricks.sliding_window_view(series, STEPS + 1)
    return Table(np.column_stack([np.full(len(seen), 7.0), seen[:, :-1]]), [["a"] * len(seen)]), seen[:, -1]


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=300)


@pytest.mark.parametrize(
    ("series", "repeats"),
    [
        (np.cumsum(noise()), 1),
        (np.tile([5.0, 1.0, 9.0, 3.0], 75) + 0.1 * noise(), 4),
        (noise(), 0),
    ],
    ids=["a walk repeats the last value", "a season itself", "noise its mean"],
)
def test_a_forecast_is_measured_by_what_repeats_best(series: np.ndarray, repeats: int) -> None:
    table, target = windows(series)
    guess = fit_trivial(table, target, SPEC)
    assert guess.repeats == repeats
    expected = table.numbers[:, 1 + STEPS - repeats] if repeats else np.full(len(target), target.mean())
    np.testing.assert_allclose(guess.predict(table, SPEC, "rmse"), expected)


def test_a_past_that_is_missing_is_the_mean_or_the_median() -> None:
    table, _ = windows(np.arange(8.0))
    table.numbers[0, -1] = np.nan
    guess = Trivial(mean=40.0, median=30.0, repeats=1)
    assert guess.predict(table, SPEC, "rmse").tolist() == [40.0, 6.0]
    assert guess.predict(table, SPEC, "mae").tolist() == [30.0, 6.0]


def test_what_is_written_is_read_and_older_files_repeat_nothing(tmp_path: Path) -> None:
    guess = Trivial(mean=4.0, median=3.0, repeats=2)
    guess.save(tmp_path / "trivial.json")
    assert load_trivial(tmp_path / "trivial.json") == guess
    (tmp_path / "older.json").write_text('{"probabilities": [], "mean": 4.0, "median": 3.0}')
    assert load_trivial(tmp_path / "older.json") == Trivial(mean=4.0, median=3.0)
