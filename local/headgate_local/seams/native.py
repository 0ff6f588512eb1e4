"""Seam: the Step Functions integrations with SageMaker, request-response and ``.sync``, and by AWS SDK."""

import contextlib
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import stepfunctions

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import model
from headgate_local.sagemaker.resources import Kind
from headgate_local.sagemaker.service import SageMaker

if TYPE_CHECKING:
    from headgate_local.seams.machines import Task

PREFIX = "arn:aws:states:::sagemaker:"
JOBS = {
    "createTrainingJob": "TrainingJob",
    "createProcessingJob": "ProcessingJob",
    "createTransformJob": "TransformJob",
    "createHyperParameterTuningJob": "HyperParameterTuningJob",
}
CALLS = (*JOBS, "createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint")
MODELLED = {
    "ResourceInUse": "ResourceInUseException",
    "ResourceNotFound": "ResourceNotFoundException",
    "ResourceLimitExceeded": "ResourceLimitExceededException",
    "ConflictException": "ConflictException",
}
"""Errors that the service model names; Step Functions reports them so, and all others under one common name."""
COMMON = "AmazonSageMakerException"
SDK_COMMON = "SageMakerException"
STARTED_BY = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
GLANCE = 0.1
"""Seconds between looks at whether the state of a job is still waited for."""


def install(sagemaker: SageMaker, current_task: Callable[[], "Task"]) -> None:
    """Make ``arn:aws:states:::sagemaker:*`` and ``arn:aws:states:::aws-sdk:sagemaker:*`` known."""
    for call in CALLS:
        stepfunctions._SERVICE_DISPATCH[PREFIX + call] = _integration(sagemaker, call, current_task)
    stepfunctions._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    stepfunctions._AWS_SDK_ERROR_PREFIX["sagemaker"] = "SageMaker"
    unmodelled = ("ValidationException", "AccessDeniedException", "SerializationException")
    stepfunctions._AWS_SDK_ERROR_CODE_OVERRIDES["sagemaker"] = MODELLED | dict.fromkeys(unmodelled, SDK_COMMON)


def runs_jobs(definition: str) -> bool:
    """Whether a state machine has a state that starts a job of SageMaker."""
    return any(job in definition for job in JOBS)


def _integration(
    sagemaker: SageMaker, call: str, current_task: Callable[[], "Task"]
) -> Callable[[str, Record], Record]:
    operation = call[0].upper() + call[1:]

    def invoke(resource: str, arguments: Record) -> Record:
        task = current_task()
        waits = resource.endswith((".sync", ".sync:2"))
        _refuse_unknown(operation, arguments)
        request = dict(arguments)
        if waits:
            if call not in JOBS:
                raise stepfunctions._ExecutionError("States.Runtime", f"{resource} is not supported by AWS.")
            request["Tags"] = [*request.get("Tags", []), STARTED_BY]
        try:
            response = sagemaker.call(operation, request, task.caller)
        except ApiError as error:
            raise _reported(error) from error
        if waits:
            return _wait(sagemaker, JOBS[call], request, task)
        metadata = {"HttpStatusCode": 200, "AllHttpHeaders": {}, "HttpHeaders": {}}
        return {**response, "SdkHttpMetadata": metadata, "SdkResponseMetadata": {"RequestId": str(uuid.uuid4())}}

    return invoke


def _wait(sagemaker: SageMaker, job: str, request: Record, task: "Task") -> Record:
    """Wait for a job's end; if nobody waits any more, stop it, as Step Functions does."""
    kind = next(kind for kind in sagemaker.collections if kind.name == f"{job}Name")
    name = request[kind.name]
    arn = sagemaker.collections[kind].get(name)[kind.arn]
    while not (sagemaker.jobs.wait(arn, GLANCE) and sagemaker.tunings.wait(arn, GLANCE)):
        if task.stopped:
            with contextlib.suppress(ApiError):  # it may end in this very moment
                sagemaker.call(f"Stop{job}", {kind.name: name}, task.caller)
            raise stepfunctions._ExecutionError("States.Timeout", f"The state that waited for {arn} ended.")
    return _result(sagemaker.call(f"Describe{job}", {kind.name: name}, task.caller), kind)


def _result(described: Record, kind: Kind) -> Record:
    result = _milliseconds(described)
    if described[kind.status] != "Completed":
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(result))
    return result


def _milliseconds(value: Any) -> Any:
    """Step Functions shows times as milliseconds."""
    if isinstance(value, dict):
        return {
            name: int(item * 1000) if name.endswith("Time") and isinstance(item, float) else _milliseconds(item)
            for name, item in value.items()
        }
    return [_milliseconds(item) for item in value] if isinstance(value, list) else value


def _refuse_unknown(operation: str, arguments: Record) -> None:
    unknown = arguments.keys() - model().operation_model(operation).input_shape.members.keys()
    if unknown:
        raise stepfunctions._ExecutionError(
            "States.Runtime", f"The field '{min(unknown)}' is not supported by Step Functions."
        )


def _reported(error: ApiError) -> Exception:
    name = MODELLED.get(error.code, COMMON)
    cause = f"{error.message} (Service: AmazonSageMaker; Status Code: {error.status}; Error Code: {error.code})"
    reported: Exception = stepfunctions._ExecutionError(f"SageMaker.{name}", cause)
    return reported
