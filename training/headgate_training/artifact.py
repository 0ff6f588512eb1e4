"""What a model weighs and how long one row takes: measured, not promised."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from headgate_training.litert import LiteRtModel
from headgate_training.savedmodel import SavedModel
from headgate_training.table import RowReader

WARM, TIMES = 3, 15


def weigh(archive: Path, directory: Path, model: SavedModel, twin: LiteRtModel) -> dict[str, object]:
    """Bytes of the archive and of each engine's files, and the median microseconds for one row, raw columns in.

    Times compare engines on this machine; they are no promise for another one.
    """
    golden = json.loads((directory / "assets.extra" / "golden.json").read_text(encoding="utf-8"))["golden"]
    row = golden[0]["request"]
    reader = RowReader(model.spec.columns)
    return {
        "bytes": {
            "archive": archive.stat().st_size,
            "saved_model": (directory / "saved_model.pb").stat().st_size,
            "litert": (directory / "assets.extra" / "model.litert").stat().st_size,
        },
        "p50_microseconds": {
            "litert": median_microseconds(lambda: twin.answer([row])),
            "saved_model": median_microseconds(lambda: model.predict(reader.read([row]))),
        },
    }


def median_microseconds(call: Callable[[], object]) -> float:
    """The median time of TIMES calls, after a few that do not count."""
    taken = []
    for number in range(WARM + TIMES):
        start = time.perf_counter()
        call()
        if number >= WARM:
            taken.append(time.perf_counter() - start)
    return round(sorted(taken)[TIMES // 2] * 1e6, 1)
