"""Plan a rollback: a new release of a version that served well before, under the lease of the endpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import LeaseKept, ReleaseCondemned, ReleasePlanned
from headgate.aws.s3 import Objects, place_of
from headgate.aws.sagemaker import Endpoints
from headgate.domain.errors import EndpointBusyError, HeadgateError, NotFoundError, TransientError
from headgate.domain.incidents import ANOTHER_SERVES, BY_HAND, ENDPOINT, NO_TARGET, STOPPED, Incident
from headgate.domain.lease import Lease
from headgate.domain.names import Project
from headgate.domain.releases import OF_ITS_COURSE, TAKEN_BACK, EndpointState, Release, ReleaseState, good_ones_before
from headgate.domain.runs import Ending, Outcome
from headgate.services.commands import OfIncident
from headgate.services.plan_release import settle_the_one_before
from headgate.services.take_endpoint import returned


@dataclass(frozen=True, slots=True)
class PlanRollback(OfIncident):
    """The command: which incident's rollback."""


def plan_rollback(
    command: PlanRollback, *, ledger: Ledger, endpoints: Endpoints, archives: Objects, now: str
) -> dict[str, Any]:
    """Plan it; an incident that planned before gets its first plan again.

    An endpoint that failed goes back to what it served, or where that cannot be deployed to what served before; then
    nothing is condemned, and the instances are as many as it had.

    Where there is nothing to go back to and the project fails closed, the endpoint is deleted: the release was
    condemned before, which is how whoever comes again knows that the endpoint is gone on purpose.

    What the decision rested on is looked at again, now that nobody else can change it. The release that is left is
    condemned by the same write, so that its version does not come back by itself, whatever becomes of the rollback; so
    it is where a newer version took its place before.

    Returns:
        The release, with the tenant and the project, as the tasks after this one read it; or an ending (`outcome`,
        `reason_code`, `reason`): NOT_PROMOTED when there is nothing to go back from or to.

    Raises:
        LeaseLostError: when the incident does not hold the endpoint's lease; nothing is planned.
        EndpointBusyError: when the endpoint is still on its way to the release before.
        ConflictError: when another writer was faster; the state machine tries again.
    """
    project = command.project
    lease = ledger.enter(project, command.incident)  # first: what is read from here on, no earlier invocation changes
    incident = ledger.incident(project, command.incident)
    if incident is None:
        raise NotFoundError(f"Incident {command.incident} is not in the ledger of {project.endpoint}.")
    planned = ledger.release(project, incident.rollback) if incident.rollback else None
    if planned is None:
        settle_the_one_before(project, lease, ledger, endpoints, now)
        releases = ledger.releases(project)  # nobody moves or condemns one but who holds the lease
        serves = ledger.head(project).champion
        champion = _numbered(serves.sequence, releases) if serves is not None else None
        left = _numbered(incident.release, releases)
        if left is not None and champion is not None and left.version == champion.version:
            left = champion  # made anew meanwhile, it is the same version
        chosen = _choose(incident, left, champion, releases, endpoints.describe(project.endpoint), archives)
        if isinstance(chosen, Ending):
            if chosen.reason_code in {*NO_TARGET, ANOTHER_SERVES}:
                ledger.write(project, ledger.head(project), LeaseKept(lease), *_condemning(incident, left, now))
            if chosen.reason_code in NO_TARGET and incident.fails_closed:
                chosen = _stopped(project, lease, chosen, ledger, endpoints)
            return returned(chosen)
        planned = _write(project, lease, incident, chosen, left, ledger, now)
    return {"tenant": project.tenant, "project": project.name, **asdict(planned)}


def _stopped(project: Project, lease: Lease, why: Ending, ledger: Ledger, endpoints: Endpoints) -> Ending:
    """Take what serves out of service. Deleting is the one way in which an endpoint answers nobody: its last variant
    keeps at least one instance, and all requests.
    """
    endpoint = endpoints.describe(project.endpoint)
    if endpoint is not None and endpoint.status != "Deleting":
        if endpoint.in_progress:
            raise EndpointBusyError(project.endpoint)
        ledger.check(project, lease)  # SageMaker cannot be told a fence
        endpoints.delete(project.endpoint)
    said = "The project fails closed (respond.nothing_behind), so its endpoint is deleted and answers nobody."
    return _nothing(STOPPED, f"{why.reason} {said}")


def _numbered(sequence: int | None, releases: Sequence[Release]) -> Release | None:
    return next((each for each in releases if each.sequence == sequence), None)


def _choose(
    incident: Incident,
    left: Release | None,
    champion: Release | None,
    releases: Sequence[Release],
    endpoint: EndpointState | None,
    archives: Objects,
) -> Release | Ending:
    """The release to repeat, or why there is none."""
    if champion is None or (endpoint is None and not _is_gone_on_purpose(champion, incident)):
        return _nothing("NOTHING_SERVES", "Nothing is in service any more.")
    if incident.kind == ENDPOINT and endpoint is not None:
        return _to_repair(champion, endpoint, releases, archives)
    if (over := _nothing_to_leave(incident, left, champion)) is not None:
        return over
    if incident.to is not None:
        return _asked_for(incident, champion, releases, endpoint, archives)
    return _first_that_can_be_deployed(good_ones_before(champion, releases), archives)


def _asked_for(
    incident: Incident,
    champion: Release,
    releases: Sequence[Release],
    endpoint: EndpointState | None,
    archives: Objects,
) -> Release | Ending:
    """The release of the version that a person named, or why it is not repeated; then nothing else is, either: that
    what serves is worse than any other has nobody said.
    """
    wanted = [each for each in releases if each.version == incident.to and each.in_service_at is not None]
    if not wanted:
        return _nothing("NEVER_SERVED", f"Version {incident.to} never served.")
    newest = wanted[0]
    serves = endpoint is not None and (endpoint.status, endpoint.config) == ("InService", champion.name)
    if serves and newest.version == champion.version:
        return _nothing("SERVES_ALREADY", f"Version {incident.to} serves already.")
    if any(each.condemned for each in wanted) and not incident.anyway:
        return _nothing("CONDEMNED", f"Version {incident.to} was condemned; say --anyway to go back to it.")
    if (why := _unfit(newest, archives)) is not None:
        otherwise = "Without --to the newest good version that can be is gone back to."
        return _nothing("CANNOT_BE_DEPLOYED", f"Version {incident.to} cannot be deployed any more: {why}. {otherwise}")
    return newest


def _nothing_to_leave(incident: Incident, left: Release | None, champion: Release) -> Ending | None:
    """Why there is nothing to go back from, or None: what a person took back on its way may never have taken over."""
    if incident.kind == BY_HAND and left is not None and left.ending is not None and left.in_service_at is None:
        if incident.to not in (None, champion.version):
            return None
        said = f"Release {left.sequence} did not take over, and release {champion.sequence} serves on. {left.reason}"
        return _nothing(TAKEN_BACK, said)
    if left is not None and left.sequence == champion.sequence:
        return None
    about = (
        f"Release {champion.sequence} serves now, not {incident.release}, which was to be left and does not come back "
        "by itself."
    )
    return _nothing(ANOTHER_SERVES, about)


def _is_gone_on_purpose(champion: Release, incident: Incident) -> bool:
    """Whether an incident has to do with an endpoint that is gone: it deleted that itself, or a person names the
    version that shall serve on a new one.
    """
    by_itself = incident.fails_closed and (champion.condemned or {}).get("incident") == incident.incident
    return by_itself or incident.to is not None


def _to_repair(
    champion: Release, endpoint: EndpointState, releases: Sequence[Release], archives: Objects
) -> Release | Ending:
    if endpoint.status != "Failed":
        return _nothing("WHOLE_AGAIN", f"The endpoint is {endpoint.status} now.")
    itself = [champion] if champion.condemned is None else []
    found = _first_that_can_be_deployed([*itself, *good_ones_before(champion, releases)], archives)
    if isinstance(found, Ending):
        return found
    return replace(found, instance_count=max(found.instance_count, endpoint.instances))


def _first_that_can_be_deployed(candidates: Iterable[Release], archives: Objects) -> Release | Ending:
    missing = []
    for each in candidates:
        if (why := _unfit(each, archives)) is None:
            return each
        missing.append(f"version {each.version} (release {each.sequence}): {why}")
    if not missing:
        return _nothing("NO_VERSION_BEFORE", "No version served well before this one.")
    return _nothing("NOTHING_DEPLOYABLE", f"No version before can be deployed any more: {'; '.join(missing)}.")


def _unfit(release: Release, archives: Objects) -> str | None:
    """Why a release cannot be deployed again, or None when all that it was made of is there as it was."""
    if release.image is None or release.artifact is None:
        return "it is not known with which image or archive it served"
    try:
        found = archives.identity(*place_of(release.model_data_url))
    except TransientError:
        raise
    except HeadgateError as error:
        return f"its archive cannot be read ({error})"
    known = {name: release.artifact.get(name) for name in ("etag", "version_id", "size")}
    if {name: found[name] for name in known} != known:
        return "its archive is not the one that served"
    return None


def _write(
    project: Project,
    lease: Lease,
    incident: Incident,
    target: Release,
    left: Release | None,
    ledger: Ledger,
    now: str,
) -> Release:
    head, condemning = ledger.head(project), _condemning(incident, left, now, target)
    fresh: dict[str, Any] = dict.fromkeys(OF_ITS_COURSE)
    again = replace(  # as the project wanted it then, and with nothing of what became of it
        target,
        sequence=head.next_release,
        name=project.release_name(head.next_release),
        why=f"Release {target.sequence} again, {_where(incident)}. {incident.reason}",
        state=ReleaseState.PLANNED,
        at=now,
        incident=incident.incident,
        repeats=target.sequence,
        # From instances no way leads to none.
        serverless=target.serverless if left is not None and left.serverless else None,
        scaling=left.scaling if left is not None else target.scaling,  # as it is wanted now: the traffic is the same
        **fresh,
    )
    following = replace(head, next_release=head.next_release + 1)
    ledger.write(project, following, LeaseKept(lease), ReleasePlanned(again), *condemning)
    return again


def _condemning(
    incident: Incident, left: Release | None, now: str, target: Release | None = None
) -> list[ReleaseCondemned]:
    """What condemns the release that the incident is about, which is left; nothing where it was condemned before,
    where its endpoint failed and not it, or where its own version is the target.
    """
    if incident.kind == ENDPOINT or left is None or left.condemned is not None:
        return []
    if target is not None and target.version == left.version:
        return []
    why = {"who": incident.by or "policy", "why": incident.reason, "at": now, "incident": incident.incident}
    return [ReleaseCondemned(left.sequence, why)]


def _where(incident: Incident) -> str:
    return "on a new endpoint" if incident.kind == ENDPOINT else f"in the place of release {incident.release}"


def _nothing(code: str, reason: str) -> Ending:
    return Ending(Outcome.NOT_PROMOTED, code, reason)
