"""Planning, deploying and settling releases, on a real table of moto's and an endpoint in memory.

A freeze that holds a release is played with deaths before and after every call that changes something; all that a
release does is played so in `tests/unit/crashes`.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.errors import EndpointBusyError, EndpointTakenError, LeaseLostError, NameTakenError
from headgate.domain.freezes import Freeze
from headgate.domain.releases import EndpointState
from headgate.domain.runs import Ending, Outcome
from headgate.services.endpoint_changed import wake_promotion

from .conftest import IRIS, LATER, FakeEndpoints, FakeTasks, deploy, serve, settle, take


class Crash(Exception):
    """The process dies here."""


class Dying:
    """Lets calls through until one of them, counted, kills the process: before it or after it."""

    CHANGES = frozenset(
        {
            "write",
            "wait_for_endpoint",
            "ensure_model",
            "ensure_config",
            "ensure",
            "remove",
            "create",
            "update",
            "succeed",
        }
    )

    def __init__(self, at: int, after: bool) -> None:
        self.left, self.after = at, after

    def around(self, whom: Any) -> Any:
        outer = self

        class Proxy:
            def __getattr__(self, name: str) -> Any:
                call = getattr(whom, name)
                return outer.guard(call) if name in outer.CHANGES else call

        return Proxy()

    def guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Crash
            answer = call(*arguments, **options)
            if self.left == 0:
                raise Crash
            return answer

        return guarded


def states(ledger: Ledger) -> list[str]:
    found = (ledger.release(IRIS, number) for number in itertools.count(1))
    return [release.state for release in itertools.takewhile(lambda release: release is not None, found)]


def changed(ledger: Ledger, endpoints: Any, tasks: Any) -> str:
    event = {"detail": {"EndpointName": IRIS.endpoint}}
    return wake_promotion(event, ledger=ledger, endpoints=endpoints, tasks=tasks)


def test_a_first_and_a_second_release(plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks) -> None:
    for name, sequence in (("a", 1), ("b", 2)):
        assert plan(name)["sequence"] == sequence
        deploy(ledger, endpoints, tasks, sequence, f"token {name}")
        assert changed(ledger, endpoints, tasks) == "moving"
        endpoints.rest()
        assert changed(ledger, endpoints, tasks) == "woken"
        assert changed(ledger, endpoints, tasks) == "awake"  # the event, once more
        assert settle(ledger, endpoints, sequence) == "PROMOTED"
    assert states(ledger) == ["RETIRED", "IN_SERVICE"]
    head = ledger.head(IRIS)
    assert head.champion is not None
    assert (head.champion.version, head.champion.sequence, head.holdout) == ("version-b", 2, "holdout")


def test_the_holdout_is_the_last_that_a_version_was_judged_on_where_there_was_none(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    found = []
    for sequence, (name, holdout) in enumerate({"a": "a", "b": "a", "c": "c", "d": "a"}.items(), 1):
        plan(name, holdout=holdout)
        serve(ledger, endpoints, tasks, sequence)
        found.append(ledger.head(IRIS).holdout)
    assert found == ["a", "a", "c", "c"]


def test_a_run_that_plans_twice_gets_one_release(plan: Any, ledger: Ledger) -> None:
    assert plan("a") == plan("a")
    assert states(ledger) == ["PLANNED"]


def freeze(ledger: Ledger, **changes: Any) -> None:
    frozen = replace(Freeze("ada", "The auditors come.", "2026-01-01T00:00:00.000Z"), **changes)
    ledger.write(IRIS, replace(ledger.head(IRIS), freeze=frozen))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "FROZEN"),
        ({"until": LATER}, "FROZEN"),
        ({"until": "2026-01-01T00:00:00.500Z"}, None),
        ({"lifted_by": "ada", "lifted_at": "2026-01-01T00:00:00.500Z"}, None),
    ],
)
def test_a_frozen_project_plans_no_release_while_the_freeze_holds(
    changes: dict[str, Any], code: str | None, plan: Any, ledger: Ledger
) -> None:
    freeze(ledger, **changes)
    planned = plan("a")
    assert planned.get("reason_code") == code
    assert states(ledger) == ([] if code else ["PLANNED"])
    if code:
        assert planned["outcome"] == "NOT_PROMOTED"
        assert all(word in planned["reason"] for word in ("by ada", "The auditors come.", "headgate unfreeze"))


@pytest.mark.parametrize(("at", "after"), [(0, True), (1, False), *((at, True) for at in range(1, 9))])
def test_a_freeze_between_plan_and_endpoint_holds_the_release_and_frees_the_lease(
    at: int, after: bool, plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    freeze(ledger)
    dying = Dying(at, after)
    for whom in ((dying.around(ledger), dying.around(tasks)), (ledger, tasks)):
        try:
            deploy(whom[0], endpoints, whom[1], 1)
        except Crash:
            continue
        except LeaseLostError:  # it was written, and nobody heard of it: the machine asks what came of it
            break
    assert settle(ledger, endpoints, 1) == "NOT_PROMOTED"
    assert (states(ledger), endpoints.state, ledger.lease(IRIS).holder) == (["HELD"], None, None)
    assert ledger.release(IRIS, 1).reason_code == "FROZEN"  # type: ignore[union-attr]
    freeze(ledger, lifted_at="2026-01-01T00:00:00.500Z")
    plan("b")
    serve(ledger, endpoints, tasks, 2)


def test_what_began_before_the_freeze_goes_on(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    freeze(ledger)
    serve(ledger, endpoints, tasks, 1)
    assert ledger.head(IRIS).freeze is not None  # whoever writes the head keeps it


def test_a_refused_update_keeps_the_champion(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    settle(ledger, endpoints, 1)
    plan("b")
    endpoints.broken = frozenset({"demo-iris-r2"})
    deploy(ledger, endpoints, tasks, 2)
    endpoints.rest()
    assert settle(ledger, endpoints, 2) == "ROLLED_BACK"
    assert states(ledger) == ["IN_SERVICE", "FAILED"]
    assert ledger.head(IRIS).champion.sequence == 1  # type: ignore[union-attr]


def test_a_settled_release_keeps_its_ending_whatever_the_endpoint_does_later(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    serve(ledger, endpoints, tasks, 1)
    endpoints.state = EndpointState("Failed", "demo-iris-r1", "later")
    assert settle(ledger, endpoints, 1) == "PROMOTED"


def test_an_endpoint_that_failed_to_come_up_is_made_anew(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    endpoints.broken = frozenset({"demo-iris-r1"})
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    endpoints.rest()
    assert settle(ledger, endpoints, 1) == "FAILED"
    plan("b")
    with pytest.raises(EndpointBusyError):  # it is deleted first; the state machine tries again
        deploy(ledger, endpoints, tasks, 2)
    serve(ledger, endpoints, tasks, 2)


def test_an_endpoint_on_its_way_elsewhere_is_not_touched(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    endpoints.state = EndpointState("Updating", "an-earlier-one")
    with pytest.raises(EndpointBusyError):
        deploy(ledger, endpoints, tasks, 1)
    assert endpoints.updates == 0


@pytest.mark.parametrize("served", [(), ("a",)], ids=["Creating", "Updating"])
def test_an_endpoint_that_does_not_come_to_rest_is_left_alone_and_settled_when_it_does(
    served: tuple[str, ...], plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, runs: Any
) -> None:
    """Long after its plan is over: SageMaker refuses every change, so people are told (`endpoint-stuck`), and no one is
    told an ending that may not be one, neither by the promotion nor by who closes its run, nor does another begin.
    """
    for name in served:
        plan(name)
        deploy(ledger, endpoints, tasks, 1)
        endpoints.rest()
        settle(ledger, endpoints, 1)
    sequence = plan("b")["sequence"]
    deploy(ledger, endpoints, tasks, sequence)
    changes, stuck = endpoints.updates, "2026-01-03T00:00:00.000Z"
    assert settle(ledger, endpoints, sequence, now=stuck) == "IN_PROGRESS"
    with pytest.raises(EndpointBusyError):  # the execution has run out of time, and its run is to be closed
        runs.end_failed(IRIS, "demo-iris-b", Ending(Outcome.FAILED, "TIMED_OUT", "Too long."))
    with pytest.raises(EndpointBusyError):
        plan("c")  # waited for a whole term, and took the lease over
    assert (states(ledger)[-1], ledger.run(IRIS, "demo-iris-b").ended) == ("DEPLOYING", False)  # type: ignore[union-attr]
    assert endpoints.updates == changes
    endpoints.rest()
    assert plan("c")["outcome"] == "NOT_PROMOTED"  # judged against another champion
    assert ledger.release(IRIS, sequence).outcome == "PROMOTED"  # type: ignore[union-attr]
    assert runs.end_failed(IRIS, "demo-iris-b", Ending(Outcome.FAILED, "TIMED_OUT", "Too long.")).outcome == "PROMOTED"


def test_a_promotion_that_was_stopped_is_settled_by_the_next_one(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1)
    with pytest.raises(EndpointBusyError):
        plan("b")
    endpoints.rest()
    assert plan("b", judged_against=1)["sequence"] == 2
    assert states(ledger) == ["IN_SERVICE", "PLANNED"]
    assert ledger.head(IRIS).champion.sequence == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("judged_against", [None, 1])
def test_a_version_judged_before_another_one_was_crowned_is_refused(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, judged_against: int | None
) -> None:
    if judged_against:
        plan("a")
        deploy(ledger, endpoints, tasks, 1)
        endpoints.rest()
        settle(ledger, endpoints, 1)
    plan("b")
    left_behind = 2 if judged_against else 1
    deploy(ledger, endpoints, tasks, left_behind)
    endpoints.rest()  # nobody settles it: its execution was stopped, and the next dataset was validated before
    ledger.keep_verdict(IRIS, left_behind, {"stand": "passed", "reason": "Seen."})
    refusal = plan("c", judged_against=judged_against)
    assert (refusal["outcome"], refusal["reason_code"]) == ("NOT_PROMOTED", "CHAMPION_CHANGED")
    assert f"release {left_behind} serves now" in refusal["reason"]
    assert "Drop the dataset again" in refusal["reason"]
    assert states(ledger)[-1] == "IN_SERVICE"  # the one left behind; none was planned
    assert ledger.head(IRIS).champion.sequence == left_behind  # type: ignore[union-attr]
    assert endpoints.goal == f"demo-iris-r{left_behind}"


def test_a_release_whose_promotion_stopped_before_the_endpoint_was_touched_is_never_deployed(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    assert plan("b")["sequence"] == 2
    release = ledger.release(IRIS, 1)
    assert release is not None
    assert (release.state, release.reason_code) == ("FAILED", "NOT_DEPLOYED")
    with pytest.raises(LeaseLostError):  # a task of the stopped promotion that is still at work
        deploy(ledger, endpoints, tasks, 1)
    assert endpoints.state is None


def test_an_endpoint_of_another_deployment_is_not_touched(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    endpoints.state = EndpointState("InService", "demo-iris-r1")  # it has the very names that this release has
    endpoints.owned_by = "another stack's ledger"
    with pytest.raises(NameTakenError, match="not made by this deployment"):
        deploy(ledger, endpoints, tasks, 1)
    assert (states(ledger), endpoints.updates, tasks.given) == (["PLANNED"], 0, [])


def test_a_release_keeps_when_it_was_put_in_service(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    for name, sequence, now in (("a", 1, "2026-01-01"), ("b", 2, "2026-01-02")):
        plan(name)
        deploy(ledger, endpoints, tasks, sequence)
        endpoints.rest()
        settle(ledger, endpoints, sequence, now=now)
    newest, oldest = ledger.releases(IRIS)
    assert (newest.in_service_at, newest.at) == ("2026-01-02", "2026-01-02")
    assert (oldest.state, oldest.in_service_at, oldest.at) == ("RETIRED", "2026-01-01", "2026-01-02")


def test_an_event_of_an_earlier_change_wakes_nobody(
    plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks
) -> None:
    plan("a")
    deploy(ledger, endpoints, tasks, 1, "first")
    endpoints.rest()
    changed(ledger, endpoints, tasks)
    settle(ledger, endpoints, 1)
    plan("b")
    early: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            if name == "update":  # the event of the first change comes again, just before the second
                early.append(changed(ledger, endpoints, tasks))
            return getattr(endpoints, name)

    deploy(ledger, Watched(), tasks, 2, "second")
    assert early == ["ignored"]
    assert "second" not in tasks.given


def test_two_projects_never_share_an_endpoint(
    aws: boto3.Session, ledger: Ledger, make_run: Any, tasks: FakeTasks
) -> None:
    names = {"pk": "ENDPOINT#demo-iris", "sk": "OWNER", "tenant": "acme", "project": "iris"}  # as no names can clash
    aws.client("dynamodb").put_item(TableName="ledger", Item={key: {"S": value} for key, value in names.items()})
    ledger.add_run(make_run("x"))
    with pytest.raises(EndpointTakenError):
        take(ledger, tasks, make_run("x").run)


def test_an_unknown_endpoints_event_is_ignored(ledger: Ledger, endpoints: Any, tasks: Any) -> None:
    assert changed(ledger, endpoints, tasks) == "ignored"
