"""What the reconciler finds, kind by kind, and what follows from a finding from round to round."""

from dataclasses import replace
from typing import Any

import pytest

from headgate.domain.incidents import Incident
from headgate.domain.lease import Lease, PlaceInLine
from headgate.domain.names import Project
from headgate.domain.reconcile import (
    REPAIR_FAILS,
    REPAIRED,
    TRIES,
    CompletedUpload,
    Finding,
    FindingOnRecord,
    Followed,
    Kind,
    RuleNow,
    Seen,
    findings,
    findings_of_the_deployment,
    follow_up,
    forget_at,
    is_due,
    is_to_be_started,
)
from headgate.domain.releases import EndpointState, Release
from headgate.domain.runs import Champion, Head, Run
from headgate.domain.scaling import Bounds, Target

IRIS = Project("demo", "iris")
NOW, EARLIER = "2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"
NAME = "demo-iris-20260101T000000-0123abcd"


def run(state: str = "RUNNING", name: str = "a", **changes: Any) -> Run:
    return replace(Run(f"demo-iris-{name}", "demo", "iris", name, "n", "o", EARLIER, state), **changes)


def incident(state: str = "OPEN", **changes: Any) -> Incident:
    return replace(Incident(NAME, "demo", "iris", "a", "errors", EARLIER, EARLIER, state=state), **changes)


def release(state: str = "IN_SERVICE", sequence: int = 1, **changes: Any) -> Release:
    known = Release(
        sequence, "demo-iris-a", "d", "h", "1", "s3://b/k", f"demo-iris-r{sequence}", "demo-iris", "Better.", state,
        EARLIER, "ml.m5.large", 1,
    )  # fmt: skip
    return replace(known, **changes)


def seen(**changes: Any) -> Seen:
    """A project with which all is well: release 1 serves, and its one run has ended."""
    well = Seen(
        IRIS,
        NOW,
        head=Head(champion=Champion(1, "1", "d", "s3://b/k")),
        runs=[run("PROMOTED")],
        releases=[release()],
        endpoint=EndpointState("InService", "demo-iris-r1"),
        all_alarms=["errors", "part"],
        standing=["errors"],
        alarms={"errors": True, "part": False},
    )
    return replace(well, **changes)


def kinds(known: Seen) -> list[str]:
    return [str(each.kind) for each in findings(known)]


def test_nothing_is_found_where_all_is_well() -> None:
    assert kinds(seen()) == []
    assert kinds(Seen(IRIS, NOW)) == []


ACTIVE = replace(seen().head, active="demo-iris-a")
SCALED = release(scaled={"min": 1, "max": 4, "reason": "1 to 4."})
PLACE = PlaceInLine("demo-iris-a", "o", "token", 0, 1)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"runs": [run()], "head": ACTIVE}, "run-left"),
        ({"runs": [run()], "head": ACTIVE, "executions": {"demo-iris-a": "FAILED"}}, "run-left"),
        ({"runs": [run()], "executions": {"demo-iris-a": "ABORTED"}}, "run-left"),
        ({"runs": [run("WAITING")]}, "run-waits"),
        ({"runs": [run("WAITING")], "head": replace(seen().head, waiting="demo-iris-a")}, "run-waits"),
        ({"releases": [release(), release("DEPLOYING", 2)]}, "release-left"),
        (
            {"releases": [release(), release("PLANNED", 2, incident=NAME)], "incidents": [incident("CLOSED")]},
            "release-left",
        ),
        ({"lease": Lease("demo-iris-a", 3)}, "lease-left"),
        ({"lease": Lease(None, 3, waiting=PLACE)}, "lease-left"),
        ({"incidents": [incident()]}, "incident-left"),
        ({"incidents": [incident("DECIDED", decided_at=EARLIER)], "executions": {NAME: "TIMED_OUT"}}, "incident-left"),
        ({"uploads": [CompletedUpload("k", "v", 1, EARLIER, "demo-iris-b")]}, "upload-unseen"),
        ({"endpoint": None}, "endpoint-gone"),
        ({"endpoint": EndpointState("Failed", "demo-iris-r1", modified_at=EARLIER)}, "endpoint-failed"),
        ({"endpoint": EndpointState("UpdateRollbackFailed", "demo-iris-r1", modified_at=EARLIER)}, "endpoint-failed"),
        ({"endpoint": EndpointState("InService", "by-hand")}, "endpoint-differs"),
        ({"alarms": {"part": False}}, "alarm-missing"),
        ({"releases": [SCALED]}, "scaling-lost"),
        ({"releases": [SCALED], "target": Target(Bounds(1, 4), held=True, ours=True)}, "scaling-lost"),
        ({"alarms": {"errors": False, "part": False}}, "alarm-disabled"),
    ],
)
def test_each_kind_is_found(changes: dict[str, Any], kind: str) -> None:
    assert kinds(seen(**changes)) == [kind]


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": [run()], "head": ACTIVE, "executions": {"demo-iris-a": "RUNNING"}},
        {"runs": [run(arrived_at=NOW)], "head": ACTIVE},
        {"runs": [run("WAITING"), run("RUNNING", "b")], "head": Head("demo-iris-b", "demo-iris-a"), "releases": [],
         "executions": {"demo-iris-b": "RUNNING"}},
        {"incidents": [incident()], "executions": {NAME: "RUNNING"}},
        {"lease": Lease("demo-iris-new", 3), "releases": [release(), release("PLANNED", 2, run="demo-iris-new")]},
        {"incidents": [incident(seen_at=NOW)]},
        {"uploads": [CompletedUpload("k", "v", 1, EARLIER, "demo-iris-a")]},
        {"endpoint": EndpointState("Updating", "by-hand")},
        {"releases": [SCALED], "target": Target(Bounds(1, 4), held=False, ours=True)},
        {"releases": [SCALED], "target": Target(Bounds(1, 4), held=True, ours=False)},
        {"releases": [release(scaled={"min": None, "max": None, "reason": "It is switched off."})]},
        {"endpoint": EndpointState("Failed", "demo-iris-r1", modified_at=NOW)},
        {"endpoint": EndpointState("Failed", "demo-iris-r1", modified_at=EARLIER),
         "incidents": [incident("CLOSED", kind="endpoint")]},
        {"endpoint": None, "incidents": [incident("CLOSED", outcome="TAKEN_OUT_OF_SERVICE", release=1)]},
        {"endpoint": None, "runs": [run()], "lease": Lease("demo-iris-a", 1), "executions": {"demo-iris-a": "RUNNING"}},
        {"alarms": {}, "runs": [run()], "releases": [release(), release("DEPLOYING", 2)],
         "executions": {"demo-iris-a": "RUNNING"}},
    ],
)  # fmt: skip
def test_what_is_under_way_is_let_be(changes: dict[str, Any]) -> None:
    assert kinds(seen(**changes)) == []


_UPDATING, _CREATING = EndpointState("Updating", "demo-iris-r1"), EndpointState("Creating", "demo-iris-r2")
_BACK = EndpointState(
    "Updating", "demo-iris-r2", target="demo-iris-r1", modified_at="2026-01-01T23:00:00.000Z"
)  # an hour ago


@pytest.mark.parametrize(
    ("state", "limit", "endpoint", "way"),
    [
        ("DEPLOYING", 600, _UPDATING, "goes into service since 2026-01-01T00:00:00.000Z"),
        ("DEPLOYING", 600, _CREATING, "goes into service since 2026-01-01T00:00:00.000Z"),
        ("DEPLOYING", 10**6, _UPDATING, ""),
        ("DEPLOYING", 600, replace(_UPDATING, status="InService"), ""),
        ("DEPLOYING", 600, _BACK, "is taken back since 2026-01-01T23:00:00.000Z"),
        ("DEPLOYING", 600, replace(_BACK, modified_at="2026-01-01T23:40:00.000Z"), ""),
        ("TRYING", 0, replace(_BACK, config="demo-iris-r2-try"), "is tried since 2026-01-01T23:00:00.000Z"),
        ("TRYING", 0, replace(_UPDATING, modified_at="2026-01-01T23:40:00.000Z"), ""),
    ],
)
def test_an_endpoint_that_does_not_come_to_rest_is_told(
    state: str, limit: int, endpoint: EndpointState, way: str
) -> None:
    plan = {"limit_seconds": limit, "back_to": "demo-iris-r1"} if state == "DEPLOYING" else None
    late = release(state, 2, at="2026-01-01T00:00:00.000Z", plan=plan)
    going = {"runs": [run()], "head": ACTIVE, "executions": {"demo-iris-a": "RUNNING"}}
    known = replace(seen(**going, releases=[release(), late], endpoint=endpoint), now="2026-01-02T00:00:00.000Z")
    found = [each.said for each in findings(known) if each.kind == "endpoint-stuck"]
    said = f"Release 2 {way}, and the endpoint is {endpoint.status} still."
    assert (found, set(kinds(known))) == (([said], {"endpoint-stuck"}) if way else ([], set()))


def test_a_release_is_settled_before_its_lease_is_freed() -> None:
    left = seen(releases=[release(), release("DEPLOYING", 2)], lease=Lease("demo-iris-a", 3))
    assert kinds(left) == ["release-left"]


@pytest.mark.parametrize(
    ("state", "status", "starts"),
    [("OPEN", None, True), ("OPEN", "FAILED", False), ("DECIDED", None, False), ("DECIDED", "FAILED", False)],
)
def test_what_was_decided_long_ago_is_not_done_now(state: str, status: str | None, starts: bool) -> None:
    assert is_to_be_started(incident(state), status) is starts


def test_an_upload_is_due_after_its_event_must_have_come_and_for_a_week() -> None:
    moments = [
        "2026-01-01T23:50:00.000Z",
        "2026-01-01T23:40:00.000Z",
        "2025-12-27T00:00:00.000Z",
        "2025-12-25T00:00:00Z",
    ]
    assert [is_due(at, NOW) for at in moments] == [False, True, True, False]


def test_rules_and_queues_are_looked_at_too() -> None:
    rules = {"well": RuleNow(True, 1), "gone": None, "bare": RuleNow(True, 0), "off": RuleNow(False, 1)}
    found = findings_of_the_deployment(rules, {"full": 2, "empty": 0})
    assert [(each.subject, str(each.kind)) for each in found] == [
        ("gone", "rule-gone"),
        ("bare", "rule-gone"),
        ("off", "rule-disabled"),
        ("full", "dead-letters"),
    ]


def known(finding: Finding, rounds: int, **changes: Any) -> FindingOnRecord:
    made = FindingOnRecord(finding.key, str(finding.kind), finding.subject, finding.said, "", "", rounds, EARLIER)
    return replace(made, **changes)


def test_people_are_told_once_until_a_finding_changes() -> None:
    gone = Finding(Kind.ENDPOINT_GONE, "demo-iris", "It is deleted.")
    assert follow_up(gone, None).page == "endpoint-gone"
    assert follow_up(gone, known(gone, 1)).page is None
    assert follow_up(gone, known(gone, 7, said="It was another one.")).page == "endpoint-gone"
    assert follow_up(gone, known(gone, 7, over_at=EARLIER)).page == "endpoint-gone"
    assert follow_up(gone, known(gone, 0)) == Followed(True, 1, "endpoint-gone"), "who could not be told is told now"


def test_of_a_repair_they_are_told_once_it_does_not_hold() -> None:
    left = Finding(Kind.LEASE_LEFT, "demo-iris-a", "It has ended.")
    pages = [follow_up(left, known(left, rounds) if rounds else None).page for rounds in range(TRIES + 3)]
    assert pages == [None] * TRIES + [REPAIR_FAILS, None, None]


def test_every_page_that_people_are_sent_to_is_there() -> None:
    from pathlib import Path

    pages = {str(kind) for kind in set(Kind) - REPAIRED} | {REPAIR_FAILS}
    runbooks = Path(__file__).resolve().parents[3] / "docs" / "runbooks"
    assert [page for page in sorted(pages) if not (runbooks / f"{page}.md").exists()] == []


def test_a_finding_that_is_over_is_kept_for_a_week() -> None:
    left = Finding(Kind.LEASE_LEFT, "demo-iris-a", "It has ended.")
    assert forget_at(known(left, 1)) is None
    assert forget_at(known(left, 1, over_at="1970-01-01T00:00:00.000Z")) == 7 * 86_400
