"""Application Auto Scaling of the one variant of an endpoint: its target, the policy that it follows, its schedules."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of, translated
from headgate.domain.alarms import VARIANT
from headgate.domain.errors import AccessDeniedError, NotFoundError, ScalingRefusedError, TransientError
from headgate.domain.names import OWNER_TAG
from headgate.domain.scaling import Bounds, Scaling, Schedule, Target

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
POLICY = "headgate-requests"
"""The name of the policy of every target that we make."""
_OF_OURS = "headgate-"
_REFUSED = {"ValidationException", "LimitExceededException"}


class Autoscaling:
    """The scalable targets of endpoints. Everything here can be repeated.

    Raises:
        ScalingRefusedError: when AWS will not scale the endpoint as it was asked to, however often it is asked.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def target(self, endpoint: str, owner: str) -> Target | None:
        """The target of an endpoint, or None; `owner` is the ledger whose tag makes it ours."""
        found = self._find(endpoint)
        if found is None:
            return None
        with translated(f"list the tags of the scalable target of {endpoint}"):
            tags = self._client.list_tags_for_resource(ResourceARN=found["ScalableTargetARN"])["Tags"]
        held = bool(found.get("SuspendedState", {}).get("DynamicScalingInSuspended"))
        return Target(Bounds(found["MinCapacity"], found["MaxCapacity"]), held, tags.get(OWNER_TAG) == owner)

    def hold(self, endpoint: str, *, yes: bool) -> None:
        """Let nothing take instances away from an endpoint, or let it again; policies and schedules stay."""
        self._call(f"hold the instances of {endpoint}", "register_scalable_target", endpoint, SuspendedState=_held(yes))

    def keep(self, endpoint: str, bounds: Bounds, wishes: Scaling, tags: Mapping[str, str] | None) -> None:
        """Make sure that an endpoint is scaled so and nothing holds it, and verify it; `tags` are for a new target.

        Raises:
            TransientError: when AWS does not show it as it was asked for yet.
        """
        self._call(
            f"scale {endpoint}",
            "register_scalable_target",
            endpoint,
            MinCapacity=bounds.low,
            MaxCapacity=bounds.high,
            SuspendedState=_held(False),
            # A target that is there is tagged by TagResource only (API reference: RegisterScalableTarget).
            **({"Tags": dict(tags)} if tags else {}),
        )
        self._call(
            f"scale {endpoint} by its requests",
            "put_scaling_policy",
            endpoint,
            PolicyName=POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": wishes.invocations_per_minute,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
                "ScaleOutCooldown": wishes.scale_out_seconds,
                "ScaleInCooldown": wishes.scale_in_seconds,
            },
        )
        self._keep_schedules(endpoint, wishes)
        found = self._find(endpoint)
        shown = found and (found["MinCapacity"], found["MaxCapacity"], found.get("SuspendedState", {}))
        if not shown or shown[:2] != (bounds.low, bounds.high) or shown[2].get("DynamicScalingInSuspended"):
            raise TransientError(f"AWS does not show {endpoint} to scale as it was asked to yet; try again.")

    def remove(self, endpoint: str) -> None:
        """Let an endpoint be scaled no more: the target goes with its policies and schedules. The count stays."""
        try:
            self._call(f"stop scaling {endpoint}", "deregister_scalable_target", endpoint)
        except NotFoundError:
            return

    def _keep_schedules(self, endpoint: str, wishes: Scaling) -> None:
        wanted = {each.name: each for each in wishes.schedules}
        for name in self._schedules(endpoint) - wanted.keys():
            try:
                self._call(f"forget {name}", "delete_scheduled_action", endpoint, ScheduledActionName=name)
            except NotFoundError:
                continue
        for each in wanted.values():
            self._schedule(endpoint, each)

    def _schedule(self, endpoint: str, schedule: Schedule) -> None:
        bounds = {"MinCapacity": schedule.bounds.low, "MaxCapacity": schedule.bounds.high}
        self._call(
            f"scale {endpoint} at {schedule.cron}",
            "put_scheduled_action",
            endpoint,
            ScheduledActionName=schedule.name,
            Schedule=f"cron({schedule.cron})",
            Timezone=schedule.timezone,
            ScalableTargetAction=bounds,
        )

    def _schedules(self, endpoint: str) -> set[str]:
        """The names of our scheduled actions; those that a person made are none of ours."""
        with translated(f"list the schedules of {endpoint}"):
            pages = self._client.get_paginator("describe_scheduled_actions").paginate(
                ServiceNamespace=_NAMESPACE, ResourceId=_resource(endpoint)
            )
            names = [each["ScheduledActionName"] for page in pages for each in page["ScheduledActions"]]
        return {name for name in names if name.startswith(_OF_OURS)}

    def _find(self, endpoint: str) -> dict[str, Any] | None:
        with translated(f"look at the scalable target of {endpoint}"):
            found = self._client.describe_scalable_targets(
                ServiceNamespace=_NAMESPACE, ResourceIds=[_resource(endpoint)], ScalableDimension=_DIMENSION
            )
        return next(iter(found["ScalableTargets"]), None)

    def _call(self, doing: str, operation: str, endpoint: str, **arguments: Any) -> None:
        """One change of an endpoint's target."""
        named = {"ServiceNamespace": _NAMESPACE, "ResourceId": _resource(endpoint), "ScalableDimension": _DIMENSION}
        try:
            with translated(doing):
                getattr(self._client, operation)(**named, **arguments)
        except AccessDeniedError as error:
            raise ScalingRefusedError(endpoint, str(error)) from error
        except ClientError as error:
            if code_of(error) in _REFUSED:
                raise ScalingRefusedError(endpoint, str(error.response["Error"].get("Message", ""))) from error
            raise


def _resource(endpoint: str) -> str:
    return f"endpoint/{endpoint}/variant/{VARIANT}"


def _held(yes: bool) -> dict[str, bool]:
    """Scaling in by policies waits; scaling out and schedules go on, for no schedule that is missed comes again."""
    return {"DynamicScalingInSuspended": yes, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
