"""Scaling itself: alarms and bounds change the instance counts of variants, which starts and stops servers."""

import sched
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ministack.core.responses import AccountRegionScopedDict

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.autoscaling import activities, measuring, names, policies, rules, tracking
from headgate_local.sagemaker.hosting import endpoints

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

GLANCE = 0.5
"""Seconds between looks at whether an endpoint has got its instances."""


@dataclass(frozen=True)
class Change:
    """A change of capacity that is wanted, and why."""

    capacity: int
    cause: str
    policy: Record | None = None
    """None for one that brings capacity within its bounds, which no cool-down follows."""


@dataclass(frozen=True)
class UnderWay:
    """A change that an endpoint has not come to its end with."""

    change: Change
    before: rules.Situation
    activity: str
    """Its id."""


class Scaler:
    """Does all scaling in the agenda's thread, one thing after the other."""

    def __init__(self, scaling: "Scaling") -> None:
        self._scaling = scaling
        self._under_way: dict[str, UnderWay] = AccountRegionScopedDict()
        """By resource id."""
        self._waiting: dict[str, sched.Event] = AccountRegionScopedDict()
        """By resource id: the next look at whether bounds can be kept."""

    def on_alarm(self, action: str, alarm: Record, state: str) -> None:
        """An alarm's action, repeated each minute while the alarm stays in its state: invoke the policy that it names.

        Does not block; raises ApiError if there is no such policy.
        """
        arn = action.partition(":createdBy/")[0]
        policy = next((each for each in self._scaling.policies.values() if each["PolicyARN"] == arn), None)
        own = [each["AlarmName"] for each in (policy or {}).get("Alarms", [])]
        if policy is None or "Threshold" not in alarm or (own and alarm["AlarmName"] not in own):
            raise ApiError("ObjectNotFoundException", f"There is no scaling policy {arn} that this alarm can invoke.")
        self._scaling.agenda.soon(self._follow, policy, alarm, state)

    def keep_within(self, resource_id: str) -> None:
        """Bring a target's capacity within its bounds, as soon as its endpoint can be scaled. Does not block."""
        self._scaling.agenda.soon(self._keep_within, resource_id)

    def _keep_within(self, resource_id: str) -> None:
        agenda = self._scaling.agenda
        agenda.cancel(self._waiting.pop(resource_id, None))
        settled, situation = self._settle(resource_id), self._situation(resource_id)
        if situation is None:
            return
        if not settled or not self._in_service(resource_id):
            self._waiting[resource_id] = agenda.after(GLANCE, self._keep_within, resource_id)
            return
        capacity = rules.within(situation.capacity, situation.low, situation.high)
        if capacity != situation.capacity:
            bound = "minimum" if capacity > situation.capacity else "maximum"
            self._set(resource_id, situation, Change(capacity, f"{bound} capacity was set to {capacity}"))

    def _follow(self, policy: Record, alarm: Record, state: str) -> None:
        """Do what a policy wishes now, or note why it is not done."""
        resource_id = policy["ResourceId"]
        settled, situation = self._settle(resource_id), self._situation(resource_id)
        if not settled or situation is None:
            return
        values = measuring.datapoints(self._scaling.sagemaker.metrics, alarm, time.time())
        cause = f"monitor alarm {alarm['AlarmName']} in state {state} triggered policy {policy['PolicyName']}"
        decision = self._decide(policy, alarm, situation, values)
        if isinstance(decision, int) and not self._in_service(resource_id):
            decision = rules.NotScaled("TargetServicePutResourceAsUnscalable")
        if isinstance(decision, int):
            self._set(resource_id, situation, Change(decision, cause, policy))
        elif decision.code:
            activities.note(self._scaling, resource_id, decision.code, situation, cause)

    def _decide(
        self, policy: Record, alarm: Record, situation: rules.Situation, values: list[float]
    ) -> int | rules.NotScaled:
        if policy["PolicyType"] == policies.STEP:
            wish = _stepped(policy, alarm, values)
        else:
            wish = self._tracked(policy, alarm, situation, values)
        return wish if isinstance(wish, rules.NotScaled) else rules.decide(situation, wish, time.time())

    def _tracked(
        self, policy: Record, alarm: Record, situation: rules.Situation, values: list[float]
    ) -> rules.Wish | rules.NotScaled:
        """Without data points there is no telling how far from its target the metric is, and nothing is done."""
        target = policy[policies.CONFIGURATIONS[policies.TRACKING]]["TargetValue"]
        if not values:
            return rules.NotScaled()
        if f"-{tracking.HIGH}-" in alarm["AlarmName"]:
            # The latest may be of a period that is not over yet: then the one before tells more.
            return rules.tracked_out(max(values[-2:]), target)
        if not self._others_ready(policy):
            return rules.NotScaled("AlreadyAtDesiredCapacity")
        return rules.tracked_in(max(values), target, situation.capacity)

    def _others_ready(self, policy: Record) -> bool:
        """Whether all other tracking policies that scale in want to: only then does any of them."""
        lows = [
            alarm["AlarmName"]
            for other in policies.of_target(self._scaling, policy["ResourceId"])
            if other["PolicyType"] == policies.TRACKING and other["PolicyName"] != policy["PolicyName"]
            for alarm in other["Alarms"]
            if f"-{tracking.LOW}-" in alarm["AlarmName"]
        ]
        return all(self._scaling.sagemaker.alarms.state(low) == "ALARM" for low in lows)

    def _situation(self, resource_id: str) -> rules.Situation | None:
        """How a target stands; None if the target or its variant has gone."""
        target, variant = self._scaling.targets.get(resource_id), self._variant(resource_id)
        if target is None or variant is None:
            return None
        state = target["SuspendedState"]
        suspended: dict[rules.Direction, bool] = {
            "in": state["DynamicScalingInSuspended"],
            "out": state["DynamicScalingOutSuspended"],
        }
        return rules.Situation(
            capacity=variant["DesiredInstanceCount"],
            low=target["MinCapacity"],
            high=target["MaxCapacity"],
            cooldown=self._scaling.cooldowns.get(resource_id),
            suspended=frozenset(direction for direction, off in suspended.items() if off),
        )

    def _endpoint(self, resource_id: str) -> Record | None:
        return self._scaling.sagemaker.endpoints.find(names.variant_of(resource_id).endpoint)

    def _variant(self, resource_id: str) -> Record | None:
        endpoint, name = self._endpoint(resource_id) or {}, names.variant_of(resource_id).variant
        return next((each for each in endpoint.get("ProductionVariants", []) if each["VariantName"] == name), None)

    def _in_service(self, resource_id: str) -> bool:
        endpoint = self._endpoint(resource_id)
        return endpoint is not None and endpoint["EndpointStatus"] == "InService"

    def _set(self, resource_id: str, before: rules.Situation, change: Change) -> None:
        """Set a capacity, and follow the endpoint until it has it."""
        of = names.variant_of(resource_id)
        activity = activities.begin(self._scaling, resource_id, change.capacity, change.cause)
        try:
            endpoints.set_counts(self._scaling.sagemaker, of.endpoint, {of.variant: change.capacity})
        except ApiError as error:
            message = f"Failed to set desired instance count to {change.capacity}. Reason: {error.message}"
            activities.end(self._scaling, activity, "Failed", message)
            return
        self._under_way[resource_id] = UnderWay(change, before, activity)
        self._watch(resource_id)

    def _watch(self, resource_id: str) -> None:
        if not self._settle(resource_id):
            self._scaling.agenda.after(GLANCE, self._watch, resource_id)

    def _settle(self, resource_id: str) -> bool:
        """End what is under way if the endpoint has come to its end with it; then the cool-down begins.

        Answers whether nothing is under way any more.
        """
        endpoint, under_way = self._endpoint(resource_id), self._under_way.get(resource_id)
        if under_way is None:
            return True
        if endpoint is not None and endpoint["EndpointStatus"] in ("Updating", "RollingBack"):
            return False
        del self._under_way[resource_id]
        change, variant = under_way.change, self._variant(resource_id)
        done = f"desired instance count to {change.capacity}."
        if variant is None or variant.get("CurrentInstanceCount") != change.capacity:
            reason = (endpoint or {}).get("FailureReason", "the endpoint did not get its instances")
            activities.end(self._scaling, under_way.activity, "Failed", f"Failed to set {done} Reason: {reason}")
            return True
        message = f"Successfully set {done} Change successfully fulfilled by sagemaker."
        activities.end(self._scaling, under_way.activity, "Successful", message)
        if change.policy is not None:
            direction: rules.Direction = "out" if change.capacity > under_way.before.capacity else "in"
            seconds = policies.cooldown(change.policy, direction)
            after = rules.cooldown_after(under_way.before, change.capacity, seconds, time.time())
            self._scaling.cooldowns[resource_id] = after
        return True


def _stepped(policy: Record, alarm: Record, values: list[float]) -> rules.Wish | rules.NotScaled:
    """Without data points, where the alarm counts missing ones as breaching, the breach is the smallest there is."""
    config = policy[policies.CONFIGURATIONS[policies.STEP]]
    threshold, rising = alarm["Threshold"], alarm["ComparisonOperator"].startswith("Greater")
    metric = rules.aggregated(values, config.get("MetricAggregationType", "Average")) if values else threshold
    return rules.stepped(config, metric, threshold, rising) or rules.NotScaled()
