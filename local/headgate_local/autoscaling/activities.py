"""Scaling activities: what was scaled or not, why, and how it ended."""

import time
import uuid
from typing import TYPE_CHECKING

from headgate_local.api.records import Record
from headgate_local.autoscaling import names, rules

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

KEPT = 6 * 7 * 86400
"""Seconds for which activities can be looked up: six weeks, as on AWS."""


def describe(scaling: "Scaling", request: Record) -> Record:
    """DescribeScalingActivities, the newest first."""
    resource_id, all_of_them = request.get("ResourceId"), request.get("IncludeNotScaledActivities", False)
    found = [
        activity
        for activity in reversed(list(scaling.activities.values()))
        if resource_id in (None, activity["ResourceId"]) and (all_of_them or "NotScaledReasons" not in activity)
    ]
    page, token = names.page(found, request)
    return {"ScalingActivities": page, **token}


def begin(scaling: "Scaling", resource_id: str, capacity: int, cause: str) -> str:
    """Note that a capacity is being set; answers the activity's id."""
    message = f"Successfully set desired instance count to {capacity}. Waiting for change to be fulfilled by sagemaker."
    return _add(
        scaling,
        resource_id,
        cause,
        Description=f"Setting desired instance count to {capacity}.",
        StatusCode="InProgress",
        StatusMessage=message,
    )


def end(scaling: "Scaling", identifier: str, status: str, message: str) -> None:
    """Note how an activity ended."""
    ended = {"StatusCode": status, "StatusMessage": message, "EndTime": time.time()}
    scaling.activities[identifier] = {**scaling.activities[identifier], **ended}


def note(scaling: "Scaling", resource_id: str, code: str, situation: rules.Situation, cause: str) -> None:
    """Note that nothing was scaled, and why; once for as long as nothing else happens to the target."""
    known = {
        "AlreadyAtMaxCapacity": {"MaxCapacity": situation.high},
        "AlreadyAtMinCapacity": {"MinCapacity": situation.low},
        "AlreadyAtDesiredCapacity": {"CurrentCapacity": situation.capacity},
    }
    reasons = [{"Code": code, **known.get(code, {})}]
    of_target = [each for each in scaling.activities.values() if each["ResourceId"] == resource_id]
    if of_target and (of_target[-1]["Cause"], of_target[-1].get("NotScaledReasons")) == (cause, reasons):
        return
    _add(
        scaling,
        resource_id,
        cause,
        Description="Attempting to scale due to alarm triggered",
        StatusCode="Failed",
        NotScaledReasons=reasons,
    )


def _add(scaling: "Scaling", resource_id: str, cause: str, **members: object) -> str:
    identifier, now = str(uuid.uuid4()), time.time()
    for old in [each["ActivityId"] for each in scaling.activities.values() if each["StartTime"] < now - KEPT]:
        scaling.activities.pop(old)
    scaling.activities[identifier] = {
        "ActivityId": identifier,
        "ServiceNamespace": names.NAMESPACE,
        "ResourceId": resource_id,
        "ScalableDimension": names.DIMENSION,
        "Cause": cause,
        "StartTime": now,
        **members,
    }
    return identifier
