"""The table of all operations that the local SageMaker knows.

To add one: write what it does as a function of the service and the request, in the module of its kind of resource,
and add a line here. Checking the request, the permissions and the form of the response is not its business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate_local.sagemaker import model_packages, tags
from headgate_local.sagemaker.hosting import endpoints, models
from headgate_local.sagemaker.jobs import processing_jobs, training_jobs
from headgate_local.sagemaker.resources import Kind, Record, arn

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

    def resources(self, request: Record) -> list[str]:
        """The ARNs of the resources that it touches, for IAM; ``*`` for none."""
        named = [(noun, str(request.get(member, "*"))) for noun, member in self.on]
        return [name if name.startswith("arn:") else arn(noun, name) for noun, name in named] or ["*"]


def _of(*kinds: Kind) -> tuple[tuple[str, str], ...]:
    return tuple((kind.noun, kind.name) for kind in kinds)


def _describe(kind: Kind) -> Operation:
    return Operation(lambda sagemaker, request: sagemaker.collections[kind].get(request[kind.name]), _of(kind))


def _list(kind: Kind, member: str) -> Operation:
    def run(sagemaker: "SageMaker", request: Record) -> Record:
        page, token = sagemaker.collections[kind].page(request)
        return {member: page, **token}

    return Operation(run)


def _delete(kind: Kind) -> Operation:
    def run(sagemaker: "SageMaker", request: Record) -> Record:
        sagemaker.collections[kind].remove(request[kind.name])
        return {}

    return Operation(run, _of(kind))


TRAINING, PROCESSING = training_jobs.KIND, processing_jobs.KIND
MODEL, CONFIG, ENDPOINT = models.MODEL, models.CONFIG, endpoints.KIND
GROUP = _of(model_packages.GROUP)
PACKAGE = (("model-package", "ModelPackageName"),)
VERSION = (("model-package", "ModelPackageArn"),)
ANY = (("", "ResourceArn"),)

OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": Operation(training_jobs.create, _of(TRAINING), passes="RoleArn"),
    "DescribeTrainingJob": _describe(TRAINING),
    "ListTrainingJobs": _list(TRAINING, "TrainingJobSummaries"),
    "StopTrainingJob": Operation(training_jobs.stop, _of(TRAINING)),
    "CreateProcessingJob": Operation(processing_jobs.create, _of(PROCESSING), passes="RoleArn"),
    "DescribeProcessingJob": _describe(PROCESSING),
    "ListProcessingJobs": _list(PROCESSING, "ProcessingJobSummaries"),
    "StopProcessingJob": Operation(processing_jobs.stop, _of(PROCESSING)),
    "CreateModel": Operation(models.create_model, _of(MODEL), passes="ExecutionRoleArn"),
    "DescribeModel": _describe(MODEL),
    "ListModels": _list(MODEL, "Models"),
    "DeleteModel": _delete(MODEL),
    "CreateEndpointConfig": Operation(models.create_config, _of(CONFIG), passes="ExecutionRoleArn"),
    "DescribeEndpointConfig": _describe(CONFIG),
    "ListEndpointConfigs": _list(CONFIG, "EndpointConfigs"),
    "DeleteEndpointConfig": _delete(CONFIG),
    "CreateEndpoint": Operation(endpoints.create, _of(ENDPOINT, CONFIG)),
    "DescribeEndpoint": _describe(ENDPOINT),
    "ListEndpoints": _list(ENDPOINT, "Endpoints"),
    "UpdateEndpoint": Operation(endpoints.update, _of(ENDPOINT, CONFIG)),
    "DeleteEndpoint": Operation(endpoints.delete, _of(ENDPOINT)),
    "CreateModelPackageGroup": Operation(model_packages.create_group, GROUP),
    "DescribeModelPackageGroup": Operation(model_packages.describe_group, GROUP),
    "ListModelPackageGroups": _list(model_packages.GROUP, "ModelPackageGroupSummaryList"),
    "DeleteModelPackageGroup": Operation(model_packages.delete_group, GROUP),
    "CreateModelPackage": Operation(model_packages.create, GROUP),
    "DescribeModelPackage": Operation(model_packages.describe, PACKAGE),
    "ListModelPackages": Operation(model_packages.listing),
    "UpdateModelPackage": Operation(model_packages.update, VERSION),
    "DeleteModelPackage": Operation(model_packages.delete, PACKAGE),
    "AddTags": Operation(tags.add, ANY),
    "ListTags": Operation(tags.listing, ANY),
    "DeleteTags": Operation(tags.delete, ANY),
}
