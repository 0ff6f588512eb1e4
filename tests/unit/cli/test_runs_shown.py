"""What `headgate show` says of a run, to a person."""

from typing import Any

from rich.console import Console

from headgate_cli.commands.ledger import _experiment_facts, _places, _show_choices, _show_evaluation

JOB = {"instance_count": 1, "instance_type": "ml.m5.large", "spot": False, "estimated_usd": 0.1}
PARAMETERS = {"family": "dnn", "optimizer": "adamw", "learning_rate": 0.003, "schedule": "constant", "batch_size": 32}
RECORD: dict[str, Any] = {
    "job": JOB,
    "parameters": PARAMETERS | {"seed": 17},
    "training": {"epochs": 30},
    "cost": {
        "estimated_usd": 0.3,
        "parts": [{"what": "training", "estimated_usd": 0.1}, {"what": "evaluation", "estimated_usd": 0.2}],
        "not_counted": ["the endpoint"],
    },
}


def printed(show: Any, content: Any) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as capture:
        show(console, content)
    return capture.get()


def test_what_a_run_cost_is_told_with_its_parts_and_what_is_missing() -> None:
    told = _experiment_facts(RECORD)
    assert told["cost, about"] == "0.3000 USD: training 0.1000 USD, evaluation 0.2000 USD; without the endpoint"
    assert told["training"].startswith("dnn, 30 epochs, adamw at learning rate 0.003")


def test_a_record_of_an_older_release_is_still_read() -> None:
    older = {name: value for name, value in RECORD.items() if name != "cost"}
    assert _experiment_facts(older)["cost, about"] == "0.1000 USD"


def test_a_measure_that_is_not_defined_is_left_empty() -> None:
    evaluation = {"rows": 40, "challenger": {"auc": 0.91, "log_loss": None}, "champion": None, "trivial": {"auc": 0.5}}
    shown = printed(_show_evaluation, evaluation)
    assert "on 40 rows it never saw" in shown
    assert "this model" in shown
    assert "guessing" in shown


def test_what_was_inferred_names_its_key_and_where_to_say_otherwise() -> None:
    shown = printed(_show_choices, {"inferred": [{"what": "positive", "value": "ill", "why": "it is rarer"}]})
    assert "positive: the class to find" in shown
    assert "project.yaml" in shown
    assert printed(_show_choices, {"inferred": []}).strip() == "Nothing had to be inferred."


def test_refused_data_are_looked_for_in_quarantine_and_nothing_is_said_of_what_was_inferred() -> None:
    links = {"dataset": "s3://a/d/", "run": "s3://a/r/", "quarantine": "s3://a/q/"}
    refused = {"verdict": "rejected", "inferred": []}
    assert _places({"links": links, "report": refused}) == {"quarantine": "s3://a/q/"}
    assert printed(_show_choices, refused) == ""
    nobodys = _places({"links": links | {"quarantine": None}, "report": None})
    assert nobodys == {"dataset files": None, "run files": "s3://a/r/"}
