"""The composition root: environment, logger, metrics, and the one factory of AWS clients.

Handlers import from here and from services, nothing else. Nothing is read or opened at import.
"""

import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from headgate.aws.ledger import Ledger
from headgate.domain.errors import ConfigurationError

logger = Logger()
metrics = Metrics()


@dataclass(frozen=True, slots=True)
class Environment:
    """What every function is told by the template."""

    ledger_table: str
    data_bucket: str
    artifact_bucket: str


@dataclass(frozen=True, slots=True)
class RunsEnvironment(Environment):
    """What a function is told that starts or ends runs."""

    train_state_machine_arn: str
    notification_topic_arn: str


@dataclass(frozen=True, slots=True)
class RegistryEnvironment(Environment):
    """What a function is told that registers versions."""

    serving_image: str
    training_code_hash: str


@dataclass(frozen=True, slots=True)
class ServingEnvironment(Environment):
    """What a function is told that puts versions in service."""

    serving_image: str
    serving_role_arn: str


_Kind = TypeVar("_Kind", bound=Environment)


@cache
def environment(kind: type[_Kind]) -> _Kind:
    """The environment of a function, read at first use.

    Raises:
        ConfigurationError: naming the variables that the template should have set.
    """
    values = {field.name: os.environ.get(field.name.upper(), "") for field in fields(kind)}
    if missing := [name.upper() for name, value in values.items() if not value]:
        raise ConfigurationError(missing)
    return kind(**values)


@lru_cache(maxsize=64)
def client(service: str, tenant: str) -> Any:
    """An AWS client for work on behalf of a tenant. Every client of the functions is made here.

    The tenant is written into the user agent, so that the audit trail of every call names it; credentials scoped to
    the tenant have their place here too.
    """
    config = Config(retries={"mode": "standard", "max_attempts": 5}, user_agent_extra=f"headgate tenant/{tenant}")
    return boto3.client(service, config=config)


def ledger(tenant: str) -> Ledger:
    """The ledger, for work on behalf of a tenant."""
    return Ledger(client("dynamodb", tenant), environment(Environment).ledger_table)


def now() -> str:
    """The time as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
