"""The register of tenants, by the real handlers: who is in it, who is refused by it, and what is counted for it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.dropping import queued

from headgate.aws.audit import Trail
from headgate.aws.ledger import Ledger, runs_of
from headgate.aws.s3 import Objects
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author, flaws
from headgate.domain.errors import ConflictError
from headgate.domain.names import Project
from headgate.domain.tenants import Quotas, Tenant, Used
from headgate.services.count_storage import count_storage

Invoke = Callable[[str, dict[str, Any]], Any]
PROPERTIES = {
    "ServiceToken": "arn",
    "Tenant": "acme",
    "Standing": "ACTIVE",
    "LeavesOn": "",
    "Instances": "4",
    "Trials": "8",
    "Projects": "2",
    "MoneyPerMonth": "20.5",
    "StorageGigabytes": "1",
    "Key": "arn:aws:kms:eu-central-1:123456789012:key/of-acme",
}
ACME = Tenant("acme", "ACTIVE", Quotas(4, 8, 20.5, 1.0, 2), key=PROPERTIES["Key"])


@pytest.fixture
def register(aws: boto3.Session, ledger: Ledger) -> Tenants:
    return Tenants(aws.client("dynamodb"), ledger.name, lambda: Author("the test", "2026"))


@pytest.fixture
def drop(invoke: Invoke, example: Any, aws: boto3.Session) -> Callable[[str], Any]:
    """Let the event of an upload come; answers the runs that are there then."""

    def come(key: str) -> Any:
        event = example("s3-object-created")
        event["detail"]["object"]["key"] = key
        assert invoke("on_object_created", queued(event)) == {"batchItemFailures": []}
        return runs_of(aws.client("dynamodb").scan(TableName="ledger")["Items"])

    return come


def request(kind: str, **changes: str) -> dict[str, Any]:
    ids = {"LogicalResourceId": "Registration", "RequestId": "request", "StackId": "stack"}
    return {"RequestType": kind, "ResponseURL": "data:,", "ResourceProperties": {**PROPERTIES, **changes}, **ids}


def test_a_tenants_stack_puts_it_into_the_register_and_takes_it_out(invoke: Invoke, register: Tenants) -> None:
    for _ in range(2):  # CloudFormation may ask twice
        invoke("register_tenant", request("Create"))
        assert register.find("acme") == ACME
    invoke("register_tenant", request("Update", Standing="LEAVING", LeavesOn="2026-12-24"))
    assert register.find("acme") == Tenant("acme", "LEAVING", ACME.quotas, "2026-12-24", ACME.key)
    for _ in range(2):
        invoke("register_tenant", request("Delete"))
        assert register.find("acme") is None


def test_what_became_of_a_tenant_stays_in_the_audit_trail(invoke: Invoke, aws: boto3.Session) -> None:
    changed = {"Standing": "SUSPENDED", "Trials": "9"}
    for asked in (request("Create"), request("Create"), request("Update", **changed), request("Delete", **changed)):
        invoke("register_tenant", asked)
    trail = Trail(aws.client("dynamodb"), "ledger", None)
    entries = trail.entries("TENANT#acme")
    assert flaws("TENANT#acme", entries, trail.head("TENANT#acme")) == []
    told = [json.loads(each.text) for each in entries]
    assert [each["what"] for each in told] == [["tenant active"], ["tenant suspended"], ["tenant removed"]]
    assert told[1]["changes"][0]["before"]["standing"] == "ACTIVE"


@pytest.mark.parametrize(
    "wrong", [{"Tenant": "acme-labs"}, {"Tenant": "unknown"}, {"Standing": "GOOD"}, {"Trials": "many"}]
)
def test_what_cannot_be_registered_fails_the_stack(invoke: Invoke, register: Tenants, wrong: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"cannot be a tenant|not a valid|invalid literal"):
        invoke("register_tenant", request("Create", **wrong))
    assert register.find("acme") is None


@pytest.mark.parametrize(
    ("standing", "used", "code"),
    [
        (None, Used(), "NO_TENANT"),
        ("SUSPENDED", Used(), "TENANT_SUSPENDED"),
        ("LEAVING", Used(), "TENANT_LEAVING"),
        ("ACTIVE", Used(stored=2_000_000_000), "QUOTA_STORAGE"),
    ],
)
def test_an_upload_is_refused_before_a_byte_is_read(
    drop: Any, register: Tenants, monkeypatch: pytest.MonkeyPatch, standing: str, used: Used, code: str
) -> None:
    if standing:
        register.register(Tenant("acme", standing, ACME.quotas), "For the test.")
        register.count("acme", used.stored, "2026-11-29")
    from headgate import entrypoint

    monkeypatch.setattr(entrypoint, "objects", lambda _tenant: None)  # whoever looked at an object would fail
    [run] = drop("acme/iris/incoming/a.csv")
    assert (run.tenant, run.project, run.state, run.reason_code) == ("acme", "iris", "REJECTED", code)
    assert run.reason


def test_a_tenant_that_is_added_may_drop_again(drop: Any, register: Tenants) -> None:
    drop("acme/iris/incoming/a.csv")
    register.register(ACME, "For the test.")
    states = {run.name: run.state for run in drop("acme/iris/incoming/b.csv")}
    assert states == {"a.csv": "REJECTED", "b.csv": "RUNNING"}


def test_a_tenant_has_as_many_projects_as_its_quota_and_no_more(drop: Any, register: Tenants) -> None:
    """So a flood over many projects is as many runs at once, and the rest of it is refused, with a sentence each."""
    register.register(ACME, "For the test.")
    for name in ("a", "b", "c", "a", "d"):  # the quota is two; the first ones go on
        drop(f"acme/{name}/incoming/{name}.csv")
    runs = drop("acme/b/incoming/later.csv")
    told = {(run.project, run.name): (run.state, run.reason_code) for run in runs}
    assert told.pop(("b", "later.csv"))[0] == "WAITING"
    assert told == {
        ("a", "a.csv"): ("RUNNING", None),
        ("b", "b.csv"): ("RUNNING", None),
        ("c", "c.csv"): ("REJECTED", "QUOTA_PROJECTS"),
        ("d", "d.csv"): ("REJECTED", "QUOTA_PROJECTS"),
    }
    assert "--projects N" in next(run.reason for run in runs if run.project == "c")
    assert register.used("acme").projects == {"a", "b"}


def test_no_retraining_of_a_tenant_that_is_suspended(
    invoke: Invoke, example: Any, register: Tenants, ledger: Ledger
) -> None:
    event = example("retrain-requested")
    owner = Project(event["detail"]["tenant"], event["detail"]["project"])
    register.register(Tenant(owner.tenant, "SUSPENDED", ACME.quotas), "For the test.")
    record = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(event)}
    invoke("on_retrain_requested", {"Records": [record]})
    [run] = ledger.runs_of_project(owner)
    assert (run.state, run.reason_code) == ("REJECTED", "TENANT_SUSPENDED")


def test_what_a_run_cost_is_counted_once_in_the_month_of_its_end(register: Tenants) -> None:
    assert register.spend("acme", "acme-iris-a", "2026-11-30T23:59:59.000Z", 1.5)
    assert not register.spend("acme", "acme-iris-a", "2026-11-30T23:59:59.000Z", 1.5)
    assert register.spend("acme", "acme-iris-b", "2026-11-02T00:00:00.000Z", 0.25)
    assert register.spend("acme", "acme-iris-c", "2026-12-01T00:00:00.000Z", 4.0)
    assert register.used("acme").money == {"2026-11": 1.75, "2026-12": 4.0}


def test_what_a_tenant_used_does_not_grow_with_its_runs(register: Tenants, aws: boto3.Session) -> None:
    """DynamoDB takes no item of more than 400 KB."""
    for number in range(5):
        register.spend("acme", f"acme-iris-{number}", "2026-11-30T00:00:00.000Z", 1.0)
    items = aws.client("dynamodb").scan(TableName="ledger")["Items"]
    assert [set(item) for item in items if item["sk"] == {"S": "USED"}] == [{"pk", "sk", "money 2026-11"}]
    forgotten = {int(item["forget_at"]["N"]) for item in items if item["sk"]["S"].startswith("SPENT#")}
    assert forgotten == {int(datetime(2026, 12, 30, tzinfo=UTC).timestamp())}


class Contended:
    """DynamoDB while others write the same item."""

    def update_item(self, **_request: Any) -> None:
        raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")

    def transact_write_items(self, **_request: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        answer = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")  # type: ignore[arg-type]


def test_whoever_meets_another_writer_was_neither_counted_before_nor_has_too_many_projects() -> None:
    register = Tenants(Contended(), "ledger")
    with pytest.raises(ConflictError):
        register.spend("acme", "acme-iris-a", "2026-11-30T00:00:00.000Z", 1.0)
    with pytest.raises(ConflictError):
        register.admit("acme", "iris", 50)


def test_storage_is_counted_once_a_day(
    invoke: Invoke, register: Tenants, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headgate import entrypoint

    s3 = aws.client("s3")
    s3.put_object(Bucket="data", Key="demo/iris/incoming/a.csv", Body=b"x" * 100)
    s3.put_object(Bucket="artifacts", Key="demo/iris/x", Body=b"x" * 20)
    s3.put_object(Bucket="artifacts", Key="_captured/demo/iris/x", Body=b"x" * 3)
    s3.put_object(Bucket="artifacts", Key="demos/iris/x", Body=b"x" * 1000)
    for day, bytes_ in (("2026-11-28", 123), ("2026-11-28", 123), ("2026-11-29", 133)):
        monkeypatch.setattr(entrypoint, "now", lambda day=day: f"{day}T12:00:00.000Z")
        entrypoint.storage_counted({"demo", "demos"}, lambda: False)
        assert (register.used("demo").stored, register.used("demo").counted_on) == (bytes_, day)
        s3.put_object(Bucket="data", Key="demo/iris/incoming/b.csv", Body=b"x" * 5)  # the versions before are kept
    assert register.used("demos").stored == 0


def test_a_tenant_that_cannot_be_counted_keeps_no_other_from_it(
    register: Tenants, objects: Objects, make_bucket: Callable[[str], str]
) -> None:
    def opened(name: str) -> Tenants:
        if name == "acme":
            raise ClientError({"Error": {"Code": "KMS.DisabledException"}}, "ListObjectsV2")
        return register

    register.register(Tenant("other", "ACTIVE", ACME.quotas), "For the test.")
    buckets, now = (make_bucket("data"), make_bucket("artifacts")), "2026-11-28T12:00:00.000Z"
    counted = count_storage(["acme", "other"], buckets, open_tenants=opened, open_objects=lambda _: objects, now=now)
    assert counted == ({"other": 0}, {"acme": "KMS.DisabledException"})


def test_an_entry_is_in_no_list_of_runs(register: Tenants, ledger: Ledger) -> None:
    register.register(ACME, "For the test.")
    assert ledger.runs_of_tenant("acme") == []
