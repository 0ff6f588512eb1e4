"""Settle a release: read back what the endpoint really serves, and write that into the ledger."""

from dataclasses import dataclass, replace
from typing import Any

from headgate.aws.ledger import Change, Ledger, ReleaseMoved
from headgate.aws.sagemaker import Endpoints
from headgate.domain.errors import NotFoundError
from headgate.domain.names import Project
from headgate.domain.releases import Release, ReleaseState, settle
from headgate.domain.runs import Champion, Ending, Outcome

IN_PROGRESS = {"outcome": "IN_PROGRESS"}


@dataclass(frozen=True, slots=True)
class SettleRelease:
    """The command: which release."""

    project: Project
    sequence: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "SettleRelease":
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), int(event["sequence"]))


def settle_release(command: SettleRelease, *, ledger: Ledger, endpoints: Endpoints, now: str) -> dict[str, Any]:
    """Settle it; a release that is settled keeps its ending.

    Returns:
        The ending for the run's record (`outcome`, `reason_code`, `reason`), or `{"outcome": "IN_PROGRESS"}`.

    Raises:
        ConflictError: when another writer was faster; the state machine tries again.
    """
    release = ledger.release(command.project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {command.project.endpoint} is not in the ledger.")
    ending = settled(command.project, release, ledger=ledger, endpoints=endpoints, now=now)
    return told(ending) if ending is not None else IN_PROGRESS


def told(ending: Ending) -> dict[str, Any]:
    """An ending as `promote` returns it, for the run's record."""
    return {"outcome": str(ending.outcome), "reason_code": ending.reason_code, "reason": ending.reason}


def settled(
    project: Project,
    release: Release,
    *,
    ledger: Ledger,
    endpoints: Endpoints,
    now: str,
    stopped: Ending | None = None,
) -> Ending | None:
    """The ending of a release: the one it has, or the one that its endpoint tells, which is written down.

    `stopped` says why the release's promotion stopped, where that is known.

    Returns:
        The ending, or None while the endpoint is still on its way.
    """
    if release.ending is not None:
        return release.ending
    ending = settle(release, endpoints.describe(release.endpoint), stopped)
    if ending is not None:
        _write(project, release, ending, ledger, now)
    return ending


def _write(project: Project, release: Release, ending: Ending, ledger: Ledger, now: str) -> None:
    head, was = ledger.head(project), ReleaseState(release.state)
    if ending.outcome != Outcome.PROMOTED:
        ledger.write(project, head, ReleaseMoved(release.sequence, was, ReleaseState.FAILED, now, ending))
        return
    changes: list[Change] = [ReleaseMoved(release.sequence, was, ReleaseState.IN_SERVICE, now, ending)]
    if head.champion is not None:
        changes.append(ReleaseMoved(head.champion.sequence, ReleaseState.IN_SERVICE, ReleaseState.RETIRED, now))
    champion = Champion(release.sequence, release.version, release.dataset, release.model_data_url)
    ledger.write(project, replace(head, champion=champion, holdout=head.holdout or release.holdout), *changes)
