"""Reacts to `Step Functions Execution Status Change` of `train` executions that did not succeed."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.sns import Topic
from headgate.aws.stepfunctions import Executions
from headgate.entrypoint import RunsEnvironment, client, environment, ledger, logger, now
from headgate.services.execution_ended import ExecutionEnded, follow_up


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Close the run if its own machine could not."""
    settings = environment(RunsEnvironment)
    ended = ExecutionEnded.parse(event)
    tenant = ended.project.tenant
    decision = follow_up(
        ended,
        ledger=ledger(tenant),
        executions=Executions(client("stepfunctions", tenant), settings.train_state_machine_arn),
        topic=Topic(client("sns", tenant), settings.notification_topic_arn),
        now=now(),
    )
    logger.info("execution ended", decision=decision, tenant=tenant, project=ended.project.name, run=ended.run)
