"""Captured requests: what an endpoint was asked and answered is kept for a time, to be looked at afterwards.

A request is known by its inference id, which whoever asks may choose (`InferenceId` of InvokeEndpoint), and each of its
rows by that and its place in the request. Labels that come later name rows so.
"""

from dataclasses import dataclass

PROBE = "headgate-probe-"
"""What the inference ids of our own requests begin with: nobody's requests, so nobody counts them."""
LONGEST_ID = 64
"""Characters of an inference id, at most, as on AWS."""


@dataclass(frozen=True, slots=True)
class Capture:
    """How much of an endpoint's requests is kept, and where (`s3://...`)."""

    percent: int
    place: str


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
