"""The ledger's changes and their entries are one transaction, on moto's tables."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.audit import Copies, entries_of
from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import RunEnded, RunStarted
from headgate.aws.s3 import Objects
from headgate.domain.audit import Copy, flaws
from headgate.domain.errors import AccessDeniedError, ConflictError, UnsignedError
from headgate.domain.freezes import Freeze
from headgate.domain.names import Project
from headgate.domain.runs import Ending, Outcome, Run

IRIS, CHAIN = Project("demo", "iris"), "demo#iris"


def told(ledger: Ledger) -> list[dict[str, Any]]:
    return [json.loads(each.text) for each in ledger.trail.entries(CHAIN)]


def test_every_change_is_told_with_what_was_before(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    run = make_run("a")
    assert ledger.add_run(run)
    assert not ledger.add_run(run)
    head = ledger.write(IRIS, replace(ledger.head(IRIS), active=run.run), RunStarted(run.run))
    ending = Ending(Outcome.REJECTED, "TOO_FEW_ROWS", "Nine rows are too few.")
    ledger.write(IRIS, replace(head, active=None), RunEnded(run.run, ending, "t1"))
    entries = told(ledger)
    assert [each["what"] for each in entries] == [["run recorded"], ["run started"], ["run ended"]]
    assert [each["who"] for each in entries] == ["the test"] * 3
    assert (entries[2]["why"], entries[2]["at"]) == ("Nine rows are too few.", "2026-01-01T00:00:00.000Z")
    [of_head, of_run] = entries[2]["changes"]
    assert (of_head["before"]["active"], of_head["after"]["active"]) == (run.run, None)
    assert (of_run["before"]["state"], of_run["after"]["state"]) == ("RUNNING", "REJECTED")
    assert flaws(CHAIN, ledger.trail.entries(CHAIN), ledger.trail.head(CHAIN)) == []


def test_what_is_refused_leaves_no_entry(ledger: Ledger, make_run: Callable[..., Run]) -> None:
    ledger.add_run(make_run("a"))
    head = ledger.write(IRIS, ledger.head(IRIS), RunStarted("demo-iris-a"))
    with pytest.raises(ConflictError):
        ledger.write(IRIS, replace(head, revision=0, active="demo-iris-b"))
    assert len(told(ledger)) == 2


def test_who_comes_second_writes_behind_the_first(
    ledger: Ledger, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the read of the trail's head and the write another one writes: the trail is read again."""
    write, others = ledger.trail._client.transact_write_items, [make_run("b"), make_run("c")]

    def interrupted(**given: Any) -> Any:
        if others:
            ledger.add_run(others.pop())
        return write(**given)

    monkeypatch.setattr(ledger.trail._client, "transact_write_items", interrupted)
    assert ledger.add_run(make_run("a"))
    assert [each["changes"][0]["of"] for each in told(ledger)] == [f"RUN#demo-iris-{name}" for name in "bca"]
    assert flaws(CHAIN, ledger.trail.entries(CHAIN), ledger.trail.head(CHAIN)) == []


def test_without_an_entry_nothing_is_changed(
    ledger: Ledger, aws: boto3.Session, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned = Ledger(aws.client("dynamodb"), "ledger")
    with pytest.raises(UnsignedError):
        unsigned.add_run(make_run("a"))
    write = ledger.trail._client.transact_write_items

    def denied(**given: Any) -> Any:
        if any("AUDIT" in str(each) for each in given["TransactItems"]):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "TransactWriteItems")
        return write(**given)

    monkeypatch.setattr(ledger.trail._client, "transact_write_items", denied)
    freeze = Freeze("ada", "Holidays.", "t0", None)
    with pytest.raises(AccessDeniedError):
        ledger.write(IRIS, replace(ledger.head(IRIS), freeze=freeze))
    assert (ledger.runs_of_project(IRIS), ledger.head(IRIS).freeze, told(ledger)) == ([], None, [])


def test_a_copy_stays_as_it_is_whatever_becomes_of_the_entry(
    ledger: Ledger,
    aws: boto3.Session,
    objects: Objects,
    make_bucket: Callable[[str], str],
    make_run: Callable[..., Run],
) -> None:
    ledger.add_run(make_run("a"))
    copies = Copies(objects, make_bucket("audit"))
    items = aws.client("dynamodb").scan(TableName="ledger")["Items"]
    [(chain, entry)] = entries_of(items)
    assert copies.keep(chain, entry)
    assert not copies.keep(chain, replace(entry, text="{}"))
    assert copies.of(CHAIN) == {1: Copy(entry.text)}
