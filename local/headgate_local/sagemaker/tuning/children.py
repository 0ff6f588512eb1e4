"""The training jobs of a tuning job: the request that starts one, and what is told of one."""

import math
import uuid
from typing import TYPE_CHECKING

from headgate_local.api.records import Record
from headgate_local.sagemaker.tuning import definitions
from headgate_local.sagemaker.tuning.definitions import OBJECTIVE, Definition

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

CARRIED = (
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)
"""Members of a definition that a training job has too, under the same name."""
TOLD = (
    "TrainingJobDefinitionName",
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "TunedHyperParameters",
    "FailureReason",
)
"""Members of a child's record that its summary has too."""


def request(tuning_job: Record, definition: Definition, number: int, tuned: dict[str, str]) -> Record:
    """The CreateTrainingJob request of a tuning job's next job; ``tuning_job`` may still be a request, too.

    Beyond the request's own members it holds those that tell a child: ``TuningJobArn``, which DescribeTrainingJob
    shows, and ``TunedHyperParameters`` and ``TrainingJobDefinitionName``, which its summary shows.
    """
    given = definition.given
    child = {
        "TrainingJobName": f"{tuning_job['HyperParameterTuningJobName']}-{number:03d}-{uuid.uuid4().hex[:8]}",
        "HyperParameters": {**definition.static, OBJECTIVE: definition.metric, **tuned},
        "ResourceConfig": _resources(given),
        "Tags": tuning_job.get("Tags"),
        "TuningJobArn": tuning_job.get("HyperParameterTuningJobArn"),
        "TunedHyperParameters": tuned,
        "TrainingJobDefinitionName": definition.name,
        **{member: given.get(member) for member in CARRIED},
    }
    return {member: value for member, value in child.items() if value is not None}


def _resources(given: Record) -> Record:
    """Of several instance configurations the first: locally there is always capacity."""
    if "ResourceConfig" in given:
        chosen: Record = given["ResourceConfig"]
        return chosen
    tuning = given["HyperParameterTuningResourceConfig"]
    first = tuning.get("InstanceConfigs", [tuning])[0]
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    key = {"VolumeKmsKeyId": tuning["VolumeKmsKeyId"]} if "VolumeKmsKeyId" in tuning else {}
    return {member: first[member] for member in members if member in first} | key


def objective(child: Record, metric: str) -> float | None:
    """The last value of the objective that a training job's log showed, if it is a number."""
    values = {each["MetricName"]: each["Value"] for each in child.get("FinalMetricDataList", [])}
    value = values.get(metric)
    return value if value is not None and math.isfinite(value) else None


def objective_status(child: Record, metric: str) -> str:
    """Pending, Succeeded or Failed; a job that was stopped counts by what it had reached."""
    if child["TrainingJobStatus"] in ("InProgress", "Stopping"):
        return "Pending"
    usable = child["TrainingJobStatus"] != "Failed" and objective(child, metric) is not None
    return "Succeeded" if usable else "Failed"


def summary(child: Record, definition: Definition) -> Record:
    """A HyperParameterTrainingJobSummary."""
    told = {member: child[member] for member in TOLD if child.get(member) is not None}
    told["ObjectiveStatus"] = objective_status(child, definition.metric)
    if told["ObjectiveStatus"] == "Succeeded":
        told["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": "Maximize" if definition.maximize else "Minimize",
            "MetricName": definition.metric,
            "Value": objective(child, definition.metric),
        }
    return told


def summaries(sagemaker: "SageMaker", tuning_job: Record) -> list[Record]:
    """The summaries of all training jobs that a tuning job launched, oldest first."""
    by_name = {definition.name: definition for definition in definitions.read(tuning_job)}
    return [
        summary(child, by_name[child.get("TrainingJobDefinitionName")])
        for child in sagemaker.training_jobs.all()
        if child.get("TuningJobArn") == tuning_job["HyperParameterTuningJobArn"]
    ]
