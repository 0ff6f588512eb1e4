"""Custom resource of the deployment: the training code goes into the artifact bucket, and the core for jobs."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.cloudformation import answer
from headgate.domain.names import SYSTEM
from headgate.entrypoint import logger, objects
from headgate.environments import Environment, environment
from headgate.services.publish_training_code import find_libraries, publish_core, publish_training_code
from headgate.services.training_code import find_training_code, unpacked


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Publish on creation and update; on deletion leave the code, for versions that were trained with it name it."""
    with answer(event) as attributes:
        if event["RequestType"] == "Delete":
            return
        store, bucket = objects(SYSTEM), environment(Environment).artifact_bucket
        roots = unpacked()
        attributes.update(
            publish_training_code(find_training_code(roots), objects=store, artifact_bucket=bucket)
            | publish_core(find_libraries(roots), objects=store, artifact_bucket=bucket)
        )
        logger.info("training code published", code=attributes["Hash"])
