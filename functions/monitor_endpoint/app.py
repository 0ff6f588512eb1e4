"""Compares what an endpoint was asked with what its version was trained on, through a queue of endpoints.

As a task of `observe` it judges what machines have observed.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import Project, tenant_of_name
from headgate.domain.observed import Observation
from headgate.entrypoint import ledger, logger, monitor, now, observations, publisher
from headgate.services.monitor import Look
from headgate.services.monitor_endpoint import judge_observed, monitor_endpoint

_processor = BatchProcessor(event_type=EventType.SQS)


def _look(record: SQSRecord) -> None:
    endpoint = record.json_body["endpoint"]
    try:
        project = ledger(tenant).owner(endpoint) if (tenant := tenant_of_name(endpoint)) else None
        if project is None:
            return  # another system's endpoint
        eyes, machines = monitor(project.tenant), observations(project.tenant)
        _tell(project, monitor_endpoint(project, eyes, machines, publish=publisher(project), now=now()))
    except Exception as error:
        logger.error("endpoint not monitored", endpoint=endpoint, error=type(error).__name__)
        raise


def _tell(project: Project, look: Look) -> None:
    logger.info(
        "endpoint monitored",
        decision=look.decision,
        tenant=project.tenant,
        project=project.name,
        rows=look.rows,
        says=look.window.says if look.window else None,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the endpoints of a batch; the ones that failed come back. Or judge the window that the payload names."""
    if "Records" not in event:
        project = Project(event["tenant"], event["project"])
        observation = Observation(event["release"], event["number"], event["time"])
        eyes = monitor(project.tenant)
        look = judge_observed(project, observation, eyes, publish=publisher(project), now=now())
        _tell(project, look)
        return {"decision": look.decision}
    return process_partial_response(event, _look, _processor, context)  # type: ignore[return-value]
