"""Columns that are pixels or steps: what is taken for a grid, what is not, and what follows."""

import math
import random

import pytest
from sklearn.datasets import load_digits


def images(side: int = 8, rows: int = 300, *, name: str = "p{number}", high: int = 16, seed: int = 5) -> bytes:
    """Blurred spots, in one half or in the other; the corners never light up."""
    rand = random.Random(seed)
    places = [(row, column) for row in range(side) for column in range(side)]
    lines = [",".join([name.format(number=n, row=r, column=c) for n, (r, c) in enumerate(places)] + ["label"])]
    for _ in range(rows):
        left = rand.random() < 0.5
        y, x = rand.uniform(2, side - 3), rand.uniform(1.5, 3.5) + (0 if left else side / 2 - 1)
        spot = [math.exp(-((row - y) ** 2 + (column - x) ** 2) / 2) for row, column in places]
        pixels = [
            0 if row in (0, side - 1) and column in (0, side - 1) else round(high * value)
            for (row, column), value in zip(places, spot, strict=True)
        ]
        lines.append(",".join([*map(str, pixels), "left" if left == (rand.random() < 0.95) else "right"]))
    return ("\n".join(lines) + "\n").encode()


def curves(steps: int = 24, rows: int = 300) -> bytes:
    """Waves of two lengths, at any phase."""
    rand = random.Random(6)
    lines = [",".join([*(f"t{step}" for step in range(1, steps + 1)), "kind"])]
    for _ in range(rows):
        slow, phase = rand.random() < 0.5, rand.uniform(0, math.tau)
        wave = [
            math.sin(step / (8 if slow else 5) * math.tau / 2 + phase) + rand.gauss(0, 0.2) for step in range(steps)
        ]
        lines.append(",".join([*(f"{value:.3f}" for value in wave), "slow" if slow else "fast"]))
    return ("\n".join(lines) + "\n").encode()


def noise(columns: int = 64, rows: int = 300, high: int = 16) -> bytes:
    rand = random.Random(7)
    lines = [",".join([*(f"p{number}" for number in range(columns)), "label"])]
    lines += [",".join([*(str(rand.randrange(high)) for _ in range(columns)), rand.choice("ab")]) for _ in range(rows)]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("name", "side", "high"), [("p{number}", 8, 16), ("pixel_{row}_{column}", 8, 255), ("{row}x{column}", 8, 16)]
)
def test_pixels_are_an_image_and_no_corner_is_dropped(examined, name: str, side: int, high: int) -> None:
    answer = examined(images(side, name=name, high=high))
    (grid,) = answer.spec.grids
    assert (grid.kind, grid.shape, grid.high) == ("image", [side, side, 1], high)
    assert len(grid.columns) == len(answer.spec.columns) == side * side
    assert answer.spec.family == "cnn"
    told = answer.findings.report({})["inferred"]
    assert [line["value"] for line in told if line["what"].startswith("grid")] == [f"image, {side} x {side} x 1"]


def test_the_digits_of_scikit_learn_are_images(examined) -> None:
    digits = load_digits()
    rows = [
        ",".join([*map(str, map(int, pixels)), str(digit)])
        for pixels, digit in zip(digits.data, digits.target, strict=True)
    ]
    answer = examined(("\n".join([",".join([*digits.feature_names, "label"]), *rows]) + "\n").encode())
    assert [(grid.kind, grid.shape, grid.high) for grid in answer.spec.grids] == [("image", [8, 8, 1], 16)]


def test_columns_that_run_on_smoothly_are_a_sequence(examined) -> None:
    answer = examined(curves())
    (grid,) = answer.spec.grids
    assert (grid.kind, grid.shape) == ("sequence", [24, 1])
    assert grid.columns == [f"t{step}" for step in range(1, 25)]
    assert answer.spec.family == "rnn"


def test_numbered_facts_that_have_nothing_to_do_with_each_other_are_no_grid(examined) -> None:
    spec = examined(noise()).spec
    assert (spec.grids, spec.family) == ([], None)


def test_an_empty_list_turns_grids_off(examined) -> None:
    spec = examined(images(), settings="grids: []").spec
    assert spec.grids == []
    assert len(spec.columns) == 60  # without the corners


def test_a_person_names_a_grid(examined) -> None:
    spec = examined(noise(), settings="grids: [{name: face, kind: image, shape: [8, 8], prefix: p}]").spec
    assert [(grid.name, grid.shape) for grid in spec.grids] == [("face", [8, 8, 1])]
    assert spec.grids[0].columns == [f"p{number}" for number in range(64)]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("{name: a, kind: image, shape: [9, 9], prefix: p}", "81 places, but there are 64 columns"),
        ("{name: a, kind: sequence, shape: [2], columns: [p0, q1]}", "did you mean"),
        ("{name: a, kind: sequence, shape: [2], columns: [p0, label]}", "which is the target"),
        ("{name: a, kind: sequence, shape: [2], columns: [p0, p0]}", "2 places"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(examined, said: str, says: str) -> None:
    answer = examined(noise(), settings=f"grids: [{said}]")
    assert (answer.code, says in answer.reason) == ("SETTINGS_INVALID", True), answer.reason


def test_the_champions_grid_holds_for_the_next_dataset(examined) -> None:
    first = examined(images())
    assert examined(images(seed=9), before=first.learned).spec.grids == first.spec.grids


def test_a_slice_that_is_no_feature_stands_in_the_files(examined, table) -> None:
    content = table(
        200, a=lambda rand, _: rand.random(), key=lambda _, row: f"k{row}", y=lambda rand, _: rand.choice("ab")
    )
    answer = examined(content, settings="slices: [key]")
    assert [column.name for column in answer.spec.columns] == ["a"]
    assert (answer.folder / "test.parquet").read_bytes().count(b"key")
    assert examined(content, settings="sensitive: [kee]").reason.endswith("did you mean key?")


@pytest.mark.parametrize(
    "words", ["质量很好 快递太慢 推荐 退货 满意 失望", "とても良い 残念でした 普通 また買う 返品 満足"]
)
def test_prose_of_a_script_without_blanks_is_text(examined, table, words: str) -> None:
    said = lambda rand, row: "".join(rand.choices(words.split(), k=4)) + str(row)  # noqa: E731
    answer = examined(table(400, note=said, y=lambda rand, _: rand.choice("ab")))
    assert [column.kind for column in answer.spec.columns] == ["text"]


def test_prose_is_text_and_many_codes_are_categories(examined, table) -> None:
    words = ["the", "pump", "was", "loud", "and", "then", "it", "stopped", "again", "after", "work"]
    answer = examined(
        table(
            4000,
            note=lambda rand, _: " ".join(rand.choices(words, k=8)),
            code=lambda rand, _: f"A{rand.randrange(1500)}",
            a=lambda rand, _: rand.random(),
            y=lambda rand, _: rand.choice("ab"),
        )
    )
    assert {column.name: column.kind for column in answer.spec.columns} == {
        "note": "text",
        "code": "categorical",
        "a": "numeric",
    }
    assert "8 words on average" in answer.column("note").why
    assert (
        examined(
            table(4000, note=lambda _, row: f"it works {row}", y=lambda rand, _: rand.choice("ab")),
            before=answer.learned,
        ).code
        == "SCHEMA_CHANGED"
    )


def test_a_table_of_free_text_gets_the_family_that_reads_words_in_their_order(examined, table) -> None:
    words = ["the", "pump", "was", "not", "loud", "and", "then", "it", "stopped", "again", "after", "work"]
    prose = {"note": lambda rand, _: " ".join(rand.choices(words, k=25)), "y": lambda rand, _: rand.choice("ab")}
    answer = examined(table(600, **prose))
    assert answer.spec.family == "cnn"
    told = {line["what"]: line["why"] for line in answer.findings.report({})["inferred"]}
    assert "free text" in told["family"]
    numbers = {f"x{number}": lambda rand, _: rand.random() for number in range(3)}
    assert examined(table(600, **numbers, **prose)).spec.family is None
