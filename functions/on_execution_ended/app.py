"""Reacts to `Step Functions Execution Status Change` of executions that did not succeed, through a queue: those of
`train` and of `respond`.
"""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, now, runs, tasks
from headgate.services.close_incident import CloseIncident, close_incident
from headgate.services.execution_ended import ExecutionEnded, follow_up, stopped_incident

_processor = BatchProcessor(event_type=EventType.SQS)


def _follow_up(record: SQSRecord) -> None:
    try:
        if (command := stopped_incident(record.json_body)) is not None:
            _close(command)
            return
        ended = ExecutionEnded.parse(record.json_body)
        tenant = ended.project.tenant
        decision = follow_up(ended, runs=runs(tenant))
    except Exception as error:
        logger.error("event not handled", message_id=record.message_id, error=type(error).__name__)
        raise
    logger.info("execution ended", decision=decision, tenant=tenant, project=ended.project.name, run=ended.run)


def _close(command: CloseIncident) -> None:
    tenant = command.project.tenant
    incident = close_incident(
        command, ledger=ledger(tenant), open_endpoints=partial(endpoints, tenant), tasks=tasks(tenant), now=now()
    )
    project, decision = command.project.name, incident["outcome"]
    logger.info("answer ended", decision=decision, tenant=tenant, project=project, incident=command.incident)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Close the runs whose own machine could not; the events that failed come back."""
    return process_partial_response(event, _follow_up, _processor, context)  # type: ignore[return-value]
