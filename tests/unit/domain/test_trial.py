"""Trials: what is planned, when they end, and what is said of them."""

import pytest

from headgate.domain.agreement import agreement
from headgate.domain.captures import Answered
from headgate.domain.endpoint_settings import RolloutSettings
from headgate.domain.rollout import Wishes, plan
from headgate.domain.stand import LONGEST_TRIAL_MINUTES, Stand
from headgate.domain.trial import (
    Trial,
    agreed,
    config_of,
    ended,
    in_trouble,
    of_document,
    pause_of,
    planned_trial,
    stand_of_shadow,
)
from headgate.domain.verdict import Judgement, Share, Verdict
from headgate.domain.watch import Period, PeriodsSeen

R2, R1 = "demo-iris-r2", "demo-iris-r1"


def asked(strategy: str = "shadow", **settings: object) -> Wishes:
    return Wishes.of(RolloutSettings(strategy=strategy, **settings).model_dump(), 600)  # type: ignore[arg-type]


def planned(wishes: Wishes, serving: int = 2, captured: int = 100, instance_type: str = "ml.m5.large") -> Trial | str:
    return planned_trial(wishes, R2, instance_type, R1, serving, captured)


@pytest.mark.parametrize(
    ("settings", "serving", "percent", "instances", "seconds", "goes_on"),
    [
        ({}, 1, 100, 1, 3600, False),
        ({}, 4, 100, 4, 3600, False),
        ({"trial_percent": 25}, 4, 25, 1, 3600, False),
        ({"trial_percent": 30}, 4, 30, 2, 3600, False),
        ({"trial_minutes": 0.5}, 1, 100, 1, 30, False),
        ({"trial_minutes": 1440, "shadow_then": "promote"}, 1, 100, 1, 86_400, True),
    ],
)
def test_a_shadow_is_planned(
    settings: dict[str, object], serving: int, percent: int, instances: int, seconds: int, goes_on: bool
) -> None:
    trial = planned(asked(**settings), serving)
    assert isinstance(trial, Trial)
    found = (trial.percent, trial.instances, trial.seconds, trial.goes_on)
    assert found == (percent, instances, seconds, goes_on)
    assert (trial.config, trial.before) == (config_of(R2), R1)
    assert of_document(trial.document()) == trial


def test_a_trial_is_told_in_a_sentence() -> None:
    told = planned(asked(trial_percent=50, shadow_then="promote"))
    assert isinstance(told, Trial)
    assert told.why == (
        "For 60 min the new version is asked 50 % of the requests as a shadow, on 1 instance of its own; nobody gets "
        "its answers. Then it is taken away and takes over if it agrees, is not slower and does not fail."
    )
    unseen = planned(asked(), captured=0)
    assert isinstance(unseen, Trial)
    assert "endpoint.capture.percent is 0" in unseen.why


@pytest.mark.parametrize(
    ("settings", "serving", "percent", "instances", "weight", "seconds"),
    [
        ({}, 1, 50, 1, 1.0, 86_400),
        ({"trial_percent": 20, "trial_minutes": 60}, 4, 20, 1, 0.25, 3600),
        ({"trial_percent": 100}, 2, 90, 2, 9.0, 86_400),
    ],
)
def test_an_ab_test_is_planned(
    settings: dict[str, object], serving: int, percent: int, instances: int, weight: float, seconds: int
) -> None:
    trial = planned(asked("ab", **settings), serving)
    assert isinstance(trial, Trial)
    assert (trial.percent, trial.instances, trial.weight, trial.seconds) == (percent, instances, weight, seconds)
    assert (trial.variant, trial.goes_on) == ("challenger", True)
    assert of_document(trial.document()) == trial


def test_an_ab_test_is_told_in_a_sentence() -> None:
    told = planned(asked("ab", trial_percent=10, ab_labels=500))
    assert isinstance(told, Trial)
    assert told.why == (
        "The new version answers 10 % of the requests, on 1 instance of its own, for 1440 min, or 500 labelled rows of "
        "each, at most. It takes over once labels tell that it is more often right, and goes once it is worse, fails "
        "or is slow; if neither is told, the version that serves stays."
    )
    assert told.labels == 500


def test_there_is_no_trial_where_there_can_be_none() -> None:
    assert planned(Wishes()) == ""
    assert "Nothing serves" in str(planned_trial(asked(), R2, "ml.m5.large", None, 0, 100))
    without = planned_trial(asked(), R2, "ml.m5.large", R1, 1, 0, serverless=True)
    assert "without instances" in str(without)
    assert isinstance(planned(asked("ab"), instance_type="ml.inf1.xlarge"), Trial)
    assert "ml.inf1" in str(planned(asked(), instance_type="ml.inf1.xlarge"))


def test_a_version_that_was_tried_takes_over_as_the_planner_chooses() -> None:
    assert plan(asked(), "ml.m5.large", 4) == plan(Wishes(), "ml.m5.large", 4)


def test_the_longest_name_of_a_trial_is_one_for_sagemaker() -> None:
    assert len(config_of(f"{'t' * 20}-{'p' * 30}-r99999")) <= 63


@pytest.mark.parametrize(("minutes", "pause"), [(0.1, 1), (2, 1), (3, 30), (60, 30), (1440, 300), (10_080, 300)])
def test_looks_fit_into_one_history(minutes: float, pause: int) -> None:
    trial = planned(asked(trial_minutes=minutes))
    assert isinstance(trial, Trial)
    assert pause_of(trial) == pause
    assert 9 * trial.seconds / pause_of(trial) < 20_000  # of 25,000 events, 9 for each look
    assert minutes <= LONGEST_TRIAL_MINUTES


def answered(number: int, label: str | None = None, value: float | None = None) -> Answered:
    answer = {"label": label} if label is not None else {"value": value}
    return Answered(None, 1, f"2026-01-01T00:00:{number % 60:02d}Z", f"asked-{number}", answer)


def test_answers_are_paired_by_what_was_asked_each_once() -> None:
    old = [answered(number, "yes") for number in range(80)] * 3
    new = [answered(number, "no" if number < 8 else "yes") for number in range(10, 120)]
    new += [answered(number, "no") for number in range(5)]
    found = agreement(new, old)
    assert found.share == Share(75, 5)
    assert found.document() == {
        "rows": 75, "otherwise": 5, "changes": [{"from": "yes", "to": "no", "rows": 5}], "apart": None,
    }  # fmt: skip


def test_amounts_agree_that_hardly_differ() -> None:
    old = [answered(number, value=float(number)) for number in range(100)]
    new = [answered(number, value=number + (30.0 if number < 10 else 2.0)) for number in range(100)]
    found = agreement(new, old)
    assert found.share == Share(100, 10)
    assert found.apart == 2.0
    assert agreement([], []).share == Share()


@pytest.mark.parametrize(
    ("rows", "otherwise", "verdict"),
    [
        (0, 0, Verdict.INCONCLUSIVE),
        (49, 0, Verdict.INCONCLUSIVE),
        (300, 9, Verdict.PASS),
        (300, 55, Verdict.INCONCLUSIVE),
        (300, 150, Verdict.FAIL),
    ],
)
def test_how_far_a_shadow_may_disagree(rows: int, otherwise: int, verdict: Verdict) -> None:
    old = [answered(number, "yes") for number in range(rows)]
    new = [answered(number, "no" if number < otherwise else "yes") for number in range(rows)]
    assert agreed(agreement(new, old), asked(), 50).verdict == verdict


GOOD, BAD, UNSURE = (
    Judgement(verdict, None, f"it is {verdict}.") for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
)


@pytest.mark.parametrize(
    ("metrics", "answers", "over", "stand"),
    [
        (GOOD, GOOD, False, Stand.WATCHING),
        (GOOD, GOOD, True, Stand.PASSED),
        (GOOD, UNSURE, True, Stand.HELD),
        (UNSURE, GOOD, True, Stand.HELD),
        (UNSURE, UNSURE, False, Stand.WATCHING),
        (BAD, GOOD, False, Stand.FAILED),
        (UNSURE, BAD, True, Stand.FAILED),
    ],
)
def test_when_a_shadow_is_over(metrics: Judgement, answers: Judgement, over: bool, stand: Stand) -> None:
    assert stand_of_shadow(metrics, answers, time_is_up=over)[0] == stand


@pytest.mark.parametrize(
    ("strategy", "stand", "code"),
    [
        ("shadow", "passed", "SHADOW_REPORTED"),
        ("shadow", "failed", "SHADOW_WORSE"),
        ("shadow", "held", "SHADOW_HELD"),
        ("ab", "failed", "AB_WORSE"),
        ("ab", "held", "AB_HELD"),
    ],
)
def test_every_ending_says_what_was_seen(strategy: str, stand: str, code: str) -> None:
    ending = ended("7", {"strategy": strategy, "stand": stand, "said": "It was seen."})
    assert (ending.outcome, ending.reason_code) == ("NOT_PROMOTED", code)
    assert "Version 7" in ending.reason or "version 7" in ending.reason
    assert "It was seen." in ending.reason


@pytest.mark.parametrize(("errors", "trouble"), [(0, False), (1, False), (9, True)])
def test_what_serves_in_trouble_ends_the_trial(errors: int, trouble: bool) -> None:
    seen = PeriodsSeen([Period(10, 0)] * 6, [Period(100, 50), *[Period(10, 0)] * 4, Period(10, errors)])
    assert (in_trouble(seen, Wishes()) is not None) == trouble
    assert in_trouble(PeriodsSeen([], [Period(10, 10)]), Wishes()) is None
