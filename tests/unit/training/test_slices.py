"""Slices: cutting columns, finding what is surely worse, and not finding what is not there."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_training.metrics import Outcome
from headgate_training.simultaneous import bonferroni, critical_value, for_few_rows
from headgate_training.slices import LEAST_ROWS, MISSING, REST, SEARCHED_ROWS, Models, cut, find_worst, measure_declared
from headgate_training.spec import Spec

REGRESSION = Spec("y", "regression", (), None, "mae", "minimize", 17, ())
BINARY = Spec("y", "binary", ("no", "yes"), "yes", "auc", "maximize", 17, ())


def guesses(target: np.ndarray, error: np.ndarray | float, seed: int) -> Outcome:
    return Outcome(target, target + error * np.random.default_rng(seed).normal(size=len(target)))


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0])), min_size=1, max_size=300),
    least=st.integers(1, 60),
)
def test_the_parts_of_a_number_are_disjoint_and_whole(values: list[float | None], least: int) -> None:
    column = np.array([np.nan if value is None else value for value in values])
    parts = cut("c", column, least)
    assert sorted(row for part in parts for row in part.rows) == list(range(len(values)))
    missing = [part for part in parts if part.name == MISSING]
    assert sum(len(part.rows) for part in missing) == np.isnan(column).sum()
    tops = [column[part.rows].max() for part in parts if part.name != MISSING]
    assert tops == sorted(tops)


def test_categories_keep_their_names_and_the_rare_ones_are_one_slice() -> None:
    values = ["", *[f"v{number}" for number in range(30) for _ in range(40 - number)]]
    names = [part.name for part in cut("c", values, 10)]
    assert names[:2] == ["v0", "v1"]
    assert names[-2:] == [REST, MISSING]
    assert len(names) == 22


def test_dates_are_cut_by_time_and_named_by_day() -> None:
    days = np.array(["NaT", *[f"2026-01-{day:02}T08:00:00" for day in range(1, 29)]], dtype="datetime64[s]")
    names = [part.name for part in cut("at", days, 7)]
    assert names == [
        "up to 2026-01-07",
        "2026-01-07 to 2026-01-14",
        "2026-01-14 to 2026-01-21",
        "over 2026-01-21",
        MISSING,
    ]


def test_a_slice_on_which_the_challenger_falls_is_found_among_many() -> None:
    random = np.random.default_rng(3)
    target = random.normal(size=800)
    columns = {f"noise {number}": random.normal(size=800) for number in range(15)}
    ward = random.choice(["A", "B", "C"], 800)
    columns["ward"] = ward.tolist()
    spoilt = np.where(ward == "B", 4.0, 0.2)
    found = find_worst(columns, Models(guesses(target, spoilt, 1), guesses(target, 0.5, 2), REGRESSION))
    worst = found[0]
    assert (worst["column"], worst["name"], worst["declared"]) == ("ward", "B", False)
    assert worst["rows"] == (ward == "B").sum()
    assert worst["difference"]["high"] < -1
    assert worst["difference"]["estimate"] == pytest.approx(worst["champion"] - worst["challenger"])


def test_what_all_slices_share_is_no_finding() -> None:
    """40 tables without any weak slice: at 95 % for all slices at once, about 2 may claim one."""
    claims = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        target = random.normal(size=300)
        columns = {f"c{number}": random.normal(size=300) for number in range(10)}
        models = Models(guesses(target, 1.0, seed + 100), guesses(target, 1.0, seed + 200), REGRESSION)
        found = find_worst(columns, models)
        claims += any(line["difference"]["high"] < 0 for line in found)
    assert claims <= 6


def test_without_a_champion_the_weakest_slices_are_told_against_all_rows() -> None:
    random = np.random.default_rng(5)
    target = random.integers(0, 2, 600)
    shift = random.choice(["day", "night"], 600)
    strength = np.where(shift == "night", 0.0, 3.0)
    chance = 1 / (1 + np.exp(-(strength * (target - 0.5) + random.normal(size=600))))
    models = Models(Outcome(target, np.column_stack([1 - chance, chance])), None, BINARY)
    worst = find_worst({"shift": shift.tolist()}, models)[0]
    assert (worst["name"], worst["champion"], worst["difference"]) == ("night", None, None)
    assert worst["whole"]["high"] < -0.1


def test_declared_slices_are_all_told_and_small_ones_not_measured() -> None:
    target = np.arange(100) % 2
    scores = np.column_stack([1 - target, target]) * 0.8 + 0.1
    ward = ["small"] * 5 + ["pure"] * 20 + ["mixed"] * 75
    target = np.where(np.array(ward) == "pure", 1, target)
    lines = measure_declared({"ward": ward}, Models(Outcome(target, scores), Outcome(target, scores), BINARY))
    told = {line["name"]: line for line in lines}
    assert {name: line["rows"] for name, line in told.items()} == {"mixed": 75, "pure": 20, "small": 5}
    assert told["mixed"]["difference"] == {"estimate": 0, "low": 0, "high": 0}
    assert told["pure"]["challenger"] is None
    assert told["pure"]["difference"] is None
    assert told["small"]["difference"] is None


def test_of_many_rows_some_are_searched() -> None:
    rows = SEARCHED_ROWS + 5000
    random = np.random.default_rng(3)
    target, weak = random.normal(size=rows), np.arange(rows) % 10 == 0
    models = Models(guesses(target, np.where(weak, 2.0, 0.5), 1), guesses(target, 0.5, 2), REGRESSION)
    worst = find_worst({"weak": np.where(weak, "yes", "no").tolist()}, models)[0]
    assert worst["name"] == "yes"
    assert LEAST_ROWS < worst["rows"] < weak.sum()


def test_intervals_for_many_are_wider_but_not_for_the_same_thing_twice() -> None:
    random = np.random.default_rng(1)
    one = random.normal(size=(500, 1))
    alone, repeated = critical_value(one, 1), critical_value(np.repeat(one, 30, axis=1), 1)
    many = critical_value(random.normal(size=(500, 30)), 1)
    assert alone == pytest.approx(1.96, abs=0.06)
    assert repeated == pytest.approx(alone, abs=0.1)
    assert many == pytest.approx(bonferroni(30), abs=0.15)
    assert critical_value(np.zeros((10, 3)), 1) == pytest.approx(1.96, abs=0.001)


def test_declared_slices_take_the_memory_of_one_number_for_each_row_and_slice() -> None:
    rows, random = 200_000, np.random.default_rng(1)
    target = random.normal(size=rows)
    models = Models(guesses(target, 1.0, 1), guesses(target, 1.0, 2), REGRESSION)
    columns = {name: random.choice([*"abcdefghijklmnopqrst"], rows).tolist() for name in ("ward", "shift")}
    tracemalloc.start()
    measured = measure_declared(columns, models)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(measured) == 40
    assert most < 2 * (4 * rows * len(measured))  # of float32, and as much again for all else


@pytest.mark.parametrize(("rows", "quantile"), [(10, 2.262), (30, 2.045), (1_000_000, 1.960)])
def test_few_rows_take_the_quantiles_of_students_t(rows: int, quantile: float) -> None:
    assert for_few_rows(1.959964, rows) == pytest.approx(quantile, abs=0.01)


def test_parts_of_large_and_small_numbers_are_named_without_exponents() -> None:
    large = [part.name for part in cut("sales", np.array([123_456.0] * 30 + [2_000_000.0] * 30), 10)]
    assert large == ["123500", "2000000"]
    assert [part.name for part in cut("dose", np.array([0.0] * 30 + [0.00012346] * 30), 10)] == ["0", "0.0001235"]
