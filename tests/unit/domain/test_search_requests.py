"""A planned search in SageMaker's words, and the winner of its trials."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.search_requests import (
    OBJECTIVE_REGEX,
    definitions,
    job_config,
    parameter_ranges,
    shape_of,
    winner_of,
)

from .test_tuning import FAMILIES, make_facts, searched


def trial(name: str, value: float | str | None, status: str = "Completed", kind: str = "Maximize") -> dict[str, Any]:
    summary: dict[str, Any] = {
        "TrainingJobName": name,
        "TrainingJobStatus": status,
        "TrainingJobDefinitionName": "dnn",
        "TunedHyperParameters": {"layers": "2"},
    }
    if value is not None:
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {"Type": kind, "MetricName": "m", "Value": value}
    return summary


def test_one_family_is_tuned_by_the_ranges_of_its_file() -> None:
    facts = make_facts(fixed={"dropout": "0.1", "seed": "5"})
    config = job_config(searched({"trials": 4}, facts), facts)
    assert config["Strategy"] == "Bayesian"
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Maximize", "MetricName": "validation:auc"}
    assert config["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 4
    assert config["RandomSeed"] == 5
    ranges = {each["Name"]: each for listed in config["ParameterRanges"].values() for each in listed}
    assert set(ranges) == set(FAMILIES["dnn"].hyperparameters) - {"dropout"}
    assert ranges["learning_rate"] == {
        "Name": "learning_rate",
        "MinValue": "0.0005",
        "MaxValue": "0.02",
        "ScalingType": "Logarithmic",
    }
    assert ranges["layers"]["ScalingType"] == "Linear"


def test_hyperband_lets_a_trial_end_by_itself() -> None:
    facts = make_facts(200_000)
    plan = searched({"trials": 30}, facts)
    config = job_config(plan, facts)
    assert config["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 81}}
    assert config["TrainingJobEarlyStoppingType"] == "Off"
    assert definitions(plan, facts)[0]["StaticHyperParameters"]["epochs"] == "80"


def test_of_several_families_each_has_ranges_and_the_common_objective() -> None:
    facts = make_facts()
    plan = searched({"family": "auto"}, facts)
    config = job_config(plan, facts)
    assert "ParameterRanges" not in config
    found = definitions(plan, facts)
    assert {each["DefinitionName"] for each in found} >= {"dnn", "transformer"}
    assert len({json.dumps(each["TuningObjective"]) for each in found}) == 1
    for each in found:
        assert each["StaticHyperParameters"]["family"] == each["DefinitionName"]
        assert each["HyperParameterRanges"] == parameter_ranges(FAMILIES[each["DefinitionName"]], facts)


def test_searches_build_on_each_other_only_where_sagemaker_lets_them() -> None:
    facts = make_facts()
    shape = shape_of(searched({"trials": 4}, facts), facts)
    newer = make_facts(rows=900, columns=25)
    assert shape_of(searched({"trials": 9}, newer), newer) == shape
    fixed = make_facts(fixed={"dropout": "0.1"})
    assert shape_of(searched({"trials": 4}, fixed), fixed) != shape
    other = make_facts(family="transformer")
    assert shape_of(searched({"trials": 4}, other), other) != shape
    assert shape_of(searched({"family": "auto"}, facts), facts) is None


@pytest.mark.parametrize(
    ("trials", "wins"),
    [
        ([], None),
        ([trial("a", 0.9, "Failed"), trial("b", None)], None),
        ([trial("a", float("nan")), trial("b", "inf")], None),
        ([trial("a", float("nan")), trial("b", 0.1)], "b"),
        ([trial("a", 0.7), trial("b", 0.9), trial("c", 0.8)], "b"),
        ([trial("a", 0.7, kind="Minimize"), trial("b", 0.9, kind="Minimize")], "a"),
        ([trial("b", 0.9), trial("a", 0.9)], "a"),
        ([trial("a", 0.99, "Stopped"), trial("b", 0.9)], "b"),
    ],
)
def test_the_best_that_completed_wins(trials: list[dict[str, Any]], wins: str | None) -> None:
    winner = winner_of(trials, None)
    assert (winner and winner.job) == wins
    assert (winner_of(reversed(trials), None) or winner) == winner


def test_the_objective_is_read_from_what_training_prints() -> None:
    import re

    line = "epoch=3 loss=0.5100 val_loss=0.5000 val_auc=0.8000 objective=0.812345"
    assert re.findall(OBJECTIVE_REGEX, line) == ["0.812345"]
    assert re.findall(OBJECTIVE_REGEX, "epoch=1 val_auc=nan objective=1.2e-05") == ["1.2e-05"]
    assert re.findall(OBJECTIVE_REGEX, "epoch=1 val_auc=nan objective=nan") == []


@given(
    st.lists(st.floats() | st.none(), max_size=6), st.floats() | st.none(), st.sampled_from(["Maximize", "Minimize"])
)
def test_a_search_never_ends_with_less_than_the_defaults(
    values: list[float | None], defaults: float | None, kind: str
) -> None:
    winner = winner_of([trial(str(number), value, kind=kind) for number, value in enumerate(values)], defaults)
    known = defaults if defaults is not None and math.isfinite(defaults) else None
    better = max if kind == "Maximize" else min
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if winner is None:
        assert not finite or (known is not None and better([known, *finite]) == known)
    else:
        assert winner.objective == better([*finite, *([] if known is None else [known])])
