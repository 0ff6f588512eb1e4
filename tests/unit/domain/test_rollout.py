"""The planner: what it chooses, and that AWS would take every plan that it makes."""

from typing import Any, get_args

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import example, given
from hypothesis import strategies as st

from headgate.domain.endpoint_settings import EndpointSettings, RolloutSettings
from headgate.domain.rollout import Plan, Strategy, Wishes, plan
from headgate.domain.stand import TRIALS
from headgate_local.sagemaker.hosting import plan as local

ALARMS = ["errors", "latency"]
UPDATE = get_session().get_service_model("sagemaker").operation_model("UpdateEndpoint").input_shape
WISHES = st.builds(
    Wishes,
    bake_seconds=st.integers(0, 5000),
    strategy=st.sampled_from(["auto", *Strategy]),
    canary_percent=st.integers(1, 50),
    step_percent=st.integers(5, 50),
    keep_seconds=st.none() | st.integers(0, 5000),
)
TYPES = st.sampled_from(["ml.m5.large", "ml.c7g.xlarge", "ml.g5.xlarge", "ml.inf2.xlarge", "ml.p4d.24xlarge"])


def errors_of(deployment: dict[str, Any], count: int) -> list[str]:
    """What AWS documents against a DeploymentConfig for a variant of so many instances."""
    request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": deployment}
    said = [error.generate_report() for error in [ParamValidator().validate(request, UPDATE)] if error.has_errors()]
    alarms = deployment["AutoRollbackConfiguration"]["Alarms"]
    if not 1 <= len(alarms) <= 10:
        said.append("alarms")
    if ("BlueGreenUpdatePolicy" in deployment) == ("RollingUpdatePolicy" in deployment):
        said.append("policies")
    rolling = deployment.get("RollingUpdatePolicy")
    policy = rolling or deployment["BlueGreenUpdatePolicy"]
    routing = rolling or policy["TrafficRoutingConfiguration"]
    wait, keep = routing["WaitIntervalInSeconds"], policy.get("TerminationWaitInSeconds", 0)
    if not (0 <= wait <= 3600 and 0 <= keep <= 3600):
        said.append("waits")
    bounds = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
    sizes = {name: routing[name]["Value"] for name in bounds if name in routing}
    wanted = {"CANARY": {"CanarySize"}, "LINEAR": {"LinearStepSize"}, "ALL_AT_ONCE": set()}
    if set(sizes) != ({"MaximumBatchSize"} if rolling else wanted[routing["Type"]]):
        said.append("sizes")
    for name, size in sizes.items():
        low, high = bounds[name]
        if not low * count <= 100 * size <= high * count:
            said.append(name)
    # As AWS might count: with a wait after the last linear step and the last batch, too.
    steps = 0 if not sizes else 1 if "CanarySize" in sizes else -(-count // min(sizes.values()))
    limit = policy["MaximumExecutionTimeoutInSeconds"]
    if not (600 <= limit <= 28_800 and limit > wait * steps + keep):
        said.append("time limit")
    return said


@given(WISHES, TYPES, st.integers(1, 200))
@example(Wishes(bake_seconds=3000, strategy="linear", step_percent=5), "ml.m5.large", 2)
@example(Wishes(bake_seconds=3600, strategy="linear", step_percent=5, keep_seconds=0), "ml.m5.large", 3)
def test_every_plan_keeps_to_the_rules_of_aws(wishes: Wishes, instance_type: str, serving: int) -> None:
    made = plan(wishes, instance_type, serving)
    deployment = made.deployment(ALARMS)
    assert deployment is not None
    assert errors_of(deployment, serving) == []


@given(WISHES, TYPES, st.integers(1, 60))
def test_the_local_sagemaker_takes_every_plan_and_does_what_it_says(
    wishes: Wishes, instance_type: str, serving: int
) -> None:
    made = plan(wishes, instance_type, serving)
    deployment = made.deployment(ALARMS)
    assert deployment is not None
    counts = {"main": serving}
    local.check(deployment, ["main"], [{"VariantName": "main", "InstanceType": instance_type}], counts)
    steps = local.steps(deployment, counts, counts)
    assert tuple(step.active["main"] for step in steps) == made.stages
    assert sum(step.wait for step in steps) == made.wait_seconds


@given(WISHES, TYPES, st.none() | st.integers(1, 60))
def test_a_plan_says_why_and_ends_with_every_instance(wishes: Wishes, instance_type: str, serving: int | None) -> None:
    made = plan(wishes, instance_type, serving)
    assert made.stages[-1] == (serving or 1)
    assert list(made.stages) == sorted(set(made.stages))
    assert made.reason.endswith(".")
    assert made.guarded == (serving is not None)


def chosen(serving: int | None, instance_type: str = "ml.m5.large", **wishes: Any) -> Plan:
    return plan(Wishes(**wishes), instance_type, serving)


@pytest.mark.parametrize(
    ("serving", "wishes", "strategy", "stages"),
    [
        (1, {}, "all_at_once", (1,)),
        (1, {"strategy": "canary"}, "all_at_once", (1,)),
        (1, {"strategy": "rolling"}, "all_at_once", (1,)),
        (2, {}, "canary", (1, 2)),
        (3, {"canary_percent": 50}, "canary", (1, 3)),
        (10, {"canary_percent": 30}, "canary", (3, 10)),
        (4, {"strategy": "linear"}, "linear", (1, 2, 3, 4)),
        (5, {"strategy": "linear", "step_percent": 50}, "linear", (2, 4, 5)),
        (30, {"strategy": "linear", "step_percent": 5}, "linear", tuple(range(3, 31, 3))),
        (39, {"strategy": "rolling", "step_percent": 5}, "rolling", (*range(2, 39, 2), 39)),
        (4, {"strategy": "all_at_once"}, "all_at_once", (4,)),
    ],
)
def test_what_is_chosen(serving: int, wishes: dict[str, Any], strategy: str, stages: tuple[int, ...]) -> None:
    made = chosen(serving, **wishes)
    assert (made.strategy, made.stages) == (strategy, stages)


def test_accelerated_machines_are_replaced_in_turn() -> None:
    made = chosen(4, "ml.g5.xlarge")
    assert (made.strategy, made.stages) == (Strategy.ROLLING, (1, 2, 3, 4))
    assert "may not be had" in made.reason
    assert chosen(4, "ml.m5.large").strategy == Strategy.CANARY


def test_a_single_instance_is_told_what_happens_instead_of_a_canary() -> None:
    assert chosen(1, strategy="canary").reason == (
        "A single instance cannot be split, and a canary is at most half of them, so there is no canary deployment of "
        "it. An instance with the new version takes all requests at once; the old stays up for 10 min, and an alarm "
        "brings the requests back."
    )


def test_a_canary_is_told_in_a_sentence() -> None:
    assert chosen(4, bake_seconds=300, keep_seconds=120).reason == (
        "4 instances can be split. 1 of 4 instances with the new version takes requests first; after 5 min without an "
        "alarm all do, and the old ones stay up for 2 min more."
    )


@pytest.mark.parametrize(("serving", "instance_type"), [(None, "ml.m5.large"), (2, "ml.inf1.xlarge")])
def test_where_nothing_can_guard_nothing_is_promised(serving: int | None, instance_type: str) -> None:
    made = chosen(serving, instance_type, strategy="linear")
    assert (made.strategy, made.guarded, made.deployment(ALARMS), made.wait_seconds) == ("all_at_once", False, None, 0)


@pytest.mark.parametrize(("bake", "blind"), [(0, True), (60, True), (61, False)])
def test_a_bake_too_short_for_an_alarm_is_told(bake: int, blind: bool) -> None:
    for serving in (1, 4):
        assert ("may not ring in time" in chosen(serving, bake_seconds=bake).reason) == blind


def test_all_at_once_is_watched_for_the_longer_of_both_waits() -> None:
    assert chosen(1, bake_seconds=300, keep_seconds=10).keep_seconds == 300
    assert chosen(1, bake_seconds=30, keep_seconds=400).keep_seconds == 400


def test_waits_that_would_take_too_long_are_shortened_evenly_and_it_is_told() -> None:
    made = chosen(30, strategy="linear", step_percent=10, bake_seconds=3600, keep_seconds=1800)
    assert made.limit_seconds <= 28_800
    assert made.bake_seconds == pytest.approx(2 * made.keep_seconds, abs=2)
    assert 1800 < made.bake_seconds < 3600
    assert "shortened" in made.reason
    assert "shortened" not in chosen(30, strategy="linear", bake_seconds=600).reason


def test_the_settings_of_a_project_are_the_planners_words() -> None:
    settings = EndpointSettings().rollout.model_dump()
    assert Wishes.of(settings, 600) == Wishes()
    asked = RolloutSettings(strategy="linear", bake_minutes=1.5, termination_wait_minutes=0, step_percent=50)
    wishes = Wishes.of(asked.model_dump(), 600)
    assert (wishes.strategy, wishes.bake_seconds, wishes.keep_seconds, wishes.step_percent) == ("linear", 90, 0, 50)
    words = set(get_args(RolloutSettings.model_fields["strategy"].annotation))
    assert words == {"auto", *Strategy, *TRIALS}
