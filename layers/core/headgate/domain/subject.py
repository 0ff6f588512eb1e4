"""Whose a row is: the rule by which a data subject's rows are found, whatever form they are kept in."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from headgate.domain.decimals import plain

LONGEST_CELL = 32 * 1024**2
"""Characters of a cell, at most: a cell may be as long as a request."""


@dataclass(frozen=True)
class Subject:
    """A person or a thing that a column names by a value. Numbers are equal as numbers (7 and 07.0), everything else as
    text without spaces around it.
    """

    column: str
    value: str

    @cached_property
    def text(self) -> str:
        """The value without spaces around it."""
        return self.value.strip()

    @cached_property
    def number(self) -> Decimal | None:
        """The value as a number, where it is one."""
        return _number(self.text)

    @property
    def is_ascii(self) -> bool:
        """Whether it can be found in every encoding of text that holds ASCII."""
        return self.column.isascii() and self.value.isascii()

    def is_named_by(self, cell: Any, decimal: str = ".") -> bool:
        """Whether a cell holds the value, or a list of cells does; `cell` is text, whose numbers have this sign before
        their decimals, or what `parsed` makes of JSON.
        """
        if isinstance(cell, str):
            text = cell.strip()
            return text == self.text or (self.number is not None and _number(plain(text, decimal)) == self.number)
        if isinstance(cell, dict | list):
            return any(self.is_named_by(each, decimal) for each in (cell.values() if isinstance(cell, dict) else cell))
        if isinstance(cell, bool):
            return self.text == str(cell).lower()
        return cell is not None and self.number == cell

    def cells(self, document: Any) -> Iterator[Any]:
        """What stands under the column in JSON, at any depth."""
        inside: Any = document if isinstance(document, list) else ()
        if isinstance(document, dict):
            if self.column in document:
                yield document[self.column]
            inside = [held for name, held in document.items() if name != self.column]
        for each in inside:
            yield from self.cells(each)

    def is_captured_in(self, line: bytes) -> bool:
        """Whether a captured request (a line of SageMaker's JSON Lines) or its answer names the value.

        Bodies are read, whether they were kept as text or as base64, and nothing beside them. In JSON the column's
        cells count, and those of rows without names; in CSV that does not begin with the column's name every cell. Of
        a line that is damaged nobody can tell, so that the value may stand anywhere in it.
        """
        try:
            bodies = [_body(part) for part in json.loads(line)["captureData"].values()]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            escaped = json.dumps(self.text)[1:-1]
            return any(text.encode() in line for text in (self.text, escaped, json.dumps(escaped)[1:-1]))
        return any(map(self._is_in_body, bodies))

    def _is_in_body(self, body: str) -> bool:
        for documents in ([body], body.split("\n")):
            try:
                requests = [_structure(each) for each in documents if each.strip()]
            except (ValueError, RecursionError):
                continue  # it is written otherwise
            return any(map(self._is_in_request, requests))
        csv.field_size_limit(LONGEST_CELL)
        try:
            rows = list(filter(None, csv.reader(io.StringIO(body, newline=""))))
        except csv.Error:
            return self.text in body
        if not rows or self.column not in rows[0]:
            return self.is_named_by(rows)
        at, width = rows[0].index(self.column), len(rows[0])
        return any(self.is_named_by(row[at] if len(row) == width else row) for row in rows[1:])

    def _is_in_request(self, document: Any) -> bool:
        rows = document.get("instances") if isinstance(document, dict) else document
        nameless = [row for row in rows if not isinstance(row, dict)] if isinstance(rows, list) else []
        return any(map(self.is_named_by, self.cells(document))) or self.is_named_by(nameless)


def _structure(text: str) -> Any:
    document = parsed(text)
    if not isinstance(document, dict | list):
        raise ValueError("a cell of CSV looks like a number of JSON")
    return document


def parsed(text: str) -> Any:
    """JSON with its numbers as they are written.

    Raises:
        ValueError: when it is none.
        RecursionError: when it is nested too deeply.
    """
    return json.loads(text, parse_float=Decimal)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None


def _body(part: Any) -> str:
    data = part["data"]
    if part.get("encoding") == "BASE64":
        data = base64.b64decode(data, validate=True).decode("utf-8", "surrogateescape")
    return str(data).removeprefix("\ufeff")
