"""Removing a tenant: held first, exported, and then everything that was made for it goes."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from headgate.aws.audit import AUDIT_HEAD
from headgate.aws.items import as_values
from headgate.domain.keys import endpoint_key, tenant_key
from headgate.domain.names import places_of, tenant_stack
from headgate.domain.tenants import Standing
from headgate_cli import places, tenants
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.leaving_sagemaker import Possessions
from headgate_cli.runs import Records

_AT_ONCE = 1000  # of DeleteObjects
_LONGEST = 200
"""Bytes of a file's name: file systems take 255, and a download that is on its way has a longer one."""


def remove(cloud: Cloud, name: str, folder: Path, hold_days: int) -> dict[str, Any]:
    """The first call begins the hold; a later one, when it is over, exports what is there and takes it away.

    Raises:
        UsageError: while the hold lasts, or when the folder cannot be written to.
        CommandError: while runs or jobs are going; then nothing was removed. When an endpoint is there still; then
            nothing was removed but other endpoints.
    """
    places.check(folder / "records.jsonl")
    now = datetime.now(UTC)
    known = tenants.document(cloud, name)
    # Whoever changes the stack may leave the day out.
    if known["standing"] != Standing.LEAVING or not known["leaves_on"]:
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
    _check_nothing_goes_on(cloud, name)
    counts = export(cloud, name, folder)
    tenants.record(cloud, name, "tenant removal begun", {key: str(count) for key, count in counts.items()})
    _take_away(cloud, name)
    said = (
        f"{name} is removed: {counts['objects']} objects and {counts['items']} records, its endpoints and models. They "
        f"are in {folder}. Its key is deleted in 30 days, and can be called back until then."
    )
    if others := Possessions(cloud, name).strangers():
        said += f" Endpoints that are called so and were made by others stay: {', '.join(others)}."
    return {**known, "removed": True, "export": {"folder": str(folder), **counts}, "said": said}


def export(cloud: Cloud, name: str, folder: Path) -> dict[str, int]:
    """Write all that a tenant has into a folder: objects in their newest versions, records as JSON lines.

    An object whose key no file can have lies under `escaped`; `escaped.jsonl` tells its key. Lists of an earlier export
    stay beside the new ones: after a removal that was cut off they are the whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects, escaped, taken = 0, list[dict[str, str]](), set[str]()
    for bucket, prefix in places_of(name, cloud.data_bucket, cloud.artifact_bucket):
        kind = "data" if bucket == cloud.data_bucket else "artifacts"
        pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
            if key.endswith("/"):
                continue
            path = folder / kind / _path(key)
            if _cannot_be(path, folder, taken):
                path = folder / "escaped" / kind / hashlib.sha256(key.encode()).hexdigest()
                escaped.append({"bucket": bucket, "key": key, "file": str(path.relative_to(folder))})
            path.parent.mkdir(parents=True, exist_ok=True)
            cloud.client("s3").download_file(bucket, key, str(path))
            objects += 1
    lists = [folder / "escaped.jsonl", folder / "records.jsonl"]
    for each in lists:
        _set_aside(each)
    lists[0].write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in escaped))
    items = 0
    with lists[1].open("w") as lines:
        for item in _items(cloud, name):
            lines.write(json.dumps(as_values(item), ensure_ascii=False, default=sorted) + "\n")
            items += 1
    return {"objects": objects, "items": items}


def _set_aside(path: Path) -> None:
    if path.exists():
        free = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
        path.rename(next(each for each in free if not each.exists()))


def _path(key: str) -> str:
    """A key as a path. It may hold what a path must not: dot segments stay names."""
    return "/".join(part.replace("..", "%2e%2e") or "%2f" for part in key.split("/"))


def _cannot_be(path: Path, folder: Path, taken: set[str]) -> bool:
    """Whether a file system cannot hold a file of that name: a part is too long, or the whole or a folder above it is
    `taken` by another key's file; S3 knows no folders, and tells upper case from lower.
    """
    inside = path.relative_to(folder)
    plain = unicodedata.normalize("NFC", str(inside)).casefold()
    if plain in taken or any(len(part.encode()) > _LONGEST for part in inside.parts):
        return True
    if path.is_dir() or any((folder / above).is_file() for above in inside.parents):
        return True
    taken.add(plain)
    return False


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


def _check_nothing_goes_on(cloud: Cloud, name: str) -> None:
    """A run whose tenant is gone could never be closed, and what it makes would be nobody's.

    Raises:
        CommandError: while runs or jobs are going, with their names.
    """
    runs = [run.run for run in Records(cloud).ledger.runs_of_tenant(name) if not run.ended]
    if runs:
        raise CommandError(
            f"Runs of {name} are going still: {', '.join(runs)}. So nothing was removed. "
            f"`headgate watch --tenant {name}` waits for them. One that waits for a person's word ends by `headgate "
            "reject`, any other by stopping its execution, jobs and promotion too: aws stepfunctions stop-execution "
            f"--execution-arn {cloud.execution_arn('TrainStateMachine', runs[0])}. Then call this again."
        )
    if jobs := Possessions(cloud, name).jobs():
        raise CommandError(
            f"Jobs of {name} are going still, which cost: {', '.join(jobs)}. So nothing was removed. Wait for their "
            "end, or stop them in SageMaker, and call this again."
        )


def _take_away(cloud: Cloud, name: str) -> None:
    """What serves first, for it costs, and nothing before its endpoints are gone; the stack last, so that what is
    interrupted can be called again.
    """
    served = Possessions(cloud, name)
    served.end()
    _empty_all(cloud, name)
    dynamodb = cloud.client("dynamodb")
    for item in _items(cloud, name):
        if item["sk"]["S"].startswith(AUDIT_HEAD):
            continue  # what was done for a tenant is known after it has gone
        dynamodb.delete_item(TableName=cloud.outputs["LedgerTable"], Key={"pk": item["pk"], "sk": item["sk"]})
    served.end()  # what a rollback made meanwhile: nobody finds it once the tenant is gone
    _empty_all(cloud, name)  # what people dropped and endpoints captured meanwhile
    stack = tenant_stack(cloud.stack, name)
    cloud.client("cloudformation").delete_stack(StackName=stack)
    tenants.wait_for(cloud, stack, "stack_delete_complete")


def _empty_all(cloud: Cloud, name: str) -> None:
    for bucket, place in places_of(name, cloud.data_bucket, cloud.artifact_bucket):
        _empty(cloud, bucket, place)


def _empty(cloud: Cloud, bucket: str, prefix: str) -> None:
    """Delete every version of every object under a prefix.

    Raises:
        CommandError: when S3 keeps some; it answers so object by object, and refuses no call.
    """
    s3 = cloud.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        for at in range(0, len(named), _AT_ONCE):
            told = s3.delete_objects(Bucket=bucket, Delete={"Objects": named[at : at + _AT_ONCE], "Quiet": True})
            if kept := told.get("Errors"):
                raise CommandError(
                    f"S3 did not delete {len(kept)} of the objects under {bucket}/{prefix}, first {kept[0]['Key']}: "
                    f"{kept[0]['Message']} ({kept[0]['Code']}). Mend that, and call this again for them and the rest."
                )
