"""What a CreateTrainingJob may ask for: refusals in AWS's words, and by name of what the local cloud does not do."""

import re

from headgate_local.api.errors import ApiError, invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import take_on
from headgate_local.sagemaker.jobs import container, entry_points
from headgate_local.sagemaker.jobs.channels import source
from headgate_local.sagemaker.jobs.metrics import definitions

LONGEST_RUNTIME = 28 * 24 * 3600
"""Seconds, as on AWS."""
INSTANCES = 8
"""Instances of one job: the local cloud's quota, for each is a process of this machine."""
ACCELERATED = ("ml.p", "ml.g", "ml.trn")
"""How the instance types with accelerators begin."""
LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g5|g6e?|p5[a-z]*|trn\d[a-z]*)\.")
"""Instance types with disks of their own, which take no key."""
NOT_OFFERED = (
    "DebugRuleConfigurations",
    "ProfilerRuleConfigurations",
    "ServerlessJobConfig",
    "MlflowConfig",
    "ModelPackageConfig",
)
SWITCHES = (
    ("RemoteDebugConfig", "EnableRemoteDebug"),
    ("InfraCheckConfig", "EnableInfraCheck"),
    ("SessionChainingConfig", "EnableSessionTagChaining"),
)
RESOURCES = ("InstanceGroups", "InstancePreferences", "TrainingPlanArn", "InstancePlacementConfig")
DISTRIBUTIONS = (
    "sagemaker_parameter_server_enabled",
    "sagemaker_mpi_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_torch_distributed_enabled",
)
"""Hyperparameters by which the training toolkit starts programs in ways that the local cloud does not."""


def check(request: Record) -> None:
    """Refuse what would otherwise be ignored, what AWS refuses, and a role that could not be taken on."""
    if "ResourceConfig" not in request or "AlgorithmSpecification" not in request:
        raise invalid("AlgorithmSpecification and ResourceConfig are required.")
    _check_features(request)
    _check_program(request)
    check_instances(request["ResourceConfig"], "training")
    _check_times(request)
    _check_places(request)
    definitions(request["AlgorithmSpecification"])
    for channel in request.get("InputDataConfig", []):
        source(channel)
    take_on(request["RoleArn"])


def check_instances(resources: Record, what: str) -> None:
    """Refuse instances that are not there, as AWS does beyond an account's quota."""
    for member in RESOURCES:
        if resources.get(member):
            raise unsupported(f"ResourceConfig.{member}")
    count, kind = resources.get("InstanceCount"), resources.get("InstanceType")
    if not count or not kind:
        raise invalid("InstanceType and InstanceCount are required.")
    if resources.get("VolumeKmsKeyId") and LOCAL_STORAGE.match(kind):
        raise invalid(f"VolumeKmsKeyId cannot be given for {kind}, which encrypts its local storage itself.")
    if count > INSTANCES:
        raise ApiError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for {what} job usage' is {INSTANCES} Instances, with current "
            f"utilization of 0 Instances and a request delta of {count} Instances. Please use AWS Service Quotas to "
            "request an increase for this quota.",
        )


def _check_features(request: Record) -> None:
    for member in NOT_OFFERED:
        if request.get(member):
            raise unsupported(member)
    for member, switch in SWITCHES:
        if request.get(member, {}).get(switch):
            raise unsupported(f"{member}.{switch}")
    algorithm = request["AlgorithmSpecification"]
    if algorithm["TrainingInputMode"] == "Pipe":
        raise unsupported("TrainingInputMode Pipe")
    if algorithm.get("AlgorithmName"):
        raise unsupported("AlgorithmSpecification.AlgorithmName")
    if algorithm.get("ContainerArguments") and not entry_points.has_own(request):
        raise unsupported("AlgorithmSpecification.ContainerArguments without a ContainerEntrypoint")


def _check_program(request: Record) -> None:
    hyperparameters = request.get("HyperParameters", {})
    scripted = {"sagemaker_program", "sagemaker_submit_directory"} <= hyperparameters.keys()
    if not scripted and not entry_points.has_own(request):
        raise unsupported(
            "training images without script mode: give the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory, or a ContainerEntrypoint"
        )
    decoded = container.decoded_hyperparameters(hyperparameters)
    for name in DISTRIBUTIONS:
        if decoded.get(name):
            raise unsupported(f"the distribution of {name}")


def _check_times(request: Record) -> None:
    stopping, spot = request.get("StoppingCondition", {}), request.get("EnableManagedSpotTraining", False)
    longest, wait = stopping.get("MaxRuntimeInSeconds", 86400), stopping.get("MaxWaitTimeInSeconds")
    if longest > LONGEST_RUNTIME:
        raise invalid(f"MaxRuntimeInSeconds must not be greater than {LONGEST_RUNTIME} (28 days).")
    if spot and (wait is None or wait < longest):
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds."
        )
    if wait is not None and not spot:
        raise invalid("MaxWaitTimeInSeconds is allowed for managed spot training only.")
    accelerated = request["ResourceConfig"]["InstanceType"].startswith(ACCELERATED)
    if accelerated and "MaxPendingTimeInSeconds" in stopping:  # on others it has no effect on AWS either
        raise unsupported("StoppingCondition.MaxPendingTimeInSeconds")
    if spot and request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        raise invalid("KeepAlivePeriodInSeconds is not supported for managed spot training.")


def _check_places(request: Record) -> None:
    for member in ("CheckpointConfig", "TensorBoardOutputConfig"):
        path: str = request.get(member, {}).get("LocalPath", "/opt/ml")
        if not (path + "/").startswith("/opt/ml/") or ".." in path.split("/"):
            raise unsupported(f"a {member}.LocalPath that is not below /opt/ml")
