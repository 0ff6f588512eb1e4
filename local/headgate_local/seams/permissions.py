"""What a Task's resource needs: the IAM action and the ARN, for every kind of integration."""

import json
from typing import Any
from urllib.parse import quote

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions

from headgate_local.cloudwatch import permissions as cloudwatch
from headgate_local.seams import identity

Requirement = tuple[str, str, dict[str, Any]]
"""An action, a resource's ARN and the context that its conditions may ask for."""

DENIED = {
    "lambda": "Lambda.AWSLambdaException",
    "sns": "SNS.AmazonSNSException",
    "sqs": "SQS.AmazonSQSException",
    "dynamodb": "DynamoDB.AmazonDynamoDBException",
    "events": "EventBridge.AmazonEventBridgeException",
    "states": "StepFunctions.AWSStepFunctionsException",
    "sagemaker": "SageMaker.AmazonSageMakerException",
}
"""By IAM namespace: the error under which an optimised integration reports AccessDeniedException."""


def check(caller: identity.Caller, resource: str, arguments: Any) -> None:
    """Raise what Step Functions reports when the machine's role does not allow a Task's call."""
    for action, arn, context in requirements(resource, arguments if isinstance(arguments, dict) else {}):
        try:
            caller.require(action, arn, context)
        except identity.AccessDenied as denied:
            raise stepfunctions._ExecutionError(
                _error(resource, action), f"{denied} (AccessDeniedException)"
            ) from denied


def requirements(resource: str, arguments: dict[str, Any]) -> list[Requirement]:
    """What the role must allow for a call; nothing for an activity, which a worker fetches by itself."""
    if resource.startswith("arn:aws:lambda:"):
        return [("lambda:InvokeFunction", resource, {})]
    if ":activity:" in resource:
        return []
    integration = resource.removeprefix("arn:aws:states:::")
    plain, _, pattern = integration.partition(".")
    if plain.startswith("aws-sdk:"):
        _, sdk_service, sdk_call = plain.split(":")
        return _sdk(sdk_service, sdk_call, arguments)
    service, _, call = plain.partition(":")
    if service == "lambda":
        return [("lambda:InvokeFunction", _function_arn(arguments.get("FunctionName", "")), {})]
    if service == "states":
        return _start_execution(arguments, pattern)
    found = _put_events(arguments) if service == "events" else [_json_call(service, _pascal(call), arguments)]
    if service == "sagemaker" and pattern.startswith("sync"):
        # Step Functions tags the jobs that it waits for, looks at them and stops them.
        job = _pascal(call).removeprefix("Create")
        arn = found[0][1]
        found += [
            ("sagemaker:AddTags", arn, {}),
            (f"sagemaker:Describe{job}", arn, {}),
            (f"sagemaker:Stop{job}", arn, {}),
        ]
    return found


def _sdk(sdk_service: str, call: str, arguments: dict[str, Any]) -> list[Requirement]:
    known = stepfunctions._AWS_SDK_SERVICE_MAP.get(sdk_service.lower(), {})
    service, action = known.get("service_key", sdk_service.lower()), _pascal(call)
    if service == "lambda" and action == "Invoke":
        return [("lambda:InvokeFunction", _function_arn(arguments.get("FunctionName", "")), {})]
    if service == "monitoring":
        context = cloudwatch.conditions(action, arguments)
        return [(cloudwatch.action(action), arn, context) for arn in cloudwatch.resources(action, arguments)]
    if service == "s3":
        path = f"/{arguments.get('Bucket', '')}/{quote(str(arguments.get('Key', '')))}".rstrip("/")
        arn = iam_actions.extract_resource_arn("s3", "GET", path, {}, b"", {}, get_region(), get_account_id())
        return [(f"s3:{_S3_ACTIONS.get(action, action)}", arn, {})]
    wire = (
        {name[0].lower() + name[1:]: value for name, value in arguments.items()} if service == "states" else arguments
    )
    return [_json_call(service, action, wire)]


_S3_ACTIONS = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadObject": "GetObject"}


def _json_call(service: str, action: str, arguments: dict[str, Any]) -> Requirement:
    """What MiniStack checks when the same call comes through its front door."""
    body = json.dumps(arguments).encode()
    namespace = iam_actions.SERVICE_TO_IAM_NAMESPACE.get(service, service)
    query = {name: value for name, value in arguments.items() if isinstance(value, str)}
    arn = iam_actions.extract_resource_arn(
        service, "POST", "/", {"x-amz-target": f".{action}"}, body, query, get_region(), get_account_id()
    )
    context = iam_actions.request_tag_context(service, f"{namespace}:{action}", body, query)
    if service == "dynamodb":
        context = {**context, **iam_actions.dynamodb_service_context(body)}
    return f"{namespace}:{action}", arn, context


def _start_execution(arguments: dict[str, Any], pattern: str) -> list[Requirement]:
    machine = arguments.get("StateMachineArn", "")
    found: list[Requirement] = [("states:StartExecution", machine, {})]
    if pattern.startswith("sync"):
        executions = machine.replace(":stateMachine:", ":execution:") + ":*"
        found += [("states:DescribeExecution", executions, {}), ("states:StopExecution", executions, {})]
    return found


def _put_events(arguments: dict[str, Any]) -> list[Requirement]:
    """Each bus that an event is put on, with what conditions may ask of the event."""
    return [
        (
            "events:PutEvents",
            f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/{entry.get('EventBusName', 'default')}",
            {"events:source": entry.get("Source", ""), "events:detail-type": entry.get("DetailType", "")},
        )
        for entry in arguments.get("Entries", [])
    ]


def _function_arn(reference: str) -> str:
    """A FunctionName may be a name, a name with a qualifier, a partial or a whole ARN."""
    if reference.startswith("arn:"):
        return reference
    name = reference.rsplit(":function:", maxsplit=1)[-1]
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"


def _pascal(call: str) -> str:
    return call[:1].upper() + call[1:]


def _error(resource: str, action: str) -> str:
    namespace = action.partition(":")[0]
    if ":aws-sdk:" in resource:
        service = resource.split(":")[6].lower()
        error: str = stepfunctions._prefix_sdk_error(service, "AccessDeniedException")
        return error
    return DENIED.get(namespace, f"{namespace.capitalize()}.AccessDeniedException")
