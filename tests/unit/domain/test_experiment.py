"""The record of an experiment."""

import pytest

from headgate.domain.experiment import JobFacts, estimated_cost, experiment_record

JOB = JobFacts("run", "Completed", "ml.m5.large", 2, 1800, 2400, True, "s3://b/_system/code/abc/sourcedir.tar.gz", None)
RUN = {"tenant": "demo", "project": "iris", "run": "demo-iris-0123456789", "dataset": "0123456789"}
ENDING = {"outcome": "PROMOTED", "reason_code": "SERVING", "version": "1", "metrics": {}}


def test_what_is_paid_is_seconds_times_machines_times_the_price() -> None:
    assert estimated_cost(JOB) == pytest.approx(0.115)


@pytest.mark.parametrize("change", [{"instance_type": "ml.unheard.of"}, {"billable_seconds": None}])
def test_what_is_not_known_costs_nothing_known(change: dict[str, object]) -> None:
    from dataclasses import replace

    assert estimated_cost(replace(JOB, **change)) is None


def test_a_record_names_data_code_and_machines() -> None:
    metrics = {"settings": {"epochs": 5}, "data_digest": "d", "code_digest": "c", "seconds": {"fit": 1.0}}
    record = experiment_record(RUN, ENDING, JOB, metrics)
    assert record["identity"] == {
        "dataset": "0123456789", "data_digest": "d", "code": JOB.code, "code_digest": "c", "versions": None,
    }  # fmt: skip
    assert record["job"]["estimated_usd"] == pytest.approx(0.115)
    assert (record["outcome"], record["parameters"]) == ("PROMOTED", {"epochs": 5})


def test_a_run_that_did_not_train_has_a_record_too() -> None:
    record = experiment_record(RUN, {**ENDING, "outcome": "REJECTED"}, None, None)
    assert (record["job"], record["parameters"]) == (None, None)
