"""Endpoints: deploying, answering, changing without dropping a request, and failing."""

import json
import threading

import pytest
from botocore.exceptions import ClientError
from contract.live import ACCOUNT, REGION, tar_gz
from waiting import eventually

LARGE = {"size": 2.5, "ward": "A"}


def test_an_endpoint_answers_in_the_words_of_tensorflow_serving(endpoint, invoke) -> None:
    response = invoke(endpoint, json.dumps({"instances": [LARGE, {"size": None, "ward": ""}]}))
    assert response["ContentType"] == "application/json"
    assert response["InvokedProductionVariant"] == "main"
    sure, unsure = json.loads(response["Body"].read())["predictions"]
    assert sure["label"] == "yes"
    assert sure["probabilities"][1] > 0.9
    assert unsure["probabilities"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"instances": [{"size": 2.5, "ward": "A"}, {"size": -2.5, "ward": "B"}]}'),
        ("application/json; charset=utf-8", '{"inputs": {"size": [2.5, -2.5], "ward": ["A", "B"]}}'),
        ("application/jsonlines", '{"size": 2.5, "ward": "A"}\n{"size": -2.5, "ward": "B"}\n'),
        ("text/csv", "2.5,A\n-2.5,B\n"),
    ],
)
def test_every_form_of_rows_gets_the_same_answer(endpoint, invoke, content_type, body) -> None:
    answer = json.loads(invoke(endpoint, body, content_type)["Body"].read())
    assert [prediction["label"] for prediction in answer["predictions"]] == ["yes", "no"]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "said"),
    [
        ("application/json", '{"instances": [{"size": 1}]}', 400, "ward"),
        ("application/json", '{"instances": [{"size": "big", "ward": "A"}]}', 400, "size"),
        ("application/json", '{"instances": [{"size": 1, "ward": "A", "age": 3}]}', 400, "age"),
        ("application/json", '{"instances": []}', 400, "no rows"),
        ("application/json", '{"rows": []}', 400, "instances"),
        ("application/json", '{"inputs": {"size": [1, 2], "ward": ["A"]}}', 400, "differ in length"),
        ("application/json", "{", 400, "not valid application/json"),
        ("application/json", "", 400, "not valid"),
        ("text/csv", "1\n", 400, "1 cells"),
        ("text/csv", f"{'9' * 140_000},A\n", 400, "not valid text/csv"),
        ("application/jsonlines", "3\n", 400, "Row 1"),
        ("image/png", "x", 415, "image/png"),
    ],
)
def test_rows_that_do_not_fit_are_a_model_error(endpoint, invoke, content_type, body, status, said) -> None:
    with pytest.raises(ClientError) as refused:
        invoke(endpoint, body, content_type)
    error = refused.value.response
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert said in json.loads(error["OriginalMessage"])["error"]
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    assert error["LogStreamArn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    assert error["Error"]["Message"].startswith(f"Received client error ({status}) from primary with message")


def test_rows_that_cannot_be_read_cost_no_later_request(endpoint, invoke, ask) -> None:
    for _ in range(20):
        with pytest.raises(ClientError, match="ModelError"):
            invoke(endpoint, f"{'9' * 140_000},A\n", "text/csv")
        assert ask(endpoint, LARGE)[0]["label"] == "yes"


def test_the_case_of_a_name_counts_to_invoke_it_and_not_to_make_it(endpoint, cloud, settled, invoke, ask) -> None:
    written, config = endpoint.upper(), settled(endpoint)["EndpointConfigName"]
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        cloud.client("sagemaker").create_endpoint(EndpointName=written, EndpointConfigName=config)
    with pytest.raises(ClientError, match=f"Endpoint {written} of account {ACCOUNT} not found"):
        invoke(written, json.dumps({"instances": [LARGE]}))
    assert ask(endpoint, LARGE)[0]["label"] == "yes"


def test_an_endpoint_that_is_not_there_is_not_found(invoke) -> None:
    with pytest.raises(ClientError, match=f"Endpoint nobody of account {ACCOUNT} not found") as refused:
        invoke("nobody", "{}")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_describe_shows_what_is_deployed(endpoint, settled) -> None:
    shown = settled(endpoint)
    (variant,) = shown["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["CurrentWeight"]) == ("main", 1, 1.0)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "tensorflow-inference"
    assert "PendingDeploymentSummary" not in shown


def test_an_update_drops_no_request(endpoint, cloud, archives, make_config, settled, ask) -> None:
    labels: list[str] = []
    problems: list[BaseException] = []
    stop = threading.Event()

    def keep_asking() -> None:
        try:
            while not stop.is_set():
                labels.append(ask(endpoint, LARGE)[0]["label"])
        except BaseException as problem:
            problems.append(problem)

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for asker in askers:
        asker.start()
    eventually(lambda: len(labels) > 10 or problems)
    new = make_config({"main": archives["down"]})
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    eventually(lambda: "no" in labels or problems)
    assert settled(endpoint)["EndpointConfigName"] == new
    stop.set()
    for asker in askers:
        asker.join()
    assert not problems
    assert ask(endpoint, LARGE)[0]["label"] == "no"


def test_two_changes_at_once_are_refused(endpoint, cloud, archives, make_config, settled) -> None:
    client = cloud.client("sagemaker")
    new = make_config({"main": archives["down"]})
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    for change in (
        lambda: client.update_endpoint(EndpointName=endpoint, EndpointConfigName=new),
        lambda: client.delete_endpoint(EndpointName=endpoint),
    ):
        with pytest.raises(ClientError, match=r"\(ValidationException\).*Cannot update in-progress endpoint"):
            change()
    during = client.describe_endpoint(EndpointName=endpoint)
    assert during["EndpointStatus"] == "Updating"
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == new
    assert settled(endpoint)["EndpointConfigName"] == new


def test_a_failed_update_leaves_the_old_model_in_service(endpoint, cloud, put, make_config, settled, ask, name) -> None:
    before = settled(endpoint)["EndpointConfigName"]
    broken = make_config({"main": put(f"{name}/broken.tar.gz", tar_gz({"1/readme": b"no model"}))})
    cloud.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=broken)
    after = settled(endpoint)
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", before)
    assert "did not pass the ping health check" in after["FailureReason"]
    assert "spec.json" in after["FailureReason"]
    assert ask(endpoint, LARGE)[0]["label"] == "yes"


@pytest.mark.parametrize(
    "archive", [b"this is no archive", tar_gz({"../out": b"x"})], ids=["no archive", "out of its folder"]
)
def test_an_archive_that_cannot_be_unpacked_fails_the_endpoint(cloud, put, make_config, settled, name, archive) -> None:
    client = cloud.client("sagemaker")
    config = make_config({"main": put(f"{name}/broken.tar.gz", archive)})
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    failed = settled(name)
    assert failed["EndpointStatus"] == "Failed"
    assert "model.tar.gz" in failed["FailureReason"]
    client.delete_endpoint(EndpointName=name)


def test_a_deleted_endpoint_is_gone(cloud, archives, make_config, settled, invoke, name) -> None:
    client = cloud.client("sagemaker")
    client.create_endpoint(EndpointName=name, EndpointConfigName=make_config({"main": archives["up"]}))
    settled(name)
    client.delete_endpoint(EndpointName=name)
    eventually(lambda: name not in str(client.list_endpoints(NameContains=name)["Endpoints"]))
    with pytest.raises(ClientError, match=f'Could not find endpoint ".*endpoint/{name}"'):
        client.describe_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="not found"):
        invoke(name, "{}")


def test_variants_share_the_traffic_and_can_be_aimed_at(cloud, archives, make_config, settled, invoke, name) -> None:
    client = cloud.client("sagemaker")
    config = make_config({"one": archives["up"], "two": archives["down"]})
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert len(settled(name)["ProductionVariants"]) == 2
    body = json.dumps({"instances": [LARGE]})
    seen = {invoke(name, body)["InvokedProductionVariant"] for _ in range(60)}
    assert seen == {"one", "two"}
    aimed = invoke(name, body, TargetVariant="two")
    assert json.loads(aimed["Body"].read())["predictions"][0]["label"] == "no"
    with pytest.raises(ClientError, match="Could not find variant three"):
        invoke(name, body, TargetVariant="three")
    client.delete_endpoint(EndpointName=name)


def test_counts_and_weights_can_be_kept_by_an_update(endpoint, cloud, archives, make_config, settled) -> None:
    client = cloud.client("sagemaker")
    larger = make_config({"main": archives["up"]}, InitialInstanceCount=3)
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=larger, RetainAllVariantProperties=True)
    assert settled(endpoint)["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=larger)
    assert settled(endpoint)["ProductionVariants"][0]["DesiredInstanceCount"] == 3


def test_excluded_properties_are_not_retained(endpoint, cloud, archives, make_config, settled) -> None:
    cloud.client("sagemaker").update_endpoint(
        EndpointName=endpoint,
        EndpointConfigName=make_config({"main": archives["up"]}, InitialInstanceCount=2, InitialVariantWeight=3.0),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    (variant,) = settled(endpoint)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 3.0)


def test_a_model_package_must_be_approved_to_be_deployed(cloud, archives, role, name) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    package = client.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": "any", "ModelDataUrl": archives["up"]}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    model = {"ModelName": name, "PrimaryContainer": {"ModelPackageName": package}, "ExecutionRoleArn": role}
    with pytest.raises(ClientError, match="not approved"):
        client.create_model(**model)
    client.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    client.create_model(**model)


@pytest.mark.aws
def test_a_model_without_its_data_is_refused(cloud, role, bucket, image, name) -> None:
    container = {"Image": image, "ModelDataUrl": f"s3://{bucket}/nothing.tar.gz"}
    with pytest.raises(ClientError, match=f"Could not find model data at s3://{bucket}/nothing.tar.gz"):
        cloud.client("sagemaker").create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)


def test_errors_are_those_of_aws(endpoint, cloud, archives, make_config) -> None:
    client = cloud.client("sagemaker")
    config = make_config({"main": archives["up"]})
    with pytest.raises(ClientError, match="Cannot create already existing endpoint "):
        client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.update_endpoint(EndpointName=endpoint, EndpointConfigName="nothing")
    make = {"VariantName": "v", "ModelName": "nothing", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    with pytest.raises(ClientError, match="Could not find model"):
        client.create_endpoint_config(EndpointConfigName="x", ProductionVariants=[make])
    client.delete_endpoint_config(EndpointConfigName=config)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.describe_endpoint_config(EndpointConfigName=config)
