"""Endpoints without instances: when a release gets one, and what is said of it."""

import pytest

from headgate.domain.project_file import parse_settings
from headgate.domain.releases import EndpointState
from headgate.domain.rollout import Plan, Strategy, Wishes, serverless_plan
from headgate.domain.scaling import without_instances
from headgate.domain.serverless import capacity_of, chosen

ASKED = {"memory_mb": 3072, "max_concurrency": 8}
ON_INSTANCES = EndpointState("InService", "demo-iris-r1")
SERVERLESS = EndpointState("InService", "demo-iris-r1", serverless=True)


@pytest.mark.parametrize(
    ("asked", "serves", "served_by", "says"),
    [
        (None, None, None, ""),
        (None, SERVERLESS, None, ""),
        (ASKED, None, ASKED, ""),
        (ASKED, SERVERLESS, ASKED, ""),
        (ASKED, ON_INSTANCES, None, "SageMaker turns no endpoint on instances into a serverless one"),
    ],
)
def test_no_endpoint_on_instances_becomes_serverless(
    asked: dict[str, int] | None, serves: EndpointState | None, served_by: dict[str, int] | None, says: str
) -> None:
    found, note = chosen(asked, serves)
    assert found == served_by
    assert says in note
    assert bool(says) == bool(note)


def test_the_variant_is_what_project_yaml_asks_for() -> None:
    settings = parse_settings(b"endpoint: {variant: serverless, serverless: {memory_mb: 3072, max_concurrency: 8}}")
    serverless = settings.endpoint.serverless.model_dump()
    config = {"MemorySizeInMB": 3072, "MaxConcurrency": 8}
    assert capacity_of(serverless, "ml.m5.large", 2) == {"ServerlessConfig": config}
    assert capacity_of(None, "ml.m5.large", 2) == {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    assert parse_settings(b"").endpoint.variant == "instances"


@pytest.mark.parametrize("to_instances", [False, True])
def test_nothing_guards_a_deployment_of_it_and_the_plan_says_so(to_instances: bool) -> None:
    plan = serverless_plan(Wishes(), to_instances=to_instances)
    assert (plan.strategy, plan.guarded, plan.deployment(["an-alarm"])) == (Strategy.ALL_AT_ONCE, False, None)
    assert "SageMaker guards no deployment of it" in plan.reason
    assert ("no request is captured" in plan.reason) is not to_instances
    kept = "" if to_instances else ", no request is captured, and the first one after a pause waits for a start"
    assert plan.reason == (
        "A serverless endpoint has no instances to split, and SageMaker guards no deployment of it: the new version "
        f"takes all requests at once, the alarms that watch what serves lead back{kept}."
    )
    assert (plan.back_to, plan.bake_seconds, plan.stages) == ("", 0, (1,))


def test_where_there_is_a_way_back_it_has_to_prove_itself() -> None:
    plan = serverless_plan(Wishes(bake_seconds=90), to_instances=False, back_to="demo-iris-r1")
    assert (plan.back_to, plan.bake_seconds, plan.wait_seconds, plan.guarded) == ("demo-iris-r1", 90, 0, False)
    assert plan.reason == (
        "A serverless endpoint has no instances to split, and SageMaker guards no deployment of it: the new "
        "version takes all requests at once, requests of our own show whether it answers as it was judged, or "
        "the version before has them again; then, the alarms that watch what serves lead back, no request is "
        "captured, and the first one after a pause waits for a start."
    )
    assert plan == Plan(Strategy.ALL_AT_ONCE, False, (1,), 90, 0, 600, plan.reason, "demo-iris-r1")


def test_it_scales_by_itself() -> None:
    kept = without_instances(ASKED)
    assert (kept.bounds, "up to 8 requests at once" in kept.reason) == (None, True)
