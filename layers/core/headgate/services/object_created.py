"""An object was dropped: is a dataset complete with it, and may its run start?"""

import hashlib
from dataclasses import dataclass
from typing import Any

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.errors import BadKeyError
from headgate.domain.names import Part, Upload, dataset_id, is_data, parse_upload
from headgate.domain.runs import Outcome, Run
from headgate.services.runs import Executions, request_start

UNKNOWN = "_unknown"


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
        """Read the raw event. Nothing decodes the key: EventBridge never encoded it."""
        detail = event["detail"]
        item = detail["object"]
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


def receive_object(
    event: ObjectCreated,
    *,
    artifact_bucket: str,
    objects: Objects,
    ledger: Ledger,
    executions: Executions,
    now: str,
) -> str:
    """Record the dataset that an object completes, and give its run its turn.

    Returns:
        The decision in one word: ignored, incomplete, rejected, or what became of the run.
    """
    try:
        upload = parse_upload(event.key)
    except BadKeyError as error:
        return _refuse(event, str(error), ledger, now)
    if upload is None:
        return "ignored"
    if not upload.completes:
        return "incomplete"
    parts = _parts(event, upload, objects)
    if not parts:
        return "incomplete"
    run = _record(event, upload, parts, artifact_bucket, objects, ledger, now)
    return request_start(run, ledger=ledger, executions=executions, now=now)


def _parts(event: ObjectCreated, upload: Upload, objects: Objects) -> list[Part]:
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
    """Write the manifest and the run, in this order: a run in the ledger always finds its manifest."""
    project = upload.project
    dataset = dataset_id(event.bucket, parts)
    manifest = {
        "bucket": event.bucket,
        "name": upload.name,
        "parts": [{"key": part.key, "version_id": part.version_id, "size": part.size} for part in parts],
    }
    objects.put_json(artifact_bucket, f"{project.prefix}datasets/{dataset}/manifest.json", manifest)
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


def _refuse(event: ObjectCreated, reason: str, ledger: Ledger, now: str) -> str:
    """Record an upload that belongs to nobody; its body is not read."""
    identity = hashlib.sha256(f"{event.bucket}\0{event.key}\0{event.version_id}".encode()).hexdigest()[:10]
    ledger.add_run(
        Run(
            run=f"unknown-{identity}",
            tenant=UNKNOWN,
            project=UNKNOWN,
            dataset=identity,
            name=event.key.rpartition("/")[2],
            order=event.order,
            arrived_at=now,
            state=Outcome.REJECTED,
            ended_at=now,
            reason_code="BAD_KEY",
            reason=reason,
        )
    )
    return "rejected"
