"""How the next version of a project would go into service: the planner of the core on what the cloud says now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from headgate.aws.autoscaling import Autoscaling
from headgate.aws.cloudwatch import Measurements
from headgate.aws.s3 import Objects
from headgate.aws.sagemaker import Endpoints
from headgate.domain.alarms import alarms_of
from headgate.domain.names import Project
from headgate.domain.project_file import parse_settings
from headgate.domain.release_plan import planned, tried_beside
from headgate.domain.releases import EndpointState
from headgate.domain.rollout import Wishes
from headgate.domain.scaling import Scaling, keep, without_instances
from headgate.domain.serverless import chosen
from headgate.domain.traffic import record_of
from headgate.domain.trial import Trial, planned_trial
from headgate.services.settings import settings_of
from headgate_cli.connection import Cloud
from headgate_cli.runs import Records


def endpoint_of(cloud: Cloud, project: Project) -> EndpointState | None:
    """The endpoint of a project as it is now, or None when there is none."""
    endpoints = Endpoints(cloud.client("sagemaker"), lambda: Autoscaling(cloud.client("application-autoscaling")))
    return endpoints.describe(project.endpoint)


def planned_rollout(cloud: Cloud, project: Project, now: datetime) -> dict[str, Any]:
    """The plan under project.yaml as it is now, with `trial`, what comes before it in words ("" for nothing),
    `endpoint`, `instance_type`, `release`, and `alarms` in words.

    Raises:
        SettingsError: when project.yaml cannot be read.
    """
    written = settings_of(project, Objects(cloud.client("s3")), cloud.data_bucket)
    settings = (written or parse_settings(b"")).endpoint
    default = int(cloud.outputs.get("BakeSeconds", Wishes().bake_seconds))
    wishes = Wishes.of(settings.rollout.model_dump(), default)
    serving = endpoint_of(cloud, project)
    asked = settings.serverless.model_dump() if settings.variant != "instances" else None
    head = Records(cloud).ledger.head(project)
    hours = None
    if settings.variant == "auto":
        traffic = Measurements(cloud.client("cloudwatch")).traffic
        hours, _ = record_of(project.endpoint, traffic, now, has_champion=head.champion is not None)
    serverless, note = chosen(asked, serving, hours)
    champion = project.release_name(head.champion.sequence) if head.champion is not None else None
    made = planned(wishes, settings.instance_type, serving, champion or "", serverless=serverless is not None)
    made = replace(made, reason=f"{made.reason} {note}".strip())
    release = project.release_name(head.next_release)
    trial = planned_trial(
        wishes,
        release,
        settings.instance_type,
        tried_beside(serving, champion),
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
