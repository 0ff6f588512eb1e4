"""The data of a job on its hosts: what S3 has of it, and which host gets which objects."""

import random
from pathlib import Path
from typing import Any

from headgate_local.api.errors import unsupported
from headgate_local.sagemaker.clients import Storage

Objects = list[tuple[str, str]]
"""The URI of each object, and its name below the folder that it goes to."""


def source(channel: dict[str, Any]) -> dict[str, Any]:
    """A channel's S3DataSource; refuses by name what the local cloud cannot do with a channel."""
    if "S3DataSource" not in channel.get("DataSource", {}):
        raise unsupported("channels other than from S3 (DataSource.S3DataSource)")
    if channel.get("InputMode") == "Pipe" or channel.get("CompressionType", "None") != "None":
        raise unsupported("channels in Pipe mode or with a CompressionType")
    if channel.get("RecordWrapperType", "None") != "None":
        raise unsupported("channels with a RecordWrapperType")
    s3: dict[str, Any] = channel["DataSource"]["S3DataSource"]
    if s3["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise unsupported(f"channels of S3DataType {s3['S3DataType']}")
    for member in ("AttributeNames", "InstanceGroupNames", "ModelAccessConfig", "HubAccessConfig"):
        if s3.get(member):
            raise unsupported(f"channels with {member}")
    return s3


def deliver(storage: Storage, s3: dict[str, Any], folders: list[Path], seed: int | None = None) -> None:
    """Download what an S3 source names into the folder of each host; raises TransferError.

    Sharded by key the objects are dealt out like cards, after they were shuffled if there is a seed: each host gets
    1/n of them, and none if there are fewer objects than hosts.
    """
    manifest = s3["S3DataType"] == "ManifestFile"
    objects = storage.listed_in_manifest(s3["S3Uri"]) if manifest else storage.listed(s3["S3Uri"])
    sharded = s3.get("S3DataDistributionType", "FullyReplicated") == "ShardedByS3Key"
    if sharded and seed is not None:
        random.Random(seed).shuffle(objects)  # noqa: S311 - an order, not a secret
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        storage.download_all(objects[number :: len(folders)] if sharded else objects, folder)
