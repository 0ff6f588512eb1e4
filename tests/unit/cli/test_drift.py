"""The monitor's last window on its way to a person."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.names import Project
from headgate.domain.runs import Champion
from headgate.domain.window import Window
from headgate_cli.commands.drift import _show
from headgate_cli.connection import Cloud
from headgate_cli.drift import last_window
from headgate_cli.errors import UsageError

IRIS = Project("demo", "iris")
FEATURE = {"name": "width", "drifted": True, "psi": 0.31, "missing": 0.02, "missing_before": 0.01}


@pytest.fixture
def cloud(aws: boto3.Session, ledger: Ledger, make_bucket: Callable[[str], str]) -> Cloud:
    return Cloud(aws, "headgate", None, {"LedgerTable": "ledger", "ArtifactBucket": make_bucket("artifacts")})


@pytest.fixture
def judge(cloud: Cloud, ledger: Ledger) -> Callable[[int, int], dict[str, Any]]:
    """The monitor judged a window of a release."""

    def judge(release: int, number: int) -> dict[str, Any]:
        place, objects = f"demo/iris/monitor/{release}/{number}/", Objects(cloud.client("s3"))
        times = {"begun_at": "2026-01-01T10:00:00.000Z", "ended_at": "2026-01-01T11:00:00.000Z"}
        report = {
            "says": "1 of 4 features moved: width.",
            "features": [FEATURE],
            "notes": [],
            "captured": {"rows": 1000},
            "version": "3",
            "window": {"number": number, **times},
        }
        objects.put_json("artifacts", f"{place}report.json", report)
        objects.put_bytes("artifacts", f"{place}report.html", b"<p>1 of 4</p>", "text/html")
        window = Window(
            release,
            number,
            f"{number}",
            **times,
            judged_at="",
            rows=1000,
            requests=9,
            malformed=0,
            cursor="",
            place=place,
        )
        assert ledger.keep_window(IRIS, window)
        return report

    return judge


def serve(ledger: Ledger, release: int) -> None:
    head = ledger.head(IRIS)
    ledger.write(IRIS, replace(head, champion=Champion(release, "3", "aaaaaaaaaa", "s3://artifacts/model.tar.gz")))


def test_the_last_window_of_what_serves_comes_with_its_page(
    cloud: Cloud, ledger: Ledger, judge: Callable[[int, int], dict[str, Any]]
) -> None:
    serve(ledger, 2)
    judge(1, 9)
    judge(2, 1)
    last = judge(2, 2)
    found = last_window(cloud, IRIS)
    assert (found.report, found.page) == (last, b"<p>1 of 4</p>")


def test_without_a_window_it_is_said_when_there_will_be_one(
    cloud: Cloud, ledger: Ledger, judge: Callable[[int, int], dict[str, Any]]
) -> None:
    with pytest.raises(UsageError, match="Nothing of demo/iris serves"):
        last_window(cloud, IRIS)
    judge(1, 1)
    serve(ledger, 2)
    with pytest.raises(UsageError, match=r"monitor\.rows"):
        last_window(cloud, IRIS)


def test_people_read_what_moved(judge: Callable[[int, int], dict[str, Any]]) -> None:
    console = Console(record=True, width=120)
    _show(console, judge(1, 1), Path("iris-drift.html"))
    told = console.export_text()
    for word in ("1 of 4 features moved", "width", "0.310", "2.0%", "version 3", "iris-drift.html"):
        assert word in told
