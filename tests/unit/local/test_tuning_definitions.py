"""What a tuning job may be asked for, and what a warm start may change."""

import copy
import subprocess
import sys

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.tuning import definitions, warm_start

RATE = {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]}
KIND = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c"]}]}
OBJECTIVE = {"Type": "Maximize", "MetricName": "score"}


def definition(**members) -> dict:
    return {
        "StaticHyperParameters": {"epochs": "27"},
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": "x"}],
        },
        "ResourceConfig": {"InstanceCount": 1},
        **members,
    }


def request(strategy: str = "Random", training=None, **config) -> dict:
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    given = {
        "Strategy": strategy,
        "ResourceLimits": limits,
        "HyperParameterTuningJobObjective": OBJECTIVE,
        "ParameterRanges": RATE,
        **config,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return {"HyperParameterTuningJobConfig": chosen, "TrainingJobDefinition": training or definition()}


def several(*given: dict, **config) -> dict:
    wanted = request(HyperParameterTuningJobObjective=None, ParameterRanges=None, **config)
    del wanted["TrainingJobDefinition"]
    return {**wanted, "TrainingJobDefinitions": list(given)}


def one_of(name: str, **members) -> dict:
    return definition(DefinitionName=name, **{"TuningObjective": OBJECTIVE, "HyperParameterRanges": RATE, **members})


def hyperband(**resources) -> dict:
    return {"StrategyConfig": {"HyperbandStrategyConfig": resources}}


GRID = {"ResourceLimits": {"MaxParallelTrainingJobs": 2}, "ParameterRanges": KIND}


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ({**request(), "TrainingJobDefinitions": [one_of("a")]}, "either TrainingJobDefinition or"),
        (request(training=definition(TuningObjective=OBJECTIVE)), "belong into HyperParameterTuningJobConfig"),
        (request(HyperParameterTuningJobObjective=None), "A metric is required"),
        (request(HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "other"}), "A metric is required"),
        (request(ParameterRanges=None), "at least one hyperparameter range"),
        (request(training=definition(StaticHyperParameters={"rate": "1"})), r"\[rate\] are static and have a range"),
        (request(training=definition(StaticHyperParameters={"_tuning_objective_metric": "x"})), "SageMaker's"),
        (request(training=definition(HyperParameterTuningResourceConfig={})), "either ResourceConfig or"),
        (request("Hyperband", TrainingJobEarlyStoppingType="Auto"), "must be Off for the strategy Hyperband"),
        (request("Hyperband", training=definition(StaticHyperParameters={})), "could not be inferred"),
        (request("Hyperband", **hyperband(MaxResource=20_001)), "at most 20000"),
        (request("Hyperband", **hyperband(MinResource=30)), "must not be greater than MaxResource"),
        (request("Bayesian", **hyperband(MinResource=1)), "for the strategy Hyperband only"),
        (request("Grid", ResourceLimits=GRID["ResourceLimits"]), "categorical hyperparameters only"),
        (request("Grid", ParameterRanges=KIND), r"\[4\] must equal the number of combinations of the grid \[3\]"),
        (request(ParameterRanges=KIND), r"provided ranges \[3.0\] must be equal or greater"),
        (request(ResourceLimits={"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 2}), "must not exceed"),
        (request(ResourceLimits={"MaxParallelTrainingJobs": 2}), "Provide MaxNumberOfTrainingJobs"),
        (several(one_of("a"), one_of("a")), "DefinitionName of its own"),
        ({**several(one_of("a")), **{"HyperParameterTuningJobConfig": request()["HyperParameterTuningJobConfig"]}},
         "must not hold them"),
        (several(one_of("a"), one_of("b"), TrainingJobEarlyStoppingType="Auto"), "a single training job definition"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(refused, words) -> None:
    with pytest.raises(ApiError, match=words) as error:
        definitions.read(refused)
    assert error.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("refused", "feature"),
    [
        ({**request(), "Autotune": {"Mode": "Enabled"}}, "Autotune"),
        (request(ParameterRanges={"AutoParameters": [{"Name": "x", "ValueHint": "1"}]}), "Autotune"),
        (
            several(one_of("a"), one_of("b", TuningObjective={**OBJECTIVE, "Type": "Minimize"})),
            "some maximize and some minimize",
        ),
    ],
)
def test_what_is_not_there_is_refused_by_name(refused, feature) -> None:
    with pytest.raises(ApiError, match=feature) as error:
        definitions.read(refused)
    assert error.value.code == "UnsupportedOperationException"


@pytest.mark.parametrize("name", definitions.RESOURCES)
def test_hyperband_infers_its_most_resources(name) -> None:
    (found,) = definitions.read(request("Hyperband", training=definition(StaticHyperParameters={name: '"27"'})))
    assert found.resources == (1, 27)
    (given,) = definitions.read(request("Hyperband", **hyperband(MinResource=3, MaxResource=9)))
    assert given.resources == (3, 9)


def test_a_grid_knows_how_many_jobs_it_takes() -> None:
    grid = request("Grid", **GRID)
    assert definitions.how_many(grid["HyperParameterTuningJobConfig"], definitions.read(grid)) == 3


def test_the_record_of_a_definition_can_be_read_again() -> None:
    wanted = request()
    (found,) = definitions.read(wanted)
    assert found.record()["StaticHyperParameters"] == {"epochs": "27", "_tuning_objective_metric": "score"}
    (again,) = definitions.read({**wanted, "TrainingJobDefinition": found.record()})
    assert again.static == {"epochs": "27"}


def changed(static: dict[str, str], tuned: dict | None = None) -> int:
    before = {"a": "1", "b": "red"}
    old, new = (
        definitions.read(request(training=definition(StaticHyperParameters=given), ParameterRanges=span))[0]
        for given, span in ((before, RATE | KIND), (static, tuned or RATE | KIND))
    )
    return warm_start.changes(old, new)


def test_changes_are_counted_as_aws_counts_them() -> None:
    assert changed({"a": "1", "b": "red"}) == 0
    assert changed({"a": "2", "b": "red"}) == 1
    assert changed({"a": "1", "b": "blue"}) == 2
    assert changed({"a": "2", "b": "blue", "kind": "a"}, RATE) == 6


def test_reading_a_request_leaves_it_as_it_is() -> None:
    wanted = several(one_of("a"), one_of("b"))
    before = copy.deepcopy(wanted)
    assert [found.name for found in definitions.read(wanted)] == ["a", "b"]
    assert wanted == before


def test_a_cloud_without_tuning_jobs_does_without_optuna() -> None:
    program = "import sys, headgate_local.sagemaker.service; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
