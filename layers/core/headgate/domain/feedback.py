"""Labels that come later: what the answers of an endpoint should have been.

A file is CSV with a first line that names the columns `id` and `label`, or JSON Lines of objects with these keys; other
columns are let be. An id is a row's name (`domain/captures.py`). Labels may come late and again: the one that came last
counts, which is the newer file's, and within a file the later line's. In an A/B test the one that
came first counts (`domain/contest.py`).
"""

import csv
import io
import json
import math
import re
import statistics
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TextIO

from headgate.domain.captures import LONGEST_ID, Answered, row_of
from headgate.domain.errors import FeedbackError

Row = tuple[str, int]
"""The inference id of a request, and the number of the row in it."""
LARGEST = 64 * 1024**2
"""Bytes of a file of labels, at most."""
_ID, _LABEL = "id", "label"
_DELIMITERS = (",", ";", "\t")
_IS_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*\{")


def read_labels(body: bytes, wanted: Container[Row] | None = None) -> dict[Row, str]:
    """The labels of a file; the last one of each row counts. Where rows are `wanted`, only theirs are kept.

    Raises:
        FeedbackError: when a line cannot be understood, or there is none.
    """
    return {row: label for row, label in labels_of(body) if wanted is None or row in wanted}


def labels_of(body: bytes) -> Iterator[tuple[Row, str]]:
    """The labels of a file line by line, as texts: of a large one nothing but itself is in memory.

    Raises:
        FeedbackError: when a line cannot be understood, or there is none; lines before it were given by then.
    """
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="\n")
    named = _json_lines(text) if _IS_JSON.match(body) else _csv_lines(text)
    line = 0
    try:
        for line, name, told in named:
            yield _row(name, line), _label(told, line)
    except UnicodeDecodeError as error:
        raise FeedbackError("The labels are not UTF-8 text: save the file as UTF-8.") from error
    if not line:
        raise FeedbackError("There is no label in the file: it needs a line for each row, with its id and its label.")


def check_labels(labels: Mapping[Row, str], classes: Sequence[str] | None) -> None:
    """See that labels are what the model tells: one of its classes, or a number where `classes` is None.

    Raises:
        FeedbackError: when one is neither.
    """
    for (inference_id, number), label in labels.items():
        if could_be_told(label, classes):
            continue
        if classes is None:
            raise FeedbackError(f"The label of {inference_id}#{number} is no number: the model predicts an amount.")
        known = ", ".join(classes[:20])
        raise FeedbackError(f"The label of {inference_id}#{number} is none of the model's classes: {known}.")


def could_be_told(label: str, classes: Sequence[str] | None) -> bool:
    """Whether a label is one of the model's classes, or a number where `classes` is None."""
    return number_of(label) is not None if classes is None else label in classes


def number_of(label: str) -> float | None:
    """A label as a finite number, or None."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_wrong(answer: Answered, label: str, usual: float | None) -> bool | None:
    """Whether an answer was wrong: another class, or an amount that is off by more than `usual` (`usual_error`).

    None where nobody can say: the label is no amount, or nothing tells what is usual.
    """
    if answer.label is not None:
        return answer.label != label
    error = _error(answer, label)
    return None if error is None or usual is None else error > usual


def usual_error(labelled: Iterable[tuple[Answered, str]], least: int) -> float | None:
    """What amounts are off by as a rule: the median of at least so many errors, None of fewer."""
    errors = [error for answer, label in labelled if (error := _error(answer, label)) is not None]
    return statistics.median(errors) if len(errors) >= least else None


def _error(answer: Answered, label: str) -> float | None:
    truth = number_of(label)
    return None if truth is None or answer.value is None else abs(answer.value - truth)


def _json_lines(text: Iterable[str]) -> Iterator[tuple[int, Any, Any]]:
    for line, row in enumerate(text, start=1):
        if not row.strip():
            continue
        try:
            found = json.loads(row)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise FeedbackError(f"Line {line} is not a JSON object: write one with id and label in each line.")
        yield line, found.get(_ID), found.get(_LABEL)


def _csv_lines(text: TextIO) -> Iterator[tuple[int, Any, Any]]:
    first = text.readline()
    reader = csv.reader(chain([first], text), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if _ID not in names or _LABEL not in names:
            raise FeedbackError('The first line has to name the columns "id" and "label".')
        at = names.index(_ID), names.index(_LABEL)
        for cells in filter(None, reader):
            if len(cells) != len(names):
                said = f"Line {reader.line_num} has {len(cells)} values where the first line names {len(names)}."
                raise FeedbackError(said)
            yield reader.line_num, cells[at[0]], cells[at[1]]
    except csv.Error as error:
        raise FeedbackError(f"Line {reader.line_num} is not CSV: {error}.") from error


def _row(name: Any, line: int) -> Row:
    if not isinstance(name, str) or not name.strip():
        raise FeedbackError(f"Line {line} has no id: `headgate predict --json` tells the ids of its rows.")
    row = row_of(name.strip())
    if len(row[0]) > LONGEST_ID:
        raise FeedbackError(f"The id in line {line} is longer than the {LONGEST_ID} characters of an inference id.")
    return row


def _label(label: Any, line: int) -> str:
    if isinstance(label, bool):
        return "true" if label else "false"
    if isinstance(label, int | float):
        return str(label)
    if not isinstance(label, str) or not label.strip():
        raise FeedbackError(f"Line {line} has no label: leave rows out whose label is not known.")
    return label.strip()
