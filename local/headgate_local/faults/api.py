"""Faults of calls: an internal error, throttling, an outage, a delay, for any operation of any service."""

from dataclasses import dataclass

from headgate_local.api.errors import ApiError
from headgate_local.api.validation import model
from headgate_local.faults.book import Fault, Faults

PREFIX = "aws:fis:inject-api-"
DELAY = PREFIX + "delay"


@dataclass(frozen=True)
class Answer:
    """What a struck call is answered."""

    status: int
    code: str
    message: str


INTERNAL = Answer(500, "InternalFailure", "The request processing has failed because of an unknown error.")
THROTTLED = Answer(400, "ThrottlingException", "Rate exceeded")
UNAVAILABLE = Answer(503, "ServiceUnavailable", "The service is not able to handle the request; try again.")
ANSWERS = {
    PREFIX + "internal-error": INTERNAL,
    PREFIX + "throttle-error": THROTTLED,
    PREFIX + "unavailable-error": UNAVAILABLE,
}
OWN_WORDS = {
    ("s3", INTERNAL): Answer(500, "InternalError", "We encountered an internal error. Please try again."),
    ("s3", THROTTLED): Answer(503, "SlowDown", "Please reduce your request rate."),
    ("dynamodb", INTERNAL): Answer(500, "InternalServerError", "The request could not be processed."),
    ("lambda", INTERNAL): Answer(500, "ServiceException", "The service has encountered an internal error."),
    ("lambda", THROTTLED): Answer(429, "TooManyRequestsException", "Rate Exceeded."),
    ("sns", INTERNAL): Answer(500, "InternalError", "The request could not be processed."),
    ("sns", THROTTLED): Answer(400, "Throttling", "Rate exceeded"),
}
"""Services that call these errors by names of their own."""
MODELLED = {
    "aws:sagemaker:exceed-resource-limit": (
        "ResourceLimitExceeded",
        "The account-level service limit for this resource was reached. Use AWS Service Quotas to ask for more.",
    ),
    "aws:sagemaker:update-conflict": (
        "ConflictException",
        "There was a conflict when you attempted to modify this resource.",
    ),
}
"""By action: an error that strikes the operations whose model knows it, and what it says."""


def strike(faults: Faults, service: str, operation: str, name: str) -> None:
    """Let a call go wrong as was ordered: late, or refused with an ApiError. Blocks for the delay."""
    if faults.idle:
        return
    if seconds := delay(faults, f"{service}:{operation}", name):
        faults.pause(seconds)
    if ordered := answer(faults, f"{service}:{operation}", name):
        raise ApiError(ordered.code, ordered.message, ordered.status)
    modelled = {error.name for error in model(service).operation_model(operation).error_shapes}
    for action, (code, message) in MODELLED.items():
        if code in modelled and faults.take(action, name):
            raise ApiError(code, message)


def delay(faults: Faults, action: str, name: str) -> float:
    """The seconds by which a call (``sagemaker:CreateModel``) for the resource of this name takes longer."""
    struck = _take(faults, DELAY, action, name)
    return float(struck.parameters.get("delaySeconds", "1")) if struck else 0.0


def answer(faults: Faults, action: str, name: str) -> Answer | None:
    """What the call is answered in place of its result, or None: it is carried out."""
    for fault_action, general in ANSWERS.items():
        if _take(faults, fault_action, action, name):
            return OWN_WORDS.get((action.partition(":")[0], general), general)
    return None


def resource_name(arn: str) -> str:
    """The name of a resource by which faults are aimed: what follows its type in the ARN; ``bucket/key`` in S3."""
    if arn.startswith("arn:aws:s3:::"):
        return arn.removeprefix("arn:aws:s3:::")
    resource = arn.split(":", 5)[-1]
    for separator in "/:":
        if separator in resource:
            return resource.split(separator, 1)[1]
    return resource


def _take(faults: Faults, fault_action: str, action: str, name: str) -> Fault | None:
    service, _, operation = action.partition(":")

    def matches(fault: Fault) -> bool:
        wanted = [part.strip() for part in fault.parameters.get("operations", operation).split(",")]
        return fault.parameters["service"] == service and operation in wanted

    return faults.take(fault_action, name, matches)
