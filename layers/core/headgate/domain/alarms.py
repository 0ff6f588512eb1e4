"""The alarms that guard a release: what makes SageMaker take the requests back to the version before. Those that watch
what serves, from then on, stand in `standing_alarms`.

Two look at the instances of the release alone (dimension EndpointConfigName), so that a version that fails does not
stop the one that mends it. Without requests there is nothing to look at, and they stay silent. The third rings when the
watch of the release says so; SageMaker then takes the requests back even if nothing of ours runs any more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from headgate.domain.rollout import ALARM_PERIOD, Wishes

VARIANT = "main"
"""The one variant of every endpoint: deployments need the same name before and after."""


NAMESPACE = "Headgate"
WATCH_PERIOD = 10
"""Seconds that the watch's alarm looks at: the shortest there are, for a metric of high resolution."""
TAKE_BACK = "TakeBack"
"""The metric of the watch, by release: 1 when the requests have to go back to the version before, else 0."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CloudWatch alarm: it rings when `statistic` of a metric over `period` seconds is over `threshold`, or under it
    if `below`, in `ringing` of the last `periods`. `missing` says what a period without data counts as; `active`
    whether anybody is to act on it. With `over` it is the quotient of the metric and that one that counts.
    """

    name: str
    description: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    period: int
    periods: int = 1
    ringing: int = 1
    missing: str = "notBreaching"
    below: bool = False
    active: bool = True
    over: str | None = None

    @property
    def kind(self) -> str:
        """What it is about, as its name ends."""
        return re.split(r"[.-]", self.name)[-1]


@dataclass(frozen=True, slots=True)
class AlarmNow:
    """An alarm as it is: its state, since when, and whether its actions are switched on."""

    state: str
    since: str
    active: bool = True


def alarm_names(release: str) -> tuple[str, str, str]:
    """The names of the alarms of the release of that name; `headgate-` is what the template's policy allows."""
    return (f"headgate-{release}-errors", f"headgate-{release}-latency", f"headgate-{release}-verdict")


def fleet(endpoint: str, config: str, variant: str = VARIANT) -> dict[str, str]:
    """The dimensions of the metrics of the instances that serve one configuration of an endpoint."""
    return {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": config}


def alarms_of(release: str, endpoint: str, wishes: Wishes) -> tuple[Alarm, Alarm, Alarm]:
    """The alarms of a release.

    Every invocation sends a 1 or a 0 to Invocation5XXErrors, so its Average is the share of failed requests, between 0
    and 1; ModelLatency is in microseconds (developer guide: monitoring-cloudwatch). Of the latency the 90th percentile
    counts: a single slow first request brings nothing back.
    """
    errors, latency, verdict = alarm_names(release)
    instances = fleet(endpoint, release)
    return (
        Alarm(
            errors,
            f"More than {wishes.max_error_percent:g} % of the requests to {release} fail.",
            "AWS/SageMaker",
            "Invocation5XXErrors",
            instances,
            "Average",
            wishes.max_error_percent / 100,
            ALARM_PERIOD,
        ),
        Alarm(
            latency,
            f"One in ten requests to {release} takes longer than {wishes.max_latency_ms:g} ms.",
            "AWS/SageMaker",
            "ModelLatency",
            instances,
            "p90",
            wishes.max_latency_ms * 1000,
            ALARM_PERIOD,
        ),
        Alarm(
            verdict,
            f"The watch of {release} found it worse than the version before, or could not tell.",
            NAMESPACE,
            TAKE_BACK,
            {"Release": release},
            "Maximum",
            0.0,
            WATCH_PERIOD,
        ),
    )


_STANDING = re.compile(r"headgate-(?P<release>(?P<endpoint>[a-z0-9-]+)-r(?P<sequence>\d+))\.(?P<kind>[a-z_]+)")
_GUARD = re.compile(r"headgate-(?P<endpoint>[a-z0-9-]+)-r(?P<sequence>\d+)-(errors|latency|verdict)")


def standing_name(release: str, kind: str) -> str:
    """The name of the alarm of a kind that watches a release for as long as it serves; guards have no dot."""
    return f"headgate-{release}.{kind}"


def standing_alarm(name: str) -> tuple[str, str, str] | None:
    """The endpoint, the release's name and the kind of a standing alarm by its name; None for any other alarm."""
    found = _STANDING.fullmatch(name)
    return (found["endpoint"], found["release"], found["kind"]) if found else None


def is_guard(name: str) -> bool:
    """Whether an alarm by its name is one of those that guard a release while it is deployed."""
    return _GUARD.fullmatch(name) is not None


def sequence_of(name: str, endpoint: str) -> int | None:
    """The number of the release of this endpoint that an alarm is of, by its name; None for any other alarm."""
    found = _STANDING.fullmatch(name) or _GUARD.fullmatch(name)
    return int(found["sequence"]) if found and found["endpoint"] == endpoint else None
