from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.runs import Run
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import Artifacts, Records, RunRef, moment_of, ref_of, release_document, run_document

IRIS = Project("demo", "iris")
A = "aaaaaaaaaa"


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    outputs = {"LedgerTable": "ledger", "ArtifactBucket": make_bucket("artifacts")}
    return Cloud(aws, "headgate", None, outputs)


def test_a_run_is_found_by_its_id_alone(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run]) -> None:
    run = make_run(A, tenant="northlab", project="blood-test", run=f"northlab-blood-test-{A}")
    ledger.add_run(run)
    assert ref_of(Records(cloud).find_run(run.run)) == RunRef(Project("northlab", "blood-test"), A)


@pytest.mark.parametrize("name", ["nonsense", f"demo-iris-{A}", ""])
def test_an_unknown_run_is_the_callers_mistake(cloud: Cloud, name: str) -> None:
    with pytest.raises(UsageError, match="no run"):
        Records(cloud).find_run(name)


def test_a_release_is_told_with_its_outcome_and_when_it_went_into_service() -> None:
    release = Release(
        sequence=2,
        run=f"demo-iris-{A}",
        dataset=A,
        holdout=A,
        version="2",
        model_data_url="s3://artifacts/model.tar.gz",
        name="demo-iris-r2",
        endpoint="demo-iris",
        why="Better.",
        state="RETIRED",
        at="2026-01-02T00:00:00.000Z",
        instance_type="ml.m5.large",
        instance_count=1,
        in_service_at="2026-01-01T00:00:00.000Z",
        outcome="PROMOTED",
        reason_code="SERVING",
        reason="Version 2 serves all requests. Better.",
    )
    told = release_document(replace(release, scaled={"min": 1, "max": 2}))
    assert told["scaled"] == {"min": 1, "max": 2}
    assert (told["why"], told["name"], told["artifact"]) == ("Better.", "demo-iris-r2", None)
    assert (
        told
        | {
            "sequence": 2,
            "version": "2",
            "run": f"demo-iris-{A}",
            "state": "RETIRED",
            "format": "float32",
            "in_service_at": "2026-01-01T00:00:00.000Z",
            "at": "2026-01-02T00:00:00.000Z",
            "outcome": "PROMOTED",
            "reason_code": "SERVING",
            "reason": "Version 2 serves all requests. Better.",
        }
        == told
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T17:00", "2026-01-31T17:00:00.000Z"),
        ("2026-01-31T17:00:00.250+01:00", "2026-01-31T16:00:00.250Z"),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str, moment: str) -> None:
    assert moment_of(text) == moment


def test_what_is_no_moment_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match="2026-01-31T17:00"):
        moment_of("yesterday")


def test_a_running_run_has_no_outcome(make_run: Callable[..., Run]) -> None:
    assert run_document(make_run(A, state="RUNNING"))["outcome"] is None
    assert run_document(make_run(A, state="REJECTED"))["outcome"] == "REJECTED"


def test_a_refused_dataset_has_its_report_in_quarantine(cloud: Cloud) -> None:
    artifacts, ref = Artifacts(cloud), RunRef(IRIS, A)
    assert artifacts.report(ref) is None
    cloud.client("s3").put_object(
        Bucket="artifacts", Key=f"demo/iris/quarantine/{A}/report.json", Body=b'{"verdict": "rejected"}'
    )
    report = artifacts.report(ref)
    assert report == {"verdict": "rejected"}
    assert artifacts.links(ref, report)["quarantine"] == f"s3://artifacts/demo/iris/quarantine/{A}/"
    assert artifacts.links(ref, None)["quarantine"] is None


def test_a_document_of_another_shape_is_refused(cloud: Cloud) -> None:
    cloud.client("s3").put_object(Bucket="artifacts", Key=f"demo/iris/datasets/{A}/report.json", Body=b"[]")
    with pytest.raises(CommandError, match="not written by Headgate"):
        Artifacts(cloud).report(RunRef(IRIS, A))
