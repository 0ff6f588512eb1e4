"""Two tenants with a project of the same name, side by side: each as if it were alone; then one leaves."""

from collections.abc import Callable
from pathlib import Path

from headgate.domain.names import Project
from headgate.domain.runs import Outcome

from .conftest import Cloud, headgate
from .test_road import QUICK, ROW

ACME, BOLT = Project("acme", "wards"), Project("bolt", "wards")


def test_two_tenants_work_side_by_side_and_one_leaves(
    cloud: Cloud, table: Callable[..., bytes], tmp_path: Path
) -> None:
    data = table(400, seed=11)
    unknown = cloud.ending(ACME, cloud.drop(ACME, "early.csv", data))
    assert (unknown.state, unknown.reason_code) == (Outcome.REJECTED, "NO_TENANT")
    for project in (ACME, BOLT):
        assert headgate(cloud, "tenant", "add", project.tenant)[0] == 0
        cloud.settle(project, QUICK)

    dropped = [(project, cloud.drop(project, "ü +%2e%2e.csv", data)) for project in (ACME, BOLT)]
    first, second = (cloud.ending(project, run) for project, run in dropped)
    assert (first.state, second.state) == (Outcome.PROMOTED, Outcome.PROMOTED), (first.reason, second.reason)
    # The same data is the same work, whoever it is for and whatever is done beside it.
    assert first.metrics["challenger"] == second.metrics["challenger"]
    assert cloud.predict(ACME, [ROW]) == cloud.predict(BOLT, [ROW])

    assert headgate(cloud, "tenant", "suspend", "acme")[0] == 0
    again = cloud.ending(ACME, cloud.drop(ACME, "again.csv", data))
    assert (again.state, again.reason_code) == (Outcome.REJECTED, "TENANT_SUSPENDED")
    assert cloud.predict(ACME, [ROW])  # what serves goes on

    folder = tmp_path / "export"
    leave = ("tenant", "remove", "acme", "--export", str(folder))
    code, told = headgate(cloud, *leave, "--hold-days", "1")
    assert (code, told["standing"], told["removed"]) == (0, "LEAVING", False)
    assert headgate(cloud, *leave)[0] == 2  # held
    assert headgate(cloud, "tenant", "resume", "acme")[0] == 0
    headgate(cloud, *leave, "--hold-days", "0")
    code, told = headgate(cloud, *leave)
    assert (code, told["removed"]) == (0, True)
    assert (folder / "data" / "acme" / "wards" / "incoming" / "ü +%2e%2e.csv").read_bytes() == data
    assert first.run in (folder / "records.jsonl").read_text()

    assert [
        each["tenant"] for each in headgate(cloud, "tenant", "list")[1]["tenants"] if each["tenant"] != "night"
    ] == [
        "bolt",
        "demo",
    ]
    for bucket in (cloud.card.data_bucket, cloud.card.artifact_bucket):
        assert not cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="acme/").get("Versions")
        assert cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix="bolt/")["KeyCount"]
    sagemaker = cloud.client("sagemaker")
    for listed in ("endpoints", "endpoint_configs", "models", "model_package_groups"):
        told = str(getattr(sagemaker, f"list_{listed}")(NameContains="-wards"))
        assert "acme-wards" not in told
        assert "bolt-wards" in told
    assert cloud.ledger.run(ACME, first.run) is None
    assert cloud.ledger.run(BOLT, second.run) == second
    assert cloud.predict(BOLT, [ROW])
    assert headgate(cloud, "tenant", "remove", "bolt", "--export", str(tmp_path / "bolt"), "--hold-days", "0")[0] == 0
    assert headgate(cloud, "tenant", "remove", "bolt", "--export", str(tmp_path / "bolt"))[0] == 0
