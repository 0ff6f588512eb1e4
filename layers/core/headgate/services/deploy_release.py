"""Deploy a planned release: the model, its configuration, its alarms, and the one call that changes the endpoint."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.aws.cloudwatch import Alarms
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import LeaseFreed, LeaseKept, ReleaseMoved
from headgate.aws.s3 import Objects, place_of
from headgate.aws.sagemaker import Endpoints
from headgate.aws.stepfunctions import Tasks
from headgate.domain.alarms import Alarm, alarms_of
from headgate.domain.captures import Capture
from headgate.domain.encryption import volume_key
from headgate.domain.errors import AlarmRingingError, EndpointBusyError, NameTakenError, NotFoundError
from headgate.domain.formats import engine_of
from headgate.domain.names import KIND_TAG, OWNER_TAG, RELEASE_TAG, RUN_TAG, Project
from headgate.domain.release_plan import planned
from headgate.domain.releases import (
    EndpointState,
    Release,
    ReleaseState,
    is_condemned_by_its_watch,
    is_turned_back,
    refused_as_frozen,
    refused_as_taken_back,
)
from headgate.domain.rollout import Plan, Wishes
from headgate.domain.runs import Head
from headgate.domain.scaling import Bounds
from headgate.domain.serverless import capacity_of
from headgate.domain.standing_alarms import Composite, Patience, standing_alarms
from headgate.services.keep_scaling import hold_capacity, let_go


@dataclass(frozen=True, slots=True)
class DeployRelease:
    """The command: which release, and the token of the state that waits for the endpoint."""

    project: Project
    sequence: int
    task_token: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "DeployRelease":
        """Read the task's payload."""
        return cls(Project(event["tenant"], event["project"]), int(event["sequence"]), event["task_token"])


@dataclass(frozen=True, slots=True)
class Serving:
    """How releases are served: the container's image and role, the ledger that numbers them, as their owner, where the
    models' archives lie, the bucket that keeps captured requests, the ARN of the tenant's key, and the VPC
    in which models serve (VpcConfig), where there is one.
    """

    image: str
    role: str
    owner: str
    archives: Objects
    artifact_bucket: str
    key: str
    vpc: Mapping[str, Any] | None = None


def deploy_release(
    command: DeployRelease,
    *,
    ledger: Ledger,
    endpoints: Endpoints,
    alarms: Alarms,
    tasks: Tasks,
    serving: Serving,
    now: str,
) -> None:
    """Make the endpoint serve the release, or let it be when it does already. Safe to repeat at any point.

    A promotion that meets a freeze, or was taken back, before it touched the endpoint is settled here, and gives the
    lease back.

    Raises:
        NameTakenError: when the model, its configuration or the endpoint are another deployment's; nothing is touched.
        EndpointBusyError: when another change of the endpoint is under way.
        NotFoundError: when the model's archive is gone; the endpoint is untouched.
        AlarmRingingError: when one of the release's alarms is in ALARM before it began; the endpoint is untouched.
        LeaseLostError: when the release's run does not hold the endpoint's lease, or a later attempt acts for it.
        ConflictError: when the ledger says that the release is over.
    """
    project = command.project
    release = ledger.release(project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {project.endpoint} is not in the ledger.")
    lease = ledger.enter(project, release.holder)
    champion = ledger.serving(project)  # nobody changes it but who holds the lease
    tags = tags_of(project, release, serving.owner)
    image = _prepared(project, release, endpoints, serving, tags)
    before = endpoints.describe(release.endpoint)
    if before is not None and endpoints.owner(before.arn) != serving.owner:
        raise NameTakenError("endpoint", release.endpoint)
    bounds = None
    if before is not None and not before.in_progress and before.config != release.name:
        bounds = hold_capacity(project, lease, ledger=ledger, scaling=endpoints.scaling(), owner=serving.owner)
        before = endpoints.describe(release.endpoint)  # what it has now, nothing takes away
    plan = planned(
        Wishes(**release.rollout),
        release.instance_type,
        before,
        champion.name if champion is not None else "",
        serverless=release.serverless is not None,
        repeats=release.repeats is not None,
    )
    ledger.check(project, lease)
    names = _guard(project, release, champion, alarms, tags)
    # As late as can be: a release that is planned still is settled without a look at the endpoint.
    if release.state != ReleaseState.DEPLOYING:
        # The head is written as it was read: whoever freezes the project comes before this release begins, or after.
        head = ledger.head(project)
        if (refusal := _refusal(release, head, now)) is not None:
            if bounds is not None:
                let_go(release.endpoint, scaling=endpoints.scaling())
            ledger.write(project, head, LeaseFreed(lease), refusal)
            tasks.succeed(command.task_token, {"endpoint": release.endpoint})
            return
        if ringing := alarms.ringing(names):
            raise AlarmRingingError(ringing)
        artifact = serving.archives.identity(*place_of(release.model_data_url))
        facts = _facts(plan, image, artifact, names, before, bounds)
        was, begun = ReleaseState.PLANNED, ReleaseState.DEPLOYING
        # what was taken back before does not begin
        move = ReleaseMoved(release.sequence, was, begun, now, facts=facts, uncondemned=True)
        ledger.write(project, head, LeaseKept(lease), move)
    elsewhere = bounds is not None and champion is not None and champion.instance_type != release.instance_type
    # SageMaker cannot be told a fence: the lease is looked at right before the one call that changes the endpoint.
    ledger.check(project, lease)
    if elsewhere:
        endpoints.scaling().remove(release.endpoint)  # SageMaker refuses the update otherwise; settled, it scales again
    _change(release, before, plan, names, endpoints, tags)
    # Only now may an event wake the promotion: one of an earlier change would find the old configuration at rest.
    ledger.wait_for_endpoint(project, lease, command.task_token)
    # The change may have been over before the token was kept; then no event will come for it.
    after = endpoints.describe(release.endpoint)
    if after is None or not after.in_progress:
        tasks.succeed(command.task_token, {"endpoint": release.endpoint})


def _prepared(project: Project, release: Release, endpoints: Endpoints, serving: Serving, tags: dict[str, str]) -> str:
    """Make sure that a release's model and configuration are there; the image that it serves with."""
    image, on_machines = make_model(release, endpoints, serving, tags), release.serverless is None
    endpoints.ensure_config(
        release.name,
        capacity=capacity_of(release.serverless, release.instance_type, release.instance_count),
        capture=captured_of(project, release, serving, release.name),
        key=volume_key(serving.key, release.instance_type) if on_machines else None,
        tags=tags,
        metrics_seconds=Wishes(**release.rollout).metrics_seconds if on_machines else 60,
    )
    return image


def _refusal(release: Release, head: Head, now: str) -> ReleaseMoved | None:
    """The move of a release that may not begin: it was taken back, or the project is frozen. None where it may."""
    refused, state = refused_as_taken_back(release), ReleaseState.FAILED
    if refused is None and release.repeats is None:
        refused, state = refused_as_frozen(release.version, head.freeze, now), ReleaseState.HELD
    return ReleaseMoved(release.sequence, ReleaseState.PLANNED, state, now, refused) if refused is not None else None


def _facts(
    plan: Plan,
    image: str,
    artifact: Mapping[str, Any],
    alarms: Sequence[str],
    before: EndpointState | None,
    bounds: Bounds | None,
) -> dict[str, Any]:
    """What is known of a release when it begins, for the ledger."""
    return {
        "plan": plan.document(),
        "image": image,
        "artifact": artifact,
        "alarms": alarms,
        "capacity_before": before.instances if before is not None else None,
        "bounds_before": {"min": bounds.low, "max": bounds.high} if bounds is not None else None,
    }


def make_model(release: Release, endpoints: Endpoints, serving: Serving, tags: dict[str, str]) -> str:
    """Make sure that a release's model is there; the image that it serves with."""
    image = release.image or serving.image  # a rollback serves with the image that it served with before
    endpoints.ensure_model(
        release.name,
        image=image,
        model_data_url=release.model_data_url,
        engine=engine_of(release.format),
        role=serving.role,
        network=_network(release, serving),
        tags=tags,
    )
    return image


def _network(release: Release, serving: Serving) -> dict[str, Any]:
    """Every model is isolated and in the VPC but a serverless one, of which SageMaker refuses both."""
    if release.serverless is not None:
        return {"EnableNetworkIsolation": False}
    return {"EnableNetworkIsolation": True, **({"VpcConfig": serving.vpc} if serving.vpc else {})}


def captured_of(project: Project, release: Release, serving: Serving, config: str) -> Capture | None:
    """What is captured of the requests to a release, and where: with what was captured under a configuration."""
    place = f"s3://{serving.artifact_bucket}/{project.captured(config)}".rstrip("/")
    return Capture(release.capture_percent, place, serving.key) if release.capture_percent else None


def watch_over(
    project: Project, release: Release, alarms: Alarms, tags: Mapping[str, str], *, there: Collection[str] = ()
) -> None:
    """Make sure that the alarms are there that watch a release while it serves; those that are keep their state.

    Those named in `there` are not touched: whoever switched one off would find it switched on again.
    """
    standing, drift = standing_of(project, release)
    tags = {**tags, RELEASE_TAG: str(release.sequence)}
    for alarm in standing:
        if alarm.name not in there:
            alarms.ensure(alarm, {**tags, KIND_TAG: alarm.kind})
    if drift.name not in there:
        alarms.combine(drift, {**tags, KIND_TAG: "drift"})


def standing_of(project: Project, release: Release) -> tuple[list[Alarm], Composite]:
    """The alarms that watch a release while it serves, as its project wanted them when it was planned."""
    wishes, patience = Wishes(**release.rollout), Patience.of(release.patience)
    return standing_alarms(release.name, project, wishes, patience, release.instance_type)


def tags_of(project: Project, release: Release, owner: str) -> dict[str, str]:
    """The tags of all that is made for a release; `owner` is the ledger that numbers it."""
    return {
        **project.tags,
        RUN_TAG: release.run,
        OWNER_TAG: owner,
    }


def _guard(
    project: Project, release: Release, champion: Release | None, alarms: Alarms, tags: Mapping[str, str]
) -> list[str]:
    """Make the release's alarms, those that guard it and those that watch it when it serves; take away those of
    releases before it that no longer serve. Returns the names of the guards.
    """
    guards = alarms_of(release.name, release.endpoint, Wishes(**release.rollout))
    for alarm in guards:
        alarms.ensure(alarm, {**tags, RELEASE_TAG: str(release.sequence), KIND_TAG: alarm.kind})
    watch_over(project, release, alarms, tags)
    alarms.retire(project.endpoint, release.sequence, champion.sequence if champion is not None else None)
    return [alarm.name for alarm in guards]


def _change(
    release: Release,
    before: EndpointState | None,
    plan: Plan,
    alarms: Sequence[str],
    endpoints: Endpoints,
    tags: dict[str, str],
) -> None:
    if before is None:
        endpoints.create(release.endpoint, release.name, tags)
    elif before.in_progress:
        if release.name not in (before.config, before.target):
            raise EndpointBusyError(release.endpoint)
    elif before.status == "Failed" and before.config == release.name:
        return  # an attempt before this one created it, and it did not come up: that is the ending
    elif before.status == "Failed":
        # A failed endpoint cannot be updated; it serves nobody, so it may go.
        endpoints.delete(release.endpoint)
        raise EndpointBusyError(release.endpoint)
    elif (
        before.config != release.name and not is_turned_back(release, before) and not is_condemned_by_its_watch(release)
    ):
        endpoints.update(release.endpoint, release.name, plan.deployment(alarms), retain=not before.serverless)
