"""How a version goes into service: how many instances take requests first, how long each step bakes, and why so.

A plan is valid by construction under the rules that AWS documents for UpdateEndpoint's DeploymentConfig: a canary of at
most half of the instances, linear steps of 10 to 50 %, rolling batches of 5 to 50 %, waits of 0 to 3600 seconds, a time
limit of 600 to 28800 seconds that is larger than all waits together, 1 to 10 alarms, one policy (API reference:
TrafficRoutingConfig, BlueGreenUpdatePolicy, RollingUpdatePolicy, AutoRollbackConfig), and none of them for instances
that SageMaker excludes (developer guide: deployment-guardrails-exclusions). Sizes are whole instances, because it is
not documented what a percentage is rounded to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from headgate.domain.stand import TRIALS

LONGEST_WAIT = 3600
LONGEST_DEPLOYMENT = 28_800
SHORTEST_LIMIT = 600
ALARM_PERIOD = 60
"""Seconds that an alarm looks at: SageMaker publishes the metrics of invocations once a minute."""


_PROVISIONING, _PROVISIONING_OF_A_STEP = 1800, 600
"""Seconds that instances may take to come up, beside the waits: for the whole, and more for each step."""
_UNGUARDED = ("ml.inf1.",)
_SCARCE = ("ml.g", "ml.p", "ml.inf", "ml.trn")
"""Accelerated machines: a second fleet of them is expensive, and often not to be had."""


_PROVED = "requests of our own show whether it answers as it was judged, or the version before has them again"


class Strategy(StrEnum):
    """How requests move from the version that serves to the new one."""

    ALL_AT_ONCE = "all_at_once"
    CANARY = "canary"
    LINEAR = "linear"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a project asks for; `auto` leaves the strategy to the planner. `keep_seconds` None: as long as a bake.

    `metrics_seconds` is how often the endpoint publishes its metrics: 60, or 10.
    A strategy of `TRIALS` asks for a trial first, for `trial_seconds` with `trial_percent` of the requests (None: as
    long, and as many, as the strategy says itself); how the version takes over afterwards is then left to the planner.
    """

    bake_seconds: int = 600
    strategy: str = "auto"
    canary_percent: int = 10
    step_percent: int = 25
    keep_seconds: int | None = None
    max_error_percent: float = 5.0
    max_latency_ms: float = 1000.0
    trial_seconds: int | None = None
    trial_percent: int | None = None
    ab_labels: int = 0
    shadow_then: str = "report"
    max_disagreement_percent: float = 20.0
    metrics_seconds: int = 60

    @property
    def way(self) -> str:
        """How requests shall move, `auto` where the planner chooses."""
        return "auto" if self.strategy in TRIALS else self.strategy

    @classmethod
    def of(cls, settings: Mapping[str, Any], bake_seconds: int) -> "Wishes":
        """From `endpoint.rollout` of project.yaml; `bake_seconds` is the deployment's default."""
        given = {name: value for name, value in settings.items() if value is not None}
        bake, keep = given.pop("bake_minutes", None), given.pop("termination_wait_minutes", None)
        trial = given.pop("trial_minutes", None)
        return cls(
            trial_seconds=None if trial is None else max(1, round(60 * trial)),
            bake_seconds=bake_seconds if bake is None else round(60 * bake),
            keep_seconds=None if keep is None else round(60 * keep),
            **given,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to an endpoint.

    `stages` holds how many instances of the new version take requests, stage by stage; the last is all of them. Each
    stage before the last bakes for `bake_seconds`; the last for `keep_seconds`, with the old instances still there,
    except in a rolling deployment, which keeps none. Where there is a way back, `back_to` is the configuration that
    requests go back to once the version serves, unless its watch has passed it by then, or requests of our own show
    within `bake_seconds` that it does well.
    """

    strategy: Strategy
    guarded: bool
    stages: tuple[int, ...]
    bake_seconds: int
    keep_seconds: int
    limit_seconds: int
    reason: str
    back_to: str = ""

    @property
    def wait_seconds(self) -> int:
        """All waits together."""
        return self.bake_seconds * (len(self.stages) - 1) + self.keep_seconds

    def document(self) -> dict[str, Any]:
        """The plan for the ledger and for programs."""
        return {**asdict(self), "strategy": str(self.strategy), "stages": list(self.stages)}

    def deployment(self, alarms: Sequence[str]) -> dict[str, Any] | None:
        """The DeploymentConfig of UpdateEndpoint that does it, turned back by these alarms; None: unguarded."""
        if not self.guarded:
            return None
        size = {"Type": "INSTANCE_COUNT", "Value": self.stages[0]}
        rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}}
        limit = {"MaximumExecutionTimeoutInSeconds": self.limit_seconds}
        if self.strategy == Strategy.ROLLING:
            policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": self.bake_seconds, **limit}
            return {"RollingUpdatePolicy": policy, **rollback}
        member = {Strategy.CANARY: "CanarySize", Strategy.LINEAR: "LinearStepSize"}.get(self.strategy)
        routing = {
            "Type": str(self.strategy).upper(),
            "WaitIntervalInSeconds": self.bake_seconds if member else 0,
            **({member: size} if member else {}),
        }
        green = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": self.keep_seconds, **limit}
        return {"BlueGreenUpdatePolicy": green, **rollback}


def plan(wishes: Wishes, instance_type: str, serving: int | None, back_to: str = "") -> Plan:
    """Choose how a release goes into service.

    Args:
        wishes: what the project asks for.
        instance_type: what the release runs on.
        serving: how many instances serve now, which an update keeps; None when nothing serves.
        back_to: the configuration of the version before; "" when there is none.
    """
    if serving is None and back_to:
        return _unguarded(1, f"The endpoint failed and serves nobody, so it is made anew; {_PROVED}.", wishes, back_to)
    if serving is None:
        reason = "Nothing serves yet: the endpoint is created, and there is no version before to fall back to."
        return _unguarded(1, reason)
    if instance_type.startswith(_UNGUARDED):
        reason = (
            f"SageMaker guards no deployment on {instance_type}: all requests move to the new version at once, and no "
            f"alarm brings them back{f'; {_PROVED}' if back_to else ''}."
        )
        return _unguarded(serving, reason, wishes, back_to)
    strategy, because = _strategy(wishes, instance_type, serving)
    size = _size(strategy, wishes, serving)
    stages = (size, serving) if strategy == Strategy.CANARY else (*range(size, serving, size), serving)
    bake = min(wishes.bake_seconds, LONGEST_WAIT)
    keep = min(bake if wishes.keep_seconds is None else wishes.keep_seconds, LONGEST_WAIT)
    if strategy == Strategy.ROLLING:
        keep = bake  # its last batch bakes like the others
    elif strategy == Strategy.ALL_AT_ONCE:
        keep = max(bake, keep)  # the only time in which an alarm can turn it back
    bake, keep, limit, shortened = _fitted(bake, keep, len(stages))
    said = [because, _told(strategy, stages, bake, keep), shortened, _blind(bake if len(stages) > 1 else keep)]
    reason = " ".join(sentence for sentence in said if sentence)
    return Plan(strategy, True, stages, bake, keep, limit, reason, back_to)


def rollback_plan(serving: int | None) -> Plan:
    """How a rollback goes: at once, with nothing that waits or could turn it back to what it leaves."""
    reason = "A version that served well before takes all requests at once, and nothing waits."
    return _unguarded(serving or 1, reason)


def serverless_plan(wishes: Wishes, *, to_instances: bool, back_to: str = "") -> Plan:
    """How a version goes into service where a serverless endpoint is, or was: SageMaker guards nothing there.

    `back_to` is the serverless configuration that serves; "" where there is none, or no way back to it.
    """
    kept = "" if to_instances else ", no request is captured, and the first one after a pause waits for a start"
    proved = f", {_PROVED}; then" if back_to else ""
    reason = (
        "A serverless endpoint has no instances to split, and SageMaker guards no deployment of it: the new version "
        f"takes all requests at once{proved}, the alarms that watch what serves lead back{kept}."
    )
    return _unguarded(1, reason, wishes, back_to)


def _unguarded(instances: int, reason: str, wishes: Wishes | None = None, back_to: str = "") -> Plan:
    prove = min(wishes.bake_seconds, LONGEST_WAIT) if wishes is not None and back_to else 0
    return Plan(Strategy.ALL_AT_ONCE, False, (instances,), prove, 0, SHORTEST_LIMIT, reason, back_to)


def _strategy(wishes: Wishes, instance_type: str, serving: int) -> tuple[Strategy, str]:
    if serving == 1 and wishes.way != Strategy.ALL_AT_ONCE:
        asked = "" if wishes.way == "auto" else f", so there is no {wishes.way} deployment of it"
        return Strategy.ALL_AT_ONCE, f"A single instance cannot be split, and a canary is at most half of them{asked}."
    if wishes.way != "auto":
        return Strategy(wishes.way), f"The project asks for {wishes.way}."
    if instance_type.startswith(_SCARCE):
        scarce = (
            f"A second fleet of {instance_type} is expensive and may not be had, so the instances are replaced in turn."
        )
        return Strategy.ROLLING, scarce
    return Strategy.CANARY, f"{serving} instances can be split."


def _size(strategy: Strategy, wishes: Wishes, serving: int) -> int:
    """Instances of the first stage: the wished share, rounded down, within the bounds of AWS."""
    if strategy == Strategy.ALL_AT_ONCE:
        return serving
    share = wishes.canary_percent if strategy == Strategy.CANARY else wishes.step_percent
    least = {Strategy.CANARY: 1, Strategy.LINEAR: -(-serving // 10), Strategy.ROLLING: -(-serving // 20)}[strategy]
    return min(max(serving * share // 100, least), serving // 2)


def _fitted(bake: int, keep: int, stages: int) -> tuple[int, int, int, str]:
    """The waits, shortened evenly where a deployment would not end in time; the time limit; and what to say of it."""
    # It is not documented whether the last linear step waits as the others do, so the limit has room for that too.
    work = max(_PROVISIONING + _PROVISIONING_OF_A_STEP * stages, bake + _PROVISIONING_OF_A_STEP)
    waits, room, said = bake * (stages - 1) + keep, LONGEST_DEPLOYMENT - work, ""
    if waits > room:
        bake, keep = bake * room // waits, keep * room // waits
        waits = bake * (stages - 1) + keep
        said = f"The waits are shortened: SageMaker lets a deployment take {LONGEST_DEPLOYMENT // 3600} hours at most."
    return bake, keep, waits + work, said


def _told(strategy: Strategy, stages: Sequence[int], bake: int, keep: int) -> str:
    every, first = stages[-1], stages[0]
    if strategy == Strategy.ALL_AT_ONCE:
        new = "An instance" if every == 1 else f"{every} instances"
        return (
            f"{new} with the new version take{'s' if every == 1 else ''} all requests at once; the old stay"
            f"{'s' if every == 1 else ''} up for {duration(keep)}, and an alarm brings the requests back."
        )
    if strategy == Strategy.CANARY:
        return (
            f"{first} of {every} instances with the new version take{'s' if first == 1 else ''} requests first; after "
            f"{duration(bake)} without an alarm all do, and the old ones stay up for {duration(keep)} more."
        )
    if strategy == Strategy.LINEAR:
        return (
            f"{first} more of {every} instances with the new version take requests every {duration(bake)} without an "
            f"alarm, in {len(stages)} steps; then the old ones stay up for {duration(keep)} more."
        )
    return (
        f"{first} of {every} instances {'is' if first == 1 else 'are'} replaced at a time, in {len(stages)} batches "
        f"that bake for {duration(bake)} each; an alarm brings the old ones back."
    )


def _blind(bake: int) -> str:
    if bake > ALARM_PERIOD:
        return ""
    return f"An alarm looks at {ALARM_PERIOD} seconds, so within {duration(bake)} it may not ring in time."


def duration(seconds: int) -> str:
    """A wait as people read it: 45 s, 10 min."""
    return f"{seconds // 60} min" if seconds and seconds % 60 == 0 else f"{seconds} s"
