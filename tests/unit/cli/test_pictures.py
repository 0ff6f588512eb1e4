"""Pictures become the pixels that the model learned from, whoever makes them."""

import csv
from pathlib import Path

import pytest
from tests.pictures import archive, folders, picture

from headgate.domain.images import grid_of
from headgate.domain.project import ImageSettings
from headgate.tables.archives import write_table
from headgate_cli.errors import UsageError
from headgate_cli.pictures import Pictures, are_pictures


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_training_and_asking_agree_on_every_pixel(tmp_path: Path, mode: str) -> None:
    files = {name: picture(n, (31, 40), mode) for n, name in enumerate(folders(20))}
    packed, table = tmp_path / "shades.zip", tmp_path / "table.csv"
    packed.write_bytes(archive(files))
    grid = write_table(packed, table, ImageSettings(), None).found.grid
    with table.open(newline="") as lines:
        learned = [{name: int(row[name]) for name in grid.columns} for row in csv.DictReader(lines)]
    spec = {"grids": [grid.model_dump()]}
    assert list(Pictures([packed]).rows(spec)) == learned
    alone = []
    for name in sorted(files):
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(files[name])
        alone.append(path)
    asked = Pictures(alone)
    assert list(asked.rows(spec)) == learned
    assert asked.names == [str(path) for path in alone]


def test_what_a_table_of_labels_tells_comes_with_the_pixels(tmp_path: Path) -> None:
    packed = tmp_path / "asked.zip"
    packed.write_bytes(
        archive({"b.png": picture(1), "a.png": picture(2), "asked.csv": b"file,age\nb.png,61\na.png,7\n"})
    )
    asked = Pictures([packed])
    rows = list(asked.rows({"grids": [grid_of([4, 4, 1]).model_dump()]}))
    assert ([row["age"] for row in rows], asked.names) == (["61", "7"], ["b.png", "a.png"])


def test_pictures_are_told_by_their_names() -> None:
    assert are_pictures([Path("a.PNG"), Path("b.jpeg"), Path("c.zip")])
    assert not are_pictures([Path("a.png"), Path("b.csv")])
    assert not are_pictures([Path("-")])


def test_what_cannot_be_asked_is_told_with_the_file(tmp_path: Path) -> None:
    spec = {"grids": [grid_of([4, 4, 1]).model_dump()]}
    broken, tables = tmp_path / "broken.png", tmp_path / "tables.zip"
    broken.write_bytes(picture()[:50])
    tables.write_bytes(archive({"table.csv": b"a,b\n1,2\n"}))
    for path, says in ((broken, "damaged"), (tables, "no pictures"), (tmp_path / "none.png", "no such file")):
        with pytest.raises(UsageError, match=says) as refused:
            list(Pictures([path]).rows(spec))
        assert path.name in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "did not learn from pictures"),
        ({"grids": [{"name": "p", "kind": "image", "shape": [8, 8, 1], "columns": []}]}, "did not learn from pictures"),
        ({"grids": [{"recipe": "pictures-9", "shape": [8, 8, 1], "columns": []}]}, "upgrade headgate"),
    ],
)
def test_a_model_that_takes_no_such_pictures_says_so(spec: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        list(Pictures([Path("a.png")]).rows(spec))
