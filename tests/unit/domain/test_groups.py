"""Intervals of the ethical guard: what is said of groups that are as they should be, and beside other formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.groups import largest_ratio, least_gap
from headgate_training.groups import largest_gap

COUNTS = st.integers(10, 400).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


@given(counts=st.lists(COUNTS, min_size=2, max_size=6))
def test_the_gate_is_as_sure_of_a_gap_and_of_a_ratio_as_the_model_card(counts: list[tuple[int, int]]) -> None:
    told = largest_gap(counts)
    assert told is not None
    assert max(0.0, least_gap(counts)) == pytest.approx(told["low"])
    assert largest_ratio(counts) == pytest.approx(largest_ratio(counts[::-1]))
    if told["ratio"] is not None:
        assert min(1.0, largest_ratio(counts)) == pytest.approx(told["ratio_high"])


def test_the_end_of_a_ratio_is_that_of_the_adjusted_logarithm() -> None:
    """Worked by hand: log(10.5 / 60.5) - log(30.5 / 60.5), and 1.96 times the root of its variance."""
    log_ratio, variance = math.log(10.5 / 30.5), 1 / 10.5 + 1 / 30.5 - 2 / 60.5
    assert largest_ratio([(10, 60), (30, 60)]) == pytest.approx(math.exp(log_ratio + 1.959964 * math.sqrt(variance)))


@pytest.mark.parametrize("rates", [(0.4, 0.5), (0.08, 0.1), (0.72, 0.9), (0.4, 0.5, 0.5, 0.5)])
def test_a_ratio_that_keeps_its_limit_is_seldom_called_surely_broken(rates: tuple[float, ...]) -> None:
    random = np.random.default_rng(4)
    drawn = [
        [(int(random.binomial(n, rate)), n) for rate, n in zip(rates, (200, 60, 90, 45), strict=False)]
        for _ in range(400)
    ]
    assert sum(largest_ratio(counts) < 0.8 for counts in drawn) <= 0.04 * 400
