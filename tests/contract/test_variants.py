"""Variants and their instances: weights, counts, targets, crashes, and the shadow that nobody hears."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from contract.endings import counted
from contract.live import descendants, serving
from waiting import eventually

LARGE = {"size": 2.5, "ward": "A"}
BODY = json.dumps({"instances": [LARGE]})
CORES = os.cpu_count() or 1


@pytest.fixture
def serve(archives, make_config, bring_up):
    """Makes an endpoint of these variants; answers its name."""

    def make(variants: dict[str, str] | None = None, **members) -> str:
        chosen = {name: archives[which] for name, which in (variants or {"main": "up"}).items()}
        return bring_up(make_config(chosen, **members))

    return make


@pytest.fixture
def rescale(cloud, settled):
    """Changes weights or counts by variant; answers the endpoint's variants afterwards, by name."""

    def change(endpoint: str, **variants: dict) -> dict[str, dict]:
        cloud.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": name, **members} for name, members in variants.items()],
        )
        return {variant["VariantName"]: variant for variant in settled(endpoint)["ProductionVariants"]}

    return change


@pytest.fixture
def invoked(invoke):
    """The variants that answered so many requests."""

    def one(endpoint: str) -> str:
        answer = invoke(endpoint, BODY)
        answer["Body"].read()
        return answer["InvokedProductionVariant"]

    return lambda endpoint, number=60: counted(lambda _: one(endpoint), number)


@pytest.fixture
def processes(cloud):
    """The processes that serve an endpoint: those that were not there when the test began."""
    before = serving(cloud)
    return lambda: serving(cloud) - before


def test_instances_are_processes_up_to_the_cores(serve, rescale, processes, invoked) -> None:
    endpoint = serve(InitialInstanceCount=1)
    assert len(processes()) == 1
    after = rescale(endpoint, main={"DesiredInstanceCount": CORES + 2})
    assert after["main"]["CurrentInstanceCount"] == CORES + 2
    assert len(processes()) == CORES
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(invoked, endpoint, 300)
        assert rescale(endpoint, main={"DesiredInstanceCount": 1})["main"]["CurrentInstanceCount"] == 1
        eventually(lambda: len(processes()) == 1)
        assert asked.result() == {"main": 300}


def test_weights_share_the_traffic_and_zero_gets_none(serve, rescale, invoked, cloud) -> None:
    endpoint = serve({"one": "up", "two": "down"})
    assert set(invoked(endpoint)) == {"one", "two"}
    after = rescale(endpoint, one={"DesiredWeight": 0.0})
    assert (after["one"]["CurrentWeight"], after["two"]["CurrentWeight"]) == (0.0, 1.0)
    assert set(invoked(endpoint)) == {"two"}
    aimed = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=BODY, ContentType="application/json", TargetVariant="one"
    )
    assert aimed["InvokedProductionVariant"] == "one"


def test_a_change_of_counts_shows_on_its_way(serve, cloud, settled, heard) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    client.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 2}]
    )
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        client.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 3}]
        )
    settled(endpoint)
    kind = "SageMaker Endpoint Deployment State Change"
    first, *_ = eventually(lambda: [e for e in heard(f"endpoint/{endpoint}") if e["detail-type"] == kind])
    (variant,) = first["detail"]["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 2)
    assert variant["VariantStatus"][0]["StatusMessage"] == "Scaling out desired instance count to 2."
    assert first["detail"]["EndpointStatus"] == "UPDATING"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"other": {"DesiredWeight": 1.0}}, 'Could not find variant "other"'),
        ({"main": {"DesiredInstanceCount": 0}}, "at least 1"),
        ({"main": {"ServerlessUpdateConfig": {"MaxConcurrency": 1}}}, "not serverless"),
    ],
)
def test_changes_that_cannot_be_are_refused(serve, rescale, change, said) -> None:
    with pytest.raises(ClientError, match=said) as refused:
        rescale(serve(), **change)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_crash_costs_no_request_where_there_is_another_instance(serve, processes, invoked) -> None:
    endpoint = serve(InitialInstanceCount=2)
    before = processes()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(invoked, endpoint, 300)
        os.kill(min(before), signal.SIGKILL)
        assert asked.result() == {"main": 300}
    eventually(lambda: len(processes()) == 2 and min(before) not in processes())


def test_an_endpoint_with_one_instance_is_unavailable_until_it_has_started_again(
    serve, processes, invoked, cloud
) -> None:
    endpoint = serve()
    (old,) = processes()
    folder = Path(descendants(cloud.process.pid)[old].split("headgate_local.serving ")[1])
    model, aside = folder / "1", folder / "aside"

    def refusal() -> tuple[str, int] | None:
        try:
            return invoked(endpoint, 1) and None
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]

    model.rename(aside)  # until it is back, no new process can serve
    os.kill(old, signal.SIGKILL)
    eventually(lambda: old not in processes())
    assert {refusal() for _ in range(5)} == {("ServiceUnavailable", 503)}
    aside.rename(model)
    eventually(lambda: refusal() is None)
    assert {refusal() for _ in range(20)} == {None}


def test_a_configuration_may_be_deleted_while_it_is_in_use(serve, cloud, settled, rescale, invoked) -> None:
    endpoint, client = serve(), cloud.client("sagemaker")
    config = settled(endpoint)["EndpointConfigName"]
    client.delete_endpoint_config(EndpointConfigName=config)
    assert settled(endpoint)["EndpointConfigName"] == config
    assert rescale(endpoint, main={"DesiredInstanceCount": 2})["main"]["CurrentInstanceCount"] == 2
    assert invoked(endpoint, 5) == {"main": 5}


def test_a_failed_endpoint_can_only_be_deleted(cloud, put, archives, make_config, settled, name) -> None:
    client = cloud.client("sagemaker")
    broken = make_config({"main": put(f"{name}/broken.tar.gz", b"no archive")})
    client.create_endpoint(EndpointName=name, EndpointConfigName=broken)
    assert settled(name)["EndpointStatus"] == "Failed"
    with pytest.raises(ClientError, match="can only be deleted"):
        client.update_endpoint(EndpointName=name, EndpointConfigName=make_config({"main": archives["up"]}))
    client.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1}]}, "InstancePools"),
        ({"EnableSSMAccess": True}, "EnableSSMAccess"),
        ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, "ManagedInstanceScaling"),
        (
            {"RoutingConfig": {
                "RoutingStrategy": "PREFIX_AWARE",
                "PrefixAwareRoutingConfig": {"PrefixLength": 1024, "ConcurrencyThreshold": 1},
            }},
            "PREFIX_AWARE",
        ),
        ({"config": {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://contract/a"}}}}, "Async"),
        ({"config": {"MetricsConfig": {"EnableDetailedObservability": True}}}, "EnableDetailedObservability"),
        ({"shadows": {"shadow": "down"}, "two": True}, "one production variant and one shadow variant"),
        ({"shadows": {"shadow": "down"}, "InstanceType": "ml.inf1.xlarge"}, "Inf1 instances have no shadow variant"),
    ],
)  # fmt: skip
def test_configurations_that_are_not_there_are_refused_by_name(archives, make_config, members, said) -> None:
    variants = {"main": archives["up"], **({"more": archives["up"]} if members.pop("two", None) else {})}
    if "shadows" in members:
        members["shadows"] = {name: archives[which] for name, which in members["shadows"].items()}
    with pytest.raises(ClientError, match=said):
        make_config(variants, **members)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("TargetModel", "m.tar.gz"),
        ("TargetContainerHostname", "one"),
        ("InferenceComponentName", "component"),
        ("SessionId", "NEW_SESSION"),
        ("EnableExplanations", "`true`"),
        ("PrefixAwareId", "prefix"),
    ],
)
def test_what_an_invocation_cannot_have_is_refused_by_name(endpoint, cloud, argument, value) -> None:
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match=f"does not support {argument}"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY, **{argument: value})


def test_a_shadow_variant_is_asked_the_same_and_nobody_gets_its_answer(
    cloud, archives, make_config, settled, name, summed, bucket
) -> None:
    client, runtime = cloud.client("sagemaker"), cloud.client("sagemaker-runtime")
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/{name}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }
    config = make_config(
        {"main": archives["up"]},
        shadows={"mirror": archives["down"]},
        InitialInstanceCount=1,
        config={"DataCaptureConfig": capture},
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    described = settled(name)
    assert described["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 1
    for _ in range(10):
        answer = runtime.invoke_endpoint(
            EndpointName=name, Body=BODY, ContentType="application/json", InferenceId="case-7"
        )
        assert answer["InvokedProductionVariant"] == "main"
        assert json.loads(answer["Body"].read())["predictions"][0]["label"] == "yes"
    with pytest.raises(ClientError, match="Could not find variant mirror"):
        runtime.invoke_endpoint(EndpointName=name, Body=BODY, TargetVariant="mirror")
    eventually(lambda: summed("Invocations", name, "main") == 10)
    eventually(lambda: summed("Invocations", name, "mirror") == 10)
    assert summed("ModelLatency", name, "mirror") > 0
    client.delete_endpoint(EndpointName=name)  # which writes what waits
    for variant, label in (("main", "yes"), ("mirror", "no")):
        s3, place = cloud.client("s3"), f"{name}/captured/{name}/{variant}/"
        found = eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=place).get("Contents"))  # noqa: B023
        lines = s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read().decode().splitlines()
        kept = json.loads(lines[0])
        assert kept["eventMetadata"]["inferenceId"] == "case-7"
        assert kept["captureData"]["endpointInput"]["data"] == BODY
        assert json.loads(kept["captureData"]["endpointOutput"]["data"])["predictions"][0]["label"] == label


def test_a_shadow_variant_gets_the_part_of_the_requests_that_its_weight_says(
    cloud, archives, role, settled, name, summed, invoked
) -> None:
    client = cloud.client("sagemaker")
    variants = {}
    for variant, weight in (("main", 1.0), ("mirror", 0.5)):
        client.create_model(
            ModelName=f"{name}-{variant}",
            PrimaryContainer={"Image": "any", "ModelDataUrl": archives["up"]},
            ExecutionRoleArn=role,
        )
        instances = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": weight}
        variants[variant] = [{"VariantName": variant, "ModelName": f"{name}-{variant}", **instances}]
    client.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=variants["main"], ShadowProductionVariants=variants["mirror"]
    )
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled(name)
    invoked(name, 100)
    eventually(lambda: summed("Invocations", name, "main") == 100)
    assert 0 < summed("Invocations", name, "mirror") < 100
    client.delete_endpoint(EndpointName=name)
