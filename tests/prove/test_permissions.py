"""What can be judged without a run: the tasks of the state machines, what services do for functions, and wildcards."""

from collections.abc import Iterator

import pytest

from tests.prove import definitions, fences, matrix, mutants, services, tenancy
from tests.prove.needs import need, needs
from tests.prove.referee import Question, Referee, is_there
from tests.prove.stack import Stack, stack_of
from tests.prove.table import Table, compare

STACK = Stack("123456789012")


@pytest.fixture(scope="module")
def referee() -> Iterator[Referee]:
    if not is_there():
        pytest.skip("The referee needs Node.js: make .venv-referee/.ready")
    with Referee() as judge:
        yield judge


@pytest.fixture(scope="module")
def table(referee: Referee) -> Table:
    return compare(referee, [*definitions.asked(STACK), *services.functions(STACK), *services.deployments(STACK)])


def test_every_task_of_the_state_machines_is_allowed(table: Table) -> None:
    assert [f"{each.role}: {each.need}" for found in table.denied.values() for each, _ in found] == []


def test_the_state_machines_may_do_nothing_else(table: Table) -> None:
    machines = [STACK.role_of[name] for name, _ in STACK.of("AWS::StepFunctions::StateMachine")]
    assert {name: table.unused[name] for name in machines} == {name: [] for name in machines}


def test_every_wildcard_of_the_template_has_a_reason_and_no_reason_is_left_over(table: Table) -> None:
    assert ({name: found for name, found in table.wildcards.items() if found}, table.stale) == ({}, [])


@pytest.mark.parametrize("other", matrix.OTHERS)
def test_a_session_reaches_nothing_of_another_tenant_whatever_its_role_may(referee: Referee, other: str) -> None:
    tried = matrix.play(referee, STACK, matrix.catalogue(STACK, other), ["anybody"])
    assert len(tried) > 250
    assert [each for each in tried if each.allowed or each.senseless] == []


def test_a_session_reaches_what_is_its_tenants(referee: Referee) -> None:
    tried = matrix.play(referee, STACK, matrix.catalogue(STACK, matrix.OWN), ["anybody"])
    assert [each for each in tried if each.allowed != each.attempt.own] == []


def test_no_role_gets_over_a_fence(referee: Referee) -> None:
    sample = [
        "DeployReleaseRole",
        "OnRunEndedRole",
        "WatchReleaseRole",
        "PromoteStateMachineRole",
        "RegisterTenantRole",
    ]
    assert fences.climbed(referee, STACK, sample) == []


def test_services_act_for_this_account_and_this_stack_only(referee: Referee) -> None:
    made = fences.calls(STACK)
    assert {each.ours for each in made} == {True, False}
    assert fences.misled(referee, STACK, made) == []


def test_a_tenants_own_roles_reach_its_own_and_its_key_only_its_objects(referee: Referee) -> None:
    made = tenancy.tries(STACK)
    assert len(made) > 2000
    assert tenancy.wrong(referee, STACK, stack_of(matrix.OWN, STACK), made) == []


def test_a_resource_that_trusts_more_is_noticed(referee: Referee) -> None:
    made = list(mutants.resource_mutants(referee, STACK))
    assert len(made) > 20
    assert [f"{each.where}: {each.what}" for each in made if not each.caught_by] == []


@pytest.mark.parametrize(
    ("statement", "wanted", "allowed"),
    [
        (
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/a/*"},
            need("s3:GetObject", "arn:aws:s3:::b/a/x"),
            True,
        ),
        (
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/a/*"},
            need("s3:GetObject", "arn:aws:s3:::b/b/x"),
            False,
        ),
        (
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
            need("s3:GetObjectVersion", "arn:aws:s3:::b/x"),
            False,
        ),
        (
            {
                "Action": "dynamodb:Scan",
                "Resource": "*",
                "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "a#*"}},
            },
            need("dynamodb:Scan", "arn:aws:dynamodb:eu-central-1:123456789012:table/t"),
            True,  # which is why there is a guard against it
        ),
    ],
)
def test_the_referee_judges_as_iam_is_documented_to(
    referee: Referee, statement: dict[str, object], wanted: object, allowed: bool
) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Sid": "One", "Effect": "Allow", **statement}]}
    name = f"probe {statement} {wanted}"
    referee.know({name: document})
    (answer,) = referee.judge([Question(wanted, STACK.account, (name,))])  # type: ignore[arg-type]
    assert (answer.allowed, answer.senseless) == (allowed, False)


def test_the_odd_operations_ask_for_the_actions_that_aws_documents() -> None:
    def of(service: str, operation: str, error: str = "", **params: object) -> list[tuple[str, str]]:
        found = needs(service, operation, params, STACK.account, error)
        return [(each.action, each.resource.rpartition(":")[2]) for each in found]

    assert of("s3", "ListObjectsV2", Bucket="b", Prefix="a/") == [("s3:ListBucket", "b")]
    assert of("s3", "HeadObject", Bucket="b", Key="k/l") == [("s3:GetObject", "b/k/l")]
    missing = of("s3", "HeadObject", "404", Bucket="b", Key="k/l")
    assert missing == [("s3:GetObject", "b/k/l"), ("s3:ListBucket", "b")]
    opened = ("kms:Decrypt", "key/of-k")
    assert of("s3", "GetObject", Bucket="b", Key="k/l", VersionId="1") == [("s3:GetObjectVersion", "b/k/l"), opened]
    assert of("s3", "GetObject", Bucket="b", Key="_captured/k/l") == [("s3:GetObject", "b/_captured/k/l"), opened]
    assert of("s3", "GetObject", Bucket="b", Key="_system/l") == [("s3:GetObject", "b/_system/l")]
    source = {"Bucket": "b", "Key": "k/l", "VersionId": "1"}
    assert of("s3", "CopyObject", Bucket="c", Key="k/m", CopySource=source, SSEKMSKeyId="key") == [
        ("s3:GetObjectVersion", "b/k/l"), ("s3:PutObject", "c/k/m"), ("s3:AbortMultipartUpload", "c/k/m"),
        ("kms:GenerateDataKey", "key/of-k"), opened, opened,
    ]  # fmt: skip
    items = [
        {"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}},
        {"Update": {"TableName": "t", "Key": {"pk": {"S": "a"}}}},
    ]
    assert of("dynamodb", "TransactWriteItems", TransactItems=items) == [
        ("dynamodb:PutItem", "table/t"), ("dynamodb:UpdateItem", "table/t"),
    ]  # fmt: skip
    assert of("sqs", "SendMessageBatch", QueueUrl="https://sqs/1/q") == [("sqs:SendMessage", "q")]


def test_an_operation_of_a_service_that_nobody_taught_is_no_silent_pass() -> None:
    with pytest.raises(ValueError, match="Teach"):
        needs("glue", "GetTable", {}, STACK.account)
