"""What a tenant has in SageMaker, and its alarms: found by name and by tag, since others may call theirs alike."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from headgate.aws.cloudwatch import Alarms
from headgate.aws.errors import code_of
from headgate.aws.sentences import ABSENT, says
from headgate.domain.alarms import is_guard, standing_alarm
from headgate.domain.names import OWNER_TAG, TENANT_TAG
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError

Kind = tuple[str, str, str]
"""What lists things of a kind, where the answer has them, and what the kind is called."""

_ENDPOINTS = ("list_endpoints", "Endpoints", "Endpoint")
_CONFIGS = ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig")
_MODELS = ("list_models", "Models", "Model")
_GROUPS = ("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroup")
_JOBS = (
    ("list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    ("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJob"),
    ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJob"),
)


class Possessions:
    """What is called after a tenant, and was made for it by this deployment."""

    def __init__(self, cloud: Cloud, tenant: str) -> None:
        self._client, self._cloudwatch = cloud.client("sagemaker"), cloud.client("cloudwatch")
        self._prefix, self._patience = f"{tenant}-", cloud.patience
        self._made_here, self._of_tenant = (OWNER_TAG, cloud.outputs["LedgerTable"]), (TENANT_TAG, tenant)

    def jobs(self) -> list[str]:
        """The jobs that are going."""
        return [name for kind in _JOBS for name in self._owned(kind, self._of_tenant, StatusEquals="InProgress")]

    def strangers(self) -> list[str]:
        """Endpoints that are called as the tenant's are, and that this deployment did not make."""
        return [name for name, arn in self._named(_ENDPOINTS) if not self._has(arn, self._made_here)]

    def end(self) -> None:
        """Delete endpoints, and when they are gone their configurations, models, versions and alarms.

        Raises:
            CommandError: when an endpoint is there still, with what SageMaker said of it.
        """
        self._end_endpoints()
        self._each(_CONFIGS, self._client.delete_endpoint_config)
        self._each(_MODELS, self._client.delete_model)
        for name in self._owned(_GROUPS, self._of_tenant):
            pages = self._client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name)
            for arn in [each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"]]:
                self._client.delete_model_package(ModelPackageName=arn)
            self._client.delete_model_package_group(ModelPackageGroupName=name)
        alarms = Alarms(self._cloudwatch, self._cloudwatch)
        alarms.delete(f"headgate-{self._prefix}", lambda name: is_guard(name) or standing_alarm(name))

    def _end_endpoints(self) -> None:
        """SageMaker deletes no endpoint while it is being changed."""
        client, said = self._client, dict[str, str]()
        names = list(self._owned(_ENDPOINTS, self._made_here))
        for name in names:
            try:
                client.delete_endpoint(EndpointName=name)
            except ClientError as error:
                if not says(error, *ABSENT):
                    said[name] = str(error.response["Error"].get("Message") or code_of(error))
        for name in names:
            if name not in said:
                with suppress(WaiterError):  # what is left is told below
                    client.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=self._patience)
        left = self._owned(_ENDPOINTS, self._made_here)
        told = [f"{name} ({said.get(name, 'is still being deleted')})" for name in left]
        if told:
            raise CommandError(
                f"Endpoints are there still, which cost: {', '.join(told)}. What is left else stays. One that is "
                "being changed cannot be deleted until it rests. Wait, or mend what is said of it, and call this again."
            )

    def _each(self, kind: Kind, delete: Callable[..., Any]) -> None:
        for name in list(self._owned(kind, self._made_here)):
            try:
                delete(**{f"{kind[2]}Name": name})
            except ClientError as error:
                if not says(error, *ABSENT):  # gone meanwhile
                    raise

    def _owned(self, kind: Kind, tag: tuple[str, str], **wanted: str) -> Iterator[str]:
        return (name for name, arn in self._named(kind, **wanted) if self._has(arn, tag))

    def _named(self, kind: Kind, **wanted: str) -> list[tuple[str, str]]:
        call, members, called = kind
        pages = self._client.get_paginator(call).paginate(NameContains=self._prefix, **wanted)
        found = [(each[f"{called}Name"], each[f"{called}Arn"]) for page in pages for each in page[members]]
        return [each for each in found if each[0].startswith(self._prefix)]

    def _has(self, arn: str, tag: tuple[str, str]) -> bool:
        try:
            pages = self._client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return any((each["Key"], each["Value"]) == tag for page in pages for each in page["Tags"])
        except ClientError as error:
            if says(error, *ABSENT):  # gone meanwhile
                return False
            raise
