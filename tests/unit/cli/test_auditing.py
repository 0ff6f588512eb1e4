"""`headgate audit`, on moto's ledger with locked copies."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from headgate.aws.audit import Copies, Trail, entries_of
from headgate.aws.items import as_item
from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author, Entry, digest, flaws
from headgate.domain.tenants import Quotas, Tenant
from headgate_cli import compliance, connection
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError
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
    with pytest.raises(UsageError, match="There is no record of a tenant nobody"):  # which would be compliant in all
        list(compliance._trails(connection.connect(None), "nobody"))
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


def _rewritten(aws: boto3.Session, chain: str, number: int, old: str, new: str) -> None:
    """What an administrator does who knows how trails are made: from some entry on all is written anew."""
    client, trail = aws.client("dynamodb"), Trail(aws.client("dynamodb"), "ledger", None)
    previous = ""
    for each in trail.entries(chain):
        document = json.loads(each.text)
        if each.sequence >= number:
            document |= {"previous": previous or document["previous"]}
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        text = text.replace(old, new) if each.sequence == number else text
        previous = digest(text)
        item = {"pk": chain, "sk": f"AUDIT#{each.sequence:010d}", "entry": text, "hash": previous}
        client.put_item(TableName="ledger", Item=as_item(item))
        client.put_item(TableName="ledger", Item=as_item({**item, "sk": "AUDIT", "sequence": each.sequence}))


@pytest.mark.parametrize(
    ("chain", "folder", "at"), [("TENANT#demo", "TENANT/demo/", 0), ("demo#iris", "demo/iris/", 1)]
)
@pytest.mark.parametrize("hidden", [True, False])
def test_a_copy_that_is_hidden_or_written_over_is_the_copy_still(
    told: Any, aws: boto3.Session, chain: str, folder: str, at: int, hidden: bool
) -> None:
    _rewritten(aws, chain, 1, '"who":"', '"who":"not ')
    trail, s3 = Trail(aws.client("dynamodb"), "ledger", None), aws.client("s3")
    assert flaws(chain, trail.entries(chain), trail.head(chain)) == []  # the ledger alone tells nothing
    for each in trail.entries(chain):
        if hidden:
            s3.delete_object(Bucket="audit", Key=f"{folder}{each.sequence:010d}.json")
        else:
            s3.put_object(Bucket="audit", Key=f"{folder}{each.sequence:010d}.json", Body=each.text.encode())
    code, document = told("audit", "verify")
    said = [each["what"] for each in document["trails"][at]["flaws"] if each["sequence"] == 1]
    assert (code, said[0][:34]) == (
        5,
        "has a locked copy that was deleted" if hidden else "has a locked copy that was written",
    )
    assert said[1] == "differs from its locked copy in who"
    assert [each.sound for each in compliance._trails(connection.connect(None), "demo")] == [at == 1, at == 0]


def test_a_project_that_was_wiped_out_of_the_ledger_is_known_by_its_copies(told: Any, aws: boto3.Session) -> None:
    client = aws.client("dynamodb")
    for item in client.scan(TableName="ledger")["Items"]:
        if item["pk"]["S"] == "demo#iris":
            client.delete_item(TableName="ledger", Key={"pk": item["pk"], "sk": item["sk"]})
    for copy in aws.client("s3").list_objects_v2(Bucket="audit")["Contents"]:
        aws.client("s3").delete_object(Bucket="audit", Key=copy["Key"])
    aws.client("s3").put_object(Bucket="audit", Key="demo/iris/notes.txt", Body=b"no copy of anything")
    code, document = told("audit", "verify")
    assert (code, [each["project"] for each in document["trails"]]) == (5, [None, "iris"])
    assert document["trails"][1]["flaws"] == [{"sequence": 1, "what": "and all up to 2 are missing"}]


def test_what_somebody_put_beside_entries_and_copies_is_told_and_keeps_nobody_from_looking(
    told: Any, aws: boto3.Session
) -> None:
    aws.client("dynamodb").put_item(TableName="ledger", Item={"pk": {"S": "demo#iris"}, "sk": {"S": "AUDIT#x"}})
    aws.client("s3").put_object(Bucket="audit", Key="demo/iris/0000000001.json", Body=b"\xff")
    code, document = told("audit", "verify")
    said = [(each["sequence"], each["what"][:34]) for each in document["trails"][1]["flaws"]]
    assert (code, said) == (5, [(0, "is no entry: somebody put it there"), (1, "has a locked copy that was written")])


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
