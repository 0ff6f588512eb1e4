"""Data capture: requests and answers as JSON Lines in S3, in SageMaker's format."""

import base64
import json
import re

import pytest
from botocore.exceptions import ClientError
from waiting import eventually

BODY = json.dumps({"instances": [{"size": 2.5, "ward": "A"}]})


@pytest.fixture
def capturing(cloud, archives, make_config, settled, name, bucket):
    """Makes an endpoint that captures under ``s3://<bucket>/<its name>/captured``; answers its name."""
    client = cloud.client("sagemaker")

    def make(percentage: int = 100, modes: tuple[str, ...] = ("Input", "Output"), **members) -> str:
        capture = {
            "InitialSamplingPercentage": percentage,
            "DestinationS3Uri": f"s3://{bucket}/{name}/captured",
            "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
            **members,
        }
        config = make_config({"main": archives["up"]}, config={"DataCaptureConfig": capture})
        client.create_endpoint(EndpointName=name, EndpointConfigName=config)
        assert settled(name)["EndpointStatus"] == "InService"
        return name

    yield make
    if client.list_endpoints(NameContains=name, StatusEquals="InService")["Endpoints"]:  # and not deleted already
        client.delete_endpoint(EndpointName=name)


@pytest.fixture
def captured(cloud, bucket):
    """The keys and the records that were captured, once there is something.

    Deleting the endpoint writes what waits; without it one would wait for what is written of itself.
    """

    def look(endpoint: str, of_itself: bool = False):
        s3 = cloud.client("s3")
        if not of_itself:
            cloud.client("sagemaker").delete_endpoint(EndpointName=endpoint)
        found = eventually(
            lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{endpoint}/captured/").get("Contents", [])
        )
        keys = [item["Key"] for item in found]
        lines = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines() for key in keys]
        return keys, [json.loads(line) for part in lines for line in part]

    return look


@pytest.fixture
def send(invoke):
    def one(endpoint: str, body: str = BODY, *content_type: str, **more: str) -> bytes:
        return invoke(endpoint, body, *content_type, **more)["Body"].read()

    return one


def test_a_request_and_its_answer_are_captured(capturing, captured, send, cloud) -> None:
    endpoint = capturing(CaptureContentTypeHeader={"JsonContentTypes": ["application/json"]})
    answer = send(endpoint, InferenceId="case-7", CustomAttributes="trace=1")
    keys, (record,) = captured(endpoint, of_itself=True)
    assert re.fullmatch(
        rf"{endpoint}/captured/{endpoint}/main/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}-[0-9a-f-]{{36}}\.jsonl", keys[0]
    )
    assert record["captureData"] == {
        "endpointInput": {
            "observedContentType": "application/json",
            "mode": "INPUT",
            "data": BODY,
            "encoding": "JSON",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": answer.decode(),
            "encoding": "JSON",
        },
    }
    about = record["eventMetadata"]
    assert about.keys() == {"eventId", "inferenceTime", "inferenceId", "customAttributes"}
    assert (about["inferenceId"], about["customAttributes"]) == ("case-7", ["trace=1"])
    assert record["eventVersion"] == "0"
    shown = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]
    assert (shown["EnableCapture"], shown["CaptureStatus"], shown["CurrentSamplingPercentage"]) == (
        True,
        "Started",
        100,
    )


def test_what_no_header_names_is_in_base64(capturing, captured, send) -> None:
    endpoint = capturing(modes=("Input",))
    send(endpoint, "2.5,A", "text/csv")
    _, (record,) = captured(endpoint)
    assert record["captureData"].keys() == {"endpointInput"}
    taken = record["captureData"]["endpointInput"]
    assert (taken["encoding"], base64.b64decode(taken["data"])) == ("BASE64", b"2.5,A")


def test_csv_is_captured_as_text(capturing, captured, send) -> None:
    endpoint = capturing(modes=("InputAndOutput",), CaptureContentTypeHeader={"CsvContentTypes": ["text/csv"]})
    send(endpoint, "2.5,A", "text/csv")
    _, (record,) = captured(endpoint)
    assert record["captureData"]["endpointInput"]["encoding"] == "CSV"
    assert record["captureData"]["endpointInput"]["data"] == "2.5,A"
    assert record["captureData"]["endpointOutput"]["encoding"] == "BASE64"


def test_a_part_is_sampled_and_deleting_writes_what_waits(capturing, captured, send) -> None:
    endpoint = capturing(percentage=50)
    for _ in range(100):
        send(endpoint)
    _, records = captured(endpoint)
    assert 0 < len(records) < 100
    assert len({record["eventMetadata"]["eventId"] for record in records}) == len(records)


def test_a_refused_request_is_not_captured(capturing, captured, send) -> None:
    endpoint = capturing()
    with pytest.raises(ClientError, match="ModelError"):
        send(endpoint, "{")
    send(endpoint)
    _, records = captured(endpoint)
    assert [base64.b64decode(record["captureData"]["endpointInput"]["data"]) for record in records] == [BODY.encode()]


def test_capture_can_be_off(capturing, send, cloud, bucket) -> None:
    endpoint, client = capturing(EnableCapture=False), cloud.client("sagemaker")
    send(endpoint)
    assert client.describe_endpoint(EndpointName=endpoint)["DataCaptureConfig"]["CaptureStatus"] == "Stopped"
    client.delete_endpoint(EndpointName=endpoint)
    eventually(lambda: not client.list_endpoints(NameContains=endpoint)["Endpoints"])
    assert cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{endpoint}/captured/")["KeyCount"] == 0
