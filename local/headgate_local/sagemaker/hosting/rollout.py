"""Carries an endpoint to a configuration, and tells on the way: its record, its events, its alarms."""

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import take_on
from headgate_local.sagemaker.hosting import description, plan
from headgate_local.sagemaker.hosting.deployment import Deployment, Report
from headgate_local.sagemaker.hosting.hosting import reason_of
from headgate_local.sagemaker.hosting.live import Fleet, Standing
from headgate_local.sagemaker.hosting.variant import DeploymentFailed
from headgate_local.sagemaker.resources import LONGEST_REASON
from headgate_local.seams.identity import AccessDenied, Caller

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker


class Rollout:
    """One deployment of a configuration to an endpoint, the first one too. Run it in a thread of its own."""

    def __init__(
        self,
        sagemaker: "SageMaker",
        endpoint: Record,
        config: Record,
        deployment: Record,
        wanted: Mapping[str, Record],
    ) -> None:
        """`wanted` holds, by variant, the DesiredInstanceCount and DesiredWeight to come to."""
        self._sagemaker, self._config, self._deployment = sagemaker, config, deployment
        self._name, self._arn = endpoint["EndpointName"], endpoint["EndpointArn"]
        self._weights = {name: each["DesiredWeight"] for name, each in wanted.items()}
        self._counts = {name: each["DesiredInstanceCount"] for name, each in wanted.items()}
        self._live = sagemaker.hosting.endpoints[self._arn]
        self._before, self._base = self._live.fleets, self._live.routes
        self._standing = Standing(self._before)
        self._old = self._standing.counts()

    def run(self) -> None:
        """Deploy, or go back to what was before."""
        try:
            fleet = Fleet(self._sagemaker, self._name, self._config)
        except Exception as failure:
            self._tell_ending(reason_of(failure, f"The deployment of {self._name}"))
            return
        for name, weight in self._weights.items():
            fleet.variants[name].weight = weight
        self._live.fleets = (*self._before, fleet)
        deployment = Deployment(
            self._standing,
            fleet,
            lambda step: self._live.blend(self._base, fleet, step.share),
            self._tell,
            plan.seconds(self._deployment),
        )
        try:
            with self._watched(deployment):
                self._let_go_wrong(deployment)
                fleet.start()
                deployment.go(plan.steps(self._deployment, self._old, self._counts))
        except Exception as failure:
            self._go_back(deployment, fleet, reason_of(failure, f"The deployment of {self._name}"))
            return
        self._live.fleets = (fleet,)
        self._live.blend((), fleet, lambda _: 1.0)
        for old in self._before:
            self._sagemaker.hosting.retire(old)
        self._tell_ending(None)

    def _let_go_wrong(self, deployment: Deployment) -> None:
        faults = self._sagemaker.faults
        deployment.stall(lambda: faults.take("aws:sagemaker:stall-deployment", self._name))
        if faults.take("aws:sagemaker:fail-deployment", self._name):
            raise DeploymentFailed(
                "The primary container did not pass the ping health check. Please check CloudWatch logs for this "
                "endpoint. (Ordered by the fault aws:sagemaker:fail-deployment.)"
            )

    @contextlib.contextmanager
    def _watched(self, deployment: Deployment) -> Iterator[None]:
        """Turn the deployment back as soon as one of its alarms is in ALARM."""
        names = alarms_of(self._deployment)

        def turn_back(alarm: str) -> None:
            deployment.turn_back(f"The deployment was rolled back, because the CloudWatch alarm {alarm} is in ALARM.")

        here = contextvars.copy_context()

        def changed(alarm: str, _: str, state: str) -> None:
            # an alarm of this name may change in another account: what counts is the state of ours
            if alarm in names and state == "ALARM" == here.copy().run(self._sagemaker.alarms.state, alarm):
                turn_back(alarm)

        self._sagemaker.hosting.deployments[self._arn] = deployment
        unwatch = self._sagemaker.alarms.watch(changed) if names else None
        try:
            for alarm in names:
                if self._sagemaker.alarms.state(alarm) == "ALARM":
                    turn_back(alarm)
            yield
        finally:
            if unwatch:
                unwatch()
            del self._sagemaker.hosting.deployments[self._arn]

    def _go_back(self, deployment: Deployment, fleet: Fleet, reason: str) -> None:
        if self._sagemaker.hosting.closed:
            return
        rolled_back = False
        if self._before:
            self._change(EndpointStatus="RollingBack")
            try:
                self._sagemaker.hosting.check_rollback(self._name)
                now = (self._standing.counts(), fleet.counts())
                deployment.go_back(plan.way_back(self._deployment, now, self._old, self._counts))
                rolled_back = True
            except Exception as failure:
                why = reason_of(failure, f"The rollback of {self._name}")
                reason = f"{reason} The rollback failed, too: {why}"
        if self._before and not rolled_back:
            self._tell_ending(reason, status="UpdateRollbackFailed")
            return
        self._live.fleets, self._live.routes = self._before, self._base
        self._sagemaker.hosting.retire(fleet)
        self._tell_ending(reason)

    def _tell(self, report: Report) -> None:
        """Show in the record what the deployment does just now, and send it as an event."""
        status = description.step(report.status, report.message)
        record = self._sagemaker.endpoints.get(self._name)
        pending = record["PendingDeploymentSummary"]
        variants = description.with_status(pending["ProductionVariants"], status if report.side == "new" else None)
        for variant in variants:
            variant["CurrentInstanceCount"] = report.active.get(variant["VariantName"], 0)
            variant["CurrentWeight"] = variant["DesiredWeight"] if report.active else 0.0
        members: Record = {"PendingDeploymentSummary": {**pending, "ProductionVariants": variants}}
        if self._before:
            old = description.with_status(record["ProductionVariants"], status if report.side == "old" else None)
            counts = self._standing.counts()
            members["ProductionVariants"] = [
                {**variant, "CurrentInstanceCount": counts.get(variant["VariantName"], 0)} for variant in old
            ]
        changed = self._change(**members)
        if self._before:
            self._sagemaker.events.endpoint_deployment(changed)

    def _tell_ending(self, reason: str | None, status: str | None = None) -> None:
        """Show what the endpoint came to: the new configuration, or the old one and the reason."""
        members: Record = {"FailureReason": reason and reason[:LONGEST_REASON], "PendingDeploymentSummary": None}
        if self._live.fleets:
            serving = self._live.fleets[0 if reason else -1]
            members |= {
                "EndpointConfigName": serving.config["EndpointConfigName"],
                "ProductionVariants": description.serving(serving),
                "ShadowProductionVariants": description.shadows(serving),
                "DataCaptureConfig": description.capture(serving.config),
                "MetricsConfig": serving.config.get("MetricsConfig"),
            }
        members["EndpointStatus"] = status or ("InService" if self._live.fleets else "Failed")
        changed = self._change(**members)
        if self._before:
            self._sagemaker.events.endpoint_deployment(changed)

    def _change(self, **members: Any) -> Record:
        changed = self._sagemaker.endpoints.change(self._name, **members)
        if "EndpointStatus" in members:
            self._sagemaker.events.endpoint(changed)
        return changed


def alarms_of(deployment: Record) -> list[str]:
    """The alarms that turn a deployment back."""
    alarms = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return [alarm["AlarmName"] for alarm in alarms]


def check_alarms(sagemaker: "SageMaker", deployment: Record, roles: set[str]) -> None:
    """Raise unless the alarms exist and the endpoint's roles may look at them."""
    for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", []):
        if "AlarmName" not in alarm:
            raise invalid("Every alarm of AutoRollbackConfiguration needs an AlarmName.")
        name = alarm["AlarmName"]
        its_arn = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"
        for role in sorted(roles):
            try:
                Caller(take_on(role).access_key_id).require("cloudwatch:DescribeAlarms", its_arn)
            except AccessDenied as denied:
                raise invalid(f"The execution role of the endpoint may not see the alarm {name}: {denied}") from denied
        if sagemaker.alarms.state(name) is None:
            raise invalid(f"Could not find the CloudWatch alarm {name} of AutoRollbackConfiguration.")
