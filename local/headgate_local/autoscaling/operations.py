"""The table of all operations that the local Application Auto Scaling knows, and what their callers must be allowed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region

from headgate_local.api.records import Record
from headgate_local.autoscaling import activities, names, policies, scheduled, targets
from headgate_local.sagemaker.resources import arn
from headgate_local.seams import scaling as seam

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

Need = tuple[str, str, dict[str, Any]]
"""An action, a resource's ARN, and what conditions may ask for."""


@dataclass(frozen=True)
class Operation:
    """What one operation does; beyond its own permission the caller needs those of what it does for him elsewhere."""

    run: Callable[["Scaling", Record], Record]
    needs: Callable[["Scaling", Record], list[Need]] = lambda *_: []
    on_target: bool = True
    """Whether IAM checks it on the scalable target; else on everything."""


def target_arn(scaling: "Scaling", operation: str, request: Record) -> str:
    """The ARN that IAM checks; a target that is not registered yet has none of its own."""
    if operation not in OPERATIONS or not OPERATIONS[operation].on_target:
        return "*"
    target = scaling.targets.get(str(request.get("ResourceId")))
    if target:
        return str(target["ScalableTargetARN"])
    anything = f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:scalable-target/*"
    return str(request.get("ResourceARN", anything))


def _on_endpoint(scaling: "Scaling", request: Record) -> list[Need]:
    """SageMaker's documentation lists these; the first target of an account makes the service-linked role, too."""
    endpoint = names.variant_of(request["ResourceId"]).endpoint
    config = (scaling.sagemaker.endpoints.find(endpoint) or {}).get("EndpointConfigName", "*")
    found: list[Need] = [
        ("sagemaker:DescribeEndpoint", arn("endpoint", endpoint), {}),
        ("sagemaker:DescribeEndpointConfig", arn("endpoint-config", config), {}),
        ("sagemaker:UpdateEndpointWeightsAndCapacities", arn("endpoint", endpoint), {}),
    ]
    if not seam.has_service_linked_role():
        role = seam.service_linked_role_arn()
        found.append(("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": seam.PRINCIPAL}))
    if request.get("Tags"):
        found.append(("application-autoscaling:TagResource", target_arn(scaling, "TagResource", request), {}))
    return found


def _to_make_alarms(scaling: "Scaling", request: Record) -> list[Need]:
    known = scaling.policies.get((request["ResourceId"], request["PolicyName"]), {})
    tracks = request.get("PolicyType", known.get("PolicyType")) == policies.TRACKING
    return _on_alarms("cloudwatch:PutMetricAlarm", request) if tracks else []


def _to_delete_alarms(scaling: "Scaling", request: Record) -> list[Need]:
    known = scaling.policies.get((request["ResourceId"], request["PolicyName"]), {})
    return _on_alarms("cloudwatch:DeleteAlarms", request) if known.get("PolicyType") == policies.TRACKING else []


def _to_see_alarms(_scaling: "Scaling", _request: Record) -> list[Need]:
    return [("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:*", {})]


def _on_alarms(action: str, request: Record) -> list[Need]:
    place = f"{get_region()}:{get_account_id()}"
    return [(action, f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-{request['ResourceId']}-*", {})]


OPERATIONS: dict[str, Operation] = {
    "RegisterScalableTarget": Operation(targets.register, _on_endpoint),
    "DeregisterScalableTarget": Operation(targets.deregister),
    "DescribeScalableTargets": Operation(targets.describe, on_target=False),
    "PutScalingPolicy": Operation(policies.put, _to_make_alarms),
    "DeleteScalingPolicy": Operation(policies.delete, _to_delete_alarms),
    "DescribeScalingPolicies": Operation(policies.describe, _to_see_alarms, on_target=False),
    "DescribeScalingActivities": Operation(activities.describe, on_target=False),
    "PutScheduledAction": Operation(scheduled.put),
    "DeleteScheduledAction": Operation(scheduled.delete),
    "DescribeScheduledActions": Operation(scheduled.describe, on_target=False),
    "ListTagsForResource": Operation(targets.list_tags),
    "TagResource": Operation(targets.tag),
    "UntagResource": Operation(targets.untag),
}
