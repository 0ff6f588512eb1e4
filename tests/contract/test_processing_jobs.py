"""Processing jobs: inputs, arguments, outputs and endings."""

import json

import pytest
from botocore.exceptions import ClientError
from contract.endings import at_rest
from waiting import eventually

ROOM = "/opt/ml/processing"
TELL = """
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[sys.argv.index("--root") + 1])
told = {"arguments": sys.argv[1:], "data": (root / "input/data/a.csv").read_text(), "word": os.environ["WORD"]}
(root / "output" / "evaluation.json").write_text(json.dumps(told))
(root / "output" / "deep").mkdir()
(root / "output" / "deep" / "more.txt").write_text("more")
print("evaluated")
"""


def given(place: str, what: str, **how: str) -> dict:
    """An input of a job: what lies under a place, as files."""
    s3 = {"S3Uri": f"{place}/{what}", "LocalPath": f"{ROOM}/input/{what}", "S3DataType": "S3Prefix"}
    return {"InputName": what, "S3Input": {**s3, "S3InputMode": "File", **how}}


@pytest.fixture
def process(cloud, put, bucket, role, name):
    """Runs a processing job with this program to its end (or only starts it); answers its description."""

    def run(program: str, *, arguments: tuple[str, ...] = (), wait: bool = True, **members):
        client = cloud.client("sagemaker")
        put(f"{name}/code/evaluate.py", program.encode())
        put(f"{name}/data/a.csv", b"1,2")

        output = {"S3Uri": f"s3://{bucket}/{name}/out", "LocalPath": f"{ROOM}/output", "S3UploadMode": "EndOfJob"}
        request = {
            "ProcessingJobName": name,
            "ProcessingInputs": [given(f"s3://{bucket}/{name}", what) for what in ("code", "data")],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "evaluation", "S3Output": output}]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": "tensorflow-training",
                "ContainerEntrypoint": ["python3", f"{ROOM}/input/code/evaluate.py"],
                **({"ContainerArguments": list(arguments)} if arguments else {}),
            },
            "Environment": {"WORD": "given"},
            "RoleArn": role,
            **members,
        }
        client.create_processing_job(**request)
        if not wait:
            return request
        return at_rest(client.describe_processing_job, "ProcessingJobStatus", ProcessingJobName=name)

    return run


def test_the_program_finds_its_inputs_and_its_outputs_are_kept(process, get, log_of, name) -> None:
    job = process(TELL, arguments=("--root", ROOM, "--level", "0.95"))
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    told = json.loads(get(f"s3://contract/{name}/out/evaluation.json"))
    assert told["data"] == "1,2"
    assert told["word"] == "given"
    assert told["arguments"][0::2] == ["--root", "--level"]
    assert get(f"s3://contract/{name}/out/deep/more.txt") == b"more"
    assert log_of("/aws/sagemaker/ProcessingJobs", name) == ["evaluated"]


def test_a_failing_program_fails_the_job_and_its_message_is_kept(process) -> None:
    program = """
import pathlib, sys
ml = pathlib.Path(__file__).parents[3]
(ml / "output" / "message").write_text("what to do now")
sys.exit(3)
"""
    job = process(program)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert job["ExitMessage"] == "what to do now"


def test_a_running_job_can_be_stopped(process, cloud, name) -> None:
    process("import time\ntime.sleep(600)", wait=False)
    client = cloud.client("sagemaker")
    eventually(lambda: "ProcessingStartTime" in client.describe_processing_job(ProcessingJobName=name))
    client.stop_processing_job(ProcessingJobName=name)
    eventually(lambda: client.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped")
    with pytest.raises(ClientError, match="in status Stopped"):
        client.stop_processing_job(ProcessingJobName=name)


def test_the_time_limit_fails_the_job(process) -> None:
    job = process("import time\ntime.sleep(600)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Failed"
    assert "MaxRuntimeInSeconds" in job["FailureReason"]


def test_any_program_of_the_machine_can_be_the_entry_point(process, get, name) -> None:
    entry = ["sh", "-c", "pwd > opt/ml/processing/output/where"]
    job = process("", AppSpecification={"ImageUri": "any", "ContainerEntrypoint": entry})
    assert job["ProcessingJobStatus"] == "Completed", job
    assert get(f"s3://contract/{name}/out/where")


def test_paths_outside_of_the_jobs_room_are_refused(process) -> None:
    for path in ("/tmp/elsewhere", f"{ROOM}/../../../tmp"):
        s3 = {"S3Uri": "s3://contract/x", "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        with pytest.raises(ClientError, match="UnsupportedOperationException"):
            process("", ProcessingInputs=[{"InputName": "x", "S3Input": s3}])


def test_names_are_unique_and_unknown_ones_are_not_found(process, cloud, name) -> None:
    process("")
    with pytest.raises(ClientError, match=r"\(ResourceInUse\).*already exists"):
        process("")
    with pytest.raises(ClientError, match="Could not find requested job with name: nobody"):
        cloud.client("sagemaker").describe_processing_job(ProcessingJobName="nobody")


def test_several_instances_share_the_work(process, get, put, bucket, name) -> None:
    for part in range(3):
        put(f"{name}/parts/{part}", b"")
    program = """
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[1])
config = json.loads((root.parent / "config" / "resourceconfig.json").read_text())
job = json.loads((root.parent / "config" / "processingjobconfig.json").read_text())
told = {"hosts": config["hosts"], "parts": sorted(os.listdir(root / "input" / "parts")),
        "experiment": job["ExperimentConfig"]["TrialName"]}
(root / "output" / (config["current_host"] + ".json")).write_text(json.dumps(told))
"""

    place = f"s3://{bucket}/{name}"
    job = process(
        program,
        arguments=(ROOM,),
        ProcessingInputs=[given(place, "code"), given(place, "parts", S3DataDistributionType="ShardedByS3Key")],
        ProcessingResources={"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        ExperimentConfig={"TrialName": "trial"},
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    first, second = (json.loads(get(f"s3://contract/{name}/out/algo-{number}.json")) for number in (1, 2))
    assert first["hosts"] == ["algo-1", "algo-2"]
    assert (len(first["parts"]), sorted(first["parts"] + second["parts"])) == (2, ["0", "1", "2"])
    assert first["experiment"] == "trial"


def test_a_continuous_output_is_there_while_the_program_runs(process, cloud, get, bucket, name) -> None:
    output = {"S3Uri": f"s3://{bucket}/{name}/out", "LocalPath": f"{ROOM}/output", "S3UploadMode": "Continuous"}
    program = "import sys, time\nopen(sys.argv[1] + '/half', 'w').write('half')\ntime.sleep(600)"
    outputs = {"Outputs": [{"OutputName": "all", "S3Output": output}]}
    process(program, arguments=(f"{ROOM}/output",), wait=False, ProcessingOutputConfig=outputs)
    client, s3 = cloud.client("sagemaker"), cloud.client("s3")
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/out/").get("Contents"))
    assert get(f"s3://{bucket}/{name}/out/half") == b"half"
    client.stop_processing_job(ProcessingJobName=name)
    eventually(lambda: client.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped")


def test_keys_that_cannot_be_used_fail_the_job(process, cloud, bucket, name) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key)
    output = {"S3Uri": f"s3://{bucket}/{name}/out", "LocalPath": f"{ROOM}/output", "S3UploadMode": "EndOfJob"}
    outputs = {"Outputs": [{"OutputName": "all", "S3Output": output}], "KmsKeyId": key}
    job = process("", ProcessingOutputConfig=outputs)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "KMS.DisabledException" in job["FailureReason"]


def test_a_lack_of_capacity_fails_the_job(process, order, name) -> None:
    order("aws:sagemaker:exhaust-capacity", name, count="1")
    assert process("")["FailureReason"].startswith("CapacityError: ")
