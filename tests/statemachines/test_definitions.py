"""What must hold for every definition, whatever it does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import FOLDER, definition_of

MACHINES = sorted(path.name.removesuffix(".asl.yaml") for path in FOLDER.glob("*.asl.yaml"))


def transitions(state: dict[str, Any]) -> set[str]:
    targets = {state[key] for key in ("Next", "Default") if key in state}
    targets |= {rule["Next"] for rule in [*state.get("Choices", []), *state.get("Catch", [])]}
    return targets


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_reached_and_every_transition_leads_somewhere(machine: str) -> None:
    definition = definition_of(machine)
    states, reached, front = definition["States"], set(), {definition["StartAt"]}
    while front:
        reached |= front
        front = set().union(*(transitions(states[name]) for name in front)) - reached
    assert reached == set(states)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_task_has_a_timeout_and_a_way_out_of_every_error(machine: str) -> None:
    for name, state in definition_of(machine)["States"].items():
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"] > 0, name
            assert state["Retry"], name
            assert any("States.ALL" in rule["ErrorEquals"] for rule in state["Catch"]), name


def states_of(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state, those in branches too."""
    for name, state in states.items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from states_of(branch["States"])


DIES = {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"}
"""What Step Functions calls it when a function's process dies, or runs out of time."""
FAILS_AT_ONCE = {("train", "Validate The Dataset")}
"""It dies of the data, the same each time, and nothing was done before it."""


@pytest.mark.parametrize("machine", MACHINES)
def test_a_function_whose_process_dies_is_tried_again(machine: str) -> None:
    for name, state in states_of(definition_of(machine)["States"]):
        if "lambda:invoke" in state.get("Resource", "") and (machine, name) not in FAILS_AT_ONCE:
            retried = {error for rule in state["Retry"] for error in rule["ErrorEquals"]}
            assert "States.ALL" in retried or retried >= DIES, name


@pytest.mark.parametrize("machine", MACHINES)
def test_retries_back_off_with_jitter_and_end(machine: str) -> None:
    for name, state in definition_of(machine)["States"].items():
        for rule in state.get("Retry", []):
            assert rule["JitterStrategy"] == "FULL", name
            assert rule["BackoffRate"] > 1, name
            assert 0 < rule["MaxAttempts"] <= 10, name
            assert rule["MaxDelaySeconds"] <= 900, name


@pytest.mark.parametrize("machine", MACHINES)
def test_errors_that_are_retried_by_name_exist(machine: str) -> None:
    from headgate.domain import errors

    foreign = re.compile(r"(States|Lambda|Sandbox|Runtime|SageMaker|StepFunctions)\.\w+")
    for state in definition_of(machine)["States"].values():
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]:
            for name in rule["ErrorEquals"]:
                assert foreign.fullmatch(name) or hasattr(errors, name), name


@pytest.mark.parametrize("machine", MACHINES)
def test_substitutions_are_supplied_and_used(machine: str, template: dict[str, Any]) -> None:
    text = (FOLDER / f"{machine}.asl.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)\}", text))
    [resource] = [
        item["Properties"]
        for item in template["Resources"].values()
        if item["Type"] == "AWS::Serverless::StateMachine"
        and Path(item["Properties"]["DefinitionUri"]).name.startswith(machine)
    ]
    assert used == set(resource["DefinitionSubstitutions"])


@pytest.mark.parametrize("machine", MACHINES)
def test_no_yaml_alias_is_used(machine: str) -> None:
    # CloudFormation refuses a definition with aliases (SCHEMA_VALIDATION_FAILED), though it reads YAML.
    events = yaml.parse((FOLDER / f"{machine}.asl.yaml").read_text())
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]
