"""A version tried beside the one that serves, before it takes over: as a shadow, which is asked what users ask, and
whose answers nobody gets; or in an A/B test, in which it answers a part of the requests.

A trial changes the endpoint to a configuration of its own, in which the version that serves stays what it is: the same
model under the same name of a variant. In every ending the endpoint goes back to the configuration that it had. What is
found is kept with the release, and a version that goes on takes over afterwards as any other does.

AWS's rules: one shadow variant, and one production variant beside it (CreateEndpointConfig, API reference); neither on
serverless endpoints nor on Inf1 instances (developer guide: shadow-tests-create). A shadow gets the part of the
requests that its weight is of the production variant's.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from headgate.domain.agreement import Agreement
from headgate.domain.contest import Contest
from headgate.domain.rollout import ALARM_PERIOD, Wishes, duration
from headgate.domain.runs import Ending, Outcome
from headgate.domain.stand import AB, SHADOW, TRIALS, Stand
from headgate.domain.verdict import Judgement, Verdict, VerdictRules, interval
from headgate.domain.watch import PeriodsSeen, rules_of

_LOOKS = 200
_SHORTEST_PAUSE, _LONGEST_PAUSE = 30, 300
CHALLENGER = "challenger"
"""The new version's variant in an A/B test."""
_MOST_ANSWERED = 90
_NO_SHADOWS = ("ml.inf1.",)
_SUFFIX = "-try"
_TROUBLED_PERIODS, _TROUBLED_REQUESTS = 5, 20
_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: `config` is the configuration of the trial, `variant` the name of the new version's in it, and
    `before` the configuration that the endpoint goes back to.

    `percent` of the requests reach the new version, on so many `instances`, for `seconds`. Where `goes_on`, a version
    that did well takes over afterwards; else people are told, and nothing else is done.
    """

    strategy: str
    config: str
    variant: str
    before: str
    percent: int
    instances: int
    seconds: int
    goes_on: bool
    why: str
    labels: int = 0
    """So many labelled rows of each version end an A/B test; 0: only its time does."""

    @property
    def weight(self) -> float:
        """Of the new version's variant, where that of the version that serves is one, as it stays in every update."""
        return self.percent / 100 if self.strategy == SHADOW else self.percent / (100 - self.percent)

    def document(self) -> dict[str, Any]:
        """For the ledger and for programs, with what has been found until now: nothing."""
        return {**asdict(self), "stand": str(Stand.WATCHING)}


def of_document(kept: Mapping[str, Any]) -> Trial:
    """A trial as it was kept with its release."""
    return Trial(**{name: kept[name] for name in Trial.__dataclass_fields__ if name in kept})


def config_of(release: str) -> str:
    """The name of a release's trial configuration; the longest release leaves room for it in SageMaker's 63 letters."""
    return f"{release}{_SUFFIX}"


def planned_trial(
    wishes: Wishes,
    release: str,
    instance_type: str,
    before: str | None,
    serving: int,
    captured: int,
    *,
    serverless: bool = False,
) -> Trial | str:
    """The trial that a project asks for, or why there is none: "" where it asks for none.

    Args:
        wishes: what the project asks for.
        release: its name.
        instance_type: what it runs on.
        before: the configuration that serves; None where nothing does.
        serving: on how many instances.
        captured: the part of the requests that is captured with its answers, in percent.
        serverless: whether the version, or the one that serves, has no instances.
    """
    if wishes.strategy not in TRIALS:
        return ""
    if before is None:
        return "Nothing serves yet, so there is nothing to try the version beside."
    if serverless:
        return "SageMaker has nothing beside a variant without instances, so the version takes over without a trial."
    if wishes.strategy == SHADOW and instance_type.startswith(_NO_SHADOWS):
        return f"SageMaker has no shadows on {instance_type}, so the version takes over without a trial."
    planned = (_shadow if wishes.strategy == SHADOW else _contest)(wishes, release, before, serving)
    if captured:
        return planned
    unseen = "No answers are captured (endpoint.capture.percent is 0), so they cannot be compared: it will be held."
    return replace(planned, why=f"{planned.why} {unseen}")


def _shadow(wishes: Wishes, release: str, before: str, serving: int) -> Trial:
    percent = 100 if wishes.trial_percent is None else wishes.trial_percent
    seconds = 6 * wishes.bake_seconds if wishes.trial_seconds is None else wishes.trial_seconds
    instances = max(1, math.ceil(serving * percent / 100))
    part = "all requests" if percent == 100 else f"{percent} % of the requests"
    goes_on = wishes.shadow_then == "promote"
    then = "takes over if it agrees, is not slower and does not fail" if goes_on else "is reported"
    why = (
        f"For {duration(seconds)} the new version is asked {part} as a shadow, on {_counted(instances)} of its own; "
        f"nobody gets its answers. Then it is taken away and {then}."
    )
    return Trial(SHADOW, config_of(release), SHADOW, before, percent, instances, seconds, goes_on, why)


def _contest(wishes: Wishes, release: str, before: str, serving: int) -> Trial:
    percent = min(_MOST_ANSWERED, 50 if wishes.trial_percent is None else wishes.trial_percent)
    seconds = 144 * wishes.bake_seconds if wishes.trial_seconds is None else wishes.trial_seconds
    instances = max(1, math.ceil(serving * percent / 100))
    enough = f", or {wishes.ab_labels} labelled rows of each," if wishes.ab_labels else ""
    why = (
        f"The new version answers {percent} % of the requests, on {_counted(instances)} of its own, for "
        f"{duration(seconds)}{enough} at most. It takes over once labels tell that it is more often right, and "
        "goes once it is worse, fails or is slow; if neither is told, the version that serves stays."
    )
    return Trial(AB, config_of(release), CHALLENGER, before, percent, instances, seconds, True, why, wishes.ab_labels)


def _counted(instances: int) -> str:
    return "1 instance" if instances == 1 else f"{instances} instances"


def pause_of(trial: Trial) -> int:
    """Seconds between two looks: metrics come once a minute, and a week of looks has to fit into one history."""
    shortest = 1 if trial.seconds <= 2 * ALARM_PERIOD else _SHORTEST_PAUSE
    return min(max(trial.seconds // _LOOKS, shortest), _LONGEST_PAUSE)


def in_trouble(seen: PeriodsSeen, wishes: Wishes) -> str | None:
    """Whether the version that serves fails itself, in words: its own alarms do not see it during a trial, for they
    look at its own configuration; so the trial ends, and they do.
    """
    last = seen.serving[-_TROUBLED_PERIODS:]
    requests, errors = sum(period.requests for period in last), sum(period.errors for period in last)
    if requests < _TROUBLED_REQUESTS or 100 * errors <= wishes.max_error_percent * requests:
        return None
    return f"The version that serves fails itself ({errors} of its last {requests} requests), so the trial ended."


def metric_rules(wishes: Wishes) -> VerdictRules:
    """What is asked of a tried version's metrics: the same as of a release that takes requests."""
    return rules_of(wishes, answered=False)


def agreed(found: Agreement, wishes: Wishes, least: int) -> Judgement:
    """Whether a shadow agrees well enough, by a confidence sequence that holds however often one looks."""
    most, share = wishes.max_disagreement_percent / 100, found.share
    told = f"answers: {share.value:.2%} of {share.requests} requests were answered otherwise"
    low, high = interval(share, _ALPHA) if share.requests else (0.0, 1.0)
    if low > most:
        return Judgement(Verdict.FAIL, "answers", f"{told}, more than the {most:.0%} that are allowed.")
    if share.requests < least:
        few = f"answers: {share.requests} requests that both versions answered are too few to tell."
        return Judgement(Verdict.INCONCLUSIVE, "answers", few)
    if high > most:
        return Judgement(Verdict.INCONCLUSIVE, "answers", f"{told}, which may be more than the {most:.0%} allowed.")
    return Judgement(Verdict.PASS, None, f"{told}.")


def stand_of_shadow(metrics: Judgement, answers: Judgement, *, time_is_up: bool) -> tuple[Stand, str]:
    """Where a shadow stands: what fails ends the trial at once, for it costs money; all else waits for its end."""
    worse = [each for each in (metrics, answers) if each.verdict == Verdict.FAIL]
    if worse:
        return Stand.FAILED, " ".join(each.reason for each in worse)
    if not time_is_up:
        return Stand.WATCHING, ""
    unsure = [each for each in (metrics, answers) if each.verdict == Verdict.INCONCLUSIVE]
    if unsure:
        return Stand.HELD, " ".join(each.reason for each in unsure)
    return Stand.PASSED, f"{metrics.reason} {answers.reason[0].upper()}{answers.reason[1:]}"


def stand_of_contest(metrics: Judgement, labels: Contest, *, over: bool) -> tuple[Stand, str]:
    """Where an A/B test stands. Only what is better beyond chance takes over, and only with good metrics."""
    if metrics.verdict == Verdict.FAIL:
        return Stand.FAILED, metrics.reason
    if labels.is_worse:
        return Stand.FAILED, f"{labels.words}, which is no chance."
    if labels.is_better and metrics.verdict == Verdict.PASS:
        return Stand.PASSED, f"{labels.words}, which is no chance. {metrics.reason}"
    if not over:
        return Stand.WATCHING, ""
    unsure = f" {metrics.reason}" if metrics.verdict == Verdict.INCONCLUSIVE else ""
    chance = "is no chance" if labels.is_better else "may be chance"
    return Stand.HELD, f"{labels.words}, which {chance}.{unsure}"


def ended(version: str, kept: Mapping[str, Any]) -> Ending:
    """The ending of a release whose trial is over, and that does not go on."""
    said, stand, kind = str(kept.get("said", "")), kept["stand"], str(kept["strategy"]).upper()
    tried = "as a shadow" if kept["strategy"] == SHADOW else "in its A/B test"
    if stand == Stand.PASSED:
        reason = (
            f"Version {version} did well {tried} and is registered; nothing was promoted, as the project asks. "
            f"{said} To have the next one take over set endpoint.rollout.shadow_then to promote; to have this one, do "
            "so and drop the dataset again."
        )
        return Ending(Outcome.NOT_PROMOTED, f"{kind}_REPORTED", reason, version)
    if stand == Stand.FAILED:
        reason = f"Version {version} did worse {tried} than the version that serves, which serves on: {said}"
        return Ending(Outcome.NOT_PROMOTED, f"{kind}_WORSE", reason, version)
    told = "does as well as" if kept["strategy"] == SHADOW else "is better than"
    more = "requests" if kept["strategy"] == SHADOW else "labels (headgate feedback)"
    reason = (
        f"Whether version {version} {told} the version that serves could not be told, so that one serves on: "
        f"{said} Give it more time (endpoint.rollout.trial_minutes) or {more}, and drop the dataset again."
    )
    return Ending(Outcome.NOT_PROMOTED, f"{kind}_HELD", reason, version)
