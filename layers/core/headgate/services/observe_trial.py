"""What is seen of a trial: how both versions do at the same time, and how far they agree.

Nothing is remembered between two looks: all that was seen is read again, so that a look may be doubled, late or lost.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from headgate.domain.agreement import agreement
from headgate.domain.alarms import VARIANT
from headgate.domain.captures import rows_of
from headgate.domain.contest import contest
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.domain.releases import Release
from headgate.domain.rollout import Wishes
from headgate.domain.stand import SHADOW, Stand
from headgate.domain.trial import Trial, agreed, in_trouble, metric_rules, stand_of_contest, stand_of_shadow
from headgate.domain.verdict import counted, judge
from headgate.domain.watch import Period, PeriodsSeen, Usual, evidence_of, limits_of, period_seconds
from headgate.services.captured import Captured
from headgate.services.watch_release import Watcher

_NOTHING = Period(0, 0)


def observe_trial(project: Project, release: Release, trial: Trial, watcher: Watcher, now: str) -> dict[str, Any]:
    """Look once at a trial that began; what was found, as it is kept with the release (`stand`, `said`, numbers)."""
    kept, wishes, until = dict(release.trial or {}), Wishes(**release.rollout), datetime.fromisoformat(now)
    since = datetime.fromisoformat(kept.get("since") or now)
    seen, usual = _measured(release, trial, wishes, watcher, since, until)
    evidence = evidence_of(seen)
    metrics = judge(evidence, metric_rules(wishes))
    captured = Captured(watcher.objects, watcher.artifact_bucket, project)
    time_is_up = (until - since).total_seconds() >= trial.seconds
    if trial.strategy == SHADOW:
        new, old = (captured.answers(trial.before, variant, since, until) for variant in (trial.variant, VARIANT))
        found = agreement(new, old)
        answers = agreed(found, wishes, metric_rules(wishes).least_requests)
        stand, said = stand_of_shadow(metrics, answers, time_is_up=time_is_up)
        told = {"agreement": found.document()}
    else:
        new, old = captured.first_answers(trial.before, (trial.variant, VARIANT), since, until)
        labels = contest(new, old, watcher.labels(project).files(since, rows_of(new, old)))
        enough = 0 < trial.labels <= labels.rows
        stand, said = stand_of_contest(metrics, labels, over=time_is_up or enough)
        told = {"contest": labels.document()}
    if stand == Stand.WATCHING and (trouble := in_trouble(seen, wishes)) is not None:
        stand, said = Stand.HELD, trouble
    return {
        **kept,
        "stand": str(stand),
        "said": said,
        "since": written(since),
        "at": now,
        "signals": counted(evidence),
        **told,
        "latency": usual,
    }


def _measured(
    release: Release, trial: Trial, wishes: Wishes, watcher: Watcher, since: datetime, until: datetime
) -> tuple[PeriodsSeen, Mapping[str, Any]]:
    """What the metrics tell of both; and the latency of each, in microseconds."""
    length, name = period_seconds(trial.seconds), release.endpoint
    start = since.replace(microsecond=0, second=0 if length > 1 else since.second)
    if start >= until:
        return PeriodsSeen(), {}

    def usual(variant: str) -> Usual | None:
        return watcher.measurements.usual(name, trial.config, start, until, variant)

    before, new = usual(VARIANT), usual(trial.variant)
    limits = limits_of(before, wishes, at_once=False)

    def periods(variant: str) -> dict[datetime, Period]:
        return watcher.measurements.periods(name, trial.config, limits, start, until, length, variant)

    serving, tried = periods(VARIANT), periods(trial.variant)
    times = sorted(serving.keys() | tried.keys())
    seen = PeriodsSeen([tried.get(at, _NOTHING) for at in times], [serving.get(at, _NOTHING) for at in times])
    return seen, {
        side: {"median": each.median, "slowest": each.slowest}
        for side, each in {"serving": before, "tried": new}.items()
        if each is not None
    }
