"""By which plan a release goes: what the endpoint is, and what the version comes with."""

from dataclasses import replace

import pytest

from headgate.domain.release_plan import planned, tried_beside, way_back
from headgate.domain.releases import EndpointState
from headgate.domain.rollout import Plan, Strategy, Wishes, plan, rollback_plan, serverless_plan

R1 = "demo-iris-r1"
WISHES = Wishes(bake_seconds=90)
M5 = "ml.m5.large"
ON_INSTANCES = EndpointState("InService", R1, instances=4)
SERVERLESS = EndpointState("InService", R1, serverless=True)
FAILED = replace(ON_INSTANCES, status="Failed")


@pytest.mark.parametrize(
    ("before", "serverless", "expected"),
    [
        (None, False, plan(WISHES, M5, None)),
        (ON_INSTANCES, False, plan(WISHES, M5, 4, R1)),
        (FAILED, False, plan(WISHES, M5, None, R1)),
        (None, True, serverless_plan(WISHES, to_instances=False)),
        (SERVERLESS, True, serverless_plan(WISHES, to_instances=False, back_to=R1)),
        (SERVERLESS, False, serverless_plan(WISHES, to_instances=True)),
    ],
)
def test_the_endpoint_and_the_version_choose_the_plan(
    before: EndpointState | None, serverless: bool, expected: Plan
) -> None:
    assert planned(WISHES, M5, before, R1, serverless=serverless) == expected


@pytest.mark.parametrize(
    ("before", "serverless", "expected"),
    [
        (ON_INSTANCES, False, rollback_plan(4)),
        (FAILED, False, rollback_plan(None)),
        (SERVERLESS, True, serverless_plan(WISHES, to_instances=False)),
    ],
)
def test_a_rollback_goes_at_once_and_never_back_to_what_it_leaves(
    before: EndpointState, serverless: bool, expected: Plan
) -> None:
    found = planned(WISHES, M5, before, "demo-iris-r2", serverless=serverless, repeats=True)
    assert found == expected
    assert (found.strategy, found.back_to) == (Strategy.ALL_AT_ONCE, "")


@pytest.mark.parametrize(
    ("before", "serverless", "back_to"),
    [
        (None, False, ""),
        (None, True, ""),
        (ON_INSTANCES, False, R1),
        (SERVERLESS, True, R1),
        (SERVERLESS, False, ""),
        (FAILED, False, R1),
    ],
)
def test_a_way_leads_back_to_what_serves_likewise(before: EndpointState | None, serverless: bool, back_to: str) -> None:
    assert way_back(before, R1, serverless=serverless) == back_to
    assert way_back(before, "", serverless=serverless) == ""


@pytest.mark.parametrize(
    ("endpoint", "champion", "beside"),
    [
        (ON_INSTANCES, R1, R1),
        (ON_INSTANCES, "demo-iris-r2", None),
        (ON_INSTANCES, None, None),
        (FAILED, R1, None),
        (None, R1, None),
    ],
)
def test_a_version_is_tried_beside_the_champion_that_serves(
    endpoint: EndpointState | None, champion: str | None, beside: str | None
) -> None:
    assert tried_beside(endpoint, champion) == beside
