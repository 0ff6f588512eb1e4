"""What the record of requests tells: when traffic is lost, when instances are too many, when no machine is worth it."""

from typing import Any

import pytest

from headgate.domain.releases import EndpointState
from headgate.domain.scaling import Scaling
from headgate.domain.serverless import chosen
from headgate.domain.standing_alarms import Patience
from headgate.domain.traffic import chosen_patience

DAY = [200.0] * 23 + [100.0]
ASKED = {"memory_mb": 2048, "max_concurrency": 5}


def patience(
    settings: dict[str, Any] | None = None,
    hours: list[float] | None = None,
    known: int = 24,
    machine: str = "ml.m5.large",
    serverless: bool = False,
    **scaling: Any,
) -> Patience:
    found = hours if hours is not None else DAY
    return chosen_patience(settings or {}, found, known, Scaling.of(scaling, 2), machine, serverless=serverless)


@pytest.mark.parametrize(
    ("given", "requests"),
    [
        ({}, 10),
        ({"hours": []}, 0),
        ({"hours": DAY[:-1]}, 0),  # an hour without any
        ({"hours": DAY[:12], "known": 12}, 0),  # half a day tells nothing
        ({"hours": [*DAY[:-1], 19.0]}, 0),
        ({"settings": {"requests_per_hour": 0}}, 0),
        ({"settings": {"requests_per_hour": 7}}, 7),
    ],
)
def test_traffic_that_came_hour_by_hour_can_be_lost(given: dict[str, Any], requests: int) -> None:
    assert patience(**given).requests_per_hour == requests


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({}, 4),
        ({"max": 9}, 9),
        ({"schedules": [{"cron": "0 7 ? * * *", "min": 5, "max": 12}]}, 12),
        ({"enabled": False}, None),
        ({"machine": "ml.t2.medium"}, None),
        ({"serverless": True}, None),
        ({"settings": {"max_instances": 3}}, 3),
    ],
)
def test_more_instances_than_scaling_may_add_cost_too_much(given: dict[str, Any], most: int | None) -> None:
    assert patience(**given).max_instances == most


@pytest.mark.parametrize(
    ("hours", "serves", "serverless", "said"),
    [
        ([], None, True, ""),
        ([900.0, 3.0], EndpointState("InService", "x", serverless=True), True, ""),
        ([1001.0], EndpointState("InService", "x", serverless=True), False, "1001 requests in its busiest hour"),
        ([], EndpointState("InService", "x"), False, "stays there"),
    ],
)
def test_little_traffic_needs_no_machine_until_it_is_more(
    hours: list[float], serves: EndpointState | None, serverless: bool, said: str
) -> None:
    found, note = chosen(ASKED, serves, hours)
    assert (found == (ASKED if serverless else None), said in note) == (True, True)
