"""SageMaker's tuning jobs as the control plane reads them."""

from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import translated
from headgate.aws.sentences import ABSENT, says
from headgate.domain.errors import NotFoundError


class Searches:
    """Tuning jobs, and the training jobs that are their trials."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def is_over(self, name: str) -> bool:
        """Whether there is a tuning job of that name which has ended, so that another may start from its trials."""
        try:
            with translated(f"describe the tuning job {name}"):
                answer = self._client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        except NotFoundError:
            return False
        except ClientError as error:
            if says(error, *ABSENT):
                return False
            raise
        return answer["HyperParameterTuningJobStatus"] in {"Completed", "Stopped", "Failed"}

    def trials(self, name: str) -> list[dict[str, Any]]:
        """The summaries of a tuning job's training jobs; of one that never was there are none."""
        call = "list_training_jobs_for_hyper_parameter_tuning_job"
        try:
            with translated(f"list the trials of {name}"):
                pages = self._client.get_paginator(call).paginate(HyperParameterTuningJobName=name)
                return [summary for page in pages for summary in page["TrainingJobSummaries"]]
        except NotFoundError:
            return []
