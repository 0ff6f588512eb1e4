"""Task of `promote`: try a release beside the version that serves, step by step."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, now, serving, tasks, trials, watcher
from headgate.services.observe_trial import observe_trial
from headgate.services.try_release import Trying, TryRelease, try_release


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Do what is due for the release named in the payload."""
    command, moment = TryRelease.parse(event), now()
    tenant = command.project.tenant
    observe = partial(observe_trial, watcher=watcher(tenant), now=moment)
    answer = try_release(
        command, Trying(ledger(tenant), trials(tenant), tasks(tenant), serving(tenant), observe, moment)
    )
    logger.info(
        "release tried",
        decision=answer["outcome"],
        tenant=tenant,
        project=command.project.name,
        release=command.sequence,
    )
    return answer
