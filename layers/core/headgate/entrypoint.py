"""The composition root: logger, metrics, and what is made of what.

Handlers reach AWS through here only. Nothing is read or opened at import; every adapter is made for a tenant, in whose
name it calls AWS, under credentials that reach this tenant's things and nobody else's.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from headgate import patient  # noqa: F401 - before the others
from headgate.aws.audit import Copies
from headgate.aws.events import Bus, BusRules
from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.aws.sns import Topic, Topics
from headgate.aws.sqs import Queue
from headgate.aws.stepfunctions import Executions, Tasks
from headgate.clients import client, shared
from headgate.domain.audit import Author
from headgate.domain.moments import written
from headgate.domain.names import SYSTEM, TENANT, Project
from headgate.environments import (
    AuditEnvironment,
    ComplianceEnvironment,
    Environment,
    IntakeEnvironment,
    MonitoringEnvironment,
    NoticesEnvironment,
    ObservationsEnvironment,
    PolicyEnvironment,
    ReconcileEnvironment,
    ResponsesEnvironment,
    RetrainingEnvironment,
    RetrainQueueEnvironment,
    RunsEnvironment,
    ServingEnvironment,
    TenantNoticesEnvironment,
    WindowsEnvironment,
    environment,
)

if TYPE_CHECKING:  # few functions need each of them: the others are to start without
    from headgate.aws.cloudwatch import Alarms, Measurements
    from headgate.aws.registry import Registry
    from headgate.aws.sagemaker import Endpoints
    from headgate.aws.searches import Searches
    from headgate.aws.tenants import Tenants
    from headgate.aws.trials import Trials
    from headgate.domain.compliance import Deployment
    from headgate.services.decide_response import World
    from headgate.services.deploy_release import Serving
    from headgate.services.experiments import Experiments
    from headgate.services.monitor import Monitor
    from headgate.services.reconcile import Reconciler
    from headgate.services.repairs import Tools
    from headgate.services.retrain_requested import Retrainings
    from headgate.services.runs import Runs
    from headgate.services.watch_release import Watcher
    from headgate.tracking import Tracking

logger = Logger(service="headgate")
metrics = Metrics(namespace="Headgate", service="headgate")


def ledger(tenant: str) -> Ledger:
    """The ledger; the audit trail names the function as the one who writes."""
    return Ledger(client("dynamodb", tenant), environment(Environment).ledger_table, _author)


def _author() -> Author:
    return Author(f"function {os.environ.get('AWS_LAMBDA_FUNCTION_NAME', 'unnamed')}", now())


def copies(tenant: str) -> Copies:
    """The locked copies of the audit trail; no tenant's credentials reach them."""
    return Copies(Objects(shared("s3", tenant)), environment(AuditEnvironment).audit_bucket)


def tenants(tenant: str) -> "Tenants":
    """The register of tenants, as far as it tells of this one."""
    from headgate.aws.tenants import Tenants

    return Tenants(client("dynamodb", tenant), environment(Environment).ledger_table, _author)


def objects(tenant: str) -> Objects:
    """Objects in S3; what is written for a tenant is written under its key."""
    key = f"{environment(Environment).tenant_keys}{tenant}" if TENANT.fullmatch(tenant) else None
    return Objects(client("s3", tenant), key)


def executions(tenant: str) -> Executions:
    """The executions of `train`."""
    return _executions(tenant, environment(RunsEnvironment).train_state_machine_arn)


def responses(tenant: str) -> Executions:
    """The executions of `respond`."""
    return _executions(tenant, environment(ResponsesEnvironment).respond_state_machine_arn)


def observations(tenant: str) -> Executions:
    """The executions of `observe`."""
    return _executions(tenant, environment(ObservationsEnvironment).observe_state_machine_arn)


def _executions(tenant: str, machine: str) -> Executions:
    return Executions(client("stepfunctions", tenant), machine, starting=shared("stepfunctions", tenant))


def tasks(tenant: str) -> Tasks:
    """Tasks that wait for their token."""
    return Tasks(shared("stepfunctions", tenant))


def endpoints(tenant: str) -> "Endpoints":
    """Models, endpoint configurations and endpoints."""
    from headgate.aws.autoscaling import Autoscaling
    from headgate.aws.sagemaker import Endpoints

    return Endpoints(client("sagemaker", tenant), lambda: Autoscaling(shared("application-autoscaling", tenant)))


def alarms(tenant: str) -> "Alarms":
    """The alarms that guard releases."""
    from headgate.aws.cloudwatch import Alarms

    return Alarms(client("cloudwatch", tenant), shared("cloudwatch", tenant))


def world(tenant: str) -> "World":
    """What a decision about an incident looks at."""
    from headgate.services.decide_response import World
    from headgate.services.project_rules import ProjectRules

    settings = environment(PolicyEnvironment)
    rules = ProjectRules(objects(tenant), settings.data_bucket, int(settings.tenant_retrains_per_day))
    return World(ledger(tenant), alarms(tenant), endpoints(tenant), rules.of)


def serving(tenant: str) -> "Serving":
    """How releases are served."""
    from headgate.services.deploy_release import Serving

    settings = environment(ServingEnvironment)
    return Serving(
        settings.serving_image,
        f"{settings.tenant_roles}{tenant}-serving",
        settings.ledger_table,
        objects(tenant),
        settings.artifact_bucket,
        tenants(tenant).key(tenant),
        _vpc(),
    )


def _vpc() -> dict[str, list[str]] | None:
    """Where models serve (VpcConfig); None outside of any VPC."""
    given = {"Subnets": "SUBNET_IDS", "SecurityGroupIds": "SECURITY_GROUP_IDS"}
    found = {name: list(filter(None, os.environ.get(variable, "").split(","))) for name, variable in given.items()}
    return found if found["Subnets"] else None


def trials(tenant: str) -> "Trials":
    """Endpoints in which a version is tried."""
    from headgate.aws.autoscaling import Autoscaling
    from headgate.aws.trials import Trials

    return Trials(client("sagemaker", tenant), lambda: Autoscaling(shared("application-autoscaling", tenant)))


def measurements(tenant: str) -> "Measurements":
    """Metrics of endpoints."""
    from headgate.aws.cloudwatch import Measurements

    return Measurements(shared("cloudwatch", tenant))


def watcher(tenant: str) -> "Watcher":
    """What watches releases while they bake."""
    from headgate.aws.cloudwatch import Measurements
    from headgate.aws.runtime import Requests
    from headgate.services.watch_release import Watcher

    return Watcher(
        ledger(tenant),
        endpoints(tenant),
        Measurements(shared("cloudwatch", tenant)),
        Requests(client("sagemaker-runtime", tenant)),
        objects(tenant),
        environment(Environment).artifact_bucket,
        environment(Environment).data_bucket,
        partial(_labels_missed, tenant),
    )


def _labels_missed(tenant: str, key: str, why: str) -> None:
    logger.warning("labels left out", tenant=tenant, key=key, reason=why)


def monitor(tenant: str) -> "Monitor":
    """What looks at captured requests."""
    from headgate.services.monitor import Monitor

    settings, folder = environment(WindowsEnvironment), Path(tempfile.gettempdir())
    buckets = (settings.data_bucket, settings.artifact_bucket)
    most = int(settings.function_window_bytes)
    key = partial(tenants(tenant).key, tenant)
    missed = partial(_labels_missed, tenant)
    return Monitor(ledger(tenant), objects(tenant), *buckets, folder, key, function_bytes=most, missed=missed)


def publisher(project: Project) -> Callable[[Mapping[str, float]], None]:
    """What publishes a window's measures: one line of metrics whose dimensions are the tenant and the project alone."""

    def publish(measures: Mapping[str, float]) -> None:
        window = EphemeralMetrics(namespace="Headgate")
        window.add_dimension(name="Tenant", value=project.tenant)
        window.add_dimension(name="Project", value=project.name)
        for name, value in measures.items():
            unit = MetricUnit.Count if name == "RowsSeen" else MetricUnit.NoUnit
            window.add_metric(name=name, unit=unit, value=value)
        window.flush_metrics()

    return publish


def monitor_queue(tenant: str) -> Queue:
    """The queue of endpoints to be looked at."""
    return Queue(shared("sqs", tenant), environment(MonitoringEnvironment).monitor_queue_url)


def intake_queue(tenant: str) -> Queue:
    """The queue of uploads."""
    return Queue(shared("sqs", tenant), environment(IntakeEnvironment).intake_queue_url)


def retrain_queue(tenant: str) -> Queue:
    """The queue of requests for retraining."""
    return Queue(shared("sqs", tenant), environment(RetrainQueueEnvironment).retrain_queue_url)


def runs(tenant: str) -> "Runs":
    """What starts and ends runs, now."""
    from headgate.services.runs import Runs

    return Runs(ledger(tenant), executions(tenant), partial(endpoints, tenant), partial(tasks, tenant), now())


def retrainings(tenant: str) -> "Retrainings":
    """What has projects trained anew, now."""
    from headgate.services.retrain_requested import Retrainings

    settings = environment(RetrainingEnvironment)
    buckets = (settings.data_bucket, settings.artifact_bucket)
    return Retrainings(objects(tenant), runs(tenant), tenants(tenant), *buckets, settings.training_code_hash)


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
        tenants(tenant),
        settings.ledger_table,
        settings.data_bucket,
        settings.artifact_bucket,
        now(),
    )


def reconciler() -> "Reconciler":
    """What makes rounds, now."""
    from headgate.aws.findings import FindingsOnRecord
    from headgate.services.reconcile import Reconciler, Shared

    settings, tenant = environment(ReconcileEnvironment), SYSTEM
    sqs = shared("sqs", tenant)
    queues = {url.rpartition("/")[2]: Queue(sqs, url) for url in settings.dead_letter_queues.split()}
    return Reconciler(
        _tools,
        Shared(BusRules(shared("events", tenant)), settings.rules.split(), queues),
        FindingsOnRecord(client("dynamodb", tenant), settings.ledger_table),
        topic(tenant),
        now(),
    )


def all_projects() -> list[Project]:
    """Every project that has data or artifacts."""
    from headgate.services.projects import projects_in

    settings = environment(Environment)
    return list(projects_in(objects(SYSTEM), settings.data_bucket, settings.artifact_bucket))


def storage_counted(names: set[str], is_over: Callable[[], bool]) -> tuple[dict[str, int], dict[str, str]]:
    """Bytes that tenants keep, of those that were not counted today, as long as there is time; and what failed."""
    from headgate.services.count_storage import count_storage

    settings = environment(Environment)
    buckets = (settings.data_bucket, settings.artifact_bucket)
    return count_storage(names, buckets, open_tenants=tenants, open_objects=objects, now=now(), is_over=is_over)


def deployment() -> "Deployment":
    """The deployment's settings as they are; none of any tenant."""
    from headgate.aws.deployed import Places, deployed

    settings, tenant = environment(ComplianceEnvironment), SYSTEM
    region = shared("s3", tenant).meta.region_name
    buckets, queues = (settings.data_bucket, settings.artifact_bucket), settings.dead_letter_queues.split()
    topic, table, audit = settings.notification_topic_arn, settings.ledger_table, settings.audit_bucket
    places = Places(settings.stack_name, region, buckets, audit, table, queues, topic)
    return deployed(lambda service: shared(service, tenant), places)


def experiments(tenant: str) -> "Experiments":
    """Records of experiments."""
    from headgate.aws.sagemaker import Jobs
    from headgate.services.experiments import Experiments

    jobs, bucket = Jobs(client("sagemaker", tenant)), environment(Environment).artifact_bucket
    return Experiments(jobs, searches(tenant), objects(tenant), bucket)


def training_cost(project: Project, run: str) -> float | None:
    """What a run came to by its record, in USD, where that is known."""
    from headgate.services.experiments import recorded_cost

    return recorded_cost(objects(project.tenant), environment(Environment).artifact_bucket, project, run)


def tracking() -> "Tracking | None":
    """The MLflow server that wants to know of runs; None where the deployment names none."""
    from headgate.tracking import Tracking

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    return Tracking(uri) if uri else None


def registry(tenant: str) -> "Registry":
    """The model registry."""
    from headgate.aws.registry import Registry

    return Registry(client("sagemaker", tenant))


def searches(tenant: str) -> "Searches":
    """Tuning jobs."""
    from headgate.aws.searches import Searches

    return Searches(client("sagemaker", tenant))


def bus(tenant: str) -> Bus:
    """The bus that others listen to."""
    return Bus(shared("events", tenant))


def topic(tenant: str) -> Topic:
    """The topic that the system's people subscribe to."""
    return Topic(shared("sns", tenant), environment(NoticesEnvironment).notification_topic_arn)


def topics(tenant: str) -> Topics:
    """Who hears of a tenant's work: the system's people, and the tenant's own."""
    own = f"{environment(TenantNoticesEnvironment).tenant_topics}{tenant}"

    def missed(why: str) -> None:
        logger.warning("tenant not told", tenant=tenant, reason=why)

    return Topics(topic(tenant), Topic(client("sns", tenant), own), missed)


def now() -> str:
    """The time as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return written(datetime.now(UTC))
