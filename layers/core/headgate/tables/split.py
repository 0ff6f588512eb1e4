# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""The three parts of a dataset, by a hash of what a row is: the same row lands in the same part in every dataset.

Within a part rows are in the order of their own hash. That mixes them whatever order they came in, and the same upload
gives the same files again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from headgate.tables.engine import Engine, literal, quoted

PARTS = {"train": (0, 65), "validation": (65, 80), "test": (80, 100)}
"""Each part's share of the hash, in hundredths: from, to."""


def bucket_of(identity: Sequence[str]) -> str:
    """SQL for the bucket of a row, 0 to 99, by the values that identify it.

    DuckDB's hash is part of the contract with every existing holdout: a test pins its values, and an upgrade that
    changes them must not be deployed without a migration.
    """
    return f"(hash({', '.join(identity)}) % 100)"


def count_parts(engine: Engine, identity: Sequence[str], label: str | None) -> dict[str, dict[str | None, int]]:
    """Rows of each part by class (by None when there are no classes)."""
    counts: dict[str, dict[str | None, int]] = {part: {} for part in PARTS}
    cases = " ".join(f"WHEN b < {end} THEN {literal(part)}" for part, (_, end) in PARTS.items())
    for part, value, rows in engine.rows(
        f"SELECT CASE {cases} END AS part, {label or 'NULL'} AS label, count(*) "
        f"FROM (SELECT *, {bucket_of(identity)} AS b FROM data) GROUP BY part, label"
    ):
        counts[part][value] = rows
    return counts


def write_parts(
    engine: Engine,
    columns: Sequence[tuple[str, str]],
    identity: Sequence[str],
    rows: Mapping[str, int],
    folder: Path,
) -> None:
    """Write train.parquet, validation.parquet and test.parquet.

    Args:
        engine: holds the table `data`.
        columns: names and SQL expressions of what is written.
        identity: SQL expressions of what identifies a row.
        rows: how many rows each part has.
        folder: where the files go.
    """
    selected = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns)
    for part, (start, end) in PARTS.items():
        chosen = f"SELECT {selected} FROM data WHERE {bucket_of(identity)} BETWEEN {start} AND {end - 1}"
        engine.write_sorted(chosen, "h", folder / f"{part}.parquet", rows[part])
