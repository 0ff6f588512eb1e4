"""Runs a state machine of this repository, every expression and transition of it, with scripted answers for its tasks.

The interpreter is MiniStack's; only what lies behind a task is replaced, so arguments, retries, catches and
choices are the real ones.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from waiting import eventually

from headgate_local.seams import pauses

FOLDER = Path(__file__).resolve().parents[2] / "statemachines"
OUTSIDE = {"SubnetIds": "", "SecurityGroupIds": ""}
"""Of a stack outside of any VPC; a test may put it inside."""
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


def definition_of(machine: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{machine}.asl.yaml").read_text())


@dataclass(frozen=True)
class Failure:
    """A task's answer that is an error."""

    error: str
    cause: str = ""


def raised(error: str, message: str) -> Failure:
    """The failure of a Lambda task as Step Functions tells it: the cause is the function's whole error as JSON."""
    trace = ['  File "/var/task/app.py", line 12, in handler\n    plan = plan_release(command)\n']
    told = {"errorMessage": message, "errorType": error, "requestId": "0b9c", "stackTrace": trace}
    return Failure(error, json.dumps(told))


@dataclass
class Played:
    """How an execution went."""

    status: str
    output: Any
    states: list[str]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: str | None = None

    def given_to(self, task: str) -> dict[str, Any]:
        """The arguments of the last call of a task."""
        return [arguments for name, arguments in self.calls if name == task][-1]


class Stage:
    """Answers tasks from a script: by function name or SageMaker action, a list of answers, the last one repeated.

    An answer may be a function of what the task was given.
    """

    def __init__(self, stepfunctions: Any, script: dict[str, list[Any]]) -> None:
        self._error = stepfunctions._ExecutionError
        self._script = {name: list(answers) for name, answers in script.items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def answer(self, resource: str, arguments: dict[str, Any]) -> Any:
        task = resource.rsplit(":::", maxsplit=1)[-1].split(".", maxsplit=1)[0]
        payload = arguments
        if task == "lambda:invoke":
            task, payload = arguments["FunctionName"], arguments["Payload"]
        elif task.startswith("sagemaker:"):
            _check_against_the_api(task.removeprefix("sagemaker:"), arguments)
        self.calls.append((task, payload))
        answers = self._script[task]
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(given, Failure):
            raise self._error(given.error, given.cause)
        given = given(payload) if callable(given) else given
        return {"StatusCode": 200, "Payload": given} if "lambda:invoke" in resource else given


def _check_against_the_api(action: str, arguments: dict[str, Any]) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(action[0].upper() + action[1:]).input_shape
    report = ParamValidator().validate(arguments, shape)
    assert not report.has_errors(), report.generate_report()


def _name_of(found: "re.Match[str]") -> str:
    """A function is called by its name alone, so that a script can name it; a role must look like one,
    whose name the tenant's ends."""
    name = found[1]
    if name in OUTSIDE:
        return OUTSIDE[name]
    return f"arn:aws:iam::000000000000:role/{name}" if name.endswith("Roles") else name.removesuffix("Arn")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Played]]:
    from ministack.services import iam, stepfunctions

    monkeypatch.setattr(stepfunctions, "_SFN_WAIT_SCALE", 0.0)
    for name in ("time", "_run_execution"):  # what the seam changes, and changes back
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    pauses.install()
    role = "arn:aws:iam::000000000000:role/machine"
    iam._roles["machine"] = {
        "RoleName": "machine",
        "Arn": role,
        "AssumeRolePolicyDocument": json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ]
            }
        ),
    }

    def play(machine: str, given: dict[str, Any], script: dict[str, list[Any]]) -> Played:
        definition = json.dumps(definition_of(machine))
        substituted = _SUBSTITUTION.sub(_name_of, definition)
        stage = Stage(stepfunctions, script)
        monkeypatch.setattr(stepfunctions, "_invoke_resource", stage.answer)
        monkeypatch.setattr(
            stepfunctions,
            "_invoke_with_callback",
            lambda resource, arguments, _token, _state: stage.answer(resource, arguments)["Payload"],
        )
        name = f"{machine}-{threading.get_ident()}-{len(stepfunctions._state_machines)}"
        created = json.loads(
            stepfunctions._create_state_machine({"name": name, "definition": substituted, "roleArn": role})[2]
        )
        assert "stateMachineArn" in created, created
        started = json.loads(
            stepfunctions._start_execution(
                {"stateMachineArn": created["stateMachineArn"], "name": "run", "input": json.dumps(given)}
            )[2]
        )
        execution = stepfunctions._executions[started["executionArn"]]
        eventually(lambda: execution["status"] != "RUNNING", "the end of the execution", 30)
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for event in execution["events"]
            if "stateEnteredEventDetails" in event
        ]
        output = json.loads(execution["output"]) if execution.get("output") else None
        return Played(execution["status"], output, entered, stage.calls, execution.get("error"))

    yield play
    stepfunctions.reset()
    iam._roles.pop("machine", None)


@pytest.fixture(autouse=True)
def no_network(socket_disabled: None) -> None:
    """Nothing here may open a socket."""
