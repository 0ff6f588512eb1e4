"""Transform jobs: objects in, answers out; how data is split, filtered, joined and assembled; and endings."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError
from contract.endings import at_rest, begin, ended
from contract.live import statement
from waiting import eventually

LOG_GROUP = "/aws/sagemaker/TransformJobs"


@pytest.fixture
def model(cloud, archives, role, name):
    container = {"Image": "tensorflow-inference", "ModelDataUrl": archives["up"]}
    cloud.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
    return name


@pytest.fixture
def transform(cloud, put, bucket, model, name):
    """Runs a transform job on these objects to its end (or only starts it); answers its description."""

    def run(objects: dict[str, bytes], *, wait: bool = True, **members):
        client = cloud.client("sagemaker")
        for key, content in objects.items():
            put(f"{name}/in/{key}", content)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{name}/in/"}
        given = {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv", "SplitType": "Line"}
        wanted = {"S3OutputPath": f"s3://{bucket}/{name}/out", "AssembleWith": "Line"}
        request = {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": given | members.pop("given", {}),
            "TransformOutput": wanted | members.pop("wanted", {}),
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **members,
        }
        client.create_transform_job(**request)
        return at_rest(client.describe_transform_job, "TransformJobStatus", TransformJobName=name) if wait else None

    return run


@pytest.fixture
def lines(get, name):
    """The lines of an output object, read as JSON."""
    return lambda key: [json.loads(line) for line in get(f"s3://contract/{name}/out/{key}.out").splitlines()]


def labels(answer: dict) -> list[str]:
    return [prediction["label"] for prediction in answer["predictions"]]


def test_each_object_has_its_answers_under_its_name(transform, lines) -> None:
    job = transform({"a.csv": b"2.5,A\n-2.5,B\n", "deep/b.csv": b"1,A"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    (both,), (one,) = lines("a.csv"), lines("deep/b.csv")
    assert labels(both) == ["yes", "no"]
    assert labels(one) == ["yes"]


def test_one_record_for_each_request_keeps_the_order(transform, lines) -> None:
    rows = [(number % 3) - 1.5 for number in range(40)]
    content = "".join(f"{row},A\n" for row in rows).encode()
    job = transform({"a.csv": content}, BatchStrategy="SingleRecord", MaxConcurrentTransforms=4)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert [labels(answer) for answer in lines("a.csv")] == [["yes" if row > 0 else "no"] for row in rows]


def test_requests_are_no_larger_than_they_may_be(transform, lines) -> None:
    row = b"1," + b"A" * 100_000 + b"\n"
    job = transform({"a.csv": row * 11}, MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert [labels(answer) for answer in lines("a.csv")] == [["yes"] * 10, ["yes"]]


def test_an_object_can_be_one_request(transform, lines) -> None:
    body = json.dumps({"instances": [{"size": 2.0, "ward": "A"}]}).encode()
    job = transform({"a.json": body}, given={"ContentType": "application/json", "SplitType": "None"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert labels(lines("a.json")[0]) == ["yes"]


def test_answers_are_joined_with_the_rows_that_they_are_for(transform, lines) -> None:
    rows = [{"id": "x", "features": {"size": 1.0, "ward": "A"}}, {"id": "y", "features": {"size": -1.0, "ward": "A"}}]
    job = transform(
        {"a.jsonl": "\n".join(json.dumps(row) for row in rows).encode()},
        BatchStrategy="SingleRecord",
        given={"ContentType": "application/jsonlines"},
        DataProcessing={
            "InputFilter": "$.features",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert [(line["id"], labels(line["SageMakerOutput"])) for line in lines("a.jsonl")] == [
        ("x", ["yes"]),
        ("y", ["no"]),
    ]
    assert all(line.keys() == {"id", "SageMakerOutput"} for line in lines("a.jsonl"))


def test_columns_can_be_left_out_and_answers_cut(transform, get, name) -> None:
    job = transform(
        {"a.csv": b"id-1,2.5,A\nid-2,-2.5,A\n"},
        BatchStrategy="SingleRecord",
        wanted={"Accept": "application/json"},
        DataProcessing={"InputFilter": "$[1:]", "OutputFilter": "$.predictions[0].label"},
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert get(f"s3://contract/{name}/out/a.csv.out") == b'"yes"\n"no"\n'


def test_several_instances_share_the_objects_and_gzip_is_unpacked(transform, lines) -> None:
    objects = {f"{number}.csv.gz": gzip.compress(b"1,A\n") for number in range(3)}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    job = transform(objects, TransformResources=resources, given={"CompressionType": "Gzip"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    for key in objects:
        assert labels(lines(key)[0]) == ["yes"]


def test_rows_that_the_model_refuses_fail_the_job_and_the_log_says_why(transform, cloud, lines, log_of, name) -> None:
    job = transform({"a.csv": b"1,A\n", "b.csv": b"no number,A\n"})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert labels(lines("a.csv")[0]) == ["yes"]
    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket="contract", Prefix=f"{name}/out/b")
    said = log_of(LOG_GROUP, name)
    assert f"contract/{name}/in/b.csv: ClientError: 400" in said
    assert any("no number" in line or "size" in line for line in said)


def test_several_answers_in_one_cannot_be_joined(transform) -> None:
    job = transform(
        {"a.jsonl": b'{"size": 1, "ward": "A"}\n{"size": 2, "ward": "A"}'},
        given={"ContentType": "application/jsonlines"},
        DataProcessing={"JoinSource": "Input"},
    )
    assert job["TransformJobStatus"] == "Failed"
    assert "mismatched line count" in job["FailureReason"]


def test_no_data_fails_the_job(transform) -> None:
    assert "No S3 objects found" in transform({})["FailureReason"]


def test_a_running_job_can_be_stopped(transform, cloud, name) -> None:
    client = cloud.client("sagemaker")
    transform({"a.csv": b"1,A\n" * 200_000}, wait=False, BatchStrategy="SingleRecord")
    eventually(lambda: "TransformStartTime" in client.describe_transform_job(TransformJobName=name))
    client.stop_transform_job(TransformJobName=name)
    eventually(lambda: client.describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "Stopped")
    assert "Contents" not in cloud.client("s3").list_objects_v2(Bucket="contract", Prefix=f"{name}/out/")
    with pytest.raises(ClientError, match="in status Stopped"):
        client.stop_transform_job(TransformJobName=name)


def test_jobs_are_listed_and_their_names_unique(transform, cloud, name) -> None:
    transform({"a.csv": b"1,A"})
    (found,) = cloud.client("sagemaker").list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert (found["TransformJobName"], found["TransformJobStatus"]) == (name, "Completed")
    with pytest.raises(ClientError, match=r"\(ResourceInUse\).*already exists"):
        transform({})


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"given": {"SplitType": "RecordIO"}}, "SplitType RecordIO"),
        ({"Environment": {"A": "b"}}, "Environment"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "MaxPayloadInMB"),
        ({"DataProcessing": {"InputFilter": "$[?(@.a)]"}}, "JSONPath"),
        ({"ModelName": "nobody"}, "Could not find model"),
    ],
)
def test_what_cannot_be_is_refused(transform, members, words) -> None:
    with pytest.raises(ClientError, match=words):
        transform({}, **members)


def test_a_state_machine_waits_for_a_transform_job(cloud, put, model, make_role, lines, name) -> None:
    put(f"{name}/in/a.csv", b"1,A")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://contract/{name}/in/"}
    job = {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://contract/{name}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    resource = "arn:aws:states:::sagemaker:createTransformJob.sync"
    own = make_role(statement("sagemaker:*"), service="states.amazonaws.com")
    states = {"Only": {"Type": "Task", "Resource": resource, "Arguments": job, "End": True}}
    over = ended(cloud, begin(cloud, name, own, states))
    assert over["status"] == "SUCCEEDED", over.get("cause")
    assert json.loads(over["output"])["TransformJobStatus"] == "Completed"
    assert labels(lines("a.csv")[0]) == ["yes"]


def test_a_volume_key_that_cannot_be_used_fails_the_job(transform, cloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=key)
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeKmsKeyId": key}
    job = transform({"a.csv": b"1,A"}, TransformResources=resources)
    assert job["TransformJobStatus"] == "Failed"
    assert "KMS.DisabledException" in job["FailureReason"]
    assert "TransformStartTime" not in job


def test_a_transform_job_tells_of_its_end(transform, heard, name) -> None:
    transform({"a.csv": b"1,A"})

    def statuses() -> list[str]:
        return [event["detail"]["TransformJobStatus"] for event in heard(f"transform-job/{name}")]

    assert eventually(lambda: statuses() == ["InProgress", "Completed"])
