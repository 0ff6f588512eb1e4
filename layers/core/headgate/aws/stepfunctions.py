"""Step Functions: start executions by name, wake the ones that wait."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.failures import Stop
from headgate.domain.names import execution_arn

OVER = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
"""Statuses of an execution that has ended."""


class Executions:
    """The executions of one state machine; the execution's name is the de-duplication.

    `starting` is the client that starts them: to IAM a start is of the machine, whosoever execution it will be.
    """

    def __init__(self, client: Any, state_machine_arn: str, *, starting: Any) -> None:
        self._client = client
        self._starting = starting
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, given: Mapping[str, Any]) -> bool:
        """Start an execution; False when one of that name ran already.

        Starting a running one again with the same input is a success that changes nothing; names stay taken for 90
        days after the end (StartExecution, API reference).
        """
        try:
            with translated(f"start {name}"):
                self._starting.start_execution(
                    stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(given, sort_keys=True)
                )
        except ClientError as error:
            if code_of(error) == "ExecutionAlreadyExists":
                return False
            raise
        return True

    def stopped(self, name: str) -> Stop | None:
        """How an execution ended; None while it runs, or when there is none of that name."""
        found = self._describe(name)
        if found is None or found["status"] not in OVER:
            return None
        return Stop(found["status"], found.get("error", ""), found.get("cause", ""))

    def status(self, name: str) -> str | None:
        """The status of an execution as Step Functions writes it; None when there is none of that name."""
        found = self._describe(name)
        return str(found["status"]) if found is not None else None

    def _describe(self, name: str) -> dict[str, Any] | None:
        arn = execution_arn(self._state_machine_arn, name)
        try:
            with translated(f"describe {name}"):
                found: dict[str, Any] = self._client.describe_execution(executionArn=arn)
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return None
            raise
        return found


class Tasks:
    """Tasks that wait for their token."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Give a token back; False when nobody waits for it any more (answered before, timed out, or gone)."""
        try:
            with translated("give a task token back"):
                self._client.send_task_success(taskToken=token, output=json.dumps(output))
        except ClientError as error:
            if code_of(error) in {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}:
                return False
            raise
        return True
