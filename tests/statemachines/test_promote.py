"""Every branch of `promote`."""

from collections.abc import Callable
from typing import Any

import pytest

from headgate.domain.alarms import alarms_of
from headgate.domain.project import LONGEST_APPROVAL_HOURS
from headgate.domain.rollout import LONGEST_DEPLOYMENT, Wishes
from headgate.domain.stand import LONGEST_TRIAL_MINUTES, TRIALS
from headgate.services.close_run import CloseRun

from .conftest import Failure, Played, definition_of, raised

GIVEN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "version": "3"}
RELEASE = {
    "tenant": "demo",
    "project": "iris",
    "sequence": 2,
    "name": "demo-iris-r2",
    "endpoint": "demo-iris",
    "outcome": None,
}
PROMOTED = {"outcome": "PROMOTED", "reason_code": "SERVING", "reason": "Serves."}
OVER, GRANTED, FREE = {"outcome": "OVER"}, {"outcome": "GRANTED"}, {"outcome": "FREE"}
APPROVED, DECIDED = {"outcome": "APPROVED"}, {"outcome": "DECIDED"}
SCRIPT: dict[str, list[Any]] = {
    "AwaitApproval": [APPROVED],
    "TakeEndpoint": [GRANTED],
    "PlanRelease": [RELEASE],
    "DeployRelease": [{"endpoint": "demo-iris"}],
    "SettleRelease": [PROMOTED],
    "WatchRelease": [OVER],
}
MANUAL = {**GIVEN, "approval": {"mode": "manual", "expires_hours": 72, "remind_hours": 24}}
ROLLBACK = {"tenant": "demo", "project": "iris", "incident": "demo-iris-20260131T083012-0123abcd"}
BACK: dict[str, list[Any]] = {**SCRIPT, "PlanRollback": [{**RELEASE, "incident": ROLLBACK["incident"], "repeats": 1}]}
BY_ITSELF = [name for name in SCRIPT if name != "WatchRelease"]
"""Tasks whose failure is the promotion's."""
TRIED = {**RELEASE, "rollout": {"strategy": "shadow"}}
WAITS, GO_ON = {"outcome": "LATER", "seconds": 30}, {"outcome": "GO_ON"}
SHADOW: dict[str, list[Any]] = {**SCRIPT, "PlanRelease": [TRIED], "TryRelease": [GO_ON]}
Play = Callable[..., Played]


def test_a_version_is_put_in_service(play: Play) -> None:
    played = play("promote", GIVEN, SCRIPT)
    assert (played.status, played.output) == ("SUCCEEDED", PROMOTED)
    assert played.given_to("PlanRelease") == GIVEN
    deployed = played.given_to("DeployRelease")
    assert deployed.pop("task_token")
    assert deployed == RELEASE
    assert played.given_to("SettleRelease") == RELEASE


@pytest.mark.parametrize("approval", [None, {"mode": "auto"}])
def test_nobody_is_asked_where_nobody_wants_to_be(play: Play, approval: Any) -> None:
    played = play("promote", {**GIVEN, "approval": approval} if approval else GIVEN, SCRIPT)
    assert played.output == PROMOTED
    assert "AwaitApproval" not in {name for name, _ in played.calls}


def test_a_person_is_asked_before_the_endpoint_is_asked_for(play: Play) -> None:
    played = play("promote", MANUAL, {**SCRIPT, "AwaitApproval": [DECIDED, APPROVED]})
    assert played.output == PROMOTED
    assert [name for name, _ in played.calls][:3] == ["AwaitApproval", "AwaitApproval", "TakeEndpoint"]
    asked = played.given_to("AwaitApproval")
    assert asked.pop("task_token")
    assert asked == {**MANUAL, "visit": 0}


def test_hours_of_waiting_for_a_person_are_counted(play: Play) -> None:
    hour = Failure("States.Timeout")
    played = play("promote", MANUAL, {**SCRIPT, "AwaitApproval": [hour, hour, APPROVED]})
    assert played.output == PROMOTED
    assert [payload["visit"] for name, payload in played.calls if name == "AwaitApproval"] == [0, 1, 2]


def test_days_of_waiting_for_a_person_do_not_end_in_an_outage_of_minutes(play: Play) -> None:
    away = [Failure("TransientError")] * 10
    assert play("promote", MANUAL, {**SCRIPT, "AwaitApproval": [*away, APPROVED]}).output == PROMOTED


def test_a_version_without_approval_never_comes_for_the_endpoint(play: Play) -> None:
    ending = {"outcome": "NOT_PROMOTED", "reason_code": "NOT_APPROVED", "reason": "Version 3 was rejected: No."}
    played = play("promote", MANUAL, {**SCRIPT, "AwaitApproval": [ending]})
    assert (played.status, played.output) == ("SUCCEEDED", ending)
    assert [name for name, _ in played.calls] == ["AwaitApproval"]
    assert CloseRun.parse({**GIVEN, **played.output}).ending.outcome == "NOT_PROMOTED"


def test_a_lost_event_only_costs_time(play: Play) -> None:
    played = play("promote", GIVEN, {**SCRIPT, "DeployRelease": [Failure("States.Timeout")]})
    assert played.output == PROMOTED


def test_an_endpoint_still_moving_is_looked_at_again(play: Play) -> None:
    moving = {"outcome": "IN_PROGRESS", "seconds": 30}
    played = play("promote", GIVEN, {**SCRIPT, "SettleRelease": [moving, moving, PROMOTED]})
    assert played.output == PROMOTED
    assert [name for name, _ in played.calls].count("SettleRelease") == 3


def test_a_busy_endpoint_is_tried_again(play: Play) -> None:
    busy = Failure("EndpointBusyError")
    played = play("promote", GIVEN, {**SCRIPT, "DeployRelease": [busy, busy, {}]})
    assert played.output == PROMOTED
    assert len([name for name, _ in played.calls if name == "DeployRelease"]) == 3


@pytest.mark.parametrize("outcome", ["ROLLED_BACK", "FAILED"])
def test_the_endpoints_word_is_the_ending(play: Play, outcome: str) -> None:
    ending = {"outcome": outcome, "reason_code": "X", "reason": "Because."}
    assert play("promote", GIVEN, {**SCRIPT, "SettleRelease": [ending]}).output == ending


def test_the_one_in_line_comes_again_when_it_is_woken(play: Play) -> None:
    played = play("promote", GIVEN, {**SCRIPT, "TakeEndpoint": [FREE, GRANTED]})
    assert played.output == PROMOTED
    asked = [payload for name, payload in played.calls if name == "TakeEndpoint"]
    assert [payload["visit"] for payload in asked] == [0, 0]
    assert all(payload.pop("task_token") for payload in asked)
    assert asked[0] == {**GIVEN, "visit": 0}


def test_the_one_in_line_counts_the_terms_that_it_waited(play: Play) -> None:
    over = Failure("States.Timeout")
    played = play("promote", GIVEN, {**SCRIPT, "TakeEndpoint": [over, over, GRANTED]})
    assert played.output == PROMOTED
    assert [payload["visit"] for name, payload in played.calls if name == "TakeEndpoint"] == [0, 1, 2]


def test_a_version_that_a_newer_one_overtook_in_line_ends_superseded(play: Play) -> None:
    ending = {"outcome": "SUPERSEDED", "reason_code": "NEWER_VERSION", "reason": "A newer version came."}
    played = play("promote", GIVEN, {**SCRIPT, "TakeEndpoint": [ending]})
    assert (played.status, played.output) == ("SUCCEEDED", ending)
    assert [name for name, _ in played.calls] == ["TakeEndpoint"]
    assert CloseRun.parse({**GIVEN, **played.output}).ending.outcome == "SUPERSEDED"


def test_who_lost_the_endpoint_looks_on_until_its_release_is_settled(play: Play) -> None:
    failed, moving = (
        {"outcome": "FAILED", "reason_code": "X", "reason": "Because."},
        {"outcome": "IN_PROGRESS", "seconds": 30},
    )
    script = {**SCRIPT, "DeployRelease": [raised("LeaseLostError", "Too late.")], "SettleRelease": [moving, failed]}
    assert play("promote", GIVEN, script).output == failed


def test_a_term_is_longer_than_the_longest_silence_of_a_promotion_that_lives() -> None:
    states = definition_of("promote")["States"]
    del states["Await Approval"]  # it comes before the endpoint is asked for
    term = states["Take The Endpoint"]["TimeoutSeconds"]
    branches = states["Go Into Service Under Watch"]["Branches"]
    for state in [*states.values(), *(state for branch in branches for state in branch["States"].values())]:
        if state["Type"] == "Task" and state is not states["Take The Endpoint"]:
            pauses = [rule["MaxDelaySeconds"] for rule in state["Retry"]]
            assert state["TimeoutSeconds"] + max(pauses) < term * 0.75


@pytest.mark.parametrize("task", BY_ITSELF)
def test_a_step_that_fails_is_an_ending_too(play: Play, task: str) -> None:
    failure = raised("EndpointTakenError", "The name is taken.")
    played = play("promote", MANUAL, {**SCRIPT, task: [failure]})
    assert played.status == "SUCCEEDED"
    assert played.output == {
        "outcome": "FAILED",
        "reason_code": "PROMOTION_FAILED",
        "failure": {"error": failure.error, "cause": failure.cause},
    }


def test_the_record_of_a_failed_promotion_is_a_sentence(play: Play) -> None:
    failure = raised("EndpointTakenError", "The name is taken.")
    output = play("promote", GIVEN, {**SCRIPT, "PlanRelease": [failure]}).output
    ending = CloseRun.parse({**GIVEN, **output, "version": "3", "metrics": {"auc": 0.9}}).ending
    assert (ending.outcome, ending.reason_code) == ("FAILED", "PROMOTION_FAILED")
    assert ending.reason == "The version could not be put in service: The name is taken."
    assert (ending.version, ending.metrics) == ("3", {"auc": 0.9})


@pytest.mark.parametrize(("outcome", "code"), [("NOT_PROMOTED", "CHAMPION_CHANGED"), ("SUPERSEDED", "OLDER_UPLOAD")])
def test_a_version_that_another_champion_rules_out_is_not_deployed(play: Play, outcome: str, code: str) -> None:
    refusal = {"outcome": outcome, "reason_code": code, "reason": "Drop it again."}
    played = play("promote", GIVEN, {**SCRIPT, "PlanRelease": [refusal]})
    assert (played.status, played.output) == ("SUCCEEDED", refusal)
    assert [name for name, _ in played.calls] == ["TakeEndpoint", "PlanRelease"]


@pytest.mark.parametrize("task", SCRIPT)
@pytest.mark.parametrize("error", ["TransientError", "ConflictError", "Lambda.ClientExecutionTimeoutException"])
def test_what_passes_by_itself_is_tried_again(play: Play, task: str, error: str) -> None:
    played = play("promote", MANUAL, {**SCRIPT, task: [Failure(error), Failure(error), *SCRIPT[task]]})
    assert played.output == PROMOTED


@pytest.mark.parametrize("task", ["PlanRelease", "PlanRollback", "TryRelease", "WatchRelease", "SettleRelease"])
def test_a_function_whose_answer_is_lost_is_asked_again(play: Play, task: str) -> None:
    """Each of them may come twice; only where a task waits for its token does time tell something."""
    given, script = (ROLLBACK, BACK) if task == "PlanRollback" else (GIVEN, SHADOW)
    assert play("promote", given, {**script, task: [Failure("States.Timeout"), *script[task]]}).output == PROMOTED


def test_an_alarm_that_rings_already_is_given_a_few_minutes(play: Play) -> None:
    ringing = raised("AlarmRingingError", "In ALARM already are headgate-demo-iris-r2-errors.")
    played = play("promote", GIVEN, {**SCRIPT, "DeployRelease": [ringing, ringing, {}]})
    assert played.output == PROMOTED
    played = play("promote", GIVEN, {**SCRIPT, "DeployRelease": [ringing]})
    assert (played.output["outcome"], played.output["failure"]["error"]) == ("FAILED", "AlarmRingingError")
    assert len([name for name, _ in played.calls if name == "DeployRelease"]) == 4
    assert "SettleRelease" not in {name for name, _ in played.calls}  # the endpoint was not touched


def test_the_machines_outlast_the_longest_approval_the_longest_trial_and_two_deployments() -> None:
    promote, train = definition_of("promote"), definition_of("train")
    before = LONGEST_APPROVAL_HOURS * 3600 + LONGEST_TRIAL_MINUTES * 60
    assert promote["TimeoutSeconds"] > 2 * LONGEST_DEPLOYMENT + before
    assert train["States"]["Promote The Version"]["TimeoutSeconds"] > promote["TimeoutSeconds"]
    assert train["TimeoutSeconds"] > train["States"]["Promote The Version"]["TimeoutSeconds"]


def test_a_release_is_watched_until_there_is_nothing_more_to_see(play: Play) -> None:
    looks: list[Any] = [{"outcome": outcome} for outcome in ("SOON", "SOON", "LATER", "SOON", "OVER")]
    looks[2]["seconds"] = 10
    played = play("promote", GIVEN, {**SCRIPT, "WatchRelease": looks})
    assert played.output == PROMOTED
    assert [payload for name, payload in played.calls if name == "WatchRelease"] == [RELEASE] * len(looks)
    called = [name for name, _ in played.calls]
    assert called.index("WatchRelease") < called.index("DeployRelease")  # what is usual is seen before


def test_a_release_that_cannot_be_watched_is_taken_back(play: Play) -> None:
    """Its own alarm hears of it; the endpoint then tells the ending, as always."""
    broken = [OVER, raised("AccessDeniedError", "No.")]
    played = play("promote", GIVEN, {**SCRIPT, "WatchRelease": broken, "aws-sdk:cloudwatch:putMetricData": [{}]})
    assert played.output == PROMOTED
    [said] = [given for name, given in played.calls if name.startswith("aws-sdk")]
    [alarm] = [each for each in alarms_of(RELEASE["name"], "demo-iris", Wishes()) if each.metric == "TakeBack"]
    [datum] = said["MetricData"]
    assert (said["Namespace"], datum["MetricName"], datum["Value"]) == (alarm.namespace, alarm.metric, 1)
    assert {each["Name"]: each["Value"] for each in datum["Dimensions"]} == alarm.dimensions


def test_what_cannot_be_told_of_a_release_does_not_end_its_promotion(play: Play) -> None:
    broken = [OVER, raised("AccessDeniedError", "No.")]
    unheard = [raised("CloudWatch.CloudWatchException", "No.")]
    script = {**SCRIPT, "WatchRelease": broken, "aws-sdk:cloudwatch:putMetricData": unheard}
    assert play("promote", GIVEN, script).output == PROMOTED


def test_nothing_is_begun_where_what_is_usual_cannot_be_seen(play: Play) -> None:
    played = play("promote", GIVEN, {**SCRIPT, "WatchRelease": [raised("AccessDeniedError", "No.")]})
    assert played.output["outcome"] == "FAILED"
    assert "DeployRelease" not in {name for name, _ in played.calls}


def test_a_rollback_is_planned_otherwise_and_then_goes_the_same_way(play: Play) -> None:
    played = play("promote", ROLLBACK, BACK)
    assert played.output == PROMOTED
    called = [name for name, _ in played.calls]
    assert called[:2] == ["TakeEndpoint", "PlanRollback"]
    assert "PlanRelease" not in called
    assert "See What Is Usual" not in played.states
    assert played.given_to("PlanRollback") == ROLLBACK
    assert played.given_to("SettleRelease") == BACK["PlanRollback"][0]


def test_where_there_is_nothing_to_go_back_to_nothing_is_touched(play: Play) -> None:
    nothing = {"outcome": "NOT_PROMOTED", "reason_code": "NO_VERSION_BEFORE", "reason": "None served before."}
    played = play("promote", ROLLBACK, {**BACK, "PlanRollback": [nothing]})
    assert (played.status, played.output) == ("SUCCEEDED", nothing)
    assert [name for name, _ in played.calls] == ["TakeEndpoint", "PlanRollback"]


@pytest.mark.parametrize("error", ["TransientError", "ConflictError", "EndpointBusyError"])
def test_a_rollback_that_cannot_be_planned_at_once_is_planned_later(play: Play, error: str) -> None:
    played = play("promote", ROLLBACK, {**BACK, "PlanRollback": [Failure(error), *BACK["PlanRollback"]]})
    assert played.output == PROMOTED


def test_a_rollback_that_cannot_be_planned_is_an_ending_too(play: Play) -> None:
    played = play("promote", ROLLBACK, {**BACK, "PlanRollback": [raised("LeaseLostError", "Too late.")]})
    assert (played.status, played.output["outcome"]) == ("SUCCEEDED", "FAILED")


@pytest.mark.parametrize("strategy", sorted(TRIALS))
def test_a_release_that_is_to_be_tried_is_before_it_takes_over(play: Play, strategy: str) -> None:
    tried = {**TRIED, "rollout": {"strategy": strategy}}
    played = play("promote", GIVEN, {**SHADOW, "PlanRelease": [tried], "TryRelease": [WAITS, WAITS, GO_ON]})
    assert played.output == PROMOTED
    called = [name for name, _ in played.calls]
    assert called[1:5] == ["PlanRelease", "TryRelease", "TryRelease", "TryRelease"]
    assert played.given_to("TryRelease") == tried


def test_a_trial_may_be_the_ending(play: Play) -> None:
    ending = {"outcome": "NOT_PROMOTED", "reason_code": "SHADOW_REPORTED", "reason": "It agrees."}
    played = play("promote", GIVEN, {**SHADOW, "TryRelease": [WAITS, ending]})
    assert (played.status, played.output) == ("SUCCEEDED", ending)
    assert "DeployRelease" not in {name for name, _ in played.calls}
    assert CloseRun.parse({**GIVEN, **played.output}).ending.outcome == "NOT_PROMOTED"


@pytest.mark.parametrize("error", ["TransientError", "ConflictError", "EndpointBusyError"])
def test_a_trial_that_cannot_go_on_at_once_goes_on_later(play: Play, error: str) -> None:
    assert play("promote", GIVEN, {**SHADOW, "TryRelease": [Failure(error), WAITS, GO_ON]}).output == PROMOTED


def test_a_trial_that_fails_is_the_promotions_failure(play: Play) -> None:
    played = play("promote", GIVEN, {**SHADOW, "TryRelease": [raised("AccessDeniedError", "No.")]})
    assert (played.output["outcome"], played.output["reason_code"]) == ("FAILED", "PROMOTION_FAILED")
    assert "DeployRelease" not in {name for name, _ in played.calls}


def test_a_release_that_is_not_to_be_tried_is_not(play: Play) -> None:
    played = play("promote", GIVEN, {**SCRIPT, "PlanRelease": [{**RELEASE, "rollout": {"strategy": "canary"}}]})
    assert "Try It Beside What Serves" not in played.states
