"""Task of `promote`: take the next release number."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import endpoints, ledger, logger, measurements, now
from headgate.environments import RolloutEnvironment, environment
from headgate.services.plan_release import PlanRelease, plan_release


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Plan the release of the version named in the payload."""
    command = PlanRelease.parse(event)
    tenant = command.project.tenant
    plan = plan_release(
        command,
        ledger=ledger(tenant),
        endpoints=endpoints(tenant),
        traffic=measurements(tenant).traffic,
        bake_seconds=int(environment(RolloutEnvironment).bake_seconds),
        now=now(),
    )
    logger.info(
        "release planned",
        decision=plan["outcome"] or "planned",
        tenant=tenant,
        project=command.project.name,
        run=command.run,
        release=plan.get("sequence"),
    )
    return plan
