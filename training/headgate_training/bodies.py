"""The bodies of invocations: JSON, JSON Lines and CSV in, answers or a refusal out.

One code for both places that serve: the local instance, and the container of TensorFlow Serving (``inference``). So the
same body means the same on both, and what is refused is refused in the same words. Python alone, nothing else.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headgate_training.rows import RequestError, Row

Loads = Callable[[bytes], Any]
Answers = Callable[[Sequence[Row]], Sequence[Mapping[str, Any]]]


def loads(body: bytes) -> Any:
    """JSON as Python reads it, which takes NaN for a number; a ValueError for lone surrogates and deep nests, too."""
    try:
        value = json.loads(body)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError from None
    return value


def dumps(document: object) -> bytes:
    """Compact JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def respond(
    content_type: str,
    body: bytes,
    names: Sequence[str],
    answer: Answers,
    read_json: Loads = loads,
    write_json: Callable[[object], bytes] = dumps,
) -> tuple[int, bytes]:
    """The status and the JSON body for the body of an invocation of a model with columns of these names.

    ``answer`` gives one answer for each row and raises RequestError for rows that do not fit the columns. No content
    type means JSON, as in SageMaker's container. 400 tells what does not fit, 415 what content types there are.
    """
    kind = (content_type or "application/json").partition(";")[0].strip().lower()
    reader = _READERS.get(kind)
    if reader is None:
        return 415, refusal(f"Content type {content_type!r} is not one of: {', '.join(_READERS)}.")
    try:
        rows = reader(body, names, read_json)
        if not rows:
            return 400, refusal("The request holds no rows: give one value for each column.")
        return 200, write_json({"predictions": answer(rows)})
    except RequestError as error:
        return 400, refusal(str(error))
    except csv.Error as error:
        return 400, refusal(f"The request is not valid {kind}: {error}.")
    except ValueError:  # not JSON, not UTF-8
        return 400, refusal(f"The request is not valid {kind}.")


def refusal(message: str) -> bytes:
    """The body that tells why there is no answer."""
    return dumps({"error": message})


def _rows_of_json(body: bytes, _: Sequence[str], read_json: Loads) -> list[Row]:
    """TensorFlow Serving's row format (``instances``) or column format (``inputs``)."""
    request = read_json(body)
    if not isinstance(request, dict) or ("instances" not in request and "inputs" not in request):
        raise RequestError('The request needs "instances": a list of objects with one value for each column.')
    rows = request.get("instances")
    if rows is None:
        columns = request.get("inputs")
        if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
            raise RequestError('"inputs" must be an object with one list for each column.')
        if len({len(column) for column in columns.values()}) > 1:
            raise RequestError('The columns in "inputs" differ in length.')
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if not isinstance(rows, list):
        raise RequestError('"instances" must be a list.')
    return rows


def _rows_of_json_lines(body: bytes, _: Sequence[str], read_json: Loads) -> list[Row]:
    """One row in each line."""
    return [read_json(line) for line in body.splitlines() if line.strip()]


def _rows_of_csv(body: bytes, names: Sequence[str], _: Loads) -> list[Row]:
    """One row in each line, cells in the order of the model's columns, or of a first line that names them all."""
    lines = csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True)
    rows: list[Row] = []
    order, seen = names, 0
    for cells in filter(None, lines):
        if not seen and not rows and set(names) <= set(cells):
            order, seen = cells, 1
            if len(set(order)) < len(order):
                raise RequestError("The first line names a column twice.")
            continue
        if len(cells) != len(order):
            raise RequestError(f"Row {len(rows) + 1} has {len(cells)} cells, but there are {len(order)} columns.")
        rows.append(dict(zip(order, cells, strict=True)))
    return rows


_READERS: dict[str, Callable[[bytes, Sequence[str], Loads], list[Row]]] = {
    "application/json": _rows_of_json,
    "application/jsonlines": _rows_of_json_lines,
    "application/x-ndjson": _rows_of_json_lines,
    "text/csv": _rows_of_csv,
}
