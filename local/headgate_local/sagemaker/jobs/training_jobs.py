"""Training jobs, in the script mode of SageMaker's framework images: the operations, and the job's record."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs import training_request, training_run
from headgate_local.sagemaker.jobs.training_record import enter
from headgate_local.sagemaker.resources import Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

KIND = Kind(
    noun="training-job",
    name="TrainingJobName",
    arn="TrainingJobArn",
    status="TrainingJobStatus",
    missing="Requested resource not found.",
    exists_code="ResourceInUse",
    exists="Training job names must be unique within an AWS account and region, and a training job with this name "
    "already exists ({arn})",
    filters={
        "WarmPoolStatusEquals": lambda job, value: bool(job.get("WarmPoolStatus", {}).get("Status") == value),
        "TrainingPlanArnEquals": lambda job, value: bool(job["ResourceConfig"].get("TrainingPlanArn") == value),
    },
)


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateTrainingJob."""
    training_request.check(request)
    name = request["TrainingJobName"]
    output = request["OutputDataConfig"]
    model = "model/" if output.get("CompressionType") == "NONE" else "model.tar.gz"
    record = sagemaker.training_jobs.add(
        name,
        {
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": False,
            "EnableManagedSpotTraining": False,
            **request,
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400, **request.get("StoppingCondition", {})},
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [],
            "ModelArtifacts": {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{model}"},
        },
    )
    sagemaker.jobs.readings.begin(name)
    enter(sagemaker, name, "InProgress", "Starting")
    sagemaker.pool.warm()  # while its data is fetched
    sagemaker.jobs.submit(sagemaker.training_jobs, name, lambda job: training_run.run(sagemaker, name, job))
    return {"TrainingJobArn": record["TrainingJobArn"]}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopTrainingJob."""
    record = enter(sagemaker, request["TrainingJobName"], "Stopping", "Stopping")
    sagemaker.jobs.stop(record["TrainingJobArn"])
    return {}


def update(sagemaker: "SageMaker", request: Record) -> Record:
    """UpdateTrainingJob: how long its warm pool is kept."""
    for member in ("ProfilerConfig", "ProfilerRuleConfigurations", "RemoteDebugConfig"):
        if request.get(member):
            raise unsupported(f"UpdateTrainingJob with {member}")
    name = request["TrainingJobName"]
    record = sagemaker.training_jobs.get(name)
    if changes := request.get("ResourceConfig"):
        sagemaker.warm_pools.prolong({**record, "ResourceConfig": {**record["ResourceConfig"], **changes}})
        sagemaker.training_jobs.change(name, lambda now: {"ResourceConfig": {**now["ResourceConfig"], **changes}})
    return {"TrainingJobArn": record["TrainingJobArn"]}
