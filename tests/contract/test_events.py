"""SageMaker's events arrive on the default bus in the shapes of the golden examples."""

import json
from pathlib import Path

import pytest
from contract.live import ACCOUNT, REGION, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "events" / "examples"
OPEN = {"HyperParameters", "Tags"}
"""Members whose keys are the user's."""


@pytest.fixture
def heard(cloud, name):
    """Listens for SageMaker's events; answers those about a resource, as a list that grows."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
             "Resource": arn}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    found: list[dict] = []

    def about(text: str) -> list[dict]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in found if text in event["resources"][0]]

    yield about
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)


def differences(golden, emitted, path: str = "") -> list[str]:
    """Where an emitted event has other keys or types than the golden one."""
    if type(golden) is not type(emitted):
        return [f"{path} is {type(emitted).__name__}, not {type(golden).__name__}"]
    if isinstance(golden, dict):
        if path.rpartition(".")[2] in OPEN:
            return []
        found = [f"{path}.{key} is {'missing' if key in golden else 'new'}" for key in golden.keys() ^ emitted.keys()]
        return found + [
            difference
            for key in golden.keys() & emitted.keys()
            for difference in differences(golden[key], emitted[key], f"{path}.{key}")
        ]
    if isinstance(golden, list) and golden and emitted:
        return [difference for item in emitted for difference in differences(golden[0], item, f"{path}[]")]
    return []


def golden(kind: str) -> dict:
    return json.loads((EXAMPLES / f"sagemaker-{kind}-state-change.json").read_text())


def last(heard, text: str, **members):
    """The event about a resource whose detail has these members, once it arrives."""
    return wait_until(
        lambda: [event for event in heard(text) if members.items() <= event["detail"].items()]
    )[-1]  # fmt: skip


def test_a_training_job_tells_of_every_status(heard, cloud, training_request, put, name) -> None:
    data = put(f"{name}/a.csv", b"1")
    source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
    channels = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    request = training_request("", InputDataConfig=channels, Tags=[{"Key": "tenant", "Value": "a"}])
    cloud.client("sagemaker").create_training_job(**request)
    event = last(heard, name, TrainingJobStatus="Completed")
    assert not differences(golden("training-job"), event)
    assert event["detail"]["Tags"] == {"tenant": "a"}
    statuses = [event["detail"]["SecondaryStatus"] for event in heard(name)]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_failed_training_job_tells_why(heard, train, name) -> None:
    train("raise ValueError('why')")
    assert "ValueError: why" in last(heard, name, TrainingJobStatus="Failed")["detail"]["FailureReason"]


def test_an_endpoint_tells_in_upper_case_and_floats(heard, endpoint, cloud) -> None:
    event = last(heard, f"endpoint/{endpoint}", EndpointStatus="IN_SERVICE")
    assert not differences(golden("endpoint"), event)
    assert [event["detail"]["EndpointStatus"] for event in heard(f"endpoint/{endpoint}")] == ["CREATING", "IN_SERVICE"]


def test_a_model_package_tells_of_its_approval(heard, cloud, name) -> None:
    client = cloud.client("sagemaker")
    example = golden("model-package")["detail"]
    client.create_model_package_group(ModelPackageGroupName=name)
    arn = client.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification=example["InferenceSpecification"],
        ModelMetrics=example["ModelMetrics"],
    )["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    event = last(heard, f"model-package/{name}", ModelApprovalStatus="Approved")
    assert not differences(golden("model-package"), event)


def test_a_processing_job_tells_of_its_end(heard, cloud, put, bucket, role, name) -> None:
    example = golden("processing-job")["detail"]
    put(f"{name}/evaluate.py", b"")
    (given,) = example["ProcessingInputs"]
    (wanted,) = example["ProcessingOutputConfig"]["Outputs"]
    given["S3Input"]["S3Uri"] = f"s3://{bucket}/{name}/"
    wanted["S3Output"]["S3Uri"] = f"s3://{bucket}/{name}/out"
    cloud.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        ProcessingInputs=[given],
        ProcessingOutputConfig={"Outputs": [wanted]},
        ProcessingResources=example["ProcessingResources"],
        StoppingCondition=example["StoppingCondition"],
        AppSpecification=example["AppSpecification"],
        RoleArn=role,
    )
    assert not differences(golden("processing-job"), last(heard, name, ProcessingJobStatus="Completed"))
    assert [event["detail"]["ProcessingJobStatus"] for event in heard(name)] == ["InProgress", "Completed"]
