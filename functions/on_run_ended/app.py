"""Reacts to the ledger's stream: a run that has just ended is kept as an experiment, counted, told."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.ledger import runs_of
from headgate.entrypoint import bus, experiments, ledger, logger, metrics, now, tenants, topics, tracking
from headgate.services.run_ended import announce, keep, track

_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


def _follow_up(record: DynamoDBRecord) -> None:
    change = record.raw_event["dynamodb"]
    before, after = ([change[image]] if image in change else [] for image in ("OldImage", "NewImage"))
    if any(run.ended for run in runs_of(before)):
        return
    for run in runs_of(after):
        if run.ended:
            tenant = run.tenant
            experiment, kept = keep(run, experiments=experiments(tenant), tenants=tenants(tenant), now=now())
            event = announce(run, ledger=ledger(tenant), bus=bus(tenant), topic=topics(tenant))
            kept |= track(experiment, tracking())
            metrics.add_metric(name=f"Runs{run.state.title().replace('_', '')}", unit=MetricUnit.Count, value=1)
            (logger.warning if "missed" in kept else logger.info)(
                "run announced",
                decision=run.state,
                tenant=tenant,
                project=run.project,
                run=run.run,
                event=event,
                experiment=kept,
            )


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a change; one that failed comes back. They come one by one, for a stream repeats all that is behind."""
    return process_partial_response(event, _follow_up, _processor, context)  # type: ignore[return-value]
