"""Task of `respond`: look again at an alarm that rang a while ago."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import alarms, ledger, logger, now, responses
from headgate.services.look_again import LookAgain, look_again


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Look again at the alarm of the incident named in the payload."""
    command = LookAgain.parse(event)
    tenant = command.project.tenant
    decision = look_again(
        command, ledger=ledger(tenant), alarms=alarms(tenant), executions=responses(tenant), now=now()
    )
    logger.info(
        "alarm looked at again",
        decision=decision,
        tenant=tenant,
        project=command.project.name,
        incident=command.incident,
    )
    return {"decision": decision}
