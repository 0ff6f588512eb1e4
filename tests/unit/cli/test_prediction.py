import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleasePlanned
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.runs import Champion, Head
from headgate_cli import prediction
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.prediction import predict

IRIS = Project("demo", "iris")
DATASET = "aaaaaaaaaa"
SPEC = {"columns": [{"name": "age", "kind": "numeric"}, {"name": "ward", "kind": "categorical"}]}


class Runtime:
    """An endpoint that answers each row with its age, or with what it is told to fail with."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.ids: list[str] = []
        self.fails: tuple[int, str] | None = None
        self.gone = False

    def invoke_endpoint(self, *, EndpointName: str, ContentType: str, InferenceId: str, Body: bytes) -> dict[str, Any]:
        assert (EndpointName, ContentType) == ("demo-iris", "application/json")
        if self.gone:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "Endpoint x not found."}}, "InvokeEndpoint"
            )
        if self.fails:
            status, said = self.fails
            error = {"Error": {"Code": "ModelError"}, "OriginalStatusCode": status, "OriginalMessage": said}
            raise ClientError(error, "InvokeEndpoint")
        instances = json.loads(Body)["instances"]
        self.requests.append(instances)
        self.ids.append(InferenceId)
        answer = {"predictions": [{"value": instance.get("age")} for instance in instances]}
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


@dataclass(frozen=True)
class CloudWithEndpoint(Cloud):
    """A cloud of moto's with an endpoint of the test's own."""

    runtime: Runtime = field(default_factory=Runtime)

    def client(self, service: str) -> Any:
        return self.runtime if service == "sagemaker-runtime" else super().client(service)


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> CloudWithEndpoint:
    bucket = make_bucket("artifacts")
    ledger.write(IRIS, Head(champion=Champion(3, "7", DATASET, "s3://artifacts/model.tar.gz")))
    aws.client("s3").put_object(
        Bucket=bucket, Key=f"demo/iris/datasets/{DATASET}/spec/spec.json", Body=json.dumps(SPEC).encode()
    )
    return CloudWithEndpoint(aws, "headgate", None, {"ArtifactBucket": bucket, "LedgerTable": "ledger"})


def test_every_row_gets_its_answer_in_order(cloud: CloudWithEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "_MOST_ROWS", 2)
    rows = [{"age": str(age), "ward": "B"} for age in range(5)]
    answer = predict(cloud, IRIS, rows, lambda _: None)
    assert (answer["endpoint"], answer["version"]) == ("demo-iris", "7")
    assert [row["value"] for row in answer["predictions"]] == [0, 1, 2, 3, 4]
    assert [len(request) for request in cloud.runtime.requests] == [2, 2, 1]
    one, two, three = cloud.runtime.ids
    assert answer["ids"] == [f"{one}#1", f"{one}#2", f"{two}#1", f"{two}#2", f"{three}#1"]


@pytest.mark.parametrize(("serverless", "requests"), [(None, 1), ({"memory_mb": 1024, "max_concurrency": 1}, 2)])
def test_no_request_is_larger_than_its_kind_of_endpoint_takes(
    cloud: CloudWithEndpoint, ledger: Ledger, serverless: dict[str, int] | None, requests: int
) -> None:
    values: dict[str, Any] = dict.fromkeys(("dataset", "holdout", "model_data_url", "instance_type", "why"), "x")
    release = Release(
        3, "run", version="7", name="r3", endpoint="demo-iris", state="IN_SERVICE", at="", instance_count=1,
        serverless=serverless, **values,
    )  # fmt: skip
    ledger.write(IRIS, ledger.head(IRIS), ReleasePlanned(release))
    rows = [{"age": "1", "ward": 2_000_000 * "B"}] * 2
    assert len(predict(cloud, IRIS, rows, lambda _: None)["predictions"]) == 2
    assert len(cloud.runtime.requests) == requests


def test_only_what_the_model_takes_is_sent(cloud: CloudWithEndpoint) -> None:
    notes: list[str] = []
    predict(cloud, IRIS, [{"age": "", "ward": "", "diagnosis": "x"}], notes.append)
    [[sent]] = cloud.runtime.requests
    assert math.isnan(sent["age"])
    assert sent["ward"] == ""
    assert "diagnosis" not in sent
    assert notes == ["Not used by the model: diagnosis."]


def test_no_rows_are_refused_without_asking_the_endpoint(cloud: CloudWithEndpoint) -> None:
    with pytest.raises(UsageError, match="nothing to predict"):
        predict(cloud, IRIS, [], lambda _: None)
    assert cloud.runtime.requests == []


@pytest.mark.parametrize("said", ['{"error": "Column age is missing."}', "Column age is missing."])
def test_what_the_endpoint_refuses_is_the_callers_mistake(cloud: CloudWithEndpoint, said: str) -> None:
    cloud.runtime.fails = (400, said)
    with pytest.raises(UsageError, match=r"^Column age is missing\.$"):
        predict(cloud, IRIS, [{"ward": "B"}], lambda _: None)


def test_a_refusal_in_a_later_batch_says_from_where_it_counts(
    cloud: CloudWithEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "_MOST_ROWS", 2)

    def rows() -> Iterator[dict[str, str]]:
        for _ in range(3):
            yield {"age": "1"}
        cloud.runtime.fails = (400, "Row 1 is wrong.")
        yield {"age": "1"}

    with pytest.raises(UsageError, match="after row 2"):
        predict(cloud, IRIS, rows(), lambda _: None)


def test_an_endpoint_that_breaks_is_not_the_callers_mistake(cloud: CloudWithEndpoint) -> None:
    cloud.runtime.fails = (500, "")
    with pytest.raises(CommandError, match="no reason") as error:
        predict(cloud, IRIS, [{"age": 1}], lambda _: None)
    assert not isinstance(error.value, UsageError)


def test_an_endpoint_that_somebody_deleted_is_told_with_the_way_back(cloud: CloudWithEndpoint) -> None:
    cloud.runtime.gone = True
    with pytest.raises(CommandError, match="endpoint-gone"):
        predict(cloud, IRIS, [{"age": "1", "ward": "B"}], lambda _: None)


def test_a_project_that_serves_nothing_says_so(cloud: CloudWithEndpoint) -> None:
    with pytest.raises(CommandError, match="no version of other is in service"):
        predict(cloud, Project("demo", "other"), [{"age": 1}], lambda _: None)
