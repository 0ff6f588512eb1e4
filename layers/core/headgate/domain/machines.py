"""On which machine work is done that a function has no room or time for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.names import Part
from headgate.domain.reasons import Reason

MACHINE_BYTES = 100 * 1024**3
"""Bytes of a dataset that a machine validates, before and after decompression; docs/scale.md says why not more."""
COPIES = 4
"""Copies of the data that have to fit on a machine's disk: as it came, as plain text, typed, and in its three parts."""
_GROWS = 10
"""Times by which a compressed table is expected to grow."""
_SYSTEM_GB = 30
_SIZES = ((20 * 1024**3, "ml.m5.4xlarge"), (MACHINE_BYTES, "ml.m5.12xlarge"))
"""Up to how many bytes of plain data which machine: 16 processors and 64 GB, 48 and 192."""
_OBSERVER = "ml.m5.xlarge"
"""What reads captured requests: 4 processors and 16 GB."""
_OBSERVES = 2
"""As much as so many functions; many small machines, for the work divides."""
_MOST_OBSERVERS = 10


_GB_A_PROCESSOR = {"c4": 1.875, "c": 2, "m": 4, "g": 4, "p3": 7.625, "r": 8}
"""By how the name of a family begins (the longest beginning counts), as the instance types' pages say."""
_TRAINERS = tuple(f"ml.m5.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge", "12xlarge", "24xlarge"))
_PROGRAM, _OF_TEXT = 1.0e9, 1.2e9
"""Bytes of a training without rows, and more of it for each column of text."""
_OF_A_CELL = {"numeric": 80, "text": 600, "datetime": 450}
_OF_A_CATEGORY, _OF_A_MARK, _MARKS = 100, 12, 64
"""Bytes of a training for each cell of the dataset, measured (docs/scale.md): as read, encoded, and as it is learnt. A
category takes a mark for each of the column's categories, where these are few."""
_USABLE = 0.8
"""Of a machine's memory; the rest is SageMaker's and the system's."""


def processors(instance_type: str) -> int:
    """The processors of a machine by its name: two of a `large`, and four for each `xlarge`."""
    size = instance_type.rpartition(".")[2]
    return 4 * int(size.removesuffix("xlarge") or 1) if size.endswith("xlarge") else 2


def memory_of(instance_type: str) -> float | None:
    """The memory of a machine by its name, in GB; None of a family that is not known here."""
    family = instance_type.split(".")[1]
    known = [start for start in _GB_A_PROCESSOR if family.startswith(start)]
    return _GB_A_PROCESSOR[max(known, key=len)] * processors(instance_type) if known else None


def training_memory(rows: int, columns: Sequence[tuple[str, int]]) -> float:
    """The GB of memory that a training needs, roughly and rather more than less: it holds all its rows at once.

    Args:
        rows: of the whole dataset.
        columns: the kind of each feature, and how many different values it has.
    """
    texts = sum(kind == "text" for kind, _ in columns)
    return (_PROGRAM + _OF_TEXT * texts + rows * sum(_of_a_cell(*each) for each in columns)) / 1e9


def _of_a_cell(kind: str, distinct: int) -> int:
    return _OF_A_CELL.get(kind) or _OF_A_CATEGORY + (_OF_A_MARK * distinct if distinct <= _MARKS else 0)


def machine_that_trains(named: str, chosen: bool, needed: float) -> str:
    """The machine that trains on rows which need so much memory, in GB: the one that a person has chosen, or else the
    smallest that is no smaller than the usual one.

    Raises:
        DatasetRefusedError: TOO_LARGE_TO_TRAIN, where the chosen one has too little, or none has enough.
    """
    enough = [kind for kind in _TRAINERS if needed <= _USABLE * (memory_of(kind) or 0)]
    has = memory_of(named)
    if has is None or needed <= _USABLE * has:
        return named
    if not enough:
        raise DatasetRefusedError(
            Reason.TOO_LARGE_TO_TRAIN,
            f"Training holds its rows in memory, which would take about {needed:.0f} GB of {_TRAINERS[-1]}'s "
            f"{memory_of(_TRAINERS[-1]):.0f}. Train on a sample of its rows, or leave columns out.",
        )
    if chosen:
        raise DatasetRefusedError(
            Reason.TOO_LARGE_TO_TRAIN,
            f"Training holds its rows in memory, which takes about {needed:.0f} GB, and {named} has {has:.0f}. Name "
            f"{enough[0]} or a larger one as training.instance_type, or none; or train on a sample of the rows.",
        )
    return enough[0]


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance of SageMaker's with its disk."""

    instance_type: str
    volume_gb: int


def training_volume_gb(written: int) -> int:
    """The disk of machines that train on or evaluate with parts of so many bytes: twice their size beside the rest."""
    return _SYSTEM_GB + 2 * (written // 10**9)


def machine_for(parts: Sequence[Part]) -> Machine:
    """The machine that validates a dataset; the same parts get the same one."""
    plain = min(MACHINE_BYTES, sum(part.size * (_GROWS if part.key.lower().endswith(".gz") else 1) for part in parts))
    kind = next(kind for most, kind in _SIZES if plain <= most)
    return Machine(kind, _SYSTEM_GB + math.ceil(COPIES * plain / 10**9))


@dataclass(frozen=True, slots=True)
class Machines:
    """Instances of SageMaker's that share the files of one job."""

    instance_type: str
    instance_count: int
    volume_gb: int


def machines_for(sizes: Sequence[int], function_bytes: int) -> Machines:
    """The machines that observe a window whose files have these sizes in bytes; none of them is left without a file.
    `function_bytes` is what a function would read of it.
    """
    count = max(1, min(_MOST_OBSERVERS, len(sizes), math.ceil(sum(sizes) / (_OBSERVES * function_bytes))))
    share = max(*sizes, 2 * sum(sizes) / count)  # files are dealt out by number, not by size
    return Machines(_OBSERVER, count, _SYSTEM_GB + math.ceil(COPIES * share / 10**9))
