# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""Captured requests, SageMaker's JSON Lines, as a table: a row for each row that was asked about, with its answer.

What a body means is what the models' reader of requests says (training/headgate_training/bodies.py); a test holds the
two together. DuckDB reads everything but CSV with quotes, which Python's own reader knows best.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from headgate.domain.captures import PROBE
from headgate.domain.observed import CaptureCounts
from headgate.domain.spec import SpecColumn
from headgate.tables.engine import Engine, Shape, literal, quoted

_LINE = {
    "captureData": "STRUCT(endpointInput STRUCT(observedContentType VARCHAR, data VARCHAR, encoding VARCHAR), "
    "endpointOutput STRUCT(data VARCHAR, encoding VARCHAR))",
    "eventMetadata": "STRUCT(eventId VARCHAR, inferenceId VARCHAR, inferenceTime VARCHAR)",
}
_KINDS = {
    "application/json": "json",
    "": "json",
    "application/jsonlines": "lines",
    "application/x-ndjson": "lines",
    "text/csv": "csv",
}
_ANSWERS = """try(json_transform(answer,
    '{"predictions": [{"label": "VARCHAR", "probabilities": ["DOUBLE"], "value": "DOUBLE"}]}')).predictions"""
_LONGEST_CELL = 32 * 1024**2  # a cell may be as long as a request
_HEAD_BYTES = 1024**2


def read_captures(engine: Engine, files: Sequence[Path], columns: Sequence[SpecColumn]) -> CaptureCounts:
    """Create the table `captured` from files of captured requests to a model with these columns.

    Its columns: `event` and `inference` (ids), `number` (of the row in its request, from 1), `moment`, the features
    `f0`, `f1`, ... as DOUBLE or VARCHAR, null where missing, and the answer: `label` and `probabilities`, or `value`.
    Requests of our own are left out; damaged captures are counted, never raised.

    Args:
        engine: where the table goes.
        files: in its directory, as SageMaker wrote them.
        columns: the model's, in the order of its spec.
    """
    readable, lost = _keep_lines(engine, files)
    engine.expect(Shape(len(columns) + 7, max(64, 16 * len(columns))))
    quoted_rows = engine.workdir / "csv.rows.jsonl"
    with quoted_rows.open("w", encoding="utf-8") as file:
        file.writelines(_rows_of_quoted(engine))
    json_rows = (_instances(columns), _inputs(columns), _json_lines(columns))
    engine.keep("captured", *json_rows, _plain_csv(columns), _quoted_csv(columns, quoted_rows))
    rows, requests = engine.row("SELECT count(*), count(*) FILTER (number = 1) FROM captured")
    probes = int(engine.row(f"SELECT count(*) FROM lines WHERE {_OURS}")[0])
    engine.forget("lines")
    quoted_rows.unlink()
    return CaptureCounts(rows, requests, probes, lost + readable - probes - requests)


_NO_LINES = "SELECT {}, NULL::TIMESTAMP AS moment WHERE false".format(
    ", ".join(f"NULL::VARCHAR AS {name}" for name in ("event", "inference", "kind", "body", "answer"))
)
_BARE = "ltrim(coalesce(body, ''), chr(65279))"
_CSV_BODY = f"replace({_BARE}, chr(13) || chr(10), chr(10))"
_IS_QUOTED = f"(contains({_CSV_BODY}, chr(34)) OR contains({_CSV_BODY}, chr(13)))"
"""Whether commas and ends of lines may mean something else; what is read as it stands takes a fifth of the time."""
_OURS = f"coalesce(starts_with(inference, {literal(PROBE)}), false)"


def _keep_lines(engine: Engine, files: Sequence[Path]) -> tuple[int, int]:
    """Keep all lines as `lines`, decoded; tell how many there are, and how many in files that nothing can read."""
    engine.expect(Shape(7, _line_bytes(files)))
    try:
        engine.keep("lines", _lines_of(files))
        return int(engine.row("SELECT count(*) FROM lines")[0]), 0
    except duckdb.Error:
        sound = [file for file in files if _is_readable(engine, file)]
    engine.keep("lines", _lines_of(sound) if sound else _NO_LINES)
    damaged = sum(_count_lines(file) for file in files if file not in sound)
    return int(engine.row("SELECT count(*) FROM lines")[0]), damaged


def _lines_of(files: Sequence[Path]) -> str:
    columns = ", ".join(f"{name}: {literal(kind)}" for name, kind in _LINE.items())
    asked, answered = "captureData.endpointInput", "captureData.endpointOutput"
    kinds = " ".join(f"WHEN {literal(name)} THEN {literal(kind)}" for name, kind in _KINDS.items())
    read = f"read_json({literal(files)}, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})"
    return (
        "SELECT eventMetadata.eventId AS event, eventMetadata.inferenceId AS inference, "
        "try_cast(eventMetadata.inferenceTime AS TIMESTAMP) AS moment, "
        f"CASE lower(trim(split_part(coalesce({asked}.observedContentType, ''), ';', 1))) {kinds} END AS kind, "
        f"{_decoded(asked)} AS body, {_decoded(answered)} AS answer "
        f"FROM {read}"
    )


def _decoded(part: str) -> str:
    return f"CASE {part}.encoding WHEN 'BASE64' THEN try(decode(from_base64({part}.data))) ELSE {part}.data END"


def _is_readable(engine: Engine, file: Path) -> bool:
    try:
        engine.row(f"SELECT count(body), count(answer) FROM ({_lines_of([file])})")
    except duckdb.Error:
        return False
    return True


_ABOUT = "event, inference, moment"
_ROW = f"{_ABOUT}, number"
_ANSWERED = "p.label AS label, p.probabilities AS probabilities, p.value AS value"


def _from(kind: str, extra: str, only: str = "true") -> str:
    where = f"kind = {literal(kind)} AND NOT {_OURS} AND {only}"
    return f"(SELECT {_ABOUT}, {extra}, {_ANSWERS} AS ps FROM lines WHERE {where})"


def _numbered(rows: str) -> str:
    return f"{_ABOUT}, unnest(range(1, len({rows}) + 1)) AS number, unnest(ps) AS p"


def _instances(columns: Sequence[SpecColumn]) -> str:
    form = json.dumps({"instances": [_types(columns)]})
    bodies = _from("json", f"try(json_transform(body, {literal(form)})).instances AS rows")
    apart = f"SELECT {_numbered('rows')}, unnest(rows) AS r FROM {bodies} WHERE len(rows) = len(ps)"
    return f"SELECT {_ROW}, {_cells(columns, 'r.{}')}, {_ANSWERED} FROM ({apart})"


def _inputs(columns: Sequence[SpecColumn]) -> str:
    lists = {column.name: [kind] for column, kind in zip(columns, _types(columns).values(), strict=True)}
    form = json.dumps({"instances": "JSON", "inputs": lists})
    bodies = _from("json", f"try(json_transform(body, {literal(form)})) AS t")
    first = f"t.inputs.{quoted(columns[0].name)}"
    cells = ", ".join(f"unnest(t.inputs.{quoted(column.name)}) AS c{at}" for at, column in enumerate(columns))
    where = f"(t.instances IS NULL OR t.instances::VARCHAR = 'null') AND len({first}) = len(ps)"
    apart = f"SELECT {_numbered(first)}, {cells} FROM {bodies} WHERE {where}"
    return f"SELECT {_ROW}, {_cells(columns, 'c{at}')}, {_ANSWERED} FROM ({apart})"


def _json_lines(columns: Sequence[SpecColumn]) -> str:
    rows = "list_filter(string_split(body, chr(10)), lambda line: trim(line, ' \t\r') <> '') AS rows"
    apart = f"SELECT {_numbered('rows')}, unnest(rows) AS line FROM {_from('lines', rows)} WHERE len(rows) = len(ps)"
    form = literal(json.dumps(_types(columns)))
    parsed = f"SELECT * EXCLUDE line, try(json_transform(line, {form})) AS r FROM ({apart})"
    return f"SELECT {_ROW}, {_cells(columns, 'r.{}')}, {_ANSWERED} FROM ({parsed})"


def _plain_csv(columns: Sequence[SpecColumn]) -> str:
    lines = f"list_filter(string_split({_CSV_BODY}, chr(10)), lambda line: line <> '')"
    split = f"list_transform({lines}, lambda line: string_split(line, ',')) AS rows"
    return _csv(columns, _from("csv", split, f"NOT {_IS_QUOTED}"))


def _quoted_csv(columns: Sequence[SpecColumn], rows: Path) -> str:
    form = "{event: 'VARCHAR', inference: 'VARCHAR', moment: 'TIMESTAMP', rows: 'VARCHAR[][]', answer: 'VARCHAR'}"
    read = f"read_json({literal(rows)}, format = 'newline_delimited', columns = {form})"
    return _csv(columns, f"(SELECT {_ABOUT}, rows, {_ANSWERS} AS ps FROM {read})")


def _csv(columns: Sequence[SpecColumn], bodies: str) -> str:
    names = literal([column.name for column in columns])
    named = f"SELECT *, coalesce(list_has_all(rows[1], {names}), false) AS named FROM {bodies}"
    places = f"CASE WHEN named THEN list_transform({names}, lambda name: list_position(rows[1], name)) END AS places"
    sized = (
        f"SELECT {_ABOUT}, ps, {places}, CASE WHEN named THEN len(rows[1]) ELSE {len(columns)} END AS width, "
        f"CASE WHEN named THEN rows[2:] ELSE rows END AS rows FROM ({named})"
    )
    fits = "len(rows) = len(ps) AND len(list_filter(rows, lambda row: len(row) <> width)) = 0"
    apart = f"SELECT {_numbered('rows')}, places, unnest(rows) AS r FROM ({sized}) WHERE {fits}"
    cells = ", ".join(_csv_cell(column, at) for at, column in enumerate(columns))
    return f"SELECT {_ROW}, {cells}, {_ANSWERED} FROM ({apart})"


def _csv_cell(column: SpecColumn, at: int) -> str:
    cell = f"r[coalesce(places[{at + 1}], {at + 1})]"
    return f"{_value(column, f'try_cast({cell} AS DOUBLE)' if column.kind == 'numeric' else cell)} AS f{at}"


def _types(columns: Sequence[SpecColumn]) -> dict[str, str]:
    return {column.name: "DOUBLE" if column.kind == "numeric" else "VARCHAR" for column in columns}


def _cells(columns: Sequence[SpecColumn], form: str) -> str:
    """The features by their numbers."""
    cells = ((column, form.format(quoted(column.name), at=at)) for at, column in enumerate(columns))
    return ", ".join(f"{_value(column, cell)} AS f{at}" for at, (column, cell) in enumerate(cells))


def _value(column: SpecColumn, cell: str) -> str:
    """What a cell means: NaN and "" stand for missing, and truth values may have capitals, as in requests."""
    if column.kind == "boolean":
        cell = f"lower({cell})"
    missing = "'NaN'::DOUBLE" if column.kind == "numeric" else "''"
    return f"nullif({cell}, {missing})"


def _rows_of_quoted(engine: Engine) -> Iterator[str]:
    """The CSV bodies with quotes as JSON Lines of their rows, but for damaged ones."""
    csv.field_size_limit(_LONGEST_CELL)
    asked = f"kind = 'csv' AND {_IS_QUOTED} AND NOT {_OURS}"
    query = f"SELECT event, inference, moment::VARCHAR, {_BARE}, answer FROM lines WHERE {asked}"
    for event, inference, moment, body, answer in engine.stream(query):
        try:
            rows = list(filter(None, csv.reader(io.StringIO(body), strict=True)))
        except csv.Error:
            continue
        about = {"event": event, "inference": inference, "moment": moment}
        yield json.dumps(about | {"rows": rows, "answer": answer}) + "\n"


def _line_bytes(files: Sequence[Path]) -> int:
    heads = [_head(file) for file in files[:10]]
    return max(256, sum(map(len, heads)) // max(1, sum(head.count(b"\n") for head in heads)))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_HEAD_BYTES), b""))
