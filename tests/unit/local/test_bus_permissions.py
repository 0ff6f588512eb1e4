"""Which rule a call to EventBridge is about, as policies name it."""

import json
from typing import Any

import pytest

from headgate_local.seams.bus import rule

ARN = "arn:aws:events:eu-central-1:000000000000"


@pytest.mark.parametrize(
    ("operation", "asked", "named"),
    [
        ("DescribeRule", {"Name": "due"}, "rule/due"),
        ("DescribeRule", {"Name": "due", "EventBusName": "default"}, "rule/due"),
        ("ListTargetsByRule", {"Rule": "due"}, "rule/due"),
        ("PutTargets", {"Rule": "due", "EventBusName": "own", "Targets": []}, "rule/own/due"),
        ("CreateEventBus", {"Name": "own"}, None),
        ("PutEvents", {"Entries": []}, None),
        ("ListRules", {}, None),
    ],
)
def test_a_rule_has_the_name_that_aws_gives_it(operation: str, asked: dict[str, Any], named: str | None) -> None:
    found = rule({"X-Amz-Target": f"AWSEvents.{operation}"}, json.dumps(asked).encode(), ARN)
    assert found == (f"{ARN}:{named}" if named else None)
