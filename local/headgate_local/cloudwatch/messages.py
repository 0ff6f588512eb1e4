"""What CloudWatch tells others of an alarm: EventBridge events, SNS messages, the input of a Lambda."""

import functools
import json
import uuid

import botocore.session

from headgate_local.api.records import Record
from headgate_local.cloudwatch.judgement import moment

STATE_CHANGE = "CloudWatch Alarm State Change"
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"
PREVIOUS = "PreviousState"
"""A member that an alarm has besides those of DescribeAlarms when an action is carried out: the state before, as
``state`` makes it."""


def state(alarm: Record) -> Record:
    """An alarm's state as events have it."""
    data = {"reasonData": alarm["StateReasonData"]} if alarm.get("StateReasonData") else {}
    suppressed = {
        name[0].lower() + name[1:]: alarm[name]
        for name in ("ActionsSuppressedBy", "ActionsSuppressedReason")
        if alarm.get(name)
    }
    return {
        **suppressed,
        "reason": alarm["StateReason"],
        **data,
        "timestamp": moment(alarm["StateUpdatedTimestamp"]),
        "value": alarm["StateValue"],
    }


def change(alarm: Record, previous: Record) -> Record:
    """The detail of a state change event, and the ``alarmData`` of a Lambda's input."""
    return {
        "alarmName": alarm["AlarmName"],
        "configuration": configuration(alarm),
        "previousState": previous,
        "state": state(alarm),
    }


def configuration(alarm: Record) -> Record:
    """What an alarm looks at, as events have it."""
    said = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if "AlarmRule" in alarm:
        return {**said, "alarmRule": alarm["AlarmRule"], **_lower(alarm, "ActionsSuppressor")}
    return {**said, "metrics": [_query(query) for query in alarm.get("Metrics") or [_simple(alarm)]]}


def configuration_change(alarm: Record, operation: str, before: Record | None) -> Record:
    """The detail of a configuration change event; the operation is create, update or delete."""
    detail = {
        "alarmName": alarm["AlarmName"],
        "operation": operation,
        "state": {"value": alarm["StateValue"], "timestamp": moment(alarm["StateUpdatedTimestamp"])},
        "configuration": _whole(alarm),
    }
    if before is not None:
        detail["previousConfiguration"] = _whole(before)
    return detail


def lambda_input(alarm: Record, account: str, region: str) -> Record:
    """What a Lambda gets that is an alarm's action."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": account,
        "time": moment(alarm["StateUpdatedTimestamp"]),
        "region": region,
        "alarmData": change(alarm, alarm[PREVIOUS]),
    }


def sns_subject(alarm: Record, region: str) -> str:
    """The subject of a message to a topic."""
    return f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {_place(region)}'[:100]


def sns_message(alarm: Record, account: str, region: str) -> str:
    """A message to a topic: JSON in the members that AWS sends."""
    message: Record = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": moment(alarm["StateUpdatedTimestamp"]),
        "Region": _place(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": alarm[PREVIOUS]["value"],
        "OKActions": alarm["OKActions"],
        "AlarmActions": alarm["AlarmActions"],
        "InsufficientDataActions": alarm["InsufficientDataActions"],
    }
    if "AlarmRule" in alarm:
        triggering = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", [])
        message["AlarmRule"] = alarm["AlarmRule"]
        message["TriggeringChildren"] = [
            {"Arn": each["arn"], "State": {"Value": each["state"]["value"], "Timestamp": each["state"]["timestamp"]}}
            for each in triggering
        ]
    else:
        message["Trigger"] = _trigger(alarm)
    return json.dumps(message)


def _trigger(alarm: Record) -> Record:
    common = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        **({"DatapointsToAlarm": alarm["DatapointsToAlarm"]} if "DatapointsToAlarm" in alarm else {}),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData", ""),
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in alarm:
        return common | {"Metrics": alarm["Metrics"]}
    if "ExtendedStatistic" in alarm:
        statistic = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm["ExtendedStatistic"]}
    else:
        statistic = {"StatisticType": "Statistic", "Statistic": alarm["Statistic"].upper()}
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions", [])],
        **common,
    }


def _simple(alarm: Record) -> Record:
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm}
    stat = {"Metric": metric, "Period": alarm["Period"], "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"]}
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))
    return {"Id": name, "MetricStat": stat | _unit(alarm), "ReturnData": True}


def _query(query: Record) -> Record:
    shown = _lower(query, "Id", "Expression", "Label", "ReturnData", "Period")
    if "MetricStat" in query:
        stat = query["MetricStat"]
        metric = {
            "dimensions": {each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions", [])},
            "name": stat["Metric"]["MetricName"],
            "namespace": stat["Metric"]["Namespace"],
        }
        shown["metricStat"] = {"metric": metric, "period": stat["Period"], "stat": stat["Stat"], **_lower(stat, "Unit")}
    return shown | {"returnData": query.get("ReturnData", True)}


def _unit(alarm: Record) -> Record:
    return {"Unit": alarm["Unit"]} if "Unit" in alarm else {}


def _whole(alarm: Record) -> Record:
    settings = ("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData")
    actions = ("ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions")
    shown = {
        **configuration(alarm),
        **{name[0].lower() + name[1:]: alarm[name] for name in settings if name in alarm},
        "alarmName": alarm["AlarmName"],
        "timestamp": moment(alarm["AlarmConfigurationUpdatedTimestamp"]),
    }
    named = {"OKActions": "okActions"}
    return shown | {named.get(name, name[0].lower() + name[1:]): alarm[name] for name in actions}


def _lower(record: Record, *starts: str) -> Record:
    """The members whose names start so, their first letter in lower case."""
    return {name[0].lower() + name[1:]: value for name, value in record.items() if name.startswith(starts)}


@functools.cache
def _place(region: str) -> str:
    """A region as messages name it: ``EU (Frankfurt)``."""
    partitions = botocore.session.get_session().get_component("data_loader").load_data("endpoints")["partitions"]
    known = {name: each["description"] for part in partitions for name, each in part["regions"].items()}
    return str(known.get(region, region)).replace("Europe", "EU")
