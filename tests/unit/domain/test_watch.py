"""What is concluded from the metrics of a release and of the version before."""

from datetime import datetime

import pytest

from headgate.domain.answers import same_answer
from headgate.domain.rollout import LONGEST_DEPLOYMENT, Wishes, plan
from headgate.domain.stand import Stand
from headgate.domain.verdict import COMMON, RARE, RARE_SINCE, Share, Signal, Wagers
from headgate.domain.watch import (
    PROBES,
    Period,
    PeriodsSeen,
    SlowLimits,
    Usual,
    baking_seconds,
    began,
    evidence_of,
    limits_of,
    pause_seconds,
    period_seconds,
    rules_of,
    stand_of,
    together,
    unguarded_pause,
)

FINE = Period(60, 0)
WISHES = Wishes()
RULES = rules_of(WISHES, answered=False)


def stand(seen: PeriodsSeen, *, time_is_up: bool = False, passed: bool = False, answered: bool = False) -> Stand:
    return stand_of(seen, rules_of(WISHES, answered=answered), time_is_up=time_is_up, passed=passed)[0]


def test_as_many_requests_of_our_own_as_there_are_let_a_good_release_pass() -> None:
    assert stand(PeriodsSeen([Period(PROBES, 0)], [], [Period(PROBES, 0)])) == Stand.PASSED


def test_nobody_passes_unseen() -> None:
    assert stand(PeriodsSeen([], [], [Period(10_000, 0)])) == Stand.WATCHING
    assert stand(PeriodsSeen([], [], [Period(10_000, 0)]), time_is_up=True) == Stand.HELD
    assert stand(PeriodsSeen([Period(PROBES, 0)], [], []), time_is_up=True) == Stand.HELD  # nothing to compare it with


@pytest.mark.parametrize(
    "bad",
    [Period(60, 60), Period(60, 20), Period(60, 0, below_slow=10.0), Period(60, 0, below_slowest=40.0)],
    ids=["all fail", "a third fails", "slow", "some are very slow"],
)
@pytest.mark.parametrize("serving", [[Period(540, 2)] * 3, []], ids=["together", "at once"])
def test_a_bad_release_fails(bad: Period, serving: list[Period]) -> None:
    past = [Period(600, 2, 99.0, 99.5)] * 6
    assert stand(PeriodsSeen([bad] * 3, serving, past)) == Stand.FAILED


def test_what_ails_both_condemns_nobody() -> None:
    ill = Period(60, 20, 50.0, 90.0)
    assert stand(PeriodsSeen([ill] * 5, [ill] * 5, [Period(600, 0)] * 6)) != Stand.FAILED


def test_what_did_not_pass_is_held_unless_it_passed_before() -> None:
    few = PeriodsSeen([FINE], [FINE], [])
    assert stand_of(few, RULES, time_is_up=True)[0] == Stand.HELD
    assert stand_of(few, RULES, time_is_up=False)[0] == Stand.WATCHING


def test_what_passed_may_still_fail_but_is_not_held() -> None:
    few = PeriodsSeen([FINE], [FINE], [])
    assert stand(few, time_is_up=True, passed=True) == Stand.PASSED
    assert stand(PeriodsSeen([Period(60, 60)] * 3, [FINE] * 3, [FINE] * 9), passed=True) == Stand.FAILED


def test_other_answers_than_were_judged_fail_a_release() -> None:
    seen = PeriodsSeen([Period(PROBES, 0)], [], [Period(PROBES, 0)], answers=Share(40, 30))
    assert stand(seen, answered=True) == Stand.FAILED
    right = PeriodsSeen([Period(PROBES, 0)], [], [Period(PROBES, 0)], answers=Share(PROBES, 0))
    assert stand(right, answered=True) == Stand.PASSED


@pytest.mark.parametrize("serving", [[Period(600, 0)] * 5, []], ids=["together", "at once"])
def test_the_past_counts_only_where_nothing_serves_beside(serving: list[Period]) -> None:
    """A canary that fails as often as it used to be is well, unless the fleet beside it does better now."""
    seen = PeriodsSeen([Period(60, 6)] * 5, serving, [Period(600, 60)] * 6)
    assert (stand(seen) == Stand.FAILED) is bool(serving)


@pytest.mark.parametrize(
    ("serving", "rare", "common"),
    [([FINE], RARE, COMMON), ([], RARE_SINCE, COMMON)],
    ids=["together", "at once"],
)
def test_slow_requests_cannot_become_many_times_as_frequent(
    serving: list[Period], rare: Wagers, common: Wagers
) -> None:
    evidence = evidence_of(PeriodsSeen([FINE], serving, [FINE]))
    assert [known.wagers for known in evidence.values()] == [rare, common, rare]


def test_what_is_slow_depends_on_whether_both_serve_together() -> None:
    usual = Usual(median=2_000, slowest=9_000)
    assert limits_of(usual, WISHES, at_once=False) == SlowLimits(12_000, 19_000)
    assert limits_of(usual, WISHES, at_once=True) == SlowLimits(54_000, 68_000)
    assert limits_of(None, WISHES, at_once=True) == SlowLimits(1_000_000, 1_000_000)


def test_a_bake_is_that_of_a_stage_or_of_the_instances_that_stay() -> None:
    alone = plan(Wishes(bake_seconds=300, keep_seconds=400), "ml.m5.large", 1).document()
    split = plan(Wishes(bake_seconds=300, keep_seconds=400), "ml.m5.large", 4).document()
    assert (together(alone), baking_seconds(alone)) == (False, 400)
    assert (together(split), baking_seconds(split)) == (True, 300)
    assert [period_seconds(bake) for bake in (6, 120, 121, 600)] == [1, 1, 60, 60]
    assert [pause_seconds(bake) for bake in (6, 120, 121, 600)] == [1, 1, 30, 30]
    assert [period_seconds(bake, 10) for bake in (6, 600)] == [pause_seconds(bake, 10) for bake in (6, 600)] == [1, 10]


@pytest.mark.parametrize(("published", "limit", "pause"), [(10, 15_000, 10), (10, 15_001, 11), (10, 28_800, 20)])
def test_a_history_has_room_for_the_looks_of_the_longest_deployment(published: int, limit: int, pause: int) -> None:
    assert pause_seconds(600, published, limit) == pause
    assert pause_seconds(600, 60, limit) == 30
    assert pause_seconds(6, published, limit) == 1
    events = 9 * (LONGEST_DEPLOYMENT // pause_seconds(600, published, LONGEST_DEPLOYMENT) + LONGEST_DEPLOYMENT // 30)
    assert events < 25_000


@pytest.mark.parametrize(("seconds", "begin"), [(60, "12:34:00"), (10, "12:34:50"), (1, "12:34:56")])
def test_a_period_begins_where_cloudwatch_lets_it(seconds: int, begin: str) -> None:
    moment = datetime.fromisoformat("2026-01-01T12:34:56.789+00:00")
    assert began(moment, seconds).isoformat() == f"2026-01-01T{begin}+00:00"


def test_the_rules_are_the_projects() -> None:
    assert rules_of(Wishes(max_error_percent=2.0), answered=True).signals == {
        "errors": Signal(0.02, 0.65),
        "latency": Signal(0.25, 0.32),
        "slowest requests": Signal(0.05, 0.02, needed=False),
        "answers": Signal(0.05, 0.01, needed=False),
    }
    assert list(RULES.signals) == ["errors", "latency", "slowest requests"]


def test_percentages_become_requests() -> None:
    period = Period(200, 3, below_slow=75.0, below_slowest=99.5)
    assert [period.share(name) for name in ("errors", "latency", "slowest requests")] == [
        Share(200, 3),
        Share(200, 50),
        Share(200, 1),
    ]
    assert Period(2, 5).share("errors") == Share(2, 2)  # metrics of one minute may arrive apart


def test_blocks_that_only_one_side_has_count_too() -> None:
    seen = evidence_of(PeriodsSeen([FINE, FINE], [FINE], []))["errors"]
    assert (seen.canary.requests, seen.serving.requests) == (120, 60)


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        ({"label": "yes", "probabilities": [0.2, 0.8]}, True),
        ({"label": "no", "probabilities": [0.2004, 0.7996]}, True),
        ({"label": "yes", "probabilities": [0.3, 0.7]}, False),
        ({"label": "yes"}, False),
        ({"label": "yes", "probabilities": [0.2]}, False),
        ({"label": "yes", "probabilities": [0.2, None]}, False),
        (None, False),
    ],
)
def test_answers_are_compared_by_their_numbers(answer: object, same: bool) -> None:
    assert same_answer(answer, {"label": "yes", "probabilities": [0.2, 0.8]}) is same


def test_labels_alone_must_be_alike() -> None:
    assert same_answer({"label": "yes"}, {"label": "yes"})
    assert not same_answer({"label": "no"}, {"label": "yes"})
    assert same_answer({"value": 1000.4}, {"value": 1000.0})
    assert not same_answer({"value": 1010.0}, {"value": 1000.0})


def test_a_history_has_room_for_hours_in_which_an_unguarded_release_waits_for_its_instances() -> None:
    assert unguarded_pause(6) == 1
    assert 9 * (3 * 3600 // unguarded_pause(600) + 3 * 3600 // 30) < 25_000
