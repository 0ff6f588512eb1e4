"""Task of `train`: plan how a run trains, by defaults or by a search."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, objects, searches, tenants
from headgate.environments import TuningEnvironment, environment
from headgate.services.plan_training import Most, PlanTraining, find_families, plan_training
from headgate.services.training_code import find_training_code, unpacked


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Plan the training of the run named in the payload."""
    settings = environment(TuningEnvironment)
    command = PlanTraining.parse(event)
    tenant = command.project.tenant
    answer = plan_training(
        command,
        objects=objects(tenant),
        searches=searches(tenant),
        head=ledger(tenant).head(command.project),
        families=find_families(find_training_code(unpacked())),
        artifact_bucket=settings.artifact_bucket,
        most=Most(float(settings.tuning_money_limit), tenants(tenant).quotas(tenant).trials),
    )
    logger.info(
        "training planned",
        decision=answer["decision"],
        reason=answer["reason_code"],
        tenant=tenant,
        project=command.project.name,
        run=command.run,
    )
    return answer
