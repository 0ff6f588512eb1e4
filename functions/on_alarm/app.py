"""Reacts to `CloudWatch Alarm State Change`, and to an endpoint that broke, through a queue."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.alarms import standing_alarm
from headgate.domain.names import NOBODY, tenant_of_name
from headgate.entrypoint import alarms, ledger, logger, now, responses
from headgate.services.alarm import AlarmChanged, open_incident
from headgate.services.endpoint_broke import EVENT, EndpointBroke, open_repair

_processor = BatchProcessor(event_type=EventType.SQS)


def _follow_up(record: SQSRecord) -> None:
    try:
        event = record.json_body
        answer = _endpoint_broke if event["detail-type"] == EVENT else _alarm_rang
        answer(event)
    except Exception as error:
        logger.error("alarm not handled", message_id=record.message_id, error=type(error).__name__)
        raise


def _alarm_rang(event: dict[str, Any]) -> None:
    alarm = AlarmChanged.parse(event)
    ours = standing_alarm(alarm.name)
    # Whose alarm it is that a project made for itself, its tags tell, which anybody's may be.
    tenant = (tenant_of_name(ours[0]) if ours else None) or NOBODY
    decision = open_incident(
        alarm, ledger=ledger(tenant), alarms=alarms(tenant), executions=responses(tenant), now=now()
    )
    logger.info("alarm rang", decision=decision, alarm=alarm.name, at=alarm.at)


def _endpoint_broke(event: dict[str, Any]) -> None:
    broke = EndpointBroke.parse(event)
    tenant = tenant_of_name(broke.endpoint)
    if tenant is None:
        return  # another system's endpoint
    decision = open_repair(broke, ledger=ledger(tenant), executions=responses(tenant), now=now())
    logger.info("endpoint broke", decision=decision, endpoint=broke.endpoint, status=broke.status, at=broke.at)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Open the incidents that alarms are; the events that failed come back."""
    return process_partial_response(event, _follow_up, _processor, context)  # type: ignore[return-value]
