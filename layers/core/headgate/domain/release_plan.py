"""By which plan a release goes: what the endpoint is at that moment, and what the version comes with, decide."""

from headgate.domain.releases import EndpointState
from headgate.domain.rollout import Plan, Wishes, plan, rollback_plan, serverless_plan


def planned(
    wishes: Wishes,
    instance_type: str,
    before: EndpointState | None,
    last_good: str,
    *,
    serverless: bool,
    repeats: bool = False,
) -> Plan:
    """The plan of a release.

    Args:
        wishes: what the project asks for.
        instance_type: what the release runs on, where instances serve it.
        before: the endpoint as it is before the version comes; None when there is none.
        last_good: the configuration of the champion; "" where there is none.
        serverless: whether the version goes without instances.
        repeats: whether it is a rollback, to a version that served before.
    """
    back_to = "" if repeats else way_back(before, last_good, serverless=serverless)
    if serverless or (before is not None and before.serverless):
        return serverless_plan(wishes, to_instances=not serverless, back_to=back_to)
    # An endpoint that failed is made anew: nothing serves there.
    serves = before.instances if before is not None and before.status != "Failed" else None
    return rollback_plan(serves) if repeats else plan(wishes, instance_type, serves, back_to)


def way_back(endpoint: EndpointState | None, last_good: str, *, serverless: bool) -> str:
    """The configuration to give its requests back to should a version not do well; "" where there is no way back.

    Args:
        endpoint: as it is before the version comes.
        last_good: the configuration of the champion; "" where there is none.
        serverless: whether the version goes without instances. SageMaker makes no endpoint serverless again that has
            them (developer guide: serverless-endpoints).
    """
    if endpoint is None or endpoint.serverless != serverless:
        return ""
    return last_good


def tried_beside(endpoint: EndpointState | None, champion: str | None) -> str | None:
    """The configuration that a version can be tried beside: the champion's (or None), while the endpoint serves it."""
    if endpoint is None or endpoint.status == "Failed" or endpoint.config != champion:
        return None
    return champion
