"""The alarms that watch what serves: made with each release, before it takes requests, and silent until it does.

One table, from which names, kinds, dimensions, thresholds and descriptions come. An alarm of an older release tells
nothing of what serves now: its name says which release it is of. What the monitor measures is 0 while there is nothing
to say (docs/architecture.md), so its alarms need no threshold of their own.

Each description says what data that misses counts as. Where minutes are counted several have to be bad, so that one
alone does nothing; a window of the monitor has been tested by itself. Requests that are not as they were in training
and answers that are not have one cause: they ring together, as the composite alarm `drift`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.domain.alarms import NAMESPACE, VARIANT, Alarm, fleet, standing_name
from headgate.domain.machines import processors
from headgate.domain.names import Project
from headgate.domain.rollout import ALARM_PERIOD, Wishes

PARTS = frozenset({"data_drift", "prediction_drift"})
"""Kinds of alarms that ring through a composite one; nobody acts on them by themselves."""
_BUSY = 0.9
"""Of the time of an instance's processors, what counts as all of it."""
_HOUR, _WINDOW = 3600, 300
_GOOD, _BAD, _SAME = " No data counts as good.", " No data counts as bad.", " No data changes nothing."


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite alarm: it rings when one of others does."""

    name: str
    description: str
    parts: tuple[str, ...]

    @property
    def rule(self) -> str:
        """As CloudWatch takes it."""
        return " OR ".join(f'ALARM("{part}")' for part in self.parts)


@dataclass(frozen=True, slots=True)
class Patience:
    """What a project says of its alarms (`endpoint.alarms` of project.yaml): bad minutes until one rings, requests that
    an hour has at least (0: nobody counts), instances that are paid for (None: nobody counts).
    """

    bad_minutes: int = 2
    requests_per_hour: int = 0
    max_instances: int | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Patience":
        """Read the settings of a project."""
        return cls(**{name: value for name, value in settings.items() if value is not None})


def standing_alarms(
    release: str, project: Project, wishes: Wishes, patience: Patience, instance_type: str
) -> tuple[list[Alarm], Composite]:
    """The alarms that watch a release of a project while it serves, and the one that speaks for several of them."""
    instances = fleet(project.endpoint, release)
    variant = {"EndpointName": project.endpoint, "VariantName": VARIANT}
    minutes = f"in {patience.bad_minutes} of {patience.bad_minutes + 1} minutes"

    def requests(kind: str, said: str, metric: str, statistic: str, threshold: float) -> Alarm:
        name, rings = standing_name(release, kind), patience.bad_minutes
        return Alarm(
            name, f"{said}, {minutes}.{_GOOD}", "AWS/SageMaker", metric, instances, statistic, threshold, ALARM_PERIOD,
            periods=rings + 1, ringing=rings,
        )  # fmt: skip

    made = [
        requests(
            "errors",
            f"More than {wishes.max_error_percent:g} % of the requests to {release} fail",
            "Invocation5XXErrors",
            "Average",
            wishes.max_error_percent / 100,
        ),
        requests(
            "latency",
            f"One in ten requests to {release} takes longer than {wishes.max_latency_ms:g} ms",
            "ModelLatency",
            "p90",
            wishes.max_latency_ms * 1000,
        ),
        _saturation(release, variant, instance_type),
        *_monitored(release, project),
    ]
    if patience.requests_per_hour:
        said = f"Fewer than {patience.requests_per_hour} requests to {project.endpoint} in an hour.{_BAD}"
        made.append(
            Alarm(
                standing_name(release, "traffic"), said, "AWS/SageMaker", "Invocations", variant, "Sum",
                float(patience.requests_per_hour), _HOUR, missing="breaching", below=True,
            )
        )  # fmt: skip
    if patience.max_instances is not None:
        made.append(_cost(release, variant, patience.max_instances))
    parts = tuple(alarm.name for alarm in made if not alarm.active)
    said = f"Requests to {project.endpoint}, or its answers, are not as they were when {release} was trained."
    return made, Composite(standing_name(release, "drift"), said, parts)


def _saturation(release: str, variant: Mapping[str, str], instance_type: str) -> Alarm:
    """CPUUtilization counts every processor as 100 % (developer guide: monitoring-cloudwatch)."""
    limit = 100 * _BUSY * processors(instance_type)
    said = f"The processors of {release}'s instances are {_BUSY:.0%} busy, in three of five minutes.{_GOOD}"
    name = standing_name(release, "saturation")
    return Alarm(
        name, said, "/aws/sagemaker/Endpoints", "CPUUtilization", variant, "Average", limit, ALARM_PERIOD,
        periods=5, ringing=3,
    )  # fmt: skip


def _cost(release: str, variant: Mapping[str, str], paid_for: int) -> Alarm:
    """Each request counts as one over the number of instances in InvocationsPerInstance, so that the quotient of the
    sums is that number: CloudWatch knows no other measure of it.
    """
    said = f"More than {paid_for} instances serve {release}, in three quarters of an hour.{_GOOD}"
    return Alarm(
        standing_name(release, "cost"), said, "AWS/SageMaker", "Invocations", variant, "Sum", paid_for + 0.1, 900,
        periods=3, ringing=3, over="InvocationsPerInstance",
    )  # fmt: skip


def _monitored(release: str, project: Project) -> list[Alarm]:
    """What the monitor says of a project's requests, window by window."""
    whose = {"Tenant": project.tenant, "Project": project.name}
    told = {
        "data_drift": ("DataDrift", "A feature of the requests moved away from the training data"),
        "prediction_drift": ("PredictionDrift", "The answers moved away from those in training"),
        "missing_features": ("MissingFeatures", "A feature of the requests is missing more often than in training"),
        "quality": ("QualityLoss", "Labels that came tell that the answers are worse than when the version was judged"),
        "groups": ("GroupGap", "Groups of people are told apart more than in training"),
    }
    return [
        Alarm(
            standing_name(release, kind), f"{said}.{_SAME}", NAMESPACE, metric, whose, "Maximum", 0.0, _WINDOW,
            missing="ignore", active=kind not in PARTS,
        )
        for kind, (metric, said) in told.items()
    ]  # fmt: skip
