"""Judge a window of requests from what was seen in it, and write all there is to tell but its record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, chain
from pathlib import Path

from headgate.aws.s3 import AT_ONCE
from headgate.domain.baseline import Baseline
from headgate.domain.drift import judge_drift
from headgate.domain.errors import NotFoundError
from headgate.domain.feedback import could_be_told
from headgate.domain.gaps import judge_gaps
from headgate.domain.monitor_settings import MonitorSettings
from headgate.domain.observed import CaptureCounts, Observed
from headgate.domain.quality import Loss, judge_quality
from headgate.domain.spec import TrainingSpec
from headgate.domain.window import Window, done_with, newest_since
from headgate.domain.window_page import page
from headgate.domain.window_report import Judged, measures_of, report_of, says_of
from headgate.services.labels import Labels
from headgate.services.monitor import Monitor, Requests
from headgate.tables.engine import Engine
from headgate.tables.labelled import labelled

LABEL_DAYS = 30
"""How long labels are waited for, and with them the windows whose answers they may be of."""
MOST_WINDOWS, MOST_BYTES = 500, 500_000_000
"""Windows, and bytes of their answers, among which answers are looked for; the window itself needs the disk, too."""


@dataclass(frozen=True, slots=True)
class Work(Requests):
    """Requests that are to be judged as one window, and what they are compared with."""

    settings: MonitorSettings
    baseline: Baseline


def judge_window(
    work: Work,
    spec: TrainingSpec,
    captured: CaptureCounts,
    seen: Observed,
    monitor: Monitor,
    engine: Engine,
) -> Window:
    """Judge it, and write everything of it but its record; the engine's directory has answers.parquet."""
    limits = work.settings.limits
    drift = judge_drift(work.baseline, seen.features, seen.answers, limits)
    gaps = judge_gaps(seen.groups, work.baseline.groups, limits)
    judged = Judged(work.baseline, seen.features, seen.answers, drift, gaps, asdict(captured))
    quality = _judge_quality(work, spec, monitor, engine)
    return _written(work, monitor, judged, quality, engine.workdir)


def _judge_quality(work: Work, spec: TrainingSpec, monitor: Monitor, engine: Engine) -> Loss | None:
    """By all labels that came for this window and those before it.

    None where the version's own quality is not known, or nobody gives labels.
    """
    if work.baseline.quality is None:
        return None
    labels = Labels(work.project, monitor.objects, monitor.data_bucket, monitor.missed)
    path = engine.workdir / "labels.jsonl"
    count, strange = labels.write(_since(work), path, lambda label: could_be_told(label, spec.classes))
    if not count:
        return None
    rows = labelled(engine, _answers(work, monitor, engine.workdir), path, spec.classes)
    positive = (spec.classes or []).index(spec.positive) if spec.positive is not None else 0
    loss = judge_quality(work.baseline.quality, rows, positive, work.settings.limits)
    told = f"{loss.why} Of {count} labels {strange} are none that the model could tell, and are left out."
    return replace(loss, why=told) if strange else loss


def _answers(work: Work, monitor: Monitor, folder: Path) -> list[Path]:
    """The window's answers, and those of the windows before, the newest ones, as many as there is room for.

    What a look has left that was not the first to judge is among them; a row's answer is the same in both.
    """
    kept = newest_since(monitor.objects.files(monitor.artifact_bucket, work.answers), _since(work))[:MOST_WINDOWS]
    sizes = accumulate(file.size for file in kept)
    fit = [file.key for file, together in zip(kept, sizes, strict=True) if together <= MOST_BYTES]

    def fetched(key: str) -> list[Path]:
        try:
            return [monitor.fetch(key, folder / f"before-{key.rpartition('/')[2]}")]
        except NotFoundError:
            return []  # it has expired

    with ThreadPoolExecutor(AT_ONCE) as fetchers:
        return [folder / "answers.parquet", *chain.from_iterable(fetchers.map(fetched, fit))]


def _written(work: Work, monitor: Monitor, judged: Judged, quality: Loss | None, folder: Path) -> Window:
    cursor, read = done_with(work.files, work.before)
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
        cursor=cursor,
        place=work.place,
        read=read,
        says=says_of(judged, quality),
        measures=measures_of(judged, quality, work.settings.limits),
    )
    report = report_of(work.project, work.release, window, judged, quality, work.settings.limits)
    objects, bucket = monitor.objects, monitor.artifact_bucket
    objects.put_file(bucket, f"{work.answers}{work.name}.parquet", folder / "answers.parquet")
    objects.put_bytes(bucket, f"{work.place}report.html", page(report).encode(), "text/html; charset=utf-8")
    objects.put_json(bucket, f"{work.place}report.json", report)
    return window


def _since(work: Work) -> datetime:
    return datetime.fromisoformat(work.now) - timedelta(days=LABEL_DAYS)
