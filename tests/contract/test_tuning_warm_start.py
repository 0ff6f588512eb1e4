"""Warm start: a tuning job begins where others ended, and keeps to the restrictions that AWS documents."""

import json

import pytest
from contract.tuning import SLEEP, categorical, rates, refused, score


@pytest.fixture
def warm_start(create_tuning, tuning_request, tuned, name):
    """Runs a tuning job, then starts another from it; answers the request of the second."""

    def make(kind: str = "IdenticalDataAndAlgorithm", static=None, **config):
        request = tuning_request(static=static)
        tuned(create_tuning(request))
        again = {
            **request,
            "HyperParameterTuningJobName": f"{name}-again",
            "HyperParameterTuningJobConfig": {**request["HyperParameterTuningJobConfig"], **config},
            "WarmStartConfig": {
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name}],
                "WarmStartType": kind,
            },
        }
        return json.loads(json.dumps(again))

    return make


def test_a_warm_start_tells_the_best_of_all(warm_start, create_tuning, tuned, cloud, name) -> None:
    job = tuned(create_tuning(warm_start(ParameterRanges=rates("0.8", "0.9"))))
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    overall = job["OverallBestTrainingJob"]
    assert overall["TuningJobName"] == name
    assert score(overall) > score(job["BestTrainingJob"])


def test_transfer_learning_may_change_the_data(warm_start, create_tuning, tuned) -> None:
    request = warm_start("TransferLearning")
    request["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"] = "another"
    job = tuned(create_tuning(request))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert "OverallBestTrainingJob" not in job


def test_a_warm_start_keeps_to_its_restrictions(warm_start, create_tuning) -> None:
    def with_(change):
        request = json.loads(json.dumps(base))
        change(request, request["TrainingJobDefinition"], request["HyperParameterTuningJobConfig"])
        return request

    base = warm_start(static={"depth": 3})
    minimize = {"Type": "Minimize", "MetricName": "score"}
    changes = [
        (lambda r, d, c: d["AlgorithmSpecification"].update(TrainingImage="other"), "needs the TrainingImage"),
        (lambda r, d, c: d["StaticHyperParameters"].update(new="1"), "names is not the same"),
        (lambda r, d, c: c.update(HyperParameterTuningJobObjective=minimize), "objective metric must be the same"),
        (
            lambda r, d, c: c.update(ParameterRanges=categorical(rate=["0.1", "0.2", "0.3", "0.4"])),
            "type of the hyperparameter",
        ),
    ]
    for change, words in changes:
        with refused("ValidationException", words):
            create_tuning(with_(change))
    unknown = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "nobody"}]}
    base["WarmStartConfig"] |= unknown
    with refused("ResourceNotFound", "nobody"):
        create_tuning(base)


def test_a_warm_start_waits_for_its_parents_end(create_tuning, tuning_request, tuned, cloud, name) -> None:
    request = tuning_request(SLEEP)
    create_tuning(request)
    parents = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name}]}
    warm = {"WarmStartConfig": {**parents, "WarmStartType": "TransferLearning"}}
    with refused("ValidationException", "must be in one of the states"):
        create_tuning(request | warm | {"HyperParameterTuningJobName": f"{name}-again"})
    cloud.client("sagemaker").stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    tuned(name)
