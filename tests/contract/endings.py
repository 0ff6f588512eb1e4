"""What comes to its end of itself: jobs, endpoints and executions are looked at until they have."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract.live import Cloud
from waiting import eventually

JOB_ENDS = ("Completed", "Failed", "Stopped")
EXECUTION_ENDS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def at_rest(
    describe: Callable[..., dict[str, Any]], status: str, ends: Collection[str] = JOB_ENDS, **which: str
) -> dict[str, Any]:
    """The description of what is named by ``which``, once its status is one of the ends."""

    def look() -> dict[str, Any] | None:
        found = describe(**which)
        return found if found[status] in ends else None

    return eventually(look)


def counted(ask: Callable[[int], str], number: int) -> Counter[str]:
    """How often each answer came to so many requests, some at a time."""
    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(ask, range(number)))


def begin(cloud: Cloud, name: str, role: str, states: dict[str, Any], given: dict[str, Any] | None = None) -> str:
    """Start a machine of these states, of which the first comes first, under a role; the ARN of its execution `one`."""
    client = cloud.client("stepfunctions")
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    machine = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    machine_arn, text = machine["stateMachineArn"], json.dumps(given or {})
    started = client.start_execution(stateMachineArn=machine_arn, name="one", input=text)
    return str(started["executionArn"])


def ended(cloud: Cloud, execution: str) -> dict[str, Any]:
    """The description of an execution that has ended."""
    describe = cloud.client("stepfunctions").describe_execution
    return at_rest(describe, "status", EXECUTION_ENDS, executionArn=execution)


def acted(cloud: Cloud, alarm: str) -> list[dict[str, Any]]:
    """What an alarm has done, once it has done something."""

    def look() -> list[dict[str, Any]]:
        found = cloud.client("cloudwatch").describe_alarm_history(AlarmName=alarm, HistoryItemType="Action")
        return list(found["AlarmHistoryItems"])

    return eventually(look)
