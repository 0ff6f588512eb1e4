"""The small formulas beside scipy's, which no function carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.domain.chance import chi_squared_of, chi_squared_tail, excess_tail, holm, kolmogorov_tail, pooled


@given(st.floats(0.01, 500), st.integers(1, 200))
def test_the_tail_of_chi_squared(statistic: float, freedom: int) -> None:
    assert chi_squared_tail(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), rel=1e-9, abs=1e-13)


def test_no_statistic_and_no_freedom_say_nothing() -> None:
    assert chi_squared_tail(0.0, 3) == chi_squared_tail(9.0, 0) == 1.0


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
def test_the_tail_of_marked_rows(rows: int, before: int, data: st.DataObject) -> None:
    marked = data.draw(st.integers(0, min(rows, 80)))
    marked_before = data.draw(st.integers(0, min(before, 80)))
    exact = stats.hypergeom.sf(marked - 1, rows + before, marked + marked_before, rows)
    found = excess_tail(marked, rows, marked_before, before)
    if marked * before > marked_before * rows:
        assert found == pytest.approx(exact, rel=1e-6, abs=1e-14)
    else:
        assert found == 1.0  # not more than before is never an excess


@pytest.mark.parametrize(("distance", "first", "second"), [(0.1, 370, 2000), (0.2, 100, 150), (0.05, 5000, 5000)])
def test_the_tail_of_two_samples_distance(distance: float, first: int, second: int) -> None:
    exact = stats.kstwo.sf(distance, round(first * second / (first + second)))
    assert kolmogorov_tail(distance, first, second) == pytest.approx(exact, rel=0.06)


def test_a_distance_of_nothing_or_of_no_rows_says_nothing() -> None:
    assert kolmogorov_tail(0.0, 500, 500) == kolmogorov_tail(0.5, 0, 500) == 1.0


def test_the_correction_multiplies_the_smallest_chance_by_all_questions() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9}) == pytest.approx(
        {"a": 0.04, "b": 0.09, "c": 0.09, "d": 0.9}
    )
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_the_correction_never_makes_a_chance_smaller_and_keeps_the_order(chances: dict[str, float]) -> None:
    corrected = holm(chances)
    assert all(chances[name] <= value <= 1 for name, value in corrected.items())
    assert all(corrected[a] <= corrected[b] for a in chances for b in chances if chances[a] < chances[b])


def test_rare_bins_are_counted_together() -> None:
    assert pooled([50, 2, 1, 0], [50, 1, 2, 1]) == [(53, 54)]
    assert pooled([50, 30, 6, 7], [50, 30, 6, 7]) == [(50, 50), (30, 30), (6, 6), (7, 7)]
    assert pooled([50, 30, 4, 4], [50, 30, 4, 4]) == [(50, 50), (30, 30), (8, 8)]
    assert pooled([0, 0], [5, 5]) == []


@given(st.lists(st.tuples(st.integers(20, 500), st.integers(20, 500)), min_size=2, max_size=12))
def test_pearsons_statistic(bins: list[tuple[int, int]]) -> None:
    now, before = [first for first, _ in bins], [second for _, second in bins]
    statistic, freedom = chi_squared_of(now, before)
    if freedom == len(bins) - 1:  # nothing was pooled
        assert statistic == pytest.approx(stats.chi2_contingency([now, before], correction=False).statistic)
