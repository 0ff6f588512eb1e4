"""Seam: Application Auto Scaling, which MiniStack lacks, among its services: routing, IAM, tags and Step Functions.

What Application Auto Scaling needs of MiniStack is here too: its service-linked role, and cron expressions.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id
from ministack.services import eventbridge, iam, stepfunctions, tagging

from headgate_local.api.errors import ApiError
from headgate_local.api.validation import read

if TYPE_CHECKING:
    from headgate_local.autoscaling.service import Scaling

NAME = "application-autoscaling"
"""The name in a signature's scope, and the IAM namespace."""
SDK_NAME = "applicationautoscaling"
"""What Step Functions calls it: ``arn:aws:states:::aws-sdk:applicationautoscaling:putScalingPolicy``."""
PREFIX = "AnyScaleFrontendService"
PRINCIPAL = "sagemaker.application-autoscaling.amazonaws.com"
ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


def install(scaling: "Scaling") -> None:
    """Put Application Auto Scaling among MiniStack's services."""
    from headgate_local.seams import scaling_templates

    app.SERVICE_HANDLERS[NAME] = scaling.handle_request
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": [f"{PREFIX}."], "credential_scope": NAME}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[NAME] = NAME
    iam_actions._BOTOCORE_SERVICE_MAP[NAME] = [NAME]
    tagging._RESOURCE_TAG_COLLECTORS[NAME] = scaling.tags
    _install_resources(scaling)
    _install_conditions()
    _install_tasks()
    scaling_templates.install(scaling)


def has_service_linked_role() -> bool:
    """Whether the account has the role with which variants are scaled."""
    return ROLE in iam._roles


def service_linked_role_arn() -> str:
    """The ARN of that role."""
    return f"arn:aws:iam::{get_account_id()}:role/aws-service-role/{PRINCIPAL}/{ROLE}"


def service_linked_role() -> str:
    """The ARN of that role, which is made if it is not there. (MiniStack would give it another name.)"""
    if not has_service_linked_role():
        principal = {"Effect": "Allow", "Principal": {"Service": PRINCIPAL}, "Action": "sts:AssumeRole"}
        iam._roles[ROLE] = {
            "RoleName": ROLE,
            "Arn": service_linked_role_arn(),
            "RoleId": iam._gen_id("AROA"),
            "CreateDate": iam._now(),
            "Path": f"/aws-service-role/{PRINCIPAL}/",
            "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [principal]}),
            "Description": f"Service-linked role for {PRINCIPAL}",
            "MaxSessionDuration": 3600,
            "AttachedPolicies": [],
            "InlinePolicies": {},
            "Tags": [],
        }
    return service_linked_role_arn()


def is_cron(schedule: str) -> bool:
    """Whether this is a ``cron(...)`` expression in AWS's form, which MiniStack knows how to read."""
    return eventbridge._parse_cron_fields(schedule) is not None


def next_cron(schedule: str, after: datetime) -> datetime | None:
    """The first whole minute later than ``after`` that fits a cron expression, in its time zone."""
    found: datetime | None = eventbridge._cron_next_fire(eventbridge._parse_cron_fields(schedule), after)
    return found


def _install_resources(scaling: "Scaling") -> None:
    from headgate_local.autoscaling.operations import target_arn

    original = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: object
    ) -> str:
        if service != NAME:
            found: str = original(service, method, path, headers, body, *rest)
            return found
        return target_arn(scaling, headers.get("x-amz-target", "").rpartition(".")[2], _members(body))

    iam_actions.extract_resource_arn = extract_resource_arn


def _install_conditions() -> None:
    """Policies may ask for the service namespace and the scalable dimension of a request."""
    original = iam_actions.request_tag_context

    def request_tag_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = original(service, iam_action, body, params)
        if service != NAME:
            return context
        request = _members(body)
        asked = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
        return context | {f"{NAME}:{key}": request[name] for key, name in asked.items() if name in request}

    iam_actions.request_tag_context = request_tag_context


def _members(body: bytes) -> dict[str, Any]:
    """Those of a request; none if it is not a JSON object."""
    try:
        return read(body)
    except ApiError:
        return {}


def _install_tasks() -> None:
    stepfunctions._AWS_SDK_SERVICE_MAP[SDK_NAME] = {
        "target_prefix": PREFIX,
        "protocol": "json",
        "service_key": NAME,
    }
    stepfunctions._AWS_SDK_ERROR_PREFIX[SDK_NAME] = "ApplicationAutoScaling"
    common = ("AccessDeniedException", "SerializationException", "UnsupportedOperationException")
    stepfunctions._AWS_SDK_ERROR_CODE_OVERRIDES[SDK_NAME] = dict.fromkeys(common, "ApplicationAutoScalingException")
