"""The two alarms of a target tracking policy, which Application Auto Scaling makes and deletes by itself."""

import uuid
from dataclasses import dataclass

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record
from headgate_local.autoscaling.names import Variant, variant_of

HIGH, LOW = "AlarmHigh", "AlarmLow"
LOW_SHARE = 0.9
"""The part of the target below which a metric counts as low, so that capacity does not go to and fro."""


@dataclass(frozen=True)
class Rhythm:
    """How often a metric is looked at: seconds of a period, and how many periods in a row alarm."""

    period: int
    high: int
    low: int


STANDARD = Rhythm(period=60, high=3, low=15)
HIGH_RESOLUTION = Rhythm(period=10, high=3, low=90)


@dataclass(frozen=True)
class Predefined:
    """A metric that SageMaker emits for each variant."""

    name: str
    statistic: str
    rhythm: Rhythm


PREDEFINED = {
    "SageMakerVariantInvocationsPerInstance": Predefined("InvocationsPerInstance", "Sum", STANDARD),
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": Predefined(
        "ConcurrentRequestsPerModel", "Maximum", HIGH_RESOLUTION
    ),
}


def check(config: Record) -> None:
    """Raise ValidationException for a TargetTrackingScalingPolicyConfiguration that AWS refuses."""
    if config["TargetValue"] <= 0:
        raise invalid("TargetValue must be greater than 0.")
    if any(config.get(member, 0) < 0 for member in ("ScaleOutCooldown", "ScaleInCooldown")):
        raise invalid("A cooldown must not be negative.")
    predefined, custom = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise invalid("Give either PredefinedMetricSpecification or CustomizedMetricSpecification.")
    if predefined:
        _check_predefined(predefined)
    if custom is not None:
        _check_custom(custom)


def _check_predefined(specification: Record) -> None:
    kind = specification["PredefinedMetricType"]
    if kind not in PREDEFINED:
        raise invalid(
            f"The predefined metric type {kind} cannot scale the instances of a variant; "
            f"those that can are {', '.join(PREDEFINED)}."
        )
    if "ResourceLabel" in specification:
        raise invalid(f"A ResourceLabel cannot be specified for the predefined metric type {kind}.")


def _check_custom(specification: Record) -> None:
    queries = specification.get("Metrics")
    if queries is None:
        needed = [name for name in ("MetricName", "Namespace", "Statistic") if name not in specification]
        if needed:
            raise invalid(f"CustomizedMetricSpecification needs {', '.join(needed)}, or Metrics.")
        return
    if len(specification) > 1:
        raise invalid("CustomizedMetricSpecification takes either Metrics or a single metric, not both.")
    if any(("Expression" in query) == ("MetricStat" in query) for query in queries):
        raise invalid("Each of Metrics needs either an Expression or a MetricStat.")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise invalid("Exactly one of Metrics must return data: set ReturnData to false for the others.")


def alarms(policy: Record, names: dict[str, str]) -> list[Record]:
    """The requests (PutMetricAlarm) for a policy's alarms: high, and low unless scale-in is disabled.

    ``names`` holds the names that the policy's alarms have already, by HIGH and LOW.
    """
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    target = config["TargetValue"]
    metric, rhythm = _metric(config, variant_of(policy["ResourceId"]))
    wanted = [(HIGH, "GreaterThanThreshold", target, rhythm.high)]
    if not config.get("DisableScaleIn"):
        wanted.append((LOW, "LessThanThreshold", target * LOW_SHARE, rhythm.low))
    action = f"{policy['PolicyARN']}:createdBy/{uuid.uuid4()}"
    return [
        {
            "AlarmName": names.get(which) or f"TargetTracking-{policy['ResourceId']}-{which}-{uuid.uuid4()}",
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}.",
            "ActionsEnabled": True,
            "AlarmActions": [action],
            "ComparisonOperator": comparison,
            "Threshold": threshold,
            "EvaluationPeriods": periods,
            **metric,
        }
        for which, comparison, threshold, periods in wanted
    ]


def _metric(config: Record, of: Variant) -> tuple[Record, Rhythm]:
    """The members of an alarm that say what it watches."""
    if "PredefinedMetricSpecification" in config:
        known = PREDEFINED[config["PredefinedMetricSpecification"]["PredefinedMetricType"]]
        dimensions = {"EndpointName": of.endpoint, "VariantName": of.variant}
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": known.name,
            "Statistic": known.statistic,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Period": known.rhythm.period,
        }, known.rhythm
    custom = config["CustomizedMetricSpecification"]
    if "Metrics" not in custom:
        return {**custom, "Period": STANDARD.period}, STANDARD
    queries = [
        {**query, "MetricStat": {**query["MetricStat"], "Period": STANDARD.period}} if "MetricStat" in query else query
        for query in custom["Metrics"]
    ]
    return {"Metrics": queries}, STANDARD
