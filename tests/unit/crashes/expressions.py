"""DynamoDB's condition and update expressions, as far as the ledger uses them; refused is what AWS would refuse.

Each expression is parsed once. moto knows more of the language, at thirty times the price; a test holds the two
together.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Item = Mapping[str, Any]
"""An item's attributes as DynamoDB writes them, `{"name": {"S": "text"}}`."""

_TOKEN = re.compile(r"\s*([#:]?\w+(?:\.\w+)*|<>|<=|>=|[=<>(),+-])")
_FUNCTIONS = {"attribute_exists", "attribute_not_exists"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}

_Test = Callable[[Item, Mapping[str, str], Item], bool]
_Value = Callable[[Item, Mapping[str, str], Item], Any]


def holds(condition: str, item: Item, names: Mapping[str, str], values: Item) -> bool:
    """Whether an item, {} where there is none, satisfies a condition expression."""
    return _condition(condition)(item, names, values)


def updated(expression: str, item: Item, names: Mapping[str, str], values: Item) -> dict[str, Any]:
    """The item after an update expression of SET and REMOVE."""
    following = dict(item)
    for action, path, value in _update(expression):
        name = names.get(path, path)
        if action == "REMOVE":
            following.pop(name, None)
        else:
            following[name] = value(item, names, values)
    return following


@lru_cache(maxsize=512)
def placeholders(*expressions: str) -> frozenset[str]:
    """Every #name and :value that expressions use; AWS refuses a request that brings others."""
    return frozenset(re.findall(r"[#:]\w+", " ".join(expressions)))


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        assert "".join(self.tokens) == re.sub(r"\s+", "", text), f"not understood: {text}"
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        assert not expected or token.upper() in expected, f"{token} where {expected} should be in {self.tokens}"
        self.at += 1
        return token

    def any_of(self) -> _Test:
        tests = [self.all_of()]
        while self.peek().upper() == "OR":
            self.take()
            tests.append(self.all_of())
        return lambda *given: any(test(*given) for test in tests)

    def all_of(self) -> _Test:
        tests = [self.single()]
        while self.peek().upper() == "AND":
            self.take()
            tests.append(self.single())
        return lambda *given: all(test(*given) for test in tests)

    def single(self) -> _Test:
        if self.peek().upper() == "NOT":
            self.take()
            inner = self.single()
            return lambda *given: not inner(*given)
        if self.peek() == "(":
            self.take("(")
            inner = self.any_of()
            self.take(")")
            return inner
        if self.peek() in _FUNCTIONS:
            exists = self.take() == "attribute_exists"
            self.take("(")
            path = self.take()
            self.take(")")
            return lambda item, names, _values: (names.get(path, path) in item) == exists
        return self.comparison()

    def comparison(self) -> _Test:
        left = self.operand()
        if self.peek().upper() == "IN":
            self.take()
            self.take("(")
            among = [self.operand()]
            while self.take(",", ")") == ",":
                among.append(self.operand())
            return lambda *given: left(*given) in [each(*given) for each in among]
        compare, right = _COMPARE[self.take()], self.operand()

        def compared(*given: Any) -> bool:
            a, b = left(*given), right(*given)
            return a is not None and b is not None and a.keys() == b.keys() and compare(_plain(a), _plain(b))

        return compared

    def operand(self) -> _Value:
        token = self.take()
        if token.startswith(":"):
            return lambda _item, _names, values: values[token]
        return lambda item, names, _values: _at(item, names, token)

    def value(self) -> _Value:
        left = self.operand()
        if self.peek() not in ("+", "-"):
            return left
        sign, right = (1 if self.take() == "+" else -1), self.operand()
        return lambda *given: {"N": str(int(left(*given)["N"]) + sign * int(right(*given)["N"]))}


def _at(item: Item, names: Mapping[str, str], path: str) -> Any:
    """The value at a path, `name` or `name.inner`; None where there is none."""
    first, *inner = path.split(".")
    value = item.get(names.get(first, first))
    for name in inner:
        value = value.get("M", {}).get(name) if value is not None else None
    return value


def _plain(value: Mapping[str, Any]) -> Any:
    return float(value["N"]) if "N" in value else next(iter(value.values()))


@lru_cache(maxsize=512)
def _condition(text: str) -> _Test:
    reader = _Reader(text)
    test = reader.any_of()
    assert not reader.peek(), f"not understood: {text}"
    return test


@lru_cache(maxsize=512)
def _update(text: str) -> list[tuple[str, str, Any]]:
    reader, changes = _Reader(text), []
    while reader.peek():
        action = reader.take("SET", "REMOVE").upper()
        while True:
            path = reader.take()
            if action == "SET":
                reader.take("=")
            changes.append((action, path, reader.value() if action == "SET" else None))
            if reader.peek() != ",":
                break
            reader.take(",")
    return changes
