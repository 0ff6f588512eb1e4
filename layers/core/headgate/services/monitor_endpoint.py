"""Look at what an endpoint was asked since the last window, and judge it when that is enough to tell something.

Whoever comes twice, or at the same time, finds the same files under the same name; the ledger takes a window's number
once, and a report that lost against another one lies there unread.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.alarms import VARIANT
from headgate.domain.baseline import Baseline
from headgate.domain.drift import judge_drift
from headgate.domain.errors import NotFoundError, SettingsError
from headgate.domain.feedback import FeedbackError, Row, read_labels
from headgate.domain.gaps import judge_gaps
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.domain.project_file import MAX_BYTES as MAX_SETTINGS_BYTES
from headgate.domain.project_file import parse_settings
from headgate.domain.quality import Loss, judge_quality
from headgate.domain.releases import Release
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import (
    File,
    MonitorSettings,
    Window,
    folder_of,
    is_complete,
    name_of,
    remembered,
    taken,
)
from headgate.domain.window_page import page
from headgate.domain.window_report import Judged, measures_of, report_of, says_of
from headgate.tables.captures import Captured, read_captures
from headgate.tables.engine import Engine, Limits, opened
from headgate.tables.labelled import labelled, write_answers
from headgate.tables.observe import observe

LABEL_DAYS = 30
"""How long labels are waited for, and with them the windows whose answers they may be of."""
MOST_WINDOWS = 50
"""Windows whose answers are judged by labels that came since."""
LABEL_BYTES = 64 * 1024**2
"""Labels that are read for one window, of the newest files first."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What a look needs of the world; `workdir` has room for what one window reads, three times."""

    ledger: Ledger
    objects: Objects
    data_bucket: str
    artifact_bucket: str
    workdir: Path
    limits: Limits = field(default_factory=lambda: Limits(seconds=240))


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: `decision` is JUDGED with its window, or why nothing was judged."""

    decision: str
    window: Window | None = None
    rows: int = 0


def monitor_endpoint(
    project: Project, monitor: Monitor, *, publish: Callable[[Mapping[str, float]], None], now: str
) -> Look:
    """Look once at what the release that serves was asked. Safe to repeat at any time.

    What a window says is published before the window is recorded: whoever dies in between publishes it again.

    Returns:
        JUDGED; or NOTHING_SERVES, OFF (by project.yaml, or as nothing is captured), NO_BASELINE (the version is older
        than baselines), NOTHING_NEW, WAITING (for more rows, or time), JUDGED_BEFORE (by somebody who was faster).
    """
    release = monitor.ledger.serving(project)
    if release is None:
        return Look("NOTHING_SERVES")
    settings = _settings(project, monitor)
    if not settings.enabled or not release.capture_percent:
        return Look("OFF")
    before = monitor.ledger.windows(project, release.sequence, MOST_WINDOWS)
    last = before[0] if before else None
    files = taken(_waiting(project, release, monitor, last), last)
    if not files:
        return Look("NOTHING_NEW")
    try:
        document = monitor.objects.get_json(monitor.artifact_bucket, f"{_of_run(project, release)}baseline.json")
    except NotFoundError:
        return Look("NO_BASELINE")
    work = _Work(project, release, settings, Baseline.parse(document), files, before, now)
    with tempfile.TemporaryDirectory(dir=monitor.workdir) as folder, opened(Path(folder), monitor.limits) as engine:
        window, rows = _judged(work, monitor, engine, Path(folder))
    if window is None:
        return Look("WAITING", rows=rows)
    publish(window.measures)
    return Look("JUDGED" if monitor.ledger.keep_window(project, window) else "JUDGED_BEFORE", window, rows)


@dataclass(frozen=True, slots=True)
class _Work:
    project: Project
    release: Release
    settings: MonitorSettings
    baseline: Baseline
    files: Sequence[File]
    before: Sequence[Window]
    now: str

    @property
    def number(self) -> int:
        return self.before[0].number + 1 if self.before else 1

    @property
    def name(self) -> str:
        return name_of(self.number, self.files)

    @property
    def begun_at(self) -> str:
        """When the first of its files was written."""
        return min(file.at for file in self.files)

    @property
    def place(self) -> str:
        return f"{self.project.prefix}monitor/{self.release.sequence}/{self.name}/"


def _judged(work: _Work, monitor: Monitor, engine: Engine, folder: Path) -> tuple[Window | None, int]:
    """The window with everything written of it but its record, and its rows; None where it is not complete yet."""
    spec = _spec(work, monitor)
    paths = [_fetch(monitor, file.key, folder / f"{at:06d}.jsonl") for at, file in enumerate(work.files)]
    captured = read_captures(engine, paths, spec.columns, folder)
    if not is_complete(captured.rows, work.begun_at, work.now, work.settings):
        return None, captured.rows
    judged = _judge(work, spec, captured, engine)
    write_answers(engine, folder / "answers.parquet")
    quality = _judge_quality(work, spec, monitor, engine, folder)
    return _written(work, monitor, judged, quality, folder), captured.rows


def _judge(work: _Work, spec: TrainingSpec, captured: Captured, engine: Engine) -> Judged:
    seen = observe(engine, work.baseline, spec)
    limits = work.settings.limits
    drift = judge_drift(work.baseline, seen.features, seen.answers, limits)
    gaps = judge_gaps(seen.groups, work.baseline.groups, limits)
    return Judged(work.baseline, seen.features, seen.answers, drift, gaps, asdict(captured))


def _judge_quality(work: _Work, spec: TrainingSpec, monitor: Monitor, engine: Engine, folder: Path) -> Loss | None:
    """By all labels that came for this window and those before it.

    None where the version's own quality is not known, or nobody gives labels.
    """
    if work.baseline.quality is None or not (labels := _labels(work, monitor)):
        return None
    answers = [folder / "answers.parquet"]
    for window in work.before:
        if window.ended_at >= _days_ago(work.now):
            try:
                answers.append(_fetch(monitor, f"{window.place}answers.parquet", folder / f"{window.name}.parquet"))
            except NotFoundError:
                continue  # it has expired
    rows = labelled(engine, answers, labels, spec, folder)
    positive = (spec.classes or []).index(spec.positive) if spec.positive is not None else 0
    return judge_quality(work.baseline.quality, rows, positive, work.settings.limits)


def _labels(work: _Work, monitor: Monitor) -> dict[Row, str]:
    """The labels of the last days, of each row the newest; files that cannot be read are left out whole."""
    found = monitor.objects.files(monitor.data_bucket, work.project.feedback)
    recent = sorted((file for file in found if file.at >= _days_ago(work.now)), key=lambda file: (file.at, file.key))
    chosen: list[File] = []
    for file in reversed(recent):
        if sum(each.size for each in chosen) + file.size <= LABEL_BYTES:
            chosen.append(file)
    labels: dict[Row, str] = {}
    for file in reversed(chosen):
        try:
            labels |= read_labels(monitor.objects.get_bytes(monitor.data_bucket, file.key))
        except (FeedbackError, NotFoundError):
            continue
    return labels


def _written(work: _Work, monitor: Monitor, judged: Judged, quality: Loss | None, folder: Path) -> Window:
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


def _waiting(project: Project, release: Release, monitor: Monitor, last: Window | None) -> list[File]:
    """The captured files since the last window; of its last hour all, for some come late."""
    prefix = f"{project.captured(release.name)}{project.endpoint}/{VARIANT}/"
    return monitor.objects.files(monitor.artifact_bucket, prefix, folder_of(last.cursor) if last else "")


def _settings(project: Project, monitor: Monitor) -> MonitorSettings:
    """As project.yaml says now; where it cannot be read, the defaults: a typing error switches no watch off."""
    try:
        content, _ = monitor.objects.get_newest(
            monitor.data_bucket, f"{project.prefix}project.yaml", limit=MAX_SETTINGS_BYTES + 1
        )
        return parse_settings(content).monitor
    except (NotFoundError, SettingsError):
        return MonitorSettings()


def _spec(work: _Work, monitor: Monitor) -> TrainingSpec:
    key = f"{work.project.prefix}datasets/{work.release.dataset}/spec/spec.json"
    return TrainingSpec.model_validate(monitor.objects.get_json(monitor.artifact_bucket, key))


def _of_run(project: Project, release: Release) -> str:
    return f"{project.prefix}runs/{release.run}/evaluation/"


def _fetch(monitor: Monitor, key: str, path: Path) -> Path:
    monitor.objects.get_file(monitor.artifact_bucket, key, path)
    return path


def _days_ago(now: str) -> str:
    earliest = datetime.fromisoformat(now) - timedelta(days=LABEL_DAYS)
    return written(earliest)
