"""What is looked at while a release bakes, and when the look is over.

Metrics of the release's own instances stand beside those of the version before. In a canary both take requests at the
same time, and a request is slow that takes longer than usual, by an amount that somebody would notice: the first ones
of an instance that has just begun take a little longer anyway. Where the release takes all requests at once there is
only the past to compare with, and what changed meanwhile may be the machine or the requests: there a request is slow
that takes twice as long as was usual, and more beside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any

from headgate.domain.rollout import ALARM_PERIOD, Wishes
from headgate.domain.stand import Stand
from headgate.domain.verdict import (
    COMMON,
    RARE,
    RARE_SINCE,
    Evidence,
    Judgement,
    Share,
    Signal,
    Verdict,
    VerdictRules,
    judge,
    since,
)

ERRORS, SLOW, SLOWEST, ANSWERS = "errors", "latency", "slowest requests", "answers"
PAST_SECONDS = 3600
"""What is usual is told by so much of the past."""
PROBES = 250
"""Requests of our own to the release, where others are too few: they show that no more than one in twenty fails."""
_SLOWER, _SLOWEST_SHARE = 0.25, 0.05
"""Shares of requests by which more may be slow, and as slow as one in a hundred was, before that matters."""
_WRONG = 0.05
"""Of the answers to our own requests, those that may be others than expected."""
_NOTICEABLE, _NOTICEABLE_LATER = 0.01, 0.05
"""Of the longest time that a project allows: by less nobody notices that one request is slower than another; and where
they are not compared at the same time."""
WAGERS = {ERRORS: RARE, SLOW: COMMON, SLOWEST: RARE}
"""Half of the requests are slower than the median of any version; the rest is rare, where all is well."""
WAGERS_SINCE = {ERRORS: RARE_SINCE, SLOW: COMMON, SLOWEST: RARE_SINCE}
"""The same beside the past alone."""
_AS_JUDGED = Share(10_000)
"""What answers are compared with: those that were judged are right by definition."""
_PROVING_PAUSE = 5
_LOOKS = 1500
"""A history of Step Functions holds 25,000 events (developer guide: service-quotas), nine of each look; the rest is for
the looks of the settlement."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The median and the 99th percentile of the latency of the version that serves, in microseconds."""

    median: float
    slowest: float


@dataclass(frozen=True, slots=True)
class SlowLimits:
    """What counts as slow, in microseconds: above `slow`, above `slowest`."""

    slow: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Period:
    """What instances did in one period of a metric: requests, and the percentages that were not slow."""

    requests: int
    errors: int
    below_slow: float = 100.0
    below_slowest: float = 100.0

    def share(self, signal: str) -> Share:
        """The period's requests as hits of a signal."""
        if signal == ERRORS:
            return Share(self.requests, min(self.errors, self.requests))
        below = self.below_slow if signal == SLOW else self.below_slowest
        return Share(self.requests, min(self.requests, max(0, round(self.requests * (100 - below) / 100))))


@dataclass(frozen=True, slots=True)
class PeriodsSeen:
    """All that was seen, period by period, the oldest first; `serving` at the same time, `past` before.

    `answers` are requests of our own to the release and how many of them had another answer than was judged.
    """

    canary: Sequence[Period] = ()
    serving: Sequence[Period] = ()
    past: Sequence[Period] = ()
    answers: Share = field(default_factory=Share)


def together(plan: Mapping[str, Any]) -> bool:
    """Whether the release and the version before take requests at the same time."""
    return len(plan["stages"]) > 1


def baking_seconds(plan: Mapping[str, Any]) -> int:
    """How long a stage bakes; where there is but one, how long the instances of the version before stay."""
    return int(plan["bake_seconds"] if together(plan) else plan["keep_seconds"])


def period_seconds(baking: int, published: int = ALARM_PERIOD) -> int:
    """The period of metrics: as often as the endpoints publish them that are compared, SageMaker's minute unless they
    say more; shorter bakes are those of a local cloud, which publishes at once.
    """
    return published if baking > 2 * ALARM_PERIOD else 1


def pause_seconds(baking: int, published: int = ALARM_PERIOD, limit: int = 0) -> int:
    """Seconds between two looks: metrics of a minute come once a minute, and a deployment that takes up to `limit`
    seconds is not looked at more often than its history has room for.
    """
    return max(min(30, published), -(-limit // _LOOKS)) if baking > 2 * ALARM_PERIOD else 1


def unguarded_pause(proving: int) -> int:
    """Seconds between two looks at a release that does not bake, and has so many to prove itself once it serves: until
    then its instances, and a quota, may be waited for, which has to fit into a history too.
    """
    return _PROVING_PAUSE if proving > 2 * ALARM_PERIOD else 1


def began(since: datetime, seconds: int) -> datetime:
    """The beginning of the period in which a moment lies, for periods that are whole parts of a minute."""
    return since.replace(microsecond=0, second=since.second - since.second % seconds)


def limits_of(usual: Usual | None, wishes: Wishes, *, at_once: bool) -> SlowLimits:
    """What is slow, by what is usual; where nothing is known of that, what the project does not allow."""
    longest = 1000 * wishes.max_latency_ms
    if usual is None:
        return SlowLimits(longest, longest)
    times, more = (2, _NOTICEABLE_LATER * longest) if at_once else (1, _NOTICEABLE * longest)
    return SlowLimits(times * usual.median + more, times * usual.slowest + more)


def rules_of(wishes: Wishes, *, answered: bool) -> VerdictRules:
    """The rules of a release; `answered`: its answers to requests of our own are compared, too."""
    signals = {
        ERRORS: Signal(wishes.max_error_percent / 100, weight=0.65),
        SLOW: Signal(_SLOWER, weight=0.32),
        SLOWEST: Signal(_SLOWEST_SHARE, weight=0.02, needed=False),
    }
    return VerdictRules(signals | ({ANSWERS: Signal(_WRONG, weight=0.01, needed=False)} if answered else {}))


PROOF = VerdictRules({ERRORS: Signal(_WRONG, weight=0.9), ANSWERS: Signal(_WRONG, weight=0.1)})
"""Of a release that is told by requests of our own alone: that no more than one in twenty fails, or has another answer
than expected, is what they can show."""


def proof_of(failed: Share, answers: Share) -> dict[str, Evidence]:
    """The evidence of requests of our own, whose failures and other answers are none where all is well."""
    return {ERRORS: since(failed, _AS_JUDGED), ANSWERS: since(answers, _AS_JUDGED)}


def evidence_of(seen: PeriodsSeen) -> dict[str, Evidence]:
    """The evidence for each signal: a block for each period with requests to the release.

    Beside each block stand the requests that the version before had at the same time. Where it had none, its past is
    all that there is to compare with.
    """
    evidence = {}
    together = any(period.requests for period in seen.serving)
    for name, wagers in WAGERS.items():
        canary = [period.share(name) for period in seen.canary]
        if together:
            known = Evidence(wagers)
            serving = (period.share(name) for period in seen.serving)
            for new, old in zip_longest(canary, serving, fillvalue=Share()):
                known = known.after(new, old)
        else:
            past = sum((period.share(name) for period in seen.past), Share())
            known = since(sum(canary, Share()), past, WAGERS_SINCE[name])
        evidence[name] = known
    if seen.answers.requests:
        evidence[ANSWERS] = since(seen.answers, _AS_JUDGED)
    return evidence


def stand_of(
    seen: PeriodsSeen, rules: VerdictRules, *, time_is_up: bool, passed: bool = False
) -> tuple[Stand, Judgement]:
    """Where the watch stands after a look. What passed once may still fail, and is not held any more."""
    return stood(judge(evidence_of(seen), rules), time_is_up=time_is_up, passed=passed)


def stood(judgement: Judgement, *, time_is_up: bool, passed: bool = False) -> tuple[Stand, Judgement]:
    """The same of a judgement."""
    if judgement.verdict == Verdict.FAIL:
        return Stand.FAILED, judgement
    if judgement.verdict == Verdict.PASS or passed:
        return Stand.PASSED, judgement
    return (Stand.HELD if time_is_up else Stand.WATCHING), judgement
