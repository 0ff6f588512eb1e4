"""The adapter of searches against answers that the API reference gives."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from headgate.aws.searches import Searches

ARN = "arn:aws:sagemaker:eu-central-1:123456789012"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def describe_search(sagemaker: Stubber, status: str) -> None:
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    answer = {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobArn": f"{ARN}:hyper-parameter-tuning-job/search",
        "HyperParameterTuningJobConfig": {"Strategy": "Bayesian", "ResourceLimits": limits},
        "HyperParameterTuningJobStatus": status,
        "CreationTime": MOMENT,
        "TrainingJobStatusCounters": {},
        "ObjectiveStatusCounters": {},
    }
    wanted = {"HyperParameterTuningJobName": "search"}
    sagemaker.add_response("describe_hyper_parameter_tuning_job", answer, wanted)


@pytest.mark.parametrize(("status", "over"), [("Completed", True), ("Stopped", True), ("InProgress", False)])
def test_a_search_is_over_when_it_has_ended(sagemaker: Stubber, status: str, over: bool) -> None:
    describe_search(sagemaker, status)
    assert Searches(sagemaker.client).is_over("search") is over


@pytest.mark.parametrize("code", ["ResourceNotFound", "ValidationException"])
def test_a_search_that_is_not_there_has_no_trials_and_is_not_over(sagemaker: Stubber, code: str) -> None:
    gone = f"Could not find requested job with name: search. {ARN}"
    sagemaker.add_client_error("describe_hyper_parameter_tuning_job", code, gone)
    assert Searches(sagemaker.client).is_over("search") is False
    sagemaker.add_client_error("list_training_jobs_for_hyper_parameter_tuning_job", "ResourceNotFound", gone)
    assert Searches(sagemaker.client).trials("search") == []


def test_all_pages_of_trials_are_read(sagemaker: Stubber) -> None:
    def page(number: int) -> dict[str, Any]:
        return {
            "TrainingJobName": f"trial-{number}",
            "TrainingJobArn": f"{ARN}:training-job/trial-{number}",
            "CreationTime": MOMENT,
            "TrainingJobStatus": "Completed",
            "TunedHyperParameters": {},
        }

    call, name = "list_training_jobs_for_hyper_parameter_tuning_job", {"HyperParameterTuningJobName": "search"}
    sagemaker.add_response(call, {"TrainingJobSummaries": [page(1)], "NextToken": "more"}, name)
    sagemaker.add_response(call, {"TrainingJobSummaries": [page(2)]}, {**name, "NextToken": "more"})
    found = Searches(sagemaker.client).trials("search")
    assert [trial["TrainingJobName"] for trial in found] == ["trial-1", "trial-2"]
