"""What a run was, told to an MLflow server where the deployment names one.

Told after the evaluation, in its container: SageMaker's image has MLflow, the functions' layer has not, and here the
training's own record and the evaluation lie side by side. The server is other people's: without it, or when it does
not answer, the job goes on with a line in its log.
"""

import json
import math
import os
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

KEY = "headgate.run"
"""The tag by which the one MLflow run of a run of ours is found again."""
IMPATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""Seconds for an answer, and how often to ask again; MLflow's own patience is two minutes, seven times."""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true"}
"""The server is told, and nobody else."""
METRICS_AT_ONCE = 1000
"""MLflow's bound on metrics of one request."""


def tell(root: Path, uri: str) -> bool:
    """Tell the tracking server at ``uri`` of the run whose card is ``root/output/card.json``; False if not.

    A run is one MLflow run of the experiment ``headgate/<tenant>/<project>``: one that is finished is left alone, one
    that was left half told is told again.
    """
    for name, value in (IMPATIENT | QUIET).items():
        os.environ.setdefault(name, value)
    try:
        _tell(json.loads((root / "output" / "card.json").read_text(encoding="utf-8")), uri)
    except Exception as error:  # a server, a network and a package of others: nothing of theirs may fail the job
        # The words of such an error may hold the address, and an address may hold a password.
        sys.stdout.write(f"warning: MLflow was not told of this run: {type(error).__name__}\n")
        return False
    return True


def _tell(card: Mapping[str, Any], uri: str) -> None:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    identity, client = card["identity"], MlflowClient(tracking_uri=uri)
    name = f"headgate/{identity['tenant']}/{identity['project']}"
    experiment = client.get_experiment_by_name(name)
    place = experiment.experiment_id if experiment else client.create_experiment(name)
    found = client.search_runs([place], f"tags.`{KEY}` = '{identity['run']}'", max_results=1)
    run = found[0] if found else client.create_run(place, tags=tags_of(card), run_name=identity["run"])
    if run.info.status == "FINISHED":
        return
    # Every value at the run's own start: what is told twice is then the same to MLflow, too.
    start = run.info.start_time
    client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in parameters_of(card).items()])
    metrics = [Metric(key, value, start, step) for key, value, step in metrics_of(card)]
    for first in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run.info.run_id, metrics=metrics[first : first + METRICS_AT_ONCE])
    client.set_terminated(run.info.run_id)


def tags_of(card: Mapping[str, Any]) -> dict[str, str]:
    """Who the run was: its names, and the identity of data, code and versions, as far as they are known."""
    identity, training = card["identity"], card["training"]
    known = {name: identity.get(name) for name in ("tenant", "project", "run", "dataset", "holdout", "champion")}
    known |= {name: training.get(name) for name in ("data_digest", "code_digest")}
    known |= {f"version.{name}": version for name, version in (training.get("versions") or {}).items()}
    return {f"headgate.{name}": str(value) for name, value in known.items() if value is not None}


def parameters_of(card: Mapping[str, Any]) -> dict[str, str]:
    """The settings as they were used, and the task."""
    task = {name: card["spec"].get(name) for name in ("task", "metric", "direction")}
    return {name: str(value) for name, value in (task | (card["training"].get("settings") or {})).items()}


def metrics_of(card: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """Name, value and step (epoch, from 1; 0 for the run as a whole) of everything that was measured and is finite."""
    training, evaluation = card["training"], card["evaluation"]
    whole: dict[str, Any] = {name: training.get(name) for name in ("epochs", "best_epoch", "parameters", "workers")}
    whole |= _under("seconds", training.get("seconds"))
    whole |= _under("rows", training.get("rows")) | {"rows.holdout": evaluation.get("rows")}
    for part in ("challenger", "champion", "trivial", "difference", "trivial_difference"):
        whole |= _under(part, evaluation.get(part))
    epochs = (
        (name, value, step)
        for step, told in enumerate(training.get("history") or (), start=1)
        for name, value in told.items()
    )
    return [
        (name, float(value), step)
        for name, value, step in chain(((name, value, 0) for name, value in whole.items()), epochs)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def _under(name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in (values or {}).items()}
