"""Runs `promote` as it is written, beside others of its kind: its states, expressions, retries and catches.

MiniStack's interpreter would do so too, with a thread and a second for each wait; this one waits for nothing.
"""

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonata
import yaml

from .account import Account, DiedError

_NEVER = datetime.max.replace(tzinfo=UTC)
_FILE = Path(__file__).resolve().parents[3] / "statemachines/promote.asl.yaml"
DEFINITION: dict[str, Any] = yaml.safe_load(_FILE.read_text())
DIED = "Lambda.Unknown"
"""What Step Functions calls the end of a function whose process died (developer guide: Lambda errors)."""

Invoke = Callable[[str, dict[str, Any]], Any]


@lru_cache(maxsize=256)
def _compiled(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text)


class StateFailedError(Exception):
    """A state machine's own failure: its error and cause."""


class Promotion:
    """One execution of `promote`, or a branch of one; `step` goes on until it waits or has ended.

    `invoke` runs the function of a name. `waits_for` is a task token, "time" for a state that only waits until
    `wakes_at`, "branches" for those of a parallel state, or None.
    """

    def __init__(self, name: str, given: Any, account: Account, invoke: Invoke, *, machine: Any = None) -> None:
        self.name, self._given, self._account, self._invoke = name, given, account, invoke
        self._variables: dict[str, Any] = {}
        self._machine = machine or DEFINITION
        self._execution = given
        self._tokens = 0
        self.branches: list[Promotion] = []
        self.waits_for: str | None = None
        self.wakes_at = _NEVER
        self.timed_out = False
        self.output: Any = None
        self.failure: tuple[str, str] | None = None
        self.ended = False
        self.states: list[str] = []
        self._road = self._play()

    @property
    def ready(self) -> bool:
        """Whether there is something to go on with."""
        if self.ended:
            return False
        if self.waits_for == "branches":
            return any(each.ready or each.failure for each in self.branches) or all(e.ended for e in self.branches)
        waits = self.waits_for
        return waits is None or self.timed_out or (waits != "time" and self._account.tokens.get(waits) is not None)

    def waiting(self) -> list["Promotion"]:
        """Itself or its branches, those that wait for a token or for time."""
        if self.waits_for == "branches":
            return [waits for each in self.branches for waits in each.waiting()]
        return [] if self.ended else [self]

    def step(self) -> None:
        """Go on to the next wait, or to the end."""
        if self.waits_for == "branches" and not any(each.failure for each in self.branches):
            for each in self.branches:
                if each.ready:
                    each.step()
                    return
        try:
            self.waits_for = next(self._road)
        except StopIteration:
            self.ended, self.waits_for = True, None
        except StateFailedError as failure:
            self.ended, self.waits_for, self.failure = True, None, failure.args

    def _play(self) -> Generator[str, None, None]:
        name, given = self._machine["StartAt"], self._given
        while name:
            self.states.append(name)
            state = self._machine["States"][name]
            match state["Type"]:
                case "Task":
                    name, given = yield from self._task(state, given)
                case "Parallel":
                    name, given = yield from self._parallel(state, given)
                case "Choice":
                    name, given = self._choose(state, given)
                case "Wait":
                    yield from self._sleep(self._value(state["Seconds"], {"input": given}))
                    name = state["Next"]
                case "Pass":
                    name, given = self._leave(state, {"input": given}, given)
                case "Fail":
                    known = {"input": given}
                    raise StateFailedError(self._value(state["Error"], known), self._value(state["Cause"], known))
                case "Succeed":
                    name = ""
        self.output = given

    def _sleep(self, seconds: float) -> Generator[str, None, None]:
        self.wakes_at = self._account.now + timedelta(seconds=seconds)
        yield "time"
        self.timed_out, self.wakes_at = False, _NEVER

    def _parallel(self, state: dict[str, Any], given: Any) -> Generator[str, None, tuple[str, Any]]:
        for number, branch in enumerate(state["Branches"]):
            child = Promotion(f"{self.name} {number}", given, self._account, self._invoke, machine=branch)
            child._variables, child._execution = dict(self._variables), self._execution
            self.branches.append(child)
        while not all(each.ended for each in self.branches) and not any(each.failure for each in self.branches):
            yield "branches"
        failure = next((each.failure for each in self.branches if each.failure), None)
        output = [each.output for each in self.branches]
        self.states += [name for each in self.branches for name in each.states]
        for token in [each.waits_for for each in self.branches if each.waits_for]:
            self._account.tokens.pop(token, None)
        self.branches = []
        if failure is None:
            return self._leave(state, {"input": given, "result": output}, output)
        return self._caught(state, {"input": given}, failure)

    def _caught(self, state: dict[str, Any], known: dict[str, Any], error: tuple[str, str]) -> tuple[str, Any]:
        for catch in state.get("Catch", []):
            if {error[0], "States.ALL"} & set(catch["ErrorEquals"]):
                told = {**known, "errorOutput": {"Error": error[0], "Cause": error[1]}}
                return self._leave(catch, told, told["errorOutput"])
        raise AssertionError(f"{self.name} failed: {error}")

    def _task(self, state: dict[str, Any], given: Any) -> Generator[str, None, tuple[str, Any]]:
        attempts: dict[int, int] = {}
        while True:
            self._tokens += 1
            token = f"{self.name} {self._tokens}"
            known = {"input": given, "context": {"Execution": {"Input": self._execution}, "Task": {"Token": token}}}
            arguments = self._value(state["Arguments"], known)
            error = yield from self._attempt(state, arguments, token)
            if isinstance(error, Answer):
                return self._leave(state, {**known, "result": error.value}, error.value)
            if (wait := _retried(state, error[0], attempts)) is not None:
                if wait > 5:  # long enough for an endpoint to come to rest
                    yield from self._sleep(wait)
                continue
            return self._caught(state, known, error)

    def _attempt(
        self, state: dict[str, Any], arguments: dict[str, Any], token: str
    ) -> Generator[str, None, "Answer | tuple[str, str]"]:
        if "aws-sdk" in state["Resource"]:
            return Answer(self._account.answer(state["Resource"].rpartition(":")[2], arguments))
        function = arguments["FunctionName"].removeprefix("${").removesuffix("Arn}")
        waits = state["Resource"].endswith(".waitForTaskToken")
        if waits:
            self._account.tokens[token] = None
        try:
            answer = self._invoke(function, arguments["Payload"])
        except DiedError:
            self._account.tokens.pop(token, None)
            return DIED, ""
        except Exception as error:
            self._account.tokens.pop(token, None)
            return type(error).__name__, json.dumps({"errorMessage": str(error)})
        if not waits:
            return Answer({"Payload": answer})
        while self._account.tokens[token] is None:
            yield token
            if self.timed_out:
                self.timed_out = False
                del self._account.tokens[token]
                return "States.Timeout", ""
        given_back = self._account.tokens.pop(token)
        return Answer(json.loads(given_back["output"] if given_back else "null"))

    def _choose(self, state: dict[str, Any], given: Any) -> tuple[str, Any]:
        known = {"input": given, "context": {"Execution": {"Input": self._execution}}}
        for rule in state["Choices"]:
            if self._value(rule["Condition"], known):
                return self._leave(rule, {"input": given}, given)
        return self._leave({**state, "Next": state["Default"]}, {"input": given}, given)

    def _leave(self, state: dict[str, Any], known: dict[str, Any], output: Any) -> tuple[str, Any]:
        following = self._value(state["Output"], known) if "Output" in state else output
        assigned = {name: self._value(value, known) for name, value in state.get("Assign", {}).items()}
        self._variables |= assigned
        return state["Next"], following

    def _value(self, template: Any, known: dict[str, Any]) -> Any:
        if isinstance(template, dict):
            return {name: self._value(each, known) for name, each in template.items()}
        if isinstance(template, list):
            return [self._value(each, known) for each in template]
        if not (isinstance(template, str) and template.strip().startswith("{%")):
            return template
        expression = _compiled(template.strip().removeprefix("{%").removesuffix("%}"))
        for name, each in {**self._variables, "states": known}.items():
            expression.assign(name, each)
        return expression.evaluate(None)


class Answer:
    """What a task came back with."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _retried(state: dict[str, Any], error: str, attempts: dict[int, int]) -> float | None:
    """Seconds until a failed task is tried again, or None when it is not."""
    for number, rule in enumerate(state.get("Retry", [])):
        if {error, "States.ALL"} & set(rule["ErrorEquals"]):
            attempts[number] = attempts.get(number, 0) + 1
            return rule["IntervalSeconds"] if attempts[number] <= rule["MaxAttempts"] else None
    return None
