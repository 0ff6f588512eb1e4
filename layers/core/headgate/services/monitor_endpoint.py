"""Look at what an endpoint was asked since the last window, and judge it when that is enough to tell something.

Whoever comes twice, or at the same time, finds the same files under the same name; the ledger takes a window's number
once, and a report that lost against another one lies there unread. What is more than a function can read goes to
machines (docs/decisions/0038).
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headgate.aws.stepfunctions import Executions
from headgate.domain.alarms import VARIANT
from headgate.domain.baseline import Baseline
from headgate.domain.errors import NotFoundError, SettingsError
from headgate.domain.monitor_settings import MonitorSettings
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import MACHINES_BYTES, File, Window, folder_of, is_complete, taken
from headgate.services.observations import Observation, brought_together, have_observed
from headgate.services.settings import settings_of
from headgate.services.window_judgement import MOST_WINDOWS, Monitor, Work, judge_window
from headgate.tables.captures import read_captures
from headgate.tables.engine import opened
from headgate.tables.labelled import write_answers
from headgate.tables.observe import observe


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: `decision` is JUDGED with its window, or why nothing was judged."""

    decision: str
    window: Window | None = None
    rows: int = 0


Publish = Callable[[Mapping[str, float]], None]


def monitor_endpoint(project: Project, monitor: Monitor, executions: Executions, *, publish: Publish, now: str) -> Look:
    """Look once at what the release that serves was asked. Safe to repeat at any time.

    What a window says is published before the window is recorded: whoever dies in between publishes it again.

    Returns:
        JUDGED; or NOTHING_SERVES, OFF (by project.yaml, or as nothing is captured), NO_BASELINE (the version is older
        than baselines), NOTHING_NEW, WAITING (for more rows, or time), OBSERVED_ELSEWHERE (by machines, which are on
        it), JUDGED_BEFORE (by somebody who was faster).
    """
    release = monitor.ledger.serving(project)
    if release is None:
        return Look("NOTHING_SERVES")
    settings = _settings(project, monitor)
    if not settings.enabled or not release.capture_percent:
        return Look("OFF")
    before = monitor.ledger.windows(project, release.sequence, MOST_WINDOWS)
    last = before[0] if before else None
    waiting = _waiting(project, release, monitor, last)
    files, many = taken(waiting, last, monitor.function_bytes), taken(waiting, last, MACHINES_BYTES)
    if not files:
        return Look("NOTHING_NEW")
    try:
        document = monitor.objects.get_json(monitor.artifact_bucket, f"{_of_run(project, release)}baseline.json")
    except NotFoundError:
        return Look("NO_BASELINE")
    work = Work(project, release, settings, Baseline.parse(document), files, before, now)
    spec = _spec(work, monitor)
    too_large = sum(file.size for file in many) > monitor.function_bytes
    if too_large and have_observed(work, many, spec, document, monitor, executions):
        return Look("OBSERVED_ELSEWHERE")
    window, rows = _judged(work, spec, monitor)
    return Look("WAITING", rows=rows) if window is None else _recorded(project, monitor, window, publish)


def judge_observed(project: Project, observation: Observation, monitor: Monitor, *, publish: Publish, now: str) -> Look:
    """Judge a window that machines have observed, whatever its rows; as safe to repeat as a look.

    Returns:
        JUDGED; or NOTHING_SERVES (the release is not known any more), JUDGED_BEFORE.
    """
    release = monitor.ledger.release(project, observation.release)
    if release is None:
        return Look("NOTHING_SERVES")
    before = monitor.ledger.windows(project, release.sequence, MOST_WINDOWS)
    if (before[0].number + 1 if before else 1) != observation.number:
        return Look("JUDGED_BEFORE")
    with tempfile.TemporaryDirectory(dir=monitor.workdir) as folder, opened(Path(folder), monitor.limits) as engine:
        found = brought_together(project, observation, monitor, engine, Path(folder))
        settings = _settings(project, monitor)
        work = Work(project, release, settings, found.baseline, found.files, before, now)
        window = judge_window(work, found.spec, found.captured, found.seen, monitor, engine, Path(folder))
    return _recorded(project, monitor, window, publish)


def _recorded(project: Project, monitor: Monitor, window: Window, publish: Publish) -> Look:
    publish(window.measures)
    kept = monitor.ledger.keep_window(project, window)
    return Look("JUDGED" if kept else "JUDGED_BEFORE", window, window.rows)


def _judged(work: Work, spec: TrainingSpec, monitor: Monitor) -> tuple[Window | None, int]:
    """The window with everything written of it but its record, and its rows; None where it is not complete yet."""
    with tempfile.TemporaryDirectory(dir=monitor.workdir) as own, opened(Path(own), monitor.limits) as engine:
        folder = Path(own)
        paths = [monitor.fetch(file.key, folder / f"{at:06d}.jsonl") for at, file in enumerate(work.files)]
        captured = read_captures(engine, paths, spec.columns, folder)
        if not is_complete(captured.rows, work.begun_at, work.now, work.settings):
            return None, captured.rows
        seen = observe(engine, work.baseline, spec)
        write_answers(engine, folder / "answers.parquet")
        return judge_window(work, spec, captured, seen, monitor, engine, folder), captured.rows


def _waiting(project: Project, release: Release, monitor: Monitor, last: Window | None) -> list[File]:
    """The captured files since the last window; of its last hour all, for some come late."""
    prefix = f"{project.captured(release.name)}{project.endpoint}/{VARIANT}/"
    return monitor.objects.files(monitor.artifact_bucket, prefix, folder_of(last.cursor) if last else "")


def _settings(project: Project, monitor: Monitor) -> MonitorSettings:
    """As project.yaml says now; where it cannot be read, the defaults: a typing error switches no watch off."""
    try:
        settings = settings_of(project, monitor.objects, monitor.data_bucket)
    except SettingsError:
        settings = None
    return settings.monitor if settings is not None else MonitorSettings()


def _spec(work: Work, monitor: Monitor) -> TrainingSpec:
    key = f"{work.project.prefix}datasets/{work.release.dataset}/spec/spec.json"
    return TrainingSpec.model_validate(monitor.objects.get_json(monitor.artifact_bucket, key))


def _of_run(project: Project, release: Release) -> str:
    return f"{project.prefix}runs/{release.run}/evaluation/"
