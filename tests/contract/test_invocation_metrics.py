"""What endpoints send to CloudWatch: names, dimensions, units and values as AWS documents them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from waiting import eventually

BODY = json.dumps({"instances": [{"size": 2.5, "ward": "A"}]})


@pytest.fixture
def send(invoke):
    return lambda endpoint, body=BODY: invoke(endpoint, body)["Body"].read()


def test_every_invocation_is_measured_once(endpoint, send, summed, settled) -> None:
    for _ in range(7):
        send(endpoint)
    for body in ("{", '{"instances": []}'):
        with pytest.raises(ClientError, match="ModelError"):
            send(endpoint, body)
    eventually(lambda: summed("Invocations", endpoint) == 9)
    assert summed("Invocation4XXErrors", endpoint) == 2
    assert summed("Invocation5XXErrors", endpoint) == 0
    assert summed("InvocationModelErrors", endpoint) == 2
    assert summed("InvocationsPerInstance", endpoint) == 9
    fleet = {"EndpointConfigName": settled(endpoint)["EndpointConfigName"]}
    assert summed("Invocations", endpoint, **fleet) == 9
    assert summed("Invocations", endpoint, EndpointConfigName="another") == 0


def test_invocations_for_each_instance_are_parts_of_one(cloud, endpoint, send, summed, settled) -> None:
    cloud.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 4}]
    )
    settled(endpoint)
    for _ in range(8):
        send(endpoint)
    eventually(lambda: summed("Invocations", endpoint) == 8)
    assert summed("InvocationsPerInstance", endpoint) == 2


def test_latencies_are_in_microseconds(cloud, endpoint, send, summed) -> None:
    send(endpoint)
    eventually(lambda: summed("ModelLatency", endpoint))
    now = datetime.now(UTC)
    for metric in ("ModelLatency", "OverheadLatency"):
        (point,) = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "main"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Average"],
            Unit="Microseconds",
        )["Datapoints"]
        assert 10 < point["Average"] < 60e6


def test_an_instance_that_is_gone_counts_as_a_server_error(endpoint, order, send, summed) -> None:
    order("aws:sagemaker:terminate-instance", endpoint)

    def refused() -> bool:
        try:
            send(endpoint)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ServiceUnavailable"
        order("aws:sagemaker:terminate-instance", endpoint)
        return False

    eventually(refused)
    eventually(lambda: summed("Invocation5XXErrors", endpoint) >= 1)


def test_the_use_of_instances_is_measured_as_often_as_configured(cloud, archives, make_config, settled, summed, name):
    client = cloud.client("sagemaker")
    often = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
    config = make_config({"main": archives["up"]}, config={"MetricsConfig": often})
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert settled(name)["MetricsConfig"] == often
    eventually(lambda: summed("MemoryUtilization", name, namespace="/aws/sagemaker/Endpoints") > 0)

    def names(namespace: str) -> set[str]:
        dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "main"}]
        listed = cloud.client("cloudwatch").list_metrics(Namespace=namespace, Dimensions=dimensions)["Metrics"]
        return {metric["MetricName"] for metric in listed}

    eventually(lambda: names("/aws/sagemaker/Endpoints") == {"CPUUtilization", "MemoryUtilization"})
    assert "ConcurrentRequestsPerModel" in names("AWS/SageMaker")
    client.delete_endpoint(EndpointName=name)
