from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate_cli.stages import read_stages, road_through, seconds_by_stage, stage_name
from headgate_cli.story import stretches_of

MACHINE = Path(__file__).parents[3] / "statemachines" / "train.asl.yaml"

BEGIN = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def event(kind: str, second: float, state: str = "") -> dict[str, Any]:
    """An event as GetExecutionHistory gives it, without what nobody reads here."""
    details = {"TaskStateEntered": "stateEnteredEventDetails", "TaskStateExited": "stateExitedEventDetails"}
    at = BEGIN + timedelta(seconds=second)
    return {"type": kind, "timestamp": at} | ({details[kind]: {"name": state}} if kind in details else {})


def test_a_stage_is_the_verb_of_its_state() -> None:
    assert stage_name("Train The Challenger") == "train"


def test_ended_and_running_stages_are_told_apart() -> None:
    stages = read_stages(
        [
            event("ExecutionStarted", 0),
            event("TaskStateEntered", 0, "Validate The Dataset"),
            event("TaskStateExited", 1.5, "Validate The Dataset"),
            event("ChoiceStateEntered", 1.5),
            event("TaskStateEntered", 2, "Train The Challenger"),
        ]
    )
    assert [(stage.name, stage.running) for stage in stages] == [("validate", False), ("train", True)]
    assert seconds_by_stage(stages, BEGIN + timedelta(seconds=5)) == {"validate": 1.5, "train": 3.0}


def test_a_state_entered_twice_is_one_stage() -> None:
    stages = read_stages(
        [
            event("TaskStateEntered", 0, "Settle The Release"),
            event("TaskStateExited", 1, "Settle The Release"),
            event("TaskStateEntered", 31, "Settle The Release"),
            event("TaskStateExited", 33, "Settle The Release"),
        ]
    )
    assert [(stage.name, stage.seconds) for stage in stages] == [("settle", 3.0)]


def test_an_execution_that_fails_breaks_the_stage_that_ran() -> None:
    stages = read_stages([event("TaskStateEntered", 0, "Train The Challenger"), event("ExecutionTimedOut", 9)])
    assert [(stage.broken, stage.running, stage.seconds) for stage in stages] == [(True, False, 9.0)]


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=7))
def test_the_stages_of_a_sequence_take_its_whole_time(durations: list[float]) -> None:
    events, second = [], 0.0
    for number, duration in enumerate(durations):
        events.append(event("TaskStateEntered", second, f"Step{number} It"))
        second += duration
        events.append(event("TaskStateExited", second, f"Step{number} It"))
    total = sum(seconds_by_stage(read_stages(events), BEGIN).values())
    assert abs(total - second) <= 0.001 * len(durations)


def ways(states: dict[str, Any], at: str) -> Iterator[tuple[str, ...]]:
    """The stages of every way from a state to the end on which no task fails."""
    state = states[at]
    stage = (stage_name(at),) if state["Type"] == "Task" else ()
    onward = [choice["Next"] for choice in state.get("Choices", ())]
    onward += [state[name] for name in ("Next", "Default") if name in state]
    if not onward:
        yield stage
    for following in dict.fromkeys(onward):
        for rest in ways(states, following):
            yield tuple(dict.fromkeys(stage + rest))


def test_the_roads_are_those_of_the_state_machine() -> None:
    machine = yaml.safe_load(MACHINE.read_text(encoding="utf-8"))
    whole = {way for way in ways(machine["States"], machine["StartAt"]) if "promote" in way}
    assert {len(way) for way in whole} > {7, 8, 10}  # trained, planned, searched
    assert {road_through(way) for way in whole} == whole
    assert {stage_name(name) for name, state in machine["States"].items() if state["Type"] == "Task"} == set().union(
        *whole
    )


def test_the_road_of_a_search_goes_through_it() -> None:
    stages = read_stages(
        [
            event(kind, second, state)
            for second, state in enumerate(("Validate It", "Plan It", "Train It", "Search For It"))
            for kind in ("TaskStateEntered", "TaskStateExited")
        ]
    )
    told = [(stretch.name, stretch.state) for stretch in stretches_of(stages, "FAILED")]
    assert told[:6] == [
        ("validate", "passed"),
        ("plan", "passed"),
        ("train", "passed"),
        ("search", "stopped"),
        ("choose", "unreached"),
        ("evaluate", "unreached"),
    ]
