"""Uploads that start nothing, because they lie where Headgate does not look for data: outside `incoming/`."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from headgate.domain.names import is_data
from headgate_cli.connection import Cloud

_PLACES = ("incoming/", "feedback/", "project.yaml")
"""What a project has in the data bucket (docs/architecture.md, Places)."""
_NAMED = 3
_PROJECTS = 20
"""So many projects of a tenant are looked at, for each is a request; whoever names one has it looked at. And so many
folders beside the tenant's: those of other tenants are among them."""


def hint(cloud: Cloud, tenant: str, project: str | None = None) -> str:
    """What to do about uploads of a tenant, or of one project of it, that start nothing; empty where there are none.

    A list request for each project, and for a whole tenant two and one for each folder beside its own; what a person
    may not list is passed over.
    """
    found: list[str] = []
    with suppress(ClientError):
        found += _astray(cloud.client("s3"), cloud.data_bucket, tenant, project)
    if not found:
        return ""
    some = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
    return (
        f"In {cloud.data_bucket} lies what starts nothing, because its place is no project's incoming/: {some}. "
        f"Put data at {tenant}/{project or '<project>'}/incoming/<file>, or let `headgate drop FILE` do so."
    )


def _astray(s3: Any, bucket: str, tenant: str, project: str | None) -> Iterator[str]:
    """Keys, and folders (with a slash) that hold some."""
    if project is None:
        files, others = _level(s3, bucket, "")
        yield from files
        for other in [folder for folder in others if folder != f"{tenant}/"][:_PROJECTS]:
            files, _ = _level(s3, bucket, f"{other}incoming/")  # whoever wrote there left the tenant out
            yield from files
        files, folders = _level(s3, bucket, f"{tenant}/")
        yield from files
    else:
        folders = [f"{tenant}/{project}/"]
    for folder in folders[:_PROJECTS]:
        files, within = _level(s3, bucket, folder)
        places = [folder + place for place in _PLACES]
        yield from (key for key in files + within if key not in places)


def _level(s3: Any, bucket: str, prefix: str) -> tuple[list[str], list[str]]:
    """The data and the folders that lie directly below a prefix; the first thousand of them."""
    page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/")
    keys = [each["Key"] for each in page.get("Contents", [])]
    folders = [each["Prefix"] for each in page.get("CommonPrefixes", [])]
    return [key for key in keys if is_data(key.removeprefix(prefix))], folders
