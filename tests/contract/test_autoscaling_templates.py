"""Application Auto Scaling in CloudFormation templates and in state machines."""

import json

import pytest
from contract.live import ACCOUNT, REGION, statement
from waiting import eventually

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture
def template(endpoint):
    """Makes a template with a scalable target and a policy that tracks this value."""

    def make(value: float, action: str) -> str:
        bounds = {"MinCapacity": {"Ref": "Least"}, "MaxCapacity": 3}
        scheduled = {
            "ScheduledActionName": action,
            "Schedule": "cron(0 6 * * ? *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": "2"},
        }
        target = {
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": DIMENSION,
            "ResourceId": f"endpoint/{endpoint}/variant/main",
            "ScheduledActions": [scheduled],
        }
        metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        policy = {
            "PolicyName": "track",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": str(value),
                "PredefinedMetricSpecification": metric,
            },
        }
        body = {
            "Parameters": {"Least": {"Type": "Number", "Default": 1}},
            "Resources": {
                "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target | bounds},
                "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
            },
            "Outputs": {
                "Target": {"Value": {"Ref": "Target"}},
                "Id": {"Value": {"Fn::GetAtt": ["Target", "Id"]}},
                "Policy": {"Value": {"Ref": "Policy"}},
            },
        }
        return json.dumps(body)

    return make


def settled(formation, stack: str, status: str) -> dict:
    def look():
        found = formation.describe_stacks(StackName=stack)["Stacks"][0]
        assert "ROLLBACK" not in found["StackStatus"], formation.describe_stack_events(StackName=stack)["StackEvents"]
        assert "FAILED" not in found["StackStatus"], formation.describe_stack_events(StackName=stack)["StackEvents"]
        return found if found["StackStatus"] == status else None

    return eventually(look)


def test_a_stack_registers_changes_and_deregisters_a_target(cloud, scaling, endpoint, template, name) -> None:
    formation, where = cloud.client("cloudformation"), {"ServiceNamespace": "sagemaker"}
    resource = f"endpoint/{endpoint}/variant/main"
    formation.create_stack(StackName=name, TemplateBody=template(70.0, "morning"))
    outputs = settled(formation, name, "CREATE_COMPLETE")["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert values["Target"] == values["Id"] == f"{resource}|{DIMENSION}|sagemaker"
    target = scaling.describe_scalable_targets(**where, ResourceIds=[resource])["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    policy = scaling.describe_scaling_policies(**where, ResourceId=resource)["ScalingPolicies"][0]
    assert policy["PolicyARN"] == values["Policy"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70
    assert len(policy["Alarms"]) == 2

    formation.update_stack(StackName=name, TemplateBody=template(90.0, "evening"))
    settled(formation, name, "UPDATE_COMPLETE")
    changed = scaling.describe_scaling_policies(**where, ResourceId=resource)["ScalingPolicies"][0]
    assert changed["PolicyARN"] == values["Policy"]
    assert changed["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 90
    actions = scaling.describe_scheduled_actions(**where, ResourceId=resource)["ScheduledActions"]
    assert [action["ScheduledActionName"] for action in actions] == ["evening"]
    assert actions[0]["ScalableTargetAction"] == {"MinCapacity": 2}

    formation.delete_stack(StackName=name)
    eventually(lambda: not scaling.describe_scalable_targets(**where, ResourceIds=[resource])["ScalableTargets"])
    assert scaling.describe_scaling_policies(**where, ResourceId=resource)["ScalingPolicies"] == []


def test_a_stack_of_a_variant_that_is_not_there_fails_with_the_reason(cloud, template, name) -> None:
    formation = cloud.client("cloudformation")
    body = json.loads(template(70.0, "morning"))
    body["Resources"]["Target"]["Properties"]["ResourceId"] = "endpoint/nowhere/variant/main"
    formation.create_stack(StackName=name, TemplateBody=json.dumps(body), OnFailure="DO_NOTHING")

    def reasons() -> list[str]:
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]

    assert any("doesn't exist: endpoint/nowhere/variant/main" in reason for reason in eventually(reasons))


def test_a_state_machine_suspends_scaling_in(scaling, endpoint, run_task) -> None:
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/main",
        "ScalableDimension": DIMENSION,
    }
    scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2)
    arguments = variant | {"SuspendedState": {"DynamicScalingInSuspended": True}}
    target = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/*"
    allowed = statement("application-autoscaling:RegisterScalableTarget", target)
    on_endpoint = statement("sagemaker:*")
    ended = run_task("applicationautoscaling:registerScalableTarget", arguments, allowed, on_endpoint)
    assert ended["status"] == "SUCCEEDED", ended
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[variant["ResourceId"]])
    assert found["ScalableTargets"][0]["SuspendedState"]["DynamicScalingInSuspended"]


def test_a_machines_role_needs_the_permission(endpoint, run_task) -> None:
    ended = run_task(
        "applicationautoscaling:describeScalableTargets", {"ServiceNamespace": "sagemaker"}, statement("sagemaker:*")
    )
    assert ended["error"] == "ApplicationAutoScaling.ApplicationAutoScalingException"
    assert "application-autoscaling:DescribeScalableTargets" in ended["cause"]


def test_a_machine_sees_modelled_errors_by_name(run_task) -> None:
    arguments = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/x/variant/y", "ScalableDimension": DIMENSION}
    ended = run_task(
        "applicationautoscaling:deregisterScalableTarget", arguments, statement("application-autoscaling:*")
    )
    assert ended["error"] == "ApplicationAutoScaling.ObjectNotFoundException"
