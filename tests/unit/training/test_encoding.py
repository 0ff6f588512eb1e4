"""The encoding in both engines: same description, same numbers."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate_training import encoding_tf
from headgate_training.encoding import Encoder, Encoding, Scaled, load_encoding, parse_datetimes
from headgate_training.encoding_fit import fit_encoding
from headgate_training.layout import find_layout
from headgate_training.spec import Column, Spec
from headgate_training.table import RequestError, RowReader, Table
from headgate_training.words import TrainingError

SPEC = Spec(
    target="y",
    task="binary",
    classes=("a", "b"),
    positive="b",
    metric="auc",
    direction="maximize",
    seed=1,
    columns=(
        Column("plain", "numeric"),
        Column("ward", "categorical"),
        Column("skewed", "numeric"),
        Column("on", "datetime"),
        Column("smoker", "boolean"),
    ),
)
TRAINING = Table(
    np.column_stack([np.append(np.linspace(-3, 9, 39), np.nan), np.exp(np.linspace(0, 12, 40))]),
    [
        ["Zürich", "B2", "B2", ""] * 10 + [],
        (["2024-02-29T23:59:59", "2026-11-01", "1999-12-31 00:00", ""] * 10),
        ["true", "false"] * 20,
    ],
)
ENCODING = fit_encoding(TRAINING, SPEC)
ENCODER = Encoder(ENCODING, SPEC)
READER = RowReader(SPEC.columns)

numbers = st.floats(width=64) | st.sampled_from([1e300, -1e300, 0.0, math.inf, -math.inf, math.nan])
moments = st.datetimes().map(lambda moment: moment.isoformat()[:19])
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["Zürich", "B2", "", "b2", "B2 "])
rows = st.fixed_dictionaries(
    {
        "plain": numbers,
        "ward": texts,
        "skewed": numbers,
        "on": moments | moments.map(lambda text: text[:10]) | moments.map(lambda text: text[:16] + "Z") | st.just(""),
        "smoker": st.sampled_from(["true", "false", ""]),
    }
)


@tf.function(
    input_signature=[
        tf.TensorSpec([None], tf.float64 if column.kind == "numeric" else tf.string) for column in SPEC.columns
    ]
)
def encode_by_tensorflow(*columns: tf.Tensor) -> tf.Tensor:
    return encoding_tf.encode(
        ENCODING, {column.name: given for column, given in zip(SPEC.columns, columns, strict=True)}
    )


@given(st.lists(rows, min_size=1, max_size=8))
@settings(max_examples=150)
def test_both_engines_encode_any_rows_alike(batch: list[dict[str, object]]) -> None:
    by_numpy = ENCODER.encode(READER.read(batch))
    by_tensorflow = encode_by_tensorflow(*([row[column.name] for row in batch] for column in SPEC.columns))
    np.testing.assert_allclose(by_numpy, by_tensorflow.numpy(), rtol=0, atol=1e-6)
    assert np.isfinite(by_numpy).all()
    assert by_numpy.shape == (len(batch), ENCODING.width)


@given(st.lists(rows, min_size=1, max_size=5))
def test_a_row_is_encoded_alike_alone_and_in_company(batch: list[dict[str, object]]) -> None:
    alone = [ENCODER.encode(READER.read([row]))[0] for row in batch]
    # Python's asinh and numpy's may differ in the last digit of a float64.
    np.testing.assert_allclose(ENCODER.encode(READER.read([*batch, *batch]))[: len(batch)], alone, rtol=1e-6, atol=0)


BAD_DATETIMES = ["2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "2024-01-01T24:00:00", "31.12.2024"]


@pytest.mark.parametrize("value", [*BAD_DATETIMES, "2024-01-01T10:00:00+02:00", "2024-01-01\n", "now"])
def test_both_engines_refuse_what_is_no_datetime(value: str) -> None:
    row = {"plain": 1.0, "ward": "B2", "skewed": 1.0, "on": value, "smoker": "true"}
    with pytest.raises(RequestError, match="Column 'on' in row 2") as refused:
        ENCODER.encode(READER.read([row | {"on": ""}, row]))
    assert value not in str(refused.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match="in column: on"):
        encode_by_tensorflow([1.0], ["B2"], [1.0], [value], ["true"])


def test_datetimes_are_days_month_weekday_and_part_of_day() -> None:
    parsed = parse_datetimes("on", ["1970-01-01", "2026-11-23T18:00:00", ""])
    np.testing.assert_array_equal(parsed[:2], [[0, 0, 3, 0], [20780.75, 10, 0, 0.75]])
    assert np.isnan(parsed[2]).all()


def test_flags_exist_only_for_what_training_saw() -> None:
    flagged = {column.name: column.missing for column in (*ENCODING.scaled, *ENCODING.onehot)}
    assert flagged == {"plain": True, "skewed": False, "on": True, "ward": True, "smoker": False}
    assert not any(column.other for column in ENCODING.onehot)


def _of_one_value(other: object) -> list[dict[str, object]]:
    """Rows as of ONE_VALUE, but for columns of which training saw one value: there each has an ``other`` one."""
    row: dict[str, object] = {"a": 1.0, "same": 5.0, "none": math.nan, "only": "x", "empty": ""}
    return [row | {"same": other, "none": other, "only": str(other), "empty": str(other)}, row]


@pytest.mark.parametrize("alone", [True, False])
def test_a_column_of_which_training_saw_one_case_says_nothing_whatever_comes(*, alone: bool) -> None:
    kinds = {"a": "numeric", "same": "numeric", "none": "numeric", "only": "categorical", "empty": "categorical"}
    spec = replace(SPEC, columns=tuple(Column(name, kind) for name, kind in kinds.items()))  # type: ignore[arg-type]
    numbers = np.column_stack([np.arange(40.0), np.full(40, 5.0), np.full(40, np.nan)])
    encoding = fit_encoding(Table(numbers, [["x"] * 40, [""] * 40]), spec)
    rows, reader = _of_one_value(-300.0), RowReader(spec.columns)
    by_numpy = [
        Encoder(encoding, spec).encode(reader.read(some)) for some in ([rows[:1], rows[1:]] if alone else [rows])
    ]
    first, second = np.concatenate(by_numpy)
    np.testing.assert_array_equal(first, second)
    given = {name: tf.constant([row[name] for row in rows], tf.float64 if kind == "numeric" else tf.string)
             for name, kind in kinds.items()}  # fmt: skip
    np.testing.assert_allclose(encoding_tf.encode(encoding, given).numpy(), [first, second], atol=1e-6)
    places = find_layout(encoding, by_numpy[0]).places
    assert sorted(position for place in places for position in place.at) == list(range(encoding.width))


@pytest.mark.parametrize("alone", [True, False])
def test_a_cycle_that_stood_still_in_training_says_nothing_of_another_moment(*, alone: bool) -> None:
    """All rows are of one March, without a time of day: of December and of the evening nothing was learnt."""
    spec = replace(SPEC, columns=(Column("on", "datetime"), Column("same", "datetime")))
    days = [f"2024-03-{day:02}" for day in range(1, 29)]
    encoding = fit_encoding(Table(np.empty((28, 0)), [days, ["2020-02-02"] * 28]), spec)
    known, other = {"on": "2024-03-06", "same": "2020-02-02"}, {"on": "2024-12-04T18:00:00", "same": "1999-09-09T09:09"}
    reader, rows = RowReader(spec.columns), [known, other]  # both are Wednesdays
    by_numpy = np.concatenate(
        [Encoder(encoding, spec).encode(reader.read(some)) for some in ([[known], [other]] if alone else [rows])]
    )
    np.testing.assert_array_equal(by_numpy[0, 1:], by_numpy[1, 1:])
    assert np.count_nonzero(by_numpy[0, 2:]) == 2  # the sine and the cosine of Wednesday
    assert by_numpy[0, 0] != by_numpy[1, 0]
    given = {name: tf.constant([row[name] for row in rows]) for name in known}
    np.testing.assert_allclose(encoding_tf.encode(encoding, given).numpy(), by_numpy, atol=1e-6)


def test_a_training_part_of_one_value_in_every_column_is_refused_in_words() -> None:
    spec = replace(SPEC, columns=(Column("only", "categorical"),))
    with pytest.raises(TrainingError, match="nothing to learn from"):
        fit_encoding(Table(np.empty((9, 0)), [["x"] * 9]), spec)


def test_rare_categories_share_the_place_of_any_other() -> None:
    wards = [f"ward {i:03}" for i in range(64) for _ in range(4)] + ["rare"]
    spec = Spec("y", "binary", ("a", "b"), "b", "auc", "maximize", 1, (Column("ward", "categorical"),))
    table = Table(np.empty((len(wards), 0)), [wards])
    (column,) = fit_encoding(table, spec).onehot
    assert column.other
    assert column.values == tuple(f"ward {i:03}" for i in range(64))
    encoded = Encoder(fit_encoding(table, spec), spec).encode(Table(np.empty((2, 0)), [["rare", "new"]]))
    np.testing.assert_array_equal(encoded[:, -1], [1, 1])
    assert encoded.sum() == 2


def test_a_column_of_many_categories_is_told_by_number() -> None:
    wards = [f"ward {i:03}" for i in range(65) for _ in range(4)] + ["ward 064", "rare", ""]
    spec = Spec("y", "binary", ("a", "b"), "b", "auc", "maximize", 1, (Column("ward", "categorical"),))
    encoding = fit_encoding(Table(np.empty((len(wards), 0)), [wards]), spec)
    assert (encoding.onehot, encoding.width, encoding.index[0].size) == ((), 1, 67)
    asked = ["ward 064", "ward 000", "ward 063", "rare", "new", ""]
    encoded = Encoder(encoding, spec).encode(Table(np.empty((6, 0)), [asked]))
    np.testing.assert_array_equal(encoded[:, 0], [2, 3, 66, 0, 0, 1])


def test_a_value_that_training_never_saw_says_nothing() -> None:
    row = {"plain": 3.0, "ward": "unheard of", "skewed": 1.0, "on": "", "smoker": ""}
    encoded = ENCODER.encode(READER.read([row]))[0]
    onehot = sum(column.width for column in ENCODING.onehot)
    assert not encoded[-onehot:].any()


@pytest.mark.parametrize("values", [[math.nan] * 5, [7.0] * 5, [0.0, 0.0, 0.0, 0.0, 9.0], [math.inf, 1.0, 2.0]])
def test_poor_columns_still_encode_to_finite_numbers(values: list[float]) -> None:
    spec = Spec("y", "binary", ("a", "b"), "b", "auc", "maximize", 1, (Column("x", "numeric"),))
    table = Table(np.array(values)[:, None], [])
    encoding = fit_encoding(table, spec)
    assert np.isfinite(Encoder(encoding, spec).encode(table)).all()


def test_the_description_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "encoding.json"
    ENCODING.save(path)
    assert load_encoding(path) == ENCODING


def test_a_description_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoding.json"
    Encoding((Scaled("x", 0.0, 1.0, asinh=False, missing=False),), (), ()).save(path)
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="format 2"):
        load_encoding(path)
