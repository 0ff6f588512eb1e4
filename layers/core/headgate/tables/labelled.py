# ruff: noqa: S608 - SQL here is made of names and paths of our own, as quoted literals
"""Answers whose labels came later, joined by the names of their rows."""

from collections.abc import Sequence
from pathlib import Path

from headgate.domain.feedback import number_of
from headgate.domain.quality import LabelledAnswer
from headgate.tables.engine import Engine, literal

MOST_ROWS = 5000
"""Labelled rows that a version is judged by, the newest."""


def write_answers(engine: Engine, path: Path) -> None:
    """Write the answers of the table `captured` that a label can still come for; no feature is among them."""
    columns = "inference, number, moment, label, probabilities, value"
    engine.write(f"SELECT {columns} FROM captured WHERE inference IS NOT NULL", path, compression="zstd")


def put_together(engine: Engine, answers: Sequence[Path], path: Path) -> None:
    """Write the answers of some files as one."""
    engine.write(f"SELECT * FROM read_parquet({literal(answers)})", path, compression="zstd")


def labelled(
    engine: Engine, answers: Sequence[Path], labels: Path, classes: Sequence[str] | None
) -> list[LabelledAnswer]:
    """The newest answers that have a label, each row once, with the label of it that came last.

    Args:
        engine: what reads the files.
        answers: as `write_answers` writes them, at least one.
        labels: JSON Lines, as `services.labels.Labels.write` writes them.
        classes: the model's; None of one that tells amounts.
    """
    columns = "{inference: 'VARCHAR', number: 'BIGINT', truth: 'VARCHAR', line: 'BIGINT'}"
    read = f"read_json({literal(labels)}, format = 'newline_delimited', columns = {columns})"
    found = engine.rows(
        f"SELECT truth, label, probabilities, value FROM read_parquet({literal(answers)}) "
        f"JOIN {read} USING (inference, number) "
        "QUALIFY row_number() OVER (PARTITION BY inference, number ORDER BY line DESC, moment DESC) = 1 "
        f"ORDER BY moment DESC, inference, number LIMIT {MOST_ROWS}"
    )
    rows = (_answered(*row, classes=classes) for row in found)
    return [row for row in rows if row is not None]


def _answered(
    truth: str,
    label: str | None,
    probabilities: Sequence[float] | None,
    value: float | None,
    *,
    classes: Sequence[str] | None,
) -> LabelledAnswer | None:
    if classes is None:
        number = number_of(truth)
        return None if number is None or value is None else LabelledAnswer(0, 0, (), value, number)
    if truth not in classes or label not in classes or probabilities is None or len(probabilities) != len(classes):
        return None
    return LabelledAnswer(classes.index(truth), classes.index(label), probabilities)
