"""Reacts to `Object Created` of S3, through the intake queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import tenant_of
from headgate.entrypoint import logger, objects, runs, tenants
from headgate.environments import Environment, environment
from headgate.services.object_created import ObjectCreated, receive_object

_processor = BatchProcessor(event_type=EventType.SQS)


def _receive(record: SQSRecord) -> None:
    try:
        event = ObjectCreated.parse(record.json_body)
        tenant = tenant_of(event.key)
        decision = receive_object(
            event,
            artifact_bucket=environment(Environment).artifact_bucket,
            objects=objects(tenant),
            runs=runs(tenant),
            tenants=tenants(tenant),
        )
    except Exception as error:
        logger.error("event not handled", message_id=record.message_id, error=type(error).__name__)
        raise
    logger.info("object received", decision=decision, tenant=tenant, key=event.key)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of events; the ones that failed come back, the others do not wait for them."""
    return process_partial_response(event, _receive, _processor, context)  # type: ignore[return-value]
