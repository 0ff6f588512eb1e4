"""Faults on order: what shall go wrong in the local cloud, by the interface of AWS Fault Injection Service (FIS).

One order is one experiment with one action; its template is deleted at once, since nobody starts it again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError

ROLE = "headgate-faults"
LOCAL_ONLY = (
    "Faults are ordered in the local cloud only. On AWS, use AWS Fault Injection Service itself, "
    "which strikes what it can strike there."
)
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def duration(text: str) -> str:
    """The ISO 8601 form of a duration: ``1h30m``, ``90s``, or ISO 8601 itself. Raises UsageError."""
    if text.upper().startswith("P"):
        return text.upper()
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"{text} is no duration. Write 30s, 10m, 1h30m, or PT10M as ISO 8601 does.")
    return "PT" + "".join(part + unit for part, unit in zip(found.groups(), "HMS", strict=True) if part)


def settings(given: Sequence[str]) -> dict[str, str]:
    """The parameters of ``name=value`` pairs. Raises UsageError."""
    pairs = [pair.partition("=") for pair in given]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise UsageError(f"--set takes name=value, not {name or '='}.")
    return {name: value for name, _, value in pairs}


def actions(cloud: Cloud) -> list[dict[str, Any]]:
    """Everything that can go wrong, by name, with its parameters."""
    fis = cloud.client("fis")
    pages = fis.get_paginator("list_actions").paginate()
    return [
        {
            "action": found["id"],
            "description": found["description"],
            "strikes": next(iter(found["targets"].values()))["resourceType"],
            "parameters": {
                name: {"description": about["description"], "required": about.get("required", False)}
                for name, about in fis.get_action(id=found["id"])["action"]["parameters"].items()
            },
        }
        for page in pages
        for found in page["actions"]
    ]


def add(cloud: Cloud, action: str, target: str | None, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Order a fault; answers it as ``active`` does.

    Raises:
        UsageError: when there is no such action, or it does not take such parameters or such a target.
        CommandError: when it cannot be ordered now.
    """
    fis = cloud.client("fis")
    about = _find(cloud, action)
    ((place, kind),) = about["targets"].items()
    request: dict[str, Any] = {"actionId": about["id"], "parameters": dict(parameters)}
    targets = {}
    if target:
        request["targets"] = {place: "chosen"}
        targets["chosen"] = {**kind, "resourceArns": [_arn(kind["resourceType"], target)], "selectionMode": "ALL"}
    try:
        template = fis.create_experiment_template(
            description=f"headgate fault add {about['id']}"[:512],
            stopConditions=[{"source": "none"}],
            targets=targets,
            actions={"fault": request},
            roleArn=_role(cloud),
        )["experimentTemplate"]
    except ClientError as error:
        if code_of(error) != "ValidationException":
            raise
        raise UsageError(error.response["Error"]["Message"].removeprefix("Action fault: ")) from error
    try:
        experiment = fis.start_experiment(experimentTemplateId=template["id"])["experiment"]
    finally:
        fis.delete_experiment_template(id=template["id"])
    if experiment["state"]["status"] == "failed":
        raise CommandError(f"The fault could not be ordered: {experiment['state']['reason']}")
    return _document(experiment)


def active(cloud: Cloud) -> list[dict[str, Any]]:
    """All faults in force, the newest first."""
    fis = cloud.client("fis")
    pages = fis.get_paginator("list_experiments").paginate()
    running = [each["id"] for page in pages for each in page["experiments"] if each["state"]["status"] == "running"]
    return [_document(fis.get_experiment(id=name)["experiment"]) for name in running]


def clear(cloud: Cloud, fault: str | None) -> list[dict[str, Any]]:
    """Take back one fault, or all; answers those that were taken back.

    Raises:
        UsageError: when no fault of that id is in force.
    """
    chosen = [each for each in active(cloud) if fault in (None, each["id"])]
    if fault and not chosen:
        raise UsageError(f"No fault {fault} is in force. `headgate fault list` shows those that are.")
    stopped = [cloud.client("fis").stop_experiment(id=each["id"])["experiment"] for each in chosen]
    return [_document(experiment) for experiment in stopped]


def _find(cloud: Cloud, action: str) -> dict[str, Any]:
    """The action of this name, or of this last part of a name."""
    pages = cloud.client("fis").get_paginator("list_actions").paginate()
    every = [found for page in pages for found in page["actions"]]
    for found in every:
        if action in (found["id"], found["id"].rpartition(":")[2]):
            return dict(found)
    raise UsageError(f"There is no action {action}. `headgate fault actions` lists what can go wrong.")


def _arn(kind: str, target: str) -> str:
    """FIS takes ARNs; a name or a pattern of names becomes one of any region and account."""
    service, _, noun = kind.removeprefix("aws:").partition(":")
    return target if target.startswith("arn:") else f"arn:aws:{service}:*:*:{noun}/{target}"


def _role(cloud: Cloud) -> str:
    """The role that FIS takes on; it needs no permissions, because faults strike the cloud from inside."""
    iam = cloud.client("iam")
    try:
        return str(iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"])
    except ClientError as error:
        if code_of(error) != "EntityAlreadyExists":
            raise
    return str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])


def _document(experiment: Mapping[str, Any]) -> dict[str, Any]:
    (action,) = experiment["actions"].values()
    arns = [arn for target in experiment.get("targets", {}).values() for arn in target["resourceArns"]]
    return {
        "id": experiment["id"],
        "action": action["actionId"],
        "target": ", ".join(arn.partition("/")[2] or arn for arn in arns) or "*",
        "parameters": action.get("parameters", {}),
        "status": experiment["state"]["status"],
        "since": experiment["startTime"].isoformat(),
    }
