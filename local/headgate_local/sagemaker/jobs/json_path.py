"""The JSONPath of batch transform: the few operators that AWS documents for its filters.

``$``, ``.name``, ``.*``, ``['name', 'name']``, ``[*]``, and ``[0, -1, 2:5]`` of indexes and slices.
"""

import re
from collections.abc import Callable
from typing import Any

Step = Callable[[Any], Any]
_STEP = re.compile(r"\.(?P<name>[^.\[\]'\"*]+)|\.\*|\[\s*\*\s*\]|\[(?P<bracket>[^\]]+)\]")
_NAMES = re.compile(r"""\s*(?:'[^']*'|"[^"]*")\s*(?:,\s*(?:'[^']*'|"[^"]*")\s*)*""")
_PLACES = re.compile(r"\s*-?\d*\s*(?::\s*-?\d*\s*)?(?:,\s*-?\d*\s*(?::\s*-?\d*\s*)?)*")


class PathError(Exception):
    """Raised for a path that is none, and for data that has not what a path selects."""


class JsonPath:
    """A compiled path; raises PathError for text that is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = list(_steps(text))

    @property
    def selects_all(self) -> bool:
        """Whether it is ``$``, which changes nothing."""
        return not self._steps

    def select(self, value: Any) -> Any:
        """What the path selects of a JSON value; raises PathError if that is not there.

        Several names select an object of them, several indexes and slices a list.
        """
        try:
            for step in self._steps:
                value = step(value)
        except (KeyError, IndexError, TypeError) as error:
            raise PathError(f"The data has nothing at {self.text}.") from error
        return value


def _steps(text: str) -> list[Step]:
    if not text.startswith("$"):
        raise PathError(f"{text!r} is not a JSONPath: it must start with $.")
    steps, place = [], 1
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None:
            raise PathError(f"{text!r} is not a JSONPath that batch transform knows, at {text[place:]!r}.")
        steps.append(_step(text, found))
        place = found.end()
    return steps


def _step(text: str, found: re.Match[str]) -> Step:
    if (name := found["name"]) is not None:
        return lambda value: _named(value, name)
    bracket = found["bracket"]
    if bracket is None:
        return lambda value: list(value.values()) if isinstance(value, dict) else list(value)
    if _NAMES.fullmatch(bracket):
        names = [single or double for single, double in re.findall(r"'([^']*)'|\"([^\"]*)\"", bracket)]
        if len(names) == 1:
            return lambda value: _named(value, names[0])
        return lambda value: {each: _named(value, each) for each in names}
    if _PLACES.fullmatch(bracket) and any(map(str.isdigit, bracket)):
        places = [_place(part) for part in bracket.split(",")]
        if len(places) == 1 and isinstance(places[0], int):
            return lambda value: _list(value)[places[0]]
        return lambda value: [item for each in places for item in _at(_list(value), each)]
    raise PathError(f"{text!r} is not a JSONPath that batch transform knows, at [{bracket}].")


def _place(part: str) -> int | slice:
    if ":" not in part:
        return int(part)
    start, _, end = part.partition(":")
    return slice(int(start) if start.strip() else None, int(end) if end.strip() else None)


def _named(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise TypeError(name)
    return value[name]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _at(values: list[Any], place: int | slice) -> list[Any]:
    return values[place] if isinstance(place, slice) else [values[place]]
