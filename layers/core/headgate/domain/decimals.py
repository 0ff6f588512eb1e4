"""Numbers with a decimal comma, which may have points between their thousands."""

import re
from collections.abc import Iterable

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

GROUPED = r"[-+]?[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]+)?"
"""A number with points between its thousands. One that begins with 0 has none: 0.125 is an eighth."""
_GROUPED = re.compile(GROUPED)


def is_grouped(text: str) -> bool:
    """Whether its points can only stand between thousands, where commas are for decimals."""
    return _GROUPED.fullmatch(text.strip()) is not None


def plain(text: str, decimal: str) -> str:
    """A number as programs read it: a point for its decimals, and none else. `decimal` is the file's sign for them."""
    if decimal == "." or text.isdigit():
        return text
    return (text.replace(".", "") if is_grouped(text) else text).replace(decimal, ".")


def are_mixed(texts: Iterable[str]) -> bool:
    """Whether texts are numbers with decimal commas, points between thousands in some and before decimals in others."""
    found = set()
    for text in texts:
        try:
            float(plain(text, ","))
        except ValueError:
            return False
        found |= {is_grouped(text)} if "." in text else set()
    return len(found) > 1


def mixed_points(name: str) -> DatasetRefusedError:
    """The refusal of a column whose points mean both."""
    return DatasetRefusedError(
        Reason.MIXED_NUMBERS,
        f"Column {name} has numbers with points between thousands (as in 1.234,5) and others with a point before "
        "decimals (as in 1.5). Write all of them in one way; if they are no numbers but codes, say so in project.yaml "
        f"(`columns: {{{name}: categorical}}`).",
    )
