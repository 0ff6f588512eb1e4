"""`headgate audit`, on moto's ledger with locked copies."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from headgate.aws.audit import Copies, entries_of
from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author, Entry, flaws
from headgate.domain.tenants import Quotas, Tenant
from headgate_cli import connection
from headgate_cli.connection import Cloud
from headgate_cli.main import main


@pytest.fixture
def told(
    aws: boto3.Session,
    ledger: Ledger,
    objects: Objects,
    make_bucket: Callable[[str], str],
    make_run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """What a command answers, of a trail of two entries that are copied, and one of a freeze by hand that is not."""
    cloud = Cloud(aws, "headgate", None, {"LedgerTable": "ledger", "AuditBucket": make_bucket("audit")})
    monkeypatch.setattr(connection, "connect", lambda _stack: cloud)
    for name in ("a", "b"):
        ledger.add_run(make_run(name))
    tenants = Tenants(aws.client("dynamodb"), "ledger", lambda: Author("the stack", "2026"))
    for standing in ("ACTIVE", "SUSPENDED"):
        tenants.register(Tenant("demo", standing, Quotas(1, 1, 1.0, 1.0)), "Its stack says so.")
    copies = Copies(objects, "audit")
    for chain, entry in entries_of(aws.client("dynamodb").scan(TableName="ledger")["Items"]):
        copies.keep(chain, entry)
    assert main(["freeze", "--reason", "Holidays.", "--project", "iris"]) == 0
    capsys.readouterr()

    def tell(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return tell


def test_a_sound_trail_is_verified_and_exported_with_who_did_what(told: Any) -> None:
    code, document = told("audit", "verify")
    assert (code, document["sound"]) == (0, True)
    assert document["trails"] == [
        {"tenant": "demo", "project": None, "entries": 2, "uncopied": 0, "flaws": []},
        {"tenant": "demo", "project": "iris", "entries": 3, "uncopied": 1, "flaws": []},
    ]
    _, exported = told("audit", "export", "--project", "iris")
    frozen = exported["entries"][-1]
    assert (frozen["what"], frozen["why"]) == (["project changed"], "Holidays.")
    assert frozen["who"].startswith("user/")
    assert frozen["changes"][0]["after"]["freeze"]["who"] == frozen["who"]
    code, document = told("audit", "verify", "--project", "iriss")
    assert (code, document["error"][:33]) == (2, "There is no record of demo/iriss.")


def test_tampering_is_pinpointed_with_the_fields_that_differ(
    told: Any, aws: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    client, key = aws.client("dynamodb"), {"pk": {"S": "demo#iris"}, "sk": {"S": "AUDIT#0000000002"}}
    text = client.get_item(TableName="ledger", Key=key)["Item"]["entry"]["S"]
    client.update_item(
        TableName="ledger",
        Key=key,
        UpdateExpression="SET entry = :text",
        ExpressionAttributeValues={":text": {"S": text.replace("demo-iris-b", "demo-iris-x")}},
    )
    code, document = told("audit", "verify")
    first = document["trails"][1]["flaws"][0]
    assert (code, document["sound"], first["sequence"]) == (5, False, 2)
    assert first["what"] == "differs from its locked copy in changes[0].after.run, changes[0].of"
    assert main(["audit", "verify", "--project", "iris"]) == 5
    assert "entry 2 differs from its locked copy" in capsys.readouterr().out
    client.delete_item(TableName="ledger", Key=key)
    assert told("audit", "verify")[1]["trails"][1]["flaws"][0] == {"sequence": 2, "what": "is missing"}


def test_what_became_of_a_tenant_is_verified_and_exported_too(told: Any, aws: boto3.Session) -> None:
    _, exported = told("audit", "export")
    assert [each["what"] for each in exported["entries"][:2]] == [["tenant active"], ["tenant suspended"]]
    key = {"pk": {"S": "TENANT#demo"}, "sk": {"S": "AUDIT#0000000002"}}
    aws.client("dynamodb").delete_item(TableName="ledger", Key=key)
    code, document = told("audit", "verify")
    assert (code, document["trails"][0]["flaws"][0]) == (5, {"sequence": 2, "what": "is missing"})


def test_a_trail_that_others_keep_writing_to_is_read_up_to_where_it_was_whole(
    ledger: Ledger, make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, names = ledger.trail.entries, iter("abcdefghijk")
    ledger.add_run(make_run(next(names)))

    def meanwhile(chain: str) -> list[Entry]:
        ledger.add_run(make_run(next(names)))
        return read(chain)

    monkeypatch.setattr(ledger.trail, "entries", meanwhile)
    head, entries = ledger.trail.read("demo#iris")
    assert flaws("demo#iris", entries, head) == []
    assert len(entries) == head.sequence > 1
