"""Experiment templates of FIS: what the local cloud takes, and what it refuses by name."""

from collections.abc import Mapping
from typing import Any

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.faults.actions import ACTIONS, TARGETS
from headgate_local.faults.api import resource_name
from headgate_local.faults.book import BadOrder, check

NOT_BUILT = ("logConfiguration", "experimentReportConfiguration")


def patterns(template: Mapping[str, Any], action: Mapping[str, Any]) -> list[str]:
    """The patterns of names that an action strikes; everything if it names no target."""
    names = [
        name for target in action.get("targets", {}).values() for name in template["targets"][target]["resourceArns"]
    ]
    return [resource_name(name) if name.startswith("arn:") else name for name in names] or ["*"]


def check_template(request: Record) -> None:
    """Raise for what FIS refuses, and for what the local cloud does not do."""
    for member in NOT_BUILT:
        if member in request:
            raise unsupported(f"experiment templates with {member}")
    if any(condition["source"] != "none" for condition in request["stopConditions"]):
        raise unsupported("stop conditions of experiments; use the source none, and stop the experiment")
    if request.get("experimentOptions", {}).get("accountTargeting") == "multi-account":
        raise unsupported("experiments in several accounts")
    for target in request.get("targets", {}).values():
        _check_target(target)
    for name, action in request["actions"].items():
        _check_action(name, action, request.get("targets", {}))


def _check_target(target: Record) -> None:
    for member in ("resourceTags", "filters", "parameters"):
        if target.get(member):
            raise unsupported(f"targets of experiments with {member}; use resourceArns")
    if target["selectionMode"] != "ALL":
        raise unsupported("targets of experiments with another selectionMode than ALL")
    if not target.get("resourceArns"):
        raise invalid("A target needs resourceArns.")


def _check_action(name: str, action: Record, targets: Record) -> None:
    if action.get("startAfter"):
        raise unsupported("actions of experiments with startAfter; all start together")
    try:
        check(action["actionId"], action.get("parameters", {}))
    except BadOrder as problem:
        raise invalid(f"Action {name}: {problem}") from problem
    kind = ACTIONS[action["actionId"]].target
    for place, target in action.get("targets", {}).items():
        if place != TARGETS[kind] or target not in targets:
            raise invalid(f"Action {name}: targets must name a target of the template as {TARGETS[kind]}.")
        if targets[target]["resourceType"] != kind:
            raise invalid(f"Action {name}: the target {target} must be of the resourceType {kind}.")
