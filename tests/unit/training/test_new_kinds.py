"""Free text, many categories and grids: what they become, alike in both engines."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headgate_training import encoding_tf, text_tf
from headgate_training.encoding import GRID_LIMIT, Encoder, load_encoding
from headgate_training.encoding_fit import fit_encoding
from headgate_training.golden import invent
from headgate_training.layout import find_layout
from headgate_training.spec import Column, Grid, Spec
from headgate_training.table import RowReader, Table
from headgate_training.text import BAG_LENGTH, fit_words, tokenise

STEPS = ("a[-2]", "b[-2]", "a[-1]", "b[-1]")
SPEC = Spec(
    target="y",
    task="regression",
    classes=(),
    positive=None,
    metric="rmse",
    direction="minimize",
    seed=1,
    columns=(
        Column(STEPS[2], "numeric"),
        Column("note", "text"),
        Column("dose", "numeric"),
        *(Column(name, "numeric") for name in (STEPS[0], STEPS[1], STEPS[3])),
        Column("shop", "categorical"),
        Column("title", "text"),
    ),
    grids=(Grid("past", "sequence", (2, 2), STEPS),),
)
SHOPS = [f"Läden {number}" for number in range(70)]
NOTES = ["The pain is gone", "pain, PAIN!", "très bien \U0001f600", "痛みはない", "", "no-one knows"]


def training_table() -> Table:
    random = np.random.default_rng(1)
    numbers = random.normal(size=(420, 5)) * [1, 10, 100, 1, 1]
    numbers[::50, 0] = np.nan
    return Table(numbers, [NOTES * 70, SHOPS * 6, ["one title", "another title"] * 210])


TABLE = training_table()
ENCODING = fit_encoding(TABLE, SPEC, "both")
ENCODER = Encoder(ENCODING, SPEC)
READER = RowReader(SPEC.columns)

NASTY = [
    "",
    " \t\n\x00\x1b",
    "PAIN",
    "pain\u00a0pain",
    "\U0001f600\U0001f600\U0001f3fd\u200d",
    "İstanbul ΑΒΓ straße ẞ",
    "e\u0301 \u202egone",
    "痛み pain痛",
    "\ufeff\ufffe\uffff",
    "\U0010ffff \ue000",
    "pain " * 5000,
    "x" * 100_000,
    "\\1 $0 [^a-z]",
]
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(NASTY + NOTES)
numbers = st.floats(width=64) | st.sampled_from([1e300, -1e300, math.inf, -math.inf, math.nan])
rows = st.fixed_dictionaries(
    {column.name: numbers for column in SPEC.columns if column.kind == "numeric"}
    | {"note": words, "title": words, "shop": st.sampled_from(SHOPS) | words}
)


@tf.function(
    input_signature=[
        tf.TensorSpec([None], tf.float64 if column.kind == "numeric" else tf.string) for column in SPEC.columns
    ]
)
def encode_by_tensorflow(*columns: tf.Tensor) -> tf.Tensor:
    named = zip(SPEC.columns, columns, strict=True)
    return encoding_tf.encode(ENCODING, {column.name: given for column, given in named})


@given(st.lists(rows, min_size=1, max_size=6))
@settings(max_examples=150)
def test_both_engines_encode_any_rows_alike(batch: list[dict[str, object]]) -> None:
    by_numpy = ENCODER.encode(READER.read(batch))
    by_tensorflow = encode_by_tensorflow(*([row[column.name] for row in batch] for column in SPEC.columns))
    np.testing.assert_allclose(by_numpy, by_tensorflow.numpy(), rtol=1e-6, atol=1e-6)
    assert np.isfinite(by_numpy).all()
    assert by_numpy.shape == (len(batch), ENCODING.width)
    alone = [ENCODER.encode(READER.read([row]))[0] for row in batch]
    np.testing.assert_allclose(by_numpy, alone, rtol=1e-6)


@given(words)
@example("İ")
@settings(max_examples=300)
def test_both_engines_cut_text_alike(text: str) -> None:
    by_tensorflow = [token.decode() for token in text_tf.tokenise(tf.constant([text]))[0].numpy()]
    assert tokenise(text) == by_tensorflow


@pytest.mark.parametrize("text", NASTY)
def test_both_engines_cut_nasty_text_alike(text: str) -> None:
    assert tokenise(text) == [token.decode() for token in text_tf.tokenise(tf.constant([text]))[0].numpy()]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't PANIC, 42 times", ["don", "t", "panic", "42", "times"]),
        ("Größe ÄRGER", ["größe", "Ärger"]),
        ("\u201cquoted\u201d\u2014dash\u00a0space", ["quoted", "dash", "space"]),
        ("寿司OK\U0001f600\U0001f600", ["寿", "司", "ok", "\U0001f600", "\U0001f600"]),
        (" \x00\x07", []),
    ],
)
def test_tokens_are_runs_of_letters_and_single_signs(text: str, tokens: list[str]) -> None:
    assert tokenise(text) == tokens


def test_a_bag_weighs_rare_words_more_and_has_one_length() -> None:
    column = fit_words("note", ["common rare", "common", "common", "common rare", "rare common", ""], "bag")
    assert column.words == ("common", "rare")
    assert column.idf[1] > column.idf[0]
    assert (column.missing, column.length, column.width) == (True, 0, 3)
    spec = Spec("y", "regression", (), None, "rmse", "minimize", 1, (Column("note", "text"),))
    table = Table(np.empty((6, 0)), [["common rare"] * 3 + ["common", "rare", ""]])
    encoding = fit_encoding(table, spec)
    encoded = Encoder(encoding, spec).encode(Table(np.empty((3, 0)), [["rare common", "unheard", "?"]]))
    assert np.linalg.norm(encoded[0]) == pytest.approx(BAG_LENGTH)
    np.testing.assert_array_equal(encoded[1:], [[0, 0, 0], [0, 0, 1]])


def test_tokens_keep_their_order_and_end_where_the_row_does() -> None:
    column = fit_words("note", ["b a", "a b", "a c b", "a"] * 3, "tokens")
    assert (column.words, column.idf, column.length, column.bag_width) == (("a", "b", "c"), (), 3, 0)
    spec = Spec("y", "regression", (), None, "rmse", "minimize", 1, (Column("note", "text"),))
    encoding = fit_encoding(Table(np.empty((12, 0)), [["b a", "a b", "a c b", "a"] * 3]), spec, "tokens")
    encoded = Encoder(encoding, spec).encode(Table(np.empty((2, 0)), [["b new a c", "a"]]))
    np.testing.assert_array_equal(encoded, [[3, 1, 2], [2, 0, 0]])


def test_a_word_of_few_rows_or_many_letters_is_not_kept() -> None:
    column = fit_words("note", ["seen twice twice", "seen twice"] + ["seen " + "z" * 50] * 3, "both")
    assert column.words == ("seen",)


def test_grids_are_scaled_by_channel_and_missing_is_the_mean() -> None:
    spec = Spec(
        "y",
        "regression",
        (),
        None,
        "rmse",
        "minimize",
        1,
        tuple(Column(name, "numeric") for name in STEPS),
        grids=(Grid("past", "sequence", (2, 2), STEPS),),
    )
    values = np.array([[0.0, 100, 2, 300], [4, 200, np.nan, np.inf]])
    encoding = fit_encoding(Table(values, []), spec)
    (grid,) = encoding.grids
    assert (encoding.numeric, grid.center) == ((), (2.0, 200.0))
    encoded = Encoder(encoding, spec).encode(Table(values, []))
    assert encoded[1, 2] == 0
    assert encoded[1, 3] == GRID_LIMIT
    np.testing.assert_allclose(encoded[0, ::2] * grid.spread[0] + 2, [0, 2], atol=1e-6)


def test_the_layout_names_every_position_once() -> None:
    layout = find_layout(ENCODING, ENCODER.encode(TABLE))
    named = [position for place in layout.places for position in place.at]
    named += [place.at for place in layout.indices] + [at for grid in layout.grids for at in grid.at]
    named += [at for text in layout.texts for at in (*text.bag, *text.tokens)]
    assert sorted(named) == list(range(ENCODING.width))
    looked_up = {*range(ENCODING.width)} - set(layout.plain(ENCODING.width))
    assert looked_up == {layout.indices[0].at, *layout.texts[0].tokens, *layout.texts[1].tokens}
    cells = set(layout.plain(ENCODING.width)) - set(layout.beside_grids(ENCODING.width))
    assert cells == set(layout.grids[0].at)
    encoded = ENCODER.encode(TABLE)
    assert encoded[:, layout.indices[0].at].max() == layout.indices[0].size - 1
    assert max(encoded[:, text.tokens].max() for text in layout.texts) < max(text.size for text in layout.texts)


def test_the_description_survives_its_file_and_old_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "encoding.json"
    ENCODING.save(path)
    assert load_encoding(path) == ENCODING
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({key: raw[key] for key in ("format", "width", "numeric", "datetime", "onehot")}))
    old = load_encoding(path)
    assert (old.numeric, old.index, old.grids, old.words) == (ENCODING.numeric, (), (), ())


def test_invented_rows_are_of_every_kind_and_of_no_row_of_the_data() -> None:
    invented = invent(ENCODING, SPEC, 40)
    note, shop, _ = invented.texts
    assert not set(note) & set(NOTES) - {""}
    assert set(shop) - {""} <= set(SHOPS)
    assert any("pain" in text.lower() for text in note)
    assert np.isnan(invented.numbers).any()
    assert np.isfinite(ENCODER.encode(invented)).all()
