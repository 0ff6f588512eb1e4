"""Whether, how and for how much a run searches: decided before anything is spent."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import SearchRefusedError, SettingsError
from headgate.domain.families import Family, read_families
from headgate.domain.names import tuning_job_name
from headgate.domain.prices import USD_AN_HOUR, hourly_price
from headgate.domain.project_file import parse_settings
from headgate.domain.search_worth import ENOUGH_ROWS, is_to_be_planned
from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.domain.tuning import (
    LEAST_TRIALS,
    Defaults,
    Facts,
    SearchPlan,
    plan_search,
)
from headgate.domain.tuning_settings import TuningSettings

FOLDER = Path(__file__).resolve().parents[3] / "training" / "headgate_training" / "families"
FAMILIES = read_families([json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))])


def make_facts(rows: int = 650, columns: int = 20, **changes: Any) -> Facts:
    spec = TrainingSpec(
        target="risk",
        task="binary",
        classes=["bad", "good"],
        positive="bad",
        metric="auc",
        direction="maximize",
        seed=17,
        columns=[SpecColumn(name=f"x{number}", kind="numeric") for number in range(columns)],
    )
    given = {"instance_type": "ml.m5.large", "instance_count": 1, "fixed": {}, "family": "dnn"}
    return Facts(spec, rows, **(given | changes))


def plan(settings: dict[str, Any], facts: Facts | None = None, limit: float = 20.0) -> Defaults | SearchPlan:
    return plan_search(TuningSettings(**settings), facts or make_facts(), FAMILIES, limit)


def searched(settings: dict[str, Any], facts: Facts | None = None, limit: float = 20.0) -> SearchPlan:
    found = plan(settings, facts, limit)
    assert isinstance(found, SearchPlan), found
    return found


def refusal(settings: dict[str, Any], facts: Facts | None = None, limit: float = 20.0) -> tuple[str, str]:
    with pytest.raises(SearchRefusedError) as refused:
        plan(settings, facts, limit)
    return refused.value.reason_code, str(refused.value)


@pytest.mark.parametrize(
    ("settings", "rows", "planned"),
    [
        ({}, ENOUGH_ROWS - 1, False),
        ({}, ENOUGH_ROWS, True),
        ({"strategy": "off"}, ENOUGH_ROWS, False),
        ({"strategy": "off", "trials": 9}, 100, False),
        ({"trials": 4}, 100, True),
        ({"minutes": 10}, 100, True),
        ({"family": "auto"}, 100, True),
        ({"strategy": "random"}, 100, True),
        ({"parallel": 3}, 100, False),
    ],
)
def test_small_data_is_searched_only_when_somebody_asks(settings: dict[str, Any], rows: int, planned: bool) -> None:
    assert is_to_be_planned(TuningSettings(**settings), rows) is planned


def test_a_budget_alone_does_not_search_where_defaults_are_as_good() -> None:
    found = plan({"minutes": 60})
    assert isinstance(found, Defaults)
    assert "650 training rows are too few" in found.why
    assert searched({"minutes": 60}, make_facts(ENOUGH_ROWS)).estimate.minutes <= 60


def test_what_is_asked_for_by_name_is_searched_however_few_the_rows() -> None:
    found = searched({"trials": 4})
    assert (found.strategy, found.estimate.trials, found.parallel, found.early_stopping) == ("bayesian", 4, 2, True)
    assert [family.family for family in found.families] == ["dnn"]


def test_epochs_are_the_resource_only_where_they_cost_more_than_starting_jobs() -> None:
    assert searched({"trials": 30}).strategy == "bayesian"
    large = searched({"trials": 30}, make_facts(200_000))
    assert (large.strategy, large.early_stopping, large.epochs) == ("hyperband", False, 80)
    assert searched({"trials": 5}, make_facts(200_000)).strategy == "bayesian"
    assert searched({"trials": 30}, make_facts(200_000, fixed={"epochs": "30"})).epochs == 30


def test_without_settings_large_data_is_searched_within_a_quarter_of_an_hour_or_not_at_all() -> None:
    found = searched({}, make_facts(20_000))
    assert found.estimate.trials >= LEAST_TRIALS
    assert found.estimate.minutes <= 15
    assert found.estimate.money <= 1
    huge = plan({}, make_facts(5_000_000))
    assert isinstance(huge, Defaults)
    assert "would take more than" in huge.why
    assert isinstance(plan({}, make_facts(20_000, instance_type="ml.unheard.large")), Defaults)


@pytest.mark.parametrize(
    ("settings", "limit", "says"),
    [
        ({"trials": 100}, 0.1, "the limit for this tenant is 0.1 USD, enough for"),
        ({"trials": 100, "money": 0.1}, 20, "tuning.money is 0.1 USD"),
        ({"trials": 100, "minutes": 9}, 20, "tuning.minutes is 9"),
        ({"strategy": "bayesian", "minutes": 1}, 20, "enough for no trials"),
        ({"trials": 4}, 0, "the limit for this tenant is 0 USD"),
    ],
)
def test_more_than_was_allowed_is_refused_with_both_figures(settings: dict[str, Any], limit: float, says: str) -> None:
    code, sentence = refusal(settings, limit=limit)
    assert code == "TUNING_OVER_BUDGET"
    assert says in sentence
    assert "are foreseen" in sentence


def test_what_was_left_open_is_fitted_to_the_budget() -> None:
    assert searched({"strategy": "bayesian"}).estimate.trials == 12
    fitted = searched({"strategy": "bayesian", "minutes": 12})
    assert LEAST_TRIALS <= fitted.estimate.trials < 12
    assert fitted.estimate.minutes <= 12


def test_every_family_says_what_it_costs() -> None:
    said = [json.loads(file.read_text()) for file in FOLDER.glob("*.json")]
    assert [family["family"] for family in said if "pace" not in family] == []


def test_the_words_of_a_text_count_as_columns_do() -> None:
    short, long = (searched({"trials": 4}, make_facts(2_000, words=words)).estimate for words in (0, 1_000))
    assert long.minutes > 2 * short.minutes
    assert "transformer" not in {each.family for each in searched({"family": "auto"}, make_facts(words=41)).families}


def test_an_instance_without_a_price_is_not_estimated_unless_a_person_names_one() -> None:
    code, sentence = refusal({"trials": 4}, make_facts(instance_type="ml.unheard.large"))
    assert (code, "tuning.price" in sentence) == ("TUNING_OVER_BUDGET", True)
    dear = searched({"trials": 4, "price": 100.0}, make_facts(instance_type="ml.unheard.large"))
    assert dear.estimate.money == pytest.approx(100 * searched({"trials": 4, "price": 1.0}).estimate.money, rel=0.01)
    assert hourly_price("ml.m5.large") == USD_AN_HOUR["ml.m5.large"]


def test_several_machines_cost_that_many_times() -> None:
    one, three = (searched({"trials": 4}, make_facts(instance_count=count)).estimate.money for count in (1, 3))
    assert three == pytest.approx(3 * one, rel=0.01)


def test_auto_searches_among_the_families_that_fit() -> None:
    assert {family.family for family in searched({"family": "auto"}).families} >= {"dnn", "transformer"}
    wide = searched({"family": "auto"}, make_facts(columns=61))
    assert "transformer" not in {family.family for family in wide.families}
    assert not searched({"family": "auto"}).early_stopping


def test_a_family_that_is_not_there_or_does_not_fit_is_refused() -> None:
    code, sentence = refusal({"family": "forest"})
    assert (code, "no family forest" in sentence) == ("SETTINGS_INVALID", True)
    assert "image or a sequence" in refusal({"family": "cnn", "trials": 4})[1]
    assert searched({"family": "transformer", "trials": 4}, make_facts(30_000))  # slow, but it was named


def test_a_family_that_does_not_fit_says_why() -> None:
    narrow = Family.model_validate(
        {"family": "x", "tasks": ["regression"], "kinds": ["text"], "needs": ["grid"], "hyperparameters": {}}
    )
    assert narrow.misfit(make_facts().spec, 100, 20) == "it does not do binary"
    assert "numeric" in str(narrow.model_copy(update={"tasks": ("binary",)}).misfit(make_facts().spec, 100, 20))
    grid = narrow.model_copy(update={"tasks": ("binary",), "kinds": ("numeric",)})
    assert "image or a sequence" in str(grid.misfit(make_facts().spec, 100, 20))


def test_a_search_needs_something_to_search_for() -> None:
    fixed = dict.fromkeys(FAMILIES["dnn"].hyperparameters, "1")
    assert refusal({"trials": 4}, make_facts(fixed=fixed))[0] == "SETTINGS_INVALID"
    del fixed["layers"]  # four values are left
    assert searched({"trials": 12}, make_facts(fixed=fixed)).estimate.trials == 4


def test_settings_that_contradict_each_other_are_named() -> None:
    with pytest.raises(SettingsError, match="do not go together"):
        parse_settings(b"tuning: {family: auto, strategy: hyperband}")
    assert parse_settings(b"tuning: {strategy: off}").tuning.strategy == "off"


@given(
    trials=st.integers(2, 500),
    rows=st.integers(50, 10_000_000),
    columns=st.integers(1, 300),
    money=st.floats(0.001, 1000),
    minutes=st.floats(1, 1200),
    parallel=st.integers(1, 10),
)
def test_no_plan_is_foreseen_to_cost_more_than_anybody_allowed(
    trials: int, rows: int, columns: int, money: float, minutes: float, parallel: int
) -> None:
    settings = {"trials": trials, "money": money, "minutes": minutes, "parallel": parallel}
    try:
        found = plan(settings, make_facts(rows, columns), limit=5.0)
    except SearchRefusedError:
        return
    assert isinstance(found, SearchPlan)
    assert found.estimate.trials == trials
    assert found.estimate.money <= min(money, 5.0) * 1.001 + 1e-4
    assert found.estimate.minutes <= minutes * 1.001 + 0.1
    assert found.parallel <= trials
    assert 600 <= found.max_seconds <= 72_000


@given(st.from_regex(r"[a-z][a-z0-9-]{1,18}[a-z0-9]-[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?-[0-9a-f]{10}", fullmatch=True))
def test_the_name_of_a_tuning_job_fits_and_is_its_runs_alone(run: str) -> None:
    name = tuning_job_name(run)
    assert len(name) <= 32
    assert not name.startswith("-")
    assert name == tuning_job_name(run) != tuning_job_name(run + "0")
