"""How a run ends that could not reach its own end: from what a state machine tells of it to words for people."""

import json
from dataclasses import dataclass
from typing import Any

from headgate.domain.names import VALIDATION
from headgate.domain.runs import Ending, Outcome

PROMOTION_FAILED = "PROMOTION_FAILED"
_LONGEST_REASON = 1000
_BY_STATUS = {
    "TIMED_OUT": ("TIMED_OUT", "The run took longer than its state machine allows."),
    "ABORTED": ("ABORTED", "The run's execution was stopped by hand."),
    "SUCCEEDED": ("NOT_RECORDED", "The run's execution ended, but did not write its ending."),
}


@dataclass(frozen=True, slots=True)
class Stop:
    """How an execution ended, as Step Functions tells it; `error` and `cause` only where it failed."""

    status: str
    error: str
    cause: str


def ending_of(stop: Stop) -> Ending:
    """The ending of a run whose execution is over."""
    if stop.status in _BY_STATUS:
        return Ending(Outcome.FAILED, *_BY_STATUS[stop.status])
    return failed(stop.error or stop.status, stop.cause)


def failed(error: str, cause: str, code: str | None = None) -> Ending:
    """The ending of a run whose step failed.

    A cause is plain text or JSON: a failed Lambda's error with its stack trace, or the whole description of a failed
    SageMaker job. What a person can use of it is kept. `code` is the reason's code where the state machine knows it
    better than the error does.
    """
    known = _read(cause)
    reason = str(known.get("ExitMessage") or known.get("FailureReason") or known.get("errorMessage") or "")
    if not known:
        reason = cause
    reason = reason or f"The step ended with {error}."
    if code == PROMOTION_FAILED:
        reason = f"The version could not be put in service: {reason}"
    elif "TrainingJobName" in known:
        code, reason = "TRAINING_FAILED", f"Training failed: {reason}"
    elif str(known.get("ProcessingJobName", "")).endswith(VALIDATION):
        code, reason = "VALIDATION_FAILED", f"Validation failed: {reason}"
    elif "ProcessingJobName" in known:
        code, reason = "EVALUATION_FAILED", f"Evaluation failed: {reason}"
    return Ending(Outcome.FAILED, code or error, reason[:_LONGEST_REASON])


def _read(cause: str) -> dict[str, Any]:
    try:
        described = json.loads(cause)
    except ValueError:
        return {}
    return described if isinstance(described, dict) else {}
