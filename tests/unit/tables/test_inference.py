"""What is inferred without settings, what settings change, and what gives the answer away."""

import datetime
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from headgate.tables.measure import DATETIME_FORMATS
from headgate_cli.errors import UsageError
from headgate_cli.rows import Instances, read_rows


def number(rand: Any, _row: int) -> float:
    return round(rand.gauss(0, 1), 3)


def label(rand: Any, _row: int) -> str:
    return rand.choice(["no", "yes"])


def day(rand: Any, form: str) -> str:
    return (datetime.date(2024, 1, 1) + datetime.timedelta(days=rand.randrange(700))).strftime(form)


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (number, "numeric", "every value is a number"),
        (lambda rand, _: rand.choice(["", "NA", 3, 4.5]), "numeric", "every value is a number"),
        (lambda rand, _: rand.choice(["red", "blue"]), "categorical", "text"),
        (lambda rand, _: rand.choice(["true", "False", "TRUE", ""]), "boolean", "true or false"),
        (lambda rand, _: day(rand, "%Y-%m-%d"), "datetime", "%Y-%m-%d"),
        (lambda rand, _: day(rand, "%d.%m.%Y"), "datetime", "%d.%m.%Y"),
        (lambda rand, _: day(rand, "%d/%m/%Y"), "datetime", "%d/%m/%Y"),
        (lambda rand, _: day(rand, "%Y-%m-%dT12:30:00Z"), "datetime", "%Y-%m-%dT%H:%M:%SZ"),
        (lambda rand, _: day(rand, "%Y-%m-%dT12:30:00+0200"), "datetime", "%Y-%m-%dT%H:%M:%S%z"),
        (lambda rand, _: rand.choice(["01.02.26", "13.02.26", "14.03.25"]), "categorical", "text"),  # not the year 26
        (lambda rand, row: "?!" if row == 190 else rand.randrange(9), "categorical", "1 of 200 values are not numbers"),
    ],
)
def test_a_columns_kind_is_inferred(examined, table, values: Callable[..., object], kind: str, why: str) -> None:
    answer = examined(table(200, x=values, a=number, target=label))
    column = answer.column("x")
    assert (column.kind, column.used) == (kind, True)
    assert why in column.why


@pytest.mark.parametrize("form", DATETIME_FORMATS)
def test_a_file_that_was_trained_on_can_be_predicted_with(examined, table, tmp_path: Path, form: str) -> None:
    # 23 and the like, so that a day is no month.
    dates = [datetime.datetime(2024, 1 + n % 12, 13 + n % 15, n % 24, n % 60, tzinfo=datetime.UTC) for n in range(200)]
    content = table(200, day=lambda _, row: dates[row].strftime(form), a=number, target=label)
    answer = examined(content)
    assert (answer.code, answer.spec.columns[0].datetime_format) == ("FIT", form)
    trained = {
        value
        for part in ("train", "validation", "test")
        for (value,) in duckdb.sql(f"SELECT day FROM '{answer.folder}/{part}.parquet'").fetchall()
    }
    (tmp_path / "table.csv").write_bytes(content)
    instances = Instances(answer.spec.model_dump()["columns"])
    sent = {instances.instance(n, row)["day"] for n, row in enumerate(read_rows(tmp_path / "table.csv"), start=1)}
    assert sent == trained


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("x", lambda *_: 5, "the same"),
        ("x", lambda *_: "", "missing"),
        ("x", lambda _, row: row + 100, "row number"),
        ("customer_id", lambda _, row: row * 7, "a key"),
        ("x", lambda _, row: f"k{row}", "a key"),
        ("x", lambda rand, row: f"k{rand.randrange(150)}", "too many"),
        ("x", lambda rand, _: f"{rand.randrange(150):064x}", "no prose"),
    ],
)
def test_a_column_of_no_use_is_dropped_with_the_reason(examined, table, name: str, values, why: str) -> None:
    answer = examined(table(200, **{name: values, "a": number, "target": label}))
    column = answer.column(name)
    assert not column.used
    assert why in column.why
    assert [kept.name for kept in answer.spec.columns] == ["a"]


def test_a_number_column_that_turns_text_late_is_text(examined, table) -> None:
    content = table(
        30_000, a=number, x=lambda rand, row: "none of it" if row == 29_990 else rand.randrange(50), y=label
    )
    answer = examined(content)
    assert answer.column("x").kind == "categorical"
    assert "1 of 30000 values are not numbers, the first on line 29992" in answer.column("x").why


@pytest.mark.parametrize("form", ["None", "?", " NA ", "  "])
@pytest.mark.parametrize(("usual", "kind"), [("7.25", "numeric"), ("red", "categorical")])
def test_a_form_of_missing_is_understood_where_the_beginning_does_not_show_it(
    examined, table, form: str, usual: str, kind: str
) -> None:
    content = table(
        30_000, a=number, x=lambda rand, row: form if row > 29_990 else rand.choice([usual, usual[::-1]]), y=label
    )
    column = examined(content).column("x")
    assert (column.kind, column.measured.missing, column.measured.distinct) == (kind, 9, 2)


def test_types_do_not_depend_on_where_the_text_stands(examined, table) -> None:
    kinds = set()
    for place in (0, 100, 199):
        answer = examined(
            table(200, a=number, x=lambda rand, row, p=place: "odd" if row == p else rand.randrange(5), y=label)
        )
        kinds.add(answer.column("x").kind)
    assert kinds == {"categorical"}


@pytest.mark.parametrize(
    ("values", "task", "positive"),
    [
        (label, "binary", "yes"),
        (lambda rand, _: rand.randint(0, 1), "binary", "1"),
        (lambda rand, _: rand.choice(["true", "false"]), "binary", "true"),
        (lambda rand, row: "rare" if row % 4 == 0 else "usual", "binary", "rare"),
        (lambda rand, _: rand.choice("abc"), "multiclass", None),
        (lambda rand, _: rand.randint(1, 4), "multiclass", None),
        (number, "regression", None),
        (lambda rand, _: rand.randrange(48), "regression", None),
        (lambda rand, _: int(rand.expovariate(0.5)), "regression", None),
        (lambda rand, _: rand.choice([10, 20, 30]), "regression", None),
    ],
)
def test_the_task_is_inferred(examined, table, values, task: str, positive: str | None) -> None:
    answer = examined(table(400, a=number, b=number, target=values))
    assert answer.code == "FIT", answer.reason
    assert (answer.spec.task, answer.spec.positive) == (task, positive)


@pytest.mark.parametrize(
    ("names", "target"),
    [(("a", "Label", "z"), "Label"), (("y", "a", "b"), "y"), (("class", "target", "b"), "target"), (("a", "b"), "b")],
)
def test_the_target_is_found_by_its_name_or_is_the_last_column(examined, table, names, target: str) -> None:
    answer = examined(table(200, **{name: label if name == target else number for name in names}))
    assert answer.spec.target == target


def test_settings_override_what_is_inferred(examined, table) -> None:
    content = table(
        200, a=number, code=lambda rand, _: rand.randrange(5), b=number, grade=lambda rand, _: rand.randint(1, 3)
    )
    answer = examined(
        content,
        settings="task: regression\nmetric: mae\ncolumns: {code: categorical, b: drop}\ntraining: {seed: 5}",
    )
    assert (answer.spec.task, answer.spec.metric, answer.spec.direction, answer.spec.seed) == (
        "regression",
        "mae",
        "minimize",
        5,
    )
    assert [(c.name, c.kind) for c in answer.spec.columns] == [("a", "numeric"), ("code", "categorical")]


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ("target: tarhet", "NO_TARGET", "did you mean target?"),
        ("columns: {aa: drop}", "SETTINGS_INVALID", "columns"),
        ("columns: {c: numeric}", "SETTINGS_INVALID", "columns.c"),
        ("columns: {target: drop}", "SETTINGS_INVALID", "target"),
        ("identity: [nobody]", "SETTINGS_INVALID", "identity"),
        ("trusted: [nobody]", "SETTINGS_INVALID", "trusted"),
        ("task: regression", "SETTINGS_INVALID", "task"),
        ("metric: rmse", "SETTINGS_INVALID", "metric"),
        ("positive: maybe", "SETTINGS_INVALID", "positive"),
        ("min_rows: 1000", "TOO_FEW_ROWS", "1000"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused_by_name(examined, table, settings, code, says) -> None:
    content = table(200, a=number, c=lambda rand, _: rand.choice("uvw"), target=label)
    answer = examined(content, settings=settings)
    assert answer.code == code
    assert says in answer.reason


AMOUNTS = ["1.234", "987", "45.678", "-1.234.567", "2.345,5", ""]


def german(table, *amounts: str) -> bytes:
    price = lambda rand, _: f"{rand.uniform(1, 9):.2f}".replace(".", ",")  # noqa: E731
    return table(
        200, separator=";", price=price, amount=lambda _, row: amounts[row % len(amounts)], a=price, target=label
    )


def test_points_between_thousands_are_told_from_decimals(examined, table, tmp_path: Path) -> None:
    content = german(table, *AMOUNTS)
    answer = examined(content)
    assert (answer.code, "points stand between thousands" in answer.column("amount").why) == ("FIT", True)
    values = duckdb.sql(f"SELECT DISTINCT amount FROM '{answer.folder}/t*.parquet' WHERE amount IS NOT NULL").fetchall()
    numbers = {1234.0, 987.0, 45678.0, -1234567.0, 2345.5}
    assert {value for (value,) in values} == numbers
    # The command line reads a file as the gate did.
    (tmp_path / "table.csv").write_bytes(content)
    instances = Instances(answer.spec.model_dump()["columns"])
    sent = [instances.instance(n, row)["amount"] for n, row in enumerate(read_rows(tmp_path / "table.csv"), start=1)]
    assert {value for value in sent if not math.isnan(value)} == numbers
    # A target says so, too.
    target = examined(content, settings="target: amount\ntask: regression\nidentity: [price]")
    assert "points stand" in target.findings.target_why


def test_points_before_decimals_stay_so_among_decimal_commas(examined, table) -> None:
    answer = examined(german(table, "1.5", "0.125", "12", "2.75"))
    assert (answer.column("amount").measured.maximum, answer.column("amount").why) == (12, "every value is a number")


def test_points_that_mean_both_are_refused_unless_they_are_none(examined, table, tmp_path: Path) -> None:
    content = german(table, "1.234", "1.5", "12")
    answer = examined(content)
    assert (answer.code, "Column amount has numbers with points" in answer.reason) == ("MIXED_NUMBERS", True)
    assert examined(content, settings="columns: {amount: categorical}").column("amount").kind == "categorical"
    assert examined(content, settings="columns: {amount: drop}").code == "FIT"
    assert examined(german(table, "1.234", "1.5", "v1")).column("amount").kind == "categorical"
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UsageError, match="Column amount has numbers"):
        list(read_rows(tmp_path / "table.csv"))


def classes_and(leak: Callable[[int, Any], object], classes: int = 2) -> dict[str, Callable[..., object]]:
    drawn: dict[int, int] = {}

    def target(rand: Any, row: int) -> str:
        drawn[row] = rand.randrange(classes)
        return f"class {drawn[row]}"

    return {"target": target, "a": number, "x": lambda rand, row: leak(drawn[row], rand)}


@pytest.mark.parametrize(
    ("classes", "leak"),
    [
        (2, lambda y, _: f"class {y}"),
        (2, lambda y, _: y),
        (2, lambda y, _: 7.5 - 3 * y),
        (2, lambda y, rand: y * 3 + rand.random()),
        (2, lambda y, rand: number(rand, 0) if y else ""),
        (2, lambda y, rand: rand.choice(["ab", "cd"][y])),
        (2, lambda y, rand: day(rand, ["2023-%m-%d", "2025-%m-%d"][y])),
        (4, lambda y, _: [2, 0, 3, 1][y]),
        (4, lambda y, rand: [2, 0, 3, 1][y] * 2 + rand.random()),
        (4, lambda y, _: "wxyz"[y]),
    ],
)
def test_a_feature_that_is_the_class_in_other_words_is_leakage(examined, table, classes: int, leak) -> None:
    content = table(400, **classes_and(leak, classes))
    answer = examined(content)
    assert (answer.code, "x" in answer.reason) == ("LEAKAGE", True)
    assert examined(content, settings="trusted: [x]").code == "FIT"
    assert examined(content, settings="columns: {x: drop}").code == "FIT"


@pytest.mark.parametrize(
    "good",
    [
        lambda y, rand: y * 1.5 + rand.gauss(0, 1),
        lambda y, rand: y * 3 + rand.gauss(0, 1),
        lambda y, rand: rand.choice("aab" if y else "abb"),
        lambda y, rand: rand.randrange(3) + y,
    ],
)
def test_a_feature_that_is_good_is_not_leakage(examined, table, good) -> None:
    assert examined(table(2000, **classes_and(good))).code == "FIT"


@pytest.mark.parametrize(
    "leak",
    [lambda y: y, lambda y: -3 * y + 7, lambda y: round(y, 2), lambda y: 2.718**y, lambda y: f"t{y:.1f}"],
)
def test_a_feature_that_is_the_amount_in_other_words_is_leakage(examined, table, leak) -> None:
    drawn: dict[int, float] = {}

    def target(rand: Any, row: int) -> float:
        drawn[row] = round(rand.gauss(0, 0.5), 1) if leak(0.0) == "t0.0" else rand.gauss(10, 3)
        return drawn[row]

    content = table(600, target=target, a=number, x=lambda _, row: leak(drawn[row]))
    assert examined(content).code == "LEAKAGE"
    assert examined(content, settings="trusted: [x]").code == "FIT"
