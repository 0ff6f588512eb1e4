"""Application Auto Scaling of endpoint variants: targets, policies and their alarms, scheduled actions, refusals."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION, statement, wait_until

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
CONCURRENCY = {"PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
}


@pytest.fixture
def scaling(cloud):
    return cloud.client("application-autoscaling")


@pytest.fixture
def variant(endpoint) -> dict:
    """What names the variant of an endpoint in service."""
    resource = f"endpoint/{endpoint}/variant/main"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}


@pytest.fixture
def target(scaling, variant) -> dict:
    """The same, registered between 1 and 4."""
    scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=4)
    return variant


@pytest.fixture
def put_tracking(scaling, target):
    """Puts a target tracking policy; answers the response."""

    def put(metric: dict, policy: str = "track", value: float = 100.0, **config):
        return scaling.put_scaling_policy(
            **target,
            PolicyName=policy,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": value, **metric, **config},
        )

    return put


def refusal(call, **arguments) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def described(scaling, variant) -> dict:
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[variant["ResourceId"]])
    return found["ScalableTargets"][0]


def alarms_of(cloud, response) -> dict[str, dict]:
    """The alarms that a policy was given, by High and Low."""
    names = [alarm["AlarmName"] for alarm in response["Alarms"]]
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] if names else []
    return {"High" if "-AlarmHigh-" in alarm["AlarmName"] else "Low": alarm for alarm in found}


def test_a_target_is_registered_changed_and_deregistered(scaling, variant) -> None:
    arn = scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=3)["ScalableTargetARN"]
    assert arn.startswith(f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/")
    first = described(scaling, variant)
    assert (first["MinCapacity"], first["MaxCapacity"], first["ScalableTargetARN"]) == (1, 3, arn)
    assert set(first["SuspendedState"].values()) == {False}

    suspended = {"DynamicScalingInSuspended": True}
    again = scaling.register_scalable_target(**variant, MaxCapacity=5, SuspendedState=suspended)
    assert again["ScalableTargetARN"] == arn
    second = described(scaling, variant)
    assert (second["MinCapacity"], second["MaxCapacity"]) == (1, 5)
    assert second["SuspendedState"]["DynamicScalingInSuspended"]
    assert not second["SuspendedState"]["DynamicScalingOutSuspended"]

    scaling.deregister_scalable_target(**variant)
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[variant["ResourceId"]])
    assert found["ScalableTargets"] == []
    code, message = refusal(scaling.deregister_scalable_target, **variant)
    assert code == "ObjectNotFoundException"
    assert message.startswith("No scalable target registered for service namespace: sagemaker, resource ID: endpoint/")


def test_scaling_is_done_by_a_service_linked_role(cloud, scaling, variant) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:role/mine"
    scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2, RoleARN=own)
    role = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    arn = described(scaling, variant)["RoleARN"]
    assert arn.endswith(f":role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/{role}")
    assert cloud.client("iam").get_role(RoleName=role)["Role"]["Arn"] == arn


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"MinCapacity": 1}, "MinCapacity and MaxCapacity are required"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "Maximum capacity cannot be less than minimum capacity"),
        ({"MinCapacity": -1, "MaxCapacity": 2}, "Minimum capacity must be greater than or equal to 0"),
        ({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "endpoint/x/variant/y"}, "doesn't exist"),
        ({"MinCapacity": 1, "MaxCapacity": 2, "ResourceId": "service/x/y"}, "not service/x/y"),
    ],
)
def test_what_cannot_be_a_target_is_refused(scaling, variant, members, says) -> None:
    code, message = refusal(scaling.register_scalable_target, **variant | members)
    assert code == "ValidationException"
    assert says in message


def test_a_variant_that_the_endpoint_lacks_is_refused(scaling, variant) -> None:
    other = variant | {"ResourceId": variant["ResourceId"].replace("main", "other")}
    code, message = refusal(scaling.register_scalable_target, **other, MinCapacity=1, MaxCapacity=2)
    assert (code, "doesn't exist" in message) == ("ValidationException", True)


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}, "DesiredProvisionedConcurrency"),
        ({"ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}, "inference-component"),
        ({"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}, "ecs"),
    ],
)
def test_other_dimensions_are_refused_by_name(scaling, members, names) -> None:
    request = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/x/variant/y"} | members
    code, message = refusal(scaling.register_scalable_target, **request, MinCapacity=1, MaxCapacity=2)
    assert code == "UnsupportedOperationException"
    assert names in message


@pytest.mark.aws
def test_an_unknown_dimension_breaks_the_model(scaling) -> None:
    request = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/x/variant/y",
        "ScalableDimension": "sagemaker:x",
    }
    code, message = refusal(scaling.deregister_scalable_target, **request)
    assert code == "ValidationException"
    assert "1 validation error detected: Value 'sagemaker:x' at 'scalableDimension'" in message


@pytest.mark.aws
def test_what_was_never_registered_is_not_found(scaling, name) -> None:
    resource = f"endpoint/{name}/variant/main"
    nobody = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}
    assert refusal(scaling.register_scalable_target, **nobody, MinCapacity=1, MaxCapacity=2)[0] == "ValidationException"
    for gone, members in (
        (scaling.deregister_scalable_target, {}),
        (scaling.delete_scaling_policy, {"PolicyName": name}),
        (scaling.delete_scheduled_action, {"ScheduledActionName": name}),
    ):
        assert refusal(gone, **nobody, **members)[0] == "ObjectNotFoundException"
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    assert found["ScalableTargets"] == []


def test_predictive_scaling_is_refused_by_name(scaling, target) -> None:
    day = {"StartTime": datetime.now(UTC), "EndTime": datetime.now(UTC) + timedelta(days=1)}
    code, message = refusal(scaling.get_predictive_scaling_forecast, **target, PolicyName="p", **day)
    assert code == "UnsupportedOperationException"
    assert "GetPredictiveScalingForecast" in message
    config = {"MetricSpecifications": [{"TargetValue": 1.0}]}
    code, message = refusal(
        scaling.put_scaling_policy,
        **target,
        PolicyName="p",
        PolicyType="PredictiveScaling",
        PredictiveScalingPolicyConfiguration=config,
    )
    assert code == "ValidationException"
    assert "Predictive scaling" in message


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
    code, message = refusal(put_tracking, metric={"CustomizedMetricSpecification": {"Metrics": queries}})
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
    code, message = refusal(
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
    code, message = refusal(put_tracking, metric=metric, policy="other")
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
    assert refusal(scaling.put_scaling_policy, **request)[0] == code


def test_steps_are_bounded_as_by_awss_quota(scaling, target) -> None:
    edges = range(21)
    steps = [
        {"MetricIntervalLowerBound": edge, "ScalingAdjustment": 1}
        | ({"MetricIntervalUpperBound": edge + 1} if edge < edges[-1] else {})
        for edge in edges
    ]
    request = {"PolicyName": "p", "PolicyType": "StepScaling"}
    config = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
    code, message = refusal(scaling.put_scaling_policy, **target, **request, StepScalingPolicyConfiguration=config)
    assert (code, "20 steps" in message) == ("LimitExceededException", True)


def test_what_is_deleted_twice_is_not_found(scaling, target) -> None:
    code, message = refusal(scaling.delete_scaling_policy, **target, PolicyName="gone")
    assert (code, "No scaling policy found" in message) == ("ObjectNotFoundException", True)
    code, message = refusal(scaling.delete_scheduled_action, **target, ScheduledActionName="gone")
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


def test_scheduled_actions_are_put_changed_listed_and_deleted(scaling, target) -> None:
    when = {"Schedule": "cron(15 9 * * ? *)", "Timezone": "Europe/Berlin"}
    bounds = {"MinCapacity": 2, "MaxCapacity": 3}
    scaling.put_scheduled_action(**target, ScheduledActionName="a", **when, ScalableTargetAction=bounds)
    tomorrow = f"at({datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%S})"
    scaling.put_scheduled_action(
        **target, ScheduledActionName="b", Schedule=tomorrow, ScalableTargetAction={"MaxCapacity": 1}
    )
    scaling.put_scheduled_action(**target, ScheduledActionName="a", ScalableTargetAction={"MinCapacity": 1})
    where = {"ServiceNamespace": "sagemaker", "ResourceId": target["ResourceId"]}
    pages = scaling.get_paginator("describe_scheduled_actions").paginate(**where, PaginationConfig={"PageSize": 1})
    first, second = (page["ScheduledActions"][0] for page in pages)
    assert (first["Schedule"], first["Timezone"]) == ("cron(15 9 * * ? *)", "Europe/Berlin")
    assert first["ScalableTargetAction"] == {"MinCapacity": 1}
    assert first["ScheduledActionARN"].endswith(":scheduledActionName/a")
    assert second["Schedule"] == tomorrow
    scaling.delete_scheduled_action(**target, ScheduledActionName="a")
    left = scaling.describe_scheduled_actions(**where)["ScheduledActions"]
    assert [action["ScheduledActionName"] for action in left] == ["b"]


@pytest.mark.parametrize(
    "members",
    [
        {"Schedule": "at(2020-01-01T00:00:00)"},
        {"Schedule": "cron(every day)"},
        {"Schedule": "rate(1 hour)", "Timezone": "Europe/Atlantis"},
        {"Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}},
        {"Schedule": "rate(1 hour)", "ScalableTargetAction": {}},
        {},
    ],
)
def test_an_action_that_cannot_run_is_refused(scaling, target, members) -> None:
    request = {"ScheduledActionName": "a", "ScalableTargetAction": {"MinCapacity": 1}} | members
    assert refusal(scaling.put_scheduled_action, **target, **request)[0] == "ValidationException"


def test_a_scheduled_action_sets_the_bounds_at_its_time(scaling, target) -> None:
    soon = f"at({datetime.now(UTC) + timedelta(seconds=4):%Y-%m-%dT%H:%M:%S})"
    action = {"ScheduledActionName": "soon", "ScalableTargetAction": {"MaxCapacity": 2}}
    scaling.put_scheduled_action(**target, **action, Schedule=soon)
    assert described(scaling, target)["MaxCapacity"] == 4
    wait_until(lambda: described(scaling, target)["MaxCapacity"] == 2)
    assert described(scaling, target)["MinCapacity"] == 1


def test_suspended_scheduled_scaling_leaves_the_bounds(scaling, target) -> None:
    scaling.register_scalable_target(**target, SuspendedState={"ScheduledScalingSuspended": True})
    first, second = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (3, 4.5))
    scaling.put_scheduled_action(
        **target,
        ScheduledActionName="suspended",
        Schedule=f"at({first:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MaxCapacity": 2},
    )
    wait_until(lambda: time.time() > second.timestamp())
    assert described(scaling, target)["MaxCapacity"] == 4


def test_targets_carry_tags(scaling, variant) -> None:
    tags = {"team": "a"}
    arn = scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2, Tags=tags)["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "b", "cost": "1"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "b", "cost": "1"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["cost", "other"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "b"}
    assert refusal(scaling.list_tags_for_resource, ResourceARN=arn + "0")[0] == "ResourceNotFoundException"
    many = {f"key-{number}": "" for number in range(50)}
    assert refusal(scaling.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"


def test_a_policy_may_ask_for_a_targets_tag(cloud, scaling, target, make_user) -> None:
    condition = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "b"}}}
    may = statement("application-autoscaling:DeregisterScalableTarget", **condition)
    user = cloud.client("application-autoscaling", **make_user(may))
    assert refusal(user.deregister_scalable_target, **target)[0] == "AccessDeniedException"
    scaling.tag_resource(ResourceARN=described(scaling, target)["ScalableTargetARN"], Tags={"team": "b"})
    user.deregister_scalable_target(**target)


def test_a_policy_may_ask_for_the_dimension(cloud, target, make_user) -> None:
    def user(dimension: str):
        condition = {"Condition": {"StringEquals": {"application-autoscaling:scalable-dimension": dimension}}}
        own = make_user(statement("application-autoscaling:DeregisterScalableTarget", **condition))
        return cloud.client("application-autoscaling", **own)

    other = user("sagemaker:variant:DesiredProvisionedConcurrency")
    assert refusal(other.deregister_scalable_target, **target)[0] == "AccessDeniedException"
    user(DIMENSION).deregister_scalable_target(**target)


@pytest.fixture
def doomed(cloud, scaling, archives, make_config, settled, name) -> str:
    """An endpoint whose variant is registered, to be deleted by the test."""
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=make_config({"main": archives["up"]}))
    settled(name)
    where = {"ServiceNamespace": "sagemaker", "ScalableDimension": DIMENSION}
    resource = f"endpoint/{name}/variant/main"
    scaling.register_scalable_target(**where, ResourceId=resource, MinCapacity=1, MaxCapacity=2)
    return name


def test_a_deleted_endpoint_is_no_target_any_more(cloud, scaling, doomed) -> None:
    cloud.client("sagemaker").delete_endpoint(EndpointName=doomed)
    resource = f"endpoint/{doomed}/variant/main"
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    assert found["ScalableTargets"] == []


def test_deleting_an_endpoint_needs_no_permission_to_deregister_it(cloud, doomed, make_user) -> None:
    user = cloud.client("sagemaker", **make_user(statement("sagemaker:DeleteEndpoint")))
    user.delete_endpoint(EndpointName=doomed)


def test_a_registered_variant_keeps_its_instance_type_and_its_place(
    cloud, scaling, target, endpoint, archives, make_config, settled
) -> None:
    sagemaker = cloud.client("sagemaker")
    larger = make_config({"main": archives["up"]}, InstanceType="ml.m5.4xlarge")
    without = make_config({"other": archives["up"]})
    for config in (larger, without):
        code, message = refusal(sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=config)
        assert code == "ValidationException"
        assert '"[main]" must be deregistered as scalable targets' in message
    another_model = make_config({"main": archives["down"]})
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=another_model)
    assert settled(endpoint)["EndpointConfigName"] == another_model
    scaling.deregister_scalable_target(**target)
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=larger)
    assert settled(endpoint)["EndpointConfigName"] == larger


ON_ENDPOINTS = ["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"]


def test_registering_needs_what_scaling_does_to_the_endpoint(cloud, variant, make_user) -> None:
    own = statement("application-autoscaling:RegisterScalableTarget")
    less = cloud.client("application-autoscaling", **make_user(own, statement(ON_ENDPOINTS)))
    code, message = refusal(less.register_scalable_target, **variant, MinCapacity=1, MaxCapacity=2)
    assert (code, "sagemaker:UpdateEndpointWeightsAndCapacities" in message) == ("AccessDeniedException", True)
    enough = [*ON_ENDPOINTS, "sagemaker:UpdateEndpointWeightsAndCapacities", "iam:CreateServiceLinkedRole"]
    more = cloud.client("application-autoscaling", **make_user(own, statement(enough)))
    more.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2)
    code, message = refusal(more.deregister_scalable_target, **variant)
    assert (code, "application-autoscaling:DeregisterScalableTarget" in message) == ("AccessDeniedException", True)


def test_tracking_needs_permission_to_make_alarms(cloud, target, make_user) -> None:
    own = statement("application-autoscaling:PutScalingPolicy")
    request = {
        **target,
        "PolicyName": "p",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0, "PredefinedMetricSpecification": INVOCATIONS},
    }
    less = cloud.client("application-autoscaling", **make_user(own))
    code, message = refusal(less.put_scaling_policy, **request)
    assert (code, "cloudwatch:PutMetricAlarm" in message) == ("FailedResourceAccessException", True)
    alarms = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-*"
    more = cloud.client("application-autoscaling", **make_user(own, statement("cloudwatch:PutMetricAlarm", alarms)))
    assert more.put_scaling_policy(**request)["Alarms"]


def test_a_policy_may_name_one_target(cloud, scaling, target, make_user) -> None:
    arn = described(scaling, target)["ScalableTargetARN"]
    action = {"ScheduledActionName": "a", "Schedule": "rate(2 days)", "ScalableTargetAction": {"MinCapacity": 1}}
    may = cloud.client(
        "application-autoscaling", **make_user(statement("application-autoscaling:PutScheduledAction", arn))
    )
    may.put_scheduled_action(**target, **action)
    may_not = cloud.client(
        "application-autoscaling", **make_user(statement("application-autoscaling:PutScheduledAction", arn + "0"))
    )
    assert refusal(may_not.put_scheduled_action, **target, **action)[0] == "AccessDeniedException"
