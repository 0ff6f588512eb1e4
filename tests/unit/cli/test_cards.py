"""Model cards on their way from the artifact bucket to a person."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.registry import Registry
from headgate.domain.names import Project
from headgate.domain.runs import Run
from headgate_cli.cards import fetch, find
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError
from headgate_cli.output import write_page
from headgate_cli.runs import RunRef

IRIS = Project("demo", "iris")
REF = RunRef(IRIS, "aaaaaaaaaa")
PLACE = f"demo/iris/runs/{REF.run}/evaluation/"


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    outputs = {"LedgerTable": "ledger", "ArtifactBucket": make_bucket("artifacts")}
    return Cloud(aws, "headgate", None, outputs)


def register(cloud: Cloud, properties: dict[str, str]) -> str:
    registry = Registry(cloud.client("sagemaker"))
    registry.ensure_group(IRIS.endpoint, "Versions of iris.", {})
    places = {"model_data_url": "s3://artifacts/model.tar.gz", "metrics_url": "s3://artifacts/evaluation.json"}
    arn = registry.register(
        IRIS.endpoint, REF.run, status="Approved", image="serving:1", properties=properties, **places
    )
    return arn.rpartition("/")[2]


def test_a_run_is_found_by_its_id(cloud: Cloud, ledger: Ledger, make_run: Callable[..., Run]) -> None:
    ledger.add_run(make_run(REF.dataset))
    assert find(cloud, REF.run, None) == REF


def test_a_version_leads_to_the_run_that_it_came_of(cloud: Cloud) -> None:
    version = register(cloud, {"dataset": REF.dataset}).rpartition("/")[2]
    assert find(cloud, version, IRIS) == REF


@pytest.mark.parametrize(
    ("which", "project", "says"),
    [
        ("1", None, "--project"),
        ("7", IRIS, "there is: 1"),
        ("1", IRIS, "which run it came of"),
        ("demo-iris-bbbbbbbbbb", None, "no run"),
    ],
)
def test_what_is_not_there_is_said(cloud: Cloud, which: str, project: Project | None, says: str) -> None:
    register(cloud, {})
    with pytest.raises(UsageError, match=says):
        find(cloud, which, project)


def test_the_card_comes_as_the_judge_wrote_it(cloud: Cloud) -> None:
    for name, body in (("card.json", b'{"format": 1}'), ("card.html", "<p>größer</p>".encode())):
        cloud.client("s3").put_object(Bucket="artifacts", Key=PLACE + name, Body=body)
    card = fetch(cloud, REF)
    assert (card.content, card.page) == ({"format": 1}, "<p>größer</p>".encode())


def test_a_run_that_was_not_judged_has_no_card(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="no model card"):
        fetch(cloud, REF)


def test_a_page_replaces_an_older_one_and_no_folder(tmp_path: Path) -> None:
    for page in (b"older", b"newer"):
        write_page(tmp_path / "sent" / "card.html", page)
    assert (tmp_path / "sent" / "card.html").read_bytes() == b"newer"
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(tmp_path / "sent", b"")
