"""Reacts to `Object Created` of S3, through the intake queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.s3 import Objects
from headgate.aws.sns import Topic
from headgate.aws.stepfunctions import Executions
from headgate.domain.names import tenant_of
from headgate.entrypoint import RunsEnvironment, client, environment, ledger, logger, now
from headgate.services.object_created import ObjectCreated, receive_object

_processor = BatchProcessor(event_type=EventType.SQS)


def _receive(record: SQSRecord) -> None:
    settings = environment(RunsEnvironment)
    event = ObjectCreated.parse(record.json_body)
    tenant = tenant_of(event.key)
    decision = receive_object(
        event,
        artifact_bucket=settings.artifact_bucket,
        objects=Objects(client("s3", tenant)),
        ledger=ledger(tenant),
        executions=Executions(client("stepfunctions", tenant), settings.train_state_machine_arn),
        topic=Topic(client("sns", tenant), settings.notification_topic_arn),
        now=now(),
    )
    logger.info("object received", decision=decision, tenant=tenant, key=event.key)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of events; the ones that failed come back, the others do not wait for them."""
    return process_partial_response(event, _receive, _processor, context)
