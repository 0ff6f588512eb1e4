"""How a column of the table `data` is written: the one form of a value that training and hashing see."""

from headgate.domain.columns import Column
from headgate.tables.engine import literal

ISO = "%Y-%m-%dT%H:%M:%S"


def prepared(index: int, column: Column) -> str:
    """SQL for a column's values: DOUBLE for numbers, else VARCHAR (true and false; ISO times; text as it stands)."""
    name = f"c{index}"
    if column.kind == "boolean":
        return f"lower({name})"
    if column.kind == "datetime":
        form = column.measured.datetime_format
        assert form is not None
        return f"strftime(try_strptime({name}, {literal(form)})::TIMESTAMP, {literal(ISO)})"
    return name
