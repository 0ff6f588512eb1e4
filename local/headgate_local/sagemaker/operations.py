"""The table of all operations that the local SageMaker knows.

To add one: write what it does as a function of the service and the request, in the module of its kind of resource,
and add a line here. Checking the request, the permissions and the form of the response is not its business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.sagemaker import model_packages, tags
from headgate_local.sagemaker.hosting import configs, endpoints, models
from headgate_local.sagemaker.jobs import processing_jobs, training_jobs, transform_jobs
from headgate_local.sagemaker.resources import SETTLED, Kind, arn
from headgate_local.sagemaker.tuning import tuning_jobs

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker


@dataclass(frozen=True)
class Operation:
    """What one operation does, and what its caller's policies must allow."""

    run: Callable[["SageMaker", Record], Record]
    on: tuple[tuple[str, str], ...] = ()
    """The resources that it touches: noun of the ARN, and the member that names it (or is the ARN)."""
    passes: str | None = None
    """The member with a role that the caller hands to SageMaker (iam:PassRole)."""
    passes_within: Callable[[Record], list[str]] = lambda _: []
    """Further such roles, which lie deeper in the request."""

    def resources(self, request: Record) -> list[str]:
        """The ARNs of the resources that it touches, for IAM; ``*`` for none."""
        named = [(noun, name) for noun, member in self.on for name in _names(request.get(member, "*"))]
        return [name if name.startswith("arn:") else arn(noun, name) for noun, name in named] or ["*"]

    def roles(self, request: Record) -> list[str]:
        """The roles that the caller hands to SageMaker."""
        given = [request[self.passes]] if self.passes in request else []
        return given + self.passes_within(request)


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else [str(value)]


def _of(*kinds: Kind) -> tuple[tuple[str, str], ...]:
    return tuple((kind.noun, kind.name) for kind in kinds)


def _describe(kind: Kind) -> Operation:
    return Operation(lambda sagemaker, request: sagemaker.collections[kind].get(request[kind.name]), _of(kind))


def _list(kind: Kind, member: str) -> Operation:
    def run(sagemaker: "SageMaker", request: Record) -> Record:
        page, token = sagemaker.collections[kind].page(request)
        return {member: page, **token}

    return Operation(run)


def _delete(kind: Kind, check: Callable[[Record], None] | None = None) -> Operation:
    def run(sagemaker: "SageMaker", request: Record) -> Record:
        sagemaker.collections[kind].remove(request[kind.name], check)
        return {}

    return Operation(run, _of(kind))


def _delete_job(kind: Kind) -> Operation:
    """Only a job at its end can be deleted, and none whose instances wait in a warm pool."""

    def settled(job: Record) -> None:
        if job[kind.status] not in SETTLED:
            raise ApiError("ResourceInUse", f"The job {job[kind.arn]} is in status {job[kind.status]}.")
        if job.get("WarmPoolStatus", {}).get("Status") == "Available":
            raise ApiError("ResourceInUse", f"The job {job[kind.arn]} retains a warm pool.")

    return _delete(kind, settled)


TRAINING, PROCESSING, TRANSFORM = training_jobs.KIND, processing_jobs.KIND, transform_jobs.KIND
TUNING = tuning_jobs.KIND
MODEL, CONFIG, ENDPOINT = models.MODEL, configs.CONFIG, endpoints.KIND
GROUP = _of(model_packages.GROUP)
PACKAGE = (("model-package", "ModelPackageName"),)
VERSION = (("model-package", "ModelPackageArn"),)
ANY = (("", "ResourceArn"),)

OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": Operation(training_jobs.create, _of(TRAINING), passes="RoleArn"),
    "DescribeTrainingJob": _describe(TRAINING),
    "ListTrainingJobs": _list(TRAINING, "TrainingJobSummaries"),
    "UpdateTrainingJob": Operation(training_jobs.update, _of(TRAINING)),
    "StopTrainingJob": Operation(training_jobs.stop, _of(TRAINING)),
    "DeleteTrainingJob": _delete_job(TRAINING),
    "CreateProcessingJob": Operation(processing_jobs.create, _of(PROCESSING), passes="RoleArn"),
    "DescribeProcessingJob": _describe(PROCESSING),
    "ListProcessingJobs": _list(PROCESSING, "ProcessingJobSummaries"),
    "StopProcessingJob": Operation(processing_jobs.stop, _of(PROCESSING)),
    "CreateTransformJob": Operation(transform_jobs.create, _of(TRANSFORM)),
    "DescribeTransformJob": _describe(TRANSFORM),
    "ListTransformJobs": _list(TRANSFORM, "TransformJobSummaries"),
    "StopTransformJob": Operation(transform_jobs.stop, _of(TRANSFORM)),
    "CreateHyperParameterTuningJob": Operation(tuning_jobs.create, _of(TUNING), passes_within=tuning_jobs.roles),
    "DescribeHyperParameterTuningJob": _describe(TUNING),
    "ListHyperParameterTuningJobs": Operation(tuning_jobs.listing),
    "ListTrainingJobsForHyperParameterTuningJob": Operation(tuning_jobs.training_jobs_of, _of(TUNING)),
    "StopHyperParameterTuningJob": Operation(tuning_jobs.stop, _of(TUNING)),
    "DeleteHyperParameterTuningJob": Operation(tuning_jobs.delete, _of(TUNING)),
    "DeleteProcessingJob": _delete_job(PROCESSING),
    "CreateModel": Operation(models.create_model, _of(MODEL), passes="ExecutionRoleArn"),
    "DescribeModel": _describe(MODEL),
    "ListModels": _list(MODEL, "Models"),
    "DeleteModel": _delete(MODEL),
    "CreateEndpointConfig": Operation(configs.create, _of(CONFIG), passes="ExecutionRoleArn"),
    "DescribeEndpointConfig": _describe(CONFIG),
    "ListEndpointConfigs": _list(CONFIG, "EndpointConfigs"),
    "DeleteEndpointConfig": _delete(CONFIG),
    "CreateEndpoint": Operation(endpoints.create, _of(ENDPOINT, CONFIG)),
    "DescribeEndpoint": _describe(ENDPOINT),
    "ListEndpoints": _list(ENDPOINT, "Endpoints"),
    "UpdateEndpoint": Operation(endpoints.update, _of(ENDPOINT, CONFIG)),
    "UpdateEndpointWeightsAndCapacities": Operation(endpoints.update_weights_and_capacities, _of(ENDPOINT)),
    "DeleteEndpoint": Operation(endpoints.delete, _of(ENDPOINT)),
    "CreateModelPackageGroup": Operation(model_packages.create_group, GROUP),
    "DescribeModelPackageGroup": Operation(model_packages.describe_group, GROUP),
    "ListModelPackageGroups": _list(model_packages.GROUP, "ModelPackageGroupSummaryList"),
    "DeleteModelPackageGroup": Operation(model_packages.delete_group, GROUP),
    "CreateModelPackage": Operation(model_packages.create, GROUP),
    "DescribeModelPackage": Operation(model_packages.describe, PACKAGE),
    "BatchDescribeModelPackage": Operation(model_packages.describe_all, (("model-package", "ModelPackageArnList"),)),
    "ListModelPackages": Operation(model_packages.listing),
    "UpdateModelPackage": Operation(model_packages.update, VERSION),
    "DeleteModelPackage": Operation(model_packages.delete, PACKAGE),
    "AddTags": Operation(tags.add, ANY),
    "ListTags": Operation(tags.listing, ANY),
    "DeleteTags": Operation(tags.delete, ANY),
}
