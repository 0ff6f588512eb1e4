import json

import boto3
import pytest

from headgate.aws.stepfunctions import Executions
from headgate.domain.failures import Stop

GIVEN = {"run": "demo-iris-a"}


@pytest.fixture
def machine(aws: boto3.Session) -> str:
    role = aws.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    made = aws.client("stepfunctions").create_state_machine(name="m", roleArn=role, definition=definition)
    return str(made["stateMachineArn"])


def test_an_execution_is_started_once_and_described_when_it_is_over(aws: boto3.Session, machine: str) -> None:
    client = aws.client("stepfunctions")
    executions = Executions(client, machine, starting=client)
    assert executions.stopped("demo-iris-a") is None
    assert executions.start("demo-iris-a", GIVEN)
    assert executions.stopped("demo-iris-a") is None
    [execution] = client.list_executions(stateMachineArn=machine)["executions"]
    client.stop_execution(executionArn=execution["executionArn"])
    assert not executions.start("demo-iris-a", GIVEN)
    assert executions.stopped("demo-iris-a") == Stop("ABORTED", "", "")
