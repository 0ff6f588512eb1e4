"""How the next version of a project would go into service: the planner of the core on what the cloud says now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.cloudwatch import Measurements
from headgate.aws.sagemaker import Endpoints
from headgate.domain.alarms import alarms_of
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.domain.releases import serving_instances, way_back
from headgate.domain.rollout import Wishes, plan, serverless_plan
from headgate.domain.scaling import Scaling, keep, without_instances
from headgate.domain.serverless import chosen
from headgate.domain.traffic import RECORD_HOURS
from headgate.domain.trial import Trial, planned_trial
from headgate_cli.connection import Cloud, error_code
from headgate_cli.runs import Records


def planned_rollout(cloud: Cloud, project: Project) -> dict[str, Any]:
    """The plan under project.yaml as it is now, with `trial`, what comes before it in words ("" for nothing),
    `endpoint`, `instance_type`, `release`, and `alarms` in words.

    Raises:
        SettingsError: when project.yaml cannot be read.
    """
    settings = parse_settings(_settings_file(cloud, project)).endpoint
    default = int(cloud.outputs.get("BakeSeconds", Wishes().bake_seconds))
    wishes = Wishes.of(settings.rollout.model_dump(), default)
    endpoints = Endpoints(cloud.client("sagemaker"), lambda: Autoscaling(cloud.client("application-autoscaling")))
    serving = endpoints.describe(project.endpoint)
    asked = settings.serverless.model_dump() if settings.variant != "instances" else None
    serverless, note = chosen(asked, serving, _record(cloud, project) if settings.variant == "auto" else None)
    head = Records(cloud).ledger.head(project)
    last_good = project.release_name(head.champion.sequence) if head.champion is not None else ""
    back_to = way_back(serving, last_good, serverless=serverless is not None)
    if serverless is not None or (serving is not None and serving.serverless):
        made = serverless_plan(wishes, to_instances=serverless is None, back_to=back_to)
    else:
        made = plan(wishes, settings.instance_type, serving_instances(serving), back_to)
    made = replace(made, reason=f"{made.reason} {note}".strip())
    release = project.release_name(head.next_release)
    trial = planned_trial(
        wishes,
        release,
        settings.instance_type,
        last_good or None,
        serving.instances if serving is not None else 0,
        settings.capture.percent,
        serverless=serverless is not None or (serving is not None and serving.serverless),
    )
    count = serving.instances if serving is not None else settings.instance_count
    scaling = Scaling.of(settings.scaling.model_dump(), settings.instance_count)
    kept = without_instances(serverless) if serverless else keep(scaling, settings.instance_type, count, None)
    return {
        "endpoint": project.endpoint,
        "release": release,
        "instance_type": settings.instance_type,
        "trial": trial.why if isinstance(trial, Trial) else trial,
        **made.document(),
        "serverless": serverless,
        "scaling": kept.document(),
        "alarms": [alarm.description for alarm in alarms_of(release, project.endpoint, wishes)],
        "deployment": made.deployment([alarm.name for alarm in alarms_of(release, project.endpoint, wishes)]),
    }


def _record(cloud: Cloud, project: Project) -> list[float]:
    now = datetime.now(UTC)
    start = now - timedelta(hours=RECORD_HOURS)
    return list(Measurements(cloud.client("cloudwatch")).traffic(project.endpoint, start, now).values())


def _settings_file(cloud: Cloud, project: Project) -> bytes:
    try:
        found = cloud.client("s3").get_object(Bucket=cloud.data_bucket, Key=f"{project.prefix}project.yaml")
    except ClientError as error:
        if error_code(error) not in ("NoSuchKey", "404"):
            raise
        return b""
    return bytes(found["Body"].read())


def trial_facts(trial: Mapping[str, Any]) -> dict[str, str]:
    """What a trial told of a version beside the one that serves, in words."""
    found: dict[str, str] = {"tried as": f"{trial['strategy']}, {trial['percent']} % of the requests"}
    if told := trial.get("said"):
        found["found"] = told
    if (answers := trial.get("agreement")) and answers["rows"]:
        found["answers"] = f"{answers['rows']} rows that both answered, {answers['otherwise']} of them otherwise"
        changes = [f"{each['from']} became {each['to']} in {each['rows']}" for each in answers["changes"]]
        if changes:
            found["changes"] = ", ".join(changes)
        if answers["apart"] is not None:
            found["apart"] = f"{answers['apart']:.4g} in the median"
    if labels := trial.get("contest"):
        found["wrong"] = ", ".join(
            f"{labels[side]['wrong']} of {labels[side]['rows']} labelled answers {whose}"
            for side, whose in (("tried", "of the new version"), ("serving", "of the one that serves"))
        )
    if errors := trial.get("signals", {}).get("errors"):
        found["failed"] = ", ".join(
            f"{errors[side]['hits']} of {errors[side]['requests']} {whose}"
            for side, whose in (("canary", "of the new version"), ("serving", "of the one that serves"))
        )
    for side, name in (("tried", "new version"), ("serving", "one that serves")):
        if latency := trial.get("latency", {}).get(side):
            times = f"{latency['median'] / 1000:.1f} ms, one in a hundred above {latency['slowest'] / 1000:.1f} ms"
            found[f"latency of the {name}"] = f"median {times}"
    return found
