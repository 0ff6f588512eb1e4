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


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance of SageMaker's with its disk."""

    instance_type: str
    volume_gb: int


def machine_for(parts: Sequence[Part]) -> Machine:
    """The machine that validates a dataset; the same parts get the same one."""
    plain = min(MACHINE_BYTES, sum(part.size * (_GROWS if part.key.lower().endswith(".gz") else 1) for part in parts))
    kind = next(kind for most, kind in _SIZES if plain <= most)
    return Machine(kind, _SYSTEM_GB + math.ceil(COPIES * plain / 10**9))
