"""Plan how a run trains: with the families' defaults, or by a search for settings within its budget."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects
from headgate.aws.searches import Searches
from headgate.domain.errors import SearchRefusedError
from headgate.domain.families import DEFAULT, Family, read_families
from headgate.domain.names import Project, tuning_job_name
from headgate.domain.reasons import Reason
from headgate.domain.runs import Head
from headgate.domain.search_requests import OBJECTIVE_REGEX, definitions, job_config, objective_of, shape_of
from headgate.domain.spec import TrainingSpec
from headgate.domain.tenants import too_many_trials
from headgate.domain.tuning import Defaults, Facts, SearchPlan, plan_search
from headgate.domain.tuning_settings import TuningSettings

MOST_WORDS = 128
"""Of a text, that training reads in their order."""


@dataclass(frozen=True, slots=True)
class PlanTraining:
    """The command: whose run, and what its settings say of training and of a search."""

    project: Project
    run: str
    dataset: str
    tuning: TuningSettings
    hyperparameters: Mapping[str, str]
    instance_type: str
    instance_count: int

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "PlanTraining":
        """Read the task's payload."""
        return cls(
            Project(event["tenant"], event["project"]),
            event["run"],
            event["dataset"],
            TuningSettings.model_validate(event["tuning"]),
            event["hyperparameters"],
            event["training_instance_type"],
            event["training"]["instance_count"],
        )


@dataclass(frozen=True, slots=True)
class Most:
    """What one search may cost by its estimate, in USD, and how many trials it may make."""

    money: float
    trials: int


def find_families(code: Path) -> dict[str, Family]:
    """The families that the training code has."""
    files = sorted((code / "headgate_training" / "families").glob("*.json"))
    return read_families([json.loads(file.read_text(encoding="utf-8")) for file in files])


def plan_training(
    command: PlanTraining,
    *,
    objects: Objects,
    searches: Searches,
    head: Head,
    families: Mapping[str, Family],
    artifact_bucket: str,
    most: Most,
) -> dict[str, Any]:
    """Plan it. Nothing is started or spent here.

    Returns:
        `decision`: `train`, `search` or `refused`; each with `reason_code` and `reason`. With `train` and `search` a
        `tuning` for the run's record. With `search` what CreateHyperParameterTuningJob needs beside places and roles:
        `name`, `config`, `definitions`, the objective's `metric` and `regex`, the tuning job to start from (`parent`,
        or null), what later searches must share (`shape`, null when none can start from this one) and the `family` of
        the defaults that are trained beside it, null where it is the data's own.
    """
    facts = _facts(command, objects, artifact_bucket)
    try:
        plan = plan_search(command.tuning, facts, families, most.money)
    except SearchRefusedError as refusal:
        return {"decision": "refused", "reason_code": str(refusal.reason_code), "reason": str(refusal)}
    if isinstance(plan, Defaults):
        told = {"decision": "train", "reason_code": "DEFAULTS", "reason": plan.why}
        return {**told, "tuning": {"searched": False, "why": plan.why}}
    if (sentence := too_many_trials(command.project.tenant, most.trials, plan.estimate.trials)) is not None:
        return {"decision": "refused", "reason_code": str(Reason.QUOTA_TRIALS), "reason": sentence}
    return _search(command, plan, facts, _parent(plan, facts, head, searches))


def _facts(command: PlanTraining, objects: Objects, bucket: str) -> Facts:
    folder = command.project.dataset_folder(command.dataset)
    spec = TrainingSpec.model_validate(objects.get_json(bucket, f"{folder}spec/spec.json"))
    report = objects.get_json(bucket, f"{folder}report.json")
    words = {each["name"]: each.get("mean_words") for each in report["profile"]}
    return Facts(
        spec,
        rows=int(report["split"]["train"]),
        instance_type=command.instance_type,
        instance_count=command.instance_count,
        fixed=dict(command.hyperparameters),
        family=command.hyperparameters.get("family") or spec.family or DEFAULT,
        words=sum(min(MOST_WORDS, words.get(column.name) or 0.0) for column in spec.columns if column.kind == "text"),
    )


def _parent(plan: SearchPlan, facts: Facts, head: Head, searches: Searches) -> str | None:
    """The project's last tuning job, if this search may start from its trials and it is still there."""
    last = head.search
    if last is None or last.shape != shape_of(plan, facts) or not searches.is_over(last.job):
        return None
    return last.job


def _search(command: PlanTraining, plan: SearchPlan, facts: Facts, parent: str | None) -> dict[str, Any]:
    name = tuning_job_name(command.run)
    estimate = {"trials": plan.estimate.trials, "minutes": plan.estimate.minutes, "money": plan.estimate.money}
    why = plan.why if parent is None else f"{plan.why} It starts from the trials of {parent}."
    return {
        "decision": "search",
        "reason_code": "SEARCH",
        "reason": why,
        "name": name,
        "config": job_config(plan, facts),
        "definitions": definitions(plan, facts),
        "metric": objective_of(facts)["MetricName"],
        "regex": OBJECTIVE_REGEX,
        "parent": parent,
        "shape": shape_of(plan, facts),
        "family": plan.families[0].family if len(plan.families) == 1 else None,
        "tuning": {
            "searched": True,
            "why": why,
            "job": name,
            "strategy": plan.strategy,
            "estimate": estimate,
            "parent": parent,
        },
    }
