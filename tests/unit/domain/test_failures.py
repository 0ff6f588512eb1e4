import json

import pytest

from headgate.domain.failures import PROMOTION_FAILED, Stop, ending_of, failed
from headgate.domain.runs import Outcome

LAMBDA = json.dumps(
    {"errorMessage": "The name is taken.", "errorType": "EndpointTakenError", "stackTrace": ["line 1", "line 2"]}
)


@pytest.mark.parametrize(
    ("error", "cause", "code", "reason"),
    [
        (
            "States.TaskFailed",
            '{"TrainingJobName": "j", "FailureReason": "AlgorithmError: exit code 1"}',
            "TRAINING_FAILED",
            "Training failed: AlgorithmError: exit code 1",
        ),
        (
            "States.TaskFailed",
            '{"ProcessingJobName": "j", "FailureReason": "InternalServerError"}',
            "EVALUATION_FAILED",
            "Evaluation failed: InternalServerError",
        ),
        (
            "States.TaskFailed",
            '{"ProcessingJobName": "j-v", "FailureReason": "InternalServerError"}',
            "VALIDATION_FAILED",
            "Validation failed: InternalServerError",
        ),
        (
            "States.TaskFailed",
            '{"ProcessingJobName": "j", "FailureReason": "AlgorithmError: exit code 1", "ExitMessage": "No holdout."}',
            "EVALUATION_FAILED",
            "Evaluation failed: No holdout.",
        ),
        ("KeyError", '{"errorMessage": "\'x\'", "errorType": "KeyError"}', "KeyError", "'x'"),
        ("States.Timeout", "", "States.Timeout", "The step ended with States.Timeout."),
        ("States.Runtime", "[1, 2]", "States.Runtime", "[1, 2]"),
    ],
)
def test_a_failure_is_told_in_words_a_person_can_use(error: str, cause: str, code: str, reason: str) -> None:
    ending = failed(error, cause)
    assert (ending.outcome, ending.reason_code, ending.reason) == (Outcome.FAILED, code, reason)


def test_a_failed_promotion_keeps_its_code_and_loses_the_stack_trace() -> None:
    ending = failed("EndpointTakenError", LAMBDA, PROMOTION_FAILED)
    assert ending.reason_code == "PROMOTION_FAILED"
    assert ending.reason == "The version could not be put in service: The name is taken."


def test_a_reason_is_cut() -> None:
    assert len(failed("X", "x" * 5000).reason) == 1000


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (Stop("ABORTED", "", ""), "ABORTED"),
        (Stop("TIMED_OUT", "States.Timeout", ""), "TIMED_OUT"),
        (Stop("SUCCEEDED", "", ""), "NOT_RECORDED"),
        (Stop("FAILED", "RunNotClosed", "The ledger could not be written."), "RunNotClosed"),
        (Stop("FAILED", "", ""), "FAILED"),
    ],
)
def test_every_way_in_which_an_execution_stops_is_told(stop: Stop, code: str) -> None:
    ending = ending_of(stop)
    assert (ending.outcome, ending.reason_code) == (Outcome.FAILED, code)
    assert ending.reason
