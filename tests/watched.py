"""A project in service whose requests are captured, on a real table and buckets of moto's, and its monitor."""

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from prove.recorder import acting

from headgate.aws.ledger import Ledger
from headgate.aws.ledger_changes import ReleasePlanned
from headgate.aws.s3 import Objects
from headgate.aws.stepfunctions import Executions
from headgate.domain.names import Project
from headgate.domain.observed import Observation
from headgate.domain.releases import Release
from headgate.domain.runs import Champion, Head
from headgate.services.monitor import Look, Monitor
from headgate.services.monitor_endpoint import judge_observed, monitor_endpoint
from headgate_training.baseline import answers_of, features_of, quality_of
from headgate_training.metrics import Outcome
from headgate_training.spec import Column, Spec
from headgate_training.table import Table
from tests.capturing import captured, place

IRIS = Project("demo", "iris")
RUN, DATASET = "demo-iris-0123456789", "0123456789"
LATER = "2999-01-01T00:00:00.000Z"
COLUMNS = (("age", "numeric"), ("ward", "categorical"))
SPEC = {
    "target": "ill", "task": "binary", "classes": ["no", "yes"], "positive": "yes", "metric": "accuracy",
    "direction": "maximize", "seed": 17, "columns": [{"name": name, "kind": kind} for name, kind in COLUMNS],
}  # fmt: skip


def patient(rand: random.Random, *, years: float = 0.0) -> dict[str, Any]:
    return {"age": rand.gauss(50 + years, 10), "ward": rand.choice(["B1", "B2", "C1"])}


def answer(row: Mapping[str, Any]) -> float:
    """The probability that the model tells: of the age."""
    return min(0.99, max(0.01, (row["age"] or 50) / 100))


def baseline() -> dict[str, Any]:
    rand = random.Random(1)
    rows = [patient(rand) for _ in range(800)]
    told = np.array([answer(row) for row in rows])
    spec = Spec("ill", "binary", ("no", "yes"), "yes", "accuracy", "maximize", 17, tuple(Column(*c) for c in COLUMNS), (), None)  # type: ignore[arg-type]  # fmt: skip # noqa: E501
    outcome = Outcome((told > 0.5).astype(int), np.column_stack([1 - told, told]))
    table = Table(np.array([[row["age"]] for row in rows]), [[row["ward"] for row in rows]])
    more = {"answers": answers_of(outcome, spec), "quality": quality_of(outcome, spec)}
    return features_of(table, spec) | more | {"importance": {"age": 0.3, "ward": 0.0}, "groups": {}}


class World:
    """A project in service, people who ask, and the monitor."""

    def __init__(self, ledger: Ledger, objects: Objects, folder: Path, session: boto3.Session) -> None:
        self.ledger, self.objects, self.published = ledger, objects, list[Mapping[str, float]]()
        own = Objects(session.client("s3"), "arn:aws:kms:eu-central-1:123456789012:alias/headgate-demo")
        self.monitor = Monitor(ledger, own, "data", "artifacts", folder, lambda: "key")
        self.stepfunctions = session.client("stepfunctions")
        self.machine = self.stepfunctions.create_state_machine(
            name="headgate-observe",
            roleArn=session.client("iam").create_role(RoleName="observe", AssumeRolePolicyDocument="{}")["Role"]["Arn"],
            definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        )["stateMachineArn"]
        self.executions = Executions(self.stepfunctions, self.machine, starting=self.stepfunctions)

    def ask(self, rows: list[dict[str, Any]], name: str, hour: int = 10) -> list[str]:
        """Requests of one row each, in one captured file; their ids."""
        ids = [f"{hour}{name}{number}" for number in range(len(rows))]
        lines = [_captured(row, inference) for row, inference in zip(rows, ids, strict=True)]
        at = datetime(2026, 3, 1, hour, tzinfo=UTC)
        self.objects.put_bytes("artifacts", place(name, at), "\n".join(lines).encode())
        return ids

    def look(self, now: str | None = None, publish: Callable[[Mapping[str, float]], None] | None = None) -> Look:
        moment = now or self.moment()
        with acting("functions", "monitor_endpoint"):
            return monitor_endpoint(
                IRIS, self.monitor, self.executions, publish=publish or self.published.append, now=moment
            )

    def moment(self) -> str:
        """When the last request was captured."""
        found = (file for file in self.objects.files("artifacts", "_captured/") if file.key.endswith(".jsonl"))
        return max((file.at for file in found), default=LATER)

    def judge(self, time: int = 1) -> Look:
        """What *Judge The Window* answers of the first window."""
        with acting("functions", "monitor_endpoint"):
            return judge_observed(
                IRIS, Observation(1, 1, time), self.monitor, publish=self.published.append, now=self.moment()
            )

    def report(self, look: Look) -> dict[str, Any]:
        assert look.window is not None
        report: dict[str, Any] = self.objects.get_json("artifacts", f"{look.window.place}report.json")
        return report


def _captured(row: dict[str, Any], inference: str) -> str:
    probability = answer(row)
    told = {"label": "yes" if probability > 0.5 else "no", "probabilities": [1 - probability, probability]}
    return captured(row, told, inference)


def served(
    ledger: Ledger, objects: Objects, make_bucket: Callable[[str], Any], folder: Path, aws: boto3.Session
) -> World:
    """A world whose version 1 serves and was trained on patients."""
    make_bucket("data")
    make_bucket("artifacts")
    release = Release(
        sequence=1, run=RUN, dataset=DATASET, holdout=DATASET, version="1", model_data_url="s3://artifacts/m",
        name="demo-iris-r1", endpoint="demo-iris", why="", state="IN_SERVICE", at="2026-03-01T09:00:00.000Z",
        instance_type="ml.m5.large", instance_count=1, capture_percent=100,
    )  # fmt: skip
    ledger.write(IRIS, Head(champion=Champion(1, "1", DATASET, "s3://artifacts/m")), ReleasePlanned(release))
    objects.put_json("artifacts", f"demo/iris/datasets/{DATASET}/spec/spec.json", SPEC)
    objects.put_json("artifacts", f"demo/iris/runs/{RUN}/evaluation/baseline.json", baseline())
    return World(ledger, objects, folder, aws)


def people(count: int, seed: int = 2, years: float = 0.0) -> list[dict[str, Any]]:
    rand = random.Random(seed)
    return [patient(rand, years=years) for _ in range(count)]
