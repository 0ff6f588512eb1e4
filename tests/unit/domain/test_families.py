"""Which family suits the data, and which may be tried on it."""

import json
from pathlib import Path

import pytest

from headgate.domain.columns import Column, Kind, Measured
from headgate.domain.families import choose_family, read_families
from headgate.domain.spec import Grid, SpecColumn, TrainingSpec

FOLDER = Path(__file__).resolve().parents[3] / "training" / "headgate_training" / "families"
FAMILIES = read_families([json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))])


def column(name: str, kind: Kind, words: float | None = None) -> Column:
    storage = "number" if kind == "numeric" else "text"
    return Column(Measured(name, storage, rows=900, missing=0, distinct=800, mean_words=words), kind, True, "")


def grid(kind: str) -> Grid:
    shape = [2, 2, 1] if kind == "image" else [4, 1]
    return Grid(name="grid", kind=kind, shape=shape, columns=["a", "b", "c", "d"])


NUMBERS = [column(name, "numeric") for name in "abcd"]


@pytest.mark.parametrize(
    ("grids", "columns", "family"),
    [
        ([], NUMBERS, None),
        ([grid("image")], NUMBERS, "cnn"),
        ([grid("sequence")], NUMBERS, "rnn"),
        ([grid("sequence"), grid("image")], NUMBERS, "cnn"),
        ([], [column("review", "text", 5)], "cnn"),
        ([], [column("review", "text")], "cnn"),
        ([], [column("title", "text", 4), column("review", "text", 36), *NUMBERS], "cnn"),
        ([], [column("title", "text", 4), column("review", "text", 35), *NUMBERS], None),
        ([], [column("ward", "categorical", 5)], None),
        ([grid("sequence")], [column("review", "text", 900), *NUMBERS], "rnn"),
    ],
)
def test_the_family_is_that_of_what_the_rows_are_about(
    grids: list[Grid], columns: list[Column], family: str | None
) -> None:
    chosen, why = choose_family(grids, columns, None)
    assert chosen == family
    assert bool(why) is (family is not None)


def test_a_person_has_the_last_word_on_the_family() -> None:
    text = [column("review", "text", 50)]
    assert choose_family([], text, "dnn") == ("dnn", "project.yaml says so")
    assert choose_family([], text, "auto") == (None, "")


def fitting(kinds: list[Kind], grids: list[Grid], rows: int = 2_000, words: float = 0) -> set[str]:
    spec = TrainingSpec(
        target="y",
        task="regression",
        classes=None,
        positive=None,
        metric="rmse",
        direction="minimize",
        seed=1,
        columns=[SpecColumn(name=f"x{number}", kind=kind) for number, kind in enumerate(kinds)],
        grids=grids,
    )
    return {name for name, family in FAMILIES.items() if not family.misfit(spec, rows, len(kinds) + words)}


def test_every_family_is_offered_the_data_that_it_is_for() -> None:
    assert fitting(["numeric", "categorical"], []) == {"dnn", "transformer"}
    assert fitting(["text"], [], words=40) == {"cnn", "dnn", "transformer"}
    assert fitting(["text"], [], words=80) == {"cnn", "dnn"}
    assert fitting(["numeric"] * 4, [grid("sequence")]) == {"cnn", "dnn", "rnn", "transformer"}
    assert fitting(["numeric"] * 100, [grid("image")], rows=90_000) == {"cnn", "dnn", "rnn"}
