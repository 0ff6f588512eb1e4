"""Seam: AWS::ApplicationAutoScaling::ScalableTarget and ::ScalingPolicy in CloudFormation templates."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.model import Shape
from ministack.services.cloudformation import provisioners

from headgate_local.sagemaker.errors import ApiError, invalid
from headgate_local.sagemaker.validation import model

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

SERVICE = "application-autoscaling"
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
IDENTITY = ("ServiceNamespace", "ResourceId", "ScalableDimension")
READERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "double": float,
    "boolean": lambda text: text.lower() == "true",
    "timestamp": lambda text: datetime.fromisoformat(text).timestamp(),
}
"""How values that a template has as text are read."""
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
            operation, _typed(request, model(SERVICE).operation_model(operation).input_shape), None
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


def _typed(value: Any, shape: Shape) -> Any:
    """A template's value in the API's types: parameters come as text, and times in ISO 8601."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {name: _typed(item, members[name]) if name in members else item for name, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_typed(item, shape.member) for item in value]
    if not isinstance(value, str) or shape.type_name == "string":
        return value
    try:
        return READERS[shape.type_name](value) if shape.type_name in READERS else value
    except ValueError:
        raise invalid(f"{value} is not of type {shape.type_name}.") from None
