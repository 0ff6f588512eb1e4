"""Scaling policies: by what a target's capacity is changed when an alarm invokes them."""

import contextlib
import time
from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.records import Record
from headgate_local.autoscaling import names, rules, targets, tracking

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

TRACKING, STEP = "TargetTrackingScaling", "StepScaling"
CONFIGURATIONS = {
    TRACKING: "TargetTrackingScalingPolicyConfiguration",
    STEP: "StepScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}
COOLDOWN = 300
"""Seconds, for a variant's policy that does not say."""
ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
MOST, MOST_STEPS = 50, 20
"""AWS's quotas: policies of a target, and steps of a policy."""


def put(scaling: "Scaling", request: Record) -> Record:
    """PutScalingPolicy: a new policy, or changes of a known one; target tracking gets its alarms."""
    resource_id, name = request["ResourceId"], request["PolicyName"]
    targets.get(scaling, resource_id)
    with scaling.lock:
        known = scaling.policies.get((resource_id, name))
        policy = _changed(known, request)
        _check(scaling, policy)
        if policy["PolicyType"] == TRACKING:
            policy["Alarms"] = _put_alarms(scaling, policy)
        scaling.policies[resource_id, name] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": policy.get("Alarms", [])}


def delete(scaling: "Scaling", request: Record) -> Record:
    """DeleteScalingPolicy: target tracking's alarms go with it, those of others stay."""
    resource_id, name = request["ResourceId"], request["PolicyName"]
    policy = scaling.policies.get((resource_id, name))
    if policy is None:
        raise names.missing("No scaling policy found", resource_id, f", policy name: {name}")
    remove(scaling, policy)
    return {}


def remove(scaling: "Scaling", policy: Record) -> None:
    """Forget a policy and the alarms that were made for it; one that a composite alarm still needs stays."""
    scaling.policies.pop((policy["ResourceId"], policy["PolicyName"]), None)
    for alarm in policy.get("Alarms", []):
        with contextlib.suppress(ApiError):
            scaling.sagemaker.alarms.delete([alarm["AlarmName"]])


def describe(scaling: "Scaling", request: Record) -> Record:
    """DescribeScalingPolicies."""
    wanted, resource_id = request.get("PolicyNames"), request.get("ResourceId")
    found = [
        policy
        for policy in scaling.policies.values()
        if (not wanted or policy["PolicyName"] in wanted) and resource_id in (None, policy["ResourceId"])
    ]
    page, token = names.page(found, request)
    return {"ScalingPolicies": [_shown(scaling, policy) for policy in page], **token}


def cooldown(policy: Record, direction: rules.Direction) -> float:
    """The seconds that an activity of this policy holds up others of its direction."""
    config = policy[CONFIGURATIONS[policy["PolicyType"]]]
    if policy["PolicyType"] == STEP:
        return float(config.get("Cooldown", COOLDOWN))
    return float(config.get("ScaleOutCooldown" if direction == "out" else "ScaleInCooldown", COOLDOWN))


def of_target(scaling: "Scaling", resource_id: str) -> list[Record]:
    """The policies of a target."""
    return [policy for policy in scaling.policies.values() if policy["ResourceId"] == resource_id]


def _changed(known: Record | None, request: Record) -> Record:
    kind = request.get("PolicyType") or (known or {}).get("PolicyType")
    if kind is None:
        raise invalid("PolicyType is required to create a scaling policy.")
    if known and kind != known["PolicyType"]:
        raise invalid(f"The policy {known['PolicyName']} is of type {known['PolicyType']}, which cannot be changed.")
    if kind == "PredictiveScaling":
        raise invalid("Predictive scaling is not available for the service namespace sagemaker.")
    member = CONFIGURATIONS[kind]
    if others := [other for other in CONFIGURATIONS.values() if other != member and other in request]:
        raise invalid(f"A policy of type {kind} takes {member}, not {others[0]}.")
    config = request.get(member) or (known or {}).get(member)
    if config is None:
        raise invalid(f"A policy of type {kind} needs a {member}.")
    resource_id, name = request["ResourceId"], request["PolicyName"]
    created = {"PolicyARN": names.policy_arn(resource_id, name), "CreationTime": time.time()}
    return {
        **(known or created),
        "PolicyName": name,
        "ServiceNamespace": names.NAMESPACE,
        "ResourceId": resource_id,
        "ScalableDimension": names.DIMENSION,
        "PolicyType": kind,
        member: config,
    }


def _check(scaling: "Scaling", policy: Record) -> None:
    others = [
        other for other in of_target(scaling, policy["ResourceId"]) if other["PolicyName"] != policy["PolicyName"]
    ]
    if len(others) >= MOST:
        raise ApiError("LimitExceededException", f"A scalable target can have at most {MOST} scaling policies.")
    config = policy[CONFIGURATIONS[policy["PolicyType"]]]
    if policy["PolicyType"] == STEP:
        if problem := rules.step_problem(config):
            raise invalid(problem)
        if len(config["StepAdjustments"]) > MOST_STEPS:
            raise ApiError("LimitExceededException", f"A scaling policy can have at most {MOST_STEPS} steps.")
        if config.get("Cooldown", 0) < 0:
            raise invalid("A cooldown must not be negative.")
        return
    tracking.check(config)
    if any(_metric(config) == _metric(other.get(CONFIGURATIONS[TRACKING], {})) for other in others):
        raise invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed.")


def _metric(config: Record) -> tuple[Record | None, Record | None]:
    return config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")


def _put_alarms(scaling: "Scaling", policy: Record) -> list[Record]:
    """Make or change a policy's alarms; one that it needs no more goes."""
    before = [alarm["AlarmName"] for alarm in policy.get("Alarms", [])]
    known = {which: name for which in (tracking.HIGH, tracking.LOW) for name in before if f"-{which}-" in name}
    wanted = tracking.alarms(policy, known)
    try:
        for request in wanted:
            scaling.sagemaker.alarms.put(request)
    except ApiError as error:
        refused = error.code != "UnsupportedOperationException"
        raise (invalid(error.message) if refused else error) from error
    kept = [request["AlarmName"] for request in wanted]
    scaling.sagemaker.alarms.delete([name for name in before if name not in kept])
    return [
        {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
        for alarm in scaling.sagemaker.alarms.describe(kept)
    ]


def _shown(scaling: "Scaling", policy: Record) -> Record:
    """A policy with the alarms that invoke it."""
    if policy["PolicyType"] == TRACKING:
        return policy
    alarms = [
        {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
        for alarm in list(scaling.sagemaker.alarms.metric_alarms.values())
        if any(policy["PolicyARN"] in alarm[actions] for actions in ACTIONS)
    ]
    return {**policy, "Alarms": alarms}
