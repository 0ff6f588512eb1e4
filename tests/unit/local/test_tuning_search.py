"""The search for hyperparameters: every strategy keeps to its ranges, learns, and stops what is poor."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate_local.sagemaker.tuning.ranges import Choices, Numbers, Range
from headgate_local.sagemaker.tuning.search import Plan, Search

REAL = Numbers("x", 0.0, 1.0, "Linear", False)
SPACE: tuple[Range, ...] = (
    REAL,
    Numbers("log", 1e-5, 1.0, "Logarithmic", False),
    Numbers("reverse", 0.5, 0.999, "ReverseLogarithmic", False),
    Numbers("n", 1, 64, "Logarithmic", True),
    Choices("c", ("a", "b", "c")),
)


def score(tuned: dict[str, str]) -> float:
    return (float(tuned["x"]) - 0.3) ** 2


def trace(plan: Plan, jobs: int) -> list[dict[str, str]]:
    """What a search tries when it is told the score of each job before the next."""
    search, tried = Search(plan), []
    for _ in range(jobs):
        number, tuned = search.ask()
        search.tell(number, score(tuned))
        tried.append(tuned)
    return tried


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), strategy=st.sampled_from(["Bayesian", "Random", "Hyperband"]))
def test_every_value_lies_in_its_range_and_the_seed_repeats_it(seed, strategy) -> None:
    plan = Plan(strategy, False, SPACE, seed, resources=(1, 9))
    tried = trace(plan, 8)
    assert tried == trace(plan, 8)
    for tuned in tried:
        assert [each.name for each in SPACE if each.value(tuned[each.name]) is None] == []


def test_another_seed_tries_something_else() -> None:
    assert trace(Plan("Random", False, SPACE, 1), 4) != trace(Plan("Random", False, SPACE, 2), 4)


def test_a_logarithmic_scale_spreads_over_the_orders_of_magnitude() -> None:
    tried = trace(Plan("Random", False, SPACE, 3), 400)
    assert sum(float(tuned["log"]) < 1e-3 for tuned in tried) == pytest.approx(160, abs=40)
    assert sum(float(tuned["reverse"]) > 0.98 for tuned in tried) == pytest.approx(193, abs=40)


def test_bayesian_search_learns_where_random_search_does_not() -> None:
    tries = [
        [score(tuned) for tuned in trace(Plan(strategy, False, (REAL,), 5), 40)] for strategy in ("Bayesian", "Random")
    ]
    assert sum(tries[0][10:]) < sum(tries[1][10:]) / 2


def test_bayesian_search_may_be_asked_for_many_jobs_at_once() -> None:
    search = Search(Plan("Bayesian", False, SPACE, 1))
    for _ in range(5):
        asked = [search.ask() for _ in range(4)]
        assert len({tuned["x"] for _, tuned in asked}) == 4
        for number, tuned in asked:
            search.tell(number, score(tuned))


def test_a_grid_is_tried_exactly_once() -> None:
    space = (Choices("a", ("1", "2", "3")), Choices("b", ("x", "y")))
    search = Search(Plan("Grid", True, space, 4))
    tried = []
    while not search.exhausted:
        number, tuned = search.ask()
        tried.append((tuned["a"], tuned["b"]))
        if len(tried) % 2:  # every second one is still running when the next is asked for
            search.tell(number, None)
    assert sorted(tried) == sorted(product("123", "xy"))


def test_a_grid_of_failures_ends_too() -> None:
    search = Search(Plan("Grid", True, (Choices("a", ("1", "2")),)))
    asked = [search.ask()[0] for _ in range(2)]
    for number in asked:
        search.tell(number, None)
    assert search.exhausted


def test_a_search_starts_from_what_others_tried_within_its_ranges() -> None:
    search = Search(Plan("Bayesian", False, (REAL, Choices("c", ("a", "b"))), 1))
    tried = [({"x": str(number / 10), "c": "a", "epochs": "3"}, (number / 10 - 0.3) ** 2) for number in range(11)]
    outside = [({"x": "1.5", "c": "a"}, 0.0), ({"x": "0.5", "c": "z"}, 0.0), ({"x": "0.5"}, 0.0)]
    assert search.learn(tried + outside) == 11
    asked = [float(search.ask()[1]["x"]) for _ in range(8)]
    assert sum(abs(x - 0.3) for x in asked) / 8 < 0.2


def test_a_reverse_logarithmic_end_can_be_learnt_from() -> None:
    space = (Numbers("reverse", 0.0, 0.999, "ReverseLogarithmic", False),)
    assert Search(Plan("Bayesian", False, space)).learn([({"reverse": "0.0"}, 1.0), ({"reverse": "0.999"}, 2.0)]) == 2


@pytest.mark.parametrize("maximize", [False, True])
def test_early_stopping_compares_with_the_median_of_the_running_averages(maximize) -> None:
    sign = -1.0 if maximize else 1.0
    search = Search(Plan("Random", maximize, (REAL,), 1, early_stopping=True))
    for readings in ([9.0, 1.0], [7.0, 1.0], [5.0, 1.0]):  # their running averages at the end: 5, 4, 3
        number, _ = search.ask()
        search.judge(number, [sign * value for value in readings])
        search.tell(number, sign * readings[-1])
    judged, _ = search.ask()
    assert not search.judge(judged, [sign * 6.9])
    assert not search.judge(judged, [sign * 6.9, sign * 3.9], seen=1)
    other, _ = search.ask()
    assert not search.judge(other, [sign * 6.9])
    assert search.judge(other, [sign * 6.9, sign * 4.1], seen=1)


def test_without_early_stopping_nothing_is_judged() -> None:
    search = Search(Plan("Random", True, (REAL,)))
    assert not search.judges
    number, _ = search.ask()
    assert not search.judge(number, [1.0, math.nan, -100.0])


def test_hyperband_stops_the_poor_jobs_of_a_rung_and_lets_the_best_go_on() -> None:
    search = Search(Plan("Hyperband", True, (REAL,), 2, resources=(1, 9)))
    reached = {}
    for quality in range(30):
        number, _ = search.ask()
        readings: list[float] = []
        while len(readings) < 9 and not (readings and search.judge(number, readings, len(readings) - 1)):
            readings.append(float(quality % 10))
        reached[quality] = len(readings)
        search.tell(number, readings[-1], whole=len(readings) == 9)
    assert reached[29] == 9
    assert sum(count < 9 for count in reached.values()) >= 10
    poor, good = ([count for quality, count in reached.items() if quality % 10 in those] for those in ((0, 1), (8, 9)))
    assert sum(poor) < sum(good)


def test_hyperband_judges_every_job_from_the_least_on() -> None:
    search = Search(Plan("Hyperband", True, (REAL,), 2, resources=(1, 81)))
    for value in range(50):  # each is worse than all before it
        number, _ = search.ask()
        assert search.judge(number, [-float(value)]) is (value > 0)
        search.tell(number, -float(value), whole=value == 0)


def test_hyperband_spares_what_is_below_the_least_and_ends_what_reaches_the_most() -> None:
    search = Search(Plan("Hyperband", True, (REAL,), 2, resources=(3, 9)))
    for value in (5.0, 4.0, 3.0, 2.0, 1.0):
        number, _ = search.ask()
        assert not search.judge(number, [value, value])
        search.tell(number, value)
    number, _ = search.ask()
    assert not search.judge(number, [9.0] * 8)
    assert search.judge(number, [9.0] * 9, seen=8)
