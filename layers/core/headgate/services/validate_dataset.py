"""Decide whether a dataset is fit to train on: write its split and its report, or set it aside with the reason.

A dataset beyond a function's reach is handed over: the state machine has a machine examine it, and comes again with
what was found (docs/decisions/0038).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.encryption import volume_key
from headgate.domain.errors import DatasetRefusedError, NotFoundError, SettingsError, TamperedError
from headgate.domain.findings import Findings
from headgate.domain.names import MAX_BYTES, Part, Project
from headgate.domain.project import ProjectSettings
from headgate.domain.reasons import Reason
from headgate.domain.retraining import dataset_named_by
from headgate.domain.runs import Head
from headgate.domain.scaling import Scaling
from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.domain.tenants import too_many_instances
from headgate.services.examination import Examined, Known, judge_dataset, refused
from headgate.services.machine_work import brought_back, hand_over, replaced
from headgate.services.settings import read_settings, written_settings
from headgate.tables.engine import Limits
from headgate.tables.examine import Learned, timed
from headgate.tables.split import PARTS


@dataclass(frozen=True, slots=True)
class ValidateDataset:
    """The command: whose dataset, where things are, and the hash of the code that will train on it.

    `key` is the ARN of the key that jobs write under, `examined` whether a machine has examined the dataset already.
    """

    project: Project
    run: str
    dataset: str
    data_bucket: str
    artifact_bucket: str
    code: str = ""
    key: str = ""
    examined: bool = False

    @classmethod
    def parse(
        cls, event: dict[str, Any], *, data_bucket: str, artifact_bucket: str, code: str = "", key: str = ""
    ) -> "ValidateDataset":
        """Read the task's payload."""
        project, examined = Project(event["tenant"], event["project"]), event.get("examined", False)
        return cls(project, event["run"], event["dataset"], data_bucket, artifact_bucket, code, key, examined)

    @property
    def folder(self) -> str:
        """Where the dataset's objects lie in the artifact bucket; ends with a slash."""
        return self.project.dataset_folder(self.dataset)

    @property
    def quarantine(self) -> str:
        """Where a refused upload is set aside; ends with a slash."""
        return self.project.quarantine(self.dataset)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which objects, in which versions, are the dataset."""

    bucket: str
    name: str
    parts: list[Part]


def validate_dataset(
    command: ValidateDataset,
    *,
    objects: Objects,
    head: Head,
    workdir: Path,
    most_instances: int,
    limits: Limits | None = None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, Any]:
    """Validate it. Asking again gives the same answer and writes the same objects.

    Args:
        command: which dataset.
        objects: of the tenant.
        head: the project's present, from the ledger.
        most_instances: that the endpoint may have.
        workdir: a directory on disk with room for three times the data; left empty.
        limits: of memory, disk and time.
        max_bytes: how large a dataset is examined here, uncompressed.

    Returns:
        `verdict` accepted with what the stages after this one need (`task`, `metric`, `target`, `holdout`, `champion`,
        `hyperparameters`, `training_instance_type`, `training`, `volume_gb`, `tuning`, `gate`, `approval`, `endpoint`),
        or `verdict` rejected; both with `reason_code`, `reason` and `rows`. Or `verdict` large, with the `machine` that
        is to examine it. Where a job follows, `key` is what it writes under, and `volume_key` that of its machines'
        volumes. A refusal is an answer; only what retrying may cure is raised.
    """
    manifest = _manifest(command, objects)
    if command.examined:
        judgement = brought_back(command.folder, objects, command.artifact_bucket)
        if (sentence := replaced(objects, manifest.bucket, manifest.parts)) is not None:
            judgement = refused(Findings(), Reason.OBJECT_GONE, sentence)
        return _keep(command, objects, manifest, judgement)
    known = _known(command, objects, head, most_instances)
    if isinstance(known, Examined):
        return _keep(command, objects, manifest, known)
    if sum(part.size for part in manifest.parts) <= max_bytes:
        with tempfile.TemporaryDirectory(dir=workdir) as own:
            judgement = judge_dataset(
                known,
                manifest.parts,
                lambda part: objects.get_blocks(manifest.bucket, part.key, part.version_id),
                folder=Path(own),
                limits=limits or Limits(),
                max_bytes=max_bytes,
            )
            if not judgement.too_large:
                return _keep(command, objects, manifest, judgement, Path(own))
    if (sentence := replaced(objects, manifest.bucket, manifest.parts)) is not None:
        return _keep(command, objects, manifest, refused(known.findings(known.parsed()), Reason.OBJECT_GONE, sentence))
    place = command.project.incoming
    bucket, folder = command.artifact_bucket, command.folder
    asked = hand_over(known, manifest.bucket, place, manifest.parts, objects, bucket, folder)
    return {**asked, "key": command.key, "volume_key": volume_key(command.key, asked["machine"]["instance_type"])}


def _manifest(command: ValidateDataset, objects: Objects) -> Manifest:
    """The manifest, which is believed only if it is the one that the dataset is named after, and its project's."""
    document = objects.get_json(command.artifact_bucket, f"{command.folder}manifest.json")
    parts = [Part(**part) for part in document["parts"]]
    own = command.project.incoming
    if document["bucket"] != command.data_bucket or not all(part.key.startswith(own) for part in parts):
        raise TamperedError(command.dataset, f"it names objects that do not lie under {own} of the data bucket")
    if dataset_named_by(document, parts) != command.dataset:
        raise TamperedError(command.dataset, "it names other objects than the dataset is made of")
    return Manifest(document["bucket"], document["name"], parts)


def _known(command: ValidateDataset, objects: Objects, head: Head, most_instances: int) -> Known | Examined:
    """What is known before the data is read; or the judgement, where that forbids to read it."""
    findings = Findings()
    try:
        written = written_settings(command.project, objects, command.data_bucket)
        content, findings.settings_version = written or (None, None)
        settings = read_settings(content)
        _stay_within(command, settings, most_instances)
        head = _with_holdout_that_is_there(command, objects, head)
    except SettingsError as error:
        return refused(findings, Reason.SETTINGS_INVALID, str(error))
    except DatasetRefusedError as refusal:
        return refused(findings, refusal.reason_code, str(refusal))
    return Known(
        command.dataset,
        command.code,
        None if content is None else content.decode(),
        findings.settings_version,
        _learned(command, objects, head),
        asdict(head.champion) if head.champion else None,
        head.holdout,
    )


def _with_holdout_that_is_there(command: ValidateDataset, objects: Objects, head: Head) -> Head:
    """The head, without a holdout that an erasure took away: a release planned before that brings its name back."""
    if head.holdout is None:
        return head
    try:
        objects.identity(command.artifact_bucket, f"{command.project.dataset_folder(head.holdout)}test.parquet")
    except NotFoundError:
        return replace(head, holdout=None)
    return head


def _stay_within(command: ValidateDataset, settings: ProjectSettings, most: int) -> None:
    if settings.endpoint.variant == "serverless":
        return
    scaling = Scaling.of(settings.endpoint.scaling.model_dump(), settings.endpoint.instance_count)
    wanted = max(each.high for each in scaling.every_bounds) if scaling.enabled else settings.endpoint.instance_count
    if (sentence := too_many_instances(command.project.tenant, most, wanted)) is not None:
        raise DatasetRefusedError(Reason.QUOTA_INSTANCES, sentence)


def _learned(command: ValidateDataset, objects: Objects, head: Head) -> Learned | None:
    if head.champion is None:
        return None
    folder = command.project.dataset_folder(head.champion.dataset)
    spec = TrainingSpec.model_validate(objects.get_json(command.artifact_bucket, f"{folder}spec/spec.json"))
    report = objects.get_json(command.artifact_bucket, f"{folder}report.json")
    quantiles = {each["name"]: each["quantiles"] for each in report["profile"] if each.get("quantiles")}
    identified = [SpecColumn.model_validate(column) for column in report["split"].get("identified", [])]
    times = _holdout_times(command, objects, head, spec)
    return Learned(spec, report["split"]["identity"], times, quantiles, identified)


def _holdout_times(
    command: ValidateDataset, objects: Objects, head: Head, spec: TrainingSpec
) -> tuple[float, float] | None:
    """From when to when the holdout of a forecast reaches, when it is another dataset's."""
    if spec.forecast is None or head.holdout in (None, command.dataset):
        return None
    key = f"{command.project.dataset_folder(head.holdout)}report.json"
    times = objects.get_json(command.artifact_bucket, key)["split"]["times"]
    return times["test"], times["last"]


def _keep(
    command: ValidateDataset,
    objects: Objects,
    manifest: Manifest,
    judgement: Examined,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Write what came of the examination; `folder` holds the parts of an accepted dataset, None where they lie in their
    place already.
    """
    bucket = command.artifact_bucket
    if not judgement.accepted:
        _set_aside(command, objects, manifest, judgement)
        return dict(judgement.answer)
    with timed(judgement.report["seconds"], "write"):
        if folder is not None:
            for part in PARTS:
                objects.put_file(bucket, f"{command.folder}{part}.parquet", folder / f"{part}.parquet")
    objects.put_json(bucket, f"{command.folder}spec/spec.json", judgement.spec)
    # The report comes last: a dataset that has one has everything.
    objects.put_json(bucket, f"{command.folder}report.json", judgement.report)
    over = volume_key(command.key, judgement.answer["training_instance_type"])
    return {**judgement.answer, "key": command.key, "volume_key": over}


def _set_aside(command: ValidateDataset, objects: Objects, manifest: Manifest, judgement: Examined) -> None:
    for name, part in zip(_file_names(manifest.parts), manifest.parts, strict=True):
        try:
            objects.copy(manifest.bucket, part, command.artifact_bucket, f"{command.quarantine}{name}")
        except NotFoundError:
            continue  # deleted meanwhile: there is nothing left to set aside, and the report says why
    for folder in (command.folder, command.quarantine):
        objects.put_json(command.artifact_bucket, f"{folder}report.json", judgement.report)


def _file_names(parts: Sequence[Part]) -> list[str]:
    """The parts' file names; with their position before each as soon as one occurs twice or is the report's."""
    names = [part.key.rpartition("/")[2] for part in parts]
    if len({*names, "report.json"}) > len(names):
        return names
    return [f"{number:05}-{name}" for number, name in enumerate(names)]
