"""Reacts to the ledger's stream: an incident that has just ended is told and counted, a new entry of the audit copied.

Both are here because a stream has two readers at most.
"""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.audit import entries_of
from headgate.aws.ledger import incidents_of
from headgate.entrypoint import bus, copies, ledger, logger, metrics, topics, training_cost
from headgate.services.incident_ended import announce_incident

_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


def _follow_up(record: DynamoDBRecord) -> None:
    change = record.raw_event["dynamodb"]
    before, after = ([change[image]] if image in change else [] for image in ("OldImage", "NewImage"))
    for chain, entry in entries_of(after if not before else []):
        kept = copies(chain.partition("#")[0]).keep(chain, entry)
        logger.info("audit copied", decision="copied" if kept else "copied before", trail=chain, entry=entry.sequence)
    if any(incident.ended for incident in incidents_of(before)):
        return
    for incident in incidents_of(after):
        if incident.ended:
            tenant = incident.tenant
            told = announce_incident(
                incident,
                ledger=ledger(tenant),
                bus=bus(tenant),
                topic=topics(tenant),
                training_cost=training_cost,
            )
            name = f"Incidents{str(incident.outcome).title().replace('_', '')}"
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
            logger.info(
                "incident announced",
                decision=told,
                outcome=incident.outcome,
                tenant=tenant,
                project=incident.project,
                incident=incident.incident,
            )


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of changes; the ones that failed come back."""
    return process_partial_response(event, _follow_up, _processor, context)  # type: ignore[return-value]
