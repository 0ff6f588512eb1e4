"""Metrics of training jobs: from the log into the job's description and into CloudWatch."""

import textwrap
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from waiting import eventually

NAMESPACE = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def algorithm(training_request):
    """An AlgorithmSpecification with these metrics: their regular expressions by name."""

    def make(**metrics: str) -> dict:
        definitions = [{"Name": name, "Regex": regex} for name, regex in metrics.items()]
        return training_request("")["AlgorithmSpecification"] | {"MetricDefinitions": definitions}

    return make


@pytest.fixture
def values(cloud):
    """What CloudWatch has of a metric, by the minute: all samples' count, and the largest."""

    def read(metric: str, **dimensions: str) -> tuple[float, float]:
        now = datetime.now(UTC)
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["SampleCount", "Maximum"],
        )["Datapoints"]
        return sum(point["SampleCount"] for point in points), max((point["Maximum"] for point in points), default=0.0)

    return read


def test_the_last_reading_of_each_metric_is_the_final_one(train, algorithm, values, name) -> None:
    program = """
    import sys
    for epoch in range(3):
        print(f"epoch {epoch}: loss=0.{5 - epoch}; accuracy is {90 + epoch}%")
    print("loss=nan;", "loss=none;", "not a loss", file=sys.stderr)
    print("error=1e-3", end="")
    """
    metrics = {"loss": r"loss=(\S*?);", "accuracy": r"accuracy is ([0-9]+)%", "error": r"[0-9]e-[0-9]", "none": "(x+)"}
    job = train(textwrap.dedent(program), AlgorithmSpecification=algorithm(**metrics))
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert final == pytest.approx({"loss": 0.3, "accuracy": 92.0, "error": 0.001})
    for metric in job["FinalMetricDataList"]:
        assert job["TrainingStartTime"] <= metric["Timestamp"] <= job["TrainingEndTime"]
    assert values("loss", TrainingJobName=name) == (3, pytest.approx(0.5))


def test_readings_can_be_seen_while_the_program_runs(cloud, training_request, finished, algorithm, name) -> None:
    client = cloud.client("sagemaker")
    program = "import time\nprint('loss=0.5;')\ntime.sleep(600)"
    client.create_training_job(**training_request(program, AlgorithmSpecification=algorithm(loss="loss=(.*?);")))
    found = eventually(lambda: client.describe_training_job(TrainingJobName=name).get("FinalMetricDataList"))
    assert [(metric["MetricName"], metric["Value"]) for metric in found] == [("loss", 0.5)]
    client.stop_training_job(TrainingJobName=name)
    assert finished(name)["FinalMetricDataList"] == found


def test_a_host_tells_what_it_uses(cloud, training_request, finished, values, name) -> None:
    client = cloud.client("sagemaker")
    client.create_training_job(**training_request("kept = bytearray(50_000_000)\nwhile True: pass"))
    host = {"Host": f"{name}/algo-1"}
    eventually(lambda: values("CPUUtilization", **host)[1] > 1)
    assert 0 < values("MemoryUtilization", **host)[1] <= 100
    client.stop_training_job(TrainingJobName=name)
    finished(name)


def test_what_is_no_regular_expression_is_refused(train, algorithm) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*metric loss is invalid"):
        train("", AlgorithmSpecification=algorithm(loss="(("))
