"""What the tests of Application Auto Scaling share; ``conftest`` gives the fixtures to all tests."""

import pytest
from botocore.exceptions import ClientError
from contract.endings import begin, ended

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}


@pytest.fixture
def scaling(cloud):
    return cloud.client("application-autoscaling")


@pytest.fixture(name="variant")
def variant_in_service(endpoint) -> dict:
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


@pytest.fixture
def run_task(cloud, make_role, name):
    """Runs one Task, a call by AWS SDK (``cloudwatch:deleteAlarms``), under a role with these statements; answers the
    ended execution."""

    def run(call: str, arguments: dict, *statements) -> dict:
        resource = f"arn:aws:states:::aws-sdk:{call}"
        task = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}
        role = make_role(*statements, service="states.amazonaws.com")
        return ended(cloud, begin(cloud, name, role, {"Call": task}))

    return run


def code_and_words(call, **arguments) -> tuple[str, str]:
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
