"""Every branch of `respond`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from headgate.domain.project import LONGEST_APPROVAL_HOURS
from headgate.domain.stand import LONGEST_TRIAL_MINUTES
from headgate.services.close_incident import CloseIncident

from .conftest import Failure, Played, definition_of, raised

ROOT = Path(__file__).resolve().parents[2]
GIVEN = {"tenant": "demo", "project": "iris", "incident": "demo-iris-20260131T083012-0123abcd"}
PROMOTED = {"outcome": "PROMOTED", "reason_code": "SERVING", "reason": "Version 1 serves."}
Play = Callable[..., Played]


def decided(action: str, **more: Any) -> dict[str, Any]:
    return {**GIVEN, "action": action, "reason": "It rings.", "release": 2, "look_again": None, **more}


def closed(outcome: str, **more: Any) -> dict[str, Any]:
    return {**GIVEN, "outcome": outcome, "look_again": None, **more}


SCRIPT: dict[str, list[Any]] = {
    "DecideResponse": [decided("rollback")],
    "states:startExecution": [{"Output": PROMOTED}],
    "events:putEvents": [{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}],
    "CloseIncident": [closed("ROLLED_BACK")],
    "LookAgain": [{"decision": "quiet"}],
}


def called(played: Played) -> list[str]:
    return [name for name, _ in played.calls]


def test_a_rollback_is_a_promotion_in_the_incidents_name(play: Play) -> None:
    played = play("respond", GIVEN, SCRIPT)
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Rolled Back")
    started = played.given_to("states:startExecution")
    assert (started["Name"], started["Input"]) == (GIVEN["incident"], GIVEN)
    assert played.given_to("CloseIncident") == {**GIVEN, "rollback": PROMOTED}


def test_what_is_asked_for_is_on_the_bus_as_it_is_documented(play: Play) -> None:
    script = {
        **SCRIPT,
        "DecideResponse": [decided("retrain")],
        "CloseIncident": [closed("RETRAINING_ASKED_FOR")],
    }
    played = play("respond", GIVEN, script)
    assert played.states[-1] == "Retraining Asked For"
    assert "states:startExecution" not in called(played)
    [entry] = played.given_to("events:putEvents")["Entries"]
    example = json.loads((ROOT / "events/examples/retrain-requested.json").read_text())
    schema = json.loads((ROOT / "events/schemas/retrain-requested.json").read_text())
    for detail in (entry["Detail"], example["detail"]):
        jsonschema.validate(detail, schema)
    assert (entry["Source"], entry["DetailType"]) == (example["source"], example["detail-type"])
    assert entry["Detail"].keys() == example["detail"].keys()
    assert CloseIncident.parse(played.given_to("CloseIncident")).retraining


def test_an_endpoint_that_was_made_anew_is_an_ending_of_its_own(play: Play) -> None:
    played = play("respond", GIVEN, {**SCRIPT, "CloseIncident": [closed("REPAIRED")]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Repaired")


def test_what_answers_nobody_any_more_is_an_ending_of_its_own(play: Play) -> None:
    stopped = {"outcome": "NOT_PROMOTED", "reason_code": "TAKEN_OUT_OF_SERVICE", "reason": "It is deleted."}
    script = {**SCRIPT, "states:startExecution": [{"Output": stopped}]}
    played = play("respond", GIVEN, {**script, "CloseIncident": [closed("TAKEN_OUT_OF_SERVICE")]})
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Taken Out Of Service")


def test_a_retraining_follows_a_rollback_that_succeeded(play: Play) -> None:
    both = {**SCRIPT, "DecideResponse": [decided("rollback-then-retrain")]}
    played = play("respond", GIVEN, both)
    assert called(played) == [name for name in SCRIPT if name != "LookAgain"]
    assert played.given_to("CloseIncident") == {**GIVEN, "rollback": PROMOTED, "retraining": True}
    back = {"outcome": "ROLLED_BACK", "reason_code": "X", "reason": "No."}
    assert "events:putEvents" not in called(
        play("respond", GIVEN, {**both, "states:startExecution": [{"Output": back}]})
    )


@pytest.mark.parametrize(("action", "outcome", "end"), [("page", "PAGED", "Paged"), ("ignore", "IGNORED", "Ignored")])
def test_what_needs_no_act_is_closed_at_once(play: Play, action: str, outcome: str, end: str) -> None:
    played = play("respond", GIVEN, {**SCRIPT, "DecideResponse": [decided(action)], "CloseIncident": [closed(outcome)]})
    assert called(played) == ["DecideResponse", "CloseIncident"]
    assert (played.status, played.states[-1]) == ("SUCCEEDED", end)


def test_an_alarm_that_may_stay_red_is_looked_at_again(play: Play) -> None:
    script = {**SCRIPT, "DecideResponse": [decided("ignore")], "CloseIncident": [closed("IGNORED", look_again=300)]}
    played = play("respond", GIVEN, script)
    assert called(played) == ["DecideResponse", "CloseIncident", "LookAgain"]
    assert (played.states[-1], played.given_to("LookAgain")) == ("Ignored", GIVEN)
    refused = raised("AccessDeniedError", "No.")
    late = play("respond", GIVEN, {**script, "LookAgain": [*[refused] * 10, *SCRIPT["LookAgain"]]})
    assert (late.states[-1], called(late).count("LookAgain")) == ("Ignored", 11)
    unseen = play("respond", GIVEN, {**script, "LookAgain": [refused]})
    assert (unseen.status, unseen.states[-1]) == ("FAILED", "Left Open")


@pytest.mark.parametrize("task", ["DecideResponse", "states:startExecution", "events:putEvents"])
def test_a_step_that_fails_pages(play: Play, task: str) -> None:
    action = "retrain" if task == "events:putEvents" else "rollback"
    failure = raised("AccessDeniedError", "AWS refused.")
    script = {**SCRIPT, "DecideResponse": [decided(action)], task: [failure], "CloseIncident": [closed("FAILED")]}
    played = play("respond", GIVEN, script)
    assert (played.status, played.states[-1]) == ("SUCCEEDED", "Paged")
    told = CloseIncident.parse(played.given_to("CloseIncident"))
    assert told.failure is not None
    assert told.failure.reason == "AWS refused."


def test_an_incident_that_cannot_be_closed_is_left_open_and_fails(play: Play) -> None:
    played = play("respond", GIVEN, {**SCRIPT, "CloseIncident": [raised("AccessDeniedError", "No.")]})
    assert (played.status, played.error) == ("FAILED", "AccessDeniedError")


@pytest.mark.parametrize("task", ["DecideResponse", "CloseIncident"])
@pytest.mark.parametrize(
    "error", ["TransientError", "ConflictError", "Lambda.TooManyRequestsException", "States.Timeout"]
)
def test_what_passes_by_itself_is_tried_again(play: Play, task: str, error: str) -> None:
    played = play("respond", GIVEN, {**SCRIPT, task: [Failure(error), Failure(error), *SCRIPT[task]]})
    assert played.states[-1] == "Rolled Back"


def test_a_rollback_that_cannot_be_started_at_once_is_started_later(play: Play) -> None:
    busy = Failure("StepFunctions.AWSStepFunctionsException")
    played = play("respond", GIVEN, {**SCRIPT, "states:startExecution": [busy, *SCRIPT["states:startExecution"]]})
    assert played.states[-1] == "Rolled Back"


def test_an_endpoint_on_its_way_is_waited_for_before_the_incident_is_closed(play: Play) -> None:
    busy = Failure("EndpointBusyError")
    assert play("respond", GIVEN, {**SCRIPT, "CloseIncident": [busy, busy, closed("FAILED")]}).states[-1] == "Paged"


def test_the_machine_outlasts_the_promotion_that_it_waits_for() -> None:
    respond, promote = definition_of("respond"), definition_of("promote")
    without_a_person = promote["TimeoutSeconds"] - 3600 * LONGEST_APPROVAL_HOURS - 60 * LONGEST_TRIAL_MINUTES
    assert respond["States"]["Roll Back"]["TimeoutSeconds"] > without_a_person
    assert respond["TimeoutSeconds"] > respond["States"]["Roll Back"]["TimeoutSeconds"]
