"""A history of time series becomes one row for each series."""

import pytest

from headgate_cli.errors import UsageError
from headgate_cli.history import next_rows

PLAN = {
    "entity": ["shop"],
    "time": "day",
    "steps": 3,
    "channels": ["sales"],
    "known": ["day", "shop", "price"],
    "every": ("second", 86_400),
    "time_format": "%d.%m.%Y",
}


def row(day: int, shop: str, sales: object, price: int = 1) -> dict[str, object]:
    return {"day": f"{day:02}.05.2026", "shop": shop, "sales": sales, "price": price}


def test_each_series_is_asked_for_its_next_moment() -> None:
    rows = [row(2, "a", 20), row(1, "a", 10), row(4, "a", 40), row(1, "b", 7)]
    first, second = next_rows(rows, PLAN)
    assert first == {
        "day": "2026-05-05T00:00:00",
        "shop": "a",
        "price": 1,
        "sales[-1]": 40,
        "sales[-2]": None,
        "sales[-3]": 20,
    }
    assert (second["shop"], second["sales[-1]"]) == ("b", 7)


def test_a_row_without_a_target_is_the_moment_that_is_asked_for() -> None:
    (asked,) = next_rows([row(1, "a", 10), row(2, "a", "", price=9)], PLAN)
    assert (asked["day"], asked["price"], asked["sales[-1]"]) == ("02.05.2026", 9, 10)


def test_without_a_calendar_rows_are_counted() -> None:
    rows = [row(1, "a", 10), row(4, "a", 40), row(9, "a", 90)]
    (asked,) = next_rows(rows, PLAN | {"every": None})
    assert [asked[f"sales[-{ago}]"] for ago in (1, 2, 3)] == [90, 40, 10]


def test_a_history_that_lacks_a_column_or_a_time_is_refused() -> None:
    with pytest.raises(UsageError, match="lacks the column 'sales'"):
        list(next_rows([{"day": "01.05.2026", "shop": "a"}], PLAN))
    with pytest.raises(UsageError, match="takes a time"):
        list(next_rows([row(1, "a", 1) | {"day": "soon"}], PLAN))
