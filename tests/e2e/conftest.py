"""A local cloud with the real template in it for each worker, driven with boto3, as any client would."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prove import recorder
from prove.harvest import harvest
from waiting import eventually

from headgate.aws.ledger import Ledger
from headgate.domain.names import Part, Project, dataset_id
from headgate.domain.runs import Run
from headgate_cli import invented
from headgate_local import launcher
from headgate_local.card import Card

ROOT = Path(__file__).resolve().parents[2]
HELD = ("/baseline.json", "/golden.json")
"""Data of the holdout that later windows and versions are compared with, in the tenant's own part of the bucket."""
E2E = ROOT / "tests" / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if E2E in Path(item.fspath).parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.enable_socket)


@dataclass
class Cloud:
    """A running local cloud, and what a test does with it."""

    card: Card

    def client(self, service: str) -> Any:
        return self.card.client(service)

    def output(self, name: str) -> str:
        return self.card.output(name)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.client("dynamodb"), self.output("LedgerTable"))

    def settle(self, project: Project, settings: str) -> None:
        """Write a project's settings."""
        s3 = self.client("s3")
        s3.put_object(Bucket=self.card.data_bucket, Key=project.settings, Body=settings.encode())

    def drop(self, project: Project, name: str, body: bytes) -> str:
        """Drop a file as `aws s3 cp` does; returns the run that must come of it."""
        key = f"{project.incoming}{name}"
        version = self.client("s3").put_object(Bucket=self.card.data_bucket, Key=key, Body=body)["VersionId"]
        return project.run_id(dataset_id(self.card.data_bucket, [Part(key, version, len(body))]))

    def ending(self, project: Project, run: str, seconds: float = 120) -> Run:
        """The run, once it has ended."""

        def look() -> Run | None:
            known = self.ledger.run(project, run)
            return known if known is not None and known.ended else None

        return eventually(look, f"the end of {run}", seconds)

    def json(self, key: str) -> Any:
        return json.loads(self.client("s3").get_object(Bucket=self.card.artifact_bucket, Key=key)["Body"].read())

    def told(self, project: Project) -> dict[str, str]:
        """By place: what functions, jobs and the cloud itself logged and measured, the ledger, and what was reported
        of this project, but for what is data itself."""
        told = {"the log of the cloud": Path(self.card.log).read_text(errors="replace")}
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.output("LedgerTable"))
        told["the ledger"] = str([page["Items"] for page in pages])
        metrics = self.client("cloudwatch").get_paginator("list_metrics").paginate()
        told["metrics"] = str([page["Metrics"] for page in metrics])
        logs = self.client("logs")
        for page in logs.get_paginator("describe_log_groups").paginate():
            for group in (each["logGroupName"] for each in page["logGroups"]):
                events = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
                told[group] = str([event["message"] for one in events for event in one["events"]])
        objects = {"Bucket": self.card.artifact_bucket}
        for page in self.client("s3").get_paginator("list_objects_v2").paginate(**objects, Prefix=project.prefix):
            for key in (each["Key"] for each in page.get("Contents", [])):
                if key.endswith((".json", ".html")) and not key.endswith(HELD):
                    told[key] = self.client("s3").get_object(**objects, Key=key)["Body"].read().decode()
        return told

    def predict(self, project: Project, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=project.endpoint, ContentType="application/json", Body=json.dumps({"instances": rows})
        )
        return json.loads(answer["Body"].read())["predictions"]


def headgate(cloud: Cloud, *arguments: str, given: str | None = None, seconds: float = 200) -> tuple[int, Any]:
    """Run the command line against the cloud; returns its exit code and its JSON."""
    environment = {**os.environ, "HEADGATE_HOME": os.environ["HEADGATE_HOME"]}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "headgate"), *arguments, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        input=given,
        timeout=seconds,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else ended.stderr


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    records = os.environ.get(recorder.VARIABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADGATE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("HEADGATE_FUNCTION_BYTES", "320000")  # so that what is larger goes to a processing job
        patch.setenv("HEADGATE_FUNCTION_WINDOW_BYTES", "1000000")
        if records:
            patch.setenv("PYTHONPATH", str(ROOT / "tests" / "prove" / "worker"))
        try:
            card = launcher.up(None, print)
            yield Cloud(card)
            if records:
                harvest(card.client, card.stack, Path(records))
        finally:
            launcher.down(purge=True, progress=print)


@pytest.fixture(scope="session")
def table() -> Callable[..., bytes]:
    return invented.table
