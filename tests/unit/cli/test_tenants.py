"""What a tenant takes along when it leaves, and that nothing of another goes with it."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.tenants import Tenants
from headgate.domain.audit import Author
from headgate.domain.names import Project
from headgate.domain.tenants import Quotas, Tenant
from headgate_cli import leaving, tenants
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError

KEYS = ["iris/incoming/a.csv", "iris/incoming/ü +%2e%2e.csv", "iris/../../bolt/x", "../x", "iris//x", "iris/folder/"]


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Any) -> Cloud:
    outputs = {"DataBucket": make_bucket("data"), "ArtifactBucket": make_bucket("artifacts"), "LedgerTable": "ledger"}
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


@pytest.mark.parametrize("name", ["acme-labs", "ab", "unknown", "Acme", "a" * 19, ""])
def test_a_name_that_no_tenant_can_have_reaches_no_cloud(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tenant"):
        tenants.add(Cloud(None, "headgate", None, {}), name, {})
