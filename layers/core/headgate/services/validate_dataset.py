"""Decide whether a dataset is fit to train on: write its split and its report, or set it aside with the reason."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects
from headgate.domain.errors import DatasetRefusedError, NotFoundError, SettingsError, TamperedError
from headgate.domain.findings import Findings
from headgate.domain.names import MAX_BYTES, Part, Project
from headgate.domain.project import ProjectSettings
from headgate.domain.project_file import MAX_BYTES as MAX_SETTINGS_BYTES
from headgate.domain.project_file import parse_settings
from headgate.domain.reasons import Reason
from headgate.domain.retraining import dataset_named_by
from headgate.domain.runs import Head
from headgate.domain.scaling import Scaling
from headgate.domain.spec import TrainingSpec
from headgate.domain.tenants import too_many_instances
from headgate.domain.tuning import is_to_be_planned
from headgate.tables.engine import Limits
from headgate.tables.examine import Learned, examine, timed
from headgate.tables.intake import Format, save, too_large


@dataclass(frozen=True, slots=True)
class ValidateDataset:
    """The command: whose dataset, where things are, and the hash of the code that will train on it."""

    project: Project
    run: str
    dataset: str
    data_bucket: str
    artifact_bucket: str
    code: str = ""

    @classmethod
    def parse(
        cls, event: dict[str, Any], *, data_bucket: str, artifact_bucket: str, code: str = ""
    ) -> "ValidateDataset":
        """Read the task's payload."""
        project = Project(event["tenant"], event["project"])
        return cls(project, event["run"], event["dataset"], data_bucket, artifact_bucket, code)

    @property
    def folder(self) -> str:
        """Where the dataset's objects lie in the artifact bucket; ends with a slash."""
        return f"{self.project.prefix}datasets/{self.dataset}/"

    @property
    def quarantine(self) -> str:
        """Where a refused upload is set aside; ends with a slash."""
        return f"{self.project.prefix}quarantine/{self.dataset}/"


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
        max_bytes: how large a dataset may be, uncompressed.

    Returns:
        `verdict` accepted with what the stages after this one need (`task`, `metric`, `target`, `holdout`, `champion`,
        `hyperparameters`, `training_instance_type`, `training`, `tuning`, `gate`, `approval`, `endpoint`), or `verdict`
        rejected; both with `reason_code`, `reason` and `rows`. A refusal is an answer; only what retrying may cure is
        raised.
    """
    manifest = _manifest(command, objects)
    findings = Findings()
    with tempfile.TemporaryDirectory(dir=workdir) as own:
        try:
            settings = _settings(command, objects, findings)
            _stay_within(command, settings, most_instances)
            findings.recipe = {"code": command.code, "settings": settings.training_digest}
            before = _learned(command, objects, head)
            files, kind = _fetch(manifest, objects, Path(own), findings, max_bytes)
            findings.kind = str(kind)
            spec = examine(files, kind, settings, before, findings, workdir=Path(own), limits=limits or Limits())
            return _accept(command, objects, head, settings, spec, findings, Path(own))
        except SettingsError as error:
            return _reject(command, objects, manifest, findings, Reason.SETTINGS_INVALID, str(error))
        except DatasetRefusedError as refusal:
            return _reject(command, objects, manifest, findings, refusal.reason_code, str(refusal))


def _manifest(command: ValidateDataset, objects: Objects) -> Manifest:
    """The manifest, which is believed only if it is the one that the dataset is named after, and its project's."""
    document = objects.get_json(command.artifact_bucket, f"{command.folder}manifest.json")
    parts = [Part(**part) for part in document["parts"]]
    own = f"{command.project.prefix}incoming/"
    if document["bucket"] != command.data_bucket or not all(part.key.startswith(own) for part in parts):
        raise TamperedError(command.dataset, f"it names objects that do not lie under {own} of the data bucket")
    if dataset_named_by(document, parts) != command.dataset:
        raise TamperedError(command.dataset, "it names other objects than the dataset is made of")
    return Manifest(document["bucket"], document["name"], parts)


def _settings(command: ValidateDataset, objects: Objects, findings: Findings) -> ProjectSettings:
    key = f"{command.project.prefix}project.yaml"
    try:
        content, findings.settings_version = objects.get_newest(command.data_bucket, key, limit=MAX_SETTINGS_BYTES + 1)
    except NotFoundError:
        return ProjectSettings()
    return parse_settings(content)


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
    folder = f"{command.project.prefix}datasets/{head.champion.dataset}/"
    spec = TrainingSpec.model_validate(objects.get_json(command.artifact_bucket, f"{folder}spec/spec.json"))
    report = objects.get_json(command.artifact_bucket, f"{folder}report.json")
    return Learned(spec, report["split"]["identity"], _holdout_times(command, objects, head, spec))


def _holdout_times(
    command: ValidateDataset, objects: Objects, head: Head, spec: TrainingSpec
) -> tuple[float, float] | None:
    """From when to when the holdout of a forecast reaches, when it is another dataset's."""
    if spec.forecast is None or head.holdout in (None, command.dataset):
        return None
    key = f"{command.project.prefix}datasets/{head.holdout}/report.json"
    times = objects.get_json(command.artifact_bucket, key)["split"]["times"]
    return times["test"], times["last"]


def _fetch(
    manifest: Manifest, objects: Objects, folder: Path, findings: Findings, max_bytes: int
) -> tuple[list[Path], Format]:
    """Bring the parts to disk, checked; parts without content, which some writers leave, are passed over."""
    if sum(part.size for part in manifest.parts) > max_bytes:
        raise too_large(max_bytes)
    files: list[Path] = []
    kinds: set[Format] = set()
    room = max_bytes
    with timed(findings, "fetch"):
        for number, part in enumerate(manifest.parts):
            path = folder / f"part-{number:05}"
            try:
                kind = save(objects.get_blocks(manifest.bucket, part.key, part.version_id), path, max_bytes=room)
            except NotFoundError:
                raise DatasetRefusedError(
                    Reason.OBJECT_GONE,
                    f"The uploaded object was deleted before it could be read: version {part.version_id} of "
                    f"{part.key}. Upload it again.",
                ) from None
            if kind is not None:
                files.append(path)
                kinds.add(kind)
                room -= path.stat().st_size
    if not files:
        raise DatasetRefusedError(Reason.EMPTY_FILE, "The file is empty. Upload a table with column names and rows.")
    if len(kinds) > 1:
        raise DatasetRefusedError(
            Reason.PARTS_DIFFER, f"The parts are of different formats: {', '.join(sorted(kinds))}. Use one for all."
        )
    return files, kinds.pop()


def _accept(
    command: ValidateDataset,
    objects: Objects,
    head: Head,
    settings: ProjectSettings,
    spec: TrainingSpec,
    findings: Findings,
    folder: Path,
) -> dict[str, Any]:
    bucket = command.artifact_bucket
    with timed(findings, "write"):
        for part in findings.parts:
            objects.put_file(bucket, f"{command.folder}{part}.parquet", folder / f"{part}.parquet")
    objects.put_json(bucket, f"{command.folder}spec/spec.json", spec.model_dump())
    used = len(spec.columns)
    reason = f"{findings.rows} rows with {used} features are fit to train on: {spec.task}, to predict {spec.target}."
    verdict = {"verdict": "accepted", "reason_code": "FIT", "reason": reason, "rows": findings.rows}
    # The report comes last: a dataset that has one has everything.
    objects.put_json(bucket, f"{command.folder}report.json", findings.report(verdict))
    return {
        **verdict,
        "task": spec.task,
        "metric": spec.metric,
        "target": spec.target,
        "holdout": head.holdout or command.dataset,
        "champion": asdict(head.champion) if head.champion else None,
        "hyperparameters": settings.training.hyperparameters(),
        "training_instance_type": settings.training.instance_type,
        "training": {"instance_count": settings.training.instance_count, "spot": settings.training.spot},
        "tuning": _tuning(settings, findings),
        "gate": settings.gate_policy,
        "approval": settings.approval.model_dump(),
        "endpoint": settings.endpoint.model_dump(),
    }


def _tuning(settings: ProjectSettings, findings: Findings) -> dict[str, Any] | None:
    """What the planner of a search needs; None when nobody asked for one and the rows are too few to be worth it."""
    if not is_to_be_planned(settings.tuning, findings.parts["train"]):
        return None
    return settings.tuning.model_dump(exclude_none=True)


def _reject(
    command: ValidateDataset, objects: Objects, manifest: Manifest, findings: Findings, code: str, reason: str
) -> dict[str, Any]:
    verdict = {"verdict": "rejected", "reason_code": str(code), "reason": reason, "rows": findings.rows}
    for name, part in zip(_file_names(manifest.parts), manifest.parts, strict=True):
        try:
            objects.copy(manifest.bucket, part, command.artifact_bucket, f"{command.quarantine}{name}")
        except NotFoundError:
            continue  # deleted meanwhile: there is nothing left to set aside, and the report says why
    report = findings.report(verdict)
    for folder in (command.folder, command.quarantine):
        objects.put_json(command.artifact_bucket, f"{folder}report.json", report)
    return verdict


def _file_names(parts: Sequence[Part]) -> list[str]:
    """The parts' file names; with their position before each as soon as one occurs twice or is the report's."""
    names = [part.key.rpartition("/")[2] for part in parts]
    if len({*names, "report.json"}) > len(names):
        return names
    return [f"{number:05}-{name}" for number, name in enumerate(names)]
