# ruff: noqa: S608 - SQL here is made of numbered columns, quoted names and quoted literals
"""The three parts of a dataset, by a hash of what a row is: the same row lands in the same part in every dataset.
Windows of time series are split by time instead.

Within a part rows keep the order of the upload, so that the same upload gives the same files again; training mixes
them for itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from headgate.tables.engine import Engine, literal, quoted

Times = dict[str, float]
"""When the validation part and the test part begin, and the last time of all: seconds since 1970, or numbers."""

PARTS = {"train": (0, 65), "validation": (65, 80), "test": (80, 100)}
"""Each part's share of the hash, in hundredths: from, to."""


def bucket_of(identity: Sequence[str]) -> str:
    """SQL for the bucket of a row, 0 to 99, by the values that identify it.

    DuckDB's hash is part of the contract with every existing holdout: a test pins its values, and an upgrade that
    changes them must not be deployed without a migration.
    """
    return f"(hash({', '.join(identity)}) % 100)"


def by_hash(identity: Sequence[str]) -> dict[str, str]:
    """SQL for whether a row is in a part, for each part, by the values that identify it."""
    return {part: f"{bucket_of(identity)} BETWEEN {start} AND {end - 1}" for part, (start, end) in PARTS.items()}


def by_time(engine: Engine, holdout: tuple[float, float] | None) -> tuple[dict[str, str], Times]:
    """SQL for whether a window is in a part, for each part: the newest times are the test part, those before them the
    validation part. A time is never in two.

    Args:
        engine: holds the table `data` of windows, with `t` and `begun`.
        holdout: from when to when the project's holdout reaches, when that is another dataset's. Windows that end or
            begin in it are left out of training and validation, for they hold its targets.
    """
    counted = "SELECT t, count(*) AS n FROM data GROUP BY t"
    placed = f"SELECT t, (sum(n) OVER (ORDER BY t) - n) / (SELECT count(*) FROM data) AS before FROM ({counted})"
    validation, test, last = engine.row(
        f"SELECT min(t) FILTER (before >= {PARTS['train'][1] / 100}), "
        f"min(t) FILTER (before >= {PARTS['validation'][1] / 100}), max(t) FROM ({placed})"
    )
    last = 0.0 if last is None else float(last)
    test = last if test is None else float(test)
    validation = test if validation is None else float(validation)
    apart = "true"
    if holdout is not None:
        apart = f"(t < {float(holdout[0])!r} OR begun > {float(holdout[1])!r})"
    conditions = {
        "train": f"t < {validation!r} AND {apart}",
        "validation": f"t >= {validation!r} AND t < {test!r} AND {apart}",
        "test": f"t >= {test!r}",
    }
    return conditions, {"validation": validation, "test": test, "last": last}


def write_parts(
    engine: Engine,
    columns: Sequence[tuple[str, str]],
    conditions: Mapping[str, str],
) -> None:
    """Write train.parquet, validation.parquet and test.parquet into the engine's directory.

    Args:
        engine: holds the table `data`.
        columns: names and SQL expressions of what is written.
        conditions: SQL for whether a row is in a part, for each part.
    """
    selected = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in columns)
    for part, condition in conditions.items():
        engine.write(f"SELECT {selected} FROM data WHERE {condition}", _file(engine, part))


def count_parts(engine: Engine, label: str | None) -> dict[str, dict[str | None, int]]:
    """Rows of each part that was written, by class: the values of the column `label`, or None without classes."""
    name = quoted(label) if label is not None else "NULL"
    return {
        part: dict(engine.rows(f"SELECT {name}, count(*) FROM read_parquet({literal(_file(engine, part))}) GROUP BY 1"))
        for part in PARTS
    }


def _file(engine: Engine, part: str) -> Path:
    return engine.workdir / f"{part}.parquet"
