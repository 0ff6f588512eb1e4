"""What a tenant takes along when it leaves, and that nothing of another goes with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headgate.aws.ledger import Ledger
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author
from headgate.domain.names import OWNER_TAG, TENANT_TAG, Project
from headgate.domain.runs import Run
from headgate.domain.tenants import Quotas, Tenant
from headgate_cli import connection, leaving, tenants
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.leaving_sagemaker import Possessions
from headgate_cli.main import main

KEYS = ["iris/incoming/a.csv", "iris/incoming/ü +%2e%2e.csv", "iris/../../bolt/x", "../x", "iris//x", "iris/folder/"]


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Any) -> Cloud:
    outputs = {"DataBucket": make_bucket("data"), "ArtifactBucket": make_bucket("artifacts"), "LedgerTable": "ledger"}
    outputs["TrainStateMachine"] = "arn:aws:states:eu-central-1:123456789012:stateMachine:train"
    for tenant in ("acme", "acmes", "bolt"):
        leaving_ = Tenant(tenant, "LEAVING", Quotas(1, 1, 1.0, 1.0))
        Tenants(aws.client("dynamodb"), "ledger", lambda: Author("test", "2026")).register(leaving_, "Why not.")
        assert ledger.claim_endpoint(Project(tenant, "iris"))
        for key in KEYS:
            aws.client("s3").put_object(Bucket="data", Key=f"{tenant}/{key}", Body=key.encode())
        aws.client("s3").put_object(Bucket="artifacts", Key=f"_captured/{tenant}/iris/x.jsonl", Body=b"{}")
    return Cloud(aws, "headgate", None, outputs)


def test_everything_is_exported_and_no_key_leads_out_of_the_folder(cloud: Cloud, tmp_path: Path) -> None:
    folder = tmp_path / "here" / "acme"
    assert leaving.export(cloud, "acme", folder) == {"objects": len(KEYS), "items": 6}
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(folder in path.parents for path in files)
    assert (folder / "data/acme/iris/incoming/ü +%2e%2e.csv").read_text() == "iris/incoming/ü +%2e%2e.csv"
    assert {path.read_text() for path in files if "data" in path.parts} == {key for key in KEYS if key[-1] != "/"}
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert {record["pk"] for record in records} == {"ENDPOINT#acme-iris", "TENANT#acme", "acme#iris"}


def test_every_version_goes_and_what_is_anothers_stays(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.delete_object(Bucket="data", Key="acme/iris/incoming/a.csv")  # leaves a marker, and what was before
    leaving._empty(cloud, "data", "acme/")
    left = s3.list_object_versions(Bucket="data")
    assert {each["Key"].partition("/")[0] for each in left["Versions"]} == {"acmes", "bolt"}
    assert not left.get("DeleteMarkers")


def test_keys_that_no_file_can_have_are_exported_under_other_names(cloud: Cloud, tmp_path: Path) -> None:
    folder, long = tmp_path / "acme", 300 * "ü"
    keys = [
        "x",
        "x/y",
        "x/y/z",
        "a/./b",
        "a/b",
        long,
        f"{long}/a",
        "Case",
        "case",
        "e\u0301",
        "\u00e9",
        100 * "é",
        "x-y",
    ]
    for key in keys:
        cloud.client("s3").put_object(Bucket="data", Key=f"acme/new/{key}", Body=key.encode())
    for _ in range(2):  # the folder holds what the first call wrote
        assert leaving.export(cloud, "acme", folder)["objects"] == len(KEYS) + len(keys)
        told = [json.loads(line) for line in (folder / "escaped.jsonl").read_text().splitlines()]
        escaped = {each["key"].removeprefix("acme/new/"): (folder / each["file"]).read_text() for each in told}
        assert escaped == {key: key for key in ("x/y", "x/y/z", "a/b", "case", long, f"{long}/a", "\u00e9")}
        plain = {path.read_text() for path in (folder / "data" / "acme" / "new").rglob("*") if path.is_file()}
        assert plain == set(keys) - set(escaped)


def test_while_an_endpoint_cannot_be_deleted_nothing_goes(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.sagemaker.exceptions import ValidationError
    from moto.sagemaker.models import SageMakerModelBackend

    client, delete, busy = cloud.client("sagemaker"), SageMakerModelBackend.delete_endpoint, ["acme-busy"]
    variant = {"VariantName": "main", "ModelName": "acme-m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    made: Any = {"Tags": [{"Key": OWNER_TAG, "Value": "ledger"}]}
    others: Any = {"Tags": [{"Key": OWNER_TAG, "Value": "another"}]}
    for name, tags in (("acme-m", made), ("acme-other", others), ("acme-none", {})):
        client.create_model(ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/models", **tags)
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **tags)
    named = (("acme-busy", made), ("acme-calm", made), ("acme-other", others), ("acme-none", {}), ("acmes-x", made))
    for name, tags in named:
        client.create_endpoint(EndpointName=name, EndpointConfigName="acme-m", **tags)

    def there() -> list[str]:
        return sorted(each["EndpointName"] for each in client.list_endpoints()["Endpoints"])

    def refusing(backend: SageMakerModelBackend, endpoint_name: str) -> None:
        if endpoint_name in busy:
            raise ValidationError(message=f'Cannot update in-progress endpoint "{endpoint_name}".')
        delete(backend, endpoint_name)

    monkeypatch.setattr(SageMakerModelBackend, "delete_endpoint", refusing)
    before = cloud.client("s3").list_objects_v2(Bucket="data")["KeyCount"], len(list(leaving._items(cloud, "acme")))
    for _ in range(2):
        with pytest.raises(CommandError, match=r"acme-busy \(Cannot update in-progress endpoint.*call this again"):
            leaving._take_away(cloud, "acme")
    assert there() == ["acme-busy", "acme-none", "acme-other", "acmes-x"]
    assert before == (
        cloud.client("s3").list_objects_v2(Bucket="data")["KeyCount"], len(list(leaving._items(cloud, "acme"))),
    )  # fmt: skip
    assert len(client.list_models()["Models"]) == len(client.list_endpoint_configs()["EndpointConfigs"]) == 3
    busy.clear()
    mine = Possessions(cloud, "acme")
    mine.end()
    assert there() == ["acme-none", "acme-other", "acmes-x"]
    assert sorted(mine.strangers()) == ["acme-none", "acme-other"]
    assert {each["ModelName"] for each in client.list_models()["Models"]} == {"acme-none", "acme-other"}
    assert len(client.list_endpoint_configs()["EndpointConfigs"]) == 2


@pytest.fixture
def over(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The days of hold of acme are over; the stacks that are deleted."""
    deleted, known, client = list[str](), {"standing": "LEAVING", "leaves_on": "2026-01-01"}, Cloud.client

    class Stacks:
        def delete_stack(self, StackName: str) -> None:
            deleted.append(StackName)

    monkeypatch.setattr(tenants, "document", lambda *_: dict(known))
    monkeypatch.setattr(tenants, "wait_for", lambda *_: None)
    monkeypatch.setattr(Cloud, "client", lambda own, name: Stacks() if name == "cloudformation" else client(own, name))
    return deleted


@pytest.mark.parametrize("state", ["WAITING", "RUNNING", "FAILED"])
def test_a_tenant_whose_runs_are_going_stays(
    cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run], tmp_path: Path, over: list[str], state: str
) -> None:
    for tenant in ("acme", "acmes"):
        ledger.add_run(make_run("a", tenant=tenant, run=f"{tenant}-iris-a", state=state))
    before = len(list(leaving._items(cloud, "acme")))
    if state == "FAILED":
        assert leaving.remove(cloud, "acme", tmp_path / "out", 0)["removed"]
        assert over == ["headgate-tenant-acme"]
        return
    with pytest.raises(
        CommandError, match=r": acme-iris-a\. .*nothing was removed.*stop-execution .*:train:acme-iris-a\."
    ):
        leaving.remove(cloud, "acme", tmp_path / "out", 0)
    assert len(list(leaving._items(cloud, "acme"))) == before
    assert not over + list(tmp_path.iterdir())


@pytest.mark.parametrize(("status", "removed"), [("InProgress", False), ("Completed", True)])
def test_a_tenant_whose_jobs_are_going_stays(
    cloud: Cloud, tmp_path: Path, over: list[str], status: str, removed: bool
) -> None:
    from moto.sagemaker.models import sagemaker_backends

    for tenant in ("acme", "acmes"):
        cloud.client("sagemaker").create_processing_job(
            ProcessingJobName=f"{tenant}-iris-m0-1",
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            AppSpecification={"ImageUri": "image"},
            RoleArn="arn:aws:iam::123456789012:role/processing",
            Tags=[{"Key": TENANT_TAG, "Value": tenant}],
        )
    for job in sagemaker_backends["123456789012"][cloud.session.region_name].processing_jobs.values():
        job.processing_job_status = status
    if removed:
        assert leaving.remove(cloud, "acme", tmp_path / "out", 0)["removed"]
        return
    with pytest.raises(CommandError, match=r"which cost: acme-iris-m0-1\. So nothing was removed"):
        leaving.remove(cloud, "acme", tmp_path / "out", 0)
    assert not over


def test_what_comes_up_or_is_dropped_meanwhile_goes_too(
    cloud: Cloud, ledger: Ledger, tmp_path: Path, over: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, empty, s3 = cloud.client("sagemaker"), leaving._empty, cloud.client("s3")
    late_key = {"Bucket": "data", "Key": "acme/iris/incoming/late.csv"}
    variant = {"VariantName": "main", "ModelName": "acme-m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}

    def late(*given: Any) -> None:
        if not there:
            role, tags = "arn:aws:iam::123456789012:role/models", [{"Key": OWNER_TAG, "Value": "ledger"}]
            client.create_model(ModelName="acme-m", ExecutionRoleArn=role, Tags=tags)
            client.create_endpoint_config(EndpointConfigName="acme-c", ProductionVariants=[variant], Tags=tags)
            client.create_endpoint(EndpointName="acme-iris", EndpointConfigName="acme-c", Tags=tags)
        empty(*given)
        if not there:
            there.append(s3.put_object(**late_key, Body=b"dropped after the bucket was emptied"))

    there: list[Any] = []
    monkeypatch.setattr(leaving, "_empty", late)
    assert leaving.remove(cloud, "acme", tmp_path / "out", 0)["removed"]
    assert over == ["headgate-tenant-acme"]
    assert {each["Key"].partition("/")[0] for each in s3.list_object_versions(Bucket="data")["Versions"]} == {
        "acmes",
        "bolt",
    }
    [entry] = [each.text for each in ledger.trail.entries("TENANT#acme") if "removal begun" in each.text]
    assert json.loads(entry)["who"].startswith("user/")
    assert not client.list_endpoints()["Endpoints"]
    assert not client.list_models()["Models"] + client.list_endpoint_configs()["EndpointConfigs"]


def test_who_leaves_without_a_day_is_held_first(
    cloud: Cloud, tmp_path: Path, over: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[str, Any] = {"standing": "LEAVING", "leaves_on": None}
    monkeypatch.setattr(tenants, "document", lambda *_: held)
    monkeypatch.setattr(tenants, "leave", lambda *given: {**held, "leaves_on": f"in {given[2]} days"})
    told = leaving.remove(cloud, "acme", tmp_path / "out", 30)
    assert (told["removed"], told["leaves_on"], over) == (False, "in 30 days", [])


def test_lists_of_an_export_stay_when_another_is_made(cloud: Cloud, tmp_path: Path) -> None:
    leaving.export(cloud, "acme", tmp_path)
    whole = (tmp_path / "records.jsonl").read_text()
    for item in leaving._items(cloud, "acme"):  # as a removal that was cut off left it
        cloud.client("dynamodb").delete_item(TableName="ledger", Key={"pk": item["pk"], "sk": item["sk"]})
    for number in (1, 2):
        assert leaving.export(cloud, "acme", tmp_path)["items"] == 0
        assert (tmp_path / f"records-{number}.jsonl").exists()
    assert (tmp_path / "records-1.jsonl").read_text() == whole
    assert (tmp_path / "records.jsonl").read_text() == ""


def test_a_folder_that_cannot_be_is_told_before_anything_is_done(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"):
        leaving.remove(cloud, "acme", tmp_path / "file", 0)


def test_an_object_that_stays_ends_the_removal_there(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    region = {"LocationConstraint": cloud.session.region_name}
    s3.create_bucket(Bucket="locked", CreateBucketConfiguration=region, ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="acme/kept", ObjectLockLegalHoldStatus="ON")
    with pytest.raises(CommandError, match=r"did not delete 1 of .* acme/kept: .*\(AccessDenied\).*call this again"):
        leaving._empty(cloud, "locked", "acme/")


@pytest.mark.parametrize("name", ["acme-labs", "ab", "unknown", "Acme", "a" * 19, ""])
def test_a_name_that_no_tenant_can_have_reaches_no_cloud(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tenant"):
        tenants.add(Cloud(None, "headgate", None, {}), name, {})


def test_quotas_reach_the_stack_to_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(connection, "connect", lambda _stack: None)
    monkeypatch.setattr(tenants, "add", lambda _cloud, _name, wanted: asked.append(wanted) or {})
    assert main(["tenant", "add", "acme", "--money", "1234567.5", "--storage", "3", "--json"]) == 0
    assert asked == [{"MoneyPerMonth": "1234567.5", "StorageGigabytes": "3"}]
    assert main(["tenant", "add", "acme", "--email", "nobody"]) == 2


@pytest.mark.parametrize(
    ("statuses", "calls"),
    [
        ([], ["create_stack"]),
        (["ROLLBACK_COMPLETE"], ["delete_stack", "wait stack_delete_complete", "create_stack"]),
        (["CREATE_IN_PROGRESS", "CREATE_COMPLETE"], ["wait stack_create_complete", "update_stack"]),
        (["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"], ["wait stack_update_complete", "update_stack"]),
        (["DELETE_IN_PROGRESS"], ["wait stack_delete_complete", "create_stack"]),
        (["UPDATE_ROLLBACK_COMPLETE"], ["update_stack"]),
    ],
)
def test_a_tenant_is_added_whatever_an_earlier_call_that_was_cut_off_left(
    aws: boto3.Session, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, statuses: list[str], calls: list[str]
) -> None:
    cloud, done = Cloud(aws, "headgate", None, {"LedgerTable": "ledger"}), list[str]()
    client, left = cloud.client("cloudformation"), list(statuses)
    gone = ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")

    def describe(**_: Any) -> dict[str, Any]:
        if not left:
            raise gone
        return {"Stacks": [{"StackStatus": left[0], "Parameters": []}]}

    def wait(_cloud: Cloud, _stack: str, what: str) -> None:
        done.append(f"wait {what}")
        del left[:1]

    monkeypatch.setattr(client, "describe_stacks", describe)
    for call in ("create_stack", "update_stack", "delete_stack"):
        monkeypatch.setattr(client, call, lambda call=call, **_: done.append(call))
    monkeypatch.setattr(tenants, "wait_for", wait)
    monkeypatch.setattr(tenants, "document", lambda *_: {})
    tenants.add(cloud, "acme", {"Trials": "7", "NotificationEmail": "ada@example.org"})
    assert done[:-1] == calls
    [entry] = [json.loads(each.text) for each in ledger.trail.entries("TENANT#acme")]
    assert entry["who"].startswith("user/")
    assert entry["changes"][0]["after"] == {"tenant": "acme", "Trials": "7", "NotificationEmail": "set"}
