"""Application Auto Scaling of endpoint variants: targets, scheduled actions, permissions, refusals."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from contract.live import ACCOUNT, REGION, statement
from contract.scalable import DIMENSION, INVOCATIONS, code_and_words, described
from waiting import eventually


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
    code, message = code_and_words(scaling.deregister_scalable_target, **variant)
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
    code, message = code_and_words(scaling.register_scalable_target, **variant | members)
    assert code == "ValidationException"
    assert says in message


def test_a_variant_that_the_endpoint_lacks_is_refused(scaling, variant) -> None:
    other = variant | {"ResourceId": variant["ResourceId"].replace("main", "other")}
    code, message = code_and_words(scaling.register_scalable_target, **other, MinCapacity=1, MaxCapacity=2)
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
    code, message = code_and_words(scaling.register_scalable_target, **request, MinCapacity=1, MaxCapacity=2)
    assert code == "UnsupportedOperationException"
    assert names in message


@pytest.mark.aws
def test_an_unknown_dimension_breaks_the_model(scaling) -> None:
    request = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/x/variant/y",
        "ScalableDimension": "sagemaker:x",
    }
    code, message = code_and_words(scaling.deregister_scalable_target, **request)
    assert code == "ValidationException"
    assert "1 validation error detected: Value 'sagemaker:x' at 'scalableDimension'" in message


@pytest.mark.aws
def test_what_was_never_registered_is_not_found(scaling, name) -> None:
    resource = f"endpoint/{name}/variant/main"
    nobody = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}
    assert (
        code_and_words(scaling.register_scalable_target, **nobody, MinCapacity=1, MaxCapacity=2)[0]
        == "ValidationException"
    )
    for gone, members in (
        (scaling.deregister_scalable_target, {}),
        (scaling.delete_scaling_policy, {"PolicyName": name}),
        (scaling.delete_scheduled_action, {"ScheduledActionName": name}),
    ):
        assert code_and_words(gone, **nobody, **members)[0] == "ObjectNotFoundException"
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])
    assert found["ScalableTargets"] == []


def test_predictive_scaling_is_refused_by_name(scaling, target) -> None:
    day = {"StartTime": datetime.now(UTC), "EndTime": datetime.now(UTC) + timedelta(days=1)}
    code, message = code_and_words(scaling.get_predictive_scaling_forecast, **target, PolicyName="p", **day)
    assert code == "UnsupportedOperationException"
    assert "GetPredictiveScalingForecast" in message
    config = {"MetricSpecifications": [{"TargetValue": 1.0}]}
    code, message = code_and_words(
        scaling.put_scaling_policy,
        **target,
        PolicyName="p",
        PolicyType="PredictiveScaling",
        PredictiveScalingPolicyConfiguration=config,
    )
    assert code == "ValidationException"
    assert "Predictive scaling" in message


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
    assert code_and_words(scaling.put_scheduled_action, **target, **request)[0] == "ValidationException"


def test_a_scheduled_action_sets_the_bounds_at_its_time(scaling, target) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    action = {"ScheduledActionName": "soon", "ScalableTargetAction": {"MaxCapacity": 2}}
    scaling.put_scheduled_action(**target, **action, Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})")
    eventually(lambda: described(scaling, target)["MaxCapacity"] == 2)
    assert datetime.now(UTC) >= soon
    assert described(scaling, target)["MinCapacity"] == 1


def test_suspended_scheduled_scaling_leaves_the_bounds(scaling, target) -> None:
    scaling.register_scalable_target(**target, SuspendedState={"ScheduledScalingSuspended": True})
    first, second = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (2, 3.5))
    scaling.put_scheduled_action(
        **target,
        ScheduledActionName="suspended",
        Schedule=f"at({first:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MaxCapacity": 2},
    )
    eventually(lambda: time.time() > second.timestamp())
    assert described(scaling, target)["MaxCapacity"] == 4


def test_targets_carry_tags(scaling, variant) -> None:
    tags = {"team": "a"}
    arn = scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2, Tags=tags)["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "b", "cost": "1"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "b", "cost": "1"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["cost", "other"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "b"}
    assert code_and_words(scaling.list_tags_for_resource, ResourceARN=arn + "0")[0] == "ResourceNotFoundException"
    many = {f"key-{number}": "" for number in range(50)}
    assert code_and_words(scaling.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"


def test_a_policy_may_ask_for_a_targets_tag(cloud, scaling, target, make_user) -> None:
    condition = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "b"}}}
    may = statement("application-autoscaling:DeregisterScalableTarget", **condition)
    user = cloud.client("application-autoscaling", **make_user(may))
    assert code_and_words(user.deregister_scalable_target, **target)[0] == "AccessDeniedException"
    scaling.tag_resource(ResourceARN=described(scaling, target)["ScalableTargetARN"], Tags={"team": "b"})
    user.deregister_scalable_target(**target)


def test_a_policy_may_ask_for_the_dimension(cloud, target, make_user) -> None:
    def user(dimension: str):
        condition = {"Condition": {"StringEquals": {"application-autoscaling:scalable-dimension": dimension}}}
        own = make_user(statement("application-autoscaling:DeregisterScalableTarget", **condition))
        return cloud.client("application-autoscaling", **own)

    other = user("sagemaker:variant:DesiredProvisionedConcurrency")
    assert code_and_words(other.deregister_scalable_target, **target)[0] == "AccessDeniedException"
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
        code, message = code_and_words(sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=config)
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
    code, message = code_and_words(less.register_scalable_target, **variant, MinCapacity=1, MaxCapacity=2)
    assert (code, "sagemaker:UpdateEndpointWeightsAndCapacities" in message) == ("AccessDeniedException", True)
    enough = [*ON_ENDPOINTS, "sagemaker:UpdateEndpointWeightsAndCapacities", "iam:CreateServiceLinkedRole"]
    more = cloud.client("application-autoscaling", **make_user(own, statement(enough)))
    more.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2)
    code, message = code_and_words(more.deregister_scalable_target, **variant)
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
    code, message = code_and_words(less.put_scaling_policy, **request)
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
    assert code_and_words(may_not.put_scheduled_action, **target, **action)[0] == "AccessDeniedException"
