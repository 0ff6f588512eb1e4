"""What a call of boto3 needs: IAM actions, the ARNs they are asked for, and what conditions may look at.

Most operations are an action of their own name on one resource. The tables below hold those that are not (service
authorization reference; for S3: "Required permissions for Amazon S3 API operations").
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.lint_template import REGION

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """One question to IAM; `context` is sorted, so that equal questions are asked once."""

    action: str
    resource: str
    context: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


def need(action: str, resource: str = "*", **context: Any) -> Need:
    """A question; keys of the context are written with `__` for `:`."""
    return needed(action, resource, {key.replace("__", ":"): value for key, value in context.items()})


def needed(action: str, resource: str, context: Mapping[str, Any]) -> Need:
    """A question with its context as conditions name it."""
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in context.items()}
    return Need(action, resource, tuple(sorted(plain.items())))


def needs(service: str, operation: str, params: Params, account: str, error: str = "") -> list[Need]:
    """What a call needs.

    Raises:
        ValueError: for a service that is not known here.
    """
    if service not in _SERVICES:
        raise ValueError(f"Teach tests/prove/needs.py the service {service}.")
    return list(_SERVICES[service](operation, params, account, error))


# ---------------------------------------------------------------- Tenants' keys

SYSTEM = "headgate"
"""The stack whose tenants' keys these are."""


def key_of(tenant: str, account: str) -> str:
    """The ARN of a tenant's key, as `stack_of` calls it."""
    return f"arn:aws:kms:{REGION}:{account}:key/of-{tenant}"


def with_key(action: str, tenant: str, account: str, **context: Any) -> Need:
    """A use of a tenant's key; keys have tags that say whose they are."""
    tags = {"aws:ResourceTag/headgate:tenant": tenant, "aws:ResourceTag/headgate:system": SYSTEM}
    more = {key.replace("__", ":"): value for key, value in context.items()}
    return needed(f"kms:{action}", key_of(tenant, account), {**tags, **more})


def sealing(action: str, place: str, account: str) -> Iterator[Need]:
    """What S3 asks KMS in a caller's name for an object of a tenant: nothing for what is the system's."""
    first, _, rest = place.partition("/")[2].partition("/")
    tenant = rest.partition("/")[0] if first == "_captured" else first
    if not tenant.startswith("_") and "*" not in place:
        context = {"kms__ViaService": f"s3.{REGION}.amazonaws.com", "kms__EncryptionContext__aws__s3__arn": place}
        yield with_key(action, tenant, account, **context)


def telling(topic: str, tenant: str, account: str) -> Iterator[Need]:
    """What SNS asks KMS in a publisher's name for a tenant's topic."""
    context = {"kms__ViaService": f"sns.{REGION}.amazonaws.com", "kms__EncryptionContext__aws__sns__topicArn": topic}
    yield from (with_key(action, tenant, account, **context) for action in ("GenerateDataKey", "Decrypt"))


def granting(endpoint: str, account: str) -> Need:
    """What has to be allowed for volumes of an endpoint's machines under its tenant's key."""
    return with_key("CreateGrant", endpoint.partition("-")[0], account, kms__GrantIsForAWSResource="true")


# ---------------------------------------------------------------- S3

_READS_OBJECT = {"GetObject", "HeadObject"}
_WRITES_OBJECT = {"PutObject", "CreateMultipartUpload"}
_OF_UPLOADS = {"UploadPart", "CompleteMultipartUpload"}
"""Of an upload in parts, whose beginning asked for all that they need."""
_OF_BUCKETS = {
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
}
_LISTS = {
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "HeadBucket": "s3:ListBucket",
}


def _s3(operation: str, params: Params, account: str, error: str) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{params.get('Bucket')}"
    place = f"{bucket}/{params.get('Key')}"
    if operation in _OF_UPLOADS:
        return
    if operation in _READS_OBJECT:
        yield need("s3:GetObjectVersion" if "VersionId" in params else "s3:GetObject", place)
        if error in ("404", "NoSuchKey"):  # who may not list is told 403, whatever is there
            listed = "s3:ListBucketVersions" if "VersionId" in params else "s3:ListBucket"
            yield need(listed, bucket, s3__prefix=params["Key"])
        if operation == "GetObject" or "ChecksumMode" in params:  # a checksum is encrypted, too
            yield from sealing("Decrypt", place, account)
    elif operation in _WRITES_OBJECT:
        in_parts = operation != "PutObject" or params.get("Body") == "<ReadFileChunk>"
        yield from _puts(place, params, account, in_parts=in_parts)
    elif operation in ("CopyObject", "UploadPartCopy"):
        source = params["CopySource"]
        version = "VersionId" in source
        found = f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"
        yield need("s3:GetObjectVersion" if version else "s3:GetObject", found)
        yield from _puts(place, params, account, in_parts=True)  # boto3 copies what is large in parts
        yield from sealing("Decrypt", found, account)
    elif operation in _LISTS:
        yield need(_LISTS[operation], bucket, s3__prefix=params.get("Prefix", ""))
    elif "Key" in params:
        yield need(f"s3:{operation}", place)
    else:
        yield need(f"s3:{_OF_BUCKETS.get(operation, operation)}", bucket)


def _puts(place: str, params: Params, account: str, *, in_parts: bool) -> Iterator[Need]:
    """Writing an object; conditions see the key that the request names."""
    key = params.get("SSEKMSKeyId")
    yield needed("s3:PutObject", place, {"s3:x-amz-server-side-encryption-aws-kms-key-id": key} if key else {})
    if in_parts:
        yield need("s3:AbortMultipartUpload", place)  # what an upload in parts ends with when it fails
    if key:
        yield from sealing("GenerateDataKey", place, account)
    if key and in_parts:
        yield from sealing("Decrypt", place, account)  # of the parts, to put them together


# ---------------------------------------------------------------- DynamoDB

_OF_TRANSACTIONS = {
    "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}  # fmt: skip


def _dynamodb(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    if operation.startswith("Transact"):
        for each in params["TransactItems"]:
            ((kind, item),) = each.items()
            yield _on_items(_OF_TRANSACTIONS[kind], item, account)
    elif operation.startswith("Batch"):
        for table, request in params["RequestItems"].items():
            keys = request["Keys"] if operation == "BatchGetItem" else [_written(each) for each in request]
            leading = sorted({key["pk"]["S"] for key in keys})
            yield need(f"dynamodb:{operation}", _table(table, account), dynamodb__LeadingKeys=leading)
    else:
        yield _on_items(operation, params, account)


def _written(request: Params) -> Any:
    return request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]


def _on_items(operation: str, params: Params, account: str) -> Need:
    arn = _table(params["TableName"], account)
    if index := params.get("IndexName"):
        arn = f"{arn}/index/{index}"
    key = params.get("Key") or params.get("Item")
    leading = key["pk"]["S"] if key else _of_condition(params)
    context = {"dynamodb:LeadingKeys": [leading]} if leading is not None else {}  # a scan has none
    return needed(f"dynamodb:{operation}", arn, context)


def _of_condition(params: Params) -> str | None:
    """The partition that a query asks for: the first value of its condition."""
    if found := re.match(r"\s*\S+\s*=\s*(:\w+)", str(params.get("KeyConditionExpression", ""))):
        return str(params["ExpressionAttributeValues"][found[1]]["S"])
    return None


def _table(name: str, account: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:dynamodb:{REGION}:{account}:table/{name}"


# ---------------------------------------------------------------- SageMaker

_SAGEMAKER = {
    "ModelPackageGroupName": "model-package-group",
    "TrainingJobName": "training-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "ProcessingJobName": "processing-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
_ROLES = ("RoleArn", "ExecutionRoleArn")


def _sagemaker(operation: str, params: Params, account: str, error: str) -> Iterator[Need]:
    here, action = f"arn:aws:sagemaker:{REGION}:{account}", f"sagemaker:{operation}"
    if operation == "CreateModelPackage":
        group = params["ModelPackageGroupName"]
        named = [f"{here}:model-package/{group}/1"]
        for container in params.get("InferenceSpecification", {}).get("Containers", []):
            yield need("s3:GetObject", _in_s3(container["ModelDataUrl"]))  # the registry looks whether it is there
    elif "ResourceArn" in params or "ModelPackageName" in params or "ModelPackageArn" in params:
        name = next(params[key] for key in ("ResourceArn", "ModelPackageName", "ModelPackageArn") if key in params)
        named = [name if name.startswith("arn:") else f"{here}:model-package/{name}/1"]
    else:
        of = params.get("HyperParameterTuningJobConfig") and ("HyperParameterTuningJobName",)
        keys = of or [key for key in _SAGEMAKER if key in params]
        named = [f"{here}:{_SAGEMAKER[key]}/{str(params[key]).lower()}" for key in keys] or ["*"]
    yield from (need(action, each) for each in named)
    tags = params.get("Tags") or []
    if tags and operation.startswith("Create"):
        yield from (
            needed("sagemaker:AddTags", each, _tags(tags)) for each in named if "config" in each or named[0] == each
        )
    if operation in ("CreateEndpoint", "UpdateEndpoint"):
        yield granting(str(params["EndpointName"]), account)
    for role in (params.get(key) for key in _ROLES):
        if role:
            yield need("iam:PassRole", role, iam__PassedToService="sagemaker.amazonaws.com")
    del error


def _in_s3(uri: str) -> str:
    return "arn:aws:s3:::" + uri.removeprefix("s3://")


def _tags(tags: list[Any]) -> dict[str, Any]:
    pairs = {each["Key"]: each["Value"] for each in tags}
    return {"aws:TagKeys": sorted(pairs), **{f"aws:RequestTag/{key}": value for key, value in pairs.items()}}


# ---------------------------------------------------------------- CloudWatch and scaling


def _cloudwatch(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    alarms = f"arn:aws:cloudwatch:{REGION}:{account}:alarm:"
    if operation == "PutMetricData":
        yield need("cloudwatch:PutMetricData", cloudwatch__namespace=params["Namespace"])
    elif operation == "DescribeAlarms":
        yield need("cloudwatch:DescribeAlarms", f"{alarms}*")  # allowed on all alarms or on none
    elif operation in ("GetMetricData", "ListMetrics", "GetMetricStatistics"):
        yield need(f"cloudwatch:{operation}")
    elif "ResourceARN" in params:
        yield needed(f"cloudwatch:{operation}", params["ResourceARN"], _tags(params.get("Tags", [])))
    else:
        for name in params.get("AlarmNames") or [params["AlarmName"]]:
            whole = operation == "PutCompositeAlarm"  # allowed on all alarms or on none
            yield need(f"cloudwatch:{operation}", alarms + ("*" if whole else name))
            if params.get("Tags") and not whole:
                yield needed("cloudwatch:TagResource", alarms + name, _tags(params["Tags"]))


_SCALES_BY = {
    # registering a target asks for what will be done in the caller's name (scalable targets: required permissions)
    "RegisterScalableTarget": [
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    ],
    # and a policy that follows a measure makes alarms of its own
    "PutScalingPolicy": ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"],
    "DeregisterScalableTarget": ["cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"],
}  # fmt: skip


def _autoscaling(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    here = f"arn:aws:application-autoscaling:{REGION}:{account}:scalable-target/1234abcd56ab78cd901ef1234567890ab123"
    if operation.startswith("Describe"):
        yield need(f"application-autoscaling:{operation}")
        return
    if "ResourceARN" in params:
        yield need(f"application-autoscaling:{operation}", params["ResourceARN"])
        return
    context = {
        "application-autoscaling:service-namespace": params["ServiceNamespace"],
        "application-autoscaling:scalable-dimension": params["ScalableDimension"],
    }
    yield needed(f"application-autoscaling:{operation}", here, context)
    if params.get("Tags"):
        yield need("application-autoscaling:TagResource", here)
    endpoint = str(params["ResourceId"]).split("/")[1]
    sagemaker = f"arn:aws:sagemaker:{REGION}:{account}"
    for action in _SCALES_BY.get(operation, []):
        if action == "sagemaker:DescribeEndpointConfig":
            yield need(action, f"{sagemaker}:endpoint-config/{endpoint}-r1")
        elif action.startswith("sagemaker:"):
            yield need(action, f"{sagemaker}:endpoint/{endpoint}")
        else:
            alarm = "*" if action.endswith("DescribeAlarms") else f"TargetTracking-{params['ResourceId']}-AlarmHigh-1"
            yield need(action, f"arn:aws:cloudwatch:{REGION}:{account}:alarm:{alarm}")
    if operation == "RegisterScalableTarget":  # the first of an account makes the role that scales
        name = "sagemaker.application-autoscaling.amazonaws.com"
        role = f"aws-service-role/{name}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        yield need("iam:CreateServiceLinkedRole", f"arn:aws:iam::{account}:role/{role}", iam__AWSServiceName=name)


# ---------------------------------------------------------------- The rest


def _states(operation: str, params: Params, _account: str, _error: str) -> Iterator[Need]:
    if operation.startswith("SendTask"):
        yield need(f"states:{operation}")
        return
    keys = ("executionArn", "stateMachineArn", "activityArn")
    yield need(f"states:{operation}", next((params[key] for key in keys if key in params), "*"))


def _sns(operation: str, params: Params, _account: str, _error: str) -> Iterator[Need]:
    yield need(f"sns:{operation}", params.get("TopicArn", "*"))


def _sts(operation: str, params: Params, _account: str, _error: str) -> Iterator[Need]:
    if operation != "GetCallerIdentity":  # which nobody needs a permission for
        yield need(f"sts:{operation}", params["RoleArn"])


def _sqs(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    name = str(params["QueueUrl"]).rpartition("/")[2]
    yield need(f"sqs:{operation.removesuffix('Batch')}", f"arn:aws:sqs:{REGION}:{account}:{name}")


def _events(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    here = f"arn:aws:events:{REGION}:{account}"
    if operation == "PutEvents":
        for each in params["Entries"]:
            context = {"events:source": each["Source"], "events:detail-type": each["DetailType"]}
            yield needed("events:PutEvents", f"{here}:event-bus/{each.get('EventBusName', 'default')}", context)
    else:
        yield need(f"events:{operation}", f"{here}:rule/{params.get('Name', params.get('Rule', '*'))}")


def _kms(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    yield need(f"kms:{operation}", f"arn:aws:kms:{REGION}:{account}:key/{params['KeyId'].rpartition('/')[2]}")


def _logs(operation: str, params: Params, account: str, _error: str) -> Iterator[Need]:
    group = params.get("logGroupName")  # a list of groups is allowed on all or on none
    yield need(f"logs:{operation}", f"arn:aws:logs:{REGION}:{account}:log-group:{group}" if group else "*")


_SERVICES: dict[str, Callable[[str, Params, str, str], Iterator[Need]]] = {
    "s3": _s3,
    "dynamodb": _dynamodb,
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "cloudwatch": _cloudwatch,
    "application-autoscaling": _autoscaling,
    "stepfunctions": _states,
    "sns": _sns,
    "kms": _kms,
    "logs": _logs,
    "sts": _sts,
    "sqs": _sqs,
    "events": _events,
}
