"""Task, classes, metric and positive class from the target's values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.columns import TargetValues
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.metrics import METRICS
from headgate.domain.project import ProjectSettings
from headgate.domain.spec import TrainingSpec
from headgate.domain.target import choose_target, infer_goal

SETTINGS = ProjectSettings()
labels = st.text(min_size=1, max_size=8)


def text_values(**counts: int) -> TargetValues:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return TargetValues(sum(counts.values()), 0, numeric=False, whole_numbers=False, counts=tuple(ordered))


def number_values(*numbers: int, each: int = 40) -> TargetValues:
    counts = tuple((str(number), each) for number in numbers)
    return TargetValues(each * len(numbers), 0, numeric=True, whole_numbers=True, counts=counts)


@given(st.dictionaries(labels, st.integers(20, 10_000), min_size=2, max_size=100))
def test_a_goal_is_whole(counts: dict[str, int]) -> None:
    goal = infer_goal("y", text_values(**counts), SETTINGS, None)
    assert goal.metric in METRICS[goal.task]
    assert goal.classes == sorted(counts)
    assert (goal.positive in counts) if len(counts) == 2 else goal.positive is None
    assert set(goal.why) == {"task", "metric"} | ({"positive"} if len(counts) == 2 else set())


@pytest.mark.parametrize(
    ("numbers", "task"),
    [
        ((0, 1), "binary"),
        ((7, 9), "binary"),
        ((0, 1, 2), "multiclass"),
        (tuple(range(1, 11)), "multiclass"),
        (tuple(range(11)), "regression"),
        ((0, 1, 3), "regression"),
        ((2, 3, 4), "regression"),
        ((-1, 0, 1), "regression"),
    ],
)
def test_whole_numbers_are_classes_when_they_count_them(numbers: tuple[int, ...], task: str) -> None:
    assert infer_goal("y", number_values(*numbers), SETTINGS, None).task == task


def test_numbers_of_classes_are_ordered_as_numbers() -> None:
    goal = infer_goal("y", number_values(*range(1, 11)), SETTINGS, None)
    assert goal.classes == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize(
    ("counts", "positive"),
    [
        ({"benign": 30, "malignant": 40}, "malignant"),
        ({"No": 30, "Yes": 90}, "Yes"),
        ({"red": 30, "blue": 90}, "red"),
        ({"a": 50, "b": 50}, "b"),
        ({"bad": 50, "fraud": 90}, "bad"),
    ],
)
def test_the_positive_class_is_the_finding_or_the_rarer_one(counts: dict[str, int], positive: str) -> None:
    assert infer_goal("y", text_values(**counts), SETTINGS, None).positive == positive


def spec(**changes: object) -> TrainingSpec:
    values = {
        "target": "y",
        "task": "binary",
        "classes": ["a", "b"],
        "positive": "a",
        "metric": "log_loss",
        "direction": "minimize",
        "seed": 1,
        "columns": [],
    }
    return TrainingSpec.model_validate(values | changes)


def test_what_the_champion_learned_goes_before_inference() -> None:
    goal = infer_goal("y", text_values(a=90, b=30), SETTINGS, spec())
    assert (goal.task, goal.metric, goal.positive) == ("binary", "log_loss", "a")
    assert choose_target(["target", "y"], SETTINGS, spec())[0] == "y"


@pytest.mark.parametrize(
    ("values", "before"),
    [
        (text_values(a=90, c=30), spec()),
        (text_values(a=90, b=30, c=30), spec()),
        (text_values(a=90, b=30), spec(task="regression", classes=None, positive=None, metric="rmse")),
    ],
)
def test_another_question_than_the_champions_is_refused(values: TargetValues, before: TrainingSpec) -> None:
    with pytest.raises(DatasetRefusedError) as refusal:
        infer_goal("y", values, SETTINGS, before)
    assert refusal.value.reason_code == "SCHEMA_CHANGED"


def test_a_missing_target_names_the_nearest_column() -> None:
    with pytest.raises(DatasetRefusedError, match="did you mean diagnosis"):
        choose_target(["radius", "diagnosis"], ProjectSettings(target="diagnose"), None)
