"""The local SageMaker as a whole: its resources, and the way of a request through it."""

import asyncio
import contextvars
import json
import os
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from headgate_local.api.errors import ApiError
from headgate_local.api.records import Record
from headgate_local.api.validation import answer, read, validate
from headgate_local.autoscaling.service import Scaling
from headgate_local.card import work
from headgate_local.cloudwatch.alarms import Alarms
from headgate_local.cloudwatch.metrics import Metrics
from headgate_local.faults.api import resource_name, strike
from headgate_local.faults.book import Faults
from headgate_local.leftovers import sweep
from headgate_local.pool import WarmPool
from headgate_local.sagemaker import model_packages, tags
from headgate_local.sagemaker.clients import SERVICE
from headgate_local.sagemaker.events import Events
from headgate_local.sagemaker.hosting import configs, endpoints, models, runtime
from headgate_local.sagemaker.hosting.hosting import Hosting
from headgate_local.sagemaker.jobs import processing_jobs, training_jobs, transform_jobs
from headgate_local.sagemaker.jobs.runner import Jobs
from headgate_local.sagemaker.jobs.warm_pools import WarmPools
from headgate_local.sagemaker.operations import OPERATIONS
from headgate_local.sagemaker.resources import Collection, Kind
from headgate_local.sagemaker.tuning import tuning_jobs
from headgate_local.sagemaker.tuning.running import Tunings
from headgate_local.seams.identity import AccessDenied, Caller, caller_of, tag_conditions

JSON = "application/x-amz-json-1.1"
THREADS = 128


class SageMaker:
    """All state of the local SageMaker. Make it in the thread that lives as long as the cloud."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self.folder = _working_folder()
        self.pool = WarmPool()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sagemaker")
        """Where requests are carried out: not on the event loop, and not in MiniStack's pool, whose other
        services (S3, say) answer us while we wait for them."""
        self.faults = Faults()
        self.events = Events()
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.jobs = Jobs(self.pool, endpoint_url, self.folder)
        self.warm_pools = WarmPools(self, self.folder)
        self.tunings = Tunings()
        self.hosting = Hosting(self)
        self.registry = threading.Lock()
        """Held while a model package gets its number."""
        self.training_jobs = Collection(training_jobs.KIND)
        self.processing_jobs = Collection(processing_jobs.KIND)
        self.transform_jobs = Collection(transform_jobs.KIND)
        self.tuning_jobs = tuning_jobs.TuningJobs(tuning_jobs.KIND)
        self.models = Collection(models.MODEL, self.events.model)
        self.configs = Collection(configs.CONFIG, self.events.endpoint_config)
        self.endpoints = Collection(endpoints.KIND)
        self.groups = Collection(model_packages.GROUP)
        self.packages = model_packages.Packages(model_packages.PACKAGE)
        everything = (
            self.training_jobs,
            self.processing_jobs,
            self.transform_jobs,
            self.tuning_jobs,
            self.models,
            self.configs,
            self.endpoints,
            self.groups,
            self.packages,
        )
        self.collections: dict[Kind, Collection] = {collection.kind: collection for collection in everything}
        self.scaling = Scaling(self)

    async def handle_request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> runtime.Response:
        """Answer a request that MiniStack routed here, its signature and its main permission checked."""
        if (endpoint := runtime.endpoint_of(path)) is not None and method == "POST":
            return await runtime.invoke(self, endpoint, headers, body)
        operation = headers.get("x-amz-target", "").removeprefix("SageMaker.")
        try:
            run, caller = contextvars.copy_context().run, caller_of(headers, query)
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self.threads, run, self.call, operation, read(body), caller)
        except ApiError as error:
            refused = {"__type": error.code, "message": error.message, **error.members}
            return error.status, {"Content-Type": JSON}, json.dumps(refused).encode()
        return 200, {"Content-Type": JSON}, json.dumps(response).encode()

    def call(self, operation: str, request: Record, caller: Caller) -> Record:
        """Carry out one operation of the control plane for a caller; raises ApiError."""
        known = OPERATIONS.get(operation)
        if known is None:
            raise ApiError(
                "UnsupportedOperationException",
                f"The local cloud's SageMaker does not know {operation or 'this request'}. "
                f"It knows {', '.join(OPERATIONS)}.",
            )
        resources = known.resources(request)
        try:
            asked = tag_conditions(f"sagemaker:{operation}", request)
            caller.require(f"sagemaker:{operation}", resources[0], asked)
            strike(self.faults, "sagemaker", operation, resource_name(resources[0]))
            validate(operation, request)
            tags.check(request)
            for further in resources[1:]:
                caller.require(f"sagemaker:{operation}", further, asked)
            for role in known.roles(request):
                caller.require_pass_role(role, SERVICE)
            if operation.startswith("Create") and request.get("Tags"):
                caller.require("sagemaker:AddTags", resources[0], asked)
        except AccessDenied as denied:
            raise ApiError("AccessDeniedException", str(denied)) from denied
        return answer(operation, known.run(self, request))

    def close(self) -> None:
        """End every process that was started, and take the working files away."""
        self.scaling.close()
        self.tunings.close()
        self.jobs.close()
        self.warm_pools.close()
        self.hosting.close()
        self.alarms.close()
        self.faults.close()
        self.events.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.pool.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _working_folder() -> Path:
    """A folder of this process's own; those that killed processes left behind are taken away."""
    parent = work()
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder = parent / str(os.getpid())
    folder.mkdir()
    return folder
