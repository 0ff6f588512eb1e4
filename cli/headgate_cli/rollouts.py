"""How the next version of a project would go into service: the planner of the core on what the cloud says now."""

from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.sagemaker import Endpoints
from headgate.domain.alarms import alarms_of
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.domain.rollout import Wishes, plan
from headgate_cli.connection import Cloud, error_code
from headgate_cli.runs import Records


def planned_rollout(cloud: Cloud, project: Project) -> dict[str, Any]:
    """The plan under project.yaml as it is now, with `endpoint`, `instance_type`, `release`, and `alarms` in words.

    Raises:
        SettingsError: when project.yaml cannot be read.
    """
    settings = parse_settings(_settings_file(cloud, project)).endpoint
    default = int(cloud.outputs.get("BakeSeconds", Wishes().bake_seconds))
    wishes = Wishes.of(settings.rollout.model_dump(), default)
    serving = Endpoints(cloud.client("sagemaker")).describe(project.endpoint)
    made = plan(wishes, settings.instance_type, serving.instances if serving is not None else None)
    release = project.release_name(Records(cloud).ledger.head(project).next_release)
    return {
        "endpoint": project.endpoint,
        "release": release,
        "instance_type": settings.instance_type,
        **made.document(),
        "alarms": [alarm.description for alarm in alarms_of(release, project.endpoint, wishes)],
        "deployment": made.deployment([alarm.name for alarm in alarms_of(release, project.endpoint, wishes)]),
    }


def _settings_file(cloud: Cloud, project: Project) -> bytes:
    try:
        found = cloud.client("s3").get_object(Bucket=cloud.data_bucket, Key=f"{project.prefix}project.yaml")
    except ClientError as error:
        if error_code(error) not in ("NoSuchKey", "404"):
            raise
        return b""
    return bytes(found["Body"].read())
