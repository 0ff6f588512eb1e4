"""DuckDB on a leash: bounded memory, disk and time, no extensions, no file outside one directory."""
# ruff: noqa: S608 - SQL here is made of names and paths of our own, as quoted literals

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.reasons import Reason

_NARROW_COLUMNS = 64
_ROW_GROUP_BYTES = 4 * 1024**2  # bounds what a writer holds in memory, whatever the table's form
_VECTOR_ROWS = 2048  # DuckDB's unit of work


@dataclass(frozen=True, slots=True)
class Limits:
    """What the work on one dataset may use: memory of DuckDB in MB, spilled disk in GB, seconds of any query.

    DuckDB writes rows in their order with two threads only if it may use 16 MB for each column, of which it needs a
    few: with 300 MB a table of 20 columns takes one core and nearly twice the time.
    """

    memory_mb: int = 384
    disk_gb: int = 6
    threads: int = 2
    seconds: float = 600

    @classmethod
    def of_machine(cls, workdir: Path) -> "Limits":
        """What a machine has that does nothing else: half of its memory, most of the free disk under `workdir`, all
        processors, and four hours for a query.
        """
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        disk = shutil.disk_usage(workdir).free
        return cls(
            memory_mb=memory // 2 // 10**6,
            disk_gb=max(1, disk * 9 // 10 // 10**9),
            threads=os.cpu_count() or 1,
            seconds=4 * 3600,
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of a table as far as memory is concerned; `row_bytes` is an estimate."""

    columns: int
    row_bytes: int

    @property
    def narrow(self) -> bool:
        """Whether something for each column and thread is little."""
        return self.columns <= _NARROW_COLUMNS


class Engine:
    """One DuckDB in memory, which spills into `workdir` and reads and writes nowhere else.

    It starts in a thread of its own, for that takes 15 ms in which whoever opened it can bring the data.
    """

    def __init__(self, workdir: Path, limits: Limits) -> None:
        self._limits = limits
        self.workdir = workdir
        self._kept: dict[str, list[Path]] = {}
        self._numbers = count()
        self.shape = Shape(columns=1, row_bytes=8)
        starter = ThreadPoolExecutor(max_workers=1)
        self._starting = starter.submit(_connected, workdir, limits)
        starter.shutdown(wait=False)

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return self._starting.result()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query and fetch all its rows.

        Raises:
            DatasetRefusedError: TOO_LARGE when memory, disk or time do not suffice.
            duckdb.Error: anything else; its message may hold values of rows and must not be shown.
        """
        timer = threading.Timer(self._limits.seconds, self._connection.interrupt)
        timer.start()
        try:
            found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
            return found
        except (duckdb.OutOfMemoryException, duckdb.InterruptException) as error:
            raise DatasetRefusedError(
                Reason.TOO_LARGE,
                "The dataset needs more memory, disk or time than a function has. Train on a sample of its rows, or "
                "leave columns with long texts out.",
            ) from error
        finally:
            timer.cancel()

    def row(self, sql: str) -> tuple[Any, ...]:
        """Run a query of one row."""
        return self.rows(sql)[0]

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query and give its rows one by one, with few of them in memory; nothing else may run meanwhile."""
        found = self._connection.execute(sql)
        while rows := found.fetchmany(_VECTOR_ROWS):
            yield from rows

    def expect(self, shape: Shape) -> None:
        """Learn the form of the data, to fit everything after it into memory."""
        self.shape = shape
        self._set_threads()

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Work in the order of the file for the length of a block."""
        self.rows("SET threads = 1")
        try:
            yield
        finally:
            self._set_threads()

    def _set_threads(self) -> None:
        self.rows(f"SET threads = {self._limits.threads if self.shape.narrow else 1}")

    def keep(self, name: str, *queries: str) -> None:
        """Keep the rows of queries under a name, each in a file of `workdir`.

        A file takes the memory of a few row groups to write and to read, where a table takes a block for each column
        and thread. Queries of the same form come one after the other: of a union DuckDB holds the rows of its later
        parts in memory until the earlier ones have ended.
        """
        # No file has the name of an earlier one: DuckDB would take it for that one, whose metadata it remembers.
        files = [self.workdir / f"{name}.{next(self._numbers)}.kept.parquet" for _ in queries]
        for query, file in zip(queries, files, strict=True):
            self.write(query, file)
        self._kept[name] = files
        self.rows(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({literal(files)})")

    def keep_sample(self, name: str, query: str) -> None:
        """Keep a few rows under a name, in memory."""
        self.rows(f"CREATE OR REPLACE TABLE {name} AS {query}")

    def forget(self, name: str) -> None:
        """Give back the disk of what was kept."""
        self.rows(f"DROP VIEW {name}")
        for file in self._kept.pop(name):
            file.unlink()

    def write(self, query: str, path: Path, *, compression: str = "uncompressed") -> None:
        """Write the rows of a query, in their order if it has one, as Parquet; `zstd` is for what is kept long."""
        group = max(1, _ROW_GROUP_BYTES // self.shape.row_bytes // _VECTOR_ROWS) * _VECTOR_ROWS
        # Small dictionaries, for categories: large ones cost time, and one for each of many columns fills memory.
        options = f"FORMAT parquet, COMPRESSION {compression}, WRITE_BLOOM_FILTER false, DICTIONARY_SIZE_LIMIT 200"
        self.rows(f"COPY ({query}) TO {literal(path)} ({options}, ROW_GROUP_SIZE {group})")

    def close(self) -> None:
        """Free memory and spilled disk."""
        self._connection.close()


def _connected(workdir: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    spill = workdir / "spill"
    spill.mkdir(exist_ok=True)
    settings: dict[str, str | int | list[str]] = {
        "memory_limit": f"{limits.memory_mb}MB",
        "threads": limits.threads,
        "temp_directory": str(spill),
        "max_temp_directory_size": f"{limits.disk_gb}GB",
        "TimeZone": "UTC",  # a time with a zone means the same moment on every machine
        "enable_progress_bar": False,  # a query of some seconds would draw one into the log
        "preserve_insertion_order": True,  # the same upload gives the same files
        "parquet_metadata_cache": True,  # a dozen queries read the same file
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allowed_directories": [f"{workdir}/"],
        "enable_external_access": False,
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {literal(value)}")
    return connection


@contextmanager
def opened(workdir: Path, limits: Limits) -> Iterator[Engine]:
    """An engine for the length of a block."""
    engine = Engine(workdir, limits)
    try:
        yield engine
    finally:
        engine.close()


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool | Path | Sequence[Any]) -> str:
    """A value as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return "'" + str(value).replace("'", "''") + "'"
    return "[" + ", ".join(literal(item) for item in value) + "]"
