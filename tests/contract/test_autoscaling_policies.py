"""Scaling policies: the alarms that tracking makes, steps, and what is refused."""

import pytest
from contract.scalable import INVOCATIONS, alarms_of, code_and_words

CONCURRENCY = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
}


def test_a_tracking_policy_makes_its_two_alarms(cloud, scaling, target, endpoint, put_tracking) -> None:
    response = put_tracking({"PredefinedMetricSpecification": INVOCATIONS}, value=70.0)
    alarms = alarms_of(cloud, response)
    high, low = alarms["High"], alarms["Low"]
    assert high["AlarmName"].startswith(f"TargetTracking-endpoint/{endpoint}/variant/main-AlarmHigh-")
    assert low["AlarmName"].startswith(f"TargetTracking-endpoint/{endpoint}/variant/main-AlarmLow-")
    for alarm in (high, low):
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", "InvocationsPerInstance")
        assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 60)
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"EndpointName": endpoint, "VariantName": "main"}
        assert alarm["AlarmActions"][0].startswith(response["PolicyARN"])
    assert (high["ComparisonOperator"], high["Threshold"], high["EvaluationPeriods"]) == ("GreaterThanThreshold", 70, 3)
    assert (low["ComparisonOperator"], low["EvaluationPeriods"]) == ("LessThanThreshold", 15)
    assert low["Threshold"] == pytest.approx(63)

    policy = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=target["ResourceId"])
    assert policy["ScalingPolicies"][0]["Alarms"] == response["Alarms"]
    scaling.delete_scaling_policy(**target, PolicyName="track")
    assert alarms_of(cloud, response) == {}


def test_a_high_resolution_metric_is_looked_at_every_ten_seconds(cloud, put_tracking) -> None:
    alarms = alarms_of(cloud, put_tracking({"PredefinedMetricSpecification": CONCURRENCY}, value=5.0))
    assert {alarm["MetricName"] for alarm in alarms.values()} == {"ConcurrentRequestsPerModel"}
    assert [(alarms[which]["Period"], alarms[which]["EvaluationPeriods"]) for which in ("High", "Low")] == [
        (10, 3),
        (10, 90),
    ]


def test_a_metric_of_ones_own_is_watched_as_given(cloud, put_tracking) -> None:
    metric = {
        "Namespace": "Mine",
        "MetricName": "Load",
        "Statistic": "Average",
        "Unit": "Percent",
        "Dimensions": [{"Name": "Where", "Value": "here"}],
    }
    alarm = alarms_of(cloud, put_tracking({"CustomizedMetricSpecification": metric}, value=50.0))["High"]
    assert {name: alarm[name] for name in metric} == metric
    stat = {"Metric": {"Namespace": "Mine", "MetricName": "Load"}, "Stat": "Sum"}
    queries = [
        {"Id": "load", "MetricStat": stat, "ReturnData": False},
        {"Id": "half", "Expression": "load / 2", "ReturnData": True},
    ]
    alarm = alarms_of(cloud, put_tracking({"CustomizedMetricSpecification": {"Metrics": queries}}, policy="math"))[
        "Low"
    ]
    assert [query["Id"] for query in alarm["Metrics"]] == ["load", "half"]


def test_an_expression_that_cannot_be_read_is_refused(put_tracking) -> None:
    queries = [{"Id": "wrong", "Expression": "1 +", "ReturnData": True}]
    code, message = code_and_words(put_tracking, metric={"CustomizedMetricSpecification": {"Metrics": queries}})
    assert (code, "wrong" in message) == ("ValidationException", True)


def test_a_changed_policy_keeps_its_alarms(cloud, put_tracking) -> None:
    metric = {"PredefinedMetricSpecification": INVOCATIONS}
    first, second = put_tracking(metric, value=70.0), put_tracking(metric, value=100.0)
    assert first["PolicyARN"] == second["PolicyARN"]
    assert first["Alarms"] == second["Alarms"]
    assert alarms_of(cloud, second)["High"]["Threshold"] == 100


def test_without_scale_in_there_is_no_alarm_for_it(cloud, put_tracking) -> None:
    metric = {"PredefinedMetricSpecification": INVOCATIONS}
    both = put_tracking(metric)
    assert set(alarms_of(cloud, both)) == {"High", "Low"}
    one = put_tracking(metric, DisableScaleIn=True)
    assert set(alarms_of(cloud, one)) == {"High"}
    assert set(alarms_of(cloud, both)) == {"High"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"TargetValue": 1.0}, "either PredefinedMetricSpecification or"),
        ({"TargetValue": 0.0, "PredefinedMetricSpecification": INVOCATIONS}, "greater than 0"),
        (
            {
                "TargetValue": 1.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
            "ECSServiceAverageCPUUtilization",
        ),
        (
            {"TargetValue": 1.0, "PredefinedMetricSpecification": INVOCATIONS | {"ResourceLabel": "app/x"}},
            "ResourceLabel",
        ),
        ({"TargetValue": 1.0, "PredefinedMetricSpecification": INVOCATIONS, "ScaleInCooldown": -1}, "cooldown"),
        ({"TargetValue": 1.0, "CustomizedMetricSpecification": {"MetricName": "x"}}, "Namespace, Statistic"),
    ],
)
def test_a_tracking_policy_that_says_nothing_to_track_is_refused(scaling, target, config, says) -> None:
    code, message = code_and_words(
        scaling.put_scaling_policy,
        **target,
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=config,
    )
    assert code == "ValidationException"
    assert says in message


def test_a_metric_is_tracked_by_one_policy_only(put_tracking) -> None:
    metric = {"PredefinedMetricSpecification": INVOCATIONS}
    put_tracking(metric)
    code, message = code_and_words(put_tracking, metric=metric, policy="other")
    assert code == "ValidationException"
    assert "Only one TargetTrackingScaling policy" in message


def test_a_step_policy_shows_the_alarms_that_invoke_it(cloud, scaling, target, name) -> None:
    put = scaling.put_scaling_policy(
        **target, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=STEPS
    )
    assert put["Alarms"] == []
    assert put["PolicyARN"].endswith(f":resource/sagemaker/{target['ResourceId']}:policyName/steps")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Mine",
        MetricName="Load",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[put["PolicyARN"]],
    )
    found = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["steps"])["ScalingPolicies"]
    mine = next(policy for policy in found if policy["PolicyARN"] == put["PolicyARN"])
    assert [alarm["AlarmName"] for alarm in mine["Alarms"]] == [name]
    assert mine["StepScalingPolicyConfiguration"] == STEPS
    scaling.delete_scaling_policy(**target, PolicyName="steps")
    assert cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity"}}, "ValidationException"),
        ({"StepScalingPolicyConfiguration": STEPS, "PolicyType": "TargetTrackingScaling"}, "ValidationException"),
        ({"PolicyType": "StepScaling"}, "ValidationException"),
        ({"StepScalingPolicyConfiguration": STEPS | {"AdjustmentType": "Doubling"}}, "ValidationException"),
        (
            {"StepScalingPolicyConfiguration": STEPS, "ResourceId": "endpoint/x/variant/y"},
            "ObjectNotFoundException",
        ),
    ],
)
def test_a_step_policy_that_makes_no_sense_is_refused(scaling, target, members, code) -> None:
    request = target | {"PolicyName": "p", "PolicyType": "StepScaling"} | members
    assert code_and_words(scaling.put_scaling_policy, **request)[0] == code


def test_steps_are_bounded_as_by_awss_quota(scaling, target) -> None:
    edges = range(21)
    steps = [
        {"MetricIntervalLowerBound": edge, "ScalingAdjustment": 1}
        | ({"MetricIntervalUpperBound": edge + 1} if edge < edges[-1] else {})
        for edge in edges
    ]
    request = {"PolicyName": "p", "PolicyType": "StepScaling"}
    config = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
    code, message = code_and_words(
        scaling.put_scaling_policy, **target, **request, StepScalingPolicyConfiguration=config
    )
    assert (code, "20 steps" in message) == ("LimitExceededException", True)


def test_what_is_deleted_twice_is_not_found(scaling, target) -> None:
    code, message = code_and_words(scaling.delete_scaling_policy, **target, PolicyName="gone")
    assert (code, "No scaling policy found" in message) == ("ObjectNotFoundException", True)
    code, message = code_and_words(scaling.delete_scheduled_action, **target, ScheduledActionName="gone")
    assert (code, "No scheduled action found" in message) == ("ObjectNotFoundException", True)


def test_deregistering_takes_policies_alarms_and_actions_along(cloud, scaling, target, put_tracking) -> None:
    response = put_tracking({"PredefinedMetricSpecification": INVOCATIONS})
    action = {"ScheduledActionName": "later", "ScalableTargetAction": {"MinCapacity": 2}}
    scaling.put_scheduled_action(**target, **action, Schedule="rate(2 days)")
    scaling.deregister_scalable_target(**target)
    where = {"ServiceNamespace": "sagemaker", "ResourceId": target["ResourceId"]}
    assert scaling.describe_scaling_policies(**where)["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(**where)["ScheduledActions"] == []
    assert alarms_of(cloud, response) == {}
