"""The instances behind an endpoint: one process for each variant of its configuration."""

import logging
import random
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from headgate_local.sagemaker.clients import Storage, TransferError, logs_client, unpack
from headgate_local.sagemaker.errors import ApiError
from headgate_local.sagemaker.hosting.instance import Instance, NotServable
from headgate_local.sagemaker.hosting.models import data_url
from headgate_local.sagemaker.logs import LogStream
from headgate_local.sagemaker.resources import Record

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")


class DeploymentFailed(Exception):
    """Raised when a configuration cannot be deployed; the message is the endpoint's FailureReason."""


class NoSuchVariant(Exception):
    """Raised when a request is aimed at a variant that the endpoint does not have."""


class FleetRetired(Exception):
    """Raised when a request comes to a fleet that another one has replaced."""


class Fleet:
    """All variants of one configuration, up and answering when this is made; raises DeploymentFailed."""

    def __init__(self, sagemaker: "SageMaker", endpoint: str, config: Record) -> None:
        self._lock = threading.Lock()
        self._retired = False
        self._instances: dict[str, Instance] = {}
        self._weights: dict[str, float] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="endpoint-", dir=sagemaker.folder))
        try:
            for variant in config["ProductionVariants"]:
                self._instances[variant["VariantName"]] = self._launch(sagemaker, endpoint, variant)
        except BaseException:
            self.retire()
            raise
        self.weigh(dict.fromkeys(self._instances, 1.0))

    def weigh(self, weights: dict[str, float]) -> None:
        """Share the traffic by these weights from now on; all zero means by halves."""
        self._weights = weights if any(weights.values()) else dict.fromkeys(weights, 1.0)

    @contextmanager
    def instance(self, variant: str | None) -> Iterator[tuple[str, Instance]]:
        """An instance for one request, and its variant's name; it stays until the request is done.

        Raises NoSuchVariant, or FleetRetired: then the endpoint has a newer fleet.
        """
        with self._lock:
            if self._retired:
                raise FleetRetired
            if variant is None:
                names, weights = list(self._weights), list(self._weights.values())
                variant = names[0] if len(names) == 1 else random.choices(names, weights)[0]  # noqa: S311
            if variant not in self._instances:
                raise NoSuchVariant
            chosen = self._instances[variant]
            chosen.acquire()
        try:
            yield variant, chosen
        finally:
            chosen.release()

    def retire(self, patience: float = 60.0) -> None:
        """Take no new request, let those under way come to their end, then end all processes."""
        with self._lock:
            self._retired = True
        for instance in self._instances.values():
            instance.retire(patience)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _launch(self, sagemaker: "SageMaker", endpoint: str, variant: Record) -> Instance:
        name = variant["VariantName"]
        folder = self._folder / name / "model"
        folder.mkdir(parents=True)
        try:
            model = sagemaker.models.get(variant["ModelName"])
            self._download(sagemaker, model, folder)
            group, stream = f"/aws/sagemaker/Endpoints/{endpoint}", f"{name}/i-{uuid.uuid4().hex[:17]}"
            client = logs_client(sagemaker.endpoint_url, model["ExecutionRoleArn"])
            logs: list[LogStream] = []

            def keep(output: IO[bytes]) -> None:
                logs.append(LogStream(client, group, stream, output))

            return Instance(folder, keep)
        except NotServable as error:
            logs[-1].finish()
            said = f" It said: {logs[-1].tail[-1]}" if logs[-1].tail else ""
            raise DeploymentFailed(
                f"The primary container for production variant {name} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint.{said}"
            ) from error
        except (TransferError, ApiError) as error:
            text = error.message if isinstance(error, ApiError) else str(error)
            raise DeploymentFailed(f"Failed to load the model of production variant {name}: {text}") from error

    @staticmethod
    def _download(sagemaker: "SageMaker", model: Record, folder: Path) -> None:
        container = model.get("PrimaryContainer") or model["Containers"][0]
        archive = folder.parent / "model.tar.gz"
        storage = Storage(sagemaker.endpoint_url, model["ExecutionRoleArn"])
        storage.download(data_url(sagemaker, container), archive)
        unpack(archive, folder)
        archive.unlink()
