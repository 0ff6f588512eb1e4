"""An object was dropped: is a dataset complete with it, and may its run start?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.aws.sqs import Queue
from headgate.aws.tenants import Tenants
from headgate.domain.errors import BadKeyError
from headgate.domain.names import (
    UNKNOWN,
    Part,
    Project,
    Upload,
    dataset_id,
    is_data,
    parse_upload,
    printable,
    tenant_of,
)
from headgate.domain.runs import Outcome, Run
from headgate.domain.tenants import Refusal, refusal, too_many_projects
from headgate.services.runs import Runs


@dataclass(frozen=True, slots=True)
class ObjectCreated:
    """What S3's `Object Created` event says; the key is raw, as EventBridge brings it."""

    bucket: str
    key: str
    version_id: str
    size: int
    sequencer: str
    time: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "ObjectCreated":
        """Read the raw event. Nothing decodes the key: EventBridge never encoded it.

        Raises:
            ValueError, KeyError, TypeError: for what is no event of S3.
        """
        detail = event["detail"]
        item = detail["object"]
        if not isinstance(item["key"], str):
            raise TypeError("The key is no text.")
        return cls(
            detail["bucket"]["name"],
            item["key"],
            item.get("version-id", "null"),
            int(item.get("size", 0)),
            item.get("sequencer", ""),
            event["time"],
        )

    @property
    def order(self) -> str:
        """Text that compares as the uploads came.

        By the event's time; within one second by the sequencer, padded on the right (S3 user guide). Sequencers order
        the versions of one key only: between files of the same second the order is fixed, but arbitrary.
        """
        return f"{self.time}|{self.sequencer:0<32}"


def sort_events(bodies: Mapping[str, str], queue: Queue) -> list[str]:
    """Send events back into the queue, each under its tenant's name; what asks for nothing by its key goes no further.

    `bodies` are messages by their ids. To be repeated whole when it raises: an event that comes twice changes nothing.

    Returns:
        The ids of messages that are no events of S3.
    """
    unread, events, tenants = [], [], []
    for message, body in bodies.items():
        try:
            told = json.loads(body)
            key = ObjectCreated.parse(told).key
        except (ValueError, KeyError, TypeError):
            unread.append(message)
            continue
        if _asks_for_work(key):
            events.append(told)
            tenants.append(tenant_of(key))
    queue.send(events, tenants)
    return unread


def _asks_for_work(key: str) -> bool:
    try:
        upload = parse_upload(key)
    except BadKeyError:
        return True  # it is recorded as refused
    return upload is not None and upload.completes


def receive_object(
    event: ObjectCreated,
    *,
    artifact_bucket: str,
    objects: Objects,
    runs: Runs,
    tenants: Tenants,
) -> str:
    """Record the dataset that an object completes, and give its run its turn.

    Returns:
        The decision in one word: ignored, incomplete, rejected, or what became of the run.
    """
    try:
        upload = parse_upload(event.key)
    except BadKeyError as error:
        owner = Project(tenant_of(event.key), UNKNOWN)
        return _refuse(event, owner, Refusal("BAD_KEY", str(error)), runs)
    if upload is None:
        return "ignored"
    if not upload.completes:
        return "incomplete"
    if (refused := _not_taken(upload.project, tenants, runs.now)) is not None:
        return _refuse(event, upload.project, refused, runs)
    parts = parts_of(event, upload, objects)
    if not parts:
        return "incomplete"
    run = _record(event, upload, parts, artifact_bucket, objects, runs.ledger, runs.now)
    return runs.request_start(run)


def parts_of(event: ObjectCreated, upload: Upload, objects: Objects) -> list[Part]:
    """The parts of the dataset that an upload completes, as they stood then; none when there is no data yet."""
    if not upload.folder:
        return [Part(event.key, event.version_id, event.size)]
    found = objects.parts_at(event.bucket, upload.folder, event.key, event.version_id)
    return [part for part in found if is_data(part.key.removeprefix(upload.folder))]


def _record(
    event: ObjectCreated,
    upload: Upload,
    parts: list[Part],
    artifact_bucket: str,
    objects: Objects,
    ledger: Ledger,
    now: str,
) -> Run:
    """Write the manifest and the run, in this order: a run in the ledger always finds its manifest.

    A run that is there already keeps its manifest, which no later upload may change.
    """
    project = upload.project
    dataset = dataset_id(event.bucket, parts)
    if (known := ledger.run(project, project.run_id(dataset))) is not None:
        return known
    manifest = {
        "bucket": event.bucket,
        "name": upload.name,
        "parts": [{"key": part.key, "version_id": part.version_id, "size": part.size} for part in parts],
    }
    objects.put_json(artifact_bucket, f"{project.dataset_folder(dataset)}manifest.json", manifest)
    run = Run(
        run=project.run_id(dataset),
        tenant=project.tenant,
        project=project.name,
        dataset=dataset,
        name=upload.name,
        order=event.order,
        arrived_at=now,
    )
    if ledger.add_run(run):
        return run
    return ledger.run(project, run.run) or run


def turned_away(tenant: str, tenants: Tenants, now: str) -> Refusal | None:
    """Why nothing new is begun for a tenant now; None when it is welcome."""
    return refusal(tenant, tenants.find(tenant), tenants.used(tenant), now[:7])


def _not_taken(project: Project, tenants: Tenants, now: str) -> Refusal | None:
    """Why no dataset of a project is taken. Projects are counted by the first dataset of each, so that a tenant has so
    many runs at once and no more.
    """
    tenant, used = tenants.find(project.tenant), tenants.used(project.tenant)
    refused = refusal(project.tenant, tenant, used, now[:7])
    if tenant is None or refused is not None:
        return refused
    if project.name in used.projects:
        return None
    most = tenant.quotas.projects
    return None if tenants.admit(project.tenant, project.name, most) else too_many_projects(project.tenant, most)


def _refuse(event: ObjectCreated, owner: Project, why: Refusal, runs: Runs) -> str:
    """Record an upload that is not taken, and why; its body is not read."""
    dataset = dataset_id(event.bucket, [Part(event.key, event.version_id, event.size)])
    file = event.key.rpartition("/")[2]
    runs.ledger.add_run(
        Run(
            run=owner.run_id(dataset),
            tenant=owner.tenant,
            project=owner.name,
            dataset=dataset,
            name=printable(file),
            order=event.order,
            arrived_at=runs.now,
            state=Outcome.REJECTED,
            ended_at=runs.now,
            reason_code=why.code,
            reason=why.sentence,
        )
    )
    return "rejected"
