# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""Facts of every column of the table `data`, in as few scans as possible."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from headgate.domain.checks import order_of
from headgate.domain.columns import FEW_TEXTS, MAX_CATEGORIES, MAX_CLASSES, Measured, TargetValues
from headgate.tables.engine import Engine, literal
from headgate.tables.load import Loaded

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
EXACT_DISTINCT_ROWS = 100_000
_LISTED_ROWS = 2_048
"""Up to so many rows it takes less to list the values of a column than to prepare the hash tables that count them."""
_SAMPLE_ROWS = 20_000
_SAMPLE_BYTES = 32 * 1024**2
_COLUMNS_IN_ONE_SCAN = 50
_MOST_FREQUENT = 6  # as many values as true and false have ways to be written: True, TRUE, true
_MANY_DISTINCT = 0.8  # of all rows, by an estimate that may err by some per cent
_SHORT_PROSE = 8  # characters on average, below which texts have no three words
_TEXTS_READ = 2_000
WITHOUT_BLANKS = "\u3040-\u30ff\u3400-\u9fff"
"""Kana and ideographs: scripts that put no blanks between words. Training reads each of them as a word."""
DATETIME_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
)
"""Tried in this order, but for what is known of a column: where a day could also be a month, the month comes first."""


def count_rows(engine: Engine) -> int:
    """Rows of `data`."""
    return int(engine.row("SELECT count(*) FROM data")[0])


def drawn(share: float) -> str:
    """SQL for whether a row is in a sample of this share, which holds every smaller one.

    Rows are chosen by their hash, so that the same rows give the same sample in whatever order they come.
    """
    return "true" if share >= 1 else f"h < {int(2**64 * share)}::UBIGINT"


def sampled_holds(engine: Engine, rows: int, share: float) -> bool:
    """Whether a sample of this share can be taken from the table `sampled` instead of `data`, of so many rows."""
    return _sampled_whole(engine, rows) and min(1.0, share) <= _share_sampled(rows)


def measure(engine: Engine, columns: Sequence[Loaded], forms: Mapping[str, str] | None = None) -> list[Measured]:
    """Measure every column over all rows; quantiles come from a fixed sample of rows.

    Args:
        engine: holds the table `data`.
        columns: its columns.
        forms: how times are known to be written, by column: tried first, because a day may be a month as well.
    """
    rows, forms = count_rows(engine), forms or {}
    distinct = _distinct(engine, rows)
    numbers = ["h", *(f"c{i}" for i, column in enumerate(columns) if column.storage == "number")]
    kept = "*" if _sampled_whole(engine, rows) else ", ".join(numbers)
    engine.keep_sample("sampled", f"SELECT {kept} FROM data WHERE {drawn(_share_sampled(rows))}")
    numbered = iter(enumerate(columns))
    found: list[Measured] = []
    while chunk := list(islice(numbered, _COLUMNS_IN_ONE_SCAN)):
        known = iter(engine.row("SELECT " + ", ".join(_known(i) for i, _ in chunk) + " FROM data"))
        scanned = iter(engine.row("SELECT " + ", ".join(_scanned(i, c, distinct) for i, c in chunk) + " FROM data"))
        of_chunk = ", ".join(_quantiles(i, c) for i, c in chunk)
        quantiles = iter(engine.row(f"SELECT {of_chunk}, count(*) FROM sampled"))  # one row, also of texts alone
        for i, column in chunk:
            facts = (*islice(known, 3), *islice(scanned, 2))
            found.append(_measured(engine, i, column, rows, facts, next(quantiles), forms.get(column.name)))
    return found


def measure_target(engine: Engine, index: int, column: Measured) -> TargetValues:
    """How often the target has which value."""
    label = label_of(index, column)
    counts = engine.rows(
        f"SELECT {label} AS label, count(*) AS n FROM data WHERE c{index} IS NOT NULL "
        f"GROUP BY label ORDER BY n DESC, label LIMIT {MAX_CLASSES + 1}"
    )
    whole = column.storage == "number" and _whole_numbers(engine, index)
    return TargetValues(column.rows, column.missing, column.storage == "number", whole, tuple(counts))


def forms_to_try(known: str | None) -> Sequence[str]:
    """Forms of times in the order to try them: the one that is known, then those with its order of day and month."""
    if known is None:
        return DATETIME_FORMATS
    others = [form for form in DATETIME_FORMATS if form != known]
    return known, *sorted(others, key=lambda form: order_of(form) != order_of(known))


def label_of(index: int, column: Measured) -> str:
    """The target as the text of its class: whole numbers without a decimal point, truth values in lower case."""
    name = f"c{index}"
    if column.storage == "number":
        whole = f"{name} = floor({name}) AND abs({name}) < 1e15"
        return f"CASE WHEN {whole} THEN {name}::BIGINT::VARCHAR ELSE {name}::VARCHAR END"
    return f"lower({name})" if column.booleans else name


def _share_sampled(rows: int) -> float:
    return min(1.0, _SAMPLE_ROWS / rows) if rows else 1.0


def _sampled_whole(engine: Engine, rows: int) -> bool:
    """Whether the sample keeps texts as well: unless they are long, for a scan costs more than their memory."""
    return engine.shape.row_bytes * min(rows, _SAMPLE_ROWS) <= _SAMPLE_BYTES


def _distinct(engine: Engine, rows: int) -> str:
    """SQL that counts the different values of a column, to be formatted with its name; NULL is none of them."""
    if rows <= _LISTED_ROWS and _sampled_whole(engine, rows):
        return "coalesce(list_unique(list({0})), 0)"
    return "count(DISTINCT {0})" if rows <= EXACT_DISTINCT_ROWS else "approx_count_distinct({0})"


def _known(index: int) -> str:
    """What the typed file's own statistics answer, if nothing is asked along with it that takes a scan."""
    return "count({0}), min({0}), max({0})".format(f"c{index}")


def _scanned(index: int, column: Loaded, distinct: str) -> str:
    name = f"c{index}"
    return f"{distinct.format(name)}, " + (f"avg({name})" if column.storage == "number" else f"avg(length({name}))")


def _quantiles(index: int, column: Loaded) -> str:
    finite = f"FILTER (isfinite(c{index}))"
    return f"quantile_disc(c{index}, {literal(QUANTILES)}) {finite}" if column.storage == "number" else "NULL"


def _measured(
    engine: Engine,
    index: int,
    column: Loaded,
    rows: int,
    facts: Sequence[Any],
    quantiles: list[float] | None,
    form: str | None,
) -> Measured:
    count, low, high, distinct, mean = facts
    distinct = min(distinct, count)
    if count and (low == high) != (distinct == 1):
        distinct = 1 if low == high else max(2, distinct)  # where the estimate errs on what is known exactly
    if column.storage == "number":
        # A query for one column takes nearly as long as a scan of fifty: what is seen already rules most out.
        seen = [low, high, *(quantiles or [])]
        may_be_whole = all(value is None or not math.isfinite(value) or value == math.floor(value) for value in seen)
        key = may_be_whole and distinct >= _MANY_DISTINCT * rows and _whole_numbers(engine, index)
        return Measured(
            column.name,
            "number",
            rows,
            rows - count,
            _exactly_distinct(engine, index) if key else distinct,
            minimum=low,
            maximum=high,
            mean=mean if mean is not None and math.isfinite(mean) else None,
            quantiles=tuple(quantiles) if quantiles else None,
            whole_numbers=key,
            thousands=column.thousands,
        )
    if MAX_CATEGORIES / 2 < distinct < 2 * MAX_CATEGORIES:
        distinct = _exactly_distinct(engine, index)
    most_frequent = _most_frequent(engine, index) if distinct <= MAX_CATEGORIES else []
    prose = distinct > FEW_TEXTS and mean > _SHORT_PROSE
    may_be_times = count and all(_has_digit(value) for value, _ in most_frequent)
    return Measured(
        column.name,
        "text",
        rows,
        rows - count,
        distinct,
        booleans=0 < distinct <= _MOST_FREQUENT
        and all(value.lower() in ("true", "false") for value, _ in most_frequent),
        datetime_format=_datetime_format(engine, index, form) if may_be_times else None,
        mean_length=mean,
        mean_words=_mean_words(engine, index) if prose else None,
        most_frequent=tuple(n for _, n in most_frequent[:5]) if distinct <= MAX_CATEGORIES else None,
        numbers_among=column.numbers_among,
        first_text_line=column.first_text_line,
    )


def _most_frequent(engine: Engine, index: int) -> list[tuple[str, int]]:
    return engine.rows(
        f"SELECT c{index}, count(*) AS n FROM data WHERE c{index} IS NOT NULL GROUP BY c{index} "
        f"ORDER BY n DESC LIMIT {_MOST_FREQUENT}"
    )


def _mean_words(engine: Engine, index: int) -> float:
    """Words of a text on average, in a sample of rows: what stands between blanks, and each of WITHOUT_BLANKS."""
    apart = f"regexp_replace(c{index}, '[{WITHOUT_BLANKS}]', ' x ', 'g')"
    words = f"len(string_split_regex(trim({apart}), '\\s+'))"
    sample = f"SELECT c{index} FROM data WHERE c{index} IS NOT NULL ORDER BY h LIMIT {_TEXTS_READ}"
    return float(engine.row(f"SELECT avg({words}) FROM ({sample})")[0])


def _exactly_distinct(engine: Engine, index: int) -> int:
    return int(engine.row(f"SELECT count(DISTINCT c{index}) FROM data")[0])


def _whole_numbers(engine: Engine, index: int) -> bool:
    return bool(engine.row(f"SELECT coalesce(bool_and(c{index} = floor(c{index})), false) FROM data")[0])


def _datetime_format(engine: Engine, index: int, known: str | None) -> str | None:
    name, forms = f"c{index}", forms_to_try(known)
    # %Y takes two digits for a year of the first century.
    fits = [
        f"bool_and(coalesce(try_strptime({name}, {literal(form)})::TIMESTAMP >= TIMESTAMP '1000-01-01', false))"
        for form in forms
    ]
    # A few values rule out nearly every form, so that the whole column is parsed only where it may succeed.
    first = engine.rows(f"SELECT {name} FROM data WHERE {name} IS NOT NULL LIMIT 20")
    if not all(_has_digit(value) for (value,) in first):
        return None
    few = engine.row(f"SELECT {', '.join(fits)} FROM (SELECT {name} FROM data WHERE {name} IS NOT NULL LIMIT 20)")
    for form, fit, fits_few in zip(forms, fits, few, strict=True):
        if fits_few and engine.row(f"SELECT {fit} FROM data WHERE {name} IS NOT NULL")[0]:
            return form
    return None


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))
