"""The record of a training job on its way through the statuses that AWS documents."""

import time
from typing import TYPE_CHECKING, Any

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
ENDED = ("Completed", "Failed", "Stopped")


def enter(sagemaker: "SageMaker", name: str, status: str, secondary: str, **members: Any) -> None:
    """Enter the next secondary status; a job that is being stopped keeps saying so until its end."""
    record = sagemaker.training_jobs.get(name)
    if record["TrainingJobStatus"] == "Stopping" and status == "InProgress":
        return
    now = time.time()
    transitions = [dict(step) for step in record["SecondaryStatusTransitions"]]
    if transitions:
        transitions[-1].setdefault("EndTime", now)
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]})
    if status in ENDED:
        transitions[-1]["EndTime"] = now
    record = sagemaker.training_jobs.change(
        name,
        TrainingJobStatus=status,
        SecondaryStatus=secondary,
        SecondaryStatusTransitions=transitions,
        **members,
    )
    sagemaker.events.training_job(record)
