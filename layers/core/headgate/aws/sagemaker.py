"""SageMaker as the control plane uses it: jobs and endpoints (the registry is in `registry`).

Names are SageMaker's for the whole account, release numbers the ledger's own: what exists already is compared before it
counts as made, and what we make carries our ledger's name as a tag.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.errors import code_of, translated
from headgate.aws.sentences import ABSENT, EXISTS, says
from headgate.aws.tags import as_tags
from headgate.domain.alarms import VARIANT
from headgate.domain.captures import Capture
from headgate.domain.errors import EndpointBusyError, NameTakenError, NotFoundError
from headgate.domain.experiment import Expense, JobFacts
from headgate.domain.moments import written
from headgate.domain.names import OWNER_TAG
from headgate.domain.releases import EndpointState

_BUSY = "in-progress endpoint"

ENGINE = "HEADGATE_FORMAT"
"""The variable of a model's container that says which format of the network to load."""


class Jobs:
    """Training and processing jobs as they are described."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def training(self, name: str) -> JobFacts | None:
        """What there is to tell of a training job, or None when there is none of that name."""
        try:
            with translated(f"describe the training job {name}"):
                job = self._client.describe_training_job(TrainingJobName=name)
        except NotFoundError:
            return None
        except ClientError as error:
            if says(error, "not found", *ABSENT):
                return None
            raise
        resources = job.get("ResourceConfig", {})
        return JobFacts(
            name=name,
            status=job["TrainingJobStatus"],
            instance_type=resources.get("InstanceType", ""),
            instance_count=resources.get("InstanceCount", 1),
            billable_seconds=job.get("BillableTimeInSeconds"),
            training_seconds=job.get("TrainingTimeInSeconds"),
            spot=bool(job.get("EnableManagedSpotTraining")),
            code=_code_of(job),
            model_data_url=job.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
        )

    def processing(self, name: str, what: str) -> Expense | None:
        """What the processing job of that name took, and for `what`; None when there is none."""
        try:
            with translated(f"describe the processing job {name}"):
                job = self._client.describe_processing_job(ProcessingJobName=name)
        except NotFoundError:
            return None
        except ClientError as error:
            if says(error, "not found", *ABSENT):
                return None
            raise
        cluster = job["ProcessingResources"]["ClusterConfig"]
        begun, ended = job.get("ProcessingStartTime"), job.get("ProcessingEndTime")
        seconds = (ended - begun).total_seconds() * cluster["InstanceCount"] if begun and ended else None
        return Expense(what, 1, cluster["InstanceType"], seconds, "lasted")


def _code_of(job: Mapping[str, Any]) -> str:
    """Where the program of a job lies: in a channel of its own, or where an older job says that it fetches it."""
    for channel in job.get("InputDataConfig", []):
        if channel["ChannelName"] == "code":
            return str(channel["DataSource"]["S3DataSource"]["S3Uri"])
    return str(job.get("HyperParameters", {}).get("sagemaker_submit_directory", "").strip('"'))


class Endpoints:
    """Models, endpoint configurations and endpoints; `scaling` opens what scales them, where that is needed."""

    def __init__(self, client: Any, scaling: Callable[[], Autoscaling]) -> None:
        self._client = client
        self.scaling = scaling

    def describe(self, name: str) -> EndpointState | None:
        """What an endpoint serves and how it is, or None when there is none."""
        try:
            with translated(f"describe endpoint {name}"):
                answer = self._client.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if says(error, *ABSENT):
                return None
            raise
        variants = answer.get("ProductionVariants") or [{}]
        variants = sorted(variants, key=lambda each: each.get("VariantName") != VARIANT)  # another one may be tried
        return EndpointState(
            answer["EndpointStatus"],
            answer["EndpointConfigName"],
            answer.get("FailureReason", ""),
            answer["EndpointArn"],
            answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""),
            variants[0].get("DesiredInstanceCount") or variants[0].get("CurrentInstanceCount") or 1,
            written(answer["LastModifiedTime"]),
            _baking_since(answer.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])),
            "CurrentServerlessConfig" in variants[0],
            {each["VariantName"]: each["DesiredWeight"] for each in variants if "DesiredWeight" in each},
        )

    def in_service(self) -> list[str]:
        """The names of all endpoints of the account that answer requests, whoever's they are."""
        with translated("list the endpoints"):
            pages = self._client.get_paginator("list_endpoints").paginate(
                StatusEquals="InService", SortBy="Name", PaginationConfig={"PageSize": 100}
            )
            return [endpoint["EndpointName"] for page in pages for endpoint in page["Endpoints"]]

    def owner(self, arn: str) -> str | None:
        """The ledger that numbers what an endpoint, a model or a configuration is of; None for what is not ours."""
        with translated("list the tags of a release"):
            pages = self._client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return next((tag["Value"] for page in pages for tag in page["Tags"] if tag["Key"] == OWNER_TAG), None)

    def ensure_model(
        self,
        name: str,
        *,
        image: str,
        model_data_url: str,
        engine: str,
        role: str,
        network: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> None:
        """Make sure that the model is there; its name is never used for another archive.

        `engine` is the format of the network that a server of ours loads; TensorFlow Serving has none to choose.
        `network` is what CreateModel is told of it: EnableNetworkIsolation, and VpcConfig where there is a VPC.

        Raises:
            NameTakenError: when there is a model of that name with another archive or engine.
        """
        self._create(
            f"create model {name}",
            self._client.create_model,
            ModelName=name,
            PrimaryContainer={"Image": image, "ModelDataUrl": model_data_url, "Environment": {ENGINE: engine}},
            ExecutionRoleArn=role,
            **network,
            Tags=as_tags(tags),
        )
        with translated(f"describe model {name}"):
            model = self._client.describe_model(ModelName=name)
        container = model.get("PrimaryContainer", {})
        found = container.get("ModelDataUrl"), container.get("Environment", {}).get(ENGINE, "float32")
        if found != (model_data_url, engine):
            raise NameTakenError("model", name)

    def ensure_config(
        self,
        name: str,
        *,
        capacity: Mapping[str, Any],
        capture: Capture | None,
        key: str | None,
        tags: Mapping[str, str],
        metrics_seconds: int = 60,
    ) -> None:
        """Make sure that the endpoint configuration of a release is there; it serves the model of the same name.

        `key` is that of its machines' volumes, where they have any to encrypt.

        Where metrics come more often than once a minute, those of invocations do only as enhanced ones (API reference:
        MetricsConfig).

        Raises:
            NameTakenError: when there is a configuration of that name that serves another model, or with another
                `capacity` (`capacity_of`), or that keeps captured requests elsewhere.
        """
        variant = {
            "VariantName": VARIANT,
            "ModelName": name,
            "InitialVariantWeight": 1.0,
            **capacity,
        }
        often = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": metrics_seconds}
        self._create(
            f"create endpoint configuration {name}",
            self._client.create_endpoint_config,
            EndpointConfigName=name,
            ProductionVariants=[variant],
            **({"DataCaptureConfig": captured_config(capture)} if capture else {}),
            **({"KmsKeyId": key} if key else {}),
            **({"MetricsConfig": often} if metrics_seconds < 60 else {}),
            Tags=as_tags(tags),
        )
        # CreateEndpoint reads eventually; a consistent Describe first is what its documentation asks for.
        with translated(f"describe endpoint configuration {name}"):
            config = self._client.describe_endpoint_config(EndpointConfigName=name)
        found = [{key: each.get(key) for key in variant} for each in config["ProductionVariants"]]
        place = config.get("DataCaptureConfig", {}).get("DestinationS3Uri")
        if found != [variant] or place != (capture.place if capture else None):
            raise NameTakenError("endpoint configuration", name)

    def create(self, name: str, config: str, tags: Mapping[str, str]) -> None:
        """Start to create an endpoint.

        Raises:
            EndpointBusyError: when there is one already, which another attempt has just begun to create, or a quota
                is used up.
        """
        try:
            with translated(f"create endpoint {name}"):
                self._client.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=as_tags(tags))
        except ClientError as error:
            if (busy := _for_now(error, name, EXISTS)) is not None:
                raise busy from error
            raise

    def update(self, name: str, config: str, deployment: Mapping[str, Any] | None, *, retain: bool = True) -> None:
        """Start to move an endpoint to another configuration, keeping its instance counts if there are any to `retain`.

        `deployment` is the DeploymentConfig; None: all at once, and unguarded.

        Raises:
            EndpointBusyError: when another change is under way, or a quota is used up.
        """
        try:
            with translated(f"update endpoint {name}"):
                self._client.update_endpoint(
                    EndpointName=name,
                    EndpointConfigName=config,
                    RetainAllVariantProperties=retain,
                    **({"DeploymentConfig": deployment} if deployment else {}),
                )
        except ClientError as error:
            if (busy := _for_now(error, name, _BUSY)) is not None:
                raise busy from error
            raise

    def silence(self, name: str, variant: str) -> bool:
        """Start to give a variant no more requests; its instances stay, so nothing has to come up for that.

        Returns:
            False when SageMaker refuses to, for another reason than that the endpoint moves; nothing is changed.

        Raises:
            EndpointBusyError: when another change is under way.
        """
        weights = [{"VariantName": variant, "DesiredWeight": 0.0}]
        try:
            with translated(f"take the requests from {variant} of endpoint {name}"):
                self._client.update_endpoint_weights_and_capacities(
                    EndpointName=name, DesiredWeightsAndCapacities=weights
                )
        except ClientError as error:
            if says(error, _BUSY):
                raise EndpointBusyError(name) from error
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete an endpoint; one that is gone is let be.

        Raises:
            EndpointBusyError: when a change is under way.
        """
        try:
            with translated(f"delete endpoint {name}"):
                self._client.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if says(error, _BUSY):
                raise EndpointBusyError(name) from error
            if not says(error, *ABSENT):
                raise

    def remove(self, name: str, owner: str, trial: str | None = None) -> None:
        """Take away the configurations of a release, its trial's too, and its model; not what is another ledger's."""
        client = self._client
        config = ("EndpointConfig", client.describe_endpoint_config, client.delete_endpoint_config)
        every = [(name, *config), (name, "Model", client.describe_model, client.delete_model)]
        for called, kind, describe, delete in ([(trial, *config)] if trial else []) + every:
            named = {f"{kind}Name": called}
            try:
                with translated(f"take away {called}"):
                    if self.owner(describe(**named)[f"{kind}Arn"]) == owner:
                        delete(**named)
            except NotFoundError:
                continue
            except ClientError as error:
                if not says(error, *ABSENT):
                    raise

    def _create(self, doing: str, call: Any, **arguments: Any) -> None:
        try:
            with translated(doing):
                call(**arguments)
        except ClientError as error:
            if not says(error, EXISTS):
                raise


def _for_now(error: ClientError, endpoint: str, sentence: str) -> EndpointBusyError | None:
    """The error where SageMaker will change an endpoint later: it says so, or that a quota of the account is used up,
    as it is while other releases bake on two fleets.
    """
    if code_of(error) == "ResourceLimitExceeded":
        return EndpointBusyError(endpoint, str(error.response["Error"].get("Message", "")))
    return EndpointBusyError(endpoint) if says(error, sentence) else None


def captured_config(capture: Capture) -> dict[str, Any]:
    """The DataCaptureConfig. Bodies of the types that are named are kept as text; of all others, as base64."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": capture.percent,
        "DestinationS3Uri": capture.place,
        "KmsKeyId": capture.key,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json", "application/jsonlines"],
        },
    }


def _baking_since(variants: Sequence[Mapping[str, Any]]) -> str:
    """Since when the new instances take requests and are watched; "" while they do not."""
    steps = [step for variant in variants for step in variant.get("VariantStatus", []) if step["Status"] == "Baking"]
    return max((written(step["StartTime"]) for step in steps), default="")
