from collections.abc import Callable

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.aws.ledger import Ledger, ReleasePlanned, RunStarted
from headgate.domain.names import PROJECT, TENANT, Project
from headgate.domain.releases import Release
from headgate.domain.runs import Head, Run
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import Artifacts, Records, RunRef, possible_projects, ref_of, release_document, run_document

IRIS = Project("demo", "iris")
A, B = "aaaaaaaaaa", "bbbbbbbbbb"


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    outputs = {"LedgerTable": "ledger", "ArtifactBucket": make_bucket("artifacts")}
    return Cloud(aws, "headgate", None, outputs)


@given(st.from_regex(TENANT, fullmatch=True), st.from_regex(PROJECT, fullmatch=True))
def test_an_endpoint_leads_back_to_its_project(tenant: str, project: str) -> None:
    owner = Project(tenant, project)
    assert owner in list(possible_projects(owner.endpoint))


def test_a_run_is_found_by_its_id_alone(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run]) -> None:
    run = make_run(A, tenant="north-lab", project="blood-test", run=f"north-lab-blood-test-{A}")
    ledger.add_run(run)
    assert ref_of(Records(cloud).find_run(run.run)) == RunRef(Project("north-lab", "blood-test"), A)


@pytest.mark.parametrize("name", ["nonsense", f"demo-iris-{A}", ""])
def test_an_unknown_run_is_the_callers_mistake(cloud: Cloud, name: str) -> None:
    with pytest.raises(UsageError, match="no run"):
        Records(cloud).find_run(name)


def test_runs_are_listed_newest_first(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run]) -> None:
    for dataset, arrived in ((B, "2026-01-01T00:00:00.000Z"), (A, "2026-01-02T00:00:00.000Z")):
        ledger.add_run(make_run(dataset, arrived_at=arrived))
    ledger.add_run(make_run(A, tenant="other", run=f"other-iris-{A}"))
    records = Records(cloud)
    assert [run.dataset for run in records.runs_of_project(IRIS)] == [A, B]
    assert [run.dataset for run in records.runs_of_tenant("demo")] == [A, B]


def test_releases_are_listed_newest_first(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run]) -> None:
    ledger.add_run(make_run(A))
    ledger.add_run(make_run(B))
    head = ledger.write(IRIS, Head(active=f"demo-iris-{A}"), RunStarted(f"demo-iris-{A}"))
    for sequence, dataset in ((1, A), (2, B)):
        release = Release(
            sequence=sequence,
            run=f"demo-iris-{dataset}",
            dataset=dataset,
            holdout=A,
            version=str(sequence),
            model_data_url="s3://artifacts/model.tar.gz",
            name=f"demo-iris-r{sequence}",
            endpoint="demo-iris",
            why="Better.",
            state="PLANNED",
            at="2026-01-01T00:00:00.000Z",
            instance_type="ml.m5.large",
            instance_count=1,
        )
        head = ledger.write(IRIS, head, ReleasePlanned(release))
    found = [release_document(release) for release in Records(cloud).releases(IRIS)]
    assert [release["sequence"] for release in found] == [2, 1]
    assert set(found[0]) == {"sequence", "version", "state", "at", "why"}


def test_a_running_run_has_no_outcome(make_run: Callable[..., Run]) -> None:
    assert run_document(make_run(A, state="RUNNING"))["outcome"] is None
    assert run_document(make_run(A, state="REJECTED"))["outcome"] == "REJECTED"


def test_a_refused_dataset_has_its_report_in_quarantine(cloud: Cloud) -> None:
    artifacts, ref = Artifacts(cloud), RunRef(IRIS, A)
    assert artifacts.report(ref) is None
    cloud.client("s3").put_object(
        Bucket="artifacts", Key=f"demo/iris/quarantine/{A}/report.json", Body=b'{"reason_code": "HEADER_ONLY"}'
    )
    assert artifacts.report(ref) == {"reason_code": "HEADER_ONLY"}


def test_a_document_of_another_shape_is_refused(cloud: Cloud) -> None:
    cloud.client("s3").put_object(Bucket="artifacts", Key=f"demo/iris/datasets/{A}/report.json", Body=b"[]")
    with pytest.raises(CommandError, match="not written by Headgate"):
        Artifacts(cloud).report(RunRef(IRIS, A))
