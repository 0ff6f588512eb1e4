import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.gate import Decision, GatePolicy, judge

POLICY = GatePolicy(min_improvement=0.0, min_test_rows=20)
numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.none(), st.just("0.9"), st.booleans())


def evaluation(
    against: str = "champion",
    challenger: Any = 0.95,
    rival: Any = 0.9,
    estimate: Any = 0.05,
    low: Any = 0.01,
    parity: Any = 1e-7,
    rows: int = 200,
) -> dict[str, Any]:
    return {
        "metric": "auc",
        "rows": rows,
        "challenger": {"auc": challenger},
        "champion": {"auc": rival} if against == "champion" else None,
        "trivial": {"auc": rival if against == "trivial" else 0.5},
        "difference": {"against": against, "estimate": estimate, "low": low, "high": 0.1},
        "parity": {"max_abs_error": parity},
    }


@pytest.mark.parametrize(
    ("given_evaluation", "decision", "code"),
    [
        (evaluation(), Decision.PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(low=-0.01), Decision.PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(estimate=0.0), Decision.FAIL, "NOT_BETTER_THAN_CHAMPION"),
        (evaluation(estimate=-0.1), Decision.FAIL, "NOT_BETTER_THAN_CHAMPION"),
        (evaluation("trivial"), Decision.PASS, "BETTER_THAN_TRIVIAL"),
        (evaluation("trivial", low=0.0), Decision.FAIL, "NOT_BETTER_THAN_TRIVIAL"),
        (evaluation("trivial", low=-0.02), Decision.FAIL, "NOT_BETTER_THAN_TRIVIAL"),
        (evaluation(challenger=math.nan), Decision.FAIL, "NOT_FINITE"),
        (evaluation(low=None), Decision.FAIL, "NOT_FINITE"),
        (evaluation(parity=1e-3), Decision.FAIL, "ENGINES_DISAGREE"),
        (evaluation(parity=math.nan), Decision.FAIL, "ENGINES_DISAGREE"),
        (evaluation(rows=19), Decision.INCONCLUSIVE, "TOO_FEW_TEST_ROWS"),
    ],
)
def test_the_gate_answers(given_evaluation: dict[str, Any], decision: Decision, code: str) -> None:
    judgement = judge(given_evaluation, POLICY)
    assert (judgement.decision, judgement.reason_code) == (decision, code)
    assert judgement.reason.endswith(".")


def test_a_project_may_demand_more_than_better() -> None:
    policy = GatePolicy(min_improvement=0.05, min_test_rows=20)
    assert judge(evaluation(estimate=0.05), policy).decision is Decision.FAIL
    assert judge(evaluation(estimate=0.051), policy).decision is Decision.PASS


def test_what_a_project_demands_is_over_its_champion() -> None:
    policy = GatePolicy(min_improvement=0.05, min_test_rows=20)
    first = judge(evaluation("trivial", estimate=0.03, low=0.02), policy)
    assert (first.decision, first.reason_code) == (Decision.PASS, "BETTER_THAN_TRIVIAL")
    next_one = judge(evaluation("champion", estimate=0.03, low=0.02), policy)
    assert (next_one.decision, next_one.reason_code) == (Decision.FAIL, "NOT_BETTER_THAN_CHAMPION")
    assert "by more than 0.05" in next_one.reason


@given(st.sampled_from(["champion", "trivial"]), numbers, numbers, numbers, numbers, numbers, st.integers(0, 1000))
def test_only_what_is_finite_better_and_proved_passes(
    against: str, challenger: Any, rival: Any, estimate: Any, low: Any, parity: Any, rows: int
) -> None:
    policy = POLICY
    judgement = judge(evaluation(against, challenger, rival, estimate, low, parity, rows), policy)
    if judgement.decision is Decision.PASS:
        assert all(isinstance(value, float) and math.isfinite(value) for value in (challenger, rival, estimate, low))
        assert estimate > policy.min_improvement
        assert rows >= policy.min_test_rows
        assert parity <= 1e-5
        assert against == "champion" or low > 0
