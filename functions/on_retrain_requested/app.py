"""Reacts to `RetrainRequested`, from Headgate or from any other system, through a queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import logger, retrainings
from headgate.services.retrain_requested import RetrainRequested

_processor = BatchProcessor(event_type=EventType.SQS)


def _receive(record: SQSRecord) -> None:
    try:
        asked = RetrainRequested.parse(record.json_body)
        decision = retrainings(asked.project.tenant).request(asked)
    except Exception as error:
        logger.error("request not handled", message_id=record.message_id, error=type(error).__name__)
        raise
    logger.info(
        "retraining requested",
        decision=decision,
        reason=asked.reason,
        tenant=asked.project.tenant,
        project=asked.project.name,
        request=asked.request,
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of requests; the ones that failed come back."""
    return process_partial_response(event, _receive, _processor, context)  # type: ignore[return-value]
