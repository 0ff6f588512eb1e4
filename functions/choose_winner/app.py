"""Task of `train`: choose between the defaults and the best trial of a search for settings."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import ledger, logger, searches
from headgate.environments import Environment, environment
from headgate.services.choose_winner import ChooseWinner, choose_winner


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Choose the winner of the search named in the payload."""
    command = ChooseWinner.parse(event)
    tenant = command.project.tenant
    answer = choose_winner(
        command,
        searches=searches(tenant),
        ledger=ledger(tenant),
        artifact_bucket=environment(Environment).artifact_bucket,
    )
    logger.info(
        "winner chosen",
        decision="defaults" if answer["tuning"]["defaults"]["stand"] else "trial",
        tenant=tenant,
        project=command.project.name,
        run=command.run,
        search=command.job,
    )
    return answer
