"""Where jobs differ from AWS: one test for each line of docs/fidelity.md.

A test here passes while the difference stands, as in ``test_fidelity``.
"""

import sys

import pytest
from botocore.exceptions import ClientError
from contract.live import tar_gz, untar
from waiting import eventually

KEEP = "\nimport os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'said').write_text(str(said))"
"""Ends a program: what it has in ``said`` comes back as its model."""


@pytest.fixture
def said(train, get):
    """Runs a training program to its end; answers what it had in ``said``."""

    def run(program: str, **members) -> str:
        job = train(program + KEEP, **members)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        return untar(get(job["ModelArtifacts"]["S3ModelArtifacts"]))["said"].decode()

    return run


def test_the_container_root_is_a_private_folder(said) -> None:
    folder = said("import os\nsaid = os.environ['SM_MODEL_DIR']")
    assert folder.endswith("/opt/ml/model")
    assert folder != "/opt/ml/model"


def test_images_are_not_run(said) -> None:
    image = {"TrainingImage": "there.is/no/such:image", "TrainingInputMode": "File"}
    assert said("import sys\nsaid = sys.prefix", AlgorithmSpecification=image) == sys.prefix


def test_requirements_of_an_archive_are_not_installed(cloud, training_request, finished, put, name) -> None:
    request = training_request("")
    put(f"{name}/sourcedir.tar.gz", tar_gz({"train.py": b"", "requirements.txt": b"no-such-package==99.0"}))
    cloud.client("sagemaker").create_training_job(**request)
    assert finished(name)["TrainingJobStatus"] == "Completed"


def test_isolation_and_a_vpc_are_accepted_without_effect(said) -> None:
    program = "import os, urllib.request\nsaid = urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + {!r}).status"
    reached = said(
        program.format("/_ministack/health"),
        EnableNetworkIsolation=True,
        EnableInterContainerTrafficEncryption=True,
        VpcConfig={"SecurityGroupIds": ["sg-none"], "Subnets": ["subnet-none"]},
    )
    assert reached == "200"


def test_debugger_and_profiler_are_accepted_without_effect(said, bucket, name) -> None:
    place = {"S3OutputPath": f"s3://{bucket}/{name}/debug"}
    found = said("import os\nsaid = os.listdir(os.environ['SM_INPUT_CONFIG_DIR'])", DebugHookConfig=place,
                 ProfilerConfig=place, ExperimentConfig={"TrialName": "none"})  # fmt: skip
    assert "debughookconfig.json" not in found


def test_the_names_of_hosts_do_not_resolve(said) -> None:
    program = """
import socket
try:
    said = socket.gethostbyname("algo-2")
except OSError:
    said = "unknown"
"""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    assert said(program, ResourceConfig=resources) == "unknown"


def test_of_what_jobs_use_cpu_and_memory_alone_are_measured(cloud, training_request, finished, name) -> None:
    client = cloud.client("sagemaker")
    client.create_training_job(**training_request("import time\ntime.sleep(600)"))
    host = [{"Name": "Host", "Value": f"{name}/algo-1"}]
    found = eventually(
        lambda: cloud.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/TrainingJobs", Dimensions=host)[
            "Metrics"
        ]
    )
    client.stop_training_job(TrainingJobName=name)
    finished(name)
    assert {metric["MetricName"] for metric in found} <= {"CPUUtilization", "MemoryUtilization"}


def test_data_of_fast_file_mode_is_downloaded_first(said, put, name) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": put(f"{name}/data/a.csv", b"1")}
    fast = {"ChannelName": "train", "InputMode": "FastFile", "DataSource": {"S3DataSource": source}}
    program = "import os\nsaid = os.path.isfile(os.environ['SM_CHANNEL_TRAIN'] + '/a.csv')"
    assert said(program, InputDataConfig=[fast]) == "True"


@pytest.mark.parametrize(
    "source",
    [
        {"FileSystemDataSource": {"FileSystemId": "fs-00000000", "FileSystemAccessMode": "ro",
                                  "FileSystemType": "EFS", "DirectoryPath": "/"}},
        {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://contract/a"}},
    ],
    ids=["file-system", "augmented-manifest"],
)  # fmt: skip
def test_data_from_elsewhere_than_plain_objects_is_refused(cloud, training_request, source) -> None:
    request = training_request("", InputDataConfig=[{"ChannelName": "train", "DataSource": source}])
    with pytest.raises(ClientError, match="UnsupportedOperationException"):
        cloud.client("sagemaker").create_training_job(**request)
