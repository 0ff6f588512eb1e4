"""The running of a tuning job, beside training jobs that end when they are told to."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.jobs import training_jobs, training_request
from headgate_local.sagemaker.jobs.metrics import Readings
from headgate_local.sagemaker.resources import Collection
from headgate_local.sagemaker.tuning import definitions, tuner, tuning_jobs
from headgate_local.sagemaker.tuning.progress import Progress
from headgate_local.sagemaker.tuning.running import Tunings
from headgate_local.sagemaker.tuning.tuner import Tuner


class TrainingJobs:
    """Training jobs that run until they are stopped."""

    def __init__(self, sagemaker: SimpleNamespace) -> None:
        self._sagemaker = sagemaker
        self.most = 100
        """How many can be created."""
        self.ended: dict[str, threading.Event] = {}
        self.readings = Readings()

    def create(self, sagemaker: SimpleNamespace, request: dict) -> dict:
        if len(self.ended) >= self.most:
            raise ApiError("ResourceLimitExceeded", "no more")
        record = sagemaker.training_jobs.add(request["TrainingJobName"], {**request, "TrainingJobStatus": "InProgress"})
        self.ended[record["TrainingJobArn"]] = threading.Event()
        return record

    def stop(self, sagemaker: SimpleNamespace, request: dict) -> dict:
        job = sagemaker.training_jobs.change(request["TrainingJobName"], TrainingJobStatus="Stopped")
        self.ended[job["TrainingJobArn"]].set()
        return {}

    def wait(self, arn: str, seconds: float) -> bool:
        return self.ended[arn].wait(seconds)


@pytest.fixture
def sagemaker(monkeypatch):
    """As much of the local SageMaker as a tuning job touches."""
    made = SimpleNamespace(
        tuning_jobs=tuning_jobs.TuningJobs(tuning_jobs.KIND),
        training_jobs=Collection(training_jobs.KIND),
        told=[],
        tunings=Tunings(),
    )
    made.jobs = TrainingJobs(made)
    made.events = SimpleNamespace(tuning_job=lambda record: made.told.append(record["HyperParameterTuningJobStatus"]))
    monkeypatch.setattr(training_jobs, "create", made.jobs.create)
    monkeypatch.setattr(training_jobs, "stop", made.jobs.stop)
    return made


def wanted(**limits) -> dict:
    """The request for a tuning job with these limits, but for its name."""
    rate = {"Name": "rate", "MinValue": "0", "MaxValue": "1"}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2, **limits},
            "ParameterRanges": {"ContinuousParameterRanges": [rate]},
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "score", "Regex": "x"}]},
            "ResourceConfig": {},
        },
    }


@pytest.fixture
def start(sagemaker):
    """Starts a tuning job with these limits; answers its ARN. `meanwhile` comes between its record and its tuner."""

    def run(meanwhile: Callable[[], object] = lambda: None, **limits) -> str:
        request = wanted(**limits)
        (definition,) = definitions.read(request)
        record = sagemaker.tuning_jobs.add(
            "tuning",
            {
                **request,
                "TrainingJobDefinition": definition.record(),
                "HyperParameterTuningJobStatus": "InProgress",
                **Progress(True).members(running=0),
            },
        )
        meanwhile()
        sagemaker.tunings.start(record["HyperParameterTuningJobArn"], Tuner(sagemaker, record))
        return record["HyperParameterTuningJobArn"]

    return run


def test_a_tuning_job_that_is_out_of_time_stops_its_children_and_completes(sagemaker, start) -> None:
    arn = start(MaxRuntimeInSeconds=0.05)
    assert sagemaker.tunings.wait(arn, 30)
    job = sagemaker.tuning_jobs.get("tuning")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert sagemaker.told == ["Completed"]


def test_a_training_job_that_cannot_be_created_fails_the_tuning_job_and_stops_the_others(sagemaker, start) -> None:
    sagemaker.jobs.most = 1
    assert sagemaker.tunings.wait(start(), 30)
    job = sagemaker.tuning_jobs.get("tuning")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"] == "A training job could not be created: ResourceLimitExceeded: no more"
    assert [each["TrainingJobStatus"] for each in sagemaker.training_jobs.all()] == ["Stopped"]


def test_a_cloud_that_ends_starts_no_further_jobs(sagemaker, start) -> None:
    arn = start(MaxNumberOfTrainingJobs=100, MaxParallelTrainingJobs=1)
    sagemaker.tunings.close()
    assert sagemaker.tunings.wait(arn, 30)
    assert len(sagemaker.training_jobs.all()) <= 1
    assert sagemaker.told == []


def test_a_tuning_job_that_is_stopped_before_its_tuner_is_there_starts_nothing(sagemaker, start) -> None:
    request = {"HyperParameterTuningJobName": "tuning"}
    arn = start(meanwhile=lambda: tuning_jobs.stop(sagemaker, request))
    assert sagemaker.tunings.wait(arn, 30)
    assert sagemaker.told == ["Stopping", "Stopped"]
    assert sagemaker.training_jobs.all() == []


def test_nothing_is_kept_of_the_readings_of_a_tuning_job(sagemaker, start, monkeypatch) -> None:
    create = training_jobs.create

    def create_and_read(sagemaker: SimpleNamespace, request: dict) -> dict:
        sagemaker.jobs.readings.add(request["TrainingJobName"], [("score", 1.0, 0.5)])
        return create(sagemaker, request)

    monkeypatch.setattr(training_jobs, "create", create_and_read)
    assert sagemaker.tunings.wait(start(MaxRuntimeInSeconds=0.05), 30)
    assert len(sagemaker.training_jobs.all()) == 2
    assert not sagemaker.jobs.readings._jobs


def test_a_tuning_job_without_a_tuner_leaves_no_record(sagemaker, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(tuner, "Tuner", fail)
    monkeypatch.setattr(training_request, "check", lambda _: None)
    with pytest.raises(MemoryError):
        tuning_jobs.create(sagemaker, {"HyperParameterTuningJobName": "tuning", **wanted()})
    assert sagemaker.tuning_jobs.find("tuning") is None


def test_a_tuning_job_that_nobody_knows_has_ended(sagemaker) -> None:
    assert sagemaker.tunings.wait("arn:nobody", 0)
    sagemaker.tunings.stop("arn:nobody")
