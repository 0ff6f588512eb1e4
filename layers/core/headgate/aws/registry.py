"""SageMaker's model registry as the control plane uses it."""

import hashlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import translated
from headgate.aws.sentences import ABSENT, EXISTS, says
from headgate.aws.tags import as_tags
from headgate.domain.approval import Registered
from headgate.domain.errors import NotFoundError


class Registry:
    """The model registry: one group for each project, one package for each version that passed the gate."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def ensure_group(self, name: str, description: str, tags: Mapping[str, str]) -> None:
        """Make sure that the project's group is there."""
        try:
            with translated(f"create the model package group {name}"):
                self._client.create_model_package_group(
                    ModelPackageGroupName=name, ModelPackageGroupDescription=description, Tags=as_tags(tags)
                )
        except ClientError as error:
            if not says(error, EXISTS):
                raise

    def register(
        self,
        group: str,
        run: str,
        *,
        status: str,
        image: str,
        model_data_url: str,
        metrics_url: str,
        properties: Mapping[str, str],
    ) -> str:
        """Register a version that the gate let pass, with the approval status that it begins with.

        Returns:
            Its ARN, which ends with its number. A second call for the same run gives the first one's: the client token
            is made of the run (CreateModelPackage, API reference).
        """
        with translated(f"register a version of {group}"):
            answer = self._client.create_model_package(
                ModelPackageGroupName=group,
                ModelPackageDescription=f"Trained by run {run}",
                ModelApprovalStatus=status,
                InferenceSpecification={
                    "Containers": [{"Image": image, "ModelDataUrl": model_data_url}],
                    "SupportedContentTypes": ["application/json", "application/jsonlines", "text/csv"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                ModelMetrics={
                    "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": metrics_url}}
                },
                CustomerMetadataProperties={name: value[:256] for name, value in properties.items()},
                ClientToken=hashlib.sha256(run.encode()).hexdigest()[:36],
            )
        return str(answer["ModelPackageArn"])

    def version(self, arn: str) -> Registered:
        """What the registry says of a version.

        Raises:
            NotFoundError: when there is none of that ARN.
        """
        try:
            with translated(f"describe the version {arn}"):
                package = self._client.describe_model_package(ModelPackageName=arn)
        except ClientError as error:
            if says(error, "not found", *ABSENT):
                raise NotFoundError(f"The version {arn} is not in the registry.") from error
            raise
        by = package.get("LastModifiedBy", {})
        known = package.get("CustomerMetadataProperties", {})
        return Registered(
            str(package["ModelPackageVersion"]),
            package["ModelApprovalStatus"],
            package.get("ApprovalDescription", ""),
            by.get("UserProfileName") or by.get("IamIdentity", {}).get("Arn", ""),
            *(known.get(name, "") for name in ("tenant", "project", "run")),
        )

    def decide(self, arn: str, status: str, description: str) -> None:
        """Write a person's word on a version; the description is cut to the 1,024 characters of one line it may have.

        Raises:
            ConflictError: when somebody else changed it at the same moment.
        """
        line = " ".join(description.split())[:1024]
        with translated(f"change the approval of {arn}"):
            self._client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=line)
