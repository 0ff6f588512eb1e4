"""What can be set of a project's endpoint: what serves, and how a new version takes over."""

from typing import Literal, Self

from pydantic import Field, model_validator

from headgate.domain.scaling import INVOCATIONS_PER_MINUTE
from headgate.domain.section import InstanceType, Section
from headgate.domain.stand import LONGEST_TRIAL_MINUTES

MOST_INSTANCES = 100
"""What a typing error may cost at most."""


class RolloutSettings(Section):
    """How a version takes over from the one before; the planner keeps what is asked within the limits of AWS."""

    strategy: Literal["auto", "all_at_once", "canary", "linear", "rolling", "shadow", "ab"] = Field(
        default="auto",
        description="how requests move to a new version; auto: a canary, instances in turn for accelerated machines, "
        "all at once for a single instance; shadow: it is first asked the same as the version that serves, and nobody "
        "gets its answers; ab: it first answers a part of the requests, until labels tell which version is better",
    )
    bake_minutes: float | None = Field(
        default=None,
        ge=0,
        le=60,
        description="how long alarms watch each step before the next; otherwise the deployment's `BakeSeconds`",
    )
    canary_percent: int = Field(
        default=10, ge=1, le=50, description="part of the instances that a canary is, one at least"
    )
    step_percent: int = Field(
        default=25, ge=5, le=50, description="part of the instances in each step of linear and rolling"
    )
    termination_wait_minutes: float | None = Field(
        default=None,
        ge=0,
        le=60,
        description="how long the old instances stay when the new ones have all requests, watched too; otherwise as "
        "long as a bake; a rolling deployment keeps none",
    )
    max_error_percent: float = Field(
        default=5.0, gt=0, lt=100, description="more failed requests (5xx) in a minute bring the version before back"
    )
    max_latency_ms: float = Field(
        default=1000.0, gt=0, description="a slower tenth of the requests in a minute brings the version before back"
    )
    trial_minutes: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_TRIAL_MINUTES,
        description="how long a version is tried at most; otherwise a shadow six times the deployment's `BakeSeconds`, "
        "which is an hour, for captured answers come minutes late, and in an A/B test 144 times, which is a day",
    )
    trial_percent: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="part of the requests that a shadow is asked too, otherwise all; or that the new "
        "version answers in an A/B test, 90 at most, otherwise half",
    )
    ab_labels: int = Field(
        default=0, ge=0, description="labelled rows of each version that end an A/B test; 0: only its time does"
    )
    shadow_then: Literal["report", "promote"] = Field(
        default="report",
        description="what becomes of a shadow that agrees, is not slower and does not fail: people are told, or it "
        "takes over",
    )
    max_disagreement_percent: float = Field(
        default=20.0, gt=0, le=100, description="part of the rows that a shadow may answer otherwise"
    )
    metrics_seconds: Literal[10, 60] = Field(
        default=60,
        description="how often the endpoint publishes its metrics; 10 (SageMaker's enhanced metrics, which CloudWatch "
        "charges for) lets a verdict come sooner, from the second release on that asks for it",
    )


class CaptureSettings(Section):
    """What is kept of an endpoint's requests and answers."""

    percent: int = Field(
        default=100,
        ge=0,
        le=100,
        description="part of the requests that is kept with its answers, for as long as the deployment's "
        "`CaptureRetentionDays`; 0 keeps none",
    )


class AlarmSettings(Section):
    """When the alarms ring that watch what serves; what follows from them is `respond`'s."""

    bad_minutes: int = Field(
        default=2,
        ge=1,
        le=10,
        description="minutes in which more requests fail than `endpoint.rollout.max_error_percent`, or are slower than "
        "`endpoint.rollout.max_latency_ms`, before an alarm rings",
    )
    requests_per_hour: int | None = Field(
        default=None,
        ge=0,
        description="fewer requests in an hour ring the alarm on lost traffic, 0: there is none; otherwise a tenth of "
        "the quietest hour of the week before the release, where each of its hours had 20 or more",
    )
    max_instances: int | None = Field(
        default=None, ge=1, description="more instances ring the alarm on cost; otherwise more than scaling may add"
    )


class ScheduleSettings(Section):
    """From a time on, other bounds, until another schedule says otherwise."""

    cron: str = Field(pattern=r"^\S+( \S+){5}$")
    min: int = Field(ge=1, le=MOST_INSTANCES)
    max: int = Field(ge=1, le=MOST_INSTANCES)
    timezone: str = Field(default="UTC", pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError("max of a schedule must not be less than its min")
        return self


class ScalingSettings(Section):
    """How many instances serve as requests come and go."""

    enabled: bool = Field(default=True, description="whether the number of instances follows the requests")
    min: int | None = Field(
        default=None, ge=1, le=MOST_INSTANCES, description="fewest instances; otherwise `instance_count`"
    )
    max: int | None = Field(default=None, ge=1, le=MOST_INSTANCES, description="most instances; otherwise twice `min`")
    invocations_per_minute: float = Field(
        default=INVOCATIONS_PER_MINUTE,
        gt=0,
        description="requests in a minute that each instance shall take; more add instances, fewer take them away",
    )
    scale_out_seconds: int = Field(
        default=60, ge=0, le=3600, description="how long added instances count as under way before more are added"
    )
    scale_in_seconds: int = Field(
        default=300, ge=0, le=3600, description="shortest time between two steps that take instances away"
    )
    schedules: list[ScheduleSettings] = Field(
        default_factory=list,
        max_length=50,
        description='other bounds from then on: `{cron: "0 7 ? * MON-FRI *", min: 4, max: 8, timezone: Europe/Berlin}`',
    )


class ServerlessSettings(Section):
    """A serverless endpoint, where `endpoint.variant` asks for one."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        default=2048, description="memory of what answers; the processors come with it"
    )
    max_concurrency: int = Field(
        default=5, ge=1, le=200, description="requests at once, at most; more are refused as too many"
    )


class EndpointSettings(Section):
    """What serves."""

    variant: Literal["instances", "serverless", "auto"] = Field(
        default="instances",
        description="machines that are always there; or, for little traffic, none: `serverless` costs nothing while "
        "nobody asks, and lets the first request wait; auto: serverless until an hour of the last week had more than "
        "1000 requests, then machines for good",
    )

    instance_type: InstanceType = Field(default="ml.m5.large", description="machine that serves")
    instance_count: int = Field(default=1, ge=1, le=10, description="how many of them to begin with")
    capture: CaptureSettings = Field(default_factory=CaptureSettings, description="what is kept of its requests")
    rollout: RolloutSettings = Field(default_factory=RolloutSettings, description="how a new version takes over")
    alarms: AlarmSettings = Field(default_factory=AlarmSettings, description="the alarms that watch it")
    scaling: ScalingSettings = Field(default_factory=ScalingSettings, description="how many instances serve")

    serverless: ServerlessSettings = Field(default_factory=ServerlessSettings, description="a serverless endpoint")

    @model_validator(mode="after")
    def _bounds_hold_each_other(self) -> Self:
        low = self.scaling.min or self.instance_count
        if self.scaling.max is not None and self.scaling.max < max(low, self.instance_count):
            raise ValueError("scaling.max must not be less than scaling.min and instance_count")
        return self
