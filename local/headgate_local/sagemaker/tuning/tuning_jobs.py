"""Hyperparameter tuning jobs: the operations on them."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError, invalid
from headgate_local.api.records import Record, paginate
from headgate_local.sagemaker.jobs import stopping, training_request
from headgate_local.sagemaker.resources import PAGE, SETTLED, Collection, Kind, arn
from headgate_local.sagemaker.tuning import children, definitions, warm_start
from headgate_local.sagemaker.tuning.progress import Progress, objective_of

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

KIND = Kind(
    noun="hyper-parameter-tuning-job",
    name="HyperParameterTuningJobName",
    arn="HyperParameterTuningJobArn",
    status="HyperParameterTuningJobStatus",
    missing="Amazon SageMaker can't find a tuning job with the name {name}.",
    exists_code="ResourceInUse",
    exists="Hyperparameter tuning job names must be unique within an AWS account and region, and a tuning job with "
    "this name already exists ({arn})",
    sorted_by="Name",
    quota=100,
)
SORTED_BY = {"Name": "TrainingJobName", "Status": "TrainingJobStatus", "CreationTime": "CreationTime"}
"""By the SortBy of a list of training jobs: the member of their summaries."""


class TuningJobs(Collection):
    """All tuning jobs; unlike for other jobs, AWS has an error of its own for one that is not there."""

    def get(self, name: str) -> Record:
        """A copy of the record of that name; raises ResourceNotFound if there is none."""
        record = self.find(name)
        if record is None:
            raise ApiError("ResourceNotFound", KIND.missing.format(name=name))
        return record


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateHyperParameterTuningJob."""
    wanted = definitions.read(request)
    warm_start.check(sagemaker, request, wanted)
    for definition in wanted:
        example = {each.name: each.example for each in definition.ranges}
        training_request.check(children.request(request, definition, 1, example))
    from headgate_local.sagemaker.tuning.tuner import Tuner  # imports Optuna

    name: str = request[KIND.name]
    given = [definition.record() for definition in wanted]
    shown = {"TrainingJobDefinition": given[0]} if "TrainingJobDefinition" in request else {}
    record: Record = {
        **request,
        **(shown or {"TrainingJobDefinitions": given}),
        "HyperParameterTuningJobArn": arn(KIND.noun, name),
        "HyperParameterTuningJobStatus": "InProgress",
        **Progress(wanted[0].maximize).members(running=0),
    }
    tuner = Tuner(sagemaker, record)
    record = sagemaker.tuning_jobs.add(name, record)
    sagemaker.events.tuning_job(record)
    try:
        sagemaker.tunings.start(record[KIND.arn], tuner)
    except RuntimeError:  # there are no more threads to be had
        sagemaker.tuning_jobs.remove(name)
        raise
    return {"HyperParameterTuningJobArn": record[KIND.arn]}


def roles(request: Record) -> list[str]:
    """The roles that a CreateHyperParameterTuningJob request hands over."""
    given = [request.get("TrainingJobDefinition"), *request.get("TrainingJobDefinitions", [])]
    return [definition["RoleArn"] for definition in given if definition is not None]


def listing(sagemaker: "SageMaker", request: Record) -> Record:
    """ListHyperParameterTuningJobs."""
    page, token = sagemaker.tuning_jobs.page(request)
    members = ("Strategy", "ResourceLimits")
    config = "HyperParameterTuningJobConfig"
    shown = [{**record, **{member: record[config][member] for member in members}} for record in page]
    return {"HyperParameterTuningJobSummaries": shown, **token}


def stop(sagemaker: "SageMaker", request: Record) -> Record:
    """StopHyperParameterTuningJob."""
    record = stopping.stop(sagemaker.tuning_jobs, request[KIND.name], sagemaker.events.tuning_job)
    sagemaker.tunings.stop(record["HyperParameterTuningJobArn"])
    return {}


def delete(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteHyperParameterTuningJob: the tuning job's own record only; its training jobs stay."""

    def ended(record: Record) -> None:
        status = record["HyperParameterTuningJobStatus"]
        if status not in SETTLED:
            raise invalid(f"The request was rejected because the tuning job is in status {status}.")

    name = request["HyperParameterTuningJobName"]
    record = sagemaker.tuning_jobs.get(name)
    sagemaker.tuning_jobs.remove(name, ended)
    sagemaker.events.tuning_job({**record, "HyperParameterTuningJobStatus": "Deleting"})
    return {}


def training_jobs_of(sagemaker: "SageMaker", request: Record) -> Record:
    """ListTrainingJobsForHyperParameterTuningJob."""
    found = children.summaries(sagemaker, sagemaker.tuning_jobs.get(request["HyperParameterTuningJobName"]))
    if wanted := request.get("StatusEquals"):
        found = [summary for summary in found if summary["TrainingJobStatus"] == wanted]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        found = sorted((each for each in found if each["ObjectiveStatus"] == "Succeeded"), key=objective_of)
    else:
        member = SORTED_BY[request.get("SortBy", "Name")]
        found.sort(key=lambda summary: summary[member])
    if request.get("SortOrder") == "Descending":
        found.reverse()
    page, token = paginate(found, request, PAGE)
    return {"TrainingJobSummaries": page, **token}
