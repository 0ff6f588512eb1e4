"""The record of a training job on its way through the statuses that AWS documents."""

import time
from typing import TYPE_CHECKING, Any

from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs.stopping import begins
from headgate_local.sagemaker.resources import SETTLED

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading the training code and input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted: its managed spot instances were taken away",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}


def enter(sagemaker: "SageMaker", name: str, status: str, secondary: str, **members: Any) -> Record:
    """Enter the next secondary status; answers the record.

    A job that is being stopped keeps saying so until its end, and one that has ended refuses to be stopped.
    """
    entered = False

    def step(record: Record) -> Record | None:
        nonlocal entered
        entered = begins(sagemaker.training_jobs.kind, record) or status in SETTLED
        if not entered:
            return None
        return {
            "TrainingJobStatus": status,
            "SecondaryStatus": secondary,
            "SecondaryStatusTransitions": _with(record["SecondaryStatusTransitions"], secondary, status in SETTLED),
            **members,
        }

    record = sagemaker.training_jobs.change(name, step)
    if entered:
        sagemaker.events.training_job(record)
    return record


def _with(transitions: list[Record], secondary: str, ends: bool) -> list[Record]:
    """The transitions with the next one, which ends the one before, and itself if the job ends."""
    now = time.time()
    before = [{"EndTime": now, **step} for step in transitions]
    entered = {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
    return [*before, {**entered, "EndTime": now} if ends else entered]
