"""Try a release beside the version that serves, step by step, and take it away again.

Each call looks at the ledger and the endpoint, and does what is due: nothing is remembered elsewhere, so that a call
may come twice, late, or after one that died at any point. Who stops for good leaves the trial to `settled`, which takes
it away too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import LeaseKept, ReleaseMoved
from headgate.aws.stepfunctions import Tasks
from headgate.aws.trials import Trials
from headgate.domain.errors import LeaseLostError, NameTakenError, NotFoundError
from headgate.domain.incidents import is_incident
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.release_plan import tried_beside
from headgate.domain.releases import EndpointState, Release, ReleaseState, is_turned_back, refused_as_frozen
from headgate.domain.rollout import Wishes
from headgate.domain.runs import Ending
from headgate.domain.stand import Stand
from headgate.domain.trial import Trial, ended, of_document, pause_of, planned_trial
from headgate.services.commands import OfRelease
from headgate.services.deploy_release import Serving, captured_of, make_model, tags_of
from headgate.services.keep_scaling import hold_capacity
from headgate.services.settle_release import settled, take_away
from headgate.services.take_endpoint import returned, wake_next

GO_ON = {"outcome": "GO_ON"}
"""The trial is over, or there is none: the release takes over as any other does."""
_MOVING_SECONDS = 15
Observe = Callable[[Project, Release, Trial], dict[str, Any]]
"""Looks at a trial; see `observe_trial`."""


@dataclass(frozen=True, slots=True)
class TryRelease(OfRelease):
    """The command: which release."""


@dataclass(frozen=True, slots=True)
class Trying:
    """What a trial needs of the world."""

    ledger: Ledger
    endpoints: Trials
    tasks: Tasks
    serving: Serving
    observe: Observe
    now: str


def try_release(command: TryRelease, world: Trying) -> dict[str, Any]:
    """Do what is due. Safe to repeat at any time.

    Returns:
        `LATER` with the `seconds` until the next call; `GO_ON` where the release takes over now; or the ending of a
        release that does not (`outcome`, `reason_code`, `reason`).

    Raises:
        NameTakenError: when the model, a configuration or the endpoint are another deployment's; nothing is touched.
        EndpointBusyError: when another change of the endpoint began meanwhile.
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project, ledger = command.project, world.ledger
    release = _found(command, ledger)
    if release.ending is not None:
        return returned(release.ending)
    try:
        lease = ledger.enter(project, release.holder)
        if release.state == ReleaseState.PLANNED and release.trial is None:
            return _begun(project, release, lease, world)
        return _going_on(command, release, lease, world) if release.state == ReleaseState.TRYING else GO_ON
    except LeaseLostError:  # who took it over, or a call of the same task that came later, does what is due
        return _later(_MOVING_SECONDS)


def _found(command: TryRelease, ledger: Ledger) -> Release:
    release = ledger.release(command.project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {command.project.endpoint} is not in the ledger.")
    return release


def _later(seconds: int) -> dict[str, Any]:
    return {"outcome": "LATER", "seconds": seconds}


def _soon(trial: Trial) -> dict[str, Any]:
    """The endpoint moves: it is looked at again when it may have come to rest."""
    return _later(min(_MOVING_SECONDS, pause_of(trial)))


def _begun(project: Project, release: Release, lease: Lease, world: Trying) -> dict[str, Any]:
    """Begin the trial that the project asks for, if there can be one."""
    ledger, endpoints = world.ledger, world.endpoints
    head, endpoint = ledger.head(project), endpoints.describe(release.endpoint)
    champion = project.release_name(head.champion.sequence) if head.champion is not None else None
    beside = tried_beside(endpoint, champion)
    if endpoint is None or beside is None:
        return GO_ON  # whoever deploys the release knows what to do
    if endpoint.in_progress:
        return _later(_MOVING_SECONDS)
    if endpoints.owner(endpoint.arn) != world.serving.owner:
        raise NameTakenError("endpoint", release.endpoint)
    trial = planned_trial(
        Wishes(**release.rollout),
        release.name,
        release.instance_type,
        beside,
        endpoint.instances,
        release.capture_percent,
        serverless=release.serverless is not None or endpoint.serverless,
    )
    if isinstance(trial, str):
        return GO_ON
    if (frozen := refused_as_frozen(release.version, head.freeze, world.now)) is not None:
        return _over(project, release, frozen, lease, world)
    facts = _made(project, release, trial, world) | {"capacity_before": endpoint.instances}
    # The head is written as it was read: whoever freezes the project comes before the trial begins, or after.
    trying = ReleaseMoved(release.sequence, ReleaseState.PLANNED, ReleaseState.TRYING, world.now, facts=facts)
    ledger.write(project, head, LeaseKept(lease), trying)
    return _put(project, release, trial, lease, world)


def _put(project: Project, release: Release, trial: Trial, lease: Lease, world: Trying) -> dict[str, Any]:
    """Begin to change the endpoint, whose instances nothing takes away until the release is settled."""
    scaling = world.endpoints.scaling()
    hold_capacity(project, lease, ledger=world.ledger, scaling=scaling, owner=world.serving.owner)
    world.endpoints.update(release.endpoint, trial.config, None)
    return _soon(trial)


def _made(project: Project, release: Release, trial: Trial, world: Trying) -> dict[str, Any]:
    """Make the model and the trial's configuration; what the ledger keeps of them.

    What is captured lies where that of the version that serves lies: its monitor goes on.
    """
    serving, tags = world.serving, tags_of(project, release, world.serving.owner)
    image = make_model(release, world.endpoints, serving, tags)
    world.endpoints.ensure_trial(
        trial,
        model=release.name,
        instance_type=release.instance_type,
        capture=captured_of(project, release, serving, trial.before),
        key=serving.key,
        tags=tags,
    )
    return {"trial": trial.document(), "image": image}


def _going_on(command: TryRelease, release: Release, lease: Lease, world: Trying) -> dict[str, Any]:
    """Look, take away, or end, once the endpoint is at rest."""
    project, ledger, endpoint = command.project, world.ledger, world.endpoints.describe(release.endpoint)
    trial = of_document(release.trial or {})
    if endpoint is None or endpoint.status == "Failed":
        return _over(project, release, None, lease, world)
    if endpoint.in_progress:
        return _soon(trial)
    if (kept := release.trial or {})["stand"] == Stand.WATCHING:
        found = _looked(project, release, endpoint, lease, world)
        if found is None:  # an attempt before this one died before it changed the endpoint
            return _put(project, release, trial, lease, world)
        ledger.keep_trial(project, release.sequence, found)
        release = _found(command, ledger)
        kept = release.trial or {}
    if kept["stand"] == Stand.WATCHING:
        return _later(pause_of(trial))
    if take_away(project, release, endpoint, lease, ledger, world.endpoints):
        return _soon(trial)
    return _concluded(project, release, kept, lease, world)


def _concluded(
    project: Project, release: Release, kept: Mapping[str, Any], lease: Lease, world: Trying
) -> dict[str, Any]:
    """What follows from a trial that is over and taken away."""
    ledger, trial = world.ledger, of_document(kept)
    if kept["stand"] == Stand.PASSED and trial.goes_on:
        back = ReleaseMoved(release.sequence, ReleaseState.TRYING, ReleaseState.PLANNED, world.now)
        ledger.write(project, ledger.head(project), LeaseKept(lease), back)
        return GO_ON
    return _over(project, release, ended(release.version, kept), lease, world)


def _looked(
    project: Project, release: Release, endpoint: EndpointState, lease: Lease, world: Trying
) -> dict[str, Any] | None:
    """What is found of a trial that goes on; None where it has not begun. It never stands in a rollback's way."""
    kept = dict(release.trial or {})
    trial, waiting = of_document(kept), lease.waiting
    if endpoint.config != trial.config:
        why = f"it did not come up beside the version that serves: {endpoint.failure_reason}"
        failed = {**kept, "stand": str(Stand.FAILED), "said": why}
        return failed if is_turned_back(release, endpoint) else None
    if waiting is not None and is_incident(waiting.holder):
        said = f"Incident {waiting.holder} needs the endpoint, so the trial ended early."
        return {**kept, "stand": str(Stand.HELD), "said": said}
    return world.observe(project, release, trial)


def _over(project: Project, release: Release, ending: Ending | None, lease: Lease, world: Trying) -> dict[str, Any]:
    """Settle a release that never served, and give the lease back; without an ending the endpoint tells it."""
    told_of = settled(
        project,
        release,
        lease,
        ledger=world.ledger,
        endpoints=world.endpoints,
        now=world.now,
        stopped=ending,
    )
    if told_of is None:
        return _later(_MOVING_SECONDS)
    wake_next(project, ledger=world.ledger, tasks=world.tasks)
    return returned(told_of)
