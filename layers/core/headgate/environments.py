"""What each function is told by the template, in variables; read at first use.

Every function imports all of these classes: without what would compare and print them they are made in half the time.
"""

import os
from dataclasses import dataclass, fields
from functools import cache
from typing import TypeVar

from headgate.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Environment:
    """What every function is told by the template; `tenant_keys` begins the ARNs of the aliases of tenants' keys."""

    ledger_table: str
    data_bucket: str
    artifact_bucket: str
    tenant_keys: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TenantsEnvironment(Environment):
    """What a function is told that works for tenants: its own role, which it takes on again for each of them."""

    function_role_arn: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RunsEnvironment(Environment):
    """What a function is told that starts or ends runs."""

    train_state_machine_arn: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ResponsesEnvironment(Environment):
    """What a function is told that has incidents answered."""

    respond_state_machine_arn: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PolicyEnvironment(Environment):
    """What a function is told that decides; the budget is a whole number, as text."""

    tenant_retrains_per_day: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class NoticesEnvironment(Environment):
    """What a function is told that tells people."""

    notification_topic_arn: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TenantNoticesEnvironment(NoticesEnvironment):
    """What a function is told that tells people of a tenant's work; `tenant_topics` begins the ARNs of their topics."""

    tenant_topics: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AuditEnvironment(NoticesEnvironment):
    """What a function is told that copies the audit trail."""

    audit_bucket: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ComplianceEnvironment(AuditEnvironment):
    """What a function is told that judges the deployment; addresses are separated by spaces."""

    stack_name: str
    dead_letter_queues: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TrainingCodeEnvironment(Environment):
    """What a function is told that knows which code trains."""

    training_code_hash: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ValidationEnvironment(TrainingCodeEnvironment):
    """What a function is told that validates; how many bytes of a dataset it does itself, as text."""

    function_bytes: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RegistryEnvironment(TrainingCodeEnvironment):
    """What a function is told that registers versions."""

    serving_image: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RetrainingEnvironment(RunsEnvironment):
    """What a function is told that has projects retrained."""

    training_code_hash: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RolloutEnvironment(Environment):
    """What a function is told that plans releases; text, as every variable is."""

    bake_seconds: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ServingEnvironment(Environment):
    """What a function is told that puts versions in service; with `tenant_roles` the ARNs of tenants' roles begin."""

    serving_image: str
    tenant_roles: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class TuningEnvironment(Environment):
    """What a function is told that plans searches; the limit is in USD for one search, as text."""

    tuning_money_limit: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MonitoringEnvironment(Environment):
    """What a function is told that has endpoints looked at."""

    monitor_queue_url: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ObservationsEnvironment(Environment):
    """What a function is told that has windows observed by machines."""

    observe_state_machine_arn: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class WindowsEnvironment(ObservationsEnvironment):
    """What a function is told that judges windows; how many captured bytes it reads itself, as text."""

    function_window_bytes: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class IntakeEnvironment(Environment):
    """What a function is told that takes uploads in."""

    intake_queue_url: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RetrainQueueEnvironment(Environment):
    """What a function is told that requests retrainings."""

    retrain_queue_url: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ReconcileEnvironment(RunsEnvironment):
    """What a function is told that makes rounds; names and addresses are separated by spaces."""

    respond_state_machine_arn: str
    notification_topic_arn: str
    rules: str
    dead_letter_queues: str


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
