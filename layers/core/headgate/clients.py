"""The one factory of AWS clients: for one tenant, or for what tenants share."""

from functools import lru_cache, partial
from typing import Any

import boto3
from botocore.config import Config

from headgate.aws.sessions import own_session, scoped_session
from headgate.domain.names import SYSTEM, TENANT
from headgate.domain.session_policy import Place, as_text, session_policy
from headgate.environments import TenantsEnvironment, environment


@lru_cache(maxsize=256)
def client(service: str, tenant: str) -> Any:
    """An AWS client for work on behalf of a tenant, under credentials that IAM bounds to this tenant's things.

    `_system` stands for all tenants, and `_unknown` for the one that is not known yet: work in their names is done with
    the function's own role, as is what `shared` is for.
    """
    return _session(tenant).client(service, config=_config(tenant)) if _is_tenant(tenant) else shared(service, tenant)


@lru_cache(maxsize=256)
def shared(service: str, tenant: str) -> Any:
    """A client with the function's own role, in the tenant's name: for what IAM cannot bound to a tenant, whose actions
    know no narrower resource (task tokens, metrics) or one that tenants share (state machines, the bus, queues).
    """
    return own_session().client(service, config=_config(tenant))


def _is_tenant(tenant: str) -> bool:
    return TENANT.fullmatch(tenant) is not None


@lru_cache(maxsize=64)
def _session(tenant: str) -> boto3.Session:
    """The session of a tenant; its credentials are fetched once for a worker, and anew before they end."""
    settings = environment(TenantsEnvironment)
    _, partition, _, _, account, _ = settings.function_role_arn.split(":", 5)
    sts = partial(shared, "sts", SYSTEM)
    place = Place(
        partition,
        account,
        settings.data_bucket,
        settings.artifact_bucket,
        settings.ledger_table,
    )
    policy = as_text(session_policy(place, tenant))
    return scoped_session(sts, settings.function_role_arn, f"tenant-{tenant}", policy)


def _config(tenant: str) -> Config:
    return Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=20,  # shorter than the shortest function's timeout, so that a call that hangs is tried again
        user_agent_extra=f"headgate tenant/{tenant}",  # so that the audit trail of every call names the tenant
    )


def forget_clients() -> None:
    """Forget clients, credentials and environment, as a new worker knows none."""
    for kept in (client, shared, _session, own_session, environment):
        kept.cache_clear()
