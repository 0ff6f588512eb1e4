"""Serverless variants: processes on demand, a bound to concurrency, and what they exclude."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from contract import live
from contract.live import serving
from waiting import eventually

BODY = json.dumps({"instances": [{"size": 2.5, "ward": "A"}]})
SMALL = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}


@pytest.fixture
def serve(archives, make_config, bring_up):
    """Makes a serverless endpoint; answers its name."""
    return lambda **limits: bring_up(make_config({"main": archives["up"]}, ServerlessConfig=SMALL | limits))


@pytest.fixture
def send(invoke):
    def one(endpoint: str, body: str = BODY) -> str:
        try:
            answer = invoke(endpoint, body)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return json.loads(answer["Body"].read())["predictions"][0]["label"]

    return one


def test_a_serverless_endpoint_answers_requests_of_up_to_4_mb_and_any_of_up_to_25(serve, send, settled, invoke) -> None:
    endpoint = serve()
    (variant,) = settled(endpoint)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SMALL
    assert variant["CurrentInstanceCount"] == 0
    assert send(endpoint) == "yes"
    assert send(endpoint, BODY.ljust(4 * 2**20)) == "yes"
    for asked, largest in ((endpoint, 4 * 2**20), ("any", 25 * 2**20)):
        with pytest.raises(ClientError, match=f"larger than {largest} bytes"):
            invoke(asked, BODY.ljust(largest + 1))


@pytest.fixture
def frozen(cloud):
    """Lets the processes of an endpoint, which the test makes, answer nothing for a while; see ``live.frozen``."""
    before = serving(cloud)
    return lambda: live.frozen(serving(cloud) - before)


def test_more_requests_than_the_concurrency_are_throttled(serve, send, frozen) -> None:
    endpoint = serve(MaxConcurrency=1)
    with frozen() as thaw, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(send, endpoint) for _ in range(2)]
        eventually(lambda: any(each.done() for each in asked))  # one waits for its answer, the other is turned away
        thaw()
        assert sorted(each.result() for each in asked) == ["ThrottlingException", "yes"]
    assert send(endpoint) == "yes"


def test_starting_on_demand_is_measured(serve, send, frozen, summed) -> None:
    endpoint = serve(MaxConcurrency=3)
    with frozen() as thaw, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(send, endpoint) for _ in range(2)]
        eventually(lambda: summed("ModelSetupTime", endpoint) > 0)  # the second needs another instance
        thaw()
        assert [each.result() for each in asked] == ["yes", "yes"]
    eventually(lambda: summed("Invocations", endpoint) >= 2)
    assert summed("InvocationsPerInstance", endpoint) == 0


def test_the_concurrency_can_be_changed(serve, cloud, settled) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    change = {"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 5, "ProvisionedConcurrency": 2}}
    client.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=[change])
    (variant,) = settled(endpoint)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == SMALL | {"MaxConcurrency": 5, "ProvisionedConcurrency": 2}
    with pytest.raises(ClientError, match="no instances to count"):
        client.update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 1}],
        )


def test_its_requests_are_smaller(serve, send) -> None:
    assert send(serve(), "x" * (5 << 20)) == "ValidationError"


def test_it_can_become_one_with_instances_but_not_back(serve, cloud, archives, make_config, settled, send) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    config = make_config({"main": archives["down"]})
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    (variant,) = settled(endpoint)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 1
    assert send(endpoint) == "no"
    serverless = make_config({"main": archives["up"]}, ServerlessConfig=SMALL)
    with pytest.raises(ClientError, match="cannot be updated to a serverless one"):
        client.update_endpoint(EndpointName=endpoint, EndpointConfigName=serverless)


@pytest.mark.parametrize(
    ("limits", "members", "said"),
    [
        ({"MemorySizeInMB": 1500}, {}, "multiple of 1024"),
        ({"ProvisionedConcurrency": 3}, {}, "ProvisionedConcurrency"),
        ({}, {"InitialInstanceCount": 1}, "must not have InitialInstanceCount"),
        ({}, {"two": True}, "one variant"),
        ({}, {"capture": True}, "data capture"),
    ],
)
def test_what_serverless_excludes_is_refused(archives, make_config, bucket, limits, members, said) -> None:
    variants = {"main": archives["up"], **({"more": archives["up"]} if members.pop("two", False) else {})}
    capture = {
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": f"s3://{bucket}/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    config = {"DataCaptureConfig": capture} if members.pop("capture", False) else {}
    with pytest.raises(ClientError, match=said):
        make_config(variants, config=config, ServerlessConfig=SMALL | limits, **members)
