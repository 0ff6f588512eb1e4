"""An AWS account in memory, behind real clients of boto3: DynamoDB, S3, SageMaker, its scaling, CloudWatch, and more.

botocore's hooks answer each call before it is sent, in a tenth of a millisecond, so that the adapters and botocore's
checks are real. The same hooks make a process die right before a call or right after its effect.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MethodType
from typing import Any

import boto3
from prove.recorder import recorded

from .scalable import Refusal, Scalable
from .tables import Tables

REGION = "eu-central-1"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_MOVING = {"Creating", "Updating"}


def archive_of(name: str) -> str:
    """The key of the archive of a run."""
    return f"demo/iris/runs/demo-iris-{name}/training/demo-iris-{name}/output/model.tar.gz"


class DiedError(BaseException):
    """The process is gone; no handler of its own sees that."""


@dataclass
class Account(Scalable, Tables):
    """What there is, and what it refuses. `before` and `after` are called with the number of each call, from 1."""

    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoint: dict[str, Any] | None = None
    endpoint_tags: list[dict[str, str]] = field(default_factory=list)
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    target: dict[str, Any] | None = None
    tokens: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    executions: dict[str, str] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    calls: int = 0
    slept: timedelta = timedelta()
    operation: str = ""
    made: Counter[str] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)
    before: Callable[[int], None] = lambda _number: None
    after: Callable[[int], None] = lambda _number: None
    watch: Callable[["Account", str, dict[str, Any]], None] = lambda _account, _operation, _given: None

    def copy(self) -> "Account":
        """The account as it is, for a way of its own. What is in it is replaced and never changed, so this is cheap."""
        return Account(
            dict(self.items),
            dict(self.models),
            dict(self.configs),
            dict(self.endpoint) if self.endpoint else None,
            self.endpoint_tags,
            dict(self.alarms),
            self.target,
            dict(self.tokens),
            dict(self.executions),
            dict(self.packages),
            self.broken,
        )

    @property
    def now(self) -> datetime:
        """A clock that every call moves on, and every wait."""
        return _START + timedelta(milliseconds=10 * self.calls) + self.slept

    def call(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer one call, or die of it."""
        self.calls += 1
        number, self.operation = self.calls, operation
        self.before(number)
        self.watch(self, operation, given)
        try:
            answer: dict[str, Any] = getattr(self, f"_{operation}")(given) or {}
            self.made[operation] += 1
        except Refusal:
            self.after(number)
            raise
        self.after(number)
        return answer

    def answer(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of Step Functions' own, which does not die; `action` as the state machine writes it."""
        answer: dict[str, Any] = getattr(self, f"_{action[0].upper()}{action[1:]}")(given) or {}
        return answer

    def rest(self) -> None:
        """A change of the endpoint that is under way comes to its end, and an event tells of it."""
        there = self.endpoint
        if there is None or there["EndpointStatus"] not in _MOVING:
            return
        goal, instances = there["goal"], there["instances"]
        rested = {**there, "LastModifiedTime": self.now, "goal": ""}
        if goal not in self.broken:
            self.endpoint = {**rested, "EndpointStatus": "InService", "EndpointConfigName": goal}
            self.endpoint["instances"] = instances
        elif there["EndpointStatus"] == "Creating":
            self.endpoint = {**rested, "EndpointStatus": "Failed", "FailureReason": "It did not answer."}
        else:
            self.endpoint = {**rested, "EndpointStatus": "InService", "FailureReason": "An alarm rang."}
        self.events.append(there["EndpointName"])

    # -- SageMaker

    def _CreateModel(self, given: dict[str, Any]) -> None:
        _new(self.models, given["ModelName"], given, "model")

    def _DescribeModel(self, given: dict[str, Any]) -> dict[str, Any]:
        return _found(self.models, given["ModelName"], "model")

    def _DeleteModel(self, given: dict[str, Any]) -> None:
        _found(self.models, given["ModelName"], "model")
        del self.models[given["ModelName"]]

    def _CreateEndpointConfig(self, given: dict[str, Any]) -> None:
        for variant in given["ProductionVariants"]:
            _found(self.models, variant["ModelName"], "model")
        _new(self.configs, given["EndpointConfigName"], given, "endpoint configuration")

    def _DescribeEndpointConfig(self, given: dict[str, Any]) -> dict[str, Any]:
        return _found(self.configs, given["EndpointConfigName"], "endpoint configuration")

    def _DeleteEndpointConfig(self, given: dict[str, Any]) -> None:
        _found(self.configs, given["EndpointConfigName"], "endpoint configuration")
        del self.configs[given["EndpointConfigName"]]

    def _CreateEndpoint(self, given: dict[str, Any]) -> None:
        if self.endpoint is not None:
            raise Refusal("ValidationException", f'Cannot create already existing endpoint "{_arn("endpoint")}".')
        config = _found(self.configs, given["EndpointConfigName"], "endpoint configuration")
        self.endpoint_tags = given["Tags"]
        self.endpoint = {
            "EndpointName": given["EndpointName"],
            "EndpointStatus": "Creating",
            "EndpointConfigName": given["EndpointConfigName"],
            "goal": given["EndpointConfigName"],
            "instances": config["ProductionVariants"][0]["InitialInstanceCount"],
            "LastModifiedTime": self.now,
        }

    def _UpdateEndpoint(self, given: dict[str, Any]) -> None:
        there, config = self._there(), _found(self.configs, given["EndpointConfigName"], "endpoint configuration")
        if there["EndpointStatus"] in {*_MOVING, "Failed"}:
            raise Refusal("ValidationException", f'Cannot update in-progress endpoint "{_arn("endpoint")}".')
        machines = {
            self.configs[each["EndpointConfigName"]]["ProductionVariants"][0]["InstanceType"] for each in (there, given)
        }
        if self.target is not None and len(machines) > 1:
            raise Refusal("ValidationException", "The variant is registered as a scalable target.")
        guarded = given.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
        alarms = guarded.get("Alarms", [])  # a rollback goes unguarded
        assert all(each["AlarmName"] in self.alarms for each in alarms), "an alarm of the deployment is missing"
        kept = given.get("RetainAllVariantProperties")
        instances = there["instances"] if kept else config["ProductionVariants"][0]["InitialInstanceCount"]
        moving = {**there, "EndpointStatus": "Updating", "goal": given["EndpointConfigName"], "instances": instances}
        moving.pop("weights", None)  # a configuration with variants of its own
        self.endpoint = {**moving, "FailureReason": "", "LastModifiedTime": self.now}

    def _DescribeEndpoint(self, given: dict[str, Any]) -> dict[str, Any]:
        there = dict(self._there())
        count, goal = there.pop("instances"), there.pop("goal")
        weights = there.pop("weights", {})
        variants = [{"VariantName": "main", "CurrentInstanceCount": count, "DesiredInstanceCount": count}]
        for each in self.configs[there["EndpointConfigName"]]["ProductionVariants"][1:]:
            name = each["VariantName"]
            variants.append({"VariantName": name, "DesiredWeight": weights.get(name, each["InitialVariantWeight"])})
        pending = {"PendingDeploymentSummary": {"EndpointConfigName": goal}} if goal else {}
        return {**there, **pending, "EndpointArn": _arn("endpoint"), "ProductionVariants": variants}

    def _UpdateEndpointWeightsAndCapacities(self, given: dict[str, Any]) -> None:
        there = self._there()
        if there["EndpointStatus"] != "InService":
            raise Refusal("ValidationException", f'Cannot update in-progress endpoint "{_arn("endpoint")}".')
        weights = {each["VariantName"]: each["DesiredWeight"] for each in given["DesiredWeightsAndCapacities"]}
        known = {each["VariantName"] for each in self.configs[there["EndpointConfigName"]]["ProductionVariants"]}
        assert set(weights) <= known, "a variant that is not there"
        moving = {**there, "EndpointStatus": "Updating", "goal": there["EndpointConfigName"], "weights": weights}
        self.endpoint = {**moving, "FailureReason": "", "LastModifiedTime": self.now}

    def _DeleteEndpoint(self, given: dict[str, Any]) -> None:
        if self._there()["EndpointStatus"] in _MOVING:
            raise Refusal("ValidationException", f'Cannot update in-progress endpoint "{_arn("endpoint")}".')
        self.endpoint = self.target = None

    def _DescribeModelPackage(self, given: dict[str, Any]) -> dict[str, Any]:
        return _found(self.packages, given["ModelPackageName"], "ModelPackage")

    def _ListTags(self, given: dict[str, Any]) -> dict[str, Any]:
        kind, _, name = given["ResourceArn"].rpartition(":")[2].partition("/")
        if kind == "endpoint":
            return {"Tags": self.endpoint_tags}
        return {"Tags": _found(self.models if kind == "model" else self.configs, name, kind)["Tags"]}

    def _there(self) -> dict[str, Any]:
        if self.endpoint is None:
            raise Refusal("ValidationException", f'Could not find endpoint "{_arn("endpoint")}".')
        return self.endpoint

    # -- SNS

    def _Publish(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["Subject"]
        return {"MessageId": str(self.calls)}

    # -- S3

    def _HeadObject(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Key"] in self.lost:
            raise Refusal("404", "Not Found")
        return {"ETag": f'"{given["Key"]}"', "VersionId": "1", "ContentLength": 7}

    # -- CloudWatch

    def _PutMetricAlarm(self, given: dict[str, Any]) -> None:
        state = self.alarms.get(given["AlarmName"], {"StateValue": "INSUFFICIENT_DATA"})["StateValue"]
        self.alarms[given["AlarmName"]] = {**given, "StateValue": state, "StateTransitionedTimestamp": self.now}

    def _PutCompositeAlarm(self, given: dict[str, Any]) -> None:
        parts = re.findall(r'ALARM\("([^"]+)"\)', given["AlarmRule"])
        assert set(parts) <= set(self.alarms), "a part of the alarm is missing"
        self._PutMetricAlarm(given)

    def _DescribeAlarms(self, given: dict[str, Any]) -> dict[str, Any]:
        prefix, names = given.get("AlarmNamePrefix", ""), given.get("AlarmNames", self.alarms)
        found = [self.alarms[name] for name in names if name in self.alarms and name.startswith(prefix)]
        composite = [each for each in found if "AlarmRule" in each]
        return {"MetricAlarms": [each for each in found if "AlarmRule" not in each], "CompositeAlarms": composite}

    def _PutMetricData(self, given: dict[str, Any]) -> None:
        assert given["Namespace"] == "Headgate"

    def _DeleteAlarms(self, given: dict[str, Any]) -> None:
        if not all(name in self.alarms for name in given["AlarmNames"]):
            raise Refusal("ResourceNotFound", "Some alarms do not exist.")
        composite = {name for name, each in self.alarms.items() if "AlarmRule" in each}
        if len(composite.intersection(given["AlarmNames"])) > 1:
            raise Refusal("ValidationError", "Only one composite alarm can be deleted at a time.")
        if any(f'"{name}"' in self.alarms[each]["AlarmRule"] for each in composite for name in given["AlarmNames"]):
            raise Refusal("ValidationError", "A composite alarm depends on it.")
        for name in given["AlarmNames"]:
            del self.alarms[name]

    # -- Step Functions

    def _SendTaskSuccess(self, given: dict[str, Any]) -> None:
        token = given["taskToken"]
        if token not in self.tokens:
            raise Refusal("TaskTimedOut", "Task Timed Out: Provided task does not exist anymore")
        if self.tokens[token] is None:
            self.tokens[token] = {"output": given["output"]}

    def _StartExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.executions.setdefault(given["name"], "RUNNING") != "RUNNING":
            raise Refusal("ExecutionAlreadyExists", f"Execution Already Exists: {given['name']}")
        return {"executionArn": given["name"], "startDate": self.now}

    def _DescribeExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["executionArn"].rpartition(":")[2]
        if name not in self.executions:
            raise Refusal("ExecutionDoesNotExist", f"Execution Does Not Exist: {name}")
        return {"status": self.executions[name]}


def _arn(kind: str, name: str = "demo-iris") -> str:
    return f"arn:aws:sagemaker:{REGION}:000000000000:{kind}/{name}"


def _new(there: dict[str, Any], name: str, given: dict[str, Any], kind: str) -> None:
    if name in there:
        raise Refusal("ValidationException", f'Cannot create already existing {kind} "{name}".')
    there[name] = given


def _found(there: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    if name not in there:
        raise Refusal("ValidationException", f'Could not find {kind} "{name}".')
    return {**there[name], "ModelArn": _arn("model", name), "EndpointConfigArn": _arn("endpoint-config", name)}


class Clients:
    """Clients of boto3 whose calls go to `account`, which may be exchanged at any time."""

    def __init__(self) -> None:
        self.account = Account()
        self._checked: set[tuple[str, str]] = set()
        """What botocore has found to be as it has to be: thousands of schedules send it again."""
        session = boto3.Session("key", "secret", region_name=REGION)
        self._clients = {
            name: session.client(name)
            for name in (
                *("dynamodb", "s3", "sagemaker", "cloudwatch", "stepfunctions", "sns"),
                "application-autoscaling",
            )
        }
        for each in self._clients.values():
            each._make_api_call = MethodType(recorded(self._call), each)

    def __getitem__(self, service: str) -> Any:
        return self._clients[service]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def _call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """In the place of botocore's own, half of whose work is for a request that no call here ever sends."""
        if (call := (operation, repr(parameters))) not in self._checked:
            client._serializer.serialize_to_request(parameters, client.meta.service_model.operation_model(operation))
            self._checked.add(call)
        try:
            return {**self.account.call(operation, parameters), "ResponseMetadata": {"HTTPStatusCode": 200}}
        except Refusal as refusal:
            error = {"Error": {"Code": refusal.code, "Message": refusal.message}, **refusal.more}
            answer = {**error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise client.exceptions.from_code(refusal.code)(answer, operation) from None
