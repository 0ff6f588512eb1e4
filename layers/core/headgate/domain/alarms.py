"""The alarms of a release: what makes SageMaker take the requests back to the version before.

They look at the instances of the release alone (dimension EndpointConfigName), so that a version that fails does not
stop the one that mends it. Without requests there is nothing to look at, and they stay silent.
"""

from dataclasses import dataclass

from headgate.domain.rollout import Wishes

VARIANT = "main"
"""The one variant of every endpoint: deployments need the same name before and after."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CloudWatch alarm on a metric of AWS/SageMaker: it rings when `statistic` of a minute is over `threshold`."""

    name: str
    description: str
    metric: str
    statistic: str
    threshold: float
    endpoint: str
    config: str


def alarm_names(release: str) -> tuple[str, str]:
    """The names of the alarms of the release of that name; `headgate-` is what the template's policy allows."""
    return (f"headgate-{release}-errors", f"headgate-{release}-latency")


def alarms_of(release: str, endpoint: str, wishes: Wishes) -> tuple[Alarm, Alarm]:
    """The alarms of a release.

    Every invocation sends a 1 or a 0 to Invocation5XXErrors, so its Average is the share of failed requests, between 0
    and 1; ModelLatency is in microseconds (developer guide: monitoring-cloudwatch). Of the latency the 90th percentile
    counts: a single slow first request brings nothing back.
    """
    errors, latency = alarm_names(release)
    return (
        Alarm(
            errors,
            f"More than {wishes.max_error_percent:g} % of the requests to {release} fail.",
            "Invocation5XXErrors",
            "Average",
            wishes.max_error_percent / 100,
            endpoint,
            release,
        ),
        Alarm(
            latency,
            f"One in ten requests to {release} takes longer than {wishes.max_latency_ms:g} ms.",
            "ModelLatency",
            "p90",
            wishes.max_latency_ms * 1000,
            endpoint,
            release,
        ),
    )
