"""What the ledger and the artifacts say about runs and releases. Reads only: the command line writes no records."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.ledger import Ledger, releases_of, runs_of
from headgate.domain.errors import BadKeyError
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.runs import Run
from headgate_cli.connection import Cloud, error_code
from headgate_cli.errors import CommandError, UsageError

_RUN_NAME = re.compile(r"(?P<endpoint>[a-z][a-z0-9-]*)-(?P<dataset>[0-9a-f]{10})")


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which run is meant."""

    project: Project
    dataset: str

    @property
    def run(self) -> str:
        """The run's id, which is also the name of its executions and jobs."""
        return self.project.run_id(self.dataset)


class Records:
    """The ledger as its readers see it."""

    def __init__(self, cloud: Cloud) -> None:
        self._client = cloud.client("dynamodb")
        self._table = cloud.outputs["LedgerTable"]
        self.ledger = Ledger(self._client, self._table)

    def find_run(self, run: str) -> Run:
        """The record of a run that is known only by its id.

        Raises:
            UsageError: when there is no such run.
        """
        parts = _RUN_NAME.fullmatch(run)
        for project in possible_projects(parts["endpoint"]) if parts else ():
            record = self.ledger.run(project, run)
            if record:
                return record
        raise UsageError(f"There is no run {run}. `headgate runs` lists those that exist.")

    def runs_of_project(self, project: Project) -> list[Run]:
        """Every run of a project, the newest first."""
        condition = "pk = :pk AND begins_with(sk, :sk)"
        items = self._query(condition, {":pk": _partition(project), ":sk": "RUN#"}, ConsistentRead=True)
        return sorted(runs_of(items), key=lambda run: run.arrived_at, reverse=True)

    def runs_of_tenant(self, tenant: str) -> list[Run]:
        """Every run of a tenant's projects, the newest first; the newest may take a moment to appear."""
        items = self._query("tenant = :tenant", {":tenant": tenant}, IndexName="by_tenant", ScanIndexForward=False)
        return runs_of(items)

    def releases(self, project: Project) -> list[Release]:
        """Every release of a project, the newest first."""
        condition = "pk = :pk AND begins_with(sk, :sk)"
        wanted = {":pk": _partition(project), ":sk": "RELEASE#"}
        return releases_of(self._query(condition, wanted, ConsistentRead=True, ScanIndexForward=False))

    def _query(self, condition: str, values: Mapping[str, str], **arguments: Any) -> list[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            **arguments,
        )
        return [item for page in pages for item in page["Items"]]


class Artifacts:
    """The documents that a run leaves in the artifact bucket."""

    def __init__(self, cloud: Cloud) -> None:
        self._client = cloud.client("s3")
        self._bucket = cloud.artifact_bucket

    def report(self, ref: RunRef) -> dict[str, Any] | None:
        """What was found in the data and inferred from it; for refused data the quarantine's report."""
        prefix, dataset = ref.project.prefix, ref.dataset
        return self._json(f"{prefix}datasets/{dataset}/report.json") or self._json(
            f"{prefix}quarantine/{dataset}/report.json"
        )

    def spec(self, ref: RunRef) -> dict[str, Any] | None:
        """What training was told: the columns a model takes and the answer it gives."""
        return self._json(f"{ref.project.prefix}datasets/{ref.dataset}/spec/spec.json")

    def evaluation(self, ref: RunRef) -> dict[str, Any] | None:
        """How good the challenger was on the holdout."""
        return self._json(f"{ref.project.prefix}runs/{ref.run}/evaluation/evaluation.json")

    def links(self, ref: RunRef) -> dict[str, str]:
        """Where a run's artifacts lie."""
        root = f"s3://{self._bucket}/{ref.project.prefix}"
        return {"dataset": f"{root}datasets/{ref.dataset}/", "run": f"{root}runs/{ref.run}/"}

    def _json(self, key: str) -> dict[str, Any] | None:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None
            raise
        document = json.loads(body)
        if not isinstance(document, dict):
            raise CommandError(f"s3://{self._bucket}/{key} is not a JSON object; it was not written by Headgate.")
        return document


def ref_of(run: Run) -> RunRef:
    """Which run a record is of."""
    return RunRef(Project(run.tenant, run.project), run.dataset)


def outcome_of(run: Run) -> str | None:
    """How a run ended, or None while it has not."""
    return str(run.state) if run.ended else None


def run_document(run: Run) -> dict[str, Any]:
    """A record as JSON; `order` is the ledger's own business."""
    document = asdict(run) | {"outcome": outcome_of(run)}
    del document["order"]
    return document


def release_document(release: Release) -> dict[str, Any]:
    """A release as JSON."""
    return {key: getattr(release, key) for key in ("sequence", "version", "state", "at", "why")}


def possible_projects(endpoint: str) -> Iterator[Project]:
    """The projects that an endpoint's name may belong to: both of its names may hold hyphens."""
    for at, letter in enumerate(endpoint):
        if letter == "-":
            try:
                yield Project(endpoint[:at], endpoint[at + 1 :])
            except BadKeyError:
                continue


def _partition(project: Project) -> str:
    return f"{project.tenant}#{project.name}"
