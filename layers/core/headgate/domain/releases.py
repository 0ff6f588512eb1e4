"""Putting a version in service: what is planned, and how an endpoint's state is read."""

from dataclasses import dataclass
from enum import StrEnum

from headgate.domain.runs import Ending, Outcome

_IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class ReleaseState(StrEnum):
    """Where a release stands."""

    PLANNED = "PLANNED"
    DEPLOYING = "DEPLOYING"
    IN_SERVICE = "IN_SERVICE"
    RETIRED = "RETIRED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Release:
    """A version put in service, or on its way there."""

    sequence: int
    run: str
    dataset: str
    holdout: str
    version: str
    model_data_url: str
    name: str
    endpoint: str
    why: str
    state: str
    at: str
    instance_type: str
    instance_count: int
    outcome: str | None = None
    reason_code: str | None = None
    reason: str | None = None

    @property
    def ending(self) -> Ending | None:
        """How the release ended, once it is settled; it does not change when a later one takes its place."""
        if self.outcome is None:
            return None
        return Ending(Outcome(self.outcome), str(self.reason_code), str(self.reason), self.version)


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What DescribeEndpoint says; `status` as the API writes it (`InService`)."""

    status: str
    config: str
    failure_reason: str = ""

    @property
    def in_progress(self) -> bool:
        """Whether a change is under way, so that another one would be refused."""
        return self.status in _IN_PROGRESS


def settle(endpoint: EndpointState | None, config: str, version: str, why: str = "") -> Ending | None:
    """Read the end of a release from its endpoint.

    It is a success only when the endpoint is InService, with the intended configuration and without a failure reason:
    after an update that SageMaker rolled back it is InService as well.

    Returns:
        The ending, or None while the endpoint is still on its way.
    """
    if endpoint is None:
        return Ending(Outcome.FAILED, "ENDPOINT_GONE", "The endpoint was deleted while the version went into service.")
    if endpoint.in_progress:
        return None
    if endpoint.status == "InService" and endpoint.config == config and not endpoint.failure_reason:
        return Ending(Outcome.PROMOTED, "SERVING", f"Version {version} serves all requests. {why}".rstrip(), version)
    if endpoint.status == "InService":
        reason = endpoint.failure_reason or f"the endpoint serves {endpoint.config}, not {config}"
        return Ending(
            Outcome.ROLLED_BACK,
            "UPDATE_ROLLED_BACK",
            f"SageMaker did not take version {version} into service and kept the version before: {reason}",
        )
    return Ending(
        Outcome.FAILED,
        "ENDPOINT_FAILED",
        f"The endpoint is {endpoint.status}: {endpoint.failure_reason or 'SageMaker gave no reason'}",
    )
