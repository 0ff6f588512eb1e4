"""What is decided of a dataset by its content, from the parts to the verdict: the same in a function and on a machine.

Nothing here calls AWS. Whoever examines brings the parts, and keeps what came of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.domain.errors import DatasetRefusedError, NotFoundError, SettingsError
from headgate.domain.findings import Findings
from headgate.domain.machines import machine_that_trains, training_memory, training_volume_gb
from headgate.domain.names import Part
from headgate.domain.project import ProjectSettings
from headgate.domain.reasons import Reason
from headgate.domain.search_worth import is_to_be_planned
from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.services.settings import read_settings
from headgate.tables.engine import Limits, opened
from headgate.tables.examine import Learned, examine, timed
from headgate.tables.intake import Format, save, too_large
from headgate.tables.split import PARTS

EXAMINATION = "examination/"
"""Below a dataset's folder: what a machine was asked about it, and what it answered."""
Blocks = Callable[[Part], Iterable[bytes]]
"""The content of a part; raises NotFoundError where it is gone."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a dataset before it is read.

    `settings` is project.yaml as it is written and `settings_version` its version, both None without one; `code` the
    hash of what will train on it; `before` the champion's form; `champion` and `holdout` as the ledger has them.
    """

    dataset: str
    code: str = ""
    settings: str | None = None
    settings_version: str | None = None
    before: Learned | None = None
    champion: Mapping[str, Any] | None = None
    holdout: str | None = None

    def findings(self, settings: ProjectSettings) -> Findings:
        """What there is to report already; `settings` are its own, parsed."""
        recipe = {"code": self.code, "settings": settings.training_digest}
        return Findings(settings_version=self.settings_version, recipe=recipe)

    def parsed(self) -> ProjectSettings:
        """The project's settings.

        Raises:
            SettingsError: when they are not as they must be.
        """
        return read_settings(None if self.settings is None else self.settings.encode())

    def document(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        before = self.before and {
            "spec": self.before.spec.model_dump(),
            "identity": list(self.before.identity),
            "holdout": self.before.holdout,
            "identified": [column.model_dump() for column in self.before.identified],
            "quantiles": {name: list(values) for name, values in self.before.quantiles.items()},
        }
        return {
            "dataset": self.dataset,
            "code": self.code,
            "settings": self.settings,
            "settings_version": self.settings_version,
            "before": before,
            "champion": self.champion,
            "holdout": self.holdout,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Known":
        """Read what `document` gave."""
        before = document["before"]
        if before is not None:
            times = before["holdout"] and (before["holdout"][0], before["holdout"][1])
            spec = TrainingSpec.model_validate(before["spec"])
            identified = [SpecColumn.model_validate(column) for column in before.get("identified", [])]
            before = Learned(spec, before["identity"], times, before.get("quantiles", {}), identified)
        return cls(**{**document, "before": before})


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of an examination: the task's `answer`, the content of report.json, and of an accepted dataset that of
    spec.json.
    """

    answer: Mapping[str, Any]
    report: dict[str, Any]
    spec: Mapping[str, Any] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the dataset is fit to train on."""
        return self.spec is not None

    @property
    def too_large(self) -> bool:
        """Whether it was refused for want of room or time, of which another machine may have more."""
        return bool(self.answer["reason_code"] == Reason.TOO_LARGE)


def judge_dataset(
    known: Known, parts: Sequence[Part], blocks: Blocks, *, folder: Path, limits: Limits, max_bytes: int
) -> Examined:
    """Read a dataset and decide on it; of an accepted one its three parts lie in `folder` then.

    Args:
        known: what is known before.
        parts: what the dataset is made of.
        blocks: gives their content.
        folder: a directory of this dataset's own.
        limits: of memory, disk and time.
        max_bytes: how large it may be, uncompressed.
    """
    findings = Findings()
    try:
        settings = known.parsed()
        findings = known.findings(settings)
        with opened(folder, limits) as engine:
            files, kind = _fetch(parts, blocks, folder, findings, max_bytes)
            findings.kind = str(kind)
            spec = examine(engine, files, kind, settings, known.before, findings)
        machine = _machine(settings, spec, findings)
    except SettingsError as error:
        return refused(findings, Reason.SETTINGS_INVALID, str(error))
    except DatasetRefusedError as refusal:
        return refused(findings, refusal.reason_code, str(refusal))
    written = sum((folder / f"{part}.parquet").stat().st_size for part in PARTS)
    return _accepted(known, settings, spec, findings, machine, written)


def refused(findings: Findings, code: str, reason: str) -> Examined:
    """The judgement on a dataset that is not fit to train on."""
    verdict = {"verdict": "rejected", "reason_code": str(code), "reason": reason, "rows": findings.rows}
    return Examined(verdict, findings.report(verdict))


def _fetch(
    parts: Sequence[Part], blocks: Blocks, folder: Path, findings: Findings, max_bytes: int
) -> tuple[list[Path], Format]:
    """Bring the parts to disk, checked; parts without content, which some writers leave, are passed over."""
    if sum(part.size for part in parts) > max_bytes:
        raise too_large(max_bytes)
    files: list[Path] = []
    kinds: set[Format] = set()
    room = max_bytes
    with timed(findings.seconds, "fetch"):
        for number, part in enumerate(parts):
            path = folder / f"part-{number:05}"
            try:
                kind = save(blocks(part), path, max_bytes=room)
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


def _machine(settings: ProjectSettings, spec: TrainingSpec, findings: Findings) -> str:
    """The machine that trains, whose memory holds the rows."""
    distinct = {each.name: each.distinct for each in findings.measured}
    columns = [(column.kind, distinct.get(column.name, 0)) for column in spec.columns]
    needed = training_memory(sum(findings.parts.values()), columns)
    chosen = "instance_type" in settings.training.model_fields_set
    return machine_that_trains(settings.training.instance_type, chosen, needed)


def _accepted(
    known: Known, settings: ProjectSettings, spec: TrainingSpec, findings: Findings, machine: str, written: int
) -> Examined:
    used = len(spec.columns)
    reason = f"{findings.rows} rows with {used} features are fit to train on: {spec.task}, to predict {spec.target}."
    verdict = {"verdict": "accepted", "reason_code": "FIT", "reason": reason, "rows": findings.rows}
    answer = {
        **verdict,
        "task": spec.task,
        "metric": spec.metric,
        "target": spec.target,
        "holdout": known.holdout or known.dataset,
        "champion": known.champion,
        "hyperparameters": settings.training.hyperparameters(),
        "training_instance_type": machine,
        "training": {"instance_count": settings.training.instance_count, "spot": settings.training.spot},
        "volume_gb": training_volume_gb(written),
        "tuning": _tuning(settings, findings),
        "gate": settings.gate_policy,
        "approval": settings.approval.model_dump(),
        "endpoint": settings.endpoint.model_dump(),
    }
    return Examined(answer, findings.report(verdict), spec.model_dump())


def _tuning(settings: ProjectSettings, findings: Findings) -> dict[str, Any] | None:
    """What the planner of a search needs; None when nobody asked for one and the rows are too few to be worth it."""
    if not is_to_be_planned(settings.tuning, findings.parts["train"]):
        return None
    return settings.tuning.model_dump(exclude_none=True)
