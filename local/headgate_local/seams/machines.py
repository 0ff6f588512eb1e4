"""Seam: state machines act with their own role, and know SageMaker.

MiniStack checks the signature and the policy of a request at its front door; what a state machine's Task calls goes
round that door. Here every Task is checked against the machine's role before it is called.
"""

import contextvars
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import stepfunctions

from headgate_local.pool import WarmPool
from headgate_local.sagemaker.service import SageMaker
from headgate_local.seams import identity, native, permissions

SERVICE = "states.amazonaws.com"


@dataclass(frozen=True)
class Task:
    """The Task state that runs in this context."""

    caller: identity.Caller
    execution: dict[str, Any]
    deadline: float = float("inf")
    """By time.monotonic()."""

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for its result any more."""
        return self.execution["status"] != "RUNNING" or time.monotonic() > self.deadline


task: contextvars.ContextVar[Task | None] = contextvars.ContextVar("headgate_task", default=None)
_callback: contextvars.ContextVar[str | None] = contextvars.ContextVar("headgate_callback", default=None)


def install(sagemaker: SageMaker) -> None:
    """Wrap the five functions of MiniStack that a Task goes through, and add SageMaker's integrations."""
    stepfunctions._execute_task = _announced(_with_role(stepfunctions._execute_task), sagemaker.pool)
    stepfunctions._invoke_resource = _checked(stepfunctions._invoke_resource)
    stepfunctions._invoke_resource_with_timeout = _timed(stepfunctions._invoke_resource_with_timeout)
    stepfunctions._invoke_with_callback = _with_callback(_checked(stepfunctions._invoke_with_callback))
    stepfunctions._call_lambda = _failing_callbacks(stepfunctions._call_lambda)
    stepfunctions._fail_execution = _only_running(stepfunctions._fail_execution)
    native.install(sagemaker, current_task)


def current_task() -> Task:
    """The Task state that runs in this context; only called from within one."""
    running = task.get()
    assert running is not None, "A service integration was called outside of a Task state."
    return running


def _announced(execute: Callable[..., Any], pool: WarmPool) -> Callable[..., Any]:
    """Have the pool warm by the time a machine that runs jobs comes to one."""

    def execute_task(state: Any, raw_input: Any, execution: dict[str, Any], ctx: Any) -> Any:
        if native.runs_jobs(stepfunctions._state_machines[execution["stateMachineArn"]]["definition"]):
            pool.warm()
        return execute(state, raw_input, execution, ctx)

    return execute_task


def _with_role(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Let a Task state act as the machine's role."""

    def execute_task(state: Any, raw_input: Any, execution: dict[str, Any], ctx: Any) -> Any:
        machine = stepfunctions._state_machines[execution["stateMachineArn"]]
        credentials = identity.assume(machine["roleArn"], SERVICE, execution["name"][:64])
        if credentials is None:
            raise stepfunctions._ExecutionError(
                "States.Runtime",
                f"Neither the global service principal {SERVICE}, nor the regional one is authorized to assume the "
                f"provided role {machine['roleArn']}.",
            )
        caller = identity.Caller(credentials.access_key_id)
        token, acting = task.set(Task(caller, execution)), identity.act_as(caller)
        try:
            return execute(state, raw_input, execution, ctx)
        finally:
            identity.stop_acting(acting)
            task.reset(token)

    return execute_task


def _checked(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse what the machine's role does not allow."""

    def invoke_resource(resource: str, input_data: Any, *rest: Any) -> Any:
        running = task.get()
        if running is not None:
            permissions.check(running.caller, resource, input_data)
        return invoke(resource, input_data, *rest)

    return invoke_resource


def _timed(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Let the integration know when its state times out; MiniStack leaves the call running."""

    def invoke_with_timeout(resource: str, input_data: Any, timeout: float) -> Any:
        running = task.get()
        if running is None:  # TestState, which runs a state outside of an execution
            return invoke(resource, input_data, timeout)
        timed = Task(running.caller, running.execution, time.monotonic() + timeout)
        token = task.set(timed)
        try:
            return invoke(resource, input_data, timeout)
        finally:
            task.reset(token)

    return invoke_with_timeout


def _with_callback(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_with_callback(resource: str, input_data: Any, token: str, state: Any) -> Any:
        reset = _callback.set(token)
        try:
            return invoke(resource, input_data, token, state)
        finally:
            _callback.reset(reset)

    return invoke_with_callback


def _failing_callbacks(call: Callable[..., Any]) -> Callable[..., Any]:
    """A Lambda that fails before it handed its task token on fails the state, which would wait forever."""

    def call_lambda(func_ref: str, event: Any) -> Any:
        try:
            return call(func_ref, event)
        except stepfunctions._ExecutionError as error:
            waiting = stepfunctions._task_tokens.get(_callback.get() or "")
            if waiting is not None and not waiting["event"].is_set():
                waiting["error"] = {"Error": error.error, "Cause": error.cause}
                waiting["event"].set()
            raise

    return call_lambda


def _only_running(fail: Callable[..., None]) -> Callable[..., None]:
    """An execution that was stopped stays ABORTED whatever its last Task comes to."""

    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_execution
