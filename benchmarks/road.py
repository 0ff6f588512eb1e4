"""The road's overhead: from the upload to InService, beside a bare script that loads, fits and serves the same.

    python -m benchmarks.road [--json] [--rounds 5]

Both are warm: TensorFlow is imported before the clock starts, and every function has run once. The bare script
(`bare.py`) does what a person would do at a desk: read the file, fit the same Keras model with the same settings, start
an HTTP server, answer one request. It validates, exports, compares and records nothing.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cloud import local_cloud
from headgate.domain.names import Part, Project, dataset_id, execution_arn
from headgate_local.card import Card

FILE = Path(__file__).resolve().parents[1] / "examples" / "healthcare_wdbc.csv"
PATIENCE_SECONDS = 120.0


def ours(cloud: Card, project: Project) -> dict[str, float]:
    """Seconds from the upload to InService, of them inside fit, and by stage of the state machine."""
    sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
    body = FILE.read_bytes()
    key = f"{project.incoming}data.csv"
    start = time.time()
    version = s3.put_object(Bucket=cloud.data_bucket, Key=key, Body=body)["VersionId"]
    run = project.run_id(dataset_id(cloud.data_bucket, [Part(key, version, len(body))]))
    # Looked at seldom, as the cloud's answers take the time of what is measured; the endpoint tells when it was.
    while (came := _in_service(sagemaker, project.endpoint)) is None:
        if time.time() - start > PATIENCE_SECONDS:
            raise TimeoutError(f"{run} did not come into service")
        time.sleep(0.2)
    whole = came - start
    written = f"{project.prefix}runs/{run}/training/{run}/output/output.tar.gz"
    packed = s3.get_object(Bucket=cloud.artifact_bucket, Key=written)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        metrics = json.load(archive.extractfile("metrics.json"))  # type: ignore[arg-type]
    return {"whole": whole, "fit": metrics["fit_seconds"], **_stages(cloud, run)}


def _in_service(sagemaker: Any, endpoint: str) -> float | None:
    """When it came into service, in seconds since 1970; None before."""
    found = sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    came = [each["LastModifiedTime"].timestamp() for each in found if each["EndpointName"] == endpoint]
    return came[0] if came else None


def _stages(cloud: Card, run: str) -> dict[str, float]:
    """Seconds in each Task state, and before the first one, from the execution's history."""
    stepfunctions, machine = cloud.client("stepfunctions"), cloud.output("TrainStateMachine")
    execution = execution_arn(machine, run)
    while stepfunctions.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.05)
    events = stepfunctions.get_execution_history(executionArn=execution, maxResults=500)["events"]
    stages, entered = {}, 0.0
    for event in events:
        if event["type"] == "TaskStateEntered":
            entered = event["timestamp"].timestamp()
        elif event["type"] == "TaskStateExited":
            stage = event["stateExitedEventDetails"]["name"].split()[0].lower()
            stages[stage] = event["timestamp"].timestamp() - entered
    return stages


def bare(spec: Path) -> dict[str, float]:
    """The same by a bare script, TensorFlow imported before its clock starts."""
    command = [sys.executable, str(Path(__file__).with_name("bare.py")), str(FILE), str(spec)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return told


def measure(rounds: int) -> dict[str, Any]:
    """Medians over rounds in which both take turns."""
    taken: dict[str, list[dict[str, float]]] = {"road": [], "bare": []}
    with local_cloud() as cloud, tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        ours(cloud, Project("bench", "warm-up"))
        [dataset] = _datasets(cloud, Project("bench", "warm-up"))
        body = cloud.client("s3").get_object(
            Bucket=cloud.artifact_bucket, Key=f"bench/warm-up/datasets/{dataset}/spec/spec.json"
        )
        spec.write_bytes(body["Body"].read())
        for number in range(rounds):
            taken["road"].append(ours(cloud, Project("bench", f"round-{number}")))
            taken["bare"].append(bare(spec))
    median = {
        side: {name: statistics.median(each[name] for each in values) for name in values[0]}
        for side, values in taken.items()
    }
    road, script = median["road"], median["bare"]
    return {
        **median,
        "road less fit, to bare": (road["whole"] - road["fit"]) / script["whole"],
        "road to bare": road["whole"] / script["whole"],
        "both less fit, seconds": {"road": road["whole"] - road["fit"], "bare": script["whole"] - script["fit"]},
    }


def _datasets(cloud: Card, project: Project) -> list[str]:
    prefix = f"{project.prefix}datasets/"
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.artifact_bucket, Prefix=prefix)["Contents"]
    return sorted({each["Key"].removeprefix(prefix).partition("/")[0] for each in listed})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    measured = measure(options.rounds)
    if options.json:
        print(json.dumps(measured))
        return
    for side in ("road", "bare"):
        print(f"{side:5}" + "  ".join(f"{name} {value:.2f} s" for name, value in measured[side].items()))
    print(f"road less fit, to bare: {measured['road less fit, to bare']:.2f} times (goal: at most 1.5)")
    print(f"road to bare: {measured['road to bare']:.2f} times")
    less = measured["both less fit, seconds"]
    print(f"both less fit: road {less['road']:.2f} s, bare {less['bare']:.2f} s")


if __name__ == "__main__":
    main()
