"""Windows of requests: read here, or as machines counted them, then judged and recorded."""

import tempfile
from pathlib import Path
from typing import Any

from headgate.aws.stepfunctions import Executions
from headgate.domain.baseline import Baseline
from headgate.domain.errors import DatasetRefusedError, NotFoundError, SettingsError
from headgate.domain.formats import PRUNED
from headgate.domain.monitor_settings import MonitorSettings
from headgate.domain.observed import Observation
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import Window, is_complete, taken
from headgate.services.monitor import Look, Monitor, Publish, Requests
from headgate.services.observations import brought_together, have_observed
from headgate.services.settings import settings_of
from headgate.services.window_judgement import Work, judge_window
from headgate.tables.captures import read_captures
from headgate.tables.engine import Limits, opened
from headgate.tables.labelled import write_answers
from headgate.tables.observe import observe

_LIMITS = Limits(seconds=240)


def judge_requests(requests: Requests, monitor: Monitor, executions: Executions, *, publish: Publish) -> Look:
    """Judge them if they are enough; what is more than a function can read goes to machines.

    Returns:
        JUDGED, OFF, NO_BASELINE, WAITING, OBSERVED_ELSEWHERE or JUDGED_BEFORE, as `monitor_endpoint` tells them.
    """
    settings = _settings(requests, monitor)
    if not settings.enabled:
        return Look("OFF")
    try:
        document = _baseline(requests, monitor)
    except NotFoundError:
        return Look("NO_BASELINE")
    spec, baseline = _spec(requests, monitor), Baseline.parse(document)
    readable = taken(requests.files, None, monitor.function_bytes)
    work = Work(requests.project, requests.release, requests.before, readable, requests.now, settings, baseline)

    def elsewhere() -> bool:
        return have_observed(work, requests.files, spec, document, monitor, executions)

    too_large = sum(file.size for file in requests.files) > monitor.function_bytes
    if too_large and elsewhere():
        return Look("OBSERVED_ELSEWHERE")
    try:
        window, rows = _judged(work, spec, monitor, whatever=too_large)
    except DatasetRefusedError:  # long texts take more memory than their bytes say; a machine has more of it
        if too_large or not elsewhere():
            raise
        return Look("OBSERVED_ELSEWHERE")
    return Look("WAITING", rows=rows) if window is None else _recorded(work, monitor, window, publish)


def judge_brought(requests: Requests, observation: Observation, monitor: Monitor, *, publish: Publish) -> Look:
    """Judge what machines have observed; their files are told by what they were asked."""
    with tempfile.TemporaryDirectory(dir=monitor.workdir) as own, opened(Path(own), _LIMITS) as engine:
        found = brought_together(requests.project, observation, monitor, engine)
        settings = _settings(requests, monitor)
        of = (requests.project, requests.release, requests.before, found.files, requests.now)
        work = Work(*of, settings, found.baseline)
        window = judge_window(work, found.spec, found.captured, found.seen, monitor, engine)
    return _recorded(work, monitor, window, publish)


def _recorded(work: Work, monitor: Monitor, window: Window, publish: Publish) -> Look:
    publish(window.measures)
    kept = monitor.ledger.keep_window(work.project, window)
    return Look("JUDGED" if kept else "JUDGED_BEFORE", window, window.rows)


def _judged(work: Work, spec: TrainingSpec, monitor: Monitor, *, whatever: bool) -> tuple[Window | None, int]:
    """The window with everything written of it but its record, and its rows; None where it is not complete yet.

    `whatever`: it is all that there is room for, so that waiting makes it no larger.
    """
    with tempfile.TemporaryDirectory(dir=monitor.workdir) as own, opened(Path(own), _LIMITS) as engine:
        folder = engine.workdir
        paths = [monitor.fetch(file.key, folder / f"{at:06d}.jsonl") for at, file in enumerate(work.files)]
        captured = read_captures(engine, paths, spec.columns)
        if not whatever and not is_complete(captured.rows, work.begun_at, work.now, work.settings):
            return None, captured.rows
        seen = observe(engine, work.baseline, spec)
        write_answers(engine, folder / "answers.parquet")
        return judge_window(work, spec, captured, seen, monitor, engine), captured.rows


def _settings(requests: Requests, monitor: Monitor) -> MonitorSettings:
    """As project.yaml says now; where it cannot be read, the defaults: a typing error switches no watch off."""
    try:
        settings = settings_of(requests.project, monitor.objects, monitor.data_bucket)
    except SettingsError:
        settings = None
    return settings.monitor if settings is not None else MonitorSettings()


def _spec(requests: Requests, monitor: Monitor) -> TrainingSpec:
    key = f"{requests.project.dataset_folder(requests.release.dataset)}spec/spec.json"
    return TrainingSpec.model_validate(monitor.objects.get_json(monitor.artifact_bucket, key))


def _baseline(requests: Requests, monitor: Monitor) -> dict[str, Any]:
    """What the version's evaluation wrote of its training data, and of the answers of the network that serves.

    Raises:
        NotFoundError: where the version is older than baselines.
    """
    key = f"{requests.project.run_folder(requests.release.run)}evaluation/baseline.json"
    document: dict[str, Any] = monitor.objects.get_json(monitor.artifact_bucket, key)
    if requests.release.format == PRUNED:
        document |= document.get("pruned", {})
    return document
