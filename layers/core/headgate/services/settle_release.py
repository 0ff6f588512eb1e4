"""Settle a release: read back what the endpoint really serves, and write that into the ledger."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import Change, LeaseFreed, LeaseKept, ReleaseMoved
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Tasks
from headgate.domain.errors import ConflictError, EndpointBusyError, HeadgateError, LeaseLostError, NotFoundError
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.releases import (
    HOLDING,
    EndpointState,
    Release,
    ReleaseState,
    answers_badly,
    goes_back,
    has_way_back,
    is_condemned_by_its_watch,
    is_on_probation,
    is_tried,
    settle,
)
from headgate.domain.runs import Champion, Ending, Head, Outcome
from headgate.domain.scaling import Bounds
from headgate.domain.stand import Stand
from headgate.services.clean_up import clean_up
from headgate.services.commands import OfRelease
from headgate.services.keep_scaling import hold_capacity, let_scale
from headgate.services.take_endpoint import returned, wake_next

_SECONDS, _SECONDS_ON_PROBATION = 30, 5
"""Until it is looked at again whether a release has come to its end: a history of Step Functions holds the looks of
eight hours; and where its watch tells any moment."""
_UNWATCHED_SECONDS = 120
"""How much longer than it may take to prove itself a release stays in service whose watch says nothing."""


@dataclass(frozen=True, slots=True)
class SettleRelease(OfRelease):
    """The command: which release."""


def settle_release(
    command: SettleRelease, *, ledger: Ledger, endpoints: Endpoints, tasks: Tasks, owner: str, now: str
) -> dict[str, Any]:
    """Settle it and give the endpoint's lease back; a release that is settled keeps its ending.

    After a success a few releases that nobody goes back to are taken away; `owner` is the ledger that their tags name.
    Of a release whose lease another one took over nothing is written here: the new holder settles it.

    Returns:
        The ending for the run's record (`outcome`, `reason_code`, `reason`), or `IN_PROGRESS` with the
        `seconds` after which to look again.

    Raises:
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project = command.project
    release = ledger.release(project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {project.endpoint} is not in the ledger.")
    ending = release.ending
    if ending is None:
        try:
            lease = ledger.enter(project, release.holder, if_free=True)
        except LeaseLostError:
            return _in_progress(release, None)
        ending = settled(project, release, lease, ledger=ledger, endpoints=endpoints, now=now)
    if ending is None:
        return _in_progress(release, endpoints.describe(release.endpoint))
    wake_next(project, ledger=ledger, tasks=tasks)
    if ending.outcome == Outcome.PROMOTED:
        with suppress(HeadgateError):  # the release serves all the same, and the next settlement cleans up again
            clean_up(project, ledger=ledger, endpoints=endpoints, owner=owner, now=now)
    return returned(ending)


def _in_progress(release: Release, endpoint: EndpointState | None) -> dict[str, Any]:
    soon = endpoint is not None and (is_on_probation(release, endpoint) or goes_back(release, endpoint))
    return {"outcome": "IN_PROGRESS", "seconds": _SECONDS_ON_PROBATION if soon else _SECONDS}


def settled(
    project: Project,
    release: Release,
    lease: Lease,
    *,
    ledger: Ledger,
    endpoints: Endpoints,
    now: str,
    stopped: Ending | None = None,
) -> Ending | None:
    """The ending of a release: the one it has, or the one that its endpoint tells, which is written under the lease.

    The release's own run gives the lease back by the same write. A trial that is still in the endpoint is taken away
    first. `stopped` says why the release's promotion stopped, where that is known.

    Returns:
        The ending, or None while the endpoint is still on its way.

    Raises:
        ConflictError: when another writer was faster, or the lease is lost.
    """
    if release.ending is not None:
        return release.ending
    endpoint = endpoints.describe(release.endpoint)
    if release.state == ReleaseState.TRYING and endpoint is not None:
        take_away(project, release, endpoint, lease, ledger, endpoints)
    if endpoint is not None and is_on_probation(release, endpoint):
        if (why := _unproved(release, endpoint, now, stopped)) is not None:
            held = {"stand": str(Stand.HELD), "reason": why, "signals": {}, "at": now}
            ledger.keep_verdict(project, release.sequence, held)  # where there is a last word, that stays
            _send_back(project, release, endpoint, lease, ledger, endpoints)
        return None
    ending = settle(release, endpoint, stopped)
    if ending is not None:
        under = LeaseFreed(lease) if lease.holder == release.holder else LeaseKept(lease)
        # Before the ending is written: whoever dies in between comes back to a release that is not settled.
        scaled = _scaled(project, release, ending, endpoint, lease, ledger=ledger, endpoints=endpoints)
        facts = {"capacity_after": endpoint.instances if endpoint is not None else None, "scaled": scaled}
        _write(project, release, ending, facts, under, ledger, now)
    return ending


def take_away(
    project: Project, release: Release, endpoint: EndpointState, lease: Lease, ledger: Ledger, endpoints: Endpoints
) -> bool:
    """Begin to take a release's trial away from an endpoint at rest; False when there is none, or it cannot be now.

    Of a version that was found worse the requests are taken first, by its weight: a matter of seconds, where the
    configuration that the endpoint goes back to needs instances of its own. The next call goes on from there.
    """
    if release.trial is None or endpoint.in_progress or endpoint.status == "Failed" or not is_tried(release, endpoint):
        return False
    # SageMaker cannot be told a fence: the lease is looked at right before the calls.
    hold_capacity(project, lease, ledger=ledger, scaling=endpoints.scaling(), owner=ledger.name)
    worse = answers_badly(release, endpoint)
    if worse is None or not endpoints.silence(release.endpoint, worse):
        endpoints.update(release.endpoint, release.trial["before"], None)
    return True


def _unproved(release: Release, endpoint: EndpointState, now: str, stopped: Ending | None) -> str | None:
    """Why a release on probation goes back; None while there is time to prove itself."""
    if is_condemned_by_its_watch(release):
        return str((release.verdict or {})["reason"])
    begun = datetime.fromisoformat(endpoint.modified_at or release.at)
    waited = (datetime.fromisoformat(now) - begun).total_seconds()
    late = waited > (release.plan or {})["bake_seconds"] + _UNWATCHED_SECONDS
    return stopped.reason if stopped is not None else "Nobody asked it in time." if late else None


def _send_back(
    project: Project, release: Release, endpoint: EndpointState, lease: Lease, ledger: Ledger, endpoints: Endpoints
) -> None:
    """Begin to give the version before its requests back, on as many instances; the next call goes on from there.

    What takes instances away was held when the release began, and is until it is settled.
    """
    _still(project, lease, ledger)  # SageMaker cannot be told a fence
    with suppress(EndpointBusyError):  # another invocation was faster
        endpoints.update(release.endpoint, (release.plan or {})["back_to"], None, retain=not endpoint.serverless)


def _still(project: Project, lease: Lease, ledger: Ledger) -> None:
    """Application Auto Scaling takes no fence, so the lease is looked at before; a lost one is read again later."""
    try:
        ledger.check(project, lease)
    except LeaseLostError as error:
        raise ConflictError(str(error)) from error


def _scaled(
    project: Project,
    release: Release,
    ending: Ending,
    endpoint: EndpointState | None,
    lease: Lease,
    *,
    ledger: Ledger,
    endpoints: Endpoints,
) -> dict[str, Any] | None:
    serving = release if ending.outcome == Outcome.PROMOTED else ledger.serving(project)
    before = Bounds(release.bounds_before["min"], release.bounds_before["max"]) if release.bounds_before else None
    return let_scale(
        project,
        serving,
        endpoint,
        before,
        scaling=endpoints.scaling(),
        owner=ledger.name,
        still=lambda: _still(project, lease, ledger),
    )


def _write(
    project: Project,
    release: Release,
    ending: Ending,
    facts: dict[str, Any],
    under: LeaseFreed | LeaseKept,
    ledger: Ledger,
    now: str,
) -> None:
    head, was = ledger.head(project), ReleaseState(release.state)
    if ending.outcome != Outcome.PROMOTED:
        state = ReleaseState.HELD if ending.reason_code in HOLDING else ReleaseState.FAILED
        ledger.write(project, head, under, ReleaseMoved(release.sequence, was, state, now, ending, facts))
        return
    # Where there is a way back, what was condemned since it was read takes that.
    moved = ReleaseMoved(
        release.sequence, was, ReleaseState.IN_SERVICE, now, ending, facts, uncondemned=has_way_back(release)
    )
    changes: list[Change] = [under, moved]
    if head.champion is not None:
        changes.append(ReleaseMoved(head.champion.sequence, ReleaseState.IN_SERVICE, ReleaseState.RETIRED, now))
    champion = Champion(release.sequence, release.version, release.dataset, release.model_data_url)
    ledger.write(project, replace(head, champion=champion, holdout=_holdout(head, release)), *changes)


def _holdout(head: Head, release: Release) -> str:
    """The project's holdout from now on: a version is judged on its own dataset where there was none, or none any more
    (an erasure took it away); then that is the holdout, unless the release only brings the version back.
    """
    fresh = release.holdout == release.dataset and release.repeats is None
    return release.holdout if fresh else head.holdout or release.holdout
