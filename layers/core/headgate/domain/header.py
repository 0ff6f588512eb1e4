"""Whether the first record of a table names its columns or is a row itself.

Names are told in reasons, reports and messages, values of rows never: a person's row must not pass for names.
"""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from headgate.domain.columns import MISSING
from headgate.domain.decimals import plain
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

_NEARLY_ALL = 0.95
_ROWS_OF_A_CATEGORY = 5  # on average, in a column of categories; free texts and keys hardly come again
_EVEN_STEPS = 2
_ROOM = 0.1  # of a column's span, on both sides: in a sorted table the first row lies beside all others
_YEARS = range(1900, 2101)
_DATE = re.compile(r"\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{1,4}([T ].*)?")

_Clue = Literal["name", "row", "number"]


def is_row(first: Sequence[str], below: Sequence[Sequence[str]], decimal: str = ".") -> bool:
    """Whether the first record is typed like the records below it, and so is a row.

    A text over numbers, over dates or over categories that do not know it is a name's clue. One of its column's
    categories, a date over dates, or a number that comes twice is a row's. The greater number of clues decides; where
    they are even, what numbers over numbers look like, which alone say little: years, wavelengths and the numbers of
    columns are names, too.

    Args:
        first: the cells of the first record.
        below: for each of them a sample of what stands in its column.
        decimal: the decimal sign.
    """
    cells = [cell.strip() for cell in first]
    columns = [[value.strip() for value in values if value.strip() not in MISSING] for values in below]
    clues = [_clue(cell, values, decimal) for cell, values in zip(cells, columns, strict=True)]
    over_numbers = [
        (float(plain(cell, decimal)), _numbers(values, decimal))
        for cell, values, clue in zip(cells, columns, clues, strict=True)
        if clue == "number"
    ]
    repeated = len({number for number, _ in over_numbers}) < len(over_numbers)
    balance = clues.count("row") + repeated - clues.count("name")
    return balance > 0 or (balance == 0 and _belong_below(over_numbers))


def no_header() -> DatasetRefusedError:
    """The refusal of a table without names. It quotes nothing: what stands in their place is somebody's row."""
    return DatasetRefusedError(
        Reason.NO_HEADER,
        "The first line holds values like the lines below it, and no names of columns. Put a line with a name for each "
        "column before it. If these are the names, write them with letters, such as y2019 for 2019.",
    )


def _clue(cell: str, values: Sequence[str], decimal: str) -> _Clue | None:
    number = next(iter(_numbers([cell], decimal)), None)
    if cell in MISSING or (number is not None and not math.isfinite(number)):
        return None
    if len(_numbers(values, decimal)) >= _NEARLY_ALL * len(values):
        return "number" if number is not None else "name" if values else None
    if _share(_DATE.fullmatch(value) is not None for value in values) >= _NEARLY_ALL:
        return "row" if _DATE.fullmatch(cell) else "name"
    # Once is not enough: a name may stand among the values where files were joined, or a second line tells the units.
    if values.count(cell) > 1:
        return "row"
    return "name" if len(values) >= _ROWS_OF_A_CATEGORY * len(set(values)) else None


def _belong_below(over_numbers: Sequence[tuple[float, Sequence[float]]]) -> bool:
    """Whether numbers are such as stand below them, each in its column; never when they only count on."""
    steps = [after - before for (before, _), (after, _) in pairwise(over_numbers)]
    even = len(steps) >= _EVEN_STEPS and all(math.isclose(step, steps[0], rel_tol=1e-6) for step in steps)
    strangers = sum(_is_stranger(number, values) for number, values in over_numbers)
    return bool(over_numbers) and not (even and steps[0]) and 2 * strangers <= len(over_numbers)


def _is_stranger(number: float, values: Sequence[float]) -> bool:
    if number in _YEARS and _share(value in _YEARS for value in values) < _NEARLY_ALL:
        return True
    finite = [value for value in values if math.isfinite(value)] or [number]
    room = _ROOM * (max(finite) - min(finite))
    return not min(finite) - room <= number <= max(finite) + room


def _numbers(texts: Iterable[str], decimal: str) -> list[float]:
    """The numbers among texts."""
    found = []
    for text in texts:
        try:
            found.append(float(plain(text, decimal)))
        except ValueError:
            continue
    return found


def _share(facts: Iterable[bool]) -> float:
    held = list(facts)
    return sum(held) / max(1, len(held))
