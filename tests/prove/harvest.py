"""What a local cloud remembers of the work of roles that no boto3 of ours does: jobs, models, configurations.

Written beside what the functions recorded, before the cloud goes down.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NAMES = "stack.json"
_JOBS = {
    "training": ("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", "describe_training_job"),
    "processing": ("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", "describe_processing_job"),
    "model": ("list_models", "Models", "ModelName", "describe_model"),
    "config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", "describe_endpoint_config"),
}


def harvest(client: Callable[[str], Any], stack: str, folder: Path) -> None:
    """Write the stack's physical names, and every job, model and configuration that was made."""
    described = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    names = {each["LogicalResourceId"]: _named(each["PhysicalResourceId"]) for each in described}
    account = client("sts").get_caller_identity()["Account"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAMES).write_text(json.dumps({"account": account, "names": names}, indent=1))
    with (folder / "harvest.jsonl").open("w") as file:
        for kind, (listed, key, name, describe) in _JOBS.items():
            for each in _pages(client("sagemaker"), listed, key):
                params = getattr(client("sagemaker"), describe)(**{name: each[name]})
                params.pop("ResponseMetadata")
                line = {
                    "world": "local",
                    "role": "",
                    "service": "job",
                    "operation": kind,
                    "params": params,
                    "error": "",
                }
                file.write(json.dumps(line, default=str) + "\n")


def _named(physical: str) -> str:
    """A name out of whatever identifies a resource: a URL, an ARN or a name."""
    return physical.rpartition("/")[2] if physical.startswith("http") else physical.rpartition(":")[2]


def _pages(client: Any, operation: str, key: str, **given: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**given):
        yield from page[key]
