"""Task of `train`: decide whether a dataset is fit to train on."""

import tempfile
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, objects, tenants
from headgate.environments import ValidationEnvironment, environment
from headgate.services.validate_dataset import ValidateDataset, validate_dataset


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Validate the dataset named in the payload."""
    settings = environment(ValidationEnvironment)
    tenant = event["tenant"]
    entry = tenants(tenant).entry(tenant)
    command = ValidateDataset.parse(
        event,
        data_bucket=settings.data_bucket,
        artifact_bucket=settings.artifact_bucket,
        code=settings.training_code_hash,
        key=entry.key,
    )
    answer = validate_dataset(
        command,
        objects=objects(tenant),
        head=ledger(tenant).head(command.project),
        workdir=Path(tempfile.gettempdir()),
        most_instances=entry.quotas.instances,
        max_bytes=int(settings.function_bytes),
    )
    logger.info(
        "dataset validated",
        decision=answer["verdict"],
        reason=answer["reason_code"],
        tenant=tenant,
        project=command.project.name,
        run=command.run,
        rows=answer["rows"],
    )
    return answer
