"""What others hear of a release that is settled, and what people are told of it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from headgate.domain.incidents import Incident
from headgate.domain.names import PROJECT, TENANT
from headgate.domain.notices import answered, ended
from headgate.domain.release_events import Announcement, of_incident, of_run
from headgate.domain.releases import Release
from headgate.domain.runs import Champion, Run

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "events/schemas/release-settled.json").read_text())
EXAMPLES = [json.loads(path.read_text()) for path in sorted((ROOT / "events/examples").glob("release-*.json"))]
AT = "2026-01-31T08:30:13.500Z"
SERVING = Champion(2, "2", "d", "s3://a/m.tar.gz")
PLAN = {"strategy": "canary", "reason": "One of two instances first."}
VERDICT = {
    "stand": "failed",
    "reason": "It fails more often.",
    "signals": {
        "errors": {"canary": {"requests": 412, "hits": 20}, "serving": {"requests": 400, "hits": 1}},
        "latency": {"canary": {"requests": 412, "hits": 3}},
    },
}


def release(sequence: int = 3, **changes: Any) -> Release:
    values: dict[str, Any] = dict.fromkeys(("dataset", "holdout", "model_data_url", "instance_type", "name"), "x")
    values |= {"why": "Better: auc 0.94.", "plan": PLAN, "state": "FAILED", "instance_count": 1, "at": AT, **changes}
    return Release(sequence=sequence, run="demo-iris-0123456789", version=str(sequence), endpoint="demo-iris", **values)


def run(state: str, code: str, **changes: Any) -> Run:
    known = Run("demo-iris-0123456789", "demo", "iris", "0123456789", "flowers.csv", "1", AT, state, AT)
    values: dict[str, Any] = {"reason_code": code, "reason": "So it is.", "version": "3", **changes}
    return Run(**{name: getattr(known, name) for name in known.__slots__} | values)


def settled(outcome: str, code: str, **changes: Any) -> Release:
    return release(**{"outcome": outcome, "reason_code": code, "reason": "So it is.", **changes})


def incident(**changes: Any) -> Incident:
    name = "demo-iris-20260131T083012-0123abcd"
    values: dict[str, Any] = {"release": 3, "rollback": 4, "outcome": "ROLLED_BACK", "done": "Back.", **changes}
    return Incident(name, "demo", "iris", "alarm", "errors", AT, AT, ended_at=AT, **values)


@pytest.mark.parametrize("name", ["release-settled", "retrain-requested"])
def test_events_name_a_tenant_and_a_project_as_they_are_named(name: str) -> None:
    named = json.loads((ROOT / f"events/schemas/{name}.json").read_text())["properties"]
    patterns = [f"^{each.pattern.replace('?:', '')}$" for each in (TENANT, PROJECT)]
    assert [named["tenant"]["pattern"], named["project"]["pattern"]] == patterns


def check(event: Announcement | None) -> Announcement:
    """It is as it is documented."""
    assert event is not None
    jsonschema.validate(event.detail, SCHEMA)
    assert event.kind in {each["detail-type"] for each in EXAMPLES}
    return event


def test_the_examples_are_as_the_schema_says_one_for_each_kind() -> None:
    for each in EXAMPLES:
        jsonschema.validate(each["detail"], SCHEMA)
        assert each["source"] == "headgate"
        assert each["detail-type"] in SCHEMA["title"]
    assert len({each["detail-type"] for each in EXAMPLES}) == len(EXAMPLES) == len(SCHEMA["title"].split(", "))


@pytest.mark.parametrize(
    ("outcome", "code", "kind"),
    [
        ("PROMOTED", "SERVING", "ReleasePromoted"),
        ("ROLLED_BACK", "WORSE_IN_SERVICE", "ReleaseRolledBack"),
        ("ROLLED_BACK", "UPDATE_ROLLED_BACK", "ReleaseRolledBack"),
        ("ROLLED_BACK", "HELD", "ReleaseHeld"),
        ("NOT_PROMOTED", "FROZEN", "ReleaseHeld"),
        ("FAILED", "ENDPOINT_FAILED", "ReleaseFailed"),
        ("FAILED", "States.Timeout", "ReleaseFailed"),
    ],
)
def test_each_ending_of_a_release_is_an_event_and_one_paragraph(outcome: str, code: str, kind: str) -> None:
    made, over = settled(outcome, code, verdict=VERDICT), run(outcome, code, release=3)
    event = check(of_run(over, made, SERVING))
    assert (event.kind, event.detail["release"], event.detail["serving"]) == (kind, 3, {"release": 2, "version": "2"})
    told = ended(over, made, SERVING)
    assert told.subject == f"demo/iris: {outcome}"
    [story] = [each for each in told.message.split("\n\n") if each.startswith("Tried was version 3")]
    assert story == (
        "Tried was version 3 as release 3: Better: auc 0.94. It went into service canary: One of two instances first. "
        "The watch saw: It fails more often; errors 20 of 412 (before: 1 of 400), latency 3 of 412. "
        "Version 2 serves now (release 2)."
    )
    if code != "States.Timeout":
        assert "To do: " in told.message


@pytest.mark.parametrize("code", ["SHADOW_REPORTED", "SHADOW_HELD", "AB_HELD"])
def test_a_release_that_was_tried_and_of_which_nothing_bad_is_known_did_not_fail(code: str) -> None:
    made = settled("NOT_PROMOTED", code, verdict=VERDICT)
    event = check(of_run(run("NOT_PROMOTED", code, release=3), made, SERVING))
    assert (event.kind, event.detail["outcome"], event.detail["reason_code"]) == ("ReleaseHeld", "NOT_PROMOTED", code)


def test_a_version_that_met_a_freeze_before_it_was_a_release_is_held() -> None:
    event = check(of_run(run("NOT_PROMOTED", "FROZEN"), None, None))
    assert (event.kind, event.detail["release"], event.detail["serving"]) == ("ReleaseHeld", None, None)
    told = ended(run("NOT_PROMOTED", "FROZEN"), None, None).message
    assert "headgate unfreeze --project iris --tenant demo" in told
    assert "Tried" not in told


@pytest.mark.parametrize(("state", "code"), [("REJECTED", "EMPTY_FILE"), ("NOT_PROMOTED", "CHAMPION_CHANGED")])
def test_a_run_without_a_release_is_no_event(state: str, code: str) -> None:
    assert of_run(run(state, code), None, SERVING) is None


def test_a_rollback_tells_what_became_of_the_release_that_was_left() -> None:
    made = settled("PROMOTED", "SERVING", sequence=4, incident=incident().incident, repeats=2, why="Release 2 again.")
    event = check(of_incident(incident(), made, release(3), Champion(4, "2", "d", "x")))
    assert (event.kind, event.detail["release"], event.detail["serving"]["release"]) == ("ReleaseRolledBack", 3, 4)
    assert event.detail["incident"] == incident().incident
    told = answered(incident(freezes=True), made, Champion(4, "2", "d", "x"), "2 cents.").message
    assert "What it cost: 2 cents." in told
    assert "Version 2 serves now (release 4)." in told
    assert "headgate unfreeze --tenant demo --project iris" in told


@pytest.mark.parametrize(("outcome", "code"), [("ROLLED_BACK", "UPDATE_ROLLED_BACK"), ("FAILED", "ENDPOINT_FAILED")])
def test_a_rollback_that_did_not_succeed_failed(outcome: str, code: str) -> None:
    made = settled(outcome, code, sequence=4, incident=incident().incident, repeats=2)
    event = check(of_incident(incident(outcome="FAILED"), made, release(3), Champion(3, "3", "d", "x")))
    assert (event.kind, event.detail["release"], event.detail["serving"]["release"]) == ("ReleaseFailed", 4, 3)
    assert of_incident(incident(rollback=None), None, release(3), SERVING) is None
