"""Judge a window of requests from what was seen in it, and write all there is to tell but its record."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.baseline import Baseline
from headgate.domain.drift import judge_drift
from headgate.domain.errors import NotFoundError
from headgate.domain.feedback import Row
from headgate.domain.gaps import judge_gaps
from headgate.domain.moments import written
from headgate.domain.monitor_settings import MonitorSettings
from headgate.domain.names import Project
from headgate.domain.observed import CaptureCounts, Observed
from headgate.domain.quality import Loss, judge_quality
from headgate.domain.releases import Release
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import (
    FUNCTION_BYTES,
    File,
    Window,
    name_of,
    remembered,
)
from headgate.domain.window_page import page
from headgate.domain.window_report import Judged, measures_of, report_of, says_of
from headgate.services.labels import Labels, untold
from headgate.tables.engine import Engine, Limits
from headgate.tables.labelled import labelled

LABEL_DAYS = 30
"""How long labels are waited for, and with them the windows whose answers they may be of."""
MOST_WINDOWS = 50
"""Windows whose answers are judged by labels that came since."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What a look needs of the world; `workdir` has room for what one window reads, three times. `key` tells the ARN of
    the key that machines write under. `function_bytes` are read here at most.
    """

    ledger: Ledger
    objects: Objects
    data_bucket: str
    artifact_bucket: str
    workdir: Path
    key: Callable[[], str]
    limits: Limits = field(default_factory=lambda: Limits(seconds=240))
    function_bytes: int = FUNCTION_BYTES
    missed: Callable[[str, str], None] = untold

    def fetch(self, key: str, path: Path) -> Path:
        """Bring an artifact to disk."""
        self.objects.get_file(self.artifact_bucket, key, path)
        return path


@dataclass(frozen=True, slots=True)
class Work:
    """A window that is to be judged: what there is to read, and what it is compared with."""

    project: Project
    release: Release
    settings: MonitorSettings
    baseline: Baseline
    files: Sequence[File]
    before: Sequence[Window]
    now: str

    @property
    def number(self) -> int:
        """The window's."""
        return self.before[0].number + 1 if self.before else 1

    @property
    def name(self) -> str:
        """The window's, for whoever reads the same files."""
        return name_of(self.number, self.files)

    @property
    def begun_at(self) -> str:
        """When the first of its files was written."""
        return min(file.at for file in self.files)

    @property
    def place(self) -> str:
        """Where its report begins in the artifact bucket; ends with a slash."""
        return f"{self.project.prefix}monitor/{self.release.sequence}/{self.name}/"


def judge_window(
    work: Work,
    spec: TrainingSpec,
    captured: CaptureCounts,
    seen: Observed,
    monitor: Monitor,
    engine: Engine,
    folder: Path,
) -> Window:
    """Judge it, and write everything of it but its record; `folder` holds its answers as answers.parquet."""
    limits = work.settings.limits
    drift = judge_drift(work.baseline, seen.features, seen.answers, limits)
    gaps = judge_gaps(seen.groups, work.baseline.groups, limits)
    judged = Judged(work.baseline, seen.features, seen.answers, drift, gaps, asdict(captured))
    quality = _judge_quality(work, spec, monitor, engine, folder)
    return _written(work, monitor, judged, quality, folder)


def _judge_quality(work: Work, spec: TrainingSpec, monitor: Monitor, engine: Engine, folder: Path) -> Loss | None:
    """By all labels that came for this window and those before it.

    None where the version's own quality is not known, or nobody gives labels.
    """
    if work.baseline.quality is None or not (labels := _labels(work, monitor)):
        return None
    answers = [folder / "answers.parquet"]
    for window in work.before:
        if window.ended_at >= _days_ago(work.now):
            try:
                answers.append(monitor.fetch(f"{window.place}answers.parquet", folder / f"{window.name}.parquet"))
            except NotFoundError:
                continue  # it has expired
    rows = labelled(engine, answers, labels, spec, folder)
    positive = (spec.classes or []).index(spec.positive) if spec.positive is not None else 0
    return judge_quality(work.baseline.quality, rows, positive, work.settings.limits)


def _labels(work: Work, monitor: Monitor) -> dict[Row, str]:
    """The labels of the last days, of each row the newest."""
    labels = Labels(work.project, monitor.objects, monitor.data_bucket, monitor.missed)
    return labels.newest(datetime.fromisoformat(work.now) - timedelta(days=LABEL_DAYS))


def _written(work: Work, monitor: Monitor, judged: Judged, quality: Loss | None, folder: Path) -> Window:
    last = work.before[0] if work.before else None
    window = Window(
        release=work.release.sequence,
        number=work.number,
        name=work.name,
        begun_at=work.begun_at,
        ended_at=max(file.at for file in work.files),
        judged_at=work.now,
        rows=judged.captured["rows"],
        requests=judged.captured["requests"],
        malformed=judged.captured["malformed"],
        cursor=max(file.key for file in work.files),
        place=work.place,
        read=remembered(work.files, last),
        drifted=[each.name for each in judged.drift.drifted],
        says=says_of(judged, quality),
        measures=measures_of(judged, quality, work.settings.limits),
    )
    report = report_of(work.project, work.release, window, judged, quality, work.settings.limits)
    objects, bucket = monitor.objects, monitor.artifact_bucket
    objects.put_file(bucket, f"{work.place}answers.parquet", folder / "answers.parquet")
    objects.put_bytes(bucket, f"{work.place}report.html", page(report).encode(), "text/html; charset=utf-8")
    objects.put_json(bucket, f"{work.place}report.json", report)
    return window


def _days_ago(now: str) -> str:
    earliest = datetime.fromisoformat(now) - timedelta(days=LABEL_DAYS)
    return written(earliest)
