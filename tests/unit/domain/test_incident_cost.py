"""What people are told an answer cost."""

from dataclasses import replace
from typing import Any

import pytest

from headgate.domain.incident_cost import told_cost
from headgate.domain.incidents import Incident
from headgate.domain.releases import Release

AT = "2026-01-31T08:30:12.000Z"
INCIDENT = Incident(
    *("demo-iris-20260131T083012-0123abcd", "demo", "iris", "a", "errors", AT, AT), action="rollback",
    outcome="ROLLED_BACK", decided_at="2026-01-31T08:30:00.000Z", ended_at="2026-01-31T08:45:00.000Z",
)  # fmt: skip
MADE = Release(
    *(4, "r", "d", "h", "2", "s3://b/m", "demo-iris-r4", "demo-iris", "why", "IN_SERVICE", AT, "ml.m5.xlarge", 1),
    capacity_after=2,
)
RETRAIN: dict[str, Any] = {"action": "retrain", "outcome": "RETRAINING_ASKED_FOR"}


@pytest.mark.parametrize(
    ("incident", "made", "last", "said"),
    [
        ({}, {}, None, "0.50 instance hours of ml.m5.xlarge beside those that served, at most, about 0.12 USD"),
        ({}, {"capacity_after": None}, None, "0.25 instance hours"),
        ({"ended_at": "2026-01-31T08:30:05.000Z"}, {}, None, "10 instance seconds of ml.m5.xlarge"),
        ({"ended_at": "2026-01-31T08:30:05.000Z"}, {}, None, "less than a cent"),
        ({}, {"instance_type": "ml.x9.huge"}, None, "a price that is not known"),
        ({}, {"serverless": {"memory_mb": 2048}}, None, "no instances"),
        ({"kind": "endpoint", "outcome": "REPAIRED"}, {}, None, "in the place of those that failed"),
        (RETRAIN, None, 0.254, "the last one came to about 0.25 USD"),
        (RETRAIN, None, None, "A retraining, whose record will tell"),
        ({"action": "rollback-then-retrain"}, {}, 1.0, "about 0.12 USD at list prices, on demand. A retraining;"),
        ({"action": "page", "outcome": "PAGED"}, None, None, "nothing was started"),
        ({"outcome": "TAKEN_OUT_OF_SERVICE"}, None, None, "not paid for any longer"),
    ],
)
def test_people_are_told_what_an_answer_costs_beside_what_is_paid_anyway(
    incident: dict[str, Any], made: dict[str, Any] | None, last: float | None, said: str
) -> None:
    release = replace(MADE, **made) if made is not None else None
    assert said in told_cost(replace(INCIDENT, **incident), release, None, last)
