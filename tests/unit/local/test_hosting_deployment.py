"""A deployment walks its steps, and can be turned back at any time."""

import threading
from contextlib import suppress

import pytest
from waiting import eventually

from headgate_local.sagemaker.hosting.deployment import Deployment, Report, TurnedBack
from headgate_local.sagemaker.hosting.hosting import in_background
from headgate_local.sagemaker.hosting.plan import Step, steps, way_back
from headgate_local.sagemaker.hosting.variant import DeploymentFailed

ONE = "main"
FOREVER = 3600


class Fleet:
    """Counts only; it may be told to fail when it grows beyond a number."""

    def __init__(self, count: int, most: int = 99) -> None:
        self.count, self.most = count, most

    def counts(self) -> dict[str, int]:
        return {ONE: self.count}

    def resize(self, counts) -> None:
        if counts[ONE] > self.most:
            raise DeploymentFailed("no capacity")
        self.count = counts[ONE]


class Walk:
    """A deployment with what it told and where it sent the traffic."""

    def __init__(self, old: Fleet, new: Fleet, limit: float = FOREVER) -> None:
        self.old, self.new = old, new
        self.told: list[Report] = []
        self.shares: list[float] = []
        self.deployment = Deployment(old, new, self.shift, self.told.append, limit)

    def shift(self, step: Step) -> None:
        self.shares.append(step.share(ONE))

    @property
    def statuses(self) -> list[str]:
        return [report.status for report in self.told]


def canary(wait: float, termination: float = 0) -> dict:
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": wait, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}}


def four(deployment: dict) -> tuple[Step, ...]:
    return steps(deployment, {ONE: 4}, {ONE: 4})


def test_all_steps_are_taken_in_order() -> None:
    walk = Walk(Fleet(4), Fleet(0))
    walk.deployment.go(four(canary(0.01, 0.01)))
    assert walk.shares == [0.25, 1.0]
    assert walk.statuses == ["Creating", "ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking", "Deleting"]
    assert (walk.old.count, walk.new.count) == (0, 4)
    assert walk.told[0].message == "Launching 4 instance(s)."
    assert walk.told[1].message == "Activating traffic on canary capacity of 1 instance(s)."
    assert walk.told[-1].message == "Terminating 4 instance(s)."


def test_turning_back_ends_a_wait_at_once_and_the_first_reason_counts() -> None:
    walk, why = Walk(Fleet(4), Fleet(0)), []

    def go() -> None:
        with suppress(TurnedBack):
            try:
                walk.deployment.go(four(canary(FOREVER)))
            except TurnedBack as turned:
                why.append(str(turned))
                raise

    thread = threading.Thread(target=go)
    thread.start()
    eventually(lambda: walk.statuses[-1:] == ["Baking"])
    walk.deployment.turn_back("first")
    walk.deployment.turn_back("second")
    thread.join(10)
    assert why == ["first"]
    walk.deployment.go_back(way_back(canary(0), (walk.old.counts(), walk.new.counts()), {ONE: 4}, {ONE: 4}))
    assert walk.shares == [0.25, 0.0]
    assert (walk.old.count, walk.new.count) == (4, 0)


def test_one_that_is_turned_back_before_it_begins_gets_no_traffic() -> None:
    walk = Walk(Fleet(4), Fleet(0))
    walk.deployment.turn_back("early")
    with pytest.raises(TurnedBack, match="early"):
        walk.deployment.go(four({}))
    assert (walk.shares, walk.new.count) == ([], 0)


def test_one_that_takes_too_long_is_turned_back() -> None:
    walk = Walk(Fleet(4), Fleet(0), limit=0.05)
    with pytest.raises(TurnedBack, match="MaximumExecutionTimeoutInSeconds"):
        walk.deployment.go(four(canary(FOREVER)))
    assert walk.shares == [0.25]


def test_a_stalled_one_takes_too_long_as_well() -> None:
    walk = Walk(Fleet(4), Fleet(0), limit=0.05)
    with pytest.raises(TurnedBack, match="MaximumExecutionTimeoutInSeconds"):
        walk.deployment.stall(lambda: True)


def test_a_fleet_that_cannot_grow_ends_it_with_the_traffic_as_it_was() -> None:
    rolling = {
        "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2}, "WaitIntervalInSeconds": 0}
    }
    walk = Walk(Fleet(4), Fleet(0, most=3))
    with pytest.raises(DeploymentFailed, match="no capacity"):
        walk.deployment.go(four(rolling))
    assert (walk.shares, walk.old.count, walk.new.count) == ([0.5], 2, 2)
    walk.deployment.go_back(way_back(rolling, (walk.old.counts(), walk.new.counts()), {ONE: 4}, {ONE: 4}))
    assert (walk.shares[-1], walk.old.count, walk.new.count) == (0.0, 4, 0)


def test_the_way_back_fails_when_the_old_fleet_cannot_grow() -> None:
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2}}}
    walk = Walk(Fleet(2, most=2), Fleet(2))
    with pytest.raises(DeploymentFailed, match="no capacity"):
        walk.deployment.go_back(way_back(rolling, ({ONE: 2}, {ONE: 2}), {ONE: 4}, {ONE: 4}))


def test_work_in_the_background_tells_when_it_ends_unexpectedly() -> None:
    told: list[str] = []

    def work() -> None:
        raise OSError("no space left")

    in_background(work, "work", told.append)
    eventually(lambda: told)
    assert told == ["InternalFailure: the log of the local cloud says more."]
