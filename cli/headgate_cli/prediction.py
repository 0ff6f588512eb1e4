"""Asking a project's endpoint: rows in, one answer for each row in the same order."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from headgate.aws.errors import code_of
from headgate.domain.captures import row_id
from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.history import next_rows
from headgate_cli.rows import Instances, Row, batches
from headgate_cli.runs import Artifacts, Records, RunRef

LARGEST = 5_500_000
"""Bytes of rows in a request. SageMaker takes 25 MB by its developer guide (hosting FAQs), 6,291,456 bytes by the model
of its API; what is below both is taken everywhere, the envelope included."""
LARGEST_SERVERLESS = 3_900_000
"""The same of a serverless endpoint, which takes 4 MB (developer guide, serverless-endpoints-invoke)."""
_MOST_ROWS = 10_000  # the answer has a bound as well, and many classes make it longer than the question
Spec = Mapping[str, Any]
ENVELOPE = (b'{"instances":[', b"]}")


def predict(
    cloud: Cloud,
    project: Project,
    asked: Iterable[Row] | Callable[[Spec], Iterable[Row]],
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Ask the endpoint about every row; what makes rows for a model is given the model's spec.

    Returns:
        `endpoint`, `version`, `predictions`, for each row a `label` with `probabilities`, or a `value`, and `ids`, the
        name of each row, by which its label may come later.

    Raises:
        UsageError: when the rows do not fit the model.
        CommandError: when the project has no endpoint or it fails.
    """
    ledger = Records(cloud).ledger
    champion = ledger.head(project).champion
    spec = Artifacts(cloud).spec(RunRef(project, champion.dataset)) if champion else None
    if champion is None or spec is None:
        raise CommandError(
            f"{project.endpoint} does not serve: no version of {project.name} is in service. "
            f"`headgate runs --tenant {project.tenant} --project {project.name}` tells why."
        )
    release = ledger.release(project, champion.sequence)
    limit = LARGEST_SERVERLESS if release is not None and release.serverless is not None else LARGEST
    rows = asked(spec) if callable(asked) else asked
    if spec.get("forecast"):
        rows = next_rows(rows, spec["forecast"])
    encoded = _encoded(Instances(spec["columns"]), rows, note)
    predictions: list[Any] = []
    ids: list[str] = []
    for batch in batches(encoded, limit, _MOST_ROWS):
        inference_id = uuid.uuid4().hex
        predictions += _invoke(cloud, project, batch, len(predictions), inference_id)
        ids += [row_id(inference_id, number) for number in range(1, len(batch) + 1)]
    if not predictions:
        raise UsageError("There is nothing to predict: no row was given.")
    return {"endpoint": project.endpoint, "version": champion.version, "predictions": predictions, "ids": ids}


def _encoded(instances: Instances, rows: Iterable[Row], note: Callable[[str], None]) -> Iterator[bytes]:
    for number, row in enumerate(rows, start=1):
        if number == 1 and (unused := instances.unused(row)):
            note(f"Not used by the model: {', '.join(unused)}.")
        yield json.dumps(instances.instance(number, row), separators=(",", ":")).encode()


def _invoke(cloud: Cloud, project: Project, batch: list[bytes], before: int, inference_id: str) -> list[Any]:
    body = b",".join(batch).join(ENVELOPE)
    try:
        response = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=project.endpoint, ContentType="application/json", InferenceId=inference_id, Body=body
        )
    except ClientError as error:
        if code_of(error) == "ValidationError" and "not found" in str(error):
            raise CommandError(gone(project)) from error
        if code_of(error) != "ModelError":
            raise
        # The container's own answer travels inside SageMaker's error.
        status, said = int(error.response.get("OriginalStatusCode", 500)), error.response.get("OriginalMessage", "")
        sentence = _sentence(said) or "The endpoint gave no reason."
        if before:
            sentence += f" (It counts the rows after row {before}.)"
        raise (UsageError(sentence) if 400 <= status < 500 else CommandError(sentence)) from error
    predictions = json.loads(response["Body"].read())["predictions"]
    if len(predictions) != len(batch):
        raise CommandError(f"The endpoint gave {len(predictions)} answers to {len(batch)} rows.")
    return list(predictions)


def gone(project: Project) -> str:
    """What is said where a version serves by the ledger, and the endpoint is not there."""
    return (
        f"A version of {project.name} serves by the ledger, but there is no endpoint {project.endpoint}: "
        "docs/runbooks/endpoint-gone.md says how it comes back."
    )


def _sentence(body: str) -> str:
    """The sentence in an endpoint's error body, which TensorFlow Serving wraps as {"error": ...}."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return str(document.get("error", body)) if isinstance(document, dict) else body
