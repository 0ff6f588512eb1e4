"""How many instances of an endpoint serve: within which bounds, by how many requests, and what of it a release keeps.

Rules of AWS that stand behind it: an update that changes the instance type of a variant that is scaled is refused until
its target is deregistered (developer guide: endpoint-scaling-update); burstable instances are not scaled (developer
guide: endpoint-auto-scaling-prerequisites); registering a target brings the count within its bounds (API reference:
RegisterScalableTarget).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BURSTABLE = "ml.t2."
INVOCATIONS_PER_MINUTE = 3000
"""Requests of an instance in a minute that are aimed at: half of what two cores do at 20 ms a request. The half is what
AWS advises to begin with (developer guide: endpoint-scaling-loadtest)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most instances."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """`1 to 2 instances`."""
        return f"{self.low} to {self.high} instances" if self.low != self.high else f"{self.low} instances, no more"


@dataclass(frozen=True, slots=True)
class Schedule:
    """From a time on, other bounds: `cron` as Application Auto Scaling writes it, without `cron( )`."""

    cron: str
    bounds: Bounds
    timezone: str = "UTC"

    @property
    def name(self) -> str:
        """The name of its scheduled action; another time, place or bounds is another action."""
        text = f"{self.cron}|{self.timezone}|{self.bounds.low}|{self.bounds.high}"
        return f"headgate-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a project asks for."""

    enabled: bool
    bounds: Bounds
    invocations_per_minute: float = INVOCATIONS_PER_MINUTE
    scale_out_seconds: int = 60
    scale_in_seconds: int = 300
    schedules: tuple[Schedule, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any], instance_count: int) -> "Scaling":
        """From `endpoint.scaling` of project.yaml, as a dict; nothing in it means the defaults."""
        given = {name: value for name, value in settings.items() if value is not None}
        low = int(given.get("min", instance_count))
        schedules = tuple(
            Schedule(each["cron"], Bounds(int(each["min"]), int(each["max"])), each.get("timezone", "UTC"))
            for each in given.get("schedules", [])
        )
        return cls(
            bool(given.get("enabled", True)),
            Bounds(low, int(given.get("max", max(2 * low, instance_count)))),
            float(given.get("invocations_per_minute", INVOCATIONS_PER_MINUTE)),
            int(given.get("scale_out_seconds", 60)),
            int(given.get("scale_in_seconds", 300)),
            schedules,
        )

    @property
    def every_bounds(self) -> list[Bounds]:
        """The bounds that may hold, depending on the time of the week."""
        return [self.bounds, *(each.bounds for each in self.schedules)]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint's scalable target as it is; `ours` when this deployment of Headgate made it."""

    bounds: Bounds
    held: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What shall be of an endpoint's target: its bounds, or None where it shall have none; and why so."""

    bounds: Bounds | None
    reason: str

    def document(self) -> dict[str, Any]:
        """For the ledger and for programs."""
        return {
            "min": self.bounds.low if self.bounds else None,
            "max": self.bounds.high if self.bounds else None,
            "reason": self.reason,
        }


def unscalable(instance_type: str) -> str | None:
    """Why instances of a type cannot be scaled; None when they can."""
    if instance_type.startswith(_BURSTABLE):
        return (
            f"AWS does not scale burstable instances such as {instance_type}; with another endpoint.instance_type, "
            "such as ml.m5.large, the endpoint would scale."
        )
    return None


def without_instances(serverless: Mapping[str, int]) -> Kept:
    """What scales a serverless endpoint: nothing but itself."""
    most = serverless["max_concurrency"]
    return Kept(None, f"A serverless endpoint scales by itself, up to {most} requests at once, and down to nothing.")


def keep(wishes: Scaling, instance_type: str, serving: int, known: Bounds | None) -> Kept:
    """What the target of an endpoint shall be now that a release is over.

    Args:
        wishes: what the project asks for.
        instance_type: what the version runs on that serves.
        serving: how many instances serve; no release takes one of them away.
        known: the bounds that the target had before the release. Where they are among those that the project asks for,
            they stay, for a schedule may have set them.
    """
    if not wishes.enabled:
        return Kept(None, "The project switched scaling off (endpoint.scaling.enabled).")
    if (why := unscalable(instance_type)) is not None:
        return Kept(None, why)
    asked = known if known is not None and known in wishes.every_bounds else wishes.bounds
    aim = f"so that each takes some {wishes.invocations_per_minute:g} requests in a minute."
    if serving <= asked.high:
        return Kept(asked, f"{asked.words}, {aim}")
    more = Bounds(asked.low, serving)
    note = f"{serving} serve, more than endpoint.scaling.max, and a release takes none away: the next one looks again."
    return Kept(more, f"{more.words}, {aim} {note}")
