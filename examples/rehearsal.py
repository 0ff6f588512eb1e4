"""A rehearsal on the local cloud, with plain boto3: tuning, a canary, a rollback by an alarm, scaling out and in.

    headgate up                      # prints the four AWS_... variables to export
    python examples/rehearsal.py     # about two minutes; tells what happens, and at the end how long it took

It drops the breast-cancer set into the bucket and lets Headgate train and deploy a first model. Everything after that
it does itself, with the calls that would be made on AWS, and it removes what it made.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

PROJECT = "rehearsal"
ENDPOINT = f"demo-{PROJECT}"
VARIANT = f"endpoint/{ENDPOINT}/variant/main"
DATA = Path(__file__).parent / "healthcare_wdbc.csv"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
ALARMS = ("rehearsal-errors", "rehearsal-busy", "rehearsal-idle")

sagemaker, s3, cloudwatch = boto3.client("sagemaker"), boto3.client("s3"), boto3.client("cloudwatch")
scaling, stacks = boto3.client("application-autoscaling"), boto3.client("cloudformation")
runtime = boto3.client("sagemaker-runtime", config=Config(retries={"max_attempts": 0}, max_pool_connections=32))
timings: dict[str, float] = {}


def main() -> None:
    """Play every scene, then tell the times."""
    try:
        with timed("first model: upload to InService"):
            first_model()
        with timed("tuning: six trials, two at a time"):
            best = tune()
        with load(rate=40) as served:
            with timed("canary that completes"):
                promote(deploy_config(best, instances=2), name="tuned")
            with timed("canary that an alarm rolls back"):
                roll_back(best)
        tell(f"{served.count} requests meanwhile, {served.failed} of them failed")
        scale()
    finally:
        clean_up()
    tell("")
    for name, seconds in timings.items():
        tell(f"{name:50} {seconds:6.1f} s")


def first_model() -> None:
    """What Headgate does by itself once a file lies in the bucket."""
    outputs = stacks.describe_stacks(StackName="headgate")["Stacks"][0]["Outputs"]
    bucket = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "DataBucket")
    s3.upload_file(str(DATA), bucket, f"demo/{PROJECT}/incoming/{DATA.name}")
    wait_for(lambda: status() == "InService", minutes=5)


def tune() -> dict[str, Any]:
    """Tune the training job that Headgate ran; answers the best one of the tuning job."""
    base = newest_training_job()
    fixed = {k: v for k, v in base["HyperParameters"].items() if k.startswith("sagemaker_")}
    name = f"rehearsal-{int(time.time())}"
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "val_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "learning_rate", "MinValue": "0.0005", "MaxValue": "0.01", "ScalingType": "Logarithmic"},
                    {"Name": "dropout", "MinValue": "0", "MaxValue": "0.5", "ScalingType": "Linear"},
                ],
                "IntegerParameterRanges": [
                    {"Name": "hidden_units", "MinValue": "16", "MaxValue": "128", "ScalingType": "Logarithmic"}
                ],
            },
            "RandomSeed": 17,
        },
        TrainingJobDefinition={
            "StaticHyperParameters": fixed,
            "AlgorithmSpecification": {
                "TrainingImage": base["AlgorithmSpecification"]["TrainingImage"],
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "val_loss", "Regex": r"val_loss=([0-9.]+)"}],
            },
            **{k: base[k] for k in ("RoleArn", "InputDataConfig", "ResourceConfig", "StoppingCondition")},
            "OutputDataConfig": {k: base["OutputDataConfig"][k] for k in ("S3OutputPath", "KmsKeyId")},
        },
    )

    def ended() -> dict[str, Any] | None:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return job if job["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped") else None

    best = wait_for(ended, minutes=10)["BestTrainingJob"]
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    tell(f"best of the tuning job: {best['TunedHyperParameters']}, val_loss {value:.4f}")
    return dict(sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"]))


def promote(config: str, name: str, alarms: tuple[str, ...] = ()) -> None:
    """Bring a configuration into service: half of the new fleet takes traffic first, and bakes."""
    sagemaker.update_endpoint(
        EndpointName=ENDPOINT,
        EndpointConfigName=config,
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 10,
                },
                "TerminationWaitInSeconds": 5,
                "MaximumExecutionTimeoutInSeconds": 600,
            },
            **({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm} for alarm in alarms]}} if alarms else {}),
        },
    )
    wait_for(lambda: status() == "InService", minutes=3)
    now = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    tell(f"{name}: {now['EndpointConfigName']} serves. {now.get('FailureReason', '')}")


def roll_back(job: dict[str, Any]) -> None:
    """Promote once more, with an alarm on the new fleet's errors; then somebody sends it rows that it refuses."""
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    config = deploy_config(job, instances=2)
    watch("rehearsal-errors", "Invocation4XXErrors", "GreaterThanThreshold", 2, EndpointConfigName=config)
    with load(rate=10, body={"instances": [{"radius": "unknown"}]}):
        promote(config, name="refused", alarms=("rehearsal-errors",))
    now = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    if now["EndpointConfigName"] != before:
        raise SystemExit("The alarm did not roll the deployment back.")


def scale() -> None:
    """Let the endpoint grow under load and shrink without."""
    target = {"ServiceNamespace": "sagemaker", "ResourceId": VARIANT, "ScalableDimension": DIMENSION}
    scaling.register_scalable_target(**target, MinCapacity=2, MaxCapacity=3)
    for name, step, comparison, threshold in (
        ("rehearsal-busy", 1, "GreaterThanThreshold", 500),
        ("rehearsal-idle", -1, "LessThanThreshold", 20),
    ):
        bound = "MetricIntervalLowerBound" if step > 0 else "MetricIntervalUpperBound"
        policy = scaling.put_scaling_policy(
            **target,
            PolicyName=name,
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{bound: 0.0, "ScalingAdjustment": step}],
                "Cooldown": 5,
            },
        )
        watch(name, "Invocations", comparison, threshold, missing="breaching", actions=[policy["PolicyARN"]])
    with load(rate=80), timed("load to one more instance in service"):
        wait_for(lambda: instances() == 3, minutes=3)
    with timed("no load to one instance less"):
        wait_for(lambda: instances() == 2, minutes=3)


def watch(
    name: str,
    metric: str,
    comparison: str,
    threshold: float,
    *,
    missing: str = "notBreaching",
    actions: list[str] | None = None,
    **dimensions: str,
) -> None:
    """An alarm on ten seconds of one of the endpoint's metrics."""
    named = {"EndpointName": ENDPOINT, "VariantName": "main", **dimensions}
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in named.items()],
        Statistic="Sum",
        Period=10,
        EvaluationPeriods=1,
        ComparisonOperator=comparison,
        Threshold=threshold,
        TreatMissingData=missing if comparison.startswith("Less") else "notBreaching",
        AlarmActions=actions or [],
    )


def deploy_config(job: dict[str, Any], instances: int) -> str:
    """A model of a training job's artifact, and an endpoint configuration with it; answers the name of both."""
    name = f"{ENDPOINT}-{time.time_ns()}"[:63]
    serving = sagemaker.describe_endpoint_config(
        EndpointConfigName=sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    )["ProductionVariants"][0]
    model = sagemaker.describe_model(ModelName=serving["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]
    if "ModelPackageName" in container:
        package = sagemaker.describe_model_package(ModelPackageName=container["ModelPackageName"])
        container = package["InferenceSpecification"]["Containers"][0]
    archive = job["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": container["Image"], "ModelDataUrl": archive},
        ExecutionRoleArn=model["ExecutionRoleArn"],
    )
    variant = {
        "VariantName": "main",
        "ModelName": name,
        "InstanceType": serving["InstanceType"],
        "InitialInstanceCount": instances,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


class Served:
    """What became of the requests of a load."""

    count = 0
    failed = 0


@contextmanager
def load(rate: float, body: dict[str, Any] | None = None) -> Iterator[Served]:
    """Ask the endpoint so many times a second for as long as the block lasts."""
    content, served, over = json.dumps(body or {"instances": [a_row()]}), Served(), Event()

    def ask() -> None:
        served.count += 1
        try:
            answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="application/json", Body=content)
            answer["Body"].read()  # gives the connection back
        except ClientError:
            served.failed += 1

    def run() -> None:
        with ThreadPoolExecutor(16) as clients:
            while not over.wait(1 / rate):
                clients.submit(ask)

    thread = Thread(target=run)
    thread.start()
    try:
        yield served
    finally:
        over.set()
        thread.join()


def a_row() -> dict[str, Any]:
    """The first row of the data, without its last column, which is the target."""
    names, values = (line.split(",") for line in DATA.read_text().splitlines()[:2])
    return {name: float(value) for name, value in zip(names[:-1], values[:-1], strict=True)}


def newest_training_job() -> dict[str, Any]:
    """The training job that Headgate ran for the project."""
    found = sagemaker.list_training_jobs(NameContains=ENDPOINT, SortBy="CreationTime", SortOrder="Descending")
    return dict(sagemaker.describe_training_job(TrainingJobName=found["TrainingJobSummaries"][0]["TrainingJobName"]))


def status() -> str:
    """The endpoint's status; empty as long as there is no endpoint."""
    try:
        return str(sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"])
    except ClientError as error:
        if "Could not find" in str(error):
            return ""
        raise


def instances() -> int:
    """How many instances serve."""
    variant = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["ProductionVariants"][0]
    return int(variant["CurrentInstanceCount"])


def wait_for(look: Callable[[], Any], minutes: float) -> Any:
    """Look twice a second until there is something to see."""
    deadline = time.monotonic() + 60 * minutes
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"Nothing came of {look.__qualname__} in {minutes:g} minutes.")
        time.sleep(0.5)
    return seen


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Note how long a scene takes."""
    tell(f"-- {name}")
    begun = time.monotonic()
    yield
    timings[name] = time.monotonic() - begun


def clean_up() -> None:
    """Remove what the scenes made; the endpoint stays."""
    cloudwatch.delete_alarms(AlarmNames=list(ALARMS))
    target = {"ServiceNamespace": "sagemaker", "ResourceId": VARIANT, "ScalableDimension": DIMENSION}
    registered = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[VARIANT])
    if registered["ScalableTargets"]:
        scaling.deregister_scalable_target(**target)


def tell(text: str) -> None:
    """Say it at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
