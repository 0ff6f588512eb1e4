from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from headgate.aws.errors import translated
from headgate_cli.connection import OUTPUTS, Cloud, connect, translated_errors
from headgate_cli.errors import CommandError, UnreachableError


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
