"""What Application Auto Scaling calls things: resource ids, ARNs, and its refusals of what is not there."""

import re
import uuid
from typing import NamedTuple

from ministack.core.responses import get_account_id, get_region

from headgate_local.api.errors import ApiError, invalid, unsupported
from headgate_local.api.records import Record, paginate

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
PAGE = 50
"""How many items a Describe answers at most."""


class Variant(NamedTuple):
    """An endpoint's variant, which a resource id ``endpoint/<endpoint>/variant/<variant>`` names."""

    endpoint: str
    variant: str


def variant_of(resource_id: str) -> Variant:
    """The variant that a resource id names; raises ValidationException for another form."""
    found = re.fullmatch(r"endpoint/([^/]+)/variant/([^/]+)", resource_id)
    if found is None:
        raise invalid(
            "Unsupported service namespace, resource type or scalable dimension: the resource ID of an endpoint's "
            f"variant is endpoint/<endpoint>/variant/<variant>, not {resource_id}."
        )
    return Variant(*found.groups())


def check_dimension(request: Record) -> None:
    """Refuse by name what AWS scales and the local cloud does not."""
    namespace, dimension = request.get("ServiceNamespace", NAMESPACE), request.get("ScalableDimension", DIMENSION)
    if namespace != NAMESPACE:
        raise unsupported(f"auto scaling in the service namespace {namespace}; {NAMESPACE} is supported")
    if dimension != DIMENSION:
        raise unsupported(f"the scalable dimension {dimension}; {DIMENSION} is supported")


def missing(what: str, resource_id: str, more: str = "") -> ApiError:
    """The refusal of something that is not there: ``No scalable target registered``, say."""
    return ApiError(
        "ObjectNotFoundException",
        f"{what} for service namespace: {NAMESPACE}, resource ID: {resource_id}, scalable dimension: {DIMENSION}{more}",
    )


def target_arn() -> str:
    """The ARN of a new scalable target."""
    return f"arn:aws:application-autoscaling:{get_region()}:{get_account_id()}:scalable-target/{_identifier()}"


def policy_arn(resource_id: str, name: str) -> str:
    """The ARN of a new scaling policy, which alarms name as their action."""
    return _scaling_arn("scalingPolicy", resource_id, f"policyName/{name}")


def scheduled_action_arn(resource_id: str, name: str) -> str:
    """The ARN of a new scheduled action."""
    return _scaling_arn("scheduledAction", resource_id, f"scheduledActionName/{name}")


def page(items: list[Record], request: Record) -> tuple[list[Record], Record]:
    """One page of the items, and the NextToken member if there are more."""
    size = request.get("MaxResults", PAGE)
    if not 1 <= size <= PAGE:
        raise invalid(f"MaxResults must be between 1 and {PAGE}.")
    try:
        return paginate(items, request, PAGE)
    except ApiError:
        raise ApiError("InvalidNextTokenException", "The next token is not valid.") from None


def _identifier() -> str:
    return uuid.uuid4().hex + uuid.uuid4().hex[:4]


def _scaling_arn(noun: str, resource_id: str, name: str) -> str:
    place = f"{get_region()}:{get_account_id()}"
    return f"arn:aws:autoscaling:{place}:{noun}:{uuid.uuid4()}:resource/{NAMESPACE}/{resource_id}:{name}"
