from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from headgate_cli.connection import Cloud, connect, translated_errors
from headgate_cli.errors import CommandError, UnreachableError

OUTPUTS = ("DataBucket", "ArtifactBucket", "LedgerTable", "TrainStateMachine", "PromoteStateMachine")


@pytest.fixture
def deploy(aws: boto3.Session) -> Callable[..., None]:
    def create(*outputs: str) -> None:
        body = "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs:\n" + "".join(
            f"  {name}: {{Value: the-{name}}}\n" for name in outputs
        )
        aws.client("cloudformation").create_stack(StackName="headgate", TemplateBody=body)

    return create


def test_a_stack_is_found_by_its_outputs(deploy: Callable[..., None]) -> None:
    deploy(*OUTPUTS)
    cloud = connect("headgate")
    assert cloud.data_bucket == "the-DataBucket"
    assert not cloud.is_local
    assert cloud.title == "stack headgate in eu-central-1"


def test_a_stack_that_is_not_there_is_unreachable(aws: boto3.Session) -> None:
    with pytest.raises(UnreachableError, match="No stack named elsewhere"):
        connect("elsewhere")


def test_a_stack_of_another_kind_is_unreachable(deploy: Callable[..., None]) -> None:
    deploy("DataBucket")
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
