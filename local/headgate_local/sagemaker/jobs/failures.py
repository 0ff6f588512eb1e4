"""Why a job failed, in the words of SageMaker's failure reasons."""

import signal

from headgate_local.sagemaker.clients import OutageError, TransferError
from headgate_local.seams import keys

INTERNAL = "InternalServerError: We encountered an internal error. Please try again."
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)


class JobFailed(Exception):
    """Raised when a job cannot go on; the message is its FailureReason."""


class InternalError(Exception):
    """Raised when a job cannot go on for a reason that is not its own; it may be tried again."""


def of_transfer(what: str, error: TransferError) -> JobFailed | InternalError:
    """What a transfer that did not succeed means for its job: its failure, unless S3 itself failed."""
    return InternalError(str(error)) if isinstance(error, OutageError) else JobFailed(f"ClientError: {what}:{error}")


def check_key(key: str | None, what: str) -> None:
    """Raise JobFailed, which begins with ``what`` would fail, if KMS does not let the key be used; None is no key."""
    if key and (refusal := keys.refusal(key)):
        raise JobFailed(f"ClientError: {what}KMS.{refusal}")


def check_volume_key(key: str | None) -> None:
    """Raise JobFailed if the storage volume cannot be encrypted with this key."""
    check_key(key, f"The ML storage volume cannot be encrypted with {key}: ")


def of_signal(what: str, number: int) -> str:
    """The reason of a program that a signal ended."""
    killed = f"The {what} was killed by signal {number} ({signal.Signals(number).name})"
    return f"AlgorithmError: {killed}, exit code: {128 + number}"


def of_program(lines: list[str], exit_code: int, command: str) -> str:
    """The reason of a Python program that failed: the end of its log, from the traceback if there is one."""
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call")]
    trace = "\n".join(lines[starts[-1] + 1 :] if starts else lines[-5:]).replace('"', "'")[-600:]
    said = f'ExecuteUserScriptError:\nExitCode {exit_code}\nErrorMessage "{trace}"\nCommand "{command[:200]}"'
    return f"AlgorithmError: {said}, exit code: {exit_code}"
