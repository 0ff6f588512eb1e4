"""What can be set of a project's endpoint: what serves, and how a new version takes over."""

from typing import Literal

from pydantic import Field

from headgate.domain.section import InstanceType, Section


class RolloutSettings(Section):
    """How a version takes over from the one before; the planner keeps what is asked within the limits of AWS."""

    strategy: Literal["auto", "all_at_once", "canary", "linear", "rolling"] = Field(
        default="auto",
        description="how requests move to a new version; auto: a canary, instances in turn for accelerated machines, "
        "all at once for a single instance",
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
    requests_per_hour: int = Field(
        default=0, ge=0, description="fewer requests in an hour ring the alarm on lost traffic; 0: there is none"
    )
    max_instances: int | None = Field(
        default=None, ge=1, description="more instances ring the alarm on cost; otherwise there is none"
    )


class EndpointSettings(Section):
    """What serves."""

    instance_type: InstanceType = Field(default="ml.m5.large", description="machine that serves")
    instance_count: int = Field(default=1, ge=1, le=10, description="how many of them to begin with")
    capture: CaptureSettings = Field(default_factory=CaptureSettings, description="what is kept of its requests")
    rollout: RolloutSettings = Field(default_factory=RolloutSettings, description="how a new version takes over")
    alarms: AlarmSettings = Field(default_factory=AlarmSettings, description="the alarms that watch it")
