"""What scales an endpoint is kept through every release: held before the change, let go again after every ending."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.freezes import Freeze
from headgate.domain.releases import EndpointState
from headgate.domain.scaling import Bounds, Target

from .conftest import IRIS, FakeEndpoints, FakeScaling, FakeTasks, deploy, settle

Release = Callable[..., str]


@pytest.fixture
def targets(endpoints: FakeEndpoints) -> FakeScaling:
    return endpoints.targets


@pytest.fixture
def release(plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks) -> Release:
    """A release from its plan to its ending; says which."""

    def release(name: str, **settings: Any) -> str:
        sequence = plan(name, **settings)["sequence"]
        deploy(ledger, endpoints, tasks, sequence)
        endpoints.rest()
        return settle(ledger, endpoints, sequence)

    return release


def grown(endpoints: FakeEndpoints, instances: int) -> None:
    """Requests came, and instances with them."""
    assert endpoints.state is not None
    endpoints.state = replace(endpoints.state, instances=instances)


def test_a_first_release_scales_by_default(release: Release, targets: FakeScaling, ledger: Ledger) -> None:
    assert release("a") == "PROMOTED"
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)
    served = ledger.release(IRIS, 1)
    assert served is not None
    assert (served.bounds_before, served.scaled) == (
        None,
        {"min": 1, "max": 2, "reason": "1 to 2 instances, so that each takes some 3000 requests in a minute."},
    )


def test_nothing_is_scaled_in_while_a_release_is_on_its_way(
    release: Release, plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, targets: FakeScaling
) -> None:
    release("a")
    grown(endpoints, 2)
    plan("b")
    deploy(ledger, endpoints, tasks, 2)
    assert targets.known is not None
    assert targets.known.held
    assert targets.removed == 0
    endpoints.rest()
    assert settle(ledger, endpoints, 2) == "PROMOTED"
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)
    settled = ledger.release(IRIS, 2)
    assert settled is not None
    assert (settled.capacity_before, settled.capacity_after) == (2, 2)
    assert settled.bounds_before == {"min": 1, "max": 2}


def test_a_release_that_is_turned_back_leaves_what_the_version_scales_by_that_serves(
    release: Release, endpoints: FakeEndpoints, targets: FakeScaling
) -> None:
    release("a", scaling={"max": 5})
    endpoints.broken = frozenset({"demo-iris-r2"})
    assert release("b", scaling={"max": 9}) == "ROLLED_BACK"
    assert targets.known == Target(Bounds(1, 5), held=False, ours=True)


def test_a_release_that_never_touched_the_endpoint_holds_nothing(
    release: Release, plan: Any, ledger: Ledger, endpoints: FakeEndpoints, targets: FakeScaling
) -> None:
    release("a")
    plan("b")
    targets.hold(IRIS.endpoint, yes=True)  # and then its process died
    assert settle(ledger, endpoints, 2) == "FAILED"
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)


def test_an_endpoint_that_is_being_changed_is_held_no_longer_either(
    release: Release, plan: Any, ledger: Ledger, endpoints: FakeEndpoints, targets: FakeScaling
) -> None:
    release("a")
    plan("b")
    targets.hold(IRIS.endpoint, yes=True)
    endpoints.state = EndpointState("Updating", "demo-iris-r1")
    assert settle(ledger, endpoints, 2) == "FAILED"
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)


def test_a_release_that_meets_a_freeze_holds_nothing(
    release: Release, plan: Any, ledger: Ledger, endpoints: FakeEndpoints, tasks: FakeTasks, targets: FakeScaling
) -> None:
    release("a")
    plan("b")
    freeze = Freeze("ada", "The auditors come.", "2026-01-01T00:00:00.000Z")
    ledger.write(IRIS, replace(ledger.head(IRIS), freeze=freeze))
    deploy(ledger, endpoints, tasks, 2)
    assert endpoints.updates == 0
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)


@pytest.mark.parametrize("broken", [frozenset(), frozenset({"demo-iris-r2"})])
def test_other_machines_are_scaled_no_less_whether_they_come_up_or_not(
    release: Release, endpoints: FakeEndpoints, targets: FakeScaling, broken: frozenset[str]
) -> None:
    """SageMaker refuses the update while a target is registered; bounds that a schedule had set stay."""
    schedules = [{"cron": "0 7 * * ? *", "min": 4, "max": 8}]
    release("a", scaling={"schedules": schedules})
    targets.known, endpoints.broken = Target(Bounds(4, 8), held=False, ours=True), broken
    release("b", instance_type="ml.m5.xlarge", scaling={"schedules": schedules})
    assert targets.removed == 1
    assert targets.known == Target(Bounds(4, 8), held=False, ours=True)


@pytest.mark.parametrize("settings", [{"scaling": {"enabled": False}}, {"instance_type": "ml.t2.medium"}])
def test_what_shall_not_or_cannot_scale_has_no_target_and_says_why(
    release: Release, targets: FakeScaling, ledger: Ledger, settings: dict[str, Any]
) -> None:
    release("a")
    release("b", **settings)
    assert targets.known is None
    settled = ledger.release(IRIS, 2)
    assert settled is not None
    assert settled.scaled is not None
    assert settled.scaled["max"] is None
    assert "scal" in settled.scaled["reason"]


def test_a_target_that_somebody_else_registered_is_left_alone(
    release: Release, targets: FakeScaling, ledger: Ledger
) -> None:
    theirs = targets.known = Target(Bounds(1, 40), held=False, ours=False)
    release("a")
    release("b")
    assert targets.known == theirs
    settled = ledger.release(IRIS, 2)
    assert settled is not None
    assert settled.scaled is not None
    assert settled.scaled["reason"].startswith("Somebody else registered")


def test_what_aws_refuses_ends_no_release_and_holds_nothing(
    release: Release, targets: FakeScaling, ledger: Ledger
) -> None:
    release("a")
    targets.refuses = True
    assert release("b") == "PROMOTED"
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)
    settled = ledger.release(IRIS, 2)
    assert settled is not None
    assert settled.scaled is not None
    assert "No such time zone." in settled.scaled["reason"]


SERVERLESS = {"memory_mb": 2048, "max_concurrency": 5}


def test_a_serverless_endpoint_has_nothing_to_scale_and_captures_nothing(
    release: Release, endpoints: FakeEndpoints, targets: FakeScaling, ledger: Ledger
) -> None:
    assert release("a", serverless=SERVERLESS, capture_percent=100) == "PROMOTED"
    served = ledger.release(IRIS, 1)
    assert served is not None
    assert (served.serverless, served.capture_percent) == (SERVERLESS, 0)
    assert served.scaled is not None
    assert served.scaled["reason"].startswith("A serverless endpoint scales by itself")
    assert targets.known is None
    assert endpoints.state is not None
    endpoints.state = replace(endpoints.state, serverless=True)
    assert release("b", capture_percent=100) == "PROMOTED"  # the way to instances is open
    assert endpoints.deployment is None
    assert targets.known == Target(Bounds(1, 2), held=False, ours=True)


def test_an_endpoint_on_instances_stays_on_instances_and_its_release_says_why(release: Release, ledger: Ledger) -> None:
    release("a")
    release("b", serverless=SERVERLESS, capture_percent=100)
    served = ledger.release(IRIS, 2)
    assert served is not None
    assert (served.serverless, served.capture_percent) == (None, 100)
    assert "delete the endpoint when nobody needs it" in (served.reason or "")
