"""The account in memory against moto, which knows all of DynamoDB's expressions: one road, one ledger."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.ledger import Ledger

from .account import Clients, Refusal
from .expressions import holds, updated
from .road import IRIS, Road, before
from .test_crashes import LINE, NEXT

_WRITES = {"PutItem": "put_item", "UpdateItem": "update_item", "TransactWriteItems": "transact_write_items"}


@pytest.mark.parametrize("scenario", [NEXT, LINE], ids=str)
def test_every_write_of_a_road_is_taken_or_refused_as_moto_does(
    ledger: Ledger, aws: boto3.Session, scenario: Any
) -> None:
    clients, moto = Clients(), aws.client("dynamodb")
    account, champion = before(clients, scenario)
    for item in account.items.values():
        moto.put_item(TableName="ledger", Item=item)
    road = Road(clients, account, scenario)
    said: list[tuple[bool, bool]] = []

    def mirrored(operation: str, ours: Any) -> Any:
        def call(given: dict[str, Any]) -> Any:
            theirs = True
            try:
                getattr(moto, _WRITES[operation])(**given)
            except ClientError:
                theirs = False
            try:
                answer = ours(given)
            except Refusal:
                said.append((False, theirs))
                raise
            said.append((True, theirs))
            return answer

        return call

    for operation in _WRITES:
        setattr(account, f"_{operation}", mirrored(operation, getattr(account, f"_{operation}")))
    road.travel(champion)
    assert not road.ledger.add_run(road.ledger.runs_of_project(IRIS)[0])
    assert all(ours == theirs for ours, theirs in said)
    assert {False, True} == {ours for ours, _ in said}
    for (pk, sk), item in account.items.items():
        theirs = moto.get_item(TableName="ledger", Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
        assert theirs == item
    assert ledger.head(IRIS).champion is not None


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a = :one", True),
        ("NOT a = :one OR attribute_exists(b)", False),
        ("attribute_not_exists(b) AND (a = :two OR #n IN (:two, :text))", True),
        ("b = :one", False),
        ("#n = :one", False),
        ("a >= :two", False),
    ],
)
def test_conditions_are_read_as_dynamodb_reads_them(condition: str, expected: bool) -> None:
    item = {"a": {"N": "1"}, "name": {"S": "x"}}
    values = {":one": {"N": "1"}, ":two": {"N": "2"}, ":text": {"S": "x"}}
    assert holds(condition, item, {"#n": "name"}, values) is expected


def test_updates_read_the_item_as_it_was() -> None:
    item = {"a": {"N": "1"}, "b": {"S": "x"}}
    following = updated("SET #a = #a + :one, c = a REMOVE b", item, {"#a": "a"}, {":one": {"N": "1"}})
    assert following == {"a": {"N": "2"}, "c": {"N": "1"}}
