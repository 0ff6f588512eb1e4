"""Captured requests: what an endpoint was asked and answered is kept for a time, to be looked at afterwards.

A request is known by its inference id, which whoever asks may choose (`InferenceId` of InvokeEndpoint), and each of its
rows by that and its place in the request. Labels that come later name rows so.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

PROBE = "headgate-probe-"
"""What the inference ids of our own requests begin with: nobody's requests, so nobody counts them."""
LONGEST_ID = 64
"""Characters of an inference id, at most, as on AWS."""


@dataclass(frozen=True, slots=True)
class Capture:
    """How much of an endpoint's requests is kept, where (`s3://...`), and under which key (its ARN)."""

    percent: int
    place: str
    key: str


def is_probe(inference_id: str | None) -> bool:
    """Whether a request was one of our own."""
    return inference_id is not None and inference_id.startswith(PROBE)


def row_id(inference_id: str, number: int) -> str:
    """The name of a row of a request; `number` counts from 1."""
    return f"{inference_id}#{number}"


def row_of(name: str) -> tuple[str, int]:
    """The request and the number of the row that a name means; without a number it is the first row."""
    inference_id, mark, number = name.rpartition("#")
    if mark and number.isascii() and number.isdigit() and int(number) > 0:
        return inference_id, int(number)
    return name, 1


@dataclass(frozen=True, slots=True)
class Answered:
    """A row of a captured request with its answer (`label`, or `value`).

    `inference_id` is None where the client chose none; `moment` is when it was asked, as SageMaker writes times;
    `asked` is the same for requests that asked the same.
    """

    inference_id: str | None
    number: int
    moment: str
    asked: str
    answer: Mapping[str, Any]

    @property
    def label(self) -> str | None:
        """The class that was told, None of an amount."""
        return self.answer.get("label")

    @property
    def value(self) -> float | None:
        """The amount that was told, None of a class."""
        return self.answer.get("value")


def rows_of(*answers: Iterable[Answered]) -> set[tuple[str, int]]:
    """The rows that were answered, as labels name them; those whose requests have no id nobody can name."""
    return {(each.inference_id, each.number) for each in chain(*answers) if each.inference_id is not None}


def answers_of(line: str | bytes) -> list[Answered]:
    """The rows of one captured request (a line of SageMaker's JSON Lines); none of what is damaged, or our own."""
    try:
        capture = json.loads(line)
        about = capture["eventMetadata"]
        inference_id = about.get("inferenceId")
        if is_probe(inference_id):
            return []
        predictions = json.loads(_body(capture["captureData"]["endpointOutput"]))["predictions"]
        asked = hashlib.blake2b(_body(capture["captureData"]["endpointInput"]).encode(), digest_size=12).hexdigest()
        moment = str(about["inferenceTime"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    rows = enumerate(predictions, start=1) if isinstance(predictions, list) else ()
    return [Answered(inference_id, number, moment, asked, row) for number, row in rows if isinstance(row, dict)]


def _body(part: Mapping[str, str]) -> str:
    return base64.b64decode(part["data"]).decode() if part.get("encoding") == "BASE64" else part["data"]
