"""From a planned search to the words of SageMaker's CreateHyperParameterTuningJob, and back to its winner.

The state machine adds what it knows better: image, role, channels, places.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headgate.domain.tuning import Facts, SearchPlan

if TYPE_CHECKING:  # as in tuning
    from headgate.domain.families import Family, Range

OBJECTIVE_REGEX = r"objective=([0-9.eE+-]+)"
"""What training prints after each epoch: the metric of the weights that would be kept."""


def objective_of(facts: Facts) -> dict[str, str]:
    """The objective, as a tuning job is told of it."""
    direction = {"maximize": "Maximize", "minimize": "Minimize"}[facts.spec.direction]
    return {"Type": direction, "MetricName": f"validation:{facts.spec.metric}"}


def job_config(plan: SearchPlan, facts: Facts) -> dict[str, Any]:
    """HyperParameterTuningJobConfig; of several families each definition has its own objective and ranges."""
    config: dict[str, Any] = {
        "Strategy": plan.strategy.capitalize(),
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": plan.estimate.trials,
            "MaxParallelTrainingJobs": plan.parallel,
            "MaxRuntimeInSeconds": plan.max_seconds,
        },
        "TrainingJobEarlyStoppingType": "Auto" if plan.early_stopping else "Off",
        "RandomSeed": int(facts.fixed.get("seed", facts.spec.seed)),
    }
    if plan.epochs is not None:
        # SageMaker stops a job that reaches MaxResource, and a stopped one leaves no whole model: none reaches it.
        most = plan.epochs + 1
        config["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": most}}
    if len(plan.families) == 1:
        config["HyperParameterTuningJobObjective"] = objective_of(facts)
        config["ParameterRanges"] = parameter_ranges(plan.families[0], facts)
    return config


def definitions(plan: SearchPlan, facts: Facts) -> list[dict[str, Any]]:
    """What tells the training job definitions from each other: one for each family, named after it."""
    several = len(plan.families) > 1
    found = []
    for family in plan.families:
        static = {**facts.fixed, "family": family.family}
        if plan.epochs is not None:
            static["epochs"] = str(plan.epochs)
        one: dict[str, Any] = {"DefinitionName": family.family, "StaticHyperParameters": static}
        if several:
            one |= {"TuningObjective": objective_of(facts), "HyperParameterRanges": parameter_ranges(family, facts)}
        found.append(one)
    return found


def parameter_ranges(family: "Family", facts: Facts) -> dict[str, list[dict[str, str]]]:
    """The ranges of a family's file without what is settled, as SageMaker writes them."""
    ranges: dict[str, list[dict[str, str]]] = {"IntegerParameterRanges": [], "ContinuousParameterRanges": []}
    for name, each in family.hyperparameters.items():
        if name in facts.fixed:
            continue
        kind = "IntegerParameterRanges" if each.type == "integer" else "ContinuousParameterRanges"
        ranges[kind].append(_range(name, each))
    return {kind: listed for kind, listed in ranges.items() if listed}


def _range(name: str, each: "Range") -> dict[str, str]:
    low, high = (str(int(end)) if each.type == "integer" else repr(end) for end in (each.low, each.high))
    scale = "Logarithmic" if each.scale == "log" else "Linear"
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}


def shape_of(plan: SearchPlan, facts: Facts) -> str | None:
    """What two searches must share for the later to start from the earlier one's trials; None for several families.

    The rules are SageMaker's: the same objective and the same names of hyperparameters, of the same types.
    """
    if len(plan.families) > 1:
        return None
    family = plan.families[0]
    types = {name: each.type for name, each in family.hyperparameters.items()}
    names = sorted({*types, *definitions(plan, facts)[0]["StaticHyperParameters"]})
    told = json.dumps([objective_of(facts), family.family, types, names, sorted(facts.fixed)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Winner:
    """The best trial of a search: its training job, family, settings and objective."""

    job: str
    family: str | None
    settings: Mapping[str, str]
    objective: float


def winner_of(summaries: Iterable[Mapping[str, Any]], defaults: float | None) -> Winner | None:
    """The best of the trials that completed, if it is better than the `defaults` by their objective; else None.

    A trial that was stopped left no whole model, a value that is not a finite number never wins, and of equals the one
    whose name comes first does. The direction is the one that the tuning job was given, which every summary repeats.
    """
    found = []
    for summary in summaries:
        metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
        if summary["TrainingJobStatus"] != "Completed" or metric is None or not math.isfinite(float(metric["Value"])):
            continue
        sign = -1.0 if metric["Type"] == "Maximize" else 1.0
        if defaults is None or not math.isfinite(defaults) or sign * float(metric["Value"]) < sign * defaults:
            found.append(((sign * float(metric["Value"]), summary["TrainingJobName"]), summary))
    if not found:
        return None
    (_, job), best = min(found, key=lambda each: each[0])
    return Winner(
        job=job,
        family=best.get("TrainingJobDefinitionName"),
        settings=dict(best.get("TunedHyperParameters", {})),
        objective=float(best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]),
    )
