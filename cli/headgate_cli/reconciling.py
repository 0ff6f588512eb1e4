"""A round of the reconciler by hand: the function that its schedule starts, called with the caller's credentials."""

import json
from typing import Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError


def round_by_hand(cloud: Cloud, project: Project | None, *, dry: bool) -> dict[str, Any]:
    """Make a round and wait for it.

    Returns:
        `projects`, how many were looked at, and `findings`.

    Raises:
        CommandError: when the round failed, or its answer did not come; its log says more.
    """
    asked: dict[str, Any] = {"dry_run": dry}
    if project is not None:
        asked |= {"tenant": project.tenant, "project": project.name}
    name = cloud.outputs["ReconcileFunction"]
    try:
        answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(asked).encode())
    except (ReadTimeoutError, ConnectionClosedError) as error:
        raise CommandError(
            f"The round was begun and may go on, but its answer did not come. Its log is /aws/lambda/{name}; what it "
            "finds is repaired and told all the same. Look there before you call for another."
        ) from error
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CommandError(f"The round failed: {told.get('errorMessage', 'no reason given')} See the log of {name}.")
    return told
