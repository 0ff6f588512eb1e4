"""Reacts to the schedule of looks at the deployment itself: which rules of compliance hold of it."""

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.entrypoint import deployment, logger, metrics
from headgate.services.compliance_due import judge_deployment


@metrics.log_metrics
def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Judge the deployment; an alarm on what is counted here tells people."""
    broken = judge_deployment(deployment())
    for rule, breaches in broken.items():
        for what, said in breaches:
            logger.warning("rule broken", decision="NON_COMPLIANT", rule=rule, subject=what, reason=said)
    metrics.add_metric(name="ComplianceBreaches", unit=MetricUnit.Count, value=len(broken))
    logger.info("deployment judged", decision="NON_COMPLIANT" if broken else "COMPLIANT", broken=sorted(broken))
