"""The SageMaker Python SDK 3, unmodified: train, tune, deploy, predict, delete.

Runs on an environment of its own, with nothing of Headgate in it. Reads its task as JSON on stdin: ``name``, ``role``,
``bucket``, ``source`` (the folder of a program, train.py), ``data`` (its channel), and ``answer``: the file into which
it writes what it saw, as JSON. What the SDK prints is a person's.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import IntegerParameter
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, OutputDataConfig, ProductionVariant, StoppingCondition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

METRICS = [{"Name": "score", "Regex": "score=([-0-9.]+)"}]


def trainer(task: dict[str, Any]) -> ModelTrainer:
    """A training job of a program in a folder, as the SDK brings it to SageMaker."""
    output = f"s3://{task['bucket']}/{task['name']}"
    return ModelTrainer(
        sagemaker_session=Session(boto_session=boto3.Session(), default_bucket=task["bucket"]),
        role=task["role"],
        base_job_name=task["name"],
        training_image="tensorflow-training",
        source_code=SourceCode(source_dir=task["source"], entry_script="train.py"),
        hyperparameters={"sign": 1},
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=300),
        output_data_config=OutputDataConfig(s3_output_path=output),
    )


def inputs(task: dict[str, Any]) -> list[InputData]:
    """The channels of a training job."""
    return [InputData(channel_name="train", data_source=task["data"])]


def train(task: dict[str, Any]) -> Any:
    """A training job from start to end, with its log."""
    trained = trainer(task)
    trained.train(input_data_config=inputs(task), wait=True, logs=True)
    return trained._latest_training_job


def tune(task: dict[str, Any]) -> dict[str, Any]:
    """A tuning job of two children."""
    tuner = HyperparameterTuner(
        model_trainer=trainer(task),
        objective_metric_name="score",
        metric_definitions=METRICS,
        hyperparameter_ranges={"sign": IntegerParameter(1, 5)},
        strategy="Random",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    tuner.tune(inputs=inputs(task), job_name=f"{task['name']}-t"[:32], wait=True)
    described = tuner.describe()
    return {
        "status": described.hyper_parameter_tuning_job_status,
        "completed": described.training_job_status_counters.completed,
        "best": tuner.best_training_job(),
    }


def serve(task: dict[str, Any], archive: str) -> dict[str, Any]:
    """An endpoint that answers once."""
    name = task["name"]
    container = ContainerDefinition(image="tensorflow-inference", model_data_url=archive)
    model = Model.create(model_name=name, primary_container=container, execution_role_arn=task["role"])
    variant = ProductionVariant(
        variant_name="main", model_name=name, initial_instance_count=1, instance_type="ml.m5.large"
    )
    config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
    endpoint.wait_for_status("InService")
    body = json.dumps({"instances": [{"size": 3.0, "ward": "A"}]})
    answer = endpoint.invoke(body=body, content_type="application/json")
    seen = {"status": endpoint.endpoint_status, "answer": json.loads(answer.body.read())}
    endpoint.delete()
    endpoint.wait_for_delete()
    config.delete()
    model.delete()
    seen["left"] = [each.endpoint_name for each in Endpoint.get_all(name_contains=name)]
    return seen


def main() -> None:
    """Do the task."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    task = json.load(sys.stdin)
    job = train(task)
    archive = job.model_artifacts.s3_model_artifacts
    seen = {"training": {"status": job.training_job_status, "archive": archive}}
    seen["tuning"] = tune(task)
    seen["serving"] = serve(task, archive)
    Path(task["answer"]).write_text(json.dumps(seen))


if __name__ == "__main__":
    main()
