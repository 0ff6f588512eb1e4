"""The adapter of Application Auto Scaling on moto's; what moto lacks is shown on the local cloud (tests/contract)."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from prove.recorder import acting

from headgate.aws.autoscaling import POLICY, Autoscaling
from headgate.domain.errors import ConflictError, ScalingRefusedError, TransientError
from headgate.domain.scaling import Bounds, Scaling

ENDPOINT = "demo-iris"
SCHEDULE = {"cron": "0 7 ? * MON-FRI *", "min": 4, "max": 8, "timezone": "Europe/Berlin"}
WISHES = Scaling.of({"schedules": [SCHEDULE], "invocations_per_minute": 120}, 1)
TAGS = {"headgate:ledger": "ledger"}


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("application-autoscaling")


def actions(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    return found


def test_an_endpoint_is_scaled_as_it_was_asked_for_however_often(client: Any) -> None:
    for _ in range(2):
        Autoscaling(client).keep(ENDPOINT, Bounds(2, 5), WISHES, TAGS)
    [target] = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (
        "endpoint/demo-iris/variant/main",
        2,
        5,
    )
    assert target["SuspendedState"]["DynamicScalingInSuspended"] is False
    [policy] = client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert (policy["PolicyName"], policy["PolicyType"]) == (POLICY, "TargetTrackingScaling")
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 120.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 300,
    }
    [action] = actions(client)
    assert (action["Schedule"], action["Timezone"]) == ("cron(0 7 ? * MON-FRI *)", "Europe/Berlin")
    assert action["ScalableTargetAction"] == {"MinCapacity": 4, "MaxCapacity": 8}


def test_a_schedule_that_is_wanted_no_more_goes_and_a_persons_stays(client: Any) -> None:
    scaling = Autoscaling(client)
    with acting("functions", "settle_release"):
        scaling.keep(ENDPOINT, Bounds(1, 2), WISHES, TAGS)
    named = {name: actions(client)[0][name] for name in ("ServiceNamespace", "ResourceId")}
    dimension = "sagemaker:variant:DesiredInstanceCount"
    client.put_scheduled_action(
        **named, ScalableDimension=dimension, ScheduledActionName="mine", Schedule="rate(1 day)"
    )
    with acting("functions", "settle_release"):
        scaling.keep(ENDPOINT, Bounds(1, 2), Scaling.of({}, 1), TAGS)
    assert [action["ScheduledActionName"] for action in actions(client)] == ["mine"]


def test_what_scales_no_more_can_be_taken_away_twice(client: Any) -> None:
    scaling = Autoscaling(client)
    scaling.keep(ENDPOINT, Bounds(1, 2), WISHES, TAGS)
    scaling.remove(ENDPOINT)
    with Stubber(client) as stubber:  # moto has another code for it (API reference: DeregisterScalableTarget)
        stubber.add_client_error("deregister_scalable_target", "ObjectNotFoundException", "No scalable target.")
        scaling.remove(ENDPOINT)
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert scaling.target(ENDPOINT, "ledger") is None


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("ValidationException", ScalingRefusedError),
        ("LimitExceededException", ScalingRefusedError),
        ("AccessDeniedException", ScalingRefusedError),
        ("ConcurrentUpdateException", ConflictError),
        ("FailedResourceAccessException", TransientError),
        ("SomethingNew", ClientError),
    ],
)
def test_what_aws_says_no_with_is_told_apart(client: Any, code: str, raised: type[Exception]) -> None:
    with Stubber(client) as stubber:
        stubber.add_client_error("register_scalable_target", code, "No.")
        with pytest.raises(raised):
            Autoscaling(client).hold(ENDPOINT, yes=True)


def test_what_aws_does_not_show_yet_is_tried_again(client: Any) -> None:
    with Stubber(client) as stubber:
        stubber.add_response("register_scalable_target", {})
        stubber.add_response("put_scaling_policy", {"PolicyARN": "arn"})
        stubber.add_response("describe_scheduled_actions", {"ScheduledActions": []})
        stubber.add_response("describe_scalable_targets", {"ScalableTargets": []})
        with pytest.raises(TransientError, match="not show demo-iris"):
            Autoscaling(client).keep(ENDPOINT, Bounds(1, 2), Scaling.of({}, 1), TAGS)
