"""What each function is told by the template, in variables; read at first use.

Every function imports all of these classes, so they are plain ones: as dataclasses they took 7 ms of every cold start.
"""

import os
from collections.abc import Mapping
from functools import cache
from inspect import get_annotations
from typing import TypeVar

from headgate.domain.errors import ConfigurationError


class Environment:
    """What every function is told by the template; `tenant_keys` begins the ARNs of the aliases of tenants' keys."""

    ledger_table: str
    data_bucket: str
    artifact_bucket: str
    tenant_keys: str

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take what the template tells.

        Raises:
            ConfigurationError: naming the variables that the template should have set.
        """
        names = [name for kind in type(self).__mro__ for name in get_annotations(kind)]
        if missing := [name.upper() for name in names if not values.get(name.upper())]:
            raise ConfigurationError(missing)
        for name in names:
            setattr(self, name, values[name.upper()])


class TenantsEnvironment(Environment):
    """What a function is told that works for tenants: its own role, which it takes on again for each of them."""

    function_role_arn: str


class RunsEnvironment(Environment):
    """What a function is told that starts or ends runs."""

    train_state_machine_arn: str


class ResponsesEnvironment(Environment):
    """What a function is told that has incidents answered."""

    respond_state_machine_arn: str


class PolicyEnvironment(Environment):
    """What a function is told that decides; the budget is a whole number, as text."""

    tenant_retrains_per_day: str


class NoticesEnvironment(Environment):
    """What a function is told that tells people."""

    notification_topic_arn: str


class TenantNoticesEnvironment(NoticesEnvironment):
    """What a function is told that tells people of a tenant's work; `tenant_topics` begins the ARNs of their topics."""

    tenant_topics: str


class AuditEnvironment(NoticesEnvironment):
    """What a function is told that copies the audit trail."""

    audit_bucket: str


class ComplianceEnvironment(AuditEnvironment):
    """What a function is told that judges the deployment; addresses are separated by spaces."""

    stack_name: str
    dead_letter_queues: str


class TrainingCodeEnvironment(Environment):
    """What a function is told that knows which code trains."""

    training_code_hash: str


class ValidationEnvironment(TrainingCodeEnvironment):
    """What a function is told that validates; how many bytes of a dataset it does itself, as text."""

    function_bytes: str


class RegistryEnvironment(TrainingCodeEnvironment):
    """What a function is told that registers versions."""

    serving_image: str


class RetrainingEnvironment(RunsEnvironment, TrainingCodeEnvironment):
    """What a function is told that has projects retrained."""


class RolloutEnvironment(Environment):
    """What a function is told that plans releases; text, as every variable is."""

    bake_seconds: str


class ServingEnvironment(Environment):
    """What a function is told that puts versions in service; with `tenant_roles` the ARNs of tenants' roles begin."""

    serving_image: str
    tenant_roles: str


class TuningEnvironment(Environment):
    """What a function is told that plans searches; the limit is in USD for one search, as text."""

    tuning_money_limit: str


class MonitoringEnvironment(Environment):
    """What a function is told that has endpoints looked at."""

    monitor_queue_url: str


class ObservationsEnvironment(Environment):
    """What a function is told that has windows observed by machines."""

    observe_state_machine_arn: str


class WindowsEnvironment(ObservationsEnvironment):
    """What a function is told that judges windows; how many captured bytes it reads itself, as text."""

    function_window_bytes: str


class IntakeEnvironment(Environment):
    """What a function is told that takes uploads in."""

    intake_queue_url: str


class RetrainQueueEnvironment(Environment):
    """What a function is told that requests retrainings."""

    retrain_queue_url: str


class ReconcileEnvironment(RunsEnvironment, ResponsesEnvironment, NoticesEnvironment):
    """What a function is told that makes rounds; names and addresses are separated by spaces."""

    rules: str
    dead_letter_queues: str


_Kind = TypeVar("_Kind", bound=Environment)


@cache
def environment(kind: type[_Kind]) -> _Kind:
    """The environment of a function, read at first use.

    Raises:
        ConfigurationError: naming the variables that the template should have set.
    """
    return kind(os.environ)
