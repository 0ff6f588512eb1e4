"""Task of `promote`: choose the version to go back to, and take the next release number for it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, now, objects
from headgate.services.plan_rollback import PlanRollback, plan_rollback


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Plan the rollback of the incident named in the payload."""
    command = PlanRollback.parse(event)
    tenant = command.project.tenant
    plan = plan_rollback(
        command, ledger=ledger(tenant), endpoints=endpoints(tenant), archives=objects(tenant), now=now()
    )
    logger.info(
        "rollback planned",
        decision=plan["outcome"] or "planned",
        tenant=tenant,
        project=command.project.name,
        incident=command.incident,
        release=plan.get("sequence"),
    )
    return plan
