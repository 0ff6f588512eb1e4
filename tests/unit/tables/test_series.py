"""Time series: when rows are taken for them, and what a window holds and does not hold."""

import csv
import datetime
import io
import math
import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.domain.columns import Measured
from headgate.tables.engine import Limits, opened
from headgate.tables.intake import Format
from headgate.tables.load import load
from headgate.tables.measure import measure
from headgate.tables.windows import Moments, find_rhythm, make_windows

DAY = 86_400
START = datetime.date(2024, 1, 1)


def shops(count: int = 3, days: int = 150, *, gap: float = 0.0, seed: int = 3, first: int = 0) -> bytes:
    """Sales of shops by the day; their weekly rhythm makes a value tell of the next."""
    rand = random.Random(seed)
    lines = ["day,shop,price,weather,area,sales"]
    for shop in range(count):
        for day in range(first, first + days):
            if rand.random() < gap:
                continue
            sales = 100 * (shop + 1) + 30 * math.sin(day / 7 * math.tau) + rand.gauss(0, 3)
            weather = rand.choice(["sun", "rain"])
            date = START + datetime.timedelta(days=day)
            lines.append(f"{date},shop {shop},{rand.uniform(1, 2):.2f},{weather},{40 + shop},{sales:.2f}")
    return ("\n".join(lines) + "\n").encode()


def part(folder: Path, name: str) -> list[dict[str, Any]]:
    table = duckdb.sql(f"FROM '{folder}/{name}.parquet'")
    return [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]


def parts(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("train", "validation", "test"):
        yield from part(folder, name)


def test_regular_rows_of_several_series_become_windows(examined) -> None:
    answer = examined(shops())
    plan = answer.spec.forecast
    assert (plan.entity, plan.time, plan.steps, plan.every) == (["shop"], "day", 12, ("second", DAY))
    assert plan.channels == ["sales", "price"]
    assert plan.known == ["day", "shop", "area"]
    assert (answer.spec.task, answer.spec.family) == ("regression", "rnn")
    assert [grid.shape for grid in answer.spec.grids] == [[12, 2]]
    assert answer.spec.grids[0].columns[:3] == ["sales[-12]", "price[-12]", "sales[-11]"]
    assert sum(answer.findings.parts.values()) == 3 * (150 - 12)
    left_out = {column.name: column.why for column in answer.findings.columns if not column.used}
    assert "not known ahead" in left_out["weather"]
    told = {line["what"]: line["why"] for line in answer.findings.report({})["inferred"]}
    assert "steps: 0" in told["forecast"]


def test_the_newest_times_are_tested_and_a_time_is_in_one_part(examined) -> None:
    folder = examined(shops()).folder
    days = {name: {row["day"] for row in part(folder, name)} for name in ("train", "validation", "test")}
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])


def test_a_window_holds_the_past_of_its_own_series_by_the_calendar(examined) -> None:
    content = shops(gap=0.03)
    sales = {(row["day"], row["shop"]): float(row["sales"]) for row in csv.DictReader(io.StringIO(content.decode()))}
    rows = list(parts(examined(content).folder))
    assert any(row["sales[-1]"] is None for row in rows)  # a gap is a missing value
    for row in rows:
        day = datetime.datetime.fromisoformat(row["day"]).date()
        for ago in range(1, 13):
            before = (str(day - datetime.timedelta(days=ago)), row["shop"])
            assert row[f"sales[-{ago}]"] == sales.get(before)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda line, rand: line if rand.random() < 0.6 else "", "irregular steps"),
        (lambda line, rand: line.rpartition(",")[0] + f",{rand.gauss(0, 1)}", "a value that tells nothing of the next"),
        (lambda line, _: f"{line}\n{line.replace('shop 0', 'shop 1')}", "two rows at a time"),
    ],
)
def test_rows_that_are_not_clearly_series_stand_for_themselves(examined, spoil, what: str) -> None:
    rand = random.Random(1)
    header, *lines = shops(2).decode().splitlines()
    spoilt = [text for line in lines if (text := spoil(line, rand))]
    answer = examined(("\n".join([header, *spoilt]) + "\n").encode())
    assert (answer.code, answer.spec.forecast) == ("FIT", None), what


def test_a_person_can_say_that_rows_stand_for_themselves(examined) -> None:
    answer = examined(shops(), settings="forecast: {steps: 0}")
    assert answer.spec.forecast is None
    assert {"price", "weather"} <= {column.name for column in answer.spec.columns}


def test_months_are_steps_though_their_days_differ(examined) -> None:
    rows = [f"{1990 + n // 12}-{1 + n % 12:02}-01,{100 + n + 20 * math.sin(n / 12 * math.tau):.1f}" for n in range(144)]
    answer = examined(("month,passengers\n" + "\n".join(rows) + "\n").encode())
    assert answer.spec.forecast.every == ("month", 1)
    assert sum(answer.findings.parts.values()) == 132


def test_what_is_known_ahead_keeps_its_value_of_the_moment(examined) -> None:
    answer = examined(shops(), settings="forecast: {time: day, entity: [shop], steps: 5, known: [price, weather]}")
    assert answer.spec.forecast.channels == ["sales"]
    assert {column.name: column.kind for column in answer.spec.columns}["weather"] == "categorical"


def test_steps_without_a_calendar_are_rows(examined) -> None:
    rand = random.Random(1)
    header, *lines = shops(2).decode().splitlines()
    kept = [line for line in lines if rand.random() < 0.6]
    answer = examined(
        ("\n".join([header, *kept]) + "\n").encode(), settings="forecast: {time: day, entity: [shop], steps: 4}"
    )
    assert answer.spec.forecast.every is None
    assert all(row["sales[-1]"] is not None for row in parts(answer.folder))


@pytest.mark.parametrize(
    ("content", "said", "code", "says"),
    [
        (shops(2, 30), "time: day, entity: [shop], steps: 25", "SERIES_UNFIT", "too short"),
        (shops(2, 90), "time: day, entity: []", "SERIES_UNFIT", "same day as another row"),
        (shops(2, 90), "time: weather", "SETTINGS_INVALID", "neither times"),
        (shops(2, 90), "time: dya", "SETTINGS_INVALID", "did you mean day?"),
        (shops(2, 90), "time: sales", "SETTINGS_INVALID", "which is the target"),
        (shops(2, 90), "time: day, steps: 500", "SETTINGS_INVALID", "at most 1000"),
        (shops(2, 90).replace(b"2024-01-05,", b","), "time: day, entity: [shop]", "SERIES_UNFIT", "have no day"),
    ],
)
def test_series_that_cannot_be_forecast_are_refused(examined, content: bytes, said: str, code: str, says: str) -> None:
    answer = examined(content, settings=f"forecast: {{{said}}}")
    assert (answer.code, says in answer.reason) == (code, True), answer.reason


def test_nothing_that_is_learned_later_touches_the_holdout(examined) -> None:
    first = examined(shops(days=120))
    tested = {(row["day"], row["shop"]) for row in part(first.folder, "test")}
    newer = examined(shops(days=200), before=first.learned)
    assert newer.spec.forecast == first.spec.forecast
    last = max(day for day, _ in tested)
    learned = [*part(newer.folder, "train"), *part(newer.folder, "validation")]
    assert max(row["day"] for row in learned) > last
    for row in learned:
        day = datetime.datetime.fromisoformat(row["day"])
        window = {((day - datetime.timedelta(days=ago)).isoformat(), row["shop"]) for ago in range(13)}
        assert not window & tested


def slashed(content: bytes, form: str = "%d/%m/%Y") -> bytes:
    return re.sub(
        rb"\d{4}-\d\d-\d\d", lambda day: datetime.date.fromisoformat(day[0].decode()).strftime(form).encode(), content
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"05/02/2024", b"31/02/2024", "day, of which 3 of 450 values are not dates of the form %d/%m/%Y"),
        (b"05/02/2024,shop 0", b"soon,shop 0", "day, of which 1 of 450"),
        (b"05/02/2024,shop 0,1", b"05/02/2024,shop 0,x1", "price[-12] was numeric"),
    ],
)
def test_a_forecasts_table_that_lost_its_form_is_refused_by_name(examined, old: bytes, new: bytes, says: str) -> None:
    champion, content = examined(slashed(shops())), slashed(shops(seed=4))
    assert champion.spec.forecast.time_format == "%d/%m/%Y"
    assert old in content
    answer = examined(content.replace(old, new), before=champion.learned)
    assert (answer.code, says in answer.reason) == ("SCHEMA_CHANGED", True), answer.reason


def test_a_forecast_of_a_champion_takes_numbers_by_times(examined) -> None:
    champion, content = examined(shops()), shops(seed=4)
    spoilt = re.sub(rb"\d+\.\d+\n", b"sold out\n", content, count=1)
    answer = examined(spoilt, before=champion.learned)
    assert (answer.code, "sales, of which not every value is a number" in answer.reason) == ("SCHEMA_CHANGED", True)
    numbered = re.sub(rb"\d{4}-\d\d-(\d\d),", rb"\1,", content)
    answer = examined(numbered, before=champion.learned)
    assert (answer.code, "day, of which" in answer.reason) == ("SCHEMA_CHANGED", True), answer.reason


def test_a_forecast_keeps_its_form_of_dates_and_its_codes(examined) -> None:
    coded = {b"sun": b"1", b"rain": b"2"}
    content = slashed(shops())
    champion = examined(
        content.replace(b"sun", b"1"), settings="forecast: {time: day, entity: [shop], known: [weather], steps: 5}"
    )
    rows = slashed(shops(days=300)).splitlines(keepends=True)
    ambiguous = b"".join(row for row in rows if row < b"13")
    for name, code in coded.items():
        ambiguous = ambiguous.replace(name, code)
    assert champion.code == "FIT", champion.reason
    said = "min_rows: 20\nforecast: {time: day, entity: [shop], known: [weather], steps: 5}"
    later = examined(b"day,shop,price,weather,area,sales\n" + ambiguous, before=champion.learned, settings=said)
    assert later.code == "FIT", later.reason
    assert later.spec.columns == champion.spec.columns


def test_slices_and_groups_stand_in_the_parts_of_windows_without_being_features(examined) -> None:
    answer = examined(shops(), settings="slices: [weather]\nsensitive: [area]")
    assert "weather" not in {column.name for column in answer.spec.columns}
    assert {row["weather"] for row in part(answer.folder, "test")} == {"sun", "rain"}
    assert (answer.spec.slices, answer.spec.sensitive) == (["weather"], ["area"])


@given(
    series=st.lists(
        st.lists(st.tuples(st.integers(1, 3), st.integers(-9, 9)), min_size=1, max_size=12), min_size=1, max_size=4
    ),
    steps=st.integers(1, 4),
    by_calendar=st.booleans(),
)
@settings(max_examples=40)
def test_a_window_sees_neither_the_future_nor_another_series(series, steps: int, by_calendar: bool) -> None:
    rows = []
    for name, moments in enumerate(series):
        day = 0
        for gap, value in moments:
            day += gap
            rows.append((f"s{name}", day, value + 1000 * name))
    random.Random(0).shuffle(rows)
    content = "who,day,y\n" + "".join(f"{who},{START + datetime.timedelta(days=day)},{y}\n" for who, day, y in rows)
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "part").write_text(content)
        with opened(folder, Limits(threads=1)) as engine:
            columns: list[Measured] = measure(engine, load(engine, [folder / "part"], Format.CSV))
            every = ("second", DAY) if by_calendar else None
            moments_of = Moments(columns, 1, [0])
            assert find_rhythm(engine, moments_of, 2).twice == 0
            make_windows(engine, moments_of, target=2, channels=[2], kept=[0, 1], steps=steps, every=every)
            found = engine.rows("SELECT * EXCLUDE (h, t, begun) FROM data")
    finally:
        shutil.rmtree(folder)
    by_series = {who: sorted((day, y) for other, day, y in rows if other == who) for who, _, _ in rows}
    for who, date, *past, target in found:
        day = (datetime.date.fromisoformat(date) - START).days
        own = by_series[who]
        at = [moment for moment, _ in own].index(day)
        assert own[at][1] == target
        if by_calendar:
            expected = [dict(own).get(day - ago) for ago in range(steps, 0, -1)]
        else:
            expected = [y for _, y in own[at - steps : at]]
        assert past == expected
