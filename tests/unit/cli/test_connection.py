from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from headgate.aws.errors import translated
from headgate_cli import connection, demo, doctor, local_cloud
from headgate_cli.connection import OUTPUTS, Cloud, connect, translated_errors
from headgate_cli.errors import CommandError, UnreachableError
from headgate_cli.output import Output


@pytest.fixture
def cloudformation(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """CloudFormation, which answers what a test says."""
    client = aws.client("cloudformation")
    monkeypatch.setattr(Cloud, "client", lambda *_: client)
    with Stubber(client) as stubber:
        yield stubber


def stack(*outputs: str) -> dict[str, Any]:
    """A stack as DescribeStacks describes it."""
    described = {
        "StackName": "headgate",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": f"the-{name}"} for name in outputs],
    }
    return {"Stacks": [described]}


def test_a_stack_is_found_by_its_outputs(cloudformation: Stubber) -> None:
    cloudformation.add_response("describe_stacks", stack(*OUTPUTS), {"StackName": "headgate"})
    cloud = connect("headgate")
    assert cloud.data_bucket == "the-DataBucket"
    assert not cloud.is_local
    assert cloud.title == "stack headgate in eu-central-1"


def test_a_stack_that_is_not_there_is_unreachable(cloudformation: Stubber) -> None:
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack with id elsewhere does not exist")
    with pytest.raises(UnreachableError, match="No stack named elsewhere"):
        connect("elsewhere")


def test_a_stack_of_another_kind_is_unreachable(cloudformation: Stubber) -> None:
    cloudformation.add_response("describe_stacks", stack("DataBucket"), {"StackName": "headgate"})
    with pytest.raises(UnreachableError, match="LedgerTable"):
        connect("headgate")


def test_an_execution_is_named_after_its_machine() -> None:
    arn = "arn:aws:states:eu-central-1:000000000000:stateMachine:headgate-train"
    cloud = Cloud(None, "headgate", None, {"TrainStateMachine": arn})
    assert cloud.execution_arn("TrainStateMachine", "run").endswith(":execution:headgate-train:run")


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), UnreachableError),
        (NoCredentialsError(), UnreachableError),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "old"}}, "GetObject"), UnreachableError),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"), CommandError),
    ],
)
def test_what_aws_raises_becomes_a_sentence(raised: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error, translated_errors():
        raise raised
    assert type(error.value) is kind
    assert error.value.__cause__ is raised


def test_a_ledger_that_cannot_be_reached_is_an_unreachable_cloud() -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"), translated_errors(), translated("read the ledger"):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")


REFUSED = "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>No.</Message></Error></ErrorResponse>"


class Raw:
    """The body of an answer as urllib3 gives it."""

    def __init__(self, body: str) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self._body.encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<!doctype html><p>It works!"),
        (200, "<html><p>It works!</p></html>"),
        (200, ""),
        (404, "<html><p>Not here.</html>"),
        (403, REFUSED.format("InvalidClientTokenId")),
        (400, REFUSED.format("ValidationError")),
        (400, REFUSED.format("InvalidAction")),
    ],
)
def test_a_card_whose_port_is_another_programs_by_now_has_no_cloud(
    status: int, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        return AWSResponse(request.url, status, {}, Raw(body))

    class Session(boto3.Session):
        def client(self, *service: Any, **how: Any) -> Any:
            client = super().client(*service, **how)
            client.meta.events.register_first("before-send", answer)
            return client

    card = dict.fromkeys(local_cloud.Card.__required_keys__, "x")
    card |= {"endpoint_url": "http://127.0.0.1:9", "region": "eu-central-1", "stack": "headgate", "log": "the.log"}
    monkeypatch.setattr(connection.boto3, "Session", Session)
    monkeypatch.setattr(local_cloud, "read_card", lambda: card)
    with pytest.raises(UnreachableError, match=r"does not answer there\. Start it again with `headgate up`.*the\.log"):
        connect(None)
    finding = doctor.examine(None)[-1]
    assert (finding.ok, finding.mend) == (False, "Start it anew: `headgate up`.")
    started = []
    monkeypatch.setattr(local_cloud, "start", lambda: started.append(True))
    with pytest.raises(UnreachableError), demo.some_cloud(keep=True, out=Output(as_json=True)):
        pass
    assert started
    assert set(asked) == {"http://127.0.0.1:9/"}
