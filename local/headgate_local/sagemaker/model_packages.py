"""The Model Registry: groups of versioned model packages, and their approval."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import ApiError, invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.resources import Collection, Kind

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

GROUP = Kind(
    noun="model-package-group",
    name="ModelPackageGroupName",
    arn="ModelPackageGroupArn",
    missing="ModelPackageGroup {arn} does not exist.",
    exists="Model Package Group already exists: {arn}",
    status="ModelPackageGroupStatus",
    filters={"CrossAccountFilterOption": lambda _, value: bool(value == "SameAccount")},  # nothing is shared here
)
PACKAGE = Kind(
    noun="model-package",
    name="ModelPackageName",
    arn="ModelPackageArn",
    missing="ModelPackage {arn} does not exist.",
    exists="Model Package already exists: {arn}",
    status="ModelPackageStatus",
    filters={"ModelApprovalStatus": lambda package, value: bool(package["ModelApprovalStatus"] == value)},
)


class Packages(Collection):
    """Model packages, which requests name by ARN or by ``group/version``."""

    def find(self, name: str) -> Record | None:
        """See Collection; the name may be an ARN."""
        return super().find(_plain(name))

    def get(self, name: str) -> Record:
        """See Collection; the name may be an ARN."""
        return super().get(_plain(name))


def _plain(name: str) -> str:
    return name.split(":", 5)[-1].partition("/")[2] if name.startswith("arn:") else name


def create_group(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateModelPackageGroup."""
    members = {"ModelPackageGroupStatus": "Completed", "CreatedBy": {}}
    record = sagemaker.groups.add(request["ModelPackageGroupName"], request | members)
    return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}


def describe_group(sagemaker: "SageMaker", request: Record) -> Record:
    """DescribeModelPackageGroup."""
    return sagemaker.groups.get(_plain(request["ModelPackageGroupName"]))


def delete_group(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteModelPackageGroup; only an empty one."""
    name = _plain(request["ModelPackageGroupName"])
    group = sagemaker.groups.get(name)
    if _versions(sagemaker, name):
        raise ApiError(
            "ConflictException",
            f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted because it still contains "
            "model packages.",
        )
    sagemaker.groups.remove(name)
    return {}


def create(sagemaker: "SageMaker", request: Record) -> Record:
    """CreateModelPackage: the next version of a group. A known ClientToken answers the version it made."""
    if "ModelPackageGroupName" not in request:
        raise unsupported("model packages outside of a group")
    if "ValidationSpecification" in request:
        raise unsupported("the validation of model packages: leave ValidationSpecification out")
    if "InferenceSpecification" not in request:
        raise invalid("InferenceSpecification is required.")
    group = sagemaker.groups.get(_plain(request["ModelPackageGroupName"]))["ModelPackageGroupName"]
    with sagemaker.registry:
        versions = _versions(sagemaker, group)
        for package in versions:
            if request.get("ClientToken") and package.get("ClientToken") == request["ClientToken"]:
                return {"ModelPackageArn": package["ModelPackageArn"]}
        version = 1 + max((package["ModelPackageVersion"] for package in versions), default=0)
        record = sagemaker.packages.add(
            f"{group}/{version}",
            {
                "ModelApprovalStatus": "PendingManualApproval",
                "CertifyForMarketplace": False,
                **request,
                "ModelPackageGroupName": group,
                "ModelPackageVersion": version,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
                "CreatedBy": {},
            },
        )
    sagemaker.events.model_package(record)
    return {"ModelPackageArn": record["ModelPackageArn"]}


def describe(sagemaker: "SageMaker", request: Record) -> Record:
    """DescribeModelPackage; a version has no name of its own, so AWS answers its group's."""
    return _shown(sagemaker.packages.get(request["ModelPackageName"]))


def describe_all(sagemaker: "SageMaker", request: Record) -> Record:
    """BatchDescribeModelPackage; what is not there is answered beside what is."""
    found, errors = {}, {}
    for arn in request["ModelPackageArnList"]:
        try:
            found[arn] = _shown(sagemaker.packages.get(arn))
        except ApiError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def listing(sagemaker: "SageMaker", request: Record) -> Record:
    """ListModelPackages; without a group AWS lists packages that are in none, unless versioned ones are asked for."""
    asked = {
        name: value for name, value in request.items() if name not in ("ModelPackageGroupName", "ModelPackageType")
    }
    records = sagemaker.packages.all()
    if "ModelPackageGroupName" in request:
        group = sagemaker.groups.get(_plain(request["ModelPackageGroupName"]))["ModelPackageGroupName"]
        records = _versions(sagemaker, group)
    elif request.get("ModelPackageType", "Unversioned") == "Unversioned":
        records = []
    if request.get("ModelPackageType") == "Unversioned":
        records = []
    page, token = sagemaker.packages.page(asked, [_shown(record) for record in records])
    return {"ModelPackageSummaryList": page, **token}


def update(sagemaker: "SageMaker", request: Record) -> Record:
    """UpdateModelPackage: approval, life cycle and metadata."""
    changes: Record = {
        member: request[member]
        for member in (
            "ModelApprovalStatus",
            "ApprovalDescription",
            "InferenceSpecification",
            "SourceUri",
            "ModelLifeCycle",
            "ModelPackageRegistrationType",
            "ModelCard",
        )
        if member in request
    }

    def merge(record: Record) -> Record:
        metadata = {**record.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        known = record.get("AdditionalInferenceSpecifications", [])
        specifications = [*known, *request.get("AdditionalInferenceSpecificationsToAdd", [])]
        merged = {"CustomerMetadataProperties": metadata, "AdditionalInferenceSpecifications": specifications}
        return {member: value or None for member, value in merged.items()}

    record = sagemaker.packages.change(_plain(request["ModelPackageArn"]), merge, **changes)
    sagemaker.events.model_package(record)
    return {"ModelPackageArn": record["ModelPackageArn"]}


def delete(sagemaker: "SageMaker", request: Record) -> Record:
    """DeleteModelPackage."""
    sagemaker.packages.remove(_plain(request["ModelPackageName"]))
    return {}


def _shown(package: Record) -> Record:
    """How a package is answered: a version has no name of its own, so AWS answers its group's."""
    return package | {"ModelPackageName": package["ModelPackageGroupName"]}


def _versions(sagemaker: "SageMaker", group: str) -> list[Record]:
    return [package for package in sagemaker.packages.all() if package["ModelPackageGroupName"] == group]
