"""Sending what was planned: a project's settings, then its data, then the marker that completes them."""

from typing import Any

import yaml
from botocore.exceptions import ClientError

from headgate.domain.names import Part, Project, dataset_id
from headgate_cli.connection import Cloud, error_code
from headgate_cli.errors import CommandError
from headgate_cli.planning import Plan
from headgate_cli.runs import RunRef


def upload(cloud: Cloud, project: Project, planned: Plan) -> RunRef:
    """Put the objects in place, the marker last.

    Returns:
        The run that they start: its name follows from the versions of the objects.

    Raises:
        CommandError: when the bucket keeps no versions, so that nothing would tell one upload from the next.
    """
    s3 = cloud.client("s3")
    parts = []
    for path, key in planned.objects:
        with path.open("rb") as body:
            s3.upload_fileobj(body, cloud.data_bucket, key)
        stored = s3.head_object(Bucket=cloud.data_bucket, Key=key)
        if "VersionId" not in stored:
            raise CommandError(f"The bucket {cloud.data_bucket} keeps no versions: deploy the stack again.")
        parts.append(Part(key, stored["VersionId"], stored["ContentLength"]))
    if planned.marker:
        s3.put_object(Bucket=cloud.data_bucket, Key=planned.marker, Body=b"")
    return RunRef(project, dataset_id(cloud.data_bucket, parts))


def merge_settings(cloud: Cloud, project: Project, wanted: dict[str, str]) -> dict[str, Any] | None:
    """Set what is wanted in the project's `project.yaml` and keep the rest of it.

    Returns:
        The settings that were written, or None when they said so already.

    Raises:
        CommandError: when the settings that are there cannot be read.
    """
    s3, key = cloud.client("s3"), f"{project.prefix}project.yaml"
    try:
        text = s3.get_object(Bucket=cloud.data_bucket, Key=key)["Body"].read()
        present = yaml.safe_load(text) or {}
    except ClientError as error:
        if error_code(error) not in ("NoSuchKey", "404"):
            raise
        present = {}
    except yaml.YAMLError as error:
        raise CommandError(f"s3://{cloud.data_bucket}/{key} is not YAML: mend it or delete it.") from error
    if not isinstance(present, dict):
        raise CommandError(f"s3://{cloud.data_bucket}/{key} must hold names and values: mend it or delete it.")
    merged = present | wanted
    if merged == present:
        return None
    body = yaml.safe_dump(merged, sort_keys=False, allow_unicode=True).encode()
    s3.put_object(Bucket=cloud.data_bucket, Key=key, Body=body, ContentType="application/yaml")
    return merged
