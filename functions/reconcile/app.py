"""Makes a round of the reconciler: on its schedule, or when `headgate reconcile` asks."""

from functools import partial
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from headgate.domain.names import Project
from headgate.entrypoint import all_projects, logger, metrics, reconciler, storage_counted

_FOR_STORAGE, _TO_END = 300, 120
"""Seconds that a round leaves for counting what is kept, and that counting leaves: more than one tenant takes."""


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at all projects, or at the one that is asked for (`tenant` and `project`); with `dry_run` change nothing.

    Where people cannot be told of something the round is good all the same: failed, it would be made again at once,
    and its message would be a dead letter. The metric `Untold` has an alarm.
    """

    def within(seconds: int) -> bool:
        return context.get_remaining_time_in_millis() < 1000 * seconds

    whole, dry = "project" not in event, bool(event.get("dry_run"))
    projects = all_projects() if whole else [Project(event["tenant"], event["project"])]
    told = reconciler().round(projects, whole=whole, dry=dry, is_over=partial(within, _FOR_STORAGE))
    for each in told:
        logger.info(
            "found",
            decision=each["done"],
            reason=each["said"],
            untold=each["untold"],
            kind=each["kind"],
            subject=each["subject"],
            tenant=each["tenant"],
            project=each["project"],
            dry=dry,
        )
    if not dry:
        metrics.add_metric(name="Findings", unit=MetricUnit.Count, value=len(told))
    if whole and not dry:
        counted, failed = storage_counted({each.tenant for each in projects}, partial(within, _TO_END))
        if failed:
            logger.warning("storage not counted", tenants=failed)
        logger.info("storage counted", bytes=counted)
    if untold := [each["untold"] for each in told if each["untold"]]:
        logger.error(
            "people could not be told; the next round tells them", findings=len(untold), kinds=sorted(set(untold))
        )
        metrics.add_metric(name="Untold", unit=MetricUnit.Count, value=len(untold))
    logger.info("round made", projects=len(projects), findings=len(told), dry=dry)
    return {"projects": len(projects), "findings": told}
