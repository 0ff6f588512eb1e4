"""Archives of pictures: what becomes of them, and everything that is refused."""

import contextlib
import io
import json
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.pictures import archive, folders, picture

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.project import ImageSettings
from headgate.tables import archives
from headgate.tables.pictures import is_colourful, pixels_of, size_of


@pytest.fixture(scope="module")
def good() -> bytes:
    return archive(folders(60))


def test_folders_of_pictures_are_classes_and_their_pixels_an_image(examined) -> None:
    answer = examined(archive(folders()))
    assert answer.code == "FIT", answer.reason
    spec = answer.spec
    assert (spec.target, spec.task, spec.classes, spec.family) == ("label", "binary", ["dark", "light"], "cnn")
    [grid] = spec.grids
    assert (grid.kind, grid.shape, grid.high, grid.recipe) == ("image", [10, 12, 1], 255, "pictures-1")
    assert grid.columns[:2] == ["pixel_0_0", "pixel_0_1"]
    found = answer.findings.report({})["inferred"]
    [told] = [each for each in found if each["what"] == "grid pixel"]
    assert told["value"] == "image, 10 x 12 x 1"
    assert told["why"].startswith("120 pictures of 10 x 12 pixels, as they are, in gray")


def test_folders_named_by_numbers_are_classes_too(examined) -> None:
    numbered = {name.replace("dark", "10").replace("light", "200"): body for name, body in folders().items()}
    assert examined(archive(numbered)).spec.classes == ["10", "200"]


def test_colours_are_kept_where_there_are_some_and_a_person_can_say_otherwise(examined) -> None:
    coloured = archive(folders(mode="RGB"))
    assert examined(coloured).spec.grids[0].shape == [10, 12, 3]
    assert examined(coloured, settings="images: {color: gray, size: [8, 6]}").spec.grids[0].shape == [8, 6, 1]
    gray_as_rgb = {
        name: _saved(Image.open(io.BytesIO(body)).convert("RGB"), "JPEG") for name, body in folders().items()
    }
    jpegs = archive({name.replace("png", "jpg"): body for name, body in gray_as_rgb.items()})
    assert examined(jpegs).spec.grids[0].shape == [10, 12, 1]


def test_the_same_archive_gives_the_same_table_also_in_another_order(examined, tmp_path) -> None:
    files = folders(60)
    turned = archive(dict(reversed(files.items())), zipfile.ZIP_DEFLATED)
    tables = []
    for body in (archive(files), archive(files), turned):
        path, table = tmp_path / "pictures.zip", tmp_path / "table.csv"
        path.write_bytes(body)
        archives.write_table(path, table, ImageSettings(), None)
        tables.append(table.read_bytes())
    assert len(set(tables)) == 1


def test_a_table_of_labels_tells_what_pictures_show_and_more(examined) -> None:
    files = {f"pics/{n:03}.png": picture(n, shade=90 + 80 * (n % 2)) for n in range(120)}
    lines = "".join(f"{n:03}.png;{n / 7:.3f};{n % 2 * 3 + n % 5 / 10:.2f}\n".replace(".", ",") for n in range(110))
    table = ("file;weight;warmth\n" + lines.replace(",png", ".png")).encode()
    answer = examined(archive({**files, "pics/labels.csv": table}))
    assert answer.code == "FIT", answer.reason
    assert (answer.spec.target, answer.spec.task, answer.findings.rows) == ("warmth", "regression", 110)
    assert answer.spec.kind_of("weight") == "numeric"
    assert "10 pictures without a line in the table of labels are left out" in answer.findings.grids[0].why


def test_what_a_champion_learned_from_pictures_goes_on_with_others(examined) -> None:
    before = examined(archive(folders())).learned
    later = examined(archive(folders(130, size=(40, 40))), before=before)
    assert (later.code, later.spec.grids) == ("FIT", before.spec.grids)
    assert examined(archive(folders()), settings="images: {size: [9, 9]}", before=before).code == "SETTINGS_INVALID"
    table_learned = examined(
        b"a,b,label\n" + b"".join(b"%d.5,%d,%d\n" % (n * 37 % 101, n % 13, n % 2) for n in range(300))
    ).learned
    assert examined(archive(folders()), before=table_learned).code == "SCHEMA_CHANGED"


def test_pixels_follow_the_recipe() -> None:
    chess = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))
    assert list(pixels_of(_saved(chess), [2, 2, 1], "It")) == [0, 255, 255, 0]
    assert list(pixels_of(_saved(chess), [2, 2, 3], "It")) == [0] * 3 + [255] * 6 + [0] * 3
    large = Image.new("L", (100, 100))
    large.paste(255, (50, 0, 100, 100))
    assert list(pixels_of(_saved(large), [1, 4, 1], "It")) == pytest.approx([0, 0, 255, 255], abs=40)
    red = Image.new("RGB", (5, 5), (255, 0, 0))
    assert set(pixels_of(_saved(red), [4, 4, 1], "It")) == {76}  # ITU-R 601-2
    clear = Image.new("RGBA", (5, 5), (0, 0, 0, 0))
    assert set(pixels_of(_saved(clear), [4, 4, 1], "It")) == {255}
    deep = Image.fromarray(np.full((4, 4), 40_000, np.uint16))
    assert set(pixels_of(_saved(deep), [4, 4, 1], "It")) == {40_000 // 256}
    lying = Image.new("L", (6, 3))
    lying.paste(255, (0, 0, 3, 3))
    turned = io.BytesIO()
    lying.save(turned, "JPEG", exif=_orientation(6), quality=100)
    assert size_of(turned.getvalue(), "It") == (6, 3)
    upright = np.frombuffer(pixels_of(turned.getvalue(), [6, 3, 1], "It"), np.uint8).reshape(6, 3)
    assert (upright[0].min() > 200, upright[-1].max() < 50) == (True, True)  # what was left is on top
    assert not is_colourful(_saved(chess), "It")
    assert is_colourful(_saved(red), "It")


def bomb() -> bytes:
    return archive({"a/1.png": b"\x89PNG\r\n\x1a\n" + bytes(5_000_000), "b/1.png": picture()}, zipfile.ZIP_DEFLATED)


def encrypted(good: bytes) -> bytes:
    """The same with the flag of encryption on every file, in the table of contents and before the file."""
    body = bytearray(good)
    for mark, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = body.find(mark)
        while place >= 0:
            body[place + at] |= 1
            place = body.find(mark, place + 4)
    return bytes(body)


def huge(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return start + struct.pack(">I", 100) + b"IDAT" + bytes(104)


@pytest.mark.parametrize(
    ("broken", "code", "says"),
    [
        (lambda good: archive({}), "ZIP_FILE", "no pictures"),
        (lambda good: archive({"table.csv": b"a,b\n1,2\n" * 60}), "ZIP_FILE", "Unpack"),
        (lambda good: good[: len(good) // 2], "ZIP_UNREADABLE", "cut off"),
        (lambda good: good[:200] + bytes(200) + good[400:], "ZIP_UNREADABLE", "damaged"),
        (encrypted, "ZIP_UNREADABLE", "password"),
        (lambda good: archive(folders(60), zipfile.ZIP_LZMA), "ZIP_UNREADABLE", "unusual"),
        (lambda good: bomb(), "ZIP_BOMB", "100 times"),
        (lambda good: archive({**folders(60), "more.zip": good}), "ZIP_LAYOUT", "1 of 61"),
        (lambda good: archive({**folders(60), "notes.txt": b"x"}), "ZIP_LAYOUT", "1 of 61"),
        (lambda good: archive({**folders(60), "../x/1.png": picture()}), "ZIP_LAYOUT", "leads out"),
        (lambda good: archive({**folders(60), "a\\..\\..\\1.png": picture()}), "ZIP_LAYOUT", "leads out"),
        (lambda good: archive({**folders(60), "dark/0.png": picture()[:60]}), "PICTURE_UNREADABLE", "damaged"),
        (lambda good: archive({**folders(60), "dark/0.jpg": b"GIF89a" + bytes(50)}), "PICTURE_UNREADABLE", "PNG or"),
        (lambda good: archive({**folders(60), "dark/0.png": b""}), "PICTURE_UNREADABLE", "damaged"),
        (lambda good: archive({**folders(60), "dark/0.png": huge(50_000, 50_000)}), "TOO_LARGE", "million pixels"),
        (lambda good: archive({"1.png": picture(), "labels.csv": b"file\n1.png\n"}), "ZIP_LAYOUT", "names files only"),
        (lambda good: archive({"1.png": picture(), "labels.csv": b"file,y\n2.png,1\n"}), "ZIP_LAYOUT", "1 of 1"),
        (lambda good: archive({"1.png": picture(), "labels.csv": b"file,y\n1.png\n"}), "RAGGED_ROWS", "1 lines"),
        (lambda good: archive({"1.png": picture(), "labels.csv": b"file,y\n\xff.png,2\n"}), "NOT_UTF8", "UTF-8"),
        (
            lambda good: archive({"t.csv": b"file;a;y\n1.png;0,5;1.234\n2.png;1,5;1.5\n", "1.png": picture()}),
            "MIXED_NUMBERS",
            "y",
        ),
        (lambda good: archive(folders(30)), "TOO_FEW_ROWS", "30 rows"),
    ],
)
def test_a_bad_archive_is_refused_and_says_why(examined, good: bytes, broken, code: str, says: str) -> None:
    answer = examined(broken(good))
    assert (answer.code, says in answer.reason) == (code, True), answer.reason


def test_archives_do_not_mix(examined, good: bytes) -> None:
    assert examined(good, good).code == "PARTS_DIFFER"


@pytest.mark.parametrize(
    ("name", "value"),
    [("_DIRECTORY_BYTES", 500), ("MOST_FILES", 59), ("MOST_PIXELS", 60 * 119), ("MAX_BYTES", 2000)],
)
def test_an_archive_beyond_a_bound_is_refused(examined, good: bytes, monkeypatch, name: str, value: int) -> None:
    monkeypatch.setattr(archives, name, value)
    refused = examined(good)
    assert refused.code in ("TOO_LARGE", "ZIP_UNREADABLE")
    assert "rows" not in refused.reason  # pictures have none
    monkeypatch.setattr(archives, name, 1_000_000_000)
    assert examined(good).code == "FIT"


def test_a_file_that_is_larger_than_it_says_is_refused(examined, good: bytes) -> None:
    # The table of contents tells 60 bytes for every file, whatever they are.
    body = bytearray(good)
    place = body.find(b"PK\x01\x02")
    while place >= 0:
        body[place + 20 : place + 28] = struct.pack("<II", 60, 60)
        place = body.find(b"PK\x01\x02", place + 4)
    assert examined(bytes(body)).code in ("ZIP_UNREADABLE", "PICTURE_UNREADABLE")


def test_no_reason_and_no_report_names_a_file(examined) -> None:
    files = {name.replace("/0", "/canary-0"): body for name, body in folders(60).items()}
    for bad in (
        {"canary.txt": b"x"},
        {"dark/canary.png": b"x"},
        {"labels.csv": b"file,y\ncanary,1\n"},
        {"../canary.png": b""},
    ):
        answer = examined(archive({**files, **bad}))
        assert answer.code != "FIT"
        assert "canary" not in answer.reason + json.dumps(answer.findings.report({}))
    assert "canary" not in json.dumps(examined(archive(files)).findings.report({}))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_gets_an_answer(tmp_path, good: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(4, len(good) - 1))
    replacement = data.draw(st.binary(max_size=12))
    path, table = tmp_path / "pictures.zip", tmp_path / "table.csv"
    path.write_bytes(good[:position] + replacement + good[position + len(replacement) :])
    written = refused_or(lambda: archives.write_table(path, table, ImageSettings(), None))
    assert written is None or table.read_bytes().startswith(b"pixel_0_0,")


@settings(max_examples=100)
@given(data=st.data())
def test_a_damaged_picture_has_pixels_or_is_refused(data: st.DataObject) -> None:
    content = bytearray(picture(mode="RGB", form=data.draw(st.sampled_from(["PNG", "JPEG"]))))
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = byte
    assert len(refused_or(lambda: pixels_of(bytes(content), [4, 4, 3], "It")) or bytes(48)) == 48


def refused_or(make):
    """What is made, or None where it is refused; any other error is a bug."""
    with contextlib.suppress(DatasetRefusedError):
        return make()
    return None


def _saved(made: Image.Image, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    made.save(content, form)
    return content.getvalue()


def _orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif
