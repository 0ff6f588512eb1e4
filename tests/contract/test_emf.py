"""Log lines in the Embedded Metric Format become metrics, whoever wrote them."""

import json
import time

import pytest
from contract.live import function_zip
from waiting import eventually


@pytest.fixture
def total(cloud):
    """Waits for a metric; answers the sum of its values in the last minutes."""

    def wait(namespace: str, metric: str, **dimensions: str) -> float:
        def look():
            return cloud.client("cloudwatch").get_metric_statistics(
                Namespace=namespace,
                MetricName=metric,
                Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
                StartTime=time.time() - 600,
                EndTime=time.time() + 60,
                Period=3600,
                Statistics=["Sum"],
            )["Datapoints"]

        return eventually(look)[0]["Sum"]

    return wait


def test_a_line_that_is_put_into_a_log(cloud, total, name) -> None:
    logs, now = cloud.client("logs"), int(time.time() * 1000)
    directive = {
        "Namespace": f"Emf/{name}",
        "Dimensions": [["Tenant"], ["Tenant", "Project"]],
        "Metrics": [{"Name": "Seconds", "Unit": "Seconds", "StorageResolution": 1}],
    }
    head = {"Timestamp": now, "CloudWatchMetrics": [directive]}
    line = json.dumps({"_aws": head, "Tenant": "acme", "Project": "wards", "Seconds": [1.5, 2.5], "RequestId": "x"})
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    events = [{"timestamp": now, "message": text} for text in ("an ordinary line", line, '{"_aws": 5}')]
    logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=events)
    assert total(f"Emf/{name}", "Seconds", Tenant="acme") == 4.0
    assert total(f"Emf/{name}", "Seconds", Tenant="acme", Project="wards") == 4.0
    stored = logs.get_log_events(logGroupName=name, logStreamName="one")["events"]
    assert [event["message"] for event in stored] == ["an ordinary line", line, '{"_aws": 5}']


POWERTOOLS = """
import os
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace=os.environ["NAMESPACE"], service="gate")

@metrics.log_metrics(capture_cold_start_metric=True)
def handle(event, context):
    metrics.add_metric(name="ChallengerRejected", unit=MetricUnit.Count, value=2)
"""


def test_what_a_function_prints_through_powertools(cloud, total, make_role, name) -> None:
    client = cloud.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handle",
        Role=make_role(service="lambda.amazonaws.com"),
        Code={"ZipFile": function_zip(POWERTOOLS)},
        Environment={"Variables": {"NAMESPACE": f"Emf/{name}"}},
    )
    for _ in range(2):
        answer = client.invoke(FunctionName=name)
        assert "FunctionError" not in answer, answer["Payload"].read()
    eventually(lambda: total(f"Emf/{name}", "ChallengerRejected", service="gate") == 4.0)
    assert total(f"Emf/{name}", "ColdStart", function_name=name, service="gate") == 1.0
