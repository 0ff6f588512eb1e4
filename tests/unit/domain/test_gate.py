"""The gate by table: what passes, what does not, in which order it is told."""

import copy
import math
from typing import Any

import pytest

from headgate.domain.evidence import Interval
from headgate.domain.gate import Decision, GatePolicy, GateReason, judge

from .evaluations import compared, evaluation, interval, newest, part, variant

POLICY = GatePolicy()
PASS, FAIL, OPEN = Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE


@pytest.mark.parametrize(
    ("given", "decision", "code"),
    [
        (evaluation(), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(low=1e-9), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(low=0.0), OPEN, "NOT_PROVEN_BETTER_THAN_CHAMPION"),
        (evaluation(low=-0.01), OPEN, "NOT_PROVEN_BETTER_THAN_CHAMPION"),
        (evaluation(low=-0.1, estimate=-0.05, high=1e-9), OPEN, "NOT_PROVEN_BETTER_THAN_CHAMPION"),
        (evaluation(low=-0.1, estimate=-0.05, high=0.0), FAIL, "NOT_BETTER_THAN_CHAMPION"),
        (evaluation(low=0.0, estimate=0.0, high=0.0), FAIL, "NOT_BETTER_THAN_CHAMPION"),
        (evaluation("trivial"), PASS, "BETTER_THAN_TRIVIAL"),
        (evaluation("trivial", low=1e-9), PASS, "BETTER_THAN_TRIVIAL"),
        (evaluation("trivial", low=0.0), OPEN, "NOT_PROVEN_BETTER_THAN_TRIVIAL"),
        (evaluation("trivial", low=-0.2, estimate=-0.1, high=0.0), FAIL, "NOT_BETTER_THAN_TRIVIAL"),
        (evaluation(trivial_difference=interval(0.0, 0.2)), OPEN, "NOT_PROVEN_BETTER_THAN_TRIVIAL"),
        (evaluation(trivial_difference=interval(-0.2, 0.0)), FAIL, "NOT_BETTER_THAN_TRIVIAL"),
        (evaluation(trivial_difference=None), OPEN, "EVALUATION_UNREADABLE"),
        (evaluation(trivial_difference=None, format=1), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(parity=1e-5), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(parity=0), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(parity=1.1e-5), FAIL, "ENGINES_DISAGREE"),
        (evaluation(parity=-1e-9), FAIL, "ENGINES_DISAGREE"),
        (evaluation(parity=math.nan), FAIL, "ENGINES_DISAGREE"),
        (evaluation(rows=20), PASS, "BETTER_THAN_CHAMPION"),
        (evaluation(rows=19), OPEN, "TOO_FEW_TEST_ROWS"),
        (evaluation(rows=19, low=-0.2, high=-0.1), OPEN, "TOO_FEW_TEST_ROWS"),
        (evaluation(rows=19, parity=1.0), FAIL, "ENGINES_DISAGREE"),
        (evaluation(low=-0.2, high=-0.1, trivial_difference=interval(-0.1, 0.1)), FAIL, "NOT_BETTER_THAN_CHAMPION"),
    ],
)
def test_the_gate_answers(given: dict[str, Any], decision: Decision, code: str) -> None:
    judgement = judge(given, POLICY)
    assert (judgement.decision, judgement.reason_code) == (decision, code)


@pytest.mark.parametrize(
    ("given", "decision", "code"),
    [
        (newest(low=-0.0179), PASS, "BETTER_THAN_CHAMPION"),
        (newest(low=-0.0181), OPEN, "NOT_PROVEN_ON_NEWEST"),
        (newest(low=-0.1, high=-0.018), OPEN, "NOT_PROVEN_ON_NEWEST"),
        (newest(low=-0.1, high=-0.0181), FAIL, "WORSE_ON_NEWEST"),
        (newest(low=-0.01, champion=0.4), OPEN, "NOT_PROVEN_ON_NEWEST"),
        (newest(low=-0.01, champion=-0.9), PASS, "BETTER_THAN_CHAMPION"),
        (newest(low=-0.1, rows=20), OPEN, "NOT_PROVEN_ON_NEWEST"),
        (newest(low=-0.1, rows=19), PASS, "BETTER_THAN_CHAMPION"),
        (newest(low=-0.3, high=-0.1, rows=19), FAIL, "WORSE_ON_NEWEST"),
        (newest(low=-0.5, high=-0.02, champion=1.0), OPEN, "NOT_PROVEN_ON_NEWEST"),  # the margin itself
        (newest(low=-0.02, champion=1.0), OPEN, "NOT_PROVEN_ON_NEWEST"),
        (newest(low=math.nan), OPEN, "EVALUATION_UNREADABLE"),
        ({"rows": 5}, OPEN, "EVALUATION_UNREADABLE"),
    ],
)
def test_newest_data_may_not_be_worse(given: dict[str, Any], decision: Decision, code: str) -> None:
    judgement = judge(evaluation(newest=given), POLICY)
    assert (judgement.decision, judgement.reason_code) == (decision, code)


@pytest.mark.parametrize(
    ("low", "high", "rows", "code"),
    [
        (0.01, 0.02, 20, "DATA_MAY_HAVE_CHANGED"),
        (0.01, 0.02, 19, "NOT_BETTER_THAN_CHAMPION"),
        (0.0, 0.02, 20, "NOT_BETTER_THAN_CHAMPION"),
    ],
)
def test_better_on_the_newest_rows_only_is_for_a_person_to_look_at(
    low: float, high: float, rows: int, code: str
) -> None:
    judgement = judge(evaluation(low=-0.2, estimate=-0.1, high=-0.05, newest=newest(low, high, rows)), POLICY)
    assert judgement.reason_code == code
    assert judgement.decision is (OPEN if code == "DATA_MAY_HAVE_CHANGED" else FAIL)
    assert ("a person should look" in judgement.reason) == (code == "DATA_MAY_HAVE_CHANGED")


@pytest.mark.parametrize(
    ("slices", "passes"),
    [
        ([part(high=-0.0451)], False),
        ([part(high=-0.045)], True),
        ([part(high=-0.0451, rows=20)], False),
        ([part(high=-0.0451, rows=19)], True),
        ([part(high=-0.0226, declared=True)], False),
        ([part(high=-0.0225, declared=True)], True),
        ([part(high=-0.03, declared="yes")], True),
        ([part(high=0.1), part(), part(high=0.2)], False),
        ([{"column": "ward", "rows": 200, "declared": True, "difference": None}], True),
        ([{"column": "ward", "rows": 200, "declared": True, "difference": None}, part()], False),
        ([], True),
    ],
)
def test_no_slice_may_surely_fall(slices: list[dict[str, Any]], passes: bool) -> None:
    judgement = judge(evaluation(slices=slices), POLICY)
    assert (judgement.decision, judgement.reason_code) == (
        (PASS, "BETTER_THAN_CHAMPION") if passes else (FAIL, "WORSE_ON_A_SLICE")
    )


def test_the_largest_fallen_slice_is_told_by_its_column_whatever_the_order() -> None:
    slices = [part("age", rows=30), part("ward", rows=70), part("sex", rows=50)]
    told = {judge(evaluation(slices=order), POLICY).reason for order in (slices, slices[::-1])}
    assert len(told) == 1
    assert "70 rows by the column ward" in told.pop()


def test_slices_of_a_first_model_are_only_looked_at() -> None:
    assert judge(evaluation("trivial", slices=[part()]), POLICY).decision is PASS


def test_a_project_may_demand_more_than_better() -> None:
    policy = GatePolicy(min_improvement=0.05)
    assert judge(evaluation(low=0.051, estimate=0.06), policy).decision is PASS
    unproven = judge(evaluation(low=0.05, estimate=0.06), policy)
    assert (unproven.decision, unproven.reason_code) == (OPEN, "NOT_PROVEN_BETTER_THAN_CHAMPION")
    worse = judge(evaluation(low=0.01, estimate=0.03, high=0.05), policy)
    assert (worse.decision, worse.reason_code) == (FAIL, "NOT_BETTER_THAN_CHAMPION")
    assert all("etter by more than 0.05" in judgement.reason for judgement in (unproven, worse))
    assert "by more than" not in judge(evaluation(low=-0.01), POLICY).reason
    assert judge(evaluation("trivial", low=0.01), policy).decision is PASS  # the demand is over a champion


@pytest.mark.parametrize(
    ("attempt", "low", "passes"),
    [
        (1, 0.0001, True),
        (2, 0.0062, False),
        (2, 0.0063, True),
        (10, 0.0151, True),
        (10, 0.015, False),
        (200, 0.0234, True),
        (200, 0.0231, False),
    ],
)
def test_each_further_challenger_of_a_champion_has_to_be_surer(attempt: int, low: float, passes: bool) -> None:
    """Normal quantiles of 1 - 0.025 / attempt: 1.960, 2.241, 2.807, 3.662."""
    judgement = judge(evaluation(low=low, estimate=0.05), POLICY, attempt)
    assert judgement.decision is (PASS if passes else OPEN)
    if not passes:
        assert f"for challenger {attempt} against the same champion" in judgement.reason
    assert "for challenger" not in judge(evaluation(low=-0.01), POLICY, 1).reason


def test_a_surer_interval_of_the_evaluator_is_taken_as_it_is() -> None:
    difference = {"against": "champion", "level": 0.99, **interval(0.0001)}
    assert judge(evaluation(difference=difference), POLICY).decision is PASS


LIMITS = {"max_selection_gap": 0.2, "min_selection_ratio": 0.8, "max_true_positive_gap": 0.2}


@pytest.mark.parametrize("against", ["trivial", "champion"])
@pytest.mark.parametrize(
    ("limits", "groups", "decision", "code"),
    [
        ({}, [compared(10, 590)], PASS, None),
        (LIMITS, [compared()], PASS, None),
        (LIMITS, [compared(10, 11, rows=20, positives=20, found=[10, 11])], PASS, None),
        (LIMITS, [compared(10, 11, rows=19, positives=19, found=[10, 11])], OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, [compared(10, 11, rows=20, positives=10, found=[9, 9])], PASS, None),
        (LIMITS, [compared(10, 11, rows=20, positives=9, found=[9, 9])], OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, [compared(300, 330, 0, rows=[600, 600, 19])], PASS, None),
        (LIMITS, [compared(300, 330, 0, rows=[600, 600, 20])], FAIL, "GROUPS_DIFFER"),
        (LIMITS, [compared(30, 30, 0, rows=[600, 600, 20])], OPEN, "GROUPS_MAY_DIFFER"),
        (LIMITS, [], OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, None, OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, [compared(column="age")], OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, [compared(None, None)], OPEN, "GROUPS_UNKNOWN"),
        (LIMITS, [compared(0, 0)], OPEN, "GROUPS_UNKNOWN"),
        ({"max_selection_gap": 0.2}, [compared(0, 0)], PASS, None),
        ({"max_selection_gap": 0.2}, [compared(300, 420)], PASS, None),
        ({"max_selection_gap": 0.2}, [compared(300, 421)], OPEN, "GROUPS_MAY_DIFFER"),
        ({"max_selection_gap": 0.2}, [compared(300, 480)], FAIL, "GROUPS_DIFFER"),
        ({"max_selection_gap": 0.2}, [compared(480, 300)], FAIL, "GROUPS_DIFFER"),
        ({"max_selection_gap": 0.0}, [compared(300, 400)], FAIL, "GROUPS_DIFFER"),
        ({"max_selection_gap": 0.2}, [compared(300, None)], OPEN, "GROUPS_UNKNOWN"),
        ({"max_true_positive_gap": 0.2}, [compared(found=[270, 150])], FAIL, "GROUPS_DIFFER"),
        ({"max_true_positive_gap": 0.2}, [compared(positives=None)], OPEN, "GROUPS_UNKNOWN"),
        ({"min_selection_ratio": 0.8}, [compared(240, 300)], PASS, None),
        ({"min_selection_ratio": 0.8}, [compared(239, 300)], OPEN, "GROUPS_MAY_DIFFER"),
        ({"min_selection_ratio": 0.8}, [compared(215, 300)], OPEN, "GROUPS_MAY_DIFFER"),  # the gap is sure, this is not
        ({"min_selection_ratio": 0.8}, [compared(195, 300)], FAIL, "GROUPS_DIFFER"),
        ({"min_selection_ratio": 0.8}, [compared(300, 195)], FAIL, "GROUPS_DIFFER"),
        ({"min_selection_ratio": 0.8}, [compared(0, 300)], FAIL, "GROUPS_DIFFER"),
        ({"min_selection_ratio": 0.8}, [compared(300, 601)], OPEN, "EVALUATION_UNREADABLE"),
        ({"min_selection_ratio": 0.8}, [compared(300, 0.5)], OPEN, "EVALUATION_UNREADABLE"),
        ({"min_selection_ratio": 0.8}, [compared(300, -1)], OPEN, "EVALUATION_UNREADABLE"),
        ({"min_selection_ratio": 0.8}, [compared(300, True)], OPEN, "EVALUATION_UNREADABLE"),
        (
            {"max_selection_gap": 0.2},
            [compared(1, 2, rows=19), compared(200, 600, column="age")],
            FAIL,
            "GROUPS_DIFFER",
        ),
        (
            {"max_selection_gap": 0.2},
            [compared(200, 600), compared(1, 2, column="age", rows=19)],
            FAIL,
            "GROUPS_DIFFER",
        ),
    ],
)
def test_limits_on_groups_can_keep_the_gate_shut(
    against: str, limits: dict[str, float], groups: Any, decision: Decision, code: str | None
) -> None:
    judgement = judge(evaluation(against, groups=groups), GatePolicy(**limits, sensitive=("sex",)))  # type: ignore[arg-type]
    expected = code or f"BETTER_THAN_{against.upper()}"
    assert (judgement.decision, judgement.reason_code) == (decision, expected)
    if code and code.startswith("GROUPS"):
        assert "sex" in judgement.reason or "age" in judgement.reason


def broken(path: str, value: Any) -> dict[str, Any]:
    given = copy.deepcopy(evaluation(newest=newest(), slices=[part(high=0.1)], formats=[variant("float32"), variant()]))
    *way, last = path.split(".")
    place: Any = given
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return given


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "0.9", True, [], {}])
@pytest.mark.parametrize(
    "path",
    [
        "rows",
        "challenger.auc",
        "champion.auc",
        "difference.low",
        "difference.high",
        "difference.estimate",
        "difference.level",
        "trivial_difference.low",
        "trivial_difference.high",
        "newest.rows",
        "newest.challenger.auc",
        "newest.champion.auc",
        "newest.difference.low",
        "newest.difference.high",
        "slices.0.rows",
        "slices.0.difference.low",
        "slices.0.difference.high",
        "formats.1.difference.low",
        "parity.max_abs_error",
    ],
)
def test_what_is_no_finite_number_never_wins(path: str, value: Any) -> None:
    judgement = judge(broken(path, value), POLICY)
    assert judgement.decision is not PASS
    assert judgement.reason_code in (GateReason.EVALUATION_UNREADABLE, GateReason.ENGINES_DISAGREE)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("rows", -1, "rows"),
        ("rows", 200.0, "rows"),
        ("difference.against", "nobody", "difference.against"),
        ("difference.against", "trivial", "difference.against"),
        ("champion", None, "difference.against"),
        ("challenger", None, "challenger"),
        ("difference", [], "difference"),
        ("difference.low", 0.095, "difference"),
        ("difference.level", 0.94, "difference.level"),
        ("difference.level", 1.0, "difference.level"),
        ("challenger.auc", None, "auc of challenger or champion"),
        ("format", 3, "format"),
        ("metric", "speed", "metric"),
        ("newest", [1], "newest"),
        ("newest.difference", None, "difference"),
        ("slices", {}, "slices"),
        ("slices", [1], "slices"),
        ("slices.0.difference", 1, "a slice's difference"),
        ("formats", "int8", "formats"),
        ("formats.1.difference", 1, "a format's difference"),
        ("trivial_difference", 0.4, "trivial_difference"),
        ("parity", None, "parity"),
    ],
)
def test_what_cannot_be_read_is_named_and_proves_nothing(path: str, value: Any, named: str) -> None:
    judgement = judge(broken(path, value), POLICY)
    assert (judgement.decision, judgement.reason_code) == (OPEN, "EVALUATION_UNREADABLE")
    assert f" {named} is missing" in judgement.reason


def test_an_evaluation_without_a_format_is_of_the_first() -> None:
    given = evaluation(trivial_difference=None)
    del given["format"]
    assert judge(given, POLICY).decision is PASS


def test_no_rows_are_few_rows() -> None:
    assert judge(evaluation(rows=0), POLICY).reason_code == "TOO_FEW_TEST_ROWS"


def test_a_stricter_interval_is_wider_around_the_same_estimate() -> None:
    stricter = Interval(0.05, 0.0, 0.08).stricter(10, 0.95)
    wider = 2.807 / 1.960  # normal quantiles of 1 - 0.0025 and 1 - 0.025
    assert stricter.estimate == 0.05
    assert stricter.low == pytest.approx(0.05 - 0.05 * wider, rel=1e-3)
    assert stricter.high == pytest.approx(0.05 + 0.03 * wider, rel=1e-3)


def test_equal_ends_are_an_interval() -> None:
    assert judge(evaluation(low=0.05, high=0.05), POLICY).decision is PASS


def test_the_sentences_hold_the_numbers_that_decided() -> None:
    told = "auc 0.95 against 0.9 of the champion on 200 rows it never saw, a difference of 0.05 (0.01 to 0.09)"
    assert judge(evaluation(), POLICY).reason == f"Better: {told} where more is better."
    first = judge(evaluation("trivial", rival=0.5), POLICY).reason
    assert first.startswith("Better: auc 0.95 against 0.5 of the trivial predictor on 200 rows")
    few = judge(evaluation(rows=7), POLICY).reason
    assert few == "The holdout has 7 rows, but 20 are needed to judge. Drop a larger dataset."
    apart = judge(evaluation(parity=0.5), POLICY).reason
    assert apart.startswith("The SavedModel and its light copy differ by 0.5, where 1e-05 is allowed:")
    assert "by an unknown amount" in judge(evaluation(parity=None), POLICY).reason
    guess = judge(evaluation(trivial_difference=interval(-0.1, 0.1, 0.01)), POLICY).reason
    assert guess.startswith("Not better than guessing beyond chance: the difference is 0.01 (-0.1 to 0.1). More rows")
    first = judge(evaluation("trivial", low=-0.01), POLICY).reason
    assert first.endswith("Drop more rows. Columns that tell more help, too.")
    fallen = judge(evaluation(newest=newest(-0.3, -0.1)), POLICY).reason
    assert fallen == (
        "Worse than the champion on the newest data: 0.92 against 0.9 on 100 rows, a difference of "
        "-0.2 (-0.3 to -0.1), where a fall by 0.018 is allowed."
    )


def test_what_keeps_the_gate_shut_is_told_with_what_to_do() -> None:
    told = "auc 0.95 against 0.9 of the champion on 200 rows it never saw, a difference of"
    unproven = judge(evaluation(low=-0.01), POLICY).reason
    assert unproven == (
        f"Not surely better: {told} 0.05 (-0.01 to 0.09) where more is better. The champion stays. More rows may "
        "make a better model, but the holdout stays as it is; where that is too small, begin a new project."
    )
    worse = judge(evaluation(low=-0.1, estimate=-0.05, high=-0.02), POLICY).reason
    assert worse == f"Not better: {told} -0.05 (-0.1 to -0.02) where more is better."
    guess = judge(evaluation(trivial_difference=interval(-0.2, -0.1, -0.15)), POLICY).reason
    assert guess == (
        "Not better than guessing: the difference is -0.15 (-0.2 to -0.1). Look whether the target can follow from the "
        "columns."
    )
    maybe = judge(evaluation(newest=newest(low=-0.1)), POLICY).reason
    assert maybe.startswith("May be worse than the champion on the newest data: 0.92 against 0.9 on 100 rows")
    apart = judge(evaluation(parity=None), POLICY).reason
    assert apart == (
        "The SavedModel and its light copy differ by an unknown amount, where 1e-05 is allowed: what was judged is not "
        "what would serve."
    )


def test_limits_on_groups_are_told_by_what_was_measured() -> None:
    def reason(limits: dict[str, float], groups: Any) -> str:
        return judge(evaluation(groups=groups), GatePolicy(**limits, sensitive=("sex",))).reason  # type: ignore[arg-type]

    gap = reason({"max_true_positive_gap": 0.2}, [compared(found=[270, 180])])
    assert gap == (
        "Groups by sex differ in true positive rate by 0.3, where 0.2 is allowed. The model card shows which; look "
        "whether the data treats them alike."
    )
    ratio = reason({"min_selection_ratio": 0.8}, [compared(150, 300)])
    assert ratio.startswith(
        "By sex, the group selected least has 0.5 times the selection rate of the one selected most"
    )
    advice = "Drop data with more rows of each group, or take the limit out of project.yaml."
    unknown = reason({"max_true_positive_gap": 0.2}, [compared(positives=None)])
    assert (
        unknown == f"The true positive rate of groups by sex has a limit, but this holdout does not tell it. {advice}"
    )
    assert reason({"min_selection_ratio": 0.8}, [compared(0, 0)]).startswith("The selection rate of groups by sex")
    few = reason({"max_selection_gap": 0.2}, [])
    assert few.endswith("of 20 rows or more. Drop data with more rows of each, or take the limit out of project.yaml.")


def test_a_pass_says_which_format_serves_and_what_it_bought() -> None:
    formats = [variant("float32", 400.0, 9_000), variant("int8", 100.0)]
    judgement = judge(evaluation(formats=formats), POLICY)
    assert (judgement.format, judgement.format_reason.split()[0]) == ("int8", "int8")
    assert judge(evaluation(low=-1.0, formats=formats), POLICY).format == "float32"
    assert judge(evaluation(formats=formats), GatePolicy(margin=0.01)).format == "float32"
