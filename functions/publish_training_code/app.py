"""Custom resource of the deployment: the training code goes into the artifact bucket."""

import sys
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.aws.cloudformation import answer
from headgate.entrypoint import logger, objects
from headgate.environments import Environment, environment
from headgate.services.publish_training_code import find_training_code, publish_training_code

# Lambda unpacks layers to /opt, which is not on the path; the local cloud puts each layer's folder there.
_LAYERS = "/opt"


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Publish on creation and update; on deletion leave the code, for versions that were trained with it name it."""
    with answer(event) as attributes:
        if event["RequestType"] == "Delete":
            return
        attributes.update(
            publish_training_code(
                find_training_code([_LAYERS, *sys.path]),
                objects=objects("_system"),
                artifact_bucket=environment(Environment).artifact_bucket,
            )
        )
        logger.info("training code published", code=attributes["Hash"])
