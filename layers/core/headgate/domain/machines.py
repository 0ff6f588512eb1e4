"""On which machine work is done that a function has no room or time for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain.names import Part

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
