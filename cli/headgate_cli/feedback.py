"""Sending labels: what the answers of an endpoint should have been, once it is known."""

import hashlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from headgate.domain.errors import FeedbackError
from headgate.domain.feedback import LARGEST, check_labels, read_labels
from headgate.domain.names import Project
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.runs import Artifacts, Records, RunRef


def send(cloud: Cloud, project: Project, file: Path, now: datetime) -> dict[str, Any]:
    """Put a file of labels where Headgate finds them, once it is seen to be one.

    Returns:
        `rows` that are labelled, and the `key` in the data bucket. The same file sent again is the same labels again.

    Raises:
        UsageError: when the file is none of labels, or they are not what the model predicts.
        CommandError: when nothing serves yet that could have answered.
    """
    champion = Records(cloud).ledger.head(project).champion
    spec = Artifacts(cloud).spec(RunRef(project, champion.dataset)) if champion else None
    if spec is None:
        raise CommandError(f"{project.endpoint} does not serve yet, so there is no answer to label.")
    body = _read(file)
    try:
        labels = read_labels(body)
        check_labels(labels, spec["classes"])
    except FeedbackError as error:
        raise UsageError(str(error)) from error
    key = f"{project.feedback}{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(body).hexdigest()[:10]}"
    cloud.client("s3").put_object(Bucket=cloud.data_bucket, Key=key, Body=body)
    return {"tenant": project.tenant, "project": project.name, "rows": len(labels), "key": key}


def _read(file: Path) -> bytes:
    if str(file) == "-":
        body = sys.stdin.buffer.read(LARGEST + 1)
    elif file.is_file():
        with file.open("rb") as opened:
            body = opened.read(LARGEST + 1)
    else:
        raise UsageError(f"There is no such file: {file}.")
    if len(body) > LARGEST:
        raise UsageError(f"The file is larger than {LARGEST // 1024**2} MB: send it in parts.")
    return body
