"""Groups of people: rates, gaps, and what is said where they cannot be told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from headgate_training.groups import LEAST_ROWS, compare_groups, largest_gap
from headgate_training.metrics import Outcome
from headgate_training.spec import Spec

BINARY = Spec("risk", "binary", ("bad", "good"), "good", "auc", "maximize", 17, ())
COUNTS = st.integers(LEAST_ROWS, 400).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


def decided(target: np.ndarray, chosen: np.ndarray) -> Outcome:
    return Outcome(target, np.column_stack([~chosen, chosen]) * 0.6 + 0.2)


def test_rates_are_those_of_scikit_learn_and_the_four_fifths_rule() -> None:
    random = np.random.default_rng(1)
    target, chosen = random.integers(0, 2, 400), random.random(400) < 0.6
    sex = np.where(np.arange(400) < 150, "f", "m")
    (line,) = compare_groups(["sex"], {"sex": sex.tolist()}, decided(target, chosen), BINARY)
    rates = {}
    for group in line["groups"]:
        own = sex == group["name"]
        rates[group["name"]] = group["selection_rate"]
        assert group["rows"] == own.sum()
        assert group["selection_rate"] == pytest.approx(chosen[own].mean())
        assert group["true_positive_rate"] == pytest.approx(recall_score(target[own], chosen[own]))
        assert group["selected"] == chosen[own].sum()
        assert (group["found"], group["positives"]) == ((chosen & (target == 1))[own].sum(), target[own].sum())
    gap = line["selection_rate"]
    assert gap["difference"] == pytest.approx(abs(rates["f"] - rates["m"]))
    assert gap["ratio"] == pytest.approx(min(rates.values()) / max(rates.values()))
    assert line["skipped"] is None


@given(counts=st.lists(COUNTS, min_size=2, max_size=6))
def test_a_gap_lies_in_its_interval_and_order_means_nothing(counts: list[tuple[int, int]]) -> None:
    gap = largest_gap(counts)
    rates = [selected / rows for selected, rows in counts]
    assert gap == largest_gap(counts[::-1])
    assert gap["difference"] == pytest.approx(max(rates) - min(rates))
    assert 0 <= gap["low"] <= gap["difference"] + 1e-9
    assert gap["low"] <= gap["high"] <= 1
    assert gap["ratio"] is None or 0 <= gap["ratio"] <= 1


def test_the_low_end_is_seldom_above_the_true_gap_of_equal_groups() -> None:
    random = np.random.default_rng(2)
    rows = [30, 60, 200, 45]
    false = sum(largest_gap([(int(random.binomial(n, 0.3)), n) for n in rows])["low"] > 0 for _ in range(300))
    assert false <= 22


def test_a_clear_gap_is_surely_one() -> None:
    gap = largest_gap([(80, 100), (40, 100), (3, 5)])
    assert gap["low"] > 0.2
    assert gap["ratio"] == pytest.approx(0.5)


def test_what_cannot_be_told_is_said() -> None:
    target = np.array([0, 1] * 20)
    outcome = decided(target, target == 1)
    gone, alone = compare_groups(["gone", "same"], {"same": ["x"] * 40}, outcome, BINARY)
    assert "does not have this column" in gone["skipped"]
    assert gone["selection_rate"] is None
    assert alone["selection_rate"] is None
    numbers = Spec("y", "regression", (), None, "mae", "minimize", 17, ())
    (line,) = compare_groups(["same"], {"same": ["x"] * 40}, Outcome(np.ones(40), np.zeros(40)), numbers)
    assert "two classes" in line["skipped"]
    assert line["groups"][0]["value"] == 1
