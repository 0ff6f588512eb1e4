"""Rows of one data subject taken out of a file, with everything else of it as it was."""
# ruff: noqa: S608 - SQL here is made of names, paths and a value, as quoted identifiers and literals

import gzip
from pathlib import Path

import duckdb

from headgate.tables.engine import Limits, literal, opened, quoted

_LIMITS = Limits(memory_mb=1024, disk_gb=50, seconds=3600)


def without(source: Path, target: Path, column: str, value: str) -> int | None:
    """Write a table without the rows whose column has a value; both files lie in one directory of their own.

    Numbers are equal as numbers, everything else as text without spaces around it. CSV is written with commas and a
    header, Parquet and JSON Lines keep their types; what was compressed with gzip is so again.

    Returns:
        How many rows were left out; then `target` was written. 0 when there were none, None when the file is no table
        or has no such column.
    """
    with source.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with gzip.open(source) if zipped else source.open("rb") as file:
        begin = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")
    packed, compression = (", compression = 'gzip'", ", COMPRESSION gzip") if zipped else ("", "")
    if begin.startswith(b"PAR1"):
        table, form = f"read_parquet({literal(source)})", "FORMAT parquet"
    elif begin.startswith((b"{", b"[")):
        table, form = f"read_json({literal(source)}{packed})", f"FORMAT json{compression}"
    else:
        table = f"read_csv({literal(source)}, all_varchar = true, header = true{packed})"
        form = f"FORMAT csv, HEADER true{compression}"
    cell, wanted = quoted(column), literal(value.strip())
    same = (
        f"(trim(CAST({cell} AS VARCHAR)) = {wanted} OR "
        f"TRY_CAST({cell} AS DOUBLE) = TRY_CAST({wanted} AS DOUBLE)) IS TRUE"
    )
    with opened(source.parent, _LIMITS) as engine:
        try:
            names = {str(name) for name, *_ in engine.rows(f"DESCRIBE SELECT * FROM {table}")}
            if column not in names:
                return None
            (found,) = engine.row(f"SELECT count(*) FROM {table} WHERE {same}")
            if found:
                engine.rows(f"COPY (SELECT * FROM {table} WHERE NOT {same}) TO {literal(target)} ({form})")
        except duckdb.Error:
            return None
    return int(found)
