"""The composition root: environment, logger, metrics, and the one factory of AWS clients.

Handlers reach AWS through here only. Nothing is read or opened at import; every adapter is made for a tenant, in whose
name it calls AWS.
"""

import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from aws_lambda_powertools import Logger, Metrics
from botocore.config import Config

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.cloudwatch import Alarms, Measurements
from headgate.aws.events import Bus
from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.aws.runtime import Requests
from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Endpoints, Jobs
from headgate.aws.searches import Searches
from headgate.aws.sns import Topic
from headgate.aws.sqs import Queue
from headgate.aws.stepfunctions import Executions, Tasks
from headgate.aws.trials import Trials
from headgate.domain.errors import ConfigurationError
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.services.decide_response import World
from headgate.services.deploy_release import Serving
from headgate.services.experiments import Experiments
from headgate.services.project_rules import ProjectRules
from headgate.services.projects import projects_in
from headgate.services.retrain_requested import Retrainings
from headgate.services.runs import Runs
from headgate.services.watch_release import Watcher
from headgate.tracking import Tracking

if TYPE_CHECKING:  # one function of all needs them: the others are to start without
    from headgate.services.reconcile import Reconciler
    from headgate.services.repairs import Tools

logger = Logger(service="headgate")
metrics = Metrics(namespace="Headgate", service="headgate")


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


@dataclass(frozen=True, slots=True)
class ResponsesEnvironment(Environment):
    """What a function is told that has incidents answered."""

    respond_state_machine_arn: str


@dataclass(frozen=True, slots=True)
class PolicyEnvironment(Environment):
    """What a function is told that decides; the budget is a whole number, as text."""

    tenant_retrains_per_day: str


@dataclass(frozen=True, slots=True)
class NoticesEnvironment(Environment):
    """What a function is told that tells people."""

    notification_topic_arn: str


@dataclass(frozen=True, slots=True)
class TrainingCodeEnvironment(Environment):
    """What a function is told that knows which code trains."""

    training_code_hash: str


@dataclass(frozen=True, slots=True)
class RegistryEnvironment(TrainingCodeEnvironment):
    """What a function is told that registers versions."""

    serving_image: str


@dataclass(frozen=True, slots=True)
class RetrainingEnvironment(RunsEnvironment):
    """What a function is told that has projects retrained."""

    training_code_hash: str


@dataclass(frozen=True, slots=True)
class RolloutEnvironment(Environment):
    """What a function is told that plans releases; text, as every variable is."""

    bake_seconds: str


@dataclass(frozen=True, slots=True)
class ServingEnvironment(Environment):
    """What a function is told that puts versions in service."""

    serving_image: str
    serving_role_arn: str


@dataclass(frozen=True, slots=True)
class TuningEnvironment(Environment):
    """What a function is told that plans searches; the limit is in USD for one search, as text."""

    tuning_money_limit: str


@dataclass(frozen=True, slots=True)
class MonitoringEnvironment(Environment):
    """What a function is told that has endpoints looked at."""

    monitor_queue_url: str


@dataclass(frozen=True, slots=True)
class RetrainQueueEnvironment(Environment):
    """What a function is told that requests retrainings."""

    retrain_queue_url: str


@dataclass(frozen=True, slots=True)
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


@lru_cache(maxsize=64)
def client(service: str, tenant: str) -> Any:
    """An AWS client for work on behalf of a tenant. Every client of the functions is made here.

    The tenant is written into the user agent, so that the audit trail of every call names it; credentials scoped to
    the tenant have their place here too.
    """
    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=20,  # shorter than the shortest function's timeout, so that a call that hangs is tried again
        user_agent_extra=f"headgate tenant/{tenant}",
    )
    return boto3.client(service, config=config)


def ledger(tenant: str) -> Ledger:
    """The ledger."""
    return Ledger(client("dynamodb", tenant), environment(Environment).ledger_table)


def objects(tenant: str) -> Objects:
    """Objects in S3."""
    return Objects(client("s3", tenant))


def executions(tenant: str) -> Executions:
    """The executions of `train`."""
    return Executions(client("stepfunctions", tenant), environment(RunsEnvironment).train_state_machine_arn)


def responses(tenant: str) -> Executions:
    """The executions of `respond`."""
    return Executions(client("stepfunctions", tenant), environment(ResponsesEnvironment).respond_state_machine_arn)


def tasks(tenant: str) -> Tasks:
    """Tasks that wait for their token."""
    return Tasks(client("stepfunctions", tenant))


def endpoints(tenant: str) -> Endpoints:
    """Models, endpoint configurations and endpoints."""
    return Endpoints(client("sagemaker", tenant), lambda: Autoscaling(client("application-autoscaling", tenant)))


def alarms(tenant: str) -> Alarms:
    """The alarms that guard releases."""
    return Alarms(client("cloudwatch", tenant))


def world(tenant: str) -> World:
    """What a decision about an incident looks at."""
    settings = environment(PolicyEnvironment)
    rules = ProjectRules(objects(tenant), settings.data_bucket, int(settings.tenant_retrains_per_day))
    return World(ledger(tenant), alarms(tenant), endpoints(tenant), rules.of)


def serving(tenant: str) -> Serving:
    """How releases are served."""
    settings = environment(ServingEnvironment)
    return Serving(
        settings.serving_image,
        settings.serving_role_arn,
        settings.ledger_table,
        objects(tenant),
        settings.artifact_bucket,
    )


def trials(tenant: str) -> Trials:
    """Endpoints in which a version is tried."""
    return Trials(client("sagemaker", tenant), lambda: Autoscaling(client("application-autoscaling", tenant)))


def watcher(tenant: str) -> Watcher:
    """What watches releases while they bake."""
    return Watcher(
        ledger(tenant),
        endpoints(tenant),
        Measurements(client("cloudwatch", tenant)),
        Requests(client("sagemaker-runtime", tenant)),
        objects(tenant),
        environment(Environment).artifact_bucket,
        environment(Environment).data_bucket,
    )


def monitor_queue(tenant: str) -> Queue:
    """The queue of endpoints to be looked at."""
    return Queue(client("sqs", tenant), environment(MonitoringEnvironment).monitor_queue_url)


def retrain_queue(tenant: str) -> Queue:
    """The queue of requests for retraining."""
    return Queue(client("sqs", tenant), environment(RetrainQueueEnvironment).retrain_queue_url)


def runs(tenant: str) -> Runs:
    """What starts and ends runs, now."""
    return Runs(ledger(tenant), executions(tenant), partial(endpoints, tenant), partial(tasks, tenant), now())


def retrainings(tenant: str) -> Retrainings:
    """What has projects trained anew, now."""
    settings = environment(RetrainingEnvironment)
    buckets = (settings.data_bucket, settings.artifact_bucket)
    return Retrainings(objects(tenant), runs(tenant), *buckets, settings.training_code_hash)


def _tools(tenant: str) -> "Tools":
    from headgate.services.repairs import Tools

    settings = environment(ReconcileEnvironment)
    return Tools(
        ledger(tenant),
        objects(tenant),
        alarms(tenant),
        endpoints(tenant),
        tasks(tenant),
        runs(tenant),
        executions(tenant),
        responses(tenant),
        settings.ledger_table,
        settings.data_bucket,
        settings.artifact_bucket,
        now(),
    )


def reconciler() -> "Reconciler":
    """What makes rounds, now."""
    from headgate.aws.events import Rules
    from headgate.aws.findings import Findings
    from headgate.services.reconcile import Deployment, Reconciler

    settings, tenant = environment(ReconcileEnvironment), "_system"
    sqs = client("sqs", tenant)
    queues = {url.rpartition("/")[2]: Queue(sqs, url) for url in settings.dead_letter_queues.split()}
    return Reconciler(
        _tools,
        Deployment(Rules(client("events", tenant)), settings.rules.split(), queues),
        Findings(client("dynamodb", tenant), settings.ledger_table),
        topic(tenant),
        now(),
    )


def all_projects() -> list[Project]:
    """Every project that has data or artifacts."""
    settings = environment(Environment)
    return list(projects_in(objects("_system"), settings.data_bucket, settings.artifact_bucket))


def experiments(tenant: str) -> Experiments:
    """Records of experiments."""
    jobs, bucket = Jobs(client("sagemaker", tenant)), environment(Environment).artifact_bucket
    return Experiments(jobs, searches(tenant), objects(tenant), bucket)


def tracking() -> Tracking | None:
    """The MLflow server that wants to know of runs; None where the deployment names none."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    return Tracking(uri) if uri else None


def registry(tenant: str) -> Registry:
    """The model registry."""
    return Registry(client("sagemaker", tenant))


def searches(tenant: str) -> Searches:
    """Tuning jobs."""
    return Searches(client("sagemaker", tenant))


def bus(tenant: str) -> Bus:
    """The bus that others listen to."""
    return Bus(client("events", tenant))


def topic(tenant: str) -> Topic:
    """The topic that people subscribe to."""
    return Topic(client("sns", tenant), environment(NoticesEnvironment).notification_topic_arn)


def now() -> str:
    """The time as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return written(datetime.now(UTC))
