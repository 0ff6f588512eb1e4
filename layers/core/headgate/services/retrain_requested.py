"""A project wants to be trained anew: make one dataset of those that it has, and give its run its turn."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from headgate.aws.s3 import AT_ONCE, Objects
from headgate.aws.tenants import Tenants
from headgate.domain.errors import BadKeyError, ConflictError, NotFoundError, SettingsError
from headgate.domain.names import MAX_BYTES, Part, Project, dataset_id, printable
from headgate.domain.reasons import Reason
from headgate.domain.retraining import (
    NO_DATA,
    NOTHING_NEW,
    Accepted,
    Chosen,
    Recipe,
    asked_for,
    choose,
    dataset_of,
    dataset_of_request,
    facts_of,
    identity,
    in_window,
    most_of,
    no_data,
    nothing_new,
    order_of,
    repeats,
    title,
)
from headgate.domain.runs import Outcome, Run
from headgate.services.object_created import turned_away
from headgate.services.runs import Runs
from headgate.services.settings import settings_of

_LONGEST, _NAME = 1000, 200
"""Characters of why a request is made, of which what is longer is cut, and of what it names."""


@dataclass(frozen=True, slots=True)
class RetrainRequested:
    """What the event `RetrainRequested` says, whoever put it on the bus; `at` is its time.

    `request` is its identity: the incident that asks, the sender's own name for it, or else the event's id.
    """

    request: str
    project: Project
    reason: str
    by: str
    at: str
    incident: str | None = None
    window: str | None = None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "RetrainRequested":
        """Read the event.

        Raises:
            BadKeyError: when it is not what `events/schemas/retrain-requested.json` describes.
        """
        detail = event.get("detail")
        if not isinstance(detail, dict) or not all(
            isinstance(detail.get(name), str) for name in ("tenant", "project", "reason")
        ):
            raise BadKeyError("A RetrainRequested needs tenant, project and reason, each a text.")
        incident, window, own = (detail.get(name) for name in ("incident", "window", "request"))
        if not all(each is None or (isinstance(each, str) and len(each) <= _NAME) for each in (incident, window, own)):
            raise BadKeyError(
                f"Of a RetrainRequested incident, window and request are texts up to {_NAME} characters, or left out."
            )
        return cls(
            incident or own or str(event["id"]),
            Project(detail["tenant"], detail["project"]),
            printable(detail["reason"][:_LONGEST]),
            str(event["source"]),
            str(event["time"]),
            incident,
            window,
        )


@dataclass(frozen=True, slots=True)
class Retrainings:
    """Has projects trained anew; made for each event, as `runs` is. `code` is the hash of the training code."""

    objects: Objects
    runs: Runs
    tenants: Tenants
    data_bucket: str
    artifact_bucket: str
    code: str

    def request(self, asked: RetrainRequested, *, max_bytes: int = MAX_BYTES) -> str:
        """Record what a request leads to, and give its run its turn. The same request leads to the same run.

        A request that would repeat what was trained, or has nothing to train on, is a run too: one that has ended, so
        that people are told as of any other.

        Returns:
            The decision in one word: refused, or what became of the run (ended, where that was before).

        Raises:
            ConflictError: when another request was faster; the event comes back.
        """
        project, ledger = asked.project, self.runs.ledger
        known = ledger.runs_of_project(project)
        if (run := asked_for(known, asked.request)) is not None:
            return self.runs.request_start(run)
        if (refused := turned_away(project.tenant, self.tenants, self.runs.now)) is not None:
            return self._refuse(asked, asked.window or "", refused.code, refused.sentence, Chosen([]))
        try:
            window, settings = self._settings(asked)
        except SettingsError as error:
            return self._refuse(asked, asked.window or "", Reason.SETTINGS_INVALID, str(error), Chosen([]))
        chosen = choose(self._accepted(project, in_window(known, window, asked.at), most_of(window)), max_bytes)
        if not chosen.taken:
            return self._refuse(asked, window, NO_DATA, no_data(project, chosen.left_out), chosen)
        recipe = Recipe(self.code, settings)
        whole = identity(self.data_bucket, chosen.parts, recipe)
        standing, attempt = repeats(known, chosen, whole, recipe)
        if standing is not None:
            return self._refuse(asked, window, NOTHING_NEW, nothing_new(standing), chosen)
        made = {"recipe": asdict(recipe), "attempt": attempt}
        return self._begin(asked, window, chosen, whole, made)

    def _settings(self, asked: RetrainRequested) -> tuple[str, str]:
        """The window, and the hash of the settings that change training."""
        # pydantic is slow to import
        from headgate.domain.project import ProjectSettings
        from headgate.domain.retrain_settings import window_of

        settings = settings_of(asked.project, self.objects, self.data_bucket) or ProjectSettings()
        window = settings.retrain.window if asked.window is None else window_of(asked.window)
        return window, settings.training_digest

    def _accepted(self, project: Project, runs: Sequence[Run], most: int | None) -> Iterator[Accepted]:
        """Those of the runs whose datasets were accepted, some at a time; no more than `most`."""
        found = 0
        with ThreadPoolExecutor(AT_ONCE) as readers:  # it is waiting for S3 that takes time, for each dataset
            for start in range(0, len(runs), AT_ONCE):
                for each in readers.map(partial(self._read, project), runs[start : start + AT_ONCE]):
                    if each is None:
                        continue
                    yield each
                    found += 1
                    if found == most:
                        return

    def _read(self, project: Project, run: Run) -> Accepted | None:
        """What is known of a run's dataset, if it was accepted. A part that a person deleted is told: it is not trained
        on again.
        """
        folder = project.dataset_folder(run.dataset)
        try:
            report = self.objects.get_json(self.artifact_bucket, f"{folder}report.json")
            manifest = self.objects.get_json(self.artifact_bucket, f"{folder}manifest.json")
        except NotFoundError:
            return None  # not validated, or not yet
        if report.get("verdict") != "accepted" or manifest["bucket"] != self.data_bucket:
            return None
        parts = [Part(**part) for part in manifest["parts"]]
        # Where rows were erased since, what is left was never trained on.
        recipe = report.get("recipe") if dataset_id(manifest["bucket"], parts) == run.dataset else None
        return Accepted(
            run,
            parts,
            report.get("kind"),
            [column["name"] for column in report["profile"]],
            Recipe(**recipe) if recipe else None,
            next((part for part in parts if not self.objects.stands(self.data_bucket, part)), None),
        )

    def _begin(self, asked: RetrainRequested, window: str, chosen: Chosen, whole: str, made: dict[str, Any]) -> str:
        """Write the manifest and the run, in this order: a run in the ledger always finds its manifest.

        What the dataset is `made` by stands in the manifest, so that whoever reads it can tell whether it is the one.
        """
        project, dataset = asked.project, dataset_of(whole, made["attempt"])
        manifest = {
            "bucket": self.data_bucket,
            "name": title(chosen),
            "parts": [asdict(part) for part in chosen.parts],
            "of": facts_of(chosen)["of"],
            **made,
        }
        self.objects.put_json(self.artifact_bucket, f"{project.dataset_folder(dataset)}manifest.json", manifest)
        run = Run(
            run=project.run_id(dataset),
            tenant=project.tenant,
            project=project.name,
            dataset=dataset,
            name=title(chosen),
            order=order_of(chosen.newest, asked.at, asked.request),
            arrived_at=self.runs.now,
            retrain={**_facts(asked, window), **facts_of(chosen), "identity": whole},
        )
        if not self.runs.ledger.add_run(run):
            raise ConflictError(f"Another request has just begun {run.run}; this one is looked at again.")
        return self.runs.request_start(run)

    def _refuse(self, asked: RetrainRequested, window: str, code: str, reason: str, chosen: Chosen) -> str:
        project, dataset = asked.project, dataset_of_request(asked.request)
        self.runs.ledger.add_run(
            Run(
                run=project.run_id(dataset),
                tenant=project.tenant,
                project=project.name,
                dataset=dataset,
                name="retraining",
                order=f"{asked.at}|{asked.request}",
                arrived_at=self.runs.now,
                state=Outcome.REJECTED,
                ended_at=self.runs.now,
                reason_code=str(code),
                reason=reason,
                retrain={**_facts(asked, window), **facts_of(chosen)},
            )
        )
        return "refused"


def _facts(asked: RetrainRequested, window: str) -> dict[str, Any]:
    """What the ledger keeps of a request."""
    return {
        "request": asked.request,
        "reason": asked.reason,
        "by": asked.by,
        "incident": asked.incident,
        "window": window,
    }
