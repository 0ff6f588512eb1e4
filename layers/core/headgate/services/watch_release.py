"""Watch a release while it bakes: look, judge, and say whether the requests have to go back.

Nothing is remembered between two looks but the verdict: all that was seen is read again from the metrics. So a look may
be doubled, late or lost.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from headgate.aws.cloudwatch import Measurements
from headgate.aws.ledger import Ledger
from headgate.aws.runtime import Requests
from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Endpoints
from headgate.domain.alarms import VARIANT
from headgate.domain.answers import same_answer
from headgate.domain.captures import rows_of
from headgate.domain.errors import NotFoundError
from headgate.domain.moments import written
from headgate.domain.names import Project
from headgate.domain.releases import (
    EndpointState,
    Release,
    ReleaseState,
    is_looked_after,
    is_on_probation,
    is_turned_back,
)
from headgate.domain.rollout import Wishes
from headgate.domain.stand import FINAL, Stand
from headgate.domain.told import Told
from headgate.domain.verdict import Evidence, Judgement, Share, counted, judge
from headgate.domain.watch import (
    PAST_SECONDS,
    PROBES,
    PROOF,
    Period,
    PeriodsSeen,
    baking_seconds,
    began,
    evidence_of,
    limits_of,
    pause_seconds,
    period_seconds,
    proof_of,
    rules_of,
    stand_of,
    stood,
    together,
    unguarded_pause,
)
from headgate.services.captured import Captured
from headgate.services.commands import OfRelease
from headgate.services.labels import Labels, untold

OVER, SOON = {"outcome": "OVER"}, {"outcome": "SOON"}
"""Whether to look again: not at all, or in a second; `LATER` tells after how many `seconds`."""
_NOTHING = Period(0, 0)
_PROBING_SECONDS = 15.0
"""Seconds that a look may spend on requests of our own, if the bake is not so short that it may spend a third of it."""
_PROVING_SECONDS = 30.0
"""The same where nothing else tells, and the first request may wait for a start."""


@dataclass(frozen=True, slots=True)
class WatchRelease(OfRelease):
    """The command: which release."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """What a look needs of the world."""

    ledger: Ledger
    endpoints: Endpoints
    measurements: Measurements
    requests: Requests
    objects: Objects
    artifact_bucket: str
    data_bucket: str
    missed: Callable[[str, str], None] = untold

    def labels(self, project: Project) -> Labels:
        """The labels that came for a project's answers."""
        return Labels(project, self.objects, self.data_bucket, self.missed)


def watch_release(command: WatchRelease, watcher: Watcher, *, now: str) -> dict[str, Any]:
    """Look once: before the release goes its way at what is usual, and while it bakes at how it does.

    Safe to repeat at any time.

    Returns:
        `SOON` or `LATER` (in so many `seconds`), when to look again; or `OVER` when there is nothing more to see: the
        release is settled or turned back, or nobody but its settlement takes it back and the last word is said.
    """
    project = command.project
    release = watcher.ledger.release(project, command.sequence)
    if release is None:
        raise NotFoundError(f"Release {command.sequence} of {project.endpoint} is not in the ledger.")
    stand = Stand(release.verdict["stand"]) if release.verdict else Stand.WATCHING
    if release.ending is not None or (stand in FINAL and not (release.plan or {}).get("guarded")):
        return OVER
    if release.repeats is not None:
        return OVER  # a rollback goes all at once, and nothing has to be seen before
    champion = watcher.ledger.head(project).champion
    if champion is None:
        return OVER  # there is nothing to compare it with, and nothing to go back to
    serving = watcher.ledger.release(project, champion.sequence)
    look = _Look(project, release, serving, project.release_name(champion.sequence), datetime.fromisoformat(now))
    if release.state == ReleaseState.PLANNED:
        _make_usual_known(look, watcher)
        return SOON
    return _begun(look, stand, watcher) if is_looked_after(release) else OVER


def _begun(look: "_Look", stand: Stand, watcher: Watcher) -> dict[str, Any]:
    """A look at a release on its way into service, or there on probation."""
    release, endpoint = look.release, watcher.endpoints.describe(look.release.endpoint)
    if endpoint is None:
        return _again(look)  # it is made anew, or gone for good: then the settlement says so
    if _came_to_rest(release, endpoint):
        return OVER
    if stand in FINAL:  # said by a person too: again until SageMaker heard it
        watcher.measurements.take_back(release.name, wanted=True)
    elif is_on_probation(release, endpoint):
        return _proved(look, endpoint, watcher)
    elif endpoint.baking_since:
        _judge(look, endpoint, stand, watcher)
    return _again(look)


def _came_to_rest(release: Release, endpoint: EndpointState) -> bool:
    serves = endpoint.config == release.name and not endpoint.in_progress and not is_on_probation(release, endpoint)
    return serves or is_turned_back(release, endpoint)


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at a release at a time; `before` is the configuration that served, or still serves beside it, of the
    release `serving`.
    """

    project: Project
    release: Release
    serving: Release | None
    before: str
    now: datetime

    @property
    def plan(self) -> Mapping[str, Any]:
        return self.release.plan or {}

    @property
    def wishes(self) -> Wishes:
        return Wishes(**self.release.rollout)

    @property
    def published(self) -> int:
        """How often both publish their metrics: what one tells by the minute is compared by the minute."""
        others = Wishes(**self.serving.rollout).metrics_seconds if self.serving is not None else 0
        return max(self.wishes.metrics_seconds, others)

    @property
    def pause(self) -> int:
        """Seconds until the next look."""
        if not self.plan.get("guarded"):
            return unguarded_pause(self.plan.get("bake_seconds", 0))
        return pause_seconds(baking_seconds(self.plan), self.published, self.plan.get("limit_seconds", 0))

    @property
    def golden_key(self) -> str:
        return f"{self.project.run_folder(self.release.run)}evaluation/golden.json"

    @property
    def past(self) -> datetime:
        return datetime.fromisoformat(self.release.at) - timedelta(seconds=PAST_SECONDS)


def _again(look: _Look) -> dict[str, Any]:
    return SOON if look.pause == 1 else {"outcome": "LATER", "seconds": look.pause}


def _make_usual_known(look: _Look, watcher: Watcher) -> None:
    """Before the endpoint is changed, make sure that there is something to compare the release with.

    An endpoint that is gone is not asked: IAM allows that by its tag, so it would be a refusal.
    """
    if watcher.endpoints.describe(look.release.endpoint) is None:
        return
    limits = limits_of(None, look.wishes, at_once=True)
    found = watcher.measurements.periods(look.release.endpoint, look.before, limits, look.past, look.now, 60)
    if sum(period.requests for period in found.values()) < PROBES:
        _asked(look, watcher, PROBES, _PROBING_SECONDS)


def _judge(look: _Look, endpoint: EndpointState, stand: Stand, watcher: Watcher) -> None:
    begun = time.monotonic()
    release, baking = look.release, baking_seconds(look.plan)
    since = datetime.fromisoformat(endpoint.baking_since)
    observed, rules = _observed(look, since, watcher), rules_of(look.wishes, answered=False)
    passed = stand == Stand.PASSED
    found, judgement = stand_of(observed, rules, time_is_up=False, passed=passed)
    if stand == Stand.WATCHING and found != Stand.FAILED:  # nothing passes whose answers nobody compared
        asked = _ask_more(look, watcher)
        # Once more: of metrics that come by the second, those of what was asked just now are there.
        observed = replace(_observed(look, since, watcher), answers=asked)
        pause, spent = look.pause, time.monotonic() - begun
        # Would the next look, which takes as long as this one, still be in time?
        time_is_up = (look.now - since).total_seconds() + 2 * spent + pause + baking / 10 > baking
        rules = rules_of(look.wishes, answered=bool(asked.requests))
        found, judgement = stand_of(observed, rules, time_is_up=time_is_up, passed=passed)
    evidence = evidence_of(observed)
    if found != Stand.FAILED:
        told = _told(look, since, watcher)
        evidence |= told.evidence
        if (worse := told.worse()) is not None:
            found, judgement = Stand.FAILED, worse
    watcher.measurements.take_back(release.name, wanted=found in FINAL)
    if found != stand:
        document = _document(found, judgement, evidence, look.now)
        watcher.ledger.keep_verdict(look.project, release.sequence, document)


def _proved(look: _Look, endpoint: EndpointState, watcher: Watcher) -> dict[str, Any]:
    """A look at a release that nobody takes back but whoever settles it: asked by ourselves, it passes or does not.

    Nothing of an earlier look counts, for nothing of it is kept.
    """
    failed, answers = _asked(look, watcher, PROBES, _PROVING_SECONDS)
    compared = look.release.format == "float32"  # smaller formats answer nearly alike
    evidence = proof_of(failed, answers if compared else failed)
    time_is_up = (
        look.now - datetime.fromisoformat(endpoint.modified_at or look.release.at)
    ).total_seconds() > look.plan["bake_seconds"]
    found, judgement = stood(judge(evidence, PROOF), time_is_up=time_is_up)
    if found == Stand.WATCHING:
        return _again(look)
    document = _document(found, judgement, evidence, look.now)
    watcher.ledger.keep_verdict(look.project, look.release.sequence, document)
    return OVER


def _ask_more(look: _Look, watcher: Watcher) -> Share:
    """Requests of our own in the bake, as many as let some reach the release; how many of its answers were others.

    Only where all requests go to the release it is the release that answers; smaller formats answer nearly alike.
    """
    stages, baking = look.plan["stages"], baking_seconds(look.plan)
    number, longest = PROBES * stages[-1] // stages[0], min(_PROBING_SECONDS, baking / 3)
    compare = not together(look.plan) and look.release.format == "float32"
    _, answers = _asked(look, watcher, number, longest)
    return answers if compare else Share()


def _observed(look: _Look, since: datetime, watcher: Watcher) -> PeriodsSeen:
    """All that the metrics tell. Of metrics that come by the period the last one is left out, for it is not whole."""
    release, name = look.release, look.release.endpoint
    seconds = period_seconds(baking_seconds(look.plan), look.published)
    start = began(since, seconds)
    until = look.now + timedelta(seconds=-seconds if seconds > 1 else _PROBING_SECONDS)
    at_once = not together(look.plan)
    usual = watcher.measurements.usual(name, look.before, look.past, start)
    limits = limits_of(usual, look.wishes, at_once=at_once)

    def periods(config: str, begin: datetime, end: datetime, length: int) -> dict[datetime, Any]:
        return watcher.measurements.periods(name, config, limits, begin, end, length) if begin < end else {}

    canary = periods(release.name, start, until, seconds)
    serving = {} if at_once else periods(look.before, start, until, seconds)
    past = periods(look.before, look.past, since if at_once else start, 60)
    times = sorted(canary.keys() | serving.keys())
    return PeriodsSeen(
        [canary.get(at, _NOTHING) for at in times],
        [serving.get(at, _NOTHING) for at in times] if serving else [],
        list(past.values()),
    )


def _told(look: _Look, since: datetime, watcher: Watcher) -> Told:
    """What users were answered, as far as it is captured: by the release, and by the version before."""
    if not look.release.capture_percent:
        return Told()
    captured = Captured(watcher.objects, watcher.artifact_bucket, look.project)
    new = captured.answers(look.release.name, VARIANT, since, look.now)
    if not new:
        return Told()
    serving = captured.answers(look.before, VARIANT, since, look.now) if together(look.plan) else []
    past = [] if serving else captured.answers(look.before, VARIANT, look.past, since)
    labels = watcher.labels(look.project).newest(look.past, rows_of(new, serving, past))
    return Told(new, serving, past, labels)


def _asked(look: _Look, watcher: Watcher, number: int, longest: float) -> tuple[Share, Share]:
    """Ask the endpoint what the version was asked before it was judged; which instances answer, the endpoint decides.

    So many requests, or as many as the seconds suffice for.

    Returns:
        How many failed; and of the answers, how many are not those that were expected.
    """
    examples = watcher.objects.get_json(watcher.artifact_bucket, look.golden_key)["golden"]
    begun, failed, answers = time.monotonic(), Share(), Share()
    for example in islice(cycle(examples), number):
        reply = watcher.requests.ask(look.release.endpoint, example["request"])
        failed += Share(1, int(reply.failed))
        if reply.answer is not None:
            answers += Share(1, int(not same_answer(reply.answer, example["answer"])))
        if time.monotonic() - begun > longest:
            break
    return failed, answers


def _document(stand: Stand, judgement: Judgement, evidence: Mapping[str, Evidence], at: datetime) -> dict[str, Any]:
    """The verdict for the ledger: the word, its reason, and the numbers that it rests on."""
    return {"stand": str(stand), "reason": judgement.reason, "signals": counted(evidence), "at": written(at)}
