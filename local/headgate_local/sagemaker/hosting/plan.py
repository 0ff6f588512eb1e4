"""What a deployment does, step by step, computed from its configuration alone. Pure.

A step is the state that a deployment goes to: how many instances either fleet runs, and which share of the traffic the
new one gets. Whoever takes the steps lets first grow what grows, then shifts the traffic, then waits while alarms are
watched (baking), and then lets shrink what shrinks. The way back is steps too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record

Counts = Mapping[str, int]
"""Instances by variant."""

ROLLING = "RollingUpdatePolicy"
BLUE_GREEN = "BlueGreenUpdatePolicy"
NO_GUARDRAILS = ("ml.inf1.",)
"""Instance types whose endpoints fall back to all at once without baking, as AWS documents."""


@dataclass(frozen=True)
class Step:
    """Where a deployment goes next."""

    old: Counts
    """Instances of the old fleet that stay once the step is over."""
    new: Counts
    """Instances of the new fleet that run."""
    active: Counts
    """Instances' worth of traffic that the new fleet gets."""
    total: Counts
    """What ``active`` is a part of: a variant's instances when all is done."""
    wait: float = 0.0
    """Seconds to bake."""
    waits_for: str = "TerminationWaitInSeconds"
    """The member of the configuration that says so."""
    otherwise: float = 1.0
    """The share of a variant that has no instances to count: a serverless one, or one that goes away."""

    def share(self, variant: str) -> float:
        """The part of a variant's traffic that goes to the new fleet."""
        return self.active[variant] / self.total[variant] if self.total.get(variant) else self.otherwise

    @property
    def traffic(self) -> str:
        """What has traffic, in the words of a VariantStatus."""
        active = sum(self.active.values())
        full = active >= sum(self.total.values())
        return f"{'full' if full else 'canary'} capacity of {active} instance(s)"


def steps(deployment: Record, old: Counts, new: Counts) -> tuple[Step, ...]:
    """The steps from a fleet of these counts to another one, under a DeploymentConfig that ``check`` let pass."""
    if ROLLING in deployment:
        return _rolling(deployment[ROLLING], old, new)
    policy = deployment.get(BLUE_GREEN, {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    size = routing.get("CanarySize") or routing.get("LinearStepSize")
    found = []
    if routing["Type"] != "ALL_AT_ONCE" and size:
        repeated = routing["Type"] == "LINEAR"
        for active in _stages(size, new, repeated=repeated):
            wait = routing["WaitIntervalInSeconds"]
            found.append(Step(old, new, active, new, wait, "WaitIntervalInSeconds"))
    last = Step(dict.fromkeys(old, 0), new, new, new, policy.get("TerminationWaitInSeconds", 0))
    return (*found, last)


def _rolling(policy: Record, old: Counts, new: Counts) -> tuple[Step, ...]:
    wait = policy["WaitIntervalInSeconds"]
    found = []
    for active in (*_stages(policy["MaximumBatchSize"], new, repeated=True), new):
        left = {name: _part(count, new[name] - active[name], new[name]) for name, count in old.items()}
        found.append(Step(left, active, active, new, wait, "WaitIntervalInSeconds"))
    return tuple(found)


def _stages(size: Record, counts: Counts, *, repeated: bool) -> list[Counts]:
    """The instances with traffic in each stage before the last, which has all; variants with fewer stages wait."""
    by_variant = []
    for count in counts.values():
        step = instances(size, count)
        by_variant.append(list(range(step, count, step)) if repeated else [step])
    padded = zip_longest(*by_variant)
    return [
        {name: counts[name] if active is None else active for name, active in zip(counts, stage, strict=True)}
        for stage in padded
    ]


def way_back(deployment: Record, now: tuple[Counts, Counts], old: Counts, new: Counts) -> tuple[Step, ...]:
    """The steps back to the old fleet when its and the new one's instances are ``now``.

    A blue/green deployment has the old fleet still, so all traffic returns in one step. A rolling one lets it grow
    again, in batches of RollbackMaximumBatchSize (all at once when not given).
    """
    nothing = dict.fromkeys(new, 0)
    last = Step(old, nothing, nothing, new, otherwise=0.0)
    size = deployment.get(ROLLING, {}).get("RollbackMaximumBatchSize")
    if size is None:
        return (last,)
    found = []
    ((name, whole),) = old.items()  # a rolling deployment has one variant
    batch = instances(size, whole)
    for grown in range(now[0][name] + batch, whole, batch):
        active = _part(new[name], whole - grown, whole)
        found.append(Step({name: grown}, {name: min(active, now[1][name])}, {name: active}, new))
    return (*found, last)


def _part(count: int, of: int, whole: int) -> int:
    """So many instances' part, rounded up; in whole numbers, which do not err."""
    return -(-count * of // whole)


def instances(size: Record, count: int) -> int:
    """A CapacitySize as instances of so many: at least one, and a percentage rounded down."""
    value: int = size["Value"]
    return max(1, count * value // 100 if size["Type"] == "CAPACITY_PERCENT" else value)


def effective(deployment: Record, variants: Iterable[Record]) -> Record:
    """The deployment as AWS carries it out: all at once without baking where guardrails are not to be had."""
    excluded = any(
        "ServerlessConfig" in variant or variant.get("InstanceType", "").startswith(NO_GUARDRAILS)
        for variant in variants
    )
    return {} if excluded else deployment


def check(deployment: Record, old: Sequence[str], variants: Sequence[Record], counts: Counts) -> None:
    """Raise AWS's refusal of a DeploymentConfig for an update from variants of these names to these variants.

    `counts` are the instances that the variants will have.
    """
    if BLUE_GREEN in deployment and ROLLING in deployment:
        raise invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy may be given in DeploymentConfig.")
    if not deployment:
        return
    names = [variant["VariantName"] for variant in variants]
    if set(names) != set(old):
        raise invalid(
            "A deployment with a DeploymentConfig needs the same variant names in the old and the new endpoint "
            f"configuration; they are {', '.join(sorted(old))} and {', '.join(sorted(names))}."
        )
    if ROLLING in deployment:
        if len(names) > 1:
            raise invalid("Rolling deployments do not support endpoints with several variants.")
        if any("ServerlessConfig" in variant for variant in variants):
            raise invalid("Rolling deployments do not support serverless endpoints.")
        _check_size("MaximumBatchSize", deployment[ROLLING]["MaximumBatchSize"], counts, (5, 50))
        if "RollbackMaximumBatchSize" in deployment[ROLLING]:
            size = deployment[ROLLING]["RollbackMaximumBatchSize"]
            _check_size("RollbackMaximumBatchSize", size, counts, (0, 100))
    elif BLUE_GREEN in deployment and not any("ServerlessConfig" in variant for variant in variants):
        _check_routing(deployment[BLUE_GREEN]["TrafficRoutingConfiguration"], counts)
    _check_time(deployment, counts)


def _check_routing(routing: Record, counts: Counts) -> None:
    kind = routing["Type"]
    for member, of, bounds in (("CanarySize", "CANARY", (0, 50)), ("LinearStepSize", "LINEAR", (10, 50))):
        if (kind == of) != (member in routing):
            must = "needs" if kind == of else "must not have"
            raise invalid(f"A TrafficRoutingConfiguration of type {kind} {must} {member}.")
        if kind == of:
            _check_size(member, routing[member], counts, bounds)


def _check_size(member: str, size: Record, counts: Counts, percent: tuple[int, int]) -> None:
    low, high = percent
    for name, count in counts.items():
        by_percent = size["Type"] == "CAPACITY_PERCENT"
        given = size["Value"] if by_percent else 100 * size["Value"] / count
        if low <= given <= high and instances(size, count) * 100 <= high * count:
            continue
        bounds = f"{low}% to {high}%" if low else f"at most {high}%"
        shown = f"{size['Value']}%" if by_percent else f"{size['Value']} instance(s)"
        raise invalid(f"{member} must be {bounds} of the {count} instance(s) of variant {name}; it is {shown}.")


def _check_time(deployment: Record, counts: Counts) -> None:
    policy = deployment.get(ROLLING) or deployment.get(BLUE_GREEN, {})
    longest = policy.get("MaximumExecutionTimeoutInSeconds")
    waits = sum(step.wait for step in steps(deployment, counts, counts))
    if longest is not None and longest <= waits:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds must be larger than the total waiting time of the deployment, "
            f"{waits:.0f} seconds; it is {longest}."
        )


def seconds(deployment: Record) -> float:
    """How long a deployment may take."""
    policy = deployment.get(ROLLING) or deployment.get(BLUE_GREEN, {})
    return float(policy.get("MaximumExecutionTimeoutInSeconds", math.inf))
