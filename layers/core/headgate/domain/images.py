"""What an archive of pictures means: which file is of which class, and how large its pictures become."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason
from headgate.domain.spec import Grid

if TYPE_CHECKING:
    from headgate.domain.project import ImageSettings

GRID = "pixel"
RECIPE = "pictures-1"
"""How pictures become pixels; `headgate.tables.pictures` is the recipe. Another one gets another name."""
LABEL = "label"
WHITE = 255.0
MOST_FILES = 50_000
MOST_BYTES_OF_A_FILE = 32 * 1024**2
MOST_PIXELS_OF_A_PICTURE = 24 * 10**6
"""Decoded they take about ten bytes each on the way, and a function has half a gigabyte for all it does."""
MOST_PIXELS = 10 * 10**9
"""Of all pictures together; a function decodes them in some minutes."""
USUAL_NUMBERS = 28 * 28
"""Of one picture: every one becomes a column, of which a table holds a thousand."""
MOST_NUMBERS = 960
_SHORTEST_SIDE = 4
_COLOURED = 0.05
"""The share of pictures with colours from which on colours are kept."""
SUFFIXES = (".png", ".jpg", ".jpeg")
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
_PAPERS = {"readme", "license", "licence"}
_FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "picture")
_LEFT_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class Contents:
    """An archive's files by what they are: pictures, and the table of their labels if there is one. All sorted."""

    pictures: tuple[str, ...]
    manifest: str | None


def is_left_by_system(name: str) -> bool:
    """Whether a file is no part of the data: hidden, of an operating system, or a paper about the rest."""
    segments = name.lower().split("/")
    stem, _, suffix = segments[-1].partition(".")
    return (
        any((segment.startswith(".") and segment.strip(".")) or segment in _LEFT_BY_SYSTEMS for segment in segments)
        or (stem in _PAPERS and suffix in ("", "md", "txt"))
        or not segments[-1]
    )


def sorted_out(names: Sequence[str]) -> Contents:
    """Sort an archive's files, given without what systems leave.

    Raises:
        DatasetRefusedError: ZIP_FILE when it is no archive of pictures at all, ZIP_LAYOUT when something else is among
            them, a name leads out of the archive, or a name stands in it twice.
    """
    pictures = sorted(name for name in names if name.lower().endswith(SUFFIXES))
    if not pictures or "[Content_Types].xml" in names:
        raise DatasetRefusedError(
            Reason.ZIP_FILE,
            "This ZIP archive holds no pictures (an Excel workbook is such an archive, too). Unpack tables and upload "
            "CSV, CSV.gz, Parquet or JSON Lines; export a workbook as CSV.",
        )
    if any(name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0] for name in names):
        raise _layout("A file's name in the archive leads out of it. Pack the folder of pictures anew")
    if twice := sum(count - 1 for count in Counter(names).values()):
        raise _layout(f"{twice} names stand in the archive more than once. Pack the folder of pictures anew")
    tables = sorted(name for name in names if name.lower().endswith(".csv"))
    if strange := len(names) - len(pictures) - len(tables):
        raise _layout(
            f"{strange} of {len(names)} files in the archive are no PNG or JPEG pictures. Leave them out, convert "
            "other pictures, and unpack archives within the archive"
        )
    if len(tables) > 1:
        raise _layout(f"There are {len(tables)} tables among the pictures. Keep the one that tells their labels")
    return Contents(tuple(pictures), tables[0] if tables else None)


def classes_of(pictures: Sequence[str]) -> dict[str, str]:
    """The class of each picture: the folder it lies in, of those that lie beside each other.

    Folders around everything say nothing, and neither do `train` and `test`, because Headgate splits by itself.

    Raises:
        DatasetRefusedError: ZIP_LAYOUT when there are no folders of at least two classes.
    """
    paths = {name: name.split("/")[:-1] for name in pictures}
    while (first := {path[0] if path else None for path in paths.values()}) and None not in first:
        if len(first) > 1 and not {str(name).lower() for name in first} <= _PARTS:
            return {name: path[0] for name, path in paths.items()}
        paths = {name: path[1:] for name, path in paths.items()}
    raise _layout(
        "The archive does not tell what its pictures show. Put those of each class into a folder named after it, at "
        "least two, or add one labels.csv with a line for each picture: its file and its label"
    )


def choose_shape(
    sizes: Sequence[tuple[int, int]], coloured: float, settings: "ImageSettings", learned: Grid | None
) -> tuple[list[int], str]:
    """The shape [height, width, channels] that all pictures get, and why.

    Args:
        sizes: height and width of every picture.
        coloured: the share of pictures with colours.
        settings: the project's.
        learned: the grid of the champion's pictures.

    Raises:
        DatasetRefusedError: SETTINGS_INVALID when project.yaml asks for more numbers than a table holds, or for another
            shape than the champion's.
    """
    channels = {"gray": 1, "rgb": 3}.get(settings.color, 3 if coloured >= _COLOURED else 1)
    height, width = (median(side) for side in zip(*sizes, strict=True))
    wanted = settings.size or _shrunk(height, width, USUAL_NUMBERS // channels)
    if math.prod(wanted) * channels > MOST_NUMBERS:
        raise _invalid(
            f"asks for {wanted[0]} x {wanted[1]} pixels of {channels} numbers, which are more than {MOST_NUMBERS}. "
            "Ask for fewer: each becomes a column"
        )
    shape = [*wanted, channels]
    if learned is not None:
        asked = (settings.size not in (None, learned.shape[:2]), settings.color not in ("auto", _color(learned.shape)))
        if any(asked):
            raise _invalid("cannot change while a model serves. Restore it, or start a new project")
        return learned.shape, "as the champion learned it"
    smallest, largest = min(sizes), max(sizes)
    size = _by(smallest) if smallest == largest else f"{_by(smallest)} to {_by(largest)}"
    told = "in project.yaml" if settings.size else "to fit into a table" if list(wanted) != [height, width] else ""
    return shape, (
        f"{len(sizes)} pictures of {size} pixels, {'each resized ' + told if told else 'as they are'}, "
        f"{'in colours' if channels == 3 else 'in gray'}; `images` in project.yaml says otherwise"
    )


def pixel_names(shape: Sequence[int]) -> list[str]:
    """The columns of pixels of a shape, row by row: `pixel_<row>_<column>`, with `_<channel>` where there are three."""
    height, width, channels = shape
    places = [(row, column) for row in range(height) for column in range(width)]
    if channels == 1:
        return [f"{GRID}_{row}_{column}" for row, column in places]
    return [f"{GRID}_{row}_{column}_{channel}" for row, column in places for channel in range(channels)]


def grid_of(shape: Sequence[int]) -> Grid:
    """The grid of an archive's pictures."""
    return Grid(name=GRID, kind="image", shape=list(shape), columns=pixel_names(shape), high=WHITE, recipe=RECIPE)


def file_column(names: Sequence[str]) -> int:
    """Which column of a table of labels names the pictures' files: one called so, or else the first."""
    called = [name.strip().lower() for name in names]
    return next((called.index(name) for name in _FILE_COLUMNS if name in called), 0)


def named_pictures(named: Sequence[str], pictures: Sequence[str]) -> list[str]:
    """The pictures that a table of labels names, in its order: by their whole name, or its end if that is enough.

    Raises:
        DatasetRefusedError: ZIP_LAYOUT when it names what is not there, or a picture twice.
    """
    whole = {name: name for name in pictures}
    ends: dict[str, set[str]] = {}
    for name in pictures:
        segments = name.split("/")
        for at in range(1, len(segments)):
            ends.setdefault("/".join(segments[at:]), set()).add(name)
    found = [_picture_of(name.strip().replace("\\", "/").removeprefix("./"), whole, ends) for name in named]
    if absent := found.count(None):
        raise _layout(
            f"The table of labels has {absent} of {len(named)} lines whose picture is not in the archive, or cannot be "
            "told from others. Name each by its path in the archive, in the first column or one called file"
        )
    pictured = [name for name in found if name is not None]
    if twice := len(pictured) - len(set(pictured)):
        raise _layout(f"The table of labels names {twice} pictures more than once. Keep one line for each")
    return pictured


def _picture_of(name: str, whole: Mapping[str, str], ends: Mapping[str, set[str]]) -> str | None:
    if name in whole:
        return name
    possible = ends.get(name, set())
    return next(iter(possible)) if len(possible) == 1 else None


def _shrunk(height: float, width: float, most: int) -> list[int]:
    """Height and width of about the same proportion whose product is at most `most`."""
    scale = min(1.0, math.sqrt(most / (height * width)))
    rows = min(max(_SHORTEST_SIDE, int(height * scale)), most // _SHORTEST_SIDE)
    return [rows, min(max(_SHORTEST_SIDE, int(width * scale)), most // rows)]


def _color(shape: Sequence[int]) -> str:
    return "rgb" if shape[2] == 3 else "gray"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _layout(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(Reason.ZIP_LAYOUT, f"{what}.")


def _invalid(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(Reason.SETTINGS_INVALID, f"project.yaml: images {what}.")
