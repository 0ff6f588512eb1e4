"""The versions of a project, as SageMaker's model registry has them."""

from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.registry import Registry
from headgate.aws.sentences import ABSENT, says
from headgate.domain.approval import APPROVED, REFUSED
from headgate.domain.audit import Change
from headgate.domain.names import Project
from headgate.domain.runs import Run
from headgate_cli.connection import Cloud, user_name
from headgate_cli.errors import UsageError
from headgate_cli.runs import Records


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
        if says(error, "not found", *ABSENT):
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


def decide(cloud: Cloud, project: Project, version: str | None, reason: str, *, approved: bool) -> dict[str, Any]:
    """Write a person's word on the version that waits for it into the registry, with the person's name and reason.

    Raises:
        UsageError: when no version of the project waits, or another one than `version`; nothing is written.
    """
    ledger = Records(cloud).ledger
    active = ledger.head(project).active
    run = ledger.run(project, active) if active else None
    package = str(run.approval["package"]) if run is not None and run.approval is not None and not run.ended else ""
    waits = package.rpartition("/")[2]
    if run is None or not waits or version not in (None, waits):
        raise UsageError(_nobody_waits(ledger.runs_of_project(project), project, version, waits))
    registry = Registry(cloud.client("sagemaker"))
    known = registry.version(package)
    if known.decided:
        said = f": {known.description}" if known.description else ""
        raise UsageError(f"Version {waits} is {known.status.lower()} already{said}.")
    status = APPROVED if approved else REFUSED
    said = f"{status} by {user_name(cloud)}" + (f": {reason}" if reason.strip() else "")
    change = Change(f"version {waits}", {"approval": known.status}, {"approval": status, "run": run.run})
    ledger.record(project, "version approved" if approved else "version rejected", reason, change)
    registry.decide(package, status, said)
    return {"version": waits, "run": run.run, "approval": status, "description": said, "package": package}


def _nobody_waits(runs: list[Run], project: Project, version: str | None, waits: str) -> str:
    asked = next((run for run in runs if version is not None and run.version == version and run.ended), None)
    if asked is not None:
        return (
            f"Version {version} does not wait any more: its run ended {asked.state} ({asked.reason_code}). "
            "Drop its dataset again to have it judged anew."
        )
    if waits:
        return f"Version {version} does not wait for approval; version {waits} does."
    which = f"No version of {project.name}" if version is None else f"Version {version} of {project.name}"
    return f"{which} waits for approval. `headgate versions --project {project.name}` lists what is registered."


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
