"""A ZIP archive of pictures as a table: a row for each picture, its pixels first, then what is known of it.

Nothing is unpacked onto disk. What the archive says of itself is checked before anything is read, and what is read is
bounded again, because an archive can say anything.
"""

import csv
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.domain.checks import check_names
from headgate.domain.columns import MISSING
from headgate.domain.decimals import are_mixed, mixed_points, plain
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.grids import FoundGrid
from headgate.domain.header import no_header
from headgate.domain.images import (
    LABEL,
    MOST_BYTES_OF_A_FILE,
    MOST_FILES,
    MOST_PIXELS,
    RECIPE,
    Contents,
    choose_shape,
    classes_of,
    file_column,
    grid_of,
    is_left_by_system,
    named_pictures,
    sorted_out,
)
from headgate.domain.names import MAX_BYTES
from headgate.domain.reasons import Reason
from headgate.tables.dialect import HEAD_BYTES, Dialect, detect
from headgate.tables.pictures import is_colourful, pixels_of, size_of

if TYPE_CHECKING:
    from headgate.domain.project import ImageSettings
    from headgate.domain.spec import Grid, TrainingSpec

_DIRECTORY_BYTES = 8 * 1024**2
"""Of the archive's table of contents, which is read at once; some 100,000 names of usual length."""
_MANIFEST_BYTES = 8 * 1024**2
_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 1024**2
_ENCRYPTED = 0x1
_LOOKED_AT_FOR_COLOURS = 200


@dataclass(frozen=True, slots=True)
class Pictured:
    """One picture: where it lies in the archive, its pixels, and what the table of labels tells of it by column."""

    name: str
    pixels: bytes
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archive:
    """An open archive of pictures whose contents were found to be such."""

    contents: Contents
    _zip: zipfile.ZipFile
    _infos: Mapping[str, zipfile.ZipInfo]
    _places: Mapping[str, int]

    def read(self, name: str, most: int = MOST_BYTES_OF_A_FILE) -> bytes:
        """A file's content.

        Raises:
            DatasetRefusedError: TOO_LARGE, or ZIP_UNREADABLE.
        """
        info = self._infos[name]
        if info.file_size > most:
            raise DatasetRefusedError(
                Reason.TOO_LARGE,
                f"A file in the archive has more than {most // 1024**2} MB. Shrink it, or leave it out.",
            )
        try:
            with self._zip.open(info) as file:
                return file.read(most)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
            raise _unreadable("It is damaged or cut off") from None

    def which(self, name: str) -> str:
        """A picture in words that tell nobody's name."""
        return f"Picture {self._places[name]} of {len(self._places)} (in the order of their names)"

    def pictures(self, shape: Sequence[int], named: "Manifest | None") -> Iterator[Pictured]:
        """The pictures in the order of their names, or in that of the table that names them."""
        facts: Sequence[Mapping[str, str]] = named.facts if named else [{}] * len(self.contents.pictures)
        for name, known in zip(named.pictures if named else self.contents.pictures, facts, strict=True):
            yield Pictured(name, pixels_of(self.read(name), shape, self.which(name)), known)

    def manifest(self) -> "Manifest | None":
        """The table of labels, if there is one.

        Raises:
            DatasetRefusedError: for what is no table, or names what is not there.
        """
        if self.contents.manifest is None:
            return None
        content = self.read(self.contents.manifest, _MANIFEST_BYTES).removeprefix(b"\xef\xbb\xbf")
        form = detect(content[:HEAD_BYTES])
        if not form.named:
            raise no_header()
        check_names(form.names)
        records = _records(content, form)
        at = file_column(form.names)
        named = named_pictures([record[at] for record in records], self.contents.pictures)
        others = [index for index in range(len(form.names)) if index != at]
        facts = [{form.names[index]: record[index] for index in others} for record in records]
        return Manifest(tuple(form.names[index] for index in others), tuple(named), tuple(facts))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The table of labels: its columns but the one of files, and for each line a picture and the values."""

    columns: tuple[str, ...]
    pictures: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What an archive became: the grid of its pixels, and columns that stay text whatever they hold."""

    found: FoundGrid
    as_text: tuple[str, ...]


def learned_grid(spec: "TrainingSpec | None") -> "Grid | None":
    """The grid of a champion that learned from pictures."""
    return next((grid for grid in spec.grids if grid.recipe == RECIPE), None) if spec else None


def write_table(path: Path, to: Path, settings: "ImageSettings", learned: "Grid | None") -> Written:
    """Write an archive's pictures as a CSV file; the same archive gives the same bytes.

    Args:
        path: of the archive.
        to: the file to write: the columns of the grid, then those of the table of labels, or else `label`.
        settings: the project's.
        learned: the grid of the champion's pictures, whose shape they keep.

    Raises:
        DatasetRefusedError: for every way in which the archive cannot be read or tells no labels.
    """
    with opened_archive(path) as archive:
        named = archive.manifest()
        if named is not None and not named.columns:
            raise DatasetRefusedError(
                Reason.ZIP_LAYOUT, "The table among the pictures names files only. Add a column with their labels."
            )
        classes = {} if named else classes_of(archive.contents.pictures)
        chosen = named.pictures if named else archive.contents.pictures
        sizes, coloured = _looked_at(archive, chosen)
        shape, why = choose_shape(sizes, coloured, settings, learned)
        grid = grid_of(shape)
        numbers = [str(number) for number in range(256)]
        with to.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow([*grid.columns, *(named.columns if named else [LABEL])])
            for picture in archive.pictures(shape, named):
                known = picture.facts.values() if named else [classes[picture.name]]
                lines.writerow([*map(numbers.__getitem__, picture.pixels), *known])
    if left := len(archive.contents.pictures) - len(chosen):
        why += f"; {left} pictures without a line in the table of labels are left out"
    return Written(FoundGrid(grid, why), as_text=() if named else (LABEL,))


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """An archive of pictures for the length of a block.

    Raises:
        DatasetRefusedError: ZIP_UNREADABLE, ZIP_BOMB, ZIP_FILE, ZIP_LAYOUT or TOO_LARGE.
    """
    with _Reader(path) as file:
        file.most = _DIRECTORY_BYTES
        try:
            opened = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise _unreadable("It is damaged or cut off, or has too many files") from None
        file.most = MAX_BYTES
        with opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
            named = [(info.filename.replace("\\", "/").removeprefix("./"), info) for info in infos]
            named = [(name, info) for name, info in named if not is_left_by_system(name)]
            _check([info for _, info in named])
            contents = sorted_out([name for name, _ in named])
            places = {name: place for place, name in enumerate(contents.pictures, start=1)}
            yield Archive(contents, opened, dict(named), places)


class _Reader(io.FileIO):
    """A file that reads no more than `most` bytes at once: Python takes an archive's word for how much to read."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        size = left if size is None or size < 0 else min(size, left)
        if size > self.most:
            raise zipfile.BadZipFile
        return super().read(size) or b""


def _check(infos: Sequence[zipfile.ZipInfo]) -> None:
    if len(infos) > MOST_FILES:
        raise DatasetRefusedError(
            Reason.TOO_LARGE, f"The archive has more than {MOST_FILES:,} files. Train on a sample of its pictures."
        )
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise _unreadable("It is protected by a password")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise _unreadable("It is compressed in an unusual way (not stored or deflated)")
    if any(info.file_size > _RATIO_COUNTS_FROM and info.file_size > _MAX_RATIO * info.compress_size for info in infos):
        raise DatasetRefusedError(
            Reason.ZIP_BOMB,
            f"A file in the archive grows to more than {_MAX_RATIO} times its size when decompressed, which pictures "
            "do not. Leave it out.",
        )
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise DatasetRefusedError(
            Reason.TOO_LARGE,
            f"The pictures of the archive are larger than {MAX_BYTES / 1024**3:.3g} GB together. Shrink them, for only "
            "small ones are learnt from, or train on a sample of them.",
        )


def _looked_at(archive: Archive, names: Sequence[str]) -> tuple[list[tuple[int, int]], float]:
    """The pictures' sizes, and the share of a sample that has colours."""
    sample = {*names[:: max(1, len(names) // _LOOKED_AT_FOR_COLOURS)]}
    sizes, colourful, pixels = [], 0, 0
    for name in names:
        content = archive.read(name)
        height, width = size_of(content, archive.which(name))
        sizes.append((height, width))
        pixels += height * width
        if pixels > MOST_PIXELS:
            raise DatasetRefusedError(
                Reason.TOO_LARGE,
                f"The pictures have more than {MOST_PIXELS // 10**9} billion pixels together. Shrink them: only small "
                "copies are learned from.",
            )
        colourful += name in sample and is_colourful(content, archive.which(name))
    return sizes, colourful / max(1, len(sample))


def _records(content: bytes, form: Dialect) -> list[list[str]]:
    """The lines of the table of labels, with a decimal point in columns of numbers."""
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), delimiter=form.delimiter, strict=True)
        records = [record for record in lines if record][1:]
    except UnicodeDecodeError:
        raise DatasetRefusedError(
            Reason.NOT_UTF8, "The table among the pictures is not UTF-8. Export it as UTF-8."
        ) from None
    except csv.Error:
        raise DatasetRefusedError(
            Reason.UNREADABLE, "The table among the pictures cannot be read as CSV. Export it anew."
        ) from None
    if ragged := sum(len(record) != len(form.names) for record in records):
        raise DatasetRefusedError(
            Reason.RAGGED_ROWS,
            f"{ragged} lines of the table among the pictures have more or fewer values than there are column names.",
        )
    if form.decimal == ".":
        return records
    for index, name in enumerate(form.names):
        if form.numbers[index] and are_mixed(
            record[index] for record in records if record[index].strip() not in MISSING
        ):
            raise mixed_points(name)
    return [
        [plain(cell, form.decimal) if number else cell for cell, number in zip(record, form.numbers, strict=True)]
        for record in records
    ]


def _unreadable(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.ZIP_UNREADABLE, f"The ZIP archive cannot be read. {what}. Pack the pictures anew and upload them again."
    )
