"""Repairs of what the reconciler found: each is the use case that an event would have started, and safe to repeat."""

from collections.abc import Callable
from dataclasses import dataclass

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Executions, Tasks
from headgate.aws.tenants import Tenants
from headgate.domain.errors import ConflictError, EndpointBusyError, LeaseLostError
from headgate.domain.failures import ending_of
from headgate.domain.incidents import BROKEN
from headgate.domain.lease import leave
from headgate.domain.reconcile import Finding, Kind, Seen, is_to_be_started, scaled_by
from headgate.domain.runs import Ending, Outcome
from headgate.services.alarm import given_to
from headgate.services.close_incident import CloseIncident, close_incident
from headgate.services.deploy_release import tags_of, watch_over
from headgate.services.endpoint_broke import EndpointBroke, open_repair
from headgate.services.keep_scaling import let_scale
from headgate.services.object_created import ObjectCreated, receive_object
from headgate.services.runs import Runs
from headgate.services.settle_release import settled
from headgate.services.take_endpoint import wake_next

_GONE = Ending(
    Outcome.FAILED, "EXECUTION_GONE", "Its execution is not there any more. Drop the dataset again, or retrain."
)
LATER = "the endpoint is on its way; looked at again in the next round"


@dataclass(frozen=True, slots=True)
class Tools:
    """What repairs need; made in the name of a project's tenant."""

    ledger: Ledger
    objects: Objects
    alarms: Alarms
    endpoints: Endpoints
    tasks: Tasks
    runs: Runs
    trains: Executions
    responses: Executions
    tenants: Tenants
    owner: str
    data_bucket: str
    artifact_bucket: str
    now: str


def repair(finding: Finding, seen: Seen, tools: Tools) -> str:
    """Repair a finding that can be repaired.

    Returns:
        What was done, in words.

    Raises:
        HeadgateError: when it could not be done; the next round tries again.
    """
    ways: dict[Kind, Callable[[Finding, Seen, Tools], str]] = {
        Kind.UPLOAD_UNSEEN: _deliver,
        Kind.RUN_LEFT: _take_up_run,
        Kind.RUN_WAITS: _give_turn,
        Kind.RELEASE_LEFT: _settle,
        Kind.LEASE_LEFT: _free,
        Kind.INCIDENT_LEFT: _take_up_incident,
        Kind.ALARM_MISSING: _watch,
        Kind.ENDPOINT_FAILED: _open_repair,
        Kind.SCALING_LOST: _scale,
    }
    try:
        return ways[finding.kind](finding, seen, tools)
    except EndpointBusyError:
        return LATER


def _deliver(finding: Finding, seen: Seen, tools: Tools) -> str:
    upload = next(each for each in seen.uploads if each.key == finding.subject)
    time = f"{upload.at[:19]}Z"  # as S3's event writes it
    event = ObjectCreated(tools.data_bucket, upload.key, upload.version_id, upload.size, "", time)
    decision = receive_object(
        event, artifact_bucket=tools.artifact_bucket, objects=tools.objects, runs=tools.runs, tenants=tools.tenants
    )
    return f"delivered again: {decision}"


def _take_up_run(finding: Finding, seen: Seen, tools: Tools) -> str:
    if seen.head.active == finding.subject:
        tools.runs.start_active(seen.project)
        return "started, or closed where its execution was over"
    stop = tools.trains.stopped(finding.subject)
    tools.runs.end_failed(seen.project, finding.subject, ending_of(stop) if stop is not None else _GONE)
    return "closed"


def _give_turn(finding: Finding, seen: Seen, tools: Tools) -> str:
    run = next(each for each in seen.runs if each.run == finding.subject)
    return tools.runs.request_start(run)


def _settle(finding: Finding, seen: Seen, tools: Tools) -> str:
    project, ledger = seen.project, tools.ledger
    number = next(each.sequence for each in seen.releases if each.name == finding.subject)
    release = ledger.release(project, number)
    if release is None or release.ending is not None:  # what follows would take the lease for nothing
        return "settled meanwhile"
    try:
        lease = ledger.enter(project, release.holder, if_free=True)
    except LeaseLostError:
        return "left to who took the endpoint over"
    ending = settled(project, release, lease, ledger=ledger, endpoints=tools.endpoints, now=tools.now)
    if ending is None:
        return LATER
    wake_next(project, ledger=ledger, tasks=tools.tasks)
    return f"settled: {ending.outcome} ({ending.reason_code})"


def _free(finding: Finding, seen: Seen, tools: Tools) -> str:
    lease = tools.ledger.lease(seen.project)
    left = leave(lease, finding.subject)
    if left != lease:
        tools.ledger.change_lease(seen.project, left)
    wake_next(seen.project, ledger=tools.ledger, tasks=tools.tasks)
    return "freed"


def _take_up_incident(finding: Finding, seen: Seen, tools: Tools) -> str:
    incident = next(each for each in seen.incidents if each.incident == finding.subject)
    if is_to_be_started(incident, seen.executions.get(incident.incident)):
        tools.responses.start(incident.incident, given_to(incident))
        return "started"
    stop = tools.responses.stopped(incident.incident)
    failure = ending_of(stop) if stop is not None else _GONE
    closed = close_incident(
        CloseIncident(seen.project, incident.incident, failure=failure),
        ledger=tools.ledger,
        open_endpoints=lambda: tools.endpoints,
        tasks=tools.tasks,
        now=tools.now,
    )
    return f"closed: {closed['outcome']}"


def _watch(_finding: Finding, seen: Seen, tools: Tools) -> str:
    champion = seen.champion
    if champion is None:
        return "nothing serves any more"
    tags = tags_of(seen.project, champion, tools.owner)
    watch_over(seen.project, champion, tools.alarms, tags, there=seen.alarms)
    return "made again"


def _open_repair(_finding: Finding, seen: Seen, tools: Tools) -> str:
    if seen.endpoint is None:
        return "it is not there any more"
    status = next(event for event, described in BROKEN.items() if described == seen.endpoint.status)
    broke = EndpointBroke(seen.project.endpoint, status, seen.endpoint.modified_at)
    return open_repair(broke, ledger=tools.ledger, executions=tools.responses, now=tools.now)


def _scale(_finding: Finding, seen: Seen, tools: Tools) -> str:
    champion = seen.champion
    if champion is None or tools.ledger.lease(seen.project).holder is not None:
        return "left to who has the endpoint"  # a release holds its instances, and lets them scale when it is over
    before, scaling = scaled_by(champion), tools.endpoints.scaling()

    def still() -> None:
        if tools.ledger.lease(seen.project).holder is not None:
            raise ConflictError(f"A release began on {seen.project.endpoint} meanwhile; it lets the endpoint scale.")

    kept = let_scale(seen.project, champion, seen.endpoint, before, scaling=scaling, owner=tools.owner, still=still)
    return f"lets it scale: {kept['reason']}" if kept is not None else "it does not serve any more"
