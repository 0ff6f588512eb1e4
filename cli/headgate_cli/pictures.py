"""Pictures as rows: files or an archive of them, made into pixels as those were that the model learned from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.images import MOST_BYTES_OF_A_FILE, RECIPE, SUFFIXES
from headgate.tables.archives import opened_archive
from headgate.tables.pictures import pixels_of
from headgate_cli.errors import UsageError
from headgate_cli.rows import Row


def are_pictures(paths: Sequence[Path]) -> bool:
    """Whether files are pictures or archives of them, by their names."""
    return all(path.suffix.lower() in (*SUFFIXES, ".zip") for path in paths)


class Pictures:
    """The rows of pictures: files in the order given, those of an archive in the order of their names.

    `names` tells which picture became which row, as far as rows were asked for.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self.names: list[str] = []

    def rows(self, spec: Mapping[str, Any]) -> Iterator[Row]:
        """A row for each picture, of the model's pixel columns and what an archive's table of labels tells beside them.

        Raises:
            UsageError: when the model takes no pictures, or one cannot be read; it names the file.
        """
        grid = next((grid for grid in spec.get("grids") or () if grid.get("recipe")), None)
        if grid is None:
            raise UsageError("This model did not learn from pictures: give its columns as CSV or JSON Lines.")
        if grid["recipe"] != RECIPE:
            raise UsageError(f"The model's pictures were made into pixels by {grid['recipe']}: upgrade headgate.")
        for path in self._paths:
            try:
                for name, pixels, facts in _pictures_in(path, grid["shape"]):
                    self.names.append(name)
                    yield dict(zip(grid["columns"], pixels, strict=True)) | facts
            except DatasetRefusedError as error:
                raise UsageError(f"{path}: {error}") from error


def _pictures_in(path: Path, shape: Sequence[int]) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    if not path.is_file():
        raise UsageError(f"There is no such file: {path}.")
    if path.suffix.lower() != ".zip":
        if path.stat().st_size > MOST_BYTES_OF_A_FILE:
            raise UsageError(f"{path} has more than {MOST_BYTES_OF_A_FILE // 1024**2} MB: shrink it.")
        yield str(path), pixels_of(path.read_bytes(), shape, "It"), {}
        return
    with opened_archive(path) as archive:
        for picture in archive.pictures(shape, archive.manifest()):
            yield picture.name, picture.pixels, dict(picture.facts)
