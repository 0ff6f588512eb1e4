"""The record of an experiment."""

from dataclasses import replace
from typing import Any

import pytest

from headgate.domain.experiment import Expense, JobFacts, cost_of, experiment_record, training_expense
from headgate.domain.runs import Run

JOB = JobFacts("run", "Completed", "ml.m5.large", 2, 1800, 2400, True, "s3://b/_system/code/abc/sourcedir.tar.gz", None)
RUN = Run(
    "demo-iris-0123456789", "demo", "iris", "0123456789", "iris.csv", "1", "2026-11-24T00:00:00.000Z", "PROMOTED",
    "2026-11-24T01:00:00.000Z", "SERVING", "It serves.", "1",
)  # fmt: skip
EVALUATION = Expense("evaluation", 1, "ml.m5.large", 360, "lasted")


def test_what_is_paid_is_seconds_times_machines_times_the_price() -> None:
    cost = cost_of([training_expense(JOB), EVALUATION])
    assert [part["estimated_usd"] for part in cost["parts"]] == pytest.approx([0.115, 0.0115])
    assert cost["estimated_usd"] == pytest.approx(0.1265)
    assert [part["basis"] for part in cost["parts"]] == ["billed", "lasted"]
    assert "the endpoint" in cost["not_counted"]


@pytest.mark.parametrize("change", [{"instance_type": "ml.unheard.of"}, {"billable_seconds": None}])
def test_a_sum_with_an_unknown_part_is_unknown(change: dict[str, Any]) -> None:
    cost = cost_of([training_expense(replace(JOB, **change)), EVALUATION])
    assert cost["estimated_usd"] is None
    assert cost["parts"][1]["estimated_usd"] is not None


def test_a_run_that_started_no_job_costs_nothing_of_what_is_counted() -> None:
    assert cost_of([])["estimated_usd"] == 0


def test_a_record_names_data_code_and_machines() -> None:
    metrics = {"settings": {"epochs": 5}, "data_digest": "d", "code_digest": "c", "seconds": {"fit": 1.0}}
    record = experiment_record(RUN, JOB, [training_expense(JOB)], metrics)
    assert record["identity"] == {
        "dataset": "0123456789", "data_digest": "d", "code": JOB.code, "code_digest": "c", "versions": None,
    }  # fmt: skip
    assert record["job"]["estimated_usd"] == record["cost"]["estimated_usd"] == pytest.approx(0.115)
    assert (record["outcome"], record["parameters"]) == ("PROMOTED", {"epochs": 5})


def test_a_run_that_did_not_train_has_a_record_too() -> None:
    record = experiment_record(replace(RUN, state="REJECTED"), None, [], None)
    assert (record["job"], record["parameters"], record["outcome"]) == (None, None, "REJECTED")
