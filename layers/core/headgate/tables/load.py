# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""From plain files to the table `data`: columns c0, c1, ... as DOUBLE or VARCHAR, and `h`, the hash of the whole row.

A column is a number if every value of the whole file is one. The beginning of a CSV file only says what to try first:
when a later value contradicts, everything is read again as text and decided by counting.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import duckdb

from headgate.domain.checks import check_names
from headgate.domain.columns import MISSING
from headgate.domain.decimals import GROUPED
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.header import no_header
from headgate.domain.reasons import Reason
from headgate.tables import dialect
from headgate.tables.engine import Engine, Shape, literal, quoted
from headgate.tables.intake import MAX_LINE_BYTES, Format

MAX_CELLS = 1_000_000_000
_BUFFER_BYTES = 4 * 1024**2
_PARQUET_WHOLE_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
_PARQUET_NUMBERS = re.compile(rf"({_PARQUET_WHOLE_NUMBERS.pattern}|FLOAT|DOUBLE|DECIMAL\(.*\))")
_PARQUET_TEXTS = re.compile(r"(VARCHAR|ENUM\(.*\)|UUID|TIME)")
_PARQUET_TIMES = re.compile(r"(DATE|TIMESTAMP.*)")
_PARQUET_KINDS = (_PARQUET_NUMBERS, _PARQUET_TEXTS, _PARQUET_TIMES)
_LINES_LOOKED_UP = 3
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_WIDTHS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_REFUSALS = (
    (
        "unterminated quote",
        Reason.UNBALANCED_QUOTES,
        'A quoted value that begins on line {line} does not end, or goes on behind its end. Write " inside of a value '
        'as "".',
    ),
    ("Maximum line size", Reason.ROW_TOO_LONG, "Line {line} is longer than 32 KB. Leave such texts out."),
    ("not utf-8 encoded", Reason.NOT_UTF8, "Line {line} is not UTF-8. Export the table as UTF-8."),
)
"""By the words of DuckDB, which has one exception for all of them; tests hold every one of them to its file."""


Storage = Literal["number", "text"]
Alike = Sequence[tuple[Sequence[Path], dialect.Dialect]]
"""Files of a table by how they are written."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A column of the table `data`: its name in the upload, how it is stored, and what kept it from being a number.

    Points stand between `thousands` in a column of numbers; in one that is `mixed` some do, which makes it text.
    """

    name: str
    storage: Storage
    numbers_among: int = 0
    first_text_line: int | None = None
    thousands: bool = False
    mixed: bool = False


def load(
    engine: Engine,
    files: Sequence[Path],
    kind: Format,
    *,
    as_text: Collection[str] = (),
    codes: Collection[str] = (),
) -> list[Loaded]:
    """Create the table `data` from files of one format that have the same columns.

    Args:
        engine: where the table goes.
        files: what `intake.save` wrote.
        kind: the format of all of them.
        as_text: columns that stay text though they hold numbers.
        codes: columns that were text before and are text again, unless a file says that they are decimal numbers: how
            those would be written as text, nobody can tell.

    Raises:
        DatasetRefusedError: for every way in which the files are no table.
    """
    try:
        if kind is Format.CSV:
            return _load_csv(engine, files, {*as_text, *codes})
        if kind is Format.JSON_LINES:
            return _load_json(engine, files, as_text, codes)
        return _load_parquet(engine, files, as_text, codes)
    except duckdb.Error as error:
        line = re.search(r"in line (\d+)", str(error)) if kind is Format.JSON_LINES else None
        place = f" Look at line {line[1]}." if line else ""
        raise DatasetRefusedError(
            Reason.UNREADABLE, f"The file cannot be read as {kind}.{place} Write it anew and upload it again."
        ) from None


def _load_csv(engine: Engine, files: Sequence[Path], as_text: Collection[str]) -> list[Loaded]:
    dialects = [dialect.detect(_head(path)) for path in files]
    first = dialects[0]
    if not all(each.named for each in dialects):
        raise no_header()
    check_names(first.names)
    if any(other.names != first.names for other in dialects[1:]):
        raise _parts_differ()
    alike = _alike(files, dialects)
    engine.expect(_shape(files, len(first.names)))
    numbers = [
        name not in as_text and all(each.numbers[index] for each in dialects) for index, name in enumerate(first.names)
    ]
    expected = sorted({form for each in dialects for form in each.missing})
    try:
        _create(engine, [f"c{i}" for i in range(len(numbers))], _read_csv(alike, numbers, expected))
        if not _holds_missing(engine, [f"c{i}" for i, number in enumerate(numbers) if not number]):
            kinds: list[Storage] = ["number" if number else "text" for number in numbers]
            return [Loaded(name, kind) for name, kind in zip(first.names, kinds, strict=True)]
        engine.forget("data")
    except duckdb.Error:
        pass  # the same error comes again, at the first line that has it
    with engine.one_thread():
        return _load_csv_by_counting(engine, alike, as_text)


def _alike(files: Sequence[Path], dialects: Sequence[dialect.Dialect]) -> Alike:
    """Files by their delimiter: a table is exported now by one program, now by another.

    Where one of those with the same delimiter shows decimal commas, all have them: others show none at their beginning.
    """
    by_delimiter: dict[str, list[tuple[Path, dialect.Dialect]]] = {}
    for path, form in zip(files, dialects, strict=True):
        by_delimiter.setdefault(form.delimiter, []).append((path, form))
    return [
        ([path for path, _ in members], max((form for _, form in members), key=lambda form: form.decimal == ","))
        for members in by_delimiter.values()
    ]


def _holds_missing(engine: Engine, texts: Sequence[str]) -> bool:
    """Whether a text still stands for a missing value: in a form that the beginning did not show, or among blanks."""
    forms = ", ".join(map(literal, MISSING))
    condition = " OR ".join(f"trim({text}) IN ({forms})" for text in texts)
    return bool(texts) and bool(engine.row(f"SELECT count(*) FROM data WHERE {condition}")[0])


def _load_csv_by_counting(engine: Engine, alike: Alike, as_text: Collection[str]) -> list[Loaded]:
    form = alike[0][1]
    width = len(form.names)
    texts = ", ".join(f"{_text(f'c{i}')} AS c{i}" for i in range(width))
    try:
        engine.keep("texts", f"SELECT {texts}, comma FROM {_read_csv(alike, [False] * width)}")
    except duckdb.Error as error:
        raise _no_csv(str(error)) from None
    commas = {each.decimal == "," for _, each in alike}
    numbers = [_number(f"c{i}", commas) for i in range(width)]
    facts = [f"count(c{i}), count({number}), {', '.join(_points(f'c{i}', commas))}" for i, number in enumerate(numbers)]
    counts = iter(engine.row(f"SELECT {', '.join(facts)} FROM texts"))
    loaded: list[Loaded] = []
    for i, name in enumerate(form.names):
        filled, castable, pointed, grouped = islice(counts, 4)
        if castable == filled and name not in as_text:
            mixed = 0 < grouped < pointed
            loaded.append(Loaded(name, "text" if mixed else "number", thousands=0 < grouped == pointed, mixed=mixed))
            continue
        looked_up = sum(column.first_text_line is not None for column in loaded) < _LINES_LOOKED_UP
        mostly = looked_up and form.numbers[i] and name not in as_text
        line = _first_text_line(engine, alike, i) if mostly else None
        loaded.append(Loaded(name, "text", 0 if name in as_text else castable, line))
    typed = [numbers[i] if column.storage == "number" else f"c{i}" for i, column in enumerate(loaded)]
    _create(engine, typed, "texts")
    engine.forget("texts")
    return loaded


def _first_text_line(engine: Engine, alike: Alike, index: int) -> int | None:
    only = [i == index for i in range(len(alike[0][1].names))]
    try:
        engine.row(f"SELECT count(c{index}) FROM {_read_csv(alike, only)}")
    except duckdb.Error as error:
        found = _LINE.search(str(error))
        return int(found[1]) if found else None
    return None


def _no_csv(words: str) -> DatasetRefusedError:
    """What a CSV file is refused for, by the words of DuckDB; they quote rows, so that only numbers are taken."""
    found = _LINE.search(words)
    line = found[1] if found else "?"
    if widths := _WIDTHS.search(words):
        if int(widths[2]) < int(widths[1]):
            sentence = f"Line {line} has fewer values than there are column names. Fill up the row, or leave it out."
        else:
            sentence = f"Line {line} has more values than there are column names. Quote values that hold the delimiter."
        return DatasetRefusedError(Reason.RAGGED_ROWS, sentence)
    for phrase, reason, sentence in _REFUSALS:
        if phrase in words:
            return DatasetRefusedError(reason, sentence.format(line=line))
    return DatasetRefusedError(
        Reason.UNREADABLE, "The file cannot be read as CSV: its rows do not end in one way. Export it anew."
    )


def _read_csv(alike: Alike, numbers: Sequence[bool], missing: Sequence[str] = MISSING) -> str:
    """All files as one table, with `comma`: whether the row's file has decimal commas."""
    reads = (
        f"SELECT *, {form.decimal == ','} AS comma FROM {_reader(files, form, numbers, missing)}"
        for files, form in alike
    )
    return f"({' UNION ALL '.join(reads)})"


def _reader(files: Sequence[Path], form: dialect.Dialect, numbers: Sequence[bool], missing: Sequence[str]) -> str:
    types = ", ".join(f"c{i}: '{'DOUBLE' if number else 'VARCHAR'}'" for i, number in enumerate(numbers))
    options = [
        literal(files),
        f"columns = {{{types}}}",
        "auto_detect = false, header = true, strict_mode = true, null_padding = false",
        f"delim = {literal(form.delimiter)}, quote = '\"', escape = '\"'",
        f"decimal_separator = {literal(form.decimal)}",
        f"nullstr = {literal(missing)}",
        f"max_line_size = {MAX_LINE_BYTES}, buffer_size = {_BUFFER_BYTES}",
    ]
    return f"read_csv({', '.join(options)})"


def _load_json(engine: Engine, files: Sequence[Path], as_text: Collection[str], codes: Collection[str]) -> list[Loaded]:
    source = (
        f"read_json({literal(files)}, format = 'newline_delimited', records = 'true', sample_size = -1, "
        f"maximum_depth = 1, maximum_object_size = {2 * MAX_LINE_BYTES}, union_by_name = true)"
    )
    names = [row[0] for row in engine.rows(f"DESCRIBE SELECT * FROM {source}")]
    check_names(names)
    engine.expect(_shape(files, len(names)))
    values = ", ".join(f"nullif({quoted(name)}, 'null'::JSON) AS c{i}" for i, name in enumerate(names))
    engine.keep("documents", f"SELECT {values} FROM {source}")
    loaded, expressions = [], []
    for i, name in enumerate(names):
        kinds = {row[0] for row in engine.rows(f"SELECT DISTINCT json_type(c{i}) FROM documents")}
        if kinds & {"OBJECT", "ARRAY"}:
            raise _nested(name)
        texts = as_text if "DOUBLE" in kinds else {*as_text, *codes}
        number = kinds <= {None, "UBIGINT", "BIGINT", "DOUBLE"} and name not in texts
        loaded.append(Loaded(name, "number" if number else "text"))
        expressions.append(f"c{i}::DOUBLE" if number else _text(f"c{i} ->> '$'"))
    _create(engine, expressions, "documents")
    engine.forget("documents")
    return loaded


def _load_parquet(
    engine: Engine, files: Sequence[Path], as_text: Collection[str], codes: Collection[str]
) -> list[Loaded]:
    source = f"read_parquet({literal(files)}, union_by_name = true)"
    kinds = [_parquet_kinds(engine, f"read_parquet({literal(path)})") for path in files]
    if any(other != kinds[0] for other in kinds[1:]):
        raise _parts_differ()
    check_names(list(kinds[0]))
    types = _parquet_types(engine, source)
    rows, size = engine.row(
        "SELECT sum(row_group_num_rows) FILTER (column_id = 0), sum(total_uncompressed_size) "
        f"FROM parquet_metadata({literal(files)})"
    )
    rows = int(rows or 0)
    if rows * len(types) > MAX_CELLS:
        raise DatasetRefusedError(
            Reason.TOO_LARGE, f"The file has more than {MAX_CELLS:,} values. Train on a sample of its rows."
        )
    loaded, expressions = [], []
    for name, kind in types.items():
        texts = {*as_text, *codes} if _PARQUET_WHOLE_NUMBERS.fullmatch(kind) else as_text
        number = bool(_PARQUET_NUMBERS.fullmatch(kind)) and name not in texts
        loaded.append(Loaded(name, "number" if number else "text"))
        expressions.append(_from_parquet(name, kind, number=number))
    row_bytes = max(8 * len(types), int(size or 0) // max(1, rows))
    engine.expect(Shape(len(types), row_bytes))
    _create(engine, expressions, source)
    return loaded


def _parquet_types(engine: Engine, source: str) -> dict[str, str]:
    return {row[0]: row[1] for row in engine.rows(f"DESCRIBE SELECT * FROM {source}")}


def _parquet_kinds(engine: Engine, source: str) -> dict[str, str]:
    """Types as far as they matter: programs write a column as whole numbers, and as others once a value is missing."""
    return {
        name: next((form.pattern for form in _PARQUET_KINDS if form.fullmatch(kind)), kind)
        for name, kind in _parquet_types(engine, source).items()
    }


def _from_parquet(name: str, kind: str, *, number: bool) -> str:
    column = quoted(name)
    if number:
        return f"{column}::DOUBLE"
    if _PARQUET_NUMBERS.fullmatch(kind) or kind == "BOOLEAN":
        return f"{column}::VARCHAR"
    if _PARQUET_TIMES.fullmatch(kind):
        return f"strftime({column}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S')"
    if _PARQUET_TEXTS.fullmatch(kind):
        return _text(f"{column}::VARCHAR")
    raise _nested(name)


def _shape(files: Sequence[Path], columns: int) -> Shape:
    beginnings = [_head(path) for path in files[:10]]
    line_bytes = sum(map(len, beginnings)) // max(1, sum(head.count(b"\n") for head in beginnings))
    return Shape(columns, max(8 * columns, line_bytes))


def _create(engine: Engine, expressions: Sequence[str], source: str) -> None:
    columns = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))
    everything = ", ".join(f"c{i}" for i in range(len(expressions)))
    engine.keep("data", f"SELECT *, hash({everything}) AS h FROM (SELECT {columns} FROM {source})")


def _text(expression: str) -> str:
    """Text as it stands, but null for what stands for a missing value, with blanks around it or not."""
    return f"CASE WHEN trim({expression}) NOT IN ({', '.join(map(literal, MISSING))}) THEN {expression} END"


def _number(expression: str, commas: Collection[bool]) -> str:
    """SQL for the number that a text is, or null; `commas`: whether files have decimal commas, of some, all or none."""
    plain = f"TRY_CAST({expression} AS DOUBLE)"
    if True not in commas:
        return plain
    bare = f"CASE WHEN {_is_grouped(expression)} THEN replace({expression}, '.', '') ELSE {expression} END"
    with_comma = f"TRY_CAST(replace({bare}, ',', '.') AS DOUBLE)"
    return f"CASE WHEN comma THEN {with_comma} ELSE {plain} END" if False in commas else with_comma


def _points(expression: str, commas: Collection[bool]) -> tuple[str, str]:
    """SQL for how many texts with decimal commas have a point, and in how many all of them stand between thousands."""
    if True not in commas:
        return "0", "0"
    return (f"count_if(comma AND contains({expression}, '.'))", f"count_if(comma AND {_is_grouped(expression)})")


def _is_grouped(expression: str) -> str:
    return f"regexp_full_match(trim({expression}), {literal(GROUPED)})"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(dialect.HEAD_BYTES)


def _parts_differ() -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.PARTS_DIFFER,
        "The parts of the dataset have different columns, or columns of different types. Give every part the same "
        "columns in the same order.",
    )


def _nested(name: str) -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.UNSUPPORTED_FORMAT,
        f"Column {name} holds lists, objects or bytes. Write numbers, text, true, false or dates, or leave it out.",
    )
