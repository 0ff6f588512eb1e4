"""Tuning jobs: what they try, when they end, and what is told of them and of their training jobs."""

import re

import pytest
from contract.live import statement
from contract.tuning import SLEEP, categorical, refused, score
from waiting import eventually

COUNTERS = {"Completed": 0, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0}
OBJECTIVES = {"Succeeded": 0, "Pending": 0, "Failed": 0}
EPOCHS = """
import os, time
best = "-001-" in os.environ["TRAINING_JOB_NAME"]
for epoch in range(5):
    print(f"score={0.9 if best else 0.1};", flush=True)
if not best:
    time.sleep(600)
"""
"""A program of which the first training job is the best, and the others do not end by themselves."""


@pytest.fixture
def tune(create_tuning, tuning_request, tuned):
    """Runs a tuning job to its end; takes what ``tuning_request`` takes, answers its description."""

    def run(*given, **members):
        return tuned(create_tuning(tuning_request(*given, **members)))

    return run


@pytest.fixture
def jobs_of(cloud):
    """The summaries of a tuning job's training jobs."""

    def listing(job: str, **more):
        client = cloud.client("sagemaker")
        return client.list_training_jobs_for_hyper_parameter_tuning_job(
            **{"HyperParameterTuningJobName": job, "MaxResults": 100} | more
        )["TrainingJobSummaries"]

    return listing


def test_a_tuning_job_finds_the_best_of_its_training_jobs(tune, jobs_of, cloud, name) -> None:
    job = tune()
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TrainingJobStatusCounters"] == COUNTERS | {"Completed": 4}
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Succeeded": 4}
    assert job["HyperParameterTuningEndTime"] >= job["CreationTime"]
    assert job["ConsumedResources"]["RuntimeInSeconds"] >= 0
    found = jobs_of(name)
    best = job["BestTrainingJob"]
    assert score(best) == max(map(score, found))
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "score"
    assert score(best) == pytest.approx(1 - (float(best["TunedHyperParameters"]["rate"]) - 0.3) ** 2, abs=1e-6)
    assert best in found


def test_a_child_is_a_training_job_like_any_other(tune, jobs_of, cloud, name) -> None:
    job = tune(static={"depth": 3}, jobs=2)
    client = cloud.client("sagemaker")
    numbers = []
    for summary in jobs_of(name):
        child = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
        numbers += re.fullmatch(rf"{name}-(\d{{3}})-[0-9a-f]{{8}}", child["TrainingJobName"]).groups()
        assert child["TuningJobArn"] == job["HyperParameterTuningJobArn"]
        assert child["HyperParameters"].items() >= {
            "_tuning_objective_metric": "score", "depth": "3", "rate": summary["TunedHyperParameters"]["rate"]
        }.items()  # fmt: skip
        assert summary["TrainingJobArn"] == child["TrainingJobArn"]
        assert summary["TrainingStartTime"] <= summary["TrainingEndTime"]
    assert numbers == ["001", "002"]
    assert job["TrainingJobDefinition"]["StaticHyperParameters"]["_tuning_objective_metric"] == "score"


def test_the_program_is_not_bothered_with_the_name_of_the_objective(tune, log_of, jobs_of, name) -> None:
    tune("import os, sys\nprint(sys.argv)\nprint('score=1;')", jobs=1, parallel=1)
    (child,) = jobs_of(name)
    line = log_of("/aws/sagemaker/TrainingJobs", child["TrainingJobName"])[0]
    assert "--rate" in line
    assert "_tuning_objective_metric" not in line


def test_tags_go_to_the_children_too(create_tuning, tuning_request, tuned, jobs_of, cloud, name) -> None:
    tuned(create_tuning(tuning_request(jobs=1, parallel=1) | {"Tags": [{"Key": "tenant", "Value": "a"}]}))
    (child,) = jobs_of(name)
    assert cloud.client("sagemaker").list_tags(ResourceArn=child["TrainingJobArn"])["Tags"] == [
        {"Key": "tenant", "Value": "a"}
    ]


@pytest.mark.parametrize("strategy", ["Random", "Hyperband"])
def test_a_seed_repeats_what_is_tried(create_tuning, tuning_request, tuned, jobs_of, name, strategy) -> None:
    tried = []
    for number in range(2):
        request = tuning_request(static={"epochs": 1}, jobs=3, parallel=3, Strategy=strategy)
        job = create_tuning(request | {"HyperParameterTuningJobName": f"{name}-{number}"})
        tuned(job)
        tried.append([each["TunedHyperParameters"] for each in jobs_of(job)])
    assert tried[0] == tried[1]


def test_bayesian_search_runs_in_parallel(tune) -> None:
    job = tune(Strategy="Bayesian", jobs=8, parallel=4)
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Succeeded": 8}


def test_a_grid_is_searched_once(tune, jobs_of, name) -> None:
    limits = {"MaxParallelTrainingJobs": 3}
    values = categorical(rate=["0.1", "0.3", "0.9"], kind=['"a"', '"b"'])
    job = tune(Strategy="Grid", ResourceLimits=limits, ParameterRanges=values)
    tried = sorted(tuple(each["TunedHyperParameters"][key] for key in ("rate", "kind")) for each in jobs_of(name))
    assert tried == [(rate, kind) for rate in ("0.1", "0.3", "0.9") for kind in ('"a"', '"b"')]
    assert job["BestTrainingJob"]["TunedHyperParameters"]["rate"] == "0.3"


def test_no_more_jobs_run_at_once_than_allowed(create_tuning, tuning_request, tuned, cloud, jobs_of, name) -> None:
    create_tuning(tuning_request(SLEEP, jobs=8, parallel=3))
    client = cloud.client("sagemaker")

    def running():
        job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job["TrainingJobStatusCounters"]["InProgress"] == 3 and job

    assert eventually(running)["ObjectiveStatusCounters"] == OBJECTIVES | {"Pending": 3}
    assert [each["ObjectiveStatus"] for each in jobs_of(name)] == ["Pending"] * 3
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    tuned(name)


def test_stopping_a_tuning_job_stops_its_children(create_tuning, tuning_request, tuned, cloud, jobs_of, name) -> None:
    create_tuning(tuning_request(SLEEP))
    client = cloud.client("sagemaker")
    eventually(lambda: len(jobs_of(name)) == 2)
    with refused("ValidationException", "in status InProgress"):
        client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = tuned(name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"] == COUNTERS | {"Stopped": 2}
    assert [each["TrainingJobStatus"] for each in jobs_of(name)] == ["Stopped", "Stopped"]
    with refused("ValidationException", "in status Stopped"):
        client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def test_a_failed_child_counts_and_does_not_fail_the_tuning_job(tune, jobs_of, name) -> None:
    program = "import os\nassert os.environ['SM_HP_KIND'] == 'good', 'bad kind'\nprint('score=1;')"
    limits = {"MaxParallelTrainingJobs": 2}
    kinds = categorical(kind=["good", "bad", "worse"])
    job = tune(program, Strategy="Grid", ResourceLimits=limits, ParameterRanges=kinds)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job["FailureReason"]
    assert job["TrainingJobStatusCounters"] == COUNTERS | {"Completed": 1, "NonRetryableError": 2}
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Succeeded": 1, "Failed": 2}
    reasons = [each["FailureReason"] for each in jobs_of(name, StatusEquals="Failed")]
    assert all("bad kind" in reason for reason in reasons)
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "good"}


def test_a_tuning_job_gives_up_after_five_failures(tune) -> None:
    job = tune("raise ValueError('bad')", jobs=9)
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after")
    assert 5 <= job["TrainingJobStatusCounters"]["NonRetryableError"] <= 6
    assert "BestTrainingJob" not in job


def test_without_any_objective_there_is_no_best_job(tune, jobs_of, name) -> None:
    job = tune("print('nothing to read')", jobs=2)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Failed": 2}
    assert "BestTrainingJob" not in job
    assert jobs_of(name, SortBy="FinalObjectiveMetricValue") == []


def test_early_stopping_ends_jobs_that_are_worse_than_the_median(tune) -> None:
    job = tune(EPOCHS, jobs=3, parallel=1, TrainingJobEarlyStoppingType="Auto")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"] == COUNTERS | {"Completed": 1, "Stopped": 2}
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Succeeded": 3}
    assert score(job["BestTrainingJob"]) == 0.9


def test_hyperband_stops_jobs_that_use_more_than_the_most(tune) -> None:
    config = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 4}}
    program = EPOCHS.replace("if not best:", "if True:")
    job = tune(program, jobs=3, Strategy="Hyperband", StrategyConfig=config)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"] == COUNTERS | {"Stopped": 3}
    assert job["ObjectiveStatusCounters"] == OBJECTIVES | {"Succeeded": 3}
    assert score(job["BestTrainingJob"]) == 0.9


def test_a_target_that_is_reached_completes_the_job(tune) -> None:
    job = tune(jobs=50, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.5})
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert sum(job["TrainingJobStatusCounters"].values()) < 50
    assert score(job["BestTrainingJob"]) >= 0.5


def test_a_job_that_does_not_improve_completes(tune) -> None:
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    job = tune("print('score=1;')", jobs=50, TuningJobCompletionCriteria=criteria)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] >= 3
    assert sum(job["TrainingJobStatusCounters"].values()) < 10


def test_several_definitions_share_the_limits(create_tuning, tuning_request, tuned, jobs_of, name) -> None:
    request = tuning_request()
    config, definition = request["HyperParameterTuningJobConfig"], request.pop("TrainingJobDefinition")
    own = {"TuningObjective": config.pop("HyperParameterTuningJobObjective"),
           "HyperParameterRanges": config.pop("ParameterRanges")}  # fmt: skip
    request["TrainingJobDefinitions"] = [{"DefinitionName": each, **own, **definition} for each in ("one", "two")]
    job = tuned(create_tuning(request))
    assert [each["TrainingJobDefinitionName"] for each in jobs_of(name)] == ["one", "two", "one", "two"]
    assert job["BestTrainingJob"]["TrainingJobDefinitionName"] in ("one", "two")
    assert [each["DefinitionName"] for each in job["TrainingJobDefinitions"]] == ["one", "two"]


def test_several_instance_configurations_use_the_first(
    create_tuning, tuning_request, tuned, jobs_of, cloud, name
) -> None:
    request = tuning_request(jobs=1, parallel=1)
    given = {"InstanceCount": 1, "VolumeSizeInGB": 2}
    configs = [{"InstanceType": kind, **given} for kind in ("ml.m5.xlarge", "ml.m5.large")]
    definition = request["TrainingJobDefinition"]
    del definition["ResourceConfig"]
    definition["HyperParameterTuningResourceConfig"] = {
        "InstanceConfigs": configs,
        "AllocationStrategy": "Prioritized",
    }
    tuned(create_tuning(request))
    (child,) = jobs_of(name)
    described = cloud.client("sagemaker").describe_training_job(TrainingJobName=child["TrainingJobName"])
    assert described["ResourceConfig"] == configs[0]


def test_a_name_is_taken_until_the_job_is_deleted(tune, create_tuning, tuning_request, cloud, jobs_of, name) -> None:
    tune(jobs=1, parallel=1)
    children = jobs_of(name)
    with refused("ResourceInUse", "already exists"):
        create_tuning(tuning_request())
    client = cloud.client("sagemaker")
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    for call in (client.describe_hyper_parameter_tuning_job, client.stop_hyper_parameter_tuning_job):
        with refused("ResourceNotFound", name):
            call(HyperParameterTuningJobName=name)
    assert client.describe_training_job(TrainingJobName=children[0]["TrainingJobName"])


def test_tuning_jobs_are_listed_by_name_with_their_limits(tune, cloud, name) -> None:
    tune(jobs=1, parallel=1)
    client = cloud.client("sagemaker")
    (found,) = client.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]
    assert found["Strategy"] == "Random"
    assert found["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    assert found["TrainingJobStatusCounters"]["Completed"] == 1
    names = [each["HyperParameterTuningJobName"] for each in client.list_hyper_parameter_tuning_jobs(MaxResults=100)
             ["HyperParameterTuningJobSummaries"]]  # fmt: skip
    assert names == sorted(names)


def test_children_are_sorted_and_paged(tune, jobs_of, cloud, name) -> None:
    tune(jobs=3, parallel=3)
    by_score = jobs_of(name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [score(each) for each in by_score] == sorted(map(score, by_score), reverse=True)
    client = cloud.client("sagemaker")
    asked = {"HyperParameterTuningJobName": name, "MaxResults": 2, "SortBy": "CreationTime"}
    first = client.list_training_jobs_for_hyper_parameter_tuning_job(**asked)
    rest = client.list_training_jobs_for_hyper_parameter_tuning_job(**asked, NextToken=first["NextToken"])
    paged = [each["TrainingJobName"] for page in (first, rest) for each in page["TrainingJobSummaries"]]
    assert paged == [each["TrainingJobName"] for each in jobs_of(name)]


def test_a_role_must_be_handed_over(tuning_request, make_user, cloud, role) -> None:
    request = tuning_request(jobs=1, parallel=1)
    keys = make_user(statement("sagemaker:*"))
    with refused("AccessDeniedException", "iam:PassRole"):
        cloud.client("sagemaker", **keys).create_hyper_parameter_tuning_job(**request)


@pytest.mark.parametrize(
    ("members", "feature"),
    [
        ({"Autotune": {"Mode": "Enabled"}}, "Autotune"),
        ({"TrainingJobDefinition": {"StaticHyperParameters": {"epochs": "1"}}}, "script mode"),
    ],
)
def test_what_is_not_there_is_refused_when_the_job_is_created(
    create_tuning, tuning_request, members, feature, name
) -> None:
    request = tuning_request()
    request["TrainingJobDefinition"] |= members.pop("TrainingJobDefinition", {})
    with refused("UnsupportedOperationException", feature):
        create_tuning(request | members)
