"""Training jobs whose request names what the container runs."""

import pytest
from botocore.exceptions import ClientError
from contract.live import untar


@pytest.fixture
def run(training_request, cloud, finished):
    """Runs a job with this entry point; answers its description."""

    def start(entry_point: list[str], *arguments: str, **members) -> dict:
        own = {"ContainerEntrypoint": entry_point} | ({"ContainerArguments": list(arguments)} if arguments else {})
        image = {"TrainingImage": "any", "TrainingInputMode": "File"}
        request = training_request("", AlgorithmSpecification=image | own, **members)
        del request["HyperParameters"]
        cloud.client("sagemaker").create_training_job(**request)
        return finished(request["TrainingJobName"])

    return start


def channel(name: str, uri: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def test_the_entry_point_runs_with_its_arguments(run, get) -> None:
    command = "cat /opt/ml/input/config/resourceconfig.json > /opt/ml/model/seen.json"
    job = run(["/bin/bash", "-c"], command)
    assert job["TrainingJobStatus"] == "Completed", job
    assert b"algo-1" in untar(get(job["ModelArtifacts"]["S3ModelArtifacts"]))["seen.json"]


def test_a_program_of_a_channel_can_be_the_entry_point(run, put, get, name) -> None:
    program = b"import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text(os.environ['WHO'])"
    put(f"{name}/code/train.py", program)
    uri = f"s3://contract/{name}/code/"
    job = run(["python3", "/opt/ml/input/data/code/train.py"], InputDataConfig=[channel("code", uri)],
              Environment={"WHO": "me"})  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"me"}


def test_the_driver_of_the_sdk_finds_its_files(run, put, get, name) -> None:
    put(f"{name}/drivers/sm_train.sh", b"cp /opt/ml/input/data/sm_drivers/a.txt /opt/ml/model/")
    put(f"{name}/drivers/a.txt", b"/opt/ml stays")
    drivers = channel("sm_drivers", f"s3://contract/{name}/drivers/")
    job = run(["/bin/bash"], "/opt/ml/input/data/sm_drivers/sm_train.sh", InputDataConfig=[drivers])
    assert job["TrainingJobStatus"] == "Completed", job
    assert untar(get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"a.txt": b"/opt/ml stays"}


def test_an_entry_point_that_fails_fails_the_job(run) -> None:
    job = run(["/bin/bash", "-c"], "echo 'it broke' > /opt/ml/output/failure; exit 3")
    assert job["TrainingJobStatus"] == "Failed"
    assert "it broke" in job["FailureReason"]
    assert "exit code: 3" in job["FailureReason"]


def test_arguments_for_an_images_own_entry_point_are_refused(training_request, cloud) -> None:
    image = {"TrainingImage": "any", "TrainingInputMode": "File", "ContainerArguments": ["train"]}
    with pytest.raises(ClientError, match=r"\(Unsupported.*ContainerArguments without a ContainerEntrypoint"):
        cloud.client("sagemaker").create_training_job(**training_request("", AlgorithmSpecification=image))
