"""What an archive of pictures means: classes, labels, and the size that all pictures get."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.images import (
    MOST_NUMBERS,
    USUAL_NUMBERS,
    choose_shape,
    classes_of,
    file_column,
    grid_of,
    is_left_by_system,
    named_pictures,
    pixel_names,
    sorted_out,
)
from headgate.domain.project import ImageSettings


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["a/1.png", "b/1.png"], ["a", "b"]),
        (["all/a/1.png", "all/b/1.png"], ["a", "b"]),
        (["x/y/a/1.png", "x/y/b/deep/1.png"], ["a", "b"]),
        (["train/a/1.png", "train/b/1.png", "test/a/2.png", "VAL/b/3.png"], ["a", "b", "a", "b"]),
        (["set/train/a/1.png", "set/train/b/1.png"], ["a", "b"]),
        (["train/1.png", "railway/1.png"], ["train", "railway"]),
    ],
)
def test_the_folders_beside_each_other_are_the_classes(names: list[str], classes: list[str]) -> None:
    assert list(classes_of(names).values()) == classes


@pytest.mark.parametrize(
    "names", [["1.png", "2.png"], ["a/1.png", "a/2.png"], ["a/1.png", "2.png"], ["test/1.png", "train/1.png"]]
)
def test_pictures_without_classes_are_refused_with_what_to_do(names: list[str]) -> None:
    with pytest.raises(DatasetRefusedError, match=r"labels\.csv") as refused:
        classes_of(names)
    assert refused.value.reason_code == "ZIP_LAYOUT"


def test_what_systems_leave_is_no_data() -> None:
    left = ["__MACOSX/a/._1.png", "a/.DS_Store", "a/Thumbs.db", ".hidden/1.png", "README.md", "set/LICENSE", "a/"]
    assert [name for name in left if not is_left_by_system(name)] == []
    assert not is_left_by_system("readme/1.png")


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([], "ZIP_FILE"),
        (["table.csv"], "ZIP_FILE"),
        (["[Content_Types].xml", "xl/media/image1.png"], "ZIP_FILE"),
        (["a/1.png", "a/2.gif"], "ZIP_LAYOUT"),
        (["a/1.png", "more.zip"], "ZIP_LAYOUT"),
        (["a/1.png", "one.csv", "two.csv"], "ZIP_LAYOUT"),
        (["a/1.png", "../../etc/2.png"], "ZIP_LAYOUT"),
        (["a/1.png", "/2.png"], "ZIP_LAYOUT"),
        (["a/1.png", "C:/2.png"], "ZIP_LAYOUT"),
        (["a/1.png", "a/1.png"], "ZIP_LAYOUT"),
    ],
)
def test_an_archive_of_anything_else_is_refused(names: list[str], code: str) -> None:
    with pytest.raises(DatasetRefusedError) as refused:
        sorted_out(names)
    assert refused.value.reason_code == code


def test_pictures_and_their_table_are_sorted_whatever_their_order() -> None:
    one, other = sorted_out(["b.PNG", "labels.csv", "a.jpeg"]), sorted_out(["a.jpeg", "b.PNG", "labels.csv"])
    assert one == other
    assert (one.pictures, one.manifest) == (("a.jpeg", "b.PNG"), "labels.csv")


SIDE = st.integers(1, 5000)


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=20), st.floats(0, 1))
def test_any_pictures_get_a_shape_that_a_table_can_hold(sizes: list[tuple[int, int]], coloured: float) -> None:
    shape, why = choose_shape(sizes, coloured, ImageSettings(), None)
    assert math.prod(shape) <= USUAL_NUMBERS
    assert min(shape[:2]) >= 4
    assert len(set(pixel_names(shape))) == math.prod(shape)
    assert str(len(sizes)) in why


@pytest.mark.parametrize(
    ("sizes", "coloured", "shape"),
    [
        ([(8, 8)], 0.0, [8, 8, 1]),
        ([(28, 28)], 0.0, [28, 28, 1]),
        ([(480, 640)] * 3 + [(10, 10)], 0.0, [24, 32, 1]),
        ([(32, 32)], 1.0, [16, 16, 3]),
        ([(10, 2000)], 0.0, [4, 196, 1]),
    ],
)
def test_small_pictures_stay_and_large_ones_keep_their_proportion(sizes, coloured, shape) -> None:
    assert choose_shape(sizes, coloured, ImageSettings(), None)[0] == shape


def test_a_person_chooses_size_and_colours_within_what_a_table_holds() -> None:
    wanted = ImageSettings(size=[20, 12], color="rgb")
    assert choose_shape([(99, 99)], 0.0, wanted, None)[0] == [20, 12, 3]
    with pytest.raises(DatasetRefusedError, match=str(MOST_NUMBERS)) as refused:
        choose_shape([(99, 99)], 0.0, ImageSettings(size=[30, 30], color="rgb"), None)
    assert refused.value.reason_code == "SETTINGS_INVALID"


def test_what_the_champion_learned_keeps_its_shape() -> None:
    learned = grid_of([16, 16, 3])
    assert choose_shape([(99, 50)], 0.0, ImageSettings(), learned)[0] == [16, 16, 3]
    assert choose_shape([(99, 50)], 0.0, ImageSettings(size=[16, 16], color="rgb"), learned)[0] == [16, 16, 3]
    for other in (ImageSettings(size=[8, 8]), ImageSettings(color="gray")):
        with pytest.raises(DatasetRefusedError, match="while a model serves"):
            choose_shape([(99, 50)], 0.0, other, learned)


def test_the_column_of_files_is_the_one_called_so_or_the_first() -> None:
    assert file_column(["id", "File Name", "x"]) == 0
    assert file_column(["label", " FileName "]) == 1
    assert file_column(["what", "label"]) == 0


def test_a_table_names_pictures_by_as_much_of_their_path_as_it_takes() -> None:
    pictures = ["set/a/1.png", "set/b/1.png", "set/b/2.png"]
    assert named_pictures(["set/a/1.png", "b/1.png", r".\2.png"], pictures) == [
        "set/a/1.png",
        "set/b/1.png",
        pictures[2],
    ]
    for wrong, count in ((["1.png"], "1 of 1"), (["2.png", "no.png"], "1 of 2"), (["2.png", "b/2.png"], "names 1")):
        with pytest.raises(DatasetRefusedError, match=re.escape(count)):
            named_pictures(wrong, pictures)
