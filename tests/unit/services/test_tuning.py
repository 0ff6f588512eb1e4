"""Planning a search and choosing its winner, on what is stored."""

import json
from pathlib import Path
from typing import Any

import pytest

from headgate.aws.ledger import Ledger
from headgate.aws.s3 import Objects
from headgate.domain.names import Project
from headgate.domain.runs import Head, LastSearch
from headgate.services.choose_winner import ChooseWinner, choose_winner
from headgate.services.plan_training import Most, PlanTraining, find_families, plan_training

CODE = Path(__file__).resolve().parents[3] / "training"
IRIS = Project("demo", "iris")
RUN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
SPEC = {
    "target": "species",
    "task": "regression",
    "classes": None,
    "positive": None,
    "metric": "rmse",
    "direction": "minimize",
    "seed": 17,
    "columns": [{"name": "length", "kind": "numeric"}],
}


class Searches:
    """Tuning jobs as a test says they are."""

    def __init__(self, over: bool = True, trials: list[dict[str, Any]] | None = None) -> None:
        self.over, self.listed = over, trials or []

    def is_over(self, name: str) -> bool:
        return self.over

    def trials(self, name: str) -> list[dict[str, Any]]:
        return self.listed


def event(**changes: Any) -> dict[str, Any]:
    given = {
        "tuning": {"strategy": "auto", "trials": 4},
        "hyperparameters": {"batch_size": "64"},
        "training": {"instance_count": 1, "spot": False},
        "training_instance_type": "ml.m5.large",
    }
    return {**RUN, **given, **changes}


@pytest.fixture
def plan(objects: Objects, make_bucket: Any) -> Any:
    bucket = make_bucket("artifacts")
    folder = f"{IRIS.prefix}datasets/{RUN['dataset']}/"
    objects.put_json(bucket, f"{folder}spec/spec.json", SPEC)
    objects.put_json(bucket, f"{folder}report.json", {"split": {"train": 650}, "profile": []})

    def plan(
        head: Head | None = None,
        searches: Searches | None = None,
        limit: float = 20,
        trials: int = 1000,
        **changes: Any,
    ) -> Any:
        return plan_training(
            PlanTraining.parse(event(**changes)),
            objects=objects,
            searches=searches or Searches(),  # type: ignore[arg-type]
            head=head or Head(),
            families=find_families(CODE),
            artifact_bucket=bucket,
            most=Most(limit, trials),
        )

    return plan


def test_a_search_has_no_more_trials_than_the_tenant_may(plan: Any) -> None:
    wanted = plan()["tuning"]["estimate"]["trials"]
    assert plan(trials=wanted)["decision"] == "search"
    answer = plan(trials=wanted - 1)
    assert (answer["decision"], answer["reason_code"]) == ("refused", "QUOTA_TRIALS")
    assert f"the quota of demo is {wanted - 1}" in answer["reason"]


def test_a_plan_is_told_with_its_estimate_and_is_the_same_when_asked_again(plan: Any) -> None:
    answer = plan()
    assert answer == plan()
    assert answer["decision"] == "search"
    assert answer["config"]["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "validation:rmse"}
    assert answer["definitions"][0]["StaticHyperParameters"] == {"batch_size": "64", "family": "dnn"}
    assert answer["tuning"]["estimate"]["trials"] == 4
    assert answer["tuning"]["job"] == answer["name"]
    json.dumps(answer)


def test_a_long_text_is_counted_as_far_as_training_reads_it(plan: Any, objects: Objects) -> None:
    folder = f"{IRIS.prefix}datasets/{RUN['dataset']}/"
    columns = [{"name": name, "kind": "text"} for name in ("title", "body", "code")]

    def minutes(words: float) -> Any:
        profile = [{"name": "title", "mean_words": 8.0}, {"name": "body", "mean_words": words}, {"name": "code"}]
        objects.put_json("artifacts", f"{folder}spec/spec.json", {**SPEC, "columns": columns})
        objects.put_json("artifacts", f"{folder}report.json", {"split": {"train": 9_000}, "profile": profile})
        return plan()["tuning"]["estimate"]["minutes"]

    assert minutes(20) < minutes(128) == minutes(5_000)


def test_a_refusal_and_defaults_are_answers(plan: Any) -> None:
    assert plan(limit=0)["reason_code"] == "TUNING_OVER_BUDGET"
    answer = plan(tuning={"strategy": "auto", "minutes": 60})
    assert (answer["decision"], answer["tuning"]["searched"]) == ("train", False)


def test_a_search_starts_from_the_last_one_where_that_is_there_and_alike(plan: Any) -> None:
    first = plan()
    last = Head(search=LastSearch("earlier", first["shape"]))
    assert first["parent"] is None
    answer = plan(head=last)
    assert answer["parent"] == answer["tuning"]["parent"] == "earlier"
    assert plan(head=last, searches=Searches(over=False))["parent"] is None
    assert plan(head=last, hyperparameters={"layers": "2"})["parent"] is None
    assert plan(head=last, tuning={"strategy": "auto", "family": "auto"})["parent"] is None


def trial(name: str, value: float | None, status: str = "Completed", **more: Any) -> dict[str, Any]:
    metric = {"Type": "Minimize", "MetricName": "validation:rmse", "Value": value}
    told = {"FinalHyperParameterTuningJobObjectiveMetric": metric} if value is not None else {}
    return {
        "TrainingJobName": name,
        "TrainingJobStatus": status,
        "TunedHyperParameters": {"layers": "2"},
        **told,
        **more,
    }


DEFAULTS = "s3://artifacts/demo/iris/runs/demo-iris-0123456789/training/demo-iris-0123456789/output/model.tar.gz"


def choose(ledger: Ledger, trials: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    defaults = {"model_data_url": DEFAULTS, "objective": changes.pop("objective", 0.45)}
    given = {"name": "search", "shape": "shape", "tuning": {"searched": True}, "cut_short": False, "defaults": defaults}
    command = ChooseWinner.parse({**RUN, **given, **changes})
    searches: Any = Searches(trials=trials)
    return choose_winner(command, searches=searches, ledger=ledger, artifact_bucket="artifacts")


def test_the_winner_is_told_with_its_settings_and_archive_and_the_search_remembered(ledger: Ledger) -> None:
    trials = [trial("a", 0.5), trial("b", 0.4), trial("c", 0.1, "Stopped")]
    answer = choose(ledger, trials, cut_short=True)
    assert answer == choose(ledger, trials, cut_short=True)  # once more changes nothing
    folder = "demo/iris/runs/demo-iris-0123456789/training"
    assert answer["model_data_url"] == f"s3://artifacts/{folder}/b/output/model.tar.gz"
    assert answer["tuning"]["best"]["settings"] == {"layers": "2"}
    assert (answer["tuning"]["trials"], answer["tuning"]["completed"], answer["tuning"]["cut_short"]) == (3, 2, True)
    head = ledger.head(IRIS)
    assert (head.search, head.revision) == (LastSearch("search", "shape"), 1)


def test_a_search_that_none_can_build_on_is_not_remembered(ledger: Ledger) -> None:
    choose(ledger, [trial("a", 0.5)], shape=None)
    assert ledger.head(IRIS).search is None


@pytest.mark.parametrize(
    ("trials", "objective"),
    [
        ([], 0.45),
        ([trial("a", float("nan")), trial("b", None)], 0.45),
        ([trial("a", None, "Failed", FailureReason="AlgorithmError: no memory")], None),
        ([trial("a", 0.1, "Stopped")], None),
        ([trial("a", 0.46), trial("b", 0.45)], 0.45),
    ],
)
def test_the_defaults_stand_where_no_whole_trial_is_better(
    ledger: Ledger, trials: list[dict[str, Any]], objective: float | None
) -> None:
    answer = choose(ledger, trials, objective=objective)
    assert answer["model_data_url"] == DEFAULTS
    told = answer["tuning"]
    assert told["defaults"] == {"objective": objective, "stand": True}
    assert told["best"] == {"training_job": RUN["run"], "settings": {}, "objective": objective}
    assert (ledger.head(IRIS).search is None) is (not told["completed"])


@pytest.mark.parametrize("objective", [None, float("nan"), 0.46])
def test_a_trial_wins_over_defaults_that_are_worse_or_told_nothing(ledger: Ledger, objective: float | None) -> None:
    answer = choose(ledger, [trial("a", 0.45)], objective=objective)
    assert answer["tuning"]["best"]["training_job"] == "a"
    assert answer["tuning"]["defaults"]["stand"] is False
