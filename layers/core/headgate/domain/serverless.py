"""Endpoints without machines of their own: what a project chooses by `endpoint.variant`, and what goes with it.

SageMaker captures no requests of them, guards no deployment of them (so a version proves itself by requests of our own
once it serves, or the one before has them again), isolates no container of theirs from the network,
and turns no endpoint on instances into one; the way back is open (developer guide: serverless-endpoints, feature
exclusions; deployment-guardrails).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from headgate.domain.releases import EndpointState
from headgate.domain.traffic import LITTLE, is_little


def chosen(
    wanted: Mapping[str, int] | None, serves: EndpointState | None, hours: Sequence[float] | None = None
) -> tuple[Mapping[str, int] | None, str]:
    """How a release is served: `endpoint.serverless` of project.yaml, or None for instances; and what to say of it.

    Args:
        wanted: the settings where the project asks for a serverless endpoint, or leaves that to its traffic.
        serves: the endpoint as it is, or None when there is none.
        hours: where it is left to the traffic, the requests of each hour of the record that had any.
    """
    if wanted is None:
        return None, ""
    if hours is not None and serves is not None and not serves.serverless:
        return None, "It serves on instances: whoever leaves that to the traffic stays there once it was enough."
    if hours is not None and not is_little(hours):
        busiest = f"{max(hours):.0f} requests in its busiest hour of the last week"
        return None, f"It goes over to instances, for it had {busiest}, more than the {LITTLE} that are little traffic."
    if serves is not None and not serves.serverless:
        return None, (
            "It serves on instances, for SageMaker turns no endpoint on instances into a serverless one: delete the "
            "endpoint when nobody needs it, and drop the dataset again."
        )
    return wanted, ""


def capacity_of(serverless: Mapping[str, int] | None, instance_type: str, instance_count: int) -> dict[str, Any]:
    """What a production variant says of its capacity (API reference: ProductionVariant)."""
    if serverless is None:
        return {"InstanceType": instance_type, "InitialInstanceCount": instance_count}
    config = {"MemorySizeInMB": serverless["memory_mb"], "MaxConcurrency": serverless["max_concurrency"]}
    return {"ServerlessConfig": config}
