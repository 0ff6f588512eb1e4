"""Reacts to `Object Created` of S3, through the intake queue, which a message goes through twice.

The rule cannot say whose an object is. So a message of the rule is only sorted: it goes back into the queue under its
tenant's name. The queue hands tenants out fairly then, and what takes time is done for them in turn.
"""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.sqs import tenant_of_message
from headgate.domain.names import SYSTEM, tenant_of
from headgate.entrypoint import intake_queue, logger, objects, runs, tenants
from headgate.environments import Environment, environment
from headgate.services.object_created import ObjectCreated, receive_object, sort_events

# Sorting is done for all tenants at once, with nothing of theirs but the keys.
# What was sorted does not come back because the rest of its batch failed.
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


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
    unsorted = {each["messageId"]: each["body"] for each in event["Records"] if tenant_of_message(each) is None}
    unread = sort_events(unsorted, intake_queue(SYSTEM))
    if unread:
        logger.error("events not read", message_ids=unread)
    failed: list[Any] = [{"itemIdentifier": each} for each in unread]
    if batch := [each for each in event["Records"] if each["messageId"] not in unsorted]:
        failed += process_partial_response({"Records": batch}, _receive, _processor, context)["batchItemFailures"]
    return {"batchItemFailures": failed}
