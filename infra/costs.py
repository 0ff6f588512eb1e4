"""What a deployment costs: idle for a month, and for each run, from the template and a file of prices with its date.

python -m infra.costs
"""

import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from headgate.domain.alarms import Alarm, alarms_of
from headgate.domain.names import Project
from headgate.domain.rollout import Wishes
from headgate.domain.standing_alarms import Patience, standing_alarms

ROOT = Path(__file__).resolve().parents[1]
_MONTH_MINUTES = 30 * 24 * 60
_POLLERS, _POLLS_A_MINUTE = 5, 3
"""Lambda asks an idle queue with five long polls at once, of 20 s each (Lambda developer guide, SQS event sources)."""


def prices() -> dict[str, Any]:
    """The file of prices."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "prices.yaml").read_text())
    return found


def template() -> dict[str, Any]:
    """The template as it is written."""
    found: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return found


def idle(whole: Mapping[str, Any], price: Mapping[str, Any]) -> dict[str, float]:
    """USD a month of a deployment that nobody uses, by what it is for."""
    resources = _by_default(whole)
    functions = {name: each["Properties"] for name, each in resources.items() if _is(each, "AWS::Serverless::Function")}
    queues = sum(event["Type"] == "SQS" for each in functions.values() for event in each.get("Events", {}).values())
    starts = sum(
        _MONTH_MINUTES / minutes
        for each in resources.values()
        if _is(each, "AWS::Events::Rule") and (minutes := _minutes(whole, each["Properties"])) is not None
    )
    memory = whole["Globals"]["Function"]["MemorySize"] / 1024
    second = price["lambda_request"] / price["assumed"]["function_seconds"] + memory * price["lambda_gb_second"]
    return {
        "alarms": price["alarm_month"] * _count(resources, "AWS::CloudWatch::Alarm"),
        "metrics of our own": price["metric_month"] * price["assumed"]["metrics"],
        "keys": price["key_month"] * _count(resources, "AWS::KMS::Key"),
        "looking into queues": price["sqs_request"] * queues * _POLLERS * _POLLS_A_MINUTE * _MONTH_MINUTES,
        "looks on schedules": starts * price["assumed"]["function_seconds"] * second,
    }


def of_a_run(price: Mapping[str, Any]) -> dict[str, float]:
    """USD of a run that is promoted, by what it is for; an endpoint is not in it."""
    assumed, machine = price["assumed"], "ml.m5.large"
    states = sum(
        len(yaml.safe_load((ROOT / "statemachines" / f"{name}.asl.yaml").read_text())["States"])
        for name in ("train", "promote")
    )
    seconds = states * assumed["function_seconds"] / 2 + assumed["validation_seconds"]
    return {
        "training": price["training_hour"][machine] * assumed["training_minutes"] / 60,
        "evaluation": price["processing_hour"][machine] * assumed["evaluation_minutes"] / 60,
        "state machines": price["state_transition"] * states,
        "functions": seconds * price["lambda_gb_second"],
        "ledger and objects": price["ledger_write"] * assumed["ledger_writes"]
        + price["object_write"] * assumed["objects"],
    }


def of_an_endpoint(price: Mapping[str, Any]) -> dict[str, float]:
    """USD a month of a project that serves: one instance, the alarms of a release, the monitor's metrics."""
    alarms = alarms_of_a_release(Patience())
    return {
        "one ml.m5.large": price["serving_hour"]["ml.m5.large"] * 730,
        "alarms": price["alarm_month"] * len(alarms) + price["composite_alarm_month"],
        "metrics of the monitor": price["metric_month"] * 6,
    }


def alarms_of_a_release(patience: Patience) -> list[Alarm]:
    """The metric alarms of a release that serves: its guards, which stay, and those that watch it from then on."""
    project, wishes = Project("demo", "project"), Wishes()
    release = project.release_name(1)
    standing, _ = standing_alarms(release, project, wishes, patience, "ml.m5.large")
    return [*alarms_of(release, project.endpoint, wishes), *standing]


def table() -> str:
    """All of it as docs/aws.md has it."""
    price = prices()
    parts = {
        "Idle, a month": idle(template(), price),
        "A run that is promoted": of_a_run(price),
        "A project that serves, a month": of_an_endpoint(price),
    }
    lines = ["| what | USD | made of |", "|---|---|---|"]
    for name, costs in parts.items():
        made_of = ", ".join(f"{what} {_usd(each)}" for what, each in costs.items())
        lines.append(f"| {name} | **{_usd(sum(costs.values()))}** | {made_of} |")
    return "\n".join(lines)


def _usd(amount: float) -> str:
    digits = 2 if amount >= 0.01 or amount == 0 else 1 - math.floor(math.log10(amount))
    return f"{amount:.{digits}f}"


def _is(resource: Mapping[str, Any], kind: str) -> bool:
    return bool(resource["Type"] == kind)


def _by_default(whole: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of a deployment whose parameters nobody set."""
    return {
        name: each
        for name, each in whole["Resources"].items()
        if "Condition" not in each or _plain(whole, whole["Conditions"][each["Condition"]])
    }


def _plain(whole: Mapping[str, Any], value: Any) -> Any:
    """What a part of a condition comes to, with the parameters' defaults."""
    match value:
        case {"Ref": name}:
            return whole["Parameters"][name]["Default"]
        case {"Fn::Not": [inner]}:
            return not _plain(whole, inner)
        case {"Fn::Equals": [one, other]}:
            return _plain(whole, one) == _plain(whole, other)
        case {"Fn::Join": [between, parts]}:
            return between.join(_plain(whole, parts))
        case {"Fn::FindInMap": [name, *keys]}:
            first, second = (_plain(whole, key) for key in keys)
            return whole["Mappings"][name][first][second]
        case str():
            return value
    raise ValueError(f"{value!r} is nothing that conditions of template.yaml were made of; teach infra/costs.py.")


def _count(resources: Mapping[str, Any], kind: str) -> int:
    return sum(_is(each, kind) for each in resources.values())


def _minutes(whole: Mapping[str, Any], rule: Mapping[str, Any]) -> float | None:
    """Between two starts of a schedule; None for a rule that has none."""
    said = rule.get("ScheduleExpression")
    if isinstance(said, dict):
        said = whole["Parameters"][said["Ref"]]["Default"]
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", said or "")
    return int(found[1]) * {"minute": 1, "hour": 60, "day": 1440}[found[2]] if found else None


if __name__ == "__main__":
    sys.stdout.write(f"USD in {prices()['region']} as of {prices()['as_of']}\n\n{table()}\n")
