"""A variant of a fleet, alive: its model's files, its instances, and where its measurements go."""

import contextvars
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, logs_client
from headgate_local.sagemaker.hosting.capture import Capture
from headgate_local.sagemaker.hosting.disturbance import Disturbance
from headgate_local.sagemaker.hosting.instances import Instances
from headgate_local.sagemaker.hosting.models import container_of, data_of, resolved
from headgate_local.sagemaker.hosting.server import READY, NotServable, Server
from headgate_local.sagemaker.hosting.serverless import OnDemand
from headgate_local.sagemaker.hosting.telemetry import FREQUENCY, Meter
from headgate_local.sagemaker.logs import LogStream

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker


class DeploymentFailed(Exception):
    """Raised when a configuration cannot be deployed; the message is the endpoint's FailureReason."""


class Variant:
    """A variant of one configuration, for one endpoint. Make it in the context of the endpoint's account and region."""

    def __init__(self, sagemaker: "SageMaker", endpoint: str, config: Record, wanted: Record, folder: Path) -> None:
        self.config = wanted
        self.name: str = wanted["VariantName"]
        self.weight: float = wanted["InitialVariantWeight"]
        self.serverless = "ServerlessConfig" in wanted
        self.capture: Capture | None = None
        self.shadow: Variant | None = None
        self.shadow_share = 0.0
        """The part of its requests that is mirrored to the shadow."""
        self._sagemaker, self._endpoint, self._folder = sagemaker, endpoint, folder / self.name / "model"
        self._model: Record = sagemaker.models.get(wanted["ModelName"])
        self.role: str = self._model["ExecutionRoleArn"]
        self.image: str = container_of(self._model).get("Image", "")
        self._environment: dict[str, str] = {}
        frequency = config.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", FREQUENCY)
        self.meter = Meter(endpoint, self.name, config["EndpointConfigName"], self.serverless, frequency)
        self.disturbance = Disturbance(sagemaker.faults, endpoint, config["EndpointConfigName"])
        self.instances = self._make_instances()

    @property
    def count(self) -> int:
        """Its instances; those of a serverless variant do not count."""
        return 0 if self.serverless else self.instances.count

    def load(self) -> None:
        """Fetch the model, and see what its container's environment is; raises TransferError or ApiError."""
        self._folder.mkdir(parents=True)
        container = resolved(self._sagemaker, container_of(self._model))
        data_of(container).fetch(Storage(self._sagemaker.endpoint_url, self.role), self._folder)
        self._environment = container.get("Environment", {})

    def start(self) -> None:
        """Let a serverless variant have the instances that are provisioned, and one at least to see that it can.

        Raises DeploymentFailed.
        """
        if isinstance(self.instances, OnDemand):
            self._resize(max(1, self.instances.provisioned))

    def resize(self, count: int) -> None:
        """Let it have so many instances; a serverless one has those that it needs. Raises DeploymentFailed."""
        if not self.serverless:
            self._resize(count)

    def adjust(self, limits: Record) -> None:
        """Change the concurrency of a serverless variant; raises DeploymentFailed."""
        if limits and isinstance(self.instances, OnDemand):
            wanted = self.config["ServerlessConfig"] | limits
            self._resize(max(self.instances.count, wanted.get("ProvisionedConcurrency", 0)))
            self.instances.adjust(wanted["MaxConcurrency"], wanted.get("ProvisionedConcurrency", 0))
            self.config = {**self.config, "ServerlessConfig": wanted}

    def _resize(self, count: int) -> None:
        if count > self.instances.count:
            self._refuse_on_order()
        try:
            self.instances.resize(count)
        except NotServable as error:
            said = f" It said: {error}" if str(error) else ""
            raise DeploymentFailed(
                f"The primary container for production variant {self.name} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint.{said}"
            ) from error
        except ApiError as error:
            raise self.not_loaded(error) from error

    def not_loaded(self, error: Exception) -> DeploymentFailed:
        """The failure of a model that cannot be fetched."""
        why = error.message if isinstance(error, ApiError) else str(error)
        return DeploymentFailed(f"Failed to load the model of production variant {self.name}: {why}")

    def pids(self) -> list[int]:
        """Of the processes behind its instances."""
        return [server.pid for server in self.instances.servers if isinstance(server, Server)]

    def _refuse_on_order(self) -> None:
        if self._sagemaker.faults.take("aws:sagemaker:exhaust-capacity", self._endpoint):
            raise DeploymentFailed(
                f"Unable to provision requested ML compute capacity for production variant {self.name} due to "
                "InsufficientInstanceCapacity error. Please retry using a different ML instance type, or later."
            )

    def _make_instances(self) -> Instances:
        launch = _in_this_context(self._launch)
        if not self.serverless:
            return Instances(launch, self.config.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM"))
        limits, telemetry = self.config["ServerlessConfig"], self._sagemaker.hosting.telemetry
        return OnDemand(
            launch,
            limits["MaxConcurrency"],
            limits.get("ProvisionedConcurrency", 0),
            lambda seconds: telemetry.setup(self.meter, seconds),
        )

    def _launch(self) -> Server:
        client = logs_client(self._sagemaker.endpoint_url, self.role)
        group = f"/aws/sagemaker/Endpoints/{self._endpoint}"
        logs: list[LogStream] = []

        def keep(output: IO[bytes]) -> None:
            logs.append(LogStream(client, group, f"{self.name}/i-{uuid.uuid4().hex[:17]}", output))

        try:
            ready = self.config.get("ContainerStartupHealthCheckTimeoutInSeconds", READY)
            return Server(self._folder, keep, ready, self._environment)
        except NotServable as error:
            for log in logs:
                log.finish()
            said = [line for log in logs for line in log.tail]
            raise NotServable(said[-1] if said else str(error)) from None


def _in_this_context(launch: Callable[[], Server]) -> Callable[[], Server]:
    """The same, in the account and region of now, whichever thread calls it."""
    context = contextvars.copy_context()
    return lambda: context.copy().run(launch)
