"""Tuning: what the local SageMaker adds to the time that the fits themselves take.

    python -m benchmarks.tuning [--json] [--jobs 8] [--parallel 2] [--epochs 15] [--rounds 10]

A tuning job searches the learning rate and the width of a Keras network; each of its training jobs prints how long its
call of `fit` took. The goal compares the tuning job's wall time with those seconds, shared by as many as run at once.
Beside it stands a training job of an empty script, from the call that creates it until it is described as Completed.
"""

import argparse
import io
import json
import statistics
import tarfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.cloud import local_cloud, make_role
from headgate_local.card import Card

GOAL_TUNING = 1.3
GOAL_EMPTY_SECONDS = 1.0
PATIENCE_SECONDS = 900.0
EMPTY = ""
FIT = """
import os, time
import keras
import numpy as np

random = np.random.default_rng(0)
features = random.normal(size=(20_000, 30)).astype("float32")
labels = (features[:, 0] * features[:, 1] + features.sum(axis=1) > 0).astype("float32")
hidden = keras.layers.Dense(int(os.environ["SM_HP_WIDTH"]), activation="relu")
model = keras.Sequential([keras.Input((30,)), hidden, keras.layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(float(os.environ["SM_HP_RATE"])), "binary_crossentropy")
start = time.perf_counter()
history = model.fit(features, labels, 256, int(os.environ["SM_HP_EPOCHS"]), 0, validation_split=0.2)
print(f"fit_seconds={time.perf_counter() - start};")
for loss in history.history["val_loss"]:
    print(f"loss={loss};")
model.save(os.environ["SM_MODEL_DIR"] + "/model.keras")
"""


def definition(cloud: Card, role: str, program: str, **values: object) -> dict[str, Any]:
    """What a training job of this program and a definition of a tuning job have in common, and the hyperparameters."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.size = len(program.encode())
        tar.addfile(member, io.BytesIO(program.encode()))
    bucket, key = cloud.data_bucket, f"bench/{len(program)}/sourcedir.tar.gz"
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
    own = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{bucket}/{key}"}
    return {
        "HyperParameters": {name: json.dumps(value) for name, value in {**own, **values}.items()},
        "AlgorithmSpecification": {
            "TrainingImage": "tensorflow-training",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([-0-9.e]+);"} for name in ("fit_seconds", "loss")],
        },
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/bench/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def until(describe: Callable[[], dict[str, Any]], status: str, pause: float) -> dict[str, Any]:
    """Describe a job until it has ended; raises when it did not end well."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < deadline:
        job = describe()
        if job[status] == "Completed":
            return job
        if job[status] in ("Failed", "Stopped"):
            raise RuntimeError(job.get("FailureReason", job[status]))
        time.sleep(pause)
    raise TimeoutError(f"The job did not end within {PATIENCE_SECONDS} s.")


def measure_empty(cloud: Card, role: str, rounds: int) -> dict[str, float]:
    """Seconds from submitting an empty script until its job is Completed; the first round warms up."""
    client, given = cloud.client("sagemaker"), definition(cloud, role, EMPTY)
    taken = []
    for number in range(rounds + 1):
        name = f"bench-empty-{number}"
        start = time.perf_counter()
        client.create_training_job(TrainingJobName=name, **given)
        until(partial(client.describe_training_job, TrainingJobName=name), "TrainingJobStatus", 0.005)
        taken.append(time.perf_counter() - start)
    return {"first": taken[0], "median": statistics.median(taken[1:]), "worst": max(taken[1:])}


def measure_tuning(cloud: Card, role: str, jobs: int, parallel: int, epochs: int) -> dict[str, float]:
    """Wall time of a tuning job beside the time that its fits took."""
    client, name = cloud.client("sagemaker"), "bench-tuning"
    given = definition(cloud, role, FIT, epochs=epochs)
    rate = {"Name": "rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
    width = {"Name": "width", "MinValue": "16", "MaxValue": "256", "ScalingType": "Logarithmic"}
    start = time.perf_counter()
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"ContinuousParameterRanges": [rate], "IntegerParameterRanges": [width]},
            "RandomSeed": 17,
        },
        TrainingJobDefinition={"StaticHyperParameters": given.pop("HyperParameters"), **given},
    )
    until(
        lambda: client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        "HyperParameterTuningJobStatus",
        0.02,
    )
    wall = time.perf_counter() - start
    listed = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, MaxResults=100)
    fits = []
    for summary in listed["TrainingJobSummaries"]:
        job = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
        fits += [each["Value"] for each in job["FinalMetricDataList"] if each["MetricName"] == "fit_seconds"]
    if len(fits) != jobs:
        raise RuntimeError(f"{len(fits)} of {jobs} training jobs told how long their fit took.")
    share = sum(fits) / parallel
    return {"jobs": jobs, "parallel": parallel, "wall": wall, "fits": sum(fits), "ratio": wall / share}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with local_cloud() as cloud:
        role = make_role(cloud, "bench-tuning", "s3:*", "logs:*")
        empty = measure_empty(cloud, role, options.rounds)
        tuning = measure_tuning(cloud, role, options.jobs, options.parallel, options.epochs)
    if options.json:
        print(json.dumps({"empty training job": empty, "tuning job": tuning}))
        return
    print(
        f"empty training job: median {empty['median']:.2f} s, worst {empty['worst']:.2f} s, the first "
        f"{empty['first']:.2f} s (goal: at most {GOAL_EMPTY_SECONDS:.0f} s)"
    )
    print(
        f"tuning job of {tuning['jobs']} fits, {tuning['parallel']} at once: {tuning['wall']:.1f} s, the fits alone "
        f"{tuning['fits']:.1f} s / {tuning['parallel']}: {tuning['ratio']:.2f} times (goal: at most {GOAL_TUNING})"
    )


if __name__ == "__main__":
    main()
