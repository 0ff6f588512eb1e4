"""Deploy a planned release: the model, its configuration, and the one call that changes the endpoint."""

from dataclasses import dataclass
from typing import Any, Protocol

from headgate.aws.ledger import Ledger, ReleaseMoved
from headgate.aws.sagemaker import OWNER_TAG, Endpoints
from headgate.domain.errors import EndpointBusyError, NameTakenError, NotFoundError
from headgate.domain.names import Project
from headgate.domain.releases import EndpointState, Release, ReleaseState


class Tasks(Protocol):
    """What wakes a waiting task; see `headgate.aws.stepfunctions.Tasks`."""

    def succeed(self, token: str, output: dict[str, str]) -> bool:
        """Give a token back; False when nobody waits for it any more."""
        ...


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
    """How releases are served: the container's image and role, and the ledger that numbers them, as their owner."""

    image: str
    role: str
    owner: str


def deploy_release(
    command: DeployRelease,
    *,
    ledger: Ledger,
    endpoints: Endpoints,
    tasks: Tasks,
    serving: Serving,
    now: str,
) -> None:
    """Make the endpoint serve the release, or let it be when it does already. Safe to repeat at any point.

    Raises:
        NameTakenError: when the model, its configuration or the endpoint are another deployment's; nothing is touched.
        EndpointBusyError: when another change of the endpoint is under way.
        ConflictError: when the ledger says that the release is over.
    """
    project = command.project
    release = ledger.release(project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {project.endpoint} is not in the ledger.")
    tags = {
        "headgate:tenant": project.tenant,
        "headgate:project": project.name,
        "headgate:run": release.run,
        OWNER_TAG: serving.owner,
    }
    endpoints.ensure_model(
        release.name,
        image=serving.image,
        model_data_url=release.model_data_url,
        engine=release.format,
        role=serving.role,
        tags=tags,
    )
    endpoints.ensure_config(
        release.name, instance_type=release.instance_type, instance_count=release.instance_count, tags=tags
    )
    before = endpoints.describe(release.endpoint)
    if before is not None and endpoints.owner(before.arn) != serving.owner:
        raise NameTakenError("endpoint", release.endpoint)
    # As late as can be: a release that is planned still is settled without a look at the endpoint.
    if release.state != ReleaseState.DEPLOYING:
        move = ReleaseMoved(release.sequence, ReleaseState.PLANNED, ReleaseState.DEPLOYING, now)
        ledger.write(project, ledger.head(project), move)
    _change(release, before, endpoints, tags)
    # Only now may an event wake the promotion: one of an earlier change would find the old configuration at rest.
    ledger.wait_for_endpoint(project, release.sequence, command.task_token)
    # The change may have been over before the token was kept; then no event will come for it.
    after = endpoints.describe(release.endpoint)
    if after is None or not after.in_progress:
        tasks.succeed(command.task_token, {"endpoint": release.endpoint})


def _change(release: Release, before: EndpointState | None, endpoints: Endpoints, tags: dict[str, str]) -> None:
    if before is None:
        endpoints.create(release.endpoint, release.name, tags)
    elif before.in_progress:
        if before.config != release.name:
            raise EndpointBusyError(release.endpoint)
    elif before.status == "Failed":
        # A failed endpoint cannot be updated; it serves nobody, so it may go.
        endpoints.delete(release.endpoint)
        raise EndpointBusyError(release.endpoint)
    elif before.config != release.name:
        endpoints.update(release.endpoint, release.name)
