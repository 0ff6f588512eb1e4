"""What training jobs leave in S3: archives or plain files, TensorBoard's output while they run; and their keys."""

import textwrap

import pytest
from botocore.exceptions import ClientError
from contract.live import statement
from waiting import eventually

WRITES = """
import os, pathlib
for folder in ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR"):
    deep = pathlib.Path(os.environ[folder], "deep")
    deep.mkdir()
    (deep / "file").write_text(folder)
"""


@pytest.fixture
def key(cloud):
    """Makes a KMS key in this state; answers its ARN."""

    def make(state: str) -> str:
        kms = cloud.client("kms")
        if state == "unknown":
            return "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-000000000000"
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        if state == "disabled":
            kms.disable_key(KeyId=arn)
        if state == "deleted":
            kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
        return str(arn)

    return make


@pytest.fixture
def output(bucket, name):
    """An OutputDataConfig with these members."""
    return lambda **members: {"OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/{name}/out", **members}}


def test_a_model_can_be_left_uncompressed(train, get, output, name) -> None:
    job = train(WRITES, **output(CompressionType="NONE"))
    place = f"s3://contract/{name}/out/{name}/output/"
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"{place}model/"
    assert get(f"{place}model/deep/file") == b"SM_MODEL_DIR"
    assert get(f"{place}data/deep/file") == b"SM_OUTPUT_DATA_DIR"


def test_what_is_for_tensorboard_is_there_while_the_program_runs(
    cloud, training_request, finished, get, bucket, name
) -> None:
    program = """
    import argparse, pathlib, time
    parser = argparse.ArgumentParser()
    parser.add_argument("--logs", type=pathlib.Path)
    logs = parser.parse_args().logs
    (logs / "train").mkdir()
    (logs / "train" / "events").write_text("one")
    time.sleep(600)
    """
    client, s3 = cloud.client("sagemaker"), cloud.client("s3")
    board = {"S3OutputPath": f"s3://{bucket}/{name}/board"}
    request = training_request(
        textwrap.dedent(program), {"logs": "/opt/ml/output/tensorboard"}, TensorBoardOutputConfig=board
    )
    client.create_training_job(**request)
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/board/").get("Contents"))
    assert get(f"s3://{bucket}/{name}/board/train/events") == b"one"
    client.stop_training_job(TrainingJobName=name)
    assert finished(name)["TrainingJobStatus"] == "Stopped"


def test_the_last_words_for_tensorboard_are_kept(train, get, bucket, name) -> None:
    program = "import sys\nopen(sys.argv[2] + '/events', 'w').write('all')"
    board = {"S3OutputPath": f"s3://{bucket}/{name}/board", "LocalPath": "/opt/ml/output/mine"}
    job = train(program, {"logs": "/opt/ml/output/mine"}, TensorBoardOutputConfig=board)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert get(f"s3://{bucket}/{name}/board/events") == b"all"


@pytest.mark.parametrize(
    ("state", "words"),
    [("disabled", "is disabled"), ("deleted", "is pending deletion"), ("unknown", "does not exist")],
)
def test_an_output_key_that_cannot_be_used_fails_the_job(train, output, key, state, words) -> None:
    job = train(WRITES, **output(KmsKeyId=key(state)))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:KMS.")
    assert words in job["FailureReason"]


def test_a_volume_key_that_cannot_be_used_fails_the_job(train, key) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    job = train(WRITES, ResourceConfig=resources | {"VolumeKmsKeyId": key("disabled")})
    assert job["TrainingJobStatus"] == "Failed"
    assert "KMS.DisabledException" in job["FailureReason"]
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == ["Starting", "Failed"]


def test_nobody_is_asked_for_a_grant_of_a_volumes_key(train, key, make_role) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    role = make_role(statement(["s3:GetObject", "s3:ListBucket", "s3:PutObject", "logs:*"]))
    job = train("", RoleArn=role, ResourceConfig=resources | {"VolumeKmsKeyId": key("enabled")})
    assert job["TrainingJobStatus"] == "Completed"


def test_a_role_that_may_not_use_the_key_cannot_write_under_it(train, output, key, make_role) -> None:
    role = make_role(statement(["s3:GetObject", "s3:ListBucket", "s3:PutObject", "logs:*"]))
    job = train(WRITES, RoleArn=role, **output(KmsKeyId=key("enabled")))
    assert job["TrainingJobStatus"] == "Failed"
    assert "kms:GenerateDataKey" in job["FailureReason"]


def test_instances_with_disks_of_their_own_take_no_key(train, key) -> None:
    resources = {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    with pytest.raises(ClientError, match="VolumeKmsKeyId"):
        train("", ResourceConfig=resources | {"VolumeKmsKeyId": key("enabled")})
    assert train("", ResourceConfig=resources)["TrainingJobStatus"] == "Completed"


def test_a_model_carries_its_key(train, output, key, cloud, bucket, name) -> None:
    arn = key("enabled")
    cloud.client("kms").create_alias(AliasName=f"alias/{name}", TargetKeyId=arn)
    assert train(WRITES, **output(KmsKeyId=f"alias/{name}"))["TrainingJobStatus"] == "Completed"
    head = cloud.client("s3").head_object(Bucket=bucket, Key=f"{name}/out/{name}/output/model.tar.gz")
    assert head["ServerSideEncryption"] == "aws:kms"
