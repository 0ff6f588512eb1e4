"""Seam: AWS::ApplicationAutoScaling::ScalableTarget and ::ScalingPolicy in CloudFormation templates."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services.cloudformation import provisioners

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.validation import model
from headgate_local.cloudwatch import wire

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

SERVICE = "application-autoscaling"
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
IDENTITY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
Properties = dict[str, Any]
Provisioned = tuple[str, Properties]
"""A physical id, and what Fn::GetAtt finds."""


def install(scaling: "Scaling") -> None:
    """Make both types known, with what replaces them."""
    templates = _Templates(scaling)
    provisioners._RESOURCE_HANDLERS[TARGET] = {
        "create": lambda _logical, properties, _stack: templates.put_target({}, properties),
        "update": lambda _physical, old, new, _stack: templates.put_target(old, new),
        "delete": templates.delete_target,
    }
    provisioners._RESOURCE_HANDLERS[POLICY] = {
        "create": lambda _logical, properties, _stack: templates.put_policy(properties),
        "update": lambda _physical, _old, new, _stack: templates.put_policy(new),
        "delete": templates.delete_policy,
    }
    provisioners._REPLACING_PROPERTIES[TARGET] = IDENTITY
    provisioners._REPLACING_PROPERTIES[POLICY] = ("PolicyName", "ScalingTargetId", *IDENTITY)


class _Templates:
    """What CloudFormation does; whoever deploys was checked by MiniStack."""

    def __init__(self, scaling: "Scaling") -> None:
        self._call: Callable[[str, Properties], Properties] = lambda operation, request: scaling.call(
            operation, wire.typed(request, model(SERVICE).operation_model(operation).input_shape), None
        )

    def put_target(self, old: Properties, new: Properties) -> Provisioned:
        self._call("RegisterScalableTarget", _without(new, "ScheduledActions"))
        identity = _identity(new)
        kept = {action["ScheduledActionName"] for action in new.get("ScheduledActions", [])}
        for action in old.get("ScheduledActions", []):
            if action["ScheduledActionName"] not in kept:
                gone = {"ScheduledActionName": action["ScheduledActionName"]}
                self._call("DeleteScheduledAction", identity | gone)
        for action in new.get("ScheduledActions", []):
            self._call("PutScheduledAction", identity | action)
        physical = "|".join((new["ResourceId"], new["ScalableDimension"], new["ServiceNamespace"]))
        return physical, {"Id": physical}

    def delete_target(self, _physical: str, properties: Properties) -> None:
        self._delete("DeregisterScalableTarget", _identity(properties))

    def put_policy(self, properties: Properties) -> Provisioned:
        request = _without(properties, "ScalingTargetId") | _identity(properties)
        arn = self._call("PutScalingPolicy", request)["PolicyARN"]
        return arn, {"Arn": arn}

    def delete_policy(self, _physical: str, properties: Properties) -> None:
        self._delete("DeleteScalingPolicy", _identity(properties) | {"PolicyName": properties["PolicyName"]})

    def _delete(self, operation: str, request: Properties) -> None:
        """Delete; what is gone already (with its endpoint, or its target) is no obstacle."""
        try:
            self._call(operation, request)
        except ApiError as error:
            if error.code != "ObjectNotFoundException":
                raise


def _identity(properties: Properties) -> Properties:
    """What names a scalable target: three properties, or the physical id of a ScalableTarget."""
    if "ScalingTargetId" in properties:
        parts = properties["ScalingTargetId"].split("|")
        if len(parts) != len(IDENTITY):
            raise invalid("ScalingTargetId must be the Ref of an AWS::ApplicationAutoScaling::ScalableTarget.")
        resource_id, dimension, namespace = parts
        return dict(zip(IDENTITY, (namespace, resource_id, dimension), strict=True))
    return {name: properties[name] for name in IDENTITY if name in properties}


def _without(properties: Properties, name: str) -> Properties:
    return {key: value for key, value in properties.items() if key != name}
