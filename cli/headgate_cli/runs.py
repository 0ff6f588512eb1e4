"""What the ledger and the artifacts say about runs and releases."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.audit import Author
from headgate.domain.errors import NotFoundError
from headgate.domain.moments import written
from headgate.domain.names import UNKNOWN, Project, owner_of
from headgate.domain.releases import Release
from headgate.domain.runs import Run
from headgate_cli.connection import Cloud, user_name
from headgate_cli.errors import CommandError, UsageError


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which run is meant."""

    project: Project
    dataset: str

    @property
    def run(self) -> str:
        """The run's id, which is also the name of its executions and jobs."""
        return self.project.run_id(self.dataset)

    @property
    def folder(self) -> str:
        """Where what the run made lies in the artifact bucket; ends with a slash."""
        return self.project.run_folder(self.run)


class Records:
    """The ledger as people see it; what they write is signed with the name that AWS knows them by."""

    def __init__(self, cloud: Cloud) -> None:
        def person() -> Author:
            return Author(user_name(cloud), written(datetime.now(UTC)))

        self.ledger = Ledger(cloud.client("dynamodb"), cloud.outputs["LedgerTable"], person)

    def find_run(self, run: str) -> Run:
        """The record of a run that is known only by its id.

        Raises:
            UsageError: when there is no such run.
        """
        project = owner_of(run)
        if project is not None and (record := self.ledger.run(project, run)) is not None:
            return record
        raise UsageError(f"There is no run {run}. `headgate runs` lists those that exist.")


class Artifacts:
    """The documents that a run leaves in the artifact bucket."""

    def __init__(self, cloud: Cloud) -> None:
        self._objects = Objects(cloud.client("s3"))
        self._bucket = cloud.artifact_bucket

    def report(self, ref: RunRef) -> dict[str, Any] | None:
        """What was found in the data and inferred from it; for refused data the quarantine's report."""
        accepted, refused = ref.project.dataset_folder(ref.dataset), ref.project.quarantine(ref.dataset)
        return self.document(f"{accepted}report.json") or self.document(f"{refused}report.json")

    def spec(self, ref: RunRef) -> dict[str, Any] | None:
        """What training was told: the columns a model takes and the answer it gives."""
        return self.document(f"{ref.project.dataset_folder(ref.dataset)}spec/spec.json")

    def evaluation(self, ref: RunRef) -> dict[str, Any] | None:
        """How good the challenger was on the holdout."""
        return self.document(f"{ref.folder}evaluation/evaluation.json")

    def experiment(self, ref: RunRef) -> dict[str, Any] | None:
        """What the run was made of, what it took and what it cost about."""
        return self.document(f"{ref.folder}experiment.json")

    def card(self, ref: RunRef) -> dict[str, Any] | None:
        """The model card of the challenger; None when no model of the run was judged, or not yet."""
        return self.document(f"{ref.folder}evaluation/card.json")

    def card_page(self, ref: RunRef) -> bytes | None:
        """The model card as one page of HTML; None as for `card`."""
        return self._body(f"{ref.folder}evaluation/card.html")

    def window(self, place: str) -> dict[str, Any] | None:
        """The monitor's report of a window; `place` is the ledger's."""
        return self.document(f"{place}report.json")

    def window_page(self, place: str) -> bytes | None:
        """The same as one page of HTML."""
        return self._body(f"{place}report.html")

    def document(self, key: str) -> dict[str, Any] | None:
        """Any document by its key; None when there is none."""
        if (body := self._body(key)) is None:
            return None
        document = json.loads(body)
        if not isinstance(document, dict):
            raise CommandError(f"s3://{self._bucket}/{key} is not a JSON object; it was not written by Headgate.")
        return document

    def links(self, ref: RunRef, report: Mapping[str, Any] | None) -> dict[str, str | None]:
        """Where a run's artifacts lie; `quarantine` is None unless its `report` says that the data were refused."""
        root = f"s3://{self._bucket}/"
        refused = report is not None and report.get("verdict") == "rejected"
        return {
            "dataset": f"{root}{ref.project.dataset_folder(ref.dataset)}",
            "run": f"{root}{ref.folder}",
            "quarantine": f"{root}{ref.project.quarantine(ref.dataset)}" if refused else None,
        }

    def _body(self, key: str) -> bytes | None:
        try:
            return self._objects.get_bytes(self._bucket, key)
        except NotFoundError:
            return None


def ref_of(run: Run) -> RunRef:
    """Which run a record is of."""
    return RunRef(Project(run.tenant, run.project), run.dataset)


def outcome_of(run: Run) -> str | None:
    """How a run ended, or None while it has not."""
    return str(run.state) if run.ended else None


def run_document(run: Run) -> dict[str, Any]:
    """A record as JSON; `order` and who wakes whom are the ledger's own business."""
    waits = {"package": run.approval["package"]} if run.approval is not None else None
    document = asdict(run) | {"outcome": outcome_of(run), "approval": waits}
    del document["order"]
    return document


def moment_of(text: str) -> str:
    """A moment as the ledger writes it, from ISO 8601; without an offset it is UTC, without a time the day's beginning.

    Raises:
        UsageError: when it is no moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text} is no time. Write one as 2026-01-31T17:00 (UTC) or 2026-01-31T17:00+01:00.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return written(moment)


def release_document(release: Release) -> dict[str, Any]:
    """A release as JSON: `at` is the time of its last move, `outcome` and the reason are null until it is settled; what
    was not recorded, or not yet, is null too.
    """
    keys = (
        *("sequence", "version", "run", "state", "format", "in_service_at", "at", "outcome", "reason_code", "reason"),
        *("why", "dataset", "name", "model_data_url", "artifact", "image", "plan", "alarms", "trial"),
        "verdict",
        *("capacity_before", "capacity_after", "scaled", "removed_at"),
    )
    return {key: getattr(release, key) for key in keys}


def projects_of(ledger: Ledger, tenant: str, *, unknown: bool = False) -> list[Project]:
    """Every project of a tenant that has runs, by name; `unknown`: also the place of uploads without one."""
    names = {run.project for run in ledger.runs_of_tenant(tenant)}
    return [Project(tenant, name) for name in sorted(names) if unknown or name != UNKNOWN]


def chosen_projects(ledger: Ledger, tenant: str, project: str | None) -> list[Project]:
    """The project that was named, or else all of the tenant's.

    Raises:
        UsageError: when none was named and the tenant has none.
    """
    found = [Project(tenant, project)] if project is not None else projects_of(ledger, tenant)
    if not found:
        raise UsageError(f"{tenant} has no projects yet; name one with --project.")
    return found


def check_known(ledger: Ledger, project: Project) -> None:
    """See that a project is one: a slip of the pen must not pass for something that was done.

    Raises:
        UsageError: when no data was ever dropped for it.
    """
    if not ledger.runs_of_project(project):
        named = ", ".join(each.name for each in projects_of(ledger, project.tenant)) or "none"
        raise UsageError(f"{project.tenant} has no project {project.name}. Its projects: {named}.")
