"""What a tuning job is asked to do: its training job definitions, read from the request and checked as AWS does."""

import math
from dataclasses import dataclass
from typing import Any

from headgate_local.api.errors import invalid, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.tuning import ranges
from headgate_local.sagemaker.tuning.ranges import Choices, Range

OBJECTIVE = "_tuning_objective_metric"
"""The static hyperparameter by which SageMaker tells a container the name of the objective."""
RESOURCES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters from which Hyperband infers MaxResource."""
MOST_RESOURCES = 20_000
MOST_JOBS = 750
"""Training jobs of a tuning job whose end nothing but its completion criteria or its time decides."""


@dataclass(frozen=True)
class Definition:
    """One kind of training job that a tuning job launches."""

    given: Record
    """The HyperParameterTrainingJobDefinition."""
    metric: str
    maximize: bool
    ranges: tuple[Range, ...]
    resources: tuple[int, int]
    """MinResource and MaxResource of Hyperband; (1, 1) for the other strategies."""

    @property
    def name(self) -> str | None:
        """Its DefinitionName."""
        return self.given.get("DefinitionName")

    @property
    def static(self) -> dict[str, str]:
        """The hyperparameters that stay the same, but for the one that SageMaker adds."""
        return {key: value for key, value in self.given.get("StaticHyperParameters", {}).items() if key != OBJECTIVE}

    def record(self) -> Record:
        """The definition as Describe shows it: with the static hyperparameter that SageMaker adds."""
        return {**self.given, "StaticHyperParameters": {**self.static, OBJECTIVE: self.metric}}


def read(request: Record) -> tuple[Definition, ...]:
    """The definitions of a CreateHyperParameterTuningJob request, or of a tuning job's record.

    Raises the ValidationException that AWS answers to what does not fit together, and refuses by name what the
    local cloud does not have.
    """
    config = request["HyperParameterTuningJobConfig"]
    if "Autotune" in request or config.get("ParameterRanges", {}).get("AutoParameters"):
        raise unsupported("Autotune: give ParameterRanges")
    one, many = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (one is None) == (many is None):
        raise invalid("Provide either TrainingJobDefinition or TrainingJobDefinitions.")
    if one is not None:
        found: tuple[Definition, ...] = (_single(config, one),)
    else:
        found = tuple(_several(config, many or []))
    _check_strategy(config, found)
    return found


def how_many(config: Record, definitions: tuple[Definition, ...]) -> int:
    """How many training jobs a tuning job launches if nothing ends it before."""
    limits = config["ResourceLimits"]
    if config["Strategy"] == "Grid":
        return sum(int(ranges.combinations(each.ranges)) for each in definitions)
    return int(limits.get("MaxNumberOfTrainingJobs", MOST_JOBS))


def _single(config: Record, given: Record) -> Definition:
    if "TuningObjective" in given or "HyperParameterRanges" in given:
        raise invalid(
            "With TrainingJobDefinition, the objective and the ranges belong into HyperParameterTuningJobConfig; "
            "TuningObjective and HyperParameterRanges are for TrainingJobDefinitions."
        )
    return _definition(config, given, config.get("HyperParameterTuningJobObjective"), config.get("ParameterRanges"))


def _several(config: Record, given: list[Record]) -> list[Definition]:
    if "HyperParameterTuningJobObjective" in config or "ParameterRanges" in config:
        raise invalid(
            "With TrainingJobDefinitions, every definition has its own TuningObjective and HyperParameterRanges; "
            "HyperParameterTuningJobConfig must not hold them."
        )
    names = [each.get("DefinitionName") for each in given]
    if None in names or len(set(names)) < len(names):
        raise invalid("Every one of TrainingJobDefinitions needs a DefinitionName of its own.")
    found = [_definition(config, each, each.get("TuningObjective"), each.get("HyperParameterRanges")) for each in given]
    if len({each.maximize for each in found}) > 1:
        raise unsupported("training job definitions of which some maximize and some minimize")
    return found


def _definition(config: Record, given: Record, objective: Record | None, given_ranges: Record | None) -> Definition:
    metrics = given["AlgorithmSpecification"].get("MetricDefinitions", [])
    if objective is None or objective["MetricName"] not in [metric["Name"] for metric in metrics]:
        raise invalid(
            "A metric is required for this hyperparameter tuning job objective. "
            "Provide a metric in the metric definitions."
        )
    if ("ResourceConfig" in given) == ("HyperParameterTuningResourceConfig" in given):
        raise invalid("Provide either ResourceConfig or HyperParameterTuningResourceConfig.")
    tuned = ranges.read(given_ranges or {})
    static = given.get("StaticHyperParameters", {})
    if both := sorted(static.keys() & {each.name for each in tuned}):
        raise invalid(f"The hyperparameters [{', '.join(both)}] are static and have a range: they can have only one.")
    if static.get(OBJECTIVE, objective["MetricName"]) != objective["MetricName"]:
        raise invalid(f"The hyperparameter {OBJECTIVE} is SageMaker's: do not give it.")
    resources = _resources(config, static) if config["Strategy"] == "Hyperband" else (1, 1)
    return Definition(given, objective["MetricName"], objective["Type"] == "Maximize", tuned, resources)


def _resources(config: Record, static: dict[str, str]) -> tuple[int, int]:
    """MinResource and MaxResource, the latter inferred if it is not given."""
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    low, high = given.get("MinResource", 1), given.get("MaxResource")
    if high is None:
        high = next((_count(static[name]) for name in RESOURCES if name in static), None)
    if high is None:
        raise invalid(
            "MaxResource could not be inferred: give it in HyperbandStrategyConfig, or one of the static "
            f"hyperparameters {', '.join(RESOURCES)}."
        )
    if high > MOST_RESOURCES:
        raise invalid(f"MaxResource [{high}] must be at most {MOST_RESOURCES}.")
    if low > high:
        raise invalid(f"MinResource [{low}] must not be greater than MaxResource [{high}].")
    return low, high


def _count(text: str) -> int | None:
    text = text.strip('"')
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _check_strategy(config: Record, definitions: tuple[Definition, ...]) -> None:
    strategy, early = config["Strategy"], config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
    if strategy == "Hyperband" and early:
        raise invalid("TrainingJobEarlyStoppingType must be Off for the strategy Hyperband, which stops jobs itself.")
    if strategy != "Hyperband" and config.get("StrategyConfig", {}).get("HyperbandStrategyConfig"):
        raise invalid("HyperbandStrategyConfig can be given for the strategy Hyperband only.")
    if early and len(definitions) > 1:
        raise invalid("Early stopping is available for a single training job definition only.")
    if strategy == "Grid" and not all(isinstance(each, Choices) for one in definitions for each in one.ranges):
        raise invalid("The strategy Grid searches categorical hyperparameters only.")
    _check_limits(config, definitions)


def _check_limits(config: Record, definitions: tuple[Definition, ...]) -> None:
    limits: dict[str, Any] = config["ResourceLimits"]
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits["MaxParallelTrainingJobs"]
    possible = math.fsum(ranges.combinations(each.ranges) for each in definitions)
    if config["Strategy"] == "Grid":
        if most not in (None, possible):
            raise invalid(
                f"MaxNumberOfTrainingJobs [{most}] must equal the number of combinations of the grid "
                f"[{int(possible)}]; it can be left out."
            )
        return
    if most is None:
        if "MaxRuntimeInSeconds" not in limits and not config.get("TuningJobCompletionCriteria"):
            raise invalid("Provide MaxNumberOfTrainingJobs, MaxRuntimeInSeconds or TuningJobCompletionCriteria.")
        return
    if parallel > most:
        raise invalid(f"MaxParallelTrainingJobs [{parallel}] must not exceed MaxNumberOfTrainingJobs [{most}].")
    if possible < most:
        raise invalid(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            f"combinations for the provided ranges [{possible}] must be equal or greater than the value of "
            f"MaxNumberOfJobs, [{most}]. Provide additional ranges."
        )
