"""Starting and ending runs: the two moments at which the next dataset of a project gets its turn.

Each of them also makes sure that the active run is really on its way, so that a lost event blocks no project for good.

People are told by the reactor on the ledger's stream (`run_ended`), so that no ending is written without being told.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import LeaseChanged, RunEnded, RunStarted
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Executions, Tasks
from headgate.domain.errors import ConflictError, EndpointBusyError, LeaseLostError
from headgate.domain.failures import ending_of
from headgate.domain.lease import leave
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.runs import Ending, Run, Start, Supersede, Wait, admit, superseded
from headgate.services.settle_release import settled
from headgate.services.take_endpoint import wake_next

_ATTEMPTS = 8
_LONGEST_PAUSE_SECONDS = 2.0


def given_to(run: Run) -> dict[str, str]:
    """The input of a run's execution. It depends on nothing but the run, so that starting twice is the same start."""
    return {"tenant": run.tenant, "project": run.project, "run": run.run, "dataset": run.dataset}


@dataclass(frozen=True, slots=True)
class Runs:
    """Starts and ends runs; made anew for each event, since `now` is its time.

    Every method is safe to repeat, at any point of an earlier attempt. Each raises ConflictError when other writers
    were faster on every attempt; then the event comes back and tries again.
    """

    ledger: Ledger
    executions: Executions
    open_endpoints: Callable[[], Endpoints]  # only a release left behind needs them, and their client is slow to make
    open_tasks: Callable[[], Tasks]  # likewise
    now: str

    def request_start(self, run: Run) -> str:
        """Give a recorded run its turn: start it, let it wait behind the active one, or end it as superseded.

        Returns:
            The decision in one word: started, waiting, superseded, or ended when the run had ended before.
        """
        project = Project(run.tenant, run.project)
        for attempt in range(_ATTEMPTS):
            known = self.ledger.run(project, run.run)
            if known is not None and known.ended:
                return "ended"
            head = self.ledger.head(project)
            try:
                match admit(head, run.run, run.order):
                    case Start():
                        if head.active is None:
                            self.ledger.write(project, replace(head, active=run.run), RunStarted(run.run))
                        self._start(project, run)
                        return "started"
                    case Wait(supersedes):
                        if head.waiting != run.run:
                            ends = [RunEnded(supersedes, superseded(run.run), self.now)] if supersedes else []
                            following = replace(head, waiting=run.run, waiting_order=run.order)
                            self.ledger.write(project, following, *ends)
                        self.start_active(project)
                        return "waiting"
                    case Supersede(by):
                        self.ledger.write(project, head, RunEnded(run.run, superseded(by), self.now))
                        return "superseded"
            except ConflictError as error:
                _step_aside(attempt, error)
        raise AssertionError("unreachable: the loop returns or raises")

    def end(self, project: Project, run: str, ending: Ending) -> None:
        """Write a run's one terminal record, and start the run that waited behind it.

        Whatever the run still has of the endpoint's lease, or in the line for it, is given back by the same write. A
        run that has ended keeps its ending, and what waits is started again in case an attempt died on the way.
        """
        for attempt in range(_ATTEMPTS):
            known = self.ledger.run(project, run)
            head = self.ledger.head(project)
            if known is not None and known.ended and head.active != run:
                break
            following = (
                replace(head, active=head.waiting, waiting=None, waiting_order="") if head.active == run else head
            )
            starts = [RunStarted(following.active)] if following.active not in (None, head.active) else []
            ends = [] if known is not None and known.ended else [RunEnded(run, ending, self.now)]
            lease = self.ledger.lease(project)
            left = leave(lease, run)
            leaves = [LeaseChanged(left)] if left != lease else []
            try:
                self.ledger.write(project, following, *ends, *starts, *leaves)
                break
            except ConflictError as error:
                _step_aside(attempt, error)
        lease = self.ledger.lease(project)
        if lease.holder is None and lease.waiting is not None:
            wake_next(project, ledger=self.ledger, tasks=self.open_tasks())
        self.start_active(project)

    def end_failed(self, project: Project, run: str, failure: Ending) -> Ending:
        """End a run that could not reach an end of its own; `failure` says why.

        A release of it that is on its way is settled first: a promotion that happened is told as one, and the next run
        is judged against what really serves.

        Returns:
            The ending: the release's, or the failure where no release tells anything else.

        Raises:
            EndpointBusyError: while the endpoint is still on its way; then nothing is written.
        """
        known, ending = self.ledger.run(project, run), failure
        release = self.ledger.release(project, known.release) if known is not None and known.release else None
        if release is not None:
            told = release.ending or self._settled(project, release, failure)
            if told is None:
                raise EndpointBusyError(project.endpoint)
            ending = replace(told, version=release.version, metrics=failure.metrics)
        self.end(project, run, ending)
        return ending

    def _settled(self, project: Project, release: Release, failure: Ending) -> Ending | None:
        try:
            lease = self.ledger.enter(project, release.holder, if_free=True)
        except LeaseLostError:
            return None  # who took the lease over settles the release too
        endpoints = self.open_endpoints()
        return settled(project, release, lease, ledger=self.ledger, endpoints=endpoints, now=self.now, stopped=failure)

    def start_active(self, project: Project) -> None:
        """Start the run that the ledger names as active, if there is one; harmless when it is on its way.

        When its execution is over, the event that should have ended the run was lost; it is ended here.
        """
        active = self.ledger.head(project).active
        if active is not None and (run := self.ledger.run(project, active)) is not None:
            self._start(project, run)

    def _start(self, project: Project, run: Run) -> None:
        if self.executions.start(run.run, given_to(run)):
            return
        stop = self.executions.stopped(run.run)
        if stop is None:
            return
        try:
            self.end_failed(project, run.run, ending_of(stop))
        except EndpointBusyError:
            return  # whoever asked has done its part; the project's next event or upload comes back to this run


def _step_aside(attempt: int, error: ConflictError) -> None:
    """After a lost race wait a little, longer each time and never the same; after the last attempt give up."""
    if attempt == _ATTEMPTS - 1:
        raise error
    time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * 2**attempt / 2**_ATTEMPTS))  # noqa: S311 - no secret
