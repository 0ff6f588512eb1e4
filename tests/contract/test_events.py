"""SageMaker's events arrive on the default bus in the shapes of the golden examples."""

import json
from pathlib import Path

from waiting import eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "events" / "examples"
OPEN = {"HyperParameters", "StaticHyperParameters", "Tags"}
"""Members whose keys are the user's."""


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
    return eventually(
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


def test_a_tuning_job_tells_of_its_statuses(heard, cloud, tuning_request, put, name) -> None:
    data = put(f"{name}/a.csv", b"1")
    source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": "FullyReplicated"}
    request = tuning_request(jobs=2) | {"Tags": [{"Key": "tenant", "Value": "a"}]}
    channels = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    request["TrainingJobDefinition"]["InputDataConfig"] = channels
    cloud.client("sagemaker").create_hyper_parameter_tuning_job(**request)
    job = f"hyper-parameter-tuning-job/{name}"
    event = last(heard, job, HyperParameterTuningJobStatus="Completed")
    assert not differences(golden("hyperparameter-tuning-job"), event)
    assert event["detail"]["TrainingJobStatusCounters"]["Completed"] == 2
    assert [event["detail"]["HyperParameterTuningJobStatus"] for event in heard(job)] == ["InProgress", "Completed"]


def test_a_model_and_a_configuration_tell_of_their_beginning_and_their_end(heard, cloud, role, put, name) -> None:
    client, tags = cloud.client("sagemaker"), [{"Key": "headgate:tenant", "Value": "acme"}]
    container = {"Image": "any", "ModelDataUrl": put(f"{name}/model.tar.gz", b"")}
    (variant,) = golden("endpoint-config")["detail"]["ProductionVariants"]
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role, Tags=tags)
    variants = [{**variant, "ModelName": name}]
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, Tags=tags)
    client.delete_endpoint_config(EndpointConfigName=name)
    client.delete_model(ModelName=name)
    told = eventually(lambda: len(found := heard(name)) == 4 and found)
    kinds = ["Model", "Endpoint Config", "Endpoint Config", "Model"]
    assert [event["detail-type"] for event in told] == [f"SageMaker {kind} State Change" for kind in kinds]
    assert not differences(golden("model"), told[0])
    assert not differences(golden("endpoint-config"), told[1])
