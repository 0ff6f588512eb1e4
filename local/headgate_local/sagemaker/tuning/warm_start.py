"""Warm start: what a tuning job may take from others that ended before it, and what AWS refuses."""

from typing import TYPE_CHECKING

from headgate_local.api.errors import invalid
from headgate_local.api.records import Record
from headgate_local.sagemaker.resources import SETTLED
from headgate_local.sagemaker.tuning import definitions
from headgate_local.sagemaker.tuning.definitions import Definition
from headgate_local.sagemaker.tuning.progress import objective_of
from headgate_local.sagemaker.tuning.ranges import Choices

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

IDENTICAL = "IdenticalDataAndAlgorithm"
MOST_CHANGES = 10
"""Changes of static values, and from tuned to static."""


def parents(sagemaker: "SageMaker", request: Record) -> list[Record]:
    """The records of the parents that a request or a record names; raises for one that is not there."""
    named = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return [sagemaker.tuning_jobs.get(parent["HyperParameterTuningJobName"]) for parent in named]


def check(sagemaker: "SageMaker", request: Record, wanted: tuple[Definition, ...]) -> None:
    """Raise the ValidationException that AWS answers to a warm start that breaks its restrictions."""
    if "WarmStartConfig" not in request:
        return
    if len(wanted) > 1:
        raise invalid("Warm start is available for a single training job definition only.")
    identical = request["WarmStartConfig"]["WarmStartType"] == IDENTICAL
    for parent in parents(sagemaker, request):
        _check_parent(parent, wanted[0], identical)


def _check_parent(parent: Record, wanted: Definition, identical: bool) -> None:
    name = parent["HyperParameterTuningJobName"]
    if parent["HyperParameterTuningJobStatus"] not in SETTLED:
        raise invalid(f"The parent tuning job [{name}] must be in one of the states {', '.join(SETTLED)}.")
    found = definitions.read(parent)
    if len(found) > 1:
        raise invalid(f"The parent tuning job [{name}] has several training job definitions.")
    before = found[0]
    if (before.metric, before.maximize) != (wanted.metric, wanted.maximize):
        raise invalid(f"The objective metric must be the same as that of the parent tuning job [{name}].")
    if _names(before) != _names(wanted):
        raise invalid(
            "The set of tunable plus static HyperParameter names is not the same across current and parent tuning "
            "jobs. Please ensure this set is constant when warm starting. Note that previously static "
            "HyperParameters can be tuned in warm start jobs and vice versa."
        )
    kinds = {each.name: each.kind for each in before.ranges}
    for each in wanted.ranges:
        if kinds.get(each.name, each.kind) != each.kind:
            raise invalid(
                f"The type of the hyperparameter [{each.name}] is not that of the parent tuning job [{name}]."
            )
    if (count := changes(before, wanted)) > MOST_CHANGES:
        raise invalid(
            f"There are {count} changes of static hyperparameters, and of tuned ones into static ones, against the "
            f"parent tuning job [{name}]: at most {MOST_CHANGES} are allowed."
        )
    if identical:
        _check_identical(before, wanted, name)


def _check_identical(before: Definition, wanted: Definition, name: str) -> None:
    if before.given.get("InputDataConfig") != wanted.given.get("InputDataConfig"):
        raise invalid(f"{IDENTICAL} needs the InputDataConfig of the parent tuning job [{name}].")
    images = [each.given["AlgorithmSpecification"].get("TrainingImage") for each in (before, wanted)]
    if images[0] != images[1]:
        raise invalid(f"{IDENTICAL} needs the TrainingImage of the parent tuning job [{name}].")


def changes(before: Definition, wanted: Definition) -> int:
    """How many changes AWS counts: of a categorical hyperparameter every value that is involved is one."""
    count = 0
    tuned = {each.name: each for each in before.ranges}
    for name, value in wanted.static.items():
        if name in tuned:
            each = tuned[name]
            count += len(each.values) if isinstance(each, Choices) else 1
        elif before.static[name] != value:
            count += 1 if _is_number(value) and _is_number(before.static[name]) else 2
    return count


def tried(parent: Record, summaries: list[Record]) -> list[tuple[dict[str, str], float]]:
    """What a parent's jobs tried, static hyperparameters included, and the objective that each reached."""
    static = definitions.read(parent)[0].static
    return [
        (static | summary["TunedHyperParameters"], objective_of(summary))
        for summary in summaries
        if summary["ObjectiveStatus"] == "Succeeded"
    ]


def _names(definition: Definition) -> set[str]:
    return definition.static.keys() | {each.name for each in definition.ranges}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
