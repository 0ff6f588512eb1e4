"""Compares what an endpoint was asked with what its version was trained on, through a queue of endpoints."""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import Project, tenant_of_name
from headgate.entrypoint import ledger, logger, now, objects
from headgate.environments import Environment, environment
from headgate.services.monitor_endpoint import Monitor, monitor_endpoint

_processor = BatchProcessor(event_type=EventType.SQS)


def _look(record: SQSRecord) -> None:
    endpoint = record.json_body["endpoint"]
    try:
        project = ledger(tenant).owner(endpoint) if (tenant := tenant_of_name(endpoint)) else None
        if project is None:
            return  # another system's endpoint
        look = monitor_endpoint(project, _monitor(project), publish=partial(_publish, project), now=now())
    except Exception as error:
        logger.error("endpoint not monitored", endpoint=endpoint, error=type(error).__name__)
        raise
    logger.info(
        "endpoint monitored",
        decision=look.decision,
        tenant=project.tenant,
        project=project.name,
        rows=look.rows,
        says=look.window.says if look.window else None,
    )


def _monitor(project: Project) -> Monitor:
    place, tenant = environment(Environment), project.tenant
    folder = Path(tempfile.gettempdir())
    return Monitor(ledger(tenant), objects(tenant), place.data_bucket, place.artifact_bucket, folder)


def _publish(project: Project, measures: Mapping[str, float]) -> None:
    """One line of metrics whose dimensions are the tenant and the project, and nothing else."""
    metrics = EphemeralMetrics(namespace="Headgate")
    metrics.add_dimension(name="Tenant", value=project.tenant)
    metrics.add_dimension(name="Project", value=project.name)
    for name, value in measures.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count if name == "RowsSeen" else MetricUnit.NoUnit, value=value)
    metrics.flush_metrics()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the endpoints of a batch; the ones that failed come back."""
    return process_partial_response(event, _look, _processor, context)  # type: ignore[return-value]
