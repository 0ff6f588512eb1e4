"""Scheduled actions: at their time they set the bounds of a scalable target."""

import time
from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.records import Record
from headgate_local.autoscaling import names, schedules, targets

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

MOST = 200
"""AWS's quota of scheduled actions for a target."""


def put(scaling: "Scaling", request: Record) -> Record:
    """PutScheduledAction: a new action, or another schedule, time or bounds of a known one."""
    resource_id, name = request["ResourceId"], request["ScheduledActionName"]
    with scaling.lock:
        target = targets.get(scaling, resource_id)
        known = scaling.scheduled_actions.get((resource_id, name))
        if (
            known is None
            and sum(each["ResourceId"] == resource_id for each in scaling.scheduled_actions.values()) >= MOST
        ):
            raise ApiError("LimitExceededException", f"A scalable target can have at most {MOST} scheduled actions.")
        created = {"ScheduledActionARN": names.scheduled_action_arn(resource_id, name), "CreationTime": time.time()}
        action = (known or created) | request
        _check(action, target)
        scaling.scheduled_actions[resource_id, name] = action
        scaling.agenda.cancel(scaling.due.pop((resource_id, name), None))
        _plan(scaling, action, time.time())
    return {}


def delete(scaling: "Scaling", request: Record) -> Record:
    """DeleteScheduledAction."""
    resource_id, name = request["ResourceId"], request["ScheduledActionName"]
    with scaling.lock:
        action = scaling.scheduled_actions.get((resource_id, name))
        if action is None:
            raise names.missing("No scheduled action found", resource_id, f", scheduled action name: {name}")
        remove(scaling, action)
    return {}


def remove(scaling: "Scaling", action: Record) -> None:
    """Forget an action. With the lock held, as ``_plan``."""
    key = action["ResourceId"], action["ScheduledActionName"]
    scaling.scheduled_actions.pop(key, None)
    scaling.agenda.cancel(scaling.due.pop(key, None))


def describe(scaling: "Scaling", request: Record) -> Record:
    """DescribeScheduledActions."""
    wanted, resource_id = request.get("ScheduledActionNames"), request.get("ResourceId")
    found = [
        action
        for action in scaling.scheduled_actions.values()
        if (not wanted or action["ScheduledActionName"] in wanted) and resource_id in (None, action["ResourceId"])
    ]
    page, token = names.page(found, request)
    return {"ScheduledActions": page, **token}


def _check(action: Record, target: Record) -> None:
    if "Schedule" not in action:
        raise invalid("Schedule is required to create a scheduled action.")
    schedules.check(action["Schedule"], action.get("Timezone", "UTC"))
    bounds = action.get("ScalableTargetAction", {})
    if not bounds:
        raise invalid("ScalableTargetAction needs a MinCapacity, a MaxCapacity or both.")
    targets.bounded({"MinCapacity": 0, "MaxCapacity": max(2**31, target["MaxCapacity"])}, bounds)
    if action.get("EndTime", float("inf")) <= action.get("StartTime", 0):
        raise invalid("EndTime must be later than StartTime.")
    if _upcoming(action, time.time()) is None:
        raise invalid(f"The schedule {action['Schedule']} has no time left to run at.")


def _upcoming(action: Record, after: float) -> float | None:
    start = action["StartTime"] if "StartTime" in action else action["CreationTime"]
    after = max(after, action.get("StartTime", 0.0) - 1e-3)
    due = schedules.upcoming(action["Schedule"], action.get("Timezone", "UTC"), start, after)
    return None if due is None or due > action.get("EndTime", float("inf")) else due


def _plan(scaling: "Scaling", action: Record, after: float) -> None:
    due = _upcoming(action, after)
    if due is not None:
        key = action["ResourceId"], action["ScheduledActionName"]
        scaling.due[key] = scaling.agenda.at(due, _run, scaling, action, due)


def _run(scaling: "Scaling", action: Record, due: float) -> None:
    """Set the bounds, unless the target's scheduled scaling is suspended; then wait for the next time.

    An action that was deleted or replaced at the last moment does nothing any more.
    """
    resource_id = action["ResourceId"]
    with scaling.lock:
        if scaling.scheduled_actions.get((resource_id, action["ScheduledActionName"])) is not action:
            return
        target = scaling.targets[resource_id]
        if not target["SuspendedState"]["ScheduledScalingSuspended"]:
            scaling.targets[resource_id] = _moved(target, action["ScalableTargetAction"])
            scaling.scaler.keep_within(resource_id)
        _plan(scaling, action, due)


def _moved(target: Record, bounds: Record) -> Record:
    """A target with the action's bounds; where only one is given and passes the other, the other follows."""
    low = bounds.get("MinCapacity", min(target["MinCapacity"], bounds.get("MaxCapacity", target["MinCapacity"])))
    high = bounds.get("MaxCapacity", max(target["MaxCapacity"], low))
    return {**target, "MinCapacity": low, "MaxCapacity": high}
