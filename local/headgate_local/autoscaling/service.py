"""The local Application Auto Scaling as a whole: its state, the way of a request through it, and what hosting asks."""

import asyncio
import contextvars
import json
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ministack.core.responses import AccountRegionScopedDict

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import model, read, shaped, validate
from headgate_local.autoscaling import names, policies, rules, scheduled
from headgate_local.autoscaling.agenda import Agenda
from headgate_local.autoscaling.operations import OPERATIONS, target_arn
from headgate_local.autoscaling.scaler import Scaler
from headgate_local.seams.identity import AccessDenied, Caller, caller_of, tag_conditions

if TYPE_CHECKING:
    import sched

    from headgate_local.sagemaker.service import SageMaker

SERVICE = "application-autoscaling"
PREFIX = "AnyScaleFrontendService."
JSON = "application/x-amz-json-1.1"


class Scaling:
    """All scalable targets, their policies, their scheduled actions and what these did."""

    def __init__(self, sagemaker: "SageMaker") -> None:
        self.sagemaker = sagemaker
        self.lock = threading.RLock()
        """Held while a target, a policy or an action is changed."""
        self.targets: dict[str, Record] = AccountRegionScopedDict()
        """By resource id."""
        self.policies: dict[tuple[str, str], Record] = AccountRegionScopedDict()
        """By resource id and name, as the actions are."""
        self.scheduled_actions: dict[tuple[str, str], Record] = AccountRegionScopedDict()
        self.due: dict[tuple[str, str], sched.Event] = AccountRegionScopedDict()
        """The entries of scheduled actions in the agenda."""
        self.activities: dict[str, Record] = AccountRegionScopedDict()
        """By id, the oldest first."""
        self.cooldowns: dict[str, rules.Cooldown] = AccountRegionScopedDict()
        """By resource id: the last one."""
        self.agenda = Agenda()
        self.scaler = Scaler(self)
        sagemaker.alarms.actions["autoscaling"] = self.scaler.on_alarm

    async def handle_request(
        self, _method: str, _path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request that MiniStack routed here, its signature and its main permission checked."""
        operation = headers.get("x-amz-target", "").removeprefix(PREFIX)
        run, loop = contextvars.copy_context().run, asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(
                self.sagemaker.threads, run, self.call, operation, read(body), caller_of(headers, query)
            )
        except ApiError as error:
            refused = {"__type": error.code, "Message": error.message, **error.members}
            return error.status, {"Content-Type": JSON}, json.dumps(refused).encode()
        return 200, {"Content-Type": JSON}, json.dumps(response).encode()

    def call(self, operation: str, request: Record, caller: Caller | None) -> Record:
        """Carry out one operation for a caller (None: one whose permissions were seen to); raises ApiError."""
        known = OPERATIONS.get(operation)
        if known is None:
            raise ApiError(
                "UnsupportedOperationException",
                f"The local cloud's Application Auto Scaling does not know {operation or 'this request'}. "
                f"It knows {', '.join(OPERATIONS)}.",
            )
        if caller is not None:
            action = f"{SERVICE}:{operation}"
            _require(caller, action, target_arn(self, operation, request), tag_conditions(action, request))
        validate(operation, request, SERVICE)
        names.check_dimension(request)
        if caller is not None:
            for action, resource, context in known.needs(self, request):
                _require(caller, action, resource, context)
        shape = model(SERVICE).operation_model(operation).output_shape
        answer: Record = shaped(known.run(self, request), shape) if shape else {}
        return answer

    def deregister(self, endpoint_name: str) -> None:
        """Forget every scalable target of an endpoint that is deleted, as AWS does; fine if there is none."""
        for resource_id in list(self.targets):
            if names.variant_of(resource_id).endpoint == endpoint_name:
                self.forget(resource_id)

    def forget(self, resource_id: str) -> None:
        """Forget a target with its policies, their alarms, and its scheduled actions."""
        with self.lock:
            self.targets.pop(resource_id, None)
            self.cooldowns.pop(resource_id, None)
            for policy in policies.of_target(self, resource_id):
                policies.remove(self, policy)
            for action in list(self.scheduled_actions.values()):
                if action["ResourceId"] == resource_id:
                    scheduled.remove(self, action)

    def refuses(self, endpoint_record: Record, new_config_record: Record) -> str | None:
        """What AWS says to an update that a scalable target forbids, or None: while a variant is registered it may
        neither change its instance type nor go away."""
        before = _types(self.sagemaker.configs.find(endpoint_record.get("EndpointConfigName", "")) or {})
        after = _types(new_config_record)
        for resource_id in self.targets:
            endpoint, variant = names.variant_of(resource_id)
            if endpoint != endpoint_record["EndpointName"]:
                continue
            if variant not in after or after[variant] != before.get(variant, after[variant]):
                return (
                    f'The variant(s) "[{variant}]" must be deregistered as scalable targets with AWS Auto Scaling '
                    "before they can be removed or have their instance type updated."
                )
        return None

    def tags(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """Every scalable target's ARN and its tags."""
        for target in self.targets.values():
            yield target["ScalableTargetARN"], [{"Key": key, "Value": value} for key, value in target["Tags"].items()]

    def close(self) -> None:
        """End the thread."""
        self.agenda.close()


def _types(config: Record) -> dict[str, str | None]:
    """By variant: its instance type."""
    return {each["VariantName"]: each.get("InstanceType") for each in config.get("ProductionVariants", [])}


def _require(caller: Caller, action: str, resource: str, context: dict[str, Any]) -> None:
    """CloudWatch's refusals are reported as those of a resource that was not reached."""
    try:
        caller.require(action, resource, context)
    except AccessDenied as denied:
        code = "FailedResourceAccessException" if action.startswith("cloudwatch:") else "AccessDeniedException"
        raise ApiError(code, str(denied)) from denied
