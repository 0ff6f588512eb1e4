"""Task of `train`: register a version that passed the gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, registry
from headgate.environments import RegistryEnvironment, environment
from headgate.services.register_version import RegisterVersion, register_version


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str]:
    """Register the model of the run named in the payload."""
    settings = environment(RegistryEnvironment)
    command = RegisterVersion.parse(event)
    tenant = command.project.tenant
    answer = register_version(
        command,
        registry=registry(tenant),
        ledger=ledger(tenant),
        serving_image=settings.serving_image,
        code=settings.training_code_hash,
        artifact_bucket=settings.artifact_bucket,
    )
    logger.info(
        "version registered", tenant=tenant, project=command.project.name, run=command.run, version=answer["version"]
    )
    return answer
