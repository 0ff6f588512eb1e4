"""Seam: the local CloudWatch in the place of MiniStack's, which keeps tags and dashboards.

MiniStack's own evaluates an alarm when values are put, over all dimensions together and with one period, and sends no
events. What other services of it publish, and the alarms that its CloudFormation makes, come here.
"""

import asyncio
import contextvars
import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, sqs, tagging

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import model, validate
from headgate_local.cloudwatch import emf, messages, permissions, wire
from headgate_local.cloudwatch.alarms import Alarms
from headgate_local.cloudwatch.gauges import QUEUES, Gauges
from headgate_local.cloudwatch.metrics import Metric
from headgate_local.cloudwatch.operations import KEPT, OPERATIONS
from headgate_local.faults.api import resource_name, strike
from headgate_local.seams import monitoring_templates
from headgate_local.seams.identity import AccessDenied, Caller, caller_of

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

NAME = "monitoring"
"""What MiniStack calls CloudWatch."""
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[wire.Response]]


def install(sagemaker: "SageMaker") -> None:
    """Answer requests for CloudWatch, and take in what MiniStack's other services tell it."""
    alarms, endpoint_url = sagemaker.alarms, sagemaker.endpoint_url
    alarms.parse_rule = cloudwatch._parse_alarm_rule
    alarms.tags = cloudwatch._resource_tags
    alarms.consequences.send = _send
    alarms.gauges = Gauges(alarms.metrics, _queue_figures).read
    alarms.actions |= {"sns": _Sns(endpoint_url), "lambda": _Lambda(endpoint_url)}
    cloudwatch._alarms, cloudwatch._composite_alarms = alarms.metric_alarms, alarms.composite_alarms
    app.SERVICE_HANDLERS[NAME] = _handler(sagemaker, app.SERVICE_HANDLERS[NAME])
    tagging._RESOURCE_TAG_COLLECTORS["cloudwatch"] = alarms.tagged
    _install_permissions()
    _install_metrics(alarms)
    _install_alarms(alarms)
    _install_logs(alarms)


def _handler(sagemaker: "SageMaker", theirs: Handler) -> Handler:
    async def handle_request(
        _method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> wire.Response:
        protocol, caller = wire.protocol_of(headers), caller_of(headers, query)

        def carry_out() -> tuple[str, Record, wire.Response | None]:
            """The operation, its request, and the answer; None for one that MiniStack is to give."""
            operation, request = wire.read(path, headers, body, query)
            _check(sagemaker, caller, protocol, operation, request)
            if operation in KEPT:
                return operation, request, None
            return operation, request, wire.answer(protocol, operation, _call(sagemaker.alarms, operation, request))

        run, loop = contextvars.copy_context().run, asyncio.get_running_loop()
        try:
            operation, request, answered = await loop.run_in_executor(sagemaker.threads, run, carry_out)
            return answered or wire.answer(protocol, operation, await _ask(theirs, operation, request))
        except ApiError as error:
            return wire.refusal(protocol, error)

    return handle_request


def _check(sagemaker: "SageMaker", caller: Caller, protocol: str, operation: str, request: Record) -> None:
    """Raise for an operation that there is not, that its caller may not call, or that a fault strikes."""
    if operation not in OPERATIONS and operation not in KEPT:
        known = operation in model(wire.SERVICE).operation_names
        raise ApiError(
            "UnsupportedOperationException" if known else "InvalidAction",
            f"The local cloud's CloudWatch does not know {operation or 'this request'}. "
            f"It knows {', '.join([*OPERATIONS, *KEPT])}.",
        )
    resources = permissions.resources(operation, request)
    try:
        for resource in resources:
            caller.require(permissions.action(operation), resource, permissions.conditions(operation, request))
    except AccessDenied as denied:
        code = "AccessDenied" if protocol == wire.QUERY else "AccessDeniedException"
        raise ApiError(code, str(denied), 403) from denied
    strike(sagemaker.faults, wire.SERVICE, operation, resource_name(resources[0]))


def _install_permissions() -> None:
    """The front door only looks who calls; the handler, which knows every protocol, looks whether he may."""
    original = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any) -> str | None:
        action: str | None = None if service == NAME else original(service, *request)
        return action

    iam_actions.extract_iam_action = extract_iam_action


async def _ask(theirs: Handler, operation: str, request: Record) -> Record:
    """Let MiniStack answer, in the one protocol that it needs no further library for."""
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"GraniteServiceVersion20100801.{operation}",
    }
    status, _, body = await theirs("POST", "/", headers, json.dumps(request).encode(), {})
    answered: Record = json.loads(body or b"{}")
    if status >= 300:
        raise ApiError(answered["__type"], answered["message"], status)
    return answered


def _call(alarms: Alarms, operation: str, request: Record) -> Record:
    """Carry out an operation, whose caller was seen to."""
    try:
        validate(operation, request, wire.SERVICE)
    except ApiError as error:
        code = {"ValidationException": "ValidationError"}.get(error.code, error.code)
        raise ApiError(code, error.message) from error
    return OPERATIONS[operation](alarms, request)


def _send(kind: str, detail: Record, arn: str) -> None:
    entry = {"Source": "aws.cloudwatch", "DetailType": kind, "Detail": json.dumps(detail), "Resources": [arn]}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _install_metrics(alarms: Alarms) -> None:
    """Lambda's metrics come this way."""

    def record_metric(
        namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
    ) -> None:
        alarms.metrics.put(namespace, metric_name, dimensions or {}, float(value), unit)

    cloudwatch.record_metric = record_metric


def _install_alarms(alarms: Alarms) -> None:
    """Alarms that EC2 Auto Scaling makes for itself."""

    def put(alarm: Record) -> None:
        shape = model(wire.SERVICE).operation_model("PutMetricAlarm").input_shape
        _call(alarms, "PutMetricAlarm", {name: alarm[name] for name in shape.members if name in alarm})

    def delete(name: str, refuse_dependents: bool = False) -> None:
        try:
            alarms.delete([name])
        except ApiError as error:
            if refuse_dependents:
                raise ValueError(error.message) from error

    cloudwatch.cloudformation_put_metric_alarm = put
    cloudwatch.cloudformation_delete_metric_alarm = delete
    monitoring_templates.install(alarms, functools.partial(_call, alarms))


def _install_logs(alarms: Alarms) -> None:
    """Lines in the Embedded Metric Format are metrics, whoever writes them to CloudWatch Logs."""
    original = cloudwatch_logs._append_log_events

    def append_log_events(stream: Record, events: list[Record]) -> None:
        original(stream, events)
        for event in events:
            emf.publish(alarms.metrics, event["message"])

    cloudwatch_logs._append_log_events = append_log_events


def _queue_figures(metric: Metric) -> Mapping[str, float] | None:
    """What a queue's metrics would say now; None if there is no such queue."""
    queue = sqs._queue_by_arn(f"arn:aws:sqs:{metric.region}:{metric.account}:{dict(metric.dimensions)['QueueName']}")
    if queue is None:
        return None
    sqs._refresh_counts(queue)
    return {figure: float(queue["attributes"][attribute]) for figure, attribute in QUEUES.items()}


class _Action:
    """Carries out an action through the local cloud's own front door, as its root."""

    service: str

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    def client(self, region: str) -> Any:
        if region not in self._clients:
            config = Config(retries={"max_attempts": 0})  # a message that took long is not sent twice
            self._clients[region] = boto3.client(
                self.service, endpoint_url=self._endpoint_url, region_name=region, config=config
            )
        return self._clients[region]


class _Sns(_Action):
    service = "sns"

    def __call__(self, arn: str, alarm: Record, _state: str) -> None:
        self.client(arn.split(":")[3]).publish(
            TopicArn=arn,
            Subject=messages.sns_subject(alarm, get_region()),
            Message=messages.sns_message(alarm, get_account_id(), get_region()),
        )


class _Lambda(_Action):
    service = "lambda"

    def __call__(self, arn: str, alarm: Record, _state: str) -> None:
        self.client(arn.split(":")[3]).invoke(
            FunctionName=arn,
            InvocationType="Event",
            Payload=json.dumps(messages.lambda_input(alarm, get_account_id(), get_region())),
        )
