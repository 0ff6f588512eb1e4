"""What IAM checks of CloudWatch's operations: the ARNs that they touch, and what conditions of policies may ask for."""

from ministack.core.responses import get_account_id

from headgate_local.api.records import Record
from headgate_local.cloudwatch.alarms import alarm_arn
from headgate_local.seams.identity import tag_conditions

ON_ALARMS = {
    "PutMetricAlarm": "AlarmName",
    "SetAlarmState": "AlarmName",
    "DescribeAlarmHistory": "AlarmName",
    "DeleteAlarms": "AlarmNames",
    "EnableAlarmActions": "AlarmNames",
    "DisableAlarmActions": "AlarmNames",
}
"""The member that names the alarms; without it, it is all of them."""
ON_ALL_ALARMS = ("DescribeAlarms", "PutCompositeAlarm")
"""AWS wants these allowed on every alarm."""
ON_DASHBOARDS = {"PutDashboard": "DashboardName", "GetDashboard": "DashboardName", "DeleteDashboards": "DashboardNames"}
ON_ANYTHING = ("TagResource", "UntagResource", "ListTagsForResource")
"""Those whose ResourceARN says it."""


def action(operation: str) -> str:
    """The action that a caller's policies must allow."""
    return f"cloudwatch:{operation}"


def resources(operation: str, request: Record) -> list[str]:
    """The ARNs that an operation touches, of a request that nobody has looked at yet; ``*`` for none."""
    if operation in ON_ALL_ALARMS:
        return [alarm_arn("*")]
    if operation in ON_ALARMS:
        return [alarm_arn(name) for name in _names(request, ON_ALARMS[operation])]
    if operation in ON_DASHBOARDS:
        place = f"arn:aws:cloudwatch::{get_account_id()}:dashboard/"
        return [place + name for name in _names(request, ON_DASHBOARDS[operation])]
    return _names(request, "ResourceARN") if operation in ON_ANYTHING else ["*"]


def conditions(operation: str, request: Record) -> Record:
    """The request's tags, and the namespace of the metrics that it puts."""
    puts = operation == "PutMetricData" and "Namespace" in request
    namespace = {"cloudwatch:namespace": str(request["Namespace"])} if puts else {}
    return {**tag_conditions(action(operation), request), **namespace}


def _names(request: Record, member: str) -> list[str]:
    given = request.get(member)
    return [str(name) for name in (given if isinstance(given, list) else [given]) if name is not None] or ["*"]
