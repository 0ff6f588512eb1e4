"""Task of `promote`, with a task token: create or update the endpoint."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import alarms, endpoints, ledger, logger, now, serving, tasks
from headgate.services.deploy_release import DeployRelease, deploy_release


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Deploy the release named in the payload; the token goes back when the endpoint has come to rest."""
    command = DeployRelease.parse(event)
    tenant = command.project.tenant
    deploy_release(
        command,
        ledger=ledger(tenant),
        endpoints=endpoints(tenant),
        alarms=alarms(tenant),
        tasks=tasks(tenant),
        serving=serving(tenant),
        now=now(),
    )
    logger.info("release deploying", tenant=tenant, project=command.project.name, release=command.sequence)
