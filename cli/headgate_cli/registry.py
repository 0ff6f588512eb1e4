"""The versions of a project, as SageMaker's model registry has them."""

from typing import Any

from botocore.exceptions import ClientError

from headgate.domain.names import Project
from headgate_cli.connection import Cloud, error_code
from headgate_cli.errors import UsageError


def registered_versions(cloud: Cloud, project: Project) -> list[dict[str, Any]]:
    """Every version of the project's model package group, the newest first; empty before the first one."""
    pages = (
        cloud.client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(ModelPackageGroupName=project.endpoint, SortBy="CreationTime", SortOrder="Descending")
    )
    try:
        packages = [package for page in pages for package in page["ModelPackageSummaryList"]]
    except ClientError as error:
        # SageMaker answers a missing group with a validation error; both clouds' wordings say so.
        if error_code(error) in ("ResourceNotFound", "ValidationException") and _says_missing(error):
            return []
        raise
    return [
        {
            "version": str(package["ModelPackageVersion"]),
            "approval": package.get("ModelApprovalStatus"),
            "status": package["ModelPackageStatus"],
            "description": package.get("ModelPackageDescription"),
            "created_at": package["CreationTime"].isoformat(),
            "arn": package["ModelPackageArn"],
        }
        for package in packages
    ]


def describe_version(cloud: Cloud, project: Project, number: str) -> dict[str, Any]:
    """What SageMaker says of one version of a project: its model package.

    Raises:
        UsageError: when there is none of that number.
    """
    known = registered_versions(cloud, project)
    arn = next((each["arn"] for each in known if each["version"] == number), None)
    if arn is None:
        there = ", ".join(each["version"] for each in known) or "none"
        raise UsageError(f"{project.name} of {project.tenant} has no version {number}; there is: {there}.")
    package: dict[str, Any] = cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return package


def _says_missing(error: ClientError) -> bool:
    message = error.response["Error"].get("Message", "").lower()
    return "not exist" in message or "not found" in message or "not find" in message
