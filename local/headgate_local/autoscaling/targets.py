"""Scalable targets: variants of endpoints, and the bounds between which their instance counts may go."""

import time
from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.records import Record
from headgate_local.autoscaling import names
from headgate_local.seams import scaling as seam

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

MOST_TAGS = 50
SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def register(scaling: "Scaling", request: Record) -> Record:
    """RegisterScalableTarget: a new target, or changes of a known one; capacity is brought within the bounds."""
    resource_id = request["ResourceId"]
    _check_variant(scaling, names.variant_of(resource_id))
    with scaling.lock:
        known = scaling.targets.get(resource_id)
        if known is None and not {"MinCapacity", "MaxCapacity"} <= request.keys():
            raise invalid("MinCapacity and MaxCapacity are required to register a new scalable target.")
        target = known or {
            "ServiceNamespace": names.NAMESPACE,
            "ResourceId": resource_id,
            "ScalableDimension": names.DIMENSION,
            "RoleARN": seam.service_linked_role(),
            "CreationTime": time.time(),
            "SuspendedState": dict.fromkeys(SUSPENSIONS, False),
            "ScalableTargetARN": names.target_arn(),
            "Tags": {},
        }
        tags = target["Tags"] | request.get("Tags", {})
        if len(tags) > MOST_TAGS:
            raise invalid(f"A scalable target can carry at most {MOST_TAGS} tags.")
        suspended = target["SuspendedState"] | request.get("SuspendedState", {})
        changed = bounded(target, request) | {"SuspendedState": suspended, "Tags": tags}
        scaling.targets[resource_id] = changed
    scaling.scaler.keep_within(resource_id)
    return {"ScalableTargetARN": changed["ScalableTargetARN"]}


def bounded(target: Record, bounds: Record) -> Record:
    """A target with these MinCapacity and MaxCapacity, of which each may be left out; raises ValidationException."""
    given = target | bounds
    low, high = given["MinCapacity"], given["MaxCapacity"]
    if low < 0:
        raise invalid("Minimum capacity must be greater than or equal to 0.")
    if high < low:
        raise invalid("Maximum capacity cannot be less than minimum capacity.")
    return {**target, "MinCapacity": low, "MaxCapacity": high}


def deregister(scaling: "Scaling", request: Record) -> Record:
    """DeregisterScalableTarget: the target goes with its policies and scheduled actions."""
    scaling.forget(get(scaling, request["ResourceId"])["ResourceId"])
    return {}


def describe(scaling: "Scaling", request: Record) -> Record:
    """DescribeScalableTargets."""
    wanted = request.get("ResourceIds")
    found = [target for resource_id, target in scaling.targets.items() if not wanted or resource_id in wanted]
    page, token = names.page(found, request)
    return {"ScalableTargets": page, **token}


def get(scaling: "Scaling", resource_id: str) -> Record:
    """The target of this resource; raises ObjectNotFoundException."""
    target = scaling.targets.get(resource_id)
    if target is None:
        raise names.missing("No scalable target registered", resource_id)
    return target


def list_tags(scaling: "Scaling", request: Record) -> Record:
    """ListTagsForResource."""
    return {"Tags": dict(_tagged(scaling, request)["Tags"])}


def tag(scaling: "Scaling", request: Record) -> Record:
    """TagResource: new keys are added, known ones take the new value."""
    with scaling.lock:
        target = _tagged(scaling, request)
        tags = target["Tags"] | request["Tags"]
        if len(tags) > MOST_TAGS:
            raise ApiError("TooManyTagsException", f"A scalable target can carry at most {MOST_TAGS} tags.")
        scaling.targets[target["ResourceId"]] = {**target, "Tags": tags}
    return {}


def untag(scaling: "Scaling", request: Record) -> Record:
    """UntagResource; keys that are not there do not matter."""
    with scaling.lock:
        target = _tagged(scaling, request)
        kept = {key: value for key, value in target["Tags"].items() if key not in request["TagKeys"]}
        scaling.targets[target["ResourceId"]] = {**target, "Tags": kept}
    return {}


def _tagged(scaling: "Scaling", request: Record) -> Record:
    arn = request["ResourceARN"]
    for target in scaling.targets.values():
        if target["ScalableTargetARN"] == arn:
            return target
    raise ApiError("ResourceNotFoundException", f"The resource {arn} does not exist.", ResourceName=arn)


def _check_variant(scaling: "Scaling", of: names.Variant) -> None:
    """The variant must exist, on instances of its own, of a type that AWS scales."""
    sagemaker = scaling.sagemaker
    endpoint = sagemaker.endpoints.find(of.endpoint)
    variants = {each["VariantName"] for each in (endpoint or {}).get("ProductionVariants", [])}
    if endpoint is None or of.variant not in variants:
        raise invalid(f"SageMaker variant doesn't exist: endpoint/{of.endpoint}/variant/{of.variant}")
    config = sagemaker.configs.find(endpoint.get("EndpointConfigName", "")) or {}
    for variant in config.get("ProductionVariants", []):
        if variant["VariantName"] != of.variant:
            continue
        if "ServerlessConfig" in variant:
            raise invalid(f"Variant {of.variant} is serverless: it has no instances to scale.")
        if variant.get("InstanceType", "").startswith("ml.t2."):
            raise invalid(f"Auto scaling does not support burstable instances such as {variant['InstanceType']}.")
