"""What the history of an execution says about its stages. Pure: events in, stages out.

A stage is a Task state of the `train` machine; its name is the state's verb in lower case. The same reading serves
the `promote` machine, whose current state is shown as the detail of the stage that waits for it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_ENDINGS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run: when it began, and when it ended unless it still runs.

    A state that is entered again (a retry by a loop) is one stage whose seconds add up.
    """

    name: str
    state: str
    began: datetime
    seconds: float
    running: bool = False
    broken: bool = False

    def elapsed(self, now: datetime) -> float:
        """Seconds spent in the stage until now."""
        return self.seconds + (max(0.0, (now - self.began).total_seconds()) if self.running else 0.0)


def road_through(names: Collection[str]) -> tuple[str, ...]:
    """The stages of a run that goes all the way, as far as these of its stages tell.

    A plan is made only where there may be a search, and may be against it. A search stands behind the training of the
    defaults.
    """
    plan = ("plan",) if "plan" in names else ()
    search = ("search", "choose") if "search" in names else ()
    return ("validate", *plan, "train", *search, "evaluate", "judge", "register", "promote", "close")


def stage_name(state: str) -> str:
    """The verb of a state's name: `Train The Challenger` is the stage `train`."""
    return state.split(maxsplit=1)[0].lower()


def read_stages(events: Iterable[Mapping[str, Any]]) -> list[Stage]:
    """The stages in the order they were first entered.

    Args:
        events: the history of one execution in order, as `GetExecutionHistory` gives it.

    Returns:
        Ended stages with their seconds; the last may be running, or broken when the execution ended inside it.
    """
    stages: dict[str, Stage] = {}
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if kind == "TaskStateEntered":
            state = event["stateEnteredEventDetails"]["name"]
            before = stages.get(state)
            stages[state] = Stage(stage_name(state), state, at, before.seconds if before else 0.0, running=True)
        elif kind == "TaskStateExited":
            state = event["stateExitedEventDetails"]["name"]
            if state in stages:
                stages[state] = _ended(stages[state], at)
        elif kind in _ENDINGS:
            stages = {name: _ended(s, at, broken=True) if s.running else s for name, s in stages.items()}
    return list(stages.values())


def seconds_by_stage(stages: Iterable[Stage], now: datetime) -> dict[str, float]:
    """Seconds for each stage's name, rounded to milliseconds."""
    seconds: dict[str, float] = {}
    for stage in stages:
        seconds[stage.name] = round(seconds.get(stage.name, 0.0) + stage.elapsed(now), 3)
    return seconds


def _ended(stage: Stage, at: datetime, *, broken: bool = False) -> Stage:
    return Stage(stage.name, stage.state, stage.began, stage.elapsed(at), broken=broken)
