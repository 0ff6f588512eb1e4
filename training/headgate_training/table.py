"""Raw columns in memory, and how the rows of a request become such."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate_training.rows import RequestError, Row, RowChecker, too_large
from headgate_training.spec import Column

__all__ = ["RequestError", "Row", "RowReader", "Table"]


@dataclass(slots=True)
class Table:
    """Raw columns, in the order of the spec.

    ``numbers``: float64 [rows, numeric columns], NaN where missing.
    ``texts``: one sequence of str for each column of another kind, "" where missing.
    """

    numbers: np.ndarray
    texts: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> "Table":
        """The rows of these numbers."""
        return Table(self.numbers[rows], [[values[row] for row in rows.tolist()] for values in self.texts])


class RowReader:
    """Reads rows of a request, checked against the columns of a model as ``rows`` says."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._checker = RowChecker(columns)
        self._width, self._texts = len(self._checker.numeric), len(self._checker.texts)

    def read(self, rows: Sequence[Row]) -> Table:
        """The rows as a Table; raises RequestError naming the column and the row (counted from 1)."""
        numbers, texts = self._checker.cells(rows)
        try:
            array = np.array(numbers, dtype=np.float64).reshape(len(rows), self._width)
        except OverflowError:
            raise too_large() from None
        return Table(array, list(zip(*texts, strict=True)) if self._texts and rows else [()] * self._texts)
