"""Following runs until they end: the ledger says how, the execution's history says where they are now."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of
from headgate.domain.runs import WAITING, Run
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError
from headgate_cli.runs import Records, RunRef, outcome_of
from headgate_cli.stages import Stage, read_stages

_GRACE_SECONDS = 15.0
"""How long the ledger and the execution may disagree on whether a run is over."""

_PERSON = "Await Approval"
"""The state of `promote` in which a person has the word."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: its record (None before it has one), its stages, and what it does or waits for.

    `waits` says that another run of its project goes first, or that a person has to speak; `execution` is the status of
    its execution, None before there is one.
    """

    ref: RunRef
    record: Run | None = None
    stages: tuple[Stage, ...] = ()
    note: str = "arriving"
    execution: str | None = None
    waits: bool = False

    @property
    def outcome(self) -> str | None:
        """How the run ended, or None while it has not."""
        return outcome_of(self.record) if self.record else None

    @property
    def settled(self) -> bool:
        """Whether nothing will change any more: the run is closed and its execution has left the last stage."""
        return self.outcome is not None and self.execution != "RUNNING"

    @property
    def in_doubt(self) -> bool:
        """Whether record and execution disagree, as they do for a moment when a run ends."""
        return self.execution is not None and (self.outcome is None) != (self.execution == "RUNNING")


class Follower:
    """Reads how runs progress. Each look makes at most three requests for a run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._ledger = Records(cloud).ledger
        self._executions = cloud.client("stepfunctions")

    def look(self, ref: RunRef) -> Progress:
        """Where the run stands now."""
        record = self._ledger.run(ref.project, ref.run)
        if record is None:
            return Progress(ref)
        if record.state == WAITING:
            waits_for = self._waits_for(ref)
            return Progress(ref, record, note=waits_for or "starting", waits=bool(waits_for))
        events = self._history("TrainStateMachine", ref.run)
        stages = tuple(read_stages(events))
        note = self._note(ref, stages)
        if waits := note == _PERSON and record.approval is not None and not record.ended:
            note = f"waits for a person: headgate approve --project {ref.project.name} --tenant {ref.project.tenant}"
        return Progress(ref, record, stages, note, _status(events), waits=waits)

    def follow(self, refs: Sequence[RunRef], timeout: float) -> Iterator[list[Progress]]:
        """Look again and again until every run is settled; pauses grow while nothing changes.

        Raises:
            CommandError: when the time is over, or an execution ended and its run was never closed.
        """
        deadline = time.monotonic() + timeout
        shortest, longest = (0.2, 1.0) if self._cloud.is_local else (2.0, 15.0)
        seen = [Progress(ref) for ref in refs]
        pause, doubt_since = shortest, None
        while True:
            now = [progress if progress.settled else self.look(progress.ref) for progress in seen]
            yield now
            if all(progress.settled for progress in now):
                return
            pause = shortest if now != seen else min(pause * 1.3, longest)
            seen = now
            doubtful = [progress for progress in now if progress.in_doubt]
            doubt_since = (doubt_since or time.monotonic()) if doubtful else None
            if doubt_since and time.monotonic() - doubt_since > _GRACE_SECONDS:
                if all(progress.outcome for progress in now):
                    return
                raise CommandError(
                    f"The execution {doubtful[0].ref.run} is {doubtful[0].execution}, but the ledger was not told. "
                    "Look at its history in Step Functions."
                )
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{_still_open(now)} not ended after {timeout:.0f} s; what runs goes on without you, "
                    "`headgate watch` shows it again."
                )
            time.sleep(pause)

    def _waits_for(self, ref: RunRef) -> str:
        active = self._ledger.head(ref.project).active
        return f"waits for {active}, the project's active run" if active not in (None, ref.run) else ""

    def _note(self, ref: RunRef, stages: Sequence[Stage]) -> str:
        """What the running stage does; only the child execution of `promote` has more to say."""
        if not stages or not stages[-1].running:
            return ""
        if stages[-1].name != "promote":
            return stages[-1].state
        inner = read_stages(self._history("PromoteStateMachine", ref.run))
        return inner[-1].state if inner else stages[-1].state

    def _history(self, machine: str, run: str) -> list[Mapping[str, Any]]:
        pages = self._executions.get_paginator("get_execution_history").paginate(
            executionArn=self._cloud.execution_arn(machine, run),
            includeExecutionData=False,
            PaginationConfig={"PageSize": 1000},
        )
        try:
            return [event for page in pages for event in page["events"]]
        except ClientError as error:
            if code_of(error) == "ExecutionDoesNotExist":
                return []
            raise


def utc_now() -> datetime:
    """The present moment, with its time zone."""
    return datetime.now(UTC)


def _status(events: Sequence[Mapping[str, Any]]) -> str | None:
    """The execution's status, read from the last event of its history."""
    if not events:
        return None
    last = str(events[-1]["type"])
    ended = last.startswith("Execution") and last != "ExecutionStarted"
    return last.removeprefix("Execution").upper() if ended else "RUNNING"


def _still_open(progress: Sequence[Progress]) -> str:
    runs = [p.ref.run for p in progress if not p.settled]
    return f"{runs[0]} has" if len(runs) == 1 else f"{len(runs)} runs have"
