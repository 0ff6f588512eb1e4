"""Reacts to the ledger's stream: a run that has just ended is told, counted, kept as an experiment."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.ledger import runs_of
from headgate.entrypoint import bus, experiments, ledger, logger, metrics, tenants, topics, tracking
from headgate.services.run_ended import announce, keep

_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


def _follow_up(record: DynamoDBRecord) -> None:
    change = record.raw_event["dynamodb"]
    before, after = ([change[image]] if image in change else [] for image in ("OldImage", "NewImage"))
    if any(run.ended for run in runs_of(before)):
        return
    for run in runs_of(after):
        if run.ended:
            event = announce(run, ledger=ledger(run.tenant), bus=bus(run.tenant), topic=topics(run.tenant))
            metrics.add_metric(name=f"Runs{run.state.title().replace('_', '')}", unit=MetricUnit.Count, value=1)
            kept = keep(run, experiments=experiments(run.tenant), tenants=tenants(run.tenant), tracking=tracking())
            logger.info(
                "run announced",
                decision=run.state,
                tenant=run.tenant,
                project=run.project,
                run=run.run,
                event=event,
                experiment=kept,
            )


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch of changes; the ones that failed come back."""
    return process_partial_response(event, _follow_up, _processor, context)  # type: ignore[return-value]
