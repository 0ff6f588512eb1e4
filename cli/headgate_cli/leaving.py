"""Removing a tenant: held first, exported, and then everything that begins with its name goes."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.audit import AUDIT_HEAD
from headgate.aws.items import as_values
from headgate.domain.keys import endpoint_key, tenant_key
from headgate.domain.tenants import Standing
from headgate_cli import tenants
from headgate_cli.connection import Cloud
from headgate_cli.errors import UsageError

_AT_ONCE = 1000  # of DeleteObjects


def remove(cloud: Cloud, name: str, folder: Path, hold_days: int) -> dict[str, Any]:
    """The first call begins the hold; a later one, when it is over, exports what is there and takes it away.

    Raises:
        UsageError: while the hold lasts.
    """
    now = datetime.now(UTC)
    known = tenants.document(cloud, name)
    if known["standing"] != Standing.LEAVING:
        known = tenants.leave(cloud, name, hold_days, now)
        counts = export(cloud, name, folder)
        said = (
            f"{name} takes no new data; what serves goes on. From {known['leaves_on']} on the same command removes it. "
            f"Until then `headgate tenant resume {name}` keeps it. Exported to {folder}: {counts['objects']} objects, "
            f"{counts['items']} records."
        )
        return {**known, "removed": False, "export": {"folder": str(folder), **counts}, "said": said}
    if now.date().isoformat() < known["leaves_on"]:
        raise UsageError(f"{name} is held until {known['leaves_on']}; nothing was removed.")
    counts = export(cloud, name, folder)
    _take_away(cloud, name)
    said = (
        f"{name} is removed: {counts['objects']} objects and {counts['items']} records, its endpoints and models. They "
        f"are in {folder}. Its key is deleted in 30 days, and can be called back until then."
    )
    return {**known, "removed": True, "export": {"folder": str(folder), **counts}, "said": said}


def export(cloud: Cloud, name: str, folder: Path) -> dict[str, int]:
    """Write all that a tenant has into a folder: objects in their newest versions, records as JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = 0
    for kind, bucket, prefix in _places(cloud, name):
        pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
            if key.endswith("/"):
                continue
            # A key may hold what a path must not: dot segments stay names.
            path = folder / kind / "/".join(part.replace("..", "%2e%2e") or "%2f" for part in key.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            cloud.client("s3").download_file(bucket, key, str(path))
            objects += 1
    items = 0
    with (folder / "records.jsonl").open("w") as lines:
        for item in _items(cloud, name):
            lines.write(json.dumps(as_values(item), ensure_ascii=False, default=sorted) + "\n")
            items += 1
    return {"objects": objects, "items": items}


def _places(cloud: Cloud, name: str) -> list[tuple[str, str, str]]:
    return [
        ("data", cloud.data_bucket, f"{name}/"),
        ("artifacts", cloud.artifact_bucket, f"{name}/"),
        ("artifacts", cloud.artifact_bucket, f"_captured/{name}/"),
    ]


def _items(cloud: Cloud, name: str) -> Iterator[dict[str, Any]]:
    """Every item of the tenant: a Scan, since its projects' partitions are known to nobody by heart."""
    pages = (
        cloud.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=cloud.outputs["LedgerTable"],
            FilterExpression="begins_with(pk, :own) OR begins_with(pk, :endpoint) OR pk = :tenant",
            ExpressionAttributeValues={
                ":own": {"S": f"{name}#"},
                ":endpoint": {"S": endpoint_key(f"{name}-")},
                ":tenant": {"S": tenant_key(name)},
            },
        )
    )
    for page in pages:
        yield from page["Items"]


def _take_away(cloud: Cloud, name: str) -> None:
    """Endpoints first, for they cost; the stack last, so that what is interrupted can be called again."""
    sagemaker, cloudwatch, prefix = cloud.client("sagemaker"), cloud.client("cloudwatch"), f"{name}-"
    _each(sagemaker, "list_endpoints", "Endpoints", "EndpointName", prefix, sagemaker.delete_endpoint)
    _each(
        sagemaker,
        "list_endpoint_configs",
        "EndpointConfigs",
        "EndpointConfigName",
        prefix,
        sagemaker.delete_endpoint_config,
    )
    _each(sagemaker, "list_models", "Models", "ModelName", prefix, sagemaker.delete_model)
    _each_group(sagemaker, prefix)
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"headgate-{prefix}", AlarmTypes=["CompositeAlarm", "MetricAlarm"]
    )
    found = list(pages)
    for kind in ("CompositeAlarms", "MetricAlarms"):  # what looks at others before what is looked at
        for page in found:
            for alarm in page.get(kind, []):
                cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    for _, bucket, place in _places(cloud, name):
        _empty(cloud, bucket, place)
    dynamodb = cloud.client("dynamodb")
    for item in _items(cloud, name):
        if item["sk"]["S"].startswith(AUDIT_HEAD):
            continue  # what was done for a tenant is known after it has gone
        dynamodb.delete_item(TableName=cloud.outputs["LedgerTable"], Key={"pk": item["pk"], "sk": item["sk"]})
    stack = tenants.stack_of(cloud, name)
    cloud.client("cloudformation").delete_stack(StackName=stack)
    tenants.wait_for(cloud, stack, "stack_delete_complete")


def _each(client: Any, call: str, members: str, key: str, prefix: str, delete: Callable[..., Any]) -> None:
    pages = client.get_paginator(call).paginate(NameContains=prefix)
    for name in [each[key] for page in pages for each in page[members]]:
        if name.startswith(prefix):
            with suppress(ClientError):  # gone meanwhile, or on its way: the next call finds it
                delete(**{key: name})


def _each_group(client: Any, prefix: str) -> None:
    groups = client.get_paginator("list_model_package_groups").paginate(NameContains=prefix)
    names = [each["ModelPackageGroupName"] for page in groups for each in page["ModelPackageGroupSummaryList"]]
    for name in (each for each in names if each.startswith(prefix)):
        packages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name)
        for arn in [each["ModelPackageArn"] for page in packages for each in page["ModelPackageSummaryList"]]:
            client.delete_model_package(ModelPackageName=arn)
        client.delete_model_package_group(ModelPackageGroupName=name)


def _empty(cloud: Cloud, bucket: str, prefix: str) -> None:
    """Delete every version of every object under a prefix."""
    s3 = cloud.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        for at in range(0, len(named), _AT_ONCE):
            s3.delete_objects(Bucket=bucket, Delete={"Objects": named[at : at + _AT_ONCE], "Quiet": True})
